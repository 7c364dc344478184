/* broker.h - the door to RabbitMQ: one connection, one channel, one owner.
 *
 * Every function but broker_abort must be called by the thread that owns the
 * connection. Any failure (false) means the connection is dead: close it and
 * open a new one. Kinds: ERR_RETRY for what may mend itself, ERR_STOP with
 * EXIT_CONFIG for refused credentials or permissions; err.code holds AMQP's
 * reply code where the server gave one. */
#ifndef SLUICE_BROKER_H
#define SLUICE_BROKER_H

#include "common/envelope.h"

struct broker;

struct broker_options {
	const char *host;
	int port;
	const char *vhost;
	const char *user;
	const char *password;
	const char *name;     /* connection name shown by the broker */
	int heartbeat_secs;
	bool tls;
	const char *cacert;   /* needed with tls */
	size_t max_message_bytes;
};

/* Connects, logs in with the capabilities publisher_confirms, basic.nack,
 * consumer_cancel_notify and connection.blocked, opens channel 1; short
 * keepalives and TCP_USER_TIMEOUT. A watchdog shuts the socket down when a
 * call makes no progress for two heartbeats, so no call hangs for ever. */
struct broker *broker_open(const struct broker_options *options,
	struct err *err);
/* Closes politely when it can within a second; NULL is fine. */
void broker_close(struct broker *broker);
/* From any thread: makes the owner's current call fail soon. */
void broker_abort(struct broker *broker);

/* -- publishing ------------------------------------------------------- */

/* confirm.select; tags of broker_publish then count from 1. */
bool broker_confirm_mode(struct broker *broker, struct err *err) MUST_CHECK;
/* basic.publish, persistent and mandatory. *tag is what the confirm will
 * carry. true means handed to the kernel, no more. Reads what arrives
 * meanwhile (broker_wait gives it later). While the server takes nothing or
 * blocks publishers it waits, for two heartbeats at most: after
 * BROKER_BLOCKED better publish nothing until BROKER_UNBLOCKED. A message
 * that cannot be sent at all (too large) is ERR_STOP. */
bool broker_publish(struct broker *broker, const struct message *message,
	uint64_t *tag, struct err *err) MUST_CHECK;

/* Reads what has arrived. *blocks: the server blocks publishers, and a publish
 * would only wait. */
bool broker_blocks(struct broker *broker, bool *blocks, struct err *err)
	MUST_CHECK;

/* -- consuming -------------------------------------------------------- */

/* basic.qos (per consumer) and basic.consume with explicit acks, under a
 * fresh consumer tag. A queue that is missing: ERR_RETRY. */
bool broker_consume(struct broker *broker, const char *queue, int prefetch,
	struct err *err) MUST_CHECK;
/* The same on a queue that is consumed already, but no answer is waited for:
 * the library would keep in memory all deliveries that come before it. A
 * refusal ends the connection (broker_wait says so). */
bool broker_consume_more(struct broker *broker, const char *queue,
	int prefetch, struct err *err) MUST_CHECK;
/* basic.cancel of the latest consumer of that queue (none: nothing is done).
 * What it was given stays with us, to be acknowledged, and some more may be
 * under way; a few of those the broker may take back itself. */
bool broker_cancel(struct broker *broker, const char *queue, struct err *err)
	MUST_CHECK;
bool broker_ack(struct broker *broker, uint64_t tag, bool multiple,
	struct err *err) MUST_CHECK;
/* basic.nack with requeue. */
bool broker_requeue(struct broker *broker, uint64_t tag, bool multiple,
	struct err *err) MUST_CHECK;
/* basic.nack without: the message goes to the queue's dead-letter exchange,
 * at least once. Only for a queue that has one: it would be lost else. */
bool broker_pass_on(struct broker *broker, uint64_t tag, struct err *err)
	MUST_CHECK;

/* Header the door adds to a message above max_message_bytes: its true size.
 * The body is cut to its first 64 KiB. A sender cannot set this header. */
#define HEADER_TOO_LARGE "sluice-too-large"

/* A delivered message; owns its bytes. Headers that are neither whole numbers
 * nor strings, and properties with a NUL inside, are left out. */
struct delivery {
	uint64_t tag;
	bool redelivered;
	char *queue;
	struct message message;
	void *memory; /* what message borrows from */
	size_t weight; /* bytes it holds, for queues */
};
void delivery_free(struct delivery *delivery);

/* -- events ----------------------------------------------------------- */

enum broker_event_kind {
	BROKER_NOTHING,   /* time is up, or wake_fd became readable */
	BROKER_ACKED,     /* publish tag, multiple */
	BROKER_NACKED,    /* publish tag, multiple: not stored, send again */
	BROKER_RETURNED,  /* message_id could not be routed; its ack follows */
	BROKER_DELIVERED, /* delivery: now the caller's */
	BROKER_CANCELLED, /* queue: the broker ended our consumer */
	BROKER_BLOCKED,   /* reason: publishers must wait (alarm) */
	BROKER_UNBLOCKED,
};

struct broker_event {
	enum broker_event_kind kind;
	uint64_t tag;
	bool multiple;
	struct delivery *delivery;
	char text[256]; /* reason, queue, or the message_id returned */
};

/* Waits at most timeout_ms for the next event; returns early with
 * BROKER_NOTHING when wake_fd (-1: none) is readable. Sends heartbeats: call
 * it at least every heartbeat/2. Releases the library's memory. */
bool broker_wait(struct broker *broker, int wake_fd, int timeout_ms,
	struct broker_event *event, struct err *err) MUST_CHECK;

/* -- topology --------------------------------------------------------- */

/* Passive declare: needs no permission. *found tells whether it exists; when
 * it does not, the channel is opened anew. Not while consuming. */
bool broker_inspect(struct broker *broker, const char *queue, bool *found,
	uint32_t *ready, uint32_t *consumers, struct err *err) MUST_CHECK;
/* The same for an exchange. */
bool broker_inspect_exchange(struct broker *broker, const char *exchange,
	bool *found, struct err *err) MUST_CHECK;

/* Durable topic exchange; alternate may be NULL. */
bool broker_declare_exchange(struct broker *broker, const char *exchange,
	const char *alternate, struct err *err) MUST_CHECK;
/* Durable quorum queue, reject-publish at max_bytes, dead letters
 * at-least-once to dead_exchange (NULL: none). On RabbitMQ 4 and later the
 * delivery limit is switched off. */
bool broker_declare_queue(struct broker *broker, const char *queue,
	int64_t max_bytes, const char *dead_exchange, struct err *err)
	MUST_CHECK;
bool broker_bind(struct broker *broker, const char *queue,
	const char *exchange, const char *routing_key, struct err *err)
	MUST_CHECK;
bool broker_unbind(struct broker *broker, const char *queue,
	const char *exchange, const char *routing_key, struct err *err)
	MUST_CHECK;
/* A queue that sees what the exchange gets under that key from now on, and
 * takes it from nobody: this connection's alone, gone with it, not on disk; at
 * most so many messages and bytes, the oldest go first. broker_consume reads
 * it. It counts as somewhere to go: a message for which there is no other
 * queue is not returned while it is there. */
bool broker_declare_tap(struct broker *broker, const char *queue,
	int64_t max_messages, int64_t max_bytes, struct err *err) MUST_CHECK;
/* What the server says of itself, e.g. "3.10.8". */
const char *broker_version(const struct broker *broker);

#endif
