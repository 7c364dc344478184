/* cmd_serve.c - `sluice serve`: a page to look at, in a browser. */
#include "cli/args.h"
#include "cli/follow.h"
#include "cli/output.h"
#include "cli/serve.h"

#include <stdio.h>
#include <string.h>

/* Where it listens, said once it does. */
static const char *listens_at;
static const char *token_file;

/* The port may have been chosen by the system. */
static void say_ready(unsigned port)
{
	const char *colon = strrchr(listens_at, ':');
	struct buf shown = { 0 };

	output_line("http://%.*s:%u/", (int)(colon - listens_at), listens_at,
		port);
	output_line("actions and record contents need the token in %s",
		output_escape(&shown, token_file));
	(void)fflush(stdout);
	buf_clear(&shown);
}

static int run(const struct cmd_context *context)
{
	struct config config = *context->config; /* borrowed, but for one */
	const char *address = NULL;
	const struct arg table[] = {
		{ .name = "--listen", .text = &address },
		{ .name = NULL },
	};
	char given[300];
	struct err err = { 0 };
	size_t count;
	int stop_fd;

	if (!args_parse(context, table, NULL, 0, &count, &err))
		return cmd_usage(&cmd_serve, "%s", err.text);
	if (address != NULL) {
		(void)snprintf(given, sizeof(given), "%s", address);
		config.serve_http = given;
	}
	if (config.serve_http == NULL || strchr(config.serve_http, ':') == NULL)
		return cmd_usage(&cmd_serve, "where? --listen ADDRESS:PORT");
	listens_at = config.serve_http;
	token_file = config.serve_token_file;
	stop_fd = follow_stop_fd(&err);
	if (stop_fd < 0 || !serve_run(&config, stop_fd, say_ready, &err))
		return cmd_fail(&err);
	return EXIT_FINE;
}

const struct cmd cmd_serve = {
	.name = "serve",
	.usage = "[--listen ADDRESS:PORT]",
	.summary = "a page for the browser: figures, sources, rejects, charts",
	.help =
"Serves a page, and the same data as JSON below /api/v1/ (described at\n"
"/openapi.yaml, in the sources docs/openapi.yaml), until a signal ends it:\n"
"live figures, sources with their receipts, rejects, models and what they read,\n"
"data tests with their history, endpoints, charts of the modelled tables.\n"
"\n"
"--listen ADDRESS:PORT  instead of the setting serve_http, 127.0.0.1:9466;\n"
"                       port 0: one that is free\n"
"\n"
"Whoever reaches the port may look. What records hold (bytes of rejects, rows\n"
"that fail a test) and actions (pause, resume, load again, build models) need\n"
"the token in serve_token_file, which is made when it is missing: type it in at\n"
"the page (key t), or send it as `Authorization: Bearer TOKEN`. After ten wrong\n"
"tokens within a minute none is looked at for the rest of it.\n"
"\n"
"Listens beyond this machine only with serve_plain: true, for it speaks no TLS,\n"
"and answers only to names of this machine and those in serve_hosts.\n"
"\n"
"It reads as the reader; bytes of rejects, and actions, as the loader.\n"
"\n"
"  sluice serve\n"
"  sluice serve --listen 127.0.0.1:0\n"
"\n"
"Exits 0 after a signal, 69 when the port is taken, 78 when the address, the\n"
"token's file or the settings will not do.",
	.run = run,
};
