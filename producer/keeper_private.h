/* keeper_private.h - what the parts of the keeper share. */
#ifndef SLUICE_KEEPER_PRIVATE_H
#define SLUICE_KEEPER_PRIVATE_H

#include "common/log.h"
#include "common/pulse.h"
#include "producer/finish.h"
#include "producer/keeper.h"

#include <pthread.h>

#define KEEPER_BATCH 512 /* claims or ends that share a commit */
#define OPEN_MAX_SOURCES 1024 /* of a dataset, claimed and not ended */
#define KEEPER_RETRY_MS 500 /* what a disk has refused */

/* How many of a dataset's sources are open; outlives any plan. */
struct counter {
	struct counter *next;
	char *key; /* "<pipeline>.<dataset>" */
	size_t open;
};

/* A dataset of the plan. */
struct intake {
	const struct claim_rules *rules;
	struct counter *counter;
	struct claim *hashing, *last_hashing; /* files too large for a turn */
};

struct keeper {
	struct plan *plan;
	struct queue *claims;
	struct queue *reports;
	struct queue *spooled;
	int died_fd;
	int wake_fd;
	pthread_t thread;
	pthread_mutex_t lock; /* guards next_plan */
	struct plan *next_plan;

	struct pulse *pulse;
	struct state *state;
	struct watch *watch;
	struct object_store *store; /* NULL: not needed yet, or away */
	struct intake *intakes; /* plan->count */
	struct counter *counters;
	size_t first;      /* the intake that is served first */
	bool more;         /* the last turn left something to claim */
	struct source *ended[KEEPER_BATCH]; /* to be moved */
	size_t ended_count;
	struct log_repeat not_moved, not_claimed, not_replayed;
	int64_t replay_ms; /* when to look for orders to load again */
	int64_t retry_ms;  /* moving what has ended; 0: nothing waits */
	int64_t again_ms;  /* claiming what was not claimed; 0: nothing */
	int64_t prune_ms;
	struct err err;
};

/* -- keeper_claim.c: complete files become sources ---------------------- */

/* Claims some of what the watch says is complete, datasets in turn. */
bool keeper_claim(struct keeper *k, struct err *err) MUST_CHECK;
/* True when there is more to claim at once. */
bool keeper_busy(const struct keeper *k);
/* True when a claimed file is being hashed once more: the plan it was claimed
 * by stays until that is done. */
bool keeper_is_claiming(const struct keeper *k);
/* What others claimed: answers of HTTP servers. */
bool keeper_take_spooled(struct keeper *k, struct err *err) MUST_CHECK;
/* A claimed source goes to the publisher, a duplicate straight to its end. */
bool keeper_hand_over(struct keeper *k, struct source *source,
	struct err *err) MUST_CHECK;
/* The datasets of the plan; what was being hashed is dropped with them. */
bool keeper_make_intakes(struct keeper *k, struct err *err) MUST_CHECK;
void keeper_drop_intakes(struct keeper *k);
bool keeper_count_open(struct keeper *k, const struct source *source,
	struct err *err) MUST_CHECK;
void keeper_count_ended(struct keeper *k, const struct source *source);

/* -- keeper_replay.c: what is to be loaded again ------------------------- */

/* Brings the files of orders that have their rows to where these say; to be
 * called before sources of an earlier process are looked at. */
bool keeper_settle_replays(struct keeper *k, struct err *err) MUST_CHECK;
/* Follows some of the orders, now and then. */
bool keeper_take_replays(struct keeper *k, struct err *err) MUST_CHECK;

/* -- keeper_end.c: sources that have ended leave ------------------------ */

struct finish_dirs keeper_dirs(const struct keeper *k);
/* What the publisher says; then moves the files of what ended. */
bool keeper_take_reports(struct keeper *k, struct err *err) MUST_CHECK;
/* A source of which there is nothing to send. */
bool keeper_end(struct keeper *k, struct source *source, struct err *err)
	MUST_CHECK;
/* Moves all that ended; what cannot be moved stays, and is tried again. */
bool keeper_finish(struct keeper *k, struct err *err) MUST_CHECK;

#endif
