/* object_store.h - bytes kept under names: answers as they came, and files.
 *
 * Behind one interface a folder of this machine or a bucket that speaks S3.
 * One thread owns a store. What was put is whole, durable and never changes
 * but by a put of the same name, which replaces it as a whole. Beside an
 * object lies a note, text of the caller's (what was asked, what came with
 * the answer): no secret may be in it.
 *
 * A transient trouble was tried again already, with growing pauses, when a
 * call gives up with ERR_RETRY (a full disk is that, too). ERR_REJECT: a name
 * that no store takes, or bytes that are not what was put. ERR_STOP: settings
 * or rights that no waiting mends. Neither keys nor tokens are in an error. */
#ifndef SLUICE_OBJECT_STORE_H
#define SLUICE_OBJECT_STORE_H

#include "common/config.h"
#include "common/object_name.h"

struct object_store;

/* NULL: err tells. A folder is made when missing (its last part alone, so that
 * nothing appears in place of a file system that is away: ERR_RETRY); a bucket
 * is not asked anything yet. config may go afterwards. */
struct object_store *object_store_open(const struct config *config,
	struct err *err);
void object_store_close(struct object_store *store);
/* From now on calls that wait for a server give up, with ERR_RETRY, soon after
 * stop_fd is readable; it must outlive the store. */
void object_store_heed(struct object_store *store, int stop_fd);
/* "/var/lib/sluice/object_store" or "https://host/bucket/prefix", for people;
 * borrowed. */
const char *object_store_place(const struct object_store *store);

/* What is beside an object: its name is the object's and the suffix. */
struct object_note {
	const char *suffix; /* one of the following */
	const char *text;
};
#define OBJECT_HTTP ".http" /* an answer: request line, status, headers */
#define OBJECT_FILE ".file" /* a file that was dropped: its name and times */

/* Durable when it returns; the note's name comes first, then the object's, so
 * that an object that was put has its note. note may be NULL. Packed when
 * object_store_compress says so and the name does not end in .gz or .zstd. */
bool object_put(struct object_store *store, const char *name,
	const void *data, size_t len, const struct object_note *note,
	struct err *err) MUST_CHECK;
/* The whole of a regular file, from its first byte; where fd stands is
 * undefined afterwards. */
bool object_put_file(struct object_store *store, const char *name, int fd,
	const struct object_note *note, struct err *err) MUST_CHECK;

struct object_info {
	bool there;          /* else the rest is 0 */
	bool packed;         /* it lies there as zstd; get gives the plain */
	uint64_t bytes;      /* as it lies there */
	int64_t changed_us;  /* when it was put, by the store's clock */
};

bool object_head(struct object_store *store, const char *name,
	struct object_info *info, struct err *err) MUST_CHECK;
/* Appends the object's bytes, byte for byte what was put, to out (whose .max
 * bounds it); *there false: there is none. Checked against the SHA-256 that
 * was kept with it, where the store keeps one (S3). */
bool object_get(struct object_store *store, const char *name,
	struct buf *out, bool *there, struct err *err) MUST_CHECK;
/* The same into a file, from its first byte on; it is cut there first. After
 * an error it holds a part. */
bool object_get_file(struct object_store *store, const char *name, int fd,
	bool *there, struct err *err) MUST_CHECK;
/* The note beside an object; suffix as it was put with. */
bool object_get_note(struct object_store *store, const char *name,
	const char *suffix, struct buf *out, bool *there, struct err *err)
	MUST_CHECK;

struct object_entry {
	const char *name;    /* as it was put */
	const char *key;     /* where a later listing may go on from */
	struct object_info info;
};
/* Borrowed for the call. False with err untouched ends the listing early, and
 * that is no error; with err set it is. */
typedef bool object_each(void *context, const struct object_entry *entry,
	struct err *err);
/* Objects (no notes) whose names begin with prefix ("" for all), in the order
 * of their keys' bytes, after the key `after` (NULL: from the first). What is
 * put or deleted meanwhile may be missing or not; nothing comes twice. */
bool object_list(struct object_store *store, const char *prefix,
	const char *after, object_each *each, void *context, struct err *err)
	MUST_CHECK;
/* The object first, then its notes. One that is not there is no error. */
bool object_delete(struct object_store *store, const char *name,
	struct err *err) MUST_CHECK;

#endif
