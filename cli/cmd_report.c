/* cmd_report.c - `sluice report`: rows as files, now. */
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "cli/target.h"
#include "consumer/reports.h"

#include <stdio.h>
#include <string.h>

struct run {
	const struct config *config;
	const char *name; /* NULL: all */
	struct db *asker, *writer;
	struct target target; /* its store is NULL for PostgreSQL */
	struct table table;
	struct json *array; /* NULL: lines for people */
	size_t meant, failed;
};

static bool meant(const struct run *run, const struct pipeline *pipeline,
	const struct pipeline_report *report)
{
	return run->name == NULL || strcmp(run->name, report->name) == 0 ||
		strcmp(run->name, report->file) == 0 ||
		strcmp(run->name, pipeline->name) == 0;
}

/* What is done with each report that is meant. */
typedef bool report_step(struct run *run, const struct pipeline *pipeline,
	const struct pipeline_report *report, struct err *err);

/* An SQLite file need not have every pipeline's tables. */
static bool is_there(struct run *run, const struct pipeline *pipeline,
	bool *there, struct err *err)
{
	*there = true;
	return run->name != NULL || run->target.store == NULL ||
		store_has(run->target.store, pipeline, there, err);
}

static bool each_of(struct run *run, const struct pipeline *pipeline,
	report_step *step, struct err *err)
{
	bool there;
	bool ok = is_there(run, pipeline, &there, err);

	for (size_t i = 0; ok && there && i < pipeline->report_count; i++) {
		if (!meant(run, pipeline, &pipeline->reports[i]))
			continue;
		run->meant++;
		ok = step(run, pipeline, &pipeline->reports[i], err);
	}
	return ok;
}

static bool each(struct run *run, report_step *step, struct err *err)
{
	struct pipeline_set set = { .count = 0 };
	bool ok = pipeline_set_read(run->config->pipelines_dir, &set, err);

	for (size_t p = 0; ok && p < set.count; p++)
		ok = each_of(run, &set.pipelines[p], step, err);
	pipeline_set_clear(&set);
	if (ok && run->meant == 0 && run->name != NULL)
		ok = err_stop(err, EXIT_USAGE, "no report %s: see `sluice "
			"report list`", run->name);
	return ok;
}

static struct json *put_names(struct run *run, const struct pipeline *pipeline,
	const struct pipeline_report *report)
{
	struct json *object = json_add_object(run->array);

	json_put_text(object, "pipeline", pipeline->name);
	json_put_text(object, "report", report->name);
	json_put_text(object, "file", report->file);
	return object;
}

static void add_names(struct run *run, const struct pipeline *pipeline,
	const struct pipeline_report *report)
{
	table_add(&run->table, pipeline->name);
	table_add(&run->table, report->name);
	table_add(&run->table, report->file);
}

static const char *source_of(const struct pipeline_report *report, char *out,
	size_t size)
{
	const char *kind = report->model != NULL ? "model" :
		report->table != NULL ? "table" : "query";
	const char *name = report->model != NULL ? report->model :
		report->table != NULL ? report->table : report->query;

	(void)snprintf(out, size, "%s %s", kind, name);
	return out;
}

/* -- list --------------------------------------------------------------- */

static const char last_sql[] =
	"select to_char(written_at at time zone 'UTC',\n"
	"           'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), rows, error\n"
	"from meta.report\n"
	"where pipeline = $1 and report = $2";

static void put_or_null(struct json *object, const char *key,
	const struct db_result *last, size_t column)
{
	if (db_rows(last) == 0 || db_is_null(last, 0, column))
		json_put_null(object, key);
	else
		json_put_text(object, key, db_value(last, 0, column));
}

static bool list_one(struct run *run, const struct pipeline *pipeline,
	const struct pipeline_report *report, struct err *err)
{
	const char *values[] = { pipeline->name, report->name };
	struct db_result *last = NULL;
	char source[128];

	if (!db_query(run->asker, last_sql, 2, values, &last, err))
		return false;
	(void)source_of(report, source, sizeof(source));
	if (run->array != NULL) {
		struct json *object = put_names(run, pipeline, report);

		json_put_text(object, "of", source);
		put_or_null(object, "written_at", last, 0);
		if (db_rows(last) > 0 && !db_is_null(last, 0, 1))
			json_put_int(object, "rows", db_int(last, 0, 1));
		put_or_null(object, "error", last, 2);
	} else {
		add_names(run, pipeline, report);
		table_add(&run->table, source);
		for (size_t i = 0; i < 3; i++)
			table_add(&run->table, db_rows(last) == 0 ||
					db_is_null(last, 0, i) ?
				(i == 2 ? "" : NULL) : db_value(last, 0, i));
	}
	db_result_free(last);
	return true;
}

/* -- run ---------------------------------------------------------------- */

static bool run_one(struct run *run, const struct pipeline *pipeline,
	const struct pipeline_report *report, struct err *err)
{
	struct report_result result;
	bool failed;

	if (run->target.store != NULL ?
			!store_report(run->target.store, pipeline, report,
				&result, err) :
			!report_run(run->config, pipeline, report, run->asker,
				run->writer, &result, err))
		return false;
	failed = result.error.kind != ERR_NONE;
	run->failed += failed;
	if (run->array != NULL) {
		struct json *object = put_names(run, pipeline, report);

		json_put_int(object, "rows", result.rows);
		json_put_int(object, "ms", result.ms);
		if (failed)
			json_put_text(object, "error", result.error.text);
		else
			json_put_null(object, "error");
		return true;
	}
	add_names(run, pipeline, report);
	table_add_int(&run->table, result.rows);
	table_add_int(&run->table, result.ms);
	table_add(&run->table, result.error.text);
	return true;
}

/* -- the verb ----------------------------------------------------------- */

static bool connect(struct run *run, bool list, const char *file,
	struct err *err)
{
	if (file != NULL)
		return target_open(&run->target, &(struct target_options){
				.config = run->config,
				.name = "sluice report", .file = file }, err) &&
			store_ensure(run->target.store, NULL, err);
	run->asker = connect_db(run->config, &run->config->reader, true, 0,
		err);
	if (run->asker != NULL && !list)
		run->writer = connect_db(run->config, &run->config->loader,
			false, 0, err);
	return run->asker != NULL && (list || run->writer != NULL);
}

static bool act(struct run *run, bool list, const char *file, struct err *err)
{
	static const char *const list_heads[] = { "pipeline", "report", "file",
		"of", "written", ">rows", "", NULL };
	static const char *const run_heads[] = { "pipeline", "report", "file",
		">rows", ">ms", "", NULL };
	struct buf shown = { 0 };
	bool ok;

	table_init(&run->table, list ? list_heads : run_heads);
	if (!connect(run, list, file, err))
		return false;
	ok = each(run, list ? list_one : run_one, err);
	if (!ok || run->array != NULL)
		return ok;
	if (run->meant == 0) {
		output_line("no pipeline file has reports: see "
			"`sluice help report`");
		return true;
	}
	output_line("%s/", output_escape(&shown, run->config->output_dir));
	buf_clear(&shown);
	return table_print(&run->table, 0, err);
}

static int answer(const struct cmd_context *context, bool list,
	const char *name, const char *file)
{
	struct json *root = context->json ? json_object() : NULL;
	struct run run = { .config = context->config, .name = name };
	struct err err = { 0 };
	bool ok;

	if (root != NULL) {
		json_put_text(root, "output_dir", context->config->output_dir);
		run.array = json_put_array(root, "reports");
	}
	ok = act(&run, list, file, &err);
	if (ok && root != NULL)
		ok = output_json(root, &err);
	else
		json_free(root);
	table_clear(&run.table);
	db_close(run.asker);
	db_close(run.writer);
	target_close(&run.target);
	if (!ok)
		return cmd_fail(&err);
	return run.failed == 0 ? EXIT_FINE : EXIT_DATA;
}

static int run(const struct cmd_context *context)
{
	const char *words[2] = { NULL }, *to = "postgres", *file;
	const struct arg table[] = {
		{ .name = "--to", .text = &to },
		{ .name = NULL },
	};
	struct err err = { 0 };
	size_t count;
	bool list;

	if (!args_parse(context, table, words, 2, &count, &err))
		return cmd_usage(&cmd_report, "%s", err.text);
	if (!target_read(to, &file, &err))
		return cmd_usage(&cmd_report, "--to: %s", err.text);
	list = count == 0 || strcmp(words[0], "list") == 0;
	if (!list && strcmp(words[0], "run") != 0)
		return cmd_usage(&cmd_report, "list or run, not %s", words[0]);
	if (list && file != NULL)
		return cmd_usage(&cmd_report, "--to sqlite goes with run");
	return answer(context, list, words[1], file);
}

const struct cmd cmd_report = {
	.name = "report",
	.usage = "[list] | run [NAME] [--to sqlite:FILE]",
	.summary = "models and queries as CSV, JSON or HTML files",
	.help =
"list    the reports of the pipeline files (or of the pipeline or report of\n"
"        that name), when each was written, with how many rows\n"
"run     writes them now; with a NAME that report, that file's, or all of\n"
"        that pipeline; --to sqlite:FILE asks that file, where\n"
"        <query>.sqlite.sql stands before <query>.sql, and decimals, which it\n"
"        keeps as text, are texts in JSON\n"
"\n"
"The consumer writes a pipeline's reports by itself once all that was dropped\n"
"for it is loaded; so does `sluice load`. They go to output_dir: whole, or the\n"
"old file stays. In the pipeline file:\n"
"\n"
"  reports:\n"
"    - { file: ratio.csv, model: cost_revenue_ratio }\n"
"    - { file: orders.json, table: raw.orders, order: [\"-total\", id] }\n"
"    - file: months.html                # a table, and a chart above it\n"
"      query: months                    # sql/models/<pipeline>/reports/months.sql\n"
"      title: Commits by month\n"
"      chart: { x: month, y: commits, kind: line }   # or bar\n"
"\n"
"--json: output_dir, reports[] {pipeline, report, file} with {of, written_at,\n"
"rows, error} (list) or {rows, ms, error} (run).\n"
"\n"
"  sluice report run\n"
"  sluice report run ratio\n"
"\n"
"Queries are asked as the reader, in a transaction that cannot write. Exits 0,\n"
"1 when a report could not be written (the others are), 64 when there is none\n"
"of that name, 69 when PostgreSQL is not there, 78 when a pipeline file is\n"
"wrong.",
	.run = run,
};
