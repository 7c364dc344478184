/* models_trace.c - from rows of a model to the rows behind them. */
#include "consumer/model.h"

#include <stdlib.h>
#include <string.h>

/* A condition on the row called m<depth>. */
struct descent {
	const struct models *models;
	struct buf condition;
	int depth;
};

static bool is_word(const struct sql_token *token, const char *word)
{
	return token->kind == SQL_WORD && sql_is_name(token, word);
}

/* What stands before "as <column>" when it is a plain column: s.date as day. */
static bool find_origin(const struct model *model, const char *column,
	struct buf *origin, struct err *err)
{
	const size_t len = strlen(model->select);
	struct sql_token last[3] = { { .kind = SQL_SYMBOL } }, token;
	size_t pos = 0;

	while (sql_next(model->select, len, &pos, &token)) {
		const struct sql_token *name = &last[1], *before = &last[0];
		const bool plain = name->kind == SQL_WORD ||
			name->kind == SQL_NAME;

		if (is_word(&last[2], "as") && sql_is_name(&token, column) &&
			plain && (sql_is_symbol(before, '.') ||
				sql_is_symbol(before, ',') ||
				is_word(before, "select")))
			return name->kind == SQL_WORD ?
				buf_add(origin, name->start, name->len, err) :
				buf_add(origin, name->start + 1, name->len - 2,
					err);
		last[0] = last[1];
		last[1] = last[2];
		last[2] = token;
	}
	return buf_add_str(origin, column, err);
}

static bool has_column(const struct models *models,
	const struct model_source *source, const char *column)
{
	const struct model *model;

	if (source->model == SIZE_MAX) {
		for (size_t i = 0; i < source->dataset->column_count; i++)
			if (strcmp(source->dataset->columns[i].name, column) ==
				0)
				return true;
		return false;
	}
	model = &models->items[source->model];
	for (size_t i = 0; i < model->grain.count; i++)
		if (strcmp(model->grain.items[i], column) == 0)
			return true;
	return model->kind != MODEL_INCREMENTAL;
}

/* m0."a"::text is not distinct from nullif($1, '') and ... */
static bool begin(struct descent *descent, char *const *columns, size_t count,
	struct err *err)
{
	bool ok = true;

	buf_reset(&descent->condition);
	for (size_t i = 0; ok && i < count; i++)
		ok = buf_printf(&descent->condition, err, "%sm%d.",
			     i > 0 ? " and " : "", descent->depth) &&
			sql_add_ident(&descent->condition, columns[i], err) &&
			buf_printf(&descent->condition, err, "::text is not "
				"distinct from nullif($%zu, '')", i + 1);
	return ok;
}

/* Rows of the source without which the model's row would not be so: those of
 * which alone the select makes such a row. */
static bool descend(struct descent *descent, const struct model *model,
	struct err *err)
{
	const struct relation *source = &model->sources[0].relation;
	struct buf row = { 0 }, select = { 0 }, next = { 0 };
	bool ok;

	ok = buf_printf(&row, err, "(select m%d.*)", descent->depth + 1) &&
		sql_replace_relation(model->select, strlen(model->select),
			source->schema, source->table, row.data, &select, err) &&
		buf_printf(&next, err, "exists (select from (\n%s\n) m%d "
			"where %s)", select.data, descent->depth,
			descent->condition.data);
	buf_clear(&row);
	buf_clear(&select);
	buf_clear(&descent->condition);
	descent->condition = next;
	descent->depth++;
	return ok;
}

/* The names that the columns have in that source; *all false: one has none. */
static bool rename(const struct models *models, const struct model *model,
	const struct model_source *source, char **columns, char **renamed,
	size_t count, bool *all, struct err *err)
{
	*all = true;
	for (size_t i = 0; *all && i < count; i++) {
		struct buf name = { 0 };

		if (!find_origin(model, columns[i], &name, err)) {
			buf_clear(&name);
			return false;
		}
		*all = has_column(models, source, name.data);
		free(renamed[i]);
		renamed[i] = name.data;
	}
	return true;
}

static const struct model_source *choose(struct descent *descent,
	const struct model *model, char **columns, char **renamed, size_t count,
	struct err *err)
{
	for (size_t i = 0; i < model->source_count; i++) {
		bool all;

		if (!rename(descent->models, model, &model->sources[i],
			    columns, renamed, count, &all, err))
			return NULL;
		if (all)
			return &model->sources[i];
	}
	(void)err_set(err, ERR_REJECT, "%s cannot be traced by these columns: "
		"nothing it reads (%s) has them all; ask for a row of that, or "
		"leave out what is computed", model->name,
		model->depends_text != NULL ? model->depends_text : "");
	return NULL;
}

static bool walk(struct descent *descent, size_t at, char **columns,
	size_t count, const struct model_source **base, struct err *err)
{
	const struct model *model = &descent->models->items[at];
	char **renamed = calloc(count + 1, sizeof(*renamed));
	const struct model_source *source = NULL;
	bool ok = renamed != NULL || err_memory(err);

	if (ok && model->kind == MODEL_INCREMENTAL) {
		source = &model->sources[0];
		ok = descend(descent, model, err);
	} else if (ok) {
		source = choose(descent, model, columns, renamed, count, err);
		ok = source != NULL && begin(descent, renamed, count, err);
	}
	if (ok && source->model == SIZE_MAX)
		*base = source;
	else if (ok)
		ok = walk(descent, source->model,
			model->kind == MODEL_INCREMENTAL ? columns : renamed,
			count, base, err);
	for (size_t i = 0; renamed != NULL && i < count; i++)
		free(renamed[i]);
	free(renamed);
	return ok;
}

/* Behind a model that reads an incremental one stand conditions on its rows,
 * not on columns: those go on as they are. */
bool models_trace_sql(const struct models *models, const char *name,
	char **columns, size_t count, struct buf *sql,
	const struct dataset **dataset, struct err *err)
{
	struct descent descent = { .models = models };
	const struct model_source *base = NULL;
	size_t at = 0;
	bool ok;

	*dataset = NULL;
	while (at < models->count && !model_is_named(&models->items[at], name))
		at++;
	if (at == models->count)
		return true;
	ok = begin(&descent, columns, count, err) &&
		walk(&descent, at, columns, count, &base, err) &&
		buf_printf(sql, err, "select m%d._source, m%d._offset, "
			"m%d._load, %s\nfrom %s m%d\nwhere %s\n",
			descent.depth, descent.depth, descent.depth,
			base->dataset->from != NULL ? "_item" : "0",
			base->relation.quoted, descent.depth,
			descent.condition.data);
	if (ok)
		*dataset = base->dataset;
	buf_clear(&descent.condition);
	return ok;
}
