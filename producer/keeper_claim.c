/* keeper_claim.c - complete files become sources, datasets in turn. */
#include "producer/keeper_private.h"
#include "common/clock.h"
#include "common/health.h"
#include "common/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE ((size_t)8 << 20)       /* bytes hashed of a file in a turn */
#define TURN_BYTES ((size_t)32 << 20) /* of all files in one turn, about */

/* -- counters --------------------------------------------------------- */

static struct counter *keeper_counter(struct keeper *k, const char *pipeline,
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

static void show_open(const struct counter *counter)
{
	metrics_set(METRIC_SOURCES_OPEN, (double)counter->open, counter->key,
		NULL);
}

bool keeper_count_open(struct keeper *k, const struct source *source,
	struct err *err)
{
	struct counter *counter = keeper_counter(k, source->pipeline,
		source->dataset, err);

	if (counter == NULL)
		return false;
	counter->open++;
	metrics_add(METRIC_SOURCES, 1, counter->key, "claimed");
	show_open(counter);
	return true;
}

void keeper_count_ended(struct keeper *k, const struct source *source)
{
	struct err err = { 0 };
	struct counter *counter = keeper_counter(k, source->pipeline,
		source->dataset, &err);

	if (counter == NULL)
		return;
	if (counter->open > 0)
		counter->open--;
	metrics_add(METRIC_SOURCES, 1, counter->key,
		source->state == SOURCE_LOST ? "lost" :
		source->duplicate ? "duplicate" :
		source->failed ? "failed" : "published");
	show_open(counter);
}

/* -- claiming --------------------------------------------------------- */

/* Claims that are whole, waiting for their commit. */
struct batch {
	struct claim *claims[KEEPER_BATCH];
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
	return batch->count < KEEPER_BATCH && batch->bytes < TURN_BYTES &&
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

	if (claim != NULL && batch->count < KEEPER_BATCH) {
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

bool keeper_hand_over(struct keeper *k, struct source *source,
	struct err *err)
{
	if (!keeper_count_open(k, source, err)) {
		source_free(source);
		return false;
	}
	if (source->duplicate)
		return keeper_end(k, source, err);
	if (!queue_push(k->claims, source, 1, 0))
		source_free(source); /* we are ending: the row is there */
	return true;
}

bool keeper_take_spooled(struct keeper *k, struct err *err)
{
	struct source *source;
	bool ok = true;

	while (ok && (source = queue_pop(k->spooled, 0)) != NULL)
		ok = keeper_hand_over(k, source, err);
	return ok;
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
		ok = keeper_hand_over(k, source, err);
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

/* The files are still where they were: the next scan finds them, soon. */
static bool not_claimed(struct keeper *k, struct batch *batch,
	const struct err *why, struct err *err)
{
	drop_batch(batch);
	if (why->kind == ERR_STOP) {
		*err = *why;
		return false;
	}
	health_down("claims", why->text);
	if (log_repeat_due(&k->not_claimed))
		log_err(LOG_ERROR, "claim_failed", why);
	k->again_ms = clock_now_ms() + KEEPER_RETRY_MS;
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
	health_up("claims");
	(void)log_repeat_clear(&k->not_claimed);
	for (size_t i = 0; i < batch->count; i++)
		if (ok)
			ok = dispatch(k, batch->claims[i], err);
		else
			claim_free(batch->claims[i]);
	return ok;
}

bool keeper_claim(struct keeper *k, struct err *err)
{
	struct batch batch = { .count = 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < k->plan->count; i++)
		ok = gather(k, (k->first + i) % k->plan->count, &batch, err);
	if (k->plan->count > 0)
		k->first = (k->first + 1) % k->plan->count;
	k->more = batch.count == KEEPER_BATCH || batch.bytes >= TURN_BYTES;
	if (!ok) {
		drop_batch(&batch);
		return false;
	}
	return commit(k, &batch, err);
}

/* -- datasets --------------------------------------------------------- */

bool keeper_is_claiming(const struct keeper *k)
{
	for (size_t i = 0; i < k->plan->count; i++)
		for (const struct claim *claim = k->intakes[i].hashing;
			claim != NULL; claim = claim->next)
			if (claim->tries > 0)
				return true;
	return false;
}

void keeper_drop_intakes(struct keeper *k)
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

/* From the start: what goes from nothing to 1 has not grown for Prometheus. */
static void show_all(const struct counter *counter)
{
	static const char *const results[] = { "claimed", "published",
		"failed", "lost", "duplicate" };

	for (size_t i = 0; i < sizeof(results) / sizeof(*results); i++)
		metrics_add(METRIC_SOURCES, 0, counter->key, results[i]);
	show_open(counter);
}

bool keeper_make_intakes(struct keeper *k, struct err *err)
{
	k->intakes = calloc(k->plan->count + 1, sizeof(*k->intakes));
	if (k->intakes == NULL)
		return err_memory(err);
	for (size_t i = 0; i < k->plan->count; i++) {
		const struct claim_rules *rules = &k->plan->rules[i];

		k->intakes[i].rules = rules;
		k->intakes[i].counter = keeper_counter(k, rules->pipeline,
			rules->dataset, err);
		if (k->intakes[i].counter == NULL)
			return false;
		show_all(k->intakes[i].counter);
	}
	return true;
}

bool keeper_busy(const struct keeper *k)
{
	for (size_t i = 0; i < k->plan->count; i++)
		if (k->intakes[i].hashing != NULL)
			return true;
	return k->more;
}
