/* lite_build.c - the models of an SQLite file built from scratch, compared
 * with a recomputation, listed. */
#include "consumer/lite_model.h"

#include <stdlib.h>
#include <string.h>

/* -- building ----------------------------------------------------------- */

static bool read_flags(void *database, const struct models *models,
	const char *which, bool *flags, struct err *err)
{
	static const char sql[] =
		"select count(*) from meta_model where model = ?1 and"
		" (?2 = 'known' or state = ?2 or (?2 = 'unbuilt' and"
		" state = 'stale' and error is null))";
	struct lite *lite = database;
	struct sqlite_stmt *stmt;
	bool row, ok = true;

	for (size_t i = 0; ok && i < models->count; i++) {
		stmt = sqlite_prepared(lite->db, sql, err);
		ok = stmt != NULL && sqlite_bind_text(stmt, 1,
			models->items[i].key, err) &&
			sqlite_bind_text(stmt, 2, which, err) &&
			sqlite_step_row(stmt, &row, err);
		flags[i] |= ok && sqlite_int(stmt, 0) > 0;
		if (stmt != NULL)
			sqlite_again(stmt);
	}
	return ok;
}

/* A table made by an older file must not become fresh by a newer one's
 * select; one that could not be made is made by the next load. */
static bool check_made(struct lite *lite, const struct model *model,
	struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepared(lite->db, "select 1 from"
		" meta_model where model = ? and sha256 = ?", err);
	bool row, exists;

	if (stmt == NULL || !sqlite_bind_text(stmt, 1, model->key, err) ||
		!sqlite_bind_text(stmt, 2, model->sha256, err) ||
		!sqlite_step_row(stmt, &row, err))
		return false;
	sqlite_again(stmt);
	if (!lite_model_exists(lite, model, &exists, err))
		return false;
	if (row && exists)
		return true;
	(void)err_stop(err, EXIT_CONFIG, "its file was changed, is new or was "
		"wrong: the next `sluice load` into this file makes it");
	memcpy(err->code, SQLITE_CODE_SQL, sizeof(SQLITE_CODE_SQL));
	return false;
}

static bool build(void *database, const struct models *models, size_t at,
	int64_t *rows, struct err *err)
{
	struct lite *lite = database;
	struct model *model = &models->items[at];
	const int64_t started = clock_now_ms();
	const bool ok = lite_begin(lite, err) &&
		check_made(lite, model, err) &&
		lite_fill(lite, model, rows, err) &&
		lite_mark_fresh(lite, model, clock_now_ms() - started, *rows,
			err) &&
		lite_commit(lite, err);

	if (!ok)
		lite_rollback(lite);
	return ok;
}

static bool is_fault(void *database, const struct err *why)
{
	(void)database;
	return strcmp(why->code, SQLITE_CODE_SQL) == 0;
}

static bool set_stale(void *database, const struct model *model,
	const char *why, int64_t ms, struct err *err)
{
	return lite_set_stale(database, model, why, 0, ms, err);
}

bool lite_build(struct store *store, const struct build_choice *choice,
	void (*say)(void *context, const struct build_report *report),
	void *context, int64_t *amiss, struct err *err)
{
	static const struct build_ops ops = { read_flags, build, is_fault,
		set_stale };

	return model_build_chosen(store->options.plan->models, &ops, store,
		choice, say, context, amiss, err);
}

/* -- verifying ---------------------------------------------------------- */

static bool add_counted(const char *what, const struct buf *relation,
	struct sqlite_stmt *columns, struct buf *sql, struct err *err)
{
	bool ok = buf_printf(sql, err, "%s as (select ", what);

	for (int k = 0; ok && k < 2; k++) {
		for (int i = 0; ok && i < sqlite_columns(columns); i++)
			ok = (i == 0 || buf_add_str(sql, ", ", err)) &&
				sqlite_add_name(sql,
					sqlite_column_name(columns, i), err);
		ok = ok && (k == 1 || buf_printf(sql, err,
			", count(*) as sluice_times from %s group by ",
			relation->data));
	}
	return ok && buf_add_char(sql, ')', err);
}

/* Rows of either that the other has not, or not as often. */
static bool add_comparison(const struct buf *table, const struct buf *select,
	struct sqlite_stmt *columns, struct buf *sql, struct err *err)
{
	return buf_add_str(sql, "with ", err) &&
		add_counted("a", table, columns, sql, err) &&
		buf_add_str(sql, ", ", err) &&
		add_counted("b", select, columns, sql, err) &&
		buf_add_str(sql, " select (select count(*) from (select * from"
			" a except select * from b)) + (select count(*) from"
			" (select * from b except select * from a))", err);
}

static bool compare(struct lite *lite, const struct model *model,
	int64_t *rows, int64_t *different, struct err *err)
{
	struct buf table = { 0 }, select = { 0 }, sql = { 0 };
	struct sqlite_stmt *columns = NULL;
	bool ok;

	ok = lite_add_model(model, &table, err) &&
		buf_add_str(&select, "(", err) &&
		lite_add_sql(lite->store.options.plan, model->select, &select,
			err) &&
		buf_add_str(&select, "\n)", err) &&
		buf_printf(&sql, err, "select * from %s", table.data) &&
		(columns = sqlite_prepare(lite->db, sql.data, err)) != NULL;
	buf_reset(&sql);
	ok = ok && buf_printf(&sql, err, "select count(*) from %s",
		     table.data) &&
		lite_number(lite, sql.data, rows, err);
	buf_reset(&sql);
	ok = ok && add_comparison(&table, &select, columns, &sql, err) &&
		lite_number(lite, sql.data, different, err);
	sqlite_finish(columns);
	buf_clear(&table);
	buf_clear(&select);
	buf_clear(&sql);
	return ok || err_wrap(err, "verify model %s", model->key);
}

static bool verify_one(struct lite *lite, const struct model *model,
	int64_t *rows, int64_t *different, struct err *err)
{
	const int64_t started = clock_now_ms();
	struct buf detail = { 0 };
	bool ok;

	ok = compare(lite, model, rows, different, err) &&
		buf_printf(&detail, err, "%lld rows differ",
			(long long)*different) &&
		lite_note_run(lite, model, &(struct lite_run_note){
			.what = "verify", .ms = clock_now_ms() - started,
			.rows = *rows, .ok = *different == 0,
			.detail = detail.data }, err);
	buf_clear(&detail);
	return ok;
}

/* All are seen at one moment: nobody else writes meanwhile. Models that are
 * not in this file are left out. */
bool lite_verify(struct store *store, const char *name, int64_t *different,
	void (*say)(void *context, const struct model_info *model,
		int64_t rows, int64_t different),
	void *context, struct err *err)
{
	struct lite *lite = (struct lite *)store;
	const struct models *models = store->options.plan->models;
	int64_t rows, differ;
	bool exists, ok;

	*different = 0;
	ok = models_check_name(models, name, err) && lite_begin(lite, err);
	for (size_t i = 0; ok && i < models->count; i++) {
		const struct model *model = &models->items[i];
		const struct model_info info = models_info(models, i);

		if (model->kind == MODEL_VIEW || !model_is_named(model, name))
			continue;
		ok = lite_model_exists(lite, model, &exists, err);
		if (!ok || !exists)
			continue;
		ok = verify_one(lite, model, &rows, &differ, err);
		*different += ok ? differ : 0;
		if (ok && say != NULL)
			say(context, &info, rows, differ);
	}
	ok = ok && lite_commit(lite, err);
	if (!ok)
		lite_rollback(lite);
	return ok;
}

/* -- listing ------------------------------------------------------------ */

bool lite_models(struct store *store, store_say_model *say, void *context,
	struct err *err)
{
	static const char sql[] =
		"select state, coalesce(error, ''), coalesce(replace("
		"substr(refreshed_at, 1, 19), ' ', 'T') || 'Z', ''),"
		" refreshes, changed_rows, refresh_us"
		" from meta_model where model = ?";
	struct lite *lite = (struct lite *)store;
	const struct models *models = store->options.plan->models;
	bool row, ok = true;

	for (size_t i = 0; ok && i < models->count; i++) {
		struct sqlite_stmt *stmt = sqlite_prepared(lite->db, sql, err);
		struct store_model model = { .info = models_info(models, i) };

		ok = stmt != NULL && sqlite_bind_text(stmt, 1,
			models->items[i].key, err) &&
			sqlite_step_row(stmt, &row, err);
		if (ok && row) {
			model.known = true;
			model.state = sqlite_text(stmt, 0);
			model.error = sqlite_text(stmt, 1);
			model.refreshed_at = sqlite_text(stmt, 2);
			model.refreshes = sqlite_int(stmt, 3);
			model.changed_rows = sqlite_int(stmt, 4);
			model.refresh_us = sqlite_int(stmt, 5);
		}
		if (ok)
			say(context, &model);
		if (stmt != NULL)
			sqlite_again(stmt);
	}
	return ok;
}
