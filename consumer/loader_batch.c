/* loader_batch.c - a batch is loaded: whole, in halves where something is
 * refused, and one by one what is suspected of having killed us. */
#include "consumer/loader_private.h"
#include "common/clock.h"
#include "common/mutation.h"
#include "consumer/attempts.h"
#include "consumer/derive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUSPECT_DEATHS 2   /* died with others that often: tried alone */
#define POISON_DEATHS 5    /* died alone that often: rejected whole */
#define HOPELESS_DEATHS 7  /* even that killed us: rejected unread */
#define PLAN_GAP_MS 5000   /* between two looks for a dataset that is new */

/* -- steps -------------------------------------------------------------- */

static void log_load(const struct load_totals *totals, int64_t started_us)
{
	LOG(LOG_INFO, "load", LOG_I("load", totals->load_id),
		LOG_I("messages", totals->messages),
		LOG_I("duplicates", totals->duplicates),
		LOG_I("rows", totals->records),
		LOG_I("inserted", totals->inserted),
		LOG_I("updated", totals->updated),
		LOG_I("unchanged", totals->unchanged),
		LOG_I("rejected", totals->rejected),
		LOG_I("bytes", totals->bytes),
		LOG_I("ms", (clock_now_us() - started_us) / 1000));
}

static void acknowledge(struct loader *loader, struct work **works,
	size_t count)
{
	uint64_t *tags = calloc(count + 1, sizeof(*tags));

	for (size_t i = 0; i < count; i++)
		works[i]->done = true;
	if (tags == NULL)
		return; /* delivered again, and absorbed */
	for (size_t i = 0; i < count; i++)
		tags[i] = works[i]->delivery->tag;
	intake_ack(loader->intake, works[0]->generation, tags, count);
	free(tags);
}

static bool load_as(struct loader *loader, struct work **works, size_t count,
	bool careful, struct err *err)
{
	const int64_t started_us = clock_now_us();
	struct load_totals totals;

	if (MUTATED(ack_before_commit))
		acknowledge(loader, works, count);
	if (!load_run(&loader->session, works, count, careful, &totals, err)) {
		loader_explain(err);
		if (db_alive(loader->session.db) && loader_is_of_tables(err))
			loader->fault = totals.at;
		return false;
	}
	pulse_step(loader->pulse);
	loader->rows = totals.inserted + totals.updated + totals.unchanged;
	log_load(&totals, started_us);
	care_wake(loader->care);
	if (!MUTATED(ack_forgotten))
		acknowledge(loader, works, count);
	return true;
}

static bool step_load(struct loader *loader, struct work **works,
	size_t count, struct err *err)
{
	return load_as(loader, works, count, false, err);
}

static bool step_load_carefully(struct loader *loader, struct work **works,
	size_t count, struct err *err)
{
	return load_as(loader, works, count, true, err);
}

/* A message that was set aside cannot be refused again: what is refused then
 * is our bookkeeping. */
static bool step_load_aside(struct loader *loader, struct work **works,
	size_t count, struct err *err)
{
	if (load_as(loader, works, count, false, err))
		return true;
	if (err->kind == ERR_REJECT)
		err->kind = ERR_STOP;
	return false;
}

static bool step_read_deaths(struct loader *loader, struct work **works,
	size_t count, struct err *err)
{
	return attempts_read(loader->session.db, works, count, err);
}

static bool step_note_together(struct loader *loader, struct work **works,
	size_t count, struct err *err)
{
	return attempts_note(loader->session.db, works, count, false, err);
}

static bool step_note_alone(struct loader *loader, struct work **works,
	size_t count, struct err *err)
{
	return attempts_note(loader->session.db, works, count, true, err);
}

static bool step_take_back(struct loader *loader, struct work **works,
	size_t count, struct err *err)
{
	return attempts_take_back(loader->session.db, works, count, true, err);
}

/* -- a batch ------------------------------------------------------------ */

bool loader_read_work(struct loader *loader, struct work *work,
	struct err *err)
{
	struct watchdog *watchdog = loader->session.watchdog;
	bool ok;

	watchdog_enter(watchdog);
	ok = work_read(work, &loader->rules, err);
	watchdog_leave(watchdog);
	return ok;
}

static bool read_works(struct loader *loader, struct work **works,
	size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (works[i]->kind == WORK_UNREAD &&
			!loader_read_work(loader, works[i], err))
			return false;
		work_find_dataset(works[i], &loader->plan->set);
	}
	return true;
}

static bool any_unknown(struct work *const *works, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (works[i]->dataset == NULL && works[i]->kind != WORK_ASIDE)
			return true;
	return false;
}

/* The producer may know of a dataset before we were told: the files are read
 * again before anything is rejected for its name. */
static void look_for_datasets(struct loader *loader, struct work **works,
	size_t count)
{
	struct err err = { 0 };
	struct plan *plan;

	if (!any_unknown(works, count) || clock_now_ms() < loader->look_ms)
		return;
	loader->look_ms = clock_now_ms() + PLAN_GAP_MS;
	plan = plan_read(loader->config, &err);
	if (plan == NULL) {
		log_err(LOG_ERROR, "reload_refused", &err);
		return;
	}
	loader_use_plan(loader, plan);
	for (size_t i = 0; i < count; i++)
		work_find_dataset(works[i], &loader->plan->set);
}

/* Out of memory while reading: the end. */
static bool read_or_end(struct loader *loader, struct work **works,
	size_t count)
{
	struct err err = { 0 };

	if (read_works(loader, works, count, &err)) {
		look_for_datasets(loader, works, count);
		return true;
	}
	fate_end(loader->fate, &err);
	return false;
}

static bool set_aside(struct loader *loader, struct work **work,
	const struct err *why)
{
	const bool overlap = strcmp(why->code, "23P01") == 0;
	const char *id = (*work)->delivery->message.message_id;
	struct err err = { 0 };

	LOG(LOG_ERROR, "message_set_aside", LOG_S("message", id),
		LOG_S("code", why->code), LOG_S("err", why->text),
		LOG_S("remedy", overlap ?
			"its range overlaps one that is loaded: its bytes are "
			"in meta.message, see `sluice rejects list`" :
			"its bytes are in meta.message, see "
			"`sluice rejects list`"));
	if (!work_set_aside(*work, overlap ? "overlap" : "database",
		why->text, &err)) {
		fate_end(loader->fate, &err);
		return false;
	}
	return loader_persist(loader, step_load_aside, work, 1, &err) == LOADED;
}

/* One message that was refused: if not as a whole, then the records that are
 * at fault. */
static bool load_single(struct loader *loader, struct work **work,
	struct err *why)
{
	if ((*work)->kind == WORK_ASIDE)
		return loader_persist(loader, step_load_aside, work, 1, why) == LOADED;
	if (strcmp(why->code, "23P01") == 0)
		return set_aside(loader, work, why);
	switch (loader_persist(loader, step_load_carefully, work, 1, why)) {
	case LOADED:
		return true;
	case REFUSED:
		return set_aside(loader, work, why);
	case HELD:
		return loader_hold_dataset(loader, why);
	case VOID:
		break;
	}
	return false;
}

/* Moves those of the dataset to the end; how many are not. */
static size_t part_dataset(struct work **works, size_t count,
	const struct dataset *dataset)
{
	size_t others = 0;

	for (size_t i = 0; i < count; i++) {
		struct work *work = works[i];

		if (derive_root(work->dataset) == dataset)
			continue;
		works[i] = works[others];
		works[others++] = work;
	}
	return others;
}

/* Loads all of them, in halves where something is refused, without those whose
 * dataset is to wait. False: stopped or void; those that are done say so. */
static bool load_works(struct loader *loader, struct work **works,
	size_t count)
{
	const size_t half = count / 2;
	struct err err = { 0 };
	size_t others;

	if (count == 0)
		return true;
	switch (loader_persist(loader, step_load, works, count, &err)) {
	case LOADED:
		return true;
	case VOID:
		return false;
	case HELD:
		others = part_dataset(works, count, loader->fault);
		return others < count && loader_hold_dataset(loader, &err) &&
			load_works(loader, works, others);
	case REFUSED:
		break;
	}
	if (count == 1)
		return load_single(loader, works, &err);
	log_err(LOG_DEBUG, "batch_split", &err);
	return load_works(loader, works, half) &&
		load_works(loader, works + half, count - half);
}

static bool rehearse(struct loader *loader, const struct work *work)
{
	struct err err = { 0 };

	if (load_rehearse(&loader->session, work, &err))
		return true;
	fate_end(loader->fate, &err);
	return false;
}

static bool step_read_trial(struct loader *loader, struct work **works,
	size_t count, struct err *err)
{
	(void)count;
	return attempts_read_trial(loader->session.db, works[0], err);
}

static bool step_try_records(struct loader *loader, struct work **works,
	size_t count, struct err *err)
{
	(void)count;
	return load_try_records(&loader->session, works[0],
		attempts_note_record, err);
}

/* Which of its records is it? *found when some are; else they are guilty
 * together. */
static bool try_records(struct loader *loader, struct work *work, bool *found)
{
	struct err err = { 0 };

	*found = false;
	if (work->alone - work->trial_deaths >= HOPELESS_DEATHS)
		return true;
	if (!read_or_end(loader, &work, 1))
		return false;
	if (work->records < 2 || !work_has_rows(work))
		return true;
	if (loader_persist(loader, step_try_records, &work, 1, &err) != LOADED)
		return false;
	*found = work->poisoned.len > 0;
	return true;
}

/* Killed us too often while nothing else was in our hands. */
static bool condemn(struct loader *loader, struct work *work)
{
	static const char why[] = "the consumer died while it held this message";
	struct err err = { 0 };
	bool found;

	if (loader_persist(loader, step_read_trial, &work, 1, &err) != LOADED ||
		!try_records(loader, work, &found))
		return false;
	LOG(LOG_ERROR, "poison",
		LOG_S("message", work->delivery->message.message_id),
		LOG_I("deaths", work->alone),
		LOG_U("records", found ? work->poisoned.len / sizeof(uint64_t) :
			work->records),
		LOG_S("remedy", "rejected: see `sluice rejects list`"));
	if (found)
		return true;
	if (work->alone - work->trial_deaths < HOPELESS_DEATHS &&
		envelope_is_ours(&work->delivery->message)) {
		if (!read_or_end(loader, &work, 1))
			return false;
		work->code = work->kind == WORK_ASIDE ? work->code : "poison";
		(void)snprintf(work->detail, sizeof(work->detail), "%s", why);
		return true;
	}
	if (work_set_aside(work, "poison", why, &err))
		return true;
	fate_end(loader->fate, &err);
	return false;
}

/* Only the time in which the message's bytes are in our hands counts as alone
 * with it: they are rehearsed, the attempt is taken back, and then they are
 * loaded. So whoever kills us from outside, however often, convicts nobody. */
static bool load_suspect(struct loader *loader, struct work **work)
{
	struct err err = { 0 };

	if (loader_persist(loader, step_note_alone, work, 1, &err) != LOADED)
		return false;
	LOG(LOG_WARN, "suspect", LOG_I("together", (*work)->together),
		LOG_I("alone", (*work)->alone),
		LOG_S("message", (*work)->delivery->message.message_id));
	if ((*work)->alone >= POISON_DEATHS)
		return condemn(loader, *work) && load_works(loader, work, 1);
	if (!read_or_end(loader, work, 1) || !rehearse(loader, *work))
		return false;
	return loader_persist(loader, step_take_back, work, 1, &err) == LOADED &&
		load_works(loader, work, 1);
}

/* Moves those that are suspected to the end; how many are not. */
static size_t part_suspects(struct work **works, size_t count)
{
	size_t good = 0;

	for (size_t i = 0; i < count; i++) {
		struct work *work = works[i];

		if (work->together >= SUSPECT_DEATHS || work->alone > 0)
			continue;
		works[i] = works[good];
		works[good++] = work;
	}
	return good;
}

static bool load_batch(struct loader *loader, struct work **works,
	size_t count)
{
	struct err err = { 0 };
	size_t good;

	if (loader_persist(loader, step_read_deaths, works, count, &err) != LOADED)
		return false;
	good = part_suspects(works, count);
	if (loader_persist(loader, step_note_together, works, good, &err) != LOADED ||
		!read_or_end(loader, works, good) ||
		!load_works(loader, works, good))
		return false;
	for (size_t i = good; i < count; i++)
		if (!load_suspect(loader, &works[i]))
			return false;
	return true;
}

/* What was not loaded did not kill us either, unless we are about to die of it.
 * Best effort: a count too many only has the message tried alone. */
static void take_back_attempts(struct loader *loader, struct work **works,
	size_t count)
{
	struct err err = { 0 };

	if (fate_ended(loader->fate))
		return;
	for (size_t i = 0; i < count; i++) {
		const bool alone =
			works[i]->together >= SUSPECT_DEATHS ||
			works[i]->alone > 0;

		if (!works[i]->counted || works[i]->done)
			continue;
		loader->session.stop_fd = 0; /* it is raised by now */
		if (!session_ensure(&loader->session, &err) ||
			!attempts_take_back(loader->session.db, &works[i], 1,
				alone, &err))
			break;
	}
	loader->session.stop_fd = loader->fate->stop_fd;
}

void loader_load_some(struct loader *loader, struct work **works, size_t n)
{
	(void)load_batch(loader, works, n);
	take_back_attempts(loader, works, n);
	for (size_t i = 0; i < n; i++) {
		works[i]->counted = false;
		if (works[i]->done)
			works[i]->generation = GENERATION_PAST;
	}
}
