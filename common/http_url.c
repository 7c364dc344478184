/* http_url.c - the door to libcurl: addresses. */
#include "common/http_url.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

bool http_is_loopback(const char *host)
{
	static const char local[] = ".localhost"; /* RFC 6761; curl knows */
	const size_t len = strlen(host), tail = sizeof(local) - 1;

	return strcmp(host, local + 1) == 0 || strcmp(host, "[::1]") == 0 ||
		(len > tail && strcmp(host + len - tail, local) == 0) ||
		(strncmp(host, "127.", 4) == 0 &&
			strspn(host, "0123456789.") == len);
}

struct parts {
	char *scheme, *host, *path, *port, *user;
};

static bool get_parts(CURLU *handle, struct parts *parts)
{
	(void)curl_url_get(handle, CURLUPART_USER, &parts->user, 0);
	return curl_url_get(handle, CURLUPART_SCHEME, &parts->scheme, 0) ==
			CURLUE_OK &&
		curl_url_get(handle, CURLUPART_HOST, &parts->host, 0) ==
			CURLUE_OK &&
		curl_url_get(handle, CURLUPART_PATH, &parts->path, 0) ==
			CURLUE_OK &&
		curl_url_get(handle, CURLUPART_PORT, &parts->port,
			CURLU_DEFAULT_PORT) == CURLUE_OK;
}

static void free_parts(struct parts *parts)
{
	curl_free(parts->scheme);
	curl_free(parts->host);
	curl_free(parts->path);
	curl_free(parts->port);
	curl_free(parts->user);
}

static bool judge(const struct parts *parts, bool plain_http,
	struct http_url *url, struct err *err)
{
	(void)snprintf(url->where, sizeof(url->where), "%s://%s:%s%s",
		parts->scheme, parts->host, parts->port, parts->path);
	(void)snprintf(url->origin, sizeof(url->origin), "%s://%s:%s",
		parts->scheme, parts->host, parts->port);
	(void)snprintf(url->host, sizeof(url->host), "%s", parts->host);
	url->loopback = http_is_loopback(parts->host);
	url->user = parts->user != NULL;
	if (strcmp(parts->scheme, "https") == 0)
		return true;
	return (strcmp(parts->scheme, "http") == 0 &&
		       (url->loopback || plain_http)) ||
		err_stop(err, EXIT_CONFIG,
			"%s: https is needed, but for this machine itself",
			url->where);
}

bool http_url_read(const char *text, bool plain_http, struct http_url *url,
	struct err *err)
{
	CURLU *handle = curl_url();
	struct parts parts = { .host = NULL };
	bool ok;

	*url = (struct http_url){ .loopback = false };
	if (handle == NULL)
		return err_memory(err);
	ok = (curl_url_set(handle, CURLUPART_URL, text,
		      CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
		     get_parts(handle, &parts)) ||
		err_stop(err, EXIT_CONFIG, "a bad URL");
	ok = ok && judge(&parts, plain_http, url, err);
	free_parts(&parts);
	curl_url_cleanup(handle);
	return ok;
}

bool http_url_join(const char *base, const char *reference, struct buf *out,
	struct err *err)
{
	CURLU *handle = curl_url();
	char *text = NULL;
	bool ok;

	if (handle == NULL)
		return err_memory(err);
	ok = (curl_url_set(handle, CURLUPART_URL, base, 0) == CURLUE_OK &&
		     curl_url_set(handle, CURLUPART_URL, reference,
			     CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE) ==
			     CURLUE_OK &&
		     curl_url_get(handle, CURLUPART_URL, &text, 0) ==
			     CURLUE_OK) ||
		err_set(err, ERR_REJECT, "what the server names as an address "
			"is none");
	ok = ok && buf_add_str(out, text, err);
	curl_free(text);
	curl_url_cleanup(handle);
	return ok;
}

bool http_url_without(const char *text, const char *parameter,
	struct buf *out, struct err *err)
{
	const char *at = strchr(text, '?');
	const size_t len = strlen(parameter);
	char sign = '?';

	if (at == NULL)
		return buf_add_str(out, text, err);
	if (!buf_add(out, text, (size_t)(at - text), err))
		return false;
	while (*at == '?' || *at == '&') {
		const size_t part = strcspn(++at, "&#");
		const bool same = part >= len &&
			strncmp(at, parameter, len) == 0 &&
			(part == len || at[len] == '=');

		if (!same && !(buf_add_char(out, sign, err) &&
			    buf_add(out, at, part, err)))
			return false;
		sign = same ? sign : '&';
		at += part;
	}
	return true;
}

static void start(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

void http_global_start(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, start);
}
