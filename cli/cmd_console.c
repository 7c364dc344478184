/* cmd_console.c - `sluice console`: numbered choices, for a first look. */
#include "cli/args.h"
#include "cli/drop.h"
#include "cli/folders.h"
#include "cli/output.h"
#include "common/datetime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CUSTOM "custom_sample.json"

struct console {
	const struct cmd_context *context;
	struct pipeline_set set;
	const struct dataset *dataset;
	const struct menu *menu;
	char *line; /* the last that was read */
	size_t cap;
};

/* "(3)" leaves: what no choice runs. */
struct choice {
	const char *text;
	void (*run)(struct console *console);
};

struct menu {
	const struct choice *choices;
	size_t count;
	const char *note; /* NULL: none */
};

static void say(enum paint paint, const char *text, const char *path)
{
	struct buf shown = { 0 };

	output_line("%s%s%s%s", output_paint(paint), text,
		path != NULL ? output_escape(&shown, path) : "",
		output_paint(PAINT_NONE));
	buf_clear(&shown);
}

static void complain(const struct err *err)
{
	say(PAINT_RED, "", err->text);
}

static void drop_sample(struct console *console)
{
	struct dropped dropped = { .dataset = console->dataset };
	struct err err = { 0 };

	if (drop_file(console->context->config, NULL, &dropped, &err))
		say(PAINT_GREEN, "dropped ", dropped.path.data);
	else
		complain(&err);
	dropped_clear(&dropped);
}

/* Where custom_sample.json is expected: in the project's folder, that is the
 * one the console was started in, else beside sluice.yaml. */
static bool custom_path(const struct console *console, struct buf *path,
	struct err *err)
{
	const char *file = console->context->config->config_file;
	const char *slash = file != NULL ? strrchr(file, '/') : NULL;
	struct buf beside = { 0 };
	char *here = getcwd(NULL, 0);
	bool ok = buf_printf(path, err, "%s/" CUSTOM,
		here != NULL ? here : ".");

	if (ok && slash != NULL && access(path->data, F_OK) != 0) {
		ok = buf_printf(&beside, err, "%.*s/" CUSTOM,
			(int)(slash - file), file);
		if (ok && access(beside.data, F_OK) == 0) {
			buf_reset(path);
			ok = buf_add_str(path, beside.data, err);
		}
	}
	buf_clear(&beside);
	free(here);
	return ok;
}

/* Moved, not copied: once it lies whole in the folder, the original goes. */
static bool move_in(const struct console *console, const char *path,
	struct dropped *dropped, struct err *err)
{
	struct buf name = { 0 };
	bool ok = folders_random_name(path, &name, err) &&
		folders_drop(console->context->config, console->dataset, path,
			name.data, &dropped->path, &dropped->bytes, err);

	if (ok && unlink(path) != 0)
		ok = err_errno(err, ERR_RETRY, "it was dropped, but %s stays",
			path);
	buf_clear(&name);
	return ok;
}

static void drop_custom(struct console *console)
{
	struct dropped dropped = { .dataset = console->dataset };
	struct buf path = { 0 };
	struct err err = { 0 };

	if (!custom_path(console, &path, &err))
		complain(&err);
	else if (access(path.data, F_OK) != 0)
		say(PAINT_RED, "no custom file yet: put yours at ", path.data);
	else if (move_in(console, path.data, &dropped, &err))
		say(PAINT_GREEN, "dropped ", dropped.path.data);
	else
		complain(&err);
	dropped_clear(&dropped);
	buf_clear(&path);
}

static void show_status(struct console *console)
{
	const struct cmd_context plain = {
		.config = console->context->config,
	};

	(void)cmd_status.run(&plain);
}

static const struct choice drop_choices[] = {
	{ "drop file in raw data dir", drop_sample },
	{ "drop custom file in raw data dir", drop_custom },
	{ "exit", NULL },
	{ "show status", show_status },
};

static const struct menu drop_menu = {
	drop_choices, sizeof(drop_choices) / sizeof(*drop_choices), NULL,
};

/* -- without a broker: loading ------------------------------------------- */

/* False at the end of the input. Blanks around it do not count. */
static bool read_line(struct console *console, const char *prompt)
{
	size_t len, start;

	(void)fputs(prompt, stdout);
	(void)fflush(stdout);
	if (getline(&console->line, &console->cap, stdin) <= 0)
		return false;
	start = strspn(console->line, " \t");
	len = strlen(console->line + start);
	memmove(console->line, console->line + start, len + 1);
	while (len > 0 && strchr(" \t\r\n", console->line[len - 1]) != NULL)
		console->line[--len] = '\0';
	return true;
}

/* The pipeline's files as `sluice load` would take them. */
static void load(struct console *console, char *day)
{
	char date[] = "--date";
	char *words[] = { console->dataset->pipeline->name, date, day };
	const struct cmd_context context = {
		.config = console->context->config,
		.argc = day != NULL ? 3 : 1,
		.argv = words,
	};

	(void)cmd_load.run(&context);
}

static void load_all(struct console *console)
{
	load(console, NULL);
}

static void load_date(struct console *console)
{
	int64_t days;

	while (read_line(console, "Please insert date in YYYY-MM-DD format: ")) {
		if (datetime_date(console->line, strlen(console->line), &days)) {
			load(console, console->line);
			return;
		}
		say(PAINT_RED, "Invalid date format, please enter a date that "
			"is in YYYY-MM-DD format", NULL);
	}
}

static const struct choice load_choices[] = {
	{ "load all events", load_all },
	{ "load specific date from events", load_date },
	{ "exit", NULL },
};

static const struct menu load_menu = {
	load_choices, sizeof(load_choices) / sizeof(*load_choices),
	"** Organizations related data is loaded in full in either of the "
	"choices",
};

/* -- both ---------------------------------------------------------------- */

static void welcome(void)
{
	static const char *const lines[] = {
		"#   # ##### #     ####  ###  #   # #####",
		"#   # #     #    #     #   # ## ## #",
		"# # # ####  #    #     #   # # # # ####",
		"## ## #     #    #     #   # #   # #",
		"#   # ##### ####  ####  ###  #   # #####",
	};

	output_line("%s%s", output_paint(PAINT_GREEN),
		output_paint(PAINT_BOLD));
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		output_line("  %s", lines[i]);
	output_line("%s", output_paint(PAINT_NONE));
}

static void show_menu(const struct menu *menu)
{
	for (size_t i = 0; i < menu->count; i++)
		output_line("(%zu) %s", i + 1, menu->choices[i].text);
	if (menu->note != NULL)
		output_line("%s", menu->note);
}

/* The choice of that number; NULL: there is none. */
static const struct choice *chosen(const struct menu *menu, const char *line)
{
	const size_t at = (size_t)(line[0] - '1');

	if (line[0] < '1' || at >= menu->count || line[1] != '\0')
		return NULL;
	return &menu->choices[at];
}

static void converse(struct console *console)
{
	const struct menu *menu = console->menu;

	for (show_menu(menu); read_line(console, "> "); show_menu(menu)) {
		const struct choice *choice = chosen(menu, console->line);

		if (choice == NULL) {
			say(PAINT_RED, "Invalid selection, please choose again",
				NULL);
			continue;
		}
		if (choice->run == NULL)
			break;
		choice->run(console);
		output_line("%s", "");
	}
	free(console->line);
}

static int run(const struct cmd_context *context)
{
	const char *name = NULL;
	const struct arg table[] = {
		{ .name = "--dataset", .text = &name },
		{ .name = NULL },
	};
	struct console console = { .context = context,
		.menu = context->config->broker ? &drop_menu : &load_menu };
	struct err err = { 0 };
	size_t count;
	bool ok;

	if (!args_parse(context, table, NULL, 0, &count, &err))
		return cmd_usage(&cmd_console, "%s", err.text);
	ok = pipeline_set_read(context->config->pipelines_dir, &console.set,
		     &err) &&
		drop_choose(&console.set, name, &console.dataset, &err);
	if (ok) {
		welcome();
		converse(&console);
	}
	pipeline_set_clear(&console.set);
	return ok ? EXIT_FINE : cmd_fail(&err);
}

const struct cmd cmd_console = {
	.name = "console",
	.usage = "[--dataset NAME]",
	.summary = "numbered choices: drop or load the sample, a file, status",
	.help =
"Reads choices from standard input, one a line:\n"
"\n"
"  (1) drop file in raw data dir         the sample, under the name\n"
"                                        events_sample_<random>.json\n"
"  (2) drop custom file in raw data dir  moves custom_sample.json from the\n"
"                                        folder you are in, else from the\n"
"                                        one of sluice.yaml; or says where\n"
"                                        to put it\n"
"  (3) exit\n"
"  (4) show status                       the same as `sluice status`\n"
"\n"
"Where there is no broker (the setting `broker: false`), they are:\n"
"\n"
"  (1) load all events                 the files in the folders of the pipeline\n"
"  (2) load specific date from events  asks for the day; again until it is one\n"
"  (3) exit\n"
"\n"
"and run `sluice load`: what is loaded already is not loaded again.\n"
"\n"
"  --dataset NAME  whose folder; see `sluice help drop`\n"
"\n"
"Ends with (3) or with the end of the input and exits 0; 64 when there is no\n"
"such dataset, 78 when a pipeline file is wrong.",
	.run = run,
};
