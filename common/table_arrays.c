/* table_arrays.c - a JSON array of arrays: the first names the columns. */
#include "common/table_private.h"

#include <inttypes.h>
#include <string.h>

#define ARRAYS_STEP ((size_t)16384)

enum arrays_state {
	ARRAYS_START,
	ARRAYS_FIRST, /* behind [ */
	ARRAYS_ROW,   /* behind a comma */
	ARRAYS_AFTER, /* behind a row */
	ARRAYS_END,   /* behind ] */
};

/* -- one row ------------------------------------------------------------ */

static size_t max_of(const struct table_reader *table)
{
	return table->options->max_record != 0 ? table->options->max_record :
						 TABLE_MAX_RECORD;
}

/* A cell as it stands, on one line: JSON strings hold no line break. */
static bool add_cell(struct table_reader *table, const char *text,
	const struct json_node *node, struct err *err)
{
	struct buf *bytes = &table->cells.bytes;
	const size_t from = bytes->len;

	if (!table_cell_add(&table->cells, text + node->start, node->len, err))
		return false;
	for (size_t i = from; i < bytes->len; i++)
		if (bytes->data[i] == '\n' || bytes->data[i] == '\r')
			bytes->data[i] = ' ';
	return true;
}

static bool cut_cells(struct table_reader *table, const char *text,
	struct err *err)
{
	const struct json_tape *tape = &table->tape;
	bool ok = true;

	table_cells_reset(&table->cells, true);
	for (size_t i = 1; ok && i < tape->nodes[0].next;
		i = tape->nodes[i].next)
		ok = add_cell(table, text, &tape->nodes[i], err);
	return ok;
}

static bool bad_name(const struct table_reader *table,
	const struct table_place *place, const struct json_fault *fault,
	struct err *err)
{
	if (strcmp(fault->code, "memory") == 0)
		return err_memory(err);
	return table_fail(table, place->line, err, "column %zu of the header: "
		"%s", table->cells.count + 1, fault->what);
}

/* The names of the columns, decoded. */
static bool cut_names(struct table_reader *table, const char *text,
	const struct table_place *place, struct err *err)
{
	const struct json_tape *tape = &table->tape;
	struct table_cells *cells = &table->cells;
	struct json_fault fault = { 0 };

	table_cells_reset(cells, false);
	for (size_t i = 1; i < tape->nodes[0].next; i = tape->nodes[i].next) {
		if (tape->nodes[i].type != JSON_STRING)
			return table_fail(table, place->line, err, "column %zu "
				"of the header is not a string; name the "
				"columns yourself with `header: [...]`",
				cells->count + 1);
		if (!json_decode(text, &tape->nodes[i], &cells->bytes, &fault))
			return bad_name(table, place, &fault, err);
		table_cell_end(cells);
	}
	return true;
}

static bool judge_row(struct table_reader *table,
	const struct table_place *place, struct err *err)
{
	struct json_fault fault = { 0 };

	if (json_parse(place->raw, place->raw_len, &table->tape, &fault) !=
		JSON_OK)
		return err_memory(err); /* the scanner has taken it before */
	if (table->tape.nodes[0].type != JSON_ARRAY)
		return table->has_header ?
			table_row_refuse(table, place, err, "not_array",
				"a row must be an array of cells") :
			table_fail(table, place->line, err, "the header must "
				"be an array of names");
	if (!(table->has_header ? cut_cells(table, place->raw, err) :
				  cut_names(table, place->raw, place, err)))
		return false;
	return table_row_take(table, place, err);
}

static bool too_long(const struct table_reader *table, struct err *err)
{
	return table_fail(table, table->line, err, "row %" PRIu64
		" is longer than %zu bytes", table->row + table->has_header,
		max_of(table));
}

static bool take_row(struct table_reader *table, const char *text, size_t len,
	struct err *err)
{
	const struct table_place place = {
		.line = table->line,
		.offset = table->offset,
		.length = len,
		.raw = text,
		.raw_len = len,
	};

	if (table_row_skipped(table))
		return true;
	if (len > max_of(table))
		return too_long(table, err);
	return judge_row(table, &place, err);
}

/* -- between the rows --------------------------------------------------- */

static void pass(struct table_reader *table, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		table->line += text[i] == '\n';
	table->offset += len;
}

static bool broken(const struct table_reader *table, size_t more,
	const char *what, struct err *err)
{
	return table_fail(table, table->line, err, "row %" PRIu64 ", byte %"
		PRIu64 " of the input: %s", table->row + table->has_header,
		table->offset + more, what);
}

/* A bracket or a comma, whatever the state wants. *row: a row is next. */
static bool step(struct table_reader *table, char c, bool *row, struct err *err)
{
	const bool close = c == ']' && (table->state == ARRAYS_FIRST ||
					       table->state == ARRAYS_AFTER);

	*row = false;
	switch ((enum arrays_state)table->state) {
	case ARRAYS_START:
		table->state = ARRAYS_FIRST;
		return c == '[' || broken(table, 0,
			"an array of arrays was expected", err);
	case ARRAYS_FIRST:
	case ARRAYS_ROW:
		*row = !close;
		table->state = close ? ARRAYS_END : table->state;
		return true;
	case ARRAYS_AFTER:
		table->state = close ? ARRAYS_END : ARRAYS_ROW;
		return close || c == ',' || broken(table, 0,
			"a comma or ] was expected", err);
	case ARRAYS_END:
		break;
	}
	return broken(table, 0, "text behind the array", err);
}

/* *used is 0 when more bytes are needed. */
static bool next_row(struct table_reader *table, const char *text, size_t len,
	size_t *used, struct err *err)
{
	struct json_fault fault = { 0 };
	size_t end = 0;

	*used = 0;
	switch (json_scan(text, len, false, &end, &fault)) {
	case JSON_SHORT:
		return true;
	case JSON_BAD:
		return broken(table, fault.at, fault.what, err);
	case JSON_OK:
		break;
	}
	if (!take_row(table, text, end, err))
		return false;
	table->state = ARRAYS_AFTER;
	*used = end;
	return true;
}

/* Passes over what text holds whole; *used says how much. */
static bool consume(struct table_reader *table, const char *text, size_t len,
	size_t *used, struct err *err)
{
	size_t at = 0;

	for (;;) {
		size_t n = json_blanks(text + at, len - at);
		bool row;

		pass(table, text + at, n);
		at += n;
		*used = at;
		if (at == len)
			return true;
		if (!step(table, text[at], &row, err))
			return false;
		n = 1;
		if (row && !next_row(table, text + at, len - at, &n, err))
			return false;
		if (n == 0)
			return true;
		pass(table, text + at, n);
		at += n;
	}
}

static bool consume_kept(struct table_reader *table, struct err *err)
{
	struct buf *kept = &table->kept;
	size_t used;

	if (!consume(table, kept->data, kept->len, &used, err))
		return false;
	if (used > 0)
		memmove(kept->data, kept->data + used, kept->len - used);
	kept->len -= used;
	return kept->len <= max_of(table) || too_long(table, err);
}

/* What is kept is looked at again when it has doubled, not for every byte. */
static bool arrays_feed(struct table_reader *table, const char *bytes,
	size_t len, struct err *err)
{
	struct buf *kept = &table->kept;
	size_t used = 0;

	if (kept->len == 0 && !consume(table, bytes, len, &used, err))
		return false;
	while (used < len) {
		size_t more = table->want > kept->len ?
			table->want - kept->len : 1;

		if (more > len - used)
			more = len - used;
		if (!buf_add(kept, bytes + used, more, err))
			return false;
		used += more;
		if (kept->len < table->want)
			break;
		if (!consume_kept(table, err))
			return false;
		table->want = kept->len * 2 > ARRAYS_STEP ? kept->len * 2 :
							    ARRAYS_STEP;
	}
	return true;
}

static bool arrays_finish(struct table_reader *table, struct err *err)
{
	if (table->kept.len > 0 && !consume_kept(table, err))
		return false;
	if (table->state == ARRAYS_END)
		return true;
	return broken(table, table->kept.len, "the array ends too early", err);
}

const struct table_format_ops table_arrays = { arrays_feed, arrays_finish };
