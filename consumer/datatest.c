/* datatest.c - runs a data test and writes down what came out. */
#include "consumer/datatest.h"
#include "common/clock.h"
#include "consumer/textfile.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)

const char *outcome_name(enum outcome outcome)
{
	static const char *const names[] = {
		[OUTCOME_PASS] = "pass",
		[OUTCOME_WARN] = "warn",
		[OUTCOME_FAIL] = "fail",
		[OUTCOME_BROKEN] = "broken",
	};

	return names[outcome];
}

void datatest_result_clear(struct datatest_result *result)
{
	buf_clear(&result->first);
	buf_clear(&result->error);
	*result = (struct datatest_result){ 0 };
}

/* -- the query ---------------------------------------------------------- */

static bool find_file(const struct pipeline *pipeline,
	const struct pipeline_test *test, const char *models_dir,
	enum sql_dialect dialect, struct buf *path, struct err *err)
{
	if (!buf_printf(path, err, "%s/%s/tests/%s.sqlite.sql", models_dir,
		    pipeline->name, test->file))
		return false;
	if (dialect == SQL_SQLITE && access(path->data, F_OK) == 0)
		return true;
	buf_reset(path);
	return buf_printf(path, err, "%s/%s/tests/%s.sql", models_dir,
		pipeline->name, test->file);
}

static bool read_query(const struct pipeline *pipeline,
	const struct pipeline_test *test, const char *models_dir,
	enum sql_dialect dialect, struct buf *text, struct err *err)
{
	struct buf path = { 0 };
	bool ok;

	if (test->kind != TEST_SQL)
		return true;
	ok = find_file(pipeline, test, models_dir, dialect, &path, err) &&
		textfile_read_query(path.data, text, err);
	buf_clear(&path);
	return ok;
}

bool datatest_query(const struct pipeline *pipeline,
	const struct pipeline_test *test, const char *models_dir,
	enum sql_dialect dialect, struct buf *sql, struct err *err)
{
	struct buf file = { .max = FILE_MAX_BYTES };
	const bool ok = read_query(pipeline, test, models_dir, dialect, &file,
			err) &&
		datatest_sql(test, dialect, file.data, sql, err);

	buf_clear(&file);
	return ok;
}

/* One row for each failing row that is kept, at least one: how many there are,
 * whether an age is beyond `error`, the row. */
static bool wrap_query(const struct pipeline *pipeline,
	const struct pipeline_test *test, const char *models_dir,
	struct buf *sql, struct err *err)
{
	bool ok;

	ok = buf_add_str(sql, "with f as materialized (\n", err) &&
		datatest_query(pipeline, test, models_dir, SQL_POSTGRES, sql,
			err) &&
		buf_add_str(sql, "\n)\nselect (select count(*) from f), ", err);
	if (ok && test->kind == TEST_FRESHNESS && test->error_secs > 0)
		ok = buf_printf(sql, err, "(select age_secs is null or "
			"age_secs > %lld from f)",
			(long long)test->error_secs);
	else
		ok = ok && buf_add_str(sql, test->kind == TEST_FRESHNESS ?
			"false" : "true", err);
	return ok && buf_add_str(sql, ",\n"
		"\tcase when pg_column_size(l) > 65536\n"
		"\t\tthen '{\"row\": \"larger than 64 KiB\"}'::jsonb\n"
		"\t\telse to_jsonb(l) end\n"
		"from (select) one left join (select * from f limit 100) l"
		" on true", err);
}

/* -- asking ------------------------------------------------------------- */

static void judge(const struct pipeline_test *test,
	const struct db_result *rows, struct datatest_result *result)
{
	const bool beyond = db_value(rows, 0, 1)[0] == 't';

	result->failing = db_int(rows, 0, 0);
	if (result->failing == 0)
		result->outcome = OUTCOME_PASS;
	else
		result->outcome = test->warn_only || !beyond ? OUTCOME_WARN :
							       OUTCOME_FAIL;
}

static bool keep_rows(const struct db_result *rows,
	struct datatest_result *result, struct buf *array, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < db_rows(rows); i++)
		if (!db_is_null(rows, i, 2))
			ok = sql_add_array_item(array, db_value(rows, i, 2),
				db_value_len(rows, i, 2), err);
	return ok && (array->len == 0 ||
		buf_add_str(&result->first, db_value(rows, 0, 2), err));
}

static bool ask(const struct pipeline *pipeline,
	const struct pipeline_test *test, const char *models_dir,
	struct db *db, struct datatest_result *result, struct buf *array,
	struct err *err)
{
	struct buf sql = { 0 };
	struct db_result *rows = NULL;
	bool ok;

	ok = wrap_query(pipeline, test, models_dir, &sql, err) &&
		db_begin(db, err) &&
		db_exec(db, "set transaction read only", err) &&
		db_query(db, sql.data, 0, NULL, &rows, err);
	if (ok) {
		judge(test, rows, result);
		ok = keep_rows(rows, result, array, err);
	}
	db_rollback(db);
	db_result_free(rows);
	buf_clear(&sql);
	return ok;
}

/* -- writing it down ---------------------------------------------------- */

/* Failing rows are kept of each test's last run alone. */
static const char record_sql[] =
	"with r as (\n"
	"insert into meta.test_result (pipeline, test, kind, severity,\n"
	"\toutcome, failing, error, ms)\n"
	"values ($1, $2, $3, $4, $5, $6::bigint, $7, $8::bigint)\n"
	"returning result_id\n"
	"), gone as (\n"
	"delete from meta.test_failure f\n"
	"using meta.test_result o\n"
	"where o.result_id = f.result_id and o.pipeline = $1 and o.test = $2\n"
	"), kept as (\n"
	"insert into meta.test_failure (result_id, n, row)\n"
	"select r.result_id, u.n, u.row::jsonb\n"
	"from r, unnest($9::text[]) with ordinality u (row, n)\n"
	")\n"
	"select result_id from r";

static bool record(const struct pipeline *pipeline,
	const struct pipeline_test *test, struct db *db, const char *array,
	struct datatest_result *result, struct err *err)
{
	const bool broken = result->outcome == OUTCOME_BROKEN;
	struct db_result *answer = NULL;
	char failing[24], ms[24];
	const char *values[] = { pipeline->name, test->name,
		test_kind_name(test->kind), test_severity(test),
		outcome_name(result->outcome), broken ? NULL : failing,
		broken ? result->error.data : NULL, ms, array };

	(void)snprintf(failing, sizeof(failing), "%lld",
		(long long)result->failing);
	(void)snprintf(ms, sizeof(ms), "%lld", (long long)result->ms);
	if (!db_query(db, record_sql, 9, values, &answer, err))
		return false;
	result->result_id = db_int(answer, 0, 0);
	db_result_free(answer);
	return true;
}

bool datatest_run(const struct pipeline *pipeline,
	const struct pipeline_test *test, const char *models_dir,
	struct db *asker, struct db *writer, struct datatest_result *result,
	struct err *err)
{
	const int64_t started = clock_now_ms();
	struct buf array = { 0 };
	struct err why = { 0 };
	bool ok = true;

	*result = (struct datatest_result){ 0 };
	if (!ask(pipeline, test, models_dir, asker, result, &array, &why)) {
		/* the door gives a session up that met a read-only server */
		if ((!db_alive(asker) && strcmp(why.code, "25006") != 0) ||
			why.exit_code == EXIT_BUG) {
			*err = why;
			ok = false;
			goto out;
		}
		result->outcome = OUTCOME_BROKEN;
		buf_reset(&array);
		ok = buf_printf(&result->error, err, "%s:%d: %s",
			pipeline->file, test->line, why.text);
	}
	result->ms = clock_now_ms() - started;
	ok = ok && record(pipeline, test, writer,
		array.len > 0 ? array.data : "{}", result, err);
out:
	buf_clear(&array);
	if (!ok)
		datatest_result_clear(result);
	return ok;
}
