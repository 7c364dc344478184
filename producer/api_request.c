/* api_request.c - an endpoint's next request, made from its templates. */
#include "producer/api_request.h"

#include "common/api_template.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EACH "each="

/* -- the words -------------------------------------------------------------- */

struct words {
	char page[24], offset[24], size[24];
	struct buf each;
	struct api_values values;
};

static bool set_each(struct words *words, const char *parent, struct err *err)
{
	const char *text = parent + strlen(EACH);
	const bool ok = api_percent_undo(&words->each, text, strlen(text), err);

	words->values.each = words->each.data;
	return ok;
}

static bool set_words(struct words *words, const struct api_ask *ask,
	struct err *err)
{
	const struct api_pages *pages = &ask->api->pages;
	const struct api_place *place = ask->place;

	(void)snprintf(words->page, sizeof(words->page), "%" PRIu64,
		place->number - 1 + (uint64_t)pages->first);
	(void)snprintf(words->offset, sizeof(words->offset), "%" PRIu64,
		place->offset);
	(void)snprintf(words->size, sizeof(words->size), "%" PRId64,
		pages->size);
	words->values = (struct api_values){ .cursor = ask->cursor,
		.page = words->page, .offset = words->offset,
		.size = pages->size > 0 ? words->size : NULL,
		.token = place->token, .now_us = ask->now_us };
	if (ask->parent != NULL && strncmp(ask->parent, EACH, strlen(EACH)) ==
			0)
		return set_each(words, ask->parent, err);
	words->values.parent = ask->parent;
	return true;
}

/* -- the address -------------------------------------------------------------- */

static bool add_pair(struct buf *out, const char *name, const char *value,
	bool encoded, struct err *err)
{
	return buf_add_char(out, strchr(out->data, '?') == NULL ? '?' : '&',
		       err) &&
		api_percent_add(out, name, strlen(name), err) &&
		buf_add_char(out, '=', err) &&
		(encoded ? buf_add_str(out, value, err) :
			api_percent_add(out, value, strlen(value), err));
}

/* A parameter of which a word has no value now is left out. */
static bool add_query(struct buf *out, const struct api_pairs *query,
	const struct api_values *values, struct err *err)
{
	struct buf value = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < query->count; i++) {
		bool missing;

		buf_reset(&value);
		ok = buf_grow(&value, 0, err) &&
			api_template_fill(query->items[i].value, values,
				API_ESCAPE_ALL, &value, &missing, err);
		if (ok && !missing)
			ok = add_pair(out, query->items[i].name,
				value.data != NULL ? value.data : "", true,
				err);
	}
	buf_clear(&value);
	return ok;
}

static bool add_page(struct buf *out, const struct api_pages *pages,
	const struct api_values *values, struct err *err)
{
	const char *value = pages->kind == API_PAGES_PAGE ? values->page :
		pages->kind == API_PAGES_OFFSET ? values->offset :
		pages->kind == API_PAGES_CURSOR ? values->token : NULL;

	if (pages->query != NULL && value != NULL &&
		!add_pair(out, pages->query, value, false, err))
		return false;
	return pages->size_query == NULL || values->size == NULL ||
		add_pair(out, pages->size_query, values->size, false, err);
}

static bool add_base(struct buf *out, const char *url, struct err *err)
{
	size_t len = strlen(url);

	while (len > 0 && url[len - 1] == '/')
		len--;
	return buf_add(out, url, len, err);
}

bool api_request_url(const struct api_ask *ask, struct buf *out,
	struct err *err)
{
	const struct pipeline_api *api = ask->api;
	struct words words = { .each = { 0 } };
	bool missing = false;
	bool ok;

	if (ask->place->url != NULL)
		return buf_add_str(out, ask->place->url, err);
	ok = set_words(&words, ask, err) && add_base(out, api->url, err) &&
		api_template_fill(api->path, &words.values, API_ESCAPE_VALUES,
			out, &missing, err);
	if (ok && missing)
		ok = err_set(err, ERR_REJECT, "a word in `path` has no value: "
			"%s", api->path);
	ok = ok && add_query(out, &api->query, &words.values, err) &&
		add_page(out, &api->pages, &words.values, err);
	buf_clear(&words.each);
	return ok;
}

bool api_request_body(const struct api_ask *ask, struct buf *out,
	struct err *err)
{
	const struct pipeline_api *api = ask->api;
	struct words words = { .each = { 0 } };
	bool missing = false;
	bool ok;

	if (api->body == NULL)
		return true;
	ok = set_words(&words, ask, err) &&
		api_template_fill(api->body, &words.values,
			strstr(api->body_type, "json") != NULL ?
				API_ESCAPE_JSON : API_ESCAPE_VALUES,
			out, &missing, err);
	if (ok && missing)
		ok = err_set(err, ERR_REJECT, "a word in `body` has no value");
	buf_clear(&words.each);
	return ok;
}

/* -- headers ------------------------------------------------------------------- */

static bool has_header(const struct api_request *request, const char *name)
{
	for (size_t i = 0; i < request->count; i++)
		if (strcasecmp(request->headers[i].name, name) == 0)
			return true;
	return false;
}

/* name is borrowed, the value copied. */
static bool add_header(struct api_request *request, const char *name,
	const char *value, struct err *err)
{
	char *copy = strdup(value);

	if (copy == NULL)
		return err_memory(err);
	request->values[request->count] = copy;
	request->headers[request->count++] =
		(struct http_header){ name, copy };
	return true;
}

static bool add_own(struct api_request *request, const struct api_ask *ask,
	struct err *err)
{
	const struct api_pairs *headers = &ask->api->headers;
	struct words words = { .each = { 0 } };
	struct buf value = { 0 };
	bool ok = set_words(&words, ask, err);

	for (size_t i = 0; ok && i < headers->count; i++) {
		bool missing;

		buf_reset(&value);
		ok = buf_grow(&value, 0, err) &&
			api_template_fill(headers->items[i].value,
				&words.values, API_ESCAPE_NONE, &value,
				&missing, err);
		if (ok && !missing)
			ok = add_header(request, headers->items[i].name,
				value.data, err);
	}
	buf_clear(&value);
	buf_clear(&words.each);
	return ok;
}

static bool add_headers(struct api_request *request, const struct api_ask *ask,
	const struct api_login *login, const struct api_validators *validators,
	struct err *err)
{
	bool ok = add_own(request, ask, err);

	if (ok && !has_header(request, "accept"))
		ok = add_header(request, "Accept", "*/*", err);
	if (ok && ask->api->body != NULL && !has_header(request,
			"content-type"))
		ok = add_header(request, "Content-Type", ask->api->body_type,
			err);
	if (ok && validators->etag != NULL)
		ok = add_header(request, "If-None-Match", validators->etag,
			err);
	if (ok && validators->modified != NULL)
		ok = add_header(request, "If-Modified-Since",
			validators->modified, err);
	if (ok && login->header_name != NULL)
		ok = add_header(request, login->header_name,
			login->header_value, err);
	return ok;
}

static bool add_address(struct api_request *request, const char *url,
	const struct api_login *login, struct err *err)
{
	return buf_add_str(&request->url, url, err) &&
		(login->query_name == NULL ||
			add_pair(&request->url, login->query_name,
				login->query_value, false, err));
}

bool api_request_make(const struct api_ask *ask, const char *url,
	const struct api_login *login, const struct api_validators *validators,
	struct api_request *request, struct err *err)
{
	const struct pipeline_api *api = ask->api;
	const size_t most = api->headers.count + 6;
	const struct api_limits *limits = &api->limits;

	*request = (struct api_request){ .count = 0 };
	request->headers = calloc(most, sizeof(*request->headers));
	request->values = calloc(most, sizeof(*request->values));
	if (request->headers == NULL || request->values == NULL)
		return err_memory(err);
	if (!add_address(request, url, login, err) ||
		!api_request_body(ask, &request->body, err) ||
		!add_headers(request, ask, login, validators, err))
		return false;
	request->call = (struct http_call){
		.method = api->method, .url = request->url.data,
		.headers = request->headers,
		.user = login->user, .password = login->password,
		.cacert = api->ca_file, .plain_http = api->plain_http,
		.body = request->body.data, .body_len = request->body.len,
		.timeout_ms = limits->timeout_ms,
		.connect_ms = limits->connect_ms,
		.slow_bytes = limits->slow_bytes,
		.slow_secs = limits->slow_secs,
		.max_bytes = (size_t)limits->answer_bytes,
	};
	return true;
}

void api_request_clear(struct api_request *request)
{
	for (size_t i = 0; i < request->count; i++) {
		explicit_bzero(request->values[i], strlen(request->values[i]));
		free(request->values[i]);
	}
	free(request->headers);
	free(request->values);
	if (request->url.data != NULL)
		explicit_bzero(request->url.data, request->url.len);
	buf_clear(&request->url);
	buf_clear(&request->body);
	*request = (struct api_request){ .count = 0 };
}

/* -- what is kept beside an answer ------------------------------------------------ */

static bool is_private(const char *line)
{
	return strncasecmp(line, "set-cookie", 10) == 0 ||
		strncasecmp(line, "authorization", 13) == 0 ||
		strncasecmp(line, "www-authenticate", 16) == 0;
}

static bool add_lines(struct buf *out, const struct buf *headers,
	struct err *err)
{
	const char *at = headers->data;
	bool ok = true;

	while (ok && at != NULL && *at != '\0') {
		const size_t len = strcspn(at, "\n");

		if (!is_private(at))
			ok = buf_add(out, at, len, err) &&
				buf_add_char(out, '\n', err);
		at += len + (at[len] == '\n' ? 1 : 0);
	}
	return ok;
}

bool api_request_note(const struct api_request *request, const char *url,
	const struct api_login *login, long status, const struct buf *headers,
	struct buf *out, struct err *err)
{
	bool ok = buf_printf(out, err, "%s %s\n", request->call.method, url);

	for (size_t i = 0; ok && i < request->count; i++) {
		const struct http_header *header = &request->headers[i];
		const bool secret = login->header_name != NULL &&
			strcasecmp(header->name, login->header_name) == 0;

		ok = buf_printf(out, err, "%s: %s\n", header->name,
			secret ? "REMOVED" : header->value);
	}
	ok = ok && buf_printf(out, err, "\nHTTP/1.1 %ld\n", status) &&
		add_lines(out, headers, err);
	return ok && api_login_hide(login, out, err);
}

bool api_note_read(const char *note, long *status, struct buf *headers,
	struct err *err)
{
	const char *at = strstr(note, "\n\n");
	char *end;

	if (at == NULL || strncmp(at + 2, "HTTP/", 5) != 0 ||
		(at = strchr(at + 2, ' ')) == NULL)
		return err_set(err, ERR_REJECT, "the note beside an answer "
			"cannot be read");
	*status = strtol(at + 1, &end, 10);
	end += strcspn(end, "\n");
	return buf_grow(headers, 0, err) &&
		buf_add_str(headers, *end == '\n' ? end + 1 : end, err);
}
