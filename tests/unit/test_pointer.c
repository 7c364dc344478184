/* test_pointer.c - JSON Pointers, and the bytes they name. */
#include "common/pointer.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool slice(const char *text, const char *pointer,
	struct pointer_span *span, struct err *err)
{
	char *steps[POINTER_STEPS_MAX];
	size_t count = 0;
	bool ok;

	*err = (struct err){ 0 };
	ok = pointer_parse(pointer, steps, &count, err) &&
		pointer_slice(text, strlen(text), steps, count, span, err);
	for (size_t i = 0; i < count; i++)
		free(steps[i]);
	return ok;
}

static void check_slice(const char *text, const char *pointer,
	const char *want)
{
	struct pointer_span span;
	struct err err;

	if (!slice(text, pointer, &span, &err)) {
		printf("\n  %s: %s\n", pointer, err.text);
		CU_FAIL("found nothing");
		return;
	}
	CU_ASSERT_EQUAL(span.len, strlen(want));
	CU_ASSERT_EQUAL(strncmp(text + span.start, want, span.len), 0);
}

/* RFC 6901, section 5, whose text is this one, on lines of its own. */
static const char rfc[] =
	"{\n \"foo\": [\"bar\", \"baz\"],\n \"\": 0,\n \"a/b\": 1,\n"
	" \"c%d\": 2,\n \"e^f\": 3,\n \"g|h\": 4,\n \"i\\\\j\": 5,\n"
	" \"k\\\"l\": 6,\n \" \": 7,\n \"m~n\": 8\n}";

static void the_rfc_is_followed(void)
{
	check_slice(rfc, "", rfc);
	check_slice(rfc, "/foo", "[\"bar\", \"baz\"]");
	check_slice(rfc, "/foo/0", "\"bar\"");
	check_slice(rfc, "/", "0");
	check_slice(rfc, "/a~1b", "1");
	check_slice(rfc, "/c%d", "2");
	check_slice(rfc, "/e^f", "3");
	check_slice(rfc, "/g|h", "4");
	check_slice(rfc, "/i\\j", "5");
	check_slice(rfc, "/k\"l", "6");
	check_slice(rfc, "/ ", "7");
	check_slice(rfc, "/m~0n", "8");
}

static void values_of_every_type_are_named(void)
{
	static const char text[] = "\xef\xbb\xbf {\"\\u0061\":[ {} ,[1,2],"
		"true,null,\"]\\\"\",-1.5e3 ],\"b\":{\"a\":{\"c\":[]}}} \n";
	struct pointer_span span;
	struct err err;

	check_slice(text, "/a/0", "{}");
	check_slice(text, "/a/1/1", "2");
	check_slice(text, "/a/2", "true");
	check_slice(text, "/a/4", "\"]\\\"\"");
	check_slice(text, "/a/5", "-1.5e3");
	check_slice(text, "/b/a/c", "[]");
	CU_ASSERT_TRUE(slice(text, "/b/a/c", &span, &err));
	CU_ASSERT_EQUAL(span.type, JSON_ARRAY);
	CU_ASSERT_TRUE(slice(text, "/a/3", &span, &err));
	CU_ASSERT_EQUAL(span.type, JSON_NULL);
}

static void what_leads_nowhere_is_said(void)
{
	static const struct {
		const char *text, *pointer, *want;
	} cases[] = {
		{ "{\"a\":{}}", "/a/b/c", "/a/b: there is no such key" },
		{ "{\"a\":[1]}", "/a/1", "/a/1: the array is shorter" },
		{ "{\"a\":[1]}", "/a/01", "/a/01: an array's element is" },
		{ "{\"a\":[1]}", "/a/-", "/a/-: an array's element is" },
		{ "{\"a\":1}", "/a/b", "/a/b: what it would be in is neither" },
		{ "{\"a\":1,\"\\u0061\":2}", "/a",
			"/a: this key stands there twice" },
		{ "{\"a/\":{}}", "/a~1/x", "/a~1/x: there is no such key" },
		{ "{}", "a", "\"a\" is not a JSON Pointer" },
		{ "{}", "/~2", "in a JSON Pointer only ~0" },
		{ "{}", "/~", "in a JSON Pointer only ~0" },
		{ "", "", "not JSON: line 1, byte 0: the text ends" },
		{ "\n{\"a\":1,\n}", "/a", "not JSON: line 3, byte 9: a key" },
		{ "[1] 2", "/0", "not JSON: line 1, byte 4: text behind" },
		{ "[1", "/0", "not JSON: line 1, byte 2: the text ends" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pointer_span span;
		struct err err;

		CU_ASSERT_FALSE(slice(cases[i].text, cases[i].pointer, &span,
			&err));
		CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
		if (strncmp(err.text, cases[i].want, strlen(cases[i].want)) !=
			0) {
			printf("\n  %s\n", err.text);
			CU_FAIL("another message");
		}
	}
}

static void steps_are_written_back(void)
{
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(pointer_add(&out, "a/b~", &err));
	CU_ASSERT_TRUE(pointer_add(&out, "", &err));
	CU_ASSERT_STRING_EQUAL(out.data, "/a~1b~0/");
	CU_ASSERT_EQUAL(pointer_index("0"), 0);
	CU_ASSERT_EQUAL(pointer_index("907"), 907);
	CU_ASSERT_EQUAL(pointer_index(""), SIZE_MAX);
	CU_ASSERT_EQUAL(pointer_index("00"), SIZE_MAX);
	CU_ASSERT_EQUAL(pointer_index("1x"), SIZE_MAX);
	CU_ASSERT_EQUAL(pointer_index("9999999999"), SIZE_MAX);
	buf_clear(&out);
}

static void steps_are_bounded(void)
{
	char text[2 * (POINTER_STEPS_MAX + 1) + 1];
	struct pointer_span span;
	struct err err;

	for (size_t i = 0; i <= POINTER_STEPS_MAX; i++)
		memcpy(text + 2 * i, "/a", 3);
	CU_ASSERT_FALSE(slice("{}", text, &span, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "more than 32 steps"));
}

CU_TestInfo pointer_tests[] = {
	{ "the examples of RFC 6901 come out", the_rfc_is_followed },
	{ "a value's own bytes are named", values_of_every_type_are_named },
	{ "what leads nowhere is said", what_leads_nowhere_is_said },
	{ "a step is written as it is read", steps_are_written_back },
	{ "a pointer has an end", steps_are_bounded },
	CU_TEST_INFO_NULL,
};
