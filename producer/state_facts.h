/* state_facts.h - what the state file tells those who only watch: opened with
 * state_look, beside the producer that owns it. */
#ifndef SLUICE_STATE_FACTS_H
#define SLUICE_STATE_FACTS_H

#include "producer/state.h"

/* A drop and how much of it the broker has confirmed. */
struct state_fact {
	struct uuid drop;
	char *pipeline, *dataset;
	char *name;         /* relative to raw_dir, raw bytes */
	enum source_state state;
	int64_t size;       /* bytes of the file as it lies there */
	int64_t offset;     /* bytes of it confirmed, decompressed */
	int64_t records;    /* confirmed, those the reader refused included */
	int64_t claimed_us;
};

/* The drops that are not finished and the latest `latest` others, the oldest
 * claim first, at most `max` (the oldest ones then). Lost ones are left out.
 * The caller frees with state_facts_free. */
bool state_facts(struct state *state, size_t latest, size_t max,
	struct state_fact **facts, size_t *count, struct err *err) MUST_CHECK;
void state_facts_free(struct state_fact *facts, size_t count);

/* Sums over all drops of a dataset that are still remembered. */
struct state_sum {
	char *pipeline, *dataset;
	int64_t files;   /* claimed */
	int64_t records; /* confirmed */
};
bool state_sums(struct state *state, struct state_sum **sums, size_t *count,
	struct err *err) MUST_CHECK;
void state_sums_free(struct state_sum *sums, size_t count);

#endif
