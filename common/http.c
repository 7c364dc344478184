/* http.c - the door to libcurl: one request, one bounded answer. */
#include "common/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TIMEOUT_SECS 30
#define CONNECT_SECS 5
#define ANSWER_MAX ((size_t)8 << 20)
#define STALLED_SECS 20

struct transfer {
	CURL *curl;
	struct curl_slist *headers;
	struct buf *answer;
	size_t room;    /* bytes that may still come */
	bool too_large;
	bool framed;    /* the answer tells where it ends */
	char where[256]; /* scheme, host and path: no user, no query */
	bool loopback;
	struct err *err;
};

/* -- the address ------------------------------------------------------- */

static bool is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
		(strncmp(host, "127.", 4) == 0 &&
			strspn(host, "0123456789.") == strlen(host));
}

/* What may be shown of the address; the rest can hold secrets. */
static bool read_parts(struct transfer *transfer, CURLU *url, struct err *err)
{
	char *scheme = NULL, *host = NULL, *path = NULL, *port = NULL;
	bool ok;

	ok = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_PATH, &path, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_PORT, &port,
			CURLU_DEFAULT_PORT) == CURLUE_OK;
	if (!ok) {
		err_stop(err, EXIT_CONFIG, "a bad URL");
		goto out;
	}
	(void)snprintf(transfer->where, sizeof(transfer->where),
		"%s://%s:%s%s", scheme, host, port, path);
	transfer->loopback = is_loopback(host);
	ok = strcmp(scheme, "https") == 0 ||
		(strcmp(scheme, "http") == 0 && transfer->loopback);
	if (!ok)
		err_stop(err, EXIT_CONFIG,
			"%s: https is needed, but for this machine itself",
			transfer->where);
out:
	curl_free(scheme);
	curl_free(host);
	curl_free(path);
	curl_free(port);
	return ok;
}

static bool check_url(struct transfer *transfer, const char *text,
	struct err *err)
{
	CURLU *url = curl_url();
	bool ok;

	if (url == NULL)
		return err_memory(err);
	ok = curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK ||
		err_stop(err, EXIT_CONFIG, "a bad URL");
	ok = ok && read_parts(transfer, url, err);
	curl_url_cleanup(url);
	return ok;
}

/* -- what comes back --------------------------------------------------- */

static size_t on_data(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	const size_t len = size * count;

	if (len > transfer->room) {
		transfer->too_large = true;
		return 0;
	}
	transfer->room -= len;
	return buf_add(transfer->answer, data, len, transfer->err) ? len : 0;
}

static bool starts_with(const char *line, size_t len, const char *word)
{
	return len >= strlen(word) &&
		strncasecmp(line, word, strlen(word)) == 0;
}

/* A body that ends where the connection does may have been cut. */
static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	const size_t len = size * count;

	if (starts_with(line, len, "HTTP/"))
		transfer->framed = !starts_with(line, len, "HTTP/1");
	if (starts_with(line, len, "content-length:") ||
		starts_with(line, len, "transfer-encoding: chunked"))
		transfer->framed = true;
	return len;
}

/* -- the request ------------------------------------------------------- */

static bool set_headers(struct transfer *transfer,
	const struct http_request *request, struct err *err)
{
	char line[256];

	if (request->content_type == NULL)
		return true;
	(void)snprintf(line, sizeof(line), "Content-Type: %s",
		request->content_type);
	transfer->headers = curl_slist_append(NULL, line);
	if (transfer->headers == NULL)
		return err_memory(err);
	return curl_easy_setopt(transfer->curl, CURLOPT_HTTPHEADER,
		       transfer->headers) == CURLE_OK ||
		err_memory(err);
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

static CURLcode set_request(struct transfer *transfer,
	const struct http_request *request)
{
	CURL *curl = transfer->curl;
	CURLcode bad = set_limits(curl, request);

	bad |= curl_easy_setopt(curl, CURLOPT_URL, request->url);
	bad |= curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
	bad |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	bad |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	bad |= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	bad |= curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
	if (transfer->loopback) /* whatever http_proxy says */
		bad |= curl_easy_setopt(curl, CURLOPT_PROXY, "");
	if (request->user != NULL) {
		bad |= curl_easy_setopt(curl, CURLOPT_HTTPAUTH,
			(long)CURLAUTH_BASIC);
		bad |= curl_easy_setopt(curl, CURLOPT_USERNAME, request->user);
		bad |= curl_easy_setopt(curl, CURLOPT_PASSWORD,
			request->password != NULL ? request->password : "");
	}
	if (request->body != NULL) {
		bad |= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
			(curl_off_t)request->body_len);
		bad |= curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
			request->body);
	}
	return bad;
}

static bool perform(struct transfer *transfer, long *status, struct err *err)
{
	const CURLcode code = curl_easy_perform(transfer->curl);

	if (transfer->too_large)
		return err_set(err, ERR_REJECT,
			"%s: the answer is too large", transfer->where);
	if (code == CURLE_WRITE_ERROR)
		return false; /* on_data has said why */
	if (code == CURLE_OUT_OF_MEMORY)
		return err_memory(err);
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		return err_stop(err, EXIT_CONFIG, "%s: %s", transfer->where,
			curl_easy_strerror(code));
	if (code != CURLE_OK)
		return err_set(err, ERR_RETRY, "%s does not answer: %s",
			transfer->where, curl_easy_strerror(code));
	if (!transfer->framed && transfer->answer->len > 0)
		return err_set(err, ERR_RETRY,
			"%s: the answer does not tell where it ends",
			transfer->where);
	if (curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE,
		    status) != CURLE_OK)
		return err_memory(err);
	return true;
}

static void global_start(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

bool http_fetch(const struct http_request *request, long *status,
	struct buf *answer, struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct transfer transfer = {
		.answer = answer,
		.room = request->max_answer_bytes > 0 ?
			request->max_answer_bytes : ANSWER_MAX,
		.err = err,
	};
	bool ok;

	(void)pthread_once(&once, global_start);
	*status = 0;
	buf_reset(answer);
	if (!check_url(&transfer, request->url, err))
		return false;
	transfer.curl = curl_easy_init();
	if (transfer.curl == NULL)
		return err_memory(err);
	ok = set_headers(&transfer, request, err);
	ok = ok &&
		(set_request(&transfer, request) == CURLE_OK ||
			err_memory(err));
	ok = ok && perform(&transfer, status, err);
	curl_easy_cleanup(transfer.curl);
	curl_slist_free_all(transfer.headers);
	return ok;
}
