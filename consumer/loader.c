/* loader.c - makes batches of deliveries, loads them, acknowledges. */
#include "consumer/loader.h"
#include "common/backoff.h"
#include "common/clock.h"
#include "common/mutation.h"
#include "consumer/attempts.h"
#include "consumer/derive.h"
#include "consumer/held.h"
#include "consumer/keep.h"
#include "consumer/load.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GUESSED_ROWS 500   /* of a message that was not read yet */
#define PENDING_MAX 65536  /* messages of a batch */
#define HOLD_MS (10 * 60 * 1000) /* the broker waits 30 minutes for an ack */
#define SUSPECT_DEATHS 2   /* died with others that often: tried alone */
#define POISON_DEATHS 5    /* died alone that often: rejected whole */
#define HOPELESS_DEATHS 7  /* even that killed us: rejected unread */
#define TOLD_MAX 8         /* causes of one trouble that are told at once */
#define TRY_LOCK_MS 1000   /* a try of a held dataset waits for a lock */
#define PLAN_GAP_MS 5000   /* between two looks for a dataset that is new */
#define GENERATION_PAST UINT64_MAX /* no connection will ever have it */

struct loader {
	const struct config *config;
	struct queue *deliveries;
	struct intake *intake;
	struct fate *fate;
	pthread_t thread;
	_Atomic(struct plan *) next_plan;

	/* the thread's own */
	struct plan *plan;
	struct session session;
	struct keep keep;
	struct work_rules rules;
	char name[96];
	struct work **pending; /* in the order of delivery */
	size_t pending_count, pending_cap;
	int64_t pending_bytes;
	struct held_set held;
	const struct dataset *fault; /* of the step that failed; or NULL */
	int64_t rows;          /* that the last load has put into tables */
	struct backoff backoff;
	struct log_repeat trouble;
	char told[TOLD_MAX][sizeof(((struct err *)NULL)->code)];
	size_t told_count;     /* of the trouble at hand */
	int64_t trouble_since; /* 0: all is well */
	int64_t look_ms;       /* when the plan may be read again */
};

enum verdict {
	LOADED,
	REFUSED, /* by what it is: split it or set it aside */
	HELD,    /* the tables of loader->fault take nothing now */
	VOID,    /* no longer ours: we stop, or the broker took it back */
};

/* -- trouble ------------------------------------------------------------ */

static bool is_void(const struct loader *loader, const struct work *work)
{
	return work->generation != intake_generation(loader->intake);
}

static bool any_void(const struct loader *loader, struct work *const *works,
	size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_void(loader, works[i]))
			return true;
	return false;
}

/* Out of memory and failed checks of our own: a new process is the cure. */
static bool is_fatal(const struct err *err)
{
	return err->kind == ERR_STOP && err->code[0] == '\0' &&
		err_exit_code(err) == EXIT_BUG;
}

/* The statement took too long: a smaller load may do. */
static bool is_slow(const struct err *err)
{
	return strcmp(err->code, "57014") == 0;
}

/* What the tables at hand have brought about: they were altered or dropped by
 * hand, somebody holds a lock, a trigger objects. */
static bool is_of_tables(const struct err *err)
{
	if (err->kind == ERR_STOP)
		return !is_fatal(err) && strncmp(err->code, "28", 2) != 0 &&
			strncmp(err->code, "3D", 2) != 0;
	return strncmp(err->code, "55", 2) == 0 || is_slow(err) ||
		strcmp(err->code, "53100") == 0; /* perhaps one tablespace */
}

/* Wrong from the start: user, password, database. */
static bool is_misconfigured(const struct loader *loader,
	const struct err *err)
{
	return loader->session.day[0] == '\0' &&
		(strncmp(err->code, "28", 2) == 0 ||
			strncmp(err->code, "3D", 2) == 0);
}

/* A lost session hides what keeps the next from coming about: each new cause
 * is told at once, those that were told at growing intervals. */
static bool is_news(struct loader *loader, const struct err *err)
{
	for (size_t i = 0; i < loader->told_count; i++)
		if (strcmp(loader->told[i], err->code) == 0)
			return false;
	if (loader->told_count == TOLD_MAX)
		return false;
	(void)snprintf(loader->told[loader->told_count++],
		sizeof(loader->told[0]), "%s", err->code);
	return true;
}

static void complain(struct loader *loader, const struct err *err)
{
	const bool news = is_news(loader, err);

	if (loader->trouble_since == 0)
		loader->trouble_since = clock_now_ms();
	if (log_repeat_due(&loader->trouble) || news)
		log_err(err->kind == ERR_STOP ? LOG_ERROR : LOG_WARN,
			"load_waits", err);
}

static void calm(struct loader *loader)
{
	const uint64_t times = log_repeat_clear(&loader->trouble);

	if (times > 1)
		LOG(LOG_INFO, "load_goes_on", LOG_U("failures", times));
	loader->trouble_since = 0;
	loader->told_count = 0;
	backoff_reset(&loader->backoff);
}

/* Waits for the next try; false when there is to be none. */
static bool wait_for_retry(struct loader *loader, const struct err *err)
{
	if (!fate_wait(loader->fate, 0))
		return false;
	complain(loader, err);
	if (is_fatal(err) || is_misconfigured(loader, err)) {
		fate_end(loader->fate, err);
		return false;
	}
	/* a partition may have been dropped by hand */
	if (strcmp(err->code, "42P01") == 0)
		session_forget_partitions(&loader->session);
	return fate_wait(loader->fate, backoff_next_ms(&loader->backoff));
}

/* A session, however long it takes; false when we stop. */
static bool await_session(struct loader *loader)
{
	struct err err = { 0 };

	while (!session_ensure(&loader->session, &err)) {
		if (!wait_for_retry(loader, &err))
			return false;
		err = (struct err){ 0 };
	}
	return true;
}

/* The messages cannot be held for ever: the broker gets them back, and gives
 * them to us anew once the database is there. */
static void give_back(struct loader *loader)
{
	LOG(LOG_WARN, "messages_returned",
		LOG_S("reason", "they could not be loaded for 10 minutes"));
	intake_pause(loader->intake);
	while (intake_generation(loader->intake) != 0)
		if (!fate_wait(loader->fate, 50))
			return;
	loader->trouble_since = clock_now_ms();
	if (await_session(loader))
		intake_resume(loader->intake);
}

typedef bool step_function(struct loader *loader, struct work **works, size_t count,
	struct err *err);

/* One step on the same works until it succeeds, or cannot. */
static enum verdict persist(struct loader *loader, step_function *step,
	struct work **works, size_t count, struct err *err)
{
	for (;;) {
		*err = (struct err){ 0 };
		loader->fault = NULL;
		if (session_ensure(&loader->session, err) &&
			step(loader, works, count, err)) {
			calm(loader);
			return LOADED;
		}
		if (err->kind == ERR_REJECT ||
			(loader->fault != NULL && count > 1 && is_slow(err)))
			return REFUSED;
		if (loader->fault != NULL)
			return HELD;
		if (!wait_for_retry(loader, err))
			return VOID;
		if (clock_now_ms() - loader->trouble_since > HOLD_MS)
			give_back(loader);
		if (any_void(loader, works, count))
			return VOID;
	}
}

/* -- steps -------------------------------------------------------------- */

/* What a human can do about an SQLSTATE; stop: only a human can. Those of data
 * (22, 23) are here that follow from the table's shape, not from a row. */
static const struct remedy {
	const char *code;
	bool stop;
	const char *text;
} remedies[] = {
#define UNDO "the tables do not fit the pipeline files: run `sluice apply`, " \
	"or undo what was altered by hand"
	{ "22P03", true, UNDO },
	{ "22P04", true, UNDO },
	{ "23502", true, UNDO },
	{ "42703", true, UNDO },
	{ "42804", true, UNDO },
	{ "42P01", true, UNDO },
	{ "42P10", true, UNDO },
#undef UNDO
	{ "42501", true, "run `sluice apply`, it grants what is needed" },
	{ "53100", false, "make room on the disk of PostgreSQL, or of the "
		"table's tablespace" },
	{ "55P03", false, "somebody holds a lock on the table: end that "
		"session (pg_locks, pg_stat_activity), or wait for it" },
	{ "57014", false, "a statement was cancelled, or took longer than "
		"statement_timeout_ms: look for what slows the table down" },
};

static void explain(struct err *err)
{
	const struct err was = *err;

	for (size_t i = 0; i < sizeof(remedies) / sizeof(*remedies); i++) {
		const struct remedy *remedy = &remedies[i];

		if (strcmp(was.code, remedy->code) != 0)
			continue;
		err_stop(err, EXIT_CONFIG, "%.800s: %s", was.text,
			remedy->text);
		memcpy(err->code, was.code, sizeof(err->code));
		if (!remedy->stop)
			err->kind = was.kind;
	}
}

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
		explain(err);
		if (db_alive(loader->session.db) && is_of_tables(err))
			loader->fault = totals.at;
		return false;
	}
	loader->rows = totals.inserted + totals.updated + totals.unchanged;
	log_load(&totals, started_us);
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

static bool read_work(struct loader *loader, struct work *work,
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
			!read_work(loader, works[i], err))
			return false;
		work_find_dataset(works[i], &loader->plan->set);
	}
	return true;
}

static void use_plan(struct loader *loader, struct plan *plan)
{
	session_close(&loader->session); /* the models have changed */
	session_set_plan(&loader->session, plan);
	plan_free(loader->plan);
	loader->plan = plan;
	held_hurry(&loader->held); /* perhaps that was the remedy */
	loader->keep = (struct keep){ 0 };
	LOG(LOG_INFO, "plan_changed",
		LOG_U("pipelines", loader->plan->set.count));
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
	use_plan(loader, plan);
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
	return persist(loader, step_load_aside, work, 1, &err) == LOADED;
}

/* The dataset of loader->fault waits from now on, or still; what it has
 * among the works is not done. */
static bool hold_dataset(struct loader *loader, const struct err *why)
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
	if (log_repeat_due(&held->trouble))
		LOG(why->kind == ERR_STOP ? LOG_ERROR : LOG_WARN,
			"dataset_waits", LOG_S("dataset", held->name),
			LOG_S("code", why->code), LOG_S("err", why->text),
			LOG_S("others", "are loaded"));
	return true;
}

/* One message that was refused: if not as a whole, then the records that are
 * at fault. */
static bool load_single(struct loader *loader, struct work **work,
	struct err *why)
{
	if ((*work)->kind == WORK_ASIDE)
		return persist(loader, step_load_aside, work, 1, why) == LOADED;
	if (strcmp(why->code, "23P01") == 0)
		return set_aside(loader, work, why);
	switch (persist(loader, step_load_carefully, work, 1, why)) {
	case LOADED:
		return true;
	case REFUSED:
		return set_aside(loader, work, why);
	case HELD:
		return hold_dataset(loader, why);
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
	switch (persist(loader, step_load, works, count, &err)) {
	case LOADED:
		return true;
	case VOID:
		return false;
	case HELD:
		others = part_dataset(works, count, loader->fault);
		return others < count && hold_dataset(loader, &err) &&
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
	if (persist(loader, step_try_records, &work, 1, &err) != LOADED)
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

	if (persist(loader, step_read_trial, &work, 1, &err) != LOADED ||
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

	if (persist(loader, step_note_alone, work, 1, &err) != LOADED)
		return false;
	LOG(LOG_WARN, "suspect", LOG_I("together", (*work)->together),
		LOG_I("alone", (*work)->alone),
		LOG_S("message", (*work)->delivery->message.message_id));
	if ((*work)->alone >= POISON_DEATHS)
		return condemn(loader, *work) && load_works(loader, work, 1);
	if (!read_or_end(loader, work, 1) || !rehearse(loader, *work))
		return false;
	return persist(loader, step_take_back, work, 1, &err) == LOADED &&
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

	if (persist(loader, step_read_deaths, works, count, &err) != LOADED)
		return false;
	good = part_suspects(works, count);
	if (persist(loader, step_note_together, works, good, &err) != LOADED ||
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

/* -- pending messages --------------------------------------------------- */

/* Takes the work over, also when it fails. */
static bool add_work(struct loader *loader, struct work *work, struct err *err)
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

	free(parcel);
	if (work == NULL || !add_work(loader, work, err))
		return false;
	if (work->delivery->redelivered)
		return work_make_key(work, err);
	return read_work(loader, work, err);
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
		if (is_void(loader, held->works[i - 1]))
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

		if (is_void(loader, work)) {
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

/* Takes what is waiting, up to a batch; waits for the first, or until there is
 * something else to do. False: the queue is closed. */
static bool fill_pending(struct loader *loader, struct err *err)
{
	int timeout_ms = loader->pending_count == 0 ? idle_ms(loader) : 0;

	while (loader->pending_count < PENDING_MAX &&
		loader->pending_bytes < loader->config->batch_bytes) {
		struct parcel *parcel =
			queue_pop(loader->deliveries, timeout_ms);

		if (parcel == NULL)
			break;
		timeout_ms = 0;
		if (!add_pending(loader, parcel, err))
			return false;
	}
	intake_room(loader->intake);
	return !queue_closed(loader->deliveries);
}

static void take_plan(struct loader *loader)
{
	struct plan *plan = atomic_exchange(&loader->next_plan, NULL);

	if (plan != NULL)
		use_plan(loader, plan);
}

/* Loads these; those that are not done by then are as if they had just come:
 * to be read, counted and tried anew. */
static void load_some(struct loader *loader, struct work **works, size_t n)
{
	(void)load_batch(loader, works, n);
	take_back_attempts(loader, works, n);
	for (size_t i = 0; i < n; i++) {
		works[i]->counted = false;
		if (works[i]->done)
			works[i]->generation = GENERATION_PAST;
	}
}

/* -- datasets that wait ------------------------------------------------- */

/* Takes those of datasets that wait out of the pending ones. */
static bool hold_back(struct loader *loader, struct err *err)
{
	const int64_t now_ms = clock_now_ms();
	size_t kept = 0;
	bool ok = true;

	if (loader->held.count == 0)
		return true;
	for (size_t i = 0; i < loader->pending_count; i++) {
		struct work *work = loader->pending[i];
		struct held *held;

		work_find_dataset(work, &loader->plan->set);
		held = held_find(&loader->held, derive_root(work->dataset));
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
		clock_now_ms() - held->since_ms > HOLD_MS;
	const bool many =
		held->passable * 4 > (size_t)loader->config->prefetch ||
		held_bytes(&loader->held) > loader->config->batch_bytes / 2;

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

	LOG(LOG_INFO, "dataset_goes_on", LOG_S("dataset", held->name),
		LOG_U("failures", log_repeat_clear(&held->trouble)),
		LOG_U("messages", held->count));
	while (ok && held->count > 0)
		ok = add_work(loader, held_take(held, held->count - 1), err);
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
	load_some(loader, &work, 1);
	set_lock_timeout(loader, loader->config->lock_timeout_ms);
	if (!work->done)
		return true;
	work_free(held_take(held, 0));
	return loader->rows == 0 || release(loader, held, err);
}

static bool mind_held(struct loader *loader, struct err *err)
{
	if (!hold_back(loader, err) || !try_held(loader, err))
		return false;
	for (size_t i = 0; i < loader->held.count; i++)
		give_held_back(loader, &loader->held.items[i]);
	return true;
}

/* False: out of memory. */
static bool load_pending(struct loader *loader, struct err *err)
{
	size_t n;

	drop_void(loader);
	take_plan(loader);
	if (!mind_held(loader, err))
		return false;
	n = batch_cut(loader->pending, loader->pending_count,
		loader->config->batch_rows, loader->config->batch_bytes,
		GUESSED_ROWS);
	if (n == 0)
		return true;
	load_some(loader, loader->pending, n);
	drop_void(loader);
	return true;
}

static void *run(void *context)
{
	struct loader *loader = context;
	struct err err = { 0 };

	if (await_session(loader)) {
		calm(loader);
		LOG(LOG_INFO, "database_connected",
			LOG_S("host", loader->config->database_host),
			LOG_I("port", loader->config->database_port));
		intake_resume(loader->intake);
	}
	while (fate_wait(loader->fate, 0) && !fate_ended(loader->fate) &&
		fill_pending(loader, &err) && load_pending(loader, &err)) {
		if (keep_wait_ms(&loader->keep) == 0)
			keep_run(&loader->keep, &loader->session);
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
	struct watchdog *watchdog, struct err *err)
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
	loader->fate = fate;
	make_name(loader);
	loader->session = (struct session){ .config = config, .plan = plan,
		.name = loader->name, .stop_fd = fate->stop_fd,
		.watchdog = watchdog };
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
