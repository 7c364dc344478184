/* units.c - "16 MiB", "250 ms", "5 min": amounts as people write them. */
#include "common/units.h"

#include <inttypes.h>
#include <string.h>

struct factor {
	enum unit unit;
	const char *name;
	int64_t factor;
};

/* Smallest first within each unit: units_format takes the last that fits. */
static const struct factor factors[] = {
	{ UNIT_BYTES, "B", 1 },
	{ UNIT_BYTES, "KiB", (int64_t)1 << 10 },
	{ UNIT_BYTES, "MiB", (int64_t)1 << 20 },
	{ UNIT_BYTES, "GiB", (int64_t)1 << 30 },
	{ UNIT_BYTES, "TiB", (int64_t)1 << 40 },
	{ UNIT_SECS, "s", 1 },
	{ UNIT_SECS, "m", 60 },
	{ UNIT_SECS, "min", 60 },
	{ UNIT_SECS, "h", 3600 },
	{ UNIT_SECS, "d", 86400 },
	{ UNIT_MS, "ms", 1 },
	{ UNIT_MS, "s", 1000 },
	{ UNIT_MS, "m", 60000 },
	{ UNIT_MS, "min", 60000 },
	{ UNIT_MS, "h", 3600000 },
	{ UNIT_MS, "d", 86400000 },
};
#define FACTORS (sizeof(factors) / sizeof(factors[0]))

static int64_t factor_of(const char *name, enum unit unit)
{
	if (*name == '\0')
		return 1;
	for (size_t i = 0; i < FACTORS; i++)
		if (factors[i].unit == unit &&
			strcmp(factors[i].name, name) == 0)
			return factors[i].factor;
	return 0;
}

bool units_parse(const char *text, enum unit unit, int64_t *value)
{
	int64_t number = 0, factor;

	if (*text < '0' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(number, *text - '0', &number))
			return false;
	if (*text == ' ' && text[1] != '\0')
		text++;
	factor = factor_of(text, unit);
	return factor != 0 && !__builtin_mul_overflow(number, factor, value);
}

bool units_format(int64_t value, enum unit unit, struct buf *out,
	struct err *err)
{
	const struct factor *best = NULL;

	for (size_t i = 0; i < FACTORS; i++)
		if (factors[i].unit == unit && value % factors[i].factor == 0 &&
			(value != 0 || factors[i].factor == 1))
			best = &factors[i];
	if (best == NULL)
		return buf_printf(out, err, "%" PRId64, value);
	return buf_printf(out, err, "%" PRId64 " %s", value / best->factor,
		best->name);
}

const char *units_example(enum unit unit)
{
	switch (unit) {
	case UNIT_BYTES:
		return "a size such as 65536, 128 KiB or 16 MiB";
	case UNIT_SECS:
		return "a time such as 5 s, 2 min or 1 h";
	case UNIT_MS:
		return "a time such as 250 ms, 5 s or 2 min";
	case UNIT_COUNT:
		break;
	}
	return "a whole number";
}
