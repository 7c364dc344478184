/* reconcile.h - sources of which the producer says more than was loaded.
 *
 * Three witnesses: the producer's state file (what was claimed and confirmed),
 * the ledger with its counters (what the database says was loaded), the tables
 * themselves (what is there). Where they disagree, the kept file decides. */
#ifndef SLUICE_RECONCILE_H
#define SLUICE_RECONCILE_H

#include "cli/again.h"
#include "cli/cmd.h"
#include "common/db.h"
#include "common/pipeline.h"
#include "producer/state.h"

enum amiss_kind {
	AMISS_MISSING, /* the database knows nothing of it */
	AMISS_PARTLY,  /* messages are missing */
	AMISS_LIES,    /* more is in the books than in the tables, or less */
	AMISS_STRAY,   /* all is loaded, but its file was left in .claimed */
};

enum outcome {
	OUTCOME_NONE,
	OUTCOME_SENT,   /* all is confirmed, not all is loaded yet */
	OUTCOME_LOADED,
};

struct amiss {
	struct amiss *next;      /* in the order they were found */
	struct amiss *neighbour; /* in the index */
	enum amiss_kind kind;
	struct source *source;   /* what is known of it, or was made up */
	struct buf name;         /* escaped */
	int64_t source_id;       /* 0: none */
	bool known;     /* to the state file: source is what it says */
	bool under_way; /* the producer still has it, or the queue */
	bool stray;     /* its file is in .claimed, no state knows it */
	bool foreign;   /* a message, not a file */
	bool complete;  /* the database says so */
	bool take_back; /* the books are emptied before it is sent */
	int64_t there;  /* ledger rows */
	int64_t missing; /* messages; -1: unknown until they are read */
	char lie[200];  /* what shows that the books lie; "" */
	char day[16];   /* of the claim, in UTC */
	char sha256[SHA256_TEXT];
	int64_t file_size; /* -1: unknown */
	int64_t filtered;  /* records left out by a direct load */
	struct buf path; /* the kept file, for people */
	bool fetched;    /* it lies in the object store, and in r->fetched */
	struct err fault; /* why it cannot be mended; kind ERR_NONE: it can */
	enum outcome outcome;
};

#define AMISS_BUCKETS 1024
#define WANTED_MAX 64

/* What was asked for: a source id, a drop id, a name or a kept file. */
struct wanted {
	const char *given;
	struct buf name;
	bool known;
};

struct reconcile {
	const struct config *config;
	struct pipeline_set set;
	struct state *state; /* NULL: there is none */
	struct db *db;       /* the reader's session */
	struct wanted wanted[WANTED_MAX];
	size_t wanted_count; /* 0: everything */
	struct amiss *first, *last;
	size_t count;
	struct amiss *index[AMISS_BUCKETS];
	struct again_places places;
	struct buf fetched;  /* a folder of copies; empty: there is none */
	int64_t waiting;     /* messages in the queues */
	int64_t stale;       /* models that could not be built */
	char stale_why[512]; /* of the first; may hold anything */
};

/* -- reconcile.c: opening, the list ------------------------------------- */

bool reconcile_open(struct reconcile *r, const struct config *config,
	struct err *err) MUST_CHECK;
void reconcile_close(struct reconcile *r);
/* Empties the list. */
void reconcile_forget(struct reconcile *r);
struct amiss *reconcile_find(const struct reconcile *r,
	const struct uuid *drop);
/* Puts a new one with this source, now the list's, at its end; NULL when
 * memory is short. */
struct amiss *reconcile_add(struct reconcile *r, struct source *source,
	struct err *err);
/* True when the words of the command line mean it; remembers that they did. */
bool reconcile_wants(struct reconcile *r, const char *name,
	const struct source *source, int64_t source_id);

/* -- reconcile_find.c --------------------------------------------------- */

/* Lists what is amiss. Waits for what is still on its way, wait_ms at most:
 * what a queue may hold is not called missing. */
bool reconcile_look(struct reconcile *r, int64_t wait_ms, struct err *err)
	MUST_CHECK;
/* The source of that drop, whatever the database says of it, is put into the
 * list, unless it was not asked for (*amiss NULL). */
bool reconcile_lies(struct reconcile *r, const struct uuid *drop,
	struct amiss **amiss, struct err *err) MUST_CHECK;

/* -- reconcile_books.c -------------------------------------------------- */

/* Adds the sources whose books and tables disagree. */
bool reconcile_judge_books(struct reconcile *r, struct err *err) MUST_CHECK;

/* -- reconcile_file.c --------------------------------------------------- */

/* Finds and checks the kept file of each, decides what is to be done. */
bool reconcile_prepare(struct reconcile *r, struct err *err) MUST_CHECK;
/* True when there is something to be done about it, and can be. */
bool amiss_can_mend(const struct amiss *amiss);

/* -- reconcile_object.c -------------------------------------------------- */

/* Copies the source's bytes out of the object store, where they are there,
 * and makes that the kept file. */
bool reconcile_fetch(struct reconcile *r, struct amiss *amiss,
	struct err *err) MUST_CHECK;
/* Removes the copies; the list is still there. */
void reconcile_unfetch(struct reconcile *r);
/* Reads back all that is kept of loaded sources, in folders and in the object
 * store, and holds size and SHA-256 against the ledger. */
bool reconcile_kept(const struct cmd_context *context, bool *fine,
	struct err *err) MUST_CHECK;

/* -- reconcile_message.c ------------------------------------------------ */

/* ERR_REJECT when the message cannot be sent again as it was. */
bool reconcile_judge_message(struct reconcile *r, struct amiss *amiss,
	struct err *err) MUST_CHECK;
/* Takes the messages back and publishes them, one transaction each. */
bool reconcile_send_messages(struct reconcile *r, int64_t wait_ms,
	struct err *err) MUST_CHECK;

/* -- reconcile_mend.c --------------------------------------------------- */

/* In the owner's transaction: of the sources (ids: {1,2,3}) of a pipeline
 * nothing is in ledger, rejects and deltas any more, and their models are
 * stale. Loads of theirs wait until it ends. */
bool reconcile_empty_books(struct db *db, const struct pipeline *pipeline,
	const char *ids, struct err *err) MUST_CHECK;

/* Does it all: takes back, sends, waits until it is loaded (wait_ms without
 * progress), puts files away, builds models. */
bool reconcile_mend(struct reconcile *r, int64_t wait_ms, struct err *err)
	MUST_CHECK;

#endif
