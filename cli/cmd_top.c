/* cmd_top.c - `sluice top`: what flows, by dataset, again and again. */
#include "cli/args.h"
#include "cli/cells.h"
#include "cli/output.h"
#include "cli/rates.h"
#include "common/clock.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct top {
	struct overview_asker *asker;
	struct overview before, now;
	int64_t interval_ms;
};

/* -- for people ------------------------------------------------------------- */

static void add_rate(struct table *table, double rate)
{
	char text[RATES_TEXT];

	table_add(table, rates_text(rate, text));
}

static void add_count(struct table *table, int64_t count)
{
	if (count < 0)
		table_add(table, NULL);
	else
		table_add_int(table, count);
}

static void add_row(struct table *table, const struct top *top,
	const struct overview_dataset *at)
{
	const struct rates rates = rates_dataset(&top->before, &top->now, at);
	char age[OUTPUT_TEXT];

	table_add(table, at->name);
	add_rate(table, rates.published);
	add_rate(table, rates.loaded);
	add_rate(table, rates.rejected);
	table_add(table, at->lag_secs < 0 ? NULL :
		output_age(at->lag_secs, age));
	table_add_int(table, at->files.waiting);
	add_count(table, top->now.asked ? at->counts.loaded : -1);
	add_count(table, top->now.asked ? at->counts.rejected : -1);
}

static bool add_table(const struct top *top, struct buf *out, struct err *err)
{
	static const char *const heads[] = { "dataset", ">in/s", ">loaded/s",
		">rejected/s", ">lag", ">waiting", ">loaded", ">rejected",
		NULL };
	struct table table;
	bool ok;

	table_init(&table, heads);
	for (size_t i = 0; i < top->now.dataset_count; i++)
		add_row(&table, top, &top->now.datasets[i]);
	ok = table_format(&table, 0, out, err);
	table_clear(&table);
	return ok;
}

static bool add_whole(const struct top *top, struct buf *out, struct err *err)
{
	const struct overview *now = &top->now;
	char lag[OUTPUT_TEXT], time[CLOCK_TEXT], queued[24] = "-";

	clock_format_us(now->at_us, time);
	if (now->queued >= 0)
		(void)snprintf(queued, sizeof(queued), "%" PRId64,
			now->queued);
	return buf_printf(out, err, "%.19s  queued %s  under way %zu  lag %s\n",
		time, queued, now->source_count, now->lag_secs >= 0 ?
			output_age(now->lag_secs, lag) :
			now->asked ? "none" : "not known");
}

static bool add_gaps(const struct top *top, struct buf *out, struct err *err)
{
	struct buf shown = { 0 };
	const struct err *why;
	const char *what;
	bool ok = true;

	for (size_t i = 0; ok && overview_gap(&top->now, i, &what, &why); i++)
		ok = buf_printf(out, err, "%s: %s\n", what,
			output_escape(&shown, why->text));
	buf_clear(&shown);
	return ok;
}

static bool format(const struct top *top, struct buf *out, struct err *err)
{
	buf_reset(out);
	return add_whole(top, out, err) && add_gaps(top, out, err) &&
		add_table(top, out, err);
}

/* A line that wraps would push the first one off the screen. */
static void draw(const char *text)
{
	struct winsize size;
	size_t columns = 80, rows = 24, len;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
		columns = size.ws_col;
		rows = size.ws_row;
	}
	(void)fputs("\x1b[H", stdout);
	for (size_t row = 0; *text != '\0' && row + 1 < rows; row++) {
		len = strcspn(text, "\n");
		(void)printf("%.*s\x1b[K\n", (int)(len < columns ? len :
			columns), text);
		text += len + (text[len] == '\n');
	}
	(void)fputs("\x1b[J", stdout);
}

/* -- for programs ------------------------------------------------------------ */

static void put_rate(struct json *object, const char *key, double rate)
{
	if (rate < 0)
		json_put_null(object, key);
	else
		json_put_double(object, key, rate);
}

static void put_known(struct json *object, const char *key, int64_t value)
{
	if (value < 0)
		json_put_null(object, key);
	else
		json_put_int(object, key, value);
}

static void put_dataset(struct json *object, const struct top *top,
	const struct overview_dataset *at)
{
	const struct rates rates = rates_dataset(&top->before, &top->now, at);

	json_put_text(object, "dataset", at->name);
	put_rate(object, "in_per_second", rates.published);
	put_rate(object, "loaded_per_second", rates.loaded);
	put_rate(object, "rejected_per_second", rates.rejected);
	put_known(object, "lag_seconds", at->lag_secs);
	json_put_int(object, "waiting", at->files.waiting);
	put_known(object, "loaded", top->now.asked ? at->counts.loaded : -1);
	put_known(object, "rejected",
		top->now.asked ? at->counts.rejected : -1);
}

static bool print_json(const struct top *top, struct err *err)
{
	struct json *root = json_object(), *array;
	const struct err *why;
	const char *what;
	char time[CLOCK_TEXT];

	clock_format_us(top->now.at_us, time);
	json_put_text(root, "time", time);
	json_put_double(root, "seconds",
		(double)(top->now.at_us - top->before.at_us) / 1e6);
	put_known(root, "queued", top->now.queued);
	put_known(root, "lag_seconds", top->now.lag_secs);
	json_put_int(root, "under_way", (int64_t)top->now.source_count);
	array = json_put_array(root, "unreachable");
	for (size_t i = 0; overview_gap(&top->now, i, &what, &why); i++) {
		struct json *object = json_add_object(array);

		json_put_text(object, "what", what);
		json_put_text(object, "why", why->text);
	}
	array = json_put_array(root, "datasets");
	for (size_t i = 0; i < top->now.dataset_count; i++)
		put_dataset(json_add_object(array), top,
			&top->now.datasets[i]);
	return output_json(root, err);
}

/* -- the verb --------------------------------------------------------------- */

static bool step(struct top *top, struct err *err)
{
	const int64_t until = top->now.at_us == 0 ? 0 :
		clock_now_ms() + top->interval_ms;

	while (clock_now_ms() < until)
		(void)poll(NULL, 0, (int)(until - clock_now_ms()));
	overview_clear(&top->before);
	top->before = top->now;
	top->now = (struct overview){ 0 };
	return overview_gather(top->asker, &top->now, err);
}

/* Until the terminal is gone, or a signal ends us. */
static bool refresh(struct top *top, struct err *err)
{
	struct buf text = { 0 };
	bool ok = true, there = true;

	while (ok && there) {
		ok = format(top, &text, err);
		if (ok)
			draw(text.data);
		there = fflush(stdout) == 0;
		ok = ok && there && step(top, err);
	}
	buf_clear(&text);
	return ok || !there;
}

static bool print_once(struct top *top, bool json, struct err *err)
{
	struct buf text = { 0 };
	bool ok = step(top, err);

	if (ok && json)
		ok = print_json(top, err);
	else if (ok && (ok = format(top, &text, err)))
		(void)fputs(text.data, stdout);
	buf_clear(&text);
	return ok;
}

static bool on_terminal(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) == 1 && term != NULL &&
		strcmp(term, "dumb") != 0;
}

static int run(const struct cmd_context *context)
{
	bool once = false;
	int64_t interval = 2;
	const struct arg table[] = {
		{ .name = "--once", .flag = &once },
		{ .name = "--interval", .count = &interval, .min = 1,
			.max = 3600 },
		{ .name = NULL },
	};
	struct top top = { 0 };
	struct err err = { 0 };
	size_t count;
	bool ok;
	int code;

	if (!args_parse(context, table, NULL, 0, &count, &err))
		return cmd_usage(&cmd_top, "%s", err.text);
	once = once || context->json || !on_terminal();
	top.interval_ms = interval * 1000;
	top.asker = overview_asker_new(context->config, 0, &err);
	ok = top.asker != NULL && step(&top, &err);
	if (ok && !once)
		(void)fputs("\x1b[H\x1b[2J", stdout);
	ok = ok && (once ? print_once(&top, context->json, &err) :
		refresh(&top, &err));
	code = ok ? overview_code(&top.now) : cmd_fail(&err);
	overview_clear(&top.before);
	overview_clear(&top.now);
	overview_asker_free(top.asker);
	return code;
}

const struct cmd cmd_top = {
	.name = "top",
	.usage = "[--once] [--interval SECONDS]",
	.summary = "what flows, by dataset: records a second in and out, lag",
	.help =
"A table that is drawn anew until you press ctrl-c; where standard output is\n"
"no terminal, once, after one interval. By dataset:\n"
"\n"
"  in/s        records a second that the broker confirmed (\"-\": no broker,\n"
"              or a dataset made out of another one)\n"
"  loaded/s    committed: inserted, updated or unchanged\n"
"  rejected/s  committed as rejects\n"
"  lag         age of the oldest record that is not yet committed, be it in a\n"
"              file that waits, in a message or half loaded; \"-\": none\n"
"  waiting     files in the folder\n"
"  loaded,     in all; rejected: those that are not resolved\n"
"  rejected\n"
"\n"
"above it messages ready in the queues, sources under way and the oldest lag,\n"
"and each server that cannot be asked, with the reason.\n"
"\n"
"  --interval S  seconds between two looks (2)\n"
"  --once        one table, after one interval\n"
"\n"
"--json: once: time, seconds (between the two looks), queued, lag_seconds,\n"
"under_way, unreachable[] {what, why}, datasets[] {dataset, in_per_second,\n"
"loaded_per_second, rejected_per_second, lag_seconds, waiting, loaded,\n"
"rejected}; null: not known.\n"
"\n"
"  sluice top\n"
"  sluice --json top --interval 10 | jq '.datasets[] | select(.lag_seconds)'\n"
"\n"
"`sluice console` shows more. Exits 0, 69 when a server is not there (the rest\n"
"is shown all the same), 78 when one refuses the account or lacks what `sluice\n"
"apply` makes.",
	.run = run,
};
