/* sheet.c - rows as a file: CSV (RFC 4180), JSON, HTML. */
#include "consumer/sheet.h"
#include "common/clock.h"

#include <stdlib.h>
#include <string.h>

/* -- CSV ---------------------------------------------------------------- */

/* Nothing for null, "" for an empty text; a row must not be an empty line. */
static void csv_cell(FILE *file, const struct sheet_cell *cell, bool alone)
{
	const char *text = cell->text != NULL ? cell->text : "";
	const size_t len = cell->text != NULL ? cell->len : 0;
	const bool plain = len > 0 && strcspn(text, "\",\r\n") == len;

	if (plain || (cell->text == NULL && !alone)) {
		(void)fwrite(text, 1, len, file);
		return;
	}
	(void)fputc('"', file);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			(void)fputc('"', file);
		(void)fputc(text[i], file);
	}
	(void)fputc('"', file);
}

static void csv_line(const struct sheet *sheet, const struct sheet_cell *cells)
{
	for (size_t i = 0; i < sheet->columns; i++) {
		if (i > 0)
			(void)fputc(',', sheet->file);
		csv_cell(sheet->file, &cells[i], sheet->columns == 1);
	}
	(void)fputs("\r\n", sheet->file);
}

static void csv_head(const struct sheet *sheet, const struct sheet_cell *names)
{
	csv_line(sheet, names);
}

/* -- JSON --------------------------------------------------------------- */

static void json_row(const struct sheet *sheet, const struct sheet_cell *cells)
{
	(void)fputs(sheet->rows > 0 ? ",\n" : "[\n", sheet->file);
	(void)fwrite(cells[0].text, 1, cells[0].len, sheet->file);
}

static void json_end(const struct sheet *sheet, int64_t rows)
{
	(void)rows;
	(void)fputs(sheet->rows > 0 ? "\n]\n" : "[]\n", sheet->file);
}

/* -- HTML --------------------------------------------------------------- */

/* Nothing in it can run, and nothing is fetched. */
static const char html_head[] =
	"<!DOCTYPE html>\n"
	"<html lang=\"en\">\n"
	"<head>\n"
	"<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<meta http-equiv=\"Content-Security-Policy\""
	" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	"<style>\n"
	":root { color-scheme: light dark; --ink: #1c2430; --dim: #66707e;\n"
	"  --line: #d9dee5; --back: #ffffff; --mark: #2f6fb0; }\n"
	"@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ee;\n"
	"  --dim: #98a2b0; --line: #343c48; --back: #171b21;"
	" --mark: #6ea8e0; } }\n"
	"body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem;\n"
	"  display: flex; flex-direction: column; background: var(--back);\n"
	"  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }\n"
	"h1 { font-size: 1.4rem; order: -2; margin: 0 0 1rem; }\n"
	"figure { order: -1; margin: 0 0 1.5rem; }\n"
	"svg { width: 100%; height: auto; }\n"
	"svg text { fill: var(--dim); font-size: 11px; }\n"
	".mark { fill: var(--mark); } .path { fill: none;"
	" stroke: var(--mark); stroke-width: 2; }\n"
	".axis { stroke: var(--line); }\n"
	".wide { overflow-x: auto; }\n"
	"table { border-collapse: collapse; font-variant-numeric:"
	" tabular-nums; }\n"
	"th, td { padding: .3rem .8rem .3rem 0; text-align: left;\n"
	"  border-bottom: 1px solid var(--line); unicode-bidi: isolate;\n"
	"  white-space: pre-wrap; }\n"
	"th { color: var(--dim); font-weight: 600; }\n"
	".n { text-align: right; }\n"
	".null, footer { color: var(--dim); }\n"
	"footer { margin-top: 1rem; font-size: .85rem; }\n"
	"</style>\n";

void sheet_html_text(FILE *file, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const unsigned char c = (unsigned char)text[i];

		switch (c) {
		case '&': (void)fputs("&amp;", file); break;
		case '<': (void)fputs("&lt;", file); break;
		case '>': (void)fputs("&gt;", file); break;
		case '"': (void)fputs("&quot;", file); break;
		case '\'': (void)fputs("&#39;", file); break;
		default:
			if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7f)
				(void)fputs("\xef\xbf\xbd", file);
			else
				(void)fputc(c, file);
		}
	}
}

static bool is_number(const struct sheet_cell *cell)
{
	char *end;

	if (cell->len == 0 || strspn(cell->text, "0123456789+-.eE") != cell->len)
		return false;
	(void)strtod(cell->text, &end);
	return *end == '\0';
}

static void html_head_rows(const struct sheet *sheet,
	const struct sheet_cell *names)
{
	const struct pipeline_report *report = sheet->report;
	const char *title =
		report->title != NULL ? report->title : report->name;
	FILE *file = sheet->file;

	(void)fputs(html_head, file);
	(void)fputs("<title>", file);
	sheet_html_text(file, title, strlen(title));
	(void)fputs("</title>\n</head>\n<body>\n<h1>", file);
	sheet_html_text(file, title, strlen(title));
	(void)fputs("</h1>\n<div class=\"wide\">\n<table>\n<thead><tr>", file);
	for (size_t i = 0; i < sheet->columns; i++) {
		(void)fputs("<th>", file);
		sheet_html_text(file, names[i].text, names[i].len);
		(void)fputs("</th>", file);
	}
	(void)fputs("</tr></thead>\n<tbody>\n", file);
}

static void html_cell(FILE *file, const struct sheet_cell *cell)
{
	if (cell->text == NULL) {
		(void)fputs("<td class=\"null\">null</td>", file);
		return;
	}
	(void)fputs(is_number(cell) ? "<td class=\"n\">" : "<td>", file);
	sheet_html_text(file, cell->text, cell->len);
	(void)fputs("</td>", file);
}

static void html_row(const struct sheet *sheet, const struct sheet_cell *cells)
{
	if (sheet_full(sheet))
		return;
	(void)fputs("<tr>", sheet->file);
	for (size_t i = 0; i < sheet->columns; i++)
		html_cell(sheet->file, &cells[i]);
	(void)fputs("</tr>\n", sheet->file);
}

static void html_end(const struct sheet *sheet, int64_t rows)
{
	char now[CLOCK_TEXT];

	clock_format_us(clock_wall_us() / 1000000 * 1000000, now);
	(void)fputs("</tbody>\n</table>\n</div>\n", sheet->file);
	if (sheet->point_count > 0)
		sheet_chart(sheet);
	(void)fprintf(sheet->file, "<footer>%lld row%s", (long long)rows,
		rows == 1 ? "" : "s");
	if (rows > SHEET_HTML_ROWS)
		(void)fprintf(sheet->file, ", of which the first %d are shown",
			SHEET_HTML_ROWS);
	(void)fprintf(sheet->file, "; pipeline report %s, %.19s UTC</footer>\n"
		"</body>\n</html>\n", sheet->report->file, now);
}

bool sheet_full(const struct sheet *sheet)
{
	return sheet->report->format == REPORT_HTML &&
		sheet->rows >= SHEET_HTML_ROWS;
}

/* -- all ---------------------------------------------------------------- */

static const struct {
	void (*head)(const struct sheet *sheet, const struct sheet_cell *names);
	void (*row)(const struct sheet *sheet, const struct sheet_cell *cells);
	void (*end)(const struct sheet *sheet, int64_t rows);
} writers[] = {
	[REPORT_CSV] = { csv_head, csv_line, NULL },
	[REPORT_JSON] = { NULL, json_row, json_end },
	[REPORT_HTML] = { html_head_rows, html_row, html_end },
};

static bool find_column(const struct sheet *sheet, const char *name,
	const char *const *names, size_t *at, struct err *err)
{
	*at = SIZE_MAX;
	for (size_t i = 0; name != NULL && i < sheet->columns; i++)
		if (strcmp(names[i], name) == 0)
			*at = i;
	return name == NULL || *at != SIZE_MAX || err_stop(err, EXIT_CONFIG,
		"the chart's column \"%s\" is none of the report's", name);
}

bool sheet_begin(struct sheet *sheet, const struct pipeline_report *report,
	FILE *file, const char *const *names, size_t count, struct err *err)
{
	struct sheet_cell *cells;

	*sheet = (struct sheet){ .report = report, .file = file,
		.columns = count };
	if (!find_column(sheet, report->chart_x, names, &sheet->x, err) ||
		!find_column(sheet, report->chart_y, names, &sheet->y, err))
		return false;
	cells = calloc(count + 1, sizeof(*cells));
	sheet->points = calloc(SHEET_POINTS, sizeof(*sheet->points));
	if (cells == NULL || sheet->points == NULL) {
		free(cells);
		return err_memory(err);
	}
	for (size_t i = 0; i < count; i++)
		cells[i] = (struct sheet_cell){ names[i], strlen(names[i]) };
	if (writers[report->format].head != NULL)
		writers[report->format].head(sheet, cells);
	free(cells);
	return true;
}

/* What is no number is no point. */
static void add_point(struct sheet *sheet, const struct sheet_cell *cells)
{
	struct sheet_point *point = &sheet->points[sheet->point_count];
	const struct sheet_cell *x, *y;
	size_t len, cut;

	if (sheet->x == SIZE_MAX || sheet->point_count == SHEET_POINTS)
		return;
	x = &cells[sheet->x];
	y = &cells[sheet->y];
	if (y->text == NULL || !is_number(y))
		return;
	len = x->text != NULL ? x->len : 0;
	cut = len < sizeof(point->label) ? len : sizeof(point->label) - 1;
	while (cut < len && cut > 0 &&
		((unsigned char)x->text[cut] & 0xc0) == 0x80)
		cut--; /* not within a character */
	memcpy(point->label, len > 0 ? x->text : "", cut);
	point->label[cut] = '\0';
	point->value = strtod(y->text, NULL);
	sheet->point_count++;
}

void sheet_row(struct sheet *sheet, const struct sheet_cell *cells)
{
	add_point(sheet, cells);
	writers[sheet->report->format].row(sheet, cells);
	sheet->rows++;
}

void sheet_end(struct sheet *sheet, int64_t rows)
{
	if (writers[sheet->report->format].end != NULL)
		writers[sheet->report->format].end(sheet, rows);
}

void sheet_clear(struct sheet *sheet)
{
	free(sheet->points);
	*sheet = (struct sheet){ .file = NULL };
}
