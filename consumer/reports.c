/* reports.c - a pipeline's reports: asked of the database, written to files. */
#include "consumer/reports.h"
#include "common/clock.h"
#include "consumer/outfile.h"
#include "consumer/sheet.h"
#include "consumer/textfile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define FETCH "500" /* rows at a time: memory does not grow with the report */
#define COLUMNS_MAX 1600

/* -- the query ---------------------------------------------------------- */

/* A query orders its rows itself, a table has no order: then the whole row
 * gives one, so that the same rows are the same file. */
static bool add_order(const struct pipeline_report *report, struct buf *sql,
	struct err *err)
{
	const struct texts *order = &report->order;
	bool ok = true;

	if (order->count == 0)
		return report->query != NULL ||
			buf_add_str(sql, " order by t", err);
	for (size_t i = 0; ok && i < order->count; i++) {
		const bool down = order->items[i][0] == '-';

		ok = buf_add_str(sql, i == 0 ? " order by t." : ", t.", err) &&
			sql_add_ident(sql, order->items[i] + down, err) &&
			(!down || buf_add_str(sql, " desc", err));
	}
	return ok && buf_add_str(sql, ", t", err);
}

bool report_sql(const struct pipeline_report *report, const char *query,
	struct buf *sql, struct err *err)
{
	return buf_add_str(sql, report->format == REPORT_JSON ?
			"select row_to_json(t) from (\n" :
			"select t.* from (\n", err) &&
		buf_add_str(sql, query, err) &&
		buf_add_str(sql, "\n) t", err) && add_order(report, sql, err);
}

/* The columns of the records: those that begin with _ are Sluice's own. */
static bool add_columns(const char *relation, struct db *db, struct buf *query,
	struct err *err)
{
	struct db_result *columns = NULL;
	bool ok;

	ok = db_query(db,
		"select string_agg(quote_ident(attname), ', ' order by attnum)"
		" from pg_attribute where attrelid = $1::regclass"
		" and attnum > 0 and not attisdropped"
		" and attname not like '\\_%'", 1, &relation, &columns, err) &&
		buf_printf(query, err, "select %s", db_value(columns, 0, 0));
	db_result_free(columns);
	return ok;
}

static bool add_relation(const struct pipeline_report *report, struct db *db,
	struct buf *query, struct err *err)
{
	char schema[64] = "modelled";
	const char *name = report->model;
	struct buf relation = { 0 };
	bool ok;

	if (report->table != NULL) {
		name = strchr(report->table, '.') + 1;
		(void)snprintf(schema, sizeof(schema), "%.*s",
			(int)(name - report->table - 1), report->table);
	}
	ok = sql_add_ident(&relation, schema, err) &&
		buf_add_char(&relation, '.', err) &&
		sql_add_ident(&relation, name, err) &&
		add_columns(relation.data, db, query, err) &&
		buf_printf(query, err, " from %s", relation.data);
	buf_clear(&relation);
	return ok;
}

bool report_query(const struct pipeline *pipeline,
	const struct pipeline_report *report, const char *models_dir,
	enum sql_dialect dialect, struct buf *query, struct err *err)
{
	struct buf path = { 0 };
	bool ok;

	ok = buf_printf(&path, err, "%s/%s/reports/%s.sqlite.sql", models_dir,
		pipeline->name, report->query);
	if (ok && (dialect != SQL_SQLITE || access(path.data, F_OK) != 0)) {
		buf_reset(&path);
		ok = buf_printf(&path, err, "%s/%s/reports/%s.sql", models_dir,
			pipeline->name, report->query);
	}
	query->max = FILE_MAX_BYTES;
	ok = ok && textfile_read_query(path.data, query, err);
	buf_clear(&path);
	return ok;
}

static bool open_cursor(const struct config *config,
	const struct pipeline *pipeline, const struct pipeline_report *report,
	struct db *db, struct err *err)
{
	struct buf query = { 0 }, sql = { 0 };
	bool ok;

	ok = (report->query != NULL ?
			report_query(pipeline, report, config->models_dir,
				SQL_POSTGRES, &query, err) :
			add_relation(report, db, &query, err)) &&
		buf_add_str(&sql, "declare report no scroll cursor for ", err) &&
		report_sql(report, query.data, &sql, err) &&
		db_exec(db, sql.data, err);
	buf_clear(&query);
	buf_clear(&sql);
	return ok;
}

/* -- the rows ----------------------------------------------------------- */

static bool begin_sheet(struct sheet *sheet,
	const struct pipeline_report *report, FILE *file,
	const struct db_result *rows, struct err *err)
{
	const char *names[COLUMNS_MAX];
	const size_t count = db_columns(rows);

	if (count == 0 || count > COLUMNS_MAX)
		return err_stop(err, EXIT_CONFIG, "a report has 1 to %d "
			"columns", COLUMNS_MAX);
	for (size_t i = 0; i < count; i++)
		names[i] = db_column_name(rows, i);
	return sheet_begin(sheet, report, file, names, count, err);
}

static void add_rows(struct sheet *sheet, const struct db_result *rows)
{
	struct sheet_cell cells[COLUMNS_MAX];

	for (size_t i = 0; i < db_rows(rows); i++) {
		for (size_t k = 0; k < sheet->columns; k++)
			cells[k] = (struct sheet_cell){
				db_is_null(rows, i, k) ? NULL :
					db_value(rows, i, k),
				db_value_len(rows, i, k) };
		sheet_row(sheet, cells);
	}
}

/* Those that an HTML table does not take are counted. */
static bool count_rest(struct db *db, const struct sheet *sheet,
	int64_t *rows, struct err *err)
{
	struct db_result *moved = NULL;
	bool ok = true;

	*rows = sheet->rows;
	if (sheet_full(sheet))
		ok = db_query(db, "move forward all from report", 0, NULL,
			&moved, err);
	if (moved != NULL)
		*rows += db_affected(moved);
	db_result_free(moved);
	return ok;
}

static bool fetch_rows(struct db *db, const struct pipeline_report *report,
	FILE *file, int64_t *rows, struct err *err)
{
	struct sheet sheet = { .file = NULL };
	struct db_result *some = NULL;
	size_t got = 1;
	bool ok = true;

	while (ok && got > 0 && (sheet.file == NULL || !sheet_full(&sheet))) {
		ok = db_query(db, "fetch forward " FETCH " from report", 0,
			     NULL, &some, err) &&
			(sheet.file != NULL ||
				begin_sheet(&sheet, report, file, some, err));
		if (ok) {
			add_rows(&sheet, some);
			got = db_rows(some);
		}
		db_result_free(some);
		some = NULL;
	}
	ok = ok && count_rest(db, &sheet, rows, err);
	if (ok)
		sheet_end(&sheet, *rows);
	sheet_clear(&sheet);
	return ok;
}

static bool write_file(const struct config *config,
	const struct pipeline *pipeline, const struct pipeline_report *report,
	struct db *asker, int64_t *rows, struct err *err)
{
	struct outfile out = { .root = -1 };
	bool ok;

	ok = db_begin(asker, err) &&
		db_exec(asker, "set transaction read only", err) &&
		open_cursor(config, pipeline, report, asker, err) &&
		outfile_open(&out, config->output_dir, report->file, err) &&
		fetch_rows(asker, report, out.file, rows, err) &&
		outfile_commit(&out, err);
	outfile_abandon(&out);
	db_rollback(asker);
	return ok;
}

/* -- noting it ---------------------------------------------------------- */

static const char note_sql[] =
	"insert into meta.report (pipeline, report, file, rows, ms, written_at,"
	" error, tried_at)"
	" values ($1, $2, $3, $4::bigint, $5::bigint,"
	" case when $6::text is null then clock_timestamp() end, $6,"
	" clock_timestamp())"
	" on conflict (pipeline, report) do update set file = excluded.file,"
	" rows = coalesce(excluded.rows, report.rows), ms = excluded.ms,"
	" written_at = coalesce(excluded.written_at, report.written_at),"
	" error = excluded.error, tried_at = excluded.tried_at";

static bool note(const struct pipeline *pipeline,
	const struct pipeline_report *report,
	const struct report_result *result, struct db *writer, struct err *err)
{
	const bool failed = result->error.kind != ERR_NONE;
	char rows[24], ms[24];
	const char *values[] = { pipeline->name, report->name, report->file,
		failed ? NULL : rows, ms, failed ? result->error.text : NULL };

	(void)snprintf(rows, sizeof(rows), "%" PRId64, result->rows);
	(void)snprintf(ms, sizeof(ms), "%" PRId64, result->ms);
	return db_query(writer, note_sql, 6, values, NULL, err) ||
		err_wrap(err, "note the report %s", report->name);
}

bool report_run(const struct config *config, const struct pipeline *pipeline,
	const struct pipeline_report *report, struct db *asker,
	struct db *writer, struct report_result *result, struct err *err)
{
	const int64_t started = clock_now_ms();
	struct err *why = &result->error;

	*result = (struct report_result){ .rows = 0 };
	if (!write_file(config, pipeline, report, asker, &result->rows, why)) {
		if (!db_alive(asker) || why->exit_code == EXIT_BUG) {
			*err = *why;
			return false;
		}
		(void)err_wrap(why, "%s:%d", pipeline->file, report->line);
	}
	result->ms = clock_now_ms() - started;
	return note(pipeline, report, result, writer, err);
}
