/* api_run.c - from one page to the next, durably: the source, what is known of
 * the address, the cursor and the next request change in one transaction. */
#include "producer/api_private.h"
#include "common/clock.h"
#include "producer/api_spool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAIL_FIRST_US (INT64_C(60) * 1000000)
#define FAIL_MOST_US (INT64_C(3600) * 1000000)
#define DAY_US (INT64_C(86400) * 1000000)

/* -- small things ------------------------------------------------------ */

static bool replace(char **to, const char *from, struct err *err)
{
	char *copy = from == NULL ? NULL : strdup(from);

	if (from != NULL && copy == NULL)
		return err_memory(err);
	free(*to);
	*to = copy;
	return true;
}

struct api_ask api_ask_of(const struct api_endpoint *e)
{
	return (struct api_ask){ .api = e->api, .place = &e->intent.place,
		.cursor = e->cursor, .parent = e->intent.parent,
		.now_us = e->row.started_us };
}

static bool has_parents(const struct api_endpoint *e)
{
	return e->api->parent != NULL || e->api->each != NULL;
}

/* -- schedules ----------------------------------------------------------- */

int64_t api_due_us(const struct api_endpoint *e, int64_t wall_us)
{
	int64_t next;

	if (e->api->every_secs > 0) {
		next = e->row.started_us + e->api->every_secs * 1000000;
		return next > wall_us ? next : wall_us;
	}
	if (e->api->cron != NULL && cron_next(&e->cron, e->zone,
			wall_us / 1000000, &next))
		return next * 1000000;
	return API_NEVER;
}

/* Sooner than by the schedule, later each time. */
static int64_t due_after_failure(const struct api_endpoint *e,
	int64_t wall_us)
{
	const int64_t due = api_due_us(e, wall_us);
	int64_t pause = FAIL_FIRST_US;

	for (int64_t i = 1; i < e->row.failures && pause < FAIL_MOST_US; i++)
		pause *= 2;
	if (pause > FAIL_MOST_US)
		pause = FAIL_MOST_US;
	if (due == API_NEVER)
		return API_NEVER;
	return due > wall_us + pause ? wall_us + pause : due;
}

/* -- writing down -------------------------------------------------------------- */

/* What a transaction takes along. */
struct change {
	const struct source *source;
	const char *address;
	const struct api_known *known;
	const struct buf *parents;
	const char *object;      /* kept, and no source came of it */
	const char *parent_done; /* its sequence has ended */
	const char *parent_cursor;
	bool wake_children;
};

static bool put_parents(struct api_desk *desk, const struct api_endpoint *e,
	const struct buf *parents, struct err *err)
{
	char *at = parents->data;
	bool ok = true;

	while (ok && at != NULL && *at != '\0') {
		char *tab, *end = at + strcspn(at, "\n");
		const size_t child = strtoul(at, &tab, 10);

		*end = '\0';
		ok = api_state_add_parent(desk->state,
			e->children[child].endpoint, tab + 1, err);
		*end = '\n';
		at = end + 1;
	}
	return ok;
}

/* Children without a schedule follow their parent. */
static bool wake_children(struct api_desk *desk, const struct api_endpoint *e,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < e->child_count; i++) {
		struct api_endpoint *child = e->child_endpoints[i];

		if (child->api->every_secs > 0 || child->api->cron != NULL)
			continue;
		child->row.next_us = clock_wall_us();
		ok = api_state_put_row(desk->state, child->name, &child->row,
			err);
	}
	return ok;
}

static bool put_all(struct api_desk *desk, struct api_endpoint *e,
	const struct change *change, struct err *err)
{
	struct state *state = desk->state;
	const int64_t today = clock_wall_us() / DAY_US;
	const int64_t used = e->host->day == today ? e->host->used : 0;
	bool ok = change->source == NULL ||
		state_add(state, change->source, err);

	if (ok && change->known != NULL)
		ok = api_state_put_known(state, e->name, change->address,
			change->known, err);
	if (ok && change->object != NULL)
		ok = api_state_add_object(state, change->object, err);
	if (ok && change->parents != NULL)
		ok = put_parents(desk, e, change->parents, err);
	if (ok && change->parent_done != NULL)
		ok = api_state_parent_done(state, e->name,
			change->parent_done, e->row.run,
			change->parent_cursor, err);
	if (ok && change->wake_children)
		ok = wake_children(desk, e, err);
	/* the request that comes next counts before it is made */
	return ok && api_state_put_row(state, e->name, &e->row, err) &&
		api_state_put_intent(state, e->name,
			e->intends ? &e->intent : NULL, err) &&
		api_state_put_used(state, e->host->name, today,
			used + (e->intends ? 1 : 0), err);
}

static bool write_down(struct api_desk *desk, struct api_endpoint *e,
	const struct change *change, struct err *err)
{
	bool ok = state_begin(desk->state, err);

	ok = ok && put_all(desk, e, change, err) &&
		state_commit(desk->state, err);
	if (!ok)
		state_rollback(desk->state);
	return ok;
}

/* -- requests to come ------------------------------------------------------------ */

static const char *extension(const struct pipeline_api *api)
{
	switch (api->format.format) {
	case TABLE_CSV:
		return "csv";
	case TABLE_HTML:
		return "html";
	default:
		return "json";
	}
}

static bool name_object(struct api_endpoint *e, struct err *err)
{
	struct object_name name = { .time_us = e->intent.made_us,
		.drop = e->intent.drop };
	struct buf text = { 0 };
	bool ok;

	(void)snprintf(name.pipeline, sizeof(name.pipeline), "%s",
		e->dataset->pipeline->name);
	(void)snprintf(name.endpoint, sizeof(name.endpoint), "%s",
		e->dataset->name);
	(void)snprintf(name.ext, sizeof(name.ext), "%s", extension(e->api));
	ok = object_name_format(&name, &text, err);
	if (ok)
		e->intent.object = buf_take(&text);
	buf_clear(&text);
	return ok;
}

/* The intent of place, which it takes; parent is copied. */
static bool intend(struct api_endpoint *e, struct api_place *place,
	const char *parent, struct err *err)
{
	struct api_intent next = { .made_us = clock_wall_us(),
		.place = *place };
	struct buf url = { 0 };
	struct api_ask ask;
	bool ok;

	*place = (struct api_place){ .number = 0 };
	ok = replace(&next.parent, parent, err) &&
		uuid_random(&next.drop, err);
	api_intent_clear(&e->intent);
	e->intent = next;
	ask = api_ask_of(e);
	ok = ok && api_request_url(&ask, &url, err) && name_object(e, err);
	if (ok)
		e->intent.url = buf_take(&url);
	buf_clear(&url);
	e->intends = ok;
	e->adopt = false;
	e->renewed = false;
	e->backoff = (struct backoff){ .base_ms = (int)e->api->retry.first_ms,
		.ceiling_ms = (int)e->api->retry.most_ms };
	e->wake_ms = 0;
	return ok;
}

/* {cursor}: the parent's own, the endpoint's, or where it starts. */
static bool set_cursor(struct api_endpoint *e, const char *value,
	struct err *err)
{
	const struct api_cursor *cursor = &e->api->cursor;
	struct buf text = { 0 };
	bool ok = true;

	free(e->cursor);
	e->cursor = NULL;
	if (cursor->field == NULL)
		return true;
	if (value != NULL)
		ok = api_cursor_shown(cursor, value, &text, err);
	else if (cursor->start != NULL)
		ok = buf_add_str(&text, cursor->start, err);
	if (ok)
		e->cursor = buf_take(&text);
	buf_clear(&text);
	return ok;
}

static bool first_page(struct api_endpoint *e, const char *parent,
	const char *cursor, struct err *err)
{
	struct api_place place = { .number = 1 };

	api_ring_clear(&e->ring);
	return set_cursor(e, cursor, err) && intend(e, &place, parent, err);
}

/* -- the ends of a run ------------------------------------------------------------- */

static void tell(struct api_endpoint *e, const struct err *why)
{
	e->phase = API_IDLE;
	e->once = false;
	e->told = e->asked;
	e->outcome = why == NULL ? (struct err){ 0 } : *why;
}

static void log_run(const struct api_endpoint *e)
{
	const struct api_tally *tally = &e->tally;

	LOG(LOG_INFO, "polled", LOG_S("endpoint", e->name),
		LOG_U("requests", tally->requests),
		LOG_U("pages", tally->pages),
		LOG_U("unchanged", tally->unchanged),
		LOG_U("records", tally->records));
}

/* The cursor moves here and nowhere else. */
static bool end_run(struct api_endpoint *e, struct change *change,
	struct err *err)
{
	const int64_t now = clock_wall_us();
	struct api_row *row = &e->row;
	bool ok = true;

	if (!has_parents(e) && row->most != NULL && (row->cursor == NULL ||
			api_cursor_greater(e->api->cursor.kind, row->most,
				row->cursor)))
		ok = replace(&row->cursor, row->most, err);
	ok = ok && replace(&row->most, NULL, err) &&
		replace(&row->error, NULL, err);
	row->running = false;
	row->failures = 0;
	row->checked_us = now;
	row->next_us = api_due_us(e, now);
	e->intends = false;
	change->wake_children = e->child_count > 0;
	return ok;
}

static bool is_word(const struct api_endpoint *e, const char *parent)
{
	struct buf word = { 0 };
	struct err none = { 0 };
	bool found = e->api->each == NULL;

	if (!found && strncmp(parent, "each=", 5) == 0 &&
		api_percent_undo(&word, parent + 5, strlen(parent + 5), &none))
		for (size_t i = 0; i < e->api->each_count && !found; i++)
			found = strcmp(e->api->each[i], word.data) == 0;
	buf_clear(&word);
	return found;
}

/* The next parent this run has not seen; without one the run is at its end.
 * Words that are in the file no more are passed over. */
static bool next_parent(struct api_desk *desk, struct api_endpoint *e,
	struct change *change, struct err *err)
{
	char *parent, *cursor;
	bool ok;

	for (;;) {
		ok = api_state_next_parent(desk->state, e->name, e->row.run,
			&parent, &cursor, err);
		if (!ok || parent == NULL || is_word(e, parent))
			break;
		ok = api_state_parent_done(desk->state, e->name, parent,
			e->row.run, cursor, err);
		free(parent);
		free(cursor);
		if (!ok)
			return false;
	}
	if (ok && parent == NULL)
		ok = end_run(e, change, err);
	else if (ok)
		ok = first_page(e, parent, cursor, err);
	free(parent);
	free(cursor);
	return ok;
}

/* A parent's sequence of pages has ended. Its row is written before the next
 * is looked for, within the same transaction. */
static bool end_parent(struct api_desk *desk, struct api_endpoint *e,
	struct change *change, struct err *err)
{
	char *cursor = NULL;
	bool ok = api_state_parent_cursor(desk->state, e->name,
		e->intent.parent, &cursor, err);

	if (ok && e->row.most != NULL && (cursor == NULL ||
			api_cursor_greater(e->api->cursor.kind, e->row.most,
				cursor)))
		ok = replace(&cursor, e->row.most, err);
	ok = ok && api_state_parent_done(desk->state, e->name,
		e->intent.parent, e->row.run, cursor, err) &&
		replace(&e->row.most, NULL, err) &&
		next_parent(desk, e, change, err);
	free(cursor);
	return ok;
}

static bool end_sequence(struct api_desk *desk, struct api_endpoint *e,
	struct change *change, struct err *err)
{
	return has_parents(e) && e->intent.parent != NULL ?
		end_parent(desk, e, change, err) : end_run(e, change, err);
}

/* Memory may be ahead of the file now: begin again from there. */
static bool fall_back(struct api_desk *desk, struct api_endpoint *e,
	struct err *err)
{
	struct err why = { 0 };

	state_rollback(desk->state);
	if (!api_load(desk, e, &why))
		*err = why;
	return false;
}

/* After a transaction: on with the next request, or to rest. */
static void go_on(struct api_endpoint *e)
{
	if (e->intends && !e->once) {
		e->phase = API_READY;
		return;
	}
	if (!e->intends) {
		log_run(e);
		(void)log_repeat_clear(&e->failing);
	} else
		e->row.next_us = api_due_us(e, clock_wall_us());
	tell(e, NULL);
}

/* -- beginning ------------------------------------------------------------------------ */

/* Whether the request that was written down is one that the pipeline file
 * still means. A next page's address is the server's word: only who was asked
 * can have changed. */
static bool still_meant(const struct api_endpoint *e)
{
	const struct api_ask ask = api_ask_of(e);
	struct http_url now, then;
	struct buf url = { 0 };
	struct err none = { 0 };
	bool same;

	if (e->intent.place.url != NULL)
		return http_url_read(e->api->url, true, &now, &none) &&
			http_url_read(e->intent.url, true, &then, &none) &&
			strcmp(now.origin, then.origin) == 0;
	same = api_request_url(&ask, &url, &none) &&
		strcmp(url.data, e->intent.url) == 0;
	buf_clear(&url);
	return same;
}

/* Somebody mended the pipeline file: a new run, and soon. */
static bool forget_run(struct api_desk *desk, struct api_endpoint *e,
	struct err *err)
{
	if (e->row.failures == 0 || e->api->every_secs > 0 ||
		e->api->cron != NULL)
		e->row.next_us = 1;
	e->row.running = false;
	e->intends = e->adopt = false;
	e->phase = API_IDLE;
	return api_state_add_object(desk->state, e->intent.object, err);
}

bool api_load(struct api_desk *desk, struct api_endpoint *e, struct err *err)
{
	char *cursor = NULL;
	bool ok;

	api_row_clear(&e->row);
	api_intent_clear(&e->intent);
	e->intends = false;
	ok = api_state_row(desk->state, e->name, &e->row, err) &&
		api_state_intent(desk->state, e->name, &e->intends,
			&e->intent, err);
	if (e->row.next_us == 0)
		e->row.next_us = e->api->every_secs > 0 ? 1 :
			api_due_us(e, clock_wall_us());
	if (!ok || !e->intends) {
		e->phase = API_IDLE;
		return ok;
	}
	e->adopt = true;
	e->wake_ms = 0;
	if (e->intent.parent != NULL)
		ok = api_state_parent_cursor(desk->state, e->name,
			e->intent.parent, &cursor, err);
	ok = ok && set_cursor(e, e->intent.parent != NULL ? cursor :
		e->row.cursor, err);
	e->backoff = (struct backoff){ .base_ms = (int)e->api->retry.first_ms,
		.ceiling_ms = (int)e->api->retry.most_ms };
	free(cursor);
	return ok && (still_meant(e) || forget_run(desk, e, err));
}

static bool add_words(struct api_desk *desk, const struct api_endpoint *e,
	struct err *err)
{
	struct buf line = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < e->api->each_count; i++) {
		buf_reset(&line);
		ok = buf_add_str(&line, "each=", err) &&
			api_percent_add(&line, e->api->each[i],
				strlen(e->api->each[i]), err) &&
			api_state_add_parent(desk->state, e->name, line.data,
				err);
	}
	buf_clear(&line);
	return ok;
}

static bool begin_anew(struct api_desk *desk, struct api_endpoint *e,
	struct change *change, struct err *err)
{
	e->row.run++;
	e->row.running = true;
	e->row.started_us = clock_wall_us();
	if (!replace(&e->row.most, NULL, err))
		return false;
	if (!has_parents(e))
		return first_page(e, NULL, e->row.cursor, err);
	return add_words(desk, e, err) && next_parent(desk, e, change, err);
}

bool api_begin(struct api_desk *desk, struct api_endpoint *e, struct err *err)
{
	struct change change = { .source = NULL };

	e->tally = (struct api_tally){ 0 };
	e->told = false;
	if (e->intends && e->row.running) { /* broken off: where it was */
		e->backoff.attempts = 0;
		e->renewed = false;
		e->wake_ms = 0;
		e->phase = API_READY;
		return true;
	}
	if (!state_begin(desk->state, err) ||
		!begin_anew(desk, e, &change, err) ||
		!put_all(desk, e, &change, err) ||
		!state_commit(desk->state, err))
		return fall_back(desk, e, err);
	if (e->intends)
		e->phase = API_READY;
	else
		go_on(e);
	return true;
}

/* -- an answer -------------------------------------------------------------------------- */

/* What an answer turned out to be. */
struct answer {
	const struct buf *headers;
	const char *body;
	size_t len;
	struct api_harvest harvest;
	struct api_known known;  /* as it will be */
	bool unchanged;
	enum api_more more;
	struct api_place next;
	struct source *source;
};

static void answer_clear(struct answer *answer)
{
	api_harvest_clear(&answer->harvest);
	api_known_clear(&answer->known);
	api_place_clear(&answer->next);
	source_free(answer->source);
}

static bool take_header(const struct buf *headers, const char *name,
	char **to, struct err *err)
{
	struct buf text = { .max = 4096 };

	free(*to);
	*to = http_reply_header(headers, name, &text, err) ?
		buf_take(&text) : NULL;
	buf_clear(&text);
	return err->kind == ERR_NONE;
}

#define NO_CONTENT 204
#define NOT_MODIFIED 304

/* The place after an unchanged page is the one that came after it before. */
static bool recall(struct api_endpoint *e, struct answer *answer,
	struct err *err)
{
	const struct api_known *known = &answer->known;
	const struct api_place *now = &e->intent.place;

	if (known->etag == NULL && known->modified == NULL)
		return err_set(err, ERR_REJECT, "304 to a request that named "
			"no version");
	answer->unchanged = true;
	answer->more = known->more ? API_MORE_NEXT : API_MORE_END;
	answer->next = (struct api_place){ .number = now->number + 1,
		.offset = now->offset + (e->api->pages.kind ==
			API_PAGES_OFFSET ? (uint64_t)e->api->pages.size :
			known->records) };
	return replace(&answer->next.url, known->next_url, err) &&
		replace(&answer->next.token, known->next_token, err);
}

static bool find_next(struct api_endpoint *e, struct answer *answer,
	struct err *err)
{
	const bool json = e->api->format.format == TABLE_JSON;
	const struct api_page page = {
		.url = e->intent.url,
		.headers = answer->headers,
		.body = json ? answer->body : NULL,
		.len = answer->len,
		.records = answer->harvest.records,
	};

	return api_page_next(e->api, &e->intent.place, &page, &answer->more,
		&answer->next, err);
}

/* Parents and children of a page that was the same before were told then. */
static bool judge(struct api_desk *desk, struct api_endpoint *e, long status,
	const char *address, struct answer *answer, struct err *err)
{
	uint8_t sha256[SHA256_BYTES];
	struct api_known *known = &answer->known;

	if (!sha256_once(answer->body, answer->len, sha256, err) ||
		(status != NO_CONTENT && !api_harvest(e->api, e->children,
			e->child_count, answer->body, answer->len,
			&answer->harvest, err)) ||
		!find_next(e, answer, err) ||
		!api_state_known(desk->state, e->name, address, known, err))
		return false;
	answer->unchanged = known->hashed &&
		memcmp(known->sha256, sha256, SHA256_BYTES) == 0;
	memcpy(known->sha256, sha256, SHA256_BYTES);
	known->hashed = true;
	known->records = answer->harvest.records;
	known->more = answer->more == API_MORE_NEXT;
	return take_header(answer->headers, "etag", &known->etag, err) &&
		take_header(answer->headers, "last-modified",
			&known->modified, err) &&
		replace(&known->next_url, answer->next.url, err) &&
		replace(&known->next_token, answer->next.token, err);
}

/* The same bytes twice in one sequence, or a place that was there before. */
static bool guard(struct api_endpoint *e, const struct answer *answer,
	struct err *err)
{
	const struct api_place *next = &answer->next;
	const char *where = next->url != NULL ? next->url : next->token;
	bool page = false, place = false;
	bool ok = true;

	if (answer->harvest.records > 0)
		ok = api_ring_add(&e->ring, answer->known.sha256, SHA256_BYTES,
			&page, err);
	if (ok && answer->more == API_MORE_NEXT && where != NULL)
		ok = api_ring_add(&e->ring, where, strlen(where), &place, err);
	if (ok && (page || place))
		return err_set(err, ERR_REJECT, "round in circles: page %"
			PRIu64 " %s", e->intent.place.number, page ?
			"is the same, byte by byte, as an earlier one" :
			"leads back to an earlier one");
	if (ok && answer->more == API_MORE_MAX)
		LOG(LOG_WARN, "more_pages", LOG_S("endpoint", e->name),
			LOG_I("max", e->api->pages.max),
			LOG_S("remedy", "raise pages: max"));
	return ok;
}

static bool keep(struct api_desk *desk, struct api_endpoint *e, long status,
	const struct answer *answer, struct err *err)
{
	struct buf note = { 0 };
	const struct object_note beside = { OBJECT_HTTP, NULL };
	struct object_note full = beside;
	bool ok = api_request_note(&e->request, e->intent.url, &e->login,
		status, answer->headers, &note, err);

	full.text = note.data;
	ok = ok && object_put(desk->store, e->intent.object, answer->body,
		answer->len, &full, err);
	buf_clear(&note);
	return ok;
}

static const char *base_name(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash == NULL ? name : slash + 1;
}

static void complain(const struct api_endpoint *e,
	const struct api_harvest *harvest)
{
	if (harvest->rejects > 0)
		LOG(LOG_WARN, "rows_rejected", LOG_S("endpoint", e->name),
			LOG_U("rows", harvest->rejects),
			LOG_S("first", harvest->first_reject));
	if (harvest->odd > 0)
		LOG(LOG_WARN, "cursor_unread", LOG_S("endpoint", e->name),
			LOG_U("records", harvest->odd),
			LOG_S("first", harvest->first_odd),
			LOG_S("why", "not of the cursor's type"));
}

static bool spool(struct api_desk *desk, struct api_endpoint *e,
	struct answer *answer, struct err *err)
{
	const struct api_harvest *harvest = &answer->harvest;

	if (harvest->len == 0 || harvest->records == 0)
		return true;
	answer->source = api_spool(desk->plan->config.raw_dir, e->rules,
		&e->intent.drop, base_name(e->intent.object), harvest->spool,
		harvest->len, err);
	if (answer->source == NULL)
		return false;
	++*desk->open;
	answer->source->counted = desk->open;
	complain(e, harvest);
	return true;
}

static bool count(struct api_endpoint *e, const struct answer *answer,
	struct err *err)
{
	const struct buf *most = &answer->harvest.cursor;
	struct api_row *row = &e->row;

	e->tally.pages++;
	row->checked_us = clock_wall_us();
	if (answer->unchanged) {
		row->unchanged++;
		e->tally.unchanged++;
	} else {
		row->records += (int64_t)answer->harvest.records;
		e->tally.records += answer->harvest.records;
		if (answer->source != NULL) {
			row->changed_us = row->checked_us;
			e->tally.sources++;
		}
	}
	return most->len == 0 || (row->most != NULL &&
		!api_cursor_greater(e->api->cursor.kind, most->data,
			row->most)) || replace(&row->most, most->data, err);
}

/* Everything changes here, or nothing. */
static bool advance(struct api_desk *desk, struct api_endpoint *e,
	const char *address, struct answer *answer, bool kept,
	struct err *err)
{
	struct change change = { .source = answer->source,
		.address = address, .known = &answer->known,
		.parents = answer->unchanged ? NULL :
			&answer->harvest.parents };
	char *parent = NULL, *object = NULL;
	bool ok = (!kept || answer->source != NULL ||
		replace(&object, e->intent.object, err)) &&
		count(e, answer, err) && state_begin(desk->state, err);

	change.object = object;
	if (ok && answer->more == API_MORE_NEXT)
		ok = replace(&parent, e->intent.parent, err) &&
			intend(e, &answer->next, parent, err);
	else
		ok = ok && end_sequence(desk, e, &change, err);
	free(parent);
	ok = ok && put_all(desk, e, &change, err) &&
		state_commit(desk->state, err);
	free(object);
	return ok || fall_back(desk, e, err);
}

static void hand_over(struct api_desk *desk, struct answer *answer)
{
	if (answer->source == NULL || desk->spooled == NULL ||
		!queue_push(desk->spooled, answer->source, 1, 0))
		return; /* its row is found at the next start */
	answer->source = NULL;
}

static bool address_of(const struct api_endpoint *e, struct buf *out,
	struct err *err)
{
	const struct api_ask ask = api_ask_of(e);

	return buf_add_str(out, e->intent.url, err) &&
		(e->api->body == NULL || (buf_add_char(out, '\n', err) &&
			api_request_body(&ask, out, err)));
}

bool api_take_answer(struct api_desk *desk, struct api_endpoint *e,
	long status, const struct buf *headers, const char *body, size_t len,
	bool stored, struct err *err)
{
	struct answer answer = { .headers = headers, .body = body,
		.len = len };
	struct buf address = { 0 };
	const size_t places = e->ring.count;
	bool ok = address_of(e, &address, err);

	if (status == NOT_MODIFIED)
		ok = ok && api_state_known(desk->state, e->name,
			address.data, &answer.known, err) &&
			recall(e, &answer, err);
	else
		ok = ok && judge(desk, e, status, address.data, &answer, err) &&
			guard(e, &answer, err);
	if (ok && !answer.unchanged)
		ok = (stored || keep(desk, e, status, &answer, err)) &&
			spool(desk, e, &answer, err);
	ok = ok && advance(desk, e, address.data, &answer,
		stored || !answer.unchanged, err);
	if (ok) {
		hand_over(desk, &answer);
		go_on(e);
	} else if (e->ring.count > places)
		e->ring.count = places; /* this page may come again */
	answer_clear(&answer);
	buf_clear(&address);
	return ok;
}

/* -- failing ----------------------------------------------------------------------------- */

bool api_fail(struct api_desk *desk, struct api_endpoint *e, bool lost,
	const struct err *why, struct err *err)
{
	const struct change change = { .object = lost ? e->intent.object :
		NULL };
	struct api_row *row = &e->row;

	if (!replace(&row->error, why->text, err))
		return false;
	row->failures++;
	row->errors++;
	row->checked_us = clock_wall_us();
	row->next_us = due_after_failure(e, row->checked_us);
	if (lost) {
		row->running = false;
		e->intends = false;
	}
	if (log_repeat_due_for(&e->failing, why->text))
		LOG(LOG_WARN, "poll_failed", LOG_S("endpoint", e->name),
			LOG_S("err", why->text),
			LOG_I("failures", row->failures));
	tell(e, why);
	return write_down(desk, e, &change, err);
}

bool api_skip_parent(struct api_desk *desk, struct api_endpoint *e,
	const struct err *why, struct err *err)
{
	struct change change = { .source = NULL };

	e->row.errors++;
	e->tally.errors++;
	LOG(LOG_WARN, "child_skipped", LOG_S("endpoint", e->name),
		LOG_S("err", why->text));
	if (!state_begin(desk->state, err) ||
		!end_parent(desk, e, &change, err) ||
		!put_all(desk, e, &change, err) ||
		!state_commit(desk->state, err))
		return fall_back(desk, e, err);
	go_on(e);
	return true;
}
