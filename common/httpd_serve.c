/* httpd_serve.c - an HTTP server for pages, a thread for each connection. */
#include "common/httpd_serve.h"
#include "common/clock.h"
#include "common/httpd_private.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#define STACK_BYTES ((size_t)512 << 10)
#define CONNECTION_BYTES ((size_t)24 << 10) /* headers and all */
#define PIECE_BYTES ((size_t)16 << 10)
#define STREAM_BYTES ((size_t)4 << 20) /* a client that is so far behind */
#define SPARE 32 /* connections more, until those that were cut are gone */
#define REAP_MS 250

/* A connection. libmicrohttpd counts only the time in which nothing at all
 * comes: a byte now and then would keep a connection for ever. */
struct seat {
	bool taken, cut;
	bool waits;      /* for headers: cut first when it is crowded */
	int fd;
	int64_t since_ms;
	int64_t limit_ms; /* from since_ms on; 0: none */
};

struct httpd_server {
	struct MHD_Daemon *daemon;
	struct httpd_options options;
	pthread_t reaper;
	bool reaping;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool stopping;
	struct seat *seats;
};

struct httpd_request {
	struct MHD_Connection *connection;
	const char *method, *path;
	struct buf body;
	bool failed;
};

/* A stream and what of it is not yet sent. */
struct flow {
	struct httpd_stream stream;
	struct buf rest;
	size_t at;
};

/* -- the request ----------------------------------------------------------- */

const char *httpd_method(const struct httpd_request *request)
{
	return request->method;
}

const char *httpd_path(const struct httpd_request *request)
{
	return request->path;
}

const char *httpd_query(const struct httpd_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection,
		MHD_GET_ARGUMENT_KIND, name);
}

const char *httpd_header(const struct httpd_request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection,
		MHD_HEADER_KIND, name);
}

struct counting {
	const char *name;
	size_t count;
};

static enum MHD_Result count_one(void *context, enum MHD_ValueKind kind,
	const char *key, const char *value)
{
	struct counting *counting = context;

	(void)kind;
	(void)value;
	if (strcasecmp(key, counting->name) == 0)
		counting->count++;
	return MHD_YES;
}

size_t httpd_header_count(const struct httpd_request *request,
	const char *name)
{
	struct counting counting = { name, 0 };

	(void)MHD_get_connection_values(request->connection, MHD_HEADER_KIND,
		count_one, &counting);
	return counting.count;
}

const struct buf *httpd_body(const struct httpd_request *request)
{
	return &request->body;
}

/* -- seats ----------------------------------------------------------------- */

static struct seat *seat_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

static void seat_limit(struct httpd_server *server, struct seat *seat,
	int secs, bool waits)
{
	if (seat == NULL)
		return;
	(void)pthread_mutex_lock(&server->lock);
	seat->since_ms = clock_now_ms();
	seat->limit_ms = (int64_t)secs * 1000;
	seat->waits = waits;
	(void)pthread_mutex_unlock(&server->lock);
}

static size_t seat_count(const struct httpd_server *server)
{
	return server->options.connections + SPARE;
}

static void seat_cut(struct seat *seat)
{
	seat->cut = true;
	(void)shutdown(seat->fd, SHUT_RDWR);
}

static bool is_better_to_cut(const struct seat *seat, const struct seat *than)
{
	if (than == NULL || seat->waits != than->waits)
		return than == NULL || seat->waits;
	return seat->since_ms < than->since_ms;
}

/* Under the lock: who comes when all are taken gets the place of the one that
 * has said nothing for longest. */
static void make_room(struct httpd_server *server)
{
	struct seat *worst = NULL;
	size_t open = 0;

	for (size_t i = 0; i < seat_count(server); i++) {
		struct seat *seat = &server->seats[i];

		if (!seat->taken || seat->cut)
			continue;
		open++;
		if (is_better_to_cut(seat, worst))
			worst = seat;
	}
	if (open >= server->options.connections && worst != NULL)
		seat_cut(worst);
}

static struct seat *seat_take(struct httpd_server *server, int fd)
{
	struct seat *found = NULL;

	(void)pthread_mutex_lock(&server->lock);
	make_room(server);
	for (size_t i = 0; found == NULL && i < seat_count(server); i++)
		if (!server->seats[i].taken)
			found = &server->seats[i];
	if (found != NULL)
		*found = (struct seat){ .taken = true, .fd = fd };
	(void)pthread_mutex_unlock(&server->lock);
	seat_limit(server, found, server->options.step_secs, true);
	return found;
}

static void on_connection(void *context, struct MHD_Connection *connection,
	void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	struct httpd_server *server = context;
	const union MHD_ConnectionInfo *info;
	struct seat *seat = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		info = MHD_get_connection_info(connection,
			MHD_CONNECTION_INFO_CONNECTION_FD);
		if (info != NULL)
			*socket_context = seat_take(server, info->connect_fd);
	} else if (seat != NULL) {
		(void)pthread_mutex_lock(&server->lock);
		seat->taken = false;
		(void)pthread_mutex_unlock(&server->lock);
	}
}

/* Under the lock: the socket is closed only after its seat was given back. */
static void cut_late(struct httpd_server *server)
{
	const int64_t now = clock_now_ms();

	for (size_t i = 0; i < seat_count(server); i++) {
		struct seat *seat = &server->seats[i];

		if (seat->taken && !seat->cut && seat->limit_ms > 0 &&
			now - seat->since_ms > seat->limit_ms)
			seat_cut(seat);
	}
}

static void *reap(void *context)
{
	struct httpd_server *server = context;
	struct timespec until;

	(void)pthread_mutex_lock(&server->lock);
	while (!server->stopping) {
		cut_late(server);
		(void)clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += REAP_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		(void)pthread_cond_timedwait(&server->ended, &server->lock,
			&until);
	}
	(void)pthread_mutex_unlock(&server->lock);
	return NULL;
}

/* -- answers --------------------------------------------------------------- */

static ssize_t flow_read(void *context, uint64_t position, char *out,
	size_t max)
{
	struct flow *flow = context;
	size_t len;

	(void)position;
	if (flow->at == flow->rest.len) {
		buf_reset(&flow->rest);
		flow->at = 0;
		if (!flow->stream.next(flow->stream.context, &flow->rest))
			return MHD_CONTENT_READER_END_OF_STREAM;
	}
	len = flow->rest.len - flow->at;
	len = len < max ? len : max;
	if (len > 0)
		memcpy(out, flow->rest.data + flow->at, len);
	flow->at += len;
	return (ssize_t)len;
}

static void flow_free(void *context)
{
	struct flow *flow = context;

	flow->stream.end(flow->stream.context);
	buf_clear(&flow->rest);
	free(flow);
}

static struct MHD_Response *flow_response(const struct httpd_stream *stream)
{
	struct flow *flow = calloc(1, sizeof(*flow));
	struct MHD_Response *response = NULL;

	if (flow == NULL) {
		stream->end(stream->context);
		return NULL;
	}
	flow->stream = *stream;
	flow->rest.max = STREAM_BYTES;
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN,
		PIECE_BYTES, flow_read, flow, flow_free);
	if (response == NULL)
		flow_free(flow);
	return response;
}

/* The caller's bytes become the response's. */
static struct MHD_Response *make_response(struct httpd_reply *reply)
{
	const size_t len = reply->body.len;
	struct MHD_Response *response;
	char *data;

	if (reply->stream.next != NULL)
		return flow_response(&reply->stream);
	/* never written to: the flag says so, the type cannot */
	if (reply->bytes != NULL)
		return MHD_create_response_from_buffer(reply->len,
			(void *)(uintptr_t)reply->bytes,
			MHD_RESPMEM_PERSISTENT);
	data = buf_take(&reply->body);
	response = MHD_create_response_from_buffer(data != NULL ? len : 0,
		data, data != NULL ? MHD_RESPMEM_MUST_FREE :
				     MHD_RESPMEM_PERSISTENT);
	if (response == NULL)
		free(data);
	return response;
}

static bool add_fields(struct MHD_Response *response,
	const struct httpd_field *fields)
{
	for (; fields != NULL && fields->name != NULL; fields++)
		if (MHD_add_response_header(response, fields->name,
			    fields->value) != MHD_YES)
			return false;
	return true;
}

static enum MHD_Result send_reply(struct httpd_server *server,
	struct MHD_Connection *connection, struct httpd_reply *reply)
{
	const bool goes_on = reply->stream.next != NULL;
	struct MHD_Response *response = make_response(reply);
	enum MHD_Result result = MHD_NO;

	seat_limit(server, seat_of(connection),
		goes_on ? 0 : server->options.answer_secs, false);
	if (response != NULL &&
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
			reply->type) == MHD_YES &&
		add_fields(response, server->options.fields) &&
		add_fields(response, reply->fields))
		result = MHD_queue_response(connection, reply->status,
			response);
	if (response != NULL)
		MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct httpd_server *server,
	struct MHD_Connection *connection, unsigned status)
{
	struct httpd_reply reply = { .status = status,
		.type = "text/plain; charset=utf-8",
		.fields = { { MHD_HTTP_HEADER_CONNECTION, "close" } } };

	return send_reply(server, connection, &reply);
}

/* -- what comes ------------------------------------------------------------ */

static bool is_too_long(const struct httpd_server *server,
	const struct httpd_request *request)
{
	const char *length = httpd_header(request,
		MHD_HTTP_HEADER_CONTENT_LENGTH);

	return length != NULL && strtoull(length, NULL, 10) >
		server->options.body_bytes;
}

/* The headers are there. */
static enum MHD_Result begin(struct httpd_server *server,
	struct MHD_Connection *connection, void **state)
{
	struct httpd_request *request = calloc(1, sizeof(*request));

	if (request == NULL)
		return MHD_NO;
	request->connection = connection;
	request->body.max = server->options.body_bytes + 1;
	*state = request;
	seat_limit(server, seat_of(connection), server->options.step_secs,
		false);
	return is_too_long(server, request) ?
		refuse(server, connection, MHD_HTTP_CONTENT_TOO_LARGE) :
		MHD_YES;
}

static enum MHD_Result on_request(void *context,
	struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *upload, size_t *upload_size,
	void **state)
{
	struct httpd_server *server = context;
	struct httpd_request *request = *state;
	struct httpd_reply reply = { .status = MHD_HTTP_OK,
		.type = "text/plain; charset=utf-8" };
	struct err err = { 0 };
	enum MHD_Result result;

	(void)version;
	if (request == NULL)
		return begin(server, connection, state);
	if (*upload_size > 0) {
		request->failed = request->failed ||
			request->body.len + *upload_size >
				server->options.body_bytes ||
			!buf_add(&request->body, upload, *upload_size, &err);
		*upload_size = 0;
		return MHD_YES;
	}
	if (request->failed)
		return refuse(server, connection, MHD_HTTP_CONTENT_TOO_LARGE);
	request->method = method;
	request->path = url;
	seat_limit(server, seat_of(connection), 0, false);
	server->options.respond(server->options.context, request, &reply);
	result = send_reply(server, connection, &reply);
	buf_clear(&reply.body);
	return result;
}

static void on_completed(void *context, struct MHD_Connection *connection,
	void **state, enum MHD_RequestTerminationCode code)
{
	struct httpd_server *server = context;
	struct httpd_request *request = *state;

	(void)code;
	seat_limit(server, seat_of(connection), server->options.step_secs,
		true);
	if (request != NULL)
		buf_clear(&request->body);
	free(request);
	*state = NULL;
}

/* -- the server ------------------------------------------------------------ */

static bool listen_at(struct httpd_server *server, const struct addrinfo *at)
{
	const unsigned flags = MHD_USE_THREAD_PER_CONNECTION |
		MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC |
		(at->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0);
	const struct httpd_options *options = &server->options;

	server->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request,
		server, MHD_OPTION_SOCK_ADDR, at->ai_addr,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)seat_count(server),
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)options->answer_secs,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES,
		MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES,
		MHD_OPTION_LISTENING_ADDRESS_REUSE, 1U,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
		MHD_OPTION_END);
	return server->daemon != NULL;
}

static bool start(struct httpd_server *server, const struct addrinfo *at,
	struct err *err)
{
	if (server->seats == NULL)
		return err_memory(err);
	server->reaping = pthread_create(&server->reaper, NULL, reap,
		server) == 0;
	if (!server->reaping)
		return err_stop(err, EXIT_BUG, "cannot start a thread");
	errno = 0;
	return listen_at(server, at) ||
		err_stop(err, EXIT_SERVER, "cannot listen on %s: %s",
			server->options.address,
			errno != 0 ? strerror(errno) : "refused");
}

struct httpd_server *httpd_serve(const struct httpd_options *options,
	struct err *err)
{
	struct addrinfo *at = httpd_find_address(options->address, err);
	struct httpd_server *server = NULL;

	if (at == NULL)
		return NULL;
	server = calloc(1, sizeof(*server));
	if (server == NULL) {
		(void)err_memory(err);
	} else {
		server->options = *options;
		(void)pthread_mutex_init(&server->lock, NULL);
		(void)pthread_cond_init(&server->ended, NULL);
		server->seats = calloc(seat_count(server),
			sizeof(*server->seats));
		if (!start(server, at, err)) {
			httpd_server_stop(server);
			server = NULL;
		}
	}
	freeaddrinfo(at);
	return server;
}

unsigned httpd_server_port(const struct httpd_server *server)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon,
		MHD_DAEMON_INFO_BIND_PORT);

	return info != NULL ? info->port : 0;
}

void httpd_server_stop(struct httpd_server *server)
{
	if (server == NULL)
		return;
	if (server->daemon != NULL)
		MHD_stop_daemon(server->daemon);
	if (server->reaping) {
		(void)pthread_mutex_lock(&server->lock);
		server->stopping = true;
		(void)pthread_cond_signal(&server->ended);
		(void)pthread_mutex_unlock(&server->lock);
		(void)pthread_join(server->reaper, NULL);
	}
	(void)pthread_cond_destroy(&server->ended);
	(void)pthread_mutex_destroy(&server->lock);
	free(server->seats);
	free(server);
}
