/* table_rows.h - the rows of a table become JSON objects: CSV (RFC 4180),
 * a JSON array of arrays, tables of an HTML page.
 *
 * Each row is an object {"header": cell, ...}, one line, in the order of the
 * header. Cells of CSV and HTML are strings, those of arrays stay what they
 * are; what type they mean is the columns' affair (`coerce: true`).
 * UTF-8 only; a byte order mark at the start is passed over. */
#ifndef SLUICE_TABLE_ROWS_H
#define SLUICE_TABLE_ROWS_H

#include "common/table_options.h"

#define TABLE_COLUMNS_MAX 2000

/* A row that does not fit (too few or too many cells, bytes that are not
 * UTF-8, text behind a closing quote, longer than the limit) is no error of
 * the table: it comes as a reject, and its text is a JSON string that says
 * what is wrong and holds the row's beginning. So it can be written among the
 * records, where the reader refuses it ("not_object") and the books balance. */
enum table_kind { TABLE_RECORD, TABLE_REJECT };

struct table_row {
	enum table_kind kind;
	const char *text; /* one line without its end; the table's until the
			   * call returns */
	size_t len;
	uint64_t row;     /* from 1, the header not counted */
	uint64_t line;    /* of the input it begins on, from 1 (HTML: where
			   * the parser knows, else 0) */
	uint64_t offset;  /* its own bytes in the input (HTML: both 0) */
	uint64_t length;
	const char *code; /* REJECT: "ragged_row", "table_utf8", "csv_quote",
			   * "not_array", "record_too_long" */
};

/* Takes a row; false stops the table with *err. */
typedef bool table_write(void *context, const struct table_row *row,
	struct err *err);

struct table_report {
	uint64_t records;
	uint64_t rejects;
	uint64_t blank;     /* lines without a byte, passed over (CSV) */
	size_t columns;
	char first[256]; /* the first reject, in words: "line 7, row 6: ..." */
};

/* Streaming: bytes in pieces of any size. CSV and arrays keep one row at a
 * time; HTML is collected (at most options->max_bytes) and read by
 * table_finish. The options must outlive the table. */
struct table_reader;
struct table_reader *table_open(const struct table_options *options,
	table_write *write, void *context, struct err *err);
bool table_feed(struct table_reader *table, const char *bytes, size_t len,
	struct err *err) MUST_CHECK;
/* Nothing comes any more: the last row, and what is missing. */
bool table_finish(struct table_reader *table, struct table_report *report,
	struct err *err) MUST_CHECK;
void table_close(struct table_reader *table); /* NULL is fine */

/* All of it in one call. Errors of the table as a whole are ERR_REJECT and say
 * format, line and row: no header, a name twice in it, a quote that is never
 * closed, broken JSON, no table where the XPath points. What was written
 * before stays written. The report is right in any case. */
bool table_to_ndjson(const struct table_options *options, const char *bytes,
	size_t len, table_write *write, void *context,
	struct table_report *report, struct err *err) MUST_CHECK;

/* A table_write for a struct buf: appends the line and its end. */
bool table_write_buf(void *buf, const struct table_row *row, struct err *err)
	MUST_CHECK;

#endif
