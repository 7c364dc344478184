/* test_replay.c - which rejects are meant, and what makes a record of bytes. */
#include "cli/repair.h"
#include "cli/where.h"

#include <CUnit/CUnit.h>
#include <string.h>

static void check_where(const char *term, size_t at, const char *want)
{
	const char *values[WHERE_PARAMETERS];
	struct where where = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(where_take(&where, term, &err));
	CU_ASSERT_TRUE(where_any(&where));
	where_values(&where, values);
	for (size_t i = 0; i < WHERE_PARAMETERS; i++)
		if (i != at)
			CU_ASSERT_PTR_NULL(values[i]);
	CU_ASSERT_PTR_NOT_NULL_FATAL(values[at]);
	CU_ASSERT_STRING_EQUAL(values[at], want);
	where_clear(&where);
}

static void each_key_has_its_place(void)
{
	check_where("id=17", 0, "{17}");
	check_where("code=type", 1, "type");
	check_where("field=a=b", 2, "a=b");
	check_where("dataset=shop.items", 3, "shop.items");
	check_where("file=*.json", 5, "%.json");
	check_where("file=a_b%?\\", 5, "a\\_b\\%_\\\\\\\\");
	check_where("stage=reader", 6, "reader");
	check_where("since=2h", 7, "2h");
	check_where("until=2026-11-22", 8, "2026-11-22");
}

static void ids_are_collected(void)
{
	const char *values[WHERE_PARAMETERS];
	struct where where = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(where_add_id(&where, "1", &err));
	CU_ASSERT_TRUE(where_take(&where, "id=22", &err));
	where_values(&where, values);
	CU_ASSERT_STRING_EQUAL(values[0], "{1,22}");
	CU_ASSERT_EQUAL(where.id_count, 2);
	where_clear(&where);
	CU_ASSERT_FALSE(where_any(&where));
}

static void nonsense_is_usage(void)
{
	static const char *const terms[] = { "", "code", "code=", "=x",
		"colour=red", "id=x", "id=-1", "id=1;2", "codes=x" };

	for (size_t i = 0; i < sizeof(terms) / sizeof(*terms); i++) {
		struct where where = { 0 };
		struct err err = { 0 };

		CU_ASSERT_FALSE(where_take(&where, terms[i], &err));
		CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_USAGE);
		where_clear(&where);
	}
}

static void check_record(const char *text, const char *want,
	const char *problem)
{
	struct buf record = { 0 };
	struct err err = { 0 };
	bool ok;

	CU_ASSERT_TRUE_FATAL(buf_add_str(&record, text, &err));
	ok = repair_check(&record, &err);
	CU_ASSERT_EQUAL(ok, problem == NULL);
	if (ok) {
		CU_ASSERT_STRING_EQUAL(record.data, want);
	} else {
		CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, problem));
	}
	buf_clear(&record);
}

static void one_object_is_a_record(void)
{
	check_record("{\"a\":1}", "{\"a\":1}", NULL);
	check_record(" \n{\n\"a\":1}\r\n\t", "{ \"a\":1}", NULL);
	check_record("", NULL, "nothing is there");
	check_record(" \n", NULL, "nothing is there");
	check_record("[{}]", NULL, "not an object");
	check_record("7", NULL, "not an object");
	check_record("{} {}", NULL, "more than one record");
	check_record("{}\n{}", NULL, "line 2, column 1");
	check_record("\n{\"a\":}", NULL, "line 2, column 6");
	check_record("{\"a\":\"\n\"}", NULL, "line 1, column");
}

static void check_filter(const char *command, const char *want,
	const char *problem)
{
	struct buf out = { .max = 4096 };
	struct err err = { 0 };
	const bool ok = repair_filter(command, "{\"a\":1}", 7, &out, &err);

	CU_ASSERT_EQUAL(ok, problem == NULL);
	if (ok) {
		CU_ASSERT_STRING_EQUAL(out.data, want);
	} else {
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, problem));
	}
	buf_clear(&out);
}

static void a_filter_gets_the_record(void)
{
	check_filter("cat", "{\"a\":1}", NULL);
	check_filter("echo x", "x\n", NULL); /* it need not read */
	check_filter("cat; exit 3", NULL, "ended with 3");
	check_filter("true", NULL, "printed nothing");
	check_filter("kill -9 $$", NULL, "signal 9");
	check_filter("no-such-command 2>/dev/null", NULL, "ended with 127");
}

CU_TestInfo replay_tests[] = {
	{ "each key has its place", each_key_has_its_place },
	{ "ids are collected", ids_are_collected },
	{ "nonsense is usage", nonsense_is_usage },
	{ "one object is a record", one_object_is_a_record },
	{ "a filter gets the record", a_filter_gets_the_record },
	CU_TEST_INFO_NULL,
};
