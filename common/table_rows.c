/* table_rows.c - the rows of a table become JSON objects. */
#include "common/table_private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- cells -------------------------------------------------------------- */

void table_cells_reset(struct table_cells *cells, bool json)
{
	buf_reset(&cells->bytes);
	cells->count = 0;
	cells->json = json;
}

void table_cell_end(struct table_cells *cells)
{
	if (cells->count < TABLE_COLUMNS_MAX)
		cells->ends[cells->count] = cells->bytes.len;
	cells->count++;
}

bool table_cell_add(struct table_cells *cells, const char *data, size_t len,
	struct err *err)
{
	if (!buf_add(&cells->bytes, data, len, err))
		return false;
	table_cell_end(cells);
	return true;
}

const char *table_cell(const struct table_cells *cells, size_t at, size_t *len)
{
	const size_t start = at > 0 ? cells->ends[at - 1] : 0;

	*len = cells->ends[at] - start;
	return *len > 0 ? cells->bytes.data + start : "";
}

size_t table_bad_utf8(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		const size_t n = (uint8_t)text[at] < 0x80 ? 1 :
			utf8_length(text + at, len - at);

		if (n == 0)
			break;
		at += n;
	}
	return at;
}

uint64_t table_count_lines(const char *text, size_t len)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n' ||
			(text[i] == '\r' &&
				(i + 1 == len || text[i + 1] != '\n'));
	return lines;
}

/* -- faults ------------------------------------------------------------- */

bool table_fail(const struct table_reader *table, uint64_t line,
	struct err *err, const char *fmt, ...)
{
	char what[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (line == 0)
		return err_set(err, ERR_REJECT, "%s: %s",
			table_format_name(table->options->format), what);
	return err_set(err, ERR_REJECT, "%s: line %" PRIu64 ": %s",
		table_format_name(table->options->format), line, what);
}

/* The row's beginning, as it stands or cell by cell. */
static bool add_shown(const struct table_reader *table,
	const struct table_place *place, struct buf *text, struct err *err)
{
	const size_t max = text->len + TABLE_SHOWN_BYTES;
	const struct table_cells *cells = &table->cells;
	bool ok;

	if (place->raw != NULL) {
		ok = buf_add(text, place->raw, place->raw_len, err);
	} else {
		ok = true;
		for (size_t i = 0; ok && i < cells->count && text->len < max;
			i++) {
			size_t len;
			const char *cell = table_cell(cells, i, &len);

			ok = (i == 0 || buf_add_str(text, " | ", err)) &&
				buf_add(text, cell, len, err);
		}
	}
	if (!ok || text->len <= max)
		return ok;
	text->len = max;
	return buf_add_str(text, " ...", err);
}

/* What is wrong, and the row's beginning, as one JSON string. */
static bool reject_text(struct table_reader *table,
	const struct table_place *place, const char *code, const char *what,
	struct err *err)
{
	struct buf text = { 0 };
	bool ok;

	ok = buf_printf(&text, err, "%s: %s: ", code, what) &&
		add_shown(table, place, &text, err);
	buf_reset(&table->out);
	ok = ok && buf_add_json(&table->out, text.data, text.len, err);
	buf_clear(&text);
	return ok;
}

static bool give(struct table_reader *table, const struct table_place *place,
	const char *code, struct err *err)
{
	const struct table_row row = {
		.kind = code != NULL ? TABLE_REJECT : TABLE_RECORD,
		.text = table->out.data,
		.len = table->out.len,
		.row = table->row,
		.line = place->line,
		.offset = place->offset,
		.length = place->length,
		.code = code,
	};

	if (code != NULL)
		table->report.rejects++;
	else
		table->report.records++;
	return table->write(table->context, &row, err);
}

bool table_row_refuse(struct table_reader *table,
	const struct table_place *place, struct err *err, const char *code,
	const char *fmt, ...)
{
	char what[256], full[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	table->row++;
	if (place->line > 0)
		(void)snprintf(full, sizeof(full),
			"line %" PRIu64 ", row %" PRIu64 ": %s", place->line,
			table->row, what);
	else
		(void)snprintf(full, sizeof(full), "row %" PRIu64 ": %s",
			table->row, what);
	if (table->report.rejects == 0)
		(void)snprintf(table->report.first,
			sizeof(table->report.first), "%.*s",
			(int)sizeof(table->report.first) - 1, full);
	return reject_text(table, place, code, full, err) &&
		give(table, place, code, err);
}

/* -- the header --------------------------------------------------------- */

static bool key_add(struct table_reader *table, const char *name, size_t len,
	struct err *err)
{
	const size_t at = table->columns++;

	if (!buf_add_char(&table->keys, at == 0 ? '{' : ',', err) ||
		!buf_add_json(&table->keys, name, len, err) ||
		!buf_add_char(&table->keys, ':', err))
		return false;
	table->key_ends[at] = table->keys.len;
	return true;
}

static void header_begin(struct table_reader *table)
{
	table->has_header = true;
	table->columns = 0;
	buf_reset(&table->keys);
}

bool table_header_given(
	struct table_reader *table, size_t count, struct err *err)
{
	const struct table_options *options = table->options;
	bool ok = true;

	header_begin(table);
	for (size_t i = 0; ok && i < count && i < options->header_count; i++)
		ok = key_add(table, options->header[i],
			strlen(options->header[i]), err);
	table->report.columns = table->columns;
	return ok;
}

struct name {
	const char *data;
	size_t len, at;
};

static int by_name(const void *left, const void *right)
{
	const struct name *a = left, *b = right;
	int order = 0;

	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	if (a->len > 0)
		order = memcmp(a->data, b->data, a->len);
	return order != 0 ? order : a->at < b->at ? -1 : 1;
}

static bool twice(const struct table_reader *table,
	const struct table_place *place, const struct name *first,
	const struct name *second, struct err *err)
{
	struct buf shown = { .max = 128 }; /* cut: enough to find it */
	struct err full;

	(void)(buf_add_str(&shown, "", &full) &&
		buf_add_escaped(&shown, first->data,
			first->len < 60 ? first->len : 60, &full));
	(void)table_fail(table, place->line, err, "columns %zu and %zu of the "
		"header have one name, \"%s\"; name the columns yourself with "
		"`header: [...]` and pass over this row with `skip`",
		first->at + 1, second->at + 1,
		shown.data != NULL ? shown.data : "");
	buf_clear(&shown);
	return false;
}

static bool check_twice(const struct table_reader *table,
	const struct table_cells *cells, const struct table_place *place,
	struct err *err)
{
	struct name *names = calloc(cells->count, sizeof(*names));
	bool ok = true;

	if (names == NULL)
		return err_memory(err);
	for (size_t i = 0; i < cells->count; i++) {
		names[i].data = table_cell(cells, i, &names[i].len);
		names[i].at = i;
	}
	qsort(names, cells->count, sizeof(*names), by_name);
	for (size_t i = 1; ok && i < cells->count; i++)
		if (names[i - 1].len == names[i].len &&
			memcmp(names[i - 1].data, names[i].data,
				names[i].len) == 0)
			ok = twice(table, place, &names[i - 1], &names[i], err);
	free(names);
	return ok;
}

bool table_header(struct table_reader *table, const struct table_cells *cells,
	const struct table_place *place, struct err *err)
{
	bool ok = true;

	if (cells->count == 0 || cells->count > TABLE_COLUMNS_MAX)
		return table_fail(table, place->line, err, "%zu columns in the "
			"header; from 1 to %d are allowed", cells->count,
			TABLE_COLUMNS_MAX);
	if (!check_twice(table, cells, place, err))
		return false;
	header_begin(table);
	for (size_t i = 0; ok && i < cells->count; i++) {
		size_t len;
		const char *name = table_cell(cells, i, &len);

		ok = key_add(table, name, len, err);
	}
	table->report.columns = table->columns;
	return ok;
}

/* -- rows --------------------------------------------------------------- */

static bool record_text(struct table_reader *table, struct err *err)
{
	const struct table_cells *cells = &table->cells;
	struct buf *out = &table->out;
	size_t key = 0;
	bool ok = true;

	buf_reset(out);
	for (size_t i = 0; ok && i < table->columns; i++) {
		size_t len;
		const char *cell = table_cell(cells, i, &len);

		ok = buf_add(out, table->keys.data + key,
			table->key_ends[i] - key, err);
		key = table->key_ends[i];
		ok = ok && (cells->json ? buf_add(out, cell, len, err) :
					  buf_add_json(out, cell, len, err));
	}
	return ok && buf_add_char(out, '}', err);
}

bool table_row_skipped(struct table_reader *table)
{
	if (table->skip == 0)
		return false;
	table->skip--;
	return true;
}

bool table_row_take(struct table_reader *table, const struct table_place *place,
	struct err *err)
{
	if (!table->has_header)
		return table_header(table, &table->cells, place, err);
	if (table->cells.count != table->columns)
		return table_row_refuse(table, place, err, "ragged_row",
			"%zu cells where the header has %zu",
			table->cells.count, table->columns);
	table->row++;
	return record_text(table, err) && give(table, place, NULL, err);
}

/* -- the table ---------------------------------------------------------- */

static const struct table_format_ops *const formats[] = {
	[TABLE_CSV] = &table_csv,
	[TABLE_ARRAYS] = &table_arrays,
	[TABLE_HTML] = &table_html,
};

struct table_reader *table_open(const struct table_options *options,
	table_write *write, void *context, struct err *err)
{
	struct table_reader *table = calloc(1, sizeof(*table));

	if (table == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	table->options = options;
	table->ops = formats[options->format];
	table->write = write;
	table->context = context;
	table->skip = options->skip;
	table->line = 1;
	if (options->header_count > 0 &&
		!table_header_given(table, options->header_count, err)) {
		table_close(table);
		return NULL;
	}
	return table;
}

static const char mark[] = "\xef\xbb\xbf";

/* What looked like the start of a byte order mark was data. */
static bool feed_mark(struct table_reader *table, struct err *err)
{
	const unsigned seen = table->mark;

	table->mark = TABLE_MARK_DONE;
	return seen == 0 || table->ops->feed(table, mark, seen, err);
}

bool table_feed(struct table_reader *table, const char *bytes, size_t len,
	struct err *err)
{
	for (; len > 0 && table->mark < 3 && *bytes == mark[table->mark]; len--)
		table->mark++, bytes++;
	if (len == 0)
		return true;
	if (table->mark == 3) {
		table->mark = TABLE_MARK_DONE;
		table->offset = 3;
	}
	if (table->mark != TABLE_MARK_DONE && !feed_mark(table, err))
		return false;
	return table->ops->feed(table, bytes, len, err);
}

bool table_finish(struct table_reader *table, struct table_report *report,
	struct err *err)
{
	bool ok = table->mark >= 3 || feed_mark(table, err);

	ok = ok && table->ops->finish(table, err);
	if (ok && !table->has_header)
		ok = table_fail(table, 0, err, "there is no row, not even a "
			"header");
	*report = table->report;
	return ok;
}

void table_close(struct table_reader *table)
{
	if (table == NULL)
		return;
	buf_clear(&table->keys);
	buf_clear(&table->cells.bytes);
	buf_clear(&table->out);
	buf_clear(&table->kept);
	json_tape_clear(&table->tape);
	free(table);
}

bool table_to_ndjson(const struct table_options *options, const char *bytes,
	size_t len, table_write *write, void *context,
	struct table_report *report, struct err *err)
{
	struct table_reader *table = table_open(options, write, context, err);
	bool ok = false;

	*report = (struct table_report){ 0 };
	if (table == NULL)
		return false;
	if (table_feed(table, bytes, len, err)) {
		ok = table_finish(table, report, err);
	} else {
		*report = table->report;
	}
	table_close(table);
	return ok;
}

bool table_write_buf(void *buf, const struct table_row *row, struct err *err)
{
	return buf_add(buf, row->text, row->len, err) &&
		buf_add_char(buf, '\n', err);
}
