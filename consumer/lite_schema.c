/* lite_schema.c - the tables of an SQLite file: the books, and what the
 * pipeline files ask for. */
#include "consumer/lite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- a dataset's tables ------------------------------------------------- */

static const char *type_name(enum column_type type)
{
	switch (type) {
	case COLUMN_INTEGER:
	case COLUMN_BOOLEAN:
		return "integer";
	case COLUMN_DOUBLE:
		return "real";
	default:
		return "text";
	}
}

static bool is_extra(const struct dataset *dataset)
{
	return dataset->unknown == UNKNOWN_KEEP;
}

const char *lite_value_name(const struct dataset *dataset, size_t i)
{
	return i < dataset->column_count ? dataset->columns[i].name : "extra";
}

size_t lite_width(const struct dataset *dataset)
{
	return dataset->column_count + is_extra(dataset);
}

/* Keys that are not text or numbers of a few bytes would make inner pages of
 * rows; so would whole documents. */
static bool is_wide(const struct dataset *dataset)
{
	for (size_t i = 0; i < dataset->column_count; i++)
		if (dataset->columns[i].type == COLUMN_JSON)
			return true;
	return is_extra(dataset);
}

bool lite_add_keys(const struct dataset *dataset, const char *between,
	const char *after, struct buf *sql, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < dataset->key_count; i++)
		ok = (i == 0 || buf_add_str(sql, between, err)) &&
			sqlite_add_name(sql,
				dataset->columns[dataset->keys[i]].name,
				err) &&
			buf_add_str(sql, after, err);
	return ok;
}

static bool add_definitions(const struct dataset *dataset, struct buf *sql,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < lite_width(dataset); i++)
		ok = buf_add_char(sql, '\t', err) &&
			sqlite_add_name(sql, lite_value_name(dataset, i), err) &&
			buf_printf(sql, err, " %s,\n",
				type_name(lite_type(dataset, i)));
	return ok && buf_printf(sql, err, "\t_source integer not null,\n"
		"\t_offset integer not null,\n\t_load integer not null,\n%s",
		dataset->from != NULL ? "\t_item integer not null,\n" : "");
}

bool lite_add_table(const struct dataset *dataset, const char *suffix,
	struct buf *sql, struct err *err)
{
	char table[128];

	(void)snprintf(table, sizeof(table), "%s%s", dataset->table, suffix);
	return lite_add_relation(dataset->schema, table, sql, err);
}

static bool create_tables(struct lite *lite, const struct dataset *dataset,
	struct err *err)
{
	struct buf sql = { 0 };
	bool ok;

	ok = buf_add_str(&sql, "create table ", err) &&
		lite_add_table(dataset, "", &sql, err) &&
		buf_add_str(&sql, " (\n", err) &&
		add_definitions(dataset, &sql, err) &&
		buf_add_str(&sql, "\tprimary key (", err) &&
		lite_add_keys(dataset, ", ", "", &sql, err) &&
		buf_printf(&sql, err, ")\n) strict%s;\ncreate table ",
			is_wide(dataset) ? "" : ", without rowid") &&
		lite_add_table(dataset, "_delta", &sql, err) &&
		buf_add_str(&sql, " (\n", err) &&
		add_definitions(dataset, &sql, err) &&
		buf_add_str(&sql, "\t_day text not null\n) strict;\n", err) &&
		sqlite_run(lite->db, sql.data, err);
	buf_clear(&sql);
	return ok;
}

/* -- as they were, and as they are to be -------------------------------- */

/* A line a column: "name type", keys with their place in the key. */
static bool describe(const struct dataset *dataset, struct buf *out,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < lite_width(dataset); i++) {
		size_t k = 0;

		ok = buf_printf(out, err, "%s %s", lite_value_name(dataset, i),
			column_type_name(lite_type(dataset, i)));
		while (k < dataset->key_count && dataset->keys[k] != i)
			k++;
		if (ok && k < dataset->key_count)
			ok = buf_printf(out, err, " key %zu", k + 1);
		ok = ok && buf_add_char(out, '\n', err);
	}
	return ok && (dataset->from == NULL ||
		buf_add_str(out, "derived\n", err));
}

static bool has_line(const char *text, const char *line, size_t len)
{
	while (*text != '\0') {
		const size_t n = strcspn(text, "\n") + 1;

		if (n == len && memcmp(text, line, len) == 0)
			return true;
		text += n;
	}
	return false;
}

static bool add_column(struct lite *lite, const struct dataset *dataset,
	size_t i, struct err *err)
{
	static const char *const suffixes[] = { "", "_delta" };
	struct buf sql = { 0 };
	bool ok = true;

	for (size_t k = 0; ok && k < 2; k++)
		ok = buf_add_str(&sql, "alter table ", err) &&
			lite_add_table(dataset, suffixes[k], &sql, err) &&
			buf_add_str(&sql, " add column ", err) &&
			sqlite_add_name(&sql, lite_value_name(dataset, i), err) &&
			buf_printf(&sql, err, " %s;\n",
				type_name(lite_type(dataset, i)));
	ok = ok && sqlite_run(lite->db, sql.data, err);
	buf_clear(&sql);
	return ok;
}

static bool misfit(struct lite *lite, const struct dataset *dataset,
	struct err *err)
{
	return err_stop(err, EXIT_CONFIG, "%s: the tables of %s.%s were made "
		"for other columns (a type, the key or the name of one was "
		"changed, or one was removed): load into a new file",
		sqlite_file(lite->db), dataset->pipeline->name, dataset->name);
}

/* New columns may come; all else must be as it was. */
static bool adapt(struct lite *lite, const struct dataset *dataset,
	const char *was, const char *is, struct err *err)
{
	size_t i = 0;

	for (const char *at = was; *at != '\0'; at += strcspn(at, "\n") + 1)
		if (!has_line(is, at, strcspn(at, "\n") + 1))
			return misfit(lite, dataset, err);
	for (const char *at = is; *at != '\0';
		at += strcspn(at, "\n") + 1, i++) {
		const size_t len = strcspn(at, "\n") + 1;

		if (has_line(was, at, len))
			continue;
		if (i >= lite_width(dataset) ||
			memmem(at, len, " key ", 5) != NULL)
			return misfit(lite, dataset, err);
		if (!add_column(lite, dataset, i, err))
			return false;
	}
	return true;
}

static bool register_dataset(struct lite *lite, const struct dataset *dataset,
	const char *key, const char *columns, struct err *err)
{
	struct buf names[2] = { { 0 } };
	bool ok;

	ok = buf_printf(&names[0], err, "%s_%s", dataset->schema,
		     dataset->table) &&
		buf_printf(&names[1], err, "%s_%s_delta", dataset->schema,
			dataset->table) &&
		lite_run(lite, "insert into meta_dataset (dataset, pipeline,"
			" master, delta, columns) values (?, ?, ?, ?, ?)"
			" on conflict do update set columns = excluded.columns",
			5, (const char *const[]){ key, dataset->pipeline->name,
				names[0].data, names[1].data, columns }, err);
	buf_clear(&names[0]);
	buf_clear(&names[1]);
	return ok;
}

static bool known_columns(struct lite *lite, const char *key, struct buf *out,
	struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepared(lite->db,
		"select columns from meta_dataset where dataset = ?", err);
	bool row, ok;

	ok = stmt != NULL && sqlite_bind_text(stmt, 1, key, err) &&
		sqlite_step_row(stmt, &row, err);
	if (ok && row)
		ok = buf_add_str(out, sqlite_text(stmt, 0), err);
	if (stmt != NULL)
		sqlite_again(stmt);
	return ok;
}

static bool ensure_dataset(struct lite *lite, const struct dataset *dataset,
	struct err *err)
{
	struct buf key = { 0 }, was = { 0 }, is = { 0 };
	bool ok;

	ok = buf_printf(&key, err, "%s.%s", dataset->pipeline->name,
		     dataset->name) &&
		describe(dataset, &is, err) &&
		known_columns(lite, key.data, &was, err);
	if (ok && was.len == 0)
		ok = create_tables(lite, dataset, err) &&
			register_dataset(lite, dataset, key.data, is.data,
				err);
	else if (ok && strcmp(was.data, is.data) != 0)
		ok = adapt(lite, dataset, was.data, is.data, err) &&
			register_dataset(lite, dataset, key.data, is.data,
				err);
	buf_clear(&key);
	buf_clear(&was);
	buf_clear(&is);
	return ok;
}

/* Models may read tables of other pipelines. */
static bool ensure_sources(struct lite *lite, const struct pipeline *pipeline,
	struct err *err)
{
	const struct models *models = lite->store.options.plan->models;
	bool ok = true;

	for (size_t i = 0; ok && i < models->count; i++) {
		const struct model *model = &models->items[i];

		if (strcmp(model->pipeline, pipeline->name) != 0)
			continue;
		for (size_t k = 0; ok && k < model->source_count; k++)
			if (model->sources[k].dataset != NULL)
				ok = ensure_dataset(lite,
					model->sources[k].dataset, err);
	}
	return ok;
}

bool lite_ensure_tables(struct lite *lite, const struct pipeline *pipeline,
	struct err *err)
{
	bool ok = lite_ensure_meta(lite, err);

	for (size_t i = 0; ok && pipeline != NULL &&
		i < pipeline->dataset_count; i++)
		ok = ensure_dataset(lite, &pipeline->datasets[i], err);
	return ok && (pipeline == NULL || ensure_sources(lite, pipeline, err));
}
