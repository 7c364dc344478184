/* publish.h - the thread that reads claimed files and owns the connection to
 * RabbitMQ: a window of unconfirmed messages, datasets served in turn. */
#ifndef SLUICE_PUBLISH_H
#define SLUICE_PUBLISH_H

#include "common/queue.h"
#include "producer/plan.h"

struct publisher;

/* Takes struct source from claims, gives struct report to reports, which must
 * never be full. Closing claims asks it to end: it then waits shortly for the
 * confirms of what is in flight. died_fd is an eventfd it raises when it ends
 * by itself. */
struct publisher *publisher_start(struct plan *plan, struct queue *claims,
	struct queue *reports, int died_fd, struct err *err);
/* Waits for the end, after claims was closed; a connection that hangs is cut
 * after timeout_ms. False: it had failed, err says why. Frees it. */
bool publisher_join(struct publisher *publisher, int timeout_ms,
	struct err *err) MUST_CHECK;

#endif
