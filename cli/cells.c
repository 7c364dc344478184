/* cells.c - a screen in memory. */
#include "cli/cells.h"
#include "cli/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#define MARKS 2       /* on one letter */
#define SPARK_LEVELS 8

/* -- text, a letter after the other ------------------------------------------ */

/* One letter with its marks, or an escape of as many columns as bytes. */
struct glyph {
	char text[CELL_BYTES];
	size_t bytes; /* it took of the text */
	size_t width;
	bool escape;
};

static uint32_t code_point(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;
	uint32_t code = len == 1 ? at[0] : at[0] & (0xffU >> (len + 1));

	for (size_t i = 1; i < len; i++)
		code = code << 6 | (at[i] & 0x3f);
	return code;
}

/* U+0300 and so on: those that letters carry in Europe. */
static bool is_mark(uint32_t code)
{
	return code >= 0x300 && code <= 0x36f;
}

static void escape_byte(struct glyph *glyph, unsigned char byte)
{
	static const char *const named[] = { ['\n'] = "\\n", ['\t'] = "\\t",
		['\r'] = "\\r" };
	const char *name = byte < sizeof(named) / sizeof(*named) ?
		named[byte] : NULL;

	if (name != NULL)
		(void)snprintf(glyph->text, CELL_BYTES, "%s", name);
	else
		(void)snprintf(glyph->text, CELL_BYTES, "\\x%02x",
			(unsigned)byte);
	glyph->bytes = 1;
}

static void add_marks(struct glyph *glyph, const char *text)
{
	for (int marks = 0; marks < MARKS; marks++) {
		const char *at = text + glyph->bytes;
		const size_t len = utf8_length(at, strlen(at));
		const size_t used = strlen(glyph->text);

		if (len == 0 || !is_mark(code_point(at, len)))
			return;
		memcpy(glyph->text + used, at, len);
		glyph->text[used + len] = '\0';
		glyph->bytes += len;
	}
}

static struct glyph next_glyph(const char *text, bool ascii)
{
	struct glyph glyph = { .escape = true };
	const unsigned char first = (unsigned char)text[0];
	const size_t len = first < 0x80 ? 1 : utf8_length(text, strlen(text));
	uint32_t code;
	int width;

	if (len == 0 || first < 0x20 || first == 0x7f) {
		escape_byte(&glyph, first);
		glyph.width = strlen(glyph.text);
		return glyph;
	}
	code = code_point(text, len);
	width = first < 0x80 ? 1 : ascii ? 0 : wcwidth((wchar_t)code);
	glyph.bytes = len;
	if (width <= 0) {
		(void)snprintf(glyph.text, CELL_BYTES, "\\u{%x}",
			(unsigned)code);
		glyph.width = strlen(glyph.text);
		return glyph;
	}
	glyph.escape = false;
	glyph.width = (size_t)width;
	memcpy(glyph.text, text, len);
	if (!ascii)
		add_marks(&glyph, text);
	return glyph;
}

size_t cells_width(const char *text, bool ascii)
{
	size_t width = 0;

	while (*text != '\0') {
		const struct glyph glyph = next_glyph(text, ascii);

		width += glyph.width;
		text += glyph.bytes;
	}
	return width;
}

/* -- the canvas ----------------------------------------------------------- */

bool canvas_make(struct canvas *canvas, size_t rows, size_t columns,
	struct err *err)
{
	struct tile *cells = calloc(rows * columns + 1, sizeof(*cells));

	if (cells == NULL)
		return err_memory(err);
	free(canvas->cells);
	canvas->cells = cells;
	canvas->rows = rows;
	canvas->columns = columns;
	for (size_t i = 0; i < rows * columns; i++)
		cells[i].text[0] = ' ';
	return true;
}

void canvas_clear(struct canvas *canvas)
{
	free(canvas->cells);
	*canvas = (struct canvas){ .ascii = canvas->ascii };
}

static struct tile *at(struct canvas *canvas, size_t row, size_t column)
{
	return &canvas->cells[row * canvas->columns + column];
}

const struct tile *canvas_at(const struct canvas *canvas, size_t row,
	size_t column)
{
	return &canvas->cells[row * canvas->columns + column];
}

/* How much of the width lies on the canvas. */
static size_t room(const struct canvas *canvas, size_t row, size_t column,
	size_t width)
{
	if (row >= canvas->rows || column >= canvas->columns)
		return 0;
	return width < canvas->columns - column ? width :
		canvas->columns - column;
}

static void set(struct canvas *canvas, size_t row, size_t column,
	enum style style, const char *text)
{
	struct tile *cell = at(canvas, row, column);

	(void)snprintf(cell->text, sizeof(cell->text), "%s", text);
	cell->style = (unsigned char)style;
}

static void put_glyph(struct canvas *canvas, size_t row, size_t column,
	enum style style, const struct glyph *glyph)
{
	for (size_t i = 0; i < glyph->width; i++)
		if (glyph->escape)
			set(canvas, row, column + i, style,
				(char[]){ glyph->text[i], '\0' });
		else
			set(canvas, row, column + i, style,
				i == 0 ? glyph->text : "");
}

size_t canvas_put(struct canvas *canvas, size_t row, size_t column,
	size_t width, enum style style, const char *text)
{
	const size_t end = room(canvas, row, column, width);
	const bool cut = cells_width(text, canvas->ascii) > end;
	size_t used = 0;

	while (*text != '\0') {
		const struct glyph glyph = next_glyph(text, canvas->ascii);

		if (used + glyph.width + cut > end)
			break;
		put_glyph(canvas, row, column + used, style, &glyph);
		used += glyph.width;
		text += glyph.bytes;
	}
	if (cut && used < end)
		set(canvas, row, column + used++, style,
			canvas->ascii ? "~" : "\u2026");
	return used;
}

size_t canvas_putf(struct canvas *canvas, size_t row, size_t column,
	size_t width, enum style style, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return canvas_put(canvas, row, column, width, style, text);
}

void canvas_put_right(struct canvas *canvas, size_t row, size_t column,
	size_t width, enum style style, const char *text)
{
	const size_t used = cells_width(text, canvas->ascii);
	const size_t skip = used < width ? width - used : 0;

	(void)canvas_put(canvas, row, column + skip, width - skip, style,
		text);
}

void canvas_fill(struct canvas *canvas, size_t row, enum style style)
{
	for (size_t i = 0; row < canvas->rows && i < canvas->columns; i++)
		set(canvas, row, i, style, " ");
}

/* -- bars ------------------------------------------------------------------- */

void canvas_bar(struct canvas *canvas, size_t row, size_t column,
	size_t width, enum style style, int percent)
{
	char bar[PROGRESS_BAR_MAX + 1];
	const size_t end = room(canvas, row, column, width);

	if (end < 3)
		return;
	progress_bar(bar, end - 2, percent);
	(void)canvas_put(canvas, row, column, 1, STYLE_PLAIN, "[");
	(void)canvas_put(canvas, row, column + 1, end - 2, style, bar);
	(void)canvas_put(canvas, row, column + 1 + strlen(bar), 1,
		STYLE_PLAIN, "]");
}

void canvas_spark(struct canvas *canvas, size_t row, size_t column,
	size_t width, enum style style, const double *values, size_t count)
{
	static const char *const blocks[] = { "\u2581", "\u2582", "\u2583",
		"\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
	static const char *const plain[] = { ".", ":", "-", "=", "+", "*",
		"%", "#" };
	const size_t end = room(canvas, row, column, width);
	const size_t shown = count < end ? count : end;
	double most = 0;

	values += count - shown;
	for (size_t i = 0; i < shown; i++)
		most = values[i] > most ? values[i] : most;
	for (size_t i = 0; i < shown; i++) {
		size_t level;

		if (!(values[i] > 0))
			continue;
		level = (size_t)(values[i] / most * (SPARK_LEVELS - 1) + 0.5);
		set(canvas, row, column + end - shown + i, style,
			canvas->ascii ? plain[level] : blocks[level]);
	}
}

/* -- as text ---------------------------------------------------------------- */

bool canvas_text(const struct canvas *canvas, size_t row, struct buf *out,
	struct err *err)
{
	size_t end = canvas->columns;
	bool ok = true;

	while (end > 0 && strcmp(canvas_at(canvas, row, end - 1)->text,
		" ") == 0)
		end--;
	for (size_t i = 0; ok && i < end; i++)
		ok = buf_add_str(out, canvas_at(canvas, row, i)->text, err);
	return ok;
}
