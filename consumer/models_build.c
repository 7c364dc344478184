/* models_build.c - models made from scratch. */
#include "common/clock.h"
#include "consumer/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool model_is_named(const struct model *model, const char *name)
{
	return name == NULL || strcmp(model->name, name) == 0 ||
		strcmp(model->key, name) == 0;
}

bool models_check_name(const struct models *models, const char *name,
	struct err *err)
{
	for (size_t i = 0; i < models->count; i++)
		if (model_is_named(&models->items[i], name))
			return true;
	return name == NULL ||
		err_stop(err, EXIT_USAGE,
			"no model %s; `sluice models list` shows them", name);
}

/* -- which ------------------------------------------------------------- */

/* Flags the models that the query names. */
static bool read_flags(const struct models *models, struct db *db,
	const char *sql, bool *flags, struct err *err)
{
	struct db_result *result = NULL;

	if (!db_query(db, sql, 0, NULL, &result, err))
		return false;
	for (size_t i = 0; i < db_rows(result); i++)
		for (size_t k = 0; k < models->count; k++)
			if (strcmp(models->items[k].key,
				    db_value(result, i, 0)) == 0)
				flags[k] = true;
	db_result_free(result);
	return true;
}

/* Adds what reads the chosen ones, and the stale ones they read: right can
 * only be what was made of what is right. */
static void complete(const struct models *models, const bool *fresh,
	bool *chosen)
{
	model_spread(models, chosen);
	for (size_t i = models->count; i-- > 0;)
		for (size_t k = 0; chosen[i] &&
			k < models->items[i].source_count; k++) {
			const size_t read = models->items[i].sources[k].model;

			if (read != SIZE_MAX && !fresh[read])
				chosen[read] = true;
		}
	model_spread(models, chosen);
}

/* -- building one ------------------------------------------------------ */

/* All tables below a model, itself included: locked, no load can be half way
 * between them and it. */
static bool add_below(const struct models *models, const struct model *model,
	struct buf *array, struct err *err)
{
	const char *own = model->relation.quoted;
	bool ok = model->kind == MODEL_VIEW ||
		sql_add_array_item(array, own, strlen(own), err);

	for (size_t i = 0; ok && i < model->source_count; i++) {
		const struct source *source = &model->sources[i];

		if (source->model != SIZE_MAX)
			ok = add_below(models, &models->items[source->model],
				array, err);
		else
			ok = sql_add_array_item(array,
				source->relation.quoted,
				strlen(source->relation.quoted), err);
	}
	return ok;
}

static bool lock_below(const struct models *models, const struct model *model,
	struct db *db, struct err *err)
{
	struct buf array = { 0 };
	bool ok = add_below(models, model, &array, err);
	const char *values[] = { array.data };

	ok = ok && db_query(db, "select meta.models_lock($1::text[])", 1,
		values, NULL, err);
	buf_clear(&array);
	return ok;
}

bool model_with_measures(const struct model *model, struct db *db,
	struct model *copy, struct err *err)
{
	*copy = *model;
	copy->measures = (struct names){ 0 };
	return !model_reads_delta(model) ||
		model_read_measures(copy, db, err);
}

void model_forget_measures(struct model *copy)
{
	for (size_t i = 0; i < copy->measures.count; i++)
		free(copy->measures.items[i]);
	free(copy->measures.items);
}

static bool fill(const struct model *model, struct db *db, int64_t *rows,
	struct err *err)
{
	struct db_result *result = NULL;
	struct buf sql = { 0 };
	struct model copy;
	bool ok;

	*rows = 0;
	if (model->kind == MODEL_VIEW)
		return true;
	ok = model_with_measures(model, db, &copy, err) &&
		buf_printf(&sql, err, "delete from %s",
			model->relation.quoted) &&
		db_exec(db, sql.data, err);
	buf_reset(&sql);
	ok = ok && model_build_sql(&copy, &sql, err);
	if (ok && !db_query(db, sql.data, 0, NULL, &result, err))
		ok = model_explain(model, db, sql.data, err);
	if (ok)
		*rows = db_affected(result);
	model_forget_measures(&copy);
	db_result_free(result);
	buf_clear(&sql);
	return ok;
}

/* The file's digest: a table made by an older file must not become fresh by
 * the select of a newer one. */
static const char fresh_sql[] =
	"with m as (\n"
	"update meta.model set state = 'fresh', error = null,\n"
	"\trefreshed_at = now()\n"
	"where model = $1 and sha256 = $2\n"
	"returning model\n"
	"), r as (\n"
	"insert into meta.model_run (model, what, ms, rows, ok)\n"
	"select model, 'build', $3::bigint, $4::bigint, true from m\n"
	")\n"
	"select model from m";

static bool mark_fresh(const struct model *model, struct db *db, int64_t ms,
	int64_t rows, struct err *err)
{
	char ms_text[24], rows_text[24];
	const char *values[] = { model->key, model->sha256, ms_text,
		rows_text };
	struct db_result *result = NULL;
	bool ok;

	(void)snprintf(ms_text, sizeof(ms_text), "%lld", (long long)ms);
	(void)snprintf(rows_text, sizeof(rows_text), "%lld", (long long)rows);
	ok = db_query(db, fresh_sql, 4, values, &result, err);
	if (ok && db_rows(result) == 0)
		ok = err_stop(err, EXIT_CONFIG,
			"its file was changed or is new: run `sluice apply`");
	db_result_free(result);
	return ok;
}

static bool build(const struct models *models, const struct model *model,
	struct db *db, int64_t *rows, struct err *err)
{
	const int64_t started = clock_now_ms();
	bool ok;

	ok = db_begin(db, err) && lock_below(models, model, db, err) &&
		fill(model, db, rows, err) &&
		mark_fresh(model, db, clock_now_ms() - started, *rows, err) &&
		db_commit(db, err);
	if (!ok)
		db_rollback(db);
	return ok;
}

/* -- all that are chosen ----------------------------------------------- */

struct building {
	const struct models *models;
	struct db *db;
	bool *chosen;
	bool *amiss; /* of the chosen: failed or skipped */
	int64_t amiss_count;
	void (*say)(void *context, const struct build_report *report);
	void *context;
};

static void report(const struct building *building, size_t at,
	const struct build_report *what)
{
	struct build_report report = *what;

	report.model = models_info(building->models, at);
	if (building->say != NULL)
		building->say(building->context, &report);
}

/* The first model it reads that could not be built; SIZE_MAX: none. */
static size_t waits_for(const struct building *building, size_t at)
{
	const struct model *model = &building->models->items[at];

	for (size_t i = 0; i < model->source_count; i++)
		if (model->sources[i].model != SIZE_MAX &&
			building->amiss[model->sources[i].model])
			return model->sources[i].model;
	return SIZE_MAX;
}

static bool skip(struct building *building, size_t at, size_t other)
{
	building->amiss[at] = true;
	building->amiss_count++;
	report(building, at, &(struct build_report){
		.outcome = BUILD_SKIPPED,
		.why = building->models->items[other].key,
	});
	return true;
}

/* It keeps its last rows, and is stale for them. */
static bool fail(struct building *building, size_t at, int64_t ms,
	const struct err *why, struct err *err)
{
	building->amiss[at] = true;
	building->amiss_count++;
	report(building, at, &(struct build_report){
		.outcome = BUILD_FAILED, .ms = ms, .why = why->text });
	return model_set_stale(building->db, &building->models->items[at],
		why->text, 0, ms, err);
}

static bool build_one(struct building *building, size_t at, struct err *err)
{
	const struct model *model = &building->models->items[at];
	const int64_t started = clock_now_ms();
	const size_t other = waits_for(building, at);
	int64_t rows = 0;
	struct err why = { 0 };

	if (other != SIZE_MAX)
		return skip(building, at, other);
	if (build(building->models, model, building->db, &rows, &why)) {
		report(building, at, &(struct build_report){
			.outcome = BUILD_DONE, .rows = rows,
			.ms = clock_now_ms() - started });
		return true;
	}
	if (db_alive(building->db) && why.code[0] != '\0' &&
		why.kind != ERR_RETRY)
		return fail(building, at, clock_now_ms() - started, &why, err);
	*err = why;
	return err_wrap(err, "build model %s", model->key);
}

/* Those that are chosen, with what must come along. */
static bool build_chosen(struct building *building, struct err *err)
{
	const size_t count = building->models->count;
	bool *fresh = calloc(count + 1, sizeof(*fresh));
	bool ok;

	building->amiss = calloc(count + 1, sizeof(*building->amiss));
	ok = ((fresh != NULL && building->amiss != NULL) || err_memory(err)) &&
		read_flags(building->models, building->db,
			"select model from meta.model where state = 'fresh'",
			fresh, err);
	if (ok)
		complete(building->models, fresh, building->chosen);
	for (size_t i = 0; ok && i < count; i++)
		if (building->chosen[i])
			ok = build_one(building, i, err);
	free(fresh);
	free(building->amiss);
	return ok;
}

/* Sources stand before what reads them, so backwards reaches all. */
static void choose_below(const struct models *models, bool *chosen)
{
	for (size_t i = models->count; i-- > 0;)
		for (size_t k = 0; chosen[i] &&
			k < models->items[i].source_count; k++)
			if (models->items[i].sources[k].model != SIZE_MAX)
				chosen[models->items[i].sources[k].model] =
					true;
}

static bool choose_named(const struct models *models, const char *word,
	bool *chosen, struct err *err)
{
	const bool below = word[0] == '+';
	bool *own = calloc(models->count + 1, sizeof(*own));
	char name[160];
	bool ok;

	(void)snprintf(name, sizeof(name), "%s", word + below);
	if (name[0] != '\0' && name[strlen(name) - 1] == '+')
		name[strlen(name) - 1] = '\0';
	ok = (own != NULL || err_memory(err)) &&
		models_check_name(models, name, err);
	for (size_t i = 0; ok && i < models->count; i++)
		own[i] = model_is_named(&models->items[i], name);
	if (ok && below)
		choose_below(models, own);
	for (size_t i = 0; ok && i < models->count; i++)
		chosen[i] |= own[i];
	free(own);
	return ok;
}

/* Of no names. */
static const char *which_sql(const struct build_choice *choice)
{
	if (choice->full)
		return "select model from meta.model";
	if (choice->unbuilt)
		return "select model from meta.model\n"
		       "where state = 'stale' and error is null";
	return "select model from meta.model where state = 'stale'";
}

static bool choose(const struct models *models, struct db *db,
	const struct build_choice *choice, bool *chosen, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < choice->count; i++)
		ok = choose_named(models, choice->names[i], chosen, err);
	if (choice->count > 0)
		return ok;
	return read_flags(models, db, which_sql(choice), chosen, err);
}

bool models_build(const struct models *models, struct db *db,
	const struct build_choice *choice,
	void (*say)(void *context, const struct build_report *report),
	void *context, int64_t *amiss, struct err *err)
{
	struct building building = { .models = models, .db = db, .say = say,
		.context = context,
		.chosen = calloc(models->count + 1, sizeof(bool)) };
	bool ok;

	ok = (building.chosen != NULL || err_memory(err)) &&
		choose(models, db, choice, building.chosen, err) &&
		build_chosen(&building, err);
	if (amiss != NULL)
		*amiss = building.amiss_count;
	free(building.chosen);
	return ok;
}
