/* cmd_show.c - `sluice show`: the bytes of a source. */
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/lookup.h"
#include "cli/output.h"
#include "cli/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_MAX_BYTES 4096

static bool is_number(const char *text)
{
	return text[0] != '\0' && strlen(text) < 19 &&
		strspn(text, "0123456789") == strlen(text);
}

/* "17@4096": what stands behind the last @, when it is a number. */
static void split(const char *given, char name[NAME_MAX_BYTES],
	int64_t *offset)
{
	char *at;

	(void)snprintf(name, NAME_MAX_BYTES, "%s", given);
	*offset = -1;
	at = strrchr(name, '@');
	if (at == NULL || !is_number(at + 1))
		return;
	*at = '\0';
	*offset = strtoll(at + 1, NULL, 10);
}

/* Bytes as they are into a file or pipe, escaped on a terminal. */
static bool print(void *context, const char *data, size_t len,
	struct err *err)
{
	const bool *terminal = context;
	struct buf shown = { 0 };
	bool ok;

	if (!*terminal) {
		ok = fwrite(data, 1, len, stdout) == len ||
			err_stop(err, EXIT_IO, "write: %s", strerror(errno));
	} else {
		ok = output_add_shown(&shown, data, len, "\"\\\n\t", err);
		if (ok && shown.len > 0)
			ok = fwrite(shown.data, 1, shown.len, stdout) ==
				shown.len || err_stop(err, EXIT_IO, "write: %s",
				strerror(errno));
	}
	buf_clear(&shown);
	return ok;
}

static bool show(struct trace *trace, int64_t offset, struct err *err)
{
	bool terminal = isatty(STDOUT_FILENO) == 1;
	struct buf record = { 0 };
	int64_t line;
	bool ok;

	if (offset < 0)
		return trace_all(trace, print, &terminal, err);
	ok = trace_record(trace, offset, &record, &line, err) &&
		print(&terminal, record.data, record.len, err) &&
		(!terminal || print(&terminal, "\n", 1, err));
	buf_clear(&record);
	return ok || err_wrap(err, "at byte %" PRId64, offset);
}

static int run(const struct cmd_context *context)
{
	static const struct arg none[] = { { .name = NULL } };
	const struct config *config = context->config;
	struct trace trace = { .config = config };
	struct plan *plan = NULL;
	struct err err = { 0 };
	struct db *db = NULL;
	char name[NAME_MAX_BYTES];
	const char *given;
	int64_t offset, id = 0;
	size_t count;
	bool ok;

	if (!args_parse(context, none, &given, 1, &count, &err))
		return cmd_usage(&cmd_show, "%s", err.text);
	if (count == 0)
		return cmd_usage(&cmd_show, "%s", "which source?");
	split(given, name, &offset);
	plan = plan_read(config, &err);
	trace.plan = plan;
	if (plan != NULL) /* the loader: it may read the bodies of messages */
		db = connect_db(config, &config->loader, true, 0, &err);
	ok = db != NULL && lookup_one(db, config, name, &id, &err) &&
		trace_open(&trace, db, id, &err) && show(&trace, offset, &err);
	trace_close(&trace);
	db_close(db);
	plan_free(plan);
	return ok || ferror(stdout) != 0 ? EXIT_FINE : cmd_fail(&err);
}

const struct cmd cmd_show = {
	.name = "show",
	.usage = "SOURCE[@OFFSET]",
	.summary = "the bytes of a source, or of its record at an offset",
	.help =
"Prints what was loaded, unpacked: all of a source, or the record that begins at\n"
"byte OFFSET (as `sluice why` and a table's _offset tell it). On a terminal what\n"
"is not to be printed is escaped; into a file or a pipe go the bytes as they are.\n"
"They are looked for, and compared with what was loaded, as `sluice why` does.\n"
"\n"
"  SOURCE  a number or a drop id (`sluice receipt`), or a file's name: its latest\n"
"          source\n"
"\n"
"  sluice show 17@4096\n"
"  sluice show events.json.gz | jq length\n"
"\n"
"Exits 0, 1 when there is no such source, its bytes are gone or changed, or no\n"
"record begins there, 69 when a server is not there.",
	.run = run,
};
