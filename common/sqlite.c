/* sqlite.c - the door to SQLite: one file, one owner thread. */
#include "common/sqlite.h"
#include "common/sqlite_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 5000
#define FILE_CACHE_KIB 256 /* what is in use; the system has the rest */
#define SHOWN_SQL 200 /* bytes of a statement in an error */

struct sqlite {
	sqlite3 *db;
	char *file;
	struct sqlite_stmt *statements;
};

struct sqlite_stmt {
	struct sqlite_stmt *next; /* cached ones */
	struct sqlite *db;
	char *sql;
	sqlite3_stmt *stmt;
};

static bool mark(struct err *err, const char *code)
{
	(void)snprintf(err->code, sizeof(err->code), "%s", code);
	return false;
}

static bool fail(struct sqlite *db, int rc, const char *what, struct err *err)
{
	const char *why = sqlite3_errmsg(db->db);
	const int system = (rc & 0xff) == SQLITE_IOERR ||
		(rc & 0xff) == SQLITE_CANTOPEN ?
		sqlite3_system_errno(db->db) : 0;

	switch (rc & 0xff) {
	case SQLITE_NOMEM:
		return err_memory(err);
	case SQLITE_NOTADB:
		(void)err_stop(err, EXIT_IO, "%s is not an SQLite database: "
			"move it away or name another file", db->file);
		return mark(err, SQLITE_CODE_FOREIGN);
	case SQLITE_CORRUPT:
		(void)err_stop(err, EXIT_IO, "%s is damaged (%s): restore it "
			"or move it away", db->file, why);
		return mark(err, SQLITE_CODE_DAMAGED);
	case SQLITE_READONLY:
		(void)err_stop(err, EXIT_IO, "%s cannot be written to: look "
			"at its mode, its folder's and the file system's (%s)",
			db->file, why);
		return mark(err, SQLITE_CODE_READONLY);
	case SQLITE_FULL:
		(void)err_set(err, ERR_RETRY, "%s: the disk is full, or a "
			"limit is reached: make room and run it again (%s)",
			db->file, why);
		err->exit_code = EXIT_IO;
		return mark(err, SQLITE_CODE_FULL);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		(void)err_set(err, ERR_RETRY, "%s: %.*s: another program holds "
			"it (%s)", db->file, SHOWN_SQL, what, why);
		return mark(err, SQLITE_CODE_BUSY);
	case SQLITE_ERROR:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
		(void)err_stop(err, EXIT_IO, "%s: %.*s: %s", db->file,
			SHOWN_SQL, what, why);
		return mark(err, SQLITE_CODE_SQL);
	default:
		return err_stop(err, EXIT_IO, "%s: %.*s: %s%s%s", db->file,
			SHOWN_SQL, what, why, system != 0 ? ": " : "",
			system != 0 ? strerror(system) : "");
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

static bool set_cache(struct sqlite *db, int64_t cache_kib, struct err *err)
{
	char sql[64];

	(void)snprintf(sql, sizeof(sql), "pragma cache_size = -%lld",
		(long long)cache_kib);
	return sqlite_run(db, sql, err);
}

static bool connect_file(struct sqlite *db, struct err *err)
{
	return connect_as(db, SQLITE_OPEN_READWRITE, err) &&
		sqlite_run(db, "pragma journal_mode = wal", err) &&
		sqlite_run(db, "pragma synchronous = full", err) &&
		set_cache(db, FILE_CACHE_KIB, err) &&
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

/* What SQLite would only call "unable to open". */
static bool check_path(const char *file, struct err *err)
{
	struct stat st;

	if (stat(file, &st) != 0) {
		if (errno == ENOENT)
			return true;
		(void)err_errno(err, ERR_STOP, "%s", file);
		err->exit_code = EXIT_IO;
		return false;
	}
	return S_ISREG(st.st_mode) || err_stop(err, EXIT_IO,
		"%s is %s, where an SQLite file was meant", file,
		S_ISDIR(st.st_mode) ? "a folder" : "no regular file");
}

static bool may_write(const char *file, struct err *err)
{
	if (faccessat(AT_FDCWD, file, W_OK, AT_EACCESS) == 0 ||
		errno == ENOENT)
		return true;
	(void)err_errno(err, ERR_STOP, "%s cannot be written to", file);
	err->exit_code = EXIT_IO;
	return mark(err, SQLITE_CODE_READONLY);
}

/* Before anything is written: even the journal's mode is kept in the file. */
static bool check_owner(struct sqlite *db, int64_t application,
	struct err *err)
{
	struct sqlite_stmt *stmt = sqlite_prepared(db,
		"select application_id, (select count(*) from sqlite_schema)"
		" from pragma_application_id", err);
	int64_t id, tables;
	bool row;

	if (stmt == NULL || !sqlite_step_row(stmt, &row, err))
		return false;
	id = sqlite_int(stmt, 0);
	tables = sqlite_int(stmt, 1);
	sqlite_again(stmt);
	if (id == application || (id == 0 && tables == 0))
		return true;
	(void)err_stop(err, EXIT_IO, "%s is another program's database (%lld "
		"tables and indexes): name another file", db->file,
		(long long)tables);
	return mark(err, SQLITE_CODE_FOREIGN);
}

static bool connect_store(struct sqlite *db,
	const struct sqlite_options *options, struct err *err)
{
	const int mode = options->create ?
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE :
		SQLITE_OPEN_READWRITE;

	if (!connect_as(db, mode, err))
		return false;
	(void)sqlite3_busy_timeout(db->db, (int)options->busy_ms);
	return check_owner(db, options->application, err) &&
		sqlite_run(db, "pragma journal_mode = wal", err) &&
		sqlite_run(db, "pragma synchronous = full", err) &&
		sqlite_run(db, "pragma temp_store = memory", err) &&
		set_cache(db, options->cache_kib, err) &&
		sqlite_add_decimals(db->db, err);
}

struct sqlite *sqlite_open_store(const char *file,
	const struct sqlite_options *options, struct err *err)
{
	struct sqlite *db = NULL;

	if (!check_path(file, err) || !may_write(file, err))
		return NULL;
	if (!options->create && access(file, F_OK) != 0) {
		(void)err_stop(err, EXIT_IO, "%s is not there: `sluice load "
			"--to sqlite:%s` makes it", file, file);
		return NULL;
	}
	db = sqlite_new(file, err);
	if (db != NULL && connect_store(db, options, err))
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

static void free_statement(struct sqlite_stmt *stmt)
{
	(void)sqlite3_finalize(stmt->stmt);
	free(stmt->sql);
	free(stmt);
}

void sqlite_forget(struct sqlite *db)
{
	while (db->statements != NULL) {
		struct sqlite_stmt *stmt = db->statements;

		db->statements = stmt->next;
		free_statement(stmt);
	}
}

void sqlite_close_file(struct sqlite *db)
{
	if (db == NULL)
		return;
	sqlite_forget(db);
	(void)sqlite3_close(db->db);
	free(db->file);
	free(db);
}

const char *sqlite_file(const struct sqlite *db)
{
	return db->file;
}

static struct sqlite_stmt *find(struct sqlite *db, const char *sql)
{
	struct sqlite_stmt *stmt = db->statements;

	while (stmt != NULL && strcmp(stmt->sql, sql) != 0)
		stmt = stmt->next;
	return stmt;
}

struct sqlite_stmt *sqlite_prepare(struct sqlite *db, const char *sql,
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
		free_statement(stmt);
		return NULL;
	}
	stmt->db = db;
	return stmt;
}

void sqlite_finish(struct sqlite_stmt *stmt)
{
	if (stmt != NULL)
		free_statement(stmt);
}

void sqlite_again(struct sqlite_stmt *stmt)
{
	(void)sqlite3_reset(stmt->stmt);
}

struct sqlite_stmt *sqlite_prepared(struct sqlite *db, const char *sql,
	struct err *err)
{
	struct sqlite_stmt *stmt = find(db, sql);

	if (stmt != NULL) {
		(void)sqlite3_reset(stmt->stmt);
		(void)sqlite3_clear_bindings(stmt->stmt);
		return stmt;
	}
	stmt = sqlite_prepare(db, sql, err);
	if (stmt == NULL)
		return NULL;
	stmt->next = db->statements;
	db->statements = stmt;
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

bool sqlite_bind_view(struct sqlite_stmt *stmt, int at, const char *text,
	size_t len, struct err *err)
{
	return bound(stmt, sqlite3_bind_text64(stmt->stmt, at, text, len,
		SQLITE_STATIC, SQLITE_UTF8), err);
}

bool sqlite_bind_double(struct sqlite_stmt *stmt, int at, double value,
	struct err *err)
{
	return bound(stmt, sqlite3_bind_double(stmt->stmt, at, value), err);
}

bool sqlite_bind_null(struct sqlite_stmt *stmt, int at, struct err *err)
{
	return bound(stmt, sqlite3_bind_null(stmt->stmt, at), err);
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

double sqlite_double(struct sqlite_stmt *stmt, int column)
{
	return sqlite3_column_double(stmt->stmt, column);
}

enum sqlite_kind sqlite_kind(struct sqlite_stmt *stmt, int column)
{
	switch (sqlite3_column_type(stmt->stmt, column)) {
	case SQLITE_INTEGER:
		return SQLITE_KIND_INT;
	case SQLITE_FLOAT:
		return SQLITE_KIND_DOUBLE;
	case SQLITE_TEXT:
		return SQLITE_KIND_TEXT;
	case SQLITE_BLOB:
		return SQLITE_KIND_BLOB;
	default:
		return SQLITE_KIND_NULL;
	}
}

const char *sqlite_text_len(struct sqlite_stmt *stmt, int column, size_t *len)
{
	const char *text =
		(const char *)sqlite3_column_text(stmt->stmt, column);

	*len = (size_t)sqlite3_column_bytes(stmt->stmt, column);
	return text != NULL ? text : "";
}

int sqlite_columns(struct sqlite_stmt *stmt)
{
	return sqlite3_column_count(stmt->stmt);
}

const char *sqlite_column_name(struct sqlite_stmt *stmt, int column)
{
	const char *name = sqlite3_column_name(stmt->stmt, column);

	return name != NULL ? name : "";
}

int64_t sqlite_changes(struct sqlite *db)
{
	return sqlite3_changes64(db->db);
}

int64_t sqlite_rowid(struct sqlite *db)
{
	return sqlite3_last_insert_rowid(db->db);
}

bool sqlite_begun(struct sqlite *db)
{
	return sqlite3_get_autocommit(db->db) == 0;
}

bool sqlite_add_name(struct buf *sql, const char *name, struct err *err)
{
	bool ok = buf_add_char(sql, '"', err);

	for (; ok && *name != '\0'; name++)
		ok = (*name != '"' || buf_add_char(sql, '"', err)) &&
			buf_add_char(sql, *name, err);
	return ok && buf_add_char(sql, '"', err);
}

bool sqlite_add_literal(struct buf *sql, const char *text, struct err *err)
{
	bool ok = buf_add_char(sql, '\'', err);

	for (; ok && *text != '\0'; text++)
		ok = (*text != '\'' || buf_add_char(sql, '\'', err)) &&
			buf_add_char(sql, *text, err);
	return ok && buf_add_char(sql, '\'', err);
}

int sqlite_fault_at(struct sqlite *db)
{
	return sqlite3_error_offset(db->db);
}

const char *sqlite_why(struct sqlite *db)
{
	return sqlite3_errmsg(db->db);
}
