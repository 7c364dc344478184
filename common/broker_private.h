/* broker_private.h - what the files of the broker door share.
 *
 * broker.c opens, publishes and acknowledges; broker_events.c makes events of
 * frames; broker_topology.c declares; broker_watch.c keeps calls from hanging;
 * broker_error.c says in words what went wrong. */
#ifndef SLUICE_BROKER_PRIVATE_H
#define SLUICE_BROKER_PRIVATE_H

#include "common/broker.h"

#include <pthread.h>
#include <stdatomic.h>

#define CHANNEL 1
#define SHORT_TEXT 256 /* AMQP short strings have at most 255 bytes */
#define RPC_TIMEOUT_MS 30000
#define CONNECT_TIMEOUT_MS 5000
#define HANDSHAKE_MIN_MS 3000 /* else two heartbeats, up to: */
#define HANDSHAKE_MAX_MS 10000
#define TOO_LARGE_KEPT 65536 /* of a message above max_message_bytes */

/* rabbitmq-c's types: its header is included by the .c files alone. */
struct amqp_connection_state_t_;
struct amqp_frame_t_;
struct amqp_rpc_reply_t_;

/* -- broker_watch.c: a thread that looks after the owner --------------- */

struct watch {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool running, ending;
	int fd; /* shut down when the owner hangs */
	int period_ms;
	_Atomic int64_t deadline_ms; /* 0: the owner is not in a call */
	_Atomic bool hung, aborted;
};

bool watch_start(struct watch *watch, int fd, int period_ms, struct err *err)
	MUST_CHECK;
void watch_stop(struct watch *watch);
/* Around each call into the library: it may take limit_ms. */
void watch_enter(struct watch *watch, int limit_ms);
void watch_leave(struct watch *watch);
void watch_abort(struct watch *watch);

/* -- the connection ---------------------------------------------------- */

enum content_state { CONTENT_NONE, CONTENT_HEADER, CONTENT_BODY };

/* A message that arrives: method frame, header frame, body frames. */
struct content {
	enum content_state state;
	bool returned; /* by basic.return, not basic.deliver */
	bool redelivered;
	uint64_t tag;
	size_t consumer;
	char exchange[SHORT_TEXT];
	char routing_key[SHORT_TEXT];
	char message_id[SHORT_TEXT];
	uint64_t size, seen; /* bytes of the body */
	size_t kept;         /* of them, to keep */
	char *body;          /* where they go, in delivery->memory */
	struct delivery *delivery;
};

struct broker {
	struct amqp_connection_state_t_ *amqp;
	char *host, *vhost, *user;
	int port;
	int fd; /* a duplicate, so that its number stays ours */
	int heartbeat_ms;
	size_t max_message;
	char version[32];
	bool dead;   /* nothing polite can be said any more */
	bool blocked;
	char blocked_why[SHORT_TEXT];
	uint64_t published;
	unsigned frames; /* since memory was last released */
	struct watch watch;
	struct content content;
	char **consumers; /* queues; the tag of number n is "sluice-<n>" */
	size_t consumer_count;
	struct broker_event *events; /* ring of those not yet asked for */
	size_t event_cap, event_head, event_count;
};

/* What a call may take before the watchdog ends it. */
int broker_patience_ms(const struct broker *broker);
bool broker_open_channel(struct broker *broker, struct err *err) MUST_CHECK;
/* Cached frames and memory of the library. */
void broker_release(struct broker *broker);

/* -- broker_events.c --------------------------------------------------- */

/* Reads what has arrived, without waiting, into the ring. */
bool broker_read(struct broker *broker, struct err *err) MUST_CHECK;
/* Waits until the socket takes more, reading what arrives meanwhile. */
bool broker_writable(struct broker *broker, struct err *err) MUST_CHECK;
/* The same, but nothing is read when the socket takes bytes at once: a
 * consumer that is slow must not take in more deliveries by acknowledging. */
bool broker_ackable(struct broker *broker, struct err *err) MUST_CHECK;
void broker_events_clear(struct broker *broker);

/* -- broker_error.c ---------------------------------------------------- */

/* A string of the protocol as text, cut to what fits. */
void broker_text(const void *bytes, size_t len, char out[SHORT_TEXT]);

/* The rest returns false and marks the connection dead; `doing` (NULL: none)
 * names the step: "publish to x". */

/* A status of the library. */
bool broker_lost(struct broker *broker, int status, const char *doing,
	struct err *err);
/* An RPC's reply that is not the normal one. */
bool broker_refused(struct broker *broker,
	const struct amqp_rpc_reply_t_ *reply, const char *doing,
	struct err *err);
/* channel.close or connection.close with this code and text. */
bool broker_closed(struct broker *broker, unsigned code, const char *text,
	const char *doing, struct err *err);
/* Everything of broker_open before the login is answered. */
bool broker_no_answer(struct broker *broker, int status, struct err *err);

#endif
