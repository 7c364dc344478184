/* test_within.c - records that stand inside of a file's value. */
#include "tests/unit/reader_check.h"

static void check(const char *pointer, const char *text, const char *want)
{
	struct reader_limits limits = { .chunk_records = 500,
		.chunk_bytes = 131072, .max_record_bytes = 40 };

	(void)snprintf(limits.records, sizeof(limits.records), "%s", pointer);
	check_len(text, strlen(text), &limits, want);
	limits.chunk_records = 1;
	check_holds(text, strlen(text), &limits);
}

struct example {
	const char *pointer;
	const char *text;
	const char *want;
};

static void check_all(const struct example *examples, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(examples[i].pointer, examples[i].text, examples[i].want);
}

#define CHECK_ALL(examples) \
	check_all(examples, sizeof(examples) / sizeof(*(examples)))

static void records_are_found(void)
{
	static const struct example examples[] = {
		{ "/a", "{\"a\":[{},{\"b\":1}]}", "0-16:{}|{\"b\":1}| pointer" },
		{ "/a", " {\n\"x\" : [1, {}],\n \"a\" : [ {} ] , \"y\":\"]}\" }\n",
			"0-29:{}| pointer" },
		{ "/a", "\xef\xbb\xbf{\"a\":[{}]}", "0-11:{}| pointer" },
		{ "/a", "{\"a\":[]}", "pointer" },
		{ "/a", "{\"a\":null,\"b\":{}}", "pointer" },
		{ "/a", "{\"a\":{\"b\":{}}}", "0-13:{\"b\":{}}| pointer" },
		{ "/a/b", "{\"a\":{\"b\":[{}],\"c\":2},\"d\":[]}",
			"0-13:{}| pointer" },
		{ "/1", "[{\"page\":1},[{},{}],3]", "0-18:{}|{}| pointer" },
		{ "/0/a/2", "[{\"a\":[1,2,[{}]]}]", "0-14:{}| pointer" },
		{ "/0", "{\"0\":[{}]}", "0-8:{}| pointer" },
		{ "/a~1b", "{\"a\\/b\":[{}]}", "0-11:{}| pointer" },
		{ "/\xc3\xa4", "{\"\\u00e4\":[{}]}", "0-13:{}| pointer" },
		{ "/a", "{\"a\":[{}]}\n{\"b\":1,\"a\":[{},{}]}\n{\"a\":null}",
			"0-28:{}|{}|{}| pointer" },
		{ "/a", "{\"a\":[{}]}{\"a\":{\"c\":1}}",
			"0-22:{}|{\"c\":1}| pointer" },
		{ "/a", "{\"long\":[\"0123456789012345678901234567890123\\\"]\"],"
			"\"a\":[{}]}", "0-57:{}| pointer" },
		{ "/a", "", "blank" },
		{ "/a", " \n ", "blank" },
	};

	CHECK_ALL(examples);
}

static void bad_elements_cost_themselves(void)
{
	static const struct example examples[] = {
		{ "/a", "{\"a\":[{},3,{\"b\":tru},{}],\"c\":1}",
			"0-8:{}| 8-10!not_object@1:10<3> "
			"10-20!json_syntax@1:20<{\"b\":tru}> 20-23:{}| pointer" },
		{ "/a", "{\"a\":[{},]}",
			"0-8:{}| 8-10!json_syntax@1:10<]> pointer" },
		{ "/a", "{\"a\":7,\"b\":1}", "0-6!not_object@1:6<7> pointer" },
		{ "/a", "{\"a\":\"x\"}", "0-8!not_object@1:6<\"x\"> pointer" },
		{ "/a", "{\"a\":[[{}]]}", "0-10!not_object@1:7<[{}]> pointer" },
		{ "/a", "{\"a\":[{\"x\":\"012345678901234567890123456789012345\"}"
			",{}]}", "0-50!record_too_long@1:7<{\"x\":\""
			"012345678901234567890123456789012345\"}> "
			"50-53:{}| pointer" },
	};

	CHECK_ALL(examples);
}

static void what_is_not_there_is_refused(void)
{
	static const struct example examples[] = {
		{ "/a", "{}", "0-2!no_records@1:2<}> pointer failed" },
		{ "/a", "{\"error\":\"no\"}",
			"0-14!no_records@1:14<}> pointer failed" },
		{ "/a", "[{}]", "0-4!no_records@1:1<[{}]> pointer failed" },
		{ "/a", "{\"b\":{\"a\":[{}]}}",
			"0-16!no_records@1:16<}> pointer failed" },
		{ "/a/b", "{\"a\":null}",
			"0-10!no_records@1:6<null}> pointer failed" },
		{ "/a/b", "{\"a\":[{}]}",
			"0-10!no_records@1:6<[{}]}> pointer failed" },
		{ "/2", "[1,[{}]]", "0-8!no_records@1:8<]> pointer failed" },
		{ "/0", "[]", "0-2!no_records@1:2<]> pointer failed" },
		{ "/01", "[1,[{}]]",
			"0-8!no_records@1:1<[1,[{}]]> pointer failed" },
		{ "/a", "{\"a\":[{}]}{\"b\":1}",
			"0-8:{}| 8-17!no_records@1:17<}> pointer failed" },
		{ "/a", "<html>", "0-6!no_records@1:1<<html>> pointer failed" },
		{ "/a", "{\"a\":[{}],\"a\":[{}]}",
			"0-8:{}| 8-19!duplicate_key@1:15<[{}]}> "
			"pointer failed" },
		{ "/a/b", "{\"a\":{\"b\":[{}]},\"\\u0061\":1}",
			"0-13:{}| 13-27!duplicate_key@1:26<1}> "
			"pointer failed" },
	};

	CHECK_ALL(examples);
}

static void what_stands_around_is_read_strictly(void)
{
	static const struct example examples[] = {
		{ "/a", "{a:[{}]}", "0-8!json_syntax@1:2<a:[{}]}> pointer failed" },
		{ "/a", "{\"b\" 1}", "0-7!json_syntax@1:6<1}> pointer failed" },
		{ "/a", "{\"b\":1 \"a\":[{}]}",
			"0-16!json_syntax@1:8<\"a\":[{}]}> pointer failed" },
		{ "/a", "{\"b\":01,\"a\":[{}]}",
			"0-17!json_syntax@1:7<01,\"a\":[{}]}> pointer failed" },
		{ "/a", "{\"b\":nul,\"a\":[{}]}",
			"0-18!json_syntax@1:9<nul,\"a\":[{}]}> pointer failed" },
		{ "/a", "{,\"a\":[{}]}",
			"0-11!json_syntax@1:2<,\"a\":[{}]}> pointer failed" },
		{ "/a", "{\"a\":[{}],}",
			"0-8:{}| 8-11!json_syntax@1:11<}> pointer failed" },
		{ "/a", "{\"a\":[{}]]",
			"0-8:{}| 8-10!json_syntax@1:10<]> pointer failed" },
		{ "/a", "{\"a\":[{}]} x",
			"0-8:{}| 8-12!no_records@1:12<x> pointer failed" },
		{ "/a", "{\"a\":[{}] {}}",
			"0-8:{}| 8-13!json_syntax@1:11<{}}> pointer failed" },
		{ "/1", "[0,[{}]}",
			"0-6:{}| 6-8!json_syntax@1:8<}> pointer failed" },
		{ "/a", "{\"a\":nix}",
			"0-9!json_syntax@1:7<nix}> pointer failed" },
		{ "/a", "{\"a\":tru}",
			"0-9!json_syntax@1:9<tru}> pointer failed" },
	};

	CHECK_ALL(examples);
}

/* Of whatever length is there, no record is taken that may be half of one, and
 * what breaks off is said. */
static void files_that_break_off_are_noticed(void)
{
	static const char text[] =
		"{\"x\":[\"\\\"]\",{}],\"a\":{\"b\":[{\"k\":1},{\"k\":2}],"
		"\"c\":true},\"d\":12}";
	struct reader_limits limits = { .chunk_records = 1,
		.chunk_bytes = 1000, .max_record_bytes = 100,
		.records = "/a/b" };

	for (size_t len = 1; len < sizeof(text) - 1; len++) {
		struct buf shown = { 0 };

		read_all(text, len, &limits, &shown);
		CU_ASSERT_PTR_NOT_NULL(strstr(shown.data, "pointer failed"));
		CU_ASSERT_PTR_NOT_NULL(strstr(shown.data, "!truncated@"));
		CU_ASSERT_EQUAL(strstr(shown.data, ":{\"k\":1}|") != NULL,
			len > 33);
		CU_ASSERT_EQUAL(strstr(shown.data, ":{\"k\":2}|") != NULL,
			len > 41);
		buf_clear(&shown);
		check_holds(text, len, &limits);
	}
	check_len(text, sizeof(text) - 1, &limits,
		"0-33:{\"k\":1}| 33-41:{\"k\":2}| pointer");
}

CU_TestInfo within_tests[] = {
	{ "records are found", records_are_found },
	{ "bad elements cost themselves", bad_elements_cost_themselves },
	{ "what is not there is refused", what_is_not_there_is_refused },
	{ "what stands around is read strictly",
		what_stands_around_is_read_strictly },
	{ "files that break off are noticed",
		files_that_break_off_are_noticed },
	CU_TEST_INFO_NULL,
};
