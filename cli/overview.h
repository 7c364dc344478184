/* overview.h - the live figures, gathered in one place: what `sluice status`,
 * `console`, `top` and `serve` show.
 *
 * One snapshot is a struct overview. Two of them, taken some time apart, make
 * rates: `at_us` is when, the counters only grow (a table emptied by hand or a
 * state file that forgets old drops makes one smaller: take that for zero).
 *
 * Units: *_secs whole seconds, *_us microseconds of the wall clock, bytes, else
 * things counted. Ages are -1 where there is nothing to be old. A number that
 * nobody could be asked for is -1 where said so.
 *
 * Texts are borrowed from the overview and live until overview_clear. Those
 * that come from outside (names, errors) are raw or escaped as the database has
 * them: escape them when shown (output_escape), json_put_text for JSON. */
#ifndef SLUICE_OVERVIEW_H
#define SLUICE_OVERVIEW_H

#include "cli/folders.h"
#include "common/config.h"
#include "common/db.h"
#include "common/hash.h"
#include "common/json.h"
#include "common/pipeline.h"

#define OVERVIEW_SOURCES 100 /* in progress, the oldest ones */
#define OVERVIEW_LOADS 20    /* the latest ones */
#define OVERVIEW_CAUSES 500  /* of rejects, the most frequent ones */
#define OVERVIEW_NAME 160    /* "<pipeline>.<dataset>" */
#define OVERVIEW_KEPT 8

struct overview_server {
	bool reachable;
	char address[320]; /* host:port/name, escaped when shown */
	char version[64];
	struct err err;    /* why not reachable, or what it lacks */
};

struct overview_queue {
	char name[128];
	const struct pipeline *pipeline;
	bool dead; /* the queue of dead letters */
	bool known;
	bool found;
	uint32_t ready, consumers;
};

/* Counters since the beginning. */
struct overview_counts {
	int64_t files;     /* claimed by the producer, or loaded directly; as
			    * the database knows them: foreign messages too */
	int64_t published; /* records the broker has confirmed, as far as the
			    * state file remembers; -1: not known, or none
			    * here */
	int64_t records;   /* committed: loaded + rejected + filtered */
	int64_t loaded;    /* inserted, updated or unchanged */
	int64_t rejected;  /* and not resolved */
	int64_t filtered;  /* by the dates of a direct load */
};

struct overview_dataset {
	const struct dataset *dataset;
	char name[OVERVIEW_NAME];
	struct folder_count files;
	bool known;          /* meta.dataset has it */
	int64_t master_rows; /* as the loads counted them */
	int64_t delta_rows;
	int64_t unknown_keys;
	struct overview_counts counts; /* of a derived one without files */
	int64_t lag_secs;    /* age of its oldest record that is not yet
			      * committed; -1: none is known */
};

/* A source that is under way: claimed, but not every record committed. */
struct overview_source {
	char drop[UUID_TEXT];
	char *name;                  /* escaped as in meta.source */
	char dataset[OVERVIEW_NAME]; /* "<pipeline>.<dataset>" */
	bool reading;       /* the producer is not through with it */
	int64_t size;       /* bytes when all is done; -1: not known (it is
			     * compressed and not read to its end) */
	int64_t bytes_sent; /* confirmed by the broker; -1: not known */
	int64_t bytes_done; /* committed */
	int64_t records;    /* in all; -1: not known before its end */
	int64_t records_sent; /* -1: not known */
	int64_t records_done; /* committed, rejected ones included */
	int64_t rejected;
	int64_t age_secs;   /* since the claim */
};

struct overview_load {
	int64_t id;
	const char *at;      /* committed, "2024-03-01T12:00:00Z" */
	int64_t age_secs, ms;
	int64_t messages, duplicates;
	int64_t records, inserted, updated, unchanged, rejected, filtered;
};

/* Rejects that are not resolved, of one dataset and cause. */
struct overview_cause {
	const char *dataset; /* "<pipeline>.<dataset>" */
	const char *code;
	int64_t count, last_hour;
	int64_t age_secs; /* of the latest */
	int64_t latest;   /* its id: `sluice rejects show` */
};

/* The same of the last hour, over all datasets. */
struct overview_code {
	const char *code;
	int64_t count;
};

struct overview_model {
	const char *model; /* "<pipeline>.<name>" */
	const char *materialized;
	bool fresh;
	const char *error; /* why not; "" */
	int64_t refreshes, changed_rows;
	int64_t refresh_us;  /* spent on all refreshes */
	int64_t age_secs;    /* of the last one; -1: never */
};

/* A data test of the pipeline files, and how it went last. */
struct overview_test {
	const struct pipeline *pipeline;
	const struct pipeline_test *test;
	const char *outcome; /* "pass", "warn", "fail", "broken"; NULL: never
			      * asked */
	int64_t failing;     /* rows; -1: not known */
	const char *error;   /* of a broken one; "" */
	int64_t ms, age_secs;
};

/* What a daemon says at its HTTP port. */
struct overview_daemon {
	const char *address; /* ADDRESS:PORT; "": none is set */
	bool there, ready;
	struct buf text; /* lines: overview_says */
	struct err err;  /* why it is not known */
};

struct api_facts;

struct overview {
	int64_t at_us;      /* when it was begun */
	int64_t took_us;
	struct pipeline_set set;
	struct overview_server database;
	bool has_broker;    /* false: the settings say there is none; the
			     * daemons are not asked then either */
	struct overview_server broker;
	struct overview_daemon producer, consumer;
	struct err state_err; /* why the producer's state file is not known */

	struct overview_queue *queues;
	size_t queue_count;
	int64_t queued, dead;  /* messages ready in all; -1: not known */
	struct overview_dataset *datasets;
	size_t dataset_count;
	struct api_facts *endpoints; /* those that have a schedule or ran */
	size_t endpoint_count;

	/* What follows the database alone knows; nothing of it is meant while
	 * `asked` is false, but the sources the state file knows. */
	bool asked;
	struct overview_counts counts; /* of all datasets that have files */
	int64_t arriving, complete;    /* sources */
	int64_t arriving_secs;         /* age of the oldest that arrives */
	int64_t last_minute, last_ten_minutes; /* records loaded */
	int64_t rejects;               /* not resolved */
	struct overview_source *sources; /* under way, the oldest first */
	size_t source_count;
	struct overview_load *loads;   /* that had records, the latest first */
	size_t load_count;
	struct overview_cause *causes; /* the most frequent first */
	size_t cause_count;
	struct overview_code *codes;   /* likewise */
	size_t code_count;
	struct overview_model *models; /* stale ones first, then the
					* latest by minute */
	size_t model_count;
	struct overview_test *tests;   /* did not pass, passed, never
					* asked */
	size_t test_count;
	struct db_result *failing; /* notifications: target, how many wait,
				    * tries, error, how many were given up in
				    * the last day */
	struct db_result *pauses;  /* see operate_pauses; NULL: a schema that
				    * knows none */

	/* lag */
	int64_t claimed_secs; /* age of the oldest claimed file */
	int64_t lag_secs;     /* age of the oldest record that is known to be
			       * not yet committed, be it in a file that
			       * waits, in a message or half loaded */

	struct db_result *kept[OVERVIEW_KEPT]; /* what texts are borrowed from */
};

/* -- gathering ----------------------------------------------------------- */

/* Keeps the sessions open from one snapshot to the next. One thread owns it;
 * the config is borrowed. */
struct overview_asker;

/* stop_fd: readable, an overview_gather under way gives up soon; 0: none.
 * NULL: out of memory. */
struct overview_asker *overview_asker_new(const struct config *config,
	int stop_fd, struct err *err);
void overview_asker_free(struct overview_asker *asker); /* NULL is fine */

/* Fails only on pipeline files and memory: a server that is not there, or does
 * not answer in time (about 15 s), is part of the snapshot, with the reason.
 * *overview is cleared by the caller either way. */
bool overview_gather(struct overview_asker *asker, struct overview *overview,
	struct err *err) MUST_CHECK;
void overview_clear(struct overview *overview);

/* -- the whole ----------------------------------------------------------- */

/* What could not be asked, one after the other: its name ("PostgreSQL",
 * "producer" ...) and why. False behind the last. */
bool overview_gap(const struct overview *overview, size_t index,
	const char **what, const struct err **why);

/* Files and claims over all datasets; -1 where one may not be read. */
int64_t overview_waiting(const struct overview *overview);
int64_t overview_claimed(const struct overview *overview);

/* What it is waiting for, in one sentence, appended: a server, a pause, a queue, a
 * daemon and why, work that is under way, or nothing. May hold anything. */
bool overview_why(const struct overview *overview, struct buf *out,
	struct err *err) MUST_CHECK;

/* What `sluice status` exits with: of the first server with a trouble. */
int overview_code(const struct overview *overview);

/* All of it as members of the object, as `sluice --json status` prints it (see
 * `sluice help status`). What only the database knows is absent when it could
 * not be asked. */
void overview_json(const struct overview *overview, struct json *root);

/* What a daemon says, line by line: what keeps it from its work, and notes,
 * which do not. *at starts as 0; the line's length in *len. NULL behind the
 * last. */
const char *overview_says(const struct overview_daemon *daemon, size_t *at,
	size_t *len, bool *is_note);

/* -- overview_db.c, _sources.c, _state.c: parts of overview_gather --------- */

struct state_fact;

/* Everything the database knows; facts: what the state file says (the database
 * tells which of them are committed). */
bool overview_ask_database(struct db *db, struct overview *overview,
	const struct state_fact *facts, size_t count, struct err *err)
	MUST_CHECK;
/* Sources under way, of state file and database; or of the file alone. */
bool overview_ask_sources(struct db *db, struct overview *overview,
	const struct state_fact *facts, size_t count, struct err *err)
	MUST_CHECK;
bool overview_take_facts(struct overview *overview,
	const struct state_fact *facts, size_t count, struct err *err)
	MUST_CHECK;
/* The state file's sums and drops; what is wrong with it is in
 * overview->state_err. state_facts_free for the result. */
void overview_ask_state(const struct config *config,
	struct overview *overview, struct state_fact **facts, size_t *count);
struct overview_dataset *overview_dataset(struct overview *overview,
	const char *name); /* NULL: none of that name */

#endif
