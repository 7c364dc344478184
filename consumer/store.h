/* store.h - where loads go: PostgreSQL, or an SQLite file. The same promises,
 * the same tables, two implementations.
 *
 * A store is opened without touching anything; store_ensure connects. What is
 * asked of a store that does not have it is ERR_STOP, EXIT_USAGE. */
#ifndef SLUICE_STORE_H
#define SLUICE_STORE_H

#include "consumer/datatest.h"
#include "consumer/filter.h"
#include "consumer/models.h"
#include "consumer/plan.h"
#include "consumer/reports.h"
#include "consumer/sqltext.h"

/* pragma application_id of SQLite files that are ours: "SluC". */
#define STORE_LITE_APPLICATION 0x536c7543

struct work;
struct load_totals;

struct store_options {
	const struct config *config;
	struct plan *plan;   /* read for the store's dialect */
	const char *name;    /* of who loads, in meta.load */
	const char *file;    /* of SQLite; NULL: PostgreSQL */
	bool create;         /* SQLite: make the file and what is missing in it
			      * (tables, models); else it must be there */
	const struct date_filter *filter; /* NULL: everything is meant */
	int stop_fd;         /* readable: PostgreSQL is waited for no more; 0:
			      * none */
};

/* A table, as store_tables tells of it. */
struct store_table {
	const char *name;   /* as the database calls it */
	const char *what;   /* "master", "delta", "incremental", "view" ... */
	int64_t rows;
	int64_t keys;       /* distinct ones; -1: it has none */
};
typedef bool store_say_table(void *context, const struct store_table *table,
	struct err *err);

/* What meta.model knows of a model; texts are borrowed during the call. */
struct store_model {
	struct model_info info;
	bool known;         /* the database has it */
	const char *state, *error, *refreshed_at;
	int64_t refreshes, changed_rows, refresh_us;
};
typedef void store_say_model(void *context, const struct store_model *model);

struct store {
	const struct store_kind *kind;
	struct store_options options;
};

struct store_kind {
	const char *name;
	bool (*ensure)(struct store *store, const struct pipeline *pipeline,
		struct err *err);
	bool (*alive)(const struct store *store);
	bool (*load)(struct store *store, struct work **works, size_t count,
		bool careful, struct load_totals *totals, struct err *err);
	bool (*build)(struct store *store, const struct build_choice *choice,
		void (*say)(void *context, const struct build_report *report),
		void *context, int64_t *amiss, struct err *err);
	bool (*verify)(struct store *store, const char *name,
		int64_t *different,
		void (*say)(void *context, const struct model_info *model,
			int64_t rows, int64_t different),
		void *context, struct err *err);
	bool (*test)(struct store *store, const struct pipeline *pipeline,
		const struct pipeline_test *test,
		struct datatest_result *result, struct err *err);
	bool (*report)(struct store *store, const struct pipeline *pipeline,
		const struct pipeline_report *report,
		struct report_result *result, struct err *err);
	bool (*models)(struct store *store, store_say_model *say,
		void *context, struct err *err);
	bool (*has)(struct store *store, const struct pipeline *pipeline,
		bool *has, struct err *err);
	bool (*tables)(struct store *store, const struct pipeline *pipeline,
		store_say_table *say, void *context, struct err *err);
	void (*close)(struct store *store);
};

/* Borrows all of the options. NULL: out of memory. */
struct store *store_open(const struct store_options *options,
	struct err *err);
/* NULL is fine. */
void store_close(struct store *store);
/* The dialect of what store_open would give, for models_read_as. */
enum sql_dialect store_dialect(const char *file);

/* Connects when there is no live connection; SQLite: makes the tables and
 * models of the pipeline (NULL: asks for nothing) and what they read. Errors:
 * EXIT_SERVER, EXIT_CONFIG what is there does not fit; SQLite: EXIT_IO the file
 * is something else, damaged, a folder, not to be written. */
bool store_ensure(struct store *store, const struct pipeline *pipeline,
	struct err *err) MUST_CHECK;
/* Whether what failed may be tried again on this connection. */
bool store_alive(const struct store *store);
/* load_run's promise. */
bool store_works(struct store *store, struct work **works, size_t count,
	bool careful, struct load_totals *totals, struct err *err) MUST_CHECK;

/* models_build's, models_verify's and datatest_run's. */
bool store_build(struct store *store, const struct build_choice *choice,
	void (*say)(void *context, const struct build_report *report),
	void *context, int64_t *amiss, struct err *err) MUST_CHECK;
bool store_verify(struct store *store, const char *name, int64_t *different,
	void (*say)(void *context, const struct model_info *model,
		int64_t rows, int64_t different),
	void *context, struct err *err) MUST_CHECK;
bool store_test(struct store *store, const struct pipeline *pipeline,
	const struct pipeline_test *test, struct datatest_result *result,
	struct err *err) MUST_CHECK;
/* report_run's, but that it is not noted anywhere. */
bool store_report(struct store *store, const struct pipeline *pipeline,
	const struct pipeline_report *report, struct report_result *result,
	struct err *err) MUST_CHECK;
/* Every model of the plan. */
bool store_models(struct store *store, store_say_model *say, void *context,
	struct err *err) MUST_CHECK;
/* Whether there are tables of the pipeline; of PostgreSQL it is taken for
 * granted. */
bool store_has(struct store *store, const struct pipeline *pipeline,
	bool *has, struct err *err) MUST_CHECK;
/* Each table of the pipeline: deltas, masters, models. PostgreSQL is not
 * asked: counting would read all of it. */
bool store_tables(struct store *store, const struct pipeline *pipeline,
	store_say_table *say, void *context, struct err *err) MUST_CHECK;

#endif
