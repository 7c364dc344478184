/* prove_run.c - files keep dropping while everything is killed in turn. */
#include "cli/prove_run.h"
#include "cli/connect.h"
#include "cli/process.h"
#include "cli/prove_places.h"
#include "common/clock.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>

#define TICK_MS 20
#define LOOK_MS 200
#define QUEUES_MS 1000
#define HOLD_MS 8000     /* for a commit to come */
#define KILL_LATE_MS 20000 /* what cannot be killed for so long is left out */
#define GRACE_MS 240000  /* beyond the time, for kills that are still owed */
#define REST_MS 120000   /* without any progress: it does not come to rest */
#define TERM_MS 10000
#define MORE_MS 5000     /* between files beyond those that were planned */
#define REVIVALS 3
#define ANSWERS 4 /* commits without an answer: each gives a duplicate */
#define LOOK_TIMEOUT_MS 5000

struct run {
	struct prove_site *site;
	const struct prove_options *options;
	struct prove_progress *progress;
	struct prove_verdict *verdict;
	int64_t started_ms, now_ms;
	/* kills */
	uint32_t kill_number;
	enum prove_kill kill;
	int down_ms;
	int64_t kill_ms;       /* when the next one is due */
	int64_t hold_until_ms; /* answers are held; 0: they are not */
	bool killed[PROVE_DAEMONS]; /* by us, and not started again yet */
	int64_t start_ms[PROVE_DAEMONS];
	int64_t drop_ms;       /* of the last file */
	/* servers */
	int64_t revive_ms;     /* 0: none was killed */
	pid_t job;             /* native.sh, reviving; 0: none */
	int revivals;          /* in vain */
	/* looking */
	struct db *watch;
	int64_t look_ms;
	int64_t moved_ms;      /* since then nothing was accounted for */
	int64_t up_ms;         /* since then nothing is down */
};

/* -- what is killed when ------------------------------------------- */

static const struct {
	const char *name;
	uint32_t weight; /* in a hundred */
} kinds[] = {
	[PROVE_KILL_PRODUCER] = { "producer", 28 },
	[PROVE_KILL_CONSUMER] = { "consumer", 26 },
	[PROVE_KILL_ANSWER] = { "consumer after its commit", 14 },
	[PROVE_KILL_BROKER] = { "broker", 8 },
	[PROVE_KILL_POSTMASTER] = { "postmaster", 10 },
	[PROVE_KILL_BACKEND] = { "backend", 14 },
};

const char *prove_kill_name(enum prove_kill kill)
{
	return kinds[kill].name;
}

/* The n-th of an order of all kinds that the seed gives. */
static enum prove_kill nth_of_all(uint64_t seed, uint32_t n)
{
	struct prove_random random = { seed ^ 0x6b696c6c73 };
	enum prove_kill order[PROVE_KILLS];

	for (uint32_t i = 0; i < PROVE_KILLS; i++) {
		const uint32_t at = prove_below(&random, i + 1);

		order[i] = order[at];
		order[at] = (enum prove_kill)i;
	}
	return order[n];
}

static enum prove_kill weighted(struct prove_random *random)
{
	uint32_t at = prove_below(random, 100);
	enum prove_kill kill = 0;

	while (kill + 1 < PROVE_KILLS && at >= kinds[kill].weight)
		at -= kinds[kill++].weight;
	return kill;
}

void prove_kill_draw(uint64_t seed, uint32_t n, enum prove_kill *kill,
	int *after_ms, int *down_ms)
{
	struct prove_random random = { seed };

	random.state = prove_next(&random) + n;
	*after_ms = 200 + (int)prove_below(&random, 2400);
	*down_ms = (int)prove_below(&random, 1200);
	*kill = weighted(&random);
	if (n < PROVE_KILLS)
		*kill = nth_of_all(seed, n);
}

static void plan_kill(struct run *run)
{
	int after_ms;

	prove_kill_draw(run->options->plan.seed, run->kill_number++, &run->kill,
		&after_ms, &run->down_ms);
	run->kill_ms = run->now_ms + after_ms;
}

static bool every_kind_was_killed(const struct run *run)
{
	for (size_t i = 0; i < PROVE_KILLS; i++)
		if (run->progress->kills[i] == 0)
			return false;
	return true;
}

/* -- processes that end and begin ---------------------------------- */

static const char *const daemon_names[] = {
	[PROVE_PRODUCER] = "the producer",
	[PROVE_CONSUMER] = "the consumer",
};

/* Nobody may end but by our hand. */
static bool note_ends(struct run *run, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < PROVE_DAEMONS; i++) {
		char how[64];

		if (run->site->daemons[i] != 0 || run->start_ms[i] != 0)
			continue;
		run->start_ms[i] = run->now_ms + run->down_ms;
		if (run->killed[i])
			continue;
		process_describe(run->site->statuses[i], how, sizeof(how));
		ok = prove_fault(run->verdict, err, "%s ended by itself: %s",
			daemon_names[i], how);
	}
	return ok;
}

static bool end_job(struct run *run, int status, struct err *err)
{
	char how[64];

	run->job = 0;
	if (status == 0) {
		run->revive_ms = 0;
		run->revivals = 0;
		return true;
	}
	run->revive_ms = run->now_ms + 1000;
	process_describe(status, how, sizeof(how));
	return ++run->revivals < REVIVALS || err_stop(err, EXIT_SERVER,
		"a server that was killed does not start again: native.sh %s, "
		"see proof.log", how);
}

static bool start_what_is_due(struct run *run, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < PROVE_DAEMONS; i++) {
		if (run->start_ms[i] == 0 || run->now_ms < run->start_ms[i])
			continue;
		run->start_ms[i] = 0;
		run->killed[i] = false;
		ok = prove_site_start(run->site, (enum prove_daemon)i, err);
	}
	if (ok && run->job == 0 && run->revive_ms != 0 &&
		run->now_ms >= run->revive_ms)
		ok = prove_site_revive(run->site, &run->job, err);
	return ok;
}

static bool tend(struct run *run, struct err *err)
{
	bool ok = true;
	int status;
	pid_t pid;

	while (ok && prove_site_reap(run->site, &pid, &status))
		if (pid == run->job)
			ok = end_job(run, status, err);
	return ok && note_ends(run, err) && start_what_is_due(run, err);
}

static bool servers_up(const struct run *run)
{
	return run->job == 0 && run->revive_ms == 0;
}

/* -- looking ------------------------------------------------------- */

static const char look_sql[] =
	"select coalesce(sum(records), 0), count(completed_at),\n"
	"       (select coalesce(sum(duplicates), 0) from meta.load)\n"
	"from meta.source";

/* A session that fails is closed: servers are being killed. */
static bool ask(struct run *run, const char *sql, struct db_result **result)
{
	const struct config *config = &run->site->config;
	struct err err = { 0 };

	if (run->watch == NULL && servers_up(run))
		run->watch = connect_db(config, &config->loader, true,
			LOOK_TIMEOUT_MS, &err);
	if (run->watch == NULL)
		return false;
	if (db_query(run->watch, sql, 0, NULL, result, &err))
		return true;
	db_close(run->watch);
	run->watch = NULL;
	return false;
}

static int64_t longer(int64_t longest_ms, int64_t ms)
{
	return ms > longest_ms ? ms : longest_ms;
}

static void note_stall(struct run *run, bool moved)
{
	struct prove_progress *progress = run->progress;
	const struct prove_site *site = run->site;

	if (moved || progress->accounted >= progress->issued)
		run->moved_ms = run->now_ms;
	if (!servers_up(run) || site->daemons[PROVE_PRODUCER] == 0 ||
		site->daemons[PROVE_CONSUMER] == 0)
		run->up_ms = run->now_ms;
	progress->stall_ms = longer(progress->stall_ms,
		run->now_ms - run->moved_ms);
	progress->up_stall_ms = longer(progress->up_stall_ms, run->now_ms -
		longer(run->moved_ms, run->up_ms));
}

static void look(struct run *run)
{
	struct prove_progress *progress = run->progress;
	struct db_result *result = NULL;
	bool moved = false;

	if (run->now_ms < run->look_ms)
		return;
	if (ask(run, look_sql, &result)) {
		const int64_t accounted = db_int(result, 0, 0);
		const int64_t complete = db_int(result, 0, 1);

		moved = accounted != progress->accounted ||
			complete != progress->complete;
		progress->accounted = accounted;
		progress->complete = complete;
		progress->duplicates = db_int(result, 0, 2);
	}
	db_result_free(result);
	note_stall(run, moved);
	run->look_ms = clock_now_ms() + LOOK_MS;
	progress->elapsed_ms = run->now_ms - run->started_ms;
	run->options->say(run->options->context, progress);
}

/* -- killing ------------------------------------------------------- */

static bool kill_daemon(struct run *run, enum prove_daemon daemon)
{
	const pid_t pid = run->site->daemons[daemon];

	if (pid == 0 || kill(pid, SIGKILL) != 0)
		return false;
	run->killed[daemon] = true;
	return true;
}

static bool kill_server(struct run *run, enum prove_server server)
{
	if (!servers_up(run) || !prove_site_kill_server(run->site, server))
		return false;
	run->revive_ms = run->now_ms + run->down_ms + 1;
	return true;
}

/* One of the consumer's sessions; PostgreSQL then ends all of them. */
static bool kill_backend(struct run *run)
{
	struct db_result *result = NULL;
	bool done = false;

	if (servers_up(run) && ask(run, "select pid from pg_stat_activity"
			" where application_name = 'sluice-consumer'"
			" order by pid", &result) && db_rows(result) > 0) {
		const size_t at = (size_t)run->down_ms % db_rows(result);

		done = kill((pid_t)db_int(result, at, 0), SIGKILL) == 0;
	}
	db_result_free(result);
	return done;
}

static bool hold_answers(struct run *run, struct err *err)
{
	if (!servers_up(run) || run->site->daemons[PROVE_CONSUMER] == 0 ||
		run->progress->accounted >= run->progress->issued)
		return true;
	run->hold_until_ms = run->now_ms + HOLD_MS;
	return prove_site_hold_answers(run->site, true, err);
}

static bool a_commit_waits(struct run *run)
{
	struct db_result *result = NULL;
	bool found = ask(run, "select from pg_stat_activity"
		" where wait_event = 'SyncRep'"
		" and application_name = 'sluice-consumer'", &result) &&
		db_rows(result) > 0;

	db_result_free(result);
	return found;
}

/* While answers are held: the first commit that waits costs the consumer its
 * life; what it committed will be delivered again. */
static bool watch_answers(struct run *run, bool *done, struct err *err)
{
	*done = a_commit_waits(run) && kill_daemon(run, PROVE_CONSUMER);
	if (!*done && run->now_ms < run->hold_until_ms)
		return true;
	run->hold_until_ms = 0;
	return prove_site_hold_answers(run->site, false, err);
}

static bool try_kill(struct run *run, bool *done, struct err *err)
{
	*done = false;
	switch (run->kill) {
	case PROVE_KILL_PRODUCER:
		*done = kill_daemon(run, PROVE_PRODUCER);
		break;
	case PROVE_KILL_CONSUMER:
		*done = kill_daemon(run, PROVE_CONSUMER);
		break;
	case PROVE_KILL_BROKER:
		*done = kill_server(run, PROVE_BROKER);
		break;
	case PROVE_KILL_POSTMASTER:
		*done = kill_server(run, PROVE_DATABASE);
		break;
	case PROVE_KILL_BACKEND:
		*done = kill_backend(run);
		break;
	default:
		return run->hold_until_ms != 0 ?
			watch_answers(run, done, err) : hold_answers(run, err);
	}
	return true;
}

/* What was never killed yet is waited for. */
static bool is_too_late(const struct run *run)
{
	return run->progress->kills[run->kill] > 0 &&
		run->hold_until_ms == 0 &&
		run->now_ms > run->kill_ms + KILL_LATE_MS;
}

static bool kill_what_is_due(struct run *run, struct err *err)
{
	bool done = false;

	if (run->now_ms < run->kill_ms)
		return true;
	if (!try_kill(run, &done, err))
		return false;
	if (done)
		run->progress->kills[run->kill]++;
	if (done || is_too_late(run))
		plan_kill(run);
	return true;
}

/* -- dropping ------------------------------------------------------ */

static bool drop_next(struct run *run, struct err *err)
{
	struct prove_progress *progress = run->progress;
	struct prove_file file;
	bool ok = prove_file_make(&run->options->plan, progress->files, &file,
		err) && prove_site_drop(run->site, &file, err);

	if (ok) {
		if (progress->accounted >= progress->issued)
			run->moved_ms = run->now_ms;
		run->drop_ms = run->now_ms;
		progress->files++;
		progress->issued += (int64_t)file.count;
	}
	prove_file_clear(&file);
	return ok;
}

/* In step with the time. Beyond it, while kills are owed that need some work
 * to interrupt, when all else is done, or takes long. */
static bool is_drop_due(const struct run *run)
{
	const struct prove_progress *progress = run->progress;
	const int64_t elapsed = run->now_ms - run->started_ms;

	if (progress->issued >= run->options->records)
		return progress->accounted >= progress->issued ||
			run->now_ms > run->drop_ms + MORE_MS;
	return progress->issued * run->options->duration_ms <=
		run->options->records * elapsed;
}

static bool goes_on(const struct run *run)
{
	const int64_t elapsed = run->now_ms - run->started_ms;
	const bool owed = !every_kind_was_killed(run) ||
		(run->progress->duplicates == 0 &&
			run->progress->kills[PROVE_KILL_ANSWER] < ANSWERS);

	return elapsed < run->options->duration_ms ||
		run->progress->issued < run->options->records ||
		(owed && elapsed < run->options->duration_ms + GRACE_MS);
}

static bool is_interrupted(const struct run *run, struct err *err)
{
	return *run->site->interrupted != 0 && !err_stop(err, EXIT_DATA,
		"interrupted: nothing is proven");
}

static bool drop_and_kill(struct run *run, struct err *err)
{
	run->progress->phase = "dropping and killing";
	while (goes_on(run)) {
		if (is_interrupted(run, err) || !tend(run, err) ||
			!kill_what_is_due(run, err) ||
			(is_drop_due(run) && !drop_next(run, err)))
			return false;
		look(run);
		prove_site_pause(run->hold_until_ms != 0 ? 1 : TICK_MS);
		run->now_ms = clock_now_ms();
	}
	if (run->hold_until_ms != 0)
		return prove_site_hold_answers(run->site, false, err);
	return true;
}

/* -- coming to rest ------------------------------------------------ */

static bool files_left(struct run *run, int64_t *left, struct err *err)
{
	struct buf path = { 0 };
	int64_t strange;
	bool ok = prove_site_path(run->site, "raw_data/proof", &path, err) &&
		prove_places(path.data, NULL, 0, left, &strange, err);

	buf_clear(&path);
	return ok;
}

/* Not killed: one that is to be started again has yet to be told to end. */
static bool daemons_up(const struct run *run)
{
	for (size_t i = 0; i < PROVE_DAEMONS; i++)
		if (run->killed[i] || run->site->daemons[i] == 0)
			return false;
	return true;
}

/* All loaded, moved away and acknowledged, with everybody there. */
static bool is_at_rest(struct run *run, bool *rests, struct err *err)
{
	const struct prove_progress *progress = run->progress;
	struct err broker_err = { 0 };
	int64_t left = 0, queued = 0;

	*rests = false;
	if (!servers_up(run) || !daemons_up(run) ||
		progress->complete < progress->files)
		return true;
	if (!files_left(run, &left, err))
		return false;
	*rests = left == 0 &&
		prove_queued(&run->site->config, &queued, &broker_err) &&
		queued == 0;
	return true;
}

static bool come_to_rest(struct run *run, bool *rests, struct err *err)
{
	int64_t queues_ms = 0, still_ms = run->now_ms, seen = -1;

	*rests = false;
	run->progress->phase = "coming to rest";
	while (!*rests) {
		const struct prove_progress *progress = run->progress;

		if (is_interrupted(run, err) || !tend(run, err))
			return false;
		look(run);
		if (run->now_ms >= queues_ms) {
			queues_ms = run->now_ms + QUEUES_MS;
			if (!is_at_rest(run, rests, err))
				return false;
		}
		if (progress->accounted + progress->complete != seen) {
			seen = progress->accounted + progress->complete;
			still_ms = run->now_ms;
		}
		if (run->now_ms - still_ms > REST_MS)
			return prove_fault(run->verdict, err, "it does not "
				"come to rest: %" PRId64 " of %u files are "
				"complete", progress->complete,
				progress->files);
		prove_site_pause(TICK_MS);
		run->now_ms = clock_now_ms();
	}
	return true;
}

static bool end_daemons(struct run *run, struct err *err)
{
	bool ok = true;

	if (!prove_site_rest(run->site, TERM_MS))
		return prove_fault(run->verdict, err, "a daemon did not end "
			"within %d s of SIGTERM", TERM_MS / 1000);
	for (size_t i = 0; ok && i < PROVE_DAEMONS; i++) {
		char how[64];

		process_describe(run->site->statuses[i], how, sizeof(how));
		if (run->site->statuses[i] != 0)
			ok = prove_fault(run->verdict, err,
				"told to end, %s %s", daemon_names[i], how);
	}
	return ok;
}

/* What a consumer had in its hands, seen before already, goes back to the queue
 * when it ends: then once more. */
static bool finish(struct run *run, struct err *err)
{
	struct err broker_err = { 0 };
	int64_t queued = 0;
	bool rests = true;

	for (int tries = 0; tries < 3; tries++) {
		if (!come_to_rest(run, &rests, err) || !end_daemons(run, err))
			return false;
		if (!rests || !prove_queued(&run->site->config, &queued, &broker_err) ||
			queued == 0)
			return true;
		for (size_t i = 0; i < PROVE_DAEMONS; i++)
			run->killed[i] = true;
		run->now_ms = clock_now_ms();
	}
	return true;
}

static bool settle_debts(struct run *run, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < PROVE_KILLS; i++)
		if (run->progress->kills[i] == 0)
			ok = prove_fault(run->verdict, err,
				"never killed: %s", kinds[i].name);
	return ok;
}

bool prove_run(struct prove_site *site, const struct prove_options *options,
	struct prove_progress *progress, struct prove_verdict *verdict,
	struct err *err)
{
	const int64_t now_ms = clock_now_ms();
	struct run run = { .site = site, .options = options,
		.progress = progress, .verdict = verdict,
		.started_ms = now_ms, .now_ms = now_ms, .moved_ms = now_ms };
	bool ok;

	plan_kill(&run);
	ok = prove_site_start(site, PROVE_PRODUCER, err) &&
		prove_site_start(site, PROVE_CONSUMER, err) &&
		drop_and_kill(&run, err) && finish(&run, err) &&
		settle_debts(&run, err);
	db_close(run.watch);
	progress->elapsed_ms = clock_now_ms() - run.started_ms;
	return ok;
}
