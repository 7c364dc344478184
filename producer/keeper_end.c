/* keeper_end.c - sources that have ended leave. */
#include "producer/keeper_private.h"
#include "common/clock.h"
#include "common/health.h"
#include "producer/report.h"

#include <stdlib.h>

struct finish_dirs keeper_dirs(const struct keeper *k)
{
	return (struct finish_dirs){ .root = watch_root(k->watch),
		.processed_dir = k->plan->config.processed_dir,
		.failed_dir = k->plan->config.failed_dir };
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

bool keeper_finish(struct keeper *k, struct err *err)
{
	const struct finish_dirs dirs = keeper_dirs(k);
	struct err why = { 0 };

	if (k->ended_count == 0 || clock_now_ms() < k->retry_ms)
		return true;
	k->retry_ms = 0;
	if (!finish_sources(&dirs, k->state, k->ended, k->ended_count, &why)) {
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
