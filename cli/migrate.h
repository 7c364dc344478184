/* migrate.h - PostgreSQL as Sluice wants it: roles, schema, tables, models.
 * The SQL half of `sluice apply`. */
#ifndef SLUICE_MIGRATE_H
#define SLUICE_MIGRATE_H

#include "common/config.h"
#include "common/db.h"
#include "common/pipeline.h"
#include "consumer/models.h"

/* What one run works on. Statements are run at once, inside one transaction,
 * and kept as text; a dry run rolls it back in the end. */
struct migration {
	const struct config *config;
	const struct pipeline_set *set;
	const struct models *models;
	struct db *db;   /* the owner's session */
	struct buf *sql; /* what was run, to be shown; no secrets */
	struct buf *said; /* one line for each thing that changed */
};

/* All of it in one transaction: all or nothing. Two runs at once wait for each
 * other. dry_run changes nothing. Errors: EXIT_CONFIG where a table or a
 * migration does not fit the files, with the remedy. */
bool migrate(struct migration *migration, bool dry_run, struct err *err)
	MUST_CHECK;

/* -- the parts, in this order ------------------------------------------- */

/* Runs the statements and keeps them. */
bool migration_run(struct migration *migration, const char *sql,
	struct err *err) MUST_CHECK;
bool migration_say(struct migration *migration, const char *fmt, ...)
	PRINTF_LIKE(2, 3);

/* sluice_loader and sluice_reader, the logins of the settings as members of
 * them, who may connect. Passwords travel as SCRAM verifiers, and only where
 * the one in the settings does not open a session. */
bool roles_apply(struct migration *migration, struct err *err) MUST_CHECK;

/* Tables of datasets that have none; new columns; anything else that does not
 * fit is ERR_STOP, EXIT_CONFIG. */
bool adapt_tables(struct migration *migration, struct err *err) MUST_CHECK;

#endif
