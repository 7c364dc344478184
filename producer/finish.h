/* finish.h - files whose source has ended leave .claimed. */
#ifndef SLUICE_FINISH_H
#define SLUICE_FINISH_H

#include "common/object_store.h"
#include "producer/state.h"

struct finish_dirs {
	int root; /* raw_dir */
	const char *processed_dir;
	const char *failed_dir;
	/* what was loaded goes into the object store; NULL store: later */
	bool to_store;
	struct object_store *store;
};

/* Marks the sources published (their last position included), moves each
 * file to <processed_dir or failed_dir>/<directory>/<YYYY-MM-DD>/<name>,
 * never over another, or into the object store, makes that durable and marks
 * them moved, or lost when somebody removed the file. Of a source that was
 * loaded again only the original's file stays. False: those that are neither afterwards are to
 * be tried again later. */
bool finish_sources(const struct finish_dirs *dirs, struct state *state,
	struct source *const *sources, size_t count, struct err *err)
	MUST_CHECK;

/* Moves the claimed file of a source that no state file knows to where its
 * state would have had it; source->failed tells which folder. */
bool finish_put_away(const struct finish_dirs *dirs, struct source *source,
	struct err *err) MUST_CHECK;

/* Where the file of an unfinished source is, after a crash. */
enum finish_place { PLACE_CLAIMED, PLACE_ORIGINAL, PLACE_TARGET, PLACE_GONE };
enum finish_place finish_find(const struct finish_dirs *dirs,
	const struct source *source);

#endif
