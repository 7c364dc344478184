/* model.h - one model, as the files of models.c see it. */
#ifndef SLUICE_MODEL_H
#define SLUICE_MODEL_H

#include "common/hash.h"
#include "consumer/models.h"

enum model_kind { MODEL_INCREMENTAL, MODEL_TABLE, MODEL_VIEW };

struct names {
	char **items;
	size_t count;
};

/* schema.table, and the same quoted. */
struct relation {
	char *schema;
	char *table;
	char *quoted;
};

/* What a model reads: another model, a master or a delta. */
struct model_source {
	struct relation relation;
	size_t model;                  /* SIZE_MAX: none */
	const struct dataset *dataset; /* NULL: a model */
	bool delta;
};

struct model {
	/* from the file */
	char *pipeline;
	char *name;
	char *key; /* "<pipeline>.<name>" */
	char *file;
	enum model_kind kind;
	bool kind_given;
	char *grain_text; /* as written */
	struct names grain;
	char *depends_text;
	char *rows; /* the column that counts; incremental only */
	char *description;
	char *select; /* without its final semicolon */
	int select_line; /* of the file, where select begins */
	char sha256[SHA256_TEXT];
	struct relation relation; /* in schema modelled */

	/* from model_order */
	struct model_source *sources;
	size_t source_count;

	/* from the database, models_session */
	struct names measures; /* columns that are not grain */
};

/* A table whose changes are caught for the models that read it. */
struct capture {
	const struct relation *relation;
	const struct dataset *dataset; /* NULL: a model's table */
	size_t model;                  /* SIZE_MAX: a dataset's master */
	char fresh[32], gone[32];      /* names of the temporary tables */
};

struct models {
	struct model *items;
	size_t count;
	struct capture *captures;
	size_t capture_count;
};

/* Whether NAME of the command line is this model's; NULL: every model's. */
bool model_is_named(const struct model *model, const char *name);
/* ERR_STOP, EXIT_USAGE when no model is called so. */
bool models_check_name(const struct models *models, const char *name,
	struct err *err) MUST_CHECK;
/* A copy that knows its measures, where the SQL needs them; its own measures
 * alone are freed by model_forget_measures. */
bool model_with_measures(const struct model *model, struct db *db,
	struct model *copy, struct err *err) MUST_CHECK;
void model_forget_measures(struct model *copy);
/* After the server refused sql (NULL: unknown) which was made of this model:
 * err becomes "<file>:<line>: <text> (SQLSTATE <code>)". Returns false. */
bool model_explain(const struct model *model, const struct db *db,
	const char *sql, struct err *err);
/* Marks the model stale, with all that read it, and keeps why in meta.model
 * and meta.model_run; load_id 0: no load was concerned. */
bool model_set_stale(struct db *db, const struct model *model,
	const char *why, int64_t load_id, int64_t ms, struct err *err)
	MUST_CHECK;

/* Reads head and select from memory; pipeline and name are the model's, file
 * is for messages. On failure the model is to be cleared as well. */
bool model_parse(const char *text, size_t len, const char *pipeline,
	const char *name, const char *file, struct model *model,
	struct err *err) MUST_CHECK;
/* The same from <models_dir>/<pipeline>/<name>.sql; for SQLite from
 * <name>.sqlite.sql where there is one. */
bool model_read(const char *models_dir, enum sql_dialect dialect,
	const char *pipeline, const char *name, struct model *model,
	struct err *err) MUST_CHECK;
void model_clear(struct model *model);
const char *model_kind_name(enum model_kind kind);

/* Finds what each model reads, puts them in dependency order (stable: else as
 * listed), checks what an incremental model may read, finds what is to be
 * captured. */
bool model_order(struct models *models, const struct pipeline_set *set,
	struct err *err) MUST_CHECK;
/* The capture of a source's changes, or NULL: a delta has none. */
const struct capture *model_capture(const struct models *models,
	const struct model_source *source);
/* changed has a flag for each model: sets those that read, directly or
 * through others, a model whose flag is set. */
void model_spread(const struct models *models, bool *changed);

/* The SQL made of models; all appended. */
bool model_create_sql(const struct model *model, struct buf *sql,
	struct err *err) MUST_CHECK;
bool model_capture_sql(const struct models *models,
	const struct capture *capture, struct buf *sql, struct err *err)
	MUST_CHECK;
/* The columns that are caught: of a master those in use, of a model (narrow as
 * it is) all, none where tables alone read it. */
bool model_caught_sql(const struct models *models,
	const struct capture *capture, struct buf *sql, struct err *err)
	MUST_CHECK;
/* Whether an incremental model that reads the relation may use the column;
 * NULL: whether there is such a model. */
bool model_catches(const struct models *models, const struct capture *capture,
	const char *column);
/* The temporary tables of one capture. */
bool model_session_sql(const struct models *models,
	const struct capture *capture, struct buf *sql, struct err *err)
	MUST_CHECK;
/* The refresh: fresh and gone are relations (SQL) holding the rows that
 * appeared and vanished, either may be NULL. Returns one row: groups touched,
 * how many fell below zero, tid[] of those that are empty now. */
bool model_refresh_sql(const struct model *model, const char *fresh,
	const char *gone, struct buf *sql, struct err *err) MUST_CHECK;
/* delete from the model the rows of $1 tid[]. */
bool model_vanish_sql(const struct model *model, struct buf *sql,
	struct err *err) MUST_CHECK;
/* Whether it is what counts are kept for when a delta's partition goes. */
bool model_reads_delta(const struct model *model);
/* The columns of its table that are not grain, into model->measures. */
bool model_read_measures(struct model *model, struct db *db, struct err *err)
	MUST_CHECK;
/* For one that reads a delta: the rows of dropped partitions and those of a
 * partition (quoted) become the former. */
bool model_tally_sql(const struct model *model, const char *partition,
	struct buf *sql, struct err *err) MUST_CHECK;
/* Inserts all anew. One that reads a delta must have its measures, here and
 * below. */
bool model_build_sql(const struct model *model, struct buf *sql,
	struct err *err) MUST_CHECK;
/* Returns one row: rows of the table, rows that differ. */
bool model_verify_sql(const struct model *model, struct buf *sql,
	struct err *err) MUST_CHECK;
/* How a database builds them. */
struct build_ops {
	/* Flags those that are fresh, stale, unbuilt or known there. */
	bool (*flags)(void *database, const struct models *models,
		const char *which, bool *flags, struct err *err);
	/* One, in a transaction of its own. */
	bool (*build)(void *database, const struct models *models, size_t at,
		int64_t *rows, struct err *err);
	/* Whether it failed for what the model is: the others go on. */
	bool (*is_fault)(void *database, const struct err *why);
	bool (*stale)(void *database, const struct model *model,
		const char *why, int64_t ms, struct err *err);
};
/* models_build's promise, for any database. */
bool model_build_chosen(const struct models *models,
	const struct build_ops *ops, void *database,
	const struct build_choice *choice,
	void (*say)(void *context, const struct build_report *report),
	void *context, int64_t *amiss, struct err *err) MUST_CHECK;
/* array['a', 'b']::text[] */
bool model_array_sql(char *const *items, size_t count, struct buf *sql,
	struct err *err) MUST_CHECK;

#endif
