/* cmd_replay.c - `sluice replay`: kept files and answers, loaded once more. */
#include "cli/again.h"
#include "cli/args.h"
#include "cli/output.h"
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>

#define GIVEN_MAX 256

/* -- saying ------------------------------------------------------------------ */

static bool show_json(const struct again_list *r, bool dry_run, struct err *err)
{
	struct json *root = json_object();
	struct json *list = json_put_array(root, "replays");

	for (size_t i = 0; i < r->count; i++) {
		const struct again_source *source = &r->sources[i];
		struct json *one = json_add_object(list);
		char drop[UUID_TEXT];

		uuid_format(&source->order.drop, drop);
		json_put_int(one, "source_id", source->id);
		json_put_text(one, "name", source->order.name);
		json_put_int(one, "bytes", source->bytes);
		json_put_text(one, "from", source->path != NULL ?
			source->path : source->order.object);
		if (!dry_run)
			json_put_text(one, "drop_id", drop);
	}
	json_put_int(root, "not_found", (int64_t)r->missing);
	return output_json(root, err);
}

static bool show_table(const struct again_list *r, bool dry_run,
	struct err *err)
{
	static const char *const heads[] = { ">source", "name", ">bytes",
		"kept in", "new drop", NULL };
	struct table table;

	table_init(&table, heads);
	for (size_t i = 0; i < r->count; i++) {
		const struct again_source *source = &r->sources[i];
		char drop[UUID_TEXT];

		uuid_format(&source->order.drop, drop);
		table_add_int(&table, source->id);
		table_add(&table, source->order.name);
		table_add_int(&table, source->bytes);
		table_add(&table, source->path != NULL ? source->path :
			source->order.object);
		table_add(&table, dry_run ? NULL : drop);
	}
	return table_print(&table, 0, err);
}

static bool show(const struct again_list *r, bool json, bool dry_run,
	struct err *err)
{
	if (json)
		return show_json(r, dry_run, err);
	if (r->count > 0 && !show_table(r, dry_run, err))
		return false;
	output_line("%s%zu %s%s", r->count > 0 ? "\n" : "", r->count,
		dry_run ? "would be loaded again" :
			"handed to the producer, to be loaded again",
		r->missing > 0 ? "; for the others see above" : "");
	return true;
}

static void say_missing(const char *line)
{
	struct buf shown = { 0 };

	(void)fprintf(stderr, "sluice: %s\n", output_escape(&shown, line));
	buf_clear(&shown);
}

/* Copying lasts where files are large or many; nobody is told elsewhere. */
static void say_next(void *context, const char *name, int64_t done,
	int64_t total)
{
	const struct direct_totals none = { .records = -1 };

	progress_say(context, name, done, total, &none);
}

static bool stage(struct again_list *list, struct err *err)
{
	struct progress progress;
	bool ok;

	progress_init(&progress, 0);
	if (progress.terminal) {
		list->places.say = say_next;
		list->places.context = &progress;
	}
	ok = again_stage(&list->places, list->sources, list->count, err);
	progress_wipe(&progress);
	return ok;
}

static int run(const struct cmd_context *context)
{
	const char *given[GIVEN_MAX];
	struct again_words words = { .given = given };
	bool dry_run = false;
	const struct arg table[] = {
		{ .name = "--from", .text = &words.from },
		{ .name = "--to", .text = &words.to },
		{ .name = "--pipeline", .text = &words.pipeline },
		{ .name = "--dry-run", .flag = &dry_run },
		{ .name = NULL },
	};
	struct again_list list = { .say = say_missing };
	struct err err = { 0 };
	int code;

	if (!args_parse(context, table, given, GIVEN_MAX, &words.count,
		&err) || !again_check_words(&words, &err))
		return cmd_usage(&cmd_replay, "%s", err.text);
	if (again_choose(context->config, &words, &list, &err) &&
		(dry_run || list.count == 0 || stage(&list, &err)) &&
		show(&list, context->json, dry_run, &err))
		code = list.missing > 0 ? EXIT_DATA : EXIT_FINE;
	else
		code = cmd_fail(&err);
	again_list_clear(&list);
	return code;
}

const struct cmd cmd_replay = {
	.name = "replay",
	.usage = "SOURCE... | --from D --to D [--pipeline P] [--dry-run]",
	.summary = "load kept files and answers once more",
	.help =
"Loads sources again from the bytes that were kept: loaded files in\n"
"processed_dir (or failed_dir), files and answers in the object store. Each\n"
"becomes a new source with an id of its own; its receipt says of which it is a\n"
"replay. Nothing is sent to a server that was asked before.\n"
"\n"
"A record counts as one that came now: with `newest` in the dataset an older\n"
"version still loses, without it what is loaded again wins over what came in\n"
"between. Several sources come in the order in which they came first.\n"
"\n"
"  SOURCE          a number or a drop id (`sluice receipt`), or a file's name:\n"
"                  its latest source\n"
"  --from D --to D all sources of these days (UTC, both meant) but replays\n"
"  --pipeline P    of this pipeline only\n"
"  --dry-run       show which, and where their bytes are; do nothing\n"
"\n"
"All of them are handed to the producer in one step, or none: what was broken\n"
"off can be said again. A running producer takes them within rescan_secs; one\n"
"that is not running, when it starts. The copy needs as much room in raw_dir\n"
"as the files have, until they are loaded; the originals stay.\n"
"\n"
"  sluice replay 17\n"
"  sluice replay 2024-04-02.ndjson.gz --dry-run\n"
"  sluice replay --from 2024-04-01 --to 2024-04-30 --pipeline gharchive\n"
"\n"
"Exits 0 when all were handed over, 1 when the bytes of some are nowhere (they\n"
"are named, the others go), 64 when no source is meant, 69 when a server is\n"
"away, 74 when a file or folder could not be used (none is handed over then).",
	.run = run,
};
