/* test_object_name.c - which names are safe, and what they say. */
#include "common/object_name.h"

#include <CUnit/CUnit.h>
#include <string.h>

#define DROP "a85ad485-a1f4-45bf-b958-dbf42efa17b8"

static void check_name(const char *text, const char *fault)
{
	struct err err = { 0 };
	const bool ok = object_name_check(text, &err);

	CU_ASSERT_EQUAL(ok, fault == NULL);
	if (fault != NULL) {
		CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, fault));
	}
}

static void odd_names_are_taken(void)
{
	check_name("a", NULL);
	check_name("a b/c+d%2F?&=#/\xc3\xa4\xe2\x82\xac", NULL);
	check_name("a/...b", "begins with a dot");
	check_name("'\"\\<>|*", NULL);
	check_name("x.zstd", NULL);
}

static void names_that_lead_astray_are_refused(void)
{
	char text[OBJECT_NAME_MAX + 2];

	check_name("", "empty");
	check_name("/a", "empty");
	check_name("a//b", "empty");
	check_name("a/", "empty");
	check_name("../a", "a dot");
	check_name("a/..", "a dot");
	check_name("a/./b", "a dot");
	check_name(".hidden", "a dot");
	check_name("a\nb", "control");
	check_name("a\x7f", "control");
	check_name("a\xff", "UTF-8");
	check_name("a\xc0\xaf" "b", "UTF-8");
	check_name("1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g", NULL);
	check_name("1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h", "too many parts");
	check_name("a.zst", "ending");
	check_name("a.http", "ending");
	check_name("a.file", "ending");
	memset(text, 'a', sizeof(text));
	text[OBJECT_PART_MAX] = '\0';
	check_name(text, NULL);
	text[OBJECT_PART_MAX] = 'a';
	text[OBJECT_PART_MAX + 1] = '\0';
	check_name(text, "too long");
	memset(text, 'a', sizeof(text));
	for (size_t i = 100; i < sizeof(text); i += 100)
		text[i] = '/';
	text[OBJECT_NAME_MAX - 1] = 'b';
	text[OBJECT_NAME_MAX] = '\0';
	check_name(text, NULL);
	text[OBJECT_NAME_MAX] = 'b';
	text[OBJECT_NAME_MAX + 1] = '\0';
	check_name(text, "too long");
}

static void check_there_and_back(const char *ext, const char *want)
{
	struct object_name name = { .pipeline = "github", .endpoint = "issues",
		.time_us = 1764930630999999 }, again;
	struct buf text = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(uuid_parse(DROP, strlen(DROP), &name.drop));
	strncpy(name.ext, ext, sizeof(name.ext) - 1);
	CU_ASSERT_TRUE_FATAL(object_name_format(&name, &text, &err));
	CU_ASSERT_STRING_EQUAL(text.data, want);
	CU_ASSERT_TRUE_FATAL(object_name_parse(text.data, &again));
	CU_ASSERT_STRING_EQUAL(again.pipeline, "github");
	CU_ASSERT_STRING_EQUAL(again.endpoint, "issues");
	CU_ASSERT_STRING_EQUAL(again.ext, ext);
	CU_ASSERT_EQUAL(again.time_us, 1764930630000000);
	CU_ASSERT_TRUE(uuid_equal(&again.drop, &name.drop));
	buf_clear(&text);
}

static void names_say_whose_and_when(void)
{
	check_there_and_back("json",
		"github/issues/2025-12-05/103030-" DROP ".json");
	check_there_and_back("csv.gz",
		"github/issues/2025-12-05/103030-" DROP ".csv.gz");
	check_there_and_back("", "github/issues/2025-12-05/103030-" DROP);
}

static void foreign_names_say_nothing(void)
{
	static const char *const names[] = { "", "a", "a/b/c/d",
		"a/b/2025-12-05/103030-" DROP "x",
		"a/b/2025-12-05/103030-" DROP ".",
		"a/b/2025-12-05/103030-" DROP ".a/b",
		"a/b/2025-13-05/103030-" DROP ".json",
		"a/b/2025-12-05/253030-" DROP ".json",
		"a/b/2025-12-05/10303-" DROP ".json",
		"a/b/2025-12-05/103030-" "a85ad485" ".json",
		"a/b/c/2025-12-05/103030-" DROP ".json",
		"a/b/2025-12-05/103030-" DROP ".http" };
	struct object_name name;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CU_ASSERT_FALSE(object_name_parse(names[i], &name));
}

static void an_unsafe_part_makes_no_name(void)
{
	struct object_name name = { .pipeline = "..", .endpoint = "issues" };
	struct buf text = { 0 };
	struct err err = { 0 };

	CU_ASSERT_FALSE(object_name_format(&name, &text, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	buf_clear(&text);
}

CU_TestInfo object_name_tests[] = {
	{ "odd names are taken", odd_names_are_taken },
	{ "names that lead astray are refused",
		names_that_lead_astray_are_refused },
	{ "names say whose and when", names_say_whose_and_when },
	{ "foreign names say nothing", foreign_names_say_nothing },
	{ "an unsafe part makes no name", an_unsafe_part_makes_no_name },
	CU_TEST_INFO_NULL,
};
