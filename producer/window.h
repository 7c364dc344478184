/* window.h - messages sent and not yet confirmed: what the broker's answers
 * mean for them. Pure: no I/O, no clock.
 *
 * Each dataset is a lane. A lane keeps its messages in order until the head
 * is confirmed, so what leaves it is the contiguous confirmed prefix. Tags
 * map to messages in a ring; one that is nacked, returned or cut off by a
 * lost connection waits in its lane to be sent again under a new tag. */
#ifndef SLUICE_WINDOW_H
#define SLUICE_WINDOW_H

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

/* Put first into the caller's message; zeroed is new. */
struct window_item {
	struct window_item *next; /* in its lane */
	struct window_lane *lane;
	size_t bytes;
	uint64_t tag;   /* 0: waits to be sent */
	bool returned;  /* no queue took it: its ack confirms nothing */
	bool confirmed;
};

/* A zeroed lane is empty. */
struct window_lane {
	struct window_item *first, *last;
	struct window_item *next; /* all before it are sent; NULL: unknown */
	size_t items;  /* in the lane, confirmed ones behind the head too */
	size_t bytes;
	size_t unsent; /* of them waiting to be sent */
};

struct window;

/* At most max_items messages (rounded up to a power of two) of together
 * max_bytes; a lane may always hold one, however large. */
struct window *window_new(size_t max_items, size_t max_bytes,
	struct err *err);
/* Does not free the items. NULL is fine. */
void window_free(struct window *window);

/* True when lane may take one more message. A lane's share is as much as is
 * still free, so that one whose queue is full leaves room to the others. */
bool window_room(const struct window *window, const struct window_lane *lane);
/* Appends item, which waits to be sent. */
void window_add(struct window *window, struct window_lane *lane,
	struct window_item *item, size_t bytes);
/* The first that waits to be sent; NULL when none does. */
struct window_item *window_unsent(struct window_lane *lane);
/* False while the oldest unconfirmed tag is too far behind the newest. */
bool window_open(const struct window *window);
/* item went out under tag; tags count up by one from 1. */
void window_sent(struct window *window, struct window_item *item,
	uint64_t tag);

/* What became of a message that was in flight. */
enum window_fate { WINDOW_CONFIRMED, WINDOW_NACKED, WINDOW_RETURNED };
typedef void window_fn(struct window_item *item, enum window_fate fate,
	void *arg);

/* The broker's answer to tag, or to all up to tag. An unknown tag is nothing.
 * Calls fn for every message it settles; after NACKED and RETURNED the item
 * waits to be sent again. Returns how many it settled. */
size_t window_settle(struct window *window, uint64_t tag, bool multiple,
	bool acked, window_fn *fn, void *arg);
/* The first in flight for which match says so; NULL: none. */
struct window_item *window_find(const struct window *window,
	bool (*match)(const struct window_item *item, const void *arg),
	const void *arg);
/* The connection is gone: all in flight wait to be sent again, and tags
 * start over. */
void window_lost(struct window *window);
/* Takes the lane's head when it is confirmed; NULL otherwise. */
struct window_item *window_take(struct window *window,
	struct window_lane *lane);
/* Takes the lane's head whatever its state, for clearing up. */
struct window_item *window_drop(struct window *window,
	struct window_lane *lane);
/* Messages in all lanes. */
size_t window_items(const struct window *window);
/* Of them sent and not answered. */
size_t window_flying(const struct window *window);

#endif
