/* watchdog.c - ends the process when a message's bytes keep it busy for ever. */
#include "consumer/watchdog.h"
#include "common/log.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LOOKS 4 /* in a row without a step */

struct watchdog {
	pthread_t thread;
	atomic_uint steps; /* odd: at bytes of a message */
	int secs;
	int ended_fd;
};

static void bark(const struct watchdog *watchdog)
{
	LOG(LOG_ERROR, "stuck", LOG_I("secs", watchdog->secs),
		LOG_S("err", "a message's bytes keep this program busy without "
			"end: it aborts, so that the message is found"),
		LOG_S("remedy", "start it again until `sluice rejects list "
			"--code poison` shows the message (supervision does)"));
	abort();
}

/* Looks are counted, not hours: a process that was stopped, or a machine that
 * slept, has missed none. */
static void *run(void *context)
{
	struct watchdog *watchdog = context;
	struct pollfd fd = { .fd = watchdog->ended_fd, .events = POLLIN };
	unsigned last = 0;
	int looks = 0;

	while (poll(&fd, 1, watchdog->secs * 1000 / LOOKS) <= 0) {
		const unsigned steps = atomic_load_explicit(&watchdog->steps,
			memory_order_relaxed);

		looks = steps == last && steps % 2 == 1 ? looks + 1 : 0;
		last = steps;
		if (looks == LOOKS)
			bark(watchdog);
	}
	return NULL;
}

struct watchdog *watchdog_start(int secs, struct err *err)
{
	struct watchdog *watchdog;

	if (secs == 0)
		return NULL;
	watchdog = calloc(1, sizeof(*watchdog));
	if (watchdog == NULL) {
		err_memory(err);
		return NULL;
	}
	watchdog->secs = secs;
	watchdog->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (watchdog->ended_fd < 0)
		err_errno(err, ERR_STOP, "eventfd");
	else if (pthread_create(&watchdog->thread, NULL, run, watchdog) == 0)
		return watchdog;
	else
		err_memory(err);
	if (watchdog->ended_fd >= 0)
		close(watchdog->ended_fd);
	free(watchdog);
	return NULL;
}

void watchdog_stop(struct watchdog *watchdog)
{
	const uint64_t one = 1;

	if (watchdog == NULL)
		return;
	if (write(watchdog->ended_fd, &one, sizeof(one)) > 0)
		(void)pthread_join(watchdog->thread, NULL);
	close(watchdog->ended_fd);
	free(watchdog);
}

static void step(struct watchdog *watchdog, unsigned odd)
{
	const unsigned steps = atomic_load_explicit(&watchdog->steps,
		memory_order_relaxed);

	atomic_store_explicit(&watchdog->steps,
		steps + (steps % 2 == odd ? 2 : 1), memory_order_relaxed);
}

void watchdog_enter(struct watchdog *watchdog)
{
	if (watchdog != NULL)
		step(watchdog, 1);
}

void watchdog_leave(struct watchdog *watchdog)
{
	if (watchdog != NULL)
		step(watchdog, 0);
}
