/* pipeline_api.c - the `api:` of a source becomes structs, or an error that
 * says where and what is allowed. */
#include "common/pipeline_api_private.h"

#include "common/api_template.h"
#include "common/http_url.h"
#include "common/pipeline_column.h"

#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(struct pipeline_api, member)

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
		{ "url", api_read_url, AT(url), true },
		{ "path", api_read_path, AT(path), false },
		{ "method", api_read_method, AT(method), false },
		{ "query", api_read_pairs, AT(query), false },
		{ "headers", api_read_headers, AT(headers), false },
		{ "body", api_read_text, AT(body), false },
		{ "body_type", api_read_text, AT(body_type), false },
		{ "auth", api_read_auth, AT(auth), false },
		{ "plain_http", field_read_bool, AT(plain_http), false },
		{ "ca_file", api_read_file, AT(ca_file), false },
		{ "every", api_read_every, AT(every_secs), false },
		{ "cron", api_read_cron, AT(cron), false },
		{ "zone", api_read_zone, AT(zone), false },
		{ "records", column_read_pointer, AT(records), false },
		{ "format", table_options_read, AT(format), false },
		{ "pages", api_read_pages, AT(pages), false },
		{ "cursor", api_read_cursor, AT(cursor), false },
		{ "parent", field_read_name, AT(parent), false },
		{ "each", api_read_each, 0, false },
		{ "limits", api_read_limits, AT(limits), false },
		{ "retry", api_read_retry, AT(retry), false },
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
