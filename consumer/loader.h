/* loader.h - the thread that owns the PostgreSQL session: makes batches of
 * deliveries, loads them, acknowledges, and never gives up on a server. */
#ifndef SLUICE_LOADER_H
#define SLUICE_LOADER_H

#include "common/config.h"
#include "common/queue.h"
#include "consumer/care.h"
#include "consumer/fate.h"
#include "consumer/intake.h"
#include "consumer/pauses.h"
#include "consumer/plan.h"
#include "consumer/watchdog.h"

struct loader;

/* Starts the thread; the loader owns the plan from now on. The rest must
 * outlive it; watchdog, care and pauses may be NULL. Connects first, then lets the intake
 * begin. */
struct loader *loader_start(const struct config *config, struct plan *plan,
	struct queue *deliveries, struct intake *intake, struct fate *fate,
	struct watchdog *watchdog, struct care *care, struct pauses *pauses,
	struct err *err);
/* Waits for the thread: close the queue first, then it ends behind the batch
 * at hand; raise the stop descriptor and it abandons that as well. */
void loader_join(struct loader *loader);
/* Another plan, from the next batch on; owns it. */
void loader_set_plan(struct loader *loader, struct plan *plan);

#endif
