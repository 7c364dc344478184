/* test_sheet.c - rows as CSV, JSON and HTML. */
#include "consumer/sheet.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#define CELL(text) { (text), sizeof(text) - 1 }
#define NULL_CELL { NULL, 0 }

struct page {
	char *text;
	size_t len;
	struct sheet sheet;
	FILE *file;
};

static void begin(struct page *page, const struct pipeline_report *report,
	const char *const *names, size_t count)
{
	struct err err = { 0 };

	*page = (struct page){ .text = NULL };
	page->file = open_memstream(&page->text, &page->len);
	CU_ASSERT_PTR_NOT_NULL_FATAL(page->file);
	CU_ASSERT_TRUE_FATAL(sheet_begin(&page->sheet, report, page->file,
		names, count, &err));
}

static void end(struct page *page)
{
	sheet_end(&page->sheet, page->sheet.rows);
	sheet_clear(&page->sheet);
	(void)fclose(page->file);
}

static const struct {
	struct sheet_cell cells[2];
	const char *want;
} csv_rows[] = {
	{ { CELL("a"), CELL("b") }, "a,b" },
	{ { CELL("a b "), CELL("-1.50") }, "a b ,-1.50" },
	{ { NULL_CELL, CELL("") }, ",\"\"" },
	{ { CELL("a,b"), CELL("a\"b") }, "\"a,b\",\"a\"\"b\"" },
	{ { CELL("a\nb"), CELL("a\rb") }, "\"a\nb\",\"a\rb\"" },
	{ { CELL("\xc3\xa4"), NULL_CELL }, "\xc3\xa4," },
};

static void csv_is_rfc_4180(void)
{
	static const char *const names[] = { "one", "two, three" };
	const struct pipeline_report report = { .format = REPORT_CSV };

	for (size_t i = 0; i < sizeof(csv_rows) / sizeof(*csv_rows); i++) {
		char want[128];
		struct page page;

		begin(&page, &report, names, 2);
		sheet_row(&page.sheet, csv_rows[i].cells);
		end(&page);
		(void)snprintf(want, sizeof(want),
			"one,\"two, three\"\r\n%s\r\n", csv_rows[i].want);
		CU_ASSERT_STRING_EQUAL(page.text, want);
		free(page.text);
	}
}

static void a_null_alone_is_no_empty_line(void)
{
	static const char *const names[] = { "one" };
	const struct pipeline_report report = { .format = REPORT_CSV };
	const struct sheet_cell cell = NULL_CELL;
	struct page page;

	begin(&page, &report, names, 1);
	sheet_row(&page.sheet, &cell);
	end(&page);
	CU_ASSERT_STRING_EQUAL(page.text, "one\r\n\"\"\r\n");
	free(page.text);
}

static void json_is_an_array(void)
{
	static const char *const names[] = { "row_to_json" };
	const struct pipeline_report report = { .format = REPORT_JSON };
	const struct sheet_cell cells[] = { CELL("{\"a\":1}"),
		CELL("{\"a\":2}") };
	static const char *const wants[] = { "[]\n", "[\n{\"a\":1}\n]\n",
		"[\n{\"a\":1},\n{\"a\":2}\n]\n" };

	for (size_t rows = 0; rows < 3; rows++) {
		struct page page;

		begin(&page, &report, names, 1);
		for (size_t i = 0; i < rows; i++)
			sheet_row(&page.sheet, &cells[i]);
		end(&page);
		CU_ASSERT_STRING_EQUAL(page.text, wants[rows]);
		free(page.text);
	}
}

static char *page_of(const struct sheet_cell *cells, bool line)
{
	static const char *const names[] = { "x", "<y>" };
	static char title[] = "</title>&", x[] = "x", y[] = "<y>",
		file[] = "a.html";
	const struct pipeline_report report = { .format = REPORT_HTML,
		.title = title, .file = file, .chart_x = x, .chart_y = y,
		.chart_line = line };
	struct page page;

	begin(&page, &report, names, 2);
	sheet_row(&page.sheet, cells);
	end(&page);
	return page.text;
}

static void nothing_leaves_its_place_in_html(void)
{
	static const struct sheet_cell cells[] = {
		CELL("<b>\"'&\x01\x7f\n</td></text></title>"), CELL("7") };

	for (int line = 0; line < 2; line++) {
		char *text = page_of(cells, line == 1);

		CU_ASSERT_PTR_NOT_NULL(strstr(text,
			"<td>&lt;b&gt;&quot;&#39;&amp;\xef\xbf\xbd"
			"\xef\xbf\xbd\n&lt;/td&gt;"));
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "<th>&lt;y&gt;</th>"));
		CU_ASSERT_PTR_NOT_NULL(strstr(text,
			"<title>&lt;/title&gt;&amp;</title>"));
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "<td class=\"n\">7"));
		CU_ASSERT_PTR_NULL(strstr(text, "<b>"));
		CU_ASSERT_PTR_NULL(strchr(text, 1));
		free(text);
	}
}

static void a_chart_takes_numbers_alone(void)
{
	static const struct {
		struct sheet_cell y;
		bool drawn;
	} cases[] = {
		{ CELL("7"), true }, { CELL("-7.5"), true },
		{ CELL("1e400"), true }, { CELL(""), false },
		{ CELL("NaN"), false }, { CELL("0x10"), false },
		{ CELL("1-2"), false }, { NULL_CELL, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct sheet_cell cells[] = { CELL("a"), cases[i].y };
		char *text = page_of(cells, false);

		CU_ASSERT_EQUAL(strstr(text, "<rect") != NULL, cases[i].drawn);
		CU_ASSERT_PTR_NULL(strstr(text, "=\"nan"));
		CU_ASSERT_PTR_NULL(strstr(text, "=\"inf"));
		CU_ASSERT_PTR_NULL(strstr(text, "=\"-nan"));
		free(text);
	}
}

static void a_label_is_not_cut_within_a_character(void)
{
	static const struct sheet_cell cells[] = {
		CELL("01234567890123456789012345678901234567\xc3\xa4\xc3\xa4"),
		CELL("7") };
	char *text = page_of(cells, false);

	CU_ASSERT_PTR_NOT_NULL(strstr(text,
		"<title>01234567890123456789012345678901234567: 7</title>"));
	free(text);
}

static void a_page_does_not_grow_without_end(void)
{
	static const char *const names[] = { "a" };
	static char file[] = "a.html", title[] = "a";
	const struct pipeline_report report = { .format = REPORT_HTML,
		.file = file, .title = title };
	const struct sheet_cell cell = CELL("1");
	struct page page;
	size_t rows = 0;

	begin(&page, &report, names, 1);
	for (int i = 0; i < SHEET_HTML_ROWS + 5; i++)
		sheet_row(&page.sheet, &cell);
	end(&page);
	for (const char *at = page.text; (at = strstr(at, "<td")) != NULL; at++)
		rows++;
	CU_ASSERT_EQUAL(rows, SHEET_HTML_ROWS);
	CU_ASSERT_PTR_NOT_NULL(strstr(page.text,
		"10005 rows, of which the first 10000 are shown"));
	free(page.text);
}

static void a_chart_of_no_column_is_refused(void)
{
	static const char *const names[] = { "a" };
	static char x[] = "b";
	const struct pipeline_report report = { .format = REPORT_HTML,
		.chart_x = x, .chart_y = x };
	struct sheet sheet;
	struct err err = { 0 };

	CU_ASSERT_FALSE(sheet_begin(&sheet, &report, stderr, names, 1, &err));
	CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_CONFIG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "\"b\""));
	sheet_clear(&sheet);
}

CU_TestInfo sheet_tests[] = {
	{ "CSV is as RFC 4180 has it", csv_is_rfc_4180 },
	{ "a null alone is no empty line", a_null_alone_is_no_empty_line },
	{ "JSON is an array of objects", json_is_an_array },
	{ "nothing leaves its place in HTML",
		nothing_leaves_its_place_in_html },
	{ "a chart takes numbers alone", a_chart_takes_numbers_alone },
	{ "a label is not cut within a character",
		a_label_is_not_cut_within_a_character },
	{ "a page does not grow without end",
		a_page_does_not_grow_without_end },
	{ "a chart of no column is refused", a_chart_of_no_column_is_refused },
	CU_TEST_INFO_NULL,
};
