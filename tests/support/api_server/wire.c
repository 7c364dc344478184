/* wire.c - see wire.h. */
#include "tests/support/api_server/wire.h"

#include "tests/support/api_server/filler.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX (1 << 20)
#define PIECE 65536

struct wire {
	struct wire_options options;
	struct MHD_Daemon *daemon;
	int port;
	char base[64];
};

/* One request from its first line to its answer. */
struct exchange {
	struct wire *wire;
	struct request request;
	char *target, *path, *method;
	bool began; /* the headers are read */
};

/* The body of an answer under way. */
struct stream {
	struct answer answer;
	uint64_t end; /* where it stops or breaks */
};

/* -- the request comes ------------------------------------------------- */

static void *on_target(void *context, const char *target,
	struct MHD_Connection *connection)
{
	struct exchange *exchange =
		must_have(calloc(1, sizeof(struct exchange)));

	(void)connection;
	exchange->wire = context;
	exchange->target = copy_of(target, strlen(target));
	return exchange;
}

static void on_done(void *context, struct MHD_Connection *connection,
	void **state, enum MHD_RequestTerminationCode why)
{
	struct exchange *exchange = *state;

	(void)context;
	(void)connection;
	(void)why;
	if (exchange == NULL)
		return;
	pairs_clear(&exchange->request.query);
	pairs_clear(&exchange->request.headers);
	buf_clear(&exchange->request.body);
	free(exchange->target);
	free(exchange->path);
	free(exchange->method);
	free(exchange);
	*state = NULL;
}

static enum MHD_Result on_header(void *context, enum MHD_ValueKind kind,
	const char *name, const char *value)
{
	(void)kind;
	pairs_add(context, name, value == NULL ? "" : value);
	return MHD_YES;
}

static void begin(struct exchange *exchange, struct MHD_Connection *connection,
	const char *path, const char *method)
{
	struct request *request = &exchange->request;
	const char *query = strchr(exchange->target, '?');

	exchange->began = true;
	exchange->path = copy_of(path, strlen(path));
	exchange->method = copy_of(method, strlen(method));
	request->target = exchange->target;
	request->path = exchange->path;
	request->method = exchange->method;
	request->base = exchange->wire->base;
	if (query != NULL)
		pairs_read_query(&request->query, query + 1,
			strlen(query + 1));
	(void)MHD_get_connection_values(connection, MHD_HEADER_KIND,
		on_header, &request->headers);
}

/* -- the answer goes --------------------------------------------------- */

static void pause_ms(int ms)
{
	(void)poll(NULL, 0, ms);
}

static ssize_t on_read(void *context, uint64_t at, char *out, size_t room)
{
	struct stream *stream = context;
	const struct answer *answer = &stream->answer;
	uint64_t len = stream->end - at;

	if (at >= stream->end)
		return answer->cut >= 0 ? MHD_CONTENT_READER_END_WITH_ERROR :
			MHD_CONTENT_READER_END_OF_STREAM;
	if (len > room)
		len = room;
	if (answer->drip_ms > 0) {
		pause_ms(answer->drip_ms);
		len = 1;
	}
	if (answer->filler != FILL_NONE)
		filler_bytes(answer->filler, at, out, (size_t)len);
	else
		memcpy(out, answer->body.data + at, (size_t)len);
	return (ssize_t)len;
}

static void on_free(void *context)
{
	struct stream *stream = context;

	answer_clear(&stream->answer);
	free(stream);
}

/* A reader gives the body piece by piece, and can break off. */
static struct MHD_Response *streamed(struct answer *answer)
{
	struct stream *stream = must_have(malloc(sizeof(*stream)));
	uint64_t size = answer->body.len;

	stream->answer = *answer;
	stream->end = answer->filler != FILL_NONE ? UINT64_MAX : size;
	if (answer->cut >= 0 && (uint64_t)answer->cut < stream->end)
		stream->end = (uint64_t)answer->cut;
	if (answer->framing != BY_LENGTH || answer->filler != FILL_NONE)
		size = MHD_SIZE_UNKNOWN;
	*answer = (struct answer){ .status = stream->answer.status };
	return MHD_create_response_from_callback(size, PIECE, on_read, stream,
		on_free);
}

static struct MHD_Response *response_for(struct answer *answer)
{
	const size_t len = answer->body.len;

	if (answer->framing != BY_LENGTH || answer->cut >= 0 ||
		answer->drip_ms > 0 || answer->filler != FILL_NONE)
		return streamed(answer);
	return MHD_create_response_from_buffer(len, buf_take(&answer->body),
		MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result send_answer(struct MHD_Connection *connection,
	struct answer *answer)
{
	const bool by_close = answer->framing == BY_CLOSE;
	const unsigned status = answer->status;
	struct pairs headers = answer->headers;
	struct MHD_Response *response;
	enum MHD_Result result;

	answer->headers = (struct pairs){ 0 };
	if (answer->delay_ms > 0)
		pause_ms(answer->delay_ms);
	response = must_have(response_for(answer));
	if (by_close)
		(void)MHD_set_response_options(response,
			MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	for (size_t i = 0; i < headers.count; i++)
		(void)MHD_add_response_header(response, headers.list[i].name,
			headers.list[i].value);
	result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	pairs_clear(&headers);
	return result;
}

static enum MHD_Result on_request(void *context,
	struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *data,
	size_t *len, void **state)
{
	struct exchange *exchange = *state;
	struct wire *wire = context;
	struct answer answer = { .status = 200, .cut = -1 };

	(void)version;
	if (!exchange->began) {
		begin(exchange, connection, path, method);
		return MHD_YES;
	}
	if (*len > 0) {
		if (exchange->request.body.len + *len <= BODY_MAX)
			say_bytes(&exchange->request.body, data, *len);
		*len = 0;
		return MHD_YES;
	}
	wire->options.serve(wire->options.context, &exchange->request,
		&answer);
	return send_answer(connection, &answer);
}

/* -- listening --------------------------------------------------------- */

static struct MHD_Daemon *listen_tls(struct wire *wire, unsigned flags,
	struct sockaddr_in *at)
{
	return MHD_start_daemon(flags | MHD_USE_TLS, 0, NULL, NULL,
		on_request, wire,
		MHD_OPTION_SOCK_ADDR, (struct sockaddr *)at,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, wire,
		MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL,
		MHD_OPTION_HTTPS_MEM_CERT, wire->options.certificate,
		MHD_OPTION_HTTPS_MEM_KEY, wire->options.key,
		MHD_OPTION_END);
}

static struct MHD_Daemon *listen_plain(struct wire *wire, unsigned flags,
	struct sockaddr_in *at)
{
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, wire,
		MHD_OPTION_SOCK_ADDR, (struct sockaddr *)at,
		MHD_OPTION_URI_LOG_CALLBACK, on_target, wire,
		MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL,
		MHD_OPTION_END);
}

struct wire *wire_start(const struct wire_options *options, struct err *err)
{
	const unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD |
		MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL;
	struct wire *wire = must_have(calloc(1, sizeof(struct wire)));
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)options->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	wire->options = *options;
	wire->daemon = options->certificate != NULL ?
		listen_tls(wire, flags, &at) : listen_plain(wire, flags, &at);
	if (wire->daemon == NULL) {
		err_stop(err, EXIT_SERVER,
			"cannot listen on 127.0.0.1:%d", options->port);
		free(wire);
		return NULL;
	}
	wire->port = MHD_get_daemon_info(wire->daemon,
		MHD_DAEMON_INFO_BIND_PORT)->port;
	(void)snprintf(wire->base, sizeof(wire->base), "http%s://127.0.0.1:%d",
		options->certificate != NULL ? "s" : "", wire->port);
	return wire;
}

int wire_port(const struct wire *wire)
{
	return wire->port;
}
