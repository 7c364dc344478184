/* db.c - the door to PostgreSQL (libpq).
 *
 * Every call is non-blocking underneath: the owner waits in wait_socket(),
 * which also watches the stop descriptor and db_cancel(). Who gives up in the
 * middle of a call has lost the connection: the protocol cannot be resumed. */
#include "common/db.h"
#include "common/clock.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_SECS 10
#define HEARTBEAT_SECS 10
#define GRACE_MS 30000 /* beyond statement_timeout, before we give up */
#define COPY_SLICE ((size_t)256 << 10)

struct db {
	PGconn *conn;
	PGcancel *cancel;
	int stop_fd;
	int cancel_fd; /* an eventfd, raised by db_cancel */
	int wait_ms;   /* longest silence within a call; -1: no limit */
	int position;  /* of the last refusal in its statement; 0: unknown */
	bool copying;
	bool lost;
};

struct db_result {
	PGresult *res;
};

/* -- errors ------------------------------------------------------------- */

/* The reaction to an SQLSTATE: the longest prefix that is listed. */
static const struct reaction {
	const char *prefix;
	enum err_kind kind;
	int exit_code;
} reactions[] = {
	{ "08", ERR_RETRY, EXIT_SERVER },
	{ "22", ERR_REJECT, EXIT_DATA },
	{ "23", ERR_REJECT, EXIT_DATA },
	{ "25006", ERR_RETRY, EXIT_SERVER }, /* it became a standby */
	{ "28", ERR_STOP, EXIT_CONFIG },
	{ "3D", ERR_STOP, EXIT_CONFIG },
	{ "3F", ERR_STOP, EXIT_CONFIG },
	{ "40", ERR_RETRY, EXIT_SERVER },
	{ "42501", ERR_STOP, EXIT_CONFIG }, /* permission denied */
	{ "42703", ERR_STOP, EXIT_CONFIG }, /* no such column */
	{ "42883", ERR_STOP, EXIT_CONFIG }, /* no such function */
	{ "42P01", ERR_STOP, EXIT_CONFIG }, /* no such table */
	{ "53", ERR_RETRY, EXIT_SERVER },
	{ "54", ERR_REJECT, EXIT_DATA },
	{ "55", ERR_RETRY, EXIT_SERVER },
	{ "57", ERR_RETRY, EXIT_SERVER },
};

static struct reaction reaction_to(const char *sqlstate)
{
	struct reaction best = { "", ERR_STOP, 0 };

	for (size_t i = 0; i < sizeof(reactions) / sizeof(*reactions); i++) {
		const size_t len = strlen(reactions[i].prefix);

		if (strncmp(sqlstate, reactions[i].prefix, len) == 0 &&
			len > strlen(best.prefix))
			best = reactions[i];
	}
	return best;
}

/* Line breaks become blanks, trailing ones go. */
static void one_line(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && strchr(" \r\n", text[len - 1]) != NULL)
		text[--len] = '\0';
	for (char *c = text; *c != '\0'; c++)
		if (*c == '\n' || *c == '\r' || *c == '\t')
			*c = ' ';
}

static bool fail_state(struct err *err, const char *sqlstate, const char *text,
	const char *hint)
{
	const struct reaction reaction = reaction_to(sqlstate);

	if (hint != NULL)
		err_set(err, reaction.kind, "%s (%s)", text, hint);
	else
		err_set(err, reaction.kind, "%s", text);
	err->exit_code = reaction.exit_code;
	(void)snprintf(err->code, sizeof(err->code), "%s", sqlstate);
	one_line(err->text);
	return false;
}

/* The connection broke: whatever the call was, it may be tried again. */
static bool fail_lost(struct db *db, struct err *err)
{
	db->lost = true;
	err_set(err, ERR_RETRY, "PostgreSQL: %s", PQerrorMessage(db->conn));
	one_line(err->text);
	return false;
}

/* What the server said, without the details: they show record values. */
static bool fail_result(struct db *db, const PGresult *res, struct err *err)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	const char *hint = PQresultErrorField(res, PG_DIAG_MESSAGE_HINT);
	const char *at = PQresultErrorField(res, PG_DIAG_STATEMENT_POSITION);

	db->position = at != NULL ? (int)strtol(at, NULL, 10) : 0;
	if (state == NULL || text == NULL)
		return fail_lost(db, err);
	fail_state(err, state, text, hint);
	if (PQstatus(db->conn) == CONNECTION_BAD ||
		strcmp(state, "25006") == 0) {
		db->lost = true;
		err->kind = ERR_RETRY;
		err->exit_code = EXIT_SERVER;
	}
	return false;
}

/* Leaves the call: the server is told, the session is of no use any more. */
static bool give_up(struct db *db, struct err *err, const char *why)
{
	char ignored[256];

	db->lost = true;
	if (db->cancel != NULL)
		(void)PQcancel(db->cancel, ignored, sizeof(ignored));
	return err_set(err, ERR_RETRY, "%s", why);
}

/* -- waiting ------------------------------------------------------------ */

/* Waits for events on the socket. False: gave up, *err says why. */
static bool wait_socket(struct db *db, short events, int timeout_ms,
	struct err *err)
{
	struct pollfd fds[] = {
		{ .fd = PQsocket(db->conn), .events = events },
		{ .fd = db->stop_fd, .events = POLLIN },
		{ .fd = db->cancel_fd, .events = POLLIN },
	};
	int ready;

	do
		ready = poll(fds, 3, timeout_ms);
	while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return err_errno(err, ERR_STOP, "poll");
	if (fds[0].revents != 0)
		return true;
	if (ready == 0)
		return give_up(db, err, "PostgreSQL does not answer");
	return give_up(db, err, "stopping");
}

static bool flush(struct db *db, struct err *err)
{
	int left;

	while ((left = PQflush(db->conn)) > 0) {
		if (!wait_socket(db, POLLIN | POLLOUT, db->wait_ms, err))
			return false;
		if (PQconsumeInput(db->conn) == 0)
			return fail_lost(db, err);
	}
	return left == 0 || fail_lost(db, err);
}

/* The next result; *res NULL at the end of the call. */
static bool next_result(struct db *db, PGresult **res, struct err *err)
{
	if (!flush(db, err))
		return false;
	while (PQisBusy(db->conn) != 0) {
		if (!wait_socket(db, POLLIN, db->wait_ms, err))
			return false;
		if (PQconsumeInput(db->conn) == 0)
			return fail_lost(db, err);
	}
	*res = PQgetResult(db->conn);
	return true;
}

static bool is_fine(const PGresult *res)
{
	const ExecStatusType status = PQresultStatus(res);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
		status == PGRES_EMPTY_QUERY;
}

static bool is_copy(const PGresult *res)
{
	const ExecStatusType status = PQresultStatus(res);

	return status == PGRES_COPY_IN || status == PGRES_COPY_OUT ||
		status == PGRES_COPY_BOTH;
}

/* Takes results until the end of the call. The first error wins, else *last
 * (may be NULL) is the last result. */
static bool finish(struct db *db, PGresult **last, struct err *err)
{
	PGresult *res = NULL;
	bool ok = true;

	for (;;) {
		if (!next_result(db, &res, err))
			return false;
		if (res == NULL)
			return ok;
		if (is_copy(res)) {
			PQclear(res);
			db->lost = true; /* nobody is there to copy */
			return err_set(err, ERR_STOP, "COPY out of place");
		}
		if (ok && !is_fine(res))
			ok = fail_result(db, res, err);
		if (ok && last != NULL) {
			PQclear(*last);
			*last = res;
		} else {
			PQclear(res);
		}
	}
}

static bool usable(const struct db *db, struct err *err)
{
	if (db_alive(db))
		return true;
	return err_set(err, ERR_RETRY, "the connection to PostgreSQL is lost");
}

/* -- connecting --------------------------------------------------------- */

/* libpq keeps the SQLSTATE of a refused login to itself, but for the verbose
 * message: "...FATAL:  28P01: text\nLOCATION: ...". */
static bool fail_login(struct db *db, struct err *err)
{
	char text[sizeof(err->text)];
	char state[6] = "08001";
	char *at;

	(void)snprintf(text, sizeof(text), "%s", PQerrorMessage(db->conn));
	at = strstr(text, "\nLOCATION:");
	if (at != NULL)
		*at = '\0';
	for (at = strstr(text, ":  "); at != NULL; at = strstr(at + 1, ":  "))
		if (strspn(at + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
			5 && at[8] == ':') {
			memcpy(state, at + 3, 5);
			memmove(at + 2, at + 10, strlen(at + 10) + 1);
			break;
		}
	if (PQconnectionNeedsPassword(db->conn) != 0)
		memcpy(state, "28P01", 5);
	return fail_state(err, state, text, NULL);
}

static bool poll_login(struct db *db, int timeout_ms, struct err *err)
{
	const int64_t end = clock_now_ms() + timeout_ms;

	for (;;) {
		const PostgresPollingStatusType status =
			PQconnectPoll(db->conn);
		const int64_t left = end - clock_now_ms();

		if (status == PGRES_POLLING_OK)
			return true;
		if (status == PGRES_POLLING_FAILED)
			return fail_login(db, err);
		if (!wait_socket(db, status == PGRES_POLLING_READING ?
			POLLIN : POLLOUT, left > 0 ? (int)left : 0, err))
			return err_wrap(err, "connect to PostgreSQL at %s:%s",
				PQhost(db->conn), PQport(db->conn));
	}
}

static int heartbeat_secs(const struct db_options *options)
{
	return options->heartbeat_secs > 0 ? options->heartbeat_secs :
		HEARTBEAT_SECS;
}

/* A third of it, so that three probes fit into the second heartbeat. */
static int probe_secs(const struct db_options *options)
{
	return heartbeat_secs(options) > 3 ? heartbeat_secs(options) / 3 : 1;
}

struct number {
	char text[16];
};

static const char *decimal(struct number *number, int value)
{
	(void)snprintf(number->text, sizeof(number->text), "%d", value);
	return number->text;
}

static PGconn *start_login(const struct db_options *options)
{
	const int beat = heartbeat_secs(options);
	struct number port, idle, probe, limit;
	const struct {
		const char *name;
		const char *value;
	} given[] = {
		{ "host", options->host },
		{ "port", decimal(&port, options->port) },
		{ "dbname", options->name },
		{ "user", options->user },
		{ "password", options->password },
		{ "sslmode", options->sslmode },
		{ "sslrootcert", options->sslrootcert },
		{ "application_name", options->application },
		{ "client_encoding", "UTF8" },
		{ "target_session_attrs",
			options->read_only ? "any" : "read-write" },
		{ "keepalives", "1" },
		{ "keepalives_idle", decimal(&idle, beat) },
		{ "keepalives_interval",
			decimal(&probe, probe_secs(options)) },
		{ "keepalives_count", "3" },
		{ "tcp_user_timeout", decimal(&limit, 2000 * beat) },
	};
	const size_t count = sizeof(given) / sizeof(*given);
	const char *names[sizeof(given) / sizeof(*given) + 1];
	const char *values[sizeof(given) / sizeof(*given) + 1];
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (given[i].value != NULL && given[i].value[0] != '\0') {
			names[n] = given[i].name;
			values[n++] = given[i].value;
		}
	names[n] = NULL;
	values[n] = NULL;
	/* no expansion: a database name is a name, never a connection string */
	return PQconnectStartParams(names, values, 0);
}

static void ignore_notice(void *context, const PGresult *res)
{
	(void)context;
	(void)res;
}

/* The server looks after us as we do after it: a transaction whose client is
 * gone without a word holds its locks until the server knows, also while a
 * statement runs. What a server cannot do it refuses: so be it. */
static bool set_server_keepalive(struct db *db,
	const struct db_options *options, struct err *err)
{
	const int beat = heartbeat_secs(options);
	struct err refused = { 0 };
	struct buf sql = { 0 };
	bool ok;

	ok = buf_printf(&sql, err,
		"set tcp_keepalives_idle = %d; set tcp_keepalives_interval "
		"= %d; set tcp_keepalives_count = 3; set tcp_user_timeout "
		"= %d; set client_connection_check_interval = '2s'",
		beat, probe_secs(options), 2000 * beat);
	if (ok && !db_exec(db, sql.data, &refused) && !db_alive(db)) {
		*err = refused;
		ok = false;
	}
	buf_clear(&sql);
	return ok;
}

/* SET, not startup options: poolers refuse those. */
static bool set_session(struct db *db, const struct db_options *options,
	struct err *err)
{
	struct buf sql = { 0 };
	bool ok;

	ok = buf_printf(&sql, err,
		"set timezone = 'UTC'; set datestyle = 'ISO, YMD';"
		"set intervalstyle = 'iso_8601'; set bytea_output = 'hex';"
		"set extra_float_digits = 1;"
		"set standard_conforming_strings = on;"
		"set synchronous_commit = on;"
		"set idle_in_transaction_session_timeout = '30s';"
		"set lock_timeout = %lld; set statement_timeout = %lld;"
		"set default_transaction_read_only = %s",
		(long long)options->lock_timeout_ms,
		(long long)options->statement_timeout_ms,
		options->read_only ? "on" : "off");
	ok = ok && db_exec(db, sql.data, err);
	buf_clear(&sql);
	return ok;
}

static bool login(struct db *db, const struct db_options *options,
	struct err *err)
{
	const int secs = options->connect_timeout_secs > 0 ?
		options->connect_timeout_secs : CONNECT_TIMEOUT_SECS;

	if (db->conn == NULL || db->cancel_fd < 0)
		return err_memory(err);
	(void)PQsetErrorVerbosity(db->conn, PQERRORS_VERBOSE);
	(void)PQsetNoticeReceiver(db->conn, ignore_notice, NULL);
	if (PQstatus(db->conn) == CONNECTION_BAD)
		return fail_login(db, err);
	if (!poll_login(db, secs * 1000, err))
		return false;
	(void)PQsetErrorVerbosity(db->conn, PQERRORS_TERSE);
	db->cancel = PQgetCancel(db->conn);
	if (db->cancel == NULL)
		return err_memory(err);
	if (PQsetnonblocking(db->conn, 1) != 0)
		return fail_lost(db, err);
	return set_session(db, options, err) &&
		set_server_keepalive(db, options, err);
}

struct db *db_open(const struct db_options *options, struct err *err)
{
	struct db *db = calloc(1, sizeof(*db));

	if (db == NULL) {
		err_memory(err);
		return NULL;
	}
	db->stop_fd = options->stop_fd > 0 ? options->stop_fd : -1;
	db->wait_ms = options->statement_timeout_ms > 0 &&
			options->statement_timeout_ms < INT32_MAX - GRACE_MS ?
		(int)options->statement_timeout_ms + GRACE_MS : -1;
	db->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	db->conn = start_login(options);
	if (!login(db, options, err)) {
		db_close(db);
		return NULL;
	}
	return db;
}

void db_close(struct db *db)
{
	if (db == NULL)
		return;
	PQfinish(db->conn);
	PQfreeCancel(db->cancel);
	if (db->cancel_fd >= 0)
		close(db->cancel_fd);
	free(db);
}

void db_cancel(struct db *db)
{
	const uint64_t one = 1;

	if (write(db->cancel_fd, &one, sizeof(one)) < 0)
		return; /* raised already */
}

bool db_alive(const struct db *db)
{
	return !db->lost && PQstatus(db->conn) == CONNECTION_OK;
}

bool db_in_transaction(const struct db *db)
{
	const PGTransactionStatusType status = PQtransactionStatus(db->conn);

	return db_alive(db) && (status == PQTRANS_ACTIVE ||
		status == PQTRANS_INTRANS || status == PQTRANS_INERROR);
}

int db_server_version(const struct db *db)
{
	return PQserverVersion(db->conn);
}

void db_set_stop_fd(struct db *db, int fd)
{
	db->stop_fd = fd;
}

/* -- statements --------------------------------------------------------- */

int db_error_position(const struct db *db)
{
	return db->position;
}

bool db_exec(struct db *db, const char *sql, struct err *err)
{
	if (!usable(db, err))
		return false;
	if (PQsendQuery(db->conn, sql) == 0)
		return fail_lost(db, err);
	return finish(db, NULL, err);
}

static bool take_notices(struct db *db, bool *heard, struct err *err)
{
	PGnotify *notice;

	if (PQconsumeInput(db->conn) == 0)
		return fail_lost(db, err);
	while ((notice = PQnotifies(db->conn)) != NULL) {
		*heard = true;
		PQfreemem(notice);
	}
	return true;
}

bool db_wait_notify(struct db *db, int64_t timeout_ms, bool *heard,
	struct err *err)
{
	const int64_t end = clock_now_ms() + timeout_ms;
	struct pollfd fds[] = {
		{ .fd = PQsocket(db->conn), .events = POLLIN },
		{ .fd = db->stop_fd, .events = POLLIN },
		{ .fd = db->cancel_fd, .events = POLLIN },
	};

	*heard = false;
	if (!usable(db, err))
		return false;
	for (;;) {
		const int64_t left = end - clock_now_ms();

		if (!take_notices(db, heard, err))
			return false;
		if (*heard || left <= 0)
			return true;
		if (poll(fds, 3, (int)left) < 0 && errno != EINTR)
			return err_errno(err, ERR_STOP, "poll");
		if (fds[1].revents != 0 || fds[2].revents != 0)
			return give_up(db, err, "stopping");
	}
}

/* Arrays as libpq wants them; one allocation. */
struct bound {
	Oid *types;
	const char **values;
	int *lengths;
	int *formats;
};

static bool bind_params(struct bound *bound, size_t count,
	const struct db_param *params, struct err *err)
{
	const size_t each = sizeof(const char *) + sizeof(Oid) +
		2 * sizeof(int);

	if (count > UINT16_MAX)
		return err_set(err, ERR_STOP, "%zu parameters", count);
	bound->values = calloc(count + 1, each);
	if (bound->values == NULL)
		return err_memory(err);
	bound->types = (Oid *)(bound->values + count);
	bound->lengths = (int *)(bound->types + count);
	bound->formats = bound->lengths + count;
	for (size_t i = 0; i < count; i++) {
		if (params[i].len > INT32_MAX)
			return err_set(err, ERR_STOP, "parameter too large");
		bound->types[i] = params[i].oid;
		bound->values[i] = params[i].data;
		bound->lengths[i] = (int)params[i].len;
		bound->formats[i] = params[i].binary;
	}
	return true;
}

static bool run(struct db *db, const char *sql, size_t count,
	const struct bound *bound, PGresult **res, struct err *err)
{
	if (PQsendQueryParams(db->conn, sql, (int)count, bound->types,
		bound->values, bound->lengths, bound->formats, 0) == 0)
		return fail_lost(db, err);
	return finish(db, res, err);
}

bool db_query_params(struct db *db, const char *sql, size_t count,
	const struct db_param *params, struct db_result **result,
	struct err *err)
{
	struct db_result *made = calloc(1, sizeof(*made));
	struct bound bound = { 0 };
	bool ok;

	if (result != NULL)
		*result = NULL;
	if (made == NULL)
		return err_memory(err);
	ok = usable(db, err) && bind_params(&bound, count, params, err) &&
		run(db, sql, count, &bound, &made->res, err);
	free(bound.values);
	if (ok && result != NULL)
		*result = made;
	else
		db_result_free(made);
	return ok;
}

bool db_query(struct db *db, const char *sql, size_t count,
	const char *const *values, struct db_result **result, struct err *err)
{
	struct db_param *params = calloc(count + 1, sizeof(*params));
	bool ok;

	if (result != NULL)
		*result = NULL;
	if (params == NULL)
		return err_memory(err);
	for (size_t i = 0; i < count; i++)
		if (values[i] != NULL)
			params[i] = (struct db_param){ .data = values[i],
				.len = strlen(values[i]) };
	ok = db_query_params(db, sql, count, params, result, err);
	free(params);
	return ok;
}

/* -- results ------------------------------------------------------------ */

void db_result_free(struct db_result *result)
{
	if (result == NULL)
		return;
	PQclear(result->res);
	free(result);
}

size_t db_rows(const struct db_result *result)
{
	return (size_t)PQntuples(result->res);
}

size_t db_columns(const struct db_result *result)
{
	return (size_t)PQnfields(result->res);
}

const char *db_column_name(const struct db_result *result, size_t column)
{
	const char *name = PQfname(result->res, (int)column);

	return name != NULL ? name : "";
}

const char *db_value(const struct db_result *result, size_t row, size_t column)
{
	const char *value = PQgetvalue(result->res, (int)row, (int)column);

	return value != NULL ? value : "";
}

size_t db_value_len(const struct db_result *result, size_t row, size_t column)
{
	return (size_t)PQgetlength(result->res, (int)row, (int)column);
}

bool db_is_null(const struct db_result *result, size_t row, size_t column)
{
	return PQgetisnull(result->res, (int)row, (int)column) != 0;
}

int64_t db_int(const struct db_result *result, size_t row, size_t column)
{
	return strtoll(db_value(result, row, column), NULL, 10);
}

int64_t db_affected(const struct db_result *result)
{
	return strtoll(PQcmdTuples(result->res), NULL, 10);
}

/* -- transactions ------------------------------------------------------- */

bool db_begin(struct db *db, struct err *err)
{
	return db_exec(db, "begin", err);
}

bool db_commit(struct db *db, struct err *err)
{
	struct db_result *result = NULL;
	bool ok;

	if (!db_query(db, "commit", 0, NULL, &result, err))
		return err_wrap(err, "commit");
	ok = strcmp(PQcmdStatus(result->res), "COMMIT") == 0 ||
		err_set(err, ERR_RETRY, "commit was answered with %s",
			PQcmdStatus(result->res));
	db_result_free(result);
	return ok;
}

void db_rollback(struct db *db)
{
	struct err ignored = { 0 };

	if (db->copying) {
		db->copying = false;
		if (PQputCopyEnd(db->conn, "abandoned") <= 0)
			db->lost = true;
		if (!db->lost && !finish(db, NULL, &ignored))
			ignored = (struct err){ 0 }; /* as it should */
	}
	if (db_in_transaction(db) && !db_exec(db, "rollback", &ignored))
		db->lost = true; /* the server rolls back by itself */
}

/* -- COPY --------------------------------------------------------------- */

bool db_copy_begin(struct db *db, const char *sql, struct err *err)
{
	struct err ignored = { 0 };
	PGresult *res = NULL;

	if (!usable(db, err))
		return false;
	if (PQsendQuery(db->conn, sql) == 0)
		return fail_lost(db, err);
	if (!next_result(db, &res, err))
		return false;
	db->copying = PQresultStatus(res) == PGRES_COPY_IN;
	if (!db->copying && (is_fine(res) || is_copy(res)))
		err_set(err, ERR_STOP, "not a COPY from stdin");
	else if (!db->copying)
		fail_result(db, res, err);
	PQclear(res);
	if (!db->copying && db_alive(db) && !finish(db, NULL, &ignored))
		db->lost = true;
	return db->copying;
}

bool db_copy_put(struct db *db, const void *data, size_t len, struct err *err)
{
	const char *at = data;

	while (len > 0) {
		const size_t n = len < COPY_SLICE ? len : COPY_SLICE;
		const int put = PQputCopyData(db->conn, at, (int)n);

		if (put < 0) {
			db->copying = false;
			return fail_lost(db, err);
		}
		if (!flush(db, err)) {
			db->copying = false;
			return false;
		}
		if (put == 0)
			continue; /* no room then, but now */
		at += n;
		len -= n;
	}
	return true;
}

bool db_copy_end(struct db *db, int64_t *rows, struct err *err)
{
	PGresult *res = NULL;
	bool ok;

	db->copying = false;
	if (PQputCopyEnd(db->conn, NULL) <= 0)
		return fail_lost(db, err);
	ok = finish(db, &res, err);
	if (ok)
		*rows = strtoll(PQcmdTuples(res), NULL, 10);
	PQclear(res);
	return ok;
}

/* -- passwords ---------------------------------------------------------- */

char *db_password_verifier(struct db *db, const char *user,
	const char *password, struct err *err)
{
	char *made = PQencryptPasswordConn(db->conn, password, user,
		"scram-sha-256");
	char *copy = NULL;

	if (made == NULL) {
		err_set(err, ERR_STOP, "cannot make a password verifier");
		return NULL;
	}
	copy = strdup(made);
	PQfreemem(made);
	if (copy == NULL)
		err_memory(err);
	return copy;
}
