/* progress.c - how far a load is, on standard error. */
#include "cli/progress.h"
#include "cli/output.h"
#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_MS 200
#define LINE_MS 10000
#define SMOOTH_MS 5000 /* the pace is that of about so long */
#define COLUMNS 80     /* of a terminal that does not say */
#define NAME_COLUMNS 24
#define BAR_MIN 8      /* columns, brackets included */
#define BAR_MAX 32

/* -- the line ----------------------------------------------------------- */

enum { NAME, BAR, PERCENT, RECORDS, RATE, LEFT, PARTS };

/* Which goes first when there is no room; the percentage stays. */
static const int dispensable[] = { RECORDS, NAME, RATE, LEFT, BAR };

/* A letter beyond ASCII may be two columns wide. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text != '\0'; text++)
		if (((unsigned char)*text & 0xc0) != 0x80)
			width += (unsigned char)*text < 0x80 ? 1 : 2;
	return width;
}

/* The name's end says more than its beginning. */
static void cut_name(const char *name, char *out, size_t size)
{
	const char *from = name;

	while (width_of(from) > NAME_COLUMNS)
		do
			from++;
		while (((unsigned char)*from & 0xc0) == 0x80);
	(void)snprintf(out, size, "%s", from);
}

static int percent_of(const struct progress_view *view)
{
	if (view->size <= 0 || view->done >= view->size)
		return 100;
	return view->done < 0 ? 0 :
		(int)((double)view->done / (double)view->size * 100);
}

static void fill_parts(const struct progress_view *view,
	char parts[PARTS][OUTPUT_TEXT * 2])
{
	char age[OUTPUT_TEXT];

	cut_name(view->name, parts[NAME], sizeof(parts[NAME]));
	parts[BAR][0] = '\0';
	(void)snprintf(parts[PERCENT], sizeof(parts[PERCENT]), "%3d %%",
		percent_of(view));
	parts[RECORDS][0] = parts[RATE][0] = '\0';
	if (view->records >= 0) {
		(void)snprintf(parts[RECORDS], sizeof(parts[RECORDS]),
			"%" PRId64 " records", view->records);
		(void)snprintf(parts[RATE], sizeof(parts[RATE]),
			"%" PRId64 "/s", view->rate);
	}
	parts[LEFT][0] = '\0';
	if (view->left_secs >= 0)
		(void)snprintf(parts[LEFT], sizeof(parts[LEFT]), "%s left",
			output_age(view->left_secs, age));
}

/* What stands in the line, with a blank before each part but the first. */
static size_t used_by(char parts[PARTS][OUTPUT_TEXT * 2], size_t bar)
{
	size_t used = 0;

	for (int i = 0; i < PARTS; i++) {
		const size_t width = i == BAR ? bar : width_of(parts[i]);

		used += width + (width > 0 && used > 0);
	}
	return used;
}

/* Drops parts until the line fits; the bar takes what is left. */
static size_t fit(char parts[PARTS][OUTPUT_TEXT * 2], size_t columns)
{
	const size_t room = columns > 0 ? columns - 1 : 0;
	size_t bar = BAR_MIN;

	for (size_t i = 0; used_by(parts, bar) > room &&
		i < sizeof(dispensable) / sizeof(*dispensable); i++) {
		if (dispensable[i] == BAR)
			bar = 0;
		else
			parts[dispensable[i]][0] = '\0';
	}
	if (bar > 0)
		bar += room - used_by(parts, bar);
	return bar > BAR_MAX ? BAR_MAX : bar;
}

void progress_bar(char *out, size_t inner, int percent)
{
	const int within = percent < 0 ? 0 : percent > 100 ? 100 : percent;
	size_t full;

	inner = inner < PROGRESS_BAR_MAX ? inner : PROGRESS_BAR_MAX;
	full = inner * (size_t)within / 100;
	for (size_t i = 0; i < inner; i++)
		out[i] = i < full ? '=' : i == full ? '>' : ' ';
	out[inner] = '\0';
}

static bool add_bar(const struct progress_view *view, size_t bar, bool colour,
	struct buf *out, struct err *err)
{
	char inner[PROGRESS_BAR_MAX + 1];

	progress_bar(inner, bar - 2, percent_of(view));
	return buf_printf(out, err, "[%s%s%s]", colour ? "\033[32m" : "",
		inner, colour ? "\033[0m" : "");
}

bool progress_format(const struct progress_view *view, size_t columns,
	bool colour, struct buf *out, struct err *err)
{
	char parts[PARTS][OUTPUT_TEXT * 2];
	const size_t start = out->len;
	size_t bar = 0;
	bool ok = true;

	fill_parts(view, parts);
	if (columns > 0)
		bar = fit(parts, columns);
	for (int i = 0; ok && i < PARTS; i++) {
		if (i == BAR ? bar == 0 : parts[i][0] == '\0')
			continue;
		ok = (out->len == start || buf_add_char(out, ' ', err)) &&
			(i == BAR ? add_bar(view, bar, colour, out, err) :
				    buf_add_str(out, parts[i], err));
	}
	return ok;
}

/* -- showing it --------------------------------------------------------- */

void progress_init(struct progress *progress, int64_t total)
{
	const char *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	const int64_t now = clock_now_ms();

	*progress = (struct progress){
		.terminal = isatty(STDERR_FILENO) == 1 && term != NULL &&
			strcmp(term, "dumb") != 0,
		.colour = no == NULL || no[0] == '\0',
		.total = total,
		.at_ms = now,
	};
	progress->said_ms = progress->terminal ? now - REDRAW_MS : now;
}

/* Asked each time, so that a window may change its size. */
static size_t columns_now(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 &&
		size.ws_col > 0 ? size.ws_col : COLUMNS;
}

/* The pace of the last seconds counts most: what an earlier run had loaded
 * goes by much faster. */
static void take_sample(struct progress *progress, int64_t now_ms,
	int64_t bytes, int64_t records)
{
	const double gap = (double)(now_ms - progress->at_ms);
	const double weight = progress->at_bytes == 0 ? 1 :
		gap / (gap + SMOOTH_MS);

	if (gap <= 0)
		return;
	progress->bytes_per_ms += weight *
		((double)(bytes - progress->at_bytes) / gap -
			progress->bytes_per_ms);
	progress->records_per_ms += weight *
		((double)(records - progress->at_records) / gap -
			progress->records_per_ms);
	progress->at_ms = now_ms;
	progress->at_bytes = bytes;
	progress->at_records = records;
}

static void show(struct progress *progress, const struct progress_view *view)
{
	struct buf line = { 0 };
	struct err err = { 0 };

	if (progress_format(view, progress->terminal ? columns_now() : 0,
		    progress->colour, &line, &err))
		(void)fprintf(stderr, progress->terminal ? "\r%s\033[K" :
			"%s\n", line.data);
	(void)fflush(stderr);
	progress->shown = progress->terminal;
	buf_clear(&line);
}

void progress_say(void *context, const char *path, int64_t done, int64_t size,
	const struct direct_totals *totals)
{
	struct progress *progress = context;
	const int64_t now = clock_now_ms();
	const char *slash = strrchr(path, '/');
	struct progress_view view = { .records = totals->records };
	struct buf name = { 0 };

	if (now - progress->said_ms <
		(progress->terminal ? REDRAW_MS : LINE_MS))
		return;
	progress->said_ms = now;
	take_sample(progress, now, totals->bytes + done, totals->records);
	view.name = output_escape(&name, slash != NULL ? slash + 1 : path);
	view.done = progress->total > 0 ? totals->bytes + done : done;
	view.size = progress->total > 0 ? progress->total : size;
	view.rate = (int64_t)(progress->records_per_ms * 1000);
	view.left_secs = progress->bytes_per_ms > 0 ?
		(int64_t)((double)(view.size - view.done) /
			progress->bytes_per_ms / 1000) : -1;
	show(progress, &view);
	buf_clear(&name);
}

void progress_wipe(struct progress *progress)
{
	if (progress->shown)
		(void)fputs("\r\033[K", stderr);
	(void)fflush(stderr);
	progress->shown = false;
}
