/* output.h - what people read on standard output: tables, colours, units.
 *
 * Everything that comes from outside is escaped on its way out. */
#ifndef SLUICE_OUTPUT_H
#define SLUICE_OUTPUT_H

#include "common/buf.h"
#include "common/json.h"

#include <stdio.h>

#define OUTPUT_TEXT 64 /* bytes output_bytes and output_age need */

enum paint { PAINT_NONE, PAINT_BOLD, PAINT_RED, PAINT_GREEN, PAINT_YELLOW };

/* The sequence that starts a colour; "" when standard output is no terminal,
 * NO_COLOR is set or the terminal is dumb. PAINT_NONE ends it. */
const char *output_paint(enum paint paint);

/* A line on stdout: fmt may only hold our own words; show others with the
 * escaped text of output_escape. */
void output_line(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Adds data as buf_add_escaped does, but leaves the characters of `plain`
 * alone (quotes, backslashes). */
bool output_add_shown(struct buf *out, const void *data, size_t len,
	const char *plain, struct err *err) MUST_CHECK;
/* A text as people may see it, quotes and backslashes plain; out is emptied
 * first. Never NULL. */
const char *output_escape(struct buf *out, const char *text);

/* "1.4 GiB" and "3 min 20 s"; negative ages show as "0 s". */
const char *output_bytes(int64_t bytes, char out[OUTPUT_TEXT]);
const char *output_age(int64_t seconds, char out[OUTPUT_TEXT]);

/* -- tables -------------------------------------------------------------- */

/* Heads: column titles, NULL-terminated; one that starts with '>' is aligned
 * to the right. Cells follow row by row; a failed allocation is remembered. */
struct table {
	const char *const *heads;
	size_t columns;
	struct buf text;   /* cells, escaped, each ended by NUL */
	size_t cells;
	struct err failed; /* kind ERR_NONE: all well */
};

void table_init(struct table *table, const char *const *heads);
void table_add(struct table *table, const char *text); /* NULL: "-" */
void table_add_int(struct table *table, int64_t value);
/* The whole table with aligned columns, `indent` blanks before each line. */
bool table_format(const struct table *table, size_t indent, struct buf *out,
	struct err *err) MUST_CHECK;
/* table_format onto stdout, then cleared. */
bool table_print(struct table *table, size_t indent, struct err *err)
	MUST_CHECK;
void table_clear(struct table *table);

/* -- JSON ---------------------------------------------------------------- */

/* Prints the document and frees it. */
bool output_json(struct json *root, struct err *err) MUST_CHECK;

/* Flushes stdout: the exit code, or EXIT_IO when writing failed (quietly when
 * the reader just went away). */
int output_finish(int code);

#endif
