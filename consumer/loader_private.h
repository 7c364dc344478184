/* loader_private.h - what the parts of the loader share. */
#ifndef SLUICE_LOADER_PRIVATE_H
#define SLUICE_LOADER_PRIVATE_H

#include "common/backoff.h"
#include "common/log.h"
#include "common/pulse.h"
#include "consumer/held.h"
#include "consumer/keep.h"
#include "consumer/load.h"
#include "consumer/loader.h"

#include <pthread.h>
#include <stdatomic.h>

#define LOADER_HOLD_MS (10 * 60 * 1000) /* the broker waits 30 minutes */
#define LOADER_TOLD_MAX 8 /* causes of one trouble that are told at once */
#define GENERATION_PAST UINT64_MAX /* no connection will ever have it */

struct loader {
	const struct config *config;
	struct queue *deliveries;
	struct intake *intake;
	struct care *care; /* NULL: nobody looks after what is loaded */
	struct pauses *pauses;
	struct fate *fate;
	pthread_t thread;
	_Atomic(struct plan *) next_plan;

	/* the thread's own */
	struct plan *plan;
	struct session session;
	struct keep keep;
	struct pulse *pulse;
	struct work_rules rules;
	char name[96];
	struct work **pending; /* in the order of delivery */
	size_t pending_count, pending_cap;
	int64_t pending_bytes;
	bool others_turn; /* the latest batch passed the largest dataset by */
	struct held_set held;
	const struct dataset *fault; /* of the step that failed; or NULL */
	int64_t rows;          /* that the last load has put into tables */
	struct backoff backoff;
	struct log_repeat trouble;
	char told[LOADER_TOLD_MAX][sizeof(((struct err *)NULL)->code)];
	size_t told_count;     /* of the trouble at hand */
	int64_t trouble_since; /* 0: all is well */
	int64_t look_ms;       /* when the plan may be read again */
};

enum verdict {
	LOADED,
	REFUSED, /* by what it is: split it or set it aside */
	HELD,    /* the tables of loader->fault take nothing now */
	VOID,    /* no longer ours: we stop, or the broker took it back */
};

typedef bool loader_step(struct loader *loader, struct work **works,
	size_t count, struct err *err);

/* -- loader.c: the thread and what is pending ------------------------------ */

/* Owns the plan from now on. */
void loader_use_plan(struct loader *loader, struct plan *plan);
/* Behind the pending ones; takes the work over, also when it fails. */
bool loader_add_work(struct loader *loader, struct work *work,
	struct err *err);

/* -- loader_batch.c: a batch is loaded ------------------------------------- */

/* What the message says; out of memory only. */
bool loader_read_work(struct loader *loader, struct work *work,
	struct err *err);
/* Loads these; those that are not done by then are as if they had just come:
 * to be read, counted and tried anew. */
void loader_load_some(struct loader *loader, struct work **works, size_t n);

/* -- loader_held.c: datasets that wait ------------------------------------- */

/* The dataset of loader->fault waits from now on, or still; what it has
 * among the works is not done. False: the end. */
bool loader_hold_dataset(struct loader *loader, const struct err *why);
/* Takes those that are to wait out of the pending ones, tries one dataset that
 * is due, gives back what waits too long. False: out of memory. */
bool loader_mind_held(struct loader *loader, struct err *err);

/* -- loader_trouble.c: whose fault it is, who waits ------------------------ */

/* Of a connection that is gone: the broker delivers it again. */
bool loader_is_void(const struct loader *loader, const struct work *work);
/* What the tables at hand have brought about, not the server. */
bool loader_is_of_tables(const struct err *err);
/* Adds to an error of the server what a human can do about it. */
void loader_explain(struct err *err);
/* All is well. */
void loader_calm(struct loader *loader);
/* A session, however long it takes; false when we stop. */
bool loader_await_session(struct loader *loader);
/* One step on the same works until it succeeds, or cannot. */
enum verdict loader_persist(struct loader *loader, loader_step *step,
	struct work **works, size_t count, struct err *err);

#endif
