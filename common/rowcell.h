/* rowcell.h - one JSON value becomes one cell, as its column's type asks.
 * The part of rowmap that knows the types. */
#ifndef SLUICE_ROWCELL_H
#define SLUICE_ROWCELL_H

#include "common/rowmap.h"

#include <locale.h>

#define JSON_MAX_BYTES (32 << 20) /* jsonb ends at 256 MiB of its own form */
#define JSON_GROWTH_MAX (1 << 20) /* characters beyond the text's own when
				   * its numbers are written out */
#define SHOWN_BYTES 40            /* of a value in a fault's detail */
#define SHOWN (4 * SHOWN_BYTES + 8) /* escaped, in quotes */

/* One record on its way into a row. */
struct mapping {
	struct rowmap *map;
	const char *text;
	size_t len;
	const struct json_tape *tape;
	struct buf *scratch; /* of no lasting use */
	locale_t locale;     /* "C": strtod's point must be a point */
	struct row_fault *fault;
	struct err *err;
};

/* One column's value. */
struct value {
	const struct column *column;
	const struct json_node *node;
	const char *data; /* a string's characters decoded, or a number's */
	size_t len;
};

/* Reads a value that is not null. */
enum row_status rowcell_read(const struct mapping *in, const struct value *v,
	struct cell *cell) MUST_CHECK;

/* Whether jsonb can hold nodes[first..end): their numbers, strings and keys.
 * *budget begins at JSON_GROWTH_MAX. column may be NULL. */
enum row_status rowcell_check_json(const struct mapping *in,
	const struct column *column, size_t first, size_t end, int64_t *budget)
	MUST_CHECK;

/* Fills the fault; ROW_REJECT. */
enum row_status rowcell_reject(const struct mapping *in, const char *code,
	const struct column *column, size_t at, const char *fmt, ...)
	PRINTF_LIKE(5, 6);
/* The scanner's fault as ours; ROW_FAILED when it is out of memory. */
enum row_status rowcell_syntax(const struct mapping *in,
	const struct json_fault *fault, const struct column *column, size_t at);
/* A value, short, in quotes and on one line, into out[SHOWN]. */
const char *rowcell_show(const struct mapping *in, const char *data,
	size_t len, char *out);
/* "a number" */
const char *rowcell_type(uint8_t type);

#endif
