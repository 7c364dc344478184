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

void status_show_daemon(const char *name, struct status_daemon *daemon)
{
	char *rest = daemon->text.data, *line;
	struct buf shown = { 0 };

	(void)printf("%-11s ", name);
	if (!daemon->there)
		(void)printf("%snot known: %s%s\n", output_paint(PAINT_YELLOW),
			output_escape(&shown, daemon->err.text),
			output_paint(PAINT_NONE));
	else if (daemon->ready)
		(void)printf("ready at %s\n",
			output_escape(&shown, daemon->address));
	else
		(void)printf("waits, at %s\n",
			output_escape(&shown, daemon->address));
	while (daemon->there && !daemon->ready &&
		(line = next_line(&rest)) != NULL)
		(void)printf("            %s%s%s\n", output_paint(PAINT_RED),
			output_escape(&shown, line), output_paint(PAINT_NONE));
	buf_clear(&shown);
}

void status_put_daemon(struct json *root, const char *name,
	struct status_daemon *daemon)
{
	struct json *object = json_put_object(root, name);
	char *rest = daemon->text.data, *line;
	struct json *reasons;

	json_put_text(object, "http", daemon->address);
	json_put_bool(object, "answers", daemon->there);
	json_put_bool(object, "ready", daemon->ready);
	reasons = json_put_array(object, "reasons");
	while (daemon->there && !daemon->ready &&
		(line = next_line(&rest)) != NULL)
		json_add_text(reasons, line);
}
