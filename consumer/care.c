/* care.c - the thread that looks after what was loaded. */
#include "consumer/care.h"
#include "common/backoff.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/login.h"
#include "consumer/bell.h"
#include "consumer/care_objects.h"
#include "consumer/care_private.h"
#include "consumer/news.h"
#include "consumer/notify.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define LOOK_MS (60 * 1000) /* between two looks when nobody calls */
#define TOGETHER_MS 100     /* from a call to the look */

struct care {
	struct care_work work;
	const struct fate *fate;
	struct bell bell;
	struct notify *notify; /* NULL: nobody is to be told */
	pthread_t thread;
	struct object_keep objects;
	struct backoff backoff;
	struct log_repeat trouble;
};

/* -- sessions ------------------------------------------------------------- */

static bool keep_open(struct care_work *work, struct db **db,
	const struct account *account, bool read_only, struct err *err)
{
	if (*db != NULL && db_alive(*db))
		return true;
	db_close(*db);
	*db = login_open(&(struct login){
		.config = work->config,
		.account = account,
		.application = "sluice-consumer-care",
		.read_only = read_only,
		.statement_timeout_ms = work->config->statement_timeout_ms,
		.stop_fd = work->leave_fd,
	}, err);
	return *db != NULL;
}

bool care_writer(struct care_work *work, struct err *err)
{
	return keep_open(work, &work->writer, &work->config->loader, false,
		err);
}

bool care_asker(struct care_work *work, struct err *err)
{
	return keep_open(work, &work->asker, &work->config->reader, true, err);
}

static void close_both(struct care_work *work)
{
	db_close(work->asker);
	db_close(work->writer);
	work->asker = work->writer = NULL;
}

/* -- chores --------------------------------------------------------------- */

/* One consumer at a time, by a lock that ends with the session; and nobody was
 * faster. */
static bool begin_chore(struct care_work *work, const struct chore *chore,
	const char *pipeline, const char *upto, bool *ours, struct err *err)
{
	const char *values[] = { chore->name, pipeline };
	const char *done[] = { pipeline, upto };
	struct db_result *result = NULL, *still = NULL;
	bool ok;

	*ours = false;
	ok = db_query(work->writer, "select pg_try_advisory_lock("
			"hashtextextended('sluice ' || $1 || ' ' || $2, 0))",
		2, values, &result, err);
	if (ok && db_value(result, 0, 0)[0] == 't') {
		ok = db_query(work->writer, chore->open_sql, 2, done, &still,
			err);
		*ours = ok && db_rows(still) > 0;
	}
	db_result_free(result);
	db_result_free(still);
	return ok;
}

static bool end_chore(struct care_work *work, const struct chore *chore,
	const char *pipeline, const char *upto, int64_t ms, struct err *err)
{
	char text[24];
	const char *values[] = { pipeline, upto, text };

	(void)snprintf(text, sizeof(text), "%" PRId64, ms);
	return db_query(work->writer, chore->done_sql, 3, values, NULL, err);
}

static bool do_chore(struct care_work *work, const struct chore *chore,
	const struct pipeline *pipeline, const char *upto, struct err *err)
{
	const int64_t started = clock_now_ms();
	bool ours;
	bool ok;

	ok = begin_chore(work, chore, pipeline->name, upto, &ours, err);
	if (ok && ours)
		ok = chore->run(work, pipeline, err) &&
			end_chore(work, chore, pipeline->name, upto,
				clock_now_ms() - started, err);
	if (db_alive(work->writer) &&
		!db_exec(work->writer, "select pg_advisory_unlock_all()", err))
		return false;
	return ok;
}

/* What is due now is done; *wait_ms becomes the time until the next is. The
 * files are read anew each time: what they say now counts. */
static bool do_due(struct care_work *work, const struct chore *chore,
	int64_t *wait_ms, struct err *err)
{
	struct pipeline_set set = { .count = 0 };
	struct db_result *due = NULL;
	char every[24];
	const char *values[] = { every, work->at_once ? "true" : "false" };
	bool ok;

	(void)snprintf(every, sizeof(every), "%" PRId64,
		chore->every_ms(work->config));
	ok = db_query(work->writer, chore->due_sql, 2, values, &due, err) &&
		(db_rows(due) == 0 || pipeline_set_read(
			work->config->pipelines_dir, &set, err));
	for (size_t i = 0; ok && i < db_rows(due); i++) {
		const struct pipeline *pipeline =
			pipeline_find(&set, db_value(due, i, 0));
		const int64_t left = db_int(due, i, 2);

		if (pipeline == NULL || !chore->has(pipeline))
			continue;
		if (left > 0 && !work->at_once)
			*wait_ms = left < *wait_ms ? left : *wait_ms;
		else
			ok = do_chore(work, chore, pipeline,
				db_value(due, i, 1), err);
	}
	pipeline_set_clear(&set);
	db_result_free(due);
	return ok;
}

/* The thread that tells may have looked before it was there to be seen. */
static bool take_news(struct care *care, struct err *err)
{
	bool some;

	if (!news_take(care->work.writer, care->work.config, &some, err))
		return false;
	if (some)
		notify_wake(care->notify);
	return true;
}

/* What the chores found out is news as well. */
static bool look_after(struct care *care, int64_t *wait_ms, struct err *err)
{
	struct care_work *work = &care->work;

	return care_writer(work, err) && take_news(care, err) &&
		do_due(work, &care_reports, wait_ms, err) &&
		(work->config->data_tests_every_secs == 0 ||
			do_due(work, &care_tests, wait_ms, err)) &&
		take_news(care, err) &&
		care_objects(&care->objects, work, wait_ms, err);
}

/* -- the thread ----------------------------------------------------------- */

static bool is_leaving(const struct care *care)
{
	return !fate_wait(care->fate, 0);
}

/* How long to wait before the next look. */
static int64_t look(struct care *care)
{
	int64_t wait_ms = LOOK_MS;
	struct err err = { 0 };

	if (look_after(care, &wait_ms, &err)) {
		(void)log_repeat_clear(&care->trouble);
		backoff_reset(&care->backoff);
		return wait_ms;
	}
	if (!is_leaving(care) && log_repeat_due_for(&care->trouble, err.text))
		log_err(LOG_WARN, "care_waits", &err);
	return backoff_next_ms(&care->backoff);
}

static void *run(void *context)
{
	struct care *care = context;
	int64_t wait_ms = 0;

	while (!is_leaving(care)) {
		bell_wait(&care->bell, care->fate, wait_ms, TOGETHER_MS);
		if (!is_leaving(care))
			wait_ms = look(care);
	}
	close_both(&care->work);
	return NULL;
}

struct care *care_start(const struct config *config, const struct fate *fate,
	struct err *err)
{
	struct care *care = calloc(1, sizeof(*care));

	if (care == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	care->work.config = config;
	care->work.leave_fd = fate->leave_fd;
	care->fate = fate;
	care->backoff = (struct backoff){ .base_ms = 1000,
		.ceiling_ms = LOOK_MS };
	if (bell_init(&care->bell, err))
		care->notify = notify_start(config, fate, &care->bell, err);
	if (err->kind == ERR_NONE) {
		if (pthread_create(&care->thread, NULL, run, care) == 0)
			return care;
		(void)err_errno(err, ERR_STOP, "start a thread");
	}
	/* the program ends, and its threads with it */
	return NULL;
}

bool care_once(const struct config *config, struct err *err)
{
	struct care_work work = { .config = config, .at_once = true };
	int64_t wait_ms = LOOK_MS;
	bool some;
	bool ok;

	ok = care_writer(&work, err) &&
		news_take(work.writer, config, &some, err) &&
		do_due(&work, &care_reports, &wait_ms, err);
	close_both(&work);
	return ok;
}

void care_wake(struct care *care)
{
	if (care == NULL)
		return;
	bell_ring(&care->bell);
	notify_wake(care->notify);
}

void care_join(struct care *care)
{
	if (care == NULL)
		return;
	(void)pthread_join(care->thread, NULL);
	notify_join(care->notify);
	bell_clear(&care->bell);
	free(care);
}
