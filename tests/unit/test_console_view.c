/* test_console_view.c - the console fits into any terminal. */
#include "cli/console_section.h"
#include "cli/operate.h"

#include <CUnit/CUnit.h>
#include <locale.h>
#include <string.h>

static struct overview_source sources[] = {
	{ .name = (char[]){ "events/a.json" }, .size = 100, .bytes_done = 45,
		.records = -1, .records_sent = 70, .records_done = 31,
		.reading = true, .age_secs = 3 },
	{ .name = (char[]){ "events/b.json.gz" }, .size = -1,
		.records = -1, .records_sent = -1, .records_done = 7,
		.reading = true, .age_secs = 90 },
};
static struct overview_load loads[] = {
	{ .age_secs = 5, .records = 36, .ms = 102, .inserted = 35,
		.unchanged = 1 },
};
static const struct overview overview = {
	.asked = true, .at_us = INT64_C(1709294400000000),
	.lag_secs = 90, .queued = 12, .dead = 0, .has_broker = true,
	.database.reachable = true, .broker.reachable = true,
	.producer.ready = true, .producer.there = true,
	.consumer.err = { .kind = ERR_RETRY, .text = "nobody answers" },
	.counts = { 3, 111, 110, 108, 2, 0 }, .rejects = 2,
	.sources = sources, .source_count = 2,
	.loads = loads, .load_count = 1,
};

static struct console_history history;

static void draw(struct canvas *canvas, size_t rows, size_t columns,
	struct console_view *view)
{
	struct err err = { 0 };

	(void)setlocale(LC_CTYPE, "C.UTF-8");
	CU_ASSERT_TRUE_FATAL(canvas_make(canvas, rows, columns, &err));
	(void)console_draw(view, canvas);
}

static void check_row(const struct canvas *canvas, size_t row,
	const char *want)
{
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(canvas_text(canvas, row, &out, &err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(out.data);
	CU_ASSERT_NSTRING_EQUAL(out.data, want, strlen(want));
	buf_clear(&out);
}

static void what_there_is_is_shown(void)
{
	struct console_view view = { .overview = &overview,
		.history = &history };
	struct canvas canvas = { 0 };
	const struct rates rates = { 1, 20, 19.6, 0 };

	console_history_add(&history, &rates);
	draw(&canvas, 24, 80, &view);
	check_row(&canvas, 0, "Sluice  PostgreSQL ok  RabbitMQ ok  "
		"producer ready  consumer away       12:00:00");
	check_row(&canvas, 1, "consumer: nobody answers");
	check_row(&canvas, 2, "files          1.0/s         3");
	check_row(&canvas, 3, "published     20.0/s       111");
	check_row(&canvas, 6, "lag 1 min 30 s  queued 12  waiting 0  "
		"rejects 2");
	check_row(&canvas, 7, "under way 2 (committed, of, since, source) "
		"\u2500");
	check_row(&canvas, 8, "[====>     ]  45 %      31 sent      70"
		"         3 s events/a.json");
	check_row(&canvas, 9, "[>         ]   ? %       7 sent       -"
		"  1 min 30 s events/b.json.gz");
	check_row(&canvas, 10, "loads 1 (ago, records) ");
	check_row(&canvas, 11, "        5 s      36 in 102 ms: 35 inserted");
	check_row(&canvas, 12, "rejects none ");
	canvas_clear(&canvas);
}

static void what_nobody_can_tell_is_not_none(void)
{
	static const struct overview dead = { .lag_secs = -1, .queued = -1,
		.database.err = { .kind = ERR_RETRY, .text = "not there" },
		.counts.published = -1 };
	struct console_view view = { .overview = &dead,
		.history = &history };
	struct canvas canvas = { 0 };

	draw(&canvas, 20, 60, &view);
	check_row(&canvas, 0, "Sluice  PostgreSQL away");
	check_row(&canvas, 1, "PostgreSQL: not there");
	check_row(&canvas, 5, "lag not known  rejects -");
	check_row(&canvas, 6, "under way none");
	check_row(&canvas, 7, "loads not known");
	check_row(&canvas, 8, "rejects not known");
	canvas_clear(&canvas);
}

static void every_size_is_taken(void)
{
	struct canvas canvas = { 0 };

	for (size_t page = 0; page < CONSOLE_PAGES; page++)
		for (size_t rows = 0; rows < 30; rows++)
			for (size_t columns = 0; columns < 170; columns += 7) {
				struct console_view view = {
					.overview = &overview,
					.history = &history,
					.page = (enum console_page)page,
					.first = 9, .selected = 9,
				};

				draw(&canvas, rows, columns, &view);
			}
	canvas_clear(&canvas);
}

static void before_the_first_look_it_says_so(void)
{
	static const struct console_history none = {
		.now = { -1, -1, -1, -1 } };
	struct console_view view = { .history = &none };
	struct canvas canvas = { 0 };

	draw(&canvas, 10, 40, &view);
	check_row(&canvas, 0, "Sluice  looking ...");
	view.trouble = "events.yaml:3:1: unknown key";
	draw(&canvas, 10, 40, &view);
	check_row(&canvas, 1, "no figures: events.yaml:3:1: unknown key");
	canvas_clear(&canvas);
}

static void twenty_columns_say_the_main_thing(void)
{
	struct console_view view = { .overview = &overview,
		.history = &history, .prompt = "which? ", .typed = "17" };
	struct canvas canvas = { 0 };

	draw(&canvas, 10, 20, &view);
	check_row(&canvas, 0, "Sluice  consumer aw\u2026");
	check_row(&canvas, 9, "which? 17");
	draw(&canvas, 1, 20, &view);
	draw(&canvas, 10, 20, &view);
	CU_ASSERT_EQUAL(console_draw(&view, &canvas), 9);
	canvas_clear(&canvas);
}

static void lines_go_round(void)
{
	static const struct {
		size_t rows, wants[4], gives[4];
	} table[] = {
		{ 0, { 3, 3 }, { 0, 0 } },
		{ 1, { 3, 3 }, { 1, 0 } },
		{ 5, { 9, 1, 9 }, { 2, 1, 2 } },
		{ 9, { 2, 0, 30, 1 }, { 2, 0, 6, 1 } },
		{ 90, { 2, 0, 30, 1 }, { 2, 0, 30, 1 } },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		size_t gives[4];

		console_allot(table[i].rows, table[i].wants, 4, gives);
		for (size_t k = 0; k < 4; k++)
			CU_ASSERT_EQUAL(gives[k], table[i].gives[k]);
	}
}

static void the_rate_is_that_of_the_last_looks(void)
{
	struct console_history past = { 0 };

	for (int i = 0; i < CONSOLE_HISTORY + 7; i++) {
		const struct rates rates = { i, -1, 10, 0 };

		console_history_add(&past, &rates);
	}
	CU_ASSERT_EQUAL(past.count, CONSOLE_HISTORY);
	CU_ASSERT_DOUBLE_EQUAL(past.files[0], 7, 0);
	CU_ASSERT_DOUBLE_EQUAL(past.now.files, CONSOLE_HISTORY + 4, 1e-9);
	CU_ASSERT_DOUBLE_EQUAL(past.now.published, -1, 0);
	CU_ASSERT_DOUBLE_EQUAL(past.now.loaded, 10, 1e-9);
}

CU_TestInfo console_view_tests[] = {
	{ "what there is is shown", what_there_is_is_shown },
	{ "what nobody can tell is not none",
		what_nobody_can_tell_is_not_none },
	{ "every size is taken", every_size_is_taken },
	{ "before the first look it says so",
		before_the_first_look_it_says_so },
	{ "twenty columns say the main thing",
		twenty_columns_say_the_main_thing },
	{ "lines go round", lines_go_round },
	{ "the rate is that of the last looks",
		the_rate_is_that_of_the_last_looks },
	CU_TEST_INFO_NULL,
};
