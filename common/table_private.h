/* table_private.h - what the formats of table_rows share. */
#ifndef SLUICE_TABLE_PRIVATE_H
#define SLUICE_TABLE_PRIVATE_H

#include "common/jsonscan.h"
#include "common/table_rows.h"

#define TABLE_MAX_RECORD ((size_t)1 << 20)
#define TABLE_MAX_BYTES ((size_t)64 << 20)
#define TABLE_MARK_DONE 4
#define TABLE_SHOWN_BYTES 1000 /* of a row in a reject's text */

/* The cells of one row, one after the other. */
struct table_cells {
	struct buf bytes;
	size_t ends[TABLE_COLUMNS_MAX]; /* of each in bytes */
	size_t count; /* may be more than there are ends */
	bool json;    /* they are JSON values; else plain text */
};

/* The row at hand. */
struct table_place {
	uint64_t line;
	uint64_t offset;
	uint64_t length;
	const char *raw; /* its bytes, as far as they were kept; NULL: only
			  * its cells are */
	size_t raw_len;
};

/* What has come of a row that is not over yet. */
struct table_part {
	uint64_t length;
	uint64_t lines;
	bool after_cr;
};

struct table_reader {
	const struct table_options *options;
	const struct table_format_ops *ops;
	table_write *write;
	void *context;
	struct table_report report;
	uint64_t row;      /* of data, the one at hand */
	uint64_t skip;     /* rows still to be passed over */
	uint64_t line;     /* of the next byte, from 1 */
	uint64_t offset;   /* of the next byte */
	bool has_header;
	size_t columns;
	struct buf keys;   /* {"a": and ,"b": and so on */
	size_t key_ends[TABLE_COLUMNS_MAX];
	struct table_cells cells;
	struct buf out;    /* the row as it will be given */
	struct buf kept;   /* bytes of input that wait for more */
	struct json_tape tape;
	size_t want;       /* bytes kept before they are looked at again */
	struct table_part part;
	int state;         /* the format's own, 0 at the start */
	unsigned mark;     /* bytes of a byte order mark seen; MARK_DONE */
	bool too_long;     /* the row at hand is, and is passed over */
};

/* A format. */
struct table_format_ops {
	bool (*feed)(struct table_reader *table, const char *bytes, size_t len,
		struct err *err);
	bool (*finish)(struct table_reader *table, struct err *err);
};

extern const struct table_format_ops table_csv, table_arrays, table_html;

/* -- what a format does with a row -------------------------------------- */

void table_cells_reset(struct table_cells *cells, bool json);
bool table_cell_add(struct table_cells *cells, const char *data, size_t len,
	struct err *err) MUST_CHECK;
/* The cell whose bytes were appended to cells->bytes ends here. */
void table_cell_end(struct table_cells *cells);
const char *table_cell(const struct table_cells *cells, size_t at, size_t *len);

/* The cells are the header from now on (again, for the next table). */
bool table_header(struct table_reader *table, const struct table_cells *cells,
	const struct table_place *place, struct err *err) MUST_CHECK;
/* The names of the options are, the first `count` of them. */
bool table_header_given(
	struct table_reader *table, size_t count, struct err *err) MUST_CHECK;
/* A row: passed over, the header, a record, or a ragged reject. */
bool table_row_take(struct table_reader *table, const struct table_place *place,
	struct err *err) MUST_CHECK;
/* A row of data that is no record. */
bool table_row_refuse(struct table_reader *table,
	const struct table_place *place, struct err *err, const char *code,
	const char *fmt, ...) PRINTF_LIKE(5, 6) MUST_CHECK;
/* The row at hand is only passed over: before the header or the first row. */
bool table_row_skipped(struct table_reader *table);

/* ERR_REJECT: "csv: line 7, row 6: ..." */
bool table_fail(const struct table_reader *table, uint64_t line,
	struct err *err, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* The first byte that is not UTF-8; len when all are. */
size_t table_bad_utf8(const char *text, size_t len);

/* Line ends in text. */
uint64_t table_count_lines(const char *text, size_t len);

#endif
