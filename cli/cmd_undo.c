/* cmd_undo.c - `sluice undo`: as if a source had never come. */
#include "cli/args.h"
#include "cli/operate.h"
#include "cli/output.h"
#include "cli/undo.h"

#include <inttypes.h>

static const char *text(const struct undo *undo, size_t column)
{
	return db_value(undo->source, 0, column);
}

static bool show_json(const struct undo *undo, bool done, struct err *err)
{
	struct json *root = json_object();
	struct json *list;

	json_put_int(root, "source_id", undo->id);
	json_put_text(root, "drop_id", text(undo, UNDO_DROP));
	json_put_text(root, "name", text(undo, UNDO_NAME));
	json_put_bool(root, "done", done);
	list = json_put_array(root, "datasets");
	for (size_t i = 0; i < undo->count; i++) {
		const struct undo_part *part = &undo->parts[i];
		struct json *one = json_add_object(list);

		json_put_text(one, "pipeline", part->dataset->pipeline->name);
		json_put_text(one, "dataset", part->dataset->name);
		json_put_int(one, "deleted", part->deleted);
		json_put_int(one, "restored", part->restored);
		json_put_int(one, "not_restorable", part->unsure);
		json_put_int(one, "delta_rows", part->delta_rows);
		json_put_int(one, "delta_rows_dropped", part->lost);
	}
	json_put_int(root, "models_built", undo->models);
	json_put_int(root, "models_stale", undo->amiss);
	return output_json(root, err);
}

static bool show_table(const struct undo *undo, struct err *err)
{
	static const char *const heads[] = { "dataset", ">deleted",
		">restored", ">not restorable", ">delta rows", NULL };
	struct table table;

	table_init(&table, heads);
	for (size_t i = 0; i < undo->count; i++) {
		const struct undo_part *part = &undo->parts[i];

		table_add(&table, part->dataset->name);
		table_add_int(&table, part->deleted);
		table_add_int(&table, part->restored);
		table_add_int(&table, part->unsure);
		table_add_int(&table, part->delta_rows);
	}
	return table_print(&table, 0, err);
}

static void show_doubts(const struct undo *undo)
{
	int64_t unsure = 0, lost = 0;

	for (size_t i = 0; i < undo->count; i++) {
		unsure += undo->parts[i].unsure;
		lost += undo->parts[i].lost;
	}
	if (unsure > 0)
		output_line("%" PRId64 " of the deleted rows may have had an "
			"earlier version in days of the delta that were dropped",
			unsure);
	if (lost > 0)
		output_line("%" PRId64 " rows of it are in days of the delta "
			"that were dropped: models that count the delta keep "
			"them", lost);
	if (undo->amiss > 0)
		output_line("%" PRId64 " models could not be built and are "
			"stale: `sluice models`", undo->amiss);
}

static bool show(const struct cmd_context *context, const struct undo *undo,
	bool done, struct err *err)
{
	if (context->json)
		return show_json(undo, done, err);
	output_line("source %" PRId64 ", %s, %s.%s", undo->id,
		text(undo, UNDO_NAME), /* kept escaped */
		text(undo, UNDO_PIPELINE), text(undo, UNDO_DATASET));
	if (!show_table(undo, err))
		return false;
	show_doubts(undo);
	if (done)
		output_line("undone; %" PRId64 " models built anew",
			undo->models);
	else
		output_line("%s", "nothing is changed yet: --yes does it");
	return true;
}

static int run(const struct cmd_context *context)
{
	const char *given = NULL, *reason = NULL;
	bool dry_run = false, yes = false;
	const struct arg table[] = {
		{ .name = "--dry-run", .flag = &dry_run },
		{ .name = "--yes", .flag = &yes },
		{ .name = "--reason", .text = &reason },
		{ .name = NULL },
	};
	struct undo undo = { 0 };
	struct err err = { 0 };
	char who[OPERATE_WHO];
	size_t count;
	int code;
	bool ok;

	if (!args_parse(context, table, &given, 1, &count, &err))
		return cmd_usage(&cmd_undo, "%s", err.text);
	if (count == 0 || (dry_run && yes))
		return cmd_usage(&cmd_undo, "%s", count == 0 ? "which source?" :
			"either --dry-run or --yes");
	ok = undo_plan(context->config, given, &undo, &err) &&
		(!yes || undo_run(&undo, operate_who(who), reason, &err)) &&
		show(context, &undo, yes, &err);
	code = !ok ? cmd_fail(&err) : undo.amiss > 0 ? EXIT_DATA : EXIT_FINE;
	undo_clear(&undo);
	return code;
}

const struct cmd cmd_undo = {
	.name = "undo",
	.usage = "SOURCE [--dry-run | --yes] [--reason TEXT]",
	.summary = "take one source's rows back out of the tables",
	.help =
"Makes master, delta and models what they would be had the source never come:\n"
"of each key whose current row is the source's the best version that others\n"
"brought comes back, in the order of the dataset (`newest`, `wins`); a key that\n"
"only it had is deleted. What was made out of its records goes with it. All in\n"
"one transaction, the models that read these tables built anew in it; loads\n"
"into them wait meanwhile. All of the delta is read.\n"
"\n"
"  SOURCE       a number or a drop id (`sluice receipt`), or a file's name: its\n"
"               latest source\n"
"  --dry-run    only count (so it is without --yes)\n"
"  --yes        do it\n"
"  --reason     kept in meta.source and meta.operation\n"
"\n"
"deleted, restored: rows of the master. not restorable: of those deleted, when\n"
"days of the delta were dropped (delta_keep): an earlier version may have been\n"
"there, nobody knows.\n"
"\n"
"Ledger and counters stay: a message of it that comes again counts for nothing,\n"
"`sluice receipt` shows what it was and that it was undone. Its rejects are\n"
"shown and replayed no more. The kept file can be loaded again, as a new source:\n"
"`sluice replay SOURCE`, dropping it, or `sluice load`. PostgreSQL only; what is\n"
"in a SQLite file is loaded anew without the file that was wrong.\n"
"\n"
"--json: source_id, drop_id, name, done, datasets[] {pipeline, dataset, deleted,\n"
"restored, not_restorable, delta_rows, delta_rows_dropped}, models_built,\n"
"models_stale.\n"
"\n"
"  sluice undo 17\n"
"  sluice undo 17 --yes --reason 'wrong export'\n"
"\n"
"Counts as the reader, works as the owner. Exits 0 when done, 1 when there is no\n"
"such source, it is not complete or was undone before, or a model is stale now,\n"
"69 when PostgreSQL is not there, 78 when the schema is too old.",
	.run = run,
};
