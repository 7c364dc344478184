/* test_json.c - documents built, printed and read. */
#include "common/json.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <string.h>

static void check_print(struct json *root, bool pretty, const char *want)
{
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(json_print(root, pretty, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.data, want);
	buf_clear(&out);
	json_free(root);
}

static void documents_are_printed(void)
{
	struct json *root = json_object();
	struct json *list = json_put_array(root, "list");

	json_put_text(root, "text", "a\"b\n\x01");
	json_put_bool(root, "yes", true);
	json_put_null(root, "none");
	json_put_double(root, "half", 0.5);
	json_put_double(root, "nan", NAN);
	json_add_text(list, "x");
	json_put_int(json_add_object(list), "y", -1);
	(void)json_put_object(root, "empty");
	check_print(root, false,
		"{\"list\":[\"x\",{\"y\":-1}],\"text\":\"a\\\"b\\n\\u0001\","
		"\"yes\":true,\"none\":null,\"half\":0.5,\"nan\":null,"
		"\"empty\":{}}");
}

static void integers_keep_all_digits(void)
{
	struct json *root = json_object();

	json_put_int(root, "max", INT64_MAX);
	json_put_int(root, "min", INT64_MIN);
	json_put_int(root, "odd", 9007199254740993);
	CU_ASSERT_EQUAL(json_int(json_get(root, "odd"), 0), 9007199254740993);
	check_print(root, false,
		"{\"max\":9223372036854775807,\"min\":-9223372036854775808,"
		"\"odd\":9007199254740993}");
}

static void bad_bytes_become_replacements(void)
{
	struct json *root = json_array();

	json_add_text(root, "gr\xc3\xbc\xff\xc3");
	json_add_text(root, "");
	check_print(root, false,
		"[\"gr\xc3\xbc\xef\xbf\xbd\xef\xbf\xbd\",\"\"]");
}

static void pretty_is_indented(void)
{
	struct json *root = json_object();

	json_put_int(root, "a", 1);
	check_print(root, true, "{\n\t\"a\":\t1\n}");
}

/* A failed addition gives NULL, which may be used on: json_print tells. */
static void nothing_is_not_printed(void)
{
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_PTR_NULL(json_put_object(NULL, "a"));
	json_put_text(NULL, "a", "b");
	json_put_int(json_add_object(NULL), "a", 1);
	CU_ASSERT_FALSE(json_print(NULL, false, &out, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_STOP);
	buf_clear(&out);
}

static struct json *read_text(const char *text, struct err *err)
{
	return json_read(text, strlen(text), err);
}

static void documents_are_read(void)
{
	struct err err = { 0 };
	struct json *root = read_text(
		" {\"a\": [1, \"two\", 3.5, 1e300], \"B\": null}\n", &err);
	const struct json *list = json_get(root, "a");

	CU_ASSERT_PTR_NOT_NULL_FATAL(root);
	CU_ASSERT_EQUAL(json_size(list), 4);
	CU_ASSERT_EQUAL(json_int(json_at(list, 0), -1), 1);
	CU_ASSERT_STRING_EQUAL(json_text(json_at(list, 1)), "two");
	CU_ASSERT_EQUAL(json_int(json_at(list, 1), -1), -1);
	CU_ASSERT_EQUAL(json_int(json_at(list, 2), -1), -1);
	CU_ASSERT_EQUAL(json_int(json_at(list, 3), -1), -1);
	CU_ASSERT_PTR_NULL(json_text(json_at(list, 0)));
	CU_ASSERT_PTR_NULL(json_at(list, 4));
	CU_ASSERT_PTR_NULL(json_get(root, "b"));
	CU_ASSERT_PTR_NULL(json_get(NULL, "a"));
	CU_ASSERT_PTR_NULL(json_get(list, "a"));
	CU_ASSERT_EQUAL(json_size(root), 0);
	CU_ASSERT_EQUAL(json_int(NULL, 7), 7);
	json_free(root);
}

static void check_bad(const char *text)
{
	struct err err = { 0 };
	struct json *root = read_text(text, &err);

	CU_ASSERT_PTR_NULL(root);
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	json_free(root);
}

static void what_is_no_document_is_refused(void)
{
	check_bad("");
	check_bad("{");
	check_bad("{} {}");
	check_bad("[1,]");
	check_bad("<html>");
}

CU_TestInfo json_tests[] = {
	{ "documents are printed", documents_are_printed },
	{ "integers keep all digits", integers_keep_all_digits },
	{ "bad bytes become replacements", bad_bytes_become_replacements },
	{ "pretty is indented", pretty_is_indented },
	{ "nothing is not printed", nothing_is_not_printed },
	{ "documents are read", documents_are_read },
	{ "what is no document is refused", what_is_no_document_is_refused },
	CU_TEST_INFO_NULL,
};
