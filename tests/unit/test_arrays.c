/* test_arrays.c - columns of values as PostgreSQL arrays in text. */
#include "consumer/arrays.h"

#include <CUnit/CUnit.h>

static void an_array_is_complete_after_each_value(void)
{
	struct buf array = { 0 };
	struct err err = { 0 };
	struct uuid uuid = { .bytes = { 0xab, [15] = 1 } };

	CU_ASSERT_STRING_EQUAL(array_text(&array), "{}");
	CU_ASSERT_TRUE(array_add_int(&array, INT64_MIN, &err));
	CU_ASSERT_STRING_EQUAL(array_text(&array), "{-9223372036854775808}");
	CU_ASSERT_TRUE(array_add_uint(&array, UINT64_MAX, &err));
	CU_ASSERT_TRUE(array_add_null(&array, &err));
	CU_ASSERT_TRUE(array_add_text(&array, "a\"b", &err));
	CU_ASSERT_TRUE(array_add_uuid(&array, &uuid, &err));
	CU_ASSERT_STRING_EQUAL(array_text(&array),
		"{-9223372036854775808,18446744073709551615,NULL,\"a\\\"b\","
		"ab000000-0000-0000-0000-000000000001}");
	arrays_clear(&array, 1);
	CU_ASSERT_STRING_EQUAL(array_text(&array), "{}");
}

static void any_bytes_become_text(void)
{
	struct buf array = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(array_add_escaped(&array, "a\0\xff\n", 4, &err));
	CU_ASSERT_STRING_EQUAL(array_text(&array),
		"{\"a\\\\x00\\\\xff\\\\n\"}");
	CU_ASSERT_TRUE(array_add_escaped(&array, "", 0, &err));
	CU_ASSERT_STRING_EQUAL(array_text(&array),
		"{\"a\\\\x00\\\\xff\\\\n\",\"\"}");
	buf_clear(&array);
}

CU_TestInfo arrays_tests[] = {
	{ "an array is complete after each value",
		an_array_is_complete_after_each_value },
	{ "any bytes become text", any_bytes_become_text },
	CU_TEST_INFO_NULL,
};
