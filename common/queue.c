/* queue.c - the one way threads hand work over: bounded, blocking, closable. */
#include "common/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct slot {
	void *item;
	size_t weight;
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t not_empty;
	pthread_cond_t not_full;
	struct slot *ring;
	size_t max_items;
	size_t max_weight;
	size_t head; /* next to pop */
	size_t len;
	size_t weight;
	int fd; /* readable while len > 0 or closed */
	bool closed;
};

struct queue *queue_new(size_t max_items, size_t max_weight, struct err *err)
{
	struct queue *queue = calloc(1, sizeof(*queue));
	pthread_condattr_t attr;

	if (queue == NULL) {
		err_memory(err);
		return NULL;
	}
	queue->ring = calloc(max_items, sizeof(*queue->ring));
	queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->ring == NULL || queue->fd < 0) {
		if (queue->fd >= 0)
			close(queue->fd);
		free(queue->ring);
		free(queue);
		err_memory(err);
		return NULL;
	}
	queue->max_items = max_items;
	queue->max_weight = max_weight;
	(void)pthread_mutex_init(&queue->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&queue->not_empty, &attr);
	(void)pthread_cond_init(&queue->not_full, &attr);
	(void)pthread_condattr_destroy(&attr);
	return queue;
}

void queue_free(struct queue *queue)
{
	if (queue == NULL)
		return;
	(void)pthread_cond_destroy(&queue->not_full);
	(void)pthread_cond_destroy(&queue->not_empty);
	(void)pthread_mutex_destroy(&queue->lock);
	close(queue->fd);
	free(queue->ring);
	free(queue);
}

static void fd_raise(const struct queue *queue)
{
	const uint64_t one = 1;

	if (write(queue->fd, &one, sizeof(one)) < 0)
		return; /* already readable */
}

static void fd_lower(const struct queue *queue)
{
	uint64_t count;

	if (read(queue->fd, &count, sizeof(count)) < 0)
		return; /* already low */
}

static struct timespec deadline_in(int timeout_ms)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += timeout_ms / 1000;
	at.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

/* One wait on cond; false when the time is up. */
static bool wait_once(struct queue *queue, pthread_cond_t *cond,
	const struct timespec *until, int timeout_ms)
{
	if (timeout_ms == 0)
		return false;
	if (timeout_ms < 0)
		return pthread_cond_wait(cond, &queue->lock) == 0;
	return pthread_cond_timedwait(cond, &queue->lock, until) == 0;
}

static bool has_room(const struct queue *queue, size_t weight)
{
	if (queue->len == 0)
		return true;
	return queue->len < queue->max_items &&
		queue->weight + weight <= queue->max_weight;
}

bool queue_push(struct queue *queue, void *item, size_t weight, int timeout_ms)
{
	const struct timespec until = deadline_in(timeout_ms);
	bool pushed = false;

	(void)pthread_mutex_lock(&queue->lock);
	while (!queue->closed && !has_room(queue, weight))
		if (!wait_once(queue, &queue->not_full, &until, timeout_ms))
			break;
	if (!queue->closed && has_room(queue, weight)) {
		const size_t at = (queue->head + queue->len) % queue->max_items;

		queue->ring[at] = (struct slot){ item, weight };
		queue->weight += weight;
		if (queue->len++ == 0)
			fd_raise(queue);
		pushed = true;
		(void)pthread_cond_signal(&queue->not_empty);
	}
	(void)pthread_mutex_unlock(&queue->lock);
	return pushed;
}

void *queue_pop(struct queue *queue, int timeout_ms)
{
	const struct timespec until = deadline_in(timeout_ms);
	void *item = NULL;

	(void)pthread_mutex_lock(&queue->lock);
	while (!queue->closed && queue->len == 0)
		if (!wait_once(queue, &queue->not_empty, &until, timeout_ms))
			break;
	if (queue->len > 0) {
		item = queue->ring[queue->head].item;
		queue->weight -= queue->ring[queue->head].weight;
		queue->head = (queue->head + 1) % queue->max_items;
		if (--queue->len == 0) {
			queue->head = 0; /* the rest stays untouched memory */
			if (!queue->closed)
				fd_lower(queue);
		}
		(void)pthread_cond_broadcast(&queue->not_full);
	}
	(void)pthread_mutex_unlock(&queue->lock);
	return item;
}

void queue_close(struct queue *queue)
{
	(void)pthread_mutex_lock(&queue->lock);
	queue->closed = true;
	fd_raise(queue);
	(void)pthread_cond_broadcast(&queue->not_empty);
	(void)pthread_cond_broadcast(&queue->not_full);
	(void)pthread_mutex_unlock(&queue->lock);
}

bool queue_closed(struct queue *queue)
{
	bool closed;

	(void)pthread_mutex_lock(&queue->lock);
	closed = queue->closed;
	(void)pthread_mutex_unlock(&queue->lock);
	return closed;
}

size_t queue_len(struct queue *queue)
{
	size_t len;

	(void)pthread_mutex_lock(&queue->lock);
	len = queue->len;
	(void)pthread_mutex_unlock(&queue->lock);
	return len;
}

size_t queue_weight(struct queue *queue)
{
	size_t weight;

	(void)pthread_mutex_lock(&queue->lock);
	weight = queue->weight;
	(void)pthread_mutex_unlock(&queue->lock);
	return weight;
}

int queue_fd(const struct queue *queue)
{
	return queue->fd;
}
