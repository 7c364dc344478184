/* test_copybin.c - what rowmap accepts and copybin encodes, PostgreSQL reads
 * as it would read the same value written out. */
#include "common/db.h"
#include "consumer/copybin.h"
#include "tests/integration/support.h"

#include <CUnit/CUnit.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Values as they stand in a record; PostgreSQL is given the same text,
 * without the quotes, and casts it itself. */
static const struct {
	const char *type; /* as pipeline files spell it */
	const char *values[40];
} cases[] = {
	{ "text", { "\"\"", "\"plain\"", "\"\\\\.\"", "\"None\"", "\"a b\"",
		"\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\"" } },
	{ "integer", { "0", "-0", "-1", "9007199254740993",
		"9223372036854775807", "-9223372036854775808" } },
	{ "numeric", { "0", "-0", "0.00", "0e5", "0e-5", "1", "-1", "10", "100",
		"1000", "10000", "100000", "1.5", "1.50", "0.1", "0.01",
		"0.001", "0.0001", "0.00001", "12345.67890", "1e10", "1.5e3",
		"1.23e-5", "15e-1", "9999", "99990000", "0.99990000",
		"123456789012345678901234567890.12345678901234567890",
		"9007199254740993", "1e400", "1e131071", "-9e131071",
		"0.1e131072", "1e-16383", "-123e-16383", "1E+2" } },
	{ "double", { "0", "-0.0", "0.1", "1e22", "1e23", "5e-324",
		"1.7976931348623157e308", "-1.7976931348623157e308",
		"2.2250738585072014e-308", "123456789.123456789",
		"9007199254740993" } },
	{ "boolean", { "true", "false" } },
	{ "timestamp", { "\"2000-01-01 00:00:00\"",
		"\"2020-12-08 20:03:16.759617\"",
		"\"0001-01-01 00:00:00\"", "\"9999-12-31 23:59:59.999999\"",
		"\"1999-12-31T23:59:59.9\"", "\"2024-02-29 12:00:00\"" } },
	{ "timestamptz", { "\"2000-01-01 00:00:00Z\"",
		"\"2020-12-08T20:03:16.759617+05:45\"",
		"\"2020-12-08T20:03:16-0330\"", "\"2020-12-08 20:03:16+14\"",
		"\"0001-01-01 00:00:00Z\"",
		"\"9999-12-31 23:59:59.999999+00\"" } },
	{ "date", { "\"0001-01-01\"", "\"1600-02-29\"", "\"1970-01-01\"",
		"\"2000-02-29\"", "\"9999-12-31\"" } },
	{ "uuid", { "\"00000000-0000-0000-0000-000000000000\"",
		"\"ffffffff-ffff-ffff-ffff-ffffffffffff\"",
		"\"01234567-89AB-cdef-0123-456789abcdef\"" } },
	{ "json", { "{}", "[]", "false", "{\"a\": [1, 2.50, null, \"x\"]}",
		"1e131071", "1e-16383", "0.10", "-0",
		"{\"\\ud83d\\ude00\": \"\\u00e9\\n\"}",
		"[[[[[[[[[[{\"a\":{\"b\":{}}}]]]]]]]]]]",
		"9007199254740993" } },
};

static struct db *open_db(void)
{
	const struct config *config = test_config();
	struct err err = { 0 };
	const struct db_options options = {
		.host = config->database_host,
		.port = (int)config->database_port,
		.name = config->database_name,
		.user = config->owner.user,
		.password = test_password(&config->owner),
		.sslmode = config->database_sslmode,
		.application = "test copybin",
		.connect_timeout_secs = 10,
	};
	struct db *db = db_open(&options, &err);

	if (db == NULL)
		(void)fprintf(stderr, "db_open: %s\n", err.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(db);
	return db;
}

static void must(bool ok, const struct err *err)
{
	if (!ok)
		(void)fprintf(stderr, "failed: %s\n", err->text);
	CU_ASSERT_TRUE_FATAL(ok);
}

/* A dataset whose only columns are the key k and v of the type. */
static void make(struct pipeline *pipeline, const char *type)
{
	char text[512];
	struct err err = { 0 };

	(void)snprintf(text, sizeof(text), "pipeline: p\ndatasets:\n  d:\n"
		"    source: { directory: d }\n    table: t\n    key: k\n"
		"    columns:\n      - { name: k, type: integer }\n"
		"      - { name: v, type: %s }\n", type);
	must(pipeline_parse(text, strlen(text), "p.yaml", pipeline, &err),
		&err);
}

/* Row `at` into out. */
static void add_row(struct rowmap *map, size_t at, const char *value,
	struct buf *out)
{
	struct cell cells[2];
	struct row_fault fault = { .detail = "" };
	struct err err = { 0 };
	char record[1024];
	enum row_status status;

	(void)snprintf(record, sizeof(record), "{\"k\":%zu,\"v\":%s}", at,
		value);
	status = rowmap_record(map, record, strlen(record), cells, &fault,
		&err);
	if (status != ROW_OK)
		(void)fprintf(stderr, "%s: %s\n", value, fault.detail);
	CU_ASSERT_EQUAL_FATAL(status, ROW_OK);
	must(copybin_row(out, cells, 2, NULL, 0, &err), &err);
}

static void copy_values(struct db *db, struct rowmap *map,
	const char *const *values, size_t count)
{
	struct buf out = { 0 };
	struct err err = { 0 };
	int64_t rows = 0;

	must(copybin_header(&out, &err), &err);
	for (size_t i = 0; i < count; i++)
		add_row(map, i, values[i], &out);
	must(copybin_trailer(&out, &err), &err);
	must(db_copy_begin(db, "copy t (k, v) from stdin binary", &err), &err);
	must(db_copy_put(db, out.data, out.len, &err), &err);
	must(db_copy_end(db, &rows, &err), &err);
	CU_ASSERT_EQUAL((size_t)rows, count);
	buf_clear(&out);
}

/* v as loaded against PostgreSQL's own reading, by value and as text. */
static void compare(struct db *db, size_t at, const char *value,
	enum column_type type)
{
	const bool quoted = type != COLUMN_JSON && value[0] == '"';
	char sql[256], key[24], text[1024];
	const char *params[2] = { key, text };
	struct db_result *result = NULL;
	struct err err = { 0 };

	(void)snprintf(key, sizeof(key), "%zu", at);
	(void)snprintf(text, sizeof(text), "%.*s",
		(int)strlen(value) - (quoted ? 2 : 0), value + quoted);
	if (type == COLUMN_TEXT && strcmp(text, "\\\\.") == 0)
		(void)snprintf(text, sizeof(text), "\\.");
	(void)snprintf(sql, sizeof(sql), "select v::text, $2::text::%s::text "
		"from t where k = $1::bigint", column_type_sql(type));
	must(db_query(db, sql, 2, params, &result, &err), &err);
	CU_ASSERT_EQUAL_FATAL(db_rows(result), 1);
	if (strcmp(db_value(result, 0, 0), db_value(result, 0, 1)) != 0)
		(void)fprintf(stderr, "%.99s: want %.99s, got %.99s\n", value,
			db_value(result, 0, 1), db_value(result, 0, 0));
	CU_ASSERT_STRING_EQUAL(db_value(result, 0, 0), db_value(result, 0, 1));
	db_result_free(result);
}

static void check_type(struct db *db, const char *name,
	const char *const *values)
{
	struct pipeline p;
	struct rowmap *map;
	struct err err = { 0 };
	char sql[256];
	enum column_type type;
	size_t count = 0;

	while (values[count] != NULL)
		count++;
	make(&p, name);
	type = p.datasets[0].columns[1].type;
	map = rowmap_new(&p.datasets[0], &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(map);
	(void)snprintf(sql, sizeof(sql),
		"create temp table t (k bigint, v %s)", column_type_sql(type));
	must(db_exec(db, sql, &err), &err);
	copy_values(db, map, values, count);
	for (size_t i = 0; i < count; i++)
		compare(db, i, values[i], type);
	must(db_exec(db, "drop table t", &err), &err);
	rowmap_free(map);
	pipeline_clear(&p);
}

static void values_arrive_as_written(void)
{
	struct db *db = open_db();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_type(db, cases[i].type, cases[i].values);
	db_close(db);
}

/* -- corpora beside the repository, where there are any ------------------ */

#define SUITE "../shared/data/corpora/JSONTestSuite"
#define STRINGS "../shared/data/corpora/blns/blns.json"

static bool read_file(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "rb");
	struct err err = { 0 };
	char chunk[4096];
	size_t got;

	buf_reset(out);
	if (file == NULL)
		return false;
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
		must(buf_add(out, chunk, got, &err), &err);
	(void)fclose(file);
	must(buf_grow(out, 0, &err), &err);
	return true;
}

/* Copies the record into t when rowmap takes it; the server must as well. */
static bool copy_record(struct db *db, struct rowmap *map, const char *record,
	size_t len, const char *name)
{
	struct cell cells[2];
	struct row_fault fault;
	struct buf out = { 0 };
	struct err err = { 0 };
	int64_t rows = 0;
	bool ok;

	if (rowmap_record(map, record, len, cells, &fault, &err) != ROW_OK)
		return false;
	ok = copybin_header(&out, &err) &&
		copybin_row(&out, cells, 2, NULL, 0, &err) &&
		copybin_trailer(&out, &err) &&
		db_copy_begin(db, "copy t (k, v) from stdin binary", &err) &&
		db_copy_put(db, out.data, out.len, &err) &&
		db_copy_end(db, &rows, &err);
	if (!ok)
		(void)fprintf(stderr, "%s: %s\n", name, err.text);
	CU_ASSERT_TRUE(ok && rows == 1);
	buf_clear(&out);
	return true;
}

static size_t copy_suite(struct db *db, struct rowmap *map, DIR *dir)
{
	struct buf text = { 0 }, record = { 0 };
	struct err err = { 0 };
	struct dirent *entry;
	size_t taken = 0;

	while ((entry = readdir(dir)) != NULL) {
		char path[1024];

		(void)snprintf(path, sizeof(path), SUITE "/%s", entry->d_name);
		if (strstr(path, ".json") == NULL || !read_file(path, &text))
			continue;
		buf_reset(&record);
		must(buf_add_str(&record, "{\"k\":1,\"v\":", &err) &&
			buf_add(&record, text.data, text.len, &err) &&
			buf_add_char(&record, '}', &err), &err);
		taken += copy_record(db, map, record.data, record.len,
			entry->d_name);
	}
	buf_clear(&text);
	buf_clear(&record);
	return taken;
}

static void json_that_is_taken_is_loaded(void)
{
	DIR *dir = opendir(SUITE);
	struct pipeline p;
	struct rowmap *map;
	struct err err = { 0 };
	struct db *db;

	if (dir == NULL) {
		(void)fprintf(stderr, "skipped: no " SUITE "\n");
		return;
	}
	db = open_db();
	make(&p, "json");
	map = rowmap_new(&p.datasets[0], &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(map);
	must(db_exec(db, "create temp table t (k bigint, v jsonb)", &err),
		&err);
	/* nearly all of the 95 valid ones: keys that stand twice and escaped
	 * NUL are refused, some texts that need not be valid are taken */
	CU_ASSERT(copy_suite(db, map, dir) >= 80);
	(void)closedir(dir);
	rowmap_free(map);
	pipeline_clear(&p);
	db_close(db);
}

/* One string of the file: loaded, it must be what it decodes to. */
static void copy_string(struct db *db, struct rowmap *map, const char *text,
	const struct json_node *node)
{
	struct buf record = { 0 }, want = { 0 };
	struct db_result *result = NULL;
	struct json_fault fault;
	struct err err = { 0 };

	must(json_decode(text, node, &want, &fault), &err);
	must(buf_printf(&record, &err, "{\"k\":1,\"v\":%.*s}",
		(int)node->len, text + node->start), &err);
	must(db_exec(db, "truncate t", &err), &err);
	CU_ASSERT_TRUE(copy_record(db, map, record.data, record.len, "blns"));
	must(db_query(db, "select v from t", 0, NULL, &result, &err), &err);
	CU_ASSERT_EQUAL(db_value_len(result, 0, 0), want.len);
	CU_ASSERT_STRING_EQUAL(db_value(result, 0, 0),
		want.data != NULL ? want.data : "");
	db_result_free(result);
	buf_clear(&record);
	buf_clear(&want);
}

static void naughty_strings_round_trip(void)
{
	struct buf text = { 0 };
	struct json_tape tape = { 0 };
	struct json_fault fault;
	struct pipeline p;
	struct rowmap *map;
	struct err err = { 0 };
	struct db *db;

	if (!read_file(STRINGS, &text)) {
		(void)fprintf(stderr, "skipped: no " STRINGS "\n");
		return;
	}
	CU_ASSERT_EQUAL_FATAL(json_parse(text.data, text.len, &tape, &fault),
		JSON_OK);
	db = open_db();
	make(&p, "text");
	map = rowmap_new(&p.datasets[0], &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(map);
	must(db_exec(db, "create temp table t (k bigint, v text)", &err), &err);
	CU_ASSERT(tape.count > 500);
	for (size_t i = 1; i < tape.count; i++)
		copy_string(db, map, text.data, &tape.nodes[i]);
	rowmap_free(map);
	pipeline_clear(&p);
	db_close(db);
	json_tape_clear(&tape);
	buf_clear(&text);
}

CU_TestInfo copybin_tests[] = {
	{ "values arrive as PostgreSQL itself would read them",
		values_arrive_as_written },
	{ "json that is taken is loaded", json_that_is_taken_is_loaded },
	{ "naughty strings round-trip", naughty_strings_round_trip },
	CU_TEST_INFO_NULL,
};
