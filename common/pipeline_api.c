/* pipeline_api.c - the `api:` of a source becomes structs, or an error that
 * says where and what is allowed. */
#include "common/pipeline_api.h"

#include "common/api_template.h"
#include "common/cron.h"
#include "common/http_url.h"
#include "common/pipeline_column.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LIST_MAX 1000
#define DAY_SECS 86400
#define AT(member) offsetof(struct pipeline_api, member)

/* -- values that others are made of ------------------------------------- */

static bool read_text(struct reading *in, const struct doc *value, void *to)
{
	return field_expect(in, value, DOC_TEXT, "a text") &&
		(value->text[0] != '\0' ||
			FAIL(value, "this may not be empty")) &&
		field_copy(in, value->text, to);
}

/* May be empty: a prefix. */
static bool read_any_text(struct reading *in, const struct doc *value,
	void *to)
{
	return field_expect(in, value, DOC_TEXT, "a text") &&
		field_copy(in, value->text, to);
}

static bool read_count(struct reading *in, const struct doc *value, void *to)
{
	return field_read_amount(in, value, UNIT_COUNT, 1000000000, to);
}

static bool read_bytes(struct reading *in, const struct doc *value, void *to)
{
	return field_read_amount(in, value, UNIT_BYTES, INT64_C(1) << 30, to);
}

static bool read_secs(struct reading *in, const struct doc *value, void *to)
{
	return field_read_amount(in, value, UNIT_SECS, 366 * DAY_SECS, to);
}

static bool read_ms(struct reading *in, const struct doc *value, void *to)
{
	return field_read_amount(in, value, UNIT_MS, INT64_C(1000) * DAY_SECS,
		to);
}

/* A header's or a parameter's name: RFC 9110's token. */
static bool read_token(struct reading *in, const struct doc *value, void *to)
{
	return read_text(in, value, to) &&
		(strspn(value->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~")
			== strlen(value->text) ||
			FAIL(value, "\"%s\" is not a name that can be sent: "
				"letters, digits and - _ .", value->text));
}

static bool read_path(struct reading *in, const struct doc *value, void *to)
{
	return read_any_text(in, value, to) &&
		(value->text[0] == '/' || value->text[0] == '\0' ||
			FAIL(value, "a path begins with /"));
}

static bool is_method(const char *text)
{
	return strlen(text) < 20 &&
		strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == strlen(text);
}

static bool read_method(struct reading *in, const struct doc *value, void *to)
{
	return read_text(in, value, to) && (is_method(value->text) ||
		FAIL(value, "this must be a method, e.g. GET or POST"));
}

/* The certificate authority's file is looked for when it is used. */
static bool read_url(struct reading *in, const struct doc *value, void *to)
{
	const char *text = value->text;

	if (!read_text(in, value, to))
		return false;
	if (strncmp(text, "https://", 8) != 0 &&
		strncmp(text, "http://", 7) != 0)
		return FAIL(value, "this must be a URL that begins with "
			"https:// (http:// for this machine alone)");
	if (strpbrk(text, "?#@ {}") != NULL)
		return FAIL(value, "neither ? # @ nor braces: a query goes "
			"under `query:`, a user under `auth:`");
	return true;
}

/* A file's name that is not absolute counts from the pipeline file's folder. */
static bool read_file(struct reading *in, const struct doc *value, void *to)
{
	const char *slash = strrchr(in->file, '/');
	struct buf name = { 0 };
	bool ok = field_expect(in, value, DOC_TEXT, "/run/secrets/token");

	if (ok && value->text[0] == '\0')
		return FAIL(value, "this may not be empty");
	if (ok && value->text[0] != '/' && slash != NULL)
		ok = buf_add(&name, in->file, (size_t)(slash - in->file) + 1,
			in->err);
	ok = ok && buf_add_str(&name, value->text, in->err);
	*(char **)to = ok ? buf_take(&name) : NULL;
	buf_clear(&name);
	return ok;
}

/* -- pairs --------------------------------------------------------------- */

static bool read_pairs(struct reading *in, const struct doc *value, void *to)
{
	struct api_pairs *pairs = to;

	if (!field_expect(in, value, DOC_MAP, "{ per_page: 100 }"))
		return false;
	if (value->count > 200)
		return FAIL(value, "at most 100 of them");
	if (!field_reserve(in, value->count / 2, sizeof(*pairs->items),
		    &pairs->items))
		return false;
	for (size_t i = 0; i < value->count; i += 2) {
		struct api_pair *pair = &pairs->items[pairs->count++];

		if (!read_text(in, &value->items[i], &pair->name) ||
			!read_any_text(in, &value->items[i + 1], &pair->value))
			return false;
	}
	return true;
}

/* What goes out by itself or holds a secret is not for free headers. */
static bool read_headers(struct reading *in, const struct doc *value, void *to)
{
	static const char *const own[] = { "authorization", "host",
		"content-length", "transfer-encoding", "connection", "cookie",
		"accept-encoding", "if-none-match", "if-modified-since",
		"proxy-authorization", NULL };
	char *name = NULL;

	if (!read_pairs(in, value, to))
		return false;
	for (size_t i = 0; i < value->count; i += 2) {
		const struct doc *key = &value->items[i];
		bool ok = read_token(in, key, &name);

		free(name);
		name = NULL;
		for (size_t k = 0; ok && own[k] != NULL; k++)
			if (strcasecmp(own[k], key->text) == 0)
				ok = FAIL(key, "the header %s is Sluice's own; "
					"secrets go under `auth:`", key->text);
		if (!ok)
			return false;
	}
	return true;
}

/* -- auth ---------------------------------------------------------------- */

static bool read_kind(struct reading *in, const struct doc *value, void *to)
{
	static const char *const words[] = {
		[API_AUTH_NONE] = "none",
		[API_AUTH_BEARER] = "bearer",
		[API_AUTH_BASIC] = "basic",
		[API_AUTH_KEY] = "key",
		[API_AUTH_OAUTH2] = "oauth2",
		NULL,
	};
	size_t at;

	if (!field_read_word(in, value, words, &at))
		return false;
	*(enum api_auth_kind *)to = (enum api_auth_kind)at;
	return true;
}

static bool check_auth(struct reading *in, const struct doc *map,
	const struct api_auth *auth)
{
	const bool one = (auth->secret.file != NULL) !=
		(auth->secret.env != NULL);

	if (auth->kind != API_AUTH_NONE && !one)
		return FAIL(map, "the secret is needed from one place: "
			"`secret_file: FILE` or `secret_env: VARIABLE`");
	if (auth->kind == API_AUTH_KEY &&
		(auth->header != NULL) == (auth->query != NULL))
		return FAIL(map, "a key goes into a header or into the query: "
			"`header: X-Api-Key` or `query: api_key`");
	if (auth->kind == API_AUTH_BASIC && auth->user == NULL)
		return FAIL(map, "basic needs `user:`");
	if (auth->kind == API_AUTH_OAUTH2 &&
		(auth->user == NULL || auth->token_url == NULL))
		return FAIL(map, "oauth2 needs `token_url:` and `user:`, the "
			"client's id; its secret is the secret");
	return true;
}

static bool read_auth(struct reading *in, const struct doc *value, void *to)
{
	static const struct field fields[] = {
		{ "kind", read_kind, offsetof(struct api_auth, kind), true },
		{ "secret_file", read_file,
			offsetof(struct api_auth, secret.file), false },
		{ "secret_env", read_text,
			offsetof(struct api_auth, secret.env), false },
		{ "optional", field_read_bool,
			offsetof(struct api_auth, optional), false },
		{ "user", read_text, offsetof(struct api_auth, user), false },
		{ "header", read_token, offsetof(struct api_auth, header),
			false },
		{ "query", read_token, offsetof(struct api_auth, query),
			false },
		{ "prefix", read_any_text, offsetof(struct api_auth, prefix),
			false },
		{ "token_url", read_url, offsetof(struct api_auth, token_url),
			false },
		{ "scope", read_text, offsetof(struct api_auth, scope),
			false },
	};

	return field_expect(in, value, DOC_MAP,
		       "{ kind: bearer, secret_env: API_TOKEN }") &&
		field_read_map(in, value, FIELDS(fields), to) &&
		check_auth(in, value, to);
}

/* -- when ---------------------------------------------------------------- */

static bool read_every(struct reading *in, const struct doc *value, void *to)
{
	if (value->type == DOC_TEXT && strcmp(value->text, "never") == 0)
		return true;
	return read_secs(in, value, to);
}

static bool read_cron(struct reading *in, const struct doc *value, void *to)
{
	struct err why = { 0 };
	struct cron cron;
	int64_t next;

	if (!read_text(in, value, to))
		return false;
	if (!cron_parse(value->text, &cron, &why))
		return FAIL(value, "%s", why.text);
	return cron_next(&cron, NULL, 0, &next) ||
		FAIL(value, "this time never comes");
}

static bool read_zone(struct reading *in, const struct doc *value, void *to)
{
	struct err why = { 0 };
	struct zone *zone;

	if (!read_text(in, value, to))
		return false;
	zone = zone_open(value->text, &why);
	zone_free(zone);
	return zone != NULL || FAIL(value, "%s", why.text);
}

/* -- pages --------------------------------------------------------------- */

static bool read_pages_kind(struct reading *in, const struct doc *value,
	void *to)
{
	static const char *const words[] = {
		[API_PAGES_NONE] = "none",
		[API_PAGES_LINK] = "link",
		[API_PAGES_NEXT] = "next",
		[API_PAGES_PAGE] = "page",
		[API_PAGES_OFFSET] = "offset",
		[API_PAGES_CURSOR] = "cursor",
		NULL,
	};
	size_t at;

	if (!field_read_word(in, value, words, &at))
		return false;
	*(enum api_pages_kind *)to = (enum api_pages_kind)at;
	return true;
}

static bool read_first(struct reading *in, const struct doc *value, void *to)
{
	if (value->type == DOC_TEXT && strcmp(value->text, "0") == 0) {
		*(int64_t *)to = 0;
		return true;
	}
	return read_count(in, value, to);
}

static bool check_pages(struct reading *in, const struct doc *map,
	const struct api_pages *pages)
{
	if (pages->kind == API_PAGES_NEXT && pages->at == NULL)
		return FAIL(map, "`by: next` needs `at:`, where the URL is in "
			"the answer, e.g. at: /next");
	if (pages->kind == API_PAGES_CURSOR &&
		(pages->at != NULL) == (pages->header != NULL))
		return FAIL(map, "`by: cursor` needs `at: /next_cursor` or "
			"`header: X-Next`, where the next one is");
	if (pages->kind == API_PAGES_OFFSET && pages->size == 0)
		return FAIL(map, "`by: offset` needs `size:`, the records of a "
			"full page");
	return true;
}

static bool read_pages(struct reading *in, const struct doc *value, void *to)
{
	static const struct field fields[] = {
		{ "by", read_pages_kind, offsetof(struct api_pages, kind),
			true },
		{ "query", read_token, offsetof(struct api_pages, query),
			false },
		{ "size_query", read_token,
			offsetof(struct api_pages, size_query), false },
		{ "size", read_count, offsetof(struct api_pages, size),
			false },
		{ "first", read_first, offsetof(struct api_pages, first),
			false },
		{ "at", column_read_pointer, offsetof(struct api_pages, at),
			false },
		{ "header", read_token, offsetof(struct api_pages, header),
			false },
		{ "total", column_read_pointer,
			offsetof(struct api_pages, total), false },
		{ "more", column_read_pointer,
			offsetof(struct api_pages, more), false },
		{ "max", read_count, offsetof(struct api_pages, max), false },
	};

	return field_expect(in, value, DOC_MAP, "{ by: link }") &&
		field_read_map(in, value, FIELDS(fields), to) &&
		check_pages(in, value, to);
}

/* -- cursor -------------------------------------------------------------- */

static bool read_cursor_kind(struct reading *in, const struct doc *value,
	void *to)
{
	static const char *const words[] = {
		[API_CURSOR_TIME] = "time",
		[API_CURSOR_INTEGER] = "integer",
		[API_CURSOR_TEXT] = "text",
		NULL,
	};
	size_t at;

	if (!field_read_word(in, value, words, &at))
		return false;
	*(enum api_cursor_kind *)to = (enum api_cursor_kind)at;
	return true;
}

static bool read_cursor(struct reading *in, const struct doc *value, void *to)
{
	static const struct field fields[] = {
		{ "field", column_read_pointer,
			offsetof(struct api_cursor, field), true },
		{ "type", read_cursor_kind, offsetof(struct api_cursor, kind),
			false },
		{ "start", read_text, offsetof(struct api_cursor, start),
			false },
		{ "look_back", read_secs,
			offsetof(struct api_cursor, look_back), false },
	};
	const struct api_cursor *cursor = to;

	if (!field_expect(in, value, DOC_MAP,
		    "{ field: /updated_at, look_back: 10m }") ||
		!field_read_map(in, value, FIELDS(fields), to))
		return false;
	return cursor->kind != API_CURSOR_TEXT || cursor->look_back == 0 ||
		FAIL(value, "a text has no `look_back`");
}

/* -- each, limits, retry --------------------------------------------------- */

static bool read_words(struct reading *in, const struct doc *value, void *to)
{
	struct pipeline_api *api = to;

	if (!field_expect(in, value, DOC_LIST, "[a, b]"))
		return false;
	if (value->count == 0 || value->count > LIST_MAX)
		return FAIL(value, "from 1 to %d words", LIST_MAX);
	if (!field_reserve(in, value->count + 1, sizeof(char *), &api->each))
		return false;
	for (size_t i = 0; i < value->count; i++) {
		if (!read_text(in, &value->items[i], &api->each[i]))
			return false;
		api->each_count++;
		for (size_t k = 0; k < i; k++)
			if (strcmp(api->each[k], api->each[i]) == 0)
				return FAIL(&value->items[i], "the word "
					"\"%s\" stands here twice",
					api->each[i]);
	}
	return true;
}

static bool read_limits(struct reading *in, const struct doc *value, void *to)
{
#define LIMIT(member) offsetof(struct api_limits, member)
	static const struct field fields[] = {
		{ "per_second", read_count, LIMIT(per_second), false },
		{ "per_minute", read_count, LIMIT(per_minute), false },
		{ "per_day", read_count, LIMIT(per_day), false },
		{ "at_once", read_count, LIMIT(at_once), false },
		{ "timeout", read_ms, LIMIT(timeout_ms), false },
		{ "connect_timeout", read_ms, LIMIT(connect_ms), false },
		{ "slow_bytes", read_bytes, LIMIT(slow_bytes), false },
		{ "slow_time", read_secs, LIMIT(slow_secs), false },
		{ "answer_bytes", read_bytes, LIMIT(answer_bytes), false },
		{ "longest_wait", read_ms, LIMIT(wait_max_ms), false },
	};

	return field_read_map(in, value, FIELDS(fields), to);
}

/* "503", "500-599", or the word transport. */
static bool read_range(struct reading *in, const struct doc *at,
	struct api_retry *retry)
{
	struct api_range *range = &retry->on[retry->on_count];
	char *end;

	if (!field_expect(in, at, DOC_TEXT, "503"))
		return false;
	if (strcmp(at->text, "transport") == 0) {
		retry->transport = true;
		return true;
	}
	range->lo = range->hi = strtol(at->text, &end, 10);
	if (*end == '-')
		range->hi = strtol(end + 1, &end, 10);
	if (*end != '\0' || range->lo < 300 || range->hi > 599 ||
		range->hi < range->lo)
		return FAIL(at, "\"%s\" is not a status (503), statuses "
			"(500-599) or the word transport", at->text);
	retry->on_count++;
	return true;
}

static bool read_on(struct reading *in, const struct doc *value, void *to)
{
	struct api_retry *retry = to;

	if (!field_expect(in, value, DOC_LIST, "[429, 500-599, transport]"))
		return false;
	if (value->count > 100)
		return FAIL(value, "at most 100 of them");
	free(retry->on);
	retry->transport = false;
	retry->on_count = 0;
	if (!field_reserve(in, value->count, sizeof(*retry->on), &retry->on))
		return false;
	for (size_t i = 0; i < value->count; i++)
		if (!read_range(in, &value->items[i], retry))
			return false;
	return true;
}

static bool read_retry(struct reading *in, const struct doc *value, void *to)
{
#define RETRY(member) offsetof(struct api_retry, member)
	static const struct field fields[] = {
		{ "tries", read_count, RETRY(tries), false },
		{ "first", read_ms, RETRY(first_ms), false },
		{ "most", read_ms, RETRY(most_ms), false },
		{ "on", read_on, 0, false },
		{ "circuit_after", read_count, RETRY(circuit_after), false },
		{ "circuit_time", read_ms, RETRY(circuit_ms), false },
	};

	return field_read_map(in, value, FIELDS(fields), to);
}

/* -- the whole ------------------------------------------------------------- */

static bool set_defaults(struct reading *in, struct pipeline_api *api)
{
	static const struct api_range again[] = { { 408, 408 }, { 425, 425 },
		{ 429, 429 }, { 500, 599 } };

	api->limits = (struct api_limits){
		.at_once = 4, .timeout_ms = 60000, .connect_ms = 5000,
		.slow_bytes = 100, .slow_secs = 20,
		.answer_bytes = INT64_C(64) << 20, .wait_max_ms = 900000,
	};
	api->retry = (struct api_retry){
		.tries = 5, .first_ms = 1000, .most_ms = 60000,
		.transport = true, .circuit_after = 10, .circuit_ms = 300000,
	};
	api->pages.first = 1;
	api->pages.max = 10000;
	if (!field_reserve(in, 4, sizeof(*again), &api->retry.on))
		return false;
	memcpy(api->retry.on, again, sizeof(again));
	api->retry.on_count = 4;
	return true;
}

static bool check_template(struct reading *in, const struct doc *at,
	const struct pipeline_api *api)
{
	const char *fault = at == NULL ? NULL : api_template_fault(at->text,
		api->parent != NULL, api->each != NULL);

	return fault == NULL || FAIL(at, "\"%s\": %s", at->text, fault);
}

static bool check_templates(struct reading *in, const struct doc *map,
	const struct pipeline_api *api)
{
	static const char *const maps[] = { "query", "headers" };

	for (size_t m = 0; m < 2; m++) {
		const struct doc *pairs = doc_get(map, maps[m]);

		for (size_t i = 1; pairs != NULL && i < pairs->count; i += 2)
			if (!check_template(in, &pairs->items[i], api))
				return false;
	}
	return check_template(in, doc_get(map, "path"), api) &&
		check_template(in, doc_get(map, "body"), api);
}

static bool has_word(const struct pipeline_api *api, const char *word)
{
	bool has = api_template_has(api->path, word) ||
		api_template_has(api->body, word);

	for (size_t i = 0; i < api->query.count; i++)
		has = has || api_template_has(api->query.items[i].value, word);
	for (size_t i = 0; i < api->headers.count; i++)
		has = has || api_template_has(api->headers.items[i].value,
			word);
	return has;
}

/* Where the pages' parameter goes when `query` does not say. */
static bool check_page_word(struct reading *in, const struct doc *map,
	const struct pipeline_api *api)
{
	static const char *const words[] = {
		[API_PAGES_PAGE] = "page",
		[API_PAGES_OFFSET] = "offset",
		[API_PAGES_CURSOR] = "token",
	};
	const enum api_pages_kind kind = api->pages.kind;

	if (kind < API_PAGES_PAGE || api->pages.query != NULL ||
		has_word(api, words[kind]))
		return true;
	return FAIL(doc_get(map, "pages"), "nobody would send which page is "
		"meant: give `query:`, the parameter's name, or use {%s}",
		words[kind]);
}

static bool check_address(struct reading *in, const struct doc *at,
	const char *url, bool plain_http)
{
	struct err why = { 0 };
	struct http_url parts;

	return url == NULL || http_url_read(url, plain_http, &parts, &why) ||
		FAIL(at, "%s", why.text);
}

static bool check_whole(struct reading *in, const struct doc *map,
	const struct pipeline_api *api)
{
	const struct doc *auth = doc_get(map, "auth");

	if (!check_address(in, doc_get(map, "url"), api->url,
		    api->plain_http) ||
		!check_address(in, doc_get(auth, "token_url"),
			api->auth.token_url, api->plain_http))
		return false;
	if (doc_get(map, "every") != NULL && api->cron != NULL)
		return FAIL(doc_get(map, "cron"), "either `every` or `cron`");
	if (api->zone != NULL && api->cron == NULL)
		return FAIL(doc_get(map, "zone"), "`zone` goes with `cron`");
	if (api->parent != NULL && api->each != NULL)
		return FAIL(doc_get(map, "each"), "either `parent` or `each`");
	if (api->each != NULL && !has_word(api, "each"))
		return FAIL(doc_get(map, "each"), "the word {each} occurs "
			"nowhere in the request");
	if (api->parent != NULL && !has_word(api, "parent"))
		return FAIL(doc_get(map, "parent"), "{parent:/...} occurs "
			"nowhere in the request");
	if (api->format.format != TABLE_JSON && api->records != NULL)
		return FAIL(doc_get(map, "records"), "`records` is for JSON; "
			"this format's records are its rows");
	if (has_word(api, "cursor") && api->cursor.field == NULL)
		return FAIL(map, "{cursor} needs `cursor: { field: /... }`");
	return check_templates(in, map, api) && check_page_word(in, map, api);
}

static bool default_texts(struct reading *in, struct pipeline_api *api)
{
	return (api->path != NULL || field_copy(in, "", &api->path)) &&
		(api->method != NULL || field_copy(in,
			api->body != NULL ? "POST" : "GET", &api->method)) &&
		(api->body_type != NULL || api->body == NULL ||
			field_copy(in, "application/json", &api->body_type));
}

bool pipeline_api_read(struct reading *in, const struct doc *value, void *to)
{
	static const struct field fields[] = {
		{ "url", read_url, AT(url), true },
		{ "path", read_path, AT(path), false },
		{ "method", read_method, AT(method), false },
		{ "query", read_pairs, AT(query), false },
		{ "headers", read_headers, AT(headers), false },
		{ "body", read_text, AT(body), false },
		{ "body_type", read_text, AT(body_type), false },
		{ "auth", read_auth, AT(auth), false },
		{ "plain_http", field_read_bool, AT(plain_http), false },
		{ "ca_file", read_file, AT(ca_file), false },
		{ "every", read_every, AT(every_secs), false },
		{ "cron", read_cron, AT(cron), false },
		{ "zone", read_zone, AT(zone), false },
		{ "records", column_read_pointer, AT(records), false },
		{ "format", table_options_read, AT(format), false },
		{ "pages", read_pages, AT(pages), false },
		{ "cursor", read_cursor, AT(cursor), false },
		{ "parent", field_read_name, AT(parent), false },
		{ "each", read_words, 0, false },
		{ "limits", read_limits, AT(limits), false },
		{ "retry", read_retry, AT(retry), false },
	};
	struct dataset *dataset = to;

	if (!field_expect(in, value, DOC_MAP,
		    "{ url: https://api.example.org, path: /items }") ||
		!field_reserve(in, 1, sizeof(*dataset->api), &dataset->api))
		return false;
	return set_defaults(in, dataset->api) &&
		field_read_map(in, value, FIELDS(fields), dataset->api) &&
		default_texts(in, dataset->api) &&
		check_whole(in, value, dataset->api);
}

bool pipeline_api_check(struct reading *in, const struct doc *source,
	const struct dataset *dataset)
{
	const struct pipeline_api *api = dataset->api;
	const struct dataset *parent;

	if (api == NULL || api->parent == NULL)
		return true;
	parent = dataset_find(in->pipeline, api->parent);
	return (parent != NULL && parent != dataset && parent->api != NULL &&
		       parent->api->parent == NULL) ||
		FAIL(doc_get(doc_get(source, "api"), "parent"), "\"%s\" is not "
			"a dataset of this file with an `api:` and no parent",
			api->parent);
}

/* -- freeing --------------------------------------------------------------- */

static void free_steps(char **steps)
{
	for (size_t i = 0; steps != NULL && steps[i] != NULL; i++)
		free(steps[i]);
	free(steps);
}

static void free_pairs(struct api_pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		free(pairs->items[i].name);
		free(pairs->items[i].value);
	}
	free(pairs->items);
}

static void clear_texts(struct pipeline_api *api)
{
	char **texts[] = { &api->url, &api->path, &api->method, &api->body,
		&api->body_type, &api->auth.secret.file, &api->auth.secret.env,
		&api->auth.user, &api->auth.header, &api->auth.query,
		&api->auth.prefix, &api->auth.token_url, &api->auth.scope,
		&api->ca_file, &api->cron, &api->zone, &api->pages.query,
		&api->pages.size_query, &api->pages.header,
		&api->cursor.start, &api->parent };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free(*texts[i]);
}

void pipeline_api_free(struct pipeline_api *api)
{
	if (api == NULL)
		return;
	clear_texts(api);
	free_pairs(&api->query);
	free_pairs(&api->headers);
	free_steps(api->records);
	free_steps(api->pages.at);
	free_steps(api->pages.total);
	free_steps(api->pages.more);
	free_steps(api->cursor.field);
	free_steps(api->each);
	free(api->retry.on);
	table_options_clear(&api->format);
	free(api);
}
