/* lite.h - one SQLite file as a store: what its files share. Private to it.
 *
 * Tables are called <schema>_<table>: raw_events, raw_events_delta,
 * modelled_fact_events, meta_source. One writer at a time: a load begins
 * immediate, so whoever reads the ledger in it holds it. docs/SQLITE.md says
 * how PostgreSQL's types are kept. */
#ifndef SLUICE_LITE_H
#define SLUICE_LITE_H

#include "common/jsonb.h"
#include "common/sqlite.h"
#include "consumer/model.h"
#include "consumer/step.h"
#include "consumer/store.h"

#define LITE_VERSION 1 /* pragma user_version */

/* A value as SQLite keeps it; text lies in the batch's. */
struct lite_value {
	enum sqlite_kind kind;
	uint32_t len;
	union {
		int64_t i;
		double d;
		size_t at;
	} v;
};

/* A row of the load at hand; its values are at values[index * width]. */
struct lite_row {
	uint64_t prefix; /* of the key: sorts most rows */
	int64_t source, rank, offset, item;
	uint32_t index;
	uint32_t at;     /* the source's index in the batch */
};

struct lite_table {
	const struct dataset *dataset;
	size_t width; /* values of a row, `extra` included */
	bool derived;
	bool exact; /* values that say the same are the same bytes */
	struct sqlite_stmt *copy;    /* into the delta */
	struct sqlite_stmt *insert;  /* into the master, if the key is new */
	struct sqlite_stmt *look;    /* the master's row of a key */
	struct sqlite_stmt *replace; /* ... says something else now */
	struct sqlite_stmt *move;    /* ... says the same, by another source */
	struct lite_row *rows;
	size_t count, cap;
	struct lite_value *values;
	size_t value_cap;
	struct buf text;
	int64_t before;  /* the delta's last row when the load began */
	int64_t changed; /* master rows inserted or updated by this load */
};

struct lite {
	struct store store;
	struct sqlite *db; /* NULL: not open */
	struct session session; /* without a server: mappers and the filter */
	struct lite_table **tables;
	size_t table_count;
	struct jsonb jsonb;
	struct buf scratch[2];
	char day[CLOCK_TEXT]; /* of the load at hand */
	int64_t now_us;
	struct {
		int64_t source; /* 0: none */
		char claim[128];
	} claims[2]; /* looked up last, see lite_upsert.c */
};

/* -- lite_sql.c: names. Pure. */

/* "raw_events", in quotes. */
bool lite_add_relation(const char *schema, const char *table, struct buf *sql,
	struct err *err) MUST_CHECK;
/* SQL that was written with schema.table as SQLite takes it. */
bool lite_add_sql(const struct plan *plan, const char *text, struct buf *sql,
	struct err *err) MUST_CHECK;
/* The names of two relations may not become one. ERR_STOP, EXIT_CONFIG. */
bool lite_check_names(const struct plan *plan, struct err *err) MUST_CHECK;

/* -- lite_value.c */

/* Appends the cell to text as SQLite keeps it. key: equal values are to be
 * equal bytes. */
bool lite_value(struct jsonb *jsonb, const struct cell *cell, bool key,
	struct buf *text, struct lite_value *value, struct err *err)
	MUST_CHECK;
bool lite_bind(struct sqlite_stmt *stmt, int at, const struct lite_value *value,
	const char *text, struct err *err) MUST_CHECK;
/* Of two values of a row's column: below, equal to or above 0; nulls are equal
 * and stand before all others. */
int lite_compare(enum column_type type, const struct lite_value *a,
	const char *a_text, const struct lite_value *b, const char *b_text);
/* Whether the column of the statement's row says the same as the value, as
 * PostgreSQL sees it: 1.0 is 1.00, {"a": 1, "b": 2} is {"b": 2, "a": 1}. */
bool lite_same(struct lite *lite, enum column_type type,
	struct sqlite_stmt *stmt, int column, const struct lite_value *value,
	const char *text, bool *same, struct err *err) MUST_CHECK;
/* The column of the statement's row against the value, by its type's order;
 * both not null. */
int lite_compare_column(enum column_type type, struct sqlite_stmt *stmt,
	int column, const struct lite_value *value, const char *text);
/* The type of a row's i-th value: `extra` is json. */
enum column_type lite_type(const struct dataset *dataset, size_t i);

/* -- lite_meta.c, lite_schema.c: the books, and tables as the pipeline (NULL:
 * none) wants them. Within a transaction. */

bool lite_ensure_meta(struct lite *lite, struct err *err) MUST_CHECK;
bool lite_ensure_tables(struct lite *lite, const struct pipeline *pipeline,
	struct err *err) MUST_CHECK;
/* Its master, or with "_delta" its delta; a row's i-th column; how many it
 * has. */
bool lite_add_table(const struct dataset *dataset, const char *suffix,
	struct buf *sql, struct err *err) MUST_CHECK;
const char *lite_value_name(const struct dataset *dataset, size_t i);
size_t lite_width(const struct dataset *dataset);
/* "a" = ? and "b" = ? */
bool lite_add_keys(const struct dataset *dataset, const char *between,
	const char *after, struct buf *sql, struct err *err) MUST_CHECK;

/* -- lite_table.c. The dataset's table with its statements prepared; borrowed. NULL: error. */
struct lite_table *lite_table(struct lite *lite, const struct dataset *dataset,
	struct err *err);
void lite_forget_tables(struct lite *lite);

/* -- lite_rows.c: the sink of a load; lite_upsert.c: the winners. */

extern const struct sink lite_sink;
/* table->rows, one of each key, sorted by key, into the master; counts. */
bool lite_upsert(struct load *load, struct lite_table *table,
	const struct feed *feed, struct err *err) MUST_CHECK;

/* -- lite_ledger.c: sources, chunks, counters. */

bool lite_claim(struct load *load, struct err *err) MUST_CHECK;
bool lite_count(struct load *load, struct err *err) MUST_CHECK;
bool lite_reject(struct load *load, const struct cell *cells,
	struct err *err) MUST_CHECK;

/* -- lite_load.c */

bool lite_load(struct store *store, struct work **works, size_t count,
	bool careful, struct load_totals *totals, struct err *err) MUST_CHECK;
bool lite_begin(struct lite *lite, struct err *err) MUST_CHECK;
bool lite_commit(struct lite *lite, struct err *err) MUST_CHECK;
void lite_rollback(struct lite *lite);
/* Runs the statement with texts and a number; for what is run rarely. */
bool lite_run(struct lite *lite, const char *sql, size_t count,
	const char *const *values, struct err *err) MUST_CHECK;
/* The one number of the query's one row. */
bool lite_number(struct lite *lite, const char *sql, int64_t *number,
	struct err *err) MUST_CHECK;

/* -- models: lite_models.c makes and builds them, lite_refresh.c keeps them */

bool lite_ensure_models(struct lite *lite, const struct pipeline *pipeline,
	struct err *err) MUST_CHECK;
bool lite_catch(struct lite *lite, struct err *err) MUST_CHECK;
bool lite_refresh(struct load *load, struct err *err) MUST_CHECK;
bool lite_set_stale(struct lite *lite, const struct model *model,
	const char *why, int64_t load_id, int64_t ms, struct err *err)
	MUST_CHECK;
bool lite_build(struct store *store, const struct build_choice *choice,
	void (*say)(void *context, const struct build_report *report),
	void *context, int64_t *amiss, struct err *err) MUST_CHECK;
bool lite_verify(struct store *store, const char *name, int64_t *different,
	void (*say)(void *context, const struct model_info *model,
		int64_t rows, int64_t different),
	void *context, struct err *err) MUST_CHECK;
bool lite_models(struct store *store, store_say_model *say, void *context,
	struct err *err) MUST_CHECK;

/* -- lite_tests.c, lite_tables.c */

/* The row that was stepped to, as a JSON object; appended. */
bool lite_row_json(struct sqlite_stmt *stmt, struct buf *out, struct err *err)
	MUST_CHECK;
/* store_report's promise. */
bool lite_report(struct store *store, const struct pipeline *pipeline,
	const struct pipeline_report *report, struct report_result *result,
	struct err *err) MUST_CHECK;
bool lite_test(struct store *store, const struct pipeline *pipeline,
	const struct pipeline_test *test, struct datatest_result *result,
	struct err *err) MUST_CHECK;
bool lite_has(struct store *store, const struct pipeline *pipeline,
	bool *has, struct err *err) MUST_CHECK;
bool lite_tables(struct store *store, const struct pipeline *pipeline,
	store_say_table *say, void *context, struct err *err) MUST_CHECK;

#endif
