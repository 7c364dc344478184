/* work.h - a delivery on its way into the database: what it is, whose it is.
 * Pure but for the memory it takes. */
#ifndef SLUICE_WORK_H
#define SLUICE_WORK_H

#include "common/broker.h"
#include "common/pipeline.h"
#include "consumer/walk.h"

enum work_kind {
	WORK_UNREAD,   /* not looked into yet: it may be what kills us */
	WORK_CHUNK,    /* ours: records */
	WORK_REJECT,   /* ours: a record the producer refused */
	WORK_MANIFEST, /* ours: the end of a source */
	WORK_FOREIGN,  /* anybody's: JSON */
	WORK_ASIDE,    /* set aside whole: code and detail say why */
};

/* Whose counters a message moves, and where its bytes lie in the ledger: an
 * id of our producer's, or one made from the message itself. */
struct work {
	struct delivery *delivery;
	uint64_t generation; /* of the AMQP connection it came by */
	int64_t received_us; /* monotonic; 0: not known */
	enum work_kind kind;

	struct envelope envelope; /* of ours */
	struct uuid drop;
	uint64_t lo, hi;
	uint32_t replay;
	uint64_t records;

	const char *dataset_name; /* from the routing key */
	const struct dataset *dataset; /* NULL: there is none of that name */
	const char *code;   /* every record is rejected with this; or NULL */
	char detail[256];

	char key[SHA256_TEXT]; /* in meta.attempt; empty unless redelivered */
	int together, alone;   /* deaths while it was in our hands */
	bool counted;          /* the attempt at hand is in meta.attempt */

	/* tried record by record, see attempts.h */
	uint64_t trying;       /* the record at hand; 0: none */
	uint64_t passed;       /* up to this one in this process */
	int trial_deaths;      /* of those deaths alone */
	struct buf poisoned;   /* uint64_t numbers of records found guilty,
				* ascending: they are rejected unread */
	bool done;             /* committed */

	int64_t reject_id; /* a replay's: the row it is to resolve */

	/* in the load at hand */
	size_t source;     /* index in the batch */
	bool fresh;        /* this load has put it in the ledger */
	struct buf refused; /* uint64_t numbers of its records that were,
			     * ascending: nothing is derived from those */
};

/* Takes the delivery over, also when it fails (out of memory). */
struct work *work_new(struct delivery *delivery, uint64_t generation,
	struct err *err);
void work_free(struct work *work);

/* What is believed of whom. */
struct work_rules {
	const char *producer;  /* the broker's user that may send our kind */
	int64_t max_foreign;   /* bytes of anybody's body */
};

/* Reads the message: ours when it says so, comes from the producer and holds
 * what it must; JSON of anybody; the rest is set aside. False when out of
 * memory only. */
bool work_read(struct work *work, const struct work_rules *rules,
	struct err *err) MUST_CHECK;
/* The name in meta.attempt, from the bytes: nobody can forge another's. */
bool work_make_key(struct work *work, struct err *err) MUST_CHECK;
/* From now on a source of its own, with one record that is rejected: neither
 * the counters nor the ledger of the source it claims to be of are touched. */
bool work_set_aside(struct work *work, const char *code, const char *detail,
	struct err *err) MUST_CHECK;
/* Looks the dataset up; when there is none, the records are rejected. */
void work_find_dataset(struct work *work, const struct pipeline_set *set);

/* True for a record that killed us when it was tried. */
bool work_is_poisoned(const struct work *work, uint64_t number);
/* True for a message whose id was made from its bytes. */
bool work_is_foreign(const struct work *work);
/* True for a reject that is put through again. */
bool work_is_replay(const struct work *work);
/* Whether its records go to the mapper: it has some, and they are not rejected
 * as a whole. */
bool work_has_rows(const struct work *work);
/* Starts on its records; not for rejects and manifests. */
void work_walk(const struct work *work, struct walk *walk);
/* True for the name of a queue of dead letters. */
bool work_queue_is_dead(const char *queue);
/* The pipeline whose queue it came from: a name of at most out_len - 1. */
void work_pipeline(const struct work *work, char *out, size_t out_len);
/* "message from app_id: message_id" or what is known; any bytes. */
bool work_foreign_name(const struct work *work, struct buf *out,
	struct err *err) MUST_CHECK;

#endif
