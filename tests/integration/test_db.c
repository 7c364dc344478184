/* test_db.c - the PostgreSQL door against a real server. */
#include "common/clock.h"
#include "common/db.h"
#include "tests/integration/support.h"

#include <CUnit/CUnit.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct config config;
static char password[256];

/* The owner in the cluster's own database; temporary tables only. */
static struct db_options owner_options(void)
{
	struct err err = { 0 };
	struct buf secret = { 0 };

	if (config.database_host == NULL) {
		CU_ASSERT_TRUE_FATAL(config_load(&config,
			getenv("SLUICE_TEST_CONFIG"), NULL, &err));
		CU_ASSERT_TRUE_FATAL(
			config_password(&config.owner, &secret, &err));
		(void)snprintf(password, sizeof(password), "%s",
			secret.data != NULL ? secret.data : "");
		buf_clear(&secret);
	}
	return (struct db_options){
		.host = config.database_host,
		.port = (int)config.database_port,
		.name = "postgres",
		.user = config.owner.user,
		.password = password,
		.application = "sluice test_db",
		.connect_timeout_secs = 10,
	};
}

static struct db *open_db(const struct db_options *options)
{
	struct err err = { 0 };
	struct db *db = db_open(options, &err);

	if (db == NULL)
		(void)fprintf(stderr, "%s\n", err.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(db);
	return db;
}

static struct db *open_owner(void)
{
	const struct db_options options = owner_options();

	return open_db(&options);
}

static void exec(struct db *db, const char *sql)
{
	struct err err = { 0 };

	CU_ASSERT_TRUE(db_exec(db, sql, &err));
}

static void check_text(struct db *db, const char *sql, const char *want)
{
	struct db_result *result = NULL;
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(db_query(db, sql, 0, NULL, &result, &err));
	CU_ASSERT_STRING_EQUAL(db_value(result, 0, 0), want);
	db_result_free(result);
}

static void a_session_is_set_up(void)
{
	struct db_options options = owner_options();
	struct db *db;

	options.lock_timeout_ms = 1234;
	options.statement_timeout_ms = 5678;
	options.heartbeat_secs = 7;
	db = open_db(&options);
	check_text(db, "show timezone", "UTC");
	check_text(db, "show client_encoding", "UTF8");
	check_text(db, "show synchronous_commit", "on");
	check_text(db, "show idle_in_transaction_session_timeout", "30s");
	check_text(db, "show lock_timeout", "1234ms");
	check_text(db, "show statement_timeout", "5678ms");
	check_text(db, "show tcp_keepalives_idle", "7");
	check_text(db, "show tcp_keepalives_interval", "2");
	check_text(db, "show tcp_keepalives_count", "3");
	check_text(db, "show tcp_user_timeout", "14000");
	check_text(db, "show client_connection_check_interval", "2s");
	check_text(db, "show application_name", "sluice test_db");
	CU_ASSERT(db_server_version(db) >= 150000);
	db_close(db);
}

static void values_come_and_go(void)
{
	const unsigned char raw[] = { 0, 1, 0xff };
	const struct db_param params[] = {
		{ .data = raw, .len = 3, .binary = true },
		{ .data = "42", .len = 2 },
		{ .data = NULL },
	};
	struct db *db = open_owner();
	struct db_result *result = NULL;
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(db_query_params(db,
		"select encode($1::bytea, 'hex') as hex, $2::bigint + 1,"
		" $3::text, ''",
		3, params, &result, &err));
	CU_ASSERT_EQUAL(db_rows(result), 1);
	CU_ASSERT_EQUAL(db_columns(result), 4);
	CU_ASSERT_STRING_EQUAL(db_column_name(result, 0), "hex");
	CU_ASSERT_STRING_EQUAL(db_value(result, 0, 0), "0001ff");
	CU_ASSERT_EQUAL(db_value_len(result, 0, 0), 6);
	CU_ASSERT_EQUAL(db_int(result, 0, 1), 43);
	CU_ASSERT_TRUE(db_is_null(result, 0, 2));
	CU_ASSERT_FALSE(db_is_null(result, 0, 3));
	CU_ASSERT_STRING_EQUAL(db_value(result, 0, 2), "");
	db_result_free(result);
	CU_ASSERT_TRUE(db_query(db, "create temp table t as"
		" select generate_series(1, 5)", 0, NULL, &result, &err));
	CU_ASSERT_EQUAL(db_affected(result), 5);
	db_result_free(result);
	db_close(db);
}

static void errors_have_kind_and_state(void)
{
	static const struct {
		const char *sql;
		const char *code;
		enum err_kind kind;
		int exit_code;
	} cases[] = {
		{ "select 1/0", "22012", ERR_REJECT, EXIT_DATA },
		{ "insert into t values (1)", "23505", ERR_REJECT, EXIT_DATA },
		{ "selec", "42601", ERR_STOP, EXIT_BUG },
		{ "select * from nowhere", "42P01", ERR_STOP, EXIT_CONFIG },
		{ "select nothing from t", "42703", ERR_STOP, EXIT_CONFIG },
		{ "select * from pg_authid", "42501", ERR_STOP, EXIT_CONFIG },
		{ "set statement_timeout = 50; select pg_sleep(60)", "57014",
			ERR_RETRY, EXIT_SERVER },
		{ "begin; select 1/0", "22012", ERR_REJECT, EXIT_DATA },
		{ "select 1", "25P02", ERR_STOP, EXIT_BUG },
	};
	struct db *db = open_owner();

	exec(db, "create temp table t (a int primary key);"
		 "insert into t values (1)");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err err = { 0 };

		CU_ASSERT_FALSE(db_exec(db, cases[i].sql, &err));
		CU_ASSERT_STRING_EQUAL(err.code, cases[i].code);
		CU_ASSERT_EQUAL(err.kind, cases[i].kind);
		CU_ASSERT_EQUAL(err_exit_code(&err), cases[i].exit_code);
	}
	CU_ASSERT_TRUE(db_in_transaction(db));
	db_rollback(db);
	CU_ASSERT_FALSE(db_in_transaction(db));
	exec(db, "select 1");
	db_close(db);
}

static void no_record_values_in_errors(void)
{
	struct db *db = open_owner();
	struct err err = { 0 };

	exec(db, "create temp table t (a text primary key);"
		 "insert into t values ('sesame')");
	CU_ASSERT_FALSE(db_exec(db, "insert into t values ('sesame')", &err));
	CU_ASSERT_PTR_NULL(strstr(err.text, "sesame"));
	CU_ASSERT_PTR_NULL(strchr(err.text, '\n'));
	db_close(db);
}

static void an_aborted_commit_is_no_commit(void)
{
	struct db *db = open_owner();
	struct err err = { 0 };

	CU_ASSERT_TRUE(db_begin(db, &err));
	CU_ASSERT_TRUE(db_in_transaction(db));
	CU_ASSERT_FALSE(db_exec(db, "select 1/0", &err));
	CU_ASSERT_FALSE(db_commit(db, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	CU_ASSERT_TRUE(db_begin(db, &err));
	CU_ASSERT_TRUE(db_commit(db, &err));
	db_rollback(db); /* nothing to do */
	CU_ASSERT_TRUE(db_alive(db));
	db_close(db);
}

static bool copy_text(struct db *db, const char *text, int64_t *rows,
	struct err *err)
{
	return db_copy_begin(db, "copy t from stdin", err) &&
		db_copy_put(db, text, strlen(text), err) &&
		db_copy_end(db, rows, err);
}

static void copy_counts_and_fails_cleanly(void)
{
	struct db *db = open_owner();
	struct err err = { 0 };
	int64_t rows = 0;

	exec(db, "create temp table t (a int)");
	CU_ASSERT_TRUE(copy_text(db, "1\n2\n", &rows, &err));
	CU_ASSERT_EQUAL(rows, 2);
	CU_ASSERT_FALSE(copy_text(db, "3\nx\n", &rows, &err));
	CU_ASSERT_STRING_EQUAL(err.code, "22P02");
	CU_ASSERT_FALSE(db_copy_begin(db, "copy u from stdin", &err));
	CU_ASSERT_STRING_EQUAL(err.code, "42P01");
	CU_ASSERT_FALSE(db_copy_begin(db, "select 1", &err));
	CU_ASSERT_TRUE(db_alive(db));
	check_text(db, "select count(*) from t", "2");
	db_close(db);
}

static void an_abandoned_copy_is_rolled_back(void)
{
	struct db *db = open_owner();
	struct err err = { 0 };

	exec(db, "create temp table t (a int)");
	CU_ASSERT_TRUE(db_begin(db, &err));
	CU_ASSERT_TRUE(db_copy_begin(db, "copy t from stdin", &err));
	CU_ASSERT_TRUE(db_copy_put(db, "1\n", 2, &err));
	db_rollback(db);
	CU_ASSERT_TRUE(db_alive(db));
	check_text(db, "select count(*) from t", "0");
	db_close(db);
}

static void a_large_copy_passes_whole(void)
{
	const size_t len = (size_t)16 << 20;
	char *text = malloc(len);
	struct db *db = open_owner();
	struct err err = { 0 };
	int64_t rows = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	for (size_t i = 0; i < len; i += 64) {
		memset(text + i, '7', 64);
		text[i + 63] = '\n';
	}
	exec(db, "create temp table t (a text)");
	CU_ASSERT_TRUE(db_copy_begin(db, "copy t from stdin", &err));
	CU_ASSERT_TRUE(db_copy_put(db, text, len, &err));
	CU_ASSERT_TRUE(db_copy_end(db, &rows, &err));
	CU_ASSERT_EQUAL(rows, (int64_t)(len / 64));
	free(text);
	db_close(db);
}

static void a_lost_connection_is_to_be_tried_again(void)
{
	struct db *db = open_owner();
	struct err err = { 0 };

	CU_ASSERT_FALSE(db_exec(db,
		"select pg_terminate_backend(pg_backend_pid())", &err));
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	CU_ASSERT_FALSE(db_alive(db));
	CU_ASSERT_FALSE(db_exec(db, "select 1", &err));
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	CU_ASSERT_FALSE(db_in_transaction(db));
	db_close(db);
}

static void the_stop_descriptor_ends_a_wait(void)
{
	struct db *db = open_owner();
	struct err err = { 0 };
	int ends[2];

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	db_set_stop_fd(db, ends[0]);
	exec(db, "select 1");
	CU_ASSERT_EQUAL(write(ends[1], "x", 1), 1);
	CU_ASSERT_FALSE(db_exec(db, "select pg_sleep(600)", &err));
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	CU_ASSERT_STRING_EQUAL(err.text, "stopping");
	CU_ASSERT_FALSE(db_alive(db));
	close(ends[0]);
	close(ends[1]);
	db_close(db);
}

static void *sleep_long(void *context)
{
	struct err *err = calloc(1, sizeof(*err));

	if (err != NULL && db_exec(context, "select pg_sleep(600)", err))
		err->kind = ERR_NONE;
	return err;
}

static void another_thread_can_cancel(void)
{
	struct db *db = open_owner();
	pthread_t thread;
	struct err *err;

	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, sleep_long, db),
		0);
	db_cancel(db);
	CU_ASSERT_EQUAL(pthread_join(thread, (void **)&err), 0);
	CU_ASSERT_EQUAL(err->kind, ERR_RETRY);
	free(err);
	db_close(db);
}

static void check_refused(const struct db_options *options,
	enum err_kind kind, const char *code)
{
	struct err err = { 0 };

	CU_ASSERT_PTR_NULL(db_open(options, &err));
	CU_ASSERT_EQUAL(err.kind, kind);
	CU_ASSERT_STRING_EQUAL(err.code, code);
	CU_ASSERT_PTR_NULL(strstr(err.text, "sesame"));
	CU_ASSERT_PTR_NULL(strchr(err.text, '\n'));
}

static void refused_logins_say_what_is_wrong(void)
{
	struct db_options options = owner_options();

	options.password = "sesame";
	check_refused(&options, ERR_STOP, "28P01");
	options = owner_options();
	options.name = "nowhere";
	check_refused(&options, ERR_STOP, "3D000");
	options = owner_options();
	options.user = "nobody_of_that_name";
	check_refused(&options, ERR_STOP, "28P01");
	options = owner_options();
	options.port = 1;
	check_refused(&options, ERR_RETRY, "08001");
}

static void a_verifier_is_no_password(void)
{
	struct db *db = open_owner();
	struct err err = { 0 };
	char *verifier = db_password_verifier(db, "u", "sesame", &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(verifier);
	CU_ASSERT_EQUAL(strncmp(verifier, "SCRAM-SHA-256$", 14), 0);
	CU_ASSERT_PTR_NULL(strstr(verifier, "sesame"));
	free(verifier);
	db_close(db);
	config_clear(&config);
}

static void quoting_survives_the_server(void)
{
	static const char *const texts[] = { "it's", "a\\b", "\\'", "a\"b",
		"$1 ; -- /*", "\xc3\xa4\xf0\x9f\x98\x80", "E'x'" };
	struct db *db = open_owner();

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct buf sql = { 0 };
		struct buf array = { 0 };
		struct err err = { 0 };
		struct db_result *result = NULL;

		CU_ASSERT_TRUE(buf_add_str(&sql, "select ", &err) &&
			sql_add_literal(&sql, texts[i], &err) &&
			buf_add_str(&sql, " as ", &err) &&
			sql_add_ident(&sql, texts[i], &err) &&
			buf_add_str(&sql, ", ($1::text[])[2]", &err) &&
			sql_add_array_item(&array, NULL, 0, &err) &&
			sql_add_array_item(&array, texts[i], strlen(texts[i]),
				&err));
		exec(db, i % 2 ? "set standard_conforming_strings = off" :
				 "set standard_conforming_strings = on");
		CU_ASSERT_TRUE_FATAL(db_query(db, sql.data, 1,
			(const char *const[]){ array.data }, &result, &err));
		CU_ASSERT_STRING_EQUAL(db_value(result, 0, 0), texts[i]);
		CU_ASSERT_STRING_EQUAL(db_column_name(result, 0), texts[i]);
		CU_ASSERT_STRING_EQUAL(db_value(result, 0, 1), texts[i]);
		db_result_free(result);
		buf_clear(&sql);
		buf_clear(&array);
	}
	db_close(db);
}

CU_TestInfo db_tests[] = {
	{ "a session is set up", a_session_is_set_up },
	{ "values come and go", values_come_and_go },
	{ "errors have kind and state", errors_have_kind_and_state },
	{ "no record values in errors", no_record_values_in_errors },
	{ "an aborted commit is no commit", an_aborted_commit_is_no_commit },
	{ "COPY counts, and fails cleanly", copy_counts_and_fails_cleanly },
	{ "an abandoned COPY is rolled back",
		an_abandoned_copy_is_rolled_back },
	{ "a large COPY passes whole", a_large_copy_passes_whole },
	{ "a lost connection is to be tried again",
		a_lost_connection_is_to_be_tried_again },
	{ "the stop descriptor ends a wait", the_stop_descriptor_ends_a_wait },
	{ "another thread can cancel", another_thread_can_cancel },
	{ "refused logins say what is wrong",
		refused_logins_say_what_is_wrong },
	{ "quoting survives the server", quoting_survives_the_server },
	{ "a verifier is no password", a_verifier_is_no_password },
	CU_TEST_INFO_NULL,
};
