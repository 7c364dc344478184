/* api_ask.c - an endpoint asked without any state: to look, or to record. */
#include "cli/api.h"
#include "cli/output.h"

#include "common/clock.h"
#include "common/place.h"
#include "producer/api_control.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PARENTS_MAX 10
#define RECORD_PAGES 1000
#define PATIENCE_MS 60000 /* for a minute's budget, not for a day's */

/* -- asking ------------------------------------------------------------------ */

/* Whom a child is asked for: the first records of its parent, or its words. */
struct parents {
	char *list[PARENTS_MAX]; /* as in the state file */
	size_t count;
	uint64_t of; /* so many there are on the parent's page */
};

struct asker {
	const struct config *config;
	const struct dataset *dataset;
	struct http_client *client;
	struct api_host host;
	struct api_token token;
	struct api_login login;
	struct api_request request;
	struct buf url;
	struct parents parents;
	const char *parent; /* one of them, or NULL */
	int folder;         /* where to keep all that comes; -1: nowhere */
	uint64_t pages;     /* that came */
};

/* Until a request may go: what the limits say and, where a producer runs, the
 * host's budget, in which it counts then. */
static bool time_left(struct asker *asker, int64_t *wait, struct err *err)
{
	char name[API_NAME_MAX];
	const char *const words[] = { "count",
		api_name(asker->dataset, name) };
	struct buf text = { 0 };
	struct err why = { 0 };
	bool daemon = false;

	*wait = api_host_wait(&asker->host, clock_now_ms(), clock_wall_us());
	if (*wait == 0 && api_control_ask(asker->config->state_file, words, 2,
			&daemon, &text, &why) && daemon && text.len > 0)
		*wait = strtoll(text.data, NULL, 10);
	buf_clear(&text);
	return *wait <= PATIENCE_MS || err_stop(err, EXIT_SERVER, "%s: its "
		"budget is used up, or it wants to be left alone, for %" PRId64
		" s more", asker->dataset->api->url, *wait / 1000 + 1);
}

static bool exchange(struct asker *asker, const struct http_call *call,
	struct http_reply **reply, struct err *err)
{
	int64_t wait;
	bool ok;

	*reply = NULL;
	while ((ok = time_left(asker, &wait, err)) && wait > 0)
		if (!http_client_wait(asker->client, (int)(wait < 1000 ? wait :
				1000), NULL, 0, err))
			return false;
	if (!ok)
		return false;
	api_host_take(&asker->host, clock_now_ms(), clock_wall_us());
	if (!http_client_start(asker->client, call, err))
		return false;
	while ((*reply = http_client_take(asker->client)) == NULL)
		if (!http_client_wait(asker->client, 1000, NULL, 0, err))
			return false;
	(void)api_host_done(&asker->host, true, clock_now_ms());
	if ((*reply)->err.kind == ERR_NONE)
		return true;
	*err = (*reply)->err;
	if (err->kind == ERR_RETRY)
		err->exit_code = EXIT_SERVER;
	http_reply_free(*reply);
	*reply = NULL;
	return false;
}

static bool ask_token(struct asker *asker, struct err *err)
{
	static const struct http_header headers[] = {
		{ "Accept", "application/json" },
		{ "Content-Type", "application/x-www-form-urlencoded" },
		{ NULL, NULL },
	};
	const struct pipeline_api *api = asker->dataset->api;
	struct http_reply *reply = NULL;
	struct buf body = { 0 };
	bool ok = api_token_request(&api->auth, &body, &asker->login, err);
	const struct http_call call = { .method = "POST",
		.url = api->auth.token_url, .headers = headers,
		.user = asker->login.user, .password = asker->login.password,
		.cacert = api->ca_file, .plain_http = api->plain_http,
		.body = body.data, .body_len = body.len,
		.timeout_ms = api->limits.timeout_ms,
		.connect_ms = api->limits.connect_ms, .max_bytes = 1 << 20 };

	ok = ok && exchange(asker, &call, &reply, err);
	if (ok && reply->status != 200)
		ok = err_stop(err, EXIT_DATA, "%s: %ld", reply->where,
			reply->status);
	ok = ok && api_token_read(reply->body, reply->len, clock_now_ms(),
		&asker->token, err);
	http_reply_free(reply);
	buf_clear(&body);
	api_login_clear(&asker->login);
	return ok;
}

static bool ask_once(struct asker *asker, const struct api_place *place,
	struct http_reply **reply, struct err *err)
{
	const struct pipeline_api *api = asker->dataset->api;
	const struct api_ask ask = { .api = api, .place = place,
		.cursor = api->cursor.start, .parent = asker->parent,
		.now_us = clock_wall_us() };
	const struct api_validators none = { NULL, NULL };
	enum api_auth_need need;
	char name[256];

	api_login_clear(&asker->login);
	api_request_clear(&asker->request);
	buf_reset(&asker->url);
	if (!api_auth_login(&api->auth, &asker->token, clock_now_ms(), &need,
		    &asker->login, err))
		return false;
	if (need == API_AUTH_TOKEN && (!ask_token(asker, err) ||
		!api_auth_login(&api->auth, &asker->token, clock_now_ms(),
			&need, &asker->login, err)))
		return false;
	if (!api_request_url(&ask, &asker->url, err) ||
		!api_request_make(&ask, asker->url.data, &asker->login, &none,
			&asker->request, err) ||
		!exchange(asker, &asker->request.call, reply, err))
		return false;
	if ((*reply)->status >= 200 && (*reply)->status < 300)
		return true;
	(void)err_stop(err, EXIT_DATA, "%s: %ld%s%s", (*reply)->where,
		(*reply)->status, (*reply)->status == 401 ? ", with " : "",
		(*reply)->status == 401 ? api_auth_name(&api->auth, name) :
		"");
	http_reply_free(*reply);
	*reply = NULL;
	return false;
}

/* -- keeping -------------------------------------------------------------------- */

static bool write_one(int folder, const char *name, const char *data,
	size_t len, struct err *err)
{
	const int fd = openat(folder, name,
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	bool ok;

	if (fd < 0) {
		(void)err_errno(err, ERR_STOP, "create %s", name);
		err->exit_code = EXIT_IO;
		return false;
	}
	ok = place_write(fd, data, len) ||
		err_errno(err, ERR_STOP, "write %s", name);
	close(fd);
	return ok;
}

static bool write_page(const struct asker *asker,
	const struct http_reply *reply, struct err *err)
{
	char name[96];
	struct buf note = { 0 };
	bool ok = api_request_note(&asker->request, asker->url.data,
		&asker->login, reply->status, &reply->headers, &note, err);

	(void)snprintf(name, sizeof(name), "%.60s-%04" PRIu64 ".http",
		asker->dataset->name, asker->pages);
	ok = ok && write_one(asker->folder, name, note.data, note.len, err);
	name[strlen(name) - strlen(".http")] = '\0';
	ok = ok && write_one(asker->folder, name, reply->body, reply->len, err);
	buf_clear(&note);
	return ok;
}

static bool ask_page(struct asker *asker, const struct api_place *place,
	struct http_reply **reply, struct err *err)
{
	if (!ask_once(asker, place, reply, err))
		return false;
	asker->pages++;
	return asker->folder < 0 || write_page(asker, *reply, err);
}

/* -- parents -------------------------------------------------------------------- */

static bool add_parent(struct parents *parents, char *text, struct err *err)
{
	bool known = text == NULL;

	for (size_t i = 0; i < parents->count && !known; i++)
		known = strcmp(parents->list[i], text) == 0;
	parents->of += !known;
	if (!known && parents->count < PARENTS_MAX)
		parents->list[parents->count++] = text;
	else
		free(text);
	return text != NULL || err_memory(err);
}

static bool add_words(struct asker *asker, struct err *err)
{
	const struct pipeline_api *api = asker->dataset->api;
	struct buf parent = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < api->each_count; i++)
		ok = buf_add_str(&parent, "each=", err) &&
			api_percent_add(&parent, api->each[i],
				strlen(api->each[i]), err) &&
			add_parent(&asker->parents, buf_take(&parent), err);
	buf_clear(&parent);
	return ok;
}

/* Lines of a harvest: the child's number, a tab, the parent. */
static bool take_parents(struct asker *asker, const struct buf *lines,
	struct err *err)
{
	const char *at = lines->data;
	bool ok = true;

	while (ok && at != NULL && *at != '\0') {
		const size_t len = strcspn(at, "\n");

		ok = add_parent(&asker->parents, strndup(at + 2, len - 2),
			err);
		at += len + (at[len] == '\n' ? 1 : 0);
	}
	return ok && (asker->parents.count > 0 || err_set(err, ERR_REJECT,
		"the first page of %s has no record to ask for",
		asker->dataset->api->parent));
}

static bool open_asker(struct asker *asker, const struct config *config,
	const struct dataset *dataset, int folder, struct err *err);
static void close_asker(struct asker *asker);

/* One page of the parent, as little as shows something. */
static bool ask_parent(struct asker *asker, struct err *err)
{
	const struct api_place first = { .number = 1 };
	const struct dataset *dataset = dataset_find(asker->dataset->pipeline,
		asker->dataset->api->parent);
	struct api_child child = { .endpoint = asker->dataset->name };
	struct http_reply *reply = NULL;
	struct api_harvest harvest = { .spool = "" };
	struct asker parent;
	bool ok = open_asker(&parent, asker->config, dataset,
		asker->folder, err) &&
		api_child_read(asker->dataset->api, &child, err) &&
		ask_page(&parent, &first, &reply, err) &&
		api_harvest(dataset->api, &child, 1, reply->body, reply->len,
			&harvest, err) &&
		take_parents(asker, &harvest.parents, err);

	api_harvest_clear(&harvest);
	http_reply_free(reply);
	api_child_clear(&child);
	close_asker(&parent);
	return ok;
}

static bool open_asker(struct asker *asker, const struct config *config,
	const struct dataset *dataset, int folder, struct err *err)
{
	const struct pipeline_api *api = dataset->api;

	*asker = (struct asker){ .config = config, .dataset = dataset,
		.folder = folder };
	api_host_limit(&asker->host, api);
	asker->client = http_client_new(NULL, err);
	if (asker->client == NULL || (api->parent != NULL &&
			!ask_parent(asker, err)) || !add_words(asker, err))
		return false;
	asker->parent = asker->parents.list[0];
	return true;
}

static void close_asker(struct asker *asker)
{
	http_client_free(asker->client);
	api_token_clear(&asker->token);
	api_login_clear(&asker->login);
	api_request_clear(&asker->request);
	buf_clear(&asker->url);
	for (size_t i = 0; i < asker->parents.count; i++)
		free(asker->parents.list[i]);
}

/* "asked for /id=1 and 2 more, of the 250 on the first page of businesses" */
static bool say_parents(const struct asker *asker, size_t asked,
	struct err *err)
{
	const struct pipeline_api *api = asker->dataset->api;
	struct buf plain = { 0 }, shown = { 0 };
	bool ok;

	if (asked == 0)
		return true;
	ok = api_percent_undo(&plain, asker->parent, strlen(asker->parent),
		err);
	if (ok && asked == 1)
		output_line("asked for %s, of %" PRIu64 " %s%s",
			output_escape(&shown, plain.data), asker->parents.of,
			api->parent != NULL ? "on the first page of " :
			"words", api->parent != NULL ? api->parent : "");
	else if (ok)
		output_line("asked for the first %zu of %" PRIu64 " %s%s",
			asked, asker->parents.of,
			api->parent != NULL ? "on the first page of " :
			"words", api->parent != NULL ? api->parent : "");
	buf_clear(&plain);
	buf_clear(&shown);
	return ok;
}

/* -- preview -------------------------------------------------------------------- */

/* The first of the parents that has records. */
static bool ask_first(struct asker *asker, struct http_reply **reply,
	struct api_harvest *harvest, struct err *err)
{
	const struct api_place first = { .number = 1 };
	size_t at = 0;
	bool ok;

	do {
		api_harvest_clear(harvest);
		http_reply_free(*reply);
		*reply = NULL;
		asker->parent = asker->parents.list[at];
		ok = ask_page(asker, &first, reply, err) &&
			api_harvest(asker->dataset->api, NULL, 0,
				(*reply)->body, (*reply)->len, harvest, err);
	} while (ok && harvest->records == 0 && ++at < asker->parents.count);
	return ok;
}

bool api_preview(const struct config *config, const struct dataset *dataset,
	struct err *err)
{
	struct http_reply *reply = NULL;
	struct api_harvest harvest = { .spool = "" };
	struct asker asker;
	bool ok = open_asker(&asker, config, dataset, -1, err) &&
		ask_first(&asker, &reply, &harvest, err) &&
		api_preview_show(dataset, &harvest, err) &&
		say_parents(&asker, asker.parents.count > 0, err);

	if (!ok && err->kind == ERR_REJECT)
		err->exit_code = EXIT_DATA;
	api_harvest_clear(&harvest);
	http_reply_free(reply);
	close_asker(&asker);
	return ok;
}

/* -- record --------------------------------------------------------------------- */

static bool next_place(const struct asker *asker, struct api_place *place,
	const struct http_reply *reply, bool *more, struct err *err)
{
	const struct pipeline_api *api = asker->dataset->api;
	struct api_harvest harvest;
	struct api_place next = { .number = 0 };
	enum api_more what = API_MORE_END;
	bool ok = api_harvest(api, NULL, 0, reply->body, reply->len, &harvest,
		err);
	const struct api_page page = { .url = asker->url.data,
		.headers = &reply->headers,
		.body = api->format.format == TABLE_JSON ? reply->body : NULL,
		.len = reply->len, .records = harvest.records };

	ok = ok && api_page_next(api, place, &page, &what, &next, err);
	*more = what == API_MORE_NEXT;
	api_place_clear(place);
	*place = next;
	api_harvest_clear(&harvest);
	return ok;
}

/* All pages, of one parent. */
static bool record_all(struct asker *asker, struct err *err)
{
	struct api_place place = { .number = 1 };
	bool more = true, ok = true;

	while (ok && more && asker->pages < RECORD_PAGES) {
		struct http_reply *reply = NULL;

		ok = ask_page(asker, &place, &reply, err) &&
			next_place(asker, &place, reply, &more, err);
		http_reply_free(reply);
	}
	if (ok && more)
		output_line("there are more pages than are recorded");
	api_place_clear(&place);
	return ok;
}

bool api_record(const struct config *config, const struct dataset *dataset,
	const char *dir, struct err *err)
{
	struct asker asker = { .folder = -1 };
	const int folder = place_root(dir, err);
	bool ok = folder >= 0 && open_asker(&asker, config, dataset,
		folder, err);
	size_t at = 0;

	do {
		asker.parent = asker.parents.list[at];
		ok = ok && record_all(&asker, err);
	} while (ok && ++at < asker.parents.count);
	if (ok)
		output_line("%" PRIu64 " page%s recorded", asker.pages,
			asker.pages == 1 ? "" : "s");
	ok = ok && say_parents(&asker, asker.parents.count, err);
	if (!ok && err->kind == ERR_REJECT)
		err->exit_code = EXIT_DATA;
	close_asker(&asker);
	if (folder >= 0)
		close(folder);
	return ok;
}
