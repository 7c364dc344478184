/* copybin.c - rows as binary COPY wants them. */
#include "consumer/copybin.h"

#include "common/decimal.h"

#include <assert.h>
#include <string.h>

#define FIELD_MAX ((size_t)1 << 29) /* PostgreSQL ends at 1 GiB */
#define NUMERIC_NEGATIVE 0x4000
#define JSONB_VERSION 1

bool copybin_header(struct buf *out, struct err *err)
{
	static const char header[19] = "PGCOPY\n\377\r\n\0";

	return buf_add(out, header, sizeof(header), err);
}

bool copybin_trailer(struct buf *out, struct err *err)
{
	return buf_add_u16(out, 0xffff, err);
}

/* -- numeric ------------------------------------------------------------ */

/* Rounds down, also below zero. */
static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static bool add_groups(struct buf *out, const struct decimal *number,
	int64_t lead, struct err *err)
{
	static const uint16_t tens[] = { 1, 10, 100, 1000 };
	unsigned group = 0;
	int64_t left = lead; /* digits the group still takes */

	for (const char *d = number->first; d < number->last; d++) {
		if (*d == '.')
			continue;
		group = group * 10 + (unsigned)(*d - '0');
		if (--left > 0)
			continue;
		if (!buf_add_u16(out, (uint16_t)group, err))
			return false;
		group = 0;
		left = 4;
	}
	return left == 4 || number->first == number->last ||
		buf_add_u16(out, (uint16_t)(group * tens[left]), err);
}

static int64_t count_digits(const struct decimal *number)
{
	const size_t len = (size_t)(number->last - number->first);
	const bool point = len > 0 && memchr(number->first, '.', len) != NULL;

	return (int64_t)len - point;
}

/* Groups of four decimal digits, counted from the point outward: the first
 * holds `lead` of the number's digits. */
static bool add_numeric(struct buf *out, const struct cell *cell,
	struct err *err)
{
	struct decimal number;
	int64_t digits, weight = 0, lead = 4, groups;

	if (!decimal_parse(cell->v.s.data, cell->v.s.len, &number) ||
		!decimal_fits(&number))
		return err_set(err, ERR_REJECT, "not a numeric");
	digits = count_digits(&number);
	if (digits > 0) {
		weight = floor_div(number.point - 1, 4);
		lead = number.point - 4 * weight;
	}
	groups = (digits + 4 - lead + 3) / 4;
	return buf_add_u32(out, (uint32_t)(8 + 2 * groups), err) &&
		buf_add_u16(out, (uint16_t)groups, err) &&
		buf_add_u16(out, (uint16_t)weight, err) &&
		buf_add_u16(out, number.negative ? NUMERIC_NEGATIVE : 0, err) &&
		buf_add_u16(out, (uint16_t)number.scale, err) &&
		add_groups(out, &number, lead, err);
}

/* -- the others --------------------------------------------------------- */

static bool add_bytes(struct buf *out, const void *data, size_t len,
	struct err *err)
{
	if (len > FIELD_MAX)
		return err_set(err, ERR_REJECT, "a value of %zu bytes", len);
	return buf_add_u32(out, (uint32_t)len, err) &&
		buf_add(out, data, len, err);
}

static bool add_json(struct buf *out, const struct cell *cell, struct err *err)
{
	if (cell->v.s.len > FIELD_MAX)
		return err_set(err, ERR_REJECT, "a value of %zu bytes",
			cell->v.s.len);
	return buf_add_u32(out, (uint32_t)(cell->v.s.len + 1), err) &&
		buf_add_char(out, JSONB_VERSION, err) &&
		buf_add(out, cell->v.s.data, cell->v.s.len, err);
}

static bool add_int8(struct buf *out, int64_t value, struct err *err)
{
	return buf_add_u32(out, 8, err) &&
		buf_add_u64(out, (uint64_t)value, err);
}

static bool add_double(struct buf *out, double value, struct err *err)
{
	uint64_t bits;

	_Static_assert(sizeof(bits) == sizeof(value), "IEEE 754 double");
	memcpy(&bits, &value, sizeof(bits));
	return buf_add_u32(out, 8, err) && buf_add_u64(out, bits, err);
}

bool copybin_cell(struct buf *out, const struct cell *cell, struct err *err)
{
	if (cell->null)
		return buf_add_u32(out, UINT32_MAX, err);
	switch (cell->type) {
	case COLUMN_TEXT:
		return add_bytes(out, cell->v.s.data, cell->v.s.len, err);
	case COLUMN_INTEGER:
	case COLUMN_TIMESTAMP:
	case COLUMN_TIMESTAMPTZ:
		return add_int8(out, cell->v.i, err);
	case COLUMN_NUMERIC:
		return add_numeric(out, cell, err);
	case COLUMN_DOUBLE:
		return add_double(out, cell->v.d, err);
	case COLUMN_BOOLEAN:
		return buf_add_u32(out, 1, err) &&
			buf_add_char(out, cell->v.b ? 1 : 0, err);
	case COLUMN_DATE:
		return buf_add_u32(out, 4, err) &&
			buf_add_u32(out, (uint32_t)cell->v.i, err);
	case COLUMN_UUID:
		return add_bytes(out, cell->v.uuid, sizeof(cell->v.uuid), err);
	case COLUMN_JSON:
		return add_json(out, cell, err);
	}
	assert(false);
	return err_set(err, ERR_STOP, "a cell of no type");
}

bool copybin_row(struct buf *out, const struct cell *cells, size_t count,
	const int64_t *extra, size_t extra_count, struct err *err)
{
	if (!buf_add_u16(out, (uint16_t)(count + extra_count), err))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!copybin_cell(out, &cells[i], err))
			return false;
	for (size_t i = 0; i < extra_count; i++)
		if (!add_int8(out, extra[i], err))
			return false;
	return true;
}
