/* place.h - files below a folder: opened without surprises, moved without
 * overwriting. Paths are raw bytes relative to a folder's descriptor. */
#ifndef SLUICE_PLACE_H
#define SLUICE_PLACE_H

#include "common/buf.h"

#include <sys/stat.h>

/* Opens a folder, making it and its parents when missing; -1 and ERR_STOP
 * with EXIT_IO when that cannot be. */
int place_root(const char *path, struct err *err);
/* The same for one that was there before: of what is missing only the last
 * part is made, so that nothing appears in the place of a file system that is
 * away. -1: ERR_RETRY. */
int place_again(const char *path, struct err *err);
/* Makes folders[, sub folders ...] below root. */
bool place_make(int root, const char *folder, struct err *err) MUST_CHECK;

/* Opens without following any symbolic link nor leaving root, and without
 * waiting for a FIFO's other end. -1: ERR_REJECT, errno tells. */
int place_open(int root, const char *path, int flags, struct err *err);

/* Why such a file is not taken, in words; NULL when it may be. Regular, one
 * link, at most max_bytes, not absurdly sparse. */
const char *place_fault(const struct stat *st, uint64_t max_bytes);

/* Renames, never over another file. False: ERR_REJECT, errno tells (EEXIST:
 * the name is taken; EXDEV: another file system). */
bool place_rename(int from_root, const char *from, int to_root, const char *to,
	struct err *err) MUST_CHECK;
/* Likewise, but copies to another file system, durably, when it must. */
bool place_move(int from_root, const char *from, int to_root, const char *to,
	struct err *err) MUST_CHECK;
/* Puts .1, .2 ... behind path until nothing has that name. */
bool place_free_name(int root, struct buf *path, struct err *err) MUST_CHECK;
/* All of it, whatever interrupts. False: errno tells. */
bool place_write(int fd, const char *data, size_t len) MUST_CHECK;
/* Makes the names in the folder that holds path durable. */
bool place_sync(int root, const char *path, struct err *err) MUST_CHECK;
bool place_exists(int root, const char *path);
/* All of it; false: errno tells. */
bool place_write(int fd, const char *data, size_t len) MUST_CHECK;

#endif
