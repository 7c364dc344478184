/* api_poller.c - the thread that asks HTTP servers. */
#include "producer/api_poller.h"
#include "producer/api_control.h"
#include "producer/api_private.h"
#include "common/clock.h"
#include "common/pulse.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FDS_MAX 8
#define PRUNE_MS (INT64_C(3600) * 1000)
#define KEEP_US (INT64_C(90) * 24 * 3600 * 1000000)

struct api_poller {
	struct api_desk desk;
	struct api_control *control;
	_Atomic long open;
	_Atomic bool stopping;
	int wake_fd, died_fd;
	int64_t prune_ms;
	struct pulse *pulse;
	pthread_t thread;
	pthread_mutex_t lock; /* guards next_plan */
	struct plan *next_plan;
	struct err err;
};

/* -- plans ------------------------------------------------------------------ */

static struct plan *take_plan(struct api_poller *p)
{
	struct plan *plan;

	(void)pthread_mutex_lock(&p->lock);
	plan = p->next_plan;
	p->next_plan = NULL;
	(void)pthread_mutex_unlock(&p->lock);
	return plan;
}

/* Guests that wait are dismissed with the endpoints they wait for. */
static bool follow(struct api_poller *p, struct err *err)
{
	struct plan *plan = take_plan(p);
	bool ok;

	if (plan == NULL)
		return true;
	api_control_close(p->control);
	p->control = NULL;
	ok = api_desk_change(&p->desk, plan, err);
	plan_release(plan);
	return ok;
}

static void wake(const struct api_poller *p)
{
	const uint64_t one = 1;

	if (write(p->wake_fd, &one, sizeof(one)) < 0)
		return; /* awake already */
}

void api_poller_follow(struct api_poller *p, struct plan *plan)
{
	(void)pthread_mutex_lock(&p->lock);
	plan_release(p->next_plan);
	p->next_plan = plan_hold(plan);
	(void)pthread_mutex_unlock(&p->lock);
	wake(p);
}

/* -- the thread ----------------------------------------------------------------- */

/* Without it the daemon works all the same: only `sluice api run` does not. */
static void open_control(struct api_poller *p)
{
	struct err why = { 0 };

	if (p->control != NULL || p->desk.count == 0)
		return;
	p->control = api_control_open(p->desk.plan->config.state_file, &why);
	if (p->control == NULL)
		log_err(LOG_WARN, "no_control", &why);
}

static bool wait_for_work(struct api_poller *p, struct err *err)
{
	struct pollfd fds[FDS_MAX] = {
		{ .fd = p->wake_fd, .events = POLLIN } };
	const unsigned count = 1 + api_control_fds(p->control, fds + 1,
		FDS_MAX - 2);
	uint64_t times;

	pulse_idle(p->pulse);
	if (!api_desk_wait(&p->desk, fds, count, err))
		return false;
	if (fds[0].revents != 0 &&
		read(p->wake_fd, &times, sizeof(times)) < 0)
		return true;
	return true;
}

/* Answers with a source are the consumer's to delete: it knows what is
 * complete. Of these it has never heard. */
static bool delete_objects(struct api_desk *desk, struct err *err)
{
	const int64_t keep = desk->plan->config.object_store_keep_secs;

	desk->drop_before_us = clock_wall_us() - keep * 1000000;
	return keep == 0 || desk->store == NULL || api_drop_next(desk, err);
}

static int64_t prune_ms(const struct api_desk *desk)
{
	const int64_t ms = desk->plan->config.object_store_keep_secs * 100;

	return ms == 0 || ms > PRUNE_MS ? PRUNE_MS : ms < 1000 ? 1000 : ms;
}

static void prune(struct api_poller *p)
{
	struct err why = { 0 };

	if (clock_now_ms() < p->prune_ms) {
		if (p->prune_ms < p->desk.wake_ms)
			p->desk.wake_ms = p->prune_ms;
		return;
	}
	p->prune_ms = clock_now_ms() + prune_ms(&p->desk);
	if (!api_state_prune(p->desk.state, clock_wall_us() - KEEP_US, &why) ||
		!delete_objects(&p->desk, &why))
		log_err(LOG_WARN, "prune_failed", &why);
}

/* How things stand is shown soon after they have changed. */
static void measure(struct api_desk *desk)
{
	const int64_t now = clock_now_ms();
	int64_t wait_ms = desk->wake_ms - now;

	api_measure(desk, &wait_ms);
	if (now + wait_ms < desk->wake_ms)
		desk->wake_ms = now + wait_ms;
}

static bool run(struct api_poller *p, struct err *err)
{
	while (!p->stopping) {
		pulse_busy(p->pulse, "answers of HTTP servers");
		pulse_step(p->pulse);
		if (!follow(p, err))
			return false;
		open_control(p);
		if (!api_control_serve(p->control, &p->desk, err) ||
			!api_desk_turn(&p->desk, err))
			return false;
		measure(&p->desk);
		if (p->desk.count > 0)
			prune(p);
		api_control_answer(p->control);
		if (!wait_for_work(p, err))
			return false;
	}
	return true;
}

static void *poller_main(void *arg)
{
	struct api_poller *p = arg;
	const bool ok = run(p, &p->err);
	const uint64_t one = 1;

	api_desk_break(&p->desk);
	if (ok)
		return NULL;
	if (write(p->died_fd, &one, sizeof(one)) < 0)
		log_err(LOG_ERROR, "poller", &p->err);
	return NULL;
}

/* -- the outside -------------------------------------------------------------------- */

static bool open_all(struct api_poller *p, struct plan *plan, struct err *err)
{
	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->wake_fd < 0)
		return err_errno(err, ERR_STOP, "eventfd");
	p->desk.state = state_open_beside(plan->config.state_file, err);
	return p->desk.state != NULL && api_desk_open(&p->desk, plan, err);
}

struct api_poller *api_poller_start(struct plan *plan, struct queue *spooled,
	int died_fd, struct err *err)
{
	struct api_poller *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	(void)pthread_mutex_init(&p->lock, NULL);
	p->died_fd = died_fd;
	p->wake_fd = -1;
	p->pulse = pulse_of("poller");
	p->desk.spooled = spooled;
	p->desk.open = &p->open;
	if (open_all(p, plan, err)) {
		errno = pthread_create(&p->thread, NULL, poller_main, p);
		if (errno == 0)
			return p;
		(void)err_errno(err, ERR_STOP, "start the poller");
	}
	api_poller_free(p);
	return NULL;
}

bool api_poller_stop(struct api_poller *p, struct err *err)
{
	p->stopping = true;
	wake(p);
	(void)pthread_join(p->thread, NULL);
	if (p->err.kind == ERR_NONE)
		return true;
	*err = p->err;
	return false;
}

void api_poller_free(struct api_poller *p)
{
	if (p == NULL)
		return;
	api_control_close(p->control);
	api_desk_clear(&p->desk);
	state_close(p->desk.state);
	plan_release(p->next_plan);
	if (p->wake_fd >= 0)
		close(p->wake_fd);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}
