/* models_build.c - models made from scratch, and compared with that. */
#include "common/clock.h"
#include "consumer/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_named(const struct model *model, const char *name)
{
	return name == NULL || strcmp(model->name, name) == 0 ||
		strcmp(model->key, name) == 0;
}

static bool check_name(const struct models *models, const char *name,
	struct err *err)
{
	for (size_t i = 0; i < models->count; i++)
		if (is_named(&models->items[i], name))
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

/* A copy that knows its measures, where the SQL needs them. */
static bool with_measures(const struct model *model, struct db *db,
	struct model *copy, struct err *err)
{
	*copy = *model;
	copy->measures = (struct names){ 0 };
	return !model_reads_delta(model) ||
		model_read_measures(copy, db, err);
}

static void forget_measures(struct model *copy)
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
	ok = with_measures(model, db, &copy, err) &&
		buf_printf(&sql, err, "delete from %s",
			model->relation.quoted) &&
		db_exec(db, sql.data, err);
	buf_reset(&sql);
	ok = ok &&
		model_build_sql(&copy, &sql, err) &&
		db_query(db, sql.data, 0, NULL, &result, err);
	if (ok)
		*rows = db_affected(result);
	forget_measures(&copy);
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
	struct db *db, struct err *err)
{
	const int64_t started = clock_now_ms();
	int64_t rows = 0;
	bool ok;

	ok = db_begin(db, err) && lock_below(models, model, db, err) &&
		fill(model, db, &rows, err) &&
		mark_fresh(model, db, clock_now_ms() - started, rows, err) &&
		db_commit(db, err);
	if (!ok) {
		db_rollback(db);
		err_wrap(err, "build model %s", model->key);
	}
	return ok;
}

/* The models of `name`, or where that is NULL those that `which` (SQL) names. */
static bool build_all(const struct models *models, struct db *db,
	const char *name, const char *which,
	void (*say)(void *context, const struct model_info *model),
	void *context, struct err *err)
{
	bool *fresh = calloc(models->count + 1, sizeof(*fresh));
	bool *chosen = calloc(models->count + 1, sizeof(*chosen));
	bool ok;

	ok = ((fresh != NULL && chosen != NULL) || err_memory(err)) &&
		read_flags(models, db,
			"select model from meta.model where state = 'fresh'",
			fresh, err);
	for (size_t i = 0; ok && name != NULL && i < models->count; i++)
		chosen[i] = is_named(&models->items[i], name);
	ok = ok && (name != NULL || read_flags(models, db, which, chosen, err));
	if (ok)
		complete(models, fresh, chosen);
	for (size_t i = 0; ok && i < models->count; i++) {
		const struct model_info info = models_info(models, i);

		if (!chosen[i])
			continue;
		ok = build(models, &models->items[i], db, err);
		if (ok && say != NULL)
			say(context, &info);
	}
	free(fresh);
	free(chosen);
	return ok;
}

bool models_build(const struct models *models, struct db *db, const char *name,
	struct err *err)
{
	return check_name(models, name, err) &&
		build_all(models, db, name, "select model from meta.model",
			NULL, NULL, err);
}

bool models_build_new(const struct models *models, struct db *db,
	void (*say)(void *context, const struct model_info *model),
	void *context, struct err *err)
{
	return build_all(models, db, NULL,
		"select model from meta.model\n"
		"where state = 'stale' and error is null", say, context, err);
}

/* -- comparing --------------------------------------------------------- */

struct verdict {
	int64_t rows;
	int64_t different;
	int64_t ms;
};

static bool compare(const struct model *model, struct db *db,
	struct verdict *verdict, struct err *err)
{
	const int64_t started = clock_now_ms();
	struct db_result *result = NULL;
	struct buf sql = { 0 };
	struct model copy;
	bool ok;

	ok = with_measures(model, db, &copy, err) &&
		model_verify_sql(&copy, &sql, err) &&
		db_query(db, sql.data, 0, NULL, &result, err);
	if (ok) {
		verdict->rows = db_int(result, 0, 0);
		verdict->different = db_int(result, 0, 1);
		verdict->ms = clock_now_ms() - started;
	} else {
		err_wrap(err, "verify model %s", model->key);
	}
	forget_measures(&copy);
	db_result_free(result);
	buf_clear(&sql);
	return ok;
}

/* Keeps the verdict where the session may write; a reader may not. */
static bool record(const struct model *model, struct db *db,
	const struct verdict *verdict, struct err *err)
{
	char ms[24], rows[24], detail[64];
	const char *values[] = { model->key, ms, rows, detail };

	(void)snprintf(ms, sizeof(ms), "%lld", (long long)verdict->ms);
	(void)snprintf(rows, sizeof(rows), "%lld", (long long)verdict->rows);
	(void)snprintf(detail, sizeof(detail), "%lld rows differ",
		(long long)verdict->different);
	return db_query(db,
		"insert into meta.model_run (model, what, ms, rows, ok, "
		"detail)\n"
		"values ($1, 'verify', $2, $3, $4 = '0 rows differ', $4)",
		4, values, NULL, err);
}

static bool may_record(struct db *db, bool *may, struct err *err)
{
	struct db_result *result = NULL;
	const bool ok = db_query(db,
		"select has_table_privilege('meta.model_run', 'insert') and "
		"current_setting('transaction_read_only') = 'off'",
		0, NULL, &result, err);

	*may = ok && db_value(result, 0, 0)[0] == 't';
	db_result_free(result);
	return ok;
}

/* Locked before anything is looked at: the moment that is seen has all of a
 * delta, or the tally of what was dropped. */
static bool hold_deltas(const struct models *models, struct db *db,
	const char *name, struct err *err)
{
	struct buf sql = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < models->count; i++) {
		const struct model *model = &models->items[i];

		if (!model_reads_delta(model) || !is_named(model, name))
			continue;
		buf_reset(&sql);
		ok = buf_printf(&sql, err, "lock table %s in access share mode",
			     model->sources[0].relation.quoted) &&
			db_exec(db, sql.data, err);
	}
	buf_clear(&sql);
	return ok;
}

/* Views have nothing of their own to compare. All are seen at one moment,
 * while loads go on. */
static bool compare_all(const struct models *models, struct db *db,
	const char *name, struct verdict *verdicts, struct err *err)
{
	bool ok = db_exec(db, "begin isolation level repeatable read read only",
		err) && hold_deltas(models, db, name, err);

	for (size_t i = 0; ok && i < models->count; i++)
		if (models->items[i].kind != MODEL_VIEW &&
			is_named(&models->items[i], name))
			ok = compare(&models->items[i], db, &verdicts[i], err);
	ok = ok && db_commit(db, err);
	if (!ok)
		db_rollback(db);
	return ok;
}

bool models_verify(const struct models *models, struct db *db,
	const char *name, int64_t *different,
	void (*say)(void *context, const struct model_info *model,
		int64_t rows, int64_t different),
	void *context, struct err *err)
{
	struct verdict *verdicts = calloc(models->count + 1, sizeof(*verdicts));
	bool may = false;
	bool ok;

	*different = 0;
	if (verdicts == NULL)
		return err_memory(err);
	ok = check_name(models, name, err) && may_record(db, &may, err) &&
		compare_all(models, db, name, verdicts, err);
	for (size_t i = 0; ok && i < models->count; i++) {
		const struct model_info info = models_info(models, i);

		if (models->items[i].kind == MODEL_VIEW ||
			!is_named(&models->items[i], name))
			continue;
		*different += verdicts[i].different;
		if (say != NULL)
			say(context, &info, verdicts[i].rows,
				verdicts[i].different);
		if (may)
			ok = record(&models->items[i], db, &verdicts[i], err);
	}
	free(verdicts);
	return ok;
}
