/* session.c - the loader's connection to PostgreSQL and what it keeps ready
 * for each dataset. */
#include "consumer/session.h"
#include "common/login.h"
#include "common/metrics.h"
#include "consumer/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA_VERSION 3 /* the migrations this program needs */

/* -- connecting --------------------------------------------------------- */

static bool check_schema(struct db *db, struct err *err)
{
	struct db_result *result = NULL;
	int64_t version;

	if (!db_query(db, "select coalesce(max(version), 0)"
			  " from meta.schema_version",
		0, NULL, &result, err)) {
		if (strcmp(err->code, "42P01") == 0 ||
			strcmp(err->code, "3F000") == 0)
			return err_stop(err, EXIT_CONFIG,
				"the database has no schema for Sluice: "
				"run `sluice apply`");
		return err_wrap(err, "read meta.schema_version");
	}
	version = db_int(result, 0, 0);
	db_result_free(result);
	if (version >= SCHEMA_VERSION)
		return true;
	return err_stop(err, EXIT_CONFIG,
		"the database's schema has version %lld, this program needs "
		"%d: run `sluice apply`",
		(long long)version, SCHEMA_VERSION);
}

/* Another one than the first. */
static void count_session(struct session *session)
{
	if (session->ever)
		metrics_add(METRIC_DATABASE_RECONNECTS, 1, NULL, NULL);
	session->ever = true;
}

static bool connect_db(struct session *session, struct err *err)
{
	const struct config *config = session->config;

	session->db = login_open(&(struct login){
		.config = config,
		.account = &config->loader,
		.application = "sluice-consumer",
		.statement_timeout_ms = config->statement_timeout_ms,
		.stop_fd = session->stop_fd,
	}, err);
	if (session->db == NULL && strncmp(err->code, "28", 2) == 0)
		return err_wrap(err, "cannot log in as %s: check loader_user "
			"and its password, or run `sluice apply`",
			config->loader.user);
	return session->db != NULL;
}

bool session_ensure(struct session *session, struct err *err)
{
	if (session->db != NULL && db_alive(session->db))
		return true;
	session_close(session);
	if (connect_db(session, err) && check_schema(session->db, err) &&
		models_session(session->plan->models, session->db, err)) {
		count_session(session);
		return true;
	}
	session_close(session);
	return false;
}

void session_close(struct session *session)
{
	db_close(session->db);
	session->db = NULL;
}

/* -- datasets ----------------------------------------------------------- */

static void forget_partition(struct table *table)
{
	free(table->partition);
	table->partition = NULL;
	buf_clear(&table->copy_sql);
	buf_clear(&table->upsert_sql);
}

static void table_clear(struct table *table)
{
	forget_partition(table);
	rowmap_free(table->map);
	free(table->cells);
}

void session_forget_partitions(struct session *session)
{
	for (size_t i = 0; i < session->table_count; i++)
		forget_partition(&session->tables[i]);
}

void session_set_plan(struct session *session, const struct plan *plan)
{
	for (size_t i = 0; i < session->table_count; i++)
		table_clear(&session->tables[i]);
	free(session->tables);
	session->tables = NULL;
	session->table_count = 0;
	session->plan = plan;
}

static bool table_init(struct table *table, const struct dataset *dataset,
	struct err *err)
{
	*table = (struct table){ .dataset = dataset };
	table->map = rowmap_new(dataset, err);
	if (table->map == NULL)
		return false;
	table->width = rowmap_width(table->map);
	table->cells = calloc(table->width, sizeof(*table->cells));
	if (table->cells != NULL)
		return true;
	table_clear(table);
	return err_memory(err);
}

struct table *session_table(struct session *session,
	const struct dataset *dataset, struct err *err)
{
	struct table *more;

	for (size_t i = 0; i < session->table_count; i++)
		if (session->tables[i].dataset == dataset)
			return &session->tables[i];
	more = realloc(session->tables,
		(session->table_count + 1) * sizeof(*more));
	if (more == NULL) {
		err_memory(err);
		return NULL;
	}
	session->tables = more;
	if (!table_init(&more[session->table_count], dataset, err))
		return NULL;
	return &more[session->table_count++];
}

static bool ask_partition(struct session *session, struct table *table,
	struct err *err)
{
	const struct dataset *dataset = table->dataset;
	struct db_result *result = NULL;
	struct buf name = { 0 };
	bool ok;

	ok = buf_printf(&name, err, "%s.%s", dataset->pipeline->name,
		     dataset->name) &&
		db_query(session->db, "select meta.delta_partition($1, $2)", 2,
			(const char *const[]){ name.data, session->day },
			&result, err);
	if (ok) {
		table->partition = strdup(db_value(result, 0, 0));
		ok = table->partition != NULL || err_memory(err);
	}
	db_result_free(result);
	buf_clear(&name);
	return ok;
}

static bool ask_day(struct session *session, struct err *err)
{
	struct db_result *result = NULL;

	if (!db_query(session->db, "select current_date", 0, NULL, &result,
		err))
		return false;
	(void)snprintf(session->day, sizeof(session->day), "%s",
		db_value(result, 0, 0));
	db_result_free(result);
	return true;
}

bool session_partition(struct session *session, struct table *table,
	struct err *err)
{
	if (table->partition != NULL)
		return true;
	if (session->day[0] == '\0' && !ask_day(session, err))
		return false;
	if (ask_partition(session, table, err) &&
		tables_copy_sql(table->dataset, table->partition,
			&table->copy_sql, err) &&
		tables_upsert_sql(table->dataset, table->partition,
			&table->upsert_sql, err))
		return true;
	forget_partition(table);
	return false;
}

bool session_begin(struct session *session, int64_t *load_id, bool *begun,
	struct err *err)
{
	struct db_result *result = NULL;
	const char *day;

	*begun = false;
	if (!db_begin(session->db, err))
		return false;
	if (!db_query(session->db,
		"select current_date, nextval(pg_get_serial_sequence("
		"'meta.load', 'load_id'))",
		0, NULL, &result, err))
		return false;
	day = db_value(result, 0, 0);
	*load_id = db_int(result, 0, 1);
	*begun = strcmp(day, session->day) == 0;
	if (!*begun) {
		session_forget_partitions(session);
		(void)snprintf(session->day, sizeof(session->day), "%s", day);
	}
	db_result_free(result);
	if (!*begun)
		db_rollback(session->db);
	return true;
}
