/* cmd_receipt.c - `sluice receipt`: where did every record of a file go? */
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/locate.h"
#include "cli/lookup.h"
#include "cli/output.h"
#include "cli/receipt.h"
#include "common/pipeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UTC(what) "to_char(" what \
	" at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

enum { SOURCE_ID, DROP_ID, PIPELINE, DATASET, KIND, NAME, CLAIMED_AT,
	COMPLETED_AT, FORMAT, FILE_SIZE, SIZE, SHA256, M_CHUNKS, M_REJECTS,
	M_RECORDS, FAILED, CHUNKS, READER_REJECTS, RECORDS, INSERTED, UPDATED,
	UNCHANGED, REJECTED, REJECT_ROWS, DELTA, CLAIMED_DAY };

static const char source_sql[] =
	"select s.source_id, s.drop_id, s.pipeline, s.dataset, s.kind,\n"
	"       s.name,\n"
	"       " UTC("s.claimed_at") ", " UTC("s.completed_at") ",\n"
	"       s.format, s.file_size, s.size, s.sha256, s.manifest_chunks,\n"
	"       s.manifest_rejects, s.manifest_records, s.remainder_failed,\n"
	"       s.chunks, s.reader_rejects, s.records, s.inserted, s.updated,\n"
	"       s.unchanged, s.rejected,\n"
	"       (select count(*) from meta.reject r\n"
	"        where r.source_id = s.source_id and r.item = 0),\n"
	"       d.delta,\n"
	"       to_char(s.claimed_at at time zone 'UTC', 'YYYY-MM-DD')\n"
	"from meta.source s\n"
	"left join meta.dataset d\n"
	"       on d.dataset = s.pipeline || '.' || s.dataset\n"
	"where s.source_id = $1";

static const char ledger_sql[] =
	"select lo, hi, kind, records\n"
	"from meta.chunk\n"
	"where drop_id = $1::uuid and dataset = $2 and replay = 0\n"
	"order by lo, hi";

enum { D_DATASET, D_DELTA, D_RECORDS, D_INSERTED, D_UPDATED, D_UNCHANGED,
	D_REJECTED, D_REJECT_ROWS };

static const char derived_sql[] =
	"select d.dataset, t.delta, d.records, d.inserted, d.updated,\n"
	"       d.unchanged, d.rejected,\n"
	"       (select count(*) from meta.reject r\n"
	"        where r.source_id = d.source_id and r.dataset = d.dataset\n"
	"          and r.item > 0)\n"
	"from meta.derived d\n"
	"join meta.source s using (source_id)\n"
	"left join meta.dataset t\n"
	"       on t.dataset = s.pipeline || '.' || d.dataset\n"
	"where d.source_id = $1\n"
	"order by d.dataset";

/* One source with all that is known of it. */
struct paper {
	struct db_result *source;
	struct db_result *ledger;
	struct db_result *made; /* out of its records: derived_sql */
	struct receipt_range *ranges;
	struct receipt_derived *derived;
	struct receipt receipt;
	struct receipt_judgement judgement;
	struct located located;
};

static int64_t number(const struct paper *paper, size_t column)
{
	return db_int(paper->source, 0, column);
}

static const char *text(const struct paper *paper, size_t column)
{
	return db_value(paper->source, 0, column);
}

static bool is_null(const struct paper *paper, size_t column)
{
	return db_is_null(paper->source, 0, column);
}

/* -- gathering --------------------------------------------------- */

static bool load_ledger(struct db *db, struct paper *paper, struct err *err)
{
	const char *values[] = { text(paper, DROP_ID), text(paper, DATASET) };
	size_t rows;

	if (!db_query(db, ledger_sql, 2, values, &paper->ledger, err))
		return false;
	rows = db_rows(paper->ledger);
	paper->ranges = calloc(rows + 1, sizeof(*paper->ranges));
	if (paper->ranges == NULL)
		return err_memory(err);
	for (size_t i = 0; i < rows; i++)
		paper->ranges[i] = (struct receipt_range){
			.lo = db_int(paper->ledger, i, 0),
			.hi = db_int(paper->ledger, i, 1),
			.kind = db_value(paper->ledger, i, 2)[0],
			.records = db_int(paper->ledger, i, 3),
		};
	paper->receipt.ranges = paper->ranges;
	paper->receipt.range_count = rows;
	return true;
}

/* Rows of the source in the delta, found by the loads that took its chunks
 * (the delta has an index on _load). Not when the partition of one of them was
 * dropped. */
static bool count_delta(struct db *db, const struct paper *paper,
	const char *dataset, const char *delta, int64_t *count, struct err *err)
{
	const char *values[] = { text(paper, SOURCE_ID), text(paper, DROP_ID),
		text(paper, PIPELINE), dataset };
	struct db_result *result = NULL;
	struct buf sql = { 0 };
	bool ok;

	*count = -1;
	if (delta[0] == '\0')
		return true;
	ok = buf_printf(&sql, err,
		"select case when exists (\n"
		"    select from meta.delta_dropped x\n"
		"    join meta.chunk c on c.load_id >= x.first_load\n"
		"        and coalesce(c.first_load, c.load_id) <= x.last_load\n"
		"    where x.dataset = $3 || '.' || $4\n"
		"      and c.drop_id = $2::uuid) then -1 else (\n"
		"    select count(*) from %s\n"
		"    where _source = $1::bigint and _load in (\n"
		"        select load_id from meta.chunk\n"
		"        where drop_id = $2::uuid and kind <> 'w')) + (\n"
		"    select count(*) from %s\n"
		"    where _source = $1::bigint and _load between (\n"
		"        select min(first_load) from meta.chunk\n"
		"        where drop_id = $2::uuid and kind = 'w') and (\n"
		"        select max(load_id) from meta.chunk\n"
		"        where drop_id = $2::uuid and kind = 'w')) end",
		delta, delta);
	ok = ok && db_query(db, sql.data, 4, values, &result, err);
	if (ok)
		*count = db_int(result, 0, 0);
	db_result_free(result);
	buf_clear(&sql);
	return ok;
}

static bool load_derived(struct db *db, struct paper *paper, struct err *err)
{
	const char *values[] = { text(paper, SOURCE_ID) };
	bool ok = true;
	size_t rows;

	if (!db_query(db, derived_sql, 1, values, &paper->made, err))
		return false;
	rows = db_rows(paper->made);
	paper->derived = calloc(rows + 1, sizeof(*paper->derived));
	if (paper->derived == NULL)
		return err_memory(err);
	for (size_t i = 0; ok && i < rows; i++) {
		struct receipt_derived *derived = &paper->derived[i];

		*derived = (struct receipt_derived){
			.dataset = db_value(paper->made, i, D_DATASET),
			.records = db_int(paper->made, i, D_RECORDS),
			.inserted = db_int(paper->made, i, D_INSERTED),
			.updated = db_int(paper->made, i, D_UPDATED),
			.unchanged = db_int(paper->made, i, D_UNCHANGED),
			.rejected = db_int(paper->made, i, D_REJECTED),
			.reject_rows = db_int(paper->made, i, D_REJECT_ROWS),
		};
		ok = count_delta(db, paper, derived->dataset,
			db_value(paper->made, i, D_DELTA),
			&derived->delta_rows, err);
	}
	paper->receipt.derived = paper->derived;
	paper->receipt.derived_count = rows;
	return ok;
}

static void load_numbers(struct paper *paper)
{
	paper->receipt = (struct receipt){
		.manifest = !is_null(paper, M_RECORDS),
		.complete = !is_null(paper, COMPLETED_AT),
		.size = number(paper, SIZE),
		.manifest_records = number(paper, M_RECORDS),
		.manifest_chunks = number(paper, M_CHUNKS),
		.manifest_rejects = number(paper, M_REJECTS),
		.chunks = number(paper, CHUNKS),
		.reader_rejects = number(paper, READER_REJECTS),
		.records = number(paper, RECORDS),
		.inserted = number(paper, INSERTED),
		.updated = number(paper, UPDATED),
		.unchanged = number(paper, UNCHANGED),
		.rejected = number(paper, REJECTED),
		.reject_rows = number(paper, REJECT_ROWS),
	};
}

/* A message has no file. */
static bool locate(const struct config *config, struct paper *paper,
	struct err *err)
{
	struct pipeline_set set = { 0 };
	const struct pipeline *pipeline;
	const struct dataset *dataset = NULL;
	bool ok;

	if (strcmp(text(paper, KIND), "foreign") == 0)
		return true;
	ok = pipeline_set_read(config->pipelines_dir, &set, err);
	if (ok) {
		pipeline = pipeline_find(&set, text(paper, PIPELINE));
		if (pipeline != NULL)
			dataset = dataset_find(pipeline, text(paper, DATASET));
	}
	if (ok && dataset != NULL && dataset->directory != NULL) {
		const struct locate_wanted wanted = {
			.directory = dataset->directory,
			.name = text(paper, NAME),
			.drop = text(paper, DROP_ID),
			.day = text(paper, CLAIMED_DAY),
			.size = is_null(paper, FILE_SIZE) ? -1 :
				number(paper, FILE_SIZE),
			.sha256 = text(paper, SHA256),
		};
		ok = locate_source(config, &wanted, &paper->located, err);
	}
	pipeline_set_clear(&set);
	return ok;
}

static bool gather(struct db *db, const struct config *config, int64_t id,
	struct paper *paper, struct err *err)
{
	char id_text[32];
	const char *values[] = { id_text };

	(void)snprintf(id_text, sizeof(id_text), "%" PRId64, id);
	if (!db_query(db, source_sql, 1, values, &paper->source, err))
		return false;
	if (db_rows(paper->source) != 1)
		return err_set(err, ERR_REJECT, "source %s is gone", id_text);
	load_numbers(paper);
	return load_ledger(db, paper, err) &&
		count_delta(db, paper, text(paper, DATASET),
			text(paper, DELTA), &paper->receipt.delta_rows, err) &&
		load_derived(db, paper, err) &&
		receipt_judge(&paper->receipt, &paper->judgement, err) &&
		locate(config, paper, err);
}

static void paper_clear(struct paper *paper)
{
	db_result_free(paper->source);
	db_result_free(paper->ledger);
	db_result_free(paper->made);
	free(paper->ranges);
	free(paper->derived);
	buf_clear(&paper->judgement.text);
	buf_clear(&paper->located.path);
	*paper = (struct paper){ 0 };
}

/* -- showing --------------------------------------------------- */

static const char *const place_words[] = {
	[PLACE_UNKNOWN] = "not found",
	[PLACE_CLAIMED] = "claimed",
	[PLACE_PROCESSED] = "processed",
	[PLACE_FAILED] = "failed",
};

static const char *where_is(const struct paper *paper)
{
	return strcmp(text(paper, KIND), "foreign") == 0 ? "a message" :
		place_words[paper->located.place];
}

static void show_head(const struct paper *paper)
{
	struct buf shown = { 0 };
	char size[OUTPUT_TEXT];

	output_line("source      %s, drop %s", text(paper, SOURCE_ID),
		text(paper, DROP_ID));
	output_line("name        %s", text(paper, NAME)); /* kept escaped */
	output_line("dataset     %s.%s", text(paper, PIPELINE),
		text(paper, DATASET));
	output_line("claimed at  %s", text(paper, CLAIMED_AT));
	if (paper->receipt.complete)
		output_line("complete at %s", text(paper, COMPLETED_AT));
	if (!is_null(paper, FORMAT))
		output_line("content     %s, %s%s", text(paper, FORMAT),
			output_bytes(number(paper, SIZE), size),
			text(paper, FAILED)[0] == 't' ?
				", its remainder could not be read" : "");
	if (!is_null(paper, SHA256))
		output_line("sha256      %s", text(paper, SHA256));
	output_line("file        %s%s%s", where_is(paper),
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
	output_line("\n%s%s%s", output_paint(colours[judgement->verdict]),
		receipt_word(judgement->verdict), output_paint(PAINT_NONE));
	if (judgement->faults > 0)
		(void)fputs(judgement->text.data, stdout);
	if (judgement->faults > RECEIPT_FAULTS_MAX)
		output_line("and %zu more",
			judgement->faults - RECEIPT_FAULTS_MAX);
}

static void put_faults(struct json *object,
	const struct receipt_judgement *judgement)
{
	struct json *array = json_put_array(object, "faults");
	char line[512];
	const char *at = judgement->text.len > 0 ? judgement->text.data : "";

	while (*at != '\0') {
		const size_t len = strcspn(at, "\n");

		(void)snprintf(line, sizeof(line), "%.*s", (int)len, at);
		json_add_text(array, line);
		at += len + (at[len] == '\n');
	}
}

/* Null columns become null; numbers stay numbers. */
static void put_columns(struct json *object, const struct paper *paper)
{
	static const struct {
		const char *key;
		size_t column;
		bool number;
	} all[] = {
		{ "source_id", SOURCE_ID, true }, { "drop_id", DROP_ID, false },
		{ "pipeline", PIPELINE, false }, { "dataset", DATASET, false },
		{ "kind", KIND, false }, { "name", NAME, false },
		{ "claimed_at", CLAIMED_AT, false },
		{ "completed_at", COMPLETED_AT, false },
		{ "format", FORMAT, false }, { "file_size", FILE_SIZE, true },
		{ "size", SIZE, true }, { "sha256", SHA256, false },
		{ "manifest_records", M_RECORDS, true },
		{ "manifest_chunks", M_CHUNKS, true },
		{ "manifest_rejects", M_REJECTS, true },
		{ "chunks", CHUNKS, true },
		{ "reader_rejects", READER_REJECTS, true },
		{ "records", RECORDS, true }, { "inserted", INSERTED, true },
		{ "updated", UPDATED, true }, { "unchanged", UNCHANGED, true },
		{ "rejected", REJECTED, true },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (is_null(paper, all[i].column))
			json_put_null(object, all[i].key);
		else if (all[i].number)
			json_put_int(object, all[i].key,
				number(paper, all[i].column));
		else
			json_put_text(object, all[i].key,
				text(paper, all[i].column));
}

static void put_derived(struct json *object, const struct paper *paper)
{
	struct json *array = json_put_array(object, "derived");

	for (size_t i = 0; i < paper->receipt.derived_count; i++) {
		const struct receipt_derived *d = &paper->receipt.derived[i];
		struct json *one = json_add_object(array);

		json_put_text(one, "dataset", d->dataset);
		json_put_int(one, "records", d->records);
		json_put_int(one, "inserted", d->inserted);
		json_put_int(one, "updated", d->updated);
		json_put_int(one, "unchanged", d->unchanged);
		json_put_int(one, "rejected", d->rejected);
		json_put_int(one, "delta_rows", d->delta_rows);
	}
}

static void put(struct json *object, const struct paper *paper)
{
	const struct receipt_judgement *judgement = &paper->judgement;

	json_put_text(object, "verdict", receipt_word(judgement->verdict));
	put_columns(object, paper);
	if (judgement->in_flight >= 0)
		json_put_int(object, "in_flight", judgement->in_flight);
	else
		json_put_null(object, "in_flight");
	json_put_int(object, "ranges", (int64_t)paper->receipt.range_count);
	json_put_int(object, "gaps", (int64_t)judgement->gaps);
	json_put_int(object, "overlaps", (int64_t)judgement->overlaps);
	json_put_int(object, "delta_rows", paper->receipt.delta_rows);
	put_derived(object, paper);
	json_put_text(object, "place", where_is(paper));
	if (paper->located.path.len > 0)
		json_put_text(object, "path", paper->located.path.data);
	else
		json_put_null(object, "path");
	put_faults(object, judgement);
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

		ok = gather(db, context->config, ids[i], &paper, err);
		if (ok && paper.judgement.verdict > *worst)
			*worst = paper.judgement.verdict;
		if (ok && context->json) {
			put(json_add_object(array), &paper);
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
"                            (+ in flight, while it is not complete)\n"
"\n"
"and, beside the sums: the byte ranges in the ledger tile the source without\n"
"gap or overlap, the rejects kept are as many as were counted, and the delta\n"
"holds one row for each record loaded. What other datasets made out of the\n"
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
"records, inserted, updated, unchanged, rejected, in_flight (null: unknown),\n"
"ranges, gaps, overlaps, delta_rows (-1: not counted), place, path, faults[],\n"
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
