/* table_html.c - the tables of an HTML page.
 *
 * Each table has a header of its own: the last of the rows of th cells it
 * begins with. A cell that spans columns or rows stands in each of them. */
#include "common/table_private.h"

#include "common/html.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A cell of a row above that reaches down into this column. */
struct span {
	char *text;
	size_t len;
	unsigned rows; /* still to come */
};

struct page {
	struct table_reader *table;
	struct span spans[TABLE_COLUMNS_MAX];
	uint64_t spanned; /* bytes that spans have added, bounded */
	size_t heads, cells; /* of the row at hand */
	bool too_long;
	bool has_rows;   /* this table has shown one */
	uint64_t skip;
	struct table_cells header; /* a row that repeats it is none */
	unsigned header_line;
	unsigned line;      /* of the table */
};

static size_t max_record(const struct table_reader *table)
{
	return table->options->max_record != 0 ? table->options->max_record :
						 TABLE_MAX_RECORD;
}

static size_t max_bytes(const struct table_reader *table)
{
	return table->options->max_bytes != 0 ? table->options->max_bytes :
						TABLE_MAX_BYTES;
}

/* -- spans -------------------------------------------------------------- */

static void drop_spans(struct page *page)
{
	for (size_t i = 0; i < TABLE_COLUMNS_MAX; i++) {
		free(page->spans[i].text);
		page->spans[i] = (struct span){ .text = NULL };
	}
}

static bool add_cell(struct page *page, const char *text, size_t len,
	struct err *err)
{
	struct table_reader *table = page->table;

	if (table->cells.bytes.len + len > max_record(table) ||
		table->cells.count == TABLE_COLUMNS_MAX)
		page->too_long = true;
	return page->too_long ||
		table_cell_add(&table->cells, text, len, err);
}

static bool count_spanned(struct page *page, size_t len, struct err *err)
{
	page->spanned += len + 16;
	return page->spanned <= max_bytes(page->table) ||
		table_fail(page->table, page->line, err, "cells that span "
			"columns and rows make more than %zu bytes of it",
			max_bytes(page->table));
}

/* Cells that reach down into the columns from here on. */
static bool fill_spans(struct page *page, struct err *err)
{
	size_t *at = &page->table->cells.count;

	while (!page->too_long && *at < TABLE_COLUMNS_MAX &&
		page->spans[*at].rows > 0) {
		struct span *span = &page->spans[*at];

		span->rows--;
		if (!count_spanned(page, span->len, err) ||
			!add_cell(page, span->text, span->len, err))
			return false;
	}
	return true;
}

static bool reach_down(struct page *page, const struct html_cell *cell,
	size_t column, struct err *err)
{
	struct span *span = &page->spans[column];

	if (cell->rows < 2)
		return true;
	free(span->text);
	*span = (struct span){ .rows = cell->rows - 1, .len = cell->len };
	span->text = malloc(cell->len + 1);
	if (span->text == NULL)
		return err_memory(err);
	memcpy(span->text, cell->text, cell->len);
	return count_spanned(page, cell->len, err);
}

static bool take_cell(void *context, const struct html_cell *cell,
	struct err *err)
{
	struct page *page = context;
	bool ok = fill_spans(page, err);

	page->cells++;
	page->heads += cell->head;
	for (unsigned i = 0; ok && i < cell->columns && !page->too_long; i++) {
		const size_t column = page->table->cells.count;

		if (i > 0)
			ok = count_spanned(page, cell->len, err);
		ok = ok && add_cell(page, cell->text, cell->len, err) &&
			(page->too_long ||
				reach_down(page, cell, column, err));
	}
	return ok;
}

/* -- rows --------------------------------------------------------------- */

static bool same_header(const struct page *page)
{
	const struct buf *cells = &page->table->cells.bytes;
	const struct buf *header = &page->header.bytes;

	return page->header.count == page->table->cells.count &&
		header->len == cells->len &&
		(cells->len == 0 ||
			memcmp(header->data, cells->data, cells->len) == 0);
}

/* The last one counts; it is read when the rows begin. */
static void keep_header(struct page *page, unsigned line)
{
	const struct table_cells other = page->header;

	page->header = page->table->cells;
	page->table->cells = other;
	page->header_line = line;
}

/* With names given, a table's own header only says how many it has. */
static bool read_header(struct page *page, struct err *err)
{
	struct table_reader *table = page->table;
	const size_t names = table->options->header_count;
	const size_t count = page->header.count;
	const struct table_place place = { .line = page->header_line };

	if (names == 0 && count > 0)
		return table_header(table, &page->header, &place, err);
	if (names == 0)
		return true;
	return table_header_given(table,
		count > 0 && count < names ? count : names, err);
}

static bool take_heads(struct page *page, const struct table_place *place,
	struct err *err)
{
	if (!page->has_rows) {
		keep_header(page, (unsigned)place->line);
		return true;
	}
	if (same_header(page)) {
		page->table->report.blank++;
		return true;
	}
	return table_row_refuse(page->table, place, err, "heading_row",
		"a row of headings between the rows");
}

static bool take_data(struct page *page, const struct table_place *place,
	struct err *err)
{
	struct table_reader *table = page->table;

	if (!page->has_rows && !read_header(page, err))
		return false;
	page->has_rows = true;
	if (page->header.count == 0 && table->options->header_count == 0)
		return table_fail(table, page->line, err, "the table has no "
			"header of th cells; name its columns with "
			"`header: [...]`");
	return table_row_take(table, place, err);
}

static bool judge_row(struct page *page, unsigned line, struct err *err)
{
	struct table_reader *table = page->table;
	const struct table_place place = { .line = line };

	if (page->skip > 0) {
		page->skip--;
		return true;
	}
	if (page->cells == 0) {
		table->report.blank++;
		return true;
	}
	if (page->too_long && page->heads == page->cells && !page->has_rows)
		return table_fail(table, line, err, "the header is longer than "
			"%zu bytes or %d columns", max_record(table),
			TABLE_COLUMNS_MAX);
	if (page->too_long)
		return table_row_refuse(table, &place, err, "record_too_long",
			"more than %zu bytes or %d columns",
			max_record(table), TABLE_COLUMNS_MAX);
	return page->heads == page->cells ? take_heads(page, &place, err) :
					    take_data(page, &place, err);
}

static void begin_row(struct page *page)
{
	table_cells_reset(&page->table->cells, false);
	page->cells = page->heads = 0;
	page->too_long = false;
}

static bool take_row(void *context, unsigned line, struct err *err)
{
	struct page *page = context;
	const bool ok = fill_spans(page, err) && judge_row(page, line, err);

	begin_row(page);
	return ok;
}

static bool take_table(void *context, unsigned line, struct err *err)
{
	struct page *page = context;
	struct table_reader *table = page->table;

	const bool ok = page->has_rows || read_header(page, err);

	drop_spans(page);
	page->line = line;
	page->skip = table->options->skip;
	page->has_rows = false;
	table_cells_reset(&page->header, false);
	begin_row(page);
	return ok;
}

/* -- the page ----------------------------------------------------------- */

static bool html_feed(struct table_reader *table, const char *bytes, size_t len,
	struct err *err)
{
	if (table->kept.len + len > max_bytes(table))
		return table_fail(table, 0, err, "a page of more than %zu "
			"bytes", max_bytes(table));
	return buf_add(&table->kept, bytes, len, err);
}

/* libxml2 would guess what bad bytes mean. */
static bool check_bytes(const struct table_reader *table, struct err *err)
{
	const char *text = table->kept.data;
	const size_t len = table->kept.len;
	const char *nul = memchr(text, '\0', len);
	const size_t bad = nul != NULL ? (size_t)(nul - text) :
					 table_bad_utf8(text, len);

	return bad == len || table_fail(table, 1 + table_count_lines(text, bad),
		err, "byte %" PRIu64 " of the input: %s",
		table->offset + bad, nul != NULL ? "NUL" : "not UTF-8");
}

static bool html_finish(struct table_reader *table, struct err *err)
{
	struct page *page;
	struct html_visitor visitor = { .table = take_table,
		.cell = take_cell, .row = take_row };
	bool ok;

	if (table->kept.len == 0)
		return table_fail(table, 0, err, "the page is empty");
	if (!check_bytes(table, err))
		return false;
	page = calloc(1, sizeof(*page));
	if (page == NULL)
		return err_memory(err);
	page->table = table;
	visitor.context = page;
	ok = html_visit(table->kept.data, table->kept.len,
		table->options->xpath, &visitor, err);
	ok = ok && (page->has_rows || read_header(page, err));
	drop_spans(page);
	buf_clear(&page->header.bytes);
	free(page);
	return ok;
}

const struct table_format_ops table_html = { html_feed, html_finish };
