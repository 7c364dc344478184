/* table_options.h - how a table is written: the `format:` of a source. */
#ifndef SLUICE_TABLE_OPTIONS_H
#define SLUICE_TABLE_OPTIONS_H

#include "common/pipeline_field.h"

enum table_format {
	TABLE_JSON,   /* no table: records are objects already */
	TABLE_CSV,
	TABLE_ARRAYS, /* a JSON array of arrays, the first one the header */
	TABLE_HTML,
};

#define TABLE_QUOTE_NONE (-1)

/* Zeroed: TABLE_JSON, and the usual way of each format. */
struct table_options {
	enum table_format format;
	int delimiter;       /* csv: one byte; 0: a comma */
	int quote;           /* csv: one byte; 0: "; TABLE_QUOTE_NONE */
	char **header;       /* names, when the table brings none (HTML: they
			      * replace those of its th rows) */
	size_t header_count; /* 0: the first row (HTML: th) is the header */
	uint64_t skip;       /* rows before the header or the first row */
	char *xpath;         /* html: selects table or tr elements; NULL: all
			      * tables of the page */
	size_t max_record;   /* bytes of a row; 0: 1 MiB */
	size_t max_bytes;    /* html: of the page; 0: 64 MiB */
};

/* Reader for a field table: fills the struct table_options at `to` from
 *   format: csv
 *   format: { kind: csv, delimiter: ";", quote: "'", header: [a, b], skip: 1 }
 *   format: { kind: html, xpath: "//table[1]" }
 * kind: json, csv, arrays, html; delimiter and quote: one character below
 * U+0080, or the words tab and (quote) none. */
bool table_options_read(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
void table_options_clear(struct table_options *options);

/* "csv" */
const char *table_format_name(enum table_format format);

#endif
