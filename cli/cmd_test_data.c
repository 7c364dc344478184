/* cmd_test_data.c - `sluice test-data`: do the tables keep their promises? */
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "cli/target.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

struct run {
	const struct config *config;
	const char *select; /* patterns, comma between them; NULL: all */
	struct target target; /* an SQLite file, if any */
	struct db *asker, *writer;
	struct table table;
	struct json *array; /* NULL: lines for people */
	int64_t outcomes[OUTCOME_BROKEN + 1];
	size_t meant;
};

/* -- which -------------------------------------------------------------- */

static bool fits(const char *pattern, const struct pipeline_test *test)
{
	return fnmatch(pattern, test->name, 0) == 0 ||
		fnmatch(pattern, test_kind_name(test->kind), 0) == 0 ||
		fnmatch(pattern, test_severity(test), 0) == 0 ||
		(test->table != NULL &&
			fnmatch(pattern, test->table, 0) == 0) ||
		(test->file != NULL && fnmatch(pattern, test->file, 0) == 0);
}

static bool meant(const struct run *run, const struct pipeline_test *test)
{
	char pattern[256];
	const char *at = run->select;

	if (at == NULL)
		return true;
	while (*at != '\0') {
		const size_t len = strcspn(at, ",");

		(void)snprintf(pattern, sizeof(pattern), "%.*s", (int)len, at);
		if (len < sizeof(pattern) && fits(pattern, test))
			return true;
		at += len + (at[len] == ',');
	}
	return false;
}

/* -- saying ------------------------------------------------------------- */

static void put_or_null(struct json *object, const char *key,
	const char *text)
{
	if (text != NULL)
		json_put_text(object, key, text);
	else
		json_put_null(object, key);
}

static void put_result(struct run *run, const struct pipeline *pipeline,
	const struct pipeline_test *test, const struct datatest_result *result)
{
	struct json *object = json_add_object(run->array);

	json_put_text(object, "pipeline", pipeline->name);
	json_put_text(object, "test", test->name);
	json_put_text(object, "kind", test_kind_name(test->kind));
	put_or_null(object, "table", test->table);
	json_put_text(object, "severity", test_severity(test));
	json_put_text(object, "outcome", outcome_name(result->outcome));
	if (result->outcome == OUTCOME_BROKEN)
		json_put_null(object, "failing");
	else
		json_put_int(object, "failing", result->failing);
	put_or_null(object, "first", result->first.data);
	put_or_null(object, "error", result->error.data);
	json_put_int(object, "ms", result->ms);
	json_put_int(object, "result_id", result->result_id);
}

static void add_line(struct run *run, const struct pipeline *pipeline,
	const struct pipeline_test *test, const struct datatest_result *result)
{
	table_add(&run->table, pipeline->name);
	table_add(&run->table, test->name);
	table_add(&run->table, outcome_name(result->outcome));
	if (result->outcome == OUTCOME_BROKEN)
		table_add(&run->table, NULL);
	else
		table_add_int(&run->table, result->failing);
	table_add_int(&run->table, result->ms);
	if (result->outcome == OUTCOME_BROKEN)
		table_add(&run->table, result->error.data);
	else
		table_add(&run->table, result->first.data != NULL ?
			result->first.data : "");
}

static bool say_all(struct run *run, struct json *root, struct err *err)
{
	if (root != NULL) {
		for (int i = 0; i <= (int)OUTCOME_BROKEN; i++)
			json_put_int(root, outcome_name((enum outcome)i),
				run->outcomes[i]);
		return output_json(root, err);
	}
	if (run->meant == 0) {
		output_line("no pipeline file has tests: see "
			"`sluice help test-data`");
		return true;
	}
	if (!table_print(&run->table, 0, err))
		return false;
	output_line("%lld pass, %lld warn, %lld fail, %lld broken",
		(long long)run->outcomes[OUTCOME_PASS],
		(long long)run->outcomes[OUTCOME_WARN],
		(long long)run->outcomes[OUTCOME_FAIL],
		(long long)run->outcomes[OUTCOME_BROKEN]);
	return true;
}

/* -- running ------------------------------------------------------------ */

/* Users' SQL is asked as the reader, who cannot change anything; what came out
 * is written as the loader. */
static bool connect_both(struct run *run, struct err *err)
{
	if (run->asker != NULL && !db_alive(run->asker)) {
		db_close(run->asker);
		run->asker = NULL;
	}
	if (run->asker == NULL)
		run->asker = connect_db(run->config, &run->config->reader,
			true, 0, err);
	if (run->asker != NULL && run->writer == NULL)
		run->writer = connect_db(run->config, &run->config->loader,
			false, 0, err);
	return run->writer != NULL;
}

static bool ask(struct run *run, const struct pipeline *pipeline,
	const struct pipeline_test *test, struct datatest_result *result,
	struct err *err)
{
	if (run->target.store != NULL)
		return store_test(run->target.store, pipeline, test, result,
			err);
	return connect_both(run, err) &&
		datatest_run(pipeline, test, run->config->models_dir,
			run->asker, run->writer, result, err);
}

static bool run_test(struct run *run, const struct pipeline *pipeline,
	const struct pipeline_test *test, struct err *err)
{
	struct datatest_result result;

	if (!ask(run, pipeline, test, &result, err))
		return false;
	run->outcomes[result.outcome]++;
	if (run->array != NULL)
		put_result(run, pipeline, test, &result);
	else
		add_line(run, pipeline, test, &result);
	datatest_result_clear(&result);
	return true;
}

static bool run_pipeline(struct run *run, const struct pipeline *pipeline,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < pipeline->test_count; i++) {
		if (!meant(run, &pipeline->tests[i]))
			continue;
		run->meant++;
		ok = run_test(run, pipeline, &pipeline->tests[i], err);
	}
	return ok;
}

/* An SQLite file need not have every pipeline's tables. */
static bool is_there(struct run *run, const struct pipeline *pipeline,
	bool *there, struct err *err)
{
	*there = true;
	return run->target.store == NULL ||
		store_has(run->target.store, pipeline, there, err);
}

static bool run_set(struct run *run, const struct pipeline_set *set,
	const char *name, struct err *err)
{
	bool ok = true;

	if (name != NULL && pipeline_find(set, name) == NULL)
		return err_stop(err, EXIT_USAGE, "no pipeline %s in %s", name,
			run->config->pipelines_dir);
	for (size_t i = 0; ok && i < set->count; i++) {
		const struct pipeline *pipeline = &set->pipelines[i];
		bool meant = name != NULL;

		if (name == NULL)
			ok = is_there(run, pipeline, &meant, err);
		else if (strcmp(pipeline->name, name) != 0)
			meant = false;
		if (ok && meant)
			ok = run_pipeline(run, pipeline, err);
	}
	if (ok && run->meant == 0 && run->select != NULL)
		ok = err_stop(err, EXIT_USAGE, "no test is meant by "
			"--select %s", run->select);
	return ok;
}

static bool run_all(struct run *run, const char *name, const char *file,
	struct err *err)
{
	struct pipeline_set set = { .count = 0 };
	bool ok;

	if (file != NULL) {
		ok = target_open(&run->target, &(struct target_options){
				.config = run->config,
				.name = "sluice test-data", .file = file },
			     err) &&
			store_ensure(run->target.store, NULL, err);
		return ok && run_set(run, &run->target.plan.set, name, err);
	}
	ok = pipeline_set_read(run->config->pipelines_dir, &set, err) &&
		run_set(run, &set, name, err);
	pipeline_set_clear(&set);
	return ok;
}

static int act(const struct cmd_context *context, const char *name,
	const char *select, const char *file)
{
	static const char *const heads[] = { "pipeline", "test", "outcome",
		">failing", ">ms", "for example", NULL };
	struct json *root = context->json ? json_object() : NULL;
	struct run run = {
		.config = context->config,
		.select = select,
		.array = root != NULL ? json_put_array(root, "tests") : NULL,
	};
	struct err err = { 0 };
	bool ok;

	table_init(&run.table, heads);
	ok = run_all(&run, name, file, &err);
	if (ok)
		ok = say_all(&run, root, &err);
	else
		json_free(root);
	table_clear(&run.table);
	db_close(run.asker);
	db_close(run.writer);
	target_close(&run.target);
	if (!ok)
		return cmd_fail(&err);
	return run.outcomes[OUTCOME_FAIL] + run.outcomes[OUTCOME_BROKEN] == 0 ?
		EXIT_FINE : EXIT_DATA;
}

static int run(const struct cmd_context *context)
{
	const char *select = NULL, *words[1] = { NULL };
	const char *to = "postgres", *file;
	const struct arg table[] = {
		{ .name = "--select", .text = &select },
		{ .name = "--to", .text = &to },
		{ .name = NULL },
	};
	struct err err = { 0 };
	size_t count;

	if (!args_parse(context, table, words, 1, &count, &err))
		return cmd_usage(&cmd_test_data, "%s", err.text);
	if (!target_read(to, &file, &err))
		return cmd_usage(&cmd_test_data, "--to wants %s", err.text);
	return act(context, words[0], select, file);
}

const struct cmd cmd_test_data = {
	.name = "test-data",
	.usage = "[PIPELINE] [--select PATTERN[,PATTERN...]] "
		"[--to sqlite:FILE]",
	.summary = "check what the pipeline files promise of their tables",
	.help =
"Runs the data tests that stand under `tests:` in the pipeline files:\n"
"not_null, unique, unique_combination, accepted_values, relationships,\n"
"row_count, freshness, expression, compare, sql (docs/MODELS.md has one\n"
"example of each). A test asks for rows that contradict it.\n"
"\n"
"--select  only tests whose name, table, kind, file or severity is like one\n"
"          of the shell patterns\n"
"--to sqlite:FILE  of that file, made by `sluice load`; no server is asked\n"
"\n"
"The last column shows the first failing row. Every run is kept in\n"
"meta.test_result; up to 100 failing rows of each test's last run are in\n"
"meta.test_failure. A test of severity warn, or one of freshness beyond its\n"
"warn age only, warns; one that cannot be asked is broken, and says why.\n"
"--json gives tests[] with pipeline, test, kind, table, severity, outcome\n"
"(pass, warn, fail, broken), failing, first, error, ms, result_id, and the\n"
"sum of each outcome.\n"
"\n"
"  sluice test-data\n"
"  sluice test-data events --select 'raw.*'\n"
"  sluice test-data --select freshness,unique --json\n"
"\n"
"Exits 0 when nothing failed (warnings are fine), 1 when a test failed or is\n"
"broken, 64 when nothing of that name is there, 69 when PostgreSQL is not\n"
"there, 74 when the SQLite file is not, 78 when a pipeline file is wrong.",
	.run = run,
};
