/* broker.c - the door to RabbitMQ: one connection, one channel, one owner. */
#include "common/broker_private.h"
#include "common/clock.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define CLOSE_TIMEOUT_MS 1000
#define CONSUME_TIMEOUT_MS 10000 /* a queue without a leader answers never */
#define FRAME_MAX 131072
#define CONSUMER_TAG 32
/* a header frame holds these beside the headers: its own 8 bytes, class,
 * size, flags and the short strings */
#define FRAME_RESERVE (32 + 8 * SHORT_TEXT)
#define HEADER_OVERHEAD 8 /* of each: length of name, kind, length */

int broker_patience_ms(const struct broker *broker)
{
	return 2 * broker->heartbeat_ms;
}

static struct timeval in_ms(int ms)
{
	return (struct timeval){ .tv_sec = ms / 1000,
		.tv_usec = (ms % 1000) * 1000 };
}

/* -- opening ---------------------------------------------------------- */

static bool keep_names(struct broker *broker,
	const struct broker_options *options, struct err *err)
{
	broker->host = strdup(options->host);
	broker->vhost = strdup(options->vhost);
	broker->user = strdup(options->user);
	broker->port = options->port;
	broker->max_message = options->max_message_bytes;
	broker->heartbeat_ms =
		1000 * (options->heartbeat_secs > 0 ? options->heartbeat_secs :
						      1);
	return (broker->host != NULL && broker->vhost != NULL &&
		       broker->user != NULL) ||
		err_memory(err);
}

/* TLS always verifies: the peer against our CA, and its name. */
static amqp_socket_t *tls_socket(struct broker *broker, const char *cacert,
	struct err *err)
{
	amqp_socket_t *socket = amqp_ssl_socket_new(broker->amqp);

	if (socket == NULL) {
		err_memory(err);
		return NULL;
	}
	amqp_ssl_socket_set_verify_peer(socket, 1);
	amqp_ssl_socket_set_verify_hostname(socket, 1);
	if (cacert == NULL ||
		amqp_ssl_socket_set_cacert(socket, cacert) != AMQP_STATUS_OK) {
		err_stop(err, EXIT_CONFIG,
			"cannot read the CA certificate %s (setting "
			"broker_cacert, needed for TLS)",
			cacert != NULL ? cacert : "");
		return NULL;
	}
	if (amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2,
		    AMQP_TLSvLATEST) != AMQP_STATUS_OK) {
		err_stop(err, EXIT_BUG, "TLS 1.2 is not to be had");
		return NULL;
	}
	return socket;
}

static bool connect_socket(struct broker *broker,
	const struct broker_options *options, struct err *err)
{
	const struct timeval limit = in_ms(CONNECT_TIMEOUT_MS);
	amqp_socket_t *socket;
	int status;

	broker->amqp = amqp_new_connection();
	if (broker->amqp == NULL)
		return err_memory(err);
	socket = options->tls ? tls_socket(broker, options->cacert, err) :
				amqp_tcp_socket_new(broker->amqp);
	if (socket == NULL)
		return options->tls ? false : err_memory(err);
	status = amqp_socket_open_noblock(socket, broker->host, broker->port,
		&limit);
	if (status != AMQP_STATUS_OK)
		return broker_no_answer(broker, status, err);
	/* the library closes its own descriptor when it likes */
	broker->fd = fcntl(amqp_socket_get_sockfd(socket), F_DUPFD_CLOEXEC, 0);
	return broker->fd >= 0 || err_errno(err, ERR_RETRY, "dup");
}

static void set_option(int fd, int level, int name, int value)
{
	/* each is an improvement only: the watchdog has the last word */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

/* The kernel finds out about a dead peer too, in about two heartbeats. */
static void set_keepalive(struct broker *broker)
{
	const int secs = broker->heartbeat_ms / 1000;

	set_option(broker->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(broker->fd, IPPROTO_TCP, TCP_KEEPIDLE, secs);
	set_option(broker->fd, IPPROTO_TCP, TCP_KEEPINTVL,
		secs > 3 ? secs / 3 : 1);
	set_option(broker->fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
	set_option(broker->fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
		broker_patience_ms(broker));
	set_option(broker->fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

static amqp_table_entry_t entry(const char *name, uint8_t kind)
{
	amqp_table_entry_t it = { .key = amqp_cstring_bytes(name) };

	it.value.kind = kind;
	return it;
}

static amqp_table_entry_t flag(const char *name)
{
	amqp_table_entry_t it = entry(name, AMQP_FIELD_KIND_BOOLEAN);

	it.value.value.boolean = 1;
	return it;
}

static amqp_table_entry_t text(const char *name, const char *value)
{
	amqp_table_entry_t it = entry(name, AMQP_FIELD_KIND_UTF8);

	it.value.value.bytes = amqp_cstring_bytes(value);
	return it;
}

static amqp_rpc_reply_t send_login(struct broker *broker,
	const struct broker_options *options)
{
	amqp_table_entry_t can[] = { flag("publisher_confirms"),
		flag("basic.nack"), flag("consumer_cancel_notify"),
		flag("connection.blocked"),
		flag("authentication_failure_close") };
	amqp_table_entry_t about[] = { text("product", "sluice"),
		text("version", SLUICE_VERSION),
		text("connection_name",
			options->name != NULL ? options->name : "sluice"),
		entry("capabilities", AMQP_FIELD_KIND_TABLE) };
	const amqp_table_t table = { 4, about };

	about[3].value.value.table = (amqp_table_t){ 5, can };
	return amqp_login_with_properties(broker->amqp, broker->vhost, 1,
		FRAME_MAX, broker->heartbeat_ms / 1000, &table,
		AMQP_SASL_METHOD_PLAIN, broker->user,
		options->password != NULL ? options->password : "");
}

static void learn_version(struct broker *broker)
{
	const amqp_table_t *table = amqp_get_server_properties(broker->amqp);

	for (int i = 0; i < table->num_entries; i++) {
		const amqp_table_entry_t *it = &table->entries[i];
		char key[SHORT_TEXT], value[SHORT_TEXT];

		broker_text(it->key.bytes, it->key.len, key);
		if (strcmp(key, "version") != 0 ||
			it->value.kind != AMQP_FIELD_KIND_UTF8)
			continue;
		broker_text(it->value.value.bytes.bytes,
			it->value.value.bytes.len, value);
		(void)snprintf(broker->version, sizeof(broker->version),
			"%.31s", value);
	}
}

static int handshake_ms(const struct broker *broker)
{
	const int ms = broker_patience_ms(broker);

	return ms < HANDSHAKE_MIN_MS ? HANDSHAKE_MIN_MS :
		ms > HANDSHAKE_MAX_MS ? HANDSHAKE_MAX_MS : ms;
}

static bool set_rpc_timeout(struct broker *broker, int ms)
{
	const struct timeval limit = in_ms(ms);

	return amqp_set_rpc_timeout(broker->amqp, &limit) == AMQP_STATUS_OK;
}

static bool log_in(struct broker *broker,
	const struct broker_options *options, struct err *err)
{
	const struct timeval handshake = in_ms(handshake_ms(broker));
	amqp_rpc_reply_t reply;

	if (amqp_set_handshake_timeout(broker->amqp, &handshake) !=
			AMQP_STATUS_OK ||
		!set_rpc_timeout(broker, RPC_TIMEOUT_MS))
		return err_stop(err, EXIT_BUG, "timeouts are not taken");
	watch_enter(&broker->watch,
		handshake_ms(broker) + broker->heartbeat_ms);
	reply = send_login(broker, options);
	watch_leave(&broker->watch);
	if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
		return broker_no_answer(broker, reply.library_error, err);
	if (reply.reply_type != AMQP_RESPONSE_NORMAL)
		return broker_refused(broker, &reply, NULL, err);
	/* the server may have asked for more frequent ones */
	if (amqp_get_heartbeat(broker->amqp) > 0)
		broker->heartbeat_ms = 1000 * amqp_get_heartbeat(broker->amqp);
	learn_version(broker);
	return true;
}

bool broker_open_channel(struct broker *broker, struct err *err)
{
	amqp_rpc_reply_t reply;

	watch_enter(&broker->watch, RPC_TIMEOUT_MS);
	(void)amqp_channel_open(broker->amqp, CHANNEL);
	reply = amqp_get_rpc_reply(broker->amqp);
	watch_leave(&broker->watch);
	return reply.reply_type == AMQP_RESPONSE_NORMAL ||
		broker_refused(broker, &reply, "open a channel", err);
}

struct broker *broker_open(const struct broker_options *options,
	struct err *err)
{
	struct broker *broker = calloc(1, sizeof(*broker));
	bool ok;

	if (broker == NULL) {
		err_memory(err);
		return NULL;
	}
	broker->fd = -1;
	ok = keep_names(broker, options, err) &&
		connect_socket(broker, options, err);
	if (ok)
		set_keepalive(broker);
	ok = ok && watch_start(&broker->watch, broker->fd,
			   broker->heartbeat_ms / 2, err);
	ok = ok && log_in(broker, options, err) &&
		broker_open_channel(broker, err);
	if (ok)
		return broker;
	broker->dead = true;
	broker_close(broker);
	return NULL;
}

/* -- closing ---------------------------------------------------------- */

/* What comes before the answer is what the broker had handed out: read, it
 * could be more than we have memory for, so each frame is forgotten at once. */
static void await_goodbye(struct broker *broker)
{
	const int64_t until = clock_now_ms() + CLOSE_TIMEOUT_MS;
	int status = AMQP_STATUS_OK;
	amqp_frame_t frame;

	while (status == AMQP_STATUS_OK) {
		const int64_t left_ms = until - clock_now_ms();
		struct timeval left = in_ms(left_ms > 0 ? (int)left_ms : 0);

		if (left_ms <= 0)
			break; /* it looks at the clock when nothing comes */
		status = amqp_simple_wait_frame_noblock(broker->amqp, &frame,
			&left);
		if (status == AMQP_STATUS_OK &&
			frame.frame_type == AMQP_FRAME_METHOD &&
			frame.payload.method.id ==
				AMQP_CONNECTION_CLOSE_OK_METHOD)
			break;
		broker_release(broker);
	}
}

static void say_goodbye(struct broker *broker)
{
	amqp_connection_close_t close = { .reply_code = AMQP_REPLY_SUCCESS };

	watch_enter(&broker->watch, CLOSE_TIMEOUT_MS);
	if (amqp_send_method(broker->amqp, 0, AMQP_CONNECTION_CLOSE_METHOD,
		    &close) == AMQP_STATUS_OK)
		await_goodbye(broker);
	watch_leave(&broker->watch);
}

void broker_close(struct broker *broker)
{
	if (broker == NULL)
		return;
	if (!broker->dead && !atomic_load(&broker->watch.aborted))
		say_goodbye(broker);
	watch_stop(&broker->watch);
	if (broker->amqp != NULL)
		(void)amqp_destroy_connection(broker->amqp);
	if (broker->fd >= 0)
		(void)close(broker->fd);
	broker_events_clear(broker);
	for (size_t i = 0; i < broker->consumer_count; i++)
		free(broker->consumers[i]);
	free(broker->consumers);
	free(broker->user);
	free(broker->vhost);
	free(broker->host);
	free(broker);
}

void broker_abort(struct broker *broker)
{
	watch_abort(&broker->watch);
}

const char *broker_version(const struct broker *broker)
{
	return broker->version;
}

/* -- publishing ------------------------------------------------------- */

bool broker_confirm_mode(struct broker *broker, struct err *err)
{
	amqp_rpc_reply_t reply;

	watch_enter(&broker->watch, RPC_TIMEOUT_MS);
	(void)amqp_confirm_select(broker->amqp, CHANNEL);
	reply = amqp_get_rpc_reply(broker->amqp);
	watch_leave(&broker->watch);
	return reply.reply_type == AMQP_RESPONSE_NORMAL ||
		broker_refused(broker, &reply, "switch confirms on", err);
}

/* The library wants void *, and only reads. */
static amqp_bytes_t bytes_of(struct bytes s)
{
	return (amqp_bytes_t){ s.len, (void *)(uintptr_t)s.data };
}

static bool is_utf8(struct bytes s)
{
	size_t n;

	for (size_t i = 0; i < s.len; i += n) {
		n = utf8_length((const char *)s.data + i, s.len - i);
		if (n == 0)
			return false;
	}
	return true;
}

static amqp_table_entry_t header_entry(const struct header *header)
{
	amqp_table_entry_t it = entry(header->name, AMQP_FIELD_KIND_I64);

	if (header->is_int) {
		it.value.value.i64 = header->i;
		return it;
	}
	/* other clients decode strings, so what is none is marked as such */
	it.value.kind = is_utf8(header->s) ? AMQP_FIELD_KIND_UTF8 :
					     AMQP_FIELD_KIND_BYTES;
	it.value.value.bytes = bytes_of(header->s);
	return it;
}

static void property(amqp_basic_properties_t *props, amqp_flags_t bit,
	amqp_bytes_t *field, const char *value)
{
	if (value == NULL)
		return;
	props->_flags |= bit;
	*field = amqp_cstring_bytes(value);
}

static void properties(const struct message *message,
	amqp_table_entry_t *entries, amqp_basic_properties_t *props)
{
	*props = (amqp_basic_properties_t){
		._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
		.delivery_mode = AMQP_DELIVERY_PERSISTENT,
	};
	property(props, AMQP_BASIC_MESSAGE_ID_FLAG, &props->message_id,
		message->message_id);
	property(props, AMQP_BASIC_TYPE_FLAG, &props->type, message->type);
	property(props, AMQP_BASIC_CONTENT_TYPE_FLAG, &props->content_type,
		message->content_type);
	property(props, AMQP_BASIC_USER_ID_FLAG, &props->user_id,
		message->user_id);
	property(props, AMQP_BASIC_APP_ID_FLAG, &props->app_id,
		message->app_id);
	if (message->header_count == 0)
		return;
	for (size_t i = 0; i < message->header_count; i++)
		entries[i] = header_entry(&message->headers[i]);
	props->_flags |= AMQP_BASIC_HEADERS_FLAG;
	props->headers =
		(amqp_table_t){ (int)message->header_count, entries };
}

/* The library would notice only after it has sent half of a message. */
static bool check_size(struct broker *broker, const struct message *message,
	struct err *err)
{
	size_t headers = FRAME_RESERVE;

	if (broker->max_message != 0 &&
		message->body.len > broker->max_message)
		return err_stop(err, EXIT_CONFIG,
			"a message of %zu bytes is larger than "
			"max_message_bytes (%zu)",
			message->body.len, broker->max_message);
	for (size_t i = 0; i < message->header_count; i++)
		headers += strlen(message->headers[i].name) + HEADER_OVERHEAD +
			message->headers[i].s.len;
	if (headers > (size_t)amqp_get_frame_max(broker->amqp))
		return err_stop(err, EXIT_CONFIG,
			"the headers of a message have %zu bytes, more than "
			"one AMQP frame: lower chunk_records",
			headers);
	return true;
}

bool broker_publish(struct broker *broker, const struct message *message,
	uint64_t *tag, struct err *err)
{
	amqp_table_entry_t entries[ENVELOPE_HEADERS];
	amqp_basic_properties_t props;
	int status;

	if (!check_size(broker, message, err) || !broker_writable(broker, err))
		return err_wrap(err, "publish");
	properties(message, entries, &props);
	watch_enter(&broker->watch, broker_patience_ms(broker));
	status = amqp_basic_publish(broker->amqp, CHANNEL,
		amqp_cstring_bytes(message->exchange),
		amqp_cstring_bytes(message->routing_key), 1, 0, &props,
		bytes_of(message->body));
	watch_leave(&broker->watch);
	if (status != AMQP_STATUS_OK)
		return broker_lost(broker, status, "publish", err);
	*tag = ++broker->published;
	return true;
}

/* -- consuming -------------------------------------------------------- */

/* Room for one more; its number makes the tag, so no tag comes twice. */
static bool add_consumer(struct broker *broker, const char *queue,
	struct err *err)
{
	char **more = realloc(broker->consumers,
		(broker->consumer_count + 1) * sizeof(*more));

	if (more == NULL)
		return err_memory(err);
	broker->consumers = more;
	more[broker->consumer_count] = strdup(queue);
	if (more[broker->consumer_count] == NULL)
		return err_memory(err);
	broker->consumer_count++;
	return true;
}

static void make_consumer_tag(size_t number, char tag[CONSUMER_TAG])
{
	(void)snprintf(tag, CONSUMER_TAG, "sluice-%zu", number);
}

static amqp_rpc_reply_t send_consume(struct broker *broker, const char *queue,
	int prefetch)
{
	amqp_rpc_reply_t reply;
	char tag[CONSUMER_TAG];

	make_consumer_tag(broker->consumer_count - 1, tag);
	if (!set_rpc_timeout(broker, CONSUME_TIMEOUT_MS))
		return (amqp_rpc_reply_t){ 0 };
	watch_enter(&broker->watch, 2 * CONSUME_TIMEOUT_MS);
	(void)amqp_basic_qos(broker->amqp, CHANNEL, 0, (uint16_t)prefetch, 0);
	reply = amqp_get_rpc_reply(broker->amqp);
	if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
		(void)amqp_basic_consume(broker->amqp, CHANNEL,
			amqp_cstring_bytes(queue), amqp_cstring_bytes(tag), 0,
			0, 0, amqp_empty_table);
		reply = amqp_get_rpc_reply(broker->amqp);
	}
	watch_leave(&broker->watch);
	(void)set_rpc_timeout(broker, RPC_TIMEOUT_MS);
	return reply;
}

bool broker_consume(struct broker *broker, const char *queue, int prefetch,
	struct err *err)
{
	char doing[SHORT_TEXT + 32];
	amqp_rpc_reply_t reply;

	if (!add_consumer(broker, queue, err))
		return false;
	reply = send_consume(broker, queue, prefetch);
	if (reply.reply_type == AMQP_RESPONSE_NORMAL)
		return true;
	(void)snprintf(doing, sizeof(doing), "consume queue '%s'", queue);
	broker_refused(broker, &reply, doing, err);
	if (strcmp(err->code, "404") == 0) {
		err_set(err, ERR_RETRY,
			"queue '%s' is missing: run `sluice apply`", queue);
		(void)snprintf(err->code, sizeof(err->code), "404");
	}
	return false;
}

static int send_more(struct broker *broker, const char *queue, int prefetch)
{
	amqp_basic_qos_t qos = { .prefetch_count = (uint16_t)prefetch };
	amqp_basic_consume_t consume = { .nowait = 1,
		.queue = amqp_cstring_bytes(queue) };
	char tag[CONSUMER_TAG];
	int status;

	make_consumer_tag(broker->consumer_count - 1, tag);
	consume.consumer_tag = amqp_cstring_bytes(tag);
	status = amqp_send_method(broker->amqp, CHANNEL,
		AMQP_BASIC_QOS_METHOD, &qos);
	return status != AMQP_STATUS_OK ? status :
		amqp_send_method(broker->amqp, CHANNEL,
			AMQP_BASIC_CONSUME_METHOD, &consume);
}

bool broker_consume_more(struct broker *broker, const char *queue,
	int prefetch, struct err *err)
{
	int status;

	if (!add_consumer(broker, queue, err))
		return false;
	if (!broker_ackable(broker, err))
		return err_wrap(err, "consume queue '%s'", queue);
	watch_enter(&broker->watch, broker_patience_ms(broker));
	status = send_more(broker, queue, prefetch);
	watch_leave(&broker->watch);
	return status == AMQP_STATUS_OK ||
		broker_lost(broker, status, "consume", err);
}

/* Its number stays: what it was given before is still to come. No answer is
 * asked for: waiting for one would read all that is under way. */
bool broker_cancel(struct broker *broker, const char *queue, struct err *err)
{
	size_t number = broker->consumer_count;
	char tag[CONSUMER_TAG];
	amqp_basic_cancel_t cancel = { .nowait = 1 };
	int status;

	while (number > 0 && strcmp(broker->consumers[number - 1], queue) != 0)
		number--;
	if (number == 0)
		return true;
	make_consumer_tag(number - 1, tag);
	cancel.consumer_tag = amqp_cstring_bytes(tag);
	if (!broker_ackable(broker, err))
		return err_wrap(err, "cancel a consumer");
	watch_enter(&broker->watch, broker_patience_ms(broker));
	status = amqp_send_method(broker->amqp, CHANNEL,
		AMQP_BASIC_CANCEL_METHOD, &cancel);
	watch_leave(&broker->watch);
	return status == AMQP_STATUS_OK ||
		broker_lost(broker, status, "cancel a consumer", err);
}

bool broker_ack(struct broker *broker, uint64_t tag, bool multiple,
	struct err *err)
{
	int status;

	if (!broker_ackable(broker, err))
		return err_wrap(err, "acknowledge");
	watch_enter(&broker->watch, broker_patience_ms(broker));
	status = amqp_basic_ack(broker->amqp, CHANNEL, tag, multiple);
	watch_leave(&broker->watch);
	return status == AMQP_STATUS_OK ||
		broker_lost(broker, status, "acknowledge", err);
}

static bool nack(struct broker *broker, uint64_t tag, bool multiple,
	bool requeue, struct err *err)
{
	int status;

	if (!broker_ackable(broker, err))
		return err_wrap(err, "give back");
	watch_enter(&broker->watch, broker_patience_ms(broker));
	status = amqp_basic_nack(broker->amqp, CHANNEL, tag, multiple,
		requeue);
	watch_leave(&broker->watch);
	return status == AMQP_STATUS_OK ||
		broker_lost(broker, status, "give back", err);
}

bool broker_requeue(struct broker *broker, uint64_t tag, bool multiple,
	struct err *err)
{
	return nack(broker, tag, multiple, true, err);
}

bool broker_pass_on(struct broker *broker, uint64_t tag, struct err *err)
{
	return nack(broker, tag, false, false, err);
}
