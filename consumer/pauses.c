/* pauses.c - what an operator has switched off, read and obeyed. */
#include "consumer/pauses.h"
#include "common/backoff.h"
#include "common/db.h"
#include "common/health.h"
#include "common/log.h"
#include "common/login.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS 30000 /* between two looks when nobody calls */
#define ALL "*"

struct pauses {
	const struct config *config;
	struct intake *intake;
	const struct fate *fate;
	pthread_t thread;
	pthread_mutex_t lock;
	struct db_result *rows; /* under the lock; NULL: never read */

	/* the thread's own */
	struct db *db;
	struct backoff backoff;
	struct log_repeat trouble;
};

enum { P_DATASET, P_SINCE, P_BY, P_REASON };

static const char read_sql[] =
	"select dataset, to_char(paused_at at time zone 'UTC',\n"
	"           'YYYY-MM-DD HH24:MI:SS \"UTC\"'), paused_by,\n"
	"       coalesce(reason, '')\n"
	"from meta.pause\n"
	"order by dataset";

static bool has(const struct db_result *rows, const char *dataset)
{
	for (size_t i = 0; rows != NULL && i < db_rows(rows); i++)
		if (strcmp(db_value(rows, i, P_DATASET), dataset) == 0)
			return true;
	return false;
}

bool pauses_has(struct pauses *pauses, const char *dataset)
{
	bool found;

	if (pauses == NULL)
		return false;
	(void)pthread_mutex_lock(&pauses->lock);
	found = has(pauses->rows, dataset);
	(void)pthread_mutex_unlock(&pauses->lock);
	return found;
}

/* -- telling -------------------------------------------------------------- */

static void name_part(const char *dataset, char part[160])
{
	if (strcmp(dataset, ALL) == 0)
		(void)snprintf(part, 160, "paused");
	else
		(void)snprintf(part, 160, "paused dataset %s", dataset);
}

static void tell_paused(const struct db_result *rows, size_t row, bool news)
{
	const char *dataset = db_value(rows, row, P_DATASET);
	const char *reason = db_value(rows, row, P_REASON);
	char part[160], text[256];

	name_part(dataset, part);
	(void)snprintf(text, sizeof(text), "by %s since %s%s%s",
		db_value(rows, row, P_BY), db_value(rows, row, P_SINCE),
		reason[0] != '\0' ? ": " : "", reason);
	health_note(part, text);
	if (news)
		LOG(LOG_INFO, "paused", LOG_S("dataset", dataset),
			LOG_S("by", db_value(rows, row, P_BY)),
			LOG_S("since", db_value(rows, row, P_SINCE)),
			LOG_S("reason", reason));
}

static void tell_resumed(const char *dataset)
{
	char part[160];

	name_part(dataset, part);
	health_up(part);
	LOG(LOG_INFO, "resumed", LOG_S("dataset", dataset));
}

static void tell(const struct db_result *old, const struct db_result *rows)
{
	for (size_t i = 0; old != NULL && i < db_rows(old); i++)
		if (!has(rows, db_value(old, i, P_DATASET)))
			tell_resumed(db_value(old, i, P_DATASET));
	for (size_t i = 0; i < db_rows(rows); i++)
		tell_paused(rows, i, !has(old, db_value(rows, i, P_DATASET)));
}

/* -- reading -------------------------------------------------------------- */

/* Owns the rows from now on. */
static void take(struct pauses *pauses, struct db_result *rows)
{
	struct db_result *old = pauses->rows;
	const bool all = has(rows, ALL);

	tell(old, rows);
	(void)pthread_mutex_lock(&pauses->lock);
	pauses->rows = rows;
	(void)pthread_mutex_unlock(&pauses->lock);
	if (all && !has(old, ALL))
		intake_halt(pauses->intake);
	if (!all && (old == NULL || has(old, ALL)))
		intake_go(pauses->intake);
	db_result_free(old);
}

static bool look(struct pauses *pauses, struct err *err)
{
	struct db_result *rows = NULL;

	if (!db_query(pauses->db, read_sql, 0, NULL, &rows, err))
		return false;
	take(pauses, rows);
	(void)log_repeat_clear(&pauses->trouble);
	backoff_reset(&pauses->backoff);
	return true;
}

static bool open_session(struct pauses *pauses, struct err *err)
{
	pauses->db = login_open(&(struct login){
		.config = pauses->config,
		.account = &pauses->config->loader,
		.application = "sluice-consumer-pauses",
		.statement_timeout_ms = pauses->config->statement_timeout_ms,
		.stop_fd = pauses->fate->leave_fd,
	}, err);
	return pauses->db != NULL &&
		db_exec(pauses->db, "listen sluice_pause", err);
}

/* As long as the session lives. */
static bool attend(struct pauses *pauses, struct err *err)
{
	bool heard;

	if (!open_session(pauses, err))
		return false;
	do {
		if (!look(pauses, err))
			return false;
	} while (db_wait_notify(pauses->db, LOOK_MS, &heard, err));
	return false;
}

static void *run(void *context)
{
	struct pauses *pauses = context;
	struct err err = { 0 };

	while (fate_wait(pauses->fate, 0) && !attend(pauses, &err)) {
		db_close(pauses->db);
		pauses->db = NULL;
		/* the loader says so as well, and what to do */
		if (fate_wait(pauses->fate, 0) &&
			log_repeat_due_for(&pauses->trouble, err.text))
			log_err(LOG_DEBUG, "pauses_unread", &err);
		err = (struct err){ 0 };
		if (!fate_wait(pauses->fate, backoff_next_ms(&pauses->backoff)))
			break;
	}
	return NULL;
}

/* -- start and stop ------------------------------------------------------- */

struct pauses *pauses_start(const struct config *config, struct intake *intake,
	const struct fate *fate, struct err *err)
{
	struct pauses *pauses = calloc(1, sizeof(*pauses));

	if (pauses == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	pauses->config = config;
	pauses->intake = intake;
	pauses->fate = fate;
	pauses->backoff = (struct backoff){ .base_ms = 100,
		.ceiling_ms = 2000 };
	(void)pthread_mutex_init(&pauses->lock, NULL);
	if (pthread_create(&pauses->thread, NULL, run, pauses) == 0)
		return pauses;
	(void)pthread_mutex_destroy(&pauses->lock);
	free(pauses);
	(void)err_errno(err, ERR_STOP, "start a thread");
	return NULL;
}

void pauses_join(struct pauses *pauses)
{
	if (pauses == NULL)
		return;
	(void)pthread_join(pauses->thread, NULL);
	db_close(pauses->db);
	db_result_free(pauses->rows);
	(void)pthread_mutex_destroy(&pauses->lock);
	free(pauses);
}
