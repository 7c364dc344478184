/* sqlite.h - the door to SQLite: one file, one owner thread. */
#ifndef SLUICE_SQLITE_H
#define SLUICE_SQLITE_H

#include "common/buf.h"

#include <stddef.h>
#include <stdint.h>

struct sqlite;      /* an open file */
struct sqlite_stmt; /* a prepared statement; ends with its file */

/* Creates the file (mode 0600) when missing; WAL, synchronous=full,
 * foreign_keys on, busy timeout 5 s. Errors: ERR_STOP/EXIT_IO; full disk and
 * busy are ERR_RETRY. A file that is not SQLite, or damaged, says so. */
struct sqlite *sqlite_open_file(const char *file, struct err *err);
/* For looking only, beside its owner: a file that is not there or may not be
 * read is ERR_STOP/EXIT_IO. */
struct sqlite *sqlite_open_reader(const char *file, struct err *err);

/* err->code after a failure, where one has to tell them apart. */
#define SQLITE_CODE_FOREIGN "notadb"   /* not SQLite's */
#define SQLITE_CODE_DAMAGED "damaged"
#define SQLITE_CODE_READONLY "rofile"
#define SQLITE_CODE_FULL "full"        /* ERR_RETRY, EXIT_IO */
#define SQLITE_CODE_BUSY "busy"        /* ERR_RETRY */
#define SQLITE_CODE_SQL "sql"          /* the statement is to blame */

#define SQLITE_STORE_CACHE_KIB 49152 /* what loads give a store's pages */

struct sqlite_options {
	bool create;       /* when missing, with the mode that the umask says */
	int64_t busy_ms;   /* how long another writer is waited for */
	int64_t cache_kib; /* of pages, at most */
	int64_t application; /* pragma application_id of one's own files */
};
/* A file of the user's own, for tables: WAL, synchronous=full, temporary
 * tables in memory, and decimal_add, decimal_sub, decimal_cmp, decimal_sum and
 * collation decimal as in SQLite's own shell, exact; sluice_add adds two
 * numbers, whole or decimal (both as text), and fails rather than lose digits.
 * A folder, a file that may not be written, one that is another program's (and
 * not empty): EXIT_IO, and nothing was changed in it. */
struct sqlite *sqlite_open_store(const char *file,
	const struct sqlite_options *options, struct err *err);
const char *sqlite_file(const struct sqlite *db);
void sqlite_close_file(struct sqlite *db);
bool sqlite_run(struct sqlite *db, const char *sql, struct err *err) MUST_CHECK;

/* Prepared once, cached by its text for the life of db; reset and unbound. */
struct sqlite_stmt *sqlite_prepared(struct sqlite *db, const char *sql,
	struct err *err);
/* Forgets those: before a table is dropped that one of them may hold. */
void sqlite_forget(struct sqlite *db);
/* One of one's own: sqlite_finish ends it, before its file is closed. */
struct sqlite_stmt *sqlite_prepare(struct sqlite *db, const char *sql,
	struct err *err);
void sqlite_finish(struct sqlite_stmt *stmt); /* NULL is fine */
/* From the start; what is bound stays. */
void sqlite_again(struct sqlite_stmt *stmt);
/* Parameters count from 1; bytes are copied. */
bool sqlite_bind_int(struct sqlite_stmt *stmt, int at, int64_t value,
	struct err *err) MUST_CHECK;
bool sqlite_bind_text(struct sqlite_stmt *stmt, int at, const char *text,
	struct err *err) MUST_CHECK; /* NULL: null */
bool sqlite_bind_blob(struct sqlite_stmt *stmt, int at, const void *data,
	size_t len, struct err *err) MUST_CHECK;
/* text must outlive the statement's run; it may be bound to anew. */
bool sqlite_bind_view(struct sqlite_stmt *stmt, int at, const char *text,
	size_t len, struct err *err) MUST_CHECK;
bool sqlite_bind_double(struct sqlite_stmt *stmt, int at, double value,
	struct err *err) MUST_CHECK;
bool sqlite_bind_null(struct sqlite_stmt *stmt, int at, struct err *err)
	MUST_CHECK;
/* *row: a row is there to read. At the end the statement is reset. */
bool sqlite_step_row(struct sqlite_stmt *stmt, bool *row, struct err *err)
	MUST_CHECK;
/* Columns count from 0; borrowed until the next step. */
int64_t sqlite_int(struct sqlite_stmt *stmt, int column);
const char *sqlite_text(struct sqlite_stmt *stmt, int column);
const void *sqlite_blob(struct sqlite_stmt *stmt, int column, size_t *len);
double sqlite_double(struct sqlite_stmt *stmt, int column);
/* Never NULL. */
const char *sqlite_text_len(struct sqlite_stmt *stmt, int column, size_t *len);
enum sqlite_kind {
	SQLITE_KIND_NULL,
	SQLITE_KIND_INT,
	SQLITE_KIND_DOUBLE,
	SQLITE_KIND_TEXT,
	SQLITE_KIND_BLOB,
};
enum sqlite_kind sqlite_kind(struct sqlite_stmt *stmt, int column);
int sqlite_columns(struct sqlite_stmt *stmt);
const char *sqlite_column_name(struct sqlite_stmt *stmt, int column);

/* Rows that the last insert, update or delete touched. */
int64_t sqlite_changes(struct sqlite *db);
/* Of the row inserted last. */
int64_t sqlite_rowid(struct sqlite *db);
/* SQLite's own words for what failed last, until the next call. */
const char *sqlite_why(struct sqlite *db);
/* Where in its text the statement that failed last is wrong; -1: unknown. */
int sqlite_fault_at(struct sqlite *db);
/* Whether a transaction is open. */
bool sqlite_begun(struct sqlite *db);

/* "a""b" and 'a''b', appended. Pure. */
bool sqlite_add_name(struct buf *sql, const char *name, struct err *err)
	MUST_CHECK;
bool sqlite_add_literal(struct buf *sql, const char *text, struct err *err)
	MUST_CHECK;

#endif
