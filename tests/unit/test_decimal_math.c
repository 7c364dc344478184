/* test_decimal_math.c - decimals are written, compared and added exactly. */
#include "common/decimal_math.h"

#include <CUnit/CUnit.h>
#include <string.h>

static struct decimal number(const char *text)
{
	struct decimal out;

	CU_ASSERT_TRUE_FATAL(decimal_parse(text, strlen(text), &out));
	return out;
}

static void check_text(const char *from, bool stripped, const char *want)
{
	const struct decimal given = number(from);
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(decimal_text(&given, stripped, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.data, want);
	buf_clear(&out);
}

static void check_sum(const char *a, const char *b, bool subtract,
	const char *want)
{
	const struct decimal left = number(a), right = number(b);
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(decimal_add(&left, &right, subtract, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.data, want);
	buf_clear(&out);
}

static void written_as_postgres_does(void)
{
	check_text("1.50", false, "1.50");
	check_text("1.50", true, "1.5");
	check_text("1e3", false, "1000");
	check_text("1.5e-3", false, "0.0015");
	check_text("120", true, "120");
	check_text("-0.0", false, "0.0");
	check_text("-0.0", true, "0");
	check_text("-12.05e1", false, "-120.5");
	check_text("0.00", true, "0");
}

static void compared_by_value(void)
{
	static const char *const ascending[] = { "-1e20", "-2", "-1.5", "-1e-9",
		"0", "1e-9", "0.1", "1", "9.99", "10", "1e20" };
	const size_t count = sizeof(ascending) / sizeof(*ascending);
	const struct decimal one = number("1"), same = number("1.000"),
			     zero = number("0"), minus = number("-0.0");

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < count; k++) {
			const struct decimal a = number(ascending[i]);
			const struct decimal b = number(ascending[k]);
			const int order = decimal_compare(&a, &b);

			CU_ASSERT_EQUAL((order > 0) - (order < 0),
				(i > k) - (i < k));
		}
	CU_ASSERT_EQUAL(decimal_compare(&one, &same), 0);
	CU_ASSERT_EQUAL(decimal_compare(&zero, &minus), 0);
}

static void added_exactly(void)
{
	check_sum("0.1", "0.2", false, "0.3");
	check_sum("1.50", "-1.5", false, "0.00");
	check_sum("-1", "0.25", false, "-0.75");
	check_sum("99999999999999999999.99", "0.01", false,
		"100000000000000000000.00");
	check_sum("1", "1e-9", true, "0.999999999");
	check_sum("0", "5", true, "-5");
	check_sum("0", "0.50", true, "-0.50");
	check_sum("-2", "-3", true, "1");
	check_sum("2", "3", true, "-1");
	check_sum("0", "-7", false, "-7");
	check_sum("-7", "0", false, "-7");
	check_sum("1e3", "1", false, "1001");
}

CU_TestInfo decimal_math_tests[] = {
	{ "written as PostgreSQL does", written_as_postgres_does },
	{ "compared by value", compared_by_value },
	{ "added exactly", added_exactly },
	CU_TEST_INFO_NULL,
};
