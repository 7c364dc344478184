/* care.h - the thread that looks after what was loaded: it writes the
 * pipelines' reports and runs their data tests behind the loads, with sessions
 * of its own, and never holds up a load. */
#ifndef SLUICE_CARE_H
#define SLUICE_CARE_H

#include "common/config.h"
#include "consumer/fate.h"

struct care;

/* Starts the thread; config and fate must outlive it. What is due is kept in
 * meta.care: what a consumer did not come to, the next one does. */
struct care *care_start(const struct config *config, const struct fate *fate,
	struct err *err);
/* What is due now, here and without a thread, also where other sources are
 * still on their way: the reports. For programs that end. */
bool care_once(const struct config *config, struct err *err) MUST_CHECK;
/* From any thread: something was loaded. Never waits. NULL is fine. */
void care_wake(struct care *care);
/* Waits for the thread, which ends once the fate is to leave; a query that is
 * under way is abandoned. NULL is fine. */
void care_join(struct care *care);

#endif
