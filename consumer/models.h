/* models.h - the modelled schema: read, ordered, kept in step with the master.
 *
 * A model is sql/models/<pipeline>/<name>.sql: one select with a head comment
 * of "-- key: value" lines: materialized (incremental | table | view), grain
 * (the output columns that make a row unique), depends (other models or
 * tables), description; incremental ones also `rows` (the output column that
 * counts input rows; a row whose count reaches 0 vanishes). An incremental
 * select reads one table only, groups by its grain and has only additive
 * measures (count, sum): the same select over the rows that appeared minus the
 * same over those that vanished is the change. What it reads may be a master,
 * a delta or another incremental model, so distinct counts are a chain: first
 * one row a distinct value, then a count over those rows. */
#ifndef SLUICE_MODELS_H
#define SLUICE_MODELS_H

#include "common/db.h"
#include "common/pipeline.h"
#include "consumer/sqltext.h"

struct models; /* every model of a pipeline set, in dependency order */

/* Reads and orders the files below models_dir. A missing file, an unknown
 * head key, a cycle (its path is named) or an unknown dependency: ERR_STOP,
 * EXIT_CONFIG with file and line. The set must outlive the models. */
struct models *models_read(const char *models_dir,
	const struct pipeline_set *set, struct err *err);
/* The same as they are written for another database. */
struct models *models_read_as(const char *models_dir, enum sql_dialect dialect,
	const struct pipeline_set *set, struct err *err);
void models_free(struct models *models);

struct model_info {
	const char *pipeline;
	const char *name;
	const char *file;
	const char *materialized;
	const char *grain;
	const char *depends;
	const char *description;
	const char *relation; /* "modelled"."fact_events" */
};
size_t models_count(const struct models *models);
struct model_info models_info(const struct models *models, size_t at);

/* Who reads whom, appended: a tree from masters and deltas on, a model under
 * each that it reads; or the same in Graphviz's DOT. */
bool models_graph(const struct models *models, bool dot, struct buf *out,
	struct err *err) MUST_CHECK;

/* A select over the rows of a master or delta that stand behind a model's rows
 * with these values ($1 ...; "" is null) in these columns: _source, _offset,
 * _load, _item. *dataset is whose they are; NULL: no model is called so.
 * ERR_REJECT: it cannot be told from these columns. */
bool models_trace_sql(const struct models *models, const char *name,
	char **columns, size_t count, struct buf *sql,
	const struct dataset **dataset, struct err *err) MUST_CHECK;

/* -- as the owner ------------------------------------------------------ */

/* The SQL that makes the database hold these models: creates what is missing,
 * creates anew what was changed (and what reads it), drops what is not listed
 * any more; tables with a unique index on the grain (nulls not distinct),
 * views, triggers, grants, meta.model rows. Empty when nothing is to be done.
 * Each step starts with a line "--- what it does". Run by `sluice apply`;
 * --dry-run prints it. What was created is stale until it is built. */
bool models_apply_sql(const struct models *models, struct db *db,
	struct buf *sql, struct err *err) MUST_CHECK;

/* After the server refused that SQL: when the fault lies in a model's select,
 * err gets its file and line. Returns false. */
bool models_explain(const struct models *models, const struct db *db,
	const char *sql, struct err *err);

enum build_outcome {
	BUILD_DONE,
	BUILD_FAILED,  /* its select failed: rolled back, stale */
	BUILD_SKIPPED, /* a model it reads could not be built */
};

struct build_report {
	struct model_info model;
	enum build_outcome outcome;
	int64_t rows, ms;
	const char *why; /* failed: file, line, SQLSTATE; skipped: which model;
			  * NULL: done */
};

/* Which ones to build. names: NAME, or +NAME: with all it reads; NAME may end
 * with + as well: what reads it comes along in any case, for it would be
 * stale, and so do the stale ones it reads. No names: the stale ones; with
 * full all; with unbuilt those that never were built (what went stale stays so:
 * building it may take long, or fail again). */
struct build_choice {
	const char *const *names;
	size_t count;
	bool full, unbuilt;
};

/* Builds them from scratch, each in a transaction of its own, its sources
 * locked against writers, and marks them fresh. One that fails is kept in
 * meta.model_run, those that read it are skipped, the others go on. say (may
 * be NULL) hears of each; *amiss (may be NULL) counts those not built. May run
 * as the loader. */
bool models_build(const struct models *models, struct db *db,
	const struct build_choice *choice,
	void (*say)(void *context, const struct build_report *report),
	void *context, int64_t *amiss, struct err *err) MUST_CHECK;

/* The same within the caller's transaction, each in a savepoint. */
bool models_build_within(const struct models *models, struct db *db,
	const struct build_choice *choice,
	void (*say)(void *context, const struct build_report *report),
	void *context, int64_t *amiss, struct err *err) MUST_CHECK;

/* Recomputes and compares; *different counts rows that differ over all
 * models, each model's line is reported through say (may be NULL). */
bool models_verify(const struct models *models, struct db *db,
	const char *name, int64_t *different,
	void (*say)(void *context, const struct model_info *model,
		int64_t rows, int64_t different),
	void *context, struct err *err) MUST_CHECK;

/* -- in the consumer's transaction ------------------------------------- */

/* Once per session, outside a transaction: the temporary tables into which
 * the triggers put changed rows (emptied at each commit). Without them the
 * triggers mark the models of the table stale. */
bool models_session(struct models *models, struct db *db, struct err *err)
	MUST_CHECK;

/* A dataset's delta got rows in this load. */
struct models_delta {
	const struct dataset *dataset;
	const char *partition; /* quoted */
};
/* After the upserts: refreshes the incremental models that read what changed,
 * in dependency order, each in a savepoint; one that fails becomes stale with
 * its dependents (error kept) and the load goes on. False only when the
 * session is lost or must be rolled back; *at (may be NULL) is then the
 * dataset behind the model that failed, or NULL. */
bool models_refresh(const struct models *models, struct db *db,
	int64_t load_id, const struct models_delta *deltas, size_t count,
	const struct dataset **at, struct err *err) MUST_CHECK;

/* A partition (quoted; held by meta.delta_hold) of the dataset's delta is
 * about to be dropped in this transaction: keeps what the models counted in it.
 * Fails with ERR_RETRY while the database has other models than these. */
bool models_keep_counts(const struct models *models, struct db *db,
	const struct dataset *dataset, const char *partition, struct err *err)
	MUST_CHECK;

#endif
