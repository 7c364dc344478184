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
#include "producer/api_harvest.h"
#include "producer/api_limits.h"
#include "producer/api_request.h"
#include "producer/api_state.h"
#include "producer/plan.h"

#define API_NAME_MAX 128
#define API_NEVER INT64_MAX

enum api_phase {
	API_IDLE,   /* until next_us */
	API_READY,  /* a request is to be made, not before wake_ms */
	API_TOKEN,  /* an access token was asked for */
	API_FLYING, /* the request is under way */
};

/* What a run has brought so far. */
struct api_tally {
	uint64_t requests, pages, unchanged, records, sources, errors;
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
	struct api_row row; /* as it stands in the state file */
	bool intends;       /* there is an intent */
	struct api_intent intent;
	bool adopt;         /* its answer may lie in the store already */
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
	struct log_repeat no_store, no_state;
	int64_t store_ms;           /* when to try the store again */
	int64_t measure_ms;         /* when to show the metrics again */
};

/* -- api_desk.c: the endpoints of a plan --------------------------------- */

/* Makes endpoints and hosts, reads how far they have got. The plan is held. */
bool api_desk_open(struct api_desk *desk, struct plan *plan, struct err *err)
	MUST_CHECK;
void api_desk_clear(struct api_desk *desk);
struct api_endpoint *api_desk_find(const struct api_desk *desk,
	const char *name);
/* Does what can be done now; the milliseconds until there may be more. False:
 * the daemon cannot go on. */
bool api_desk_turn(struct api_desk *desk, int64_t *wait_ms, struct err *err)
	MUST_CHECK;

/* -- api_run.c: from one page to the next, durably ------------------------- */

/* Reads row and intent anew: what memory held is forgotten. */
bool api_load(struct api_desk *desk, struct api_endpoint *e, struct err *err)
	MUST_CHECK;
/* When it is to run next by its schedule; API_NEVER. */
int64_t api_due_us(const struct api_endpoint *e, int64_t wall_us);
/* Begins a run, or goes on with one that was broken off. */
bool api_begin(struct api_desk *desk, struct api_endpoint *e, struct err *err)
	MUST_CHECK;
/* An answer has come, or was found in the store: its records become a source,
 * the next request is written down, or the run ends. ERR_REJECT: the answer
 * is of no use; ERR_RETRY: try the same once more. */
bool api_take_answer(struct api_desk *desk, struct api_endpoint *e,
	long status, const struct buf *headers, const char *body, size_t len,
	bool stored, struct err *err) MUST_CHECK;
/* This request has failed for good: the run rests, or (lost) begins anew the
 * next time. */
bool api_fail(struct api_desk *desk, struct api_endpoint *e, bool lost,
	const struct err *why, struct err *err) MUST_CHECK;
/* What a child asks for is gone: on with the next. */
bool api_skip_parent(struct api_desk *desk, struct api_endpoint *e,
	const struct err *why, struct err *err) MUST_CHECK;
struct api_ask api_ask_of(const struct api_endpoint *e);

/* -- api_fetch.c: requests and what comes of them ----------------------------- */

/* Adopts, waits, or sends. *wake_ms: not before that. */
bool api_step(struct api_desk *desk, struct api_endpoint *e, int64_t *wake_ms,
	struct err *err) MUST_CHECK;
bool api_reply(struct api_desk *desk, struct http_reply *reply,
	struct err *err) MUST_CHECK;

/* -- api_measure.c: metrics ------------------------------------------------- */

void api_measure_reply(const struct api_endpoint *e,
	const struct http_reply *reply);
/* How all endpoints stand; now and then only, call it as often as you like, and
 * again after *wait_ms, which is made shorter when it was too early. */
void api_measure(struct api_desk *desk, int64_t *wait_ms);

#endif
