/* datatest.h - data tests: what a table promises, asked of the table. */
#ifndef SLUICE_DATATEST_H
#define SLUICE_DATATEST_H

#include "common/db.h"
#include "common/pipeline.h"
#include "consumer/sqltext.h"

enum outcome {
	OUTCOME_PASS,
	OUTCOME_WARN,   /* failed, by severity or by age */
	OUTCOME_FAIL,
	OUTCOME_BROKEN, /* could not be asked: the error says why */
};

const char *outcome_name(enum outcome outcome);

struct datatest_result {
	enum outcome outcome;
	int64_t failing;   /* rows, or groups of rows */
	int64_t ms;
	int64_t result_id; /* in meta.test_result */
	struct buf first;  /* JSON of the first failing row; empty: none */
	struct buf error;  /* of a broken one; empty: none */
};

/* The query that returns one row for each failure; appended. file_sql: the
 * text of a TEST_SQL's file. Pure. */
bool datatest_sql(const struct pipeline_test *test, enum sql_dialect dialect,
	const char *file_sql, struct buf *sql, struct err *err) MUST_CHECK;
/* The same, with its file read: <models_dir>/<pipeline>/tests/<file>.sql, for
 * SQLite <file>.sqlite.sql where there is one. */
bool datatest_query(const struct pipeline *pipeline,
	const struct pipeline_test *test, const char *models_dir,
	enum sql_dialect dialect, struct buf *sql, struct err *err) MUST_CHECK;

/* Runs one test: asked in a read-only transaction of `asker`, written to
 * meta.test_result, with up to 100 failing rows in meta.test_failure, by
 * `writer` (may be the same). A test that cannot be asked is BROKEN, and that
 * is written as well. False: a session is lost, or nothing could be written.
 * Neither session may be in a transaction. A query that tried to write costs
 * the asker its session: db_alive tells. */
bool datatest_run(const struct pipeline *pipeline,
	const struct pipeline_test *test, const char *models_dir,
	struct db *asker, struct db *writer, struct datatest_result *result,
	struct err *err) MUST_CHECK;
void datatest_result_clear(struct datatest_result *result);

#endif
