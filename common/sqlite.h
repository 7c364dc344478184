/* sqlite.h - the door to SQLite: one file, one owner thread. */
#ifndef SLUICE_SQLITE_H
#define SLUICE_SQLITE_H

#include "common/err.h"

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
void sqlite_close_file(struct sqlite *db);
bool sqlite_run(struct sqlite *db, const char *sql, struct err *err) MUST_CHECK;

/* Prepared once, cached by its text for the life of db; reset and unbound. */
struct sqlite_stmt *sqlite_prepared(struct sqlite *db, const char *sql,
	struct err *err);
/* Parameters count from 1; bytes are copied. */
bool sqlite_bind_int(struct sqlite_stmt *stmt, int at, int64_t value,
	struct err *err) MUST_CHECK;
bool sqlite_bind_text(struct sqlite_stmt *stmt, int at, const char *text,
	struct err *err) MUST_CHECK; /* NULL: null */
bool sqlite_bind_blob(struct sqlite_stmt *stmt, int at, const void *data,
	size_t len, struct err *err) MUST_CHECK;
/* *row: a row is there to read. At the end the statement is reset. */
bool sqlite_step_row(struct sqlite_stmt *stmt, bool *row, struct err *err)
	MUST_CHECK;
/* Columns count from 0; borrowed until the next step. */
int64_t sqlite_int(struct sqlite_stmt *stmt, int column);
const char *sqlite_text(struct sqlite_stmt *stmt, int column);
const void *sqlite_blob(struct sqlite_stmt *stmt, int column, size_t *len);

#endif
