/* cmd_models.c - `sluice models`: what is modelled, and is it right? */
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "consumer/models.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What a subcommand works on; the models borrow from the set. */
struct work {
	struct pipeline_set set;
	struct models *models;
	struct db *db;
};

static bool work_open(const struct config *config, struct work *work,
	const struct account *account, bool read_only, struct err *err)
{
	*work = (struct work){ 0 };
	if (!pipeline_set_read(config->pipelines_dir, &work->set, err))
		return false;
	work->models = models_read(config->models_dir, &work->set, err);
	if (work->models == NULL)
		return false;
	work->db = connect_db(config, account, read_only, 0, err);
	return work->db != NULL;
}

static void work_close(struct work *work)
{
	db_close(work->db);
	models_free(work->models);
	pipeline_set_clear(&work->set);
}

/* -- list --------------------------------------------------- */

static const char state_sql[] =
	"select state, coalesce(error, ''), refreshes, changed_rows,\n"
	"       refresh_us, to_char(refreshed_at at time zone 'UTC',\n"
	"           'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')\n"
	"from meta.model\n"
	"where model = $1";

struct model_state {
	struct db_result *result; /* one row, or none: not applied yet */
	bool known;
};

static bool model_state(struct db *db, const struct model_info *info,
	struct model_state *state, struct err *err)
{
	char name[160];
	const char *values[] = { name };

	(void)snprintf(name, sizeof(name), "%s.%s", info->pipeline, info->name);
	if (!db_query(db, state_sql, 1, values, &state->result, err))
		return false;
	state->known = db_rows(state->result) == 1;
	return true;
}

static const char *state_text(const struct model_state *state, size_t column)
{
	return state->known ? db_value(state->result, 0, column) : NULL;
}

static void add_line(struct table *table, const struct model_info *info,
	const struct model_state *state)
{
	char name[160];

	(void)snprintf(name, sizeof(name), "%s.%s", info->pipeline, info->name);
	table_add(table, name);
	table_add(table, info->materialized);
	table_add(table, state->known ? state_text(state, 0) : "not applied");
	table_add(table, state_text(state, 2));
	table_add(table, state_text(state, 5));
	table_add(table, info->description);
}

static void put_text(struct json *object, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		json_put_text(object, key, text);
	else
		json_put_null(object, key);
}

static void put_model(struct json *array, const struct model_info *info,
	const struct model_state *state)
{
	struct json *object = json_add_object(array);

	json_put_text(object, "pipeline", info->pipeline);
	json_put_text(object, "name", info->name);
	json_put_text(object, "relation", info->relation);
	json_put_text(object, "materialized", info->materialized);
	put_text(object, "grain", info->grain);
	put_text(object, "depends", info->depends);
	put_text(object, "description", info->description);
	put_text(object, "file", info->file);
	put_text(object, "state", state_text(state, 0));
	put_text(object, "error", state_text(state, 1));
	put_text(object, "refreshed_at", state_text(state, 5));
	if (!state->known)
		return;
	json_put_int(object, "refreshes", db_int(state->result, 0, 2));
	json_put_int(object, "changed_rows", db_int(state->result, 0, 3));
	json_put_int(object, "refresh_us", db_int(state->result, 0, 4));
}

static bool list(const struct work *work, bool json, struct err *err)
{
	static const char *const heads[] = { "model", "kind", "state",
		">refreshes", "refreshed at", "description", NULL };
	struct json *root = json ? json_object() : NULL;
	struct json *array = json ? json_put_array(root, "models") : NULL;
	struct table table;
	bool ok = true;

	table_init(&table, heads);
	for (size_t i = 0; ok && i < models_count(work->models); i++) {
		const struct model_info info = models_info(work->models, i);
		struct model_state state = { 0 };

		ok = model_state(work->db, &info, &state, err);
		if (ok && json)
			put_model(array, &info, &state);
		else if (ok)
			add_line(&table, &info, &state);
		db_result_free(state.result);
	}
	if (ok && json)
		return output_json(root, err);
	json_free(root);
	ok = ok && table_print(&table, 0, err);
	table_clear(&table);
	return ok;
}

/* -- verify --------------------------------------------------- */

struct verdicts {
	struct json *array; /* NULL: lines for people */
	struct table table;
};

static void say(void *context, const struct model_info *model, int64_t rows,
	int64_t different)
{
	struct verdicts *verdicts = context;
	char name[160];

	if (verdicts->array != NULL) {
		struct json *object = json_add_object(verdicts->array);

		json_put_text(object, "pipeline", model->pipeline);
		json_put_text(object, "name", model->name);
		json_put_int(object, "rows", rows);
		json_put_int(object, "different", different);
		return;
	}
	(void)snprintf(name, sizeof(name), "%s.%s", model->pipeline,
		model->name);
	table_add(&verdicts->table, name);
	table_add_int(&verdicts->table, rows);
	table_add_int(&verdicts->table, different);
	table_add(&verdicts->table, different == 0 ? "agrees" : "DIFFERS");
}

static bool verify(const struct work *work, const char *name, bool json,
	int64_t *different, struct err *err)
{
	static const char *const heads[] = { "model", ">rows", ">different",
		"", NULL };
	struct json *root = json ? json_object() : NULL;
	struct verdicts verdicts = {
		.array = json ? json_put_array(root, "models") : NULL,
	};
	bool ok;

	table_init(&verdicts.table, heads);
	ok = models_verify(work->models, work->db, name, different, say,
		&verdicts, err);
	if (ok && json) {
		json_put_int(root, "different", *different);
		return output_json(root, err);
	}
	json_free(root);
	if (ok && verdicts.table.cells == 0)
		output_line("nothing to compare: a view is what its tables say");
	else
		ok = ok && table_print(&verdicts.table, 0, err);
	table_clear(&verdicts.table);
	return ok;
}

/* -- the verb --------------------------------------------------- */

static bool known(const struct models *models, const char *name)
{
	for (size_t i = 0; i < models_count(models); i++) {
		const struct model_info info = models_info(models, i);
		char full[160];

		(void)snprintf(full, sizeof(full), "%s.%s", info.pipeline,
			info.name);
		if (strcmp(name, info.name) == 0 || strcmp(name, full) == 0)
			return true;
	}
	return false;
}

static int act(const struct cmd_context *context, const char *what,
	const char *name)
{
	const struct config *config = context->config;
	const bool listing = strcmp(what, "list") == 0;
	int64_t different = 0;
	struct work work;
	struct err err = { 0 };
	bool ok = work_open(config, &work,
		listing ? &config->reader : &config->loader, listing, &err);

	if (ok && name != NULL && !known(work.models, name))
		ok = err_stop(&err, EXIT_USAGE,
			"no model %s; `sluice models list` shows them", name);
	if (ok && listing)
		ok = list(&work, context->json, &err);
	else if (ok && strcmp(what, "run") == 0)
		ok = models_build(work.models, work.db, name, &err);
	else if (ok)
		ok = verify(&work, name, context->json, &different, &err);
	work_close(&work);
	if (!ok)
		return cmd_fail(&err);
	return different == 0 ? EXIT_FINE : EXIT_DATA;
}

static int run(const struct cmd_context *context)
{
	static const struct arg none[] = { { .name = NULL } };
	const char *words[2] = { NULL, NULL };
	struct err err = { 0 };
	size_t count;

	if (!args_parse(context, none, words, 2, &count, &err))
		return cmd_usage(&cmd_models, "%s", err.text);
	if (count == 0)
		words[0] = "list";
	if (strcmp(words[0], "list") == 0 && count > 1)
		return cmd_usage(&cmd_models, "list takes no name");
	if (strcmp(words[0], "list") != 0 && strcmp(words[0], "run") != 0 &&
		strcmp(words[0], "verify") != 0)
		return cmd_usage(&cmd_models, "list, run or verify, not \"%s\"",
			words[0]);
	return act(context, words[0], words[1]);
}

const struct cmd cmd_models = {
	.name = "models",
	.usage = "list | run [NAME] | verify [NAME]",
	.summary = "list, rebuild or prove the tables of schema modelled",
	.help =
"list    every model: incremental (moved in the load's own transaction),\n"
"        table (rebuilt by run) or view; fresh or stale; how often refreshed.\n"
"run     builds one model, or all in the order of their dependencies, from\n"
"        scratch, each in a transaction of its own that holds writers off,\n"
"        and marks it fresh. This is how a stale model is mended.\n"
"verify  works one model, or all, out again from their sources and compares\n"
"        row by row; changes nothing that is modelled. Views are left out:\n"
"        they are what their tables say.\n"
"\n"
"NAME is \"fact_events\" or \"events.fact_events\".\n"
"--json: list gives models[] with pipeline, name, relation, materialized,\n"
"grain, depends, description, file, state, error, refreshed_at, refreshes,\n"
"changed_rows, refresh_us; verify gives models[] with pipeline, name, rows,\n"
"different, and the sum of different.\n"
"\n"
"list reads as the reader; run and verify work as the loader.\n"
"\n"
"  sluice models\n"
"  sluice models run events_seen\n"
"  sluice models verify\n"
"\n"
"Exits 0 when done, 1 when verify found a difference, 64 when there is no\n"
"such model, 69 when PostgreSQL is not there, 78 when a model file is wrong.",
	.run = run,
};
