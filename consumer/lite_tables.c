/* lite_tables.c - what an SQLite file holds of a pipeline. */
#include "consumer/lite_model.h"

#include <stdio.h>
#include <string.h>

/* A master's key is unique, so that its rows are the delta's keys as well. */
static bool say_table(struct lite *lite, const char *schema, const char *name,
	struct store_table *table, store_say_table *say, void *context,
	struct err *err)
{
	struct buf sql = { 0 }, shown = { 0 };
	bool ok;

	ok = buf_printf(&shown, err, "%s_%s", schema, name) &&
		buf_add_str(&sql, "select count(*) from ", err) &&
		sqlite_add_name(&sql, shown.data, err) &&
		lite_number(lite, sql.data, &table->rows, err);
	table->name = shown.data;
	if (ok && strcmp(table->what, "master") == 0)
		table->keys = table->rows;
	ok = ok && say(context, table, err);
	buf_clear(&sql);
	buf_clear(&shown);
	return ok;
}

static bool say_dataset(struct lite *lite, const struct dataset *dataset,
	store_say_table *say, void *context, struct err *err)
{
	struct store_table master = { .what = "master", .keys = -1 };
	struct store_table delta = { .what = "delta" };
	char name[128];

	(void)snprintf(name, sizeof(name), "%s_delta", dataset->table);
	if (!say_table(lite, dataset->schema, dataset->table, &master, say,
		    context, err))
		return false;
	delta.keys = master.keys;
	return say_table(lite, dataset->schema, name, &delta, say, context,
		err);
}

bool lite_has(struct store *store, const struct pipeline *pipeline,
	bool *has, struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepared(
		((struct lite *)store)->db,
		"select 1 from meta_dataset where pipeline = ?", err);

	return stmt != NULL &&
		sqlite_bind_text(stmt, 1, pipeline->name, err) &&
		sqlite_step_row(stmt, has, err) &&
		(sqlite_again(stmt), true);
}

bool lite_tables(struct store *store, const struct pipeline *pipeline,
	store_say_table *say, void *context, struct err *err)
{
	struct lite *lite = (struct lite *)store;
	const struct models *models = store->options.plan->models;
	bool exists, ok = true;

	for (size_t i = 0; ok && i < pipeline->dataset_count; i++)
		ok = say_dataset(lite, &pipeline->datasets[i], say, context,
			err);
	for (size_t i = 0; ok && i < models->count; i++) {
		const struct model *model = &models->items[i];
		struct store_table table = {
			.what = model_kind_name(model->kind), .keys = -1 };

		if (strcmp(model->pipeline, pipeline->name) != 0)
			continue;
		ok = lite_model_exists(lite, model, &exists, err) &&
			(!exists || say_table(lite, model->relation.schema,
				model->relation.table, &table, say, context,
				err));
	}
	return ok;
}
