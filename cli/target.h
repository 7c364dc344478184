/* target.h - where a verb works: `--to postgres` or `--to sqlite:FILE`. */
#ifndef SLUICE_TARGET_H
#define SLUICE_TARGET_H

#include "consumer/store.h"

/* A store with the plan it needs, which it owns. */
struct target {
	struct plan plan;
	struct store *store;
};

struct target_options {
	const struct config *config;
	const char *name; /* of who loads, in meta.load */
	const char *file; /* of SQLite; NULL: PostgreSQL */
	bool create;
	const struct date_filter *filter;
};

/* "postgres" or "sqlite:FILE"; *file is NULL for the former. Else EXIT_USAGE. */
bool target_read(const char *text, const char **file, struct err *err)
	MUST_CHECK;
/* Reads pipelines and models, opens the store; connects to nothing. Where the
 * target was zeroed, target_close is for a failed one as well. */
bool target_open(struct target *target, const struct target_options *options,
	struct err *err) MUST_CHECK;
void target_close(struct target *target);

#endif
