/* test_cron.c - five fields that say when, clock changes included. */
#include "common/cron.h"

#include "common/datetime.h"

#include <CUnit/CUnit.h>
#include <string.h>

#define Y2000 INT64_C(946684800)

static int64_t at(const char *text)
{
	int64_t us = 0;

	CU_ASSERT_TRUE_FATAL(datetime_time(text, strlen(text), true, &us));
	return us / 1000000 + Y2000;
}

static void check(const char *text, const char *where, const char *after,
	const char *want)
{
	struct cron cron;
	struct err err = { 0 };
	struct zone *zone = zone_open(where, &err);
	int64_t next = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(zone);
	CU_ASSERT_TRUE_FATAL(cron_parse(text, &cron, &err));
	CU_ASSERT_TRUE(cron_next(&cron, zone, at(after), &next));
	CU_ASSERT_EQUAL(next, at(want));
	zone_free(zone);
}

static void times_are_found(void)
{
	check("*/15 * * * *", "UTC", "2026-11-22T10:00:00Z",
		"2026-11-22T10:15:00Z");
	check("0 6 * * *", "UTC", "2026-11-22T06:00:00Z",
		"2026-11-23T06:00:00Z");
	check("0 6 * * *", "UTC", "2026-11-22T05:59:59Z",
		"2026-11-22T06:00:00Z");
	check("30 8-18/5 * * mon-fri", "UTC", "2026-11-20T18:30:00Z",
		"2026-11-23T08:30:00Z");
	check("0 0 1,15 * *", "UTC", "2026-11-15T00:00:00Z",
		"2026-12-01T00:00:00Z");
	check("0 0 29 feb *", "UTC", "2026-11-22T00:00:00Z",
		"2028-02-29T00:00:00Z");
	check("0 0 13 * 5", "UTC", "2026-11-21T00:00:00Z",
		"2026-11-27T00:00:00Z"); /* a Friday suffices */
	check("0 0 * * 7", "UTC", "2026-11-22T01:00:00Z",
		"2026-11-29T00:00:00Z");
}

static void zones_count(void)
{
	check("0 6 * * *", "Europe/Berlin", "2026-11-22T10:00:00Z",
		"2026-11-23T05:00:00Z");
	check("0 6 * * *", "Europe/Berlin", "2026-07-01T10:00:00Z",
		"2026-07-02T04:00:00Z");
	check("30 9 * * *", "Asia/Kolkata", "2026-07-01T10:00:00Z",
		"2026-07-02T04:00:00Z");
}

/* Europe/Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC. */
static void a_time_that_is_left_out_comes_at_the_change(void)
{
	check("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
		"2026-03-29T01:00:00Z");
	check("30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z",
		"2026-03-30T00:30:00Z");
	check("30 1 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z",
		"2026-03-29T00:30:00Z");
	check("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z",
		"2026-03-29T01:00:00Z");
}

/* Europe/Berlin, 25 October 2026: 03:00 becomes 02:00 at 01:00 UTC. */
static void a_time_that_comes_twice_counts_once(void)
{
	check("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z",
		"2026-10-25T00:30:00Z");
	check("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z",
		"2026-10-26T01:30:00Z");
	check("30 * * * *", "Europe/Berlin", "2026-10-25T00:30:00Z",
		"2026-10-25T01:30:00Z");
}

static void nonsense_is_refused(void)
{
	static const char *const bad[] = { "", "* * * *", "* * * * * *",
		"60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *",
		"* * * * 8", "*/0 * * * *", "5-1 * * * *", "a * * * *",
		"1, * * * *", "1-- * * * *", "* * * * monday", "-1 * * * *" };
	struct cron cron;
	struct err err = { 0 };
	int64_t next;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CU_ASSERT_FALSE(cron_parse(bad[i], &cron, &err));
	CU_ASSERT_TRUE(cron_parse("0 0 30 2 *", &cron, &err));
	CU_ASSERT_FALSE(cron_next(&cron, NULL, 0, &next));
	CU_ASSERT_PTR_NULL(zone_open("Europe/Atlantis", &err));
	CU_ASSERT_PTR_NULL(zone_open("../../../etc/passwd", &err));
	CU_ASSERT_PTR_NULL(zone_read("TZif2", 5, "cut", &err));
}

CU_TestInfo cron_tests[] = {
	{ "times are found", times_are_found },
	{ "zones count", zones_count },
	{ "a time that is left out comes at the change",
		a_time_that_is_left_out_comes_at_the_change },
	{ "a time that comes twice counts once",
		a_time_that_comes_twice_counts_once },
	{ "nonsense is refused", nonsense_is_refused },
	CU_TEST_INFO_NULL,
};
