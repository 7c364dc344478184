/* batch.h - what one transaction holds: its messages and their sources. Pure. */
#ifndef SLUICE_BATCH_H
#define SLUICE_BATCH_H

#include "consumer/work.h"

/* What became of the records that one dataset got out of one source. */
struct tally {
	int64_t records;
	int64_t rows; /* copied into a delta */
	int64_t inserted, updated, rejected;
	int64_t filtered; /* outside the dates that were asked for */
};

/* What the load adds to a row of meta.source. */
struct source {
	struct uuid drop;
	const struct work *named_by; /* one of its messages: names, claim */
	const struct envelope *manifest; /* NULL: not in this load */
	int64_t id;   /* meta.source.source_id */
	int64_t rank; /* by (claimed_at, drop_id) among the batch's */
	int64_t chunks, reader_rejects;
	int64_t replays; /* counted in records and rejected before */
	struct tally tally;
};

struct batch {
	struct work **works; /* borrowed, in the ledger's order */
	size_t count;
	struct source *sources; /* sorted by drop id */
	size_t source_count;
};

/* How many of works[0..count) one load takes: up to max_rows and max_bytes,
 * at least one; all of them when that is up to a quarter more, as a load costs
 * something however little it holds. A work that was not read yet counts as
 * `guess` rows. */
size_t batch_cut(struct work *const *works, size_t count, int64_t max_rows,
	int64_t max_bytes, int64_t guess);

/* Whether they hold at least so many rows, or so many bytes. */
bool batch_fills(struct work *const *works, size_t count, int64_t rows,
	int64_t bytes, int64_t guess);

/* Moves those of the dataset that has most of the bytes behind all others, each
 * in their order; returns how many others there are. 0 and nothing moved when
 * there are none, or no memory. */
size_t batch_others_first(struct work **works, size_t count);

/* Sorts works (drop id, dataset, lo, hi, replay) and lists the sources. */
bool batch_build(struct batch *batch, struct work **works, size_t count,
	struct err *err) MUST_CHECK;
void batch_clear(struct batch *batch);
/* By source id; NULL when it is not one of the batch. */
struct source *batch_source(const struct batch *batch, int64_t id);

#endif
