/* keeper_end.c - sources that have ended leave. */
#include "producer/keeper_private.h"
#include "common/clock.h"
#include "common/health.h"
#include "producer/report.h"

#include <stdlib.h>

#define STORE_BATCH 16

struct finish_dirs keeper_dirs(const struct keeper *k)
{
	return (struct finish_dirs){ .root = watch_root(k->watch),
		.processed_dir = k->plan->config.processed_dir,
		.failed_dir = k->plan->config.failed_dir,
		.to_store = k->plan->config.processed_to ==
			PROCESSED_TO_OBJECT_STORE,
		.store = k->store };
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
		keeper_count_ended(k, source);
		source_free(source);
	}
	k->ended_count = left;
}

/* Opened when it is needed first; whatever is wrong with it may be mended
 * while we run. */
static bool open_store(struct keeper *k, struct err *err)
{
	bool needed = k->plan->config.processed_to ==
		PROCESSED_TO_OBJECT_STORE;

	for (size_t i = 0; i < k->ended_count && !needed; i++)
		needed = k->ended[i]->object != NULL;
	if (!needed || k->store != NULL)
		return true;
	k->store = object_store_open(&k->plan->config, err);
	if (k->store == NULL && err->exit_code != EXIT_BUG)
		err->kind = ERR_RETRY;
	return k->store != NULL;
}

/* Few at a time when each goes to a server: claims wait meanwhile. */
static bool finish_some(struct keeper *k, struct err *err)
{
	const size_t count = k->store != NULL && k->ended_count > STORE_BATCH ?
		STORE_BATCH : k->ended_count;
	const struct finish_dirs dirs = keeper_dirs(k);

	if (finish_sources(&dirs, k->state, k->ended, count, err)) {
		if (count < k->ended_count)
			k->retry_ms = clock_now_ms() + 1;
		return true;
	}
	if (k->store != NULL && err->exit_code == EXIT_CONFIG)
		err->kind = ERR_RETRY; /* the server's word, not our end */
	return false;
}

bool keeper_finish(struct keeper *k, struct err *err)
{
	struct err why = { 0 };

	if (k->ended_count == 0 || clock_now_ms() < k->retry_ms)
		return true;
	k->retry_ms = 0;
	if (!open_store(k, &why) || !finish_some(k, &why)) {
		if (why.kind == ERR_STOP) {
			*err = why;
			return false;
		}
		k->retry_ms = clock_now_ms() + KEEPER_RETRY_MS;
		health_down("processed files", why.text);
		if (log_repeat_due(&k->not_moved))
			log_err(LOG_ERROR, "move_failed", &why);
	} else {
		health_up("processed files");
		(void)log_repeat_clear(&k->not_moved);
	}
	forget_ended(k);
	return true;
}

/* -- reports ---------------------------------------------------------- */

static bool lose(struct keeper *k, struct source *source, struct err *err)
{
	bool ok;

	source->state = SOURCE_LOST;
	ok = state_update(k->state, source, err);
	keeper_count_ended(k, source);
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
bool keeper_take_reports(struct keeper *k, struct err *err)
{
	struct report *report;

	while (k->ended_count < KEEPER_BATCH &&
		(report = queue_pop(k->reports, 0)) != NULL)
		if (!take_report(k, report, err) && err->kind == ERR_STOP)
			return false;
	*err = (struct err){ 0 };
	return keeper_finish(k, err);
}

bool keeper_end(struct keeper *k, struct source *source,
	struct err *err)
{
	if (k->ended_count == KEEPER_BATCH && !keeper_finish(k, err)) {
		source_free(source);
		return false;
	}
	if (k->ended_count < KEEPER_BATCH)
		k->ended[k->ended_count++] = source;
	else
		source_free(source); /* cannot be moved now: its row tells */
	return true;
}
