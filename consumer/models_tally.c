/* models_tally.c - what models counted in partitions that are dropped. */
#include "consumer/model.h"

#include <string.h>

static const struct model *find_model(const struct models *models,
	const char *key)
{
	for (size_t i = 0; i < models->count; i++)
		if (strcmp(models->items[i].key, key) == 0)
			return &models->items[i];
	return NULL;
}

static bool keep_counts(const struct model *model, struct db *db,
	const char *partition, struct err *err)
{
	struct buf sql = { 0 };
	bool ok;

	ok = model_tally_sql(model, partition, &sql, err) &&
		db_exec(db, sql.data, err);
	buf_clear(&sql);
	return ok || err_wrap(err, "keep the counts of model %s", model->key);
}

/* The database says which models there are: a tally made by another file's
 * select would be of no use to them. */
bool models_keep_counts(const struct models *models, struct db *db,
	const struct dataset *dataset, const char *partition, struct err *err)
{
	struct db_result *result = NULL;
	const char *values[] = { dataset->pipeline->name, dataset->name };
	bool ok;

	ok = db_query(db,
		"select m.model, m.sha256 from meta.model m\n"
		"join meta.dataset d on d.delta = any (m.sources)\n"
		"where d.dataset = $1 || '.' || $2\n"
		"\tand m.materialized = 'incremental'\n"
		"order by m.model", 2, values, &result, err);
	for (size_t i = 0; ok && i < db_rows(result); i++) {
		const struct model *model =
			find_model(models, db_value(result, i, 0));

		if (model == NULL || model->measures.count == 0 ||
			!model_reads_delta(model) ||
			strcmp(model->sha256, db_value(result, i, 1)) != 0)
			ok = err_set(err, ERR_RETRY, "model %s is not the one "
				"this program knows: HUP makes it read the "
				"files anew", db_value(result, i, 0));
		else
			ok = keep_counts(model, db, partition, err);
	}
	db_result_free(result);
	return ok;
}
