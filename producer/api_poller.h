/* api_poller.h - the thread that asks HTTP servers: all endpoints of the
 * plan, politely, each answer kept before its place moves. */
#ifndef SLUICE_API_POLLER_H
#define SLUICE_API_POLLER_H

#include "common/queue.h"
#include "producer/plan.h"

struct api_poller;

/* Works beside the keeper on the same state file, which must be open already;
 * gives claimed sources (struct source) to spooled. died_fd is an eventfd it
 * raises when it ends by itself. Listens at <state_file>.control for what
 * `sluice api` wants. */
struct api_poller *api_poller_start(struct plan *plan, struct queue *spooled,
	int died_fd, struct err *err);
/* Goes on by another plan; what is under way is asked for again. */
void api_poller_follow(struct api_poller *poller, struct plan *plan);
/* Breaks off and ends the thread: any moment is safe. False: it had failed. */
bool api_poller_stop(struct api_poller *poller, struct err *err) MUST_CHECK;
/* When no source of its is left anywhere. NULL is fine. */
void api_poller_free(struct api_poller *poller);

#endif
