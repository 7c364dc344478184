/* reports.h - a pipeline's reports: asked of the database, written to files. */
#ifndef SLUICE_REPORTS_H
#define SLUICE_REPORTS_H

#include "common/config.h"
#include "common/db.h"
#include "common/pipeline.h"
#include "consumer/sqltext.h"

struct report_result {
	int64_t rows;
	int64_t ms;
	struct err error; /* why it could not be written; ERR_NONE: it was */
};

/* Asks in a read-only transaction of `asker` and replaces the file below
 * output_dir: whole, or not at all. What came of it goes to meta.report by
 * `writer`. One that cannot be asked or written is told in the result. False:
 * a session is lost, or nothing could be noted. Neither session may be in a
 * transaction. */
bool report_run(const struct config *config, const struct pipeline *pipeline,
	const struct pipeline_report *report, struct db *asker,
	struct db *writer, struct report_result *result, struct err *err)
	MUST_CHECK;

/* The query's rows as the report wants them, and in its order; appended. Pure. */
bool report_sql(const struct pipeline_report *report, const char *query,
	struct buf *sql, struct err *err) MUST_CHECK;

/* Reads the report's query file into an empty buf: <query>.sql of the
 * pipeline's reports/, or <query>.sqlite.sql where that is the dialect. */
bool report_query(const struct pipeline *pipeline,
	const struct pipeline_report *report, const char *models_dir,
	enum sql_dialect dialect, struct buf *query, struct err *err)
	MUST_CHECK;

#endif
