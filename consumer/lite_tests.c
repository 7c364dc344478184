/* lite_tests.c - data tests asked of an SQLite file. */
#include "consumer/lite_model.h"
#include "common/json.h"

#include <stdio.h>
#include <string.h>

#define KEPT_ROWS 100
#define KEPT_BYTES ((size_t)64 << 10)

/* -- asking ------------------------------------------------------------- */

static void put_value(struct json *object, struct sqlite_stmt *stmt, int at)
{
	const char *name = sqlite_column_name(stmt, at);

	switch (sqlite_kind(stmt, at)) {
	case SQLITE_KIND_INT:
		json_put_int(object, name, sqlite_int(stmt, at));
		break;
	case SQLITE_KIND_DOUBLE:
		json_put_double(object, name, sqlite_double(stmt, at));
		break;
	case SQLITE_KIND_TEXT:
		json_put_text(object, name, sqlite_text(stmt, at));
		break;
	case SQLITE_KIND_NULL:
	case SQLITE_KIND_BLOB:
		json_put_null(object, name);
		break;
	}
}

bool lite_row_json(struct sqlite_stmt *stmt, struct buf *out, struct err *err)
{
	struct json *object = json_object();
	bool ok;

	for (int i = 0; i < sqlite_columns(stmt); i++)
		put_value(object, stmt, i);
	ok = json_print(object, false, out, err);
	json_free(object);
	return ok;
}

static bool row_json(struct sqlite_stmt *stmt, struct buf *out,
	struct err *err)
{
	bool ok = lite_row_json(stmt, out, err);

	if (ok && out->len > KEPT_BYTES) {
		buf_reset(out);
		ok = buf_add_str(out, "{\"row\": \"larger than 64 KiB\"}", err);
	}
	return ok;
}

/* Lines of JSON of the first failing rows; *beyond: an age is beyond the one
 * that is an error. */
static bool gather(const struct pipeline_test *test, struct sqlite_stmt *stmt,
	struct datatest_result *result, struct buf *lines, bool *beyond,
	struct err *err)
{
	struct buf one = { 0 };
	bool row, ok;

	*beyond = test->kind != TEST_FRESHNESS;
	while ((ok = sqlite_step_row(stmt, &row, err)) && row) {
		if (test->kind == TEST_FRESHNESS)
			*beyond = test->error_secs > 0 &&
				(sqlite_kind(stmt, 1) == SQLITE_KIND_NULL ||
					sqlite_int(stmt, 1) >
						test->error_secs);
		if (result->failing++ >= KEPT_ROWS)
			continue;
		buf_reset(&one);
		ok = row_json(stmt, &one, err) &&
			(result->failing > 1 || buf_add_str(&result->first,
				one.data, err)) &&
			buf_printf(lines, err, "%s\n", one.data);
		if (!ok)
			break;
	}
	buf_clear(&one);
	return ok;
}

static bool ask_query(struct lite *lite, const struct pipeline_test *test,
	const char *sql, struct datatest_result *result, struct buf *lines,
	struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepare(lite->db, sql, err);
	bool beyond = false, ok;

	ok = stmt != NULL && gather(test, stmt, result, lines, &beyond, err);
	sqlite_finish(stmt);
	if (!ok)
		return err_stop(err, EXIT_DATA, "%s", sqlite_why(lite->db));
	if (result->failing == 0)
		result->outcome = OUTCOME_PASS;
	else
		result->outcome = test->warn_only || !beyond ? OUTCOME_WARN :
							       OUTCOME_FAIL;
	return true;
}

/* What users wrote must not write. */
static bool ask(struct lite *lite, const struct pipeline *pipeline,
	const struct pipeline_test *test, struct datatest_result *result,
	struct buf *lines, struct err *err)
{
	const struct store_options *options = &lite->store.options;
	struct buf written = { 0 }, sql = { 0 };
	struct err ignored;
	bool ok;

	ok = datatest_query(pipeline, test, options->config->models_dir,
		     SQL_SQLITE, &written, err) &&
		lite_add_sql(options->plan, written.data, &sql, err) &&
		sqlite_run(lite->db, "pragma query_only = on", err) &&
		ask_query(lite, test, sql.data, result, lines, err);
	(void)!sqlite_run(lite->db, "pragma query_only = off", &ignored);
	buf_clear(&written);
	buf_clear(&sql);
	return ok;
}

/* -- writing it down ---------------------------------------------------- */

static bool keep_rows(struct lite *lite, int64_t result_id, char *lines,
	struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepared(lite->db, "insert into"
		" meta_test_failure (result_id, n, row) values (?, ?, ?)",
		err);
	bool row, ok = stmt != NULL;
	char *end;

	for (int64_t n = 1; ok && *lines != '\0'; n++, lines = end + 1) {
		end = strchr(lines, '\n');
		*end = '\0';
		ok = sqlite_bind_int(stmt, 1, result_id, err) &&
			sqlite_bind_int(stmt, 2, n, err) &&
			sqlite_bind_text(stmt, 3, lines, err) &&
			sqlite_step_row(stmt, &row, err);
	}
	return ok;
}

/* Failing rows are kept of each test's last run alone. */
static bool forget_rows(struct lite *lite, const struct pipeline *pipeline,
	const struct pipeline_test *test, struct err *err)
{
	return lite_run(lite, "delete from meta_test_failure where result_id"
		" in (select result_id from meta_test_result"
		" where pipeline = ? and test = ?)", 2,
		(const char *const[]){ pipeline->name, test->name }, err);
}

static bool record(struct lite *lite, const struct pipeline *pipeline,
	const struct pipeline_test *test, struct datatest_result *result,
	struct buf *lines, struct err *err)
{
	const bool broken = result->outcome == OUTCOME_BROKEN;
	char now[DATETIME_TEXT], failing[24], ms[24];
	bool ok;

	(void)snprintf(failing, sizeof(failing), "%lld",
		(long long)result->failing);
	(void)snprintf(ms, sizeof(ms), "%lld", (long long)result->ms);
	ok = lite_begin(lite, err) &&
		forget_rows(lite, pipeline, test, err) &&
		lite_run(lite, "insert into meta_test_result (pipeline, test,"
			" kind, severity, outcome, failing, error, ms, ran_at)"
			" values (?, ?, ?, ?, ?, cast(? as integer), ?,"
			" cast(? as integer), ?)", 9, (const char *const[]){
				pipeline->name, test->name,
				test_kind_name(test->kind),
				test_severity(test),
				outcome_name(result->outcome),
				broken ? NULL : failing,
				broken ? result->error.data : NULL, ms,
				lite_now(lite, now) }, err);
	result->result_id = ok ? sqlite_rowid(lite->db) : 0;
	ok = ok && (lines->len == 0 || keep_rows(lite, result->result_id,
			   lines->data, err)) && lite_commit(lite, err);
	if (!ok)
		lite_rollback(lite);
	return ok;
}

bool lite_test(struct store *store, const struct pipeline *pipeline,
	const struct pipeline_test *test, struct datatest_result *result,
	struct err *err)
{
	struct lite *lite = (struct lite *)store;
	const int64_t started = clock_now_ms();
	struct buf lines = { 0 };
	struct err why = { 0 };
	bool ok = true;

	*result = (struct datatest_result){ 0 };
	if (!ask(lite, pipeline, test, result, &lines, &why)) {
		result->outcome = OUTCOME_BROKEN;
		result->failing = 0;
		buf_reset(&result->first);
		buf_reset(&lines);
		ok = buf_printf(&result->error, err, "%s:%d: %s",
			pipeline->file, test->line, why.text);
	}
	result->ms = clock_now_ms() - started;
	ok = ok && record(lite, pipeline, test, result, &lines, err);
	buf_clear(&lines);
	if (!ok)
		datatest_result_clear(result);
	return ok;
}
