/* table_csv.c - rows of CSV (RFC 4180).
 *
 * A row's end is found first, in pieces of any size; then its cells are cut.
 * Rows end with LF, CRLF or CR. A quote inside a cell that does not begin with
 * one is text; text behind a closing quote is refused. */
#include "common/table_private.h"

#include <inttypes.h>
#include <string.h>

enum csv_state {
	CSV_CELL,   /* at the start of a cell */
	CSV_PLAIN,  /* in a cell without quotes, or behind them */
	CSV_QUOTED,
	CSV_CLOSED, /* behind a quote that may have been the closing one */
	CSV_CR,     /* behind a CR: the row is over, an LF may belong to it */
};

struct csv {
	struct table_reader *table;
	char delimiter;
	int quote; /* TABLE_QUOTE_NONE */
	size_t max;
};

static struct csv csv_of(struct table_reader *table)
{
	const struct table_options *options = table->options;

	return (struct csv){
		.table = table,
		.delimiter = options->delimiter != 0 ?
			(char)options->delimiter : ',',
		.quote = options->quote != 0 ? options->quote : '"',
		.max = options->max_record != 0 ? options->max_record :
						  TABLE_MAX_RECORD,
	};
}

/* -- where a row ends --------------------------------------------------- */

static bool is_quote(const struct csv *csv, char c)
{
	return csv->quote == (unsigned char)c;
}

static enum csv_state csv_step(const struct csv *csv, enum csv_state state,
	char c)
{
	if (state == CSV_QUOTED)
		return is_quote(csv, c) ? CSV_CLOSED : CSV_QUOTED;
	if ((state == CSV_CELL || state == CSV_CLOSED) && is_quote(csv, c))
		return CSV_QUOTED;
	if (c == csv->delimiter)
		return CSV_CELL;
	return c == '\r' ? CSV_CR : CSV_PLAIN;
}

/* Bytes of text that belong to the row at hand; *ended when it is over. */
static size_t csv_row(const struct csv *csv, int *state, const char *text,
	size_t len, bool *ended)
{
	enum csv_state at = (enum csv_state)*state;
	size_t i = 0;

	*ended = false;
	while (i < len && !*ended) {
		if (at == CSV_CR) {
			i += text[i] == '\n';
			*ended = true;
		} else if (text[i] == '\n' && at != CSV_QUOTED) {
			i++;
			*ended = true;
		} else {
			at = csv_step(csv, at, text[i++]);
		}
	}
	*state = *ended ? CSV_CELL : (int)at;
	return i;
}

/* -- the cells of a row ------------------------------------------------- */

/* A cell in quotes from text[*at], the opening one; *at moves behind the
 * closing one, or to len where there is none. */
static bool csv_quoted(const struct csv *csv, const char *text, size_t len,
	size_t *at, struct err *err)
{
	struct buf *bytes = &csv->table->cells.bytes;

	for (++*at; *at < len;) {
		const char *found = memchr(text + *at, csv->quote, len - *at);
		const size_t stop = found != NULL ? (size_t)(found - text) :
						    len;

		if (!buf_add(bytes, text + *at, stop - *at, err))
			return false;
		*at = stop < len ? stop + 1 : len;
		if (*at == len || text[*at] != (char)csv->quote)
			break;
		if (!buf_add(bytes, text + *at, 1, err))
			return false;
		++*at;
	}
	return true;
}

/* *wrong is set to the place of text behind a closing quote. */
static bool csv_cells(const struct csv *csv, const char *text, size_t len,
	size_t *wrong, struct err *err)
{
	struct table_cells *cells = &csv->table->cells;
	size_t at = 0;

	*wrong = SIZE_MAX;
	table_cells_reset(cells, false);
	for (;; at++) {
		const char *end;

		if (at < len && is_quote(csv, text[at])) {
			if (!csv_quoted(csv, text, len, &at, err))
				return false;
			if (at < len && text[at] != csv->delimiter) {
				*wrong = at;
				return true;
			}
			table_cell_end(cells);
		} else {
			end = memchr(text + at, csv->delimiter, len - at);
			if (!table_cell_add(cells, text + at, end != NULL ?
				    (size_t)(end - text) - at : len - at, err))
				return false;
			at = end != NULL ? (size_t)(end - text) : len;
		}
		if (at >= len)
			return true;
	}
}

/* -- rows --------------------------------------------------------------- */

static size_t without_end(const char *text, size_t len)
{
	if (len > 0 && text[len - 1] == '\n')
		len--;
	else if (len == 0 || text[len - 1] != '\r')
		return len;
	return len > 0 && text[len - 1] == '\r' ? len - 1 : len;
}

/* A header that cannot be read is the table's end, a row is a reject. */
static bool csv_wrong(struct table_reader *table,
	const struct table_place *place, struct err *err, const char *code,
	const char *what, uint64_t at)
{
	if (!table->has_header)
		return table_fail(table, place->line, err,
			"in the header, byte %" PRIu64 " of the input: %s", at,
			what);
	return table_row_refuse(table, place, err, code, "byte %" PRIu64
		" of the input: %s", at, what);
}

static bool csv_judge(const struct csv *csv, const struct table_place *place,
	struct err *err)
{
	struct table_reader *table = csv->table;
	const size_t bad = table_bad_utf8(place->raw, place->raw_len);
	size_t wrong;

	if (bad < place->raw_len)
		return csv_wrong(table, place, err, "table_utf8",
			"not UTF-8", place->offset + bad);
	if (!csv_cells(csv, place->raw, place->raw_len, &wrong, err))
		return false;
	if (wrong != SIZE_MAX)
		return csv_wrong(table, place, err, "csv_quote", "text behind "
			"a closing quote (a quote in a cell is written twice)",
			place->offset + wrong);
	return table_row_take(table, place, err);
}

/* A row whose cells are not kept: only its beginning is. */
static bool csv_too_long(const struct csv *csv,
	const struct table_place *place, struct err *err)
{
	struct table_reader *table = csv->table;

	if (!table->has_header)
		return table_fail(table, place->line, err,
			"the header is longer than %zu bytes", csv->max);
	return table_row_refuse(table, place, err, "record_too_long",
		"%" PRIu64 " bytes, at most %zu are allowed", place->length,
		csv->max);
}

/* text[0..kept) is what is left of the row's `length` bytes. */
static bool csv_take(const struct csv *csv, const char *text, size_t kept,
	uint64_t lines, uint64_t length, struct err *err)
{
	struct table_reader *table = csv->table;
	const bool too_long = table->too_long;
	const struct table_place place = {
		.line = table->line,
		.offset = table->offset,
		.length = length,
		.raw = text,
		.raw_len = too_long ? kept : without_end(text, kept),
	};

	table->offset += length;
	table->line += lines;
	table->too_long = false;
	if (table_row_skipped(table))
		return true;
	if (place.raw_len == 0 && (table->columns != 1 || !table->has_header)) {
		table->report.blank++;
		return true;
	}
	return too_long ? csv_too_long(csv, &place, err) :
			  csv_judge(csv, &place, err);
}

/* Beyond the limit only the row's length is counted on. */
static bool csv_keep(const struct csv *csv, const char *text, size_t len,
	struct err *err)
{
	struct table_reader *table = csv->table;
	struct table_part *part = &table->part;
	const size_t enough = TABLE_SHOWN_BYTES + 1;
	size_t take = len;

	part->length += len;
	part->lines += table_count_lines(text, len);
	if (part->after_cr && len > 0 && text[0] == '\n')
		part->lines--; /* the two halves of one CRLF */
	if (len > 0)
		part->after_cr = text[len - 1] == '\r';
	if (part->length > csv->max)
		table->too_long = true;
	if (table->too_long && table->kept.len + len > enough)
		take = table->kept.len < enough ? enough - table->kept.len : 0;
	return buf_add(&table->kept, text, take, err);
}

static bool csv_take_kept(const struct csv *csv, struct err *err)
{
	struct table_reader *table = csv->table;
	const struct table_part part = table->part;
	bool ok;

	table->part = (struct table_part){ 0 };
	ok = csv_take(csv, table->kept.data, table->kept.len, part.lines,
		part.length, err);
	buf_reset(&table->kept);
	return ok;
}

static bool csv_feed(struct table_reader *table, const char *bytes, size_t len,
	struct err *err)
{
	const struct csv csv = csv_of(table);
	bool ok = true;

	for (size_t at = 0, used; ok && at < len; at += used) {
		const char *text = bytes + at;
		bool ended;

		used = csv_row(&csv, &table->state, text, len - at, &ended);
		if (ended && table->part.length == 0 && used <= csv.max)
			ok = csv_take(&csv, text, used,
				table_count_lines(text, used), used, err);
		else
			ok = csv_keep(&csv, text, used, err) &&
				(!ended || csv_take_kept(&csv, err));
	}
	return ok;
}

static bool csv_finish(struct table_reader *table, struct err *err)
{
	const struct csv csv = csv_of(table);

	if (table->state == CSV_QUOTED)
		return table_fail(table, table->line, err, "row %" PRIu64
			", which begins here, opens a quote that is never "
			"closed", table->row + table->has_header);
	return table->part.length == 0 || csv_take_kept(&csv, err);
}

const struct table_format_ops table_csv = { csv_feed, csv_finish };
