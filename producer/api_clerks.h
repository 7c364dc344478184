/* api_clerks.h - threads that make answers durable, several at a time, while
 * the poller asks on: a disk or a bucket that is slow holds up no request.
 *
 * A few of them together get more out of a disk than one: what they want
 * synced at the same time goes into the same commit of its file system. */
#ifndef SLUICE_API_CLERKS_H
#define SLUICE_API_CLERKS_H

#include "common/object_store.h"
#include "producer/claim.h"

struct api_clerks;

enum api_task {
	API_KEEP, /* the object first, durably, then its records: a source */
	API_LOOK, /* for an answer that was kept */
	API_DROP, /* the object goes */
};

/* What a clerk does. All of it but what comes out is borrowed, and untouched
 * until the work is taken back. */
struct api_work {
	void *context;
	enum api_task task;
	const char *object;
	/* keeping */
	bool stored;              /* the object is there already */
	const char *note;
	const char *body;
	size_t len;
	const struct claim_rules *rules;
	struct uuid drop;
	int64_t claimed_us;
	const char *spool;        /* NULL: no records */
	size_t spool_len;
	struct source *source;    /* out, the caller's; NULL: none */
	/* looking, for an answer to that request line (NULL: whatever) */
	const char *line;
	struct buf *found_note, *found_body;
	bool found;
	struct err err;           /* out; ERR_NONE: done */
};

/* config must outlive it. Threads are started when they are needed. */
struct api_clerks *api_clerks_open(const struct config *config,
	struct err *err);
/* Breaks off, and ends the threads; what was given and not taken is done or
 * not. NULL is fine. */
void api_clerks_close(struct api_clerks *clerks);
/* False: *err, and the work was not given. */
bool api_clerks_give(struct api_clerks *clerks, struct api_work *work,
	struct err *err) MUST_CHECK;
/* What has been done; NULL: nothing now. */
struct api_work *api_clerks_take(struct api_clerks *clerks);
/* Readable when there is something to take. */
int api_clerks_fd(const struct api_clerks *clerks);

#endif
