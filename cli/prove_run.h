/* prove_run.h - files keep dropping while everything is killed in turn. */
#ifndef SLUICE_PROVE_RUN_H
#define SLUICE_PROVE_RUN_H

#include "cli/prove_judge.h"

enum prove_kill {
	PROVE_KILL_PRODUCER,
	PROVE_KILL_CONSUMER,
	PROVE_KILL_ANSWER,   /* the consumer, its commit done, not answered */
	PROVE_KILL_BROKER,   /* the node */
	PROVE_KILL_POSTMASTER,
	PROVE_KILL_BACKEND,  /* the consumer's, of PostgreSQL */
	PROVE_KILLS,
};

struct prove_progress {
	int64_t elapsed_ms;
	uint32_t files;
	int64_t issued;    /* records dropped */
	int64_t accounted; /* of them, as the consumer says */
	int64_t complete;  /* files */
	int64_t duplicates;
	int64_t kills[PROVE_KILLS];
	int64_t stall_ms;  /* the longest time without a record, with some
			    * under way */
	int64_t up_stall_ms; /* of that with servers and daemons up */
	const char *phase;
};

struct prove_options {
	struct prove_plan plan;
	int64_t records;     /* at least, spread over */
	int64_t duration_ms;
	void (*say)(void *context, const struct prove_progress *progress);
	void *context;
};

/* "producer", "consumer after its commit" ... */
const char *prove_kill_name(enum prove_kill kill);
/* What is killed when: the n-th kill, so long after the one before, with
 * so much time until it is started again. The first ones are of every kind.
 * Pure. */
void prove_kill_draw(uint64_t seed, uint32_t n, enum prove_kill *kill,
	int *after_ms, int *down_ms);

/* Runs to the end: all that was dropped has come to rest and the daemons have
 * ended, or what did not is in *verdict. False: it could not go on. */
bool prove_run(struct prove_site *site, const struct prove_options *options,
	struct prove_progress *progress, struct prove_verdict *verdict,
	struct err *err) MUST_CHECK;

#endif
