/* models_build.c - models made from scratch. */
#include "common/clock.h"
#include "consumer/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- which ------------------------------------------------------------- */

/* Flags the models that are so. */
static bool read_flags(void *database, const struct models *models,
	const char *which, bool *flags, struct err *err)
{
	static const char *const queries[][2] = {
		{ "fresh", "select model from meta.model"
			   " where state = 'fresh'" },
		{ "known", "select model from meta.model" },
		{ "stale", "select model from meta.model"
			   " where state = 'stale'" },
		{ "unbuilt", "select model from meta.model"
			     " where state = 'stale' and error is null" },
	};
	struct db_result *result = NULL;
	struct db *db = database;
	const char *sql = "";

	for (size_t i = 0; i < sizeof(queries) / sizeof(*queries); i++)
		if (strcmp(queries[i][0], which) == 0)
			sql = queries[i][1];

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
		const struct model_source *source = &model->sources[i];

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

static bool make(const struct models *models, const struct model *model,
	struct db *db, int64_t *rows, struct err *err)
{
	const int64_t started = clock_now_ms();

	return lock_below(models, model, db, err) &&
		fill(model, db, rows, err) &&
		mark_fresh(model, db, clock_now_ms() - started, *rows, err);
}

static bool build(void *database, const struct models *models, size_t at,
	int64_t *rows, struct err *err)
{
	struct db *db = database;
	const bool ok = db_begin(db, err) &&
		make(models, &models->items[at], db, rows, err) &&
		db_commit(db, err);

	if (!ok)
		db_rollback(db);
	return ok;
}

static bool build_within(void *database, const struct models *models,
	size_t at, int64_t *rows, struct err *err)
{
	struct db *db = database;
	struct err again = { 0 };

	if (!db_exec(db, "savepoint model", err))
		return false;
	if (make(models, &models->items[at], db, rows, err))
		return db_exec(db, "release savepoint model", err);
	if (db_alive(db) && !db_exec(db, "rollback to savepoint model; "
		"release savepoint model", &again))
		*err = again;
	return false;
}

/* -- all that are chosen ----------------------------------------------- */

static bool is_fault(void *database, const struct err *why)
{
	return db_alive(database) && why->code[0] != '\0' &&
		why->kind != ERR_RETRY;
}

static bool set_stale(void *database, const struct model *model,
	const char *why, int64_t ms, struct err *err)
{
	return model_set_stale(database, model, why, 0, ms, err);
}

bool models_build(const struct models *models, struct db *db,
	const struct build_choice *choice,
	void (*say)(void *context, const struct build_report *report),
	void *context, int64_t *amiss, struct err *err)
{
	static const struct build_ops ops = { read_flags, build, is_fault,
		set_stale };

	return model_build_chosen(models, &ops, db, choice, say, context,
		amiss, err);
}

bool models_build_within(const struct models *models, struct db *db,
	const struct build_choice *choice,
	void (*say)(void *context, const struct build_report *report),
	void *context, int64_t *amiss, struct err *err)
{
	static const struct build_ops ops = { read_flags, build_within,
		is_fault, set_stale };

	return model_build_chosen(models, &ops, db, choice, say, context,
		amiss, err);
}
