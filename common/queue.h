/* queue.h - the one way threads hand work over: bounded, blocking, closable. */
#ifndef SLUICE_QUEUE_H
#define SLUICE_QUEUE_H

#include "common/err.h"

#include <stddef.h>

struct queue;

/* At most max_items items of together max_weight (say, bytes). One item
 * heavier than max_weight still passes when the queue is empty. */
struct queue *queue_new(size_t max_items, size_t max_weight, struct err *err);
/* Does not free the items: drain it first. NULL is fine. */
void queue_free(struct queue *queue);

/* Waits up to timeout_ms (0: not at all, -1: for ever) for room. False when
 * there was none in time or the queue is closed; the item stays the caller's. */
bool queue_push(struct queue *queue, void *item, size_t weight, int timeout_ms)
	MUST_CHECK;

/* Waits likewise for an item; NULL when none came, or closed and empty. */
void *queue_pop(struct queue *queue, int timeout_ms);

/* Pushing fails from now on; popping goes on until empty. Wakes everyone. */
void queue_close(struct queue *queue);
bool queue_closed(struct queue *queue);

size_t queue_len(struct queue *queue);
size_t queue_weight(struct queue *queue);

/* A descriptor that polls readable while the queue is not empty or is closed;
 * the queue's own, never read or close it. */
int queue_fd(const struct queue *queue);

#endif
