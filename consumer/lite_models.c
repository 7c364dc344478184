/* lite_models.c - the modelled tables of an SQLite file: those that the files
 * want, and what the books say of them. */
#include "common/log.h"
#include "consumer/lite_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- the books ---------------------------------------------------------- */

const char *lite_now(struct lite *lite, char out[DATETIME_TEXT])
{
	const int64_t since_2000 = INT64_C(946684800000000);

	lite->now_us = clock_wall_us();
	(void)datetime_time_text(lite->now_us - since_2000, out);
	return out;
}

bool lite_note_run(struct lite *lite, const struct model *model,
	const struct lite_run_note *note, struct err *err)
{
	char now[DATETIME_TEXT], ms[24], rows[24], load[24];

	(void)snprintf(ms, sizeof(ms), "%lld", (long long)note->ms);
	(void)snprintf(rows, sizeof(rows), "%lld", (long long)note->rows);
	(void)snprintf(load, sizeof(load), "%lld", (long long)note->load_id);
	return lite_run(lite, "insert into meta_model_run (model, what,"
		" load_id, started_at, ms, rows, ok, detail) values (?, ?,"
		" nullif(cast(? as integer), 0), ?, cast(? as integer),"
		" cast(? as integer), ? = 'yes', ?)", 8,
		(const char *const[]){ model->key, note->what, load,
			lite_now(lite, now), ms, rows, note->ok ? "yes" : "no",
			note->detail }, err);
}

/* What reads it is stale as well. */
bool lite_set_stale(struct lite *lite, const struct model *model,
	const char *why, int64_t load_id, int64_t ms, struct err *err)
{
	const struct models *models = lite->store.options.plan->models;
	const size_t at = (size_t)(model - models->items);
	bool *stale = calloc(models->count + 1, sizeof(*stale));
	bool ok = stale != NULL || err_memory(err);
	struct buf reason = { 0 };

	if (ok) {
		stale[at] = true;
		model_spread(models, stale);
		ok = buf_printf(&reason, err, "a model it reads is stale: %s",
			model->key);
	}
	for (size_t i = 0; ok && i < models->count; i++)
		if (stale[i])
			ok = lite_run(lite, "update meta_model set"
				" state = 'stale', error = ? where model = ?",
				2, (const char *const[]){ i == at ? why :
					reason.data, models->items[i].key },
				err);
	free(stale);
	buf_clear(&reason);
	return ok && lite_note_run(lite, model, &(struct lite_run_note){
		.what = "failed", .load_id = load_id, .ms = ms,
		.detail = why }, err);
}

bool lite_mark_fresh(struct lite *lite, const struct model *model, int64_t ms,
	int64_t rows, struct err *err)
{
	char now[DATETIME_TEXT];

	return lite_run(lite, "update meta_model set state = 'fresh',"
		" error = null, refreshed_at = ? where model = ?", 2,
		(const char *const[]){ lite_now(lite, now), model->key },
		err) &&
		lite_note_run(lite, model, &(struct lite_run_note){
			.what = "build", .ms = ms, .rows = rows, .ok = true },
			err);
}

/* -- as the files want them --------------------------------------------- */

static bool drop_relation(struct lite *lite, const char *relation,
	struct err *err)
{
	static const char *const kinds[] = { "view", "table" };
	struct sqlite_stmt *stmt;
	struct buf sql = { 0 };
	bool row = false, ok = true;

	for (size_t i = 0; ok && i < 2; i++) {
		stmt = sqlite_prepared(lite->db, "select 1 from sqlite_schema"
			" where type = ? and name = ?", err);
		ok = stmt != NULL &&
			sqlite_bind_text(stmt, 1, kinds[i], err) &&
			sqlite_bind_text(stmt, 2, relation, err) &&
			sqlite_step_row(stmt, &row, err);
		if (stmt != NULL)
			sqlite_again(stmt);
		buf_reset(&sql);
		ok = ok && (!row || (buf_printf(&sql, err, "drop %s ",
			kinds[i]) && sqlite_add_name(&sql, relation, err) &&
			sqlite_run(lite->db, sql.data, err)));
	}
	buf_clear(&sql);
	return ok;
}

static bool drop_model(struct lite *lite, const struct model *model,
	struct err *err)
{
	struct buf name = { 0 };
	const bool ok = buf_printf(&name, err, "%s_%s", model->relation.schema,
		model->relation.table) && drop_relation(lite, name.data, err);

	buf_clear(&name);
	return ok;
}

static bool register_model(struct lite *lite, const struct model *model,
	struct err *err)
{
	struct buf name = { 0 };
	const bool ok = buf_printf(&name, err, "%s_%s", model->relation.schema,
		model->relation.table) &&
		lite_run(lite, "insert into meta_model (model, pipeline,"
			" relation, materialized, sha256, state)"
			" values (?, ?, ?, ?, ?, 'stale')"
			" on conflict (model) do update set"
			" relation = excluded.relation,"
			" materialized = excluded.materialized,"
			" sha256 = excluded.sha256, state = 'stale',"
			" error = null", 5, (const char *const[]){
				model->key, model->pipeline, name.data,
				model_kind_name(model->kind), model->sha256 },
			err);

	buf_clear(&name);
	return ok;
}

/* Of those that read nothing stale. A model that cannot be made is stale, and
 * the load goes on without it. */
static bool make_model(struct lite *lite, struct model *model,
	struct err *err)
{
	struct err why = { 0 };
	int64_t rows;

	if (!register_model(lite, model, err) ||
		!sqlite_run(lite->db, "savepoint model", err))
		return false;
	if ((model->kind == MODEL_VIEW ? lite_create_view(lite, model, &why) :
					 lite_create_table(lite, model, &why)) &&
		lite_fill(lite, model, &rows, &why))
		return sqlite_run(lite->db, "release model", err) &&
			lite_mark_fresh(lite, model, 0, rows, err);
	if (strcmp(why.code, SQLITE_CODE_SQL) != 0) {
		*err = why;
		return false;
	}
	LOG(LOG_WARN, "model_stale", LOG_S("model", model->key),
		LOG_S("err", why.text));
	return sqlite_run(lite->db, "rollback to model; release model", err) &&
		lite_set_stale(lite, model, why.text, 0, 0, err);
}

/* The pipeline's models, and what they read. */
static void choose(const struct models *models,
	const struct pipeline *pipeline, bool *chosen)
{
	for (size_t i = models->count; i-- > 0;) {
		const struct model *model = &models->items[i];

		chosen[i] |= strcmp(model->pipeline, pipeline->name) == 0;
		for (size_t k = 0; chosen[i] && k < model->source_count; k++)
			if (model->sources[k].model != SIZE_MAX)
				chosen[model->sources[k].model] = true;
	}
}

static bool is_made(struct lite *lite, const struct model *model, bool *made,
	struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepared(lite->db,
		"select 1 from meta_model where model = ? and sha256 = ?",
		err);
	bool exists;

	if (stmt == NULL || !sqlite_bind_text(stmt, 1, model->key, err) ||
		!sqlite_bind_text(stmt, 2, model->sha256, err) ||
		!sqlite_step_row(stmt, made, err))
		return false;
	sqlite_again(stmt);
	if (!lite_model_exists(lite, model, &exists, err))
		return false;
	*made &= exists;
	return true;
}

static bool is_listed(const struct models *models, const char *key)
{
	for (size_t i = 0; i < models->count; i++)
		if (strcmp(models->items[i].key, key) == 0)
			return true;
	return false;
}

/* One of the pipeline, in the books, and not in the files any more. */
static bool find_unlisted(struct lite *lite, const struct pipeline *pipeline,
	struct buf *key, struct buf *relation, struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepared(lite->db,
		"select model, relation from meta_model where pipeline = ?"
		" order by model", err);
	bool row, ok = stmt != NULL &&
		sqlite_bind_text(stmt, 1, pipeline->name, err);

	while (ok && key->len == 0 &&
		(ok = sqlite_step_row(stmt, &row, err)) && row)
		if (!is_listed(lite->store.options.plan->models,
			    sqlite_text(stmt, 0)))
			ok = buf_add_str(key, sqlite_text(stmt, 0), err) &&
				buf_add_str(relation, sqlite_text(stmt, 1),
					err);
	if (stmt != NULL)
		sqlite_again(stmt);
	return ok;
}

static bool drop_unlisted(struct lite *lite, const struct pipeline *pipeline,
	struct err *err)
{
	struct buf key = { 0 }, relation = { 0 };
	bool ok = true, found = true;

	while (ok && found) {
		buf_reset(&key);
		buf_reset(&relation);
		ok = find_unlisted(lite, pipeline, &key, &relation, err);
		found = key.len > 0;
		if (ok && found)
			ok = drop_relation(lite, relation.data, err) &&
				lite_run(lite, "delete from meta_model"
					" where model = ?", 1,
					(const char *const[]){ key.data },
					err);
	}
	buf_clear(&key);
	buf_clear(&relation);
	return ok;
}

bool lite_ensure_models(struct lite *lite, const struct pipeline *pipeline,
	struct err *err)
{
	struct models *models = lite->store.options.plan->models;
	bool *chosen = calloc(models->count + 1, sizeof(*chosen));
	bool *changed = calloc(models->count + 1, sizeof(*changed));
	bool made, ok = (chosen != NULL && changed != NULL) ||
		err_memory(err);

	if (ok)
		choose(models, pipeline, chosen);
	for (size_t i = 0; ok && i < models->count; i++)
		if (chosen[i]) {
			ok = is_made(lite, &models->items[i], &made, err);
			changed[i] = !made;
		}
	if (ok)
		model_spread(models, changed);
	for (size_t i = models->count; ok && i-- > 0;)
		if (chosen[i] && changed[i])
			ok = drop_model(lite, &models->items[i], err);
	for (size_t i = 0; ok && i < models->count; i++)
		if (chosen[i] && changed[i])
			ok = make_model(lite, &models->items[i], err);
	free(chosen);
	free(changed);
	return ok && drop_unlisted(lite, pipeline, err);
}
