/* output.c - what people read on standard output: tables, colours, units. */
#include "cli/output.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GAP 2 /* blanks between columns */
#define PLAIN "\"\\"

static bool colours(void)
{
	const char *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') &&
		term != NULL && strcmp(term, "dumb") != 0;
}

const char *output_paint(enum paint paint)
{
	static const char *const sequences[] = {
		[PAINT_NONE] = "\x1b[0m",
		[PAINT_BOLD] = "\x1b[1m",
			[PAINT_RED] = "\x1b[31m",
		[PAINT_GREEN] = "\x1b[32m",
		[PAINT_YELLOW] = "\x1b[33m",
	};

	return colours() ? sequences[paint] : "";
}

void output_line(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vprintf(fmt, args); /* output_finish tells of failures */
	va_end(args);
	(void)putchar('\n');
}

bool output_add_shown(struct buf *out, const void *data, size_t len,
	const char *plain, struct err *err)
{
	const char *text = data;
	bool ok = true;

	while (ok && len > 0) {
		size_t n = 0;

		while (n < len && (text[n] == '\0' ||
			strchr(plain, text[n]) == NULL))
			n++;
		ok = buf_add_escaped(out, text, n, err) &&
			(n == len || buf_add_char(out, text[n], err));
		n += n < len;
		text += n;
		len -= n;
	}
	return ok;
}

const char *output_escape(struct buf *out, const char *text)
{
	struct err err = { 0 };

	buf_reset(out);
	if (!output_add_shown(out, text, strlen(text), PLAIN, &err) ||
		out->len == 0)
		return "";
	return out->data;
}

const char *output_bytes(int64_t bytes, char out[OUTPUT_TEXT])
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB",
		"TiB", "PiB", "EiB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < sizeof(units) / sizeof(*units)) {
		value /= 1024;
		unit++;
	}
	if (unit == 0)
		(void)snprintf(out, OUTPUT_TEXT, "%" PRId64 " bytes", bytes);
	else
		(void)snprintf(out, OUTPUT_TEXT, "%.1f %s", value, units[unit]);
	return out;
}

const char *output_age(int64_t seconds, char out[OUTPUT_TEXT])
{
	static const struct {
		int64_t secs;
		const char *name;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" },
		{ 1, "s" } };
	size_t u = 0;

	if (seconds < 0)
		seconds = 0;
	while (u < 3 && seconds < units[u].secs)
		u++;
	if (u == 3 || seconds % units[u].secs < units[u + 1].secs)
		(void)snprintf(out, OUTPUT_TEXT, "%" PRId64 " %s",
			seconds / units[u].secs, units[u].name);
	else
		(void)snprintf(out, OUTPUT_TEXT,
			"%" PRId64 " %s %" PRId64 " %s",
			seconds / units[u].secs, units[u].name,
			seconds % units[u].secs / units[u + 1].secs,
			units[u + 1].name);
	return out;
}

void table_init(struct table *table, const char *const *heads)
{
	*table = (struct table){ .heads = heads };
	while (heads[table->columns] != NULL)
		table->columns++;
}

void table_add(struct table *table, const char *text)
{
	const char *cell = text != NULL ? text : "-";

	if (table->failed.kind != ERR_NONE)
		return;
	/* the cell, then the NUL that ends it */
	if (output_add_shown(&table->text, cell, strlen(cell), PLAIN,
		    &table->failed) &&
		buf_add_char(&table->text, '\0', &table->failed))
		table->cells++;
}

void table_add_int(struct table *table, int64_t value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	table_add(table, text);
}

/* Characters a text takes on the terminal, near enough: code points. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static bool add_blanks(struct buf *out, size_t count, struct err *err)
{
	bool ok = true;

	while (ok && count-- > 0)
		ok = buf_add_char(out, ' ', err);
	return ok;
}

/* Ends a line without blanks before its end. */
static bool end_line(struct buf *out, struct err *err)
{
	while (out->len > 0 && out->data[out->len - 1] == ' ')
		out->len--;
	return buf_add_char(out, '\n', err);
}

static const char *head_text(const char *head)
{
	return head[0] == '>' ? head + 1 : head;
}

static void measure(const struct table *table, size_t *widths)
{
	const char *cell = table->text.data;

	for (size_t c = 0; c < table->columns; c++)
		widths[c] = width_of(head_text(table->heads[c]));
	for (size_t i = 0; i < table->cells; i++) {
		const size_t width = width_of(cell);

		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
		cell += strlen(cell) + 1;
	}
}

static bool add_cell(const struct table *table, size_t column,
	const char *cell, size_t width, struct buf *out, struct err *err)
{
	const size_t blanks = width - width_of(cell);
	const bool right = table->heads[column][0] == '>';
	const bool last = column + 1 == table->columns;

	return (!right || add_blanks(out, blanks, err)) &&
		buf_add_str(out, cell, err) &&
		(last || right || add_blanks(out, blanks, err)) &&
		(last ? end_line(out, err) : add_blanks(out, GAP, err));
}

bool table_format(const struct table *table, size_t indent, struct buf *out,
	struct err *err)
{
	size_t *widths = calloc(table->columns, sizeof(*widths));
	const char *cell = table->text.data;
	bool ok = widths != NULL || err_memory(err);

	if (ok && table->failed.kind != ERR_NONE) {
		*err = table->failed;
		ok = false;
	}
	if (ok)
		measure(table, widths);
	for (size_t c = 0; ok && c < table->columns; c++)
		ok = (c > 0 || add_blanks(out, indent, err)) &&
			add_cell(table, c, head_text(table->heads[c]),
				widths[c], out, err);
	for (size_t i = 0; ok && i < table->cells; i++) {
		const size_t c = i % table->columns;

		ok = (c > 0 || add_blanks(out, indent, err)) &&
			add_cell(table, c, cell, widths[c], out, err);
		cell += strlen(cell) + 1;
	}
	free(widths);
	return ok;
}

bool table_print(struct table *table, size_t indent, struct err *err)
{
	struct buf out = { 0 };
	const char *rest;
	bool ok = table_format(table, indent, &out, err);

	if (ok && out.data != NULL) {
		rest = strchr(out.data, '\n');
		(void)printf("%s%.*s%s%s", output_paint(PAINT_BOLD),
			(int)(rest - out.data), out.data,
			output_paint(PAINT_NONE), rest);
	}
	buf_clear(&out);
	table_clear(table);
	return ok;
}

void table_clear(struct table *table)
{
	buf_clear(&table->text);
	table_init(table, table->heads);
}

/* The write that failed may be long ago. */
static bool reader_is_gone(void)
{
	struct pollfd fd = { .fd = STDOUT_FILENO };

	return errno == EPIPE ||
		(poll(&fd, 1, 0) > 0 && (fd.revents & POLLERR) != 0);
}

int output_finish(int code)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (!reader_is_gone())
		(void)fprintf(stderr, "sluice: write to standard output: %s\n",
			strerror(errno != 0 ? errno : EIO));
	return EXIT_IO;
}
