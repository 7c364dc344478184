/* lite_refresh.c - the models of an SQLite file kept in step with a load, in
 * its transaction: the same select over the rows that appeared is added, that
 * over those that vanished is taken away. Temporary triggers catch both. */
#include "common/log.h"
#include "consumer/lite_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- catching ----------------------------------------------------------- */

/* The caught columns, each led by prefix; "1" where none is used. */
static bool add_caught(struct lite *lite, const struct capture *capture,
	const char *prefix, const char *between, struct buf *sql,
	struct err *err)
{
	const struct models *models = lite->store.options.plan->models;
	const struct model *model = capture->model != SIZE_MAX ?
		&models->items[capture->model] : NULL;
	const struct dataset *dataset = capture->dataset;
	const size_t count = model != NULL ?
		model->grain.count + model->measures.count :
		lite_width(dataset);
	size_t added = 0;
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++) {
		const char *name = model == NULL ?
			lite_value_name(dataset, i) : i < model->grain.count ?
			model->grain.items[i] :
			model->measures.items[i - model->grain.count];

		if (!model_catches(models, capture, name))
			continue;
		ok = (added++ == 0 || buf_add_str(sql, between, err)) &&
			buf_add_str(sql, prefix, err) &&
			sqlite_add_name(sql, name, err);
	}
	return ok && (added > 0 || buf_add_char(sql, '1', err));
}

static bool add_put(struct lite *lite, const struct capture *capture,
	const char *table, const char *prefix, struct buf *sql,
	struct err *err)
{
	return buf_printf(sql, err, "insert into %s values (", table) &&
		add_caught(lite, capture, prefix, ", ", sql, err) &&
		buf_add_str(sql, ");\n", err);
}

static bool add_trigger(struct lite *lite, const struct capture *capture,
	const char *event, struct buf *sql, struct err *err)
{
	const bool update = strcmp(event, "update") == 0;
	bool ok;

	ok = buf_printf(sql, err, "drop trigger if exists temp.%s_%s;\n"
		     "create temp trigger %s_%s after %s on main.",
		     capture->fresh, event, capture->fresh, event, event) &&
		lite_add_relation(capture->relation->schema,
			capture->relation->table, sql, err);
	if (ok && update) /* what says the same changes nothing */
		ok = buf_add_str(sql, "\nwhen (", err) &&
			add_caught(lite, capture, "new.", ", ", sql, err) &&
			buf_add_str(sql, ") is not (", err) &&
			add_caught(lite, capture, "old.", ", ", sql, err) &&
			buf_add_char(sql, ')', err);
	return ok && buf_add_str(sql, "\nbegin\n", err) &&
		(strcmp(event, "delete") == 0 || add_put(lite, capture,
			capture->fresh, "new.", sql, err)) &&
		(strcmp(event, "insert") == 0 || add_put(lite, capture,
			capture->gone, "old.", sql, err)) &&
		buf_add_str(sql, "end;\n", err);
}

static bool add_catcher(struct lite *lite, const struct capture *capture,
	const char *table, struct buf *sql, struct err *err)
{
	return buf_printf(sql, err, "drop table if exists temp.%s;\n"
		"create temp table %s as select ", table, table) &&
		add_caught(lite, capture, "", ", ", sql, err) &&
		buf_add_str(sql, " from main.", err) &&
		lite_add_relation(capture->relation->schema,
			capture->relation->table, sql, err) &&
		buf_add_str(sql, " limit 0;\n", err);
}

static bool relation_exists(struct lite *lite, const struct relation *relation,
	bool *exists, struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepared(lite->db,
		"select 1 from sqlite_schema where type = 'table'"
		" and name = ? || '_' || ?", err);

	return stmt != NULL &&
		sqlite_bind_text(stmt, 1, relation->schema, err) &&
		sqlite_bind_text(stmt, 2, relation->table, err) &&
		sqlite_step_row(stmt, exists, err) &&
		(sqlite_again(stmt), true);
}

static bool catch_one(struct lite *lite, const struct capture *capture,
	struct err *err)
{
	struct models *models = lite->store.options.plan->models;
	struct buf sql = { 0 };
	bool exists, ok;

	if (!relation_exists(lite, capture->relation, &exists, err))
		return false;
	if (!exists || !model_catches(models, capture, NULL))
		return true;
	ok = (capture->model == SIZE_MAX || lite_read_measures(lite,
			&models->items[capture->model], err)) &&
		add_catcher(lite, capture, capture->fresh, &sql, err) &&
		add_catcher(lite, capture, capture->gone, &sql, err) &&
		add_trigger(lite, capture, "insert", &sql, err) &&
		add_trigger(lite, capture, "update", &sql, err) &&
		add_trigger(lite, capture, "delete", &sql, err) &&
		sqlite_run(lite->db, sql.data, err);
	buf_clear(&sql);
	return ok;
}

bool lite_catch(struct lite *lite, struct err *err)
{
	struct models *models = lite->store.options.plan->models;
	bool exists, ok = true;

	for (size_t i = 0; ok && i < models->count; i++) {
		struct model *model = &models->items[i];

		if (model->kind == MODEL_INCREMENTAL)
			ok = lite_model_exists(lite, model, &exists, err) &&
				(!exists || lite_read_measures(lite, model,
					err));
	}
	for (size_t i = 0; ok && i < models->capture_count; i++)
		ok = catch_one(lite, &models->captures[i], err);
	return ok;
}

/* -- what one refresh knows --------------------------------------------- */

/* Of each model: */
struct progress {
	bool fresh;   /* was right before this load */
	bool changed; /* this load changed its rows */
	int64_t rows, us;
};

struct refresh {
	struct load *load;
	struct lite *lite;
	const struct models *models;
	struct progress *progress;
};

static bool read_states(struct refresh *refresh, struct err *err)
{
	struct sqlite_stmt *stmt;
	bool ok = true;

	for (size_t i = 0; ok && i < refresh->models->count; i++) {
		const struct model *model = &refresh->models->items[i];

		stmt = sqlite_prepared(refresh->lite->db, "select 1 from"
			" meta_model where model = ? and sha256 = ?"
			" and state = 'fresh'", err);
		ok = stmt != NULL &&
			sqlite_bind_text(stmt, 1, model->key, err) &&
			sqlite_bind_text(stmt, 2, model->sha256, err) &&
			sqlite_step_row(stmt, &refresh->progress[i].fresh,
				err);
		if (stmt != NULL)
			sqlite_again(stmt);
	}
	return ok;
}

static struct lite_table *table_of(struct refresh *refresh,
	const struct dataset *dataset)
{
	for (size_t i = 0; i < refresh->load->delta_count; i++)
		if (refresh->load->deltas[i].dataset == dataset)
			for (size_t k = 0; k < refresh->lite->table_count; k++)
				if (refresh->lite->tables[k]->dataset ==
					dataset)
					return refresh->lite->tables[k];
	return NULL;
}

static bool has_rows(struct refresh *refresh, const char *table, bool *has,
	struct err *err)
{
	char sql[96];
	int64_t number;
	bool ok;

	(void)snprintf(sql, sizeof(sql), "select exists (select 1 from %s)",
		table);
	ok = lite_number(refresh->lite, sql, &number, err);
	*has = number != 0;
	return ok;
}

/* -- one model ---------------------------------------------------------- */

static bool add_names(const struct names *names, const char *before,
	const char *after, struct buf *sql, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < names->count; i++)
		ok = buf_add_str(sql, before, err) &&
			sqlite_add_name(sql, names->items[i], err) &&
			buf_add_str(sql, after, err);
	return ok;
}

/* "a", "b" with a word before each but the first. */
static bool add_columns(const struct model *model, const char *measure,
	const char *end, struct buf *sql, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < model->grain.count; i++)
		ok = (i == 0 || buf_add_str(sql, ", ", err)) &&
			sqlite_add_name(sql, model->grain.items[i], err);
	for (size_t i = 0; ok && i < model->measures.count; i++)
		ok = buf_add_str(sql, model->grain.count + i == 0 ? "" : ", ",
			     err) &&
			buf_add_str(sql, measure, err) &&
			sqlite_add_name(sql, model->measures.items[i], err) &&
			buf_add_str(sql, end, err);
	return ok;
}

static bool add_additions(const struct model *model, struct buf *sql,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < model->measures.count; i++) {
		const struct names one = { &model->measures.items[i], 1 };

		ok = add_names(&one, i == 0 ? "" : ", ", " = sluice_add(",
			     sql, err) &&
			add_names(&one, "", ", excluded.", sql, err) &&
			add_names(&one, "", ")", sql, err);
	}
	return ok;
}

/* The select over `relation` (SQL) is added to the model, or taken away. */
static bool move_model(struct refresh *refresh, size_t at,
	const char *relation, bool away, struct err *err)
{
	const struct model *model = &refresh->models->items[at];
	const struct model_source *source = &model->sources[0];
	struct buf sql = { 0 };
	int64_t rows = 0;
	size_t start = 0;
	bool ok;

	ok = buf_add_str(&sql, "insert into ", err) &&
		lite_add_model(model, &sql, err) &&
		buf_add_str(&sql, " (", err) &&
		add_columns(model, "", "", &sql, err) &&
		buf_add_str(&sql, ") select ", err) &&
		add_columns(model, away ? "sluice_minus(" : "",
			away ? ")" : "", &sql, err) &&
		buf_add_str(&sql, " from (", err);
	start = sql.len;
	ok = ok && sql_replace_relation(model->select, strlen(model->select),
			   source->relation.schema, source->relation.table,
			   relation, &sql, err) &&
		buf_add_str(&sql, "\n) where true on conflict (", err) &&
		lite_add_grain(model, &sql, err) &&
		buf_add_str(&sql, ") do update set ", err) &&
		add_additions(model, &sql, err) &&
		lite_run_model(refresh->lite, model, &sql, start, &rows, err);
	refresh->progress[at].rows += rows;
	buf_clear(&sql);
	return ok;
}

/* Groups without rows go; the index has those alone. */
static bool remove_empty(struct refresh *refresh, const struct model *model,
	struct err *err)
{
	const struct names rows = { (char *[]){ model->rows }, 1 };
	struct buf sql = { 0 };
	int64_t below = 0;
	bool ok;

	ok = buf_add_str(&sql, "select count(*) from ", err) &&
		lite_add_model(model, &sql, err) &&
		add_names(&rows, " where ", " <= 0", &sql, err) &&
		add_names(&rows, " and ", " < 0", &sql, err) &&
		lite_number(refresh->lite, sql.data, &below, err);
	if (ok && below > 0) {
		ok = err_stop(err, EXIT_CONFIG, "a count fell below zero: the "
			"model was not what its source says");
		(void)snprintf(err->code, sizeof(err->code), SQLITE_CODE_SQL);
	}
	buf_reset(&sql);
	ok = ok && buf_add_str(&sql, "delete from ", err) &&
		lite_add_model(model, &sql, err) &&
		add_names(&rows, " where ", " <= 0", &sql, err) &&
		sqlite_run(refresh->lite->db, sql.data, err);
	buf_clear(&sql);
	return ok;
}

static bool apply_delta(struct refresh *refresh, size_t at, struct err *err)
{
	const struct dataset *dataset =
		refresh->models->items[at].sources[0].dataset;
	const struct lite_table *table = table_of(refresh, dataset);
	struct buf relation = { 0 };
	bool ok;

	if (table == NULL)
		return true;
	ok = buf_add_str(&relation, "(select * from ", err) &&
		lite_add_table(dataset, "_delta", &relation, err) &&
		buf_printf(&relation, err, " where _rowid_ > %lld)",
			(long long)table->before) &&
		move_model(refresh, at, relation.data, false, err);
	buf_clear(&relation);
	return ok;
}

static bool apply_changes(struct refresh *refresh, size_t at, struct err *err)
{
	const struct model *model = &refresh->models->items[at];
	const struct model_source *source = &model->sources[0];
	const struct capture *capture;
	bool fresh, gone;

	if (source->delta)
		return apply_delta(refresh, at, err);
	capture = model_capture(refresh->models, source);
	return has_rows(refresh, capture->fresh, &fresh, err) &&
		has_rows(refresh, capture->gone, &gone, err) &&
		(!fresh || move_model(refresh, at, capture->fresh, false,
			err)) &&
		(!gone || (move_model(refresh, at, capture->gone, true, err) &&
			remove_empty(refresh, model, err)));
}

static bool refresh_model(struct refresh *refresh, size_t at, struct err *err)
{
	const struct model *model = &refresh->models->items[at];
	struct progress *progress = &refresh->progress[at];
	const int64_t started = clock_now_us();
	struct err why = { 0 };

	if (!sqlite_run(refresh->lite->db, "savepoint model", err))
		return false;
	if (apply_changes(refresh, at, &why)) {
		progress->changed = progress->rows > 0;
		progress->us = clock_now_us() - started + 1;
		return sqlite_run(refresh->lite->db, "release model", err);
	}
	if (strcmp(why.code, SQLITE_CODE_SQL) != 0) {
		*err = why;
		return err_wrap(err, "refresh %s", model->key);
	}
	LOG(LOG_WARN, "model_stale", LOG_S("model", model->key),
		LOG_S("err", why.text));
	progress->fresh = false;
	return sqlite_run(refresh->lite->db,
		       "rollback to model; release model", err) &&
		lite_set_stale(refresh->lite, model, why.text,
			refresh->load->totals.load_id,
			(clock_now_us() - started) / 1000, err);
}

/* -- tables and views --------------------------------------------------- */

static bool source_changed(struct refresh *refresh,
	const struct model_source *source)
{
	const struct lite_table *table;

	if (source->model != SIZE_MAX)
		return refresh->progress[source->model].changed;
	table = table_of(refresh, source->dataset);
	return table != NULL && (source->delta || table->changed > 0);
}

/* A view is as fresh as what it reads; a table is not any more when that
 * changed. */
static bool note_change(struct refresh *refresh, size_t at, struct err *err)
{
	const struct model *model = &refresh->models->items[at];
	struct progress *progress = &refresh->progress[at];

	for (size_t i = 0; i < model->source_count; i++)
		progress->changed |= source_changed(refresh,
			&model->sources[i]);
	if (model->kind == MODEL_VIEW || !progress->changed || !progress->fresh)
		return true;
	progress->fresh = false;
	return lite_run(refresh->lite, "update meta_model set state = 'stale',"
		" error = 'loads have changed what it reads'"
		" where model = ?", 1, (const char *const[]){ model->key },
		err);
}

/* -- the whole ---------------------------------------------------------- */

static bool count_refresh(struct refresh *refresh, size_t at, struct err *err)
{
	const struct progress *progress = &refresh->progress[at];
	char rows[24], us[24], now[DATETIME_TEXT];

	(void)snprintf(rows, sizeof(rows), "%lld", (long long)progress->rows);
	(void)snprintf(us, sizeof(us), "%lld", (long long)progress->us);
	return progress->us == 0 || lite_run(refresh->lite,
		"update meta_model set refreshes = refreshes + 1,"
		" changed_rows = changed_rows + cast(? as integer),"
		" refresh_us = refresh_us + cast(? as integer),"
		" refreshed_at = ? where model = ?", 4,
		(const char *const[]){ rows, us,
			lite_now(refresh->lite, now),
			refresh->models->items[at].key }, err);
}

static bool empty_captures(struct refresh *refresh, struct err *err)
{
	const struct models *models = refresh->models;
	struct buf sql = { 0 };
	bool exists, ok = true;

	for (size_t i = 0; ok && i < models->capture_count; i++) {
		const struct capture *capture = &models->captures[i];

		ok = relation_exists(refresh->lite, capture->relation, &exists,
			err);
		if (ok && exists && model_catches(models, capture, NULL))
			ok = buf_printf(&sql, err, "delete from temp.%s;\n"
				"delete from temp.%s;\n", capture->fresh,
				capture->gone);
	}
	ok = ok && (sql.len == 0 || sqlite_run(refresh->lite->db, sql.data,
		err));
	buf_clear(&sql);
	return ok;
}

bool lite_refresh(struct load *load, struct err *err)
{
	struct lite *lite = load->target;
	const struct models *models = lite->store.options.plan->models;
	struct refresh refresh = { load, lite, models,
		calloc(models->count + 1, sizeof(struct progress)) };
	bool ok = refresh.progress != NULL || err_memory(err);

	ok = ok && read_states(&refresh, err);
	for (size_t i = 0; ok && i < models->count; i++) {
		if (models->items[i].kind != MODEL_INCREMENTAL)
			ok = note_change(&refresh, i, err);
		else if (refresh.progress[i].fresh)
			ok = refresh_model(&refresh, i, err);
		ok = ok && count_refresh(&refresh, i, err);
	}
	ok = ok && empty_captures(&refresh, err);
	free(refresh.progress);
	return ok;
}
