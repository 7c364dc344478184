/* step.h - the steps of a load, in the order of their table locks: the same in
 * every consumer, so that two of them wait for each other but never lock up.
 * Private to the load. */
#ifndef SLUICE_STEP_H
#define SLUICE_STEP_H

#include "consumer/load.h"

struct load {
	struct session *session;
	struct db *db;
	struct batch batch;
	struct load_totals totals;
	bool careful;
	struct buf rejects;       /* rows of meta.reject, as COPY wants them */
	int64_t reject_count;
	struct buf copy;          /* rows on their way to the server */
	struct buf scratch;
	struct models_delta *deltas;
	size_t delta_count;
};

/* claims.c: registers the sources not seen before, learns ids and ranks. */
bool claim_sources(struct load *load, struct err *err) MUST_CHECK;
/* Puts the messages into the ledger; sets fresh for those that were not in
 * it. Waits for another consumer's transaction that holds the same ones. */
bool claim_messages(struct load *load, struct err *err) MUST_CHECK;

/* foreign.c: keeps the bodies of fresh foreign messages. */
bool store_bodies(struct load *load, struct err *err) MUST_CHECK;

/* rows.c: records -> cells -> COPY -> upsert, dataset by dataset. */
bool load_datasets(struct load *load, struct err *err) MUST_CHECK;

/* rejects.c: one refused record; counts it. */
struct reject {
	const struct record *record;
	const char *code;
	const char *field; /* NULL: the record as a whole */
	const char *detail;
	size_t at;         /* offset of the fault in the record */
};
bool reject_record(struct load *load, const struct work *work,
	const struct reject *reject, struct err *err) MUST_CHECK;
/* What needs no dataset: the producer's rejects, and messages whose every
 * record is refused. */
bool reject_messages(struct load *load, struct err *err) MUST_CHECK;
bool store_rejects(struct load *load, struct err *err) MUST_CHECK;

/* counters.c: the sources' counters, and whether they are complete; the load's
 * own row. Fails when the numbers do not add up. */
bool store_counters(struct load *load, struct err *err) MUST_CHECK;
bool store_load(struct load *load, struct err *err) MUST_CHECK;

/* attempts.c: forgets the deaths of what is loaded now. */
bool forget_attempts(struct load *load, struct err *err) MUST_CHECK;

#endif
