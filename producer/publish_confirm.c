/* publish_confirm.c - what the broker answers, and what the keeper hears. */
#include "producer/publish_private.h"
#include "common/clock.h"
#include "common/health.h"
#include "common/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECKPOINT_MS 200
#define STEADY_MS 5000 /* a connection that lived so long is well */
#define QUIET_MS 60000 /* without a nack: the queue is well */

/* -- metrics ---------------------------------------------------------- */

void publish_measure(const struct publisher *p)
{
	int64_t oldest_us = 0;

	for (const struct lane *lane = p->lanes; lane != NULL;
		lane = lane->next) {
		const int64_t at_us = lane->first != NULL ?
			lane->first->source->claimed_us : 0;

		if (at_us != 0 && (oldest_us == 0 || at_us < oldest_us))
			oldest_us = at_us;
	}
	metrics_since(METRIC_OLDEST_UNCONFIRMED, oldest_us);
	metrics_set(METRIC_CONFIRMS_IN_FLIGHT,
		(double)window_flying(p->window), NULL, NULL);
}

/* -- reports ---------------------------------------------------------- */

bool publish_report(struct publisher *p, const struct report *what,
	struct err *err)
{
	struct report *copy = malloc(sizeof(*copy));

	if (copy == NULL) {
		source_free(what->source);
		return err_memory(err);
	}
	*copy = *what;
	if (queue_push(p->reports, copy, 1, what->source == NULL ? 0 : -1))
		return true;
	free(copy);
	source_free(what->source);
	return what->source == NULL ||
		err_stop(err, EXIT_BUG, "the keeper takes no reports");
}

bool publish_position(struct publisher *p, struct sending *sending,
	struct err *err)
{
	sending->reported_ms = clock_now_ms();
	return publish_report(p, &(struct report){ .kind = REPORT_POSITION,
		.drop = sending->source->drop,
		.position = sending->source->position }, err);
}

static void log_published(const struct sending *sending)
{
	const struct source *source = sending->source;
	const struct reader_position *at = &source->position;

	if (sending->failed)
		LOG(LOG_WARN, "remainder_rejected",
			LOG_S("source", source->name),
			LOG_S("code", sending->code),
			LOG_S("why", sending->reason));
	LOG(LOG_INFO, "published", LOG_S("source", source->name),
		LOG_U("records", at->records), LOG_U("chunks", at->chunks),
		LOG_U("rejects", at->rejects), LOG_U("bytes", source->size),
		LOG_I("ms", clock_now_ms() - sending->started_ms));
	if (at->records == 0)
		LOG(LOG_WARN, "empty_source", LOG_S("source", source->name),
			LOG_S("why", "there is no record in the file"));
}

/* -- confirms --------------------------------------------------------- */

static void outlet_health(const struct outlet *outlet, const char *why)
{
	char part[128];

	(void)snprintf(part, sizeof(part), "queue of %s", outlet->pipeline);
	if (why != NULL)
		health_down(part, why);
	else
		health_up(part);
}

static void outlet_flows(struct outlet *outlet)
{
	if (outlet->flow == PROBING) {
		outlet->flow = FLOWING;
		backoff_reset(&outlet->backoff);
	}
	outlet_health(outlet, NULL);
	if (clock_now_ms() - outlet->nacked_ms > QUIET_MS &&
		log_repeat_clear(&outlet->full) > 0)
		LOG(LOG_INFO, "queue_takes_again",
			LOG_S("pipeline", outlet->pipeline));
	if (log_repeat_clear(&outlet->missing) > 0)
		LOG(LOG_INFO, "queue_is_back",
			LOG_S("pipeline", outlet->pipeline));
}

static void outlet_refuses(struct outlet *outlet, enum window_fate fate)
{
	outlet_health(outlet, fate == WINDOW_RETURNED ?
		"no queue takes its messages: run `sluice apply`" :
		"full; files wait");
	if (fate == WINDOW_RETURNED && log_repeat_due(&outlet->missing))
		LOG(LOG_ERROR, "queue_missing",
			LOG_S("pipeline", outlet->pipeline),
			LOG_S("why", "no queue takes its messages"),
			LOG_S("remedy", "run `sluice apply`"));
	outlet->nacked_ms = clock_now_ms();
	if (fate == WINDOW_NACKED && log_repeat_due(&outlet->full))
		LOG(LOG_WARN, "queue_full",
			LOG_S("pipeline", outlet->pipeline),
			LOG_S("why", "the broker refuses messages for now; "
				"files wait"));
	if (outlet->flow != WAITING)
		outlet_wait(outlet);
}

static void measure_answer(const struct lane *lane,
	const struct outgoing *outgoing, enum window_fate fate)
{
	static const char *const results[] = {
		[WINDOW_CONFIRMED] = "confirmed", [WINDOW_NACKED] = "refused",
		[WINDOW_RETURNED] = "returned" };

	metrics_add(METRIC_MESSAGES_ANSWERED, 1, lane->key, results[fate]);
	if (fate != WINDOW_CONFIRMED)
		return;
	metrics_took(METRIC_STAGE, clock_now_us() - outgoing->sent_us,
		"publish_to_confirm");
	if (outgoing->envelope.kind == ENVELOPE_CHUNK)
		metrics_add(METRIC_PUBLISHED_RECORDS,
			outgoing->envelope.records, lane->key, NULL);
	metrics_add(METRIC_PUBLISHED_BYTES, (int64_t)outgoing->body.len,
		lane->key, NULL);
}

static void on_settled(struct window_item *item, enum window_fate fate,
	void *arg)
{
	struct lane *lane = (struct lane *)item->lane;

	(void)arg;
	measure_answer(lane, (const struct outgoing *)item, fate);
	if (fate == WINDOW_CONFIRMED)
		outlet_flows(lane->outlet);
	else
		outlet_refuses(lane->outlet, fate);
}

/* The confirmed prefix of one lane leaves the window. */
static bool collect(struct publisher *p, struct lane *lane, struct err *err)
{
	struct window_item *item;
	bool ok = true;

	while (ok && (item = window_take(p->window, &lane->window)) != NULL) {
		struct outgoing *message = (struct outgoing *)item;
		struct sending *sending = message->sending;
		const bool last = message->last;

		sending->source->position = message->after;
		outgoing_free(message);
		if (last) {
			log_published(sending);
			ok = lane_end(p, lane, REPORT_ENDED, err);
		} else if (!sending->ended &&
			clock_now_ms() - sending->reported_ms >= CHECKPOINT_MS)
			ok = publish_position(p, sending, err);
	}
	return ok;
}

static bool settle(struct publisher *p, const struct broker_event *event,
	struct err *err)
{
	bool ok = true;

	(void)window_settle(p->window, event->tag, event->multiple,
		event->kind == BROKER_ACKED, on_settled, p);
	for (struct lane *lane = p->lanes; ok && lane != NULL;
		lane = lane->next)
		ok = collect(p, lane, err);
	p->answered = true;
	pulse_step(p->pulse);
	if (event->kind == BROKER_ACKED)
		metrics_set(METRIC_LAST_CONFIRM,
			(double)clock_wall_us() / 1e6, NULL, NULL);
	publish_measure(p);
	if (event->kind == BROKER_ACKED)
		backoff_reset(&p->backoff);
	if (clock_now_ms() - p->connected_ms > STEADY_MS)
		(void)log_repeat_clear(&p->away);
	return ok;
}

static bool has_id(const struct window_item *item, const void *id)
{
	return strcmp(((const struct outgoing *)item)->id, id) == 0;
}

bool publish_event(struct publisher *p, const struct broker_event *event,
	struct err *err)
{
	struct window_item *item;

	switch (event->kind) {
	case BROKER_ACKED:
	case BROKER_NACKED:
		return settle(p, event, err);
	case BROKER_RETURNED:
		item = window_find(p->window, has_id, event->text);
		if (item != NULL)
			item->returned = true;
		break;
	case BROKER_BLOCKED:
		p->blocked = true;
		metrics_set(METRIC_BROKER_BLOCKED, 1, NULL, NULL);
		health_down("broker alarm", event->text);
		LOG(LOG_WARN, "blocked", LOG_S("why", event->text),
			LOG_S("remedy", "the broker is short of memory or "
				"disk; files wait until it is not"));
		break;
	case BROKER_UNBLOCKED:
		p->blocked = false;
		metrics_set(METRIC_BROKER_BLOCKED, 0, NULL, NULL);
		health_up("broker alarm");
		LOG(LOG_INFO, "unblocked",
			LOG_S("why", "the broker takes messages again"));
		break;
	case BROKER_DELIVERED:
		delivery_free(event->delivery);
		break;
	case BROKER_NOTHING:
	case BROKER_CANCELLED:
		break;
	}
	return true;
}
