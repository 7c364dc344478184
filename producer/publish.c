/* publish.c - the thread that owns the connection to RabbitMQ. */
#include "producer/publish.h"
#include "common/backoff.h"
#include "common/broker.h"
#include "common/clock.h"
#include "common/log.h"
#include "producer/report.h"
#include "producer/sending.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define WINDOW_BYTES ((size_t)8 << 20)
#define MESSAGE_COST ((size_t)1024) /* beside its bytes */
#define BURST 32                    /* messages between two looks at events */
#define CHECKPOINT_MS 200
#define LAST_CONFIRMS_MS 2000
#define QUIET_MS 60000              /* without a nack: the queue is well */
#define WAIT_MAX_MS 5000

enum flow {
	FLOWING, /* sends what it has */
	WAITING, /* the queue is full or missing, or a file cannot be read */
	PROBING, /* one message tries whether that is over */
};

/* A dataset. Lanes stay: their number is that of the datasets ever seen. */
struct lane {
	struct window_lane window; /* first */
	struct lane *next;
	char *key;      /* "<pipeline>.<dataset>": the routing key */
	char *pipeline;
	struct sending *first, *last; /* until all is confirmed */
	struct sending *reading;      /* the one to read from; NULL: none */
	enum flow flow;
	int64_t due_ms;
	int64_t nacked_ms;
	struct backoff backoff;
	struct log_repeat full, missing, unreadable;
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

	struct window *window;
	struct lane *lanes;
	struct lane *turn;     /* the next to be served */
	char *user;
	bool blocked;
	bool ever;             /* a connection was had */
	struct backoff backoff;
	struct log_repeat away;
	int64_t connect_ms;    /* not before */
};

/* -- lanes ------------------------------------------------------------ */

static struct lane *lane_new(const struct source *source, const char *key,
	struct err *err)
{
	struct lane *lane = calloc(1, sizeof(*lane));

	if (lane != NULL) {
		lane->key = strdup(key);
		lane->pipeline = strdup(source->pipeline);
		lane->backoff = (struct backoff){ .base_ms = 100,
			.ceiling_ms = 10000 };
	}
	if (lane == NULL || lane->key == NULL || lane->pipeline == NULL) {
		(void)err_memory(err);
		if (lane != NULL) {
			free(lane->key);
			free(lane->pipeline);
		}
		free(lane);
		return NULL;
	}
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
	lane = lane_new(source, key, err);
	if (lane != NULL) {
		lane->next = p->lanes;
		p->lanes = lane;
	}
	return lane;
}

static bool lane_add(struct publisher *p, struct source *source,
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

/* Not the fault of others: this lane alone waits. */
static void lane_wait(struct lane *lane)
{
	lane->flow = WAITING;
	lane->due_ms = clock_now_ms() + backoff_next_ms(&lane->backoff);
}

static void lane_flows(struct lane *lane)
{
	if (lane->flow == PROBING) {
		lane->flow = FLOWING;
		backoff_reset(&lane->backoff);
	}
	if (clock_now_ms() - lane->nacked_ms > QUIET_MS &&
		log_repeat_clear(&lane->full) > 0)
		LOG(LOG_INFO, "queue_takes_again",
			LOG_S("pipeline", lane->pipeline));
	if (log_repeat_clear(&lane->missing) > 0)
		LOG(LOG_INFO, "queue_is_back",
			LOG_S("pipeline", lane->pipeline));
}

/* -- reports ---------------------------------------------------------- */

/* A position is dropped when the keeper is far behind; an end never is. */
static bool report(struct publisher *p, const struct report *what,
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

static bool report_position(struct publisher *p, struct sending *sending,
	struct err *err)
{
	sending->reported_ms = clock_now_ms();
	return report(p, &(struct report){ .kind = REPORT_POSITION,
		.drop = sending->source->drop,
		.position = sending->source->position }, err);
}

/* Takes the lane's first source out and gives it back to the keeper. */
static bool lane_end(struct publisher *p, struct lane *lane,
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
	return report(p, &(struct report){ .kind = kind,
		.drop = source->drop, .position = source->position,
		.source = source }, err);
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

static void on_settled(struct window_item *item, enum window_fate fate,
	void *arg)
{
	struct lane *lane = (struct lane *)item->lane;

	(void)arg;
	if (fate == WINDOW_CONFIRMED) {
		lane_flows(lane);
		return;
	}
	if (fate == WINDOW_RETURNED && log_repeat_due(&lane->missing))
		LOG(LOG_ERROR, "queue_missing",
			LOG_S("pipeline", lane->pipeline),
			LOG_S("why", "no queue takes its messages"),
			LOG_S("remedy", "run `sluice apply`"));
	lane->nacked_ms = clock_now_ms();
	if (fate == WINDOW_NACKED && log_repeat_due(&lane->full))
		LOG(LOG_WARN, "queue_full", LOG_S("pipeline", lane->pipeline),
			LOG_S("why", "the broker refuses messages for now; "
				"files wait"));
	if (lane->flow != WAITING)
		lane_wait(lane);
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
			ok = report_position(p, sending, err);
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
	if (event->kind == BROKER_ACKED)
		backoff_reset(&p->backoff);
	return ok;
}

static bool has_id(const struct window_item *item, const void *id)
{
	return strcmp(((const struct outgoing *)item)->id, id) == 0;
}

static bool handle_event(struct publisher *p, const struct broker_event *event,
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
		LOG(LOG_WARN, "blocked", LOG_S("why", event->text),
			LOG_S("remedy", "the broker is short of memory or "
				"disk; files wait until it is not"));
		break;
	case BROKER_UNBLOCKED:
		p->blocked = false;
		LOG(LOG_INFO, "unblocked", LOG_S("why", ""));
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
	if (!broker_publish(p->broker, &message, &tag, err))
		return false;
	window_sent(p->window, item, tag);
	return true;
}

/* True when the lane has something to do now. */
static bool lane_ready(const struct publisher *p, struct lane *lane)
{
	if (lane->flow == WAITING && clock_now_ms() >= lane->due_ms)
		lane->flow = lane->window.unsent > 0 ? PROBING : FLOWING;
	else if (lane->flow != FLOWING)
		return false;
	return lane->window.unsent > 0 || (lane->reading != NULL &&
		window_room(p->window, &lane->window));
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

/* Serves the lanes in turn. *more: there was no end to it. */
static bool send_burst(struct publisher *p, bool *more, struct err *err)
{
	struct lane *lane = NULL;

	*more = false;
	if (p->blocked)
		return true;
	for (int i = 0; i < BURST; i++) {
		lane = window_open(p->window) ? next_ready(p) : NULL;
		if (lane == NULL)
			return true;
		if (!lane_serve(p, lane, err))
			return false;
	}
	*more = true;
	return true;
}

/* -- the connection --------------------------------------------------- */

static void set_broker(struct publisher *p, struct broker *broker)
{
	(void)pthread_mutex_lock(&p->lock);
	p->broker = broker;
	if (broker != NULL && p->cut)
		broker_abort(broker);
	(void)pthread_mutex_unlock(&p->lock);
}

static struct broker *open_broker(struct publisher *p, struct err *err)
{
	const struct config *config = &p->plan->config;
	struct buf password = { 0 };
	struct broker_options options = {
		.host = config->broker_host,
		.port = (int)config->broker_port,
		.vhost = config->broker_vhost,
		.user = config->producer.user,
		.name = "sluice-producer",
		.heartbeat_secs = (int)config->heartbeat_secs,
		.tls = config->broker_tls,
		.cacert = config->broker_cacert,
	};
	struct broker *broker = NULL;

	if (config_password(&config->producer, &password, err)) {
		options.password = password.len > 0 ? password.data : "";
		broker = broker_open(&options, err);
	}
	buf_clear(&password);
	if (broker == NULL || broker_confirm_mode(broker, err))
		return broker;
	broker_close(broker);
	return NULL;
}

/* Before there ever was a connection, wrong words end the program; later
 * they may be mended while we run. */
static bool no_connection(struct publisher *p, const char *event,
	const struct err *why, struct err *err)
{
	const int wait_ms = backoff_next_ms(&p->backoff);

	if (why->kind == ERR_STOP && !p->ever) {
		*err = *why;
		return false;
	}
	if (log_repeat_due(&p->away))
		log_err(why->kind == ERR_STOP ? LOG_ERROR : LOG_WARN, event,
			why);
	p->connect_ms = clock_now_ms() + wait_ms;
	return true;
}

static bool connect(struct publisher *p, struct err *err)
{
	const struct config *config = &p->plan->config;
	struct err why = { 0 };
	struct broker *broker = open_broker(p, &why);

	if (broker == NULL)
		return no_connection(p, "no_broker", &why, err);
	set_broker(p, broker);
	p->blocked = false;
	p->ever = true;
	LOG(LOG_INFO, "connected", LOG_S("host", config->broker_host),
		LOG_I("port", config->broker_port),
		LOG_S("vhost", config->broker_vhost),
		LOG_S("version", broker_version(broker)),
		LOG_U("again", log_repeat_clear(&p->away)));
	return true;
}

static void disconnect(struct publisher *p)
{
	struct broker *broker = p->broker;

	set_broker(p, NULL);
	broker_close(broker);
	window_lost(p->window);
	for (struct lane *lane = p->lanes; lane != NULL; lane = lane->next)
		if (lane->flow == PROBING)
			lane_wait(lane);
}

static bool lost_connection(struct publisher *p, const struct err *why,
	struct err *err)
{
	disconnect(p);
	return no_connection(p, "broker_lost", why, err);
}

/* -- the thread ------------------------------------------------------- */

static bool take_claims(struct publisher *p, struct err *err)
{
	struct source *source;

	while ((source = queue_pop(p->claims, 0)) != NULL)
		if (!lane_add(p, source, err))
			return false;
	return true;
}

/* Until a lane that waits may try again. */
static int wait_ms(const struct publisher *p)
{
	const int64_t half = p->plan->config.heartbeat_secs * 1000 / 2;
	int64_t wait = half < WAIT_MAX_MS ? half : WAIT_MAX_MS;
	const int64_t now = clock_now_ms();

	for (const struct lane *lane = p->lanes; lane != NULL;
		lane = lane->next)
		if (lane->flow == WAITING && lane->due_ms - now < wait)
			wait = lane->due_ms > now ? lane->due_ms - now : 0;
	return (int)wait;
}

/* All events that are there; waits for the first unless there is more to
 * send. *lost: the connection is. */
static bool take_events(struct publisher *p, int timeout_ms, int wake_fd,
	bool *lost, struct err *why, struct err *err)
{
	struct broker_event event = { 0 };

	for (int i = 0; i == 0 || event.kind != BROKER_NOTHING; i++) {
		if (!broker_wait(p->broker, wake_fd, i == 0 ? timeout_ms : 0,
			&event, why)) {
			*lost = true;
			return true;
		}
		if (!handle_event(p, &event, err))
			return false;
	}
	return true;
}

/* send_burst fails for two reasons: the connection, or what cannot go on. */
static bool connected_turn(struct publisher *p, struct err *err)
{
	struct err why = { 0 };
	bool more = false, lost = false;

	if (!send_burst(p, &more, &why)) {
		if (why.kind == ERR_STOP && why.exit_code == EXIT_BUG) {
			*err = why;
			return false;
		}
		return lost_connection(p, &why, err);
	}
	if (!take_events(p, more ? 0 : wait_ms(p), queue_fd(p->claims), &lost,
		&why, err))
		return false;
	return !lost || lost_connection(p, &why, err);
}

/* Away from the broker; woken by the end alone. */
static bool waiting_turn(struct publisher *p, struct err *err)
{
	const int64_t left = p->connect_ms - clock_now_ms();

	if (left <= 0)
		return connect(p, err);
	(void)poll(&(struct pollfd){ .fd = queue_fd(p->claims),
		.events = POLLIN }, 1, left < 1000 ? (int)left : 1000);
	return true;
}

static bool run_until_closed(struct publisher *p, struct err *err)
{
	while (!queue_closed(p->claims)) {
		if (!take_claims(p, err))
			return false;
		if (p->broker != NULL ? !connected_turn(p, err) :
			!waiting_turn(p, err))
			return false;
	}
	return true;
}

/* What is in flight is given a little time to be confirmed. */
static bool last_confirms(struct publisher *p, struct err *err)
{
	const int64_t until = clock_now_ms() + LAST_CONFIRMS_MS;
	struct err why = { 0 };
	bool lost = false;

	while (!lost && p->broker != NULL && window_flying(p->window) > 0 &&
		clock_now_ms() < until)
		if (!take_events(p, 50, -1, &lost, &why, err))
			return false;
	return true;
}

static bool last_positions(struct publisher *p, struct err *err)
{
	bool ok = true;

	for (struct lane *lane = p->lanes; lane != NULL; lane = lane->next)
		for (struct sending *s = lane->first; ok && s != NULL;
			s = s->next)
			if (s->started_ms != 0)
				ok = report_position(p, s, err);
	return ok;
}

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
	free(lane->pipeline);
	free(lane);
}

static void clear_lanes(struct publisher *p)
{
	while (p->lanes != NULL) {
		struct lane *lane = p->lanes;

		p->lanes = lane->next;
		clear_lane(p, lane);
	}
}

static void *publisher_main(void *arg)
{
	struct publisher *p = arg;
	struct err err = { 0 };
	struct source *source;
	const uint64_t one = 1;
	bool ok = run_until_closed(p, &err);

	ok = ok && last_confirms(p, &err);
	ok = ok && last_positions(p, &err);
	while ((source = queue_pop(p->claims, 0)) != NULL)
		source_free(source);
	disconnect(p);
	clear_lanes(p);
	if (!ok) {
		p->err = err;
		if (write(p->died_fd, &one, sizeof(one)) < 0)
			log_err(LOG_ERROR, "publisher", &err);
	}
	return NULL;
}

/* -- the outside ------------------------------------------------------ */

static void publisher_free(struct publisher *p)
{
	window_free(p->window);
	plan_release(p->plan);
	free(p->user);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

static struct publisher *publisher_new(struct plan *plan, struct err *err)
{
	struct publisher *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	(void)pthread_mutex_init(&p->lock, NULL);
	p->plan = plan_hold(plan);
	p->backoff = (struct backoff){ .base_ms = 200, .ceiling_ms = 30000 };
	p->user = strdup(plan->config.producer.user);
	p->window = window_new((size_t)plan->config.confirm_window,
		WINDOW_BYTES, err);
	if (p->user != NULL && p->window != NULL)
		return p;
	(void)err_memory(err);
	publisher_free(p);
	return NULL;
}

struct publisher *publisher_start(struct plan *plan, struct queue *claims,
	struct queue *reports, int died_fd, struct err *err)
{
	struct publisher *p = publisher_new(plan, err);

	if (p == NULL)
		return NULL;
	p->claims = claims;
	p->reports = reports;
	p->died_fd = died_fd;
	errno = pthread_create(&p->thread, NULL, publisher_main, p);
	if (errno == 0)
		return p;
	(void)err_errno(err, ERR_STOP, "start the publisher");
	publisher_free(p);
	return NULL;
}

static bool joined_in_time(struct publisher *p, int timeout_ms)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += timeout_ms / 1000;
	at.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return pthread_clockjoin_np(p->thread, NULL, CLOCK_MONOTONIC, &at) ==
		0;
}

bool publisher_join(struct publisher *p, int timeout_ms, struct err *err)
{
	bool ok;

	if (!joined_in_time(p, timeout_ms)) {
		(void)pthread_mutex_lock(&p->lock);
		p->cut = true;
		if (p->broker != NULL)
			broker_abort(p->broker);
		(void)pthread_mutex_unlock(&p->lock);
		(void)pthread_join(p->thread, NULL);
	}
	ok = p->err.kind == ERR_NONE;
	if (!ok)
		*err = p->err;
	publisher_free(p);
	return ok;
}
