/* api_answer.c - what an answer means: its records, whether they are new, and
 * where the pages go on. */
#include "producer/api_private.h"
#include "common/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Parents and children of a page that was the same before were told then. */
#define NO_CONTENT 204
#define NOT_MODIFIED 304
#define VALIDATOR_MAX 4096 /* a longer one is not kept, nor sent back */

/* -- judging ----------------------------------------------------------------- */

static bool take_header(const struct buf *headers, const char *name,
	char **to, struct err *err)
{
	struct buf text = { 0 };

	free(*to);
	*to = http_reply_header(headers, name, &text, err) &&
		text.len <= VALIDATOR_MAX ? buf_take(&text) : NULL;
	buf_clear(&text);
	return err->kind == ERR_NONE;
}

/* The place after an unchanged page is the one that came after it before. */
static bool recall(const struct api_step *step, enum api_more *more,
	struct api_place *next, struct err *err)
{
	const struct api_endpoint *e = step->e;
	const struct api_known *known = &step->known;
	const struct api_place *now = &e->intent.place;

	if (known->etag == NULL && known->modified == NULL)
		return err_set(err, ERR_REJECT, "304 to a request that named "
			"no version");
	*more = known->more ? API_MORE_NEXT : API_MORE_END;
	*next = (struct api_place){ .number = now->number + 1,
		.offset = now->offset + (e->api->pages.kind ==
			API_PAGES_OFFSET ? (uint64_t)e->api->pages.size :
			known->records) };
	return api_text_replace(&next->url, known->next_url, err) &&
		api_text_replace(&next->token, known->next_token, err);
}

static bool find_next(const struct api_step *step, enum api_more *more,
	struct api_place *next, struct err *err)
{
	const struct api_endpoint *e = step->e;
	const bool json = e->api->format.format == TABLE_JSON;
	const struct api_page page = {
		.url = e->intent.url,
		.headers = step->headers,
		.body = json ? step->body : NULL,
		.len = step->len,
		.records = step->harvest.records,
	};

	return api_page_next(e->api, &e->intent.place, &page, more, next, err);
}

/* What is known of the address from now on. */
static bool know(struct api_step *step, const uint8_t sha256[SHA256_BYTES],
	enum api_more more, const struct api_place *next, struct err *err)
{
	struct api_known *known = &step->known;

	step->unchanged = known->hashed &&
		memcmp(known->sha256, sha256, SHA256_BYTES) == 0;
	memcpy(known->sha256, sha256, SHA256_BYTES);
	known->hashed = true;
	known->records = step->harvest.records;
	known->more = more == API_MORE_NEXT;
	return take_header(step->headers, "etag", &known->etag, err) &&
		take_header(step->headers, "last-modified",
			&known->modified, err) &&
		api_text_replace(&known->next_url, next->url, err) &&
		api_text_replace(&known->next_token, next->token, err);
}

/* The same bytes twice in one sequence, or a place that was there before. */
static bool guard(struct api_endpoint *e, const struct api_step *step,
	enum api_more more, const struct api_place *next, struct err *err)
{
	const char *where = next->url != NULL ? next->url : next->token;
	bool page = false, place = false;
	bool ok = true;

	if (step->harvest.records > 0)
		ok = api_ring_add(&e->ring, step->known.sha256, SHA256_BYTES,
			&page, err);
	if (ok && more == API_MORE_NEXT && where != NULL)
		ok = api_ring_add(&e->ring, where, strlen(where), &place, err);
	if (ok && (page || place))
		return err_set(err, ERR_REJECT, "round in circles: page %"
			PRIu64 " %s", e->intent.place.number, page ?
			"is the same, byte by byte, as an earlier one" :
			"leads back to an earlier one");
	if (ok && more == API_MORE_MAX)
		LOG(LOG_WARN, "more_pages", LOG_S("endpoint", e->name),
			LOG_I("max", e->api->pages.max),
			LOG_S("remedy", "raise pages: max"));
	return ok;
}

static bool judge(struct api_desk *desk, struct api_step *step,
	enum api_more *more, struct api_place *next, struct err *err)
{
	struct api_endpoint *e = step->e;
	uint8_t sha256[SHA256_BYTES];

	if (!api_state_known(desk->state, e->name, step->address.data,
		    &step->known, err))
		return false;
	if (step->status == NOT_MODIFIED) {
		step->unchanged = true;
		return recall(step, more, next, err);
	}
	return sha256_once(step->body, step->len, sha256, err) &&
		(step->status == NO_CONTENT || api_harvest(e->api,
			e->children, e->child_count, step->body, step->len,
			&step->harvest, err)) &&
		find_next(step, more, next, err) &&
		know(step, sha256, *more, next, err) &&
		guard(e, step, *more, next, err);
}

/* -- what is kept ---------------------------------------------------------- */

/* Sources are claimed in the order in which their answers came; a clock that
 * was put back is believed. */
static int64_t claim_time(struct api_desk *desk)
{
	const int64_t now = clock_wall_us();
	const int64_t ahead = desk->claimed_us - now;

	desk->claimed_us = ahead < 0 || ahead > 1000000 ? now :
		desk->claimed_us + 1;
	return desk->claimed_us;
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

static bool describe_work(struct api_desk *desk, struct api_step *step,
	bool stored, struct err *err)
{
	const struct api_endpoint *e = step->e;
	const struct api_harvest *harvest = &step->harvest;
	const bool empty = harvest->len == 0 || harvest->records == 0;

	if (!stored && !api_request_note(&e->request, e->intent.url, &e->login,
			step->status, step->headers, &step->note, err))
		return false;
	step->wanted = true;
	step->work.note = step->note.data;
	step->work.body = step->body;
	step->work.len = step->len;
	step->work.rules = e->rules;
	step->work.drop = e->intent.drop;
	step->work.claimed_us = claim_time(desk);
	step->work.spool = empty ? NULL : harvest->spool;
	step->work.spool_len = harvest->len;
	if (!empty)
		complain(e, harvest);
	return true;
}

/* -- going on ------------------------------------------------------------------ */

bool api_count_answer(struct api_step *step, struct err *err)
{
	struct api_endpoint *e = step->e;
	const struct buf *most = &step->harvest.cursor;
	struct api_row *row = &e->row;

	e->tally.pages++;
	row->checked_us = clock_wall_us();
	if (step->unchanged) {
		row->unchanged++;
		e->tally.unchanged++;
	} else {
		row->records += (int64_t)step->harvest.records;
		e->tally.records += step->harvest.records;
		if (step->work.spool != NULL) {
			row->changed_us = row->checked_us;
			e->tally.sources++;
		}
	}
	return most->len == 0 || (row->most != NULL &&
		!api_cursor_greater(e->api->cursor.kind, most->data,
			row->most)) ||
		api_text_replace(&row->most, most->data, err);
}

bool api_address(const struct api_endpoint *e, struct buf *out,
	struct err *err)
{
	const struct api_ask ask = api_ask_of(e);

	return buf_add_str(out, e->intent.url, err) &&
		(e->api->body == NULL || (buf_add_char(out, '\n', err) &&
			api_request_body(&ask, out, err)));
}

bool api_take_answer(struct api_desk *desk, struct api_step *step,
	bool stored, struct err *err)
{
	struct api_place next = { .number = 0 };
	enum api_more more = API_MORE_END;
	bool ok;

	step->work.stored = stored;
	ok = api_address(step->e, &step->address, err) &&
		judge(desk, step, &more, &next, err) &&
		(step->unchanged || describe_work(desk, step, stored, err));

	step->knows = ok;
	ok = ok && api_step_advance(desk, step,
		more == API_MORE_NEXT ? &next : NULL, err);
	api_place_clear(&next);
	return ok;
}
