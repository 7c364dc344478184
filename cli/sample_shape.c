/* sample_shape.c - what a value is, and which columns take it. */
#include "cli/sample.h"

#include "common/datetime.h"
#include "common/decimal.h"
#include "common/hash.h"

#include <string.h>

#define BIT(shape) (1U << (shape))
#define INT8_DIGITS 18 /* whatever they are */
#define DOUBLE_POINT 308

/* -- what it is --------------------------------------------------------- */

static bool int8_holds(const struct decimal *number, const char *text,
	size_t len)
{
	static const char most[] = "9223372036854775807";
	const size_t digits = len - (text[0] == '-');

	if (!number->plain)
		return false;
	if (digits <= INT8_DIGITS)
		return true;
	return digits == sizeof(most) - 1 &&
		memcmp(text + len - digits, most, digits) <= 0;
}

static enum shape number_shape(const char *text, size_t len)
{
	struct decimal number;

	if (!decimal_parse(text, len, &number))
		return SHAPE_HUGE;
	if (int8_holds(&number, text, len))
		return SHAPE_INTEGER;
	if (number.first != number.last && (number.point > DOUBLE_POINT ||
		    number.point < -DOUBLE_POINT + 10))
		return SHAPE_HUGE;
	return decimal_fits(&number) ? SHAPE_NUMBER : SHAPE_HUGE;
}

static bool is_boolean(const char *text, size_t len)
{
	return (len == 4 && memcmp(text, "true", 4) == 0) ||
		(len == 5 && memcmp(text, "false", 5) == 0);
}

static enum shape text_shape(const char *text, size_t len)
{
	struct decimal number;
	struct uuid uuid;
	int64_t value;

	if (len == 0)
		return SHAPE_EMPTY;
	if (decimal_parse(text, len, &number))
		switch (number_shape(text, len)) {
		case SHAPE_INTEGER:
			return SHAPE_TEXT_INTEGER;
		case SHAPE_NUMBER:
			return SHAPE_TEXT_NUMBER;
		default:
			return SHAPE_TEXT;
		}
	if (is_boolean(text, len))
		return SHAPE_TEXT_BOOLEAN;
	if (datetime_date(text, len, &value))
		return SHAPE_DATE;
	if (datetime_time(text, len, true, &value))
		return SHAPE_TIME_ZONE;
	if (datetime_time(text, len, false, &value))
		return SHAPE_TIME;
	return uuid_parse(text, len, &uuid) ? SHAPE_UUID : SHAPE_TEXT;
}

enum shape shape_of(uint8_t type, const char *data, size_t len)
{
	switch (type) {
	case JSON_NULL:
		return SHAPE_NULL;
	case JSON_TRUE:
	case JSON_FALSE:
		return SHAPE_BOOLEAN;
	case JSON_NUMBER:
		return number_shape(data, len);
	case JSON_STRING:
		return text_shape(data, len);
	case JSON_ARRAY:
		return SHAPE_ARRAY;
	default:
		return SHAPE_OBJECT;
	}
}

/* -- which columns take it ---------------------------------------------- */

#define NUMBERS (BIT(SHAPE_INTEGER) | BIT(SHAPE_NUMBER))
#define TEXT_NUMBERS (BIT(SHAPE_TEXT_INTEGER) | BIT(SHAPE_TEXT_NUMBER))
#define TEXTS                                                          \
	(BIT(SHAPE_EMPTY) | TEXT_NUMBERS | BIT(SHAPE_TEXT_BOOLEAN) |   \
		BIT(SHAPE_DATE) | BIT(SHAPE_TIME) | BIT(SHAPE_TIME_ZONE) | \
		BIT(SHAPE_UUID) | BIT(SHAPE_TEXT))

static const struct {
	unsigned plain, coerced; /* coerced: these as well */
} taken[] = {
	[COLUMN_TEXT] = { TEXTS,
		NUMBERS | BIT(SHAPE_HUGE) | BIT(SHAPE_BOOLEAN) },
	[COLUMN_INTEGER] = { BIT(SHAPE_INTEGER), BIT(SHAPE_TEXT_INTEGER) },
	[COLUMN_NUMERIC] = { NUMBERS, TEXT_NUMBERS },
	[COLUMN_DOUBLE] = { NUMBERS, TEXT_NUMBERS },
	[COLUMN_BOOLEAN] = { BIT(SHAPE_BOOLEAN), BIT(SHAPE_TEXT_BOOLEAN) },
	[COLUMN_TIMESTAMP] = { BIT(SHAPE_TIME) | BIT(SHAPE_TIME_ZONE), 0 },
	[COLUMN_TIMESTAMPTZ] = { BIT(SHAPE_TIME_ZONE), 0 },
	[COLUMN_DATE] = { BIT(SHAPE_DATE), 0 },
	[COLUMN_UUID] = { BIT(SHAPE_UUID), 0 },
	[COLUMN_JSON] = { TEXTS | NUMBERS | BIT(SHAPE_BOOLEAN) |
			BIT(SHAPE_ARRAY) | BIT(SHAPE_OBJECT), 0 },
};

unsigned shapes_taken(enum column_type type, bool coerce, bool empty_as_null)
{
	unsigned shapes = taken[type].plain | BIT(SHAPE_NULL);

	if (coerce)
		shapes |= taken[type].coerced;
	if (empty_as_null)
		shapes |= BIT(SHAPE_EMPTY);
	return shapes;
}

const char *shape_name(enum shape shape)
{
	static const char *const names[] = {
		[SHAPE_NULL] = "null",
		[SHAPE_BOOLEAN] = "boolean",
		[SHAPE_INTEGER] = "whole number",
		[SHAPE_NUMBER] = "number",
		[SHAPE_HUGE] = "number too large to keep",
		[SHAPE_EMPTY] = "empty text",
		[SHAPE_TEXT_INTEGER] = "whole number as text",
		[SHAPE_TEXT_NUMBER] = "number as text",
		[SHAPE_TEXT_BOOLEAN] = "boolean as text",
		[SHAPE_DATE] = "date",
		[SHAPE_TIME] = "time without zone",
		[SHAPE_TIME_ZONE] = "time with zone",
		[SHAPE_UUID] = "uuid",
		[SHAPE_TEXT] = "text",
		[SHAPE_UNSTORABLE] = "text that cannot be stored",
		[SHAPE_ARRAY] = "array",
		[SHAPE_OBJECT] = "object",
	};

	return names[shape];
}

unsigned shapes_seen(const struct sample_field *field)
{
	unsigned shapes = 0;

	for (unsigned i = SHAPE_NULL + 1; i < SHAPES; i++)
		if (i != SHAPE_UNSTORABLE && field->counts[i] > 0)
			shapes |= BIT(i);
	return shapes;
}
