/* test_rowmap.c - records into rows: every type, every reason to refuse. */
#include "common/rowmap.h"

#include <CUnit/CUnit.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A dataset of a key `k` and one column `v`. */
static void make(struct pipeline *pipeline, const char *column,
	const char *more)
{
	char text[1024];
	struct err err = { 0 };

	(void)snprintf(text, sizeof(text),
		"pipeline: p\ndatasets:\n  d:\n"
		"    source: { directory: d }\n    table: t\n    key: k\n"
		"    columns:\n"
		"      - { name: k, type: text, max_length: 1000 }\n"
		"      - { name: v, %s }\n%s", column, more);
	if (!pipeline_parse(text, strlen(text), "p.yaml", pipeline, &err))
		printf("\n%s\n", err.text);
	CU_ASSERT_EQUAL_FATAL(err.kind, ERR_NONE);
}

/* A cell as text, so that tables can name it. */
static void show(const struct cell *cell, char *out, size_t size)
{
	if (cell->null) {
		(void)snprintf(out, size, "null");
		return;
	}
	switch (cell->type) {
	case COLUMN_INTEGER:
	case COLUMN_TIMESTAMP:
	case COLUMN_TIMESTAMPTZ:
	case COLUMN_DATE:
		(void)snprintf(out, size, "%" PRId64, cell->v.i);
		break;
	case COLUMN_DOUBLE:
		(void)snprintf(out, size, "%.17g", cell->v.d);
		break;
	case COLUMN_BOOLEAN:
		(void)snprintf(out, size, "%s", cell->v.b ? "true" : "false");
		break;
	case COLUMN_UUID:
		for (size_t i = 0; i < 16; i++)
			(void)snprintf(out + 2 * i, size - 2 * i, "%02x",
				cell->v.uuid[i]);
		break;
	default:
		(void)snprintf(out, size, "%.*s", (int)cell->v.s.len,
			cell->v.s.data);
	}
}

/* The whole record; want is v's text, or "!code" and the offset of the fault.
 * Read twice, so that nothing of the first time is left in the second. */
static void check_record(const char *column, const char *more,
	const char *record, size_t len, const char *want, size_t at)
{
	char got[512] = "";
	char *exact = malloc(len > 0 ? len : 1); /* for the sanitizer's sake */
	struct pipeline p;
	struct rowmap *map;
	struct err err = { 0 };

	make(&p, column, more);
	map = rowmap_new(&p.datasets[0], &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(map);
	CU_ASSERT_PTR_NOT_NULL_FATAL(exact);
	memcpy(exact, record, len);
	for (int i = 0; i < 2; i++) {
		struct cell cells[3];
		struct row_fault fault = { .at = 0 };
		const enum row_status status = rowmap_record(map, exact, len,
			cells, &fault, &err);

		if (status == ROW_OK)
			show(&cells[1], got, sizeof(got));
		else
			(void)snprintf(got, sizeof(got), "!%s", fault.code);
		if (strcmp(got, want) != 0 || fault.at != at)
			printf("\n%s\n%s: want %s at %zu, got %s at %zu (%s)\n",
				column, record, want, at, got, fault.at,
				fault.detail);
		CU_ASSERT_STRING_EQUAL(got, want);
		CU_ASSERT_EQUAL(fault.at, at);
		if (status != ROW_OK)
			CU_ASSERT_TRUE(fault.detail[0] != '\0');
	}
	rowmap_free(map);
	pipeline_clear(&p);
	free(exact);
}

/* {"k":"a","v":<value>}: faults of v are at offset 13. */
static void check(const char *column, const char *value, const char *want)
{
	char record[1024];

	(void)snprintf(record, sizeof(record), "{\"k\":\"a\",\"v\":%s}",
		value);
	check_record(column, "", record, strlen(record), want,
		want[0] == '!' ? 13 : 0);
}

struct one {
	const char *column;
	const char *value;
	const char *want;
};

static void check_all(const struct one *table, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(table[i].column, table[i].value, table[i].want);
}

#define ALL(table) (table), sizeof(table) / sizeof((table)[0])

static void texts(void)
{
	static const struct one table[] = {
		{ "type: text", "\"\"", "" },
		{ "type: text", "\"gr\xc3\xbc\xc3\x9f\"",
			"gr\xc3\xbc\xc3\x9f" },
		{ "type: text", "\"a\\n\\u00e9\\ud83d\\ude00\\/\"",
			"a\n\xc3\xa9\xf0\x9f\x98\x80/" },
		{ "type: text", "\"None\"", "None" },
		{ "type: text", "\"\\\\.\"", "\\." },
		{ "type: text", "null", "null" },
		{ "type: text", "1", "!type" },
		{ "type: text", "true", "!type" },
		{ "type: text", "[]", "!type" },
		{ "type: text", "{}", "!type" },
		{ "type: text", "\"a\\u0000\"", "!json_nul" },
		{ "type: text", "\"\\ud800\"", "!json_surrogate" },
		{ "type: text", "\"\\udc00\\ud800\"", "!json_surrogate" },
		/* code points, not bytes, not UTF-16 units */
		{ "type: text, max_length: 3", "\"\xc3\xbc\xe2\x82\xac"
			"\xf0\x9f\x98\x80\"", "\xc3\xbc\xe2\x82\xac"
			"\xf0\x9f\x98\x80" },
		{ "type: text, max_length: 2", "\"\\ud83d\\ude00\xc3\xbc\"",
			"\xf0\x9f\x98\x80\xc3\xbc" },
		{ "type: text, max_length: 3", "\"abcd\"", "!too_long" },
		{ "type: text, max_length: 3", "\"\xc3\xbc\xc3\xbc\xc3\xbc"
			"\xc3\xbc\"", "!too_long" },
		{ "type: text, empty_as_null: true", "\"\"", "null" },
		{ "type: text, empty_as_null: true", "\" \"", " " },
		{ "type: text, empty_as_null: true, required: true", "\"\"",
			"!null" },
		{ "type: text, required: true", "null", "!null" },
		{ "type: text, required: true", "\"\"", "" },
		{ "type: text, coerce: true", "1.50e3", "1.50e3" },
		{ "type: text, coerce: true", "true", "true" },
		{ "type: text, coerce: true", "[1]", "!type" },
		{ "type: text, coerce: true, max_length: 2", "123",
			"!too_long" },
	};

	check_all(ALL(table));
}

static void numbers(void)
{
	static const struct one table[] = {
		{ "type: integer", "0", "0" },
		{ "type: integer", "-0", "0" },
		{ "type: integer", "9007199254740993", "9007199254740993" },
		{ "type: integer", "9223372036854775807",
			"9223372036854775807" },
		{ "type: integer", "-9223372036854775808",
			"-9223372036854775808" },
		{ "type: integer", "9223372036854775808", "!range" },
		{ "type: integer", "-9223372036854775809", "!range" },
		{ "type: integer", "100000000000000000000", "!range" },
		{ "type: integer", "1.0", "!type" },
		{ "type: integer", "1e3", "!type" },
		{ "type: integer", "1e400", "!range" },
		{ "type: integer", "-1e19", "!range" },
		{ "type: integer", "1e18", "!type" },
		{ "type: integer", "0e400", "!type" },
		{ "type: integer", "1e-400", "!type" },
		{ "type: integer", "\"1\"", "!type" },
		{ "type: integer", "true", "!type" },
		{ "type: integer", "null", "null" },
		{ "type: integer, coerce: true", "\"-12\"", "-12" },
		{ "type: integer, coerce: true", "\"\\u0031\"", "1" },
		{ "type: integer, coerce: true", "\"\"", "!type" },
		{ "type: integer, coerce: true", "\" 1\"", "!type" },
		{ "type: integer, coerce: true", "\"+1\"", "!type" },
		{ "type: integer, coerce: true", "\"01\"", "!type" },
		{ "type: integer, coerce: true", "\"1.0\"", "!type" },
		{ "type: integer, coerce: true", "true", "!type" },
		{ "type: integer, empty_as_null: true", "\"\"", "null" },

		{ "type: numeric", "1.50", "1.50" },
		{ "type: numeric", "0.1e-5", "0.1e-5" },
		{ "type: numeric", "1e400", "1e400" },
		{ "type: numeric", "1e131071", "1e131071" },
		{ "type: numeric", "1e131072", "!range" },
		{ "type: numeric", "0.1e131072", "0.1e131072" },
		{ "type: numeric", "12e131071", "!range" },
		{ "type: numeric", "0e131072", "0e131072" },
		{ "type: numeric", "1e-16383", "1e-16383" },
		{ "type: numeric", "1e-16384", "!range" },
		{ "type: numeric", "0.0e-16383", "!range" },
		{ "type: numeric", "1e99999999999999999999", "!range" },
		{ "type: numeric", "1e-99999999999999999999", "!range" },
		{ "type: numeric", "\"1\"", "!type" },
		{ "type: numeric, coerce: true", "\"1.25\"", "1.25" },
		{ "type: numeric, coerce: true", "\"NaN\"", "!numeric" },
		{ "type: numeric, coerce: true", "\"12,5\"", "!numeric" },
		{ "type: numeric, coerce: true", "\"1.\"", "!numeric" },
		{ "type: numeric, coerce: true", "\".5\"", "!numeric" },
		{ "type: numeric, coerce: true", "\"1e\"", "!numeric" },
		{ "type: numeric, coerce: true", "\"-\"", "!numeric" },

		{ "type: double", "0.1", "0.10000000000000001" },
		{ "type: double", "-0.0", "-0" },
		{ "type: double", "0e-400", "0" },
		{ "type: double", "1.7976931348623157e308",
			"1.7976931348623157e+308" },
		{ "type: double", "1.8e308", "!range" },
		{ "type: double", "-1e400", "!range" },
		{ "type: double", "1e400", "!range" },
		{ "type: double", "1e-400", "!range" },
		{ "type: double", "5e-324", "4.9406564584124654e-324" },
		{ "type: double", "2.2250738585072011e-308",
			"2.2250738585072009e-308" },
		{ "type: double", "1e99999999999999999999", "!range" },
		{ "type: double, coerce: true", "\"0x10\"", "!type" },
		{ "type: double, coerce: true", "\"inf\"", "!type" },
		{ "type: double, coerce: true", "\"1e1\"", "10" },
		{ "type: double, coerce: true", "\"1\\u0030\"", "10" },
		{ "type: double", "\"1\"", "!type" },

		{ "type: boolean", "true", "true" },
		{ "type: boolean", "false", "false" },
		{ "type: boolean", "1", "!type" },
		{ "type: boolean", "\"true\"", "!type" },
		{ "type: boolean, coerce: true", "\"true\"", "true" },
		{ "type: boolean, coerce: true", "\"false\"", "false" },
		{ "type: boolean, coerce: true", "\"True\"", "!type" },
		{ "type: boolean, coerce: true", "0", "!type" },
	};

	check_all(ALL(table));
}

#define US "000000"

static void times(void)
{
	static const struct one table[] = {
		{ "type: timestamp", "\"2000-01-01 00:00:00\"", "0" },
		{ "type: timestamp", "\"2000-01-01T00:00:00.5\"", "500000" },
		{ "type: timestamp", "\"1999-12-31 23:59:59.999999\"", "-1" },
		{ "type: timestamp", "\"2000-01-01 01:00:00+01\"", "0" },
		{ "type: timestamp", "\"2000-01-01T00:00:00Z\"", "0" },
		{ "type: timestamp", "\"1999-12-31 19:30:00-0430\"", "0" },
		{ "type: timestamp", "\"2000-01-01 05:45:00+05:45\"", "0" },
		{ "type: timestamp", "\"2020-12-08 20:03:16.759617\"",
			"660772996759617" },
		{ "type: timestamp", "\"2000-01-01\\u002000:00:00\"", "0" },
		{ "type: timestamp", "\"0001-01-01 00:00:00\"",
			"-63082281600" US },
		{ "type: timestamp", "\"9999-12-31 23:59:59.999999\"",
			"252455615999999999" },
		{ "type: timestamp", "\"2024-02-29 00:00:00\"",
			"762480000" US },
		{ "type: timestamp", "\"2023-02-29 00:00:00\"", "!timestamp" },
		{ "type: timestamp", "\"1900-02-29 00:00:00\"", "!timestamp" },
		{ "type: timestamp", "\"2000-02-29 00:00:00\"",
			"5097600" US },
		{ "type: timestamp", "\"2020-13-45\"", "!timestamp" },
		{ "type: timestamp", "\"2020-12-08\"", "!timestamp" },
		{ "type: timestamp", "\"2020-12-08 20:03\"", "!timestamp" },
		{ "type: timestamp", "\"2020-12-08  20:03:16\"",
			"!timestamp" },
		{ "type: timestamp", "\"2020-12-08t20:03:16\"", "!timestamp" },
		{ "type: timestamp", "\"2020-12-08 24:00:00\"", "!timestamp" },
		{ "type: timestamp", "\"2020-12-08 23:60:00\"", "!timestamp" },
		{ "type: timestamp", "\"2020-12-08 23:59:60\"", "!timestamp" },
		{ "type: timestamp", "\"2020-12-08 23:59:59.\"",
			"!timestamp" },
		{ "type: timestamp", "\"2020-12-08 23:59:59.1234567\"",
			"!timestamp" },
		{ "type: timestamp", "\"2020-12-08 23:59:59 +01\"",
			"!timestamp" },
		{ "type: timestamp", "\"2020-12-08 23:59:59+1\"",
			"!timestamp" },
		{ "type: timestamp", "\"2020-12-08 23:59:59+01:\"",
			"!timestamp" },
		{ "type: timestamp", "\"2020-12-08 23:59:59+16\"",
			"!timestamp" },
		{ "type: timestamp", "\"2020-12-08 23:59:59+01:60\"",
			"!timestamp" },
		{ "type: timestamp", "\"2020-12-08 23:59:59z\"",
			"!timestamp" },
		{ "type: timestamp", "\"0000-01-01 00:00:00\"", "!timestamp" },
		{ "type: timestamp", "\"0001-01-01 00:00:00+01\"",
			"!timestamp" },
		{ "type: timestamp", "\"9999-12-31 23:59:59-01\"",
			"!timestamp" },
		{ "type: timestamp", "\"10000-01-01 00:00:00\"",
			"!timestamp" },
		{ "type: timestamp", "\"20-12-08 20:03:16\"", "!timestamp" },
		{ "type: timestamp", "\"now\"", "!timestamp" },
		{ "type: timestamp", "\"infinity\"", "!timestamp" },
		{ "type: timestamp", "\"01/02/2024\"", "!timestamp" },
		{ "type: timestamp", "\"\"", "!timestamp" },
		{ "type: timestamp, empty_as_null: true", "\"\"", "null" },
		{ "type: timestamp", "1607457796", "!type" },

		{ "type: timestamptz", "\"2000-01-01T00:00:00Z\"", "0" },
		{ "type: timestamptz", "\"2000-01-01 00:00:00-00:00\"", "0" },
		{ "type: timestamptz", "\"2000-01-01T02:00:00+0200\"", "0" },
		{ "type: timestamptz", "\"2000-01-01T00:00:00\"",
			"!timestamp" },

		{ "type: date", "\"2000-01-01\"", "0" },
		{ "type: date", "\"2000-03-01\"", "60" },
		{ "type: date", "\"0001-01-01\"", "-730119" },
		{ "type: date", "\"9999-12-31\"", "2921939" },
		{ "type: date", "\"1970-01-01\"", "-10957" },
		{ "type: date", "\"2020-13-45\"", "!date" },
		{ "type: date", "\"2020-00-01\"", "!date" },
		{ "type: date", "\"2020-01-00\"", "!date" },
		{ "type: date", "\"2020-04-31\"", "!date" },
		{ "type: date", "\"2020-01-01T00:00:00Z\"", "!date" },
		{ "type: date", "\"2020-1-1\"", "!date" },
		{ "type: date", "\"-020-01-01\"", "!date" },
		{ "type: date", "20200101", "!type" },
	};

	check_all(ALL(table));
}

/* Every day of nearly ten thousand years, against a calendar that only counts
 * upwards. */
static void every_day_has_its_number(void)
{
	static const int months[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
		30, 31 };
	int64_t want = -730119;
	struct pipeline p;
	struct rowmap *map;
	struct err err = { 0 };
	size_t wrong = 0;

	make(&p, "type: date", "");
	map = rowmap_new(&p.datasets[0], &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(map);
	for (int y = 1; y <= 9999; y++)
		for (int m = 1; m <= 12; m++) {
			const int leap = m == 2 && y % 4 == 0 &&
				(y % 100 != 0 || y % 400 == 0);
			const int last = months[m - 1] + leap;

			for (int d = 1; d <= last; d += d == 1 ? last - 1 : 1) {
				struct cell cells[2];
				struct row_fault fault;
				char record[128];

				(void)snprintf(record, sizeof(record),
					"{\"k\":\"\",\"v\":\"%04d-%02d-%02d\"}",
					y, m, d);
				wrong += rowmap_record(map, record,
						 strlen(record), cells, &fault,
						 &err) != ROW_OK ||
					cells[1].v.i != want + d - 1;
			}
			want += last;
		}
	CU_ASSERT_EQUAL(wrong, 0);
	rowmap_free(map);
	pipeline_clear(&p);
}

static void uuids(void)
{
	static const struct one table[] = {
		{ "type: uuid", "\"00112233-4455-6677-8899-aabbccddeeff\"",
			"00112233445566778899aabbccddeeff" },
		{ "type: uuid", "\"00112233-4455-6677-8899-AABBCCDDEEFF\"",
			"00112233445566778899aabbccddeeff" },
		{ "type: uuid", "\"{00112233-4455-6677-8899-aabbccddeeff}\"",
			"!uuid" },
		{ "type: uuid", "\"00112233445566778899aabbccddeeff\"",
			"!uuid" },
		{ "type: uuid", "\"00112233-4455-6677-8899-aabbccddeefg\"",
			"!uuid" },
		{ "type: uuid", "\"\"", "!uuid" },
		{ "type: uuid", "1", "!type" },
	};

	check_all(ALL(table));
}

static void json_values(void)
{
	static const struct one table[] = {
		{ "type: json", "{\"a\": [1, 2.50, \"x\"]}",
			"{\"a\": [1, 2.50, \"x\"]}" },
		{ "type: json", "\"s\"", "\"s\"" },
		{ "type: json", "\"\"", "\"\"" },
		{ "type: json", "9007199254740993", "9007199254740993" },
		{ "type: json", "false", "false" },
		{ "type: json", "null", "null" },
		{ "type: json, required: true", "null", "!null" },
		{ "type: json", "\"\\ud83d\\ude00\"", "\"\\ud83d\\ude00\"" },
		{ "type: json", "1e131071", "1e131071" },
		{ "type: json", "1e131072", "!json_number" },
		{ "type: json", "1e-16384", "!json_number" },
		{ "type: json", "1E99999", "1E99999" },
		{ "type: json", "\"\\u0000\"", "!json_nul" },
		{ "type: json", "\"\\udead\"", "!json_surrogate" },
	};
	static const char nested[] =
		"{\"k\":\"a\",\"v\":[1,{\"b\":\"\\u0000\"}]}";
	static const char key[] = "{\"k\":\"a\",\"v\":{\"\\ud800\":1}}";
	static const char bomb[] = "{\"k\":\"a\",\"v\":[1e131071,1e131071,"
		"1e131071,1e131071,1e131071,1e131071,1e131071,1e131071,"
		"1e131071]}";

	check_all(ALL(table));
	check_record("type: json", "", nested, strlen(nested), "!json_nul", 21);
	check_record("type: json", "", key, strlen(key), "!json_surrogate", 14);
	/* a few characters that would be written out as a megabyte */
	check_record("type: json", "", bomb, strlen(bomb), "!json_number", 86);
}

struct whole {
	const char *column;
	const char *more;
	const char *record;
	const char *want;
	size_t at;
};

static void records(void)
{
	static const char any[] = "type: text";
	static const struct whole table[] = {
		{ any, "", " {\"v\" : \"x\" , \"k\":\"a\"} ", "x", 0 },
		{ any, "", "{\"k\":\"a\"}", "null", 0 },
		{ any, "", "{\"k\":\"a\",\"\\u0076\":\"x\"}", "x", 0 },
		/* syntax, shape */
		{ any, "", "", "!json_syntax", 0 },
		{ any, "", "{\"k\":\"a\"", "!json_syntax", 8 },
		{ any, "", "{\"k\":\"a\"}}", "!json_syntax", 9 },
		{ any, "", "{\"k\":\"a\",\"v\":\"\xff\"}", "!json_utf8", 14 },
		{ any, "", " 5", "!not_object", 1 },
		{ any, "", "[{}]", "!not_object", 0 },
		{ any, "", "null", "!not_object", 0 },
		/* required */
		{ any, "", "{}", "!missing", 0 },
		{ any, "", "{\"k\":null}", "!null", 5 },
		{ "type: text, required: true", "", "{\"k\":\"a\"}",
			"!missing", 0 },
		/* duplicate keys, anywhere, decoded */
		{ any, "", "{\"k\":\"a\",\"k\":\"a\"}", "!duplicate_key", 9 },
		{ any, "", "{\"k\":\"a\",\"\\u006b\":\"a\"}",
			"!duplicate_key", 9 },
		{ any, "", "{\"k\":\"a\",\"x\":[{\"y\":1,\"z\":2,\"y\":3}]}",
			"!duplicate_key", 27 },
		{ any, "", "{\"k\":\"a\",\"\":1,\"\":2}", "!duplicate_key",
			14 },
		{ any, "", "{\"k\":\"a\",\"x\":{\"k\":1}}", "null", 0 },
		/* unknown keys */
		{ any, "    unknown: reject\n", "{\"k\":\"a\",\"w\":1}",
			"!unknown_key", 9 },
		{ any, "    unknown: reject\n", "{\"k\":\"a\",\"v\":null}",
			"null", 0 },
		{ any, "    unknown: keep\n", "{\"w\":\"\\u0000\",\"k\":\"a\"}",
			"!json_nul", 5 },
		/* a known member's own trouble is not extra's */
		{ "type: text, from: /a/b", "    unknown: keep\n",
			"{\"w\":1,\"k\":\"a\",\"a\":{\"b\":\"x\","
			"\"c\":\"\\ud800\"}}", "x", 0 },
		/* paths */
		{ "type: text, from: /a/b", "",
			"{\"k\":\"a\",\"a\":{\"c\":1,\"b\":\"x\"}}", "x", 0 },
		{ "type: text, from: /a/b", "", "{\"k\":\"a\",\"a\":null}",
			"null", 0 },
		{ "type: text, from: /a/b", "", "{\"k\":\"a\",\"a\":[\"b\"]}",
			"null", 0 },
		{ "type: text, from: /a/b, required: true", "",
			"{\"k\":\"a\",\"a\":{}}", "!missing", 0 },
		{ "type: text, from: /a/1", "",
			"{\"k\":\"a\",\"a\":[\"x\",\"y\"]}", "y", 0 },
		{ "type: text, from: /a/2", "",
			"{\"k\":\"a\",\"a\":[\"x\",\"y\"]}", "null", 0 },
		{ "type: text, from: /a/01", "",
			"{\"k\":\"a\",\"a\":[\"x\",\"y\"]}", "null", 0 },
		{ "type: text, from: /a/1", "",
			"{\"k\":\"a\",\"a\":{\"1\":\"x\"}}", "x", 0 },
		{ "type: text, from: /a/1/b", "",
			"{\"k\":\"a\",\"a\":[[],{\"b\":\"x\"}]}", "x", 0 },
		{ "type: text, from: /k", "", "{\"k\":\"a\"}", "a", 0 },
		{ "type: text, from: /a~1b/~0", "",
			"{\"k\":\"a\",\"a/b\":{\"~\":\"x\"}}", "x", 0 },
		{ "type: json, from: ''", "    unknown: reject\n",
			" {\"k\":\"a\",\"w\":1} ", "{\"k\":\"a\",\"w\":1}", 0 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check_record(table[i].column, table[i].more, table[i].record,
			strlen(table[i].record), table[i].want, table[i].at);
}

static void long_keys(void)
{
	char record[4096];
	const size_t fits = 2600 - 4 - 16; /* length word; v, an integer */
	const char *head = "{\"v\":1,\"k\":\"";
	struct pipeline p;
	struct rowmap *map;
	struct err err = { 0 };

	make(&p, "type: integer", "");
	/* both columns as key, and room for text */
	p.datasets[0].columns[0].max_length = 10000;
	p.datasets[0].columns[1].key = true;
	p.datasets[0].keys = realloc(p.datasets[0].keys, 2 * sizeof(size_t));
	CU_ASSERT_PTR_NOT_NULL_FATAL(p.datasets[0].keys);
	p.datasets[0].keys[1] = 1;
	p.datasets[0].key_count = 2;
	map = rowmap_new(&p.datasets[0], &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(map);
	for (size_t more = 0; more < 2; more++) {
		struct cell cells[2];
		struct row_fault fault = { .code = "" };
		const size_t at = strlen(head), len = fits + more;

		memcpy(record, head, at);
		memset(record + at, 'x', len);
		memcpy(record + at + len, "\"}", 3);
		CU_ASSERT_EQUAL(rowmap_record(map, record, strlen(record),
			cells, &fault, &err), more == 0 ? ROW_OK : ROW_REJECT);
		CU_ASSERT_STRING_EQUAL(fault.code,
			more == 0 ? "" : "key_too_long");
	}
	rowmap_free(map);
	pipeline_clear(&p);
}

static void unknown_members(void)
{
	static const char record[] = "{\"a\": [1, 2],\"k\":\"x\",\"v\":\"y\","
		"\"b\":1 , \"\\u0063\" : {\"k\":1} }";
	struct pipeline p;
	struct rowmap *map;
	struct cell cells[3];
	struct row_fault fault;
	struct err err = { 0 };
	char got[256];

	make(&p, "type: text", "    unknown: keep\n");
	map = rowmap_new(&p.datasets[0], &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(map);
	CU_ASSERT_EQUAL(rowmap_width(map), 3);
	CU_ASSERT_EQUAL(rowmap_record(map, record, strlen(record), cells,
		&fault, &err), ROW_OK);
	show(&cells[2], got, sizeof(got));
	CU_ASSERT_STRING_EQUAL(got,
		"{\"a\": [1, 2],\"b\":1,\"\\u0063\" : {\"k\":1}}");
	CU_ASSERT_EQUAL(rowmap_record(map, "{\"k\":\"a\"}", 9, cells, &fault,
		&err), ROW_OK);
	CU_ASSERT_TRUE(cells[2].null);
	CU_ASSERT_EQUAL(rowmap_take_unknown(map), 0);
	rowmap_free(map);
	pipeline_clear(&p);

	make(&p, "type: text", "");
	map = rowmap_new(&p.datasets[0], &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(map);
	CU_ASSERT_EQUAL(rowmap_width(map), 2);
	for (int i = 0; i < 2; i++)
		CU_ASSERT_EQUAL(rowmap_record(map, record, strlen(record),
			cells, &fault, &err), ROW_OK);
	CU_ASSERT_EQUAL(rowmap_take_unknown(map), 6);
	CU_ASSERT_EQUAL(rowmap_take_unknown(map), 0);
	rowmap_free(map);
	pipeline_clear(&p);
}

/* An object of many keys, the last of which is the first again when `twice`;
 * keys are like each other at both ends, so that guesses do not help. */
static char *many_keys(size_t count, bool twice)
{
	struct buf b = { 0 };
	struct err err = { 0 };
	bool ok = buf_add_str(&b, "{\"k\":\"a\"", &err);

	for (size_t i = 0; i < count; i++)
		ok = ok && buf_printf(&b, &err,
			",\"same-begin-%07zu-the-same-end\":0",
			twice && i + 1 == count ? (size_t)0 : i);
	CU_ASSERT_TRUE_FATAL(ok && buf_add_char(&b, '}', &err));
	return buf_take(&b);
}

static void many_keys_are_compared(void)
{
	static const size_t counts[] = { 2, 62, 63, 64, 65, 100000 };
	struct pipeline p;
	struct rowmap *map;
	struct cell cells[2];
	struct row_fault fault = { .code = "" };
	struct err err = { 0 };

	make(&p, "type: text", "");
	map = rowmap_new(&p.datasets[0], &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(map);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		char *good = many_keys(counts[i], false);
		char *bad = many_keys(counts[i], true);

		CU_ASSERT_EQUAL(rowmap_record(map, good, strlen(good), cells,
			&fault, &err), ROW_OK);
		CU_ASSERT_EQUAL(rowmap_record(map, bad, strlen(bad), cells,
			&fault, &err), ROW_REJECT);
		CU_ASSERT_STRING_EQUAL(fault.code, "duplicate_key");
		/* the second of the two is the one to blame */
		CU_ASSERT_EQUAL(fault.at, strlen(bad) - 36);
		free(good);
		free(bad);
	}
	rowmap_free(map);
	pipeline_clear(&p);
}

static void presence_is_a_value(void)
{
	static const char column[] = "type: boolean, present: true, from: /x";
	static const struct {
		const char *record, *want;
	} cases[] = {
		{ "{\"k\":\"a\"}", "false" },
		{ "{\"k\":\"a\",\"x\":null}", "false" },
		{ "{\"k\":\"a\",\"x\":false}", "true" },
		{ "{\"k\":\"a\",\"x\":\"\"}", "true" },
		{ "{\"k\":\"a\",\"x\":{\"url\":1}}", "true" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_record(column, "", cases[i].record,
			strlen(cases[i].record), cases[i].want, 0);
	check_record("type: boolean, present: true, required: true", "",
		"{\"k\":\"a\"}", 9, "false", 0);
}

/* v stands in `text`, at node `at`, or where its own path says. */
static void check_found(const char *column, const char *text, size_t at,
	const char *want, bool outside)
{
	static const char record[] = "{\"k\":\"a\\u0062\",\"v\":\"own\"}";
	struct json_tape tape = { 0 };
	const size_t nodes[] = { ROWMAP_OWN, at };
	const struct rowmap_outside from = { text, &tape, nodes };
	struct row_fault fault = { .at = 0 };
	struct json_fault syntax;
	struct pipeline p;
	struct cell cells[2];
	struct err err = { 0 };
	struct rowmap *map;
	char got[256];

	make(&p, column, "");
	map = rowmap_new(&p.datasets[0], &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(map);
	CU_ASSERT_EQUAL(json_parse(text, strlen(text), &tape, &syntax),
		JSON_OK);
	switch (rowmap_found(map, record, strlen(record), &from, cells, &fault,
		&err)) {
	case ROW_OK:
		show(&cells[0], got, sizeof(got));
		CU_ASSERT_STRING_EQUAL(got, "ab");
		show(&cells[1], got, sizeof(got));
		break;
	default:
		(void)snprintf(got, sizeof(got), "!%s@%zu", fault.code,
			fault.at);
	}
	CU_ASSERT_STRING_EQUAL(got, want);
	CU_ASSERT_EQUAL(fault.outside, outside);
	rowmap_free(map);
	json_tape_clear(&tape);
	pipeline_clear(&p);
}

static void values_may_stand_outside(void)
{
	static const char text[] =
		"[\"out\", \"\\u006fut\", 12, null, {\"a\":[1]}, \"\\ud800\"]";

	check_found("type: text", text, ROWMAP_OWN, "own", false);
	check_found("type: text", text, ROWMAP_NONE, "null", false);
	check_found("type: text", text, 1, "out", false);
	check_found("type: text", text, 2, "out", false);
	check_found("type: integer", text, 3, "12", false);
	check_found("type: text", text, 4, "null", false);
	check_found("type: json", text, 5, "{\"a\":[1]}", false);
	check_found("type: boolean, present: true", text, 4, "false", false);
	check_found("type: boolean, present: true", text, 5, "true", false);
	check_found("type: text", text, 3, "!type@20", true);
	check_found("type: text", text, 9, "!json_surrogate@41", true);
	check_found("type: integer", text, ROWMAP_OWN, "!type@19", false);
	check_found("type: text, required: true", text, 4, "!null@24", true);
	check_found("type: text, required: true", text, ROWMAP_NONE,
		"!missing@0", true);
}

static void details_are_tame(void)
{
	struct pipeline p;
	struct rowmap *map;
	struct cell cells[2];
	struct row_fault fault;
	struct err err = { 0 };
	static const char record[] = "{\"k\":\"a\",\"v\":\"\\u001b[31m"
		"0123456789012345678901234567890123456789tail\"}";

	make(&p, "type: date", "");
	map = rowmap_new(&p.datasets[0], &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(map);
	CU_ASSERT_EQUAL(rowmap_record(map, record, strlen(record), cells,
		&fault, &err), ROW_REJECT);
	CU_ASSERT_PTR_NULL(strchr(fault.detail, '\x1b'));
	CU_ASSERT_PTR_NULL(strstr(fault.detail, "tail"));
	CU_ASSERT_PTR_NOT_NULL(strstr(fault.detail, "\"\\x1b[31m0123"));
	CU_ASSERT_STRING_EQUAL(fault.column->name, "v");
	rowmap_free(map);
	pipeline_clear(&p);
}

CU_TestInfo rowmap_tests[] = {
	{ "texts: code points, NUL, surrogates, empty, coerced", texts },
	{ "numbers keep their digits or are refused", numbers },
	{ "times are ISO 8601 and exist", times },
	{ "every day has its number", every_day_has_its_number },
	{ "uuids are canonical", uuids },
	{ "json is what jsonb takes", json_values },
	{ "records: syntax, shape, keys, paths", records },
	{ "a key longer than an index takes is refused", long_keys },
	{ "unknown members are kept or counted", unknown_members },
	{ "duplicates are found among few and many keys",
		many_keys_are_compared },
	{ "presence is a value", presence_is_a_value },
	{ "values may stand outside of the record", values_may_stand_outside },
	{ "details hold no control bytes and little data", details_are_tame },
	CU_TEST_INFO_NULL,
};
