/* lite_reports.c - reports out of an SQLite file. */
#include "consumer/lite_model.h"
#include "consumer/outfile.h"
#include "consumer/reports.h"
#include "consumer/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 1600

/* -- the query ---------------------------------------------------------- */

static struct sqlite_stmt *prepare(struct lite *lite, const char *written,
	struct err *err)
{
	struct sqlite_stmt *stmt = NULL;
	struct buf sql = { 0 };

	if (lite_add_sql(lite->store.options.plan, written, &sql, err)) {
		stmt = sqlite_prepare(lite->db, sql.data, err);
		if (stmt == NULL)
			(void)err_stop(err, EXIT_DATA, "%s",
				sqlite_why(lite->db));
	}
	buf_clear(&sql);
	return stmt;
}

/* The columns of the records: those that begin with _ are Sluice's own. */
static bool add_columns(struct lite *lite, const char *relation,
	struct buf *query, struct err *err)
{
	struct sqlite_stmt *stmt;
	const size_t begin = query->len;
	bool ok = buf_printf(query, err, "select * from %s", relation);

	stmt = ok ? prepare(lite, query->data + begin, err) : NULL;
	if (stmt == NULL)
		return false;
	query->len = begin;
	ok = buf_add_str(query, "select ", err);
	for (int i = 0, n = 0; ok && i < sqlite_columns(stmt); i++)
		if (sqlite_column_name(stmt, i)[0] != '_')
			ok = (n++ == 0 || buf_add_str(query, ", ", err)) &&
				sqlite_add_name(query,
					sqlite_column_name(stmt, i), err);
	sqlite_finish(stmt);
	return ok && buf_printf(query, err, " from %s", relation);
}

static bool make_query(struct lite *lite, const struct pipeline *pipeline,
	const struct pipeline_report *report, struct buf *query,
	struct err *err)
{
	const char *models_dir = lite->store.options.config->models_dir;
	char relation[160];

	if (report->query != NULL)
		return report_query(pipeline, report, models_dir, SQL_SQLITE,
			query, err);
	(void)snprintf(relation, sizeof(relation), "%s%s",
		report->model != NULL ? "modelled." : "",
		report->model != NULL ? report->model : report->table);
	return add_columns(lite, relation, query, err);
}

/* As in PostgreSQL, but that a row as a whole has no order here: its columns
 * have. */
static bool add_order(const struct pipeline_report *report, int columns,
	struct buf *sql, struct err *err)
{
	const struct texts *order = &report->order;
	bool ok = true;

	if (order->count == 0 && report->query != NULL)
		return true;
	for (size_t i = 0; ok && i < order->count; i++) {
		const bool down = order->items[i][0] == '-';

		ok = buf_add_str(sql, i == 0 ? " order by " : ", ", err) &&
			sqlite_add_name(sql, order->items[i] + down, err) &&
			buf_add_str(sql, down ? " desc nulls first" :
					" nulls last", err);
	}
	for (int i = 1; ok && i <= columns; i++)
		ok = buf_printf(sql, err, "%s%d nulls last",
			i == 1 && order->count == 0 ? " order by " : ", ", i);
	return ok;
}

static struct sqlite_stmt *open_rows(struct lite *lite,
	const struct pipeline *pipeline, const struct pipeline_report *report,
	struct err *err)
{
	struct buf query = { 0 }, sql = { 0 };
	struct sqlite_stmt *plain = NULL, *stmt = NULL;

	if (make_query(lite, pipeline, report, &query, err))
		plain = prepare(lite, query.data, err);
	if (plain != NULL &&
		buf_printf(&sql, err, "select * from (\n%s\n)", query.data) &&
		add_order(report, sqlite_columns(plain), &sql, err))
		stmt = prepare(lite, sql.data, err);
	sqlite_finish(plain);
	buf_clear(&query);
	buf_clear(&sql);
	return stmt;
}

/* -- the rows ----------------------------------------------------------- */

static bool begin_sheet(struct sheet *sheet,
	const struct pipeline_report *report, FILE *file,
	struct sqlite_stmt *stmt, struct err *err)
{
	const char *names[COLUMNS_MAX];
	const int count = sqlite_columns(stmt);

	if (count == 0 || count > COLUMNS_MAX)
		return err_stop(err, EXIT_CONFIG, "a report has 1 to %d "
			"columns", COLUMNS_MAX);
	for (int i = 0; i < count; i++)
		names[i] = sqlite_column_name(stmt, i);
	return sheet_begin(sheet, report, file, names, (size_t)count, err);
}

static bool add_row(struct sheet *sheet, struct sqlite_stmt *stmt,
	struct buf *json, struct err *err)
{
	struct sheet_cell cells[COLUMNS_MAX];

	buf_reset(json);
	if (sheet->report->format == REPORT_JSON) {
		if (!lite_row_json(stmt, json, err))
			return false;
		cells[0] = (struct sheet_cell){ json->data, json->len };
		sheet_row(sheet, cells);
		return true;
	}
	for (size_t i = 0; i < sheet->columns; i++) {
		cells[i].text = sqlite_text_len(stmt, (int)i, &cells[i].len);
		if (sqlite_kind(stmt, (int)i) == SQLITE_KIND_NULL)
			cells[i].text = NULL;
	}
	sheet_row(sheet, cells);
	return true;
}

/* Those that an HTML table does not take are counted. */
static bool write_rows(struct sqlite_stmt *stmt,
	const struct pipeline_report *report, FILE *file, int64_t *rows,
	struct err *err)
{
	struct sheet sheet = { .file = NULL };
	struct buf json = { 0 };
	bool row, ok = begin_sheet(&sheet, report, file, stmt, err);

	*rows = 0;
	while (ok && (ok = sqlite_step_row(stmt, &row, err)) && row) {
		if (!sheet_full(&sheet))
			ok = add_row(&sheet, stmt, &json, err);
		++*rows;
	}
	if (ok)
		sheet_end(&sheet, *rows);
	sheet_clear(&sheet);
	buf_clear(&json);
	return ok;
}

/* What users wrote must not write. */
static bool write_file(struct lite *lite, const struct pipeline *pipeline,
	const struct pipeline_report *report, int64_t *rows, struct err *err)
{
	const struct config *config = lite->store.options.config;
	struct outfile out = { .root = -1 };
	struct sqlite_stmt *stmt = NULL;
	struct err ignored = { 0 };
	bool ok;

	ok = sqlite_run(lite->db, "pragma query_only = on", err);
	if (ok)
		stmt = open_rows(lite, pipeline, report, err);
	ok = stmt != NULL &&
		outfile_open(&out, config->output_dir, report->file, err) &&
		write_rows(stmt, report, out.file, rows, err) &&
		outfile_commit(&out, err);
	outfile_abandon(&out);
	sqlite_finish(stmt);
	(void)!sqlite_run(lite->db, "pragma query_only = off", &ignored);
	return ok;
}

bool lite_report(struct store *store, const struct pipeline *pipeline,
	const struct pipeline_report *report, struct report_result *result,
	struct err *err)
{
	const int64_t started = clock_now_ms();
	struct err *why = &result->error;

	*result = (struct report_result){ .rows = 0 };
	if (!write_file((struct lite *)store, pipeline, report, &result->rows,
		    why)) {
		if (why->exit_code == EXIT_BUG) {
			*err = *why;
			return false;
		}
		(void)err_wrap(why, "%s:%d", pipeline->file, report->line);
	}
	result->ms = clock_now_ms() - started;
	return true;
}
