/* api_run.c - runs begin, go from page to page and from parent to parent, and
 * end. What comes of it in the state file goes through steps (api_write.c). */
#include "producer/api_private.h"
#include "common/clock.h"

#include <stdlib.h>
#include <string.h>

#define FAIL_FIRST_US (INT64_C(60) * 1000000)
#define FAIL_MOST_US (INT64_C(3600) * 1000000)

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

/* -- requests to come ------------------------------------------------------------ */

static void reset_tries(struct api_endpoint *e)
{
	e->renewed = false;
	e->backoff = (struct backoff){ .base_ms = (int)e->api->retry.first_ms,
		.ceiling_ms = (int)e->api->retry.most_ms };
	e->wake_ms = 0;
}

/* The intent of place, which it takes; parent is copied. It is named after the
 * one before, or anew. */
static bool intend(struct api_endpoint *e, struct api_place *place,
	const char *parent, const struct api_intent *before, struct err *err)
{
	struct api_intent next = { .place = *place };
	struct buf url = { 0 };
	struct api_ask ask;
	bool ok;

	*place = (struct api_place){ .number = 0 };
	ok = api_text_replace(&next.parent, parent, err);
	api_intent_clear(&e->intent);
	e->intent = next;
	ask = api_ask_of(e);
	ok = ok && api_request_url(&ask, &url, err) &&
		(before != NULL ? api_name_next(e, before, err) :
			api_name_anew(e, err));
	if (ok)
		e->intent.url = buf_take(&url);
	buf_clear(&url);
	e->intends = ok;
	e->adopt = before != NULL && e->adopt_more > 0;
	e->adopt_more -= e->adopt_more > 0 ? 1 : 0;
	reset_tries(e);
	return ok;
}

bool api_next_page(struct api_endpoint *e, const struct api_intent *asked,
	struct api_place *place, struct err *err)
{
	return intend(e, place, asked->parent, asked, err);
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
	const char *cursor, const struct api_intent *before, struct err *err)
{
	struct api_place place = { .number = 1 };

	api_ring_clear(&e->ring);
	return set_cursor(e, cursor, err) &&
		intend(e, &place, parent, before, err);
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
static bool end_run(struct api_endpoint *e, struct api_step *step,
	struct err *err)
{
	const int64_t now = clock_wall_us();
	struct api_row *row = &e->row;
	bool ok = true;

	if (!has_parents(e) && row->most != NULL && (row->cursor == NULL ||
			api_cursor_greater(e->api->cursor.kind, row->most,
				row->cursor)))
		ok = api_text_replace(&row->cursor, row->most, err);
	ok = ok && api_text_replace(&row->most, NULL, err) &&
		api_text_replace(&row->error, NULL, err);
	row->running = false;
	row->failures = 0;
	row->checked_us = now;
	row->next_us = api_due_us(e, now);
	e->intends = false;
	step->wake_children = e->child_count > 0;
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

static const struct api_intent *asked_by(const struct api_step *step)
{
	return step->asked.object != NULL ? &step->asked : NULL;
}

/* Words that are in the file no more are passed over. */
bool api_choose_parent(struct api_desk *desk, struct api_endpoint *e,
	struct api_step *step, struct err *err)
{
	char *parent, *cursor;
	bool ok;

	for (;;) {
		ok = api_state_next_parent(desk->state, e->name, e->row.run,
			"", &parent, &cursor, err);
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
		ok = end_run(e, step, err);
	else if (ok)
		ok = first_page(e, parent, cursor, asked_by(step), err);
	free(parent);
	free(cursor);
	return ok;
}

/* The next parent while the one before is not written yet: from those behind
 * it. When there is none, or one that is to be passed over, the choice is made
 * with the writing. */
static bool peek_parent(struct api_desk *desk, struct api_endpoint *e,
	struct api_step *step, struct err *err)
{
	char *parent = NULL, *cursor = NULL;
	bool ok = api_state_next_parent(desk->state, e->name, e->row.run,
		step->asked.parent, &parent, &cursor, err);

	step->choose_parent = parent == NULL || !is_word(e, parent);
	e->intends = false;
	if (ok && !step->choose_parent)
		ok = first_page(e, parent, cursor, &step->asked, err);
	free(parent);
	free(cursor);
	return ok;
}

/* A parent's sequence of pages has ended. */
static bool end_parent(struct api_desk *desk, struct api_endpoint *e,
	struct api_step *step, struct err *err)
{
	char **cursor = &step->parent_cursor;

	step->parent_done = true;
	if (!api_state_parent_cursor(desk->state, e->name, step->asked.parent,
		    cursor, err))
		return false;
	if (e->row.most != NULL && (*cursor == NULL ||
			api_cursor_greater(e->api->cursor.kind, e->row.most,
				*cursor)) &&
		!api_text_replace(cursor, e->row.most, err))
		return false;
	return api_text_replace(&e->row.most, NULL, err) &&
		peek_parent(desk, e, step, err);
}

bool api_end_sequence(struct api_desk *desk, struct api_endpoint *e,
	struct api_step *step, struct err *err)
{
	return has_parents(e) && step->asked.parent != NULL ?
		end_parent(desk, e, step, err) : end_run(e, step, err);
}

static void rest(struct api_endpoint *e)
{
	if (!e->intends) {
		log_run(e);
		(void)log_repeat_clear(&e->failing);
	} else
		e->row.next_us = api_due_us(e, clock_wall_us());
	tell(e, NULL);
}

void api_settle(struct api_endpoint *e, const struct api_step *step)
{
	if (step->failed)
		tell(e, &step->why);
	else if (e->intends && !e->once)
		e->phase = API_READY;
	else
		rest(e);
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
	const bool ok = api_abandon(desk, e, err);

	if (e->row.failures == 0 || e->api->every_secs > 0 ||
		e->api->cron != NULL)
		e->row.next_us = 1;
	e->row.running = false;
	e->intends = e->adopt = false;
	e->adopt_more = 0;
	return ok;
}

bool api_load(struct api_desk *desk, struct api_endpoint *e, struct err *err)
{
	char *cursor = NULL;
	bool ok;

	api_row_clear(&e->row);
	api_intent_clear(&e->intent);
	e->intends = false;
	e->phase = API_IDLE;
	ok = api_state_row(desk->state, e->name, &e->row, err) &&
		api_state_intent(desk->state, e->name, &e->intends,
			&e->intent, err);
	if (e->row.next_us == 0)
		e->row.next_us = e->api->every_secs > 0 ? 1 :
			api_due_us(e, clock_wall_us());
	if (!ok || !e->intends)
		return ok;
	e->adopt = true;
	e->adopt_more = api_ahead(e) - 1;
	reset_tries(e);
	if (e->intent.parent != NULL)
		ok = api_state_parent_cursor(desk->state, e->name,
			e->intent.parent, &cursor, err);
	ok = ok && set_cursor(e, e->intent.parent != NULL ? cursor :
		e->row.cursor, err);
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
	struct api_step *step, struct err *err)
{
	e->row.run++;
	e->row.running = true;
	e->row.started_us = clock_wall_us();
	e->adopt_more = 0;
	if (!api_text_replace(&e->row.most, NULL, err))
		return false;
	if (!has_parents(e))
		return first_page(e, NULL, e->row.cursor, NULL, err);
	return add_words(desk, e, err) &&
		api_choose_parent(desk, e, step, err);
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

bool api_begin(struct api_desk *desk, struct api_endpoint *e, struct err *err)
{
	struct api_step step = { .next = NULL };

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
		!begin_anew(desk, e, &step, err) ||
		(step.wake_children && !api_wake_children(desk, e, err)) ||
		!api_put_endpoint(desk, e, &e->row,
			e->intends ? &e->intent : NULL, err) ||
		!state_commit(desk->state, err))
		return fall_back(desk, e, err);
	if (e->intends)
		e->phase = API_READY;
	else
		rest(e);
	return true;
}

/* -- failing ----------------------------------------------------------------------------- */

bool api_fail(struct api_desk *desk, struct api_endpoint *e, bool lost,
	const struct err *why, struct err *err)
{
	struct api_step *step = api_step_new(e, err);
	struct api_row *row = &e->row;

	if (step == NULL || !api_text_replace(&row->error, why->text, err)) {
		api_step_free(desk, step);
		return false;
	}
	row->failures++;
	row->errors++;
	row->checked_us = clock_wall_us();
	row->next_us = due_after_failure(e, row->checked_us);
	if (lost) {
		row->running = false;
		e->intends = false;
		step->abandoned = true;
	}
	if (log_repeat_due_for(&e->failing, why->text))
		LOG(LOG_WARN, "poll_failed", LOG_S("endpoint", e->name),
			LOG_S("err", why->text),
			LOG_I("failures", row->failures));
	step->failed = true;
	step->why = *why;
	e->phase = API_KEEPING;
	if (api_step_add(desk, step, err))
		return true;
	api_step_free(desk, step);
	return false;
}

bool api_skip_parent(struct api_desk *desk, struct api_endpoint *e,
	const struct err *why, struct err *err)
{
	struct api_step *step = api_step_new(e, err);

	if (step == NULL)
		return false;
	e->row.errors++;
	e->tally.errors++;
	LOG(LOG_WARN, "child_skipped", LOG_S("endpoint", e->name),
		LOG_S("err", why->text));
	if (api_step_advance(desk, step, NULL, err))
		return true;
	api_step_free(desk, step);
	return false;
}
