/* watchdog.h - ends the process when a message's bytes keep it busy for ever.
 *
 * The thread it watches says when it is at bytes of messages, and with every
 * record that it gets on. Waiting for PostgreSQL, for the broker or for work is
 * nothing of that, and may take as long as it takes. */
#ifndef SLUICE_WATCHDOG_H
#define SLUICE_WATCHDOG_H

#include "common/err.h"

struct watchdog;

/* Starts it: after secs without getting on it logs and aborts. secs 0: NULL,
 * no error; there is no watchdog then. */
struct watchdog *watchdog_start(int secs, struct err *err);
void watchdog_stop(struct watchdog *watchdog);

/* At bytes of a message from now on; again with each step. NULL is fine, here
 * and below. One thread only. */
void watchdog_enter(struct watchdog *watchdog);
/* No more: what comes now is somebody else's time. */
void watchdog_leave(struct watchdog *watchdog);

#endif
