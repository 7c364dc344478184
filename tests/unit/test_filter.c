/* test_filter.c - which rows a load of some days is about. */
#include "consumer/filter.h"

#include <CUnit/CUnit.h>
#include <stddef.h>

#define DAY ((int64_t)86400 * 1000000)

static struct dataset dated = { .date = 1 };
static struct dataset undated = { .date = COLUMN_NONE };

static bool takes(const struct dataset *dataset, enum column_type type,
	bool null, int64_t value)
{
	static const struct date_filter filter = { 10, 12 };
	const struct cell cells[] = {
		{ .type = COLUMN_INTEGER, .v.i = 0 },
		{ .type = type, .null = null, .v.i = value },
	};

	return date_filter_takes(&filter, dataset, cells);
}

static void days_are_half_open(void)
{
	CU_ASSERT_FALSE(takes(&dated, COLUMN_TIMESTAMP, false, 10 * DAY - 1));
	CU_ASSERT_TRUE(takes(&dated, COLUMN_TIMESTAMP, false, 10 * DAY));
	CU_ASSERT_TRUE(takes(&dated, COLUMN_TIMESTAMPTZ, false, 12 * DAY - 1));
	CU_ASSERT_FALSE(takes(&dated, COLUMN_TIMESTAMPTZ, false, 12 * DAY));
	CU_ASSERT_FALSE(takes(&dated, COLUMN_DATE, false, 9));
	CU_ASSERT_TRUE(takes(&dated, COLUMN_DATE, false, 10));
	CU_ASSERT_TRUE(takes(&dated, COLUMN_DATE, false, 11));
	CU_ASSERT_FALSE(takes(&dated, COLUMN_DATE, false, 12));
}

static void no_date_is_no_day(void)
{
	CU_ASSERT_FALSE(takes(&dated, COLUMN_DATE, true, 10));
	CU_ASSERT_TRUE(takes(&undated, COLUMN_DATE, true, 0));
	CU_ASSERT_TRUE(date_filter_takes(NULL, &dated, NULL));
}

CU_TestInfo filter_tests[] = {
	{ "days are half open", days_are_half_open },
	{ "a row without a date is on no day; without the column on all",
		no_date_is_no_day },
	CU_TEST_INFO_NULL,
};
