/* console_menu.c - the console's plain form: numbered choices. */
#include "cli/console.h"
#include "cli/drop.h"
#include "cli/output.h"
#include "common/datetime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct console {
	const struct cmd_context *context;
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

static void move_custom(struct console *console)
{
	struct dropped dropped = { .dataset = console->dataset };
	struct err err = { 0 };

	if (drop_custom(console->context->config, &dropped, &err))
		say(PAINT_GREEN, "dropped ", dropped.path.data);
	else
		complain(&err);
	dropped_clear(&dropped);
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
	{ "drop custom file in raw data dir", move_custom },
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

const char *const welcome_lines[] = {
	"#   # ##### #     ####  ###  #   # #####",
	"#   # #     #    #     #   # ## ## #",
	"# # # ####  #    #     #   # # # # ####",
	"## ## #     #    #     #   # #   # #",
	"#   # ##### ####  ####  ###  #   # #####",
	NULL,
};

static void welcome(void)
{
	output_line("%s%s", output_paint(PAINT_GREEN),
		output_paint(PAINT_BOLD));
	for (size_t i = 0; welcome_lines[i] != NULL; i++)
		output_line("  %s", welcome_lines[i]);
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

void console_menu(const struct cmd_context *context,
	const struct dataset *dataset)
{
	struct console console = { .context = context, .dataset = dataset,
		.menu = context->config->broker ? &drop_menu : &load_menu };

	welcome();
	converse(&console);
}

/* The last of them leaves; what the menu has behind it, keys do there. */
const char *console_choice(const struct config *config, size_t index)
{
	const struct menu *menu = config->broker ? &drop_menu : &load_menu;

	for (size_t i = 0; i < index; i++)
		if (menu->choices[i].run == NULL)
			return NULL;
	return menu->choices[index].text;
}

const char *console_note(const struct config *config)
{
	return config->broker ? drop_menu.note : load_menu.note;
}
