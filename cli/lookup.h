/* lookup.h - a source by any of its names. */
#ifndef SLUICE_LOOKUP_H
#define SLUICE_LOOKUP_H

#include "common/config.h"
#include "common/db.h"

/* What to ask meta.source for: a name relative to raw_dir, escaped. A path
 * that leads below raw_dir loses that part. */
bool lookup_name(const struct config *config, const char *given,
	struct buf *name, struct err *err) MUST_CHECK;

/* Ids of the sources that `given` means, the latest first: a source id, a
 * drop id, a name, or the last part of one. The caller frees *ids. */
bool lookup_all(struct db *db, const struct config *config,
	const char *given, int64_t **ids, size_t *count, struct err *err)
	MUST_CHECK;

/* The latest of them; none is ERR_REJECT. */
bool lookup_one(struct db *db, const struct config *config,
	const char *given, int64_t *id, struct err *err) MUST_CHECK;

#endif
