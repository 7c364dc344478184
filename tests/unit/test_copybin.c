/* test_copybin.c - rows as binary COPY, read back by a reader of the test. */
#include "consumer/copybin.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_bytes(const struct cell *cell, const void *want, size_t len)
{
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(copybin_cell(&out, cell, &err));
	CU_ASSERT_EQUAL_FATAL(out.len, len);
	CU_ASSERT_EQUAL(memcmp(out.data, want, len), 0);
	buf_clear(&out);
}

static void plain_types(void)
{
	struct cell c = { .type = COLUMN_TEXT, .null = true };

	check_bytes(&c, "\xff\xff\xff\xff", 4);
	c = (struct cell){ .type = COLUMN_TEXT, .v.s = { "a\\.\n", 4 } };
	check_bytes(&c, "\0\0\0\4a\\.\n", 8);
	c.v.s.len = 0;
	check_bytes(&c, "\0\0\0\0", 4);
	c = (struct cell){ .type = COLUMN_JSON, .v.s = { "[1]", 3 } };
	check_bytes(&c, "\0\0\0\4\1[1]", 8);
	c = (struct cell){ .type = COLUMN_INTEGER, .v.i = -2 };
	check_bytes(&c, "\0\0\0\x8\xff\xff\xff\xff\xff\xff\xff\xfe", 12);
	c = (struct cell){ .type = COLUMN_TIMESTAMP, .v.i = 258 };
	check_bytes(&c, "\0\0\0\x8\0\0\0\0\0\0\1\2", 12);
	c.type = COLUMN_TIMESTAMPTZ;
	check_bytes(&c, "\0\0\0\x8\0\0\0\0\0\0\1\2", 12);
	c = (struct cell){ .type = COLUMN_DATE, .v.i = -1 };
	check_bytes(&c, "\0\0\0\4\xff\xff\xff\xff", 8);
	c = (struct cell){ .type = COLUMN_DOUBLE, .v.d = 1.0 };
	check_bytes(&c, "\0\0\0\x8\x3f\xf0\0\0\0\0\0\0", 12);
	c = (struct cell){ .type = COLUMN_BOOLEAN, .v.b = true };
	check_bytes(&c, "\0\0\0\1\1", 5);
	c.v.b = false;
	check_bytes(&c, "\0\0\0\1\0", 5);
	c = (struct cell){ .type = COLUMN_UUID,
		.v.uuid = { 1, 2, [15] = 16 } };
	check_bytes(&c, "\0\0\0\x10\1\2\0\0\0\0\0\0\0\0\0\0\0\0\0\x10", 20);
}

static unsigned u16(const char *at)
{
	return (unsigned)(uint8_t)at[0] << 8 | (uint8_t)at[1];
}

/* A numeric's binary form written out, as numeric_out would. */
static void read_numeric(const struct buf *in, char *out, size_t size)
{
	const char *p = in->data;
	const unsigned groups = u16(p + 4);
	const int weight = (int16_t)u16(p + 6);
	const int scale = (int)u16(p + 10);
	size_t n = 0;

	CU_ASSERT_EQUAL_FATAL(in->len, 12 + 2 * groups);
	CU_ASSERT_EQUAL(u16(p) << 16 | u16(p + 2), 8 + 2 * groups);
	if (groups > 0) { /* no empty group at either end */
		CU_ASSERT_NOT_EQUAL(u16(p + 12), 0);
		CU_ASSERT_NOT_EQUAL(u16(p + 10 + 2 * groups), 0);
	}
	if (u16(p + 8) != 0)
		out[n++] = '-';
	for (int g = weight > 0 ? weight : 0; g >= -(scale + 3) / 4; g--) {
		const int at = weight - g;
		const unsigned group = at >= 0 && at < (int)groups ?
			u16(p + 12 + 2 * at) : 0;

		CU_ASSERT_FATAL(n + 8 < size);
		if (g == -1)
			out[n++] = '.';
		n += (size_t)snprintf(out + n, size - n,
			g >= 0 && (g == weight || weight < 0) ? "%u" : "%04u",
			group);
	}
	if (scale > 0) /* the last group may go beyond the scale */
		n = (size_t)(strchr(out, '.') - out) + 1 + (size_t)scale;
	out[n] = '\0';
}

static void check_numeric(const char *digits, const char *want)
{
	const struct cell cell = { .type = COLUMN_NUMERIC,
		.v.s = { digits, strlen(digits) } };
	struct buf out = { 0 };
	struct err err = { 0 };
	char got[512];

	CU_ASSERT_TRUE_FATAL(copybin_cell(&out, &cell, &err));
	read_numeric(&out, got, sizeof(got));
	if (strcmp(got, want) != 0)
		printf("\n%s: want %s, got %s\n", digits, want, got);
	CU_ASSERT_STRING_EQUAL(got, want);
	buf_clear(&out);
}

static void numerics(void)
{
	static const char *const table[][2] = {
		{ "0", "0" },
		{ "-0", "0" },
		{ "0.000", "0.000" },
		{ "0e5", "0" },
		{ "0e-2", "0.00" },
		{ "1", "1" },
		{ "-1", "-1" },
		{ "12", "12" },
		{ "123", "123" },
		{ "1234", "1234" },
		{ "12345", "12345" },
		{ "10000", "10000" },
		{ "100000000", "100000000" },
		{ "100020003", "100020003" },
		{ "1.5", "1.5" },
		{ "1.50", "1.50" },
		{ "0.1", "0.1" },
		{ "0.01", "0.01" },
		{ "0.001", "0.001" },
		{ "0.0001", "0.0001" },
		{ "0.00001", "0.00001" },
		{ "0.12345", "0.12345" },
		{ "12345.6789012", "12345.6789012" },
		{ "-99999999.99999999", "-99999999.99999999" },
		{ "10.01e1", "100.1" },
		{ "1.5e3", "1500" },
		{ "1e10", "10000000000" },
		{ "15e-1", "1.5" },
		{ "1e-7", "0.0000001" },
		{ "123e-2", "1.23" },
		{ "0.00123e2", "0.123" },
		{ "0.00123E+5", "123" },
		{ "9007199254740993", "9007199254740993" },
		{ "1.000", "1.000" },
		{ "1000.000", "1000.000" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check_numeric(table[i][0], table[i][1]);
}

/* Digits 1, 10, 100 ... with the point at every place. */
static void numerics_with_the_point_everywhere(void)
{
	static const char digits[] = "10203040506070809";
	const size_t len = sizeof(digits) - 1;
	char text[64];

	for (size_t n = 1; n <= len; n++)
		for (size_t point = 1; point < n; point++) {
			(void)snprintf(text, sizeof(text), "%.*s.%.*s",
				(int)point, digits, (int)(n - point),
				digits + point);
			check_numeric(text, text);
		}
}

static void bounds_of_numeric(void)
{
	static const struct {
		const char *digits;
		size_t groups;
		unsigned weight;
	} table[] = {
		{ "1e131071", 1, 32767 },
		{ "1e-16383", 1, 65536 - 4096 },
	};
	struct err err = { 0 };
	const struct cell bad = { .type = COLUMN_NUMERIC,
		.v.s = { "1e131072", 8 } };
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct cell cell = { .type = COLUMN_NUMERIC,
			.v.s = { table[i].digits, strlen(table[i].digits) } };

		buf_reset(&out);
		CU_ASSERT_TRUE_FATAL(copybin_cell(&out, &cell, &err));
		CU_ASSERT_EQUAL(u16(out.data + 4), table[i].groups);
		CU_ASSERT_EQUAL(u16(out.data + 6), table[i].weight);
	}
	CU_ASSERT_FALSE(copybin_cell(&out, &bad, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	buf_clear(&out);
}

static void whole_stream(void)
{
	static const char want[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"
		"\0\3\0\0\0\1x\xff\xff\xff\xff\0\0\0\x8\0\0\0\0\0\0\0\7"
		"\xff\xff";
	const struct cell cells[] = {
		{ .type = COLUMN_TEXT, .v.s = { "x", 1 } },
		{ .type = COLUMN_DATE, .null = true },
	};
	const int64_t extra = 7;
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(copybin_header(&out, &err));
	CU_ASSERT_TRUE(copybin_row(&out, cells, 2, &extra, 1, &err));
	CU_ASSERT_TRUE(copybin_trailer(&out, &err));
	CU_ASSERT_EQUAL_FATAL(out.len, sizeof(want) - 1);
	CU_ASSERT_EQUAL(memcmp(out.data, want, out.len), 0);
	buf_clear(&out);
}

static void full_buffer_is_an_error(void)
{
	const struct cell cell = { .type = COLUMN_INTEGER, .v.i = 1 };
	struct buf out = { .max = 11 };
	struct err err = { 0 };

	CU_ASSERT_FALSE(copybin_cell(&out, &cell, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_STOP);
	buf_clear(&out);
}

CU_TestInfo copybin_tests[] = {
	{ "plain types are as the manual says", plain_types },
	{ "numerics read back digit for digit", numerics },
	{ "numerics with the point everywhere",
		numerics_with_the_point_everywhere },
	{ "the bounds of numeric hold", bounds_of_numeric },
	{ "header, row, trailer", whole_stream },
	{ "a full buffer is an error", full_buffer_is_an_error },
	CU_TEST_INFO_NULL,
};
