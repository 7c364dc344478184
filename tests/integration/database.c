/* database.c - a database of a test's own. */
#include "tests/integration/database.h"
#include "cli/connect.h"
#include "cli/migrate.h"
#include "consumer/tables.h"
#include "tests/integration/support.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void must(bool ok, const struct err *err)
{
	if (!ok)
		(void)fprintf(stderr, "%s: %s\n", err->code, err->text);
	CU_ASSERT_TRUE_FATAL(ok);
}

/* -- questions --------------------------------------------------------- */

void test_exec(struct db *db, const char *sql)
{
	struct err err = { 0 };

	must(db_exec(db, sql, &err), &err);
}

const char *test_value(struct db *db, const char *sql)
{
	static char value[4096];
	struct db_result *result = NULL;
	struct err err = { 0 };

	must(db_query(db, sql, 0, NULL, &result, &err), &err);
	CU_ASSERT_FATAL(db_rows(result) > 0);
	(void)snprintf(value, sizeof(value), "%s", db_value(result, 0, 0));
	db_result_free(result);
	return value;
}

int64_t test_number(struct db *db, const char *sql)
{
	return strtoll(test_value(db, sql), NULL, 10);
}

struct db *test_database_session(const struct test_database *base,
	const struct account *account)
{
	struct err err = { 0 };
	struct db *db = connect_db(&base->config, account, false, 0, &err);

	must(db != NULL, &err);
	return db;
}

/* -- life -------------------------------------------------------------- */

/* create database and drop database run in the servers' own. */
static void on_server(const char *verb, const char *name)
{
	struct err err = { 0 };
	struct db *db = connect_db(test_config(), &test_config()->owner, false,
		0, &err);
	char sql[128];

	must(db != NULL, &err);
	(void)snprintf(sql, sizeof(sql), "%s %s", verb, name);
	test_exec(db, sql);
	db_close(db);
}

static void read_files(struct test_database *base)
{
	struct err err = { 0 };

	models_free(base->models);
	pipeline_set_clear(&base->set);
	must(pipeline_set_read(base->config.pipelines_dir, &base->set, &err),
		&err);
	base->models = models_read(base->config.models_dir, &base->set, &err);
	must(base->models != NULL, &err);
}

void test_database_apply(struct test_database *base)
{
	struct buf sql = { 0 }, said = { 0 };
	struct migration migration = {
		.config = &base->config,
		.set = &base->set,
		.sql = &sql,
		.said = &said,
	};
	const struct build_choice unbuilt = { .unbuilt = true };
	struct err err = { 0 };
	int64_t amiss;

	read_files(base);
	migration.models = base->models;
	must(migrate(&migration, false, &err), &err);
	must(models_build(base->models, base->owner, &unbuilt, NULL, NULL,
		     &amiss, &err) && amiss == 0, &err);
	buf_clear(&sql);
	buf_clear(&said);
}

void test_database_open(struct test_database *base, const char *label,
	const char *pipelines_dir, const char *models_dir)
{
	struct err err = { 0 };

	*base = (struct test_database){ .config = *test_config() };
	(void)snprintf(base->name, sizeof(base->name), "test_%s_%d", label,
		(int)getpid());
	on_server("create database", base->name);
	base->config.database_name = base->name;
	if (pipelines_dir != NULL)
		base->config.pipelines_dir = strdup(pipelines_dir);
	if (models_dir != NULL)
		base->config.models_dir = strdup(models_dir);
	base->owner = test_database_session(base, &base->config.owner);
	test_database_apply(base);
	base->loader = test_database_session(base, &base->config.loader);
	must(models_session(base->models, base->loader, &err), &err);
}

void test_database_close(struct test_database *base)
{
	db_close(base->owner);
	db_close(base->loader);
	models_free(base->models);
	pipeline_set_clear(&base->set);
	if (base->config.pipelines_dir != test_config()->pipelines_dir)
		free(base->config.pipelines_dir);
	if (base->config.models_dir != test_config()->models_dir)
		free(base->config.models_dir);
	on_server("drop database", base->name);
}

/* -- loads ------------------------------------------------------------- */

static bool find_partition(struct db *db, const struct dataset *dataset,
	char *out, size_t size, struct err *err)
{
	char name[128];
	const char *values[] = { name };
	struct db_result *result = NULL;
	bool ok;

	(void)snprintf(name, sizeof(name), "%s.%s", dataset->pipeline->name,
		dataset->name);
	ok = db_query(db, "select meta.delta_partition($1, current_date)", 1,
		values, &result, err);
	if (ok)
		(void)snprintf(out, size, "%s", db_value(result, 0, 0));
	db_result_free(result);
	return ok;
}

/* Into the columns that COPY fills. */
static bool insert_delta(struct db *db, const struct dataset *dataset,
	const char *partition, const char *select, int64_t load,
	struct err *err)
{
	struct buf sql = { 0 };
	bool ok = buf_printf(&sql, err, "insert into %s (", partition);

	for (size_t i = 0; ok && i < dataset->column_count; i++)
		ok = buf_printf(&sql, err, "%s, ", dataset->columns[i].name);
	ok = ok && buf_printf(&sql, err,
			   "_source, _offset, _load)\nselect s.*, %lld "
			   "from (%s) s", (long long)load, select) &&
		db_exec(db, sql.data, err);
	buf_clear(&sql);
	return ok;
}

static void keep_answer(struct test_database *base,
	const struct db_result *result)
{
	size_t used = 0;

	base->answer[0] = '\0';
	for (size_t i = 0; i < db_rows(result) && used < 200; i++)
		used += (size_t)snprintf(base->answer + used,
			sizeof(base->answer) - used, "%s%s %s %s",
			i > 0 ? "; " : "", db_value(result, i, 0),
			db_value(result, i, 1), db_value(result, i, 2));
}

static bool upsert(struct test_database *base, struct db *db,
	const struct dataset *dataset, const char *partition, int64_t load,
	struct err *err)
{
	struct db_result *claims = NULL, *counts = NULL;
	struct buf sql = { 0 };
	char number[24];
	bool ok;

	(void)snprintf(number, sizeof(number), "%lld", (long long)load);
	ok = db_query(db,
		     "select coalesce(array_agg(source_id), '{}'),\n"
		     "\tcoalesce(array_agg(rank), '{}')\n"
		     "from (select source_id, rank() over (\n"
		     "\torder by claimed_at, drop_id)::integer as rank\n"
		     "\tfrom meta.source) s", 0, NULL, &claims, err) &&
		tables_upsert_sql(dataset, partition, &sql, err);
	if (ok) {
		const char *values[] = { number, db_value(claims, 0, 0),
			db_value(claims, 0, 1) };

		ok = db_query(db, sql.data, 3, values, &counts, err);
	}
	if (ok)
		keep_answer(base, counts);
	db_result_free(counts);
	db_result_free(claims);
	buf_clear(&sql);
	return ok;
}

bool test_load_open(struct test_database *base, struct db *db,
	struct models *models, const struct dataset *dataset,
	const char *select, struct err *err)
{
	const int64_t load = __atomic_add_fetch(&base->loads, 1,
		__ATOMIC_SEQ_CST);
	char partition[160];
	struct models_delta delta = { dataset, partition };

	return db_begin(db, err) &&
		find_partition(db, dataset, partition, sizeof(partition),
			err) &&
		insert_delta(db, dataset, partition, select, load, err) &&
		upsert(base, db, dataset, partition, load, err) &&
		models_refresh(models, db, load, &delta, 1, NULL, err);
}

void test_load(struct test_database *base, const struct dataset *dataset,
	const char *select)
{
	struct err err = { 0 };

	must(test_load_open(base, base->loader, base->models, dataset, select,
		     &err) && db_commit(base->loader, &err),
		&err);
}

int64_t test_differences(struct test_database *base)
{
	int64_t different = -1;
	struct err err = { 0 };

	must(models_verify(base->models, base->owner, NULL, &different, NULL,
		     NULL, &err), &err);
	return different;
}
