/* sqlite_private.h - between the files of the door to SQLite. */
#ifndef SLUICE_SQLITE_PRIVATE_H
#define SLUICE_SQLITE_PRIVATE_H

#include "common/err.h"

struct sqlite3;

/* The functions on decimal numbers, see sqlite.h. */
bool sqlite_add_decimals(struct sqlite3 *db, struct err *err) MUST_CHECK;

#endif
