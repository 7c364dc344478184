/* broker_watch.c - a thread that keeps the owner's calls from hanging.
 *
 * amqp_basic_publish and friends have no deadline of their own. Shutting the
 * socket down from beside makes them fail. */
#include "common/broker_private.h"
#include "common/clock.h"

#include <signal.h>
#include <sys/socket.h>
#include <time.h>

static struct timespec in_ms(int ms)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += (long)(ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

static void look(struct watch *watch)
{
	const int64_t deadline = atomic_load(&watch->deadline_ms);

	if (deadline == 0 || clock_now_ms() < deadline)
		return;
	atomic_store(&watch->hung, true);
	(void)shutdown(watch->fd, SHUT_RDWR);
}

static void *run(void *arg)
{
	struct watch *watch = arg;

	(void)pthread_mutex_lock(&watch->lock);
	while (!watch->ending) {
		const struct timespec at = in_ms(watch->period_ms);

		(void)pthread_cond_timedwait(&watch->wake, &watch->lock, &at);
		look(watch);
	}
	(void)pthread_mutex_unlock(&watch->lock);
	return NULL;
}

/* Signals are main's: the thread starts with all of them blocked. */
static int start_thread(struct watch *watch)
{
	sigset_t all, before;
	int failed;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&watch->thread, NULL, run, watch);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed;
}

bool watch_start(struct watch *watch, int fd, int period_ms, struct err *err)
{
	pthread_condattr_t attr;

	watch->fd = fd;
	watch->period_ms = period_ms;
	(void)pthread_mutex_init(&watch->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&watch->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	watch->running = start_thread(watch) == 0;
	return watch->running || err_memory(err);
}

void watch_stop(struct watch *watch)
{
	if (!watch->running)
		return;
	(void)pthread_mutex_lock(&watch->lock);
	watch->ending = true;
	(void)pthread_cond_signal(&watch->wake);
	(void)pthread_mutex_unlock(&watch->lock);
	(void)pthread_join(watch->thread, NULL);
	(void)pthread_cond_destroy(&watch->wake);
	(void)pthread_mutex_destroy(&watch->lock);
	watch->running = false;
}

void watch_enter(struct watch *watch, int limit_ms)
{
	atomic_store(&watch->deadline_ms, clock_now_ms() + limit_ms);
}

void watch_leave(struct watch *watch)
{
	atomic_store(&watch->deadline_ms, 0);
}

void watch_abort(struct watch *watch)
{
	atomic_store(&watch->aborted, true);
	(void)shutdown(watch->fd, SHUT_RDWR);
}
