/* held.h - datasets whose tables take nothing just now, or that an operator has
 * paused, and their messages that wait for it, so that those of other datasets pass. Pure but for the memory
 * it takes.
 *
 * A dataset is known by its names: it outlives a change of the plan. */
#ifndef SLUICE_HELD_H
#define SLUICE_HELD_H

#include "common/backoff.h"
#include "common/log.h"
#include "consumer/work.h"

struct held {
	char *name; /* "<pipeline>.<dataset>" */
	struct work **works;
	size_t count, cap;
	int64_t bytes;
	size_t passable; /* of count: not from a queue of dead letters */
	int64_t since_ms; /* the first of its messages was held */
	int64_t try_ms;   /* when one is tried next */
	bool paused;      /* by an operator: none is tried */
	struct backoff backoff;
	struct log_repeat trouble, moved;
};

/* Zeroed: nothing is held. */
struct held_set {
	struct held *items;
	size_t count;
};

/* NULL: the dataset is not held; so is one that is not known. */
struct held *held_find(const struct held_set *set,
	const struct dataset *dataset);
/* The same, made when it is not there; NULL: out of memory. Moves the others:
 * pointers to them are void. */
struct held *held_add(struct held_set *set, const struct dataset *dataset,
	struct err *err);
/* Its tables take messages again; it must hold none. */
void held_remove(struct held_set *set, struct held *held);
/* Frees all of it, works as well. */
void held_clear(struct held_set *set);

/* Takes the work over; not when it fails. */
bool held_push(struct held *held, struct work *work, int64_t now_ms,
	struct err *err) MUST_CHECK;
/* Gives one out again. */
struct work *held_take(struct held *held, size_t at);

/* One of which a message may be tried, due the longest; NULL: none. */
struct held *held_due(const struct held_set *set, int64_t now_ms);
/* Milliseconds until there is one; -1: never. */
int held_wait_ms(const struct held_set *set, int64_t now_ms);
/* All may be tried at once: something has changed. */
void held_hurry(struct held_set *set);
/* Bytes of all messages. */
int64_t held_bytes(const struct held_set *set);

#endif
