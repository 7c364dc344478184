/* test_cells.c - a screen in memory keeps its columns, whatever is put. */
#include "cli/cells.h"

#include <CUnit/CUnit.h>
#include <locale.h>
#include <string.h>

static void check_row(const struct canvas *canvas, size_t row,
	const char *want)
{
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(buf_add_str(&out, "", &err));
	CU_ASSERT_TRUE_FATAL(canvas_text(canvas, row, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.len > 0 ? out.data : "", want);
	buf_clear(&out);
}

static void make(struct canvas *canvas, size_t columns, bool ascii)
{
	struct err err = { 0 };

	*canvas = (struct canvas){ .ascii = ascii };
	CU_ASSERT_TRUE_FATAL(canvas_make(canvas, 1, columns, &err));
}

static void texts_are_cut_to_their_columns(void)
{
	static const struct {
		size_t width;
		bool ascii;
		const char *text, *want;
		size_t used;
	} table[] = {
		{ 10, false, "events", "events", 6 },
		{ 6, false, "events", "events", 6 },
		{ 5, false, "events", "even\u2026", 5 },
		{ 5, true, "events", "even~", 5 },
		{ 1, false, "events", "\u2026", 1 },
		{ 0, false, "events", "", 0 },
		/* two columns each: not half of one */
		{ 4, false, "\u65e5\u672c", "\u65e5\u672c", 4 },
		{ 3, false, "\u65e5\u672c", "\u65e5\u2026", 3 },
		{ 2, false, "\u65e5\u672c", "\u2026", 1 },
		/* marks belong to their letter; more than two do not */
		{ 9, false, "e\u0301x", "e\u0301x", 2 },
		{ 2, false, "e\u0301\u0302\u0303", "e\u0301\u0302\u2026", 2 },
		/* neither control characters nor directions nor nothing */
		{ 20, false, "a\x1b[31m", "a\\x1b[31m", 9 },
		{ 20, false, "a\tb\nc\rd", "a\\tb\\nc\\rd", 10 },
		{ 20, false, "\u202eabc", "\\u{202e}abc", 11 },
		{ 20, false, "\u200b", "\\u{200b}", 8 },
		{ 20, false, "\u0301", "\\u{301}", 7 },
		{ 20, false, "\xc2\x9b", "\\u{9b}", 6 },
		{ 20, false, "\xff\xc0\xaf", "\\xff\\xc0\\xaf", 12 },
		{ 5, false, "\xff\xff", "\\xff\u2026", 5 },
		{ 4, false, "\xff\xff", "\u2026", 1 },
		{ 20, true, "\u65e5x", "\\u{65e5}x", 9 },
	};

	(void)setlocale(LC_CTYPE, "C.UTF-8");
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct canvas canvas;

		make(&canvas, 30, table[i].ascii);
		CU_ASSERT_EQUAL(canvas_put(&canvas, 0, 0, table[i].width,
			STYLE_PLAIN, table[i].text), table[i].used);
		check_row(&canvas, 0, table[i].want);
		canvas_clear(&canvas);
	}
}

static void nothing_is_put_outside(void)
{
	struct canvas canvas;

	make(&canvas, 5, false);
	CU_ASSERT_EQUAL(canvas_put(&canvas, 0, 3, 90, STYLE_PLAIN, "abc"), 2);
	CU_ASSERT_EQUAL(canvas_put(&canvas, 0, 5, 9, STYLE_PLAIN, "abc"), 0);
	CU_ASSERT_EQUAL(canvas_put(&canvas, 1, 0, 9, STYLE_PLAIN, "abc"), 0);
	canvas_bar(&canvas, 1, 0, 9, STYLE_PLAIN, 50);
	canvas_fill(&canvas, 1, STYLE_REVERSE);
	check_row(&canvas, 0, "   a\u2026");
	canvas_clear(&canvas);
}

static void the_end_stands_at_the_right(void)
{
	struct canvas canvas;

	make(&canvas, 10, false);
	canvas_put_right(&canvas, 0, 0, 6, STYLE_PLAIN, "12");
	canvas_put_right(&canvas, 0, 6, 4, STYLE_PLAIN, "123456");
	check_row(&canvas, 0, "    12123\u2026");
	canvas_clear(&canvas);
}

static void bars_fill_with_the_percentage(void)
{
	static const struct {
		size_t width;
		int percent;
		const char *want;
	} table[] = {
		{ 12, 0, "[>         ]" },   { 12, 50, "[=====>    ]" },
		{ 12, 99, "[=========>]" },  { 12, 100, "[==========]" },
		{ 12, 250, "[==========]" }, { 12, -4, "[>         ]" },
		{ 3, 50, "[>]" },	     { 2, 50, "" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct canvas canvas;

		make(&canvas, 20, false);
		canvas_bar(&canvas, 0, 0, table[i].width, STYLE_PLAIN,
			table[i].percent);
		check_row(&canvas, 0, table[i].want);
		canvas_clear(&canvas);
	}
}

static void sparks_rise_to_the_greatest(void)
{
	static const double values[] = { 100, 0, 1, 4, 8, -1 };
	struct canvas canvas;

	make(&canvas, 8, false);
	canvas_spark(&canvas, 0, 0, 5, STYLE_PLAIN, values, 6);
	check_row(&canvas, 0, " \u2582\u2585\u2588");
	canvas_clear(&canvas);
	make(&canvas, 8, true);
	canvas_spark(&canvas, 0, 0, 8, STYLE_PLAIN, values, 6);
	check_row(&canvas, 0, "  # ..:");
	canvas_clear(&canvas);
}

CU_TestInfo cells_tests[] = {
	{ "texts are cut to their columns", texts_are_cut_to_their_columns },
	{ "nothing is put outside", nothing_is_put_outside },
	{ "the end stands at the right", the_end_stands_at_the_right },
	{ "bars fill with the percentage", bars_fill_with_the_percentage },
	{ "sparks rise to the greatest", sparks_rise_to_the_greatest },
	CU_TEST_INFO_NULL,
};
