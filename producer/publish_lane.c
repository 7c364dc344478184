/* publish_lane.c - datasets in turn: their files are read and sent. */
#include "producer/publish_private.h"
#include "common/clock.h"
#include "common/metrics.h"
#include "common/mutation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_COST ((size_t)1024) /* beside its bytes */
#define BURST 32                    /* messages between two looks at events */

/* -- lanes ------------------------------------------------------------ */

static struct outlet *outlet_of(struct publisher *p, const char *pipeline,
	struct err *err)
{
	struct outlet *outlet = p->outlets;

	while (outlet != NULL && strcmp(outlet->pipeline, pipeline) != 0)
		outlet = outlet->next;
	if (outlet != NULL)
		return outlet;
	outlet = calloc(1, sizeof(*outlet));
	if (outlet == NULL || (outlet->pipeline = strdup(pipeline)) == NULL) {
		free(outlet);
		(void)err_memory(err);
		return NULL;
	}
	outlet->backoff = (struct backoff){ .base_ms = 100,
		.ceiling_ms = 2000 };
	outlet->next = p->outlets;
	p->outlets = outlet;
	return outlet;
}

static struct lane *lane_new(struct outlet *outlet, const char *key,
	struct err *err)
{
	struct lane *lane = outlet == NULL ? NULL : calloc(1, sizeof(*lane));

	if (lane == NULL || (lane->key = strdup(key)) == NULL) {
		free(lane);
		(void)err_memory(err);
		return NULL;
	}
	lane->outlet = outlet;
	lane->backoff = (struct backoff){ .base_ms = 100, .ceiling_ms = 2000 };
	return lane;
}

static struct lane *lane_of(struct publisher *p, const struct source *source,
	struct err *err)
{
	char key[256];
	struct lane *lane = p->lanes;

	(void)snprintf(key, sizeof(key), "%s.%s", source->pipeline,
		source->dataset);
	while (lane != NULL && strcmp(lane->key, key) != 0)
		lane = lane->next;
	if (lane != NULL)
		return lane;
	lane = lane_new(outlet_of(p, source->pipeline, err), key, err);
	if (lane != NULL) {
		lane->next = p->lanes;
		p->lanes = lane;
	}
	return lane;
}

bool publish_take(struct publisher *p, struct source *source,
	struct err *err)
{
	struct lane *lane = lane_of(p, source, err);
	struct sending *sending = lane == NULL ? NULL :
		sending_new(source, p->plan->config.raw_dir, err);

	if (sending == NULL) {
		source_free(source);
		return false;
	}
	if (lane->last != NULL)
		lane->last->next = sending;
	else
		lane->first = sending;
	lane->last = sending;
	if (lane->reading == NULL)
		lane->reading = sending;
	return true;
}

void outlet_wait(struct outlet *outlet)
{
	outlet->flow = WAITING;
	outlet->due_ms = clock_now_ms() + backoff_next_ms(&outlet->backoff);
}

/* What cannot be read now; what is read already is sent meanwhile. */
static void lane_wait(struct lane *lane)
{
	lane->due_ms = clock_now_ms() + backoff_next_ms(&lane->backoff);
}

bool lane_end(struct publisher *p, struct lane *lane,
	enum report_kind kind, struct err *err)
{
	struct sending *sending = lane->first;
	struct source *source = sending_take_source(sending);

	lane->first = sending->next;
	if (lane->first == NULL)
		lane->last = NULL;
	if (lane->reading == sending)
		lane->reading = sending->next;
	source->failed = sending->failed;
	sending_free(sending);
	return publish_report(p, &(struct report){ .kind = kind,
		.drop = source->drop, .position = source->position,
		.source = source }, err);
}

/* -- sending ---------------------------------------------------------- */

/* Nothing more can be sent of the source that is being read. What is in the
 * window of it stays: it is the lane's first only when all that is gone. */
static bool abandon(struct publisher *p, struct lane *lane,
	const struct err *why, struct err *err)
{
	struct sending *sending = lane->reading;

	if (sending != lane->first || lane->window.first != NULL) {
		lane_wait(lane); /* until the ones before have left */
		return true;
	}
	LOG(LOG_ERROR, sending->gone ? "source_gone" : "source_given_up",
		LOG_S("source", sending->source->name),
		LOG_S("why", why->text), LOG_U("sent_to",
			sending->source->position.offset));
	sending->failed = true;
	sending->source->given_up = true;
	return lane_end(p, lane, sending->gone ? REPORT_LOST : REPORT_ENDED,
		err);
}

static bool reading_failed(struct publisher *p, struct lane *lane,
	struct err *why, struct err *err)
{
	if (why->kind == ERR_REJECT)
		return abandon(p, lane, why, err);
	if (why->kind != ERR_RETRY) {
		*err = *why;
		return false;
	}
	if (log_repeat_due(&lane->unreadable))
		LOG(LOG_WARN, "read_failed",
			LOG_S("source", lane->reading->source->name),
			LOG_S("err", why->text));
	lane_wait(lane);
	return true;
}

/* Reads on in the lane's file; what comes waits in the window. */
static bool lane_read(struct publisher *p, struct lane *lane, struct err *err)
{
	struct sending *sending = lane->reading;
	struct outgoing *given[SENDING_GIVES];
	struct err why = { 0 };
	size_t count;

	if (!sending_next(sending, given, &count, &why))
		return reading_failed(p, lane, &why, err);
	pulse_step(p->pulse);
	lane->due_ms = 0;
	if (log_repeat_clear(&lane->unreadable) > 0)
		backoff_reset(&lane->backoff);
	for (size_t i = 0; i < count; i++)
		window_add(p->window, &lane->window, &given[i]->window,
			given[i]->body.len + given[i]->envelope.index.len +
			MESSAGE_COST);
	if (sending->ended)
		lane->reading = sending->next;
	return true;
}

/* For the test of the tests: what is about to be sent passes for confirmed. */
static bool checkpoint_early(struct publisher *p,
	const struct outgoing *outgoing, struct err *err)
{
	if (!MUTATED(checkpoint_before_confirm))
		return true;
	outgoing->sending->source->position = outgoing->after;
	return publish_position(p, outgoing->sending, err);
}

/* Likewise: a file's last message, once it is sent. */
static bool end_early(struct publisher *p, const struct outgoing *outgoing,
	uint64_t tag, struct err *err)
{
	return !MUTATED(moved_before_manifest) || !outgoing->last ||
		publish_event(p, &(struct broker_event){ .tag = tag,
			.kind = BROKER_ACKED }, err);
}

static void measure_sent(const struct publisher *p, const struct lane *lane,
	struct outgoing *outgoing)
{
	if (outgoing->sent_us == 0)
		metrics_took(METRIC_STAGE, clock_wall_us() -
			outgoing->sending->source->claimed_us,
			"file_to_publish");
	outgoing->sent_us = clock_now_us();
	metrics_add(METRIC_MESSAGES_SENT, 1, lane->key, NULL);
	metrics_set(METRIC_CONFIRMS_IN_FLIGHT,
		(double)window_flying(p->window), NULL, NULL);
}

static bool send_item(struct publisher *p, struct lane *lane,
	struct window_item *item, struct err *err)
{
	struct outgoing *outgoing = (struct outgoing *)item;
	struct message message = { 0 };
	uint64_t tag;

	envelope_encode(&outgoing->envelope, outgoing->id, &message);
	message.exchange = EXCHANGE;
	message.routing_key = lane->key;
	message.user_id = p->user;
	message.body = outgoing->body;
	if (!checkpoint_early(p, outgoing, err) ||
		!broker_publish(p->broker, &message, &tag, err))
		return false;
	window_sent(p->window, item, tag);
	measure_sent(p, lane, outgoing);
	return end_early(p, outgoing, tag, err);
}

static bool any_unsent(const struct publisher *p, const struct outlet *outlet)
{
	for (const struct lane *lane = p->lanes; lane != NULL;
		lane = lane->next)
		if (lane->outlet == outlet && lane->window.unsent > 0)
			return true;
	return false;
}

/* True when the lane's queue takes a message of it now, or may: whose turn it
 * is, tries for all. */
static bool outlet_ready(const struct publisher *p, const struct lane *lane)
{
	struct outlet *outlet = lane->outlet;

	if (outlet->flow != WAITING || clock_now_ms() < outlet->due_ms)
		return outlet->flow == FLOWING;
	if (!any_unsent(p, outlet))
		outlet->flow = FLOWING;
	else if (lane->window.unsent > 0)
		outlet->flow = PROBING;
	else
		return false;
	return true;
}

static bool may_read(const struct publisher *p, const struct lane *lane)
{
	return lane->reading != NULL &&
		window_room(p->window, &lane->window) &&
		(lane->due_ms == 0 || clock_now_ms() >= lane->due_ms);
}

/* True when the lane has something to do now. */
static bool lane_ready(const struct publisher *p, const struct lane *lane)
{
	return (lane->window.unsent > 0 || may_read(p, lane)) &&
		outlet_ready(p, lane);
}

/* A message of the lane, or a step towards one. */
static bool lane_serve(struct publisher *p, struct lane *lane,
	struct err *err)
{
	struct window_item *item = window_unsent(&lane->window);

	if (item == NULL)
		return lane_read(p, lane, err);
	return send_item(p, lane, item, err);
}

static struct lane *next_ready(struct publisher *p)
{
	struct lane *lane = p->turn != NULL ? p->turn : p->lanes;
	const struct lane *start = lane;

	if (lane == NULL)
		return NULL;
	do {
		if (lane_ready(p, lane)) {
			p->turn = lane->next;
			return lane;
		}
		lane = lane->next != NULL ? lane->next : p->lanes;
	} while (lane != start);
	return NULL;
}

/* A new connection gets one message first: a broker that raised an alarm stops
 * reading after it, and who sends on fills the kernel's buffers and hangs. */
static bool must_wait(struct publisher *p, bool *wait, struct err *err)
{
	*wait = p->blocked ||
		(!p->answered && window_flying(p->window) > 0);
	return *wait || broker_blocks(p->broker, wait, err);
}

bool publish_burst(struct publisher *p, bool *more, struct err *err)
{
	struct lane *lane = NULL;
	bool wait = false;

	*more = false;
	for (int i = 0; i < BURST; i++) {
		if (!must_wait(p, &wait, err))
			return false;
		if (wait)
			return true;
		lane = window_open(p->window) ? next_ready(p) : NULL;
		if (lane == NULL)
			return true;
		if (!lane_serve(p, lane, err))
			return false;
	}
	*more = true;
	return true;
}

/* -- clearing up ------------------------------------------------------ */

static void clear_lane(struct publisher *p, struct lane *lane)
{
	struct window_item *item;

	while ((item = window_drop(p->window, &lane->window)) != NULL)
		outgoing_free((struct outgoing *)item);
	while (lane->first != NULL) {
		struct sending *sending = lane->first;

		lane->first = sending->next;
		sending_free(sending);
	}
	free(lane->key);
	free(lane);
}

void lanes_clear(struct publisher *p)
{
	while (p->lanes != NULL) {
		struct lane *lane = p->lanes;

		p->lanes = lane->next;
		clear_lane(p, lane);
	}
	while (p->outlets != NULL) {
		struct outlet *outlet = p->outlets;

		p->outlets = outlet->next;
		free(outlet->pipeline);
		free(outlet);
	}
}
