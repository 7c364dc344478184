/* cmd_reconcile.c - `sluice reconcile`: what was sent and is not there is sent
 * again. */
#include "cli/args.h"
#include "cli/lookup.h"
#include "cli/output.h"
#include "cli/reconcile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_SECS 30

/* What became of the list, in numbers. */
struct summary {
	size_t loaded, sent, faults, under_way, to_mend;
};

static struct summary summarize(const struct reconcile *r)
{
	struct summary sum = { 0 };

	for (const struct amiss *amiss = r->first; amiss != NULL;
		amiss = amiss->next)
		if (amiss->under_way)
			sum.under_way++;
		else if (amiss->fault.kind != ERR_NONE)
			sum.faults++;
		else if (amiss->outcome == OUTCOME_LOADED)
			sum.loaded++;
		else if (amiss->outcome == OUTCOME_SENT)
			sum.sent++;
		else
			sum.to_mend++;
	return sum;
}

/* -- words ------------------------------------------------------------------ */

static const char *kind_word(const struct amiss *amiss)
{
	static const char *const words[] = {
		[AMISS_MISSING] = "missing",
		[AMISS_PARTLY] = "incomplete",
		[AMISS_LIES] = "lies",
		[AMISS_STRAY] = "left behind",
	};

	return words[amiss->kind];
}

static const char *action_word(const struct amiss *amiss)
{
	if (amiss->under_way)
		return "wait";
	if (amiss->fault.kind != ERR_NONE)
		return "none";
	if (amiss->take_back)
		return "load anew";
	return amiss->kind == AMISS_STRAY ? "put file away" : "send missing";
}

static const char *outcome_word(const struct amiss *amiss)
{
	if (amiss->under_way || amiss->fault.kind != ERR_NONE)
		return "";
	return amiss->outcome == OUTCOME_LOADED ? "loaded" :
		amiss->outcome == OUTCOME_SENT ? "sent" : "";
}

static int64_t lying(const struct amiss *amiss)
{
	return amiss->take_back ? amiss->there : 0;
}

static int64_t missing(const struct amiss *amiss)
{
	if (amiss->kind == AMISS_LIES && amiss->missing >= 0)
		return amiss->missing + amiss->there; /* all of them */
	return amiss->missing;
}

/* -- for people ----------------------------------------------------------------- */

static void show_because(const struct amiss *amiss)
{
	struct buf shown = { 0 };

	if (amiss->lie[0] != '\0')
		output_line("  because  %s", amiss->lie);
	if (amiss->path.len > 0)
		output_line("  file     %s", output_escape(&shown,
			amiss->path.data));
	if (amiss->under_way)
		output_line("  waits    the producer or the queue still has it");
	else if (amiss->fault.kind != ERR_NONE)
		output_line("  %scannot  %s%s", output_paint(PAINT_RED),
			output_escape(&shown, amiss->fault.text),
			output_paint(PAINT_NONE));
	buf_clear(&shown);
}

static void show_one(const struct amiss *amiss)
{
	char drop[UUID_TEXT], messages[48] = "unknown until it is read";

	uuid_format(&amiss->source->drop, drop);
	if (missing(amiss) >= 0)
		(void)snprintf(messages, sizeof(messages), "%" PRId64,
			missing(amiss));
	output_line("%s  (%s.%s)", amiss->name.data, amiss->source->pipeline,
		amiss->source->dataset);
	output_line("  drop     %s", drop);
	output_line("  found    %s: messages missing %s, ledger rows that lie %"
		PRId64, kind_word(amiss), messages, lying(amiss));
	show_because(amiss);
	output_line("  action   %s%s%s", action_word(amiss),
		outcome_word(amiss)[0] != '\0' ? ": " : "",
		outcome_word(amiss));
}

static void show_end(const struct reconcile *r, bool dry_run)
{
	const struct summary sum = summarize(r);
	struct buf shown = { 0 };

	if (r->count == 0) {
		output_line("nothing to reconcile");
		return;
	}
	output_line("\n%zu sources: %zu loaded, %zu sent and not loaded yet, "
		"%zu cannot be mended, %zu under way%s", r->count, sum.loaded,
		sum.sent, sum.faults, sum.under_way,
		dry_run ? "; nothing was changed" : "");
	if (sum.under_way > 0)
		output_line("%" PRId64 " messages wait in the queues: run this "
			"again once they are loaded", r->waiting);
	if (sum.sent > 0)
		output_line("the consumer will load the rest (does it run?); "
			"then run this again");
	if (r->stale > 0)
		output_line("%" PRId64 " models could not be built: %s; mend "
			"that, then `sluice models run`", r->stale,
			output_escape(&shown, r->stale_why));
	buf_clear(&shown);
}

static void show(const struct reconcile *r, bool dry_run)
{
	if (r->state == NULL)
		output_line("there is no state file %s: what the producer sent "
			"is known by the database and .claimed alone\n",
			r->config->state_file);
	for (const struct amiss *amiss = r->first; amiss != NULL;
		amiss = amiss->next)
		show_one(amiss);
	show_end(r, dry_run);
}

/* -- for programs ----------------------------------------------------------------- */

static void put_text(struct json *object, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		json_put_text(object, key, text);
	else
		json_put_null(object, key);
}

static void put_one(struct json *object, const struct amiss *amiss)
{
	char drop[UUID_TEXT];

	uuid_format(&amiss->source->drop, drop);
	json_put_text(object, "drop_id", drop);
	if (amiss->source_id != 0)
		json_put_int(object, "source_id", amiss->source_id);
	else
		json_put_null(object, "source_id");
	json_put_text(object, "name", amiss->name.data);
	json_put_text(object, "pipeline", amiss->source->pipeline);
	json_put_text(object, "dataset", amiss->source->dataset);
	json_put_text(object, "found", kind_word(amiss));
	if (missing(amiss) >= 0)
		json_put_int(object, "messages_missing", missing(amiss));
	else
		json_put_null(object, "messages_missing");
	json_put_int(object, "ledger_rows_lying", lying(amiss));
	put_text(object, "because", amiss->lie);
	put_text(object, "file", amiss->path.data);
	json_put_text(object, "action", action_word(amiss));
	put_text(object, "outcome", outcome_word(amiss));
	put_text(object, "fault", amiss->fault.text);
}

static bool show_json(const struct reconcile *r, bool dry_run,
	struct err *err)
{
	const struct summary sum = summarize(r);
	struct json *root = json_object();
	struct json *sources;

	json_put_bool(root, "dry_run", dry_run);
	json_put_bool(root, "state_file_found", r->state != NULL);
	json_put_int(root, "loaded", (int64_t)sum.loaded);
	json_put_int(root, "sent", (int64_t)sum.sent);
	json_put_int(root, "faults", (int64_t)sum.faults);
	json_put_int(root, "under_way", (int64_t)sum.under_way);
	json_put_int(root, "messages_waiting", r->waiting);
	json_put_int(root, "models_not_built", r->stale);
	sources = json_put_array(root, "sources");
	for (const struct amiss *amiss = r->first; amiss != NULL;
		amiss = amiss->next)
		put_one(json_add_object(sources), amiss);
	return output_json(root, err);
}

/* -- the verb ------------------------------------------------------------------------- */

struct words {
	bool dry_run, kept;
	int64_t wait_secs;
	const char *given[WANTED_MAX];
	size_t count;
};

static bool take_words(struct reconcile *r, const struct config *config,
	const struct words *words, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < words->count; i++) {
		r->wanted[i].given = words->given[i];
		r->wanted_count++;
		ok = lookup_name(config, words->given[i], &r->wanted[i].name,
			err) && buf_add_str(&r->wanted[i].name, "", err);
	}
	return ok;
}

/* A word that meant nothing amiss may mean a source that is well. */
static bool all_known(struct reconcile *r, struct err *err)
{
	bool ok = true;
	int64_t id;

	for (size_t i = 0; ok && i < r->wanted_count; i++)
		ok = r->wanted[i].known || lookup_one(r->db, r->config,
			r->wanted[i].given, &id, err);
	return ok;
}

static int judge(const struct reconcile *r, bool dry_run)
{
	const struct summary sum = summarize(r);

	return sum.faults > 0 || (!dry_run && (sum.sent > 0 || r->stale > 0)) ?
		EXIT_DATA : EXIT_FINE;
}

static int reconcile(const struct cmd_context *context,
	const struct words *words)
{
	const int64_t wait_ms = words->wait_secs * 1000;
	struct reconcile r = { 0 };
	struct err err = { 0 };
	int code;
	bool ok = take_words(&r, context->config, words, &err) &&
		reconcile_open(&r, context->config, &err) &&
		reconcile_look(&r, wait_ms, &err) &&
		reconcile_judge_books(&r, &err) && all_known(&r, &err) &&
		reconcile_prepare(&r, &err);

	if (ok && !words->dry_run)
		ok = reconcile_mend(&r, wait_ms, &err);
	if (ok && context->json)
		ok = show_json(&r, words->dry_run, &err);
	else if (ok)
		show(&r, words->dry_run);
	code = ok ? judge(&r, words->dry_run) : cmd_fail(&err);
	reconcile_close(&r);
	return code;
}

static int audit(const struct cmd_context *context, const struct words *words)
{
	struct err err = { 0 };
	bool fine = false;

	if (words->count > 0 || words->dry_run)
		return cmd_usage(&cmd_reconcile, "--kept stands alone: it looks "
			"at all and changes nothing");
	if (!reconcile_kept(context, &fine, &err))
		return cmd_fail(&err);
	return fine ? EXIT_FINE : EXIT_DATA;
}

static int run(const struct cmd_context *context)
{
	struct words words = { .wait_secs = WAIT_SECS };
	const struct arg table[] = {
		{ .name = "--dry-run", .flag = &words.dry_run },
		{ .name = "--kept", .flag = &words.kept },
		{ .name = "--wait", .count = &words.wait_secs, .min = 1,
			.max = 86400 },
		{ .name = NULL },
	};
	struct err err = { 0 };

	if (!args_parse(context, table, words.given, WANTED_MAX, &words.count,
		&err))
		return cmd_usage(&cmd_reconcile, "%s", err.text);
	if (words.kept)
		return audit(context, &words);
	/* the publisher's steps are not what was asked for */
	if (context->config->log_level > LOG_WARN)
		log_setup(LOG_WARN, context->config->log_format);
	return reconcile(context, &words);
}

const struct cmd cmd_reconcile = {
	.name = "reconcile",
	.usage = "[SOURCE|FILE...] [--dry-run] [--wait SECONDS] | --kept",
	.summary = "send again what was sent and is not there",
	.help =
"For the day after: the broker's disk was lost, an older copy of the database\n"
"was promoted, a table was restored from yesterday's backup, the producer's\n"
"state file is gone. Compares what the producer had confirmed (its state file,\n"
"30 days), what the ledger and the counters say, and what is in the tables,\n"
"and has the rest loaded from the kept files (processed/, failed/, .claimed/)\n"
"and from the object store, answers of HTTP servers too,\n"
"under the same message ids: what is there already counts for nothing.\n"
"\n"
"missing      the database does not know the source\n"
"incomplete   messages are missing: these are sent, no others\n"
"lies         ledger, counters and tables disagree, or the master lacks what\n"
"             the delta has. The source is taken back (its ledger rows, delta\n"
"             rows and rejects are removed; the master stays) and loaded anew.\n"
"             Models that read its tables are stale meanwhile, then built.\n"
"left behind  all is loaded, its file is in .claimed and no state file knows\n"
"             it: the file is put away\n"
"\n"
"Each file is read and its SHA-256 compared first; one that is gone or is not\n"
"what was claimed is named, left alone, and the rest goes on. Rows that\n"
"somebody deleted by hand are missing as well, and come back: look first with\n"
"--dry-run, which changes nothing. Safe at any time, while everything runs, and\n"
"to be repeated: a second run finds nothing.\n"
"\n"
"SOURCE is a source id, a drop id or a name as it was dropped, FILE the kept\n"
"file; none: all of them. --wait: how long to wait while nothing moves, for\n"
"queues to be emptied before and for loads after (30).\n"
"\n"
"--kept: instead reads back all that is kept of loaded sources, files, objects\n"
"and answers (of these the records), and holds size and SHA-256 against the\n"
"ledger; names what differs or is not there, and changes nothing. What\n"
"object_store_keep_secs lets go is not missed.\n"
"\n"
"Reads as the reader and the tap, sends as the producer (messages of others:\n"
"as the foreign account); the owner takes back, the loader reads bodies and\n"
"builds models. Run it as a user who may read the state file.\n"
"\n"
"--json: dry_run, state_file_found, loaded, sent, faults, under_way,\n"
"messages_waiting, models_not_built, sources[] with drop_id, source_id, name,\n"
"pipeline, dataset, found, messages_missing (null: unknown until read),\n"
"ledger_rows_lying, because, file, action, outcome, fault.\n"
"\n"
"  sluice reconcile --dry-run\n"
"  sluice reconcile\n"
"  sluice reconcile events/monday.json\n"
"\n"
"Exits 0 when all is loaded (or there is nothing to do), 1 when something\n"
"cannot be mended or is not loaded yet, or no such source is known, 69 when a\n"
"server is not there, 74 when the state file may not be read.",
	.run = run,
};
