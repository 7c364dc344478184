/* broker_events.c - makes events of the frames that arrive.
 *
 * Frames are taken one by one and messages put together here, because the
 * library's own amqp_read_message waits without a deadline and
 * amqp_consume_message fails on anything but a delivery. */
#include "common/broker_private.h"
#include "common/clock.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define EVENTS_FIRST 64
#define FRAMES_RELEASE 16 /* then the library gives its memory back */
#define SLICE_MAX_MS 5000

/* -- the ring --------------------------------------------------------- */

static bool ring_grow(struct broker *broker, struct err *err)
{
	const size_t cap = broker->event_cap != 0 ? 2 * broker->event_cap :
						    EVENTS_FIRST;
	struct broker_event *events = calloc(cap, sizeof(*events));

	if (events == NULL)
		return err_memory(err);
	for (size_t i = 0; i < broker->event_count; i++)
		events[i] = broker->events[(broker->event_head + i) %
			broker->event_cap];
	free(broker->events);
	broker->events = events;
	broker->event_cap = cap;
	broker->event_head = 0;
	return true;
}

/* A place at the ring's end, empty. */
static struct broker_event *add(struct broker *broker,
	enum broker_event_kind kind, struct err *err)
{
	struct broker_event *event;

	if (broker->event_count == broker->event_cap &&
		!ring_grow(broker, err)) {
		broker->dead = true;
		return NULL;
	}
	event = &broker->events[(broker->event_head + broker->event_count++) %
		broker->event_cap];
	event->kind = kind;
	event->tag = 0;
	event->multiple = false;
	event->delivery = NULL;
	event->text[0] = '\0';
	return event;
}

static bool add_text(struct broker *broker, enum broker_event_kind kind,
	const char *text, struct err *err)
{
	struct broker_event *event = add(broker, kind, err);

	if (event == NULL)
		return false;
	(void)snprintf(event->text, sizeof(event->text), "%s", text);
	return true;
}

static bool add_tag(struct broker *broker, enum broker_event_kind kind,
	uint64_t tag, bool multiple, struct err *err)
{
	struct broker_event *event = add(broker, kind, err);

	if (event == NULL)
		return false;
	event->tag = tag;
	event->multiple = multiple;
	return true;
}

static bool take(struct broker *broker, struct broker_event *event)
{
	if (broker->event_count == 0)
		return false;
	*event = broker->events[broker->event_head];
	broker->event_head = (broker->event_head + 1) % broker->event_cap;
	broker->event_count--;
	return true;
}

void broker_events_clear(struct broker *broker)
{
	struct broker_event event;

	while (take(broker, &event))
		delivery_free(event.delivery);
	delivery_free(broker->content.delivery);
	broker->content = (struct content){ 0 };
	free(broker->events);
	broker->events = NULL;
	broker->event_cap = 0;
}

/* -- words of the protocol -------------------------------------------- */

static void text_of(amqp_bytes_t bytes, char out[SHORT_TEXT])
{
	broker_text(bytes.bytes, bytes.len, out);
}

static bool unexpected(struct broker *broker, const char *what,
	struct err *err)
{
	broker->dead = true;
	return err_set(err, ERR_RETRY,
		"RabbitMQ at %s:%d sent an unexpected %s", broker->host,
		broker->port, what);
}

/* Which consumer of ours a tag names; consumer_count when none. */
static size_t consumer_of(const struct broker *broker, amqp_bytes_t tag)
{
	char text[SHORT_TEXT];
	unsigned number;

	text_of(tag, text);
	if (sscanf(text, "sluice-%u", &number) != 1 ||
		number >= broker->consumer_count)
		return broker->consumer_count;
	return number;
}

/* -- deliveries -------------------------------------------------------- */

void delivery_free(struct delivery *delivery)
{
	if (delivery == NULL)
		return;
	free(delivery->memory);
	free(delivery);
}

/* Properties with a NUL inside are as good as absent: a C string would show
 * less than what was sent. */
static bool is_text(amqp_bytes_t bytes)
{
	return bytes.len == 0 || memchr(bytes.bytes, '\0', bytes.len) == NULL;
}

static const char *put(char **at, amqp_bytes_t bytes)
{
	char *start = *at;

	if (bytes.len > 0)
		memcpy(start, bytes.bytes, bytes.len);
	start[bytes.len] = '\0';
	*at += bytes.len + 1;
	return start;
}

static const char *put_if(char **at, bool there, amqp_bytes_t bytes)
{
	return there && is_text(bytes) ? put(at, bytes) : NULL;
}

static bool int_of(const amqp_field_value_t *value, int64_t *out)
{
	switch (value->kind) {
	case AMQP_FIELD_KIND_BOOLEAN:
		*out = value->value.boolean != 0;
		return true;
	case AMQP_FIELD_KIND_I8:
		*out = value->value.i8;
		return true;
	case AMQP_FIELD_KIND_U8:
		*out = value->value.u8;
		return true;
	case AMQP_FIELD_KIND_I16:
		*out = value->value.i16;
		return true;
	case AMQP_FIELD_KIND_U16:
		*out = value->value.u16;
		return true;
	case AMQP_FIELD_KIND_I32:
		*out = value->value.i32;
		return true;
	case AMQP_FIELD_KIND_U32:
		*out = value->value.u32;
		return true;
	case AMQP_FIELD_KIND_I64:
		*out = value->value.i64;
		return true;
	case AMQP_FIELD_KIND_U64:
		*out = (int64_t)value->value.u64;
		return value->value.u64 <= INT64_MAX;
	default:
		return false;
	}
}

static bool is_bytes(const amqp_field_value_t *value)
{
	return value->kind == AMQP_FIELD_KIND_UTF8 ||
		value->kind == AMQP_FIELD_KIND_BYTES;
}

/* Tables, lists and fractions (RabbitMQ's own x-death is such) are left
 * out: nothing here reads them. */
static void put_header(char **at, struct message *message,
	const amqp_table_entry_t *entry)
{
	struct header header = { 0 };

	if (message->header_count == ENVELOPE_HEADERS || !is_text(entry->key))
		return;
	if (int_of(&entry->value, &header.i))
		header.is_int = true;
	else if (is_bytes(&entry->value))
		header.s = (struct bytes){ put(at, entry->value.value.bytes),
			entry->value.value.bytes.len };
	else
		return;
	header.name = put(at, entry->key);
	if (strcmp(header.name, HEADER_TOO_LARGE) == 0)
		return; /* that word is ours */
	message->headers[message->header_count++] = header;
}

/* An upper bound of what put() will need: a message may be small, and there
 * are many. */
static size_t memory_for(const struct content *content,
	const amqp_basic_properties_t *props)
{
	const amqp_table_t *table = &props->headers;
	size_t need = strlen(content->exchange) + 1 +
		strlen(content->routing_key) + 1;

	if (props->_flags & AMQP_BASIC_MESSAGE_ID_FLAG)
		need += props->message_id.len + 1;
	if (props->_flags & AMQP_BASIC_TYPE_FLAG)
		need += props->type.len + 1;
	if (props->_flags & AMQP_BASIC_CONTENT_TYPE_FLAG)
		need += props->content_type.len + 1;
	if (props->_flags & AMQP_BASIC_USER_ID_FLAG)
		need += props->user_id.len + 1;
	if (props->_flags & AMQP_BASIC_APP_ID_FLAG)
		need += props->app_id.len + 1;
	if (!(props->_flags & AMQP_BASIC_HEADERS_FLAG))
		return need;
	for (int i = 0; i < table->num_entries; i++) {
		need += table->entries[i].key.len + 1;
		if (is_bytes(&table->entries[i].value))
			need += table->entries[i].value.value.bytes.len + 1;
	}
	return need;
}

static void fill(struct message *message, char *at,
	const struct content *content, const amqp_basic_properties_t *props)
{
	const amqp_flags_t flags = props->_flags;

	message->exchange = put(&at, amqp_cstring_bytes(content->exchange));
	message->routing_key =
		put(&at, amqp_cstring_bytes(content->routing_key));
	message->message_id = put_if(&at, flags & AMQP_BASIC_MESSAGE_ID_FLAG,
		props->message_id);
	message->type =
		put_if(&at, flags & AMQP_BASIC_TYPE_FLAG, props->type);
	message->content_type = put_if(&at,
		flags & AMQP_BASIC_CONTENT_TYPE_FLAG, props->content_type);
	message->user_id =
		put_if(&at, flags & AMQP_BASIC_USER_ID_FLAG, props->user_id);
	message->app_id =
		put_if(&at, flags & AMQP_BASIC_APP_ID_FLAG, props->app_id);
	if (content->size > content->kept)
		message->headers[message->header_count++] = (struct header){
			.name = HEADER_TOO_LARGE,
			.is_int = true,
			.i = (int64_t)content->size,
		};
	if (flags & AMQP_BASIC_HEADERS_FLAG)
		for (int i = 0; i < props->headers.num_entries; i++)
			put_header(&at, message, &props->headers.entries[i]);
}

static bool delivery_begin(struct broker *broker,
	const amqp_basic_properties_t *props, struct err *err)
{
	struct content *content = &broker->content;
	const char *queue = broker->consumers[content->consumer];
	const size_t words =
		memory_for(content, props) + strlen(queue) + 1;
	struct delivery *delivery = calloc(1, sizeof(*delivery));
	char *at;

	content->kept = content->size;
	if (broker->max_message != 0 && content->size > broker->max_message)
		content->kept = content->size < TOO_LARGE_KEPT ?
			content->size : TOO_LARGE_KEPT;
	content->delivery = delivery;
	at = delivery != NULL ? malloc(words + content->kept + 1) : NULL;
	if (at == NULL) {
		broker->dead = true;
		return err_memory(err);
	}
	delivery->memory = at;
	delivery->weight = sizeof(*delivery) + words + content->kept + 1;
	delivery->tag = content->tag;
	delivery->redelivered = content->redelivered;
	content->body = at;
	delivery->message.body = (struct bytes){ at, content->kept };
	at[content->kept] = '\0';
	at += content->kept + 1;
	delivery->queue = at;
	(void)put(&at, amqp_cstring_bytes(queue));
	fill(&delivery->message, at, content, props);
	return true;
}

static bool content_end(struct broker *broker, struct err *err)
{
	struct content *content = &broker->content;
	struct broker_event *event;

	content->state = CONTENT_NONE;
	if (content->returned)
		return add_text(broker, BROKER_RETURNED, content->message_id,
			err);
	event = add(broker, BROKER_DELIVERED, err);
	if (event == NULL)
		return false;
	event->tag = content->tag;
	event->delivery = content->delivery;
	content->delivery = NULL;
	return true;
}

static bool on_header(struct broker *broker, const amqp_frame_t *frame,
	struct err *err)
{
	struct content *content = &broker->content;
	const amqp_basic_properties_t *props =
		frame->payload.properties.decoded;

	if (content->state != CONTENT_HEADER)
		return unexpected(broker, "content header", err);
	content->size = frame->payload.properties.body_size;
	content->seen = 0;
	content->state = CONTENT_BODY;
	content->message_id[0] = '\0';
	if (props->_flags & AMQP_BASIC_MESSAGE_ID_FLAG)
		text_of(props->message_id, content->message_id);
	if (!content->returned && !delivery_begin(broker, props, err))
		return false;
	return content->size > 0 || content_end(broker, err);
}

static bool on_body(struct broker *broker, amqp_bytes_t part, struct err *err)
{
	struct content *content = &broker->content;
	size_t room;

	if (content->state != CONTENT_BODY ||
		part.len > content->size - content->seen)
		return unexpected(broker, "piece of a body", err);
	if (!content->returned && content->seen < content->kept) {
		room = content->kept - (size_t)content->seen;
		memcpy(content->body + content->seen, part.bytes,
			part.len < room ? part.len : room);
	}
	content->seen += part.len;
	return content->seen < content->size || content_end(broker, err);
}

/* -- methods ----------------------------------------------------------- */

static bool on_deliver(struct broker *broker,
	const amqp_basic_deliver_t *deliver, struct err *err)
{
	struct content *content = &broker->content;

	content->state = CONTENT_HEADER;
	content->returned = false;
	content->tag = deliver->delivery_tag;
	content->redelivered = deliver->redelivered != 0;
	content->consumer = consumer_of(broker, deliver->consumer_tag);
	text_of(deliver->exchange, content->exchange);
	text_of(deliver->routing_key, content->routing_key);
	return content->consumer < broker->consumer_count ||
		unexpected(broker, "delivery", err);
}

static bool on_cancel(struct broker *broker, amqp_bytes_t tag, struct err *err)
{
	const size_t consumer = consumer_of(broker, tag);

	return consumer == broker->consumer_count ?
		unexpected(broker, "basic.cancel", err) :
		add_text(broker, BROKER_CANCELLED, broker->consumers[consumer],
			err);
}

static bool on_blocked(struct broker *broker, amqp_bytes_t reason,
	struct err *err)
{
	broker->blocked = true;
	text_of(reason, broker->blocked_why);
	return add_text(broker, BROKER_BLOCKED, broker->blocked_why, err);
}

static bool on_close(struct broker *broker, uint16_t code, amqp_bytes_t text,
	struct err *err)
{
	char words[SHORT_TEXT];

	text_of(text, words);
	return broker_closed(broker, code, words, NULL, err);
}

static bool on_method(struct broker *broker, const amqp_method_t *method,
	struct err *err)
{
	const void *decoded = method->decoded;
	const amqp_basic_ack_t *ack = decoded;
	const amqp_basic_nack_t *nack = decoded;
	const amqp_channel_close_t *channel = decoded;
	const amqp_connection_close_t *connection = decoded;
	const amqp_connection_blocked_t *blocked = decoded;
	const amqp_basic_cancel_t *cancel = decoded;

	switch (method->id) {
	case AMQP_BASIC_ACK_METHOD:
		return add_tag(broker, BROKER_ACKED, ack->delivery_tag,
			ack->multiple != 0, err);
	case AMQP_BASIC_NACK_METHOD:
		return add_tag(broker, BROKER_NACKED, nack->delivery_tag,
			nack->multiple != 0, err);
	case AMQP_BASIC_RETURN_METHOD:
		broker->content.state = CONTENT_HEADER;
		broker->content.returned = true;
		return true;
	case AMQP_BASIC_DELIVER_METHOD:
		return on_deliver(broker, decoded, err);
	case AMQP_BASIC_QOS_OK_METHOD: /* of broker_consume_more */
		return true;
	case AMQP_BASIC_CANCEL_METHOD:
		return on_cancel(broker, cancel->consumer_tag, err);
	case AMQP_CONNECTION_BLOCKED_METHOD:
		return on_blocked(broker, blocked->reason, err);
	case AMQP_CONNECTION_UNBLOCKED_METHOD:
		broker->blocked = false;
		return add_text(broker, BROKER_UNBLOCKED, "", err);
	case AMQP_CHANNEL_CLOSE_METHOD:
		return on_close(broker, channel->reply_code,
			channel->reply_text, err);
	case AMQP_CONNECTION_CLOSE_METHOD:
		return on_close(broker, connection->reply_code,
			connection->reply_text, err);
	default:
		return unexpected(broker, amqp_method_name(method->id), err);
	}
}

static bool on_frame(struct broker *broker, const amqp_frame_t *frame,
	struct err *err)
{
	switch (frame->frame_type) {
	case AMQP_FRAME_METHOD:
		return on_method(broker, &frame->payload.method, err);
	case AMQP_FRAME_HEADER:
		return on_header(broker, frame, err);
	case AMQP_FRAME_BODY:
		return on_body(broker, frame->payload.body_fragment, err);
	case AMQP_FRAME_HEARTBEAT:
		return true;
	default:
		return unexpected(broker, "frame", err);
	}
}

/* -- reading and waiting ----------------------------------------------- */

/* Whatever a frame held was copied, so the library may forget it, also in
 * the middle of a message. */
void broker_release(struct broker *broker)
{
	amqp_maybe_release_buffers(broker->amqp);
	broker->frames = 0;
}

/* One frame, if one is there: *got tells. */
static bool read_frame(struct broker *broker, bool *got, struct err *err)
{
	struct timeval none = { 0, 0 };
	amqp_frame_t frame;
	int status;

	*got = false;
	watch_enter(&broker->watch, broker_patience_ms(broker));
	status = amqp_simple_wait_frame_noblock(broker->amqp, &frame, &none);
	watch_leave(&broker->watch);
	if (status == AMQP_STATUS_TIMEOUT)
		return true;
	if (status != AMQP_STATUS_OK)
		return broker_lost(broker, status, NULL, err);
	*got = true;
	if (!on_frame(broker, &frame, err))
		return false;
	if (++broker->frames >= FRAMES_RELEASE)
		broker_release(broker);
	return true;
}

bool broker_read(struct broker *broker, struct err *err)
{
	bool got = true;

	while (got)
		if (!read_frame(broker, &got, err))
			return false;
	return true;
}

/* The library sends heartbeats, and misses the server's, only while it is
 * called: so often. */
static int slice_ms(const struct broker *broker)
{
	const int slice = broker->heartbeat_ms / 4;

	return slice < SLICE_MAX_MS ? slice : SLICE_MAX_MS;
}

/* Readiness of the socket (and *wake) within ms; false only when poll
 * itself fails. */
static bool poll_for(struct broker *broker, short events, int wake_fd, int ms,
	short *ready, bool *woken, struct err *err)
{
	struct pollfd fds[2] = { { broker->fd, events, 0 },
		{ wake_fd, POLLIN, 0 } };
	const int n = poll(fds, 2, ms);

	*ready = 0;
	*woken = false;
	if (n < 0 && errno != EINTR)
		return err_errno(err, ERR_RETRY, "poll");
	if (n > 0) {
		*ready = fds[0].revents;
		*woken = fds[1].revents != 0;
	}
	return true;
}

bool broker_writable(struct broker *broker, struct err *err)
{
	const int64_t until = clock_now_ms() + broker_patience_ms(broker);
	short events = POLLIN | POLLOUT, ready;
	bool woken;
	int ms = 0;

	if (broker->dead)
		return broker_lost(broker, AMQP_STATUS_CONNECTION_CLOSED, NULL,
			err);
	for (;;) {
		if (!poll_for(broker, events, -1, ms, &ready, &woken, err))
			return false;
		if ((ready & ~POLLOUT) != 0 && !broker_read(broker, err))
			return false;
		if ((ready & POLLOUT) != 0 && !broker->blocked)
			return true;
		if (clock_now_ms() >= until)
			break;
		events = broker->blocked ? POLLIN : POLLIN | POLLOUT;
		ms = slice_ms(broker);
		/* heartbeats go out while nothing comes in */
		if (ready == 0 && !broker_read(broker, err))
			return false;
	}
	broker->dead = true;
	return err_set(err, ERR_RETRY, "RabbitMQ at %s:%d takes no messages%s%s",
		broker->host, broker->port, broker->blocked ? ": " : "",
		broker->blocked ? broker->blocked_why : "");
}

bool broker_blocks(struct broker *broker, bool *blocks, struct err *err)
{
	short ready = 0;
	bool woken;

	if (broker->dead)
		return broker_lost(broker, AMQP_STATUS_CONNECTION_CLOSED, NULL,
			err);
	if (!poll_for(broker, POLLIN, -1, 0, &ready, &woken, err) ||
		(ready != 0 && !broker_read(broker, err)))
		return false;
	*blocks = broker->blocked;
	return true;
}

bool broker_ackable(struct broker *broker, struct err *err)
{
	short ready = 0;
	bool woken;

	if (!broker->dead &&
		!poll_for(broker, POLLOUT, -1, 0, &ready, &woken, err))
		return false;
	return ready == POLLOUT || broker_writable(broker, err);
}

/* Reads up to the first event. */
static bool next(struct broker *broker, struct broker_event *event,
	struct err *err)
{
	bool got = true;

	while (!take(broker, event) && got)
		if (!read_frame(broker, &got, err))
			return false;
	return true;
}

bool broker_wait(struct broker *broker, int wake_fd, int timeout_ms,
	struct broker_event *event, struct err *err)
{
	const int64_t until = clock_now_ms() + timeout_ms;
	bool woken = false;

	event->kind = BROKER_NOTHING;
	event->delivery = NULL;
	if (broker->dead)
		return broker_lost(broker, AMQP_STATUS_CONNECTION_CLOSED, NULL,
			err);
	for (;;) {
		int64_t left;
		short ready;

		if (!next(broker, event, err))
			return false;
		if (event->kind != BROKER_NOTHING)
			return true;
		if (broker->frames > 0)
			broker_release(broker);
		left = until - clock_now_ms();
		if (woken || left <= 0)
			return true;
		if (left > slice_ms(broker))
			left = slice_ms(broker);
		if (!poll_for(broker, POLLIN, wake_fd, (int)left, &ready,
			    &woken, err))
			return false;
	}
}
