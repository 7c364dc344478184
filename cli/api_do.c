/* api_do.c - what the producer is asked to do with an endpoint, or done here
 * where none runs. */
#include "cli/api.h"

#include "common/clock.h"
#include "producer/api_control.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- without a producer --------------------------------------------------- */

static bool until_told(struct api_desk *desk, struct api_endpoint *e,
	struct err *err)
{
	struct pollfd fds[1];

	while (!e->told)
		if (!api_desk_turn(desk, err) ||
			(!e->told && !api_desk_wait(desk, fds, 0, err)))
			return false;
	if (e->outcome.kind != ERR_NONE)
		*err = e->outcome;
	return e->outcome.kind == ERR_NONE;
}

/* The others rest meanwhile, whatever their schedule says. */
static void let_rest(struct api_desk *desk, const struct api_endpoint *but)
{
	for (size_t i = 0; i < desk->count; i++)
		if (&desk->endpoints[i] != but) {
			desk->endpoints[i].phase = API_IDLE;
			desk->endpoints[i].wake_ms = API_NEVER;
		}
}

static bool order_here(struct api_desk *desk, const char *const *words,
	size_t count, struct buf *text, struct err *err)
{
	char *copies[API_CONTROL_WORDS] = { NULL };
	struct api_endpoint *e = NULL;
	int64_t wait_ms;
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++) {
		copies[i] = strdup(words[i]);
		ok = copies[i] != NULL || err_memory(err);
	}
	ok = ok && api_order(desk, copies, count, &e, &wait_ms, err);
	if (ok && strcmp(words[0], "run") == 0) {
		let_rest(desk, e);
		ok = until_told(desk, e, err) &&
			api_tally_text(&e->tally, text, err);
	}
	for (size_t i = 0; i < count; i++)
		free(copies[i]);
	return ok && buf_grow(text, 0, err);
}

/* The state file is this process's while it lasts. */
static bool do_here(const struct config *config, const char *const *words,
	size_t count, struct buf *text, struct err *err)
{
	_Atomic long open = 0;
	struct api_desk desk = { .open = &open };
	struct plan *plan = plan_of(config, err);
	bool ok = plan != NULL;

	if (ok) {
		desk.state = state_open(config->state_file, err);
		ok = desk.state != NULL && api_desk_open(&desk, plan, err) &&
			order_here(&desk, words, count, text, err);
	}
	api_desk_clear(&desk);
	state_close(desk.state);
	plan_release(plan);
	return ok;
}

bool api_ask_daemon(const struct config *config, const char *const *words,
	size_t count, bool *daemon, struct buf *text, struct err *err)
{
	if (!api_control_ask(config->state_file, words, count, daemon, text,
		    err))
		return false;
	if (*daemon)
		return buf_grow(text, 0, err);
	return do_here(config, words, count, text, err);
}

/* -- what would be asked ------------------------------------------------------ */

static bool add_headers(const struct pipeline_api *api, struct buf *out,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < api->headers.count; i++)
		ok = buf_printf(out, err, "%s: %s\n",
			api->headers.items[i].name,
			api->headers.items[i].value);
	return ok;
}

static bool add_auth(const struct pipeline_api *api, struct buf *out,
	struct err *err)
{
	char name[256];

	if (api->auth.kind == API_AUTH_NONE)
		return true;
	return buf_printf(out, err, "with %s%s\n",
		api_auth_name(&api->auth, name),
		api->auth.optional ? ", where it is set" : "");
}

bool api_describe(const struct dataset *dataset,
	const struct api_facts *facts, struct buf *out, struct err *err)
{
	const struct pipeline_api *api = dataset->api;
	const struct api_place first = { .number = 1 };
	const char *from = facts->row.cursor;
	struct buf cursor = { 0 };
	struct api_ask ask = { .api = api, .place = &first,
		.now_us = clock_wall_us() };
	bool ok = buf_printf(out, err, "%s ", api->method);

	if (ok && api->cursor.field != NULL && from != NULL)
		ok = api_cursor_shown(&api->cursor, from, &cursor, err);
	ask.cursor = cursor.data != NULL ? cursor.data : api->cursor.start;
	if (ok && facts->intends)
		ok = buf_add_str(out, facts->intent.url, err);
	else if (ok && (api->parent != NULL || api->each != NULL))
		ok = buf_printf(out, err, "%s%s for each of its %s", api->url,
			api->path, api->parent != NULL ? "parents" : "words");
	else
		ok = ok && api_request_url(&ask, out, err);
	ok = ok && buf_add_char(out, '\n', err) &&
		add_headers(api, out, err) && add_auth(api, out, err);
	buf_clear(&cursor);
	return ok;
}
