/* http.c - the door to libcurl: one request, one bounded answer. */
#include "common/http.h"
#include "common/http_private.h"

#include "common/http_url.h"

#include <ctype.h>
#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define TIMEOUT_SECS 30
#define CONNECT_SECS 5
#define ANSWER_MAX ((size_t)8 << 20)
#define STALLED_SECS 20

struct http {
	CURL *curl;
};

struct transfer {
	CURL *curl;
	const struct http_request *request;
	struct curl_slist *headers;
	struct http_answer *answer;
	size_t room;    /* bytes that may still come */
	size_t sent;    /* of the body */
	bool took;      /* something of the answer's body */
	bool too_large;
	bool framed;    /* the answer tells where it ends */
	bool stopped;   /* somebody wanted it */
	struct http_url url;
	struct err *err;
};

/* -- what comes back --------------------------------------------------- */

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	struct http_answer *answer = transfer->answer;
	const size_t len = size * count;

	if (transfer->request->status_only)
		return len;
	if (len > transfer->room) {
		transfer->too_large = true;
		return 0;
	}
	transfer->room -= len;
	transfer->took = true;
	return answer->body(answer->context, data, len, transfer->err) ? len :
									 0;
}

static bool starts_with(const char *line, size_t len, const char *word)
{
	return len >= strlen(word) &&
		strncasecmp(line, word, strlen(word)) == 0;
}

/* Name in lower case and value without the blanks around it. */
static bool give_header(struct transfer *transfer, const char *line, size_t len)
{
	struct http_answer *answer = transfer->answer;
	char *copy = strndup(line, len);
	char *colon = copy == NULL ? NULL : strchr(copy, ':');
	bool ok = copy != NULL || err_memory(transfer->err);

	if (ok && colon != NULL) {
		*colon++ = '\0';
		for (char *c = copy; *c != '\0'; c++)
			*c = (char)tolower((unsigned char)*c);
		colon += strspn(colon, " \t");
		for (size_t n = strlen(colon); n > 0 &&
			strchr(" \t\r\n", colon[n - 1]) != NULL; n--)
			colon[n - 1] = '\0';
		ok = answer->header(answer->context, copy, colon,
			transfer->err);
	}
	free(copy);
	return ok;
}

static void take_status(struct transfer *transfer)
{
	(void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE,
		&transfer->answer->status);
}

/* A body that ends where the connection does may have been cut. */
static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	const size_t len = size * count;

	if (starts_with(line, len, "HTTP/")) {
		transfer->framed = !starts_with(line, len, "HTTP/1");
		take_status(transfer);
		return len;
	}
	if (starts_with(line, len, "content-length:") ||
		starts_with(line, len, "transfer-encoding: chunked"))
		transfer->framed = true;
	if (transfer->answer->header != NULL &&
		!give_header(transfer, line, len))
		return 0;
	return len;
}

/* -- what goes out ------------------------------------------------------ */

static size_t on_wanted(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	const struct http_request *request = transfer->request;
	size_t len = size * count;
	ssize_t got;

	if (len > request->body_len - transfer->sent)
		len = request->body_len - transfer->sent;
	got = len == 0 ? 0 : pread(request->body_fd, data, len,
		(off_t)(request->body_at + transfer->sent));
	if (got < 0 || (got == 0 && len > 0))
		return CURL_READFUNC_ABORT; /* it was longer once */
	transfer->sent += (size_t)got;
	return (size_t)got;
}

/* Sent again on another connection, when a kept one was dead. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct transfer *transfer = arg;

	if (origin != SEEK_SET)
		return CURL_SEEKFUNC_CANTSEEK;
	transfer->sent = (size_t)offset;
	return CURL_SEEKFUNC_OK;
}

bool http_stopped(int fd)
{
	struct pollfd stop = { .fd = fd, .events = POLLIN };

	return fd > 0 && poll(&stop, 1, 0) > 0;
}

static int on_progress(void *arg, curl_off_t down_all, curl_off_t down,
	curl_off_t up_all, curl_off_t up)
{
	struct transfer *transfer = arg;

	(void)down_all, (void)down, (void)up_all, (void)up;
	transfer->stopped = http_stopped(transfer->request->stop_fd);
	return transfer->stopped;
}

/* -- the request ------------------------------------------------------- */

static bool add_header(struct transfer *transfer, const char *name,
	const char *value, struct err *err)
{
	struct buf line = { 0 };
	struct curl_slist *more = NULL;

	if (buf_printf(&line, err, "%s: %s", name, value)) {
		more = curl_slist_append(transfer->headers, line.data);
		if (more != NULL)
			transfer->headers = more;
		else
			(void)err_memory(err);
	}
	buf_clear(&line);
	return more != NULL;
}

static bool set_headers(struct transfer *transfer, struct err *err)
{
	const struct http_request *request = transfer->request;
	const struct http_header *header = request->headers;
	bool ok = request->content_type == NULL || add_header(transfer,
		"Content-Type", request->content_type, err);

	for (; ok && header != NULL && header->name != NULL; header++)
		ok = add_header(transfer, header->name, header->value, err);
	return ok &&
		(curl_easy_setopt(transfer->curl, CURLOPT_HTTPHEADER,
			 transfer->headers) == CURLE_OK ||
			err_memory(err));
}

static CURLcode set_limits(CURL *curl, const struct http_request *request)
{
	const long secs = request->timeout_secs > 0 ? request->timeout_secs :
						      TIMEOUT_SECS;
	CURLcode bad = CURLE_OK;

	bad |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	bad |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
		(long)CONNECT_SECS);
	bad |= curl_easy_setopt(curl, CURLOPT_TIMEOUT, secs);
	bad |= curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	bad |= curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
		(long)STALLED_SECS);
	bad |= curl_easy_setopt(curl, CURLOPT_USERAGENT,
		"sluice/" SLUICE_VERSION);
	return bad;
}

static CURLcode set_login(CURL *curl, const struct http_request *request)
{
	CURLcode bad = CURLE_OK;

	if (request->user == NULL)
		return CURLE_OK;
	bad |= curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	bad |= curl_easy_setopt(curl, CURLOPT_USERNAME, request->user);
	bad |= curl_easy_setopt(curl, CURLOPT_PASSWORD,
		request->password != NULL ? request->password : "");
	return bad;
}

static CURLcode set_sign(CURL *curl, const struct http_sign *sign)
{
	CURLcode bad = CURLE_OK;
	char what[160];

	if (sign == NULL)
		return CURLE_OK;
	(void)snprintf(what, sizeof(what), "aws:amz:%s:%s", sign->region,
		sign->service);
	bad |= curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, what);
	bad |= curl_easy_setopt(curl, CURLOPT_USERNAME, sign->key);
	bad |= curl_easy_setopt(curl, CURLOPT_PASSWORD, sign->secret);
	return bad;
}

static CURLcode set_body(struct transfer *transfer)
{
	const struct http_request *request = transfer->request;
	const curl_off_t len = (curl_off_t)request->body_len;
	CURL *curl = transfer->curl;
	CURLcode bad = CURLE_OK;

	if (request->body_fd > 0) {
		bad |= curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
		bad |= curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, len);
		bad |= curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_wanted);
		bad |= curl_easy_setopt(curl, CURLOPT_READDATA, transfer);
		bad |= curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
		bad |= curl_easy_setopt(curl, CURLOPT_SEEKDATA, transfer);
	} else if (request->body != NULL) {
		bad |= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
			len);
		bad |= curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
			request->body);
	}
	if (strcmp(request->method, "HEAD") == 0)
		bad |= curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	else
		bad |= curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST,
			request->method);
	return bad;
}

static CURLcode set_request(struct transfer *transfer)
{
	const struct http_request *request = transfer->request;
	CURL *curl = transfer->curl;
	CURLcode bad = set_limits(curl, request);

	bad |= curl_easy_setopt(curl, CURLOPT_URL, request->url);
	bad |= curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	bad |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	bad |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	bad |= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	bad |= curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
	bad |= curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	bad |= curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	bad |= curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
	if (transfer->url.loopback) /* whatever http_proxy says */
		bad |= curl_easy_setopt(curl, CURLOPT_PROXY, "");
	if (request->cacert != NULL && *request->cacert != '\0')
		bad |= curl_easy_setopt(curl, CURLOPT_CAINFO, request->cacert);
	bad |= set_login(curl, request);
	bad |= set_sign(curl, request->sign);
	bad |= set_body(transfer);
	return bad;
}

static bool perform(struct transfer *transfer, struct err *err)
{
	const CURLcode code = curl_easy_perform(transfer->curl);

	if (transfer->too_large)
		return err_set(err, ERR_REJECT,
			"%s: the answer is too large", transfer->url.where);
	if (code == CURLE_WRITE_ERROR)
		return false; /* who took it has said why */
	if (transfer->stopped)
		return err_set(err, ERR_RETRY, "%s: stopping",
			transfer->url.where);
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return err_set(err, ERR_REJECT,
			"%s: the body became shorter while it was sent",
			transfer->url.where);
	if (code == CURLE_OUT_OF_MEMORY)
		return err_memory(err);
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return err_stop(err, EXIT_CONFIG, "%s: %s", transfer->url.where,
			curl_easy_strerror(code));
	if (code != CURLE_OK)
		return err_set(err, ERR_RETRY, "%s does not answer: %s",
			transfer->url.where, curl_easy_strerror(code));
	if (!transfer->framed && transfer->took)
		return err_set(err, ERR_RETRY,
			"%s: the answer does not tell where it ends",
			transfer->url.where);
	take_status(transfer);
	return true;
}

/* -- the outside ------------------------------------------------------- */

struct http *http_open(struct err *err)
{
	struct http *http = calloc(1, sizeof(*http));

	http_global_start();
	if (http != NULL)
		http->curl = curl_easy_init();
	if (http == NULL || http->curl == NULL) {
		free(http);
		(void)err_memory(err);
		return NULL;
	}
	return http;
}

void http_close(struct http *http)
{
	if (http == NULL)
		return;
	curl_easy_cleanup(http->curl);
	free(http);
}

/* Of an address that is a secret no more is shown than where it leads. */
static bool read_url(struct transfer *transfer, struct err *err)
{
	const struct http_request *request = transfer->request;
	struct http_url *url = &transfer->url;
	const bool ok = http_url_read(request->url, request->plain, url, err);

	if (!request->secret_path)
		return ok;
	if (!ok && url->origin[0] != '\0')
		return err_stop(err, EXIT_CONFIG, "%s/...: https is needed, "
			"but for this machine itself", url->origin);
	(void)snprintf(url->where, sizeof(url->where), "%s/...", url->origin);
	return ok;
}

bool http_exchange(struct http *http, const struct http_request *request,
	struct http_answer *answer, struct err *err)
{
	struct transfer transfer = {
		.curl = http->curl,
		.request = request,
		.answer = answer,
		.room = request->max_answer_bytes > 0 ?
			request->max_answer_bytes : ANSWER_MAX,
		.err = err,
	};
	bool ok;

	answer->status = 0;
	if (!read_url(&transfer, err))
		return false;
	curl_easy_reset(http->curl); /* connections stay */
	ok = set_headers(&transfer, err);
	ok = ok && (set_request(&transfer) == CURLE_OK || err_memory(err));
	ok = ok && perform(&transfer, err);
	curl_slist_free_all(transfer.headers);
	return ok;
}

static bool add_body(void *context, const char *data, size_t len,
	struct err *err)
{
	return buf_add(context, data, len, err);
}

bool http_fetch(const struct http_request *request, long *status,
	struct buf *answer, struct err *err)
{
	struct http_answer taken = { .body = add_body, .context = answer };
	struct http *http = http_open(err);
	bool ok;

	buf_reset(answer);
	*status = 0;
	if (http == NULL)
		return false;
	ok = http_exchange(http, request, &taken, err);
	if (ok)
		*status = taken.status;
	http_close(http);
	return ok;
}
