/* broker_topology.c - exchanges, queues and bindings, looked at or declared. */
#include "common/broker_private.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Around the library's calls that wait for an answer. */
static void begin(struct broker *broker)
{
	watch_enter(&broker->watch, RPC_TIMEOUT_MS);
}

static amqp_rpc_reply_t end(struct broker *broker)
{
	const amqp_rpc_reply_t reply = amqp_get_rpc_reply(broker->amqp);

	watch_leave(&broker->watch);
	return reply;
}

static bool ended_well(const amqp_rpc_reply_t *reply)
{
	return reply->reply_type == AMQP_RESPONSE_NORMAL;
}

/* The code of a channel.close, 0 when the reply is something else. */
static unsigned channel_code(const amqp_rpc_reply_t *reply)
{
	const amqp_channel_close_t *close = reply->reply.decoded;

	return reply->reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
			reply->reply.id == AMQP_CHANNEL_CLOSE_METHOD ?
		close->reply_code : 0;
}

/* Answers the server's channel.close, so that the number is free again. */
static bool reopen(struct broker *broker, struct err *err)
{
	amqp_channel_close_ok_t ok = { 0 };
	int status;

	begin(broker);
	status = amqp_send_method(broker->amqp, CHANNEL,
		AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
	watch_leave(&broker->watch);
	if (status != AMQP_STATUS_OK)
		return broker_lost(broker, status, "close a channel", err);
	broker_release(broker);
	return broker_open_channel(broker, err);
}

static bool failed(struct broker *broker, const amqp_rpc_reply_t *reply,
	const char *verb, const char *name, struct err *err)
{
	char doing[SHORT_TEXT + 32];

	(void)snprintf(doing, sizeof(doing), "%s '%s'", verb, name);
	return broker_refused(broker, reply, doing, err);
}

/* -- looking ---------------------------------------------------------- */

bool broker_inspect(struct broker *broker, const char *queue, bool *found,
	uint32_t *ready, uint32_t *consumers, struct err *err)
{
	const amqp_queue_declare_ok_t *ok;
	amqp_rpc_reply_t reply;

	begin(broker);
	ok = amqp_queue_declare(broker->amqp, CHANNEL,
		amqp_cstring_bytes(queue), 1, 0, 0, 0, amqp_empty_table);
	reply = end(broker);
	*found = ok != NULL;
	*ready = ok != NULL ? ok->message_count : 0;
	*consumers = ok != NULL ? ok->consumer_count : 0;
	if (channel_code(&reply) == AMQP_NOT_FOUND)
		return reopen(broker, err);
	return ended_well(&reply) ||
		failed(broker, &reply, "look at queue", queue, err);
}

bool broker_inspect_exchange(struct broker *broker, const char *exchange,
	bool *found, struct err *err)
{
	amqp_rpc_reply_t reply;

	begin(broker);
	*found = amqp_exchange_declare(broker->amqp, CHANNEL,
			 amqp_cstring_bytes(exchange),
			 amqp_cstring_bytes("topic"), 1, 1, 0, 0,
			 amqp_empty_table) != NULL;
	reply = end(broker);
	if (channel_code(&reply) == AMQP_NOT_FOUND)
		return reopen(broker, err);
	return ended_well(&reply) ||
		failed(broker, &reply, "look at exchange", exchange, err);
}

/* -- declaring --------------------------------------------------------- */

#define ARGUMENTS_MAX 8

struct arguments {
	amqp_table_entry_t entries[ARGUMENTS_MAX];
	int count;
};

static amqp_field_value_t *argue(struct arguments *arguments,
	const char *name, uint8_t kind)
{
	amqp_table_entry_t *it = &arguments->entries[arguments->count++];

	it->key = amqp_cstring_bytes(name);
	it->value.kind = kind;
	return &it->value;
}

static void argue_text(struct arguments *arguments, const char *name,
	const char *value)
{
	argue(arguments, name, AMQP_FIELD_KIND_UTF8)->value.bytes =
		amqp_cstring_bytes(value);
}

static void argue_int(struct arguments *arguments, const char *name,
	int64_t value)
{
	argue(arguments, name, AMQP_FIELD_KIND_I64)->value.i64 = value;
}

static amqp_table_t table_of(struct arguments *arguments)
{
	return (amqp_table_t){ arguments->count, arguments->entries };
}

/* 406: it exists with other arguments, which no declaration changes. */
static bool declared(struct broker *broker, const amqp_rpc_reply_t *reply,
	const char *what, const char *name, struct err *err)
{
	const amqp_channel_close_t *close = reply->reply.decoded;
	char text[SHORT_TEXT];

	if (ended_well(reply))
		return true;
	if (channel_code(reply) != AMQP_PRECONDITION_FAILED)
		return failed(broker, reply, "declare", name, err);
	broker->dead = true;
	broker_text(close->reply_text.bytes, close->reply_text.len, text);
	err_stop(err, EXIT_CONFIG,
		"%s '%s' exists with other settings (%s): let it run empty, "
		"delete it (rabbitmqctl or the management page), then run "
		"`sluice apply` again",
		what, name, text);
	(void)snprintf(err->code, sizeof(err->code), "%d",
		AMQP_PRECONDITION_FAILED);
	return false;
}

bool broker_declare_exchange(struct broker *broker, const char *exchange,
	const char *alternate, struct err *err)
{
	struct arguments arguments = { 0 };
	amqp_rpc_reply_t reply;

	if (alternate != NULL)
		argue_text(&arguments, "alternate-exchange", alternate);
	begin(broker);
	(void)amqp_exchange_declare(broker->amqp, CHANNEL,
		amqp_cstring_bytes(exchange), amqp_cstring_bytes("topic"), 0,
		1, 0, 0, table_of(&arguments));
	reply = end(broker);
	return declared(broker, &reply, "exchange", exchange, err);
}

static bool is_4_or_later(const struct broker *broker)
{
	return strtol(broker->version, NULL, 10) >= 4;
}

bool broker_declare_queue(struct broker *broker, const char *queue,
	int64_t max_bytes, const char *dead_exchange, struct err *err)
{
	struct arguments arguments = { 0 };
	amqp_rpc_reply_t reply;

	argue_text(&arguments, "x-queue-type", "quorum");
	argue_text(&arguments, "x-overflow", "reject-publish");
	if (max_bytes > 0)
		argue_int(&arguments, "x-max-length-bytes", max_bytes);
	if (dead_exchange != NULL) {
		argue_text(&arguments, "x-dead-letter-exchange",
			dead_exchange);
		argue_text(&arguments, "x-dead-letter-strategy",
			"at-least-once");
	}
	/* 4.x gives up on a message after 20 returns unless told; 3.10 takes
	 * -1 and then drops each message at its first return */
	if (is_4_or_later(broker))
		argue_int(&arguments, "x-delivery-limit", -1);
	begin(broker);
	(void)amqp_queue_declare(broker->amqp, CHANNEL,
		amqp_cstring_bytes(queue), 0, 1, 0, 0, table_of(&arguments));
	reply = end(broker);
	return declared(broker, &reply, "queue", queue, err);
}

bool broker_declare_tap(struct broker *broker, const char *queue,
	int64_t max_messages, int64_t max_bytes, struct err *err)
{
	struct arguments arguments = { 0 };
	amqp_rpc_reply_t reply;

	argue_int(&arguments, "x-max-length", max_messages);
	argue_int(&arguments, "x-max-length-bytes", max_bytes);
	argue_text(&arguments, "x-overflow", "drop-head");
	begin(broker);
	(void)amqp_queue_declare(broker->amqp, CHANNEL,
		amqp_cstring_bytes(queue), 0, 0, 1, 1, table_of(&arguments));
	reply = end(broker);
	return declared(broker, &reply, "queue", queue, err);
}

bool broker_bind(struct broker *broker, const char *queue,
	const char *exchange, const char *routing_key, struct err *err)
{
	amqp_rpc_reply_t reply;

	begin(broker);
	(void)amqp_queue_bind(broker->amqp, CHANNEL, amqp_cstring_bytes(queue),
		amqp_cstring_bytes(exchange), amqp_cstring_bytes(routing_key),
		amqp_empty_table);
	reply = end(broker);
	return ended_well(&reply) ||
		failed(broker, &reply, "bind queue", queue, err);
}

bool broker_unbind(struct broker *broker, const char *queue,
	const char *exchange, const char *routing_key, struct err *err)
{
	amqp_rpc_reply_t reply;

	begin(broker);
	(void)amqp_queue_unbind(broker->amqp, CHANNEL,
		amqp_cstring_bytes(queue), amqp_cstring_bytes(exchange),
		amqp_cstring_bytes(routing_key), amqp_empty_table);
	reply = end(broker);
	return ended_well(&reply) ||
		failed(broker, &reply, "unbind queue", queue, err);
}
