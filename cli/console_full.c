/* console_full.c - the console's full screen: keys, and what they do. */
#include "cli/console.h"
#include "cli/console_job.h"
#include "cli/console_view.h"
#include "cli/console_watch.h"
#include "cli/drop.h"
#include "cli/operate.h"
#include "cli/output.h"
#include "cli/screen.h"
#include "common/clock.h"
#include "common/datetime.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SAY_MS 8000  /* a message stays as long */
#define PAGE_ROWS 10 /* page up, page down */
#define STALE_MS 250 /* between two looks at the clock */

struct full {
	const struct cmd_context *context;
	const struct dataset *dataset;
	struct screen *screen;
	struct console_watch *watch;
	struct console_job *job;
	struct overview overview, before;
	struct console_history history;
	struct console_view view;
	struct err trouble;
	struct buf message, choices;
	int64_t said_ms;
	char typed[256];
	void (*answer)(struct full *full); /* what typed is for */
	bool over;
	int code;
};

/* -- signals ---------------------------------------------------------------- */

static int signal_fd = -1;

static void on_signal(int number)
{
	const uint64_t one = 1;

	(void)number;
	if (write(signal_fd, &one, sizeof(one)) < 0)
		return; /* raised already */
}

/* Told twice, the second one ends the process as it would any. */
static bool catch_signals(struct err *err)
{
	static const int ends[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	const struct sigaction action = { .sa_handler = on_signal,
		.sa_flags = (int)SA_RESETHAND };

	signal_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (signal_fd < 0)
		return err_errno(err, ERR_STOP, "eventfd");
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (sigaction(ends[i], &action, NULL) != 0)
			return err_errno(err, ERR_STOP, "catch signals");
	return true;
}

static bool was_told(void)
{
	struct pollfd fd = { .fd = signal_fd, .events = POLLIN };

	return poll(&fd, 1, 0) > 0;
}

/* -- saying ----------------------------------------------------------------- */

static void say(struct full *full, enum style style, const char *what,
	const char *text)
{
	struct err err = { 0 };

	buf_reset(&full->message);
	if (!buf_printf(&full->message, &err, "%s%s", what, text))
		return;
	full->view.message = full->message.data;
	full->view.style = style;
	full->said_ms = clock_now_ms();
}

static void complain(struct full *full, const struct err *err)
{
	say(full, STYLE_RED, "", err->text);
}

static void ask(struct full *full, const char *prompt,
	void (*answer)(struct full *full))
{
	full->view.prompt = prompt;
	full->view.typed = full->typed;
	full->typed[0] = '\0';
	full->answer = answer;
}

static void stop_asking(struct full *full)
{
	full->view.prompt = NULL;
	full->answer = NULL;
}

/* -- what keys do ------------------------------------------------------------ */

static void drop(struct full *full, bool custom)
{
	const struct config *config = full->context->config;
	struct dropped dropped = { .dataset = full->dataset };
	struct err err = { 0 };

	if (custom ? drop_custom(config, &dropped, &err) :
		drop_file(config, NULL, &dropped, &err))
		say(full, STYLE_GREEN, "dropped ", dropped.path.data);
	else
		complain(full, &err);
	dropped_clear(&dropped);
	console_watch_poke(full->watch);
}

static void drop_sample(struct full *full)
{
	drop(full, false);
}

static void drop_own(struct full *full)
{
	drop(full, true);
}

static void start(struct full *full, const char *name, console_work *work,
	const char *word)
{
	struct err err = { 0 };

	if (console_job_start(full->job, name, work, word, &err))
		say(full, STYLE_YELLOW, name, " ...");
	else
		complain(full, &err);
}

static bool is_paused(const struct full *full)
{
	return full->overview.pauses != NULL &&
		db_rows(full->overview.pauses) > 0;
}

static void pause_or_resume(struct full *full)
{
	if (!full->context->config->broker)
		say(full, STYLE_YELLOW, "there is no consumer to pause: ",
			"the settings say `broker: false`");
	else if (is_paused(full))
		start(full, "resuming", console_resume, "");
	else
		start(full, "pausing", console_pause, "");
}

static void run_models(struct full *full)
{
	start(full, "building stale models", console_models, "");
}

static void replay_typed(struct full *full)
{
	if (full->typed[0] != '\0')
		start(full, "handing over", console_replay, full->typed);
}

static void ask_replay(struct full *full)
{
	ask(full, "replay which source (number, drop id or name)? ",
		replay_typed);
}

/* -- verbs that write lines -------------------------------------------------- */

static void wait_for_enter(void)
{
	struct pollfd fds[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
	};
	char byte = ' ';

	(void)fputs("\n-- Enter goes back to the console --", stdout);
	(void)fflush(stdout);
	while (byte != '\n' && (poll(fds, 2, -1) < 0 || fds[1].revents == 0))
		if (fds[0].revents != 0 && read(STDIN_FILENO, &byte, 1) <= 0)
			return;
}

/* Ctrl-c there leaves the console when the verb is through; the second one
 * ends both. */
static void lend(struct full *full, const struct cmd *cmd, char **words,
	int count)
{
	const struct cmd_context context = {
		.config = full->context->config, .argc = count,
		.argv = words,
	};

	screen_leave(full->screen);
	(void)cmd->run(&context);
	if (!was_told())
		wait_for_enter();
	screen_return(full->screen);
	console_watch_poke(full->watch);
}

static void ask_load(struct full *full);

static void load_all(struct full *full)
{
	char *words[] = { full->dataset->pipeline->name };

	lend(full, &cmd_load, words, 1);
}

static void load_typed(struct full *full)
{
	char date[] = "--date", from[] = "--from", to[] = "--to";
	char pipeline[] = "--pipeline";
	char *loads[] = { full->dataset->pipeline->name, date, full->typed };
	char *replays[] = { from, full->typed, to, full->typed, pipeline,
		full->dataset->pipeline->name };
	int64_t days;

	if (!datetime_date(full->typed, strlen(full->typed), &days)) {
		ask_load(full);
		full->view.prompt = "Invalid date format, please enter a date "
			"that is in YYYY-MM-DD format: ";
	} else if (full->context->config->broker) {
		lend(full, &cmd_replay, replays, 6);
	} else {
		lend(full, &cmd_load, loads, 3);
	}
}

static void ask_load(struct full *full)
{
	ask(full, full->context->config->broker ?
		"load again what came on which day (YYYY-MM-DD)? " :
		"Please insert date in YYYY-MM-DD format: ", load_typed);
}

static void show_reject(struct full *full)
{
	char id[32], show[] = "show";
	char *words[] = { show, id };

	if (full->view.page != CONSOLE_REJECTS ||
		full->view.selected >= full->overview.cause_count)
		return;
	(void)snprintf(id, sizeof(id), "%" PRId64,
		full->overview.causes[full->view.selected].latest);
	lend(full, &cmd_rejects, words, 2);
}

/* -- pages ------------------------------------------------------------------- */

static void go(struct full *full, enum console_page page)
{
	full->view.page = page;
	full->view.first = 0;
	full->view.selected = 0;
}

static void go_rejects(struct full *full)
{
	go(full, CONSOLE_REJECTS);
	say(full, STYLE_PLAIN, "up, down: choose   Enter: look at the latest "
		"of that cause   ", "0: back");
}

static void go_help(struct full *full)
{
	go(full, full->view.page == CONSOLE_HELP ? CONSOLE_ALL :
		CONSOLE_HELP);
}

static void go_back(struct full *full)
{
	full->view.message = NULL;
	go(full, CONSOLE_ALL);
}

static void go_on(struct full *full)
{
	go(full, full->view.page >= CONSOLE_ENDPOINTS ? CONSOLE_ALL :
		full->view.page + 1);
}

static void move(struct full *full, int rows)
{
	size_t *at = full->view.page == CONSOLE_REJECTS ?
		&full->view.selected : &full->view.first;

	if (rows < 0 && *at < (size_t)-rows)
		*at = 0;
	else
		*at += (size_t)rows;
}

static void up(struct full *full)
{
	move(full, -1);
}

static void down(struct full *full)
{
	move(full, 1);
}

static void page_up(struct full *full)
{
	move(full, -PAGE_ROWS);
}

static void page_down(struct full *full)
{
	move(full, PAGE_ROWS);
}

static void quit(struct full *full)
{
	full->over = true;
}

static const struct {
	int key;
	void (*run)(struct full *full);
} keys[] = {
	{ 'd', drop_sample }, { 'c', drop_own }, { 'l', ask_load },
	{ 'r', go_rejects }, { 'R', ask_replay }, { 'p', pause_or_resume },
	{ 'm', run_models }, { '?', go_help }, { 'h', go_help },
	{ 'q', quit }, { '0', go_back }, { KEY_OF_ESCAPE, go_back },
	{ '\t', go_on }, { KEY_OF_UP, up }, { KEY_OF_DOWN, down },
	{ 'k', up }, { 'j', down }, { KEY_OF_PAGE_UP, page_up },
	{ KEY_OF_PAGE_DOWN, page_down }, { KEY_OF_ENTER, show_reject },
};

/* -- typing -------------------------------------------------------------------- */

static void erase_letter(char *typed)
{
	size_t len = strlen(typed);

	while (len > 0 && ((unsigned char)typed[--len] & 0xc0) == 0x80)
		continue;
	typed[len] = '\0';
}

static void type(struct full *full, int key)
{
	const size_t len = strlen(full->typed);
	void (*answer)(struct full *) = full->answer;

	if (key == KEY_OF_ESCAPE) {
		stop_asking(full);
	} else if (key == KEY_OF_ENTER) {
		stop_asking(full);
		answer(full);
	} else if (key == KEY_OF_ERASE) {
		erase_letter(full->typed);
	} else if (key >= ' ' && key < 256 && len + 1 < sizeof(full->typed)) {
		full->typed[len] = (char)key;
		full->typed[len + 1] = '\0';
	}
}

/* As the plain form numbers them. */
static void choose(struct full *full, size_t at)
{
	static void (*const drops[])(struct full *) = { drop_sample, drop_own,
		quit };
	static void (*const loads[])(struct full *) = { load_all, ask_load,
		quit };

	if (at >= sizeof(drops) / sizeof(*drops))
		say(full, STYLE_RED, "Invalid selection, please choose again",
			"");
	else if (full->context->config->broker)
		drops[at](full);
	else
		loads[at](full);
}

static void press(struct full *full, int key)
{
	if (key == KEY_OF_END) {
		full->over = true;
		full->code = EXIT_IO;
		return;
	}
	if (full->answer != NULL) {
		type(full, key);
		return;
	}
	if (key >= '1' && key <= '9') {
		choose(full, (size_t)(key - '1'));
		return;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (keys[i].key == key)
			keys[i].run(full);
}

/* -- what came from behind the screen --------------------------------------- */

static void take_news(struct full *full)
{
	struct overview overview;
	struct rates rates;
	struct err err = { 0 };

	if (!console_watch_take(full->watch, &overview, &err))
		return;
	full->trouble = err;
	full->view.trouble = err.kind != ERR_NONE ? full->trouble.text : NULL;
	if (err.kind != ERR_NONE)
		return;
	overview_clear(&full->before);
	full->before = full->overview;
	full->overview = overview;
	full->view.overview = &full->overview;
	if (full->before.at_us == 0)
		return;
	rates = rates_overview(&full->before, &full->overview);
	console_history_add(&full->history, &rates);
}

static void take_job(struct full *full)
{
	struct buf line = { 0 };
	bool ok;

	if (console_job_take(full->job, &ok, &line)) {
		say(full, ok ? STYLE_GREEN : STYLE_RED, "",
			line.data != NULL ? line.data : "");
		console_watch_poke(full->watch);
	}
	buf_clear(&line);
	if (full->view.message != NULL && console_job_name(full->job) == NULL &&
		clock_now_ms() - full->said_ms > SAY_MS)
		full->view.message = NULL;
}

static bool draw(struct full *full, struct err *err)
{
	struct canvas *canvas = screen_canvas(full->screen, err);
	int cursor;

	if (canvas == NULL)
		return false;
	cursor = console_draw(&full->view, canvas);
	screen_show(full->screen, canvas->rows > 0 ? canvas->rows - 1 : 0,
		cursor);
	return true;
}

static bool loop(struct full *full, struct err *err)
{
	while (!full->over) {
		const int fds[] = { console_watch_fd(full->watch),
			signal_fd };

		take_news(full);
		take_job(full);
		if (!draw(full, err))
			return false;
		press(full, screen_key(full->screen, fds, STALE_MS));
		full->over = full->over || was_told();
	}
	return true;
}

static bool list_choices(const struct config *config, struct buf *out,
	struct err *err)
{
	const char *text;
	bool ok = true;

	for (size_t i = 0; ok && (text = console_choice(config, i)) != NULL;
		i++)
		ok = buf_printf(out, err, "%s(%zu) %s", i > 0 ? "  " : "",
			i + 1, text);
	return ok;
}

bool console_full(const struct cmd_context *context,
	const struct dataset *dataset, int *code, struct err *err)
{
	struct full full = { .context = context, .dataset = dataset,
		.view.history = &full.history, .code = EXIT_FINE,
		.history.now = { -1, -1, -1, -1 } };
	bool ok = list_choices(context->config, &full.choices, err) &&
		catch_signals(err);

	full.view.choices = full.choices.data;
	if (ok && console_note(context->config) != NULL)
		say(&full, STYLE_PLAIN, "", console_note(context->config));
	full.job = ok ? console_job_new(context->config, err) : NULL;
	if (full.job != NULL)
		full.watch = console_watch_start(context->config, err);
	if (full.watch != NULL)
		full.screen = screen_open(err);
	ok = full.screen != NULL && loop(&full, err);
	screen_close(full.screen);
	if (full.job != NULL && console_job_name(full.job) != NULL)
		(void)fprintf(stderr, "waiting for: %s\n",
			console_job_name(full.job));
	console_job_free(full.job);
	console_watch_stop(full.watch);
	overview_clear(&full.before);
	overview_clear(&full.overview);
	buf_clear(&full.message);
	buf_clear(&full.choices);
	*code = full.code;
	return ok;
}
