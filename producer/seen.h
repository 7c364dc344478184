/* seen.h - the files of one folder that are waiting: to stop changing, or to
 * be claimed. Pure: whoever looked tells what was seen, and when. */
#ifndef SLUICE_SEEN_H
#define SLUICE_SEEN_H

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

struct seen;

/* What was seen of a file. */
struct look {
	uint64_t inode;
	uint64_t size;
	int64_t mtime_ns;
	int64_t now_ms; /* monotonic */
};

/* Remembers at most max_files. */
struct seen *seen_new(size_t max_files, struct err *err);
void seen_free(struct seen *seen); /* NULL is fine */

/* The file is complete: it waits to be claimed. Once more is nothing. */
bool seen_complete(struct seen *seen, const char *path, struct err *err)
	MUST_CHECK;
/* A look at a file of which nobody knows whether it is complete: it is when
 * size, time and inode were the same for settle_ms. */
bool seen_look(struct seen *seen, const char *path, const struct look *look,
	int64_t settle_ms, struct err *err) MUST_CHECK;
/* True when a look would change nothing: the file waits to be claimed, or
 * there is no room for one more. */
bool seen_idle(struct seen *seen, const char *path);

/* The next complete file, forgotten with this; the caller frees it. NULL:
 * none. */
char *seen_take(struct seen *seen);
size_t seen_ready(const struct seen *seen);
/* When the first file that still settles might be complete; INT64_MAX: none
 * does. */
int64_t seen_due_ms(const struct seen *seen, int64_t settle_ms);

/* Around a scan of the whole folder: what was not looked at is gone. */
void seen_scan_begin(struct seen *seen);
void seen_scan_end(struct seen *seen);
/* True when files were left out for want of room since the last scan began. */
bool seen_overflowed(const struct seen *seen);
/* And half of it is free by now: a scan would find them. */
bool seen_has_room_again(const struct seen *seen);

/* FNV-1a; for small tables of names. */
uint64_t seen_hash(const char *text, uint64_t seed);

#endif
