/* models_refresh.c - models kept in step with a load, in its transaction. */
#include "common/clock.h"
#include "common/log.h"
#include "consumer/model.h"
#include "consumer/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- the session ------------------------------------------------------- */

static bool is_grain(const struct model *model, const char *name)
{
	for (size_t i = 0; i < model->grain.count; i++)
		if (strcmp(model->grain.items[i], name) == 0)
			return true;
	return false;
}

static bool add_measure(struct names *measures, const char *name,
	struct err *err)
{
	measures->items[measures->count] = strdup(name);
	if (measures->items[measures->count] == NULL)
		return err_memory(err);
	measures->count++;
	return true;
}

/* The measures are the table's columns that are not grain. */
bool model_read_measures(struct model *model, struct db *db, struct err *err)
{
	const char *values[] = { model->relation.quoted };
	struct names *measures = &model->measures;
	struct db_result *result = NULL;
	bool ok;

	for (size_t i = 0; i < measures->count; i++)
		free(measures->items[i]);
	free(measures->items);
	*measures = (struct names){ 0 };
	if (!db_query(db, "select attname from pg_attribute\n"
			  "where attrelid = to_regclass($1) and attnum > 0\n"
			  "order by attnum", 1, values, &result, err))
		return false;
	measures->items = calloc(db_rows(result) + 1, sizeof(char *));
	ok = measures->items != NULL || err_memory(err);
	for (size_t i = 0; ok && i < db_rows(result); i++)
		if (!is_grain(model, db_value(result, i, 0)))
			ok = add_measure(measures, db_value(result, i, 0),
				err);
	db_result_free(result);
	return ok;
}

bool models_session(struct models *models, struct db *db, struct err *err)
{
	struct buf sql = { 0 };
	bool ok;

	/* groups of a batch fit in memory; compiling never pays here */
	ok = buf_add_str(&sql, "set work_mem = '32MB';\nset jit = off;\n", err);
	for (size_t i = 0; ok && i < models->capture_count; i++)
		ok = model_session_sql(models, &models->captures[i], &sql, err);
	ok = ok && db_exec(db, sql.data, err);
	buf_clear(&sql);
	for (size_t i = 0; ok && i < models->count; i++)
		if (models->items[i].kind == MODEL_INCREMENTAL)
			ok = model_read_measures(&models->items[i], db, err);
	if (!ok && err->exit_code == EXIT_CONFIG)
		err_wrap(err, "models do not fit the database, run `sluice "
			"apply`");
	return ok;
}

/* -- what one refresh knows -------------------------------------------- */

/* Of each model: */
struct progress {
	bool known;   /* the database has this very model */
	bool fresh;   /* was right before this load */
	bool changed; /* this load changed its rows */
	int64_t rows; /* groups touched */
	int64_t us;   /* time taken; 0: not refreshed */
};

struct refresh {
	const struct models *models;
	struct db *db;
	int64_t load_id;
	const struct models_delta *deltas;
	size_t delta_count;
	struct progress *progress;
	bool strangers; /* fresh models that this program does not know */
	const struct dataset *at; /* behind the model at hand; or NULL */
};

static size_t find_model(const struct models *models, const char *key)
{
	size_t i = 0;

	while (i < models->count && strcmp(models->items[i].key, key) != 0)
		i++;
	return i;
}

/* Our model is the database's: the same file, and its table was there when the
 * session began. */
static bool is_same(const struct model *model, const char *sha256)
{
	return strcmp(model->sha256, sha256) == 0 &&
		(model->kind != MODEL_INCREMENTAL || model->measures.count > 0);
}

/* Read after the upserts: whoever builds a model has locked its sources, so
 * what is stale now stays so until we commit. */
static bool read_states(struct refresh *refresh, struct err *err)
{
	const struct models *models = refresh->models;
	struct db_result *result = NULL;

	if (!db_query(refresh->db, "select model, state = 'fresh', sha256,\n"
				   "\tmaterialized\n"
				   "from meta.model", 0, NULL, &result, err))
		return false;
	for (size_t i = 0; i < db_rows(result); i++) {
		const size_t at = find_model(models, db_value(result, i, 0));
		const bool fresh = db_value(result, i, 1)[0] == 't';

		if (at < models->count &&
			is_same(&models->items[at], db_value(result, i, 2))) {
			refresh->progress[at].known = true;
			refresh->progress[at].fresh = fresh;
		} else if (fresh && strcmp(db_value(result, i, 3), "view") != 0) {
			refresh->strangers = true;
		}
	}
	db_result_free(result);
	return true;
}

/* Which of a capture's temporary tables have rows. */
static bool look(struct refresh *refresh, const struct capture *capture,
	bool *fresh, bool *gone, struct err *err)
{
	struct db_result *result = NULL;
	struct buf sql = { 0 };
	bool ok;

	ok = buf_printf(&sql, err,
		     "select exists (select from pg_temp.%s),\n"
		     "\texists (select from pg_temp.%s)",
		     capture->fresh, capture->gone) &&
		db_query(refresh->db, sql.data, 0, NULL, &result, err);
	if (ok) {
		*fresh = db_value(result, 0, 0)[0] == 't';
		*gone = db_value(result, 0, 1)[0] == 't';
	}
	db_result_free(result);
	buf_clear(&sql);
	return ok;
}

static bool same_dataset(const struct dataset *a, const struct dataset *b)
{
	return strcmp(a->schema, b->schema) == 0 &&
		strcmp(a->table, b->table) == 0;
}

/* (select * from <partition> where _load = n): the delta's new rows; empty
 * when the load brought none. */
static bool delta_rows(const struct refresh *refresh,
	const struct dataset *dataset, struct buf *relation, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < refresh->delta_count; i++)
		if (same_dataset(refresh->deltas[i].dataset, dataset))
			ok = buf_printf(relation, err,
				"%sselect * from %s where _load = %lld",
				relation->len == 0 ? "(" : " union all ",
				refresh->deltas[i].partition,
				(long long)refresh->load_id);
	return ok && (relation->len == 0 || buf_add_char(relation, ')', err));
}

/* -- one model --------------------------------------------------------- */

/* The relations with the rows that appeared and vanished in what it reads;
 * both empty: nothing happened. */
static bool find_changes(struct refresh *refresh, const struct model *model,
	struct buf *fresh, struct buf *gone, struct err *err)
{
	const struct model_source *source = &model->sources[0];
	const struct capture *capture;
	bool has_fresh = false, has_gone = false;

	if (source->delta)
		return delta_rows(refresh, source->dataset, fresh, err);
	if (source->model != SIZE_MAX &&
		!refresh->progress[source->model].changed)
		return true;
	capture = model_capture(refresh->models, source);
	return look(refresh, capture, &has_fresh, &has_gone, err) &&
		(!has_fresh || buf_printf(fresh, err, "pg_temp.%s",
					capture->fresh)) &&
		(!has_gone || buf_printf(gone, err, "pg_temp.%s",
					capture->gone));
}

static bool vanish(struct refresh *refresh, const struct model *model,
	const char *places, struct err *err)
{
	struct buf sql = { 0 };
	bool ok;

	ok = model_vanish_sql(model, &sql, err) &&
		db_query(refresh->db, sql.data, 1, &places, NULL, err);
	buf_clear(&sql);
	return ok;
}

static bool apply_changes(struct refresh *refresh, const struct model *model,
	const char *fresh, const char *gone, int64_t *rows, struct err *err)
{
	struct db_result *result = NULL;
	struct buf sql = { 0 };
	bool ok;

	ok = model_refresh_sql(model, fresh, gone, &sql, err) &&
		db_query(refresh->db, sql.data, 0, NULL, &result, err);
	if (!ok)
		(void)model_explain(model, refresh->db, sql.data, err);
	if (ok) {
		*rows = db_int(result, 0, 0);
		if (db_int(result, 0, 1) != 0)
			ok = err_set(err, ERR_REJECT, "a count fell below "
				"zero: the model was not what its source says");
		else if (!db_is_null(result, 0, 2))
			ok = vanish(refresh, model, db_value(result, 0, 2),
				err);
	}
	db_result_free(result);
	buf_clear(&sql);
	return ok;
}

/* After these the load itself is to be done again. */
static bool spoils_load(const struct db *db, const struct err *err)
{
	static const char *const codes[] = { "08", "40", "53", "55P03", "57P" };

	if (!db_alive(db))
		return true;
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (strncmp(err->code, codes[i], strlen(codes[i])) == 0)
			return true;
	return false;
}

/* Stale, with all that read it, until somebody builds it. */
static bool set_aside(struct refresh *refresh, size_t at, int64_t us,
	const struct err *why, struct err *err)
{
	const struct model *model = &refresh->models->items[at];

	LOG(LOG_WARN, "model_stale", LOG_S("model", model->key),
		LOG_S("err", why->text), LOG_S("code", why->code),
		LOG_I("load", refresh->load_id));
	refresh->progress[at].fresh = false;
	return db_exec(refresh->db,
		       "rollback to savepoint model; release savepoint model",
		       err) &&
		model_set_stale(refresh->db, model, why->text,
			refresh->load_id, us / 1000, err);
}

static bool refresh_model(struct refresh *refresh, size_t at, const char *fresh,
	const char *gone, struct err *err)
{
	const struct model *model = &refresh->models->items[at];
	struct progress *progress = &refresh->progress[at];
	const int64_t started = clock_now_us();
	struct err why = { 0 };

	if (!db_exec(refresh->db, "savepoint model", err))
		return false;
	if (apply_changes(refresh, model, fresh, gone, &progress->rows, &why)) {
		progress->changed = progress->rows > 0;
		progress->us = clock_now_us() - started + 1;
		return db_exec(refresh->db, "release savepoint model", err);
	}
	if (why.exit_code == EXIT_BUG || spoils_load(refresh->db, &why)) {
		*err = why;
		return err_wrap(err, "refresh %s", model->key);
	}
	return set_aside(refresh, at, clock_now_us() - started, &why, err);
}

static bool refresh_incremental(struct refresh *refresh, size_t at,
	struct err *err)
{
	const struct model *model = &refresh->models->items[at];
	struct buf fresh = { 0 }, gone = { 0 };
	bool ok;

	ok = find_changes(refresh, model, &fresh, &gone, err);
	if (ok && (fresh.len > 0 || gone.len > 0))
		ok = refresh_model(refresh, at, fresh.data, gone.data, err);
	buf_clear(&fresh);
	buf_clear(&gone);
	return ok;
}

/* -- tables and views -------------------------------------------------- */

static bool source_changed(struct refresh *refresh, const struct model_source *source,
	bool *changed, struct err *err)
{
	const struct capture *capture = model_capture(refresh->models, source);
	bool fresh = false, gone = false;

	if (source->model != SIZE_MAX) {
		*changed = refresh->progress[source->model].changed;
	} else if (source->delta) {
		for (size_t i = 0; i < refresh->delta_count; i++)
			*changed |= same_dataset(refresh->deltas[i].dataset,
				source->dataset);
	} else if (capture != NULL) {
		if (!look(refresh, capture, &fresh, &gone, err))
			return false;
		*changed = fresh || gone;
	}
	return true;
}

/* A view is as fresh as what it reads; a table is not any more when that
 * changed. */
static bool note_change(struct refresh *refresh, size_t at, struct err *err)
{
	const struct model *model = &refresh->models->items[at];
	struct progress *progress = &refresh->progress[at];
	const char *values[] = { model->key };

	for (size_t i = 0; !progress->changed && i < model->source_count; i++)
		if (!source_changed(refresh, &model->sources[i],
			    &progress->changed, err))
			return false;
	if (model->kind == MODEL_VIEW || !progress->changed || !progress->fresh)
		return true;
	progress->fresh = false;
	return db_query(refresh->db,
		"update meta.model set state = 'stale',\n"
		"\terror = 'loads have changed what it reads'\n"
		"where model = $1 and state = 'fresh'", 1, values, NULL, err);
}

/* -- the whole --------------------------------------------------------- */

static bool add_tables(struct buf *array, const struct dataset *dataset,
	struct err *err)
{
	struct buf name = { 0 };
	bool ok;

	ok = tables_master_name(dataset, &name, err) &&
		sql_add_array_item(array, name.data, name.len, err);
	buf_reset(&name);
	ok = ok && tables_delta_name(dataset, &name, err) &&
		sql_add_array_item(array, name.data, name.len, err);
	buf_clear(&name);
	return ok;
}

static const char disown_sql[] =
	"with s as (\n"
	"update meta.model set state = 'stale', error = 'a consumer runs that "
	"does not know this model: restart it, then `sluice models run`'\n"
	"where state = 'fresh' and materialized <> 'view'\n"
	"\tand sources && $2::text[]\n"
	"\tand model <> all ($1::text[])\n"
	"returning relation\n"
	")\n"
	"select meta.models_stale(array_agg(relation), 'a model it reads is "
	"stale') from s";

/* A consumer that was started before the last apply does not know how to keep
 * the newer models; they must not look fresh. */
static bool disown_strangers(struct refresh *refresh, struct err *err)
{
	const struct models *models = refresh->models;
	struct buf known = { 0 }, deltas = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < models->count; i++) {
		const char *key = models->items[i].key;

		if (refresh->progress[i].known)
			ok = sql_add_array_item(&known, key, strlen(key), err);
	}
	for (size_t i = 0; ok && i < refresh->delta_count; i++)
		ok = add_tables(&deltas, refresh->deltas[i].dataset, err);
	if (ok && deltas.len > 0) {
		const char *values[] = { known.len > 0 ? known.data : "{}",
			deltas.data };

		ok = db_query(refresh->db, disown_sql, 2, values, NULL, err);
	}
	buf_clear(&known);
	buf_clear(&deltas);
	return ok;
}

/* Statistics: a row that another consumer holds is skipped, not waited for. */
static const char count_sql[] =
	"with v as (\n"
	"select * from unnest($1::text[], $2::bigint[], $3::bigint[])\n"
	"\tv (model, rows, us)\n"
	"), k as (\n"
	"select m.model, v.rows, v.us\n"
	"from meta.model m\n"
	"join v on v.model = m.model\n"
	"order by m.model\n"
	"for update of m skip locked\n"
	")\n"
	"update meta.model m\n"
	"set refreshes = m.refreshes + 1,\n"
	"\tchanged_rows = m.changed_rows + k.rows,\n"
	"\trefresh_us = m.refresh_us + k.us,\n"
	"\trefreshed_at = now()\n"
	"from k\n"
	"where m.model = k.model";

static bool add_number(struct buf *array, int64_t value, struct err *err)
{
	char text[24];
	const int len = snprintf(text, sizeof(text), "%lld", (long long)value);

	return sql_add_array_item(array, text, (size_t)len, err);
}

static bool count_refreshes(struct refresh *refresh, struct err *err)
{
	struct buf names = { 0 }, rows = { 0 }, us = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < refresh->models->count; i++) {
		const struct progress *progress = &refresh->progress[i];
		const char *key = refresh->models->items[i].key;

		if (progress->us > 0)
			ok = sql_add_array_item(&names, key, strlen(key),
				     err) &&
				add_number(&rows, progress->rows, err) &&
				add_number(&us, progress->us, err);
	}
	if (ok && names.len > 0) {
		const char *values[] = { names.data, rows.data, us.data };

		ok = db_query(refresh->db, count_sql, 3, values, NULL, err);
	}
	buf_clear(&names);
	buf_clear(&rows);
	buf_clear(&us);
	return ok;
}

/* An incremental model reads one relation: a table or another model. */
static const struct dataset *dataset_behind(const struct models *models,
	size_t at)
{
	const struct model_source *source = &models->items[at].sources[0];

	while (source->model != SIZE_MAX)
		source = &models->items[source->model].sources[0];
	return source->dataset;
}

static bool refresh_all(struct refresh *refresh, struct err *err)
{
	const struct models *models = refresh->models;
	bool ok = read_states(refresh, err);

	for (size_t i = 0; ok && i < models->count; i++) {
		refresh->at = models->items[i].kind == MODEL_INCREMENTAL ?
			dataset_behind(models, i) : NULL;
		if (models->items[i].kind != MODEL_INCREMENTAL)
			ok = note_change(refresh, i, err);
		else if (refresh->progress[i].fresh)
			ok = refresh_incremental(refresh, i, err);
	}
	if (ok)
		refresh->at = NULL;
	return ok && (!refresh->strangers || disown_strangers(refresh, err)) &&
		count_refreshes(refresh, err);
}

bool models_refresh(const struct models *models, struct db *db,
	int64_t load_id, const struct models_delta *deltas, size_t count,
	const struct dataset **at, struct err *err)
{
	struct refresh refresh = {
		.models = models,
		.db = db,
		.load_id = load_id,
		.deltas = deltas,
		.delta_count = count,
		.progress = calloc(models->count + 1,
			sizeof(*refresh.progress)),
	};
	bool ok;

	if (refresh.progress == NULL)
		return err_memory(err);
	ok = models->count == 0 || refresh_all(&refresh, err);
	if (at != NULL)
		*at = refresh.at;
	free(refresh.progress);
	return ok;
}
