/* sqlite.c - the door to SQLite: one file, one owner thread. */
#include "common/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUSY_MS 5000

struct sqlite_stmt {
	struct sqlite_stmt *next;
	struct sqlite *db;
	char *sql;
	sqlite3_stmt *stmt;
};

struct sqlite {
	sqlite3 *db;
	char *file;
	struct sqlite_stmt *statements;
};

static bool fail(struct sqlite *db, int rc, const char *what, struct err *err)
{
	const char *why = sqlite3_errmsg(db->db);

	switch (rc & 0xff) {
	case SQLITE_NOMEM:
		return err_memory(err);
	case SQLITE_NOTADB:
		return err_stop(err, EXIT_IO, "%s is not an SQLite database: "
			"move it away or name another state_file", db->file);
	case SQLITE_CORRUPT:
		return err_stop(err, EXIT_IO, "%s is damaged (%s): restore it "
			"or move it away", db->file, why);
	case SQLITE_FULL:
		(void)err_set(err, ERR_RETRY, "%s: %s: %s", db->file, what,
			why);
		err->exit_code = EXIT_IO;
		return false;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, ERR_RETRY, "%s: %s: another program holds "
			"it (%s)", db->file, what, why);
	default:
		return err_stop(err, EXIT_IO, "%s: %s: %s", db->file, what,
			why);
	}
}

bool sqlite_run(struct sqlite *db, const char *sql, struct err *err)
{
	const int rc = sqlite3_exec(db->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK || fail(db, rc, sql, err);
}

/* Made here with its mode, since SQLite asks the umask alone. A file that is
 * there is not opened: closing it would drop SQLite's own locks on it. */
static bool create_private(const char *file, struct err *err)
{
	const int fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0)
		close(fd);
	else if (errno != EEXIST) {
		(void)err_errno(err, ERR_STOP, "create %s", file);
		err->exit_code = EXIT_IO;
		return false;
	}
	return true;
}

static bool connect_as(struct sqlite *db, int mode, struct err *err)
{
	const int flags = mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	const int rc = sqlite3_open_v2(db->file, &db->db, flags, NULL);

	if (db->db == NULL)
		return err_memory(err);
	if (rc != SQLITE_OK)
		return fail(db, rc, "open", err);
	(void)sqlite3_busy_timeout(db->db, BUSY_MS);
	return true;
}

static bool connect_file(struct sqlite *db, struct err *err)
{
	return connect_as(db, SQLITE_OPEN_READWRITE, err) &&
		sqlite_run(db, "pragma journal_mode = wal", err) &&
		sqlite_run(db, "pragma synchronous = full", err) &&
		sqlite_run(db, "pragma foreign_keys = on", err);
}

static struct sqlite *sqlite_new(const char *file, struct err *err)
{
	struct sqlite *db = calloc(1, sizeof(*db));

	if (db != NULL)
		db->file = strdup(file);
	if (db != NULL && db->file != NULL)
		return db;
	(void)err_memory(err);
	free(db);
	return NULL;
}

struct sqlite *sqlite_open_file(const char *file, struct err *err)
{
	struct sqlite *db = sqlite_new(file, err);

	if (db != NULL && create_private(file, err) && connect_file(db, err))
		return db;
	sqlite_close_file(db);
	return NULL;
}

/* SQLite's own word for a file it may not read says less than errno; and it
 * would not be asked before the first statement. */
static bool may_read(const char *file, struct err *err)
{
	if (faccessat(AT_FDCWD, file, R_OK, AT_EACCESS) == 0)
		return true;
	(void)err_errno(err, ERR_STOP, "read %s", file);
	err->exit_code = EXIT_IO;
	return false;
}

struct sqlite *sqlite_open_reader(const char *file, struct err *err)
{
	struct sqlite *db = sqlite_new(file, err);

	if (db != NULL && may_read(file, err) &&
		connect_as(db, SQLITE_OPEN_READONLY, err))
		return db;
	sqlite_close_file(db);
	return NULL;
}

void sqlite_close_file(struct sqlite *db)
{
	if (db == NULL)
		return;
	while (db->statements != NULL) {
		struct sqlite_stmt *stmt = db->statements;

		db->statements = stmt->next;
		(void)sqlite3_finalize(stmt->stmt);
		free(stmt->sql);
		free(stmt);
	}
	(void)sqlite3_close(db->db);
	free(db->file);
	free(db);
}

static struct sqlite_stmt *find(struct sqlite *db, const char *sql)
{
	struct sqlite_stmt *stmt = db->statements;

	while (stmt != NULL && strcmp(stmt->sql, sql) != 0)
		stmt = stmt->next;
	return stmt;
}

static struct sqlite_stmt *prepare(struct sqlite *db, const char *sql,
	struct err *err)
{
	struct sqlite_stmt *stmt = calloc(1, sizeof(*stmt));
	int rc;

	if (stmt != NULL)
		stmt->sql = strdup(sql);
	if (stmt == NULL || stmt->sql == NULL) {
		(void)err_memory(err);
		free(stmt);
		return NULL;
	}
	rc = sqlite3_prepare_v3(db->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
		&stmt->stmt, NULL);
	if (rc != SQLITE_OK) {
		(void)fail(db, rc, sql, err);
		free(stmt->sql);
		free(stmt);
		return NULL;
	}
	stmt->db = db;
	stmt->next = db->statements;
	db->statements = stmt;
	return stmt;
}

struct sqlite_stmt *sqlite_prepared(struct sqlite *db, const char *sql,
	struct err *err)
{
	struct sqlite_stmt *stmt = find(db, sql);

	if (stmt == NULL)
		return prepare(db, sql, err);
	(void)sqlite3_reset(stmt->stmt);
	(void)sqlite3_clear_bindings(stmt->stmt);
	return stmt;
}

static bool bound(struct sqlite_stmt *stmt, int rc, struct err *err)
{
	return rc == SQLITE_OK || fail(stmt->db, rc, stmt->sql, err);
}

bool sqlite_bind_int(struct sqlite_stmt *stmt, int at, int64_t value,
	struct err *err)
{
	return bound(stmt, sqlite3_bind_int64(stmt->stmt, at, value), err);
}

bool sqlite_bind_text(struct sqlite_stmt *stmt, int at, const char *text,
	struct err *err)
{
	return bound(stmt, sqlite3_bind_text(stmt->stmt, at, text, -1,
		SQLITE_TRANSIENT), err);
}

/* A NULL pointer of no length is still a blob, not a null. */
bool sqlite_bind_blob(struct sqlite_stmt *stmt, int at, const void *data,
	size_t len, struct err *err)
{
	return bound(stmt, sqlite3_bind_blob64(stmt->stmt, at,
		data != NULL ? data : "", len, SQLITE_TRANSIENT), err);
}

bool sqlite_step_row(struct sqlite_stmt *stmt, bool *row, struct err *err)
{
	const int rc = sqlite3_step(stmt->stmt);

	*row = rc == SQLITE_ROW;
	if (rc == SQLITE_ROW)
		return true;
	if (rc != SQLITE_DONE)
		(void)fail(stmt->db, rc, stmt->sql, err);
	(void)sqlite3_reset(stmt->stmt);
	return rc == SQLITE_DONE;
}

int64_t sqlite_int(struct sqlite_stmt *stmt, int column)
{
	return sqlite3_column_int64(stmt->stmt, column);
}

const char *sqlite_text(struct sqlite_stmt *stmt, int column)
{
	return (const char *)sqlite3_column_text(stmt->stmt, column);
}

const void *sqlite_blob(struct sqlite_stmt *stmt, int column, size_t *len)
{
	const void *data = sqlite3_column_blob(stmt->stmt, column);

	*len = (size_t)sqlite3_column_bytes(stmt->stmt, column);
	return data;
}
