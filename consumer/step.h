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

/* Why a replay was refused, for its row in meta.reject. */
struct refusal {
	int64_t reject_id;
	uint64_t line, column;
	char code[ENVELOPE_CODE_MAX + 1];
	char field[64]; /* empty: the record as a whole */
	char detail[256];
};

/* Records first .. last - 1 of each message. */
struct range {
	uint64_t first, last;
};

/* What a dataset gets in this load. */
struct feed {
	struct table *table;
	struct derived *derived; /* NULL: the messages' own records */
	struct work *const *works;
	size_t count;
};

/* The columns of meta.reject that a load writes, in this order. */
enum {
	R_SOURCE, R_DATASET, R_LO, R_HI, R_ITEM, R_RECORD, R_LINE, R_COLUMN, R_CODE,
	R_FIELD, R_DETAIL, R_STAGE, R_BYTES, R_LOAD, R_COUNT
};

struct load;

/* Where a load goes: to PostgreSQL, or into an SQLite file. */
struct sink {
	/* The row in feed->table->cells; provenance: source, offset, load,
	 * item (of a derived dataset only). */
	bool (*row)(struct load *load, const struct feed *feed,
		const int64_t provenance[4], struct err *err);
	/* R_COUNT cells; those of bytes are TEXT. */
	bool (*reject)(struct load *load, const struct cell *cells,
		struct err *err);
	/* One dataset: feed->table is still to be set. */
	bool (*dataset)(struct load *load, const struct dataset *dataset,
		struct feed *feed, struct err *err);
};

/* Rejects of one kind, for the metrics. */
#define REJECT_TALLIES 32
struct reject_tally {
	const struct dataset *dataset; /* NULL: there is none of the name */
	char code[ENVELOPE_CODE_MAX + 1];
	int64_t count;
};

struct load {
	const struct sink *sink;
	void *target;             /* the sink's own */
	struct session *session;
	struct db *db;
	struct batch batch;
	struct load_totals totals;
	int64_t started_us;
	struct reject_tally reject_tallies[REJECT_TALLIES];
	size_t reject_tally_count;
	bool careful;
	struct buf rejects;       /* rows of meta.reject, as COPY wants them */
	int64_t reject_count;
	struct refusal *again;    /* replays that were refused again */
	size_t again_count, again_cap;
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
/* The part of it that asks no database: lists load->derived. */
bool list_derived(struct load *load, struct err *err) MUST_CHECK;
/* The index of one of those. */
size_t find_derived(const struct load *load, const struct dataset *dataset);
/* Their counters, in meta.derived. After store_counters, which locks the
 * sources. */
bool store_derived(struct load *load, struct err *err) MUST_CHECK;
void clear_derived(struct load *load);

/* foreign.c: keeps the bodies of fresh foreign messages. */
bool store_bodies(struct load *load, struct err *err) MUST_CHECK;

/* feed.c: hands each dataset that gets something to the sink: first those with
 * sources, then those made out of them, each by pipeline and name. */
bool load_datasets(struct load *load, struct err *err) MUST_CHECK;
/* Records of the range -> cells -> the sink; counts, and rejects the others. */
bool feed_work(struct load *load, const struct feed *feed, struct work *work,
	struct range range, struct err *err) MUST_CHECK;
struct tally *feed_tally(struct load *load, const struct feed *feed,
	size_t source);
/* A message says how many records it has; how many are derived is counted. */
void feed_count(struct load *load, const struct feed *feed,
	const struct work *work);
/* How many the feed's one message has. */
bool feed_count_items(struct load *load, const struct feed *feed,
	uint64_t *count, struct err *err) MUST_CHECK;
struct item;
struct reject;
/* Not loaded: what is derived from the record is not either. */
bool feed_refuse(struct load *load, const struct feed *feed,
	struct work *work, const struct item *item, struct reject *reject,
	struct err *err) MUST_CHECK;

/* rows.c: cells -> COPY -> upsert. */
extern const struct sink postgres_sink;

/* replays.c: rejects that are put through again. Before the batch is built:
 * learns which rows they are to resolve; who names none is set aside. */
bool find_rejects(struct db *db, struct work **works, size_t count,
	struct err *err) MUST_CHECK;
/* Locks the rows of fresh replays. One whose row is resolved by now, or is
 * another's of this batch, counts for nothing: fresh no more. */
bool claim_rejects(struct load *load, struct err *err) MUST_CHECK;
/* A replay is refused again: keeps the new reason for store_replays. */
bool refuse_again(struct load *load, const struct work *work,
	const struct reject *reject, struct err *err) MUST_CHECK;
/* Resolves the rows of those that were loaded; the others get their new
 * reason and stay open. */
bool store_replays(struct load *load, struct err *err) MUST_CHECK;

/* rejects.c: one refused record; counts it. */
struct reject {
	const struct record *record;
	const struct derived *derived; /* NULL: one of the source's own */
	uint64_t item;     /* derived: which of the record's values, from 1 */
	const char *code;
	const char *field; /* NULL: the record as a whole */
	const char *detail;
	size_t at;         /* offset of the fault in the record */
	const struct record *place; /* it is not there but in this one; or
				     * NULL */
};
bool reject_record(struct load *load, const struct work *work,
	const struct reject *reject, struct err *err) MUST_CHECK;
/* Text that PostgreSQL takes: what is not UTF-8, and controls, become '?'. */
bool reject_add_clean(struct buf *out, const char *text, size_t len,
	struct err *err) MUST_CHECK;
/* What needs no dataset: the producer's rejects, and messages whose every
 * record is refused. */
bool reject_messages(struct load *load, struct err *err) MUST_CHECK;
bool store_rejects(struct load *load, struct err *err) MUST_CHECK;

/* counters.c: every record is a row or a reject, and no more rows were
 * inserted or updated than there were. */
bool tally_adds_up(const struct tally *tally, int64_t source_id,
	struct err *err) MUST_CHECK;
int64_t tally_unchanged(const struct tally *tally);
/* Counts the fresh works into the sources and the totals. Fails when the
 * numbers do not add up. */
bool count_works(struct load *load, struct err *err) MUST_CHECK;
/* Whether the load has anything to add to the source's row. */
bool source_counts(const struct source *source);
/* count_works; the sources' counters, and whether they are complete; the
 * load's own row. */
bool store_counters(struct load *load, struct err *err) MUST_CHECK;
bool store_load(struct load *load, struct err *err) MUST_CHECK;

/* attempts.c: forgets the deaths of what is loaded now. */
bool forget_attempts(struct load *load, struct err *err) MUST_CHECK;

#endif
