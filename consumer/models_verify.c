/* models_verify.c - models compared with what a recomputation gives. */
#include "common/clock.h"
#include "consumer/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

	ok = model_with_measures(model, db, &copy, err) &&
		model_verify_sql(&copy, &sql, err) &&
		db_query(db, sql.data, 0, NULL, &result, err);
	if (ok) {
		verdict->rows = db_int(result, 0, 0);
		verdict->different = db_int(result, 0, 1);
		verdict->ms = clock_now_ms() - started;
	} else {
		err_wrap(err, "verify model %s", model->key);
	}
	model_forget_measures(&copy);
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

		if (!model_reads_delta(model) || !model_is_named(model, name))
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
			model_is_named(&models->items[i], name))
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
	ok = models_check_name(models, name, err) && may_record(db, &may, err) &&
		compare_all(models, db, name, verdicts, err);
	for (size_t i = 0; ok && i < models->count; i++) {
		const struct model_info info = models_info(models, i);

		if (models->items[i].kind == MODEL_VIEW ||
			!model_is_named(&models->items[i], name))
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
