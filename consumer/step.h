/* step.h - the steps of a load, in the order of their table locks: the same in
 * every consumer, so that two of them wait for each other but never lock up.
 * Private to the load. */
#ifndef SLUICE_STEP_H
#define SLUICE_STEP_H

#include "consumer/derive.h"
#include "consumer/load.h"

/* A dataset made out of another one's records, which this load has. */
struct derived {
	const struct dataset *dataset;
	struct work **works; /* the parent's, in the batch's order */
	size_t count;
	struct tally *tallies; /* one a source of the batch */
};

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
	struct derived *derived;  /* by pipeline and name */
	size_t derived_count;
	struct derive derive;
	struct models_delta *deltas;
	size_t delta_count;
};

/* load.c: from now on what fails is the fault of this dataset's tables (NULL:
 * of none). */
void load_enter(struct load *load, const struct dataset *dataset);

/* claims.c: registers the sources not seen before, learns ids and ranks. */
bool claim_sources(struct load *load, struct err *err) MUST_CHECK;
/* Puts the messages into the ledger; sets fresh for those that were not in
 * it. Waits for another consumer's transaction that holds the same ones. */
bool claim_messages(struct load *load, struct err *err) MUST_CHECK;

/* derived.c: puts fresh messages into the ledger for the datasets that are
 * made out of theirs as well. Whoever has the parent's row has these too. */
bool claim_derived(struct load *load, struct err *err) MUST_CHECK;
/* Their counters, in meta.derived. After store_counters, which locks the
 * sources. */
bool store_derived(struct load *load, struct err *err) MUST_CHECK;
void clear_derived(struct load *load);

/* foreign.c: keeps the bodies of fresh foreign messages. */
bool store_bodies(struct load *load, struct err *err) MUST_CHECK;

/* rows.c: records -> cells -> COPY -> upsert, dataset by dataset: first those
 * with sources, then those made out of them, each by pipeline and name. */
bool load_datasets(struct load *load, struct err *err) MUST_CHECK;

/* rejects.c: one refused record; counts it. */
struct reject {
	const struct record *record;
	const struct derived *derived; /* NULL: one of the source's own */
	uint64_t item;     /* derived: which of the record's values, from 1 */
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

/* counters.c: every record is a row or a reject, and no more rows were
 * inserted or updated than there were. */
bool tally_adds_up(const struct tally *tally, int64_t source_id,
	struct err *err) MUST_CHECK;
int64_t tally_unchanged(const struct tally *tally);
/* The sources' counters, and whether they are complete; the load's
 * own row. Fails when the numbers do not add up. */
bool store_counters(struct load *load, struct err *err) MUST_CHECK;
bool store_load(struct load *load, struct err *err) MUST_CHECK;

/* attempts.c: forgets the deaths of what is loaded now. */
bool forget_attempts(struct load *load, struct err *err) MUST_CHECK;

#endif
