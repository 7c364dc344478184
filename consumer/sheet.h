/* sheet.h - rows as a file for people or programs: CSV, JSON, HTML. Pure but
 * for the stream that is written. */
#ifndef SLUICE_SHEET_H
#define SLUICE_SHEET_H

#include "common/pipeline.h"

#include <stdio.h>

#define SHEET_HTML_ROWS 10000 /* of an HTML table */
#define SHEET_POINTS 400      /* of a chart */

/* A value as text; NULL: null. */
struct sheet_cell {
	const char *text;
	size_t len;
};

struct sheet {
	const struct pipeline_report *report;
	FILE *file;
	size_t columns;
	int64_t rows; /* written so far */
	size_t x, y;  /* of the chart, columns; SIZE_MAX: no such column */
	struct sheet_point {
		char label[40]; /* cut, where it was longer */
		double value;
	} *points;
	size_t point_count;
};

/* The head of the file; the names of the columns, in order. A JSON sheet takes
 * one column: each row as a JSON object. Failed writes show in ferror. */
bool sheet_begin(struct sheet *sheet, const struct pipeline_report *report,
	FILE *file, const char *const *names, size_t count, struct err *err)
	MUST_CHECK;
void sheet_row(struct sheet *sheet, const struct sheet_cell *cells);
/* True when an HTML table has all the rows it takes. */
bool sheet_full(const struct sheet *sheet);
/* rows: that there are in all. */
void sheet_end(struct sheet *sheet, int64_t rows);
void sheet_clear(struct sheet *sheet);

/* chart.c: the points as a picture. */
void sheet_chart(const struct sheet *sheet);
/* Text that cannot leave its place in an HTML document. */
void sheet_html_text(FILE *file, const char *text, size_t len);

#endif
