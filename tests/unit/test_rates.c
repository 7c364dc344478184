/* test_rates.c - two looks make rates. */
#include "cli/rates.h"

#include <CUnit/CUnit.h>
#include <string.h>

static void counts_that_grow_give_rates(void)
{
	const struct overview_counts before = { .files = 1, .published = 100,
		.loaded = 50, .rejected = 7 };
	const struct overview_counts after = { .files = 2, .published = 300,
		.loaded = 50, .rejected = 3 };
	const struct rates rates = rates_between(&before, &after, 2000000);

	CU_ASSERT_DOUBLE_EQUAL(rates.files, 0.5, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(rates.published, 100, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(rates.loaded, 0, 0);
	CU_ASSERT_DOUBLE_EQUAL(rates.rejected, 0, 0); /* replayed ones */
}

static void no_time_gives_none(void)
{
	const struct overview_counts before = { .files = 1 };
	const struct overview_counts after = { .files = 2 };

	CU_ASSERT_DOUBLE_EQUAL(rates_between(&before, &after, 0).files, 0, 0);
	CU_ASSERT_DOUBLE_EQUAL(rates_between(&before, &after, -5).files, 0, 0);
}

static void what_is_not_known_has_no_rate(void)
{
	const struct overview_counts none = { .published = -1 };
	const struct overview_counts some = { .published = 9 };
	const struct overview asked = { .asked = true, .at_us = 1000000 };
	const struct overview dead = { .at_us = 2000000 };

	CU_ASSERT_DOUBLE_EQUAL(rates_between(&none, &some, 1).published, -1, 0);
	CU_ASSERT_DOUBLE_EQUAL(rates_between(&some, &none, 1).published, -1, 0);
	CU_ASSERT_DOUBLE_EQUAL(rates_overview(&asked, &dead).loaded, -1, 0);
	CU_ASSERT_DOUBLE_EQUAL(rates_overview(&dead, &asked).loaded, -1, 0);
}

static void numbers_stay_short(void)
{
	static const struct {
		double rate;
		const char *want;
	} table[] = {
		{ -1, "-" }, { 0, "0" }, { 0.04, "0.0" }, { 12.34, "12.3" },
		{ 99.94, "99.9" }, { 99.96, "100" }, { 45678.4, "45678" },
		{ 999999, "999999" }, { 1234567, "1.2M" }, { 2.5e9, "2.5G" },
		{ 9e18, "9.0E" },
	};
	char text[RATES_TEXT];

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		CU_ASSERT_STRING_EQUAL(rates_text(table[i].rate, text),
			table[i].want);
}

CU_TestInfo rates_tests[] = {
	{ "counts that grow give rates", counts_that_grow_give_rates },
	{ "no time gives none", no_time_gives_none },
	{ "what is not known has no rate", what_is_not_known_has_no_rate },
	{ "numbers stay short", numbers_stay_short },
	CU_TEST_INFO_NULL,
};
