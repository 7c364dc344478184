/* cmd_receipt.c - `sluice receipt`: where did every record of a file go? */
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/lookup.h"
#include "cli/output.h"
#include "cli/paper.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- showing --------------------------------------------------- */

static void show_head(const struct paper *paper)
{
	struct buf shown = { 0 };
	char size[OUTPUT_TEXT];

	output_line("source      %s, drop %s",
		paper_text(paper, PAPER_SOURCE_ID),
		paper_text(paper, PAPER_DROP_ID));
	output_line("name        %s", /* kept escaped */
		paper_text(paper, PAPER_NAME));
	output_line("dataset     %s.%s", paper_text(paper, PAPER_PIPELINE),
		paper_text(paper, PAPER_DATASET));
	if (!paper_is_null(paper, PAPER_REPLAY_OF))
		output_line("replay of   source %s, drop %s",
			paper_is_null(paper, PAPER_ORIGIN) ? "?" :
				paper_text(paper, PAPER_ORIGIN),
			paper_text(paper, PAPER_REPLAY_OF));
	if (!paper_is_null(paper, PAPER_REPLAYS))
		output_line("replayed    as source %s",
			paper_text(paper, PAPER_REPLAYS));
	output_line("claimed at  %s", paper_text(paper, PAPER_CLAIMED_AT));
	if (paper->receipt.complete)
		output_line("complete at %s",
			paper_text(paper, PAPER_COMPLETED_AT));
	if (!paper_is_null(paper, PAPER_FORMAT))
		output_line("content     %s, %s%s",
			paper_text(paper, PAPER_FORMAT),
			output_bytes(paper_number(paper, PAPER_SIZE), size),
			paper_text(paper, PAPER_FAILED)[0] == 't' ?
				", its remainder could not be read" : "");
	if (!paper_is_null(paper, PAPER_SHA256))
		output_line("sha256      %s", paper_text(paper, PAPER_SHA256));
	output_line("file        %s%s%s", paper_place(paper),
		paper->located.path.len > 0 ? ": " : "",
		paper->located.path.len > 0 ? output_escape(&shown,
			paper->located.path.data) : "");
	buf_clear(&shown);
}

static void show_law(const struct paper *paper)
{
	const struct receipt *r = &paper->receipt;

	if (r->manifest)
		output_line("\n%12" PRId64 " records in the manifest",
			r->manifest_records);
	else
		output_line("\n           ? records: no manifest yet");
	output_line("%12" PRId64 " inserted", r->inserted);
	output_line("%12" PRId64 " updated", r->updated);
	output_line("%12" PRId64 " unchanged", r->unchanged);
	output_line("%12" PRId64 " rejected", r->rejected);
	if (r->filtered > 0)
		output_line("%12" PRId64 " filtered: outside the dates asked "
			"for", r->filtered);
	if (paper_number(paper, PAPER_RESOLVED) > 0)
		output_line("%12" PRId64 " of those loaded were rejected "
			"before, and replayed",
			paper_number(paper, PAPER_RESOLVED));
	if (paper->judgement.in_flight != 0 && r->manifest)
		output_line("%12" PRId64 " in flight",
			paper->judgement.in_flight);
	output_line("%12zu ranges in the ledger, %zu gap%s, %zu overlap%s",
		r->range_count, paper->judgement.gaps,
		paper->judgement.gaps == 1 ? "" : "s",
		paper->judgement.overlaps,
		paper->judgement.overlaps == 1 ? "" : "s");
	if (r->delta_rows >= 0)
		output_line("%12" PRId64 " rows in the delta", r->delta_rows);
}

static void show_undone(const struct paper *paper)
{
	struct buf by = { 0 }, why = { 0 };

	if (paper_is_null(paper, PAPER_UNDONE_AT))
		return;
	output_line("\n%sundone%s at %s by %s%s%s", output_paint(PAINT_YELLOW),
		output_paint(PAINT_NONE), paper_text(paper, PAPER_UNDONE_AT),
		output_escape(&by, paper_text(paper, PAPER_UNDONE_BY)),
		paper_is_null(paper, PAPER_UNDONE_REASON) ? "" : ": ",
		output_escape(&why, paper_text(paper, PAPER_UNDONE_REASON)));
	for (size_t i = 0; i < db_rows(paper->undone); i++)
		output_line("%12" PRId64 " rows deleted, %" PRId64
			" restored in %s", db_int(paper->undone, i, 1),
			db_int(paper->undone, i, 2),
			db_value(paper->undone, i, 0));
	buf_clear(&by);
	buf_clear(&why);
}

static void show_derived(const struct paper *paper)
{
	for (size_t i = 0; i < paper->receipt.derived_count; i++) {
		const struct receipt_derived *d = &paper->receipt.derived[i];

		output_line("\n%12" PRId64 " %s found in the records",
			d->records, d->dataset);
		output_line("%12" PRId64 " inserted, %" PRId64 " updated, %"
			PRId64 " unchanged, %" PRId64 " rejected",
			d->inserted, d->updated, d->unchanged, d->rejected);
		if (d->delta_rows >= 0)
			output_line("%12" PRId64 " rows in the delta",
				d->delta_rows);
	}
}

static void show(const struct paper *paper)
{
	static const enum paint colours[] = { PAINT_GREEN, PAINT_YELLOW,
		PAINT_RED };
	const struct receipt_judgement *judgement = &paper->judgement;

	show_head(paper);
	show_law(paper);
	show_derived(paper);
	show_undone(paper);
	output_line("\n%s%s%s", output_paint(colours[judgement->verdict]),
		receipt_word(judgement->verdict), output_paint(PAINT_NONE));
	if (judgement->faults > 0)
		(void)fputs(judgement->text.data, stdout);
	if (judgement->faults > RECEIPT_FAULTS_MAX)
		output_line("and %zu more",
			judgement->faults - RECEIPT_FAULTS_MAX);
}

/* -- the verb --------------------------------------------------- */

/* Several statements, one picture: a snapshot. */
static const char snapshot_sql[] =
	"begin transaction isolation level repeatable read, read only";

static bool each(struct db *db, const struct cmd_context *context,
	const int64_t *ids, size_t count, enum verdict *worst, struct err *err)
{
	struct json *root = context->json ? json_object() : NULL;
	struct json *array = context->json ?
		json_put_array(root, "receipts") : NULL;
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++) {
		struct paper paper = { 0 };

		ok = paper_gather(db, ids[i], &paper, err) &&
			paper_locate(context->config, &paper, err);
		if (ok && paper.judgement.verdict > *worst)
			*worst = paper.judgement.verdict;
		if (ok && context->json) {
			paper_json(&paper, json_add_object(array));
		} else if (ok) {
			if (i > 0)
				output_line("%s", "");
			show(&paper);
		}
		paper_clear(&paper);
	}
	if (ok && context->json)
		return output_json(root, err);
	json_free(root);
	return ok;
}

/* A file nobody claimed is not lost: it waits. */
static bool nothing(const struct config *config, const char *given,
	struct err *err)
{
	struct buf name = { 0 };
	const bool ok = lookup_name(config, given, &name, err);

	if (ok)
		(void)err_set(err, ERR_REJECT, "no source is named %s: either "
			"it is still waiting in its folder (sluice status), "
			"or its first chunk has not been loaded", name.data);
	buf_clear(&name);
	return false;
}

static int receipt(const struct cmd_context *context, const char *given,
	bool all)
{
	const struct config *config = context->config;
	struct err err = { 0 };
	struct db *db = connect_db(config, &config->reader, true,
		config->statement_timeout_ms, &err);
	enum verdict worst = RECEIPT_HOLDS;
	int64_t *ids = NULL;
	size_t count = 0;
	bool ok = db != NULL && db_exec(db, snapshot_sql, &err);

	ok = ok && lookup_all(db, config, given, &ids, &count, &err);
	if (ok && count == 0)
		ok = nothing(config, given, &err);
	ok = ok && each(db, context, ids, all ? count : 1, &worst, &err);
	free(ids);
	db_close(db);
	if (!ok)
		return cmd_fail(&err);
	return worst == RECEIPT_BROKEN ? EXIT_DATA : EXIT_FINE;
}

static int run(const struct cmd_context *context)
{
	bool all = false;
	const struct arg table[] = {
		{ .name = "--all", .flag = &all },
		{ .name = NULL },
	};
	const char *given = NULL;
	struct err err = { 0 };
	size_t count;

	if (!args_parse(context, table, &given, 1, &count, &err))
		return cmd_usage(&cmd_receipt, "%s", err.text);
	if (count == 0)
		return cmd_usage(&cmd_receipt, "of which file or source?");
	return receipt(context, given, all);
}

const struct cmd cmd_receipt = {
	.name = "receipt",
	.usage = "FILE|SOURCE [--all]",
	.summary = "account for every record of a file",
	.help =
"The conservation law of one source:\n"
"\n"
"  records in the manifest = inserted + updated + unchanged + rejected\n"
"                            + filtered (direct loads of some dates only)\n"
"                            (+ in flight, while it is not complete)\n"
"\n"
"and, beside the sums: the byte ranges in the ledger tile the source without\n"
"gap or overlap, the rejects kept are as many as were counted, and the delta\n"
"holds one row for each record loaded. A reject that was replayed counts as\n"
"what it became. What other datasets made out of the\n"
"records (`from` in the pipeline file) is shown and judged alike. Says HOLDS,\n"
"in flight or BROKEN, what is broken, and where the file is now.\n"
"\n"
"FILE is a name as it was dropped, with or without its folder, or a path; of\n"
"several drops of that name the latest, or all with --all. SOURCE is a drop\n"
"id or a source id.\n"
"\n"
"--json: receipts[] with verdict, source_id, drop_id, pipeline, dataset,\n"
"kind, name, claimed_at, completed_at, format, file_size, size, sha256,\n"
"manifest_records, manifest_chunks, manifest_rejects, chunks, reader_rejects,\n"
"records, inserted, updated, unchanged, rejected, resolved (rejected before,\n"
"loaded by a replay), filtered, in_flight (null: unknown), ranges, gaps,\n"
"overlaps, delta_rows (-1: not counted), place, path, faults[],\n"
"derived[] {dataset, records, inserted, updated, unchanged, rejected,\n"
"delta_rows}.\n"
"\n"
"  sluice receipt events_sample.json --all\n"
"  sluice receipt 42\n"
"\n"
"Exits 0 when it holds or is in flight, 1 when it is broken or there is no\n"
"such source, 69 when PostgreSQL is not there.",
	.run = run,
};
