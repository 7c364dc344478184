/* loader.c - makes batches of deliveries, loads them, acknowledges. */
#include "consumer/loader_private.h"
#include "common/clock.h"
#include "common/metrics.h"
#include "consumer/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define GUESSED_ROWS 500   /* of a message that was not read yet */
#define PENDING_MAX 65536  /* messages of a batch */
#define FLOW_MS 20         /* in a backlog the next one comes sooner */
#define GATHER_MS 250      /* messages that keep coming are awaited */
#define GATHER_NAP_MS 10   /* ... while so many small ones come in that time: */
#define GATHER_MIN 64
#define GATHER_LARGE (64 << 10)  /* large ones have so many bytes, */
#define GATHER_BYTES (256 << 10) /* and so many come */
#define GATHER_PAUSE_MS 30       /* ... in that time */

/* -- the plan ------------------------------------------------------------- */

void loader_use_plan(struct loader *loader, struct plan *plan)
{
	session_close(&loader->session); /* the models have changed */
	session_set_plan(&loader->session, plan);
	plan_free(loader->plan);
	loader->plan = plan;
	held_hurry(&loader->held); /* perhaps that was the remedy */
	loader->keep = (struct keep){ 0 };
	measure_plan(plan);
	LOG(LOG_INFO, "plan_changed",
		LOG_U("pipelines", loader->plan->set.count));
}

static void take_plan(struct loader *loader)
{
	struct plan *plan = atomic_exchange(&loader->next_plan, NULL);

	if (plan != NULL)
		loader_use_plan(loader, plan);
}

/* -- pending messages --------------------------------------------------- */

/* Takes the work over, also when it fails. */
bool loader_add_work(struct loader *loader, struct work *work, struct err *err)
{
	if (loader->pending_count == loader->pending_cap) {
		const size_t cap = loader->pending_cap * 2 + 64;
		struct work **more =
			realloc(loader->pending, cap * sizeof(*more));

		if (more == NULL) {
			work_free(work);
			return err_memory(err);
		}
		loader->pending = more;
		loader->pending_cap = cap;
	}
	loader->pending[loader->pending_count++] = work;
	loader->pending_bytes += (int64_t)work->delivery->weight;
	return true;
}

static bool add_pending(struct loader *loader, struct parcel *parcel,
	struct err *err)
{
	struct work *work =
		work_new(parcel->delivery, parcel->generation, err);

	if (work != NULL)
		work->received_us = parcel->received_us;
	free(parcel);
	if (work == NULL || !loader_add_work(loader, work, err))
		return false;
	if (work->delivery->redelivered)
		return work_make_key(work, err);
	return loader_read_work(loader, work, err);
}

static void drop_pending(struct loader *loader)
{
	for (size_t i = 0; i < loader->pending_count; i++)
		work_free(loader->pending[i]);
	loader->pending_count = 0;
}

static void drop_void_held(struct loader *loader, struct held *held)
{
	for (size_t i = held->count; i > 0; i--)
		if (loader_is_void(loader, held->works[i - 1]))
			work_free(held_take(held, i - 1));
}

/* Those of a connection that is gone: the broker delivers them again. */
static void drop_void(struct loader *loader)
{
	size_t kept = 0;

	for (size_t i = 0; i < loader->held.count; i++)
		drop_void_held(loader, &loader->held.items[i]);

	for (size_t i = 0; i < loader->pending_count; i++) {
		struct work *work = loader->pending[i];

		if (loader_is_void(loader, work)) {
			loader->pending_bytes -=
				(int64_t)work->delivery->weight;
			work_free(work);
		} else {
			loader->pending[kept++] = work;
		}
	}
	loader->pending_count = kept;
}

static int idle_ms(const struct loader *loader)
{
	const int keep_ms = keep_wait_ms(&loader->keep);
	const int held_ms = held_wait_ms(&loader->held, clock_now_ms());

	return held_ms >= 0 && held_ms < keep_ms ? held_ms : keep_ms;
}

/* More than a batch, so that behind the messages of a large dataset those of
 * others come into sight. */
static bool has_enough(const struct loader *loader)
{
	const int64_t batch = loader->config->batch_bytes;

	return loader->pending_count >= PENDING_MAX ||
		loader->pending_bytes >= batch + batch / 4;
}

/* Takes what is waiting, up to that; waits so long for the first. Where the
 * intake had to stop for lack of room more is coming than the queue can show. */
static bool take_waiting(struct loader *loader, int timeout_ms,
	struct err *err)
{
	while (!has_enough(loader)) {
		struct parcel *parcel =
			queue_pop(loader->deliveries, timeout_ms);

		if (parcel == NULL)
			break;
		if (timeout_ms != FLOW_MS)
			timeout_ms = 0;
		if (queue_len(loader->deliveries) == 0 &&
			intake_room(loader->intake))
			timeout_ms = FLOW_MS;
		if (!add_pending(loader, parcel, err))
			return false;
	}
	return true;
}

/* A batch, or so little less that waiting for the rest does not pay. */
static bool has_batch(const struct loader *loader)
{
	const int64_t rows = loader->config->batch_rows;
	const int64_t bytes = loader->config->batch_bytes;

	return batch_fills(loader->pending, loader->pending_count,
		rows - rows / 10, bytes - bytes / 10, GUESSED_ROWS);
}

/* The latest message is a piece of a file that goes on behind it. */
static bool goes_on(const struct loader *loader)
{
	const struct work *last = loader->pending[loader->pending_count - 1];

	return last->kind == WORK_CHUNK &&
		last->delivery->message.body.len >= GATHER_LARGE;
}

/* What had come at the latest look. */
struct gathered {
	size_t count;
	int64_t bytes; /* when enough large ones had come */
	int64_t ms;    /* and when that was */
};

/* Many have just come, and they do not fill a load. Of small ones up to half of
 * what the broker hands out: the other half comes during the load. */
static bool gathers(const struct loader *loader, struct gathered *before)
{
	const size_t count = loader->pending_count;
	const bool many = count >= before->count + GATHER_MIN;
	const int64_t now = clock_now_ms();

	if (count == 0 || has_batch(loader))
		return false;
	before->count = count;
	if (!goes_on(loader))
		return many && count < intake_wide(loader->intake) / 2;
	if (loader->pending_bytes >= before->bytes + GATHER_BYTES) {
		before->bytes = loader->pending_bytes;
		before->ms = now;
	}
	return now - before->ms < GATHER_PAUSE_MS;
}

/* What a load costs whatever it holds is most of it when it holds a little, and
 * the broker is the dearer the sooner it is asked for the next: while messages
 * stream in a load waits for more of them, asleep. */
static bool gather(struct loader *loader, struct err *err)
{
	struct gathered before = { .ms = clock_now_ms() };
	const int64_t until = before.ms + GATHER_MS;

	while (gathers(loader, &before) && clock_now_ms() < until &&
		fate_wait(loader->fate, GATHER_NAP_MS))
		if (!take_waiting(loader, 0, err))
			return false;
	return true;
}

/* Takes what one load is to hold; waits for the first, or until there is
 * something else to do. False: the queue is closed. */
static bool fill_pending(struct loader *loader, struct err *err)
{
	const int timeout_ms =
		loader->pending_count == 0 ? idle_ms(loader) : 0;

	if (timeout_ms != 0)
		pulse_idle(loader->pulse);
	if (!take_waiting(loader, timeout_ms, err) || !gather(loader, err))
		return false;
	(void)intake_room(loader->intake);
	return !queue_closed(loader->deliveries);
}

/* What is in hand and not committed. */
static void measure_pending(const struct loader *loader)
{
	int64_t oldest_us = measure_oldest_us(loader->pending,
		loader->pending_count, 0);

	for (size_t i = 0; i < loader->held.count; i++)
		oldest_us = measure_oldest_us(loader->held.items[i].works,
			loader->held.items[i].count, oldest_us);
	metrics_since(METRIC_OLDEST_UNCOMMITTED, oldest_us);
	metrics_set(METRIC_DATASETS_WAITING, (double)loader->held.count, NULL,
		NULL);
}

/* -- the thread ----------------------------------------------------------- */

static size_t cut(const struct loader *loader, size_t count)
{
	return batch_cut(loader->pending, count, loader->config->batch_rows,
		loader->config->batch_bytes, GUESSED_ROWS);
}

/* How many of the pending ones are loaded now. When more waits than a batch
 * takes, every other batch is for those beside the largest dataset: they do
 * not wait for all that it has. */
static size_t next_batch(struct loader *loader)
{
	const size_t n = cut(loader, loader->pending_count);
	size_t others;

	loader->others_turn = n < loader->pending_count &&
		!loader->others_turn;
	if (!loader->others_turn)
		return n;
	others = batch_others_first(loader->pending, loader->pending_count);
	return others > 0 ? cut(loader, others) : n;
}

static bool load_pending(struct loader *loader, struct err *err)
{
	size_t n;

	drop_void(loader);
	measure_pending(loader);
	take_plan(loader);
	if (!loader_mind_held(loader, err))
		return false;
	n = next_batch(loader);
	if (n > 0) {
		pulse_busy(loader->pulse, "a load");
		loader_load_some(loader, loader->pending, n);
		drop_void(loader);
	}
	measure_pending(loader);
	return true;
}

static void *run(void *context)
{
	struct loader *loader = context;
	struct err err = { 0 };

	if (loader_await_session(loader)) {
		loader_calm(loader);
		LOG(LOG_INFO, "database_connected",
			LOG_S("host", loader->config->database_host),
			LOG_I("port", loader->config->database_port));
		intake_resume(loader->intake);
	}
	while (fate_wait(loader->fate, 0) && !fate_ended(loader->fate) &&
		fill_pending(loader, &err) && load_pending(loader, &err)) {
		if (keep_wait_ms(&loader->keep) != 0)
			continue;
		pulse_busy(loader->pulse, "maintenance");
		keep_run(&loader->keep, &loader->session);
		pulse_idle(loader->pulse);
	}
	if (err.kind != ERR_NONE)
		fate_end(loader->fate, &err);
	drop_pending(loader);
	held_clear(&loader->held);
	session_close(&loader->session);
	return NULL;
}

/* -- start and stop ----------------------------------------------------- */

static void loader_free(struct loader *loader)
{
	session_set_plan(&loader->session, NULL);
	plan_free(atomic_load(&loader->next_plan));
	plan_free(loader->plan);
	free(loader->pending);
	free(loader);
}

static void make_name(struct loader *loader)
{
	char host[64] = "";

	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(loader->name, sizeof(loader->name), "%s:%ld", host,
		(long)getpid());
}

struct loader *loader_start(const struct config *config, struct plan *plan,
	struct queue *deliveries, struct intake *intake, struct fate *fate,
	struct watchdog *watchdog, struct care *care, struct pauses *pauses,
	struct err *err)
{
	struct loader *loader = calloc(1, sizeof(*loader));

	if (loader == NULL) {
		plan_free(plan);
		err_memory(err);
		return NULL;
	}
	loader->config = config;
	loader->plan = plan;
	loader->deliveries = deliveries;
	loader->intake = intake;
	loader->care = care;
	loader->pauses = pauses;
	loader->fate = fate;
	make_name(loader);
	loader->pulse = pulse_of("loader");
	measure_plan(plan);
	loader->session = (struct session){ .config = config, .plan = plan,
		.name = loader->name, .stop_fd = fate->stop_fd,
		.watchdog = watchdog, .pulse = loader->pulse };
	loader->rules = (struct work_rules){ config->producer.user,
		config->max_message_bytes };
	loader->backoff = (struct backoff){ .base_ms = 100,
		.ceiling_ms = 2000 };
	if (pthread_create(&loader->thread, NULL, run, loader) == 0)
		return loader;
	loader_free(loader);
	err_memory(err);
	return NULL;
}

void loader_join(struct loader *loader)
{
	if (loader == NULL)
		return;
	(void)pthread_join(loader->thread, NULL);
	loader_free(loader);
}

void loader_set_plan(struct loader *loader, struct plan *plan)
{
	plan_free(atomic_exchange(&loader->next_plan, plan));
}
