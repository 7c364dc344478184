/* keep.h - what is not kept for ever: partitions of deltas (delta_keep), and
 * the ledger of sources that are complete (ledger_keep_secs). */
#ifndef SLUICE_KEEP_H
#define SLUICE_KEEP_H

#include "common/log.h"
#include "consumer/session.h"

/* Zeroed: nothing was done yet. */
struct keep {
	int64_t next_ms;      /* when to look again */
	char day[CLOCK_TEXT]; /* the server's, when deltas were looked through */
	struct log_repeat trouble;
};

/* How long until there is something to do; 0: now. */
int keep_wait_ms(const struct keep *keep);
/* Does what is due, outside of a transaction. What fails is logged and tried
 * again later: no load waits for it. */
void keep_run(struct keep *keep, struct session *session);

#endif
