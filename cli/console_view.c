/* console_view.c - what the console shows: head, rates, sections, keys. */
#include "cli/console_view.h"
#include "cli/console.h"
#include "cli/console_section.h"
#include "cli/operate.h"
#include "cli/output.h"
#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WIDE 132       /* columns from which on sections stand side by side */
#define NARROW 60      /* columns below which the head says the worst alone */
#define LABEL 10
#define RATE 10
#define TOTAL 10
#define CHOICES_ROWS 12 /* from which on the choices have one */
#define LOOKS 5        /* that the rate in figures is of */
#define TROUBLES 2     /* lines for what is wrong, at most */

/* Of the last looks; not known when the latest is not. */
static double mean(const double *values, size_t count)
{
	double sum = 0;
	size_t known = 0;

	if (values[count - 1] < 0)
		return -1;
	for (size_t i = count < LOOKS ? 0 : count - LOOKS; i < count; i++)
		if (values[i] >= 0) {
			sum += values[i];
			known++;
		}
	return sum / (double)known;
}

void console_history_add(struct console_history *history,
	const struct rates *rates)
{
	double *const lines[] = { history->files, history->published,
		history->loaded, history->rejected };
	const double values[] = { rates->files, rates->published,
		rates->loaded, rates->rejected };
	const bool full = history->count == CONSOLE_HISTORY;
	const size_t at = full ? CONSOLE_HISTORY - 1 : history->count;

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		if (full)
			memmove(lines[i], lines[i] + 1, (CONSOLE_HISTORY - 1) *
				sizeof(*lines[i]));
		lines[i][at] = values[i];
	}
	history->count = at + 1;
	history->now = (struct rates){
		mean(history->files, history->count),
		mean(history->published, history->count),
		mean(history->loaded, history->count),
		mean(history->rejected, history->count),
	};
}

void console_allot(size_t rows, const size_t *wants, size_t count,
	size_t *gives)
{
	bool given = true;

	for (size_t i = 0; i < count; i++)
		gives[i] = 0;
	while (rows > 0 && given) {
		given = false;
		for (size_t i = 0; i < count && rows > 0; i++)
			if (gives[i] < wants[i]) {
				gives[i]++;
				rows--;
				given = true;
			}
	}
}

/* -- the head ----------------------------------------------------------------- */

struct light {
	const char *name;
	bool well;
	const char *word;
};

static size_t lights_of(const struct overview *overview,
	struct light lights[4])
{
	const struct overview_daemon *daemons[] = { &overview->producer,
		&overview->consumer };
	static const char *const names[] = { "producer", "consumer" };
	size_t count = 0;

	lights[count++] = (struct light){ "PostgreSQL", overview->asked,
		overview->asked ? "ok" : overview->database.reachable ?
			"odd" : "away" };
	if (!overview->has_broker)
		return count;
	lights[count++] = (struct light){ "RabbitMQ",
		overview->broker.reachable, overview->broker.reachable ?
			"ok" : "away" };
	for (size_t i = 0; i < 2; i++)
		lights[count++] = (struct light){ names[i], daemons[i]->ready,
			daemons[i]->ready ? "ready" : daemons[i]->there ?
				"waits" : "away" };
	return count;
}

static void draw_lights(const struct overview *overview,
	struct canvas *canvas, size_t column)
{
	struct light lights[4];
	const size_t count = lights_of(overview, lights);
	const struct light *worst = NULL;

	for (size_t i = 0; i < count; i++) {
		if (!lights[i].well && worst == NULL)
			worst = &lights[i];
		if (canvas->columns < NARROW)
			continue;
		column += canvas_putf(canvas, 0, column, canvas->columns,
			STYLE_PLAIN, "  %s ", lights[i].name);
		column += canvas_put(canvas, 0, column, canvas->columns,
			lights[i].well ? STYLE_GREEN : STYLE_RED,
			lights[i].word);
	}
	if (canvas->columns >= NARROW)
		return;
	if (worst == NULL)
		(void)canvas_put(canvas, 0, column, canvas->columns,
			STYLE_GREEN, "  all well");
	else
		(void)canvas_putf(canvas, 0, column, canvas->columns,
			STYLE_RED, "  %s %s", worst->name, worst->word);
}

static void draw_head(const struct console_view *view, struct canvas *canvas)
{
	const size_t used = canvas_put(canvas, 0, 0, canvas->columns,
		STYLE_BOLD, "Sluice");
	char time[CLOCK_TEXT];

	if (view->overview == NULL) {
		(void)canvas_put(canvas, 0, used, canvas->columns,
			STYLE_PLAIN, view->trouble != NULL ? "" :
			"  looking ...");
		return;
	}
	draw_lights(view->overview, canvas, used);
	if (canvas->columns < 80)
		return;
	clock_format_us(view->overview->at_us, time);
	(void)canvas_putf(canvas, 0, canvas->columns - 8, 8, STYLE_DIM,
		"%.8s", time + 11);
}

/* -- what is wrong -------------------------------------------------------------- */

struct lines {
	struct canvas *canvas;
	size_t row, end;
};

static void say(struct lines *lines, enum style style, const char *what,
	const char *why, size_t len)
{
	char text[1200];

	if (lines->row >= lines->end)
		return;
	(void)snprintf(text, sizeof(text), "%s: %.*s", what, (int)len, why);
	(void)canvas_put(lines->canvas, lines->row++, 0,
		lines->canvas->columns, style, text);
}

/* Pauses are told apart from it, also while no consumer runs. */
static void say_daemon(struct lines *lines, const char *name,
	const struct overview_daemon *daemon)
{
	size_t at = 0, len;
	const char *line;
	bool is_note;

	while ((line = overview_says(daemon, &at, &len, &is_note)) != NULL)
		if (!is_note || strncmp(line, "paused:", 7) != 0)
			say(lines, is_note ? STYLE_YELLOW : STYLE_RED, name,
				line, len);
}

static void say_pauses(struct lines *lines, const struct db_result *pauses)
{
	for (size_t i = 0; pauses != NULL && i < db_rows(pauses); i++) {
		const char *dataset = db_value(pauses, i, OP_DATASET);
		const char *reason = db_value(pauses, i, OP_REASON);
		char text[600], age[OUTPUT_TEXT];

		(void)snprintf(text, sizeof(text), "%.160s, for %s, by "
			"%.100s%s%.200s", strcmp(dataset, OPERATE_ALL) == 0 ?
			"everything" : dataset,
			output_age(db_int(pauses, i, OP_SECS), age),
			db_value(pauses, i, OP_BY),
			reason[0] != '\0' ? ": " : "", reason);
		say(lines, STYLE_YELLOW, "paused", text, strlen(text));
	}
}

/* The row behind the last. */
static size_t draw_troubles(const struct console_view *view,
	struct canvas *canvas, size_t row, size_t most)
{
	const struct overview *overview = view->overview;
	struct lines lines = { canvas, row, row + most };
	const struct err *why;
	const char *what;

	if (view->trouble != NULL)
		say(&lines, STYLE_RED, "no figures", view->trouble,
			strlen(view->trouble));
	if (overview == NULL)
		return lines.row;
	say_pauses(&lines, overview->pauses);
	for (size_t i = 0; overview_gap(overview, i, &what, &why); i++)
		say(&lines, STYLE_RED, what, why->text, strlen(why->text));
	say_daemon(&lines, "producer", &overview->producer);
	say_daemon(&lines, "consumer", &overview->consumer);
	for (size_t i = 0; i < overview->queue_count; i++)
		if (overview->queues[i].known && !overview->queues[i].found)
			say(&lines, STYLE_RED, overview->queues[i].name,
				"missing: run `sluice apply`", 27);
	return lines.row;
}

/* -- rates ------------------------------------------------------------------- */

static void draw_rate(struct canvas *canvas, size_t row, const char *label,
	double now, int64_t total, const double *values, size_t count)
{
	const size_t before = LABEL + RATE + TOTAL + 2;
	const enum style style = strcmp(label, "rejected") == 0 ?
		STYLE_RED : STYLE_GREEN;
	char rate[RATES_TEXT + 2], text[RATES_TEXT];

	(void)canvas_put(canvas, row, 0, LABEL, STYLE_PLAIN, label);
	(void)snprintf(rate, sizeof(rate), "%s/s", rates_text(now, text));
	canvas_put_right(canvas, row, LABEL, RATE, STYLE_BOLD, rate);
	canvas_put_right(canvas, row, LABEL + RATE, TOTAL, STYLE_PLAIN,
		rates_count(total, text));
	if (canvas->columns > before)
		canvas_spark(canvas, row, before, canvas->columns - before,
			style, values, count);
}

static size_t draw_rates(const struct console_view *view,
	struct canvas *canvas, size_t row)
{
	const struct console_history *history = view->history;
	const struct overview *overview = view->overview;
	static const struct overview_counts unknown = { -1, -1, -1, -1, -1,
		-1 };
	const struct overview_counts *counts = overview == NULL ||
		!overview->asked ? &unknown : &overview->counts;

	draw_rate(canvas, row++, "files", history->now.files, counts->files,
		history->files, history->count);
	if (overview == NULL || overview->has_broker)
		draw_rate(canvas, row++, "published", history->now.published,
			overview == NULL ? -1 : overview->counts.published,
			history->published, history->count);
	draw_rate(canvas, row++, "loaded", history->now.loaded,
		counts->loaded, history->loaded, history->count);
	draw_rate(canvas, row++, "rejected", history->now.rejected,
		counts->rejected, history->rejected, history->count);
	return row;
}

static void draw_totals(const struct overview *overview,
	struct canvas *canvas, size_t row)
{
	char lag[OUTPUT_TEXT], queued[RATES_TEXT], dead[RATES_TEXT];
	char rejects[RATES_TEXT];
	const enum style style = overview->lag_secs > 60 ? STYLE_YELLOW :
		STYLE_PLAIN;
	size_t at = 0;

	at += canvas_putf(canvas, row, at, canvas->columns, style, "lag %s  ",
		overview->lag_secs >= 0 ? output_age(overview->lag_secs, lag) :
			overview->asked ? "none" : "not known");
	if (overview->has_broker)
		at += canvas_putf(canvas, row, at, canvas->columns,
			STYLE_PLAIN, "queued %s  ",
			rates_count(overview->queued, queued));
	if (overview->dead > 0)
		at += canvas_putf(canvas, row, at, canvas->columns, STYLE_RED,
			"dead %s  ", rates_count(overview->dead, dead));
	if (overview->has_broker)
		at += canvas_putf(canvas, row, at, canvas->columns,
			STYLE_PLAIN, "waiting %" PRId64 "  ",
			overview_waiting(overview));
	(void)canvas_putf(canvas, row, at, canvas->columns, STYLE_PLAIN,
		"rejects %s", rates_count(overview->asked ?
			overview->rejects : -1, rejects));
}

/* -- sections ----------------------------------------------------------------- */

static void draw_column(struct console_view *view, struct canvas *canvas,
	const struct area *area, size_t from, size_t to)
{
	size_t wants[CONSOLE_PAGES] = { 0 }, gives[CONSOLE_PAGES];
	struct area part = *area;

	for (size_t i = from; i < to; i++)
		wants[i] = section_wants(view->overview,
			(enum console_page)i);
	console_allot(area->rows, wants + from, to - from, gives + from);
	for (size_t i = from; i < to; i++) {
		part.rows = gives[i];
		if (gives[i] > 0)
			section_draw(view->overview, (enum console_page)i,
				canvas, &part, 0, SIZE_MAX);
		part.row += gives[i];
	}
}

static void draw_sections(struct console_view *view, struct canvas *canvas,
	size_t row, size_t rows)
{
	struct area area = { row, 0, rows, canvas->columns };

	if (canvas->columns < WIDE) {
		draw_column(view, canvas, &area, CONSOLE_SOURCES,
			CONSOLE_HELP);
		return;
	}
	area.columns = canvas->columns / 2 - 1;
	draw_column(view, canvas, &area, CONSOLE_SOURCES, CONSOLE_MODELS);
	area.column = canvas->columns / 2 + 1;
	area.columns = canvas->columns - area.column;
	draw_column(view, canvas, &area, CONSOLE_MODELS, CONSOLE_HELP);
}

/* One section alone: `first` is moved so that the selected row is seen. */
static void draw_section(struct console_view *view, struct canvas *canvas,
	size_t row, size_t rows)
{
	const struct area area = { row, 0, rows, canvas->columns };
	const size_t lines = section_wants(view->overview, view->page);
	const size_t count = lines > 0 ? lines - 1 : 0;
	const size_t seen = rows > 1 ? rows - 1 : 0;
	const bool selects = view->page == CONSOLE_REJECTS;

	if (view->selected >= count)
		view->selected = count > 0 ? count - 1 : 0;
	if (selects && view->selected < view->first)
		view->first = view->selected;
	if (selects && seen > 0 && view->selected >= view->first + seen)
		view->first = view->selected - seen + 1;
	if (view->first + seen > count)
		view->first = count > seen ? count - seen : 0;
	section_draw(view->overview, view->page, canvas, &area, view->first,
		selects ? view->selected : SIZE_MAX);
}

static const char *const help_lines[] = {
	"d  drop the sample into the folder of the dataset",
	"c  drop custom_sample.json (it is moved)",
	"l  load a day: without a broker from the folders,",
	"   with one again, from the files that were kept",
	"r  rejects: up and down choose, Enter looks at the latest one",
	"R  replay a source, by its number or name",
	"p  pause or resume the consumer",
	"m  run the models that are stale",
	"Tab  one list after the other, alone   0  all of them again",
	"up, down, page up, page down  move     1, 2, 3  as written above the keys",
	"ctrl-l  draw again   ctrl-z  stop (fg goes on)   q  quit",
	"",
	"lag       age of the oldest record that is not yet committed",
	"queued    messages ready in the queues   dead  dead letters",
	"waiting   files in the folders",
	"published records the broker confirmed; loaded, rejected: committed",
	"rates     a second, over the last five looks; totals beside them",
};

static void draw_help(struct console_view *view, struct canvas *canvas,
	size_t row, size_t rows)
{
	const size_t count = sizeof(help_lines) / sizeof(*help_lines);

	if (view->first + rows > count)
		view->first = count > rows ? count - rows : 0;
	for (size_t i = 0; i < rows && view->first + i < count; i++)
		(void)canvas_put(canvas, row + i, 0, canvas->columns,
			STYLE_PLAIN, help_lines[view->first + i]);
}

/* -- the last row ----------------------------------------------------------------- */

static int draw_foot(const struct console_view *view, struct canvas *canvas)
{
	static const char keys[] = " d drop c custom l load r rejects "
		"R replay p pause m models ? help q quit";
	static const char few[] = " ? help  q quit";
	const size_t row = canvas->rows - 1;
	size_t used;

	if (view->prompt != NULL) {
		used = canvas_put(canvas, row, 0, canvas->columns, STYLE_BOLD,
			view->prompt);
		used += canvas_put(canvas, row, used, canvas->columns,
			STYLE_PLAIN, view->typed);
		return (int)(used < canvas->columns ? used :
			canvas->columns - 1);
	}
	if (view->message != NULL) {
		(void)canvas_put(canvas, row, 0, canvas->columns, view->style,
			view->message);
		return -1;
	}
	canvas_fill(canvas, row, STYLE_REVERSE);
	(void)canvas_put(canvas, row, 0, canvas->columns, STYLE_REVERSE,
		canvas->columns >= strlen(keys) ? keys : few);
	return -1;
}

/* Until the first figures are there. */
static void draw_welcome(struct canvas *canvas, size_t end)
{
	size_t at = 2;

	for (const char *const *line = welcome_lines; *line != NULL && at < end;
		line++, at++)
		(void)canvas_put(canvas, at, 2, canvas->columns,
			STYLE_GREEN, *line);
}

/* -- all of it --------------------------------------------------------------------- */

int console_draw(struct console_view *view, struct canvas *canvas)
{
	size_t row = 1, end;

	if (canvas->rows == 0 || canvas->columns == 0)
		return -1;
	draw_head(view, canvas);
	if (canvas->rows == 1)
		return -1;
	end = canvas->rows - 1; /* the last row is the keys' */
	if (view->choices != NULL && canvas->rows >= CHOICES_ROWS)
		(void)canvas_put(canvas, --end, 0, canvas->columns, STYLE_BOLD,
			view->choices);
	if (view->overview == NULL && view->trouble == NULL &&
		view->page != CONSOLE_HELP)
		draw_welcome(canvas, end);
	row = draw_troubles(view, canvas, row, canvas->rows < 16 ? 1 :
		TROUBLES);
	if (view->page == CONSOLE_HELP) {
		if (row < end)
			draw_help(view, canvas, row, end - row);
		return draw_foot(view, canvas);
	}
	if (row + 4 < end && (view->overview != NULL || view->trouble != NULL))
		row = draw_rates(view, canvas, row);
	if (view->overview != NULL && row < end)
		draw_totals(view->overview, canvas, row++);
	if (view->overview != NULL && row < end) {
		if (view->page == CONSOLE_ALL)
			draw_sections(view, canvas, row, end - row);
		else
			draw_section(view, canvas, row, end - row);
	}
	return draw_foot(view, canvas);
}
