/* api_ask.c - an endpoint asked without any state: to look, or to record. */
#include "cli/api.h"
#include "cli/output.h"

#include "common/clock.h"
#include "common/place.h"
#include "common/pointer.h"
#include "common/rowmap.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREVIEW_ROWS 20
#define PREVIEW_CELL 40
#define RECORD_PAGES 1000

/* -- asking ------------------------------------------------------------------ */

struct asker {
	const struct dataset *dataset;
	struct http_client *client;
	struct api_host host;
	struct api_token token;
	struct api_login login;
	struct api_request request;
	struct buf url;
	char *parent; /* "each=..." of the first word, or NULL */
};

static bool open_asker(struct asker *asker, const struct dataset *dataset,
	struct err *err)
{
	const struct pipeline_api *api = dataset->api;
	struct buf parent = { 0 };

	*asker = (struct asker){ .dataset = dataset };
	api_host_limit(&asker->host, api);
	if (api->parent != NULL)
		return err_stop(err, EXIT_USAGE, "what it asks for comes from "
			"the records of %s: ask that, or look at what `sluice "
			"api run` brings", api->parent);
	if (api->each != NULL) {
		if (!buf_add_str(&parent, "each=", err) ||
			!api_percent_add(&parent, api->each[0],
				strlen(api->each[0]), err))
			return false;
		asker->parent = buf_take(&parent);
	}
	asker->client = http_client_new(NULL, err);
	return asker->client != NULL;
}

static void close_asker(struct asker *asker)
{
	http_client_free(asker->client);
	api_token_clear(&asker->token);
	api_login_clear(&asker->login);
	api_request_clear(&asker->request);
	buf_clear(&asker->url);
	free(asker->parent);
}

static bool exchange(struct asker *asker, const struct http_call *call,
	struct http_reply **reply, struct err *err)
{
	int64_t wait;

	*reply = NULL;
	while ((wait = api_host_wait(&asker->host, clock_now_ms(),
			clock_wall_us())) > 0)
		if (!http_client_wait(asker->client, (int)(wait < 1000 ? wait :
				1000), NULL, 0, err))
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

static bool ask_page(struct asker *asker, const struct api_place *place,
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

/* -- preview ------------------------------------------------------------------- */

static bool cell_text(const struct cell *cell, struct buf *out,
	struct err *err)
{
	char text[UUID_TEXT]; /* the longest */

	buf_reset(out);
	if (!buf_grow(out, 0, err))
		return false;
	if (cell->null)
		return true;
	switch (cell->type) {
	case COLUMN_INTEGER:
		return buf_printf(out, err, "%" PRId64, cell->v.i);
	case COLUMN_BOOLEAN:
		return buf_add_str(out, cell->v.b ? "true" : "false", err);
	case COLUMN_DOUBLE:
		return buf_printf(out, err, "%.17g", cell->v.d);
	case COLUMN_TIMESTAMP:
	case COLUMN_TIMESTAMPTZ:
		clock_format_us(cell->v.i + INT64_C(946684800000000), text);
		return buf_add_str(out, text, err);
	case COLUMN_DATE:
		clock_format_date(cell->v.i * INT64_C(86400000000) +
			INT64_C(946684800000000), text);
		return buf_add_str(out, text, err);
	case COLUMN_UUID: {
		struct uuid uuid;

		memcpy(uuid.bytes, cell->v.uuid, sizeof(uuid.bytes));
		uuid_format(&uuid, text);
		return buf_add_str(out, text, err);
	}
	default:
		return buf_add(out, cell->v.s.data, cell->v.s.len, err);
	}
}

struct preview {
	const struct dataset *dataset;
	struct rowmap *map;
	struct cell *cells;
	struct table table;
	uint64_t shown, rejects;
};

/* Long values are cut, between characters. */
static void shorten(struct buf *text)
{
	size_t at = 0, count = 0;

	while (at < text->len && count < PREVIEW_CELL) {
		const size_t len = utf8_length(text->data + at,
			text->len - at);

		at += len > 0 ? len : 1;
		count++;
	}
	if (at < text->len) {
		text->len = at;
		text->data[at] = '\0';
	}
}

static bool preview_row(struct preview *preview, const char *text, size_t len,
	struct err *err)
{
	struct row_fault fault;
	struct buf shown = { 0 };
	const enum row_status status = rowmap_record(preview->map, text, len,
		preview->cells, &fault, err);

	if (status == ROW_FAILED)
		return false;
	if (status == ROW_REJECT) {
		if (preview->rejects++ == 0)
			(void)fprintf(stderr, "sluice: a record would be "
				"rejected: %s, column %s: %s\n", fault.code,
				fault.column != NULL ? fault.column->name :
				"-", output_escape(&shown, fault.detail));
		buf_clear(&shown);
		return true;
	}
	preview->shown++;
	for (size_t i = 0; i < preview->dataset->column_count; i++) {
		if (!cell_text(&preview->cells[i], &shown, err))
			break;
		shorten(&shown);
		table_add(&preview->table, preview->cells[i].null ? NULL :
			shown.data);
	}
	buf_clear(&shown);
	return err->kind == ERR_NONE;
}

/* Records of the spool: an array's, an object, or one after the other. */
static bool preview_rows(struct preview *preview,
	const struct api_harvest *harvest, struct err *err)
{
	const bool array = harvest->len > 0 && harvest->spool[0] == '[';
	const char *text = harvest->spool + (array ? 1 : 0);
	const size_t len = harvest->len - (array ? 2 : 0);
	struct json_fault fault;
	size_t at = 0, end;

	while (preview->shown < PREVIEW_ROWS) {
		at += json_blanks(text + at, len - at);
		if (at < len && text[at] == ',') {
			at++;
			continue;
		}
		if (at >= len || json_scan(text + at, len - at, true, &end,
				&fault) != JSON_OK)
			return true;
		if (!preview_row(preview, text + at, end, err))
			return false;
		at += end;
	}
	return true;
}

static bool show_preview(const struct dataset *dataset,
	const struct api_harvest *harvest, struct err *err)
{
	struct preview preview = { .dataset = dataset };
	const char **heads = calloc(dataset->column_count + 1,
		sizeof(*heads));
	bool ok = heads != NULL || err_memory(err);

	for (size_t i = 0; ok && i < dataset->column_count; i++)
		heads[i] = dataset->columns[i].name;
	if (ok)
		table_init(&preview.table, heads);
	preview.map = ok ? rowmap_new(dataset, err) : NULL;
	ok = preview.map != NULL;
	if (ok) {
		preview.cells = calloc(rowmap_width(preview.map) + 1,
			sizeof(*preview.cells));
		ok = preview.cells != NULL || err_memory(err);
	}
	ok = ok && preview_rows(&preview, harvest, err) &&
		table_print(&preview.table, 0, err);
	if (ok)
		output_line("%" PRIu64 " of %" PRIu64 " records of the first "
			"page shown, %" PRIu64 " would be rejected",
			preview.shown, harvest->records, preview.rejects);
	table_clear(&preview.table);
	rowmap_free(preview.map);
	free(preview.cells);
	free(heads);
	return ok;
}

bool api_preview(const struct cmd_context *context,
	const struct dataset *dataset, struct err *err)
{
	const struct api_place first = { .number = 1 };
	struct http_reply *reply = NULL;
	struct api_harvest harvest = { .spool = "" };
	struct asker asker;
	bool ok = open_asker(&asker, dataset, err) &&
		ask_page(&asker, &first, &reply, err) &&
		api_harvest(dataset->api, NULL, 0, reply->body, reply->len,
			&harvest, err) &&
		show_preview(dataset, &harvest, err);

	(void)context;
	if (!ok && err->kind == ERR_REJECT)
		err->exit_code = EXIT_DATA;
	api_harvest_clear(&harvest);
	http_reply_free(reply);
	close_asker(&asker);
	return ok;
}

/* -- record ---------------------------------------------------------------------- */

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

static bool write_page(const struct asker *asker, int folder,
	uint64_t number, const struct http_reply *reply, struct err *err)
{
	char name[96];
	struct buf note = { 0 };
	bool ok = api_request_note(&asker->request, asker->url.data,
		&asker->login, reply->status, &reply->headers, &note, err);

	(void)snprintf(name, sizeof(name), "%.60s-%04" PRIu64 ".http",
		asker->dataset->name, number);
	ok = ok && write_one(folder, name, note.data, note.len, err);
	name[strlen(name) - strlen(".http")] = '\0';
	ok = ok && write_one(folder, name, reply->body, reply->len, err);
	buf_clear(&note);
	return ok;
}

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

bool api_record(const struct cmd_context *context,
	const struct dataset *dataset, const char *dir, struct err *err)
{
	struct api_place place = { .number = 1 };
	struct asker asker;
	const int folder = place_root(dir, err);
	bool more = true;
	uint64_t pages = 0;
	bool ok = open_asker(&asker, dataset, err) && folder >= 0;

	(void)context;
	while (ok && more && pages < RECORD_PAGES) {
		struct http_reply *reply = NULL;

		ok = ask_page(&asker, &place, &reply, err) &&
			write_page(&asker, folder, ++pages, reply, err) &&
			next_place(&asker, &place, reply, &more, err);
		http_reply_free(reply);
	}
	if (ok)
		output_line("%" PRIu64 " page%s recorded", pages,
			pages == 1 ? "" : "s");
	if (!ok && err->kind == ERR_REJECT)
		err->exit_code = EXIT_DATA;
	api_place_clear(&place);
	close_asker(&asker);
	if (folder >= 0)
		close(folder);
	return ok;
}
