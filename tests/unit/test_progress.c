/* test_progress.c - a line of progress fits whatever there is room for. */
#include "cli/progress.h"

#include <CUnit/CUnit.h>
#include <string.h>

static const struct progress_view half = {
	.name = "events_sample.json",
	.done = 500,
	.size = 1000,
	.records = 123456,
	.rate = 45678,
	.left_secs = 200,
};

static void check_line(const struct progress_view *view, size_t columns,
	const char *want)
{
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(progress_format(view, columns, false, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.data, want);
	buf_clear(&out);
}

static void what_matters_least_goes_first(void)
{
	static const struct {
		size_t columns;
		const char *want;
	} table[] = {
		{ 0, "events_sample.json  50 % 123456 records 45678/s "
		     "3 min 20 s left" },
		{ 100, "events_sample.json [===============>              ]  "
		       "50 % 123456 records 45678/s 3 min 20 s left" },
		{ 80, "events_sample.json [======>      ]  50 % 123456 records "
		      "45678/s 3 min 20 s left" },
		{ 60, "events_sample.json [====>   ]  50 % 45678/s 3 min 20 s "
		      "left" },
		{ 40, "[===>   ]  50 % 45678/s 3 min 20 s left" },
		{ 20, "[=====>     ]  50 %" },
		{ 15, "[===>  ]  50 %" },
		{ 10, " 50 %" },
		{ 1, " 50 %" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		check_line(&half, table[i].columns, table[i].want);
}

static void bytes_alone_need_no_records(void)
{
	struct progress_view view = half;

	view.records = -1;
	check_line(&view, 60, "events_sample.json [========>       ]  50 % "
		"3 min 20 s left");
}

static void every_width_is_kept(void)
{
	struct buf out = { 0 };
	struct err err = { 0 };

	for (size_t columns = 7; columns < 200; columns++) {
		buf_reset(&out);
		CU_ASSERT_TRUE_FATAL(progress_format(&half, columns, false,
			&out, &err));
		CU_ASSERT_TRUE(out.len < columns);
	}
	buf_clear(&out);
}

static void odd_numbers_make_no_odd_line(void)
{
	struct progress_view view = { .name = "a", .left_secs = -1 };

	check_line(&view, 30, "a [===============] 100 % 0/s");
	view = (struct progress_view){ .name = "a", .done = 2, .size = 1,
		.left_secs = 0 };
	check_line(&view, 0, "a 100 % 0 records 0/s 0 s left");
	view.done = -1;
	check_line(&view, 0, "a   0 % 0 records 0/s 0 s left");
	view = (struct progress_view){ .name = "a", .done = INT64_MAX / 2,
		.size = INT64_MAX, .left_secs = -1 };
	check_line(&view, 0, "a  50 % 0 records 0/s");
}

static void a_long_name_keeps_its_end(void)
{
	struct progress_view view = { .size = 1, .left_secs = -1,
		.name = "a_name_that_is_much_too_long_2024-02-29.json" };

	check_line(&view, 0, "too_long_2024-02-29.json   0 % 0 records 0/s");
	/* letters beyond ASCII count twice and are not cut in two */
	view.name = "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
		    "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
		    "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5.";
	check_line(&view, 0, "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
		"\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
		"\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5.   0 % 0 records 0/s");
}

static void colour_is_the_bar_s_alone(void)
{
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(progress_format(&half, 20, true, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.data,
		"[\033[32m=====>     \033[0m]  50 %");
	buf_clear(&out);
}

CU_TestInfo progress_tests[] = {
	{ "what matters least goes first", what_matters_least_goes_first },
	{ "bytes alone need no records", bytes_alone_need_no_records },
	{ "every width is kept", every_width_is_kept },
	{ "odd numbers make no odd line", odd_numbers_make_no_odd_line },
	{ "a long name keeps its end", a_long_name_keeps_its_end },
	{ "colour is the bar's alone", colour_is_the_bar_s_alone },
	CU_TEST_INFO_NULL,
};
