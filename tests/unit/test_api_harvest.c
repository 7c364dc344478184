/* test_api_harvest.c - what an answer holds: records, cursor, children. */
#include "producer/api_harvest.h"

#include <CUnit/CUnit.h>
#include <string.h>

static char *items[] = { (char *)(uintptr_t)"items", NULL };
static char *field[] = { (char *)(uintptr_t)"at", NULL };

static void check(char **records, const char *body, int64_t count,
	const char *spool, const char *cursor)
{
	const struct pipeline_api api = { .records = records,
		.cursor = { .field = field } };
	struct api_harvest harvest;
	struct err err = { 0 };
	const bool ok = api_harvest(&api, NULL, 0, body, strlen(body),
		&harvest, &err);

	CU_ASSERT_EQUAL(ok, count >= 0);
	if (ok && count >= 0) {
		CU_ASSERT_EQUAL(harvest.records, (uint64_t)count);
		CU_ASSERT_EQUAL(harvest.len, strlen(spool));
		CU_ASSERT_EQUAL(memcmp(harvest.spool, spool, harvest.len), 0);
		CU_ASSERT_EQUAL(harvest.cursor.len > 0, cursor != NULL);
		if (cursor != NULL && harvest.cursor.len > 0)
			CU_ASSERT_STRING_EQUAL(harvest.cursor.data, cursor);
	} else
		CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	api_harvest_clear(&harvest);
}

static void records_are_the_answers_own_bytes(void)
{
	check(NULL, " [ {\"a\":1},\n{\"a\":2} ] \n", 2,
		"[ {\"a\":1},\n{\"a\":2} ]", NULL);
	check(NULL, "{\"a\":1}", 1, "{\"a\":1}", NULL);
	check(NULL, "{\"a\":1}\n{\"a\":2}\n", 2, "{\"a\":1}\n{\"a\":2}\n",
		NULL);
	check(items, "{\"n\":2,\"items\":[{},{}],\"x\":[]}", 2, "[{},{}]",
		NULL);
	check(items, "{\"items\":{\"a\":1}}", 1, "{\"a\":1}", NULL);
	check(items, "{\"items\":null}", 0, "", NULL);
	check(items, "{\"items\":[]}", 0, "[]", NULL);
	check(NULL, "", 0, "", NULL);
	check(NULL, "[]", 0, "[]", NULL);
}

static void answers_of_no_use_are_refused(void)
{
	check(NULL, "<html><body>Sorry</body></html>", -1, "", NULL);
	check(NULL, "[{\"a\":1},{\"a\"", -1, "", NULL);
	check(NULL, "[{\"a\":1} {}", -1, "", NULL);
	check(NULL, "\"maintenance\"", -1, "", NULL);
	check(NULL, "42", -1, "", NULL);
	check(items, "{\"error\":\"no\"}", -1, "", NULL);
	check(items, "{\"items\":7}", -1, "", NULL);
	check(items, "[]", -1, "", NULL);
}

static void the_largest_value_is_kept(void)
{
	check(NULL, "[{\"at\":\"2026-01-02T00:00:00Z\"},"
		"{\"at\":\"2026-01-02T01:30:00+02:00\"},{\"at\":null},{}]", 4,
		"[{\"at\":\"2026-01-02T00:00:00Z\"},"
		"{\"at\":\"2026-01-02T01:30:00+02:00\"},{\"at\":null},{}]",
		"2026-01-02T00:00:00Z");
}

static void other_types_are_no_cursor(void)
{
	const struct pipeline_api api = { .cursor.field = field };
	static const char body[] = "[{\"at\":\"2026-01-02T00:00:00Z\"},"
		"{\"at\":\"unknown\"},{\"at\":true},{\"at\":[]},{\"at\":\"\"}]";
	struct api_harvest harvest;
	struct err err = { 0 };

	CU_ASSERT_TRUE(api_harvest(&api, NULL, 0, body, strlen(body), &harvest,
		&err));
	CU_ASSERT_EQUAL(harvest.records, 5);
	CU_ASSERT_STRING_EQUAL(harvest.cursor.data, "2026-01-02T00:00:00Z");
	CU_ASSERT_EQUAL(harvest.odd, 2);
	CU_ASSERT_STRING_EQUAL(harvest.first_odd, "unknown");
	api_harvest_clear(&harvest);
}

/* One that is too long for an address is passed over: the server chose it. */
static void a_long_value_is_no_cursor(void)
{
	static const enum api_cursor_kind kinds[] = { API_CURSOR_TEXT,
		API_CURSOR_INTEGER };

	for (size_t i = 0; i < 2; i++) {
		const struct pipeline_api api = { .cursor = { .field = field,
			.kind = kinds[i] } };
		const char *quote = i == 0 ? "\"" : "";
		struct api_harvest harvest;
		struct buf body = { 0 };
		struct err err = { 0 };

		CU_ASSERT_TRUE(buf_printf(&body, &err, "[{\"at\":%s", quote));
		for (int k = 0; k < 5000; k++)
			CU_ASSERT_TRUE(buf_add_char(&body, '7', &err));
		CU_ASSERT_TRUE(buf_printf(&body, &err, "%s},{\"at\":%s12%s}]",
			quote, quote, quote));
		CU_ASSERT_TRUE(api_harvest(&api, NULL, 0, body.data, body.len,
			&harvest, &err));
		CU_ASSERT_STRING_EQUAL(harvest.cursor.data, "12");
		CU_ASSERT_EQUAL(harvest.odd, 1);
		api_harvest_clear(&harvest);
		buf_clear(&body);
	}
}

static void children_get_what_they_name(void)
{
	char *steps_a[] = { (char *)(uintptr_t)"id", NULL };
	char *steps_b[] = { (char *)(uintptr_t)"n", NULL };
	char **steps[] = { steps_a, steps_b };
	char *pointers[] = { (char *)(uintptr_t)"/id", (char *)(uintptr_t)"/n" };
	const struct api_child child = { .endpoint = "p.c",
		.pointers = pointers, .steps = steps, .count = 2 };
	const struct pipeline_api api = { .records = NULL };
	static const char body[] = "[{\"id\":1,\"n\":\"a&b\"},{\"id\":2},"
		"{\"id\":9007199254740993,\"n\":\"\"}]";
	struct api_harvest harvest;
	struct err err = { 0 };

	CU_ASSERT_TRUE(api_harvest(&api, &child, 1, body, strlen(body),
		&harvest, &err));
	CU_ASSERT_STRING_EQUAL(harvest.parents.data, "0\t%2Fid=1&%2Fn=a%26b\n"
		"0\t%2Fid=9007199254740993&%2Fn=\n");
	api_harvest_clear(&harvest);
}

CU_TestInfo api_harvest_tests[] = {
	{ "records are the answer's own bytes",
		records_are_the_answers_own_bytes },
	{ "answers of no use are refused", answers_of_no_use_are_refused },
	{ "the largest value is kept", the_largest_value_is_kept },
	{ "a long value is no cursor", a_long_value_is_no_cursor },
	{ "values of other types are no cursor", other_types_are_no_cursor },
	{ "children get what they name", children_get_what_they_name },
	CU_TEST_INFO_NULL,
};
