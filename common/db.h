/* db.h - the door to PostgreSQL: one session, one owner thread.
 *
 * Sessions run in UTC with client encoding UTF-8 and the timeouts asked for.
 * Errors carry the SQLSTATE in err.code and a kind by its class: 08 40 53 55
 * 57 ERR_RETRY; 22 23 54 ERR_REJECT; 28 3D 42501 ERR_STOP/EXIT_CONFIG; the
 * rest ERR_STOP. A lost connection is ERR_RETRY: close and open again.
 * Errors hold the server's primary message and hint only: no record values
 * from its details, no statement, no password. */
#ifndef SLUICE_DB_H
#define SLUICE_DB_H

#include "common/buf.h"

#include <stdint.h>

struct db;
struct db_result;

struct db_options {
	const char *host;
	int port;
	const char *name;
	const char *user;
	const char *password;
	const char *sslmode;
	const char *sslrootcert;
	const char *application;
	int connect_timeout_secs;
	int heartbeat_secs; /* silent for twice as long: lost, for both sides;
			     * 0: 10 */
	int64_t lock_timeout_ms;      /* 0: none */
	int64_t statement_timeout_ms; /* 0: none */
	bool read_only;               /* any server will do, no writing */
	int stop_fd; /* db_set_stop_fd from the first moment; 0: none */
};

struct db *db_open(const struct db_options *options, struct err *err);
void db_close(struct db *db);
/* From any thread: asks the server to cancel what runs, and makes the owner's
 * call fail soon; the connection is lost by that. */
void db_cancel(struct db *db);
/* False when the connection is known to be lost. */
bool db_alive(const struct db *db);
/* True inside BEGIN .. COMMIT, failed or not. */
bool db_in_transaction(const struct db *db);
int db_server_version(const struct db *db); /* 150018 */
/* Where the server found fault with the statement it refused last: characters
 * from 1; 0: it did not say. */
int db_error_position(const struct db *db);
/* Watched while a call waits; readable = give up with ERR_RETRY ("stopping").
 * -1 (the default): none. */
void db_set_stop_fd(struct db *db, int fd);

/* One or more statements without parameters, results thrown away. */
bool db_exec(struct db *db, const char *sql, struct err *err) MUST_CHECK;

/* One statement with text parameters (NULL element: null). The caller clears
 * *result, which may be NULL when it is not wanted. */
bool db_query(struct db *db, const char *sql, size_t count,
	const char *const *values, struct db_result **result,
	struct err *err) MUST_CHECK;
void db_result_free(struct db_result *result);
size_t db_rows(const struct db_result *result);
size_t db_columns(const struct db_result *result);
const char *db_column_name(const struct db_result *result, size_t column);
/* Text of a value, borrowed from the result; "" for null. */
const char *db_value(const struct db_result *result, size_t row, size_t column);
size_t db_value_len(const struct db_result *result, size_t row, size_t column);
bool db_is_null(const struct db_result *result, size_t row, size_t column);
int64_t db_int(const struct db_result *result, size_t row, size_t column);
/* Rows the command touched ("INSERT 0 5" -> 5). */
int64_t db_affected(const struct db_result *result);

/* Waits at most timeout_ms for a NOTIFY on a channel this session LISTENs to;
 * *heard: there was one (several are one). Only between other calls. */
bool db_wait_notify(struct db *db, int64_t timeout_ms, bool *heard,
	struct err *err) MUST_CHECK;

/* Binary parameters: format 1 values with their lengths and type OIDs (0:
 * inferred). */
struct db_param {
	const void *data; /* NULL: null */
	size_t len;
	unsigned oid;
	bool binary;
};
bool db_query_params(struct db *db, const char *sql, size_t count,
	const struct db_param *params, struct db_result **result,
	struct err *err) MUST_CHECK;

bool db_begin(struct db *db, struct err *err) MUST_CHECK;
/* Checks the command tag: an aborted transaction answers ROLLBACK. After a
 * lost connection the outcome is unknown: ERR_RETRY. */
bool db_commit(struct db *db, struct err *err) MUST_CHECK;
void db_rollback(struct db *db); /* a no-op when nothing was begun */

/* COPY ... FROM STDIN (sql names the format): begin, put any number of times,
 * end. *rows is what the server counted. After a failure nothing is open. */
bool db_copy_begin(struct db *db, const char *sql, struct err *err) MUST_CHECK;
bool db_copy_put(struct db *db, const void *data, size_t len, struct err *err)
	MUST_CHECK;
bool db_copy_end(struct db *db, int64_t *rows, struct err *err) MUST_CHECK;

/* "a""b": appends a quoted identifier: 1 to 63 bytes of valid UTF-8, else
 * ERR_REJECT. */
bool sql_add_ident(struct buf *sql, const char *name, struct err *err)
	MUST_CHECK;
/* 'a''b': appends a quoted literal, safe whatever
 * standard_conforming_strings says. */
bool sql_add_literal(struct buf *sql, const char *text, struct err *err)
	MUST_CHECK;
/* {"a","b"}: a PostgreSQL array as text, for parameters. Every call leaves a
 * complete array (the closing brace moves); of none the caller writes "{}".
 * NULL text adds a null. After a failure the array is not to be used. */
bool sql_add_array_item(struct buf *array, const char *text, size_t len,
	struct err *err) MUST_CHECK;

/* A SCRAM-SHA-256 verifier for ALTER ROLE, so that no clear password travels
 * in SQL. The caller frees. */
char *db_password_verifier(struct db *db, const char *user,
	const char *password, struct err *err);

#endif
