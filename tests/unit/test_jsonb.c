/* test_jsonb.c - JSON as PostgreSQL prints it once it is jsonb; times as text;
 * names of relations changed in SQL. */
#include "common/datetime.h"
#include "common/jsonb.h"
#include "consumer/sqltext.h"

#include <CUnit/CUnit.h>
#include <string.h>

static void check(const char *from, bool stripped, const char *want)
{
	struct jsonb jsonb = { 0 };
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(jsonb_text(&jsonb, from, strlen(from), stripped, &out,
		&err));
	CU_ASSERT_STRING_EQUAL(out.data != NULL ? out.data : "", want);
	buf_clear(&out);
	jsonb_clear(&jsonb);
}

static void printed_as_jsonb(void)
{
	check("{\"bb\":1,\"a\":{\"y\":[],\"x\":null},\"a\":2}", false,
		"{\"a\": 2, \"bb\": 1}");
	check("[1 , 2.50,1e2,-0.0]", false, "[1, 2.50, 100, 0.0]");
	check("[2.50, 1.0]", true, "[2.5, 1]");
	check("\"\\u00e9\\/\\n\\u001f\\\"\"", false, "\"\u00e9/\\n\\u001f\\\"\"");
	check("{\"\":{},\"\\\"\":true}", false, "{\"\": {}, \"\\\"\": true}");
	check("{\"b\":1,\"a\":{\"d\":[{\"f\":1,\"e\":2}],\"c\":3}}", false,
		"{\"a\": {\"c\": 3, \"d\": [{\"e\": 2, \"f\": 1}]}, \"b\": 1}");
}

static void times_come_back(void)
{
	static const char *const times[] = { "2024-02-29 23:59:59.999999",
		"2000-01-01 00:00:00", "1999-12-31 23:59:59.5",
		"0001-01-01 00:00:00", "9999-12-31 23:59:59.25",
		"1900-03-01 12:00:00.000001", "2000-02-29 00:00:01" };
	char out[DATETIME_TEXT];
	int64_t us, days;

	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		CU_ASSERT_TRUE(datetime_time(times[i], strlen(times[i]), false,
			&us));
		CU_ASSERT_EQUAL(datetime_time_text(us, out), strlen(times[i]));
		CU_ASSERT_STRING_EQUAL(out, times[i]);
	}
	for (int64_t day = -730119; day <= 2921939; day += 97) {
		CU_ASSERT_EQUAL(datetime_date_text(day, out), 10);
		CU_ASSERT_TRUE(datetime_date(out, 10, &days));
		CU_ASSERT_EQUAL(days, day);
	}
}

/* A time with Z, or with nothing, is read another way than one with +00, which
 * means the same; whatever byte of it is another. */
static void usual_times_mean_what_others_do(void)
{
	static const char *const times[] = { "2024-02-29 23:59:59",
		"1999-11-30T00:00:00", "2000-02-28 19:09:10.987654",
		"0001-01-31T12:34:56.000999" };
	char text[32], other[36];
	int64_t a, b;

	for (size_t t = 0; t < sizeof(times) / sizeof(*times); t++)
		for (size_t i = 0; i < 2 * strlen(times[t]) * 256; i++) {
			const size_t len = strlen(times[t]);
			const bool zone = i / 256 >= len, needed = zone && i % 2;
			bool right;

			if (i % 256 == 'Z')
				continue; /* it would end there */
			memcpy(text, times[t], len + 1);
			text[i / 256 % len] = (char)(i % 256);
			memcpy(other, text, len);
			memcpy(other + len, "+00", 4);
			text[len] = 'Z';
			right = datetime_time(text, len + zone, needed, &a);
			CU_ASSERT_EQUAL(right,
				datetime_time(other, len + 3, needed, &b));
			CU_ASSERT_TRUE(!right || a == b);
		}
	CU_ASSERT_FALSE(datetime_time(times[0], 19, true, &a));
}

static bool rename_raw(void *context, const struct sql_token *schema,
	const struct sql_token *table, struct buf *out, bool *known,
	struct err *err)
{
	(void)context;
	*known = sql_is_name(schema, "raw");
	return !*known || (buf_add_str(out, "raw_", err) &&
		buf_add(out, table->start, table->len, err));
}

static void check_sql(const char *from, const char *want)
{
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(sql_rename(from, strlen(from), rename_raw, NULL, &out,
		&err));
	CU_ASSERT_STRING_EQUAL(out.data != NULL ? out.data : "", want);
	buf_clear(&out);
}

static void relations_are_renamed(void)
{
	struct buf out = { 0 };
	struct err err = { 0 };

	check_sql("select e.a from raw.e", "select e.a from raw_e as e");
	check_sql("select x.a from raw.e x join raw.f on true",
		"select x.a from raw_e x join raw_f as f on true");
	check_sql("select raw.e.a from raw.e where b in (select c from raw.g)",
		"select e.a from raw_e as e where b in (select c from raw_g as g)");
	check_sql("select 'raw.e', other.e -- raw.e\nfrom other.t",
		"select 'raw.e', other.e -- raw.e\nfrom other.t");
	CU_ASSERT_FALSE(sql_rename("select 'x", 9, rename_raw, NULL, &out,
		&err));
	buf_clear(&out);
}

CU_TestInfo jsonb_tests[] = {
	{ "printed as jsonb", printed_as_jsonb },
	{ "times come back", times_come_back },
	{ "usual times mean what others do", usual_times_mean_what_others_do },
	{ "relations are renamed", relations_are_renamed },
	CU_TEST_INFO_NULL,
};
