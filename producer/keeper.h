/* keeper.h - the thread that owns the folders and the state file: it watches,
 * claims, hands sources to the publisher and moves what has ended. */
#ifndef SLUICE_KEEPER_H
#define SLUICE_KEEPER_H

#include "common/queue.h"
#include "producer/plan.h"

struct keeper;

/* Opens the state file and the folders, finishes what an earlier process
 * left, then starts the thread. Gives struct source to claims, takes struct
 * report from reports and struct source, claimed by others, from spooled.
 * died_fd is an eventfd it raises when it ends by
 * itself. */
struct keeper *keeper_start(struct plan *plan, struct queue *claims,
	struct queue *reports, struct queue *spooled, int died_fd,
	struct err *err);
/* Goes on by another plan; the keeper holds it by itself. */
void keeper_follow(struct keeper *keeper, struct plan *plan);
/* To be called when claims was closed: no more is claimed. */
void keeper_stop(struct keeper *keeper);
/* Works off reports, which must be closed, and ends. False: it had failed.
 * Frees it. */
bool keeper_join(struct keeper *keeper, struct err *err) MUST_CHECK;

#endif
