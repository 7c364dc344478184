/* intake_queues.c - the queues the intake consumes: looked for, left out while
 * they do not answer, tried again. */
#include "consumer/intake_private.h"
#include "common/clock.h"
#include "common/health.h"
#include "consumer/work.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define SKIP_MS 2000 /* a queue that does not answer is left out, at first */
#define SKIP_MAX_MS (2 * 60 * 1000)
#define DEAD_PREFETCH 32 /* what is in there may wait for long in our hands */
#define MIN_PREFETCH 8
#define WIDEN_FROM 4 /* times the prefetch; for less it is not worth it */
#define NARROW_MS (60 * 1000) /* so long after they were not small after all */

/* Full messages of two batches, one that is loaded and one that is read: what
 * is handed out beyond that only stands before those of other datasets, and
 * the broker does not count it to the queue's bound. */
static int prefetch_of(const struct config *config,
	const struct pipeline *pipeline)
{
	int64_t largest = config->chunk_bytes;
	int64_t enough;

	for (size_t i = 0; i < pipeline->dataset_count; i++)
		if (pipeline->datasets[i].chunk_bytes > largest)
			largest = pipeline->datasets[i].chunk_bytes;
	enough = config->batch_bytes * 2 / largest;
	if (enough < MIN_PREFETCH)
		enough = MIN_PREFETCH;
	return (int)(enough < config->prefetch ? enough : config->prefetch);
}

struct source_queue *intake_list_queues(const struct config *config,
	const struct pipeline_set *set, size_t *count, struct err *err)
{
	struct source_queue *list = calloc(set->count * 2 + 1, sizeof(*list));

	if (list == NULL) {
		err_memory(err);
		return NULL;
	}
	*count = 0;
	for (size_t i = 0; i < set->count; i++) {
		const char *name = set->pipelines[i].name;
		const int prefetch = prefetch_of(config, &set->pipelines[i]);

		list[*count].prefetch = prefetch;
		(void)snprintf(list[(*count)++].name, QUEUE_NAME, "sluice.%s",
			name);
		list[*count].prefetch = prefetch < DEAD_PREFETCH ? prefetch :
			DEAD_PREFETCH;
		(void)snprintf(list[(*count)++].name, QUEUE_NAME,
			"sluice.%s.dead", name);
	}
	return list;
}

static bool inspect_queue(struct broker *broker, struct source_queue *queue,
	struct err *err)
{
	uint32_t ready, consumers;
	bool found = false;

	if (!broker_inspect(broker, queue->name, &found, &ready, &consumers,
		err))
		return false;
	queue->missing = !found;
	return true;
}

static bool is_left_out(const struct source_queue *queue)
{
	return queue->skip_until_ms > clock_now_ms();
}

/* All are asked for before any is consumed; a missing one must not keep the
 * others from being served. One that is left out would not even answer. */
static bool inspect_queues(struct intake *intake, struct broker *broker,
	size_t *missing, struct err *err)
{
	*missing = 0;
	for (size_t i = 0; i < intake->queue_count; i++) {
		if (!is_left_out(&intake->queues[i]) &&
			!inspect_queue(broker, &intake->queues[i], err))
			return false;
		*missing += intake->queues[i].missing;
	}
	return true;
}

static void complain_missing(struct intake *intake)
{
	health_down("queues", "some are missing: run `sluice apply`");
	if (!log_repeat_due(&intake->missing))
		return;
	for (size_t i = 0; i < intake->queue_count; i++)
		if (intake->queues[i].missing)
			LOG(LOG_ERROR, "queue_missing",
				LOG_S("queue", intake->queues[i].name),
				LOG_S("err", "the queue is missing: "
					"run `sluice apply`"));
}

/* One without a leader answers nothing, or ends the connection: the others
 * are served first, it is tried again soon, then more and more rarely. */
static bool skip(struct source_queue *queue, struct err *err)
{
	struct backoff pause = { .base_ms = SKIP_MS,
		.ceiling_ms = SKIP_MAX_MS, .attempts = queue->skips++ };
	const int ms = backoff_next_ms(&pause);

	queue->skip_until_ms = clock_now_ms() + ms;
	return err_wrap(err, "queue '%s' is left out for %d s (has it a leader?"
		" rabbitmqctl list_queues name leader)", queue->name,
		(ms + 999) / 1000);
}

/* The doubtful ones first: when the broker is stuck with one it keeps, for
 * long, what it has delivered on this connection before. */
static bool consume_all(struct intake *intake, bool doubtful, struct err *err)
{
	for (size_t i = 0; i < intake->queue_count; i++) {
		struct source_queue *queue = &intake->queues[i];

		queue->wide = false;
		if (queue->missing || is_left_out(queue) ||
			(queue->skips > 0) != doubtful)
			continue;
		if (!broker_consume(intake->broker, queue->name,
			    queue->prefetch, err))
			return skip(queue, err);
	}
	return true;
}

/* -- small messages ----------------------------------------------------- */

static bool is_for_many(const struct source_queue *queue)
{
	return !queue->missing && !is_left_out(queue) &&
		!work_queue_is_dead(queue->name);
}

/* What more a queue hands out when its prefetch is so many times as wide. */
static int more_of(const struct source_queue *queue, int times)
{
	const int more = queue->prefetch * (times - 1);

	return more < UINT16_MAX ? more : UINT16_MAX;
}

/* What the widest queue hands out then. Seldom have several many small ones at
 * once; when they fill the queue to the loader together, that narrows them. */
static int64_t ahead(const struct intake *intake, int times)
{
	int64_t most = 0;

	for (size_t i = 0; i < intake->queue_count; i++) {
		const struct source_queue *queue = &intake->queues[i];
		const int64_t all = queue->prefetch + more_of(queue, times);

		if (is_for_many(queue) && all > most)
			most = all;
	}
	return most;
}

static int least_prefetch(const struct intake *intake)
{
	int least = INT_MAX;

	for (size_t i = 0; i < intake->queue_count; i++)
		if (is_for_many(&intake->queues[i]) &&
			intake->queues[i].prefetch < least)
			least = intake->queues[i].prefetch;
	return least;
}

/* A load is the dearer a message the fewer messages it has, and it has no more
 * than the broker hands out. Where that is what ends it, and so many more of
 * them take no more memory than half a batch, a second consumer of each queue
 * asks for them: what the first was given stays. */
static bool widen(struct intake *intake, int times, struct err *err)
{
	LOG(LOG_DEBUG, "prefetch_widened", LOG_I("times", times),
		LOG_I("mean_bytes", intake->mean_bytes));
	for (size_t i = 0; i < intake->queue_count; i++) {
		struct source_queue *queue = &intake->queues[i];

		if (!is_for_many(queue))
			continue;
		if (!broker_consume_more(intake->broker, queue->name,
			    more_of(queue, times), err))
			return false;
		queue->wide = true;
	}
	atomic_store(&intake->wide, (size_t)ahead(intake, times));
	return true;
}

/* What was given stays here: given back it would stand in the queue above its
 * bound. */
static bool narrow(struct intake *intake, struct err *err)
{
	LOG(LOG_INFO, "prefetch_narrowed",
		LOG_I("mean_bytes", intake->mean_bytes));
	intake->wide_ms = clock_now_ms() + NARROW_MS;
	for (size_t i = 0; i < intake->queue_count; i++) {
		struct source_queue *queue = &intake->queues[i];

		if (queue->wide &&
			!broker_cancel(intake->broker, queue->name, err))
			return false;
		queue->wide = false;
	}
	atomic_store(&intake->wide, 0);
	return true;
}

/* They have grown: so many of that size would be more than two batches, or
 * have filled the queue already, and what follows is not seen. */
static bool are_too_large(const struct intake *intake)
{
	return intake->held_count > 0 ||
		intake->mean_bytes * (int64_t)intake_wide(intake) >
			intake->config->batch_bytes * 2;
}

bool intake_fit_prefetch(struct intake *intake, size_t weight,
	struct err *err)
{
	int64_t fit;

	intake->mean_bytes += ((int64_t)weight - intake->mean_bytes) / 16;
	if (intake->renew)
		return true;
	if (intake_wide(intake) > 0)
		return !are_too_large(intake) || narrow(intake, err);
	if (intake->held_count > 0 || clock_now_ms() < intake->wide_ms ||
		acks_open(&intake->acks) < (uint64_t)least_prefetch(intake))
		return true;
	fit = intake->config->batch_bytes / 2 /
		(intake->mean_bytes * ahead(intake, 1) + 1);
	return fit < WIDEN_FROM ||
		widen(intake, fit < INTAKE_WIDER ? (int)fit : INTAKE_WIDER,
			err);
}

size_t intake_wide(const struct intake *intake)
{
	return atomic_load(&intake->wide);
}

/* -- a connection -------------------------------------------------------- */

bool intake_subscribe(struct intake *intake, struct err *err)
{
	size_t missing;

	if (!inspect_queues(intake, intake->broker, &missing, err))
		return false;
	if (missing > 0)
		complain_missing(intake);
	else
		health_up("queues");
	if (missing == 0 && log_repeat_clear(&intake->missing) > 0)
		LOG(LOG_INFO, "queues_found",
			LOG_U("queues", intake->queue_count));
	intake->look_ms = clock_now_ms() + LOOK_MS;
	if (!consume_all(intake, true, err) ||
		!consume_all(intake, false, err))
		return false;
	for (size_t i = 0; i < intake->queue_count; i++)
		if (!is_left_out(&intake->queues[i]))
			intake->queues[i].skips = 0;
	return true;
}

/* A missing queue is looked for on a connection of its own: the channel that
 * consumes must not be disturbed. When one is back, all start anew. */
bool intake_look_for_missing(struct intake *intake, struct err *err)
{
	size_t before = 0;
	size_t now = 0;
	struct broker *broker;
	bool ok;

	for (size_t i = 0; i < intake->queue_count; i++)
		before += intake->queues[i].missing;
	if (before == 0 || clock_now_ms() < intake->look_ms)
		return true;
	pulse_busy(intake->pulse, "looking for queues");
	intake->look_ms = clock_now_ms() + LOOK_MS;
	broker = intake_connect(intake, err);
	if (broker == NULL)
		return false;
	ok = inspect_queues(intake, broker, &now, err);
	broker_close(broker);
	if (ok && now > 0)
		complain_missing(intake);
	intake->renew = now != before;
	return ok;
}

/* A queue that was passed over is tried again, on a new connection. */
void intake_retry_skipped(struct intake *intake)
{
	for (size_t i = 0; i < intake->queue_count; i++) {
		struct source_queue *queue = &intake->queues[i];

		if (queue->skip_until_ms != 0 &&
			queue->skip_until_ms <= clock_now_ms()) {
			queue->skip_until_ms = 0;
			intake->renew = true;
		}
	}
}
