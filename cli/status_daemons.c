/* status_daemons.c - what producer and consumer say of themselves. */
#include "cli/status.h"
#include "cli/output.h"
#include "common/probe.h"

#include <stdio.h>
#include <string.h>

void status_ask_daemon(struct status_daemon *daemon, const char *address)
{
	daemon->address = address;
	daemon->there = probe_ask(address, &daemon->ready, &daemon->text,
		&daemon->err);
}

void status_clear_daemon(struct status_daemon *daemon)
{
	buf_clear(&daemon->text);
}

/* The next of the lines, cut out in place; NULL behind the last. */
static char *next_line(char **rest)
{
	char *line = *rest;
	char *end;

	if (line == NULL || *line == '\0')
		return NULL;
	end = strchr(line, '\n');
	if (end != NULL)
		*end++ = '\0';
	*rest = end;
	return line;
}

/* What a line is: a note, without its first word; else what keeps the daemon
 * from its work; NULL: nothing that is to be shown. */
static const char *reading_of(const char *line, bool ready, bool *is_note)
{
	static const char note[] = "note: ";

	*is_note = strncmp(line, note, sizeof(note) - 1) == 0;
	if (*is_note)
		return line + sizeof(note) - 1;
	return ready ? NULL : line;
}

static void show_lines(struct status_daemon *daemon, struct buf *shown)
{
	char *rest = daemon->text.data, *line;

	while (daemon->there && (line = next_line(&rest)) != NULL) {
		bool is_note;
		const char *says = reading_of(line, daemon->ready, &is_note);

		if (says != NULL)
			(void)printf("            %s%s%s\n",
				output_paint(is_note ? PAINT_YELLOW : PAINT_RED),
				output_escape(shown, says),
				output_paint(PAINT_NONE));
	}
}

void status_show_daemon(const char *name, struct status_daemon *daemon)
{
	struct buf shown = { 0 };

	(void)printf("%-11s ", name);
	if (!daemon->there)
		(void)printf("%snot known: %s%s\n", output_paint(PAINT_YELLOW),
			output_escape(&shown, daemon->err.text),
			output_paint(PAINT_NONE));
	else
		(void)printf("%s at %s\n", daemon->ready ? "ready" : "waits,",
			output_escape(&shown, daemon->address));
	show_lines(daemon, &shown);
	buf_clear(&shown);
}

void status_put_daemon(struct json *root, const char *name,
	struct status_daemon *daemon)
{
	struct json *object = json_put_object(root, name);
	char *rest = daemon->text.data, *line;
	struct json *reasons, *notes;

	json_put_text(object, "http", daemon->address);
	json_put_bool(object, "answers", daemon->there);
	json_put_bool(object, "ready", daemon->ready);
	reasons = json_put_array(object, "reasons");
	notes = json_put_array(object, "notes");
	while (daemon->there && (line = next_line(&rest)) != NULL) {
		bool is_note;
		const char *says = reading_of(line, daemon->ready, &is_note);

		if (says != NULL)
			json_add_text(is_note ? notes : reasons, says);
	}
}
