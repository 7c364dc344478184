/* loader_held.c - datasets whose tables take nothing now, or that an operator
 * has paused: theirs wait, the others are loaded. */
#include "consumer/loader_private.h"
#include "common/clock.h"
#include "common/health.h"
#include "consumer/derive.h"

#include <stdio.h>
#include <string.h>

#define TRY_LOCK_MS 1000 /* a try of a held dataset waits for a lock */

static void held_health(const struct held *held, const char *why)
{
	char part[160];

	(void)snprintf(part, sizeof(part), "dataset %s", held->name);
	if (why != NULL)
		health_down(part, why);
	else
		health_up(part);
}

bool loader_hold_dataset(struct loader *loader, const struct err *why)
{
	struct err err = { 0 };
	struct held *held = held_add(&loader->held, loader->fault, &err);

	if (held == NULL) {
		fate_end(loader->fate, &err);
		return false;
	}
	/* a partition may have been dropped by hand */
	if (strcmp(why->code, "42P01") == 0)
		session_forget_partitions(&loader->session);
	held->try_ms = clock_now_ms() + backoff_next_ms(&held->backoff);
	held_health(held, why->text);
	if (log_repeat_due(&held->trouble))
		LOG(why->kind == ERR_STOP ? LOG_ERROR : LOG_WARN,
			"dataset_waits", LOG_S("dataset", held->name),
			LOG_S("code", why->code), LOG_S("err", why->text),
			LOG_S("others", "are loaded"));
	return true;
}

static bool is_paused(struct loader *loader, const struct dataset *root)
{
	char name[160];

	(void)snprintf(name, sizeof(name), "%s.%s", root->pipeline->name,
		root->name);
	return pauses_has(loader->pauses, name);
}

/* What waits of this dataset; made when it is paused. NULL and no error: it
 * does not wait. */
static struct held *find_held(struct loader *loader,
	const struct dataset *root, struct err *err)
{
	struct held *held = held_find(&loader->held, root);

	if (held != NULL || root == NULL || !is_paused(loader, root))
		return held;
	held = held_add(&loader->held, root, err);
	if (held != NULL)
		held->paused = true;
	return held;
}

/* Takes those of datasets that wait out of the pending ones. */
static bool hold_back(struct loader *loader, struct err *err)
{
	const int64_t now_ms = clock_now_ms();
	size_t kept = 0;
	bool ok = true;

	for (size_t i = 0; i < loader->pending_count; i++) {
		struct work *work = loader->pending[i];
		struct held *held;

		work_find_dataset(work, &loader->plan->set);
		held = ok ? find_held(loader, derive_root(work->dataset), err) :
			NULL;
		ok = ok && err->kind == ERR_NONE;
		if (ok && held != NULL &&
			(ok = held_push(held, work, now_ms, err)))
			loader->pending_bytes -=
				(int64_t)work->delivery->weight;
		else
			loader->pending[kept++] = work;
	}
	loader->pending_count = kept;
	return ok;
}

static void give_work_back(struct loader *loader, struct work *work)
{
	const bool pass_on = !work_queue_is_dead(work->delivery->queue);

	intake_return(loader->intake, work->generation, &work->delivery->tag,
		1, pass_on);
	work_free(work);
}

/* What waits must not fill the broker's window: it goes into the queue of dead
 * letters, where we meet it again. Nor may it stay in our hands for ever: what
 * came from there goes back there. */
static void give_held_back(struct loader *loader, struct held *held)
{
	const bool old = held->count > 0 &&
		clock_now_ms() - held->since_ms > LOADER_HOLD_MS;
	const bool many =
		held->passable * 4 > (size_t)loader->config->prefetch ||
		held_bytes(&loader->held) > loader->config->batch_bytes / 4;

	if (!old && !(many && held->passable > 0))
		return;
	if (log_repeat_due(&held->moved))
		LOG(LOG_WARN, "messages_moved",
			LOG_S("dataset", held->name),
			LOG_U("messages", held->passable),
			LOG_S("to", "the queue of dead letters, "
				"until the dataset goes on"));
	for (size_t i = held->count; i > 0; i--)
		if (old || !work_queue_is_dead(
				   held->works[i - 1]->delivery->queue))
			give_work_back(loader, held_take(held, i - 1));
}

/* Its messages are pending again. */
static bool release(struct loader *loader, struct held *held, struct err *err)
{
	bool ok = true;

	held_health(held, NULL);
	LOG(LOG_INFO, "dataset_goes_on", LOG_S("dataset", held->name),
		LOG_U("failures", log_repeat_clear(&held->trouble)),
		LOG_U("messages", held->count));
	while (ok && held->count > 0)
		ok = loader_add_work(loader, held_take(held, held->count - 1), err);
	held_remove(&loader->held, held);
	return ok;
}

/* Others wait as long as the try does: it is not to wait long for a lock. */
static void set_lock_timeout(struct loader *loader, int64_t ms)
{
	struct err err = { 0 };
	char sql[64];

	(void)snprintf(sql, sizeof(sql), "set lock_timeout = %lld",
		(long long)ms);
	if (session_ensure(&loader->session, &err) &&
		!db_exec(loader->session.db, sql, &err))
		session_close(&loader->session);
}

/* One message tells whether a dataset goes on, if any of its rows was new. */
static bool try_held(struct loader *loader, struct err *err)
{
	struct held *held = held_due(&loader->held, clock_now_ms());
	struct work *work;

	if (held == NULL)
		return true;
	work = held->works[0];
	set_lock_timeout(loader, TRY_LOCK_MS);
	loader_load_some(loader, &work, 1);
	set_lock_timeout(loader, loader->config->lock_timeout_ms);
	if (!work->done)
		return true;
	work_free(held_take(held, 0));
	return loader->rows == 0 || release(loader, held, err);
}

/* Their messages are tried no more, or pending again. */
static bool mind_paused(struct loader *loader, struct err *err)
{
	for (size_t i = loader->held.count; i > 0; i--) {
		struct held *held = &loader->held.items[i - 1];
		const bool was = held->paused;

		held->paused = pauses_has(loader->pauses, held->name);
		if (was && !held->paused && !release(loader, held, err))
			return false;
	}
	return true;
}

bool loader_mind_held(struct loader *loader, struct err *err)
{
	if (!mind_paused(loader, err) || !hold_back(loader, err) ||
		!try_held(loader, err))
		return false;
	for (size_t i = 0; i < loader->held.count; i++)
		give_held_back(loader, &loader->held.items[i]);
	return true;
}
