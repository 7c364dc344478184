/* depth.c - how many messages wait in our queues. */
#include "consumer/depth.h"
#include "common/broker.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/metrics.h"
#include "consumer/intake.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOOK_MS 5000
#define AGAIN_MS 30000 /* after a failure: the intake tells of it */
#define WANTED_MS 300000
#define QUEUE_NAME 160

struct depth {
	const struct config *config;
	pthread_t thread;
	pthread_mutex_t lock; /* guards the names */
	char (*names)[QUEUE_NAME];
	size_t count;
	_Atomic int64_t wanted_ms; /* until then */
	atomic_bool ending;
	int wake_fd;
	struct broker *broker; /* the thread's own, as is what follows */
	int64_t look_ms;
};

/* -- the names ---------------------------------------------------------- */

bool depth_set_queues(struct depth *depth, const struct pipeline_set *set,
	struct err *err)
{
	char (*names)[QUEUE_NAME];

	if (depth == NULL)
		return true;
	names = calloc(set->count * 2 + 1, sizeof(*names));
	if (names == NULL)
		return err_memory(err);
	for (size_t i = 0; i < set->count; i++) {
		(void)snprintf(names[2 * i], QUEUE_NAME, "sluice.%s",
			set->pipelines[i].name);
		(void)snprintf(names[2 * i + 1], QUEUE_NAME, "sluice.%s.dead",
			set->pipelines[i].name);
	}
	(void)pthread_mutex_lock(&depth->lock);
	free(depth->names);
	depth->names = names;
	depth->count = set->count * 2;
	(void)pthread_mutex_unlock(&depth->lock);
	return true;
}

static bool name_at(struct depth *depth, size_t at, char out[QUEUE_NAME])
{
	bool there;

	(void)pthread_mutex_lock(&depth->lock);
	there = at < depth->count;
	if (there)
		memcpy(out, depth->names[at], QUEUE_NAME);
	(void)pthread_mutex_unlock(&depth->lock);
	return there;
}

/* -- looking ------------------------------------------------------------ */

static bool look(struct depth *depth, struct err *err)
{
	uint32_t ready = 0, consumers;
	char name[QUEUE_NAME];
	bool found = false;

	if (depth->broker == NULL)
		depth->broker = intake_open_broker(depth->config,
			"sluice-consumer-depth", err);
	if (depth->broker == NULL)
		return false;
	for (size_t i = 0; name_at(depth, i, name) && !depth->ending; i++) {
		if (!broker_inspect(depth->broker, name, &found, &ready,
			&consumers, err))
			return false;
		if (found)
			metrics_set(METRIC_BROKER_READY, ready, name, NULL);
	}
	return true;
}

/* What is not known any more is not shown. */
static void close_broker(struct depth *depth)
{
	broker_close(depth->broker);
	depth->broker = NULL;
	metrics_forget(METRIC_BROKER_READY);
}

static void look_now(struct depth *depth)
{
	struct err err = { 0 };

	depth->look_ms = clock_now_ms() + LOOK_MS;
	if (look(depth, &err))
		return;
	log_err(LOG_DEBUG, "no_depth", &err);
	close_broker(depth);
	depth->look_ms = clock_now_ms() + AGAIN_MS;
}

/* -- the thread --------------------------------------------------------- */

static void await_wake(struct depth *depth, int timeout_ms)
{
	struct pollfd fd = { .fd = depth->wake_fd, .events = POLLIN };
	uint64_t count;

	if (poll(&fd, 1, timeout_ms) > 0 &&
		read(depth->wake_fd, &count, sizeof(count)) < 0)
		return;
}

/* A connection wants its heartbeats. */
static void attend(struct depth *depth, int timeout_ms)
{
	const int64_t third = depth->config->heartbeat_secs * 1000 / 3;
	struct broker_event event = { 0 };
	struct err err = { 0 };

	if (third > 0 && third < timeout_ms)
		timeout_ms = (int)third;
	if (!broker_wait(depth->broker, depth->wake_fd, timeout_ms, &event,
		&err))
		close_broker(depth);
	await_wake(depth, 0);
}

static void *run(void *context)
{
	struct depth *depth = context;

	while (!depth->ending) {
		const int64_t now_ms = clock_now_ms();
		const int64_t left_ms = depth->look_ms - now_ms;

		if (depth->wanted_ms <= now_ms) {
			close_broker(depth);
			await_wake(depth, -1);
		} else if (left_ms <= 0) {
			look_now(depth);
		} else if (depth->broker != NULL) {
			attend(depth, (int)left_ms);
		} else {
			await_wake(depth, (int)left_ms);
		}
	}
	close_broker(depth);
	return NULL;
}

static void wake(const struct depth *depth)
{
	const uint64_t one = 1;

	if (write(depth->wake_fd, &one, sizeof(one)) < 0)
		return; /* awake already */
}

void depth_want(struct depth *depth)
{
	const int64_t now_ms = clock_now_ms();

	if (depth != NULL &&
		atomic_exchange(&depth->wanted_ms, now_ms + WANTED_MS) <=
			now_ms)
		wake(depth);
}

/* -- start and stop ------------------------------------------------------- */

static void depth_free(struct depth *depth)
{
	if (depth->wake_fd >= 0)
		(void)close(depth->wake_fd);
	(void)pthread_mutex_destroy(&depth->lock);
	free(depth->names);
	free(depth);
}

struct depth *depth_start(const struct config *config,
	const struct pipeline_set *set, struct err *err)
{
	struct depth *depth = calloc(1, sizeof(*depth));

	if (depth == NULL) {
		err_memory(err);
		return NULL;
	}
	depth->config = config;
	(void)pthread_mutex_init(&depth->lock, NULL);
	depth->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (depth->wake_fd < 0)
		err_errno(err, ERR_STOP, "eventfd");
	else if (!depth_set_queues(depth, set, err))
		goto out;
	else if (pthread_create(&depth->thread, NULL, run, depth) == 0)
		return depth;
	else
		err_memory(err);
out:
	depth_free(depth);
	return NULL;
}

void depth_stop(struct depth *depth)
{
	if (depth == NULL)
		return;
	depth->ending = true;
	wake(depth);
	(void)pthread_join(depth->thread, NULL);
	depth_free(depth);
}
