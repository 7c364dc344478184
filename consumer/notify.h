/* notify.h - the thread that tells people: sends what meta.notification holds,
 * with a session of its own, and never holds up a load. */
#ifndef SLUICE_NOTIFY_H
#define SLUICE_NOTIFY_H

#include "common/config.h"
#include "consumer/bell.h"

struct notify;

/* Starts the thread; config, fate and bell must outlive it. The bell is rung
 * when it has moved meta.care. NULL and no error when there is no target. */
struct notify *notify_start(const struct config *config,
	const struct fate *fate, struct bell *care, struct err *err);
/* From any thread: there may be news. Never waits. NULL is fine. */
void notify_wake(struct notify *notify);
/* Waits for the thread, which ends once the fate is to leave; what is on its
 * way is abandoned and sent again by the next. NULL is fine. */
void notify_join(struct notify *notify);

/* For programs that end: takes the news and tries each notification once.
 * *sent and *failed are how many; what failed waits for the next. */
bool notify_once(const struct config *config, int64_t *sent, int64_t *failed,
	struct err *err) MUST_CHECK;

#endif
