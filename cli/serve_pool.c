/* serve_pool.c - a few sessions of the database, lent to calls. */
#include "cli/connect.h"
#include "cli/serve.h"

#include <errno.h>
#include <time.h>

#define WAIT_SECS 5

static void wait_until(struct timespec *until)
{
	(void)clock_gettime(CLOCK_REALTIME, until);
	until->tv_sec += WAIT_SECS;
}

/* A place, and a session that is open when there is one. */
static bool take_place(struct serve *serve, struct db **db)
{
	struct timespec until;
	int code = 0;

	*db = NULL;
	wait_until(&until);
	(void)pthread_mutex_lock(&serve->lock);
	while (code == 0 && serve->busy == SERVE_SESSIONS)
		code = pthread_cond_timedwait(&serve->freed, &serve->lock,
			&until);
	if (code == 0)
		serve->busy++;
	for (size_t i = 0; code == 0 && *db == NULL && i < SERVE_SESSIONS;
		i++) {
		*db = serve->idle[i];
		serve->idle[i] = NULL;
	}
	(void)pthread_mutex_unlock(&serve->lock);
	return code == 0;
}

struct db *serve_borrow(struct serve *serve, struct err *err)
{
	struct err ignored = { 0 };
	struct db *db;

	if (!take_place(serve, &db)) {
		(void)err_set(err, ERR_RETRY, "too many ask the database at "
			"once");
		return NULL;
	}
	/* the server may have gone since */
	if (db != NULL && !db_exec(db, "select", &ignored)) {
		db_close(db);
		db = NULL;
	}
	if (db == NULL)
		db = connect_db(serve->config, &serve->config->reader, true,
			SERVE_SQL_MS, err);
	if (db == NULL)
		serve_return(serve, NULL, false);
	return db;
}

void serve_return(struct serve *serve, struct db *db, bool good)
{
	bool kept = false;

	(void)pthread_mutex_lock(&serve->lock);
	serve->busy--;
	for (size_t i = 0; db != NULL && good && !kept && i < SERVE_SESSIONS;
		i++)
		if (serve->idle[i] == NULL) {
			serve->idle[i] = db;
			kept = true;
		}
	(void)pthread_cond_signal(&serve->freed);
	(void)pthread_mutex_unlock(&serve->lock);
	if (!kept)
		db_close(db);
}

void serve_pool_clear(struct serve *serve)
{
	for (size_t i = 0; i < SERVE_SESSIONS; i++) {
		db_close(serve->idle[i]);
		serve->idle[i] = NULL;
	}
}
