/* api_private.h - what the parts of the poller share: a desk, at which all
 * endpoints are served in turn by one thread. */
#ifndef SLUICE_API_PRIVATE_H
#define SLUICE_API_PRIVATE_H

#include "common/api_template.h"
#include "common/backoff.h"
#include "common/cron.h"
#include "common/log.h"
#include "common/object_store.h"
#include "common/queue.h"
#include "producer/api_clerks.h"
#include "producer/api_harvest.h"
#include "producer/api_limits.h"
#include "producer/api_request.h"
#include "producer/api_state.h"
#include "producer/plan.h"

#define API_NAME_MAX 128
#define API_NEVER INT64_MAX

enum api_phase {
	API_IDLE,    /* until next_us */
	API_READY,   /* a request is to be made, not before wake_ms */
	API_LOOKING, /* its answer may lie in the store: a clerk looks */
	API_TOKEN,   /* an access token was asked for */
	API_FLYING,  /* the request is under way */
	API_KEEPING, /* nothing more, until what there is was written */
};

/* What a run has brought so far. */
struct api_tally {
	uint64_t requests, pages, unchanged, records, sources, errors;
};

struct api_endpoint;

/* One step of an endpoint, from where it is known until it is written: an
 * answer that clerks keep meanwhile, or how a request failed. Steps are
 * written in their order, many of them in one transaction. */
struct api_step {
	struct api_work work;     /* what a clerk does */
	bool wanted;              /* it has to do something */
	bool given, done;         /* it is at it; it has done it */
	int64_t again_ms;         /* it could not: not before that */
	struct api_endpoint *e;
	struct api_step *next;
	struct api_intent asked;  /* the request that this came of */
	long status;
	struct http_reply *reply; /* owned, as are these */
	struct buf found_headers, found_body;
	const struct buf *headers;
	const char *body;
	size_t len, weight;
	struct buf note, address;
	struct api_harvest harvest;
	struct api_known known;
	bool knows, unchanged;
	bool parent_done;         /* its sequence has ended */
	char *parent_cursor;
	bool choose_parent;       /* the next, once this is written */
	bool wake_children;
	bool abandoned;           /* the endpoint's intent */
	struct api_row row;       /* as it is then */
	bool failed;
	struct err why;
};

struct api_endpoint {
	const struct dataset *dataset;
	const struct pipeline_api *api;
	const struct claim_rules *rules;
	char name[API_NAME_MAX]; /* "<pipeline>.<dataset>" */
	struct api_host *host;
	struct api_child *children;
	struct api_endpoint **child_endpoints;
	size_t child_count;
	struct cron cron;
	struct zone *zone;

	enum api_phase phase;
	int64_t wake_ms;    /* READY: monotonic */
	struct api_row row; /* as the last of its steps will leave it */
	bool intends;       /* there is an intent */
	struct api_intent intent;
	bool adopt;         /* its answer may lie in the store already */
	int adopt_more;     /* and those of so many that follow */
	struct api_step *steps, *last_step; /* to be written */
	struct api_step *look;
	int step_count;
	char *cursor;       /* {cursor} in this sequence; NULL: none */
	struct backoff backoff; /* attempts: tries of this request */
	bool renewed;       /* a token was refused once */
	struct api_token token;
	struct api_login login;
	struct api_request request;
	struct api_ring ring;
	struct log_repeat failing;
	struct api_tally tally; /* of the run under way */

	bool once;          /* one request, then rest */
	bool asked;         /* somebody waits for the end of the run */
	bool told;          /* it has ended; the next two are right */
	struct err outcome;
};

struct api_desk {
	struct plan *plan;
	struct state *state;
	struct object_store *store; /* NULL: not there yet */
	struct http_client *client;
	struct queue *spooled;      /* to the keeper; NULL: rows suffice */
	_Atomic long *open;         /* sources that have not ended */
	struct api_endpoint *endpoints;
	size_t count;
	struct api_host *hosts;     /* count of room */
	size_t host_count;
	size_t first;               /* the endpoint that is served first */
	struct log_repeat no_store, no_state, no_keep;
	int64_t store_ms;           /* when to try the store again */
	int64_t measure_ms;         /* when to show the metrics again */
	struct api_clerks *clerks;
	struct api_work drop;       /* an object that nobody needs any more */
	char *dropping;             /* its name; NULL: none is being deleted */
	int64_t drop_before_us;     /* those noted before that */
	size_t step_count, held;    /* all steps, and their bytes */
	int64_t claimed_us;         /* of the last source: they differ */
	int64_t done_ms;            /* since when something can be written */
	int64_t write_ms;           /* not before that: it failed; or 0 */
	int64_t wake_ms;            /* when there may be something to do */
};

/* -- api_desk.c: the endpoints of a plan --------------------------------- */

/* Makes endpoints and hosts, reads how far they have got. The plan is held. */
bool api_desk_open(struct api_desk *desk, struct plan *plan, struct err *err)
	MUST_CHECK;
/* The same for another plan; what hosts have got so far still counts. */
bool api_desk_change(struct api_desk *desk, struct plan *plan, struct err *err)
	MUST_CHECK;
void api_desk_clear(struct api_desk *desk);
struct api_endpoint *api_desk_find(const struct api_desk *desk,
	const char *name);
/* Breaks off whatever is under way: nothing is asked or kept any more. */
void api_desk_break(struct api_desk *desk);
/* Does what can be done now. False: the daemon cannot go on. */
bool api_desk_turn(struct api_desk *desk, struct err *err) MUST_CHECK;
/* Then waits until there may be more: something comes back, happens at the fds
 * (revents are set; there is room for one more), or it is time. */
bool api_desk_wait(struct api_desk *desk, struct pollfd *fds, unsigned count,
	struct err *err) MUST_CHECK;

/* -- api_run.c: runs begin, go on and end ------------------------------------- */

/* Reads row and intent anew: what memory held is forgotten. */
bool api_load(struct api_desk *desk, struct api_endpoint *e, struct err *err)
	MUST_CHECK;
/* When it is to run next by its schedule; API_NEVER. */
int64_t api_due_us(const struct api_endpoint *e, int64_t wall_us);
/* Begins a run, or goes on with one that was broken off. */
bool api_begin(struct api_desk *desk, struct api_endpoint *e, struct err *err)
	MUST_CHECK;
/* To where the pages go on (taken), within the sequence of what was asked. */
bool api_next_page(struct api_endpoint *e, const struct api_intent *asked,
	struct api_place *place, struct err *err) MUST_CHECK;
/* The pages have ended: the next parent, or the end of the run. The step says
 * what is to be written of it. */
bool api_end_sequence(struct api_desk *desk, struct api_endpoint *e,
	struct api_step *step, struct err *err) MUST_CHECK;
/* The parent after those of the run that are written; without one the run is
 * at its end. Belongs into the step's transaction. */
bool api_choose_parent(struct api_desk *desk, struct api_endpoint *e,
	struct api_step *step, struct err *err) MUST_CHECK;
/* This request has failed for good: the run rests, or (lost) begins anew the
 * next time. */
bool api_fail(struct api_desk *desk, struct api_endpoint *e, bool lost,
	const struct err *why, struct err *err) MUST_CHECK;
/* What a child asks for is gone: on with the next. */
bool api_skip_parent(struct api_desk *desk, struct api_endpoint *e,
	const struct err *why, struct err *err) MUST_CHECK;
/* A step was written: on with the next request, or to rest. */
void api_settle(struct api_endpoint *e, const struct api_step *step);
struct api_ask api_ask_of(const struct api_endpoint *e);
/* How many requests may be under way ahead of what is written; the state file
 * has the names of so many answers. */
int api_ahead(const struct api_endpoint *e);

/* -- api_name.c: what answers will be called ------------------------------------ */

/* The intent's drop id and object, new ones. */
bool api_name_anew(struct api_endpoint *e, struct err *err) MUST_CHECK;
/* Those that follow from the ones of before. */
bool api_name_next(struct api_endpoint *e, const struct api_intent *before,
	struct err *err) MUST_CHECK;
/* Notes that no source will come of the endpoint's intent, nor of those that
 * were under way behind it: their answers may lie in the store. */
bool api_abandon(struct api_desk *desk, const struct api_endpoint *e,
	struct err *err) MUST_CHECK;
bool api_text_replace(char **to, const char *from, struct err *err)
	MUST_CHECK;

/* -- api_answer.c: what an answer means ------------------------------------------ */

/* The address that validators are kept for, appended: with its body. */
bool api_address(const struct api_endpoint *e, struct buf *out,
	struct err *err) MUST_CHECK;
/* An answer has come, or was found in the store (stored): it is judged and
 * becomes a step, taken then, and the endpoint goes on. ERR_REJECT: the answer
 * is of no use; ERR_RETRY: try the same once more. */
bool api_take_answer(struct api_desk *desk, struct api_step *step,
	bool stored, struct err *err) MUST_CHECK;
/* Its numbers into the endpoint's row. */
bool api_count_answer(struct api_step *step, struct err *err) MUST_CHECK;

/* -- api_write.c: steps, and the transaction that takes them ---------------------- */

struct api_step *api_step_new(struct api_endpoint *e, struct err *err);
void api_step_free(struct api_desk *desk, struct api_step *step);
/* The last of its endpoint's steps; gives its work to the clerks. False: it is
 * the caller's still. */
bool api_step_add(struct api_desk *desk, struct api_step *step,
	struct err *err) MUST_CHECK;
/* The endpoint goes on from what it has asked, to the next place or (NULL) the
 * end of the sequence, and the step is added. False: all is as before. */
bool api_step_advance(struct api_desk *desk, struct api_step *step,
	struct api_place *next, struct err *err) MUST_CHECK;
/* All of an endpoint's, once no clerk is at work. */
void api_steps_clear(struct api_desk *desk, struct api_endpoint *e);
/* What clerks have done. */
bool api_take_work(struct api_desk *desk, struct err *err) MUST_CHECK;
/* What they have not got yet, and what they could not do when it is time. */
bool api_give_again(struct api_desk *desk, struct err *err) MUST_CHECK;
/* Deletes answers of which no source came, before desk->drop_before_us, one
 * after the other. */
bool api_drop_next(struct api_desk *desk, struct err *err) MUST_CHECK;
/* Writes what is done, when it is worth it. *wake_ms: look again then. */
bool api_write(struct api_desk *desk, int64_t *wake_ms, struct err *err)
	MUST_CHECK;
/* Row, intent and what the host has got: within a transaction. */
bool api_put_endpoint(struct api_desk *desk, const struct api_endpoint *e,
	const struct api_row *row, const struct api_intent *intent,
	struct err *err) MUST_CHECK;
bool api_wake_children(struct api_desk *desk, const struct api_endpoint *e,
	struct err *err) MUST_CHECK;
/* Ours has failed: a hitch is told and *err emptied; else false. */
bool api_stalled(struct log_repeat *told, struct err *err) MUST_CHECK;
/* Requests of the host that count before they are made. */
bool api_put_used(struct api_desk *desk, struct api_host *host, bool more,
	struct err *err) MUST_CHECK;

/* -- api_fetch.c: requests and what comes of them ----------------------------- */

/* Looks, waits, or sends. *wake_ms: not before that. */
bool api_serve(struct api_desk *desk, struct api_endpoint *e,
	int64_t *wake_ms, struct err *err) MUST_CHECK;
bool api_reply(struct api_desk *desk, struct http_reply *reply,
	struct err *err) MUST_CHECK;
/* What a clerk has looked for is there, or not. */
bool api_looked(struct api_desk *desk, struct api_endpoint *e,
	struct err *err) MUST_CHECK;

/* -- api_measure.c: metrics ------------------------------------------------- */

void api_measure_reply(const struct api_endpoint *e,
	const struct http_reply *reply);
/* How all endpoints stand; now and then only, call it as often as you like, and
 * again after *wait_ms, which is made shorter when it was too early. */
void api_measure(struct api_desk *desk, int64_t *wait_ms);

#endif
