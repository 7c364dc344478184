/* console_watch.c - gathers overviews behind the screen. */
#include "cli/console_watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVERY_MS 1000
#define SHARE 5 /* a look takes at most this part of the time */

struct console_watch {
	struct overview_asker *asker;
	pthread_t thread;
	bool started;
	int stop_fd, poke_fd, news_fd;
	pthread_mutex_t lock;
	bool news;
	struct overview latest;
	struct err err;
};

static void raise_fd(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return; /* raised already */
}

static void lower_fd(int fd)
{
	uint64_t raised;

	if (read(fd, &raised, sizeof(raised)) < 0)
		return; /* it was not */
}

static void publish(struct console_watch *watch, struct overview *overview,
	const struct err *err)
{
	(void)pthread_mutex_lock(&watch->lock);
	overview_clear(&watch->latest);
	watch->latest = *overview;
	watch->err = *err;
	watch->news = true;
	(void)pthread_mutex_unlock(&watch->lock);
	raise_fd(watch->news_fd);
}

/* False when it is time to end. */
static bool rest(struct console_watch *watch, int ms)
{
	struct pollfd fds[] = {
		{ .fd = watch->stop_fd, .events = POLLIN },
		{ .fd = watch->poke_fd, .events = POLLIN },
	};

	(void)poll(fds, 2, ms);
	lower_fd(watch->poke_fd);
	return fds[0].revents == 0;
}

static void *work(void *context)
{
	struct console_watch *watch = context;
	int64_t ms;

	do {
		struct overview overview = { 0 };
		struct err err = { 0 };

		if (!overview_gather(watch->asker, &overview, &err))
			overview_clear(&overview);
		ms = overview.took_us * (SHARE - 1) / 1000;
		publish(watch, &overview, &err);
	} while (rest(watch, (int)(ms > EVERY_MS ? ms : EVERY_MS)));
	return NULL;
}

/* Signals are the screen's. */
static bool start_thread(struct console_watch *watch, struct err *err)
{
	sigset_t all, before;
	int code;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(&watch->thread, NULL, work, watch);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = code;
	watch->started = code == 0;
	return watch->started || err_errno(err, ERR_STOP, "start a thread");
}

struct console_watch *console_watch_start(const struct config *config,
	struct err *err)
{
	struct console_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	(void)pthread_mutex_init(&watch->lock, NULL);
	watch->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	watch->poke_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	watch->news_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (watch->stop_fd < 0 || watch->poke_fd < 0 || watch->news_fd < 0)
		(void)err_errno(err, ERR_STOP, "eventfd");
	else
		watch->asker = overview_asker_new(config, watch->stop_fd, err);
	if (watch->asker != NULL && start_thread(watch, err))
		return watch;
	console_watch_stop(watch);
	return NULL;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void console_watch_stop(struct console_watch *watch)
{
	if (watch == NULL)
		return;
	if (watch->started) {
		raise_fd(watch->stop_fd);
		(void)pthread_join(watch->thread, NULL);
	}
	overview_asker_free(watch->asker);
	overview_clear(&watch->latest);
	close_fd(watch->stop_fd);
	close_fd(watch->poke_fd);
	close_fd(watch->news_fd);
	(void)pthread_mutex_destroy(&watch->lock);
	free(watch);
}

int console_watch_fd(const struct console_watch *watch)
{
	return watch->news_fd;
}

bool console_watch_take(struct console_watch *watch, struct overview *overview,
	struct err *err)
{
	bool news;

	lower_fd(watch->news_fd);
	(void)pthread_mutex_lock(&watch->lock);
	news = watch->news;
	watch->news = false;
	if (news) {
		*overview = watch->latest;
		*err = watch->err;
		watch->latest = (struct overview){ 0 };
	}
	(void)pthread_mutex_unlock(&watch->lock);
	return news;
}

void console_watch_poke(struct console_watch *watch)
{
	raise_fd(watch->poke_fd);
}
