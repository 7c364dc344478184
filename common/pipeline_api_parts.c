/* pipeline_api_parts.c - what an `api:` is made of: who asks, when, for which
 * pages, from where on, how politely. */
#include "common/pipeline_api_private.h"

#include "common/cron.h"
#include "common/pipeline_column.h"

#include <stdlib.h>
#include <string.h>

#define LIST_MAX 1000

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

bool api_read_auth(struct reading *in, const struct doc *value, void *to)
{
	static const struct field fields[] = {
		{ "kind", read_kind, offsetof(struct api_auth, kind), true },
		{ "secret_file", api_read_file,
			offsetof(struct api_auth, secret.file), false },
		{ "secret_env", api_read_text,
			offsetof(struct api_auth, secret.env), false },
		{ "optional", field_read_bool,
			offsetof(struct api_auth, optional), false },
		{ "user", api_read_text, offsetof(struct api_auth, user),
			false },
		{ "header", api_read_token, offsetof(struct api_auth, header),
			false },
		{ "query", api_read_token, offsetof(struct api_auth, query),
			false },
		{ "prefix", api_read_any_text,
			offsetof(struct api_auth, prefix), false },
		{ "token_url", api_read_url,
			offsetof(struct api_auth, token_url), false },
		{ "scope", api_read_text, offsetof(struct api_auth, scope),
			false },
	};

	return field_expect(in, value, DOC_MAP,
		       "{ kind: bearer, secret_env: API_TOKEN }") &&
		field_read_map(in, value, FIELDS(fields), to) &&
		check_auth(in, value, to);
}

/* -- when ---------------------------------------------------------------- */

bool api_read_every(struct reading *in, const struct doc *value, void *to)
{
	if (value->type == DOC_TEXT && strcmp(value->text, "never") == 0)
		return true;
	return api_read_secs(in, value, to);
}

bool api_read_cron(struct reading *in, const struct doc *value, void *to)
{
	struct err why = { 0 };
	struct cron cron;
	int64_t next;

	if (!api_read_text(in, value, to))
		return false;
	if (!cron_parse(value->text, &cron, &why))
		return FAIL(value, "%s", why.text);
	return cron_next(&cron, NULL, 0, &next) ||
		FAIL(value, "this time never comes");
}

bool api_read_zone(struct reading *in, const struct doc *value, void *to)
{
	struct err why = { 0 };
	struct zone *zone;

	if (!api_read_text(in, value, to))
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
	return api_read_count(in, value, to);
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

bool api_read_pages(struct reading *in, const struct doc *value, void *to)
{
	static const struct field fields[] = {
		{ "by", read_pages_kind, offsetof(struct api_pages, kind),
			true },
		{ "query", api_read_token, offsetof(struct api_pages, query),
			false },
		{ "size_query", api_read_token,
			offsetof(struct api_pages, size_query), false },
		{ "size", api_read_count, offsetof(struct api_pages, size),
			false },
		{ "first", read_first, offsetof(struct api_pages, first),
			false },
		{ "at", column_read_pointer, offsetof(struct api_pages, at),
			false },
		{ "header", api_read_token, offsetof(struct api_pages, header),
			false },
		{ "total", column_read_pointer,
			offsetof(struct api_pages, total), false },
		{ "more", column_read_pointer,
			offsetof(struct api_pages, more), false },
		{ "max", api_read_count, offsetof(struct api_pages, max),
			false },
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

bool api_read_cursor(struct reading *in, const struct doc *value, void *to)
{
	static const struct field fields[] = {
		{ "field", column_read_pointer,
			offsetof(struct api_cursor, field), true },
		{ "type", read_cursor_kind, offsetof(struct api_cursor, kind),
			false },
		{ "start", api_read_text, offsetof(struct api_cursor, start),
			false },
		{ "look_back", api_read_secs,
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

bool api_read_each(struct reading *in, const struct doc *value, void *to)
{
	struct pipeline_api *api = to;

	if (!field_expect(in, value, DOC_LIST, "[a, b]"))
		return false;
	if (value->count == 0 || value->count > LIST_MAX)
		return FAIL(value, "from 1 to %d words", LIST_MAX);
	if (!field_reserve(in, value->count + 1, sizeof(char *), &api->each))
		return false;
	for (size_t i = 0; i < value->count; i++) {
		if (!api_read_text(in, &value->items[i], &api->each[i]))
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

bool api_read_limits(struct reading *in, const struct doc *value, void *to)
{
#define LIMIT(member) offsetof(struct api_limits, member)
	static const struct field fields[] = {
		{ "per_second", api_read_count, LIMIT(per_second), false },
		{ "per_minute", api_read_count, LIMIT(per_minute), false },
		{ "per_day", api_read_count, LIMIT(per_day), false },
		{ "at_once", api_read_count, LIMIT(at_once), false },
		{ "timeout", api_read_ms, LIMIT(timeout_ms), false },
		{ "connect_timeout", api_read_ms, LIMIT(connect_ms), false },
		{ "slow_bytes", api_read_bytes, LIMIT(slow_bytes), false },
		{ "slow_time", api_read_secs, LIMIT(slow_secs), false },
		{ "answer_bytes", api_read_bytes, LIMIT(answer_bytes), false },
		{ "longest_wait", api_read_ms, LIMIT(wait_max_ms), false },
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

bool api_read_retry(struct reading *in, const struct doc *value, void *to)
{
#define RETRY(member) offsetof(struct api_retry, member)
	static const struct field fields[] = {
		{ "tries", api_read_count, RETRY(tries), false },
		{ "first", api_read_ms, RETRY(first_ms), false },
		{ "most", api_read_ms, RETRY(most_ms), false },
		{ "on", read_on, 0, false },
		{ "circuit_after", api_read_count, RETRY(circuit_after),
			false },
		{ "circuit_time", api_read_ms, RETRY(circuit_ms), false },
	};

	return field_read_map(in, value, FIELDS(fields), to);
}
