/* keeper.c - the thread that owns the folders and the state file. */
#include "producer/keeper.h"
#include "common/clock.h"
#include "common/log.h"
#include "producer/recover.h"
#include "producer/report.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define OPEN_MAX_SOURCES 1024 /* of a dataset, claimed and not ended */
#define BATCH 512            /* claims or ends that share a commit */
#define SLICE ((size_t)8 << 20)  /* bytes hashed of one file in one turn */
#define TURN_BYTES ((size_t)32 << 20) /* of all files in one turn, about */
#define RETRY_MS 10000
#define PRUNE_MS ((int64_t)3600 * 1000)
#define KEEP_US ((int64_t)30 * 24 * 3600 * 1000000)

/* How many of a dataset's sources are open; outlives any plan. */
struct counter {
	struct counter *next;
	char *key; /* "<pipeline>.<dataset>" */
	size_t open;
};

/* A dataset of the plan. */
struct intake {
	const struct claim_rules *rules;
	struct counter *counter;
	struct claim *hashing, *last_hashing; /* files too large for a turn */
};

struct keeper {
	struct plan *plan;
	struct queue *claims;
	struct queue *reports;
	int died_fd;
	int wake_fd;
	pthread_t thread;
	pthread_mutex_t lock; /* guards next_plan */
	struct plan *next_plan;

	struct state *state;
	struct watch *watch;
	struct intake *intakes; /* plan->count */
	struct counter *counters;
	size_t first;      /* the intake that is served first */
	bool more;         /* the last turn left something to claim */
	struct source *ended[BATCH]; /* to be moved */
	size_t ended_count;
	struct log_repeat not_moved, not_claimed;
	int64_t retry_ms;  /* 0: nothing waits */
	int64_t prune_ms;
	struct err err;
};

static struct finish_dirs dirs_of(const struct keeper *k)
{
	return (struct finish_dirs){ .root = watch_root(k->watch),
		.processed_dir = k->plan->config.processed_dir,
		.failed_dir = k->plan->config.failed_dir };
}

/* -- counters --------------------------------------------------------- */

static struct counter *counter_of(struct keeper *k, const char *pipeline,
	const char *dataset, struct err *err)
{
	char key[256];
	struct counter *counter = k->counters;

	(void)snprintf(key, sizeof(key), "%s.%s", pipeline, dataset);
	while (counter != NULL && strcmp(counter->key, key) != 0)
		counter = counter->next;
	if (counter != NULL)
		return counter;
	counter = calloc(1, sizeof(*counter));
	if (counter != NULL)
		counter->key = strdup(key);
	if (counter == NULL || counter->key == NULL) {
		free(counter);
		(void)err_memory(err);
		return NULL;
	}
	counter->next = k->counters;
	k->counters = counter;
	return counter;
}

static bool count_open(struct keeper *k, const struct source *source,
	struct err *err)
{
	struct counter *counter = counter_of(k, source->pipeline,
		source->dataset, err);

	if (counter != NULL)
		counter->open++;
	return counter != NULL;
}

static void count_ended(struct keeper *k, const struct source *source)
{
	struct err err = { 0 };
	struct counter *counter = counter_of(k, source->pipeline,
		source->dataset, &err);

	if (counter != NULL && counter->open > 0)
		counter->open--;
}

/* -- what has ended --------------------------------------------------- */

static void forget_ended(struct keeper *k)
{
	size_t left = 0;

	for (size_t i = 0; i < k->ended_count; i++) {
		struct source *source = k->ended[i];

		if (source->state != SOURCE_MOVED &&
			source->state != SOURCE_LOST) {
			k->ended[left++] = source;
			continue;
		}
		count_ended(k, source);
		source_free(source);
	}
	k->ended_count = left;
}

/* Moves all that ended; what cannot be moved stays, and is tried again. */
static bool finish_ended(struct keeper *k, struct err *err)
{
	const struct finish_dirs dirs = dirs_of(k);
	struct err why = { 0 };

	if (k->ended_count == 0 || clock_now_ms() < k->retry_ms)
		return true;
	k->retry_ms = 0;
	if (!finish_sources(&dirs, k->state, k->ended, k->ended_count, &why)) {
		if (why.kind == ERR_STOP) {
			*err = why;
			return false;
		}
		k->retry_ms = clock_now_ms() + RETRY_MS;
		if (log_repeat_due(&k->not_moved))
			log_err(LOG_ERROR, "move_failed", &why);
	} else
		(void)log_repeat_clear(&k->not_moved);
	forget_ended(k);
	return true;
}

/* -- reports ---------------------------------------------------------- */

static bool lose(struct keeper *k, struct source *source, struct err *err)
{
	bool ok;

	source->state = SOURCE_LOST;
	ok = state_update(k->state, source, err);
	count_ended(k, source);
	source_free(source);
	return ok;
}

static bool take_report(struct keeper *k, struct report *report,
	struct err *err)
{
	bool ok = true;

	switch (report->kind) {
	case REPORT_POSITION:
		ok = state_checkpoint(k->state, &report->drop,
			&report->position, err);
		break;
	case REPORT_ENDED:
		k->ended[k->ended_count++] = report->source;
		break;
	case REPORT_LOST:
		ok = lose(k, report->source, err);
		break;
	}
	free(report);
	return ok;
}

/* A checkpoint that could not be written is made good by the next one. */
static bool take_reports(struct keeper *k, struct err *err)
{
	struct report *report;

	while (k->ended_count < BATCH &&
		(report = queue_pop(k->reports, 0)) != NULL)
		if (!take_report(k, report, err) && err->kind == ERR_STOP)
			return false;
	*err = (struct err){ 0 };
	return finish_ended(k, err);
}

/* A source of which there is nothing to send. */
static bool end_source(struct keeper *k, struct source *source,
	struct err *err)
{
	if (k->ended_count == BATCH && !finish_ended(k, err)) {
		source_free(source);
		return false;
	}
	if (k->ended_count < BATCH)
		k->ended[k->ended_count++] = source;
	else
		source_free(source); /* cannot be moved now: its row tells */
	return true;
}

/* -- claiming --------------------------------------------------------- */

/* Claims that are whole, waiting for their commit. */
struct batch {
	struct claim *claims[BATCH];
	size_t count;
	uint64_t bytes; /* hashed for it */
};

static void hash_later(struct intake *intake, struct claim *claim)
{
	claim->next = NULL;
	if (intake->last_hashing != NULL)
		intake->last_hashing->next = claim;
	else
		intake->hashing = claim;
	intake->last_hashing = claim;
}

/* Hashes a slice: the claim is whole, goes on later, or is refused. */
static bool hash_claim(struct keeper *k, struct intake *intake,
	struct claim *claim, struct batch *batch, struct err *err)
{
	struct err why = { 0 };
	bool done;

	batch->bytes += claim->source->size < SLICE ? claim->source->size :
		SLICE;
	if (claim_hash(claim, SLICE, &done, &why)) {
		if (done)
			batch->claims[batch->count++] = claim;
		else
			hash_later(intake, claim);
		return true;
	}
	if (why.kind == ERR_STOP)
		*err = why;
	else if (claim->tries == 0)
		watch_rescan(k->watch); /* still being written */
	else
		watch_refuse(k->watch, claim->source->name, why.text);
	claim_free(claim);
	return why.kind != ERR_STOP;
}

static bool take_file(struct keeper *k, size_t at, const char *path,
	struct batch *batch, struct err *err)
{
	struct intake *intake = &k->intakes[at];
	struct err why = { 0 };
	struct claim *claim = claim_new(watch_root(k->watch), intake->rules,
		path, &why);

	if (claim != NULL)
		return hash_claim(k, intake, claim, batch, err);
	if (why.kind == ERR_STOP) {
		*err = why;
		return false;
	}
	if (errno != ENOENT)
		watch_refuse(k->watch, path, why.text);
	return true;
}

/* Room for one more of this dataset, the ones in hand counted. */
static bool may_take(const struct intake *intake, const struct batch *batch)
{
	return batch->count < BATCH && batch->bytes < TURN_BYTES &&
		intake->hashing == NULL &&
		intake->counter->open + batch->count < OPEN_MAX_SOURCES;
}

static bool gather(struct keeper *k, size_t at, struct batch *batch,
	struct err *err)
{
	struct intake *intake = &k->intakes[at];
	struct claim *claim = intake->hashing;
	bool ok = true;
	char *path;

	if (claim != NULL && batch->count < BATCH) {
		intake->hashing = claim->next;
		if (intake->hashing == NULL)
			intake->last_hashing = NULL;
		ok = hash_claim(k, intake, claim, batch, err);
	}
	while (ok && may_take(intake, batch) &&
		(path = watch_take(k->watch, at)) != NULL) {
		ok = take_file(k, at, path, batch, err);
		free(path);
	}
	return ok;
}

static struct intake *intake_of(struct keeper *k, const struct claim *claim)
{
	for (size_t i = 0; i < k->plan->count; i++)
		if (k->intakes[i].rules == claim->rules)
			return &k->intakes[i];
	return NULL;
}

/* A claimed source goes to the publisher, a duplicate straight to its end. */
static bool hand_over(struct keeper *k, struct source *source,
	struct err *err)
{
	if (!count_open(k, source, err)) {
		source_free(source);
		return false;
	}
	if (source->duplicate)
		return end_source(k, source, err);
	if (!queue_push(k->claims, source, 1, 0))
		source_free(source); /* we are ending: the row is there */
	return true;
}

static void log_claim(const struct source *source)
{
	char same[UUID_TEXT];

	if (source->duplicate) {
		uuid_format(&source->duplicate_of, same);
		LOG(LOG_INFO, "duplicate", LOG_S("source", source->name),
			LOG_S("same_as", same),
			LOG_S("why", "the dataset skips duplicates"));
		return;
	}
	LOG(LOG_DEBUG, "claimed", LOG_S("source", source->name),
		LOG_S("dataset", source->dataset),
		LOG_U("bytes", source->size));
}

static bool dispatch(struct keeper *k, struct claim *claim, struct err *err)
{
	struct source *source = claim->source;
	bool ok = true;

	switch (claim->fate) {
	case CLAIM_AGAIN:
		hash_later(intake_of(k, claim), claim);
		return true;
	case CLAIM_TAKEN:
		log_claim(source);
		claim->source = NULL;
		ok = hand_over(k, source, err);
		break;
	case CLAIM_GONE:
		break;
	case CLAIM_REFUSED:
		watch_refuse(k->watch, source->name, claim->why.text);
		break;
	}
	claim_free(claim);
	return ok;
}

static void drop_batch(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		claim_free(batch->claims[i]);
	batch->count = 0;
}

/* The files are still where they were: a later scan finds them. */
static bool not_claimed(struct keeper *k, struct batch *batch,
	const struct err *why, struct err *err)
{
	drop_batch(batch);
	if (why->kind == ERR_STOP) {
		*err = *why;
		return false;
	}
	if (log_repeat_due(&k->not_claimed))
		log_err(LOG_ERROR, "claim_failed", why);
	return true;
}

static bool commit(struct keeper *k, struct batch *batch, struct err *err)
{
	struct err why = { 0 };
	bool ok = true;

	if (batch->count == 0)
		return true;
	if (!claim_commit(watch_root(k->watch), k->state, batch->claims,
		batch->count, &why))
		return not_claimed(k, batch, &why, err);
	(void)log_repeat_clear(&k->not_claimed);
	for (size_t i = 0; i < batch->count; i++)
		if (ok)
			ok = dispatch(k, batch->claims[i], err);
		else
			claim_free(batch->claims[i]);
	return ok;
}

static bool claim_some(struct keeper *k, struct err *err)
{
	struct batch batch = { .count = 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < k->plan->count; i++)
		ok = gather(k, (k->first + i) % k->plan->count, &batch, err);
	if (k->plan->count > 0)
		k->first = (k->first + 1) % k->plan->count;
	k->more = batch.count == BATCH || batch.bytes >= TURN_BYTES;
	if (!ok) {
		drop_batch(&batch);
		return false;
	}
	return commit(k, &batch, err);
}

/* -- plans ------------------------------------------------------------ */

/* True when a claimed file is being hashed once more: the plan it was claimed
 * by stays until that is done. */
static bool is_claiming(const struct keeper *k)
{
	for (size_t i = 0; i < k->plan->count; i++)
		for (const struct claim *claim = k->intakes[i].hashing;
			claim != NULL; claim = claim->next)
			if (claim->tries > 0)
				return true;
	return false;
}

static void drop_intakes(struct keeper *k)
{
	for (size_t i = 0; k->intakes != NULL && i < k->plan->count; i++)
		while (k->intakes[i].hashing != NULL) {
			struct claim *claim = k->intakes[i].hashing;

			k->intakes[i].hashing = claim->next;
			claim_free(claim);
		}
	free(k->intakes);
	k->intakes = NULL;
}

static bool make_intakes(struct keeper *k, struct err *err)
{
	k->intakes = calloc(k->plan->count + 1, sizeof(*k->intakes));
	if (k->intakes == NULL)
		return err_memory(err);
	for (size_t i = 0; i < k->plan->count; i++) {
		const struct claim_rules *rules = &k->plan->rules[i];

		k->intakes[i].rules = rules;
		k->intakes[i].counter = counter_of(k, rules->pipeline,
			rules->dataset, err);
		if (k->intakes[i].counter == NULL)
			return false;
	}
	return true;
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
	struct plan *plan = is_claiming(k) ? NULL : take_plan(k);
	struct watch *watch = plan == NULL ? NULL : watch_for(plan, &why);

	if (plan == NULL)
		return true;
	if (watch == NULL) {
		log_err(LOG_ERROR, "reload_refused", &why);
		plan_release(plan);
		return true;
	}
	drop_intakes(k);
	watch_close(k->watch);
	k->watch = watch;
	plan_release(k->plan);
	k->plan = plan;
	k->first = 0;
	LOG(LOG_INFO, "reloaded", LOG_U("datasets", plan->count));
	return make_intakes(k, err);
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

static bool busy(const struct keeper *k)
{
	for (size_t i = 0; i < k->plan->count; i++)
		if (k->intakes[i].hashing != NULL)
			return true;
	return k->more;
}

static int timeout_ms(const struct keeper *k)
{
	int64_t wait = watch_timeout_ms(k->watch);

	if (busy(k))
		return 0;
	if (k->retry_ms > 0 && k->retry_ms - clock_now_ms() < wait)
		wait = k->retry_ms - clock_now_ms();
	return wait < 0 ? 0 : (int)wait;
}

static void wait_for_work(const struct keeper *k)
{
	struct pollfd fds[] = {
		{ .fd = watch_fd(k->watch), .events = POLLIN },
		{ .fd = k->wake_fd, .events = POLLIN },
		/* a full hand has no eye for more */
		{ .fd = k->ended_count < BATCH ? queue_fd(k->reports) : -1,
			.events = POLLIN },
	};
	uint64_t count;

	(void)poll(fds, 3, timeout_ms(k));
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
	return follow(k, err) && take_reports(k, err) &&
		watch_step(k->watch, err) && claim_some(k, err) &&
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
		if (!take_reports(k, err))
			return false;
		if (k->ended_count == BATCH)
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
		return hand_over(k, source, err);
	case RECOVER_FINISH:
		if (count_open(k, source, err))
			return end_source(k, source, err);
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
	const struct finish_dirs dirs = dirs_of(k);
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
	ok = ok && finish_ended(k, err);
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
	drop_intakes(k);
	watch_close(k->watch);
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
	return k->watch != NULL && make_intakes(k, err) && recover(k, err);
}

struct keeper *keeper_start(struct plan *plan, struct queue *claims,
	struct queue *reports, int died_fd, struct err *err)
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
	k->died_fd = died_fd;
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
