/* status.h - what is there and how it goes: gathered once, shown twice. */
#ifndef SLUICE_STATUS_H
#define SLUICE_STATUS_H

#include "cli/folders.h"
#include "common/config.h"
#include "common/db.h"
#include "common/json.h"
#include "common/pipeline.h"

struct status_server {
	bool reachable;
	char address[320]; /* host:port/name, escaped when shown */
	char version[64];
	struct err err;    /* why not reachable, or what it lacks */
};

struct status_queue {
	char name[128];
	const struct pipeline *pipeline;
	bool dead; /* the queue of dead letters */
	bool known;
	bool found;
	uint32_t ready, consumers;
};

struct status_dataset {
	const struct dataset *dataset;
	struct folder_count files;
	bool known;          /* meta.dataset has it */
	int64_t master_rows; /* as the loads counted them */
	int64_t delta_rows;
	int64_t unknown_keys;
};

/* What a daemon says at its HTTP port. */
struct status_daemon {
	const char *address;
	bool there, ready;
	struct buf text; /* a line for each reason why not */
	struct err err;  /* why it is not known */
};

struct api_facts;

struct status {
	struct pipeline_set set;
	struct status_server database;
	bool has_broker; /* false: the settings say there is none */
	struct status_server broker;
	struct status_daemon producer, consumer;
	struct status_queue *queues;
	size_t queue_count;
	struct status_dataset *datasets;
	size_t dataset_count;
	struct api_facts *endpoints; /* those that have a schedule or ran */
	size_t endpoint_count;
	int64_t arriving, complete;  /* sources */
	int64_t arriving_secs;       /* age of the oldest that arrives */
	int64_t claimed_secs;        /* age of the oldest claim; -1: none */
	int64_t last_minute, last_ten_minutes; /* records loaded */
	int64_t rejects;
	struct db_result *reject_codes; /* code, count: the last hour */
	struct db_result *stale;        /* model, error */
	struct db_result *failing;      /* notifications: target, how many
					 * wait, tries, error, how many were
					 * given up in the last day */
	struct db_result *load;         /* see LOAD_* */
};

enum { LOAD_ID, LOAD_AT, LOAD_SECS, LOAD_MS, LOAD_MESSAGES, LOAD_DUPLICATES,
	LOAD_RECORDS, LOAD_INSERTED, LOAD_UPDATED, LOAD_UNCHANGED,
	LOAD_REJECTED };

/* Fails only on settings, pipeline files and memory: a server that is not
 * there is part of the answer. */
bool status_gather(const struct config *config, struct status *status,
	struct err *err) MUST_CHECK;
void status_clear(struct status *status);

/* -- status_daemons.c: one of the two ----------------------------------- */

void status_ask_daemon(struct status_daemon *daemon, const char *address);
void status_clear_daemon(struct status_daemon *daemon);
/* These cut its lines: one of them, once. */
void status_show_daemon(const char *name, struct status_daemon *daemon);
void status_put_daemon(struct json *root, const char *name,
	struct status_daemon *daemon);

/* -- the whole ----------------------------------------------------------- */

/* Files and claims over all datasets; -1 where one may not be read. */
int64_t status_waiting(const struct status *status);
int64_t status_claimed(const struct status *status);

/* What `sluice status` exits with: of the first server with a trouble. */
int status_code(const struct status *status);

#endif
