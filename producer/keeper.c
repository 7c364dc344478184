/* keeper.c - the thread that owns the folders and the state file. */
#include "producer/keeper_private.h"
#include "common/clock.h"
#include "common/place.h"
#include "producer/recover.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PRUNE_MS ((int64_t)3600 * 1000)
#define KEEP_US ((int64_t)30 * 24 * 3600 * 1000000)

/* -- plans ------------------------------------------------------------ */

/* Made once, with all that is missing above; what cannot be made is complained
 * of when a file is to be moved there. */
static void make_target(const char *path)
{
	struct err err = { 0 };
	const int fd = place_root(path, &err);

	if (fd >= 0)
		(void)close(fd);
}

static struct watch *watch_for(const struct plan *plan, struct err *err)
{
	const struct config *config = &plan->config;
	const struct watch_options options = {
		.raw_dir = config->raw_dir,
		.processed_dir = config->processed_dir,
		.failed_dir = config->failed_dir,
		.settle_ms = config->settle_secs * 1000,
		.rescan_ms = config->rescan_secs * 1000,
		.max_file_bytes = (uint64_t)config->max_file_bytes,
	};

	make_target(config->processed_dir);
	make_target(config->failed_dir);
	return watch_open(&options, plan->folders, plan->count, err);
}

static struct plan *take_plan(struct keeper *k)
{
	struct plan *plan;

	(void)pthread_mutex_lock(&k->lock);
	plan = k->next_plan;
	k->next_plan = NULL;
	(void)pthread_mutex_unlock(&k->lock);
	return plan;
}

/* Claims that were being hashed are found again by the first scan. */
static bool follow(struct keeper *k, struct err *err)
{
	struct err why = { 0 };
	struct plan *plan = keeper_is_claiming(k) ? NULL : take_plan(k);
	struct watch *watch = plan == NULL ? NULL : watch_for(plan, &why);

	if (plan == NULL)
		return true;
	if (watch == NULL) {
		log_err(LOG_ERROR, "reload_refused", &why);
		plan_release(plan);
		return true;
	}
	keeper_drop_intakes(k);
	watch_close(k->watch);
	k->watch = watch;
	plan_release(k->plan);
	k->plan = plan;
	k->first = 0;
	LOG(LOG_INFO, "reloaded", LOG_U("datasets", plan->count));
	return keeper_make_intakes(k, err);
}

static void wake(const struct keeper *k)
{
	const uint64_t one = 1;

	if (write(k->wake_fd, &one, sizeof(one)) < 0)
		return; /* awake already */
}

void keeper_follow(struct keeper *k, struct plan *plan)
{
	(void)pthread_mutex_lock(&k->lock);
	plan_release(k->next_plan);
	k->next_plan = plan_hold(plan);
	(void)pthread_mutex_unlock(&k->lock);
	wake(k);
}

void keeper_stop(struct keeper *k)
{
	wake(k);
}

/* -- the thread ------------------------------------------------------- */

static int64_t until(int64_t due_ms, int64_t wait)
{
	const int64_t left = due_ms - clock_now_ms();

	return due_ms > 0 && left < wait ? left : wait;
}

static int timeout_ms(const struct keeper *k)
{
	int64_t wait = watch_timeout_ms(k->watch);

	if (keeper_busy(k))
		return 0;
	wait = until(k->again_ms, until(k->retry_ms, until(k->replay_ms,
		wait)));
	return wait < 0 ? 0 : (int)wait;
}

/* What could not be claimed is looked for before its time. */
static void look_again(struct keeper *k)
{
	if (k->again_ms == 0 || clock_now_ms() < k->again_ms)
		return;
	k->again_ms = 0;
	watch_rescan(k->watch);
}

static void wait_for_work(const struct keeper *k)
{
	struct pollfd fds[] = {
		{ .fd = watch_fd(k->watch), .events = POLLIN },
		{ .fd = k->wake_fd, .events = POLLIN },
		/* a full hand has no eye for more */
		{ .fd = k->ended_count == KEEPER_BATCH ? -1 :
			queue_fd(k->reports), .events = POLLIN },
		{ .fd = queue_fd(k->spooled), .events = POLLIN },
	};
	uint64_t count;

	if (!keeper_busy(k))
		pulse_idle(k->pulse);
	(void)poll(fds, 4, timeout_ms(k));
	if (fds[1].revents != 0 && read(k->wake_fd, &count, sizeof(count)) < 0)
		return;
}

static bool prune(struct keeper *k, struct err *err)
{
	struct err why = { 0 };

	if (clock_now_ms() < k->prune_ms)
		return true;
	k->prune_ms = clock_now_ms() + PRUNE_MS;
	if (state_prune(k->state, clock_wall_us() - KEEP_US, &why) ||
		why.kind != ERR_STOP)
		return true;
	*err = why;
	return false;
}

static bool turn(struct keeper *k, struct err *err)
{
	pulse_busy(k->pulse, "claiming files, and moving what was sent");
	pulse_step(k->pulse);
	look_again(k);
	return follow(k, err) && keeper_take_reports(k, err) &&
		keeper_take_spooled(k, err) &&
		watch_step(k->watch, err) && keeper_claim(k, err) &&
		keeper_take_replays(k, err) &&
		prune(k, err);
}

static bool run(struct keeper *k, struct err *err)
{
	while (!queue_closed(k->claims)) {
		if (!turn(k, err))
			return false;
		wait_for_work(k);
	}
	return true;
}

/* The publisher is still reporting; its queue closes behind the last. */
static bool work_off(struct keeper *k, struct err *err)
{
	struct pollfd fd = { .fd = queue_fd(k->reports), .events = POLLIN };

	while (!queue_closed(k->reports) || queue_len(k->reports) > 0) {
		k->retry_ms = 0;
		if (!keeper_take_reports(k, err))
			return false;
		if (k->ended_count == KEEPER_BATCH)
			return true; /* cannot be moved now: their rows tell */
		if (queue_len(k->reports) == 0 && !queue_closed(k->reports))
			(void)poll(&fd, 1, -1);
	}
	return true;
}

static void *keeper_main(void *arg)
{
	struct keeper *k = arg;
	struct err err = { 0 };
	const uint64_t one = 1;

	if (run(k, &err) && work_off(k, &err))
		return NULL;
	k->err = err;
	if (write(k->died_fd, &one, sizeof(one)) < 0)
		log_err(LOG_ERROR, "keeper", &err);
	return NULL;
}

/* -- the outside ------------------------------------------------------ */

static bool recover_source(struct keeper *k, struct source *source,
	enum recovery what, struct err *err)
{
	switch (what) {
	case RECOVER_SEND:
		return keeper_hand_over(k, source, err);
	case RECOVER_FINISH:
		if (keeper_count_open(k, source, err))
			return keeper_end(k, source, err);
		source_free(source);
		return false;
	case RECOVER_DONE:
		break;
	}
	source_free(source);
	return true;
}

static bool recover(struct keeper *k, struct err *err)
{
	const struct finish_dirs dirs = keeper_dirs(k);
	struct source *source = NULL;
	uint64_t count = 0;
	int64_t after = 0;
	enum recovery what;
	bool ok;

	while ((ok = recover_next(&dirs, k->state, &after, &source, &what,
		err)) && source != NULL) {
		count++;
		if (!recover_source(k, source, what, err))
			return false;
	}
	ok = ok && keeper_finish(k, err);
	for (size_t i = 0; ok && i < k->plan->count; i++)
		ok = recover_strays(&dirs, k->state,
			k->plan->rules[i].directory, err);
	if (ok && count > 0)
		LOG(LOG_INFO, "resumed", LOG_U("sources", count));
	return ok;
}

static void keeper_free(struct keeper *k)
{
	for (size_t i = 0; i < k->ended_count; i++)
		source_free(k->ended[i]);
	keeper_drop_intakes(k);
	watch_close(k->watch);
	object_store_close(k->store);
	state_close(k->state);
	while (k->counters != NULL) {
		struct counter *counter = k->counters;

		k->counters = counter->next;
		free(counter->key);
		free(counter);
	}
	plan_release(k->next_plan);
	plan_release(k->plan);
	if (k->wake_fd >= 0)
		close(k->wake_fd);
	(void)pthread_mutex_destroy(&k->lock);
	free(k);
}

static bool open_all(struct keeper *k, struct err *err)
{
	k->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (k->wake_fd < 0)
		return err_errno(err, ERR_STOP, "eventfd");
	k->state = state_open(k->plan->config.state_file, err);
	if (k->state != NULL)
		k->watch = watch_for(k->plan, err);
	return k->watch != NULL && keeper_make_intakes(k, err) &&
		keeper_settle_replays(k, err) && recover(k, err);
}

struct keeper *keeper_start(struct plan *plan, struct queue *claims,
	struct queue *reports, struct queue *spooled, int died_fd,
	struct err *err)
{
	struct keeper *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	(void)pthread_mutex_init(&k->lock, NULL);
	k->plan = plan_hold(plan);
	k->claims = claims;
	k->reports = reports;
	k->spooled = spooled;
	k->died_fd = died_fd;
	k->pulse = pulse_of("keeper");
	k->wake_fd = -1;
	if (open_all(k, err)) {
		errno = pthread_create(&k->thread, NULL, keeper_main, k);
		if (errno == 0)
			return k;
		(void)err_errno(err, ERR_STOP, "start the keeper");
	}
	keeper_free(k);
	return NULL;
}

bool keeper_join(struct keeper *k, struct err *err)
{
	bool ok;

	(void)pthread_join(k->thread, NULL);
	ok = k->err.kind == ERR_NONE;
	if (!ok)
		*err = k->err;
	keeper_free(k);
	return ok;
}
