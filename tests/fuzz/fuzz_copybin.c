/* fuzz_copybin.c - what is encoded for COPY is read again, by a reader that
 * knows only PostgreSQL's manual, as the very values that went in.
 *
 * Input: cells. A byte tells the type (low 4 bits), null (16) and the end of
 * the row (32); text, json and numeric: a byte of length and so many bytes,
 * the others 8 bytes. What a cell cannot hold is what rowmap keeps out of it;
 * a numeric may be no number at all and is then refused. */
#include "common/decimal.h"
#include "consumer/copybin.h"

#include <stdlib.h>
#include <string.h>

#define TYPES 10
#define CELLS_MAX 16
#define ROWS_MAX 16
#define DIGITS_MAX 300
#define EXTRA 2
#define EXPONENT_MAX 1000000000

#define CHECK(claim)             \
	do {                     \
		if (!(claim))    \
			abort(); \
	} while (0)

/* -- the rows -------------------------------------------------------- */

struct input {
	const uint8_t *at, *end;
};

struct row {
	struct cell cells[CELLS_MAX];
	size_t count;
	int64_t extra[EXTRA];
};

static struct row rows[ROWS_MAX];
static size_t row_count;
static char arena[65536]; /* the text of numerics */
static size_t arena_len;

static uint64_t take(struct input *input, size_t bytes)
{
	uint64_t value = 0;

	for (; bytes > 0 && input->at < input->end; bytes--)
		value = value << 8 | *input->at++;
	return value;
}

static void take_text(struct input *input, struct cell *cell)
{
	const size_t left = (size_t)(input->end - input->at);
	const size_t len = (size_t)take(input, 1);

	cell->v.s.data = (const char *)input->at;
	cell->v.s.len = len < left ? len : left > 0 ? left - 1 : 0;
	input->at += cell->v.s.len;
}

/* Digits for the most part, so that most are numbers. */
static void take_number(struct input *input, struct cell *cell)
{
	static const char letters[] = "00123456789990.e-E+.";
	char *text = arena + arena_len;

	take_text(input, cell);
	if (arena_len + cell->v.s.len > sizeof(arena))
		cell->v.s.len = 0;
	for (size_t i = 0; i < cell->v.s.len; i++)
		text[i] = letters[(uint8_t)cell->v.s.data[i] %
			(sizeof(letters) - 1)];
	cell->v.s.data = text;
	arena_len += cell->v.s.len;
}

static void take_cell(struct input *input, struct cell *cell, uint64_t what)
{
	uint64_t bits;

	*cell = (struct cell){ .type = (enum column_type)(what % 16 % TYPES),
		.null = what & 16 };
	if (cell->null)
		return;
	switch (cell->type) {
	case COLUMN_TEXT:
	case COLUMN_JSON:
		take_text(input, cell);
		break;
	case COLUMN_NUMERIC:
		take_number(input, cell);
		break;
	case COLUMN_INTEGER:
	case COLUMN_TIMESTAMP:
	case COLUMN_TIMESTAMPTZ:
		cell->v.i = (int64_t)take(input, 8);
		break;
	case COLUMN_DATE:
		cell->v.i = (int32_t)take(input, 4);
		break;
	case COLUMN_DOUBLE:
		bits = take(input, 8);
		memcpy(&cell->v.d, &bits, sizeof(bits));
		break;
	case COLUMN_BOOLEAN:
		cell->v.b = take(input, 1) % 2;
		break;
	case COLUMN_UUID:
		for (size_t i = 0; i < 16; i++)
			cell->v.uuid[i] = (uint8_t)take(input, 1);
		break;
	}
}

static void take_rows(struct input *input)
{
	row_count = 0;
	arena_len = 0;
	while (input->at < input->end && row_count < ROWS_MAX) {
		struct row *row = &rows[row_count++];
		uint64_t what = 0;

		row->count = 0;
		while (input->at < input->end && row->count < CELLS_MAX &&
			!(what & 32)) {
			what = take(input, 1);
			take_cell(input, &row->cells[row->count++], what);
		}
		for (size_t i = 0; i < EXTRA; i++)
			row->extra[i] = (int64_t)take(input, 8);
	}
}

/* -- numbers, our own way ------------------------------------------------ */

/* 0.DIGITS * 10^point, no zero at either end; zero: no digits. */
struct number {
	bool negative;
	uint8_t digits[DIGITS_MAX];
	size_t count;
	int64_t point;
	int64_t scale;
};

static void add_digit(struct number *number, unsigned digit)
{
	if (number->count == 0 && digit == 0) {
		number->point--;
		return;
	}
	CHECK(digit < 10 && number->count < DIGITS_MAX);
	number->digits[number->count++] = (uint8_t)digit;
}

static void trim(struct number *number)
{
	while (number->count > 0 && number->digits[number->count - 1] == 0)
		number->count--;
	if (number->count == 0) {
		number->point = 0;
		number->negative = false;
	}
}

static bool digit_at(const char *text, size_t len, size_t at)
{
	return at < len && text[at] >= '0' && text[at] <= '9';
}

/* How many there are. */
static size_t read_digits(const char *text, size_t len, size_t *at,
	struct number *number)
{
	const size_t from = *at;

	for (; digit_at(text, len, *at); ++*at)
		add_digit(number, (unsigned)(text[*at] - '0'));
	return *at - from;
}

static bool read_exponent(const char *text, size_t len, size_t *at,
	int64_t *exponent)
{
	bool minus;
	size_t from;

	if (*at == len || (text[*at] != 'e' && text[*at] != 'E'))
		return true;
	++*at;
	minus = *at < len && text[*at] == '-';
	*at += *at < len && (text[*at] == '-' || text[*at] == '+');
	for (from = *at; digit_at(text, len, *at); ++*at)
		if (*exponent <= EXPONENT_MAX)
			*exponent = *exponent * 10 + text[*at] - '0';
	if (*exponent > EXPONENT_MAX)
		return false;
	if (minus)
		*exponent = -*exponent;
	return *at > from;
}

/* -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?, the exponent at most
 * EXPONENT_MAX, even of 0 (PostgreSQL goes not much further); or false. */
static bool read_text(const char *text, size_t len, struct number *number)
{
	size_t at = len > 0 && text[0] == '-', whole, fraction;
	int64_t exponent = 0;
	bool good;

	*number = (struct number){ .negative = at > 0 };
	whole = read_digits(text, len, &at, number);
	number->point += (int64_t)whole;
	good = whole == 1 || (whole > 1 && text[at - whole] != '0');
	if (at < len && text[at] == '.') {
		at++;
		fraction = read_digits(text, len, &at, number);
		number->scale = (int64_t)fraction;
		good = good && fraction > 0;
	}
	good = good && read_exponent(text, len, &at, &exponent);
	number->point += exponent;
	number->scale -= exponent;
	if (number->scale < 0)
		number->scale = 0;
	trim(number);
	return good && at == len;
}

/* What numeric holds: 131072 digits before the point, 16383 behind it. */
static bool holds(const struct number *number)
{
	return number->scale <= 16383 && number->point <= 131072;
}

/* -- the stream, as the manual tells it ------------------------------ */

static uint64_t get(struct input *in, size_t bytes)
{
	CHECK((size_t)(in->end - in->at) >= bytes);
	return take(in, bytes);
}

static void read_numeric(struct input *in, size_t len, struct number *number)
{
	const uint64_t groups = get(in, 2);
	const int64_t weight = (int16_t)get(in, 2);
	const uint64_t sign = get(in, 2);

	*number = (struct number){ .negative = sign == 0x4000,
		.point = 4 * (weight + 1) };
	number->scale = (int64_t)get(in, 2);
	CHECK(sign == 0 || sign == 0x4000);
	CHECK(len == 8 + 2 * groups);
	CHECK(groups > 0 || (sign == 0 && weight == 0));
	for (uint64_t i = 0; i < groups; i++) {
		const unsigned group = (unsigned)get(in, 2);

		CHECK(group < 10000);
		CHECK(group > 0 || (i > 0 && i + 1 < groups));
		add_digit(number, group / 1000);
		add_digit(number, group / 100 % 10);
		add_digit(number, group / 10 % 10);
		add_digit(number, group % 10);
	}
	CHECK(groups > 0 || number->count == 0);
	trim(number);
}

static void check_numeric(struct input *in, size_t len,
	const struct cell *cell)
{
	struct number want, got;

	CHECK(read_text(cell->v.s.data, cell->v.s.len, &want));
	CHECK(holds(&want));
	read_numeric(in, len, &got);
	CHECK(got.negative == want.negative && got.point == want.point);
	CHECK(got.scale == want.scale && got.count == want.count);
	CHECK(memcmp(got.digits, want.digits, got.count) == 0);
}

static void check_bytes(struct input *in, size_t len, const void *want,
	size_t want_len)
{
	CHECK(len == want_len);
	CHECK(len == 0 || memcmp(in->at, want, len) == 0);
	in->at += len;
}

static void check_value(struct input *in, size_t len, const struct cell *cell)
{
	uint64_t bits;

	switch (cell->type) {
	case COLUMN_TEXT:
		check_bytes(in, len, cell->v.s.data, cell->v.s.len);
		break;
	case COLUMN_JSON: /* jsonb's own version first */
		CHECK(len > 0 && get(in, 1) == 1);
		check_bytes(in, len - 1, cell->v.s.data, cell->v.s.len);
		break;
	case COLUMN_NUMERIC:
		check_numeric(in, len, cell);
		break;
	case COLUMN_INTEGER:
	case COLUMN_TIMESTAMP:
	case COLUMN_TIMESTAMPTZ:
		CHECK(len == 8 && (int64_t)get(in, 8) == cell->v.i);
		break;
	case COLUMN_DATE:
		CHECK(len == 4 && (int32_t)get(in, 4) == cell->v.i);
		break;
	case COLUMN_DOUBLE:
		memcpy(&bits, &cell->v.d, sizeof(bits));
		CHECK(len == 8 && get(in, 8) == bits);
		break;
	case COLUMN_BOOLEAN:
		CHECK(len == 1 && get(in, 1) == (uint64_t)cell->v.b);
		break;
	case COLUMN_UUID:
		check_bytes(in, len, cell->v.uuid, sizeof(cell->v.uuid));
		break;
	}
}

static void check_row(struct input *in, const struct row *row)
{
	CHECK(get(in, 2) == row->count + EXTRA);
	for (size_t i = 0; i < row->count; i++) {
		const uint64_t len = get(in, 4);

		CHECK((len == UINT32_MAX) == row->cells[i].null);
		if (row->cells[i].null)
			continue;
		CHECK(len <= (uint64_t)(in->end - in->at));
		check_value(in, (size_t)len, &row->cells[i]);
	}
	for (size_t i = 0; i < EXTRA; i++)
		CHECK(get(in, 4) == 8 && (int64_t)get(in, 8) == row->extra[i]);
}

static void check_stream(struct input *in)
{
	CHECK(in->end - in->at >= 11);
	check_bytes(in, 11, "PGCOPY\n\377\r\n", 11);
	CHECK(get(in, 4) == 0); /* flags */
	CHECK(get(in, 4) == 0); /* no extension of the header */
	for (size_t i = 0; i < row_count; i++)
		check_row(in, &rows[i]);
	CHECK(get(in, 2) == UINT16_MAX && in->at == in->end);
}

/* -- putting both together ----------------------------------------------- */

/* What cannot be held is refused, and only that; null takes its place. */
static void refuse(struct cell *cell)
{
	struct buf out = { 0 };
	struct err err = { 0 };
	struct number number;

	if (cell->null || cell->type != COLUMN_NUMERIC ||
		(read_text(cell->v.s.data, cell->v.s.len, &number) &&
			holds(&number)))
		return;
	CHECK(!copybin_cell(&out, cell, &err));
	CHECK(err.kind == ERR_REJECT);
	cell->null = true;
	buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct buf out;
	struct err err = { 0 };
	struct input input = { data, data + size };

	take_rows(&input);
	buf_reset(&out);
	CHECK(copybin_header(&out, &err));
	for (size_t i = 0; i < row_count; i++) {
		for (size_t k = 0; k < rows[i].count; k++)
			refuse(&rows[i].cells[k]);
		CHECK(copybin_row(&out, rows[i].cells, rows[i].count,
			rows[i].extra, EXTRA, &err));
	}
	CHECK(copybin_trailer(&out, &err));
	input.at = (const uint8_t *)out.data;
	input.end = input.at + out.len;
	check_stream(&input);
	return 0;
}
