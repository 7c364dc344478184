/* test_units.c - amounts with units. */
#include "common/units.h"

#include <CUnit/CUnit.h>

static void check(const char *text, enum unit unit, int64_t want,
	const char *shown)
{
	struct buf b = { 0 };
	struct err err = { 0 };
	int64_t value = -1;

	CU_ASSERT_TRUE(units_parse(text, unit, &value));
	CU_ASSERT_EQUAL(value, want);
	CU_ASSERT_TRUE(units_format(value, unit, &b, &err));
	CU_ASSERT_STRING_EQUAL(b.data, shown);
	buf_clear(&b);
}

static void amounts_are_read_and_shown(void)
{
	check("16 MiB", UNIT_BYTES, 16777216, "16 MiB");
	check("16MiB", UNIT_BYTES, 16777216, "16 MiB");
	check("131072", UNIT_BYTES, 131072, "128 KiB");
	check("1000", UNIT_BYTES, 1000, "1000 B");
	check("0", UNIT_BYTES, 0, "0 B");
	check("64GiB", UNIT_BYTES, 68719476736, "64 GiB");
	check("5s", UNIT_MS, 5000, "5 s");
	check("250ms", UNIT_MS, 250, "250 ms");
	check("5 min", UNIT_MS, 300000, "5 min");
	check("15m", UNIT_SECS, 900, "15 min");
	check("90", UNIT_SECS, 90, "90 s");
	check("2 d", UNIT_SECS, 172800, "2 d");
	check("9223372036854775807", UNIT_COUNT, INT64_MAX,
		"9223372036854775807");
}

static void nonsense_is_refused(void)
{
	static const char *const bad[] = { "", " ", "-1", "+1", "1.5", "1 ",
		"1  s", "s", "1 S", "1 ms", "1s s", "1e3", "0x10",
		"9223372036854775808", "9223372036854775807 d" };
	int64_t value;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_FALSE(units_parse(bad[i], UNIT_SECS, &value));
	CU_ASSERT_FALSE(units_parse("1 s", UNIT_COUNT, &value));
	CU_ASSERT_FALSE(units_parse("1 MB", UNIT_BYTES, &value));
}

CU_TestInfo units_tests[] = {
	{ "amounts are read and shown", amounts_are_read_and_shown },
	{ "nonsense is refused", nonsense_is_refused },
	CU_TEST_INFO_NULL,
};
