/* publish_private.h - what the parts of the publisher share. */
#ifndef SLUICE_PUBLISH_PRIVATE_H
#define SLUICE_PUBLISH_PRIVATE_H

#include "common/backoff.h"
#include "common/broker.h"
#include "common/log.h"
#include "common/pulse.h"
#include "producer/publish.h"
#include "producer/report.h"
#include "producer/sending.h"

#include <pthread.h>

enum flow {
	FLOWING, /* takes what there is */
	WAITING, /* full or missing */
	PROBING, /* one message tries whether that is over */
};

/* A pipeline's queue, which its datasets share: were each to try for itself
 * whether it is full, the one with most to send would always get there first.
 * They stay, as lanes do. */
struct outlet {
	struct outlet *next;
	char *pipeline;
	enum flow flow;
	int64_t due_ms; /* WAITING: not before */
	int64_t nacked_ms;
	struct backoff backoff;
	struct log_repeat full, missing;
};

/* A dataset. Lanes stay: their number is that of the datasets ever seen. */
struct lane {
	struct window_lane window; /* first */
	struct lane *next;
	char *key;      /* "<pipeline>.<dataset>": the routing key */
	struct outlet *outlet;
	struct sending *first, *last; /* until all is confirmed */
	struct sending *reading;      /* the one to read from; NULL: none */
	int64_t due_ms; /* reads not before; 0: nothing is in the way */
	struct backoff backoff;
	struct log_repeat unreadable;
};

struct publisher {
	struct plan *plan;
	struct queue *claims;
	struct queue *reports;
	int died_fd;
	pthread_t thread;
	pthread_mutex_t lock;  /* guards what follows, up to the blank line */
	struct broker *broker; /* set and cleared by the thread alone */
	bool cut;              /* the connection is not to be waited for */
	struct err err;

	struct pulse *pulse;
	struct window *window;
	struct outlet *outlets;
	struct lane *lanes;
	struct lane *turn;     /* the next to be served */
	char *user;
	bool blocked;
	bool ever;             /* a connection was had */
	bool answered;         /* this one has answered a message */
	bool complained;       /* since the last connection was logged */
	int64_t connected_ms;
	struct backoff backoff;
	struct log_repeat away;
	int64_t connect_ms;    /* not before */
};

/* -- publish_lane.c: datasets in turn ----------------------------------- */

/* A claimed source waits in its lane from now on. */
bool publish_take(struct publisher *p, struct source *source,
	struct err *err) MUST_CHECK;
/* Serves the lanes in turn. *more: there was no end to it. */
bool publish_burst(struct publisher *p, bool *more, struct err *err)
	MUST_CHECK;
/* Nothing is sent there for a while, which gets longer each time. */
void outlet_wait(struct outlet *outlet);
/* Takes the lane's first source out and gives it back to the keeper. */
bool lane_end(struct publisher *p, struct lane *lane, enum report_kind kind,
	struct err *err) MUST_CHECK;
void lanes_clear(struct publisher *p);

/* -- publish_confirm.c: what the broker answers -------------------------- */

/* How old the oldest source is that is not confirmed, and what is in flight. */
void publish_measure(const struct publisher *p);
bool publish_event(struct publisher *p, const struct broker_event *event,
	struct err *err) MUST_CHECK;
/* A position is dropped when the keeper is far behind; an end never is. */
bool publish_report(struct publisher *p, const struct report *what,
	struct err *err) MUST_CHECK;
bool publish_position(struct publisher *p, struct sending *sending,
	struct err *err) MUST_CHECK;

#endif
