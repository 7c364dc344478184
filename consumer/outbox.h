/* outbox.h - what waits in meta.notification is sent. */
#ifndef SLUICE_OUTBOX_H
#define SLUICE_OUTBOX_H

#include "common/config.h"
#include "common/db.h"

struct outbox {
	const struct config *config;
	struct db *db;     /* as the loader; not in a transaction */
	int stop_fd;       /* readable: gives up; 0: none */
	int64_t since_us;  /* wall clock; each is tried once after that, whether
			    * it is due or not; 0: only what is due */
	int64_t sent, failed; /* counted */
};

/* Sends one notification and notes what came of it; *did tells whether there
 * was one. A target that does not take it is no error. Another consumer may be
 * at it as well: each takes other ones. False: the session. */
bool outbox_send_one(struct outbox *outbox, bool *did, struct err *err)
	MUST_CHECK;
/* Milliseconds until the next is due, at most max. */
bool outbox_wait_ms(struct outbox *outbox, int64_t max, int64_t *wait_ms,
	struct err *err) MUST_CHECK;
/* Gives up what is too old, forgets what ended a week ago. */
bool outbox_sweep(struct outbox *outbox, struct err *err) MUST_CHECK;

#endif
