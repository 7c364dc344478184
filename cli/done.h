/* done.h - files that were taken and stay where they are, as they were then.
 * Forgets those that are gone, so that it never holds more than the folders
 * do. Pure. */
#ifndef SLUICE_DONE_H
#define SLUICE_DONE_H

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

struct done;

/* What makes a file another one. */
struct done_mark {
	uint64_t inode;
	uint64_t size;
	int64_t mtime_ns;
};

struct done *done_new(struct err *err);
void done_free(struct done *done); /* NULL is fine */

/* The file was taken as it was; replaces what was said of that path. */
bool done_add(struct done *done, const char *path,
	const struct done_mark *mark, struct err *err) MUST_CHECK;
/* True when it was added and is the same; a path that was asked for is there
 * still. */
bool done_knows(struct done *done, const char *path,
	const struct done_mark *mark);
/* Forgets the paths that were neither added nor asked for since the last
 * time. */
void done_sweep(struct done *done);
size_t done_count(const struct done *done);

#endif
