/* broker_error.c - what went wrong with RabbitMQ, in words that help. */
#include "common/broker_private.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <stdio.h>
#include <string.h>

void broker_text(const void *bytes, size_t len, char out[SHORT_TEXT])
{
	const size_t kept = len < SHORT_TEXT - 1 ? len : SHORT_TEXT - 1;

	if (kept > 0)
		memcpy(out, bytes, kept);
	out[kept] = '\0';
}

static bool lost(struct broker *broker, int status, struct err *err)
{
	/* a socket shut down from beside looks lost; we know better */
	if (atomic_load(&broker->watch.aborted))
		return err_set(err, ERR_RETRY, "stopping");
	if (status == AMQP_STATUS_NO_MEMORY)
		return err_memory(err);
	if (atomic_load(&broker->watch.hung) ||
		status == AMQP_STATUS_HEARTBEAT_TIMEOUT ||
		status == AMQP_STATUS_TIMEOUT)
		return err_set(err, ERR_RETRY,
			"RabbitMQ at %s:%d stopped answering", broker->host,
			broker->port);
	return err_set(err, ERR_RETRY,
		"connection to RabbitMQ at %s:%d lost (%s)", broker->host,
		broker->port, amqp_error_string2(status));
}

bool broker_lost(struct broker *broker, int status, const char *doing,
	struct err *err)
{
	broker->dead = true;
	lost(broker, status, err);
	return doing != NULL ? err_wrap(err, "%s", doing) : false;
}

static bool closed(const struct broker *broker, unsigned code,
	const char *text, struct err *err)
{
	switch (code) {
	case AMQP_ACCESS_REFUSED:
	case AMQP_NOT_ALLOWED:
		return err_stop(err, EXIT_CONFIG,
			"RabbitMQ at %s:%d refuses user '%s' on vhost '%s' "
			"(%s): check user, password and vhost in the settings, "
			"or run `sluice apply`",
			broker->host, broker->port, broker->user,
			broker->vhost, text);
	case AMQP_NOT_FOUND:
		return err_set(err, ERR_RETRY,
			"something is missing in RabbitMQ (%s): run `sluice "
			"apply`",
			text);
	case AMQP_PRECONDITION_FAILED:
		if (strstr(text, "max size") != NULL) /* waiting cannot help */
			return err_stop(err, EXIT_CONFIG,
				"RabbitMQ finds a message too large (%s): "
				"lower chunk_bytes and max_record_bytes",
				text);
		if (strstr(text, "acknowledgement") != NULL)
			return err_set(err, ERR_RETRY,
				"RabbitMQ waited too long for acknowledgements "
				"(%.120s): what it delivered comes again; look "
				"why PostgreSQL is slow or waits (load_waits)",
				text);
		break;
	default:
		break;
	}
	return err_set(err, ERR_RETRY,
		"RabbitMQ at %s:%d closed the connection (%u %s)",
		broker->host, broker->port, code, text);
}

bool broker_closed(struct broker *broker, unsigned code, const char *text,
	const char *doing, struct err *err)
{
	broker->dead = true;
	closed(broker, code, text, err);
	if (doing != NULL)
		err_wrap(err, "%s", doing);
	(void)snprintf(err->code, sizeof(err->code), "%u", code);
	return false;
}

bool broker_refused(struct broker *broker,
	const struct amqp_rpc_reply_t_ *reply, const char *doing,
	struct err *err)
{
	char text[SHORT_TEXT];

	if (reply->reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
		reply->reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
		const amqp_channel_close_t *close = reply->reply.decoded;

		broker_text(close->reply_text.bytes, close->reply_text.len,
			text);
		return broker_closed(broker, close->reply_code, text, doing,
			err);
	}
	if (reply->reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
		reply->reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
		const amqp_connection_close_t *close = reply->reply.decoded;

		broker_text(close->reply_text.bytes, close->reply_text.len,
			text);
		return broker_closed(broker, close->reply_code, text, doing,
			err);
	}
	return broker_lost(broker,
		reply->reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION ?
			reply->library_error :
			AMQP_STATUS_UNEXPECTED_STATE,
		doing, err);
}

bool broker_no_answer(struct broker *broker, int status, struct err *err)
{
	const char *why = amqp_error_string2(status);

	broker->dead = true;
	switch (status) {
	case AMQP_STATUS_NO_MEMORY:
		return err_memory(err);
	case AMQP_STATUS_SSL_PEER_VERIFY_FAILED:
	case AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED:
		return err_stop(err, EXIT_CONFIG,
			"the certificate of RabbitMQ at %s:%d is not accepted "
			"(%s): check broker_cacert, and that broker_host is "
			"the DNS name in the certificate",
			broker->host, broker->port, why);
	case AMQP_STATUS_SSL_CONNECTION_FAILED:
	case AMQP_STATUS_SSL_ERROR:
		return err_set(err, ERR_RETRY,
			"RabbitMQ at %s:%d does not speak TLS 1.2 or newer "
			"(%s): is it the port for TLS?",
			broker->host, broker->port, why);
	case AMQP_STATUS_BAD_AMQP_DATA:
	case AMQP_STATUS_INCOMPATIBLE_AMQP_VERSION:
		return err_set(err, ERR_RETRY,
			"what answers at %s:%d is not RabbitMQ: check "
			"broker_host and broker_port",
			broker->host, broker->port);
	default:
		return err_set(err, ERR_RETRY,
			"RabbitMQ at %s:%d does not answer (%s): is it "
			"running, are broker_host and broker_port right?",
			broker->host, broker->port, why);
	}
}
