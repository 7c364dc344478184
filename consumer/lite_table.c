/* lite_table.c - a dataset's statements on an SQLite file. */
#include "consumer/lite.h"

#include <stdlib.h>

static bool add_columns(const struct dataset *dataset, struct buf *sql,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < lite_width(dataset); i++)
		ok = sqlite_add_name(sql, lite_value_name(dataset, i), err) &&
			buf_add_str(sql, ", ", err);
	return ok && buf_printf(sql, err, "_source, _offset, _load%s",
		dataset->from != NULL ? ", _item" : "");
}

static bool add_marks(size_t count, struct buf *sql, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++)
		ok = buf_add_str(sql, i == 0 ? "?" : ", ?", err);
	return ok;
}

static bool add_insert(const struct dataset *dataset, const char *suffix,
	struct buf *sql, struct err *err)
{
	const bool delta = suffix[0] != '\0';
	const size_t count = lite_width(dataset) + 3 + (dataset->from != NULL) +
		delta;

	return buf_add_str(sql, "insert into ", err) &&
		lite_add_table(dataset, suffix, sql, err) &&
		buf_add_str(sql, " (", err) && add_columns(dataset, sql, err) &&
		buf_printf(sql, err, "%s) values (", delta ? ", _day" : "") &&
		add_marks(count, sql, err) &&
		buf_add_str(sql, delta ? ")" : ") on conflict do nothing", err);
}

static bool add_look(const struct dataset *dataset, struct buf *sql,
	struct err *err)
{
	return buf_add_str(sql, "select ", err) &&
		add_columns(dataset, sql, err) &&
		buf_add_str(sql, " from ", err) &&
		lite_add_table(dataset, "", sql, err) &&
		buf_add_str(sql, " where ", err) &&
		lite_add_keys(dataset, " and ", " = ?", sql, err);
}

/* Values that are no keys, provenance, then the key. */
static bool add_update(const struct dataset *dataset, bool values,
	struct buf *sql, struct err *err)
{
	bool ok = buf_add_str(sql, "update ", err) &&
		lite_add_table(dataset, "", sql, err) &&
		buf_add_str(sql, " set ", err);

	for (size_t i = 0; ok && values && i < lite_width(dataset); i++)
		if (i >= dataset->column_count || !dataset->columns[i].key)
			ok = sqlite_add_name(sql, lite_value_name(dataset, i),
				     err) &&
				buf_add_str(sql, " = ?, ", err);
	return ok && buf_printf(sql, err, "_source = ?, _offset = ?%s%s where ",
		values ? ", _load = ?" : "",
		dataset->from != NULL ? ", _item = ?" : "") &&
		lite_add_keys(dataset, " and ", " = ?", sql, err);
}

static bool prepare(struct lite *lite, struct sqlite_stmt **stmt,
	struct buf *sql, bool ok, struct err *err)
{
	if (ok)
		*stmt = sqlite_prepare(lite->db, sql->data, err);
	buf_clear(sql);
	return ok && *stmt != NULL;
}

static bool prepare_table(struct lite *lite, struct lite_table *table,
	struct err *err)
{
	const struct dataset *dataset = table->dataset;
	struct buf sql = { 0 };

	return prepare(lite, &table->copy, &sql,
		       add_insert(dataset, "_delta", &sql, err), err) &&
		prepare(lite, &table->insert, &sql,
			add_insert(dataset, "", &sql, err), err) &&
		prepare(lite, &table->look, &sql,
			add_look(dataset, &sql, err), err) &&
		prepare(lite, &table->replace, &sql,
			add_update(dataset, true, &sql, err), err) &&
		prepare(lite, &table->move, &sql,
			add_update(dataset, false, &sql, err), err);
}

static void free_table(struct lite_table *table)
{
	sqlite_finish(table->copy);
	sqlite_finish(table->insert);
	sqlite_finish(table->look);
	sqlite_finish(table->replace);
	sqlite_finish(table->move);
	free(table->rows);
	free(table->values);
	buf_clear(&table->text);
	free(table);
}

/* Whether values that say the same are the same bytes. */
static bool is_exact(const struct dataset *dataset)
{
	for (size_t i = 0; i < lite_width(dataset); i++)
		if (lite_type(dataset, i) == COLUMN_NUMERIC ||
			lite_type(dataset, i) == COLUMN_JSON)
			return false;
	return true;
}

static struct lite_table *new_table(struct lite *lite,
	const struct dataset *dataset, struct err *err)
{
	struct lite_table *table = calloc(1, sizeof(*table));

	if (table == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	table->dataset = dataset;
	table->width = lite_width(dataset);
	table->derived = dataset->from != NULL;
	table->exact = is_exact(dataset);
	if (prepare_table(lite, table, err))
		return table;
	free_table(table);
	return NULL;
}

struct lite_table *lite_table(struct lite *lite, const struct dataset *dataset,
	struct err *err)
{
	struct lite_table **more;

	for (size_t i = 0; i < lite->table_count; i++)
		if (lite->tables[i]->dataset == dataset)
			return lite->tables[i];
	more = realloc(lite->tables,
		(lite->table_count + 1) * sizeof(struct lite_table *));
	if (more == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	lite->tables = more;
	more[lite->table_count] = new_table(lite, dataset, err);
	return more[lite->table_count] != NULL ? more[lite->table_count++] :
						 NULL;
}

void lite_forget_tables(struct lite *lite)
{
	for (size_t i = 0; i < lite->table_count; i++)
		free_table(lite->tables[i]);
	free(lite->tables);
	lite->tables = NULL;
	lite->table_count = 0;
}
