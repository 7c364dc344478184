/* database.h - a database of a test's own, migrated, with models and a session
 * that loads. */
#ifndef SLUICE_TESTS_DATABASE_H
#define SLUICE_TESTS_DATABASE_H

#include "common/config.h"
#include "common/db.h"
#include "common/pipeline.h"
#include "consumer/models.h"

struct test_database {
	char name[64];
	struct config config; /* the servers', with this database */
	struct pipeline_set set;
	struct models *models;
	struct db *owner;
	struct db *loader;
	int64_t loads;    /* made so far */
	char answer[256]; /* the last upsert's: "source inserted updated; .." */
};

/* Fails the test when anything is amiss. A folder NULL: the project's own. */
void test_database_open(struct test_database *base, const char *label,
	const char *pipelines_dir, const char *models_dir);
/* Drops it. */
void test_database_close(struct test_database *base);

/* Reads the folders again and applies what changed, as `sluice apply` does. */
void test_database_apply(struct test_database *base);
struct db *test_database_session(const struct test_database *base,
	const struct account *account);

/* The statement must succeed. */
void test_exec(struct db *db, const char *sql);
/* The first value of the answer; borrowed until the next call. */
const char *test_value(struct db *db, const char *sql);
int64_t test_number(struct db *db, const char *sql);

/* One load: begin, rows into the delta, upsert, models; not yet committed.
 * select gives the dataset's columns, _source and _offset. */
bool test_load_open(struct test_database *base, struct db *db,
	struct models *models, const struct dataset *dataset,
	const char *select, struct err *err);
/* The same and commit; must succeed. */
void test_load(struct test_database *base, const struct dataset *dataset,
	const char *select);

/* Rows that differ over all models. */
int64_t test_differences(struct test_database *base);

#endif
