/* cmd_models.c - `sluice models`: what is modelled, and is it right? */
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/output.h"
#include "cli/target.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 64

/* What a subcommand works on: a store that is an SQLite file, or a session of
 * PostgreSQL. */
struct work {
	struct target target;
	bool lite;
	struct db *db;
};

static const struct models *models_of(const struct work *work)
{
	return work->target.plan.models;
}

static void work_close(struct work *work)
{
	db_close(work->db);
	target_close(&work->target);
}

/* -- list --------------------------------------------------- */

static const char state_sql[] =
	"select state, coalesce(error, ''), refreshes, changed_rows,\n"
	"       refresh_us, to_char(refreshed_at at time zone 'UTC',\n"
	"           'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')\n"
	"from meta.model\n"
	"where model = $1";

static const char *null_if_empty(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

static bool ask_state(struct db *db, const struct model_info *info,
	store_say_model *say, void *context, struct err *err)
{
	struct store_model model = { .info = *info };
	struct db_result *result = NULL;
	char name[160];
	const char *values[] = { name };

	(void)snprintf(name, sizeof(name), "%s.%s", info->pipeline, info->name);
	if (!db_query(db, state_sql, 1, values, &result, err))
		return false;
	model.known = db_rows(result) == 1;
	if (model.known) {
		model.state = db_value(result, 0, 0);
		model.error = db_value(result, 0, 1);
		model.refreshes = db_int(result, 0, 2);
		model.changed_rows = db_int(result, 0, 3);
		model.refresh_us = db_int(result, 0, 4);
		model.refreshed_at = db_value(result, 0, 5);
	}
	say(context, &model);
	db_result_free(result);
	return true;
}

/* Where the list goes. */
struct listing {
	struct json *array; /* NULL: lines for people */
	struct table table;
};

static void add_line(struct table *table, const struct store_model *model)
{
	char name[160];

	(void)snprintf(name, sizeof(name), "%s.%s", model->info.pipeline,
		model->info.name);
	table_add(table, name);
	table_add(table, model->info.materialized);
	table_add(table, model->known ? model->state : "not applied");
	if (model->known)
		table_add_int(table, model->refreshes);
	else
		table_add(table, NULL);
	table_add(table, null_if_empty(model->refreshed_at));
	table_add(table, model->info.description);
}

static void put_text(struct json *object, const char *key, const char *text)
{
	if (null_if_empty(text) != NULL)
		json_put_text(object, key, text);
	else
		json_put_null(object, key);
}

static void put_model(struct json *array, const struct store_model *model)
{
	const struct model_info *info = &model->info;
	struct json *object = json_add_object(array);

	json_put_text(object, "pipeline", info->pipeline);
	json_put_text(object, "name", info->name);
	json_put_text(object, "relation", info->relation);
	json_put_text(object, "materialized", info->materialized);
	put_text(object, "grain", info->grain);
	put_text(object, "depends", info->depends);
	put_text(object, "description", info->description);
	put_text(object, "file", info->file);
	put_text(object, "state", model->state);
	put_text(object, "error", model->error);
	put_text(object, "refreshed_at", model->refreshed_at);
	if (!model->known)
		return;
	json_put_int(object, "refreshes", model->refreshes);
	json_put_int(object, "changed_rows", model->changed_rows);
	json_put_int(object, "refresh_us", model->refresh_us);
}

static void list_one(void *context, const struct store_model *model)
{
	struct listing *listing = context;

	if (listing->array != NULL)
		put_model(listing->array, model);
	else
		add_line(&listing->table, model);
}

static bool list_all(const struct work *work, struct listing *listing,
	struct err *err)
{
	bool ok = true;

	if (work->lite)
		return store_models(work->target.store, list_one, listing,
			err);
	for (size_t i = 0; ok && i < models_count(models_of(work)); i++) {
		const struct model_info info = models_info(models_of(work), i);

		ok = ask_state(work->db, &info, list_one, listing, err);
	}
	return ok;
}

static bool list(const struct work *work, bool json, struct err *err)
{
	static const char *const heads[] = { "model", "kind", "state",
		">refreshes", "refreshed at", "description", NULL };
	struct json *root = json ? json_object() : NULL;
	struct listing listing = { .array = json ?
		json_put_array(root, "models") : NULL };
	bool ok;

	table_init(&listing.table, heads);
	ok = list_all(work, &listing, err);
	if (ok && json)
		return output_json(root, err);
	json_free(root);
	ok = ok && table_print(&listing.table, 0, err);
	table_clear(&listing.table);
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
	ok = work->lite ? store_verify(work->target.store, name, different,
			say, &verdicts, err) :
		models_verify(models_of(work), work->db, name, different, say,
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

/* -- run ------------------------------------------------------ */

static const char *const built_words[] = {
	[BUILD_DONE] = "built",
	[BUILD_FAILED] = "FAILED",
	[BUILD_SKIPPED] = "skipped",
};

static void put_built(struct json *array, const struct build_report *report)
{
	static const char *const words[] = { "built", "failed", "skipped" };
	struct json *object = json_add_object(array);

	json_put_text(object, "pipeline", report->model.pipeline);
	json_put_text(object, "name", report->model.name);
	json_put_text(object, "outcome", words[report->outcome]);
	json_put_int(object, "rows", report->rows);
	json_put_int(object, "ms", report->ms);
	put_text(object, "why", report->why);
}

static void say_built(void *context, const struct build_report *report)
{
	struct verdicts *verdicts = context;
	const bool view = strcmp(report->model.materialized, "view") == 0;
	char name[160];

	if (verdicts->array != NULL) {
		put_built(verdicts->array, report);
		return;
	}
	(void)snprintf(name, sizeof(name), "%s.%s", report->model.pipeline,
		report->model.name);
	table_add(&verdicts->table, name);
	table_add(&verdicts->table, built_words[report->outcome]);
	if (report->outcome == BUILD_DONE && !view)
		table_add_int(&verdicts->table, report->rows);
	else
		table_add(&verdicts->table, NULL);
	table_add_int(&verdicts->table, report->ms);
	table_add(&verdicts->table, report->why == NULL ? "" : report->why);
}

static bool build(const struct work *work, const struct build_choice *choice,
	bool json, int64_t *amiss, struct err *err)
{
	static const char *const heads[] = { "model", "", ">rows", ">ms", "why",
		NULL };
	struct json *root = json ? json_object() : NULL;
	struct verdicts verdicts = {
		.array = json ? json_put_array(root, "models") : NULL,
	};
	bool ok;

	table_init(&verdicts.table, heads);
	ok = work->lite ? store_build(work->target.store, choice, say_built,
			&verdicts, amiss, err) :
		models_build(models_of(work), work->db, choice, say_built,
			&verdicts, amiss, err);
	if (ok && json)
		return output_json(root, err);
	json_free(root);
	if (ok && verdicts.table.cells == 0)
		output_line("nothing is stale (--full builds all the same)");
	else
		ok = ok && table_print(&verdicts.table, 0, err);
	table_clear(&verdicts.table);
	return ok;
}

/* -- graph ---------------------------------------------------- */

static bool graph(const struct work *work, bool dot, struct err *err)
{
	struct buf text = { 0 };
	const bool ok = models_graph(models_of(work), dot, &text, err);

	if (ok && text.len > 0)
		(void)fwrite(text.data, 1, text.len, stdout);
	buf_clear(&text);
	return ok;
}

/* -- the verb --------------------------------------------------- */

struct request {
	const char *what;
	const char *words[WORDS_MAX]; /* behind `what` */
	size_t count;
	bool full, dot, json;
	const char *file; /* of SQLite; NULL: PostgreSQL */
};

static bool is(const struct request *request, const char *what)
{
	return strcmp(request->what, what) == 0;
}

static bool serve(const struct request *request, const struct work *work,
	int64_t *amiss, struct err *err)
{
	const struct build_choice choice = { .names = request->words,
		.count = request->count, .full = request->full };

	if (is(request, "list"))
		return list(work, request->json, err);
	if (is(request, "run"))
		return build(work, &choice, request->json, amiss, err);
	return verify(work, request->words[0], request->json, amiss, err);
}

/* The graph needs no database; a list reads; the others write what they did. */
static bool work_for(const struct config *config,
	const struct request *request, struct work *work, struct err *err)
{
	*work = (struct work){ .lite = request->file != NULL };
	if (!target_open(&work->target, &(struct target_options){
			.config = config, .name = "sluice models",
			.file = request->file }, err))
		return false;
	if (is(request, "graph"))
		return true;
	if (work->lite)
		return store_ensure(work->target.store, NULL, err);
	work->db = is(request, "list") ?
		connect_db(config, &config->reader, true, 0, err) :
		connect_db(config, &config->loader, false, 0, err);
	return work->db != NULL;
}

static int act(const struct config *config, const struct request *request)
{
	int64_t amiss = 0;
	struct work work;
	struct err err = { 0 };
	bool ok = work_for(config, request, &work, &err);

	if (ok && is(request, "graph"))
		ok = graph(&work, request->dot, &err);
	else if (ok)
		ok = serve(request, &work, &amiss, &err);
	work_close(&work);
	if (!ok)
		return cmd_fail(&err);
	return amiss == 0 ? EXIT_FINE : EXIT_DATA;
}

/* What each subcommand takes. */
static const struct takes {
	const char *what;
	size_t names;
	bool full, dot;
} takes[] = {
	{ "list", 0, false, false },
	{ "run", WORDS_MAX - 1, true, false },
	{ "verify", 1, false, false },
	{ "graph", 0, false, true },
};

static const char *check_request(const struct request *request)
{
	for (size_t i = 0; i < sizeof(takes) / sizeof(*takes); i++) {
		if (!is(request, takes[i].what))
			continue;
		if (request->count > takes[i].names)
			return takes[i].names == 0 ? "it takes no name" :
						     "it takes one name";
		if (request->full && !takes[i].full)
			return "--full goes with run";
		if (request->dot && !takes[i].dot)
			return "--dot goes with graph";
		return NULL;
	}
	return "list, run, verify or graph?";
}

static int run(const struct cmd_context *context)
{
	struct request request = { .what = "list", .json = context->json };
	const char *to = "postgres";
	const struct arg flags[] = {
		{ .name = "--full", .flag = &request.full },
		{ .name = "--dot", .flag = &request.dot },
		{ .name = "--to", .text = &to },
		{ .name = NULL },
	};
	const char *words[WORDS_MAX] = { NULL }, *wrong;
	struct err err = { 0 };
	size_t count;

	if (!args_parse(context, flags, words, WORDS_MAX, &count, &err))
		return cmd_usage(&cmd_models, "%s", err.text);
	if (!target_read(to, &request.file, &err))
		return cmd_usage(&cmd_models, "--to wants %s", err.text);
	if (count > 0) {
		request.what = words[0];
		request.count = count - 1;
		memcpy(request.words, words + 1,
			request.count * sizeof(*words));
	}
	wrong = check_request(&request);
	if (wrong != NULL)
		return cmd_usage(&cmd_models, "%s: %s", request.what, wrong);
	return act(context->config, &request);
}

const struct cmd cmd_models = {
	.name = "models",
	.usage = "list | run [[+]NAME...] [--full] | verify [NAME] | "
		"graph [--dot] [--to sqlite:FILE]",
	.summary = "list, rebuild or prove the tables of schema modelled",
	.help =
"list    every model: incremental (moved in the load's own transaction),\n"
"        table (rebuilt by run) or view; fresh or stale; how often refreshed.\n"
"run     builds the stale models from scratch, in the order of their\n"
"        dependencies, each in a transaction of its own that holds writers\n"
"        off, and marks them fresh; with names those, stale or not; with\n"
"        --full all. What reads a model that is built comes along, and so do\n"
"        the stale ones it reads; +NAME takes all it reads. One that fails\n"
"        stays as it was, and those that read it are skipped.\n"
"verify  works one model, or all, out again from their sources and compares\n"
"        row by row; changes nothing that is modelled. Views are left out:\n"
"        they are what their tables say.\n"
"graph   who reads whom, as a tree; with --dot for Graphviz. Needs no server.\n"
"--to sqlite:FILE  of that file, made by `sluice load`; no server is asked.\n"
"        There verify waits for loads, and they for it\n"
"\n"
"NAME is \"fact_events\" or \"events.fact_events\".\n"
"--json: list gives models[] with pipeline, name, relation, materialized,\n"
"grain, depends, description, file, state, error, refreshed_at, refreshes,\n"
"changed_rows, refresh_us; verify gives models[] with pipeline, name, rows,\n"
"different, and the sum of different; run gives models[] with pipeline, name,\n"
"outcome (built, failed, skipped), rows, ms, why.\n"
"\n"
"list reads as the reader; run and verify work as the loader.\n"
"\n"
"  sluice models\n"
"  sluice models run\n"
"  sluice models run +events_by_date --full\n"
"  sluice models graph --dot | dot -Tsvg >models.svg\n"
"  sluice models verify\n"
"\n"
"Exits 0 when done, 1 when verify found a difference or run could not build\n"
"one, 64 when there is no such model, 69 when PostgreSQL is not there, 74 when the SQLite file is not, 78 when a model file is wrong.",
	.run = run,
};
