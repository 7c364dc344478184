/* lite_make.c - one model of an SQLite file: its table or view made, filled. */
#include "consumer/lite_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- saying where ------------------------------------------------------- */

/* err becomes "<file>:<line>: <text>": the select stands in sql from `start`
 * on, with the lines it has in its file. */
static bool explain(struct lite *lite, const struct model *model,
	const struct buf *sql, size_t start, struct err *err)
{
	char code[sizeof(err->code)];
	const int at = sqlite_fault_at(lite->db);
	int line = model->select_line;

	if (strcmp(err->code, SQLITE_CODE_SQL) != 0)
		return false;
	memcpy(code, err->code, sizeof(code));
	for (size_t i = start; at > 0 && i < (size_t)at && i < sql->len; i++)
		line += sql->data[i] == '\n';
	(void)err_stop(err, EXIT_CONFIG, "%s:%d: %.800s", model->file, line,
		sqlite_why(lite->db));
	memcpy(err->code, code, sizeof(code));
	return false;
}

bool lite_run_model(struct lite *lite, const struct model *model,
	const struct buf *sql, size_t start, int64_t *rows, struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepare(lite->db, sql->data, err);
	bool row, ok;

	if (stmt == NULL)
		return explain(lite, model, sql, start, err);
	ok = sqlite_step_row(stmt, &row, err) ||
		explain(lite, model, sql, start, err);
	if (ok && rows != NULL)
		*rows = sqlite_changes(lite->db);
	sqlite_finish(stmt);
	return ok;
}

/* -- names -------------------------------------------------------------- */

bool lite_add_model(const struct model *model, struct buf *sql,
	struct err *err)
{
	return lite_add_relation(model->relation.schema,
		model->relation.table, sql, err);
}

bool lite_model_exists(struct lite *lite, const struct model *model,
	bool *exists, struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepared(lite->db,
		"select 1 from sqlite_schema where name = ? || '_' || ?", err);

	return stmt != NULL &&
		sqlite_bind_text(stmt, 1, model->relation.schema, err) &&
		sqlite_bind_text(stmt, 2, model->relation.table, err) &&
		sqlite_step_row(stmt, exists, err) &&
		(sqlite_again(stmt), true);
}

static bool is_grain(const struct model *model, const char *name)
{
	for (size_t i = 0; i < model->grain.count; i++)
		if (strcmp(model->grain.items[i], name) == 0)
			return true;
	return false;
}

static void forget_measures(struct model *model)
{
	model_forget_measures(model);
	model->measures = (struct names){ 0 };
}

/* The columns of the statement that are not grain. */
static bool take_measures(struct model *model, struct sqlite_stmt *stmt,
	struct err *err)
{
	const int count = sqlite_columns(stmt);
	struct names *measures = &model->measures;

	forget_measures(model);
	measures->items = calloc((size_t)count + 1, sizeof(char *));
	if (measures->items == NULL)
		return err_memory(err);
	for (int i = 0; i < count; i++) {
		const char *name = sqlite_column_name(stmt, i);

		if (is_grain(model, name))
			continue;
		measures->items[measures->count] = strdup(name);
		if (measures->items[measures->count++] == NULL)
			return err_memory(err);
	}
	return true;
}

bool lite_read_measures(struct lite *lite, struct model *model,
	struct err *err)
{
	struct buf sql = { 0 };
	struct sqlite_stmt *stmt = NULL;
	bool ok;

	ok = buf_add_str(&sql, "select * from ", err) &&
		lite_add_model(model, &sql, err) &&
		(stmt = sqlite_prepare(lite->db, sql.data, err)) != NULL &&
		take_measures(model, stmt, err);
	sqlite_finish(stmt);
	buf_clear(&sql);
	return ok;
}

/* -- making ------------------------------------------------------------- */

static bool has_column(struct sqlite_stmt *stmt, const char *name)
{
	for (int i = 0; i < sqlite_columns(stmt); i++)
		if (strcmp(sqlite_column_name(stmt, i), name) == 0)
			return true;
	return false;
}

static bool check_columns(const struct model *model, struct sqlite_stmt *stmt,
	struct err *err)
{
	const char *miss = NULL;

	for (size_t i = 0; i < model->grain.count; i++)
		if (!has_column(stmt, model->grain.items[i]))
			miss = model->grain.items[i];
	if (model->rows != NULL && !has_column(stmt, model->rows))
		miss = model->rows;
	if (miss == NULL)
		return true;
	(void)err_stop(err, EXIT_CONFIG, "%s: there is no output column \"%s\""
		" (grain or rows)", model->file, miss);
	(void)snprintf(err->code, sizeof(err->code), SQLITE_CODE_SQL);
	return false;
}

/* ifnull("day", x''), ...: null is a value like any other, and no text or
 * number is an empty blob. */
bool lite_add_grain(const struct model *model, struct buf *sql,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < model->grain.count; i++)
		ok = buf_add_str(sql, i == 0 ? "ifnull(" : ", ifnull(", err) &&
			sqlite_add_name(sql, model->grain.items[i], err) &&
			buf_add_str(sql, ", x'')", err);
	return ok;
}

static bool add_index(const struct model *model, const char *what,
	const char *suffix, struct buf *sql, struct err *err)
{
	char name[128];

	(void)snprintf(name, sizeof(name), "%s_%s", model->relation.table,
		suffix);
	return buf_printf(sql, err, ";\ncreate %s ", what) &&
		lite_add_relation(model->relation.schema, name, sql, err) &&
		buf_add_str(sql, " on ", err) &&
		lite_add_model(model, sql, err) &&
		buf_add_str(sql, " (", err);
}

static bool add_table(const struct model *model, struct sqlite_stmt *stmt,
	struct buf *sql, struct err *err)
{
	bool ok = buf_add_str(sql, "create table ", err) &&
		lite_add_model(model, sql, err);

	for (int i = 0; ok && i < sqlite_columns(stmt); i++)
		ok = buf_add_str(sql, i == 0 ? " (" : ", ", err) &&
			sqlite_add_name(sql, sqlite_column_name(stmt, i), err);
	ok = ok && buf_add_char(sql, ')', err);
	if (ok && model->grain.count > 0)
		ok = add_index(model, "unique index", "grain", sql, err) &&
			lite_add_grain(model, sql, err) &&
			buf_add_char(sql, ')', err);
	if (ok && model->kind == MODEL_INCREMENTAL)
		ok = add_index(model, "index", "empty", sql, err) &&
			sqlite_add_name(sql, model->rows, err) &&
			buf_add_str(sql, ") where ", err) &&
			sqlite_add_name(sql, model->rows, err) &&
			buf_add_str(sql, " <= 0", err);
	return ok;
}

bool lite_create_table(struct lite *lite, const struct model *model,
	struct err *err)
{
	struct sqlite_stmt *stmt = NULL;
	struct buf select = { 0 }, sql = { 0 };
	bool ok;

	ok = lite_add_sql(lite->store.options.plan, model->select, &select,
		err);
	if (ok) {
		stmt = sqlite_prepare(lite->db, select.data, err);
		ok = stmt != NULL || explain(lite, model, &select, 0, err);
	}
	ok = ok && check_columns(model, stmt, err) &&
		add_table(model, stmt, &sql, err) &&
		sqlite_run(lite->db, sql.data, err);
	sqlite_finish(stmt);
	buf_clear(&select);
	buf_clear(&sql);
	return ok;
}

/* A view is checked when it is asked, so it is asked at once. */
bool lite_create_view(struct lite *lite, const struct model *model,
	struct err *err)
{
	struct buf sql = { 0 };
	size_t start = 0;
	bool ok;

	ok = buf_add_str(&sql, "create view ", err) &&
		lite_add_model(model, &sql, err) &&
		buf_add_str(&sql, " as ", err) &&
		(start = sql.len, lite_add_sql(lite->store.options.plan,
			model->select, &sql, err)) &&
		lite_run_model(lite, model, &sql, start, NULL, err);
	if (ok) {
		struct sqlite_stmt *stmt;

		buf_reset(&sql);
		ok = lite_add_sql(lite->store.options.plan, model->select,
			&sql, err);
		stmt = ok ? sqlite_prepare(lite->db, sql.data, err) : NULL;
		ok = ok && (stmt != NULL ||
			explain(lite, model, &sql, 0, err));
		sqlite_finish(stmt);
	}
	buf_clear(&sql);
	return ok;
}

/* -- filling ------------------------------------------------------------ */

static bool check_measures(struct lite *lite, struct model *model,
	struct err *err)
{
	struct buf sql = { 0 };
	int64_t bad = 0;
	bool ok = lite_read_measures(lite, model, err) &&
		buf_add_str(&sql, "select count(*) from ", err) &&
		lite_add_model(model, &sql, err);

	for (size_t i = 0; ok && i < model->measures.count; i++)
		ok = buf_add_str(&sql, i == 0 ? " where typeof(" :
				") not in ('integer', 'text') or typeof(",
			     err) &&
			sqlite_add_name(&sql, model->measures.items[i], err);
	ok = ok && buf_add_str(&sql, ") not in ('integer', 'text')", err) &&
		lite_number(lite, sql.data, &bad, err);
	buf_clear(&sql);
	if (!ok || bad == 0)
		return ok;
	(void)err_stop(err, EXIT_CONFIG, "%s: a measure is null or a double: "
		"only whole numbers and decimals (as text) add up without a "
		"remainder", model->file);
	(void)snprintf(err->code, sizeof(err->code), SQLITE_CODE_SQL);
	return false;
}

bool lite_fill(struct lite *lite, struct model *model, int64_t *rows,
	struct err *err)
{
	struct buf sql = { 0 };
	size_t start;
	bool ok;

	*rows = 0;
	if (model->kind == MODEL_VIEW)
		return true;
	ok = buf_add_str(&sql, "delete from ", err) &&
		lite_add_model(model, &sql, err) &&
		sqlite_run(lite->db, sql.data, err);
	buf_reset(&sql);
	ok = ok && buf_add_str(&sql, "insert into ", err) &&
		lite_add_model(model, &sql, err) &&
		buf_add_str(&sql, " select * from (", err);
	start = sql.len;
	ok = ok && lite_add_sql(lite->store.options.plan, model->select, &sql,
		     err) &&
		buf_add_str(&sql, "\n)", err) &&
		lite_run_model(lite, model, &sql, start, rows, err) &&
		(model->kind != MODEL_INCREMENTAL ||
			check_measures(lite, model, err));
	buf_clear(&sql);
	return ok;
}
