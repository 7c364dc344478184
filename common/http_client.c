/* http_client.c - the door to libcurl: many requests at once. */
#include "common/http_client.h"

#include "common/place.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#define SMALL_MAX ((size_t)1 << 20)
#define HEADERS_MAX ((size_t)256 << 10)
#define REDIRECTS_MAX 5
#define FDS_MAX 8

struct flight {
	struct flight *next;
	struct http_client *client;
	CURL *curl;
	struct curl_slist *headers;
	struct http_url url;      /* where it goes now */
	char *address;            /* the same, whole: may hold secrets */
	bool plain_http;
	size_t room;
	size_t len;
	bool too_large, framed;
	char why[CURL_ERROR_SIZE];
	struct http_reply *reply;
};

struct http_client {
	CURLM *multi;
	char *spill_dir;
	struct flight *flights;
	size_t running;
	struct flight *ended; /* to be taken */
};

/* -- what comes back ----------------------------------------------------- */

static bool put_away(const struct http_reply *reply, const char *data,
	size_t len, struct err *err)
{
	return place_write(reply->spill, data, len) ||
		err_errno(err, ERR_RETRY, "write an answer");
}

static bool spill(struct flight *flight, struct err *err)
{
	struct http_reply *reply = flight->reply;

	reply->spill = open(flight->client->spill_dir,
		O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (reply->spill < 0)
		return err_errno(err, ERR_RETRY, "a file in %s",
			flight->client->spill_dir);
	if (!put_away(reply, reply->small.data, reply->small.len, err))
		return false;
	buf_clear(&reply->small);
	return true;
}

static bool take_data(struct flight *flight, const char *data, size_t len)
{
	struct http_reply *reply = flight->reply;

	flight->len += len;
	if (reply->spill < 0 && flight->len > SMALL_MAX &&
		flight->client->spill_dir != NULL &&
		!spill(flight, &reply->err))
		return false;
	return reply->spill < 0 ?
		buf_add(&reply->small, data, len, &reply->err) :
		put_away(reply, data, len, &reply->err);
}

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
	struct flight *flight = arg;
	const size_t len = size * count;

	if (len > flight->room) {
		flight->too_large = true;
		return 0;
	}
	flight->room -= len;
	return take_data(flight, data, len) ? len : 0;
}

static bool starts_with(const char *line, size_t len, const char *word)
{
	return len >= strlen(word) &&
		strncasecmp(line, word, strlen(word)) == 0;
}

static bool keep_header(struct http_reply *reply, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	const size_t start = reply->headers.len;

	if (colon == NULL)
		return true;
	while (len > 0 && strchr(" \t\r\n", line[len - 1]) != NULL)
		len--;
	if (reply->headers.len + len > HEADERS_MAX)
		return err_set(&reply->err, ERR_REJECT, "%s: more than %zu "
			"bytes of headers", reply->where, HEADERS_MAX);
	if (!buf_add(&reply->headers, line, len, &reply->err) ||
		!buf_add_char(&reply->headers, '\n', &reply->err))
		return false;
	for (size_t i = 0; i < (size_t)(colon - line); i++)
		reply->headers.data[start + i] = (char)tolower(
			(unsigned char)reply->headers.data[start + i]);
	return true;
}

/* "transfer-encoding: chunked", or gzip before it, with blanks or without. */
static bool ends_chunked(const char *line, size_t len)
{
	static const char word[] = "chunked";
	const size_t word_len = sizeof(word) - 1;

	while (len > 0 && strchr(" \t\r\n", line[len - 1]) != NULL)
		len--;
	return len > word_len && strchr(":, \t", line[len - word_len - 1]) !=
		NULL && strncasecmp(line + len - word_len, word, word_len) == 0;
}

/* Each answer, a redirect's too, begins anew. A body that ends where the
 * connection does may have been cut. */
static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	struct flight *flight = arg;
	const size_t len = size * count;

	if (starts_with(line, len, "HTTP/")) {
		flight->framed = !starts_with(line, len, "HTTP/1");
		buf_reset(&flight->reply->headers);
		return len;
	}
	if (starts_with(line, len, "content-length:") ||
		(starts_with(line, len, "transfer-encoding:") &&
			ends_chunked(line, len)))
		flight->framed = true;
	return keep_header(flight->reply, line, len) ? len : 0;
}

/* -- starting -------------------------------------------------------------- */

static bool add_header(struct flight *flight, const char *name,
	const char *value, struct err *err)
{
	struct buf line = { 0 };
	struct curl_slist *more = NULL;

	if (buf_printf(&line, err, "%s%s%s", name,
		    *value == '\0' ? ";" : ": ", value)) {
		more = curl_slist_append(flight->headers, line.data);
		if (more != NULL)
			flight->headers = more;
		else
			(void)err_memory(err);
	}
	buf_clear(&line);
	return more != NULL;
}

static bool set_headers(struct flight *flight, const struct http_call *call,
	struct err *err)
{
	const struct http_header *header = call->headers;
	/* no waiting for 100-continue */
	bool ok;

	flight->headers = curl_slist_append(NULL, "Expect:");
	ok = flight->headers != NULL || err_memory(err);

	for (; ok && header != NULL && header->name != NULL; header++)
		ok = add_header(flight, header->name, header->value, err);
	return ok && (curl_easy_setopt(flight->curl, CURLOPT_HTTPHEADER,
			      flight->headers) == CURLE_OK || err_memory(err));
}

static CURLcode set_limits(CURL *curl, const struct http_call *call)
{
	CURLcode bad = CURLE_OK;

	bad |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
		(long)call->connect_ms);
	bad |= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
		(long)call->timeout_ms);
	bad |= curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT,
		(long)call->slow_bytes);
	bad |= curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
		(long)call->slow_secs);
	bad |= curl_easy_setopt(curl, CURLOPT_USERAGENT,
		"sluice/" SLUICE_VERSION);
	bad |= curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING,
		"gzip, deflate");
	return bad;
}

static CURLcode set_body(CURL *curl, const struct http_call *call)
{
	CURLcode bad = curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST,
		call->method);

	if (call->body == NULL)
		return bad;
	bad |= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
		(curl_off_t)call->body_len);
	return bad | curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS,
		call->body);
}

static CURLcode set_call(struct flight *flight, const struct http_call *call)
{
	CURL *curl = flight->curl;
	CURLcode bad = set_limits(curl, call);

	bad |= curl_easy_setopt(curl, CURLOPT_URL, call->url);
	bad |= curl_easy_setopt(curl, CURLOPT_PRIVATE, flight);
	bad |= curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, flight->why);
	bad |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	bad |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, flight);
	bad |= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	bad |= curl_easy_setopt(curl, CURLOPT_HEADERDATA, flight);
	if (flight->url.loopback) /* whatever http_proxy says */
		bad |= curl_easy_setopt(curl, CURLOPT_PROXY, "");
	if (call->cacert != NULL)
		bad |= curl_easy_setopt(curl, CURLOPT_CAINFO, call->cacert);
	if (call->user != NULL) {
		bad |= curl_easy_setopt(curl, CURLOPT_HTTPAUTH,
			(long)CURLAUTH_BASIC);
		bad |= curl_easy_setopt(curl, CURLOPT_USERNAME, call->user);
		bad |= curl_easy_setopt(curl, CURLOPT_PASSWORD,
			call->password != NULL ? call->password : "");
	}
	return bad | set_body(curl, call);
}

static void flight_free(struct flight *flight)
{
	if (flight == NULL)
		return;
	if (flight->curl != NULL)
		curl_easy_cleanup(flight->curl);
	curl_slist_free_all(flight->headers);
	http_reply_free(flight->reply);
	free(flight->address);
	free(flight);
}

static struct flight *flight_new(struct http_client *client,
	const struct http_call *call, struct err *err)
{
	struct flight *flight = calloc(1, sizeof(*flight));

	if (flight != NULL) {
		flight->client = client;
		flight->room = call->max_bytes;
		flight->plain_http = call->plain_http;
		flight->address = strdup(call->url);
		flight->curl = curl_easy_init();
		flight->reply = calloc(1, sizeof(*flight->reply));
	}
	if (flight != NULL && flight->reply != NULL) {
		flight->reply->spill = -1;
		flight->reply->context = call->context;
		if (flight->curl != NULL && flight->address != NULL)
			return flight;
	}
	flight_free(flight);
	(void)err_memory(err);
	return NULL;
}

static bool launch(struct flight *flight, struct err *err)
{
	struct http_client *client = flight->client;

	if (curl_multi_add_handle(client->multi, flight->curl) != CURLM_OK)
		return err_memory(err);
	flight->next = client->flights;
	client->flights = flight;
	client->running++;
	return true;
}

bool http_client_start(struct http_client *client,
	const struct http_call *call, struct err *err)
{
	struct flight *flight = flight_new(client, call, err);
	bool ok;

	if (flight == NULL)
		return false;
	ok = http_url_read(call->url, call->plain_http, &flight->url, err) &&
		(!flight->url.user || err_stop(err, EXIT_CONFIG, "%s: no user "
			"may stand in an address", flight->url.where)) &&
		set_headers(flight, call, err) &&
		(set_call(flight, call) == CURLE_OK || err_memory(err));
	if (ok) {
		memcpy(flight->reply->where, flight->url.where,
			sizeof(flight->reply->where));
		ok = launch(flight, err);
	}
	if (!ok)
		flight_free(flight);
	return ok;
}

/* -- ending ------------------------------------------------------------------ */

static void land(struct flight *flight)
{
	struct http_client *client = flight->client;
	struct flight **at = &client->flights;

	while (*at != flight)
		at = &(*at)->next;
	*at = flight->next;
	client->running--;
	(void)curl_multi_remove_handle(client->multi, flight->curl);
}

/* True when a code's own words say more than its name, and no secret. */
static bool tells_more(CURLcode code)
{
	return code == CURLE_PEER_FAILED_VERIFICATION ||
		code == CURLE_OPERATION_TIMEDOUT ||
		code == CURLE_SSL_CONNECT_ERROR;
}

static void explain(struct flight *flight, CURLcode code)
{
	struct http_reply *reply = flight->reply;
	const char *why = tells_more(code) && flight->why[0] != '\0' ?
		flight->why : curl_easy_strerror(code);
	struct err *err = &reply->err;

	if (err->kind != ERR_NONE)
		return; /* who took it has said why */
	if (flight->too_large)
		(void)err_set(err, ERR_REJECT, "%s: the answer is too large: "
			"more than limits: answer_bytes", reply->where);
	else if (code == CURLE_OUT_OF_MEMORY)
		(void)err_memory(err);
	else if (code == CURLE_PEER_FAILED_VERIFICATION)
		(void)err_set(err, ERR_REJECT, "%s: the certificate is not "
			"accepted: %s", reply->where, why);
	else if (code != CURLE_OK)
		(void)err_set(err, ERR_RETRY, "%s does not answer: %s",
			reply->where, why);
	else if (!flight->framed && flight->len > 0)
		(void)err_set(err, ERR_RETRY, "%s: the answer does not tell "
			"where it ends", reply->where);
}

static bool map_body(struct http_reply *reply, size_t len)
{
	reply->len = len;
	reply->body = reply->small.data != NULL ? reply->small.data : "";
	if (reply->spill < 0)
		return true;
	reply->map = mmap(NULL, len, PROT_READ, MAP_PRIVATE, reply->spill, 0);
	if (reply->map == MAP_FAILED) {
		reply->map = NULL;
		reply->len = 0;
		return err_errno(&reply->err, ERR_RETRY, "map an answer");
	}
	reply->body = reply->map;
	return true;
}

/* -- redirects ---------------------------------------------------------------- */

static bool is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 ||
		status == 307 || status == 308;
}

static bool check_target(const struct flight *flight, const char *address,
	struct http_url *to, struct err *err)
{
	struct err why = { 0 };

	if (http_url_read(address, flight->plain_http, to, &why) &&
		!to->user && strcmp(to->origin, flight->url.origin) == 0)
		return true;
	return err_set(err, ERR_REJECT, "%s redirects to %s: not followed, it "
		"is not %s", flight->url.where, to->where[0] != '\0' ?
		to->where : "something that is no address",
		flight->url.origin);
}

static bool redirect(struct flight *flight, const char *location,
	struct err *err)
{
	struct http_reply *reply = flight->reply;
	struct buf address = { 0 };
	struct http_url to;
	bool ok = http_url_join(flight->address, location, &address, err) &&
		check_target(flight, address.data, &to, err);

	if (ok && ++reply->redirects > REDIRECTS_MAX)
		ok = err_set(err, ERR_REJECT, "%s redirects more than %d times",
			reply->where, REDIRECTS_MAX);
	if (ok) {
		free(flight->address);
		flight->address = buf_take(&address);
		flight->url = to;
		if (reply->status == 303) {
			(void)curl_easy_setopt(flight->curl, CURLOPT_HTTPGET,
				1L);
			(void)curl_easy_setopt(flight->curl,
				CURLOPT_CUSTOMREQUEST, "GET");
		}
		ok = curl_easy_setopt(flight->curl, CURLOPT_URL,
			flight->address) == CURLE_OK || err_memory(err);
	}
	buf_clear(&address);
	return ok;
}

/* The page that came with the redirect counts against the ceiling, and is
 * thrown away. True: it flies on. */
static bool follow(struct flight *flight)
{
	struct http_reply *reply = flight->reply;
	struct buf location = { 0 };
	bool on = false;

	if (http_reply_header(&reply->headers, "location", &location,
		    &reply->err) &&
		redirect(flight, location.data, &reply->err)) {
		buf_reset(&reply->small);
		if (reply->spill >= 0)
			(void)close(reply->spill);
		reply->spill = -1;
		flight->len = 0;
		on = launch(flight, &reply->err);
	}
	buf_clear(&location);
	return on;
}

static void end(struct flight *flight, CURLcode code)
{
	struct http_client *client = flight->client;
	struct http_reply *reply = flight->reply;

	(void)curl_easy_getinfo(flight->curl, CURLINFO_RESPONSE_CODE,
		&reply->status);
	land(flight);
	explain(flight, code);
	if (reply->err.kind == ERR_NONE && is_redirect(reply->status) &&
		follow(flight))
		return;
	reply->body = "";
	if (reply->err.kind == ERR_NONE && !map_body(reply, flight->len))
		reply->body = "";
	flight->next = client->ended;
	client->ended = flight;
}

/* -- the outside --------------------------------------------------------------- */

struct http_client *http_client_new(const char *spill_dir, struct err *err)
{
	struct http_client *client = calloc(1, sizeof(*client));

	http_global_start();
	if (client != NULL) {
		client->multi = curl_multi_init();
		if (spill_dir != NULL)
			client->spill_dir = strdup(spill_dir);
	}
	if (client != NULL && client->multi != NULL &&
		(spill_dir == NULL || client->spill_dir != NULL))
		return client;
	http_client_free(client);
	(void)err_memory(err);
	return NULL;
}

void http_client_free(struct http_client *client)
{
	if (client == NULL)
		return;
	while (client->flights != NULL) {
		struct flight *flight = client->flights;

		land(flight);
		flight_free(flight);
	}
	while (client->ended != NULL) {
		struct flight *flight = client->ended;

		client->ended = flight->next;
		flight_free(flight);
	}
	if (client->multi != NULL)
		(void)curl_multi_cleanup(client->multi);
	free(client->spill_dir);
	free(client);
}

static void collect(struct http_client *client)
{
	struct CURLMsg *message;
	struct flight *flight = NULL;
	int left;

	while ((message = curl_multi_info_read(client->multi, &left)) != NULL)
		if (message->msg == CURLMSG_DONE &&
			curl_easy_getinfo(message->easy_handle,
				CURLINFO_PRIVATE, (char **)&flight) ==
				CURLE_OK)
			end(flight, message->data.result);
}

static bool move_along(struct http_client *client, struct err *err)
{
	int running;

	if (curl_multi_perform(client->multi, &running) != CURLM_OK)
		return err_memory(err);
	collect(client);
	return true;
}

bool http_client_wait(struct http_client *client, int timeout_ms,
	struct pollfd *fds, unsigned count, struct err *err)
{
	struct curl_waitfd waits[FDS_MAX];
	CURLMcode code;

	for (unsigned i = 0; i < count; i++)
		waits[i] = (struct curl_waitfd){ .fd = fds[i].fd,
			.events = CURL_WAIT_POLLIN };
	if (!move_along(client, err))
		return false;
	code = curl_multi_poll(client->multi, waits, count,
		client->ended != NULL ? 0 : timeout_ms, NULL);
	if (code != CURLM_OK)
		return err_memory(err);
	for (unsigned i = 0; i < count; i++)
		fds[i].revents = waits[i].revents;
	return move_along(client, err);
}

struct http_reply *http_client_take(struct http_client *client)
{
	struct flight *flight = client->ended;
	struct http_reply *reply;

	if (flight == NULL)
		return NULL;
	client->ended = flight->next;
	reply = flight->reply;
	flight->reply = NULL;
	flight_free(flight);
	return reply;
}

void http_reply_free(struct http_reply *reply)
{
	if (reply == NULL)
		return;
	if (reply->map != NULL)
		(void)munmap(reply->map, reply->len);
	if (reply->spill >= 0)
		(void)close(reply->spill);
	buf_clear(&reply->small);
	buf_clear(&reply->headers);
	free(reply);
}

size_t http_client_running(const struct http_client *client)
{
	return client->running;
}

bool http_reply_header(const struct buf *headers, const char *name,
	struct buf *out, struct err *err)
{
	const size_t len = strlen(name);
	const char *at = headers->data;
	bool found = false;

	buf_reset(out);
	while (at != NULL && *at != '\0') {
		const size_t line = strcspn(at, "\n");
		const char *value = at + len + 1;

		if (line > len && at[len] == ':' &&
			strncasecmp(at, name, len) == 0) {
			value += strspn(value, " \t");
			if ((found && !buf_add_str(out, ", ", err)) ||
				!buf_add(out, value, value > at + line ? 0 :
					(size_t)(at + line - value), err))
				return false;
			found = true;
		}
		at += line + (at[line] == '\n' ? 1 : 0);
	}
	return found && buf_grow(out, 0, err);
}
