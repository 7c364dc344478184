/* cells.h - a screen in memory: text cut to columns, whatever it holds, bars
 * and sparklines. Pure: who shows it is cli/screen.h. */
#ifndef SLUICE_CELLS_H
#define SLUICE_CELLS_H

#include "common/buf.h"

enum style {
	STYLE_PLAIN,
	STYLE_BOLD,
	STYLE_DIM,
	STYLE_RED,
	STYLE_GREEN,
	STYLE_YELLOW,
	STYLE_CYAN,
	STYLE_REVERSE,
	STYLES
};

#define CELL_BYTES 16 /* a letter, two marks on it, NUL */

/* What one column shows; text is "" behind a letter of two columns. */
struct tile {
	char text[CELL_BYTES];
	unsigned char style;
};

/* The caller's; zeroed it is empty. ascii: nothing beyond ASCII is put. */
struct canvas {
	size_t rows, columns;
	bool ascii;
	struct tile *cells;
};

/* Blank, of that size. */
bool canvas_make(struct canvas *canvas, size_t rows, size_t columns,
	struct err *err) MUST_CHECK;
void canvas_clear(struct canvas *canvas);
const struct tile *canvas_at(const struct canvas *canvas, size_t row,
	size_t column);

/* Puts text there, at most `width` columns of it and none beyond the canvas;
 * returns how many it took. What is cut ends with an ellipsis. Control
 * characters, bytes that are not UTF-8, and what has no width or turns the
 * direction are shown as escapes; of marks on a letter two are kept. Widths
 * are those of the locale (LC_CTYPE). */
size_t canvas_put(struct canvas *canvas, size_t row, size_t column,
	size_t width, enum style style, const char *text);
size_t canvas_putf(struct canvas *canvas, size_t row, size_t column,
	size_t width, enum style style, const char *fmt, ...)
	PRINTF_LIKE(6, 7);
/* The same, its end at the end of the width. */
void canvas_put_right(struct canvas *canvas, size_t row, size_t column,
	size_t width, enum style style, const char *text);
/* A whole row in that style, blank. */
void canvas_fill(struct canvas *canvas, size_t row, enum style style);

/* "[=====>    ]", brackets included; nothing below 3 columns. */
void canvas_bar(struct canvas *canvas, size_t row, size_t column,
	size_t width, enum style style, int percent);
/* The last `width` of the values, the latest at the right; the greatest of
 * them is a full column, zero and less is blank. */
void canvas_spark(struct canvas *canvas, size_t row, size_t column,
	size_t width, enum style style, const double *values, size_t count);

/* How many columns the text takes, as canvas_put shows it uncut. */
size_t cells_width(const char *text, bool ascii);
/* A row as text, blanks at its end cut. */
bool canvas_text(const struct canvas *canvas, size_t row, struct buf *out,
	struct err *err) MUST_CHECK;

#endif
