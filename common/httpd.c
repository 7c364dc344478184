/* httpd.c - a small HTTP server. */
#include "common/httpd.h"
#include "common/clock.h"
#include "common/httpd_private.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECTIONS 64
#define CONNECTIONS_MORE 32 /* until those that were cut are gone */
#define GRACE_MS 2000 /* to ask in, before one may be cut */
#define SLOTS (CONNECTIONS + CONNECTIONS_MORE)
#define IDLE_SECS 10
#define CONNECTION_BYTES ((size_t)16 << 10) /* headers and all */

/* A connection; the server's thread alone looks at these. */
struct slot {
	int fd; /* 0: free */
	int64_t since_ms;
	bool asked, cut;
};

struct httpd {
	struct MHD_Daemon *daemon;
	httpd_handler *handler;
	void *context;
	struct slot slots[SLOTS];
};

/* -- connections -------------------------------------------------------- */

static bool is_better_to_cut(const struct slot *slot, const struct slot *than)
{
	if (than == NULL || slot->asked != than->asked)
		return than == NULL || !slot->asked;
	return slot->since_ms < than->since_ms;
}

/* The server sees the end of the stream and closes it. */
static void cut(struct slot *slot)
{
	slot->cut = true;
	(void)shutdown(slot->fd, SHUT_RDWR);
}

/* With the new one among them. Where all are as new, it is the one to go. */
static void make_room(struct httpd *httpd, struct slot *newest)
{
	struct slot *worst = NULL;
	size_t open = 0;

	for (size_t i = 0; i < SLOTS; i++) {
		struct slot *slot = &httpd->slots[i];

		if (slot->fd == 0 || slot->cut)
			continue;
		open++;
		if (is_better_to_cut(slot, worst))
			worst = slot;
	}
	if (open > CONNECTIONS)
		cut(newest->since_ms - worst->since_ms >= GRACE_MS ? worst :
			newest);
}

static void take_slot(struct httpd *httpd, struct MHD_Connection *connection,
	void **mine)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	for (size_t i = 0; info != NULL && i < SLOTS; i++)
		if (httpd->slots[i].fd == 0) {
			httpd->slots[i] = (struct slot){
				.fd = info->connect_fd,
				.since_ms = clock_now_ms() };
			*mine = &httpd->slots[i];
			make_room(httpd, &httpd->slots[i]);
			return;
		}
}

static void on_connection(void *context, struct MHD_Connection *connection,
	void **mine, enum MHD_ConnectionNotificationCode code)
{
	struct slot *slot = *mine;

	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		take_slot(context, connection, mine);
	else if (slot != NULL)
		slot->fd = 0;
}

static void set_asked(struct MHD_Connection *connection, bool asked)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct slot *slot = info != NULL ? info->socket_context : NULL;

	if (slot != NULL)
		slot->asked = asked;
}

static void on_completed(void *context, struct MHD_Connection *connection,
	void **state, enum MHD_RequestTerminationCode code)
{
	(void)context;
	(void)state;
	(void)code;
	set_asked(connection, false);
}

/* -- requests ----------------------------------------------------------- */

static enum MHD_Result send_answer(struct MHD_Connection *connection,
	struct httpd_answer *answer)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		answer->body.len, answer->body.data, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result result = MHD_NO;

	if (response != NULL &&
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
			answer->type) == MHD_YES &&
		MHD_add_response_header(response, "X-Content-Type-Options",
			"nosniff") == MHD_YES &&
		MHD_add_response_header(response,
			MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") == MHD_YES &&
		(answer->status != MHD_HTTP_METHOD_NOT_ALLOWED ||
			MHD_add_response_header(response,
				MHD_HTTP_HEADER_ALLOW, "GET, HEAD") == MHD_YES))
		result = MHD_queue_response(connection, answer->status,
			response);
	if (response != NULL)
		MHD_destroy_response(response);
	return result;
}

static bool is_reading(const char *method)
{
	return strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
		strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

/* A body that comes all the same is read and dropped. */
static enum MHD_Result on_request(void *context,
	struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *upload, size_t *upload_size,
	void **state)
{
	static int seen;
	struct httpd *httpd = context;
	struct httpd_answer answer = { .status = MHD_HTTP_OK,
		.type = "text/plain; charset=utf-8" };
	struct err err = { 0 };
	enum MHD_Result result;

	(void)version;
	(void)upload;
	if (*state == NULL) {
		*state = &seen;
		set_asked(connection, true);
		return MHD_YES;
	}
	if (*upload_size > 0) {
		*upload_size = 0;
		return MHD_YES;
	}
	if (is_reading(method))
		httpd->handler(httpd->context, url, &answer);
	else if (buf_add_str(&answer.body, "GET and HEAD only\n", &err))
		answer.status = MHD_HTTP_METHOD_NOT_ALLOWED;
	else
		answer.status = MHD_HTTP_INTERNAL_SERVER_ERROR;
	result = send_answer(connection, &answer);
	buf_clear(&answer.body);
	return result;
}

/* Cuts "ADDRESS:PORT" in two; the brackets of IPv6 go. */
static bool cut_address(const char *address, char *host, size_t size,
	const char **port)
{
	const char *colon = strrchr(address, ':');
	size_t len;

	if (colon == NULL || colon[1] == '\0')
		return false;
	len = (size_t)(colon - address);
	if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
		address++;
		len -= 2;
	}
	if (len == 0 || len >= size)
		return false;
	memcpy(host, address, len);
	host[len] = '\0';
	*port = colon + 1;
	return true;
}

struct addrinfo *httpd_find_address(const char *address, struct err *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	char host[256];
	const char *port;
	int code;

	if (!cut_address(address, host, sizeof(host), &port)) {
		(void)err_stop(err, EXIT_CONFIG, "%s is no ADDRESS:PORT",
			address);
		return NULL;
	}
	code = getaddrinfo(host, port, &hints, &found);
	if (code != 0)
		(void)err_stop(err, EXIT_CONFIG, "%s: %s", address,
			gai_strerror(code));
	return code == 0 ? found : NULL;
}

static bool listen_at(struct httpd *httpd, const struct addrinfo *at)
{
	const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD |
		(at->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0);

	httpd->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request,
		httpd, MHD_OPTION_SOCK_ADDR, at->ai_addr,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)SLOTS,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, httpd,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES,
		MHD_OPTION_END);
	return httpd->daemon != NULL;
}

struct httpd *httpd_start(const char *address, httpd_handler *handler,
	void *context, struct err *err)
{
	struct addrinfo *at = httpd_find_address(address, err);
	struct httpd *httpd;

	if (at == NULL)
		return NULL;
	httpd = calloc(1, sizeof(*httpd));
	if (httpd == NULL) {
		(void)err_memory(err);
	} else {
		httpd->handler = handler;
		httpd->context = context;
		errno = 0;
		if (!listen_at(httpd, at)) {
			(void)err_stop(err, EXIT_SERVER,
				"cannot listen on %s: %s", address,
				errno != 0 ? strerror(errno) : "refused");
			free(httpd);
			httpd = NULL;
		}
	}
	freeaddrinfo(at);
	return httpd;
}

unsigned httpd_port(const struct httpd *httpd)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(httpd->daemon,
		MHD_DAEMON_INFO_BIND_PORT);

	return info != NULL ? info->port : 0;
}

void httpd_stop(struct httpd *httpd)
{
	if (httpd == NULL)
		return;
	MHD_stop_daemon(httpd->daemon);
	free(httpd);
}
