/* session.h - the loader's connection to PostgreSQL and what it keeps ready
 * for each dataset. */
#ifndef SLUICE_SESSION_H
#define SLUICE_SESSION_H

#include "common/clock.h"
#include "common/db.h"
#include "common/pulse.h"
#include "common/rowmap.h"
#include "consumer/filter.h"
#include "consumer/plan.h"
#include "consumer/watchdog.h"

/* A dataset ready to be loaded. */
struct table {
	const struct dataset *dataset;
	struct rowmap *map;
	struct cell *cells;
	size_t width;
	char *partition; /* of session->day, quoted; NULL: not asked for yet */
	struct buf copy_sql;
	struct buf upsert_sql;
};

struct session {
	const struct config *config;
	const struct plan *plan;
	const char *name; /* of this consumer, in meta.load */
	int stop_fd;
	struct watchdog *watchdog; /* NULL: nobody watches */
	struct pulse *pulse;   /* likewise */
	const struct date_filter *filter; /* NULL: everything is meant */
	struct db *db;         /* NULL: not connected */
	bool ever;             /* there was one */
	char day[CLOCK_TEXT];  /* of the partitions; "": unknown */
	struct table *tables;
	size_t table_count;
};

/* Connects when there is no live connection: checks the schema, prepares the
 * models' temporary tables. */
bool session_ensure(struct session *session, struct err *err) MUST_CHECK;
void session_close(struct session *session);
/* Another plan: what was kept for the old one's datasets goes. */
void session_set_plan(struct session *session, const struct plan *plan);
/* Forgets the names of partitions: somebody may have dropped one. */
void session_forget_partitions(struct session *session);

/* The dataset's table, kept until the plan changes; borrowed until the next
 * call with another dataset. NULL: out of memory. */
struct table *session_table(struct session *session,
	const struct dataset *dataset, struct err *err);
/* The table's partition of session->day, made when it is not there yet. Not
 * within a transaction. */
bool session_partition(struct session *session, struct table *table,
	struct err *err) MUST_CHECK;
/* Begins; *load_id is new. When the server's day is another one than
 * session->day, session->day is set and *begun stays false: prepare the
 * partitions and begin again. */
bool session_begin(struct session *session, int64_t *load_id, bool *begun,
	struct err *err) MUST_CHECK;

#endif
