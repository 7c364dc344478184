/* test_api_template.c - words in braces inside a request. */
#include "common/api_template.h"

#include <CUnit/CUnit.h>
#include <string.h>

static const struct api_values values = {
	.cursor = "2026-01-02T03:04:05Z",
	.page = "7",
	.each = "New York/Bronx",
	.parent = "%2Fid=a%26b&%2Fname%2Ffirst=J%C3%A9r%C3%B4me",
	.now_us = INT64_C(1772334245) * 1000000, /* 2026-03-01T03:04:05Z */
};

static void check(const char *text, enum api_escape escape, const char *want)
{
	struct buf out = { 0 };
	struct err err = { 0 };
	bool missing = false;

	CU_ASSERT_TRUE(api_template_fill(text, &values, escape, &out, &missing,
		&err));
	CU_ASSERT_EQUAL(missing, want == NULL);
	if (want != NULL) {
		CU_ASSERT_PTR_NOT_NULL_FATAL(out.data);
		CU_ASSERT_STRING_EQUAL(out.data, want);
	}
	buf_clear(&out);
}

static void words_are_filled(void)
{
	check("plain text", API_ESCAPE_NONE, "plain text");
	check("{cursor}", API_ESCAPE_ALL, "2026-01-02T03%3A04%3A05Z");
	check("since {cursor}", API_ESCAPE_ALL,
		"since%202026-01-02T03%3A04%3A05Z");
	check("/a b/{each}/x", API_ESCAPE_VALUES,
		"/a b/New%20York%2FBronx/x");
	check("/b/{parent:/id}/{parent:/name/first}", API_ESCAPE_VALUES,
		"/b/a%26b/J%C3%A9r%C3%B4me");
	check("p{page}{page}", API_ESCAPE_NONE, "p77");
	check("{today} {today-1} {now}", API_ESCAPE_NONE,
		"2026-03-01 2026-02-28 2026-03-01T03:04:05Z");
}

static void a_word_without_value_is_told(void)
{
	check("{token}", API_ESCAPE_ALL, NULL);
	check("x{parent:/none}", API_ESCAPE_ALL, NULL);
	check("{parent:/i}", API_ESCAPE_ALL, NULL);
}

static void json_needs_no_quoting(void)
{
	const struct api_values hostile = { .cursor = "a\"b\\\n" };
	struct buf out = { 0 };
	struct err err = { 0 };
	bool missing;

	CU_ASSERT_TRUE(api_template_fill("{\"a\": {}, \"b\": \"{cursor}\"}",
		&hostile, API_ESCAPE_JSON, &out, &missing, &err));
	CU_ASSERT_STRING_EQUAL(out.data,
		"{\"a\": {}, \"b\": \"a\\\"b\\\\\\u000a\"}");
	buf_reset(&out);
	CU_ASSERT_FALSE(api_template_fill("{cursor}", &hostile,
		API_ESCAPE_NONE, &out, &missing, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	buf_clear(&out);
}

static void nonsense_is_refused(void)
{
	static const char *const bad[] = { "{cursr}", "{cursor", "{page-1}",
		"{today-}", "{today-x}", "{today-99999}", "{parent}",
		"{parent:id}", "{each:x}", "{now-1}", "a{b c}" };
	static const char *const good[] = { "", "{", "{}", "{ }", "{\"a\":1}",
		"{cursor}{page}{offset}{size}{token}{now}{today-36525}",
		"{parent:/}", "{each}" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CU_ASSERT_PTR_NOT_NULL(api_template_fault(bad[i], true, true));
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		CU_ASSERT_PTR_NULL(api_template_fault(good[i], true, true));
	CU_ASSERT_PTR_NOT_NULL(api_template_fault("{parent:/a}", false, true));
	CU_ASSERT_PTR_NOT_NULL(api_template_fault("{each}", true, false));
	CU_ASSERT_TRUE(api_template_has("a{page}", "page"));
	CU_ASSERT_FALSE(api_template_has("a{page}", "pag"));
}

CU_TestInfo api_template_tests[] = {
	{ "words are filled, and escaped for their place", words_are_filled },
	{ "a word without value is told", a_word_without_value_is_told },
	{ "JSON bodies need no quoting", json_needs_no_quoting },
	{ "nonsense is refused", nonsense_is_refused },
	CU_TEST_INFO_NULL,
};
