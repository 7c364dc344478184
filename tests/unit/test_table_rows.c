/* test_table_rows.c - rows of CSV, arrays and HTML become JSON objects. */
#include "common/table_rows.h"

#include "common/json.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The rows as lines; rejects begin with the code and a bar. */
struct got {
	struct buf lines;
	struct table_row last;
	struct table_report report;
	struct err err;
	bool ok;
};

static bool note(void *context, const struct table_row *row, struct err *err)
{
	struct got *got = context;

	got->last = *row;
	if (row->kind == TABLE_REJECT &&
		(!buf_add_str(&got->lines, row->code, err) ||
			!buf_add_char(&got->lines, '|', err)))
		return false;
	return table_write_buf(&got->lines, row, err);
}

/* In pieces of `step` bytes. */
static void run(struct got *got, const struct table_options *options,
	const char *text, size_t len, size_t step)
{
	struct table_reader *table;

	*got = (struct got){ .ok = true };
	table = table_open(options, note, got, &got->err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(table);
	for (size_t at = 0; got->ok && at < len; at += step)
		got->ok = table_feed(table, text + at,
			step < len - at ? step : len - at, &got->err);
	if (got->ok)
		got->ok = table_finish(table, &got->report, &got->err);
	table_close(table);
	if (got->ok)
		got->ok = buf_add_str(&got->lines, "", &got->err);
}

static void check_rows(const struct table_options *options, const char *text,
	size_t len, const char *want)
{
	static const size_t steps[] = { 1, 2, 3, 7, 1 << 20 };
	struct got got;

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		run(&got, options, text, len, steps[i]);
		if (!got.ok)
			printf("\n  %s\n", got.err.text);
		else if (strcmp(got.lines.data, want) != 0)
			printf("\n  step %zu gives %s\n", steps[i],
				got.lines.data);
		CU_ASSERT_TRUE(got.ok &&
			strcmp(got.lines.data, want) == 0);
		buf_clear(&got.lines);
	}
}

static void check_fault(const struct table_options *options, const char *text,
	size_t len, const char *want)
{
	static const size_t steps[] = { 1, 5, 1 << 20 };
	struct got got;

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		run(&got, options, text, len, steps[i]);
		CU_ASSERT_FALSE(got.ok);
		CU_ASSERT_EQUAL(got.err.kind, ERR_REJECT);
		if (strncmp(got.err.text, want, strlen(want)) != 0) {
			printf("\n  %s\n", got.err.text);
			CU_FAIL("another message");
		}
		buf_clear(&got.lines);
	}
}

#define ROWS(options, text, want) \
	check_rows((options), (text), sizeof(text) - 1, (want))
#define FAULT(options, text, want) \
	check_fault((options), (text), sizeof(text) - 1, (want))

/* -- CSV ---------------------------------------------------------------- */

static char *abc[] = { (char[]){ "a" }, (char[]){ "b" }, (char[]){ "c" } };
static const struct table_options csv = { .format = TABLE_CSV };
static const struct table_options named = { .format = TABLE_CSV,
	.header = abc, .header_count = 3 };

/* RFC 4180, section 2, its seven points. */
static void the_rfc_is_followed(void)
{
	static const char two[] =
		"{\"a\":\"aaa\",\"b\":\"bbb\",\"c\":\"ccc\"}\n"
		"{\"a\":\"zzz\",\"b\":\"yyy\",\"c\":\"xxx\"}\n";

	ROWS(&named, "aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n", two);
	ROWS(&named, "aaa,bbb,ccc\r\nzzz,yyy,xxx", two);
	ROWS(&csv, "a,b,c\r\naaa,bbb,ccc\r\nzzz,yyy,xxx\r\n", two);
	ROWS(&named, "\"aaa\",\"bbb\",\"ccc\"\r\nzzz,yyy,xxx", two);
	ROWS(&named, "\"aaa\",\"b \r\nbb\",\"ccc\"\r\nzzz,yyy,xxx",
		"{\"a\":\"aaa\",\"b\":\"b \\r\\nbb\",\"c\":\"ccc\"}\n"
		"{\"a\":\"zzz\",\"b\":\"yyy\",\"c\":\"xxx\"}\n");
	ROWS(&named, "\"aaa\",\"b\"\"bb\",\"c,c\"",
		"{\"a\":\"aaa\",\"b\":\"b\\\"bb\",\"c\":\"c,c\"}\n");
	ROWS(&named, " a a , b ,c ",
		"{\"a\":\" a a \",\"b\":\" b \",\"c\":\"c \"}\n");
}

static void line_ends_of_all_kinds_end_rows(void)
{
	static const char want[] = "{\"a\":\"1\",\"b\":\"\"}\n"
		"{\"a\":\"\",\"b\":\"2\"}\n";

	ROWS(&csv, "a,b\n1,\n,2\n", want);
	ROWS(&csv, "a,b\r1,\r,2\r", want);
	ROWS(&csv, "a,b\r\n1,\r\n,2\r\n", want);
	ROWS(&csv, "\xef\xbb\xbf\"a\",b\n\n1,\n\r\n\n,\"2\"", want);
}

static void a_column_alone_may_be_empty(void)
{
	ROWS(&csv, "a\n\n1\n\"\"\n",
		"{\"a\":\"\"}\n{\"a\":\"1\"}\n{\"a\":\"\"}\n");
}

static void other_dialects_are_read(void)
{
	const struct table_options semicolon = { .format = TABLE_CSV,
		.delimiter = ';', .quote = '\'', .skip = 2 };
	const struct table_options bare = { .format = TABLE_CSV,
		.delimiter = '\t', .quote = TABLE_QUOTE_NONE };

	ROWS(&semicolon, "title\nof 2024\nx;'y;'\n\"1;'2''3'\n",
		"{\"x\":\"\\\"1\",\"y;\":\"2'3\"}\n");
	ROWS(&bare, "a\tb\n\"1\t2\"\n", "{\"a\":\"\\\"1\",\"b\":\"2\\\"\"}\n");
	ROWS(&csv, "a,b\n36'37.8\"N,\xc2\xb0\x01\n",
		"{\"a\":\"36'37.8\\\"N\",\"b\":\"\xc2\xb0\\u0001\"}\n");
}

static void a_bad_row_costs_itself_and_is_told(void)
{
	ROWS(&csv, "a,b\n1\n1,2,3\n4,5\n",
		"ragged_row|\"ragged_row: line 2, row 1: 1 cells where the "
		"header has 2: 1\"\n"
		"ragged_row|\"ragged_row: line 3, row 2: 3 cells where the "
		"header has 2: 1,2,3\"\n"
		"{\"a\":\"4\",\"b\":\"5\"}\n");
	ROWS(&csv, "a,b\r\n\"1\r\n\",2\r\n3\r\n",
		"{\"a\":\"1\\r\\n\",\"b\":\"2\"}\n"
		"ragged_row|\"ragged_row: line 4, row 2: 1 cells where the "
		"header has 2: 3\"\n");
	ROWS(&csv, "a,b\n\"1\"x,2\n4,5\n",
		"csv_quote|\"csv_quote: line 2, row 1: byte 7 of the input: "
		"text behind a closing quote (a quote in a cell is written "
		"twice): \\\"1\\\"x,2\"\n"
		"{\"a\":\"4\",\"b\":\"5\"}\n");
	ROWS(&csv, "a,b\n\"x\ny\",\xe9\n4,5\n",
		"table_utf8|\"table_utf8: line 2, row 1: byte 10 of the input: "
		"not UTF-8: \\\"x\\ny\\\",\\u00e9\"\n"
		"{\"a\":\"4\",\"b\":\"5\"}\n");
}

static void a_long_row_is_passed_over(void)
{
	const struct table_options tight = { .format = TABLE_CSV,
		.max_record = 8 };
	struct got got;

	ROWS(&tight, "a,b\n123456,\"\n7\"\n4,5\n",
		"record_too_long|\"record_too_long: line 2, row 1: "
		"12 bytes, at most 8 are allowed: 123456,\\\"\\n7\\\"\\n\"\n"
		"{\"a\":\"4\",\"b\":\"5\"}\n");
	run(&got, &tight, "a,b\n123456,\"\n7\"\n4,5\n", 20, 3);
	CU_ASSERT_EQUAL(got.last.line, 4);
	CU_ASSERT_EQUAL(got.last.row, 2);
	CU_ASSERT_EQUAL(got.last.offset, 16);
	CU_ASSERT_EQUAL(got.last.length, 4);
	CU_ASSERT_EQUAL(got.report.records, 1);
	CU_ASSERT_EQUAL(got.report.rejects, 1);
	CU_ASSERT_STRING_EQUAL(got.report.first,
		"line 2, row 1: 12 bytes, at most 8 are allowed");
	buf_clear(&got.lines);
}

/* Every row's offset and length in the input, whatever the pieces. */
static bool check_place(void *context, const struct table_row *row,
	struct err *err)
{
	const char *text = context;

	(void)err;
	CU_ASSERT_EQUAL(strncmp(text + row->offset, "row", 3), 0);
	CU_ASSERT_TRUE(text[row->offset + row->length - 1] == '\n' ||
		text[row->offset + row->length] == '\0' ||
		text[row->offset + row->length] == ',' ||
		text[row->offset + row->length] == ']');
	CU_ASSERT_EQUAL((uint64_t)(text[row->offset + 3] - '0'), row->line);
	return true;
}

static void a_row_knows_its_bytes(void)
{
	static const char rows[] = "\xef\xbb\xbf" "a,b\n\nrow3,1\r\n"
		"row4,\"\n\"\nrow6\nrow7,2";
	struct table_report report;
	struct err err;

	CU_ASSERT_TRUE(table_to_ndjson(&csv, rows, sizeof(rows) - 1,
		check_place, (char *)(uintptr_t)rows, &report, &err));
	CU_ASSERT_EQUAL(report.records, 3);
	CU_ASSERT_EQUAL(report.rejects, 1);
	CU_ASSERT_EQUAL(report.blank, 1);
	CU_ASSERT_EQUAL(report.columns, 2);
}

static void a_broken_table_is_refused(void)
{
	FAULT(&csv, "", "csv: there is no row, not even a header");
	FAULT(&csv, "\xef\xbb\xbf", "csv: there is no row");
	FAULT(&csv, "\n\r\n", "csv: there is no row");
	FAULT(&csv, "a,b,a\n1,2,3\n", "csv: line 1: columns 1 and 3 of the "
		"header have one name, \"a\"; name the columns yourself");
	FAULT(&csv, "\n\"a\n\xe9\"\n", "csv: line 2: in the header, byte 4 of "
		"the input: not UTF-8");
	FAULT(&csv, "\"a\"b\n", "csv: line 1: in the header, byte 3");
	FAULT(&csv, "a,b\n1,2\n3,\"4\n5,6\n", "csv: line 3: row 2, which "
		"begins here, opens a quote that is never closed");
}

/* -- arrays ------------------------------------------------------------- */

static const struct table_options arrays = { .format = TABLE_ARRAYS };

static void arrays_become_objects(void)
{
	const struct table_options third = { .format = TABLE_ARRAYS,
		.header = abc, .header_count = 3, .skip = 1 };

	ROWS(&arrays, "[[\"NAME\",\"p\\u006fp\"],\n[\"a\", \"1\"],[\"b\",null]"
		" , [{\"x\":\n[1]},-1.50]]\n",
		"{\"NAME\":\"a\",\"pop\":\"1\"}\n{\"NAME\":\"b\",\"pop\":null}\n"
		"{\"NAME\":{\"x\": [1]},\"pop\":-1.50}\n");
	ROWS(&arrays, "[[\"a\"]]", "");
	ROWS(&third, "\xef\xbb\xbf[[\"x\",\"x\",\"y\"],[1,2,3]]",
		"{\"a\":1,\"b\":2,\"c\":3}\n");
	ROWS(&third, "[]", "");
	ROWS(&arrays, "[[\"a\",\"b\"],[1],{\"a\":\n1},[1,2]]",
		"ragged_row|\"ragged_row: line 1, row 1: 1 cells where the "
		"header has 2: [1]\"\n"
		"not_array|\"not_array: line 1, row 2: a row must be an array "
		"of cells: {\\\"a\\\":\\n1}\"\n{\"a\":1,\"b\":2}\n");
}

static void broken_arrays_are_refused(void)
{
	const struct table_options tight = { .format = TABLE_ARRAYS,
		.max_record = 9 };

	FAULT(&arrays, "", "arrays: line 1: row 0, byte 0 of the input: the "
		"array ends too early");
	FAULT(&arrays, "{\"a\":1}", "arrays: line 1: row 0, byte 0 of the "
		"input: an array of arrays was expected");
	FAULT(&arrays, "[]", "arrays: there is no row, not even a header");
	FAULT(&arrays, "[[\"a\"],\n[1],\n[tru]]", "arrays: line 3: row 2, byte "
		"17 of the input: a word that is not true");
	FAULT(&arrays, "[[\"a\"],[1]", "arrays: line 1: row 2, byte 10 of "
		"the input: the array ends too early");
	FAULT(&arrays, "[[\"a\"],[1", "arrays: line 1: row 1, byte 9 of "
		"the input: the array ends too early");
	FAULT(&arrays, "[[\"a\"] [1]]", "arrays: line 1: row 1, byte 7 of "
		"the input: a comma or ] was expected");
	FAULT(&arrays, "[[\"a\"]] 1", "arrays: line 1: row 1, byte 8 of "
		"the input: text behind the array");
	FAULT(&arrays, "[[\"a\",1]]", "arrays: line 1: column 2 of the "
		"header is not a string");
	FAULT(&arrays, "[[\"a\",\"\\u0061\"]]",
		"arrays: line 1: columns 1 and 2 of the header have one name");
	FAULT(&arrays, "[{\"a\":1}]",
		"arrays: line 1: the header must be an array of names");
	FAULT(&tight, "[[\"a\"],[1],[1,2,3,4,5]]",
		"arrays: line 1: row 2 is longer than 9 bytes");
}

/* -- HTML --------------------------------------------------------------- */

static const struct table_options html = { .format = TABLE_HTML };

static void tables_of_a_page_become_objects(void)
{
	struct table_options second = { .format = TABLE_HTML,
		.xpath = (char[]){ "//table[@id='t2']" } };
	const struct table_options rows = { .format = TABLE_HTML,
		.xpath = (char[]){ "//tr[td]" }, .header = abc,
		.header_count = 2 };
	static const char page[] = "<!DOCTYPE html><meta charset=latin1>"
		"<table><thead><tr><th>US <b>STATE</b>\n</th><th>c&oacute;de"
		"<tbody><tr><td> New&nbsp;York<br>(NY) <td><i>N</i>.Y.\n"
		"<tr><td>x\xc3\xa4<td>&lt;&quot;</table>"
		"<table id=t2><tr><th>a<tr><td>1</table>";

	ROWS(&html, page, "{\"US STATE\":\"New York (NY)\",\"c\xc3\xb3" "de\":"
		"\"N.Y.\"}\n{\"US STATE\":\"x\xc3\xa4\",\"c\xc3\xb3" "de\":"
		"\"<\\\"\"}\n{\"a\":\"1\"}\n");
	ROWS(&second, page, "{\"a\":\"1\"}\n");
	ROWS(&rows, "<table><tr><td>1<td>2<tr><th>x<th>y<tr><td>3<td>4</table>",
		"{\"a\":\"1\",\"b\":\"2\"}\n{\"a\":\"3\",\"b\":\"4\"}\n");
}

static void cells_that_span_stand_everywhere(void)
{
	ROWS(&html, "<table><tr><th>a<th>b<th>c"
		"<tr><td rowspan=2>1<td colspan=2>2<tr><td>3<td>4"
		"<tr><td>5<td>6<td rowspan=0>7<tr><td>8<td>9</table>",
		"{\"a\":\"1\",\"b\":\"2\",\"c\":\"2\"}\n"
		"{\"a\":\"1\",\"b\":\"3\",\"c\":\"4\"}\n"
		"{\"a\":\"5\",\"b\":\"6\",\"c\":\"7\"}\n"
		"{\"a\":\"8\",\"b\":\"9\",\"c\":\"7\"}\n");
}

static void a_page_keeps_its_rows_apart(void)
{
	struct table_options outer = { .format = TABLE_HTML,
		.xpath = (char[]){ "/html/body/table" }, .header = abc,
		.header_count = 3 };

	ROWS(&html, "<table><tr><th colspan=2>group<tr><th>a<th>b"
		"<tr><th>1<td>2<script>x</script><tr><tr><th>a<th>b"
		"<tr><th colspan=2>Asia<tr><td>3</table>",
		"{\"a\":\"1\",\"b\":\"2\"}\n"
		"heading_row|\"heading_row: line 1, row 2: a row of headings "
		"between the rows: Asia | Asia\"\n"
		"ragged_row|\"ragged_row: line 1, row 3: 1 cells where the "
		"header has 2: 3\"\n");
	ROWS(&outer, "<table><tr><th>x<th>y<tr><td>1<td>"
		"<table><tr><td>in</table></table>"
		"<table><tr><th>x<tr><td>2<tr><td>3<td>4</table>",
		"{\"a\":\"1\",\"b\":\"in\"}\n{\"a\":\"2\"}\n"
		"ragged_row|\"ragged_row: line 1, row 3: 2 cells where the "
		"header has 1: 3 | 4\"\n");
}

static void pages_without_their_table_are_refused(void)
{
	struct table_options other = { .format = TABLE_HTML,
		.xpath = (char[]){ "//table[@id='t']" } };
	struct table_options value = { .format = TABLE_HTML,
		.xpath = (char[]){ "count(//table)" } };
	struct table_options cells = { .format = TABLE_HTML,
		.xpath = (char[]){ "//td" } };
	static const char page[] = "<table><tr><th>a<tr><td>1</table>"
		"<p>\n<table><tr><td>1</table>";

	FAULT(&html, "", "html: the page is empty");
	FAULT(&html, "<p>sorry", "the XPath \"//table\" selects nothing; "
		"tables in the page: 0");
	FAULT(&other, page, "the XPath \"//table[@id='t']\" selects nothing; "
		"tables in the page: 2");
	FAULT(&value, page, "the XPath \"count(//table)\" gives a value");
	FAULT(&cells, page, "the XPath \"//td\" selects something else");
	FAULT(&html, page, "html: line 2: the table has no header of th "
		"cells; name its columns");
	FAULT(&html, "<table>\n<tr><th>a\xff", "html: line 2: byte 17 of the "
		"input: not UTF-8");
	FAULT(&html, "<table>\0", "html: line 1: byte 7 of the input: NUL");
	FAULT(&html, "<table><tr><th>a<th>a</table>",
		"html: line 1: columns 1 and 2 of the header have one name");
}

static void spans_do_not_fill_the_memory(void)
{
	const struct table_options tight = { .format = TABLE_HTML,
		.max_record = 200, .max_bytes = 2000 };
	const struct table_options narrow = { .format = TABLE_HTML,
		.max_record = 50 };
	const struct table_options small = { .format = TABLE_HTML,
		.max_bytes = 10 };

	FAULT(&tight, "<table><tr><th colspan=1000>a</table>",
		"html: line 1: cells that span columns and rows make more "
		"than 2000 bytes");
	ROWS(&narrow, "<table><tr><th>a<tr><td>"
		"0123456789012345678901234567890123456789012345678901"
		"<tr><td>1</table>",
		"record_too_long|\"record_too_long: line 1, row 1: more than "
		"50 bytes or 2000 columns: \"\n{\"a\":\"1\"}\n");
	FAULT(&narrow, "<table><tr><th colspan=60>a</table>",
		"html: line 1: the header is longer than 50 bytes");
	FAULT(&small, "<table><tr>", "html: a page of more than 10 bytes");
}

/* -- other people's tables ---------------------------------------------- */

#define SHARED "../shared/data/"

static bool read_file(const char *path, struct buf *to)
{
	FILE *file = fopen(path, "rb");
	struct err err;
	char chunk[4096];
	size_t got;

	if (file == NULL)
		return false;
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
		if (!buf_add(to, chunk, got, &err))
			break;
	(void)fclose(file);
	return true;
}

static void convert(const struct table_options *options, const char *path,
	struct buf *lines, struct table_report *report)
{
	struct buf text = { 0 };
	struct err err;

	CU_ASSERT_TRUE_FATAL(read_file(path, &text));
	if (!table_to_ndjson(options, text.data, text.len, table_write_buf,
		lines, report, &err)) {
		printf("\n  %s: %s\n", path, err.text);
		CU_FAIL("refused");
	}
	buf_clear(&text);
}

/* Two arrays of flat objects, text by text. */
static void check_same(const char *name, const struct json *got,
	const struct json *want, const char *key)
{
	CU_ASSERT_EQUAL(json_size(got), json_size(want));
	for (size_t i = 0; i < json_size(want); i++) {
		const char *a = json_text(json_get(json_at(got, i), key));
		const char *b = json_text(json_get(json_at(want, i), key));
		const bool same = a != NULL && b != NULL && strcmp(a, b) == 0;

		if (!same)
			printf("\n  %s: %s of row %zu\n", name, key, i + 1);
		CU_ASSERT_TRUE(same);
	}
}

static void check_spectrum(const char *name, const char *const *keys)
{
	struct buf lines = { 0 }, array = { 0 }, want = { 0 };
	struct table_report report;
	struct json *a, *b;
	struct err err;
	char path[256];

	(void)snprintf(path, sizeof(path), SHARED
		"corpora/csv-spectrum/csvs/%s.csv", name);
	convert(&csv, path, &lines, &report);
	CU_ASSERT_EQUAL(report.rejects, 0);
	(void)snprintf(path, sizeof(path), SHARED
		"corpora/csv-spectrum/json/%s.json", name);
	CU_ASSERT_TRUE_FATAL(read_file(path, &want));
	for (size_t i = 0; i + 1 < lines.len; i++)
		if (lines.data[i] == '\n')
			lines.data[i] = ',';
	CU_ASSERT_TRUE_FATAL(buf_printf(&array, &err, "[%s]", lines.data));
	a = json_read(array.data, array.len, &err);
	b = json_read(want.data, want.len, &err);
	CU_ASSERT_TRUE_FATAL(a != NULL && b != NULL);
	for (; *keys != NULL; keys++)
		check_same(name, a, b, *keys);
	json_free(a);
	json_free(b);
	buf_clear(&lines);
	buf_clear(&array);
	buf_clear(&want);
}

/* location_coordinates is left out: its JSON is of another table. */
static void csv_spectrum_comes_out(void)
{
	static const struct {
		const char *name;
		const char *keys[6];
	} files[] = {
		{ "comma_in_quotes", { "first", "address", "city", "zip" } },
		{ "empty", { "a", "b", "c" } },
		{ "empty_crlf", { "a", "b", "c" } },
		{ "escaped_quotes", { "a", "b" } },
		{ "json", { "key", "val" } },
		{ "newlines", { "a", "c" } },
		{ "newlines_crlf", { "a", "c" } },
		{ "quotes_and_newlines", { "a", "b" } },
		{ "simple", { "a", "c" } },
		{ "simple_crlf", { "b", "c" } },
		{ "utf8", { "b", "c" } },
	};
	struct buf probe = { 0 };

	if (!read_file(SHARED "corpora/csv-spectrum/readme.md", &probe)) {
		printf("\n  no csv-spectrum here: not tried\n");
		return;
	}
	buf_clear(&probe);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		check_spectrum(files[i].name, files[i].keys);
}

static void real_answers_come_out(void)
{
	struct table_options states = { .format = TABLE_HTML,
		.header = abc, .header_count = 3 };
	struct table_report report;
	struct buf probe = { 0 }, lines = { 0 };

	if (!read_file(SHARED "SOURCES.md", &probe)) {
		printf("\n  no shared data here: not tried\n");
		return;
	}
	convert(&states, SHARED
		"states/50states_abbreviations.RECONSTRUCTED.html", &lines,
		&report);
	CU_ASSERT_EQUAL(report.records, 56);
	CU_ASSERT_EQUAL(report.rejects, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(lines.data,
		"{\"a\":\"Guam\",\"b\":\"GU\"}\n"));
	buf_reset(&lines);
	convert(&arrays, SHARED
		"census/acs_profile_2016_county_population.json", &lines,
		&report);
	CU_ASSERT_EQUAL(report.records, 2910);
	CU_ASSERT_EQUAL(report.rejects, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(lines.data, "{\"CP05_2012_2016_001E\":"
		"\"16538\",\"NAME\":\"Jasper County, Mississippi\",\"state\":"
		"\"28\",\"county\":\"061\"}\n"));
	buf_clear(&lines);
	buf_clear(&probe);
}

CU_TestInfo table_rows_tests[] = {
	{ "CSV is what RFC 4180 says", the_rfc_is_followed },
	{ "LF, CR and CRLF end rows", line_ends_of_all_kinds_end_rows },
	{ "one column may be empty", a_column_alone_may_be_empty },
	{ "delimiter and quote can be others", other_dialects_are_read },
	{ "a bad row costs itself", a_bad_row_costs_itself_and_is_told },
	{ "a long row is passed over", a_long_row_is_passed_over },
	{ "a row knows its bytes", a_row_knows_its_bytes },
	{ "a broken CSV is refused", a_broken_table_is_refused },
	{ "arrays become objects", arrays_become_objects },
	{ "broken arrays are refused", broken_arrays_are_refused },
	{ "HTML tables become objects", tables_of_a_page_become_objects },
	{ "spanning cells are repeated", cells_that_span_stand_everywhere },
	{ "headings are no rows", a_page_keeps_its_rows_apart },
	{ "a page without table is refused",
		pages_without_their_table_are_refused },
	{ "spans are bounded", spans_do_not_fill_the_memory },
	{ "csv-spectrum comes out", csv_spectrum_comes_out },
	{ "real answers come out", real_answers_come_out },
	CU_TEST_INFO_NULL,
};
