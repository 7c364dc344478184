/* pauses.h - what an operator has switched off (meta.pause): a thread of its
 * own listens, halts the intake, and knows which datasets are to wait. What it
 * has read counts until it has read something else: a database that is away
 * changes nothing. */
#ifndef SLUICE_PAUSES_H
#define SLUICE_PAUSES_H

#include "common/config.h"
#include "consumer/fate.h"
#include "consumer/intake.h"

struct pauses;

/* Starts the thread; lets the intake go once it has read that nobody objects.
 * All must outlive it. */
struct pauses *pauses_start(const struct config *config, struct intake *intake,
	const struct fate *fate, struct err *err);
void pauses_join(struct pauses *pauses); /* after fate_leave; NULL is fine */

/* Whether that dataset ("<pipeline>.<dataset>") alone is to wait. From any
 * thread; NULL pauses nothing. */
bool pauses_has(struct pauses *pauses, const char *dataset);

#endif
