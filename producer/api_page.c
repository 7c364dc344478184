/* api_page.c - which page comes next, and when there is none. */
#include "producer/api_page.h"

#include "common/http_client.h"
#include "common/pointer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PLACE_MAX ((size_t)16 << 10) /* bytes a server may name a page with */
#define RING_MAX ((size_t)16 << 10)  /* places that are remembered */

/* -- places -------------------------------------------------------------- */

void api_place_clear(struct api_place *place)
{
	free(place->url);
	free(place->token);
	*place = (struct api_place){ .number = 0 };
}

static bool copy_text(char **to, const char *from, struct err *err)
{
	*to = from == NULL ? NULL : strdup(from);
	return from == NULL || *to != NULL || err_memory(err);
}

bool api_place_copy(struct api_place *to, const struct api_place *from,
	struct err *err)
{
	*to = (struct api_place){ .number = from->number,
		.offset = from->offset };
	return copy_text(&to->url, from->url, err) &&
		copy_text(&to->token, from->token, err);
}

/* -- the Link header ------------------------------------------------------- */

/* True when the parameters behind a target hold rel=next; *at is moved behind
 * them, to the comma or the end. */
static bool params_say_next(const char **at)
{
	const char *p = *at;
	bool next = false;

	while (*p == ' ' || *p == '\t' || *p == ';') {
		size_t name, value;
		const char *text;

		p += strspn(p, " \t;");
		name = strcspn(p, "=;, \t");
		text = p + name + strspn(p + name, " \t");
		if (*text != '=') {
			p = text;
			continue;
		}
		text++;
		text += strspn(text, " \t");
		if (*text == '"') {
			value = strcspn(++text, "\"");
			*at = text + value + (text[value] == '"' ? 1 : 0);
		} else {
			value = strcspn(text, ";, \t");
			*at = text + value;
		}
		/* a list of words, one of which may be next */
		for (size_t i = 0; name == 3 && strncasecmp(p, "rel", 3) == 0 &&
			i < value;) {
			const size_t word = strcspn(text + i, " \"");

			next = next || (word == 4 && strncasecmp(text + i,
				"next", 4) == 0);
			i += word + 1;
		}
		p = *at;
	}
	*at = p;
	return next;
}

bool api_link_next(const char *header, struct buf *out, struct err *err)
{
	const char *at = header;

	while ((at = strchr(at, '<')) != NULL) {
		const char *target = ++at;
		const size_t len = strcspn(at, ">");

		at += len;
		if (*at != '>')
			return false;
		at++;
		if (params_say_next(&at))
			return buf_add(out, target, len, err);
	}
	return false;
}

/* -- what an answer says ------------------------------------------------------ */

static size_t count_steps(char *const *steps)
{
	size_t count = 0;

	while (steps[count] != NULL)
		count++;
	return count;
}

/* False: nothing is there. */
static bool find(const struct api_page *page, char *const *steps,
	struct pointer_span *span)
{
	struct err none = { 0 };

	return steps != NULL && page->body != NULL &&
		pointer_slice(page->body, page->len, steps,
			count_steps(steps), span, &none);
}

/* A text decoded, a number as its digits; *there false for null, false, "" and
 * what is not there. */
static bool scalar(const struct api_page *page, char *const *steps,
	struct buf *out, bool *there, struct err *err)
{
	struct pointer_span span;
	struct json_fault fault;
	bool ok;

	*there = false;
	if (!find(page, steps, &span) || span.type == JSON_NULL ||
		span.type == JSON_FALSE)
		return true;
	if (span.type == JSON_STRING) {
		const struct json_node node = { .start = (uint32_t)span.start,
			.len = (uint32_t)span.len, .type = JSON_STRING,
			.escaped = true };

		ok = json_decode(page->body, &node, out, &fault) ||
			err_set(err, ERR_REJECT, "where the next page should "
				"be named is no text: %s", fault.what);
	} else if (span.type == JSON_NUMBER)
		ok = buf_add(out, page->body + span.start, span.len, err);
	else
		ok = err_set(err, ERR_REJECT, "where the next page should be "
			"named is neither text nor number");
	*there = ok && out->len > 0;
	return ok;
}

static bool says_no_more(const struct pipeline_api *api,
	const struct api_page *page)
{
	struct pointer_span span;

	return find(page, api->pages.more, &span) &&
		(span.type == JSON_FALSE || span.type == JSON_NULL);
}

/* The declared total is reached. */
static bool all_there(const struct pipeline_api *api,
	const struct api_page *page, uint64_t records)
{
	struct buf text = { 0 };
	struct err none = { 0 };
	bool there = false;
	bool all;

	all = scalar(page, api->pages.total, &text, &there, &none) && there &&
		strspn(text.data, "0123456789") == text.len &&
		text.len < 19 && records >= strtoull(text.data, NULL, 10);
	buf_clear(&text);
	return all;
}

/* -- addresses ------------------------------------------------------------------ */

static bool same_origin(const char *from, const char *to, struct err *err)
{
	struct http_url a, b;
	struct err why = { 0 };

	if (http_url_read(from, true, &a, &why) &&
		http_url_read(to, true, &b, &why) &&
		strcmp(a.origin, b.origin) == 0)
		return true;
	return err_set(err, ERR_REJECT, "the next page would be at %s: not "
		"followed, it is not %s", b.where[0] != '\0' ? b.where :
		"what is no address", a.origin);
}

static bool take_url(const struct pipeline_api *api,
	const struct api_page *page, const char *reference,
	struct api_place *next, struct err *err)
{
	struct buf whole = { 0 }, clean = { 0 };
	bool ok = http_url_join(page->url, reference, &whole, err) &&
		same_origin(page->url, whole.data, err);

	if (ok)
		ok = api->auth.query == NULL ?
			buf_add_str(&clean, whole.data, err) :
			http_url_without(whole.data, api->auth.query, &clean,
				err);
	if (ok)
		next->url = buf_take(&clean);
	buf_clear(&whole);
	buf_clear(&clean);
	return ok;
}

static bool reference_of(const struct pipeline_api *api,
	const struct api_page *page, struct buf *out, bool *there,
	struct err *err)
{
	struct buf value = { 0 };
	bool ok = true;

	*there = false;
	if (api->pages.kind == API_PAGES_NEXT ||
		(api->pages.kind == API_PAGES_CURSOR && api->pages.at != NULL))
		return scalar(page, api->pages.at, out, there, err);
	if (http_reply_header(page->headers, api->pages.kind == API_PAGES_LINK ?
			"link" : api->pages.header, &value, err)) {
		if (api->pages.kind == API_PAGES_LINK)
			*there = api_link_next(value.data, out, err);
		else
			ok = buf_add(out, value.data, value.len, err);
		*there = *there || (ok && out->len > 0);
	}
	buf_clear(&value);
	return ok && err->kind == ERR_NONE;
}

/* -- what comes next --------------------------------------------------------------- */

static bool follow_reference(const struct pipeline_api *api,
	const struct api_page *page, enum api_more *more,
	struct api_place *next, struct err *err)
{
	struct buf reference = { 0 };
	bool there;
	bool ok = reference_of(api, page, &reference, &there, err);

	if (ok && reference.len > PLACE_MAX)
		ok = err_set(err, ERR_REJECT, "the next page is named with %zu "
			"bytes: %zu are followed", reference.len, PLACE_MAX);
	if (ok && !there)
		*more = API_MORE_END;
	else if (ok && api->pages.kind == API_PAGES_CURSOR)
		next->token = buf_take(&reference);
	else
		ok = ok && take_url(api, page, reference.data, next, err);
	buf_clear(&reference);
	return ok;
}

bool api_page_next(const struct pipeline_api *api,
	const struct api_place *now, const struct api_page *page,
	enum api_more *more, struct api_place *next, struct err *err)
{
	const struct api_pages *pages = &api->pages;
	const bool counted = pages->kind == API_PAGES_PAGE ||
		pages->kind == API_PAGES_OFFSET;

	*next = (struct api_place){ .number = now->number + 1,
		.offset = now->offset + (pages->kind == API_PAGES_OFFSET ?
			(uint64_t)pages->size : page->records) };
	*more = API_MORE_END;
	if (pages->kind == API_PAGES_NONE || says_no_more(api, page) ||
		all_there(api, page, now->offset + page->records))
		return true;
	if (counted && (page->records == 0 ||
			       page->records < (uint64_t)pages->size))
		return true;
	*more = API_MORE_NEXT;
	if (!counted && !follow_reference(api, page, more, next, err))
		return false;
	if (*more == API_MORE_NEXT && now->number >= (uint64_t)pages->max)
		*more = API_MORE_MAX;
	return true;
}

/* -- round in circles ----------------------------------------------------------------- */

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const void *what, size_t len)
{
	const unsigned char *at = what;
	uint64_t hash = 14695981039346656037u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ at[i]) * 1099511628211u;
	return hash;
}

/* Where a hash is, or would be: what is empty is 0. */
static size_t slot_of(const uint64_t *seen, size_t cap, uint64_t hash)
{
	size_t at = (size_t)hash & (cap - 1);

	while (seen[at] != 0 && seen[at] != hash)
		at = (at + 1) & (cap - 1);
	return at;
}

/* Kept half empty; cap is a power of two. A full one begins anew: a shorter
 * circle is seen when it comes round once more, a longer one by the mark. */
static bool make_room(struct api_ring *ring, struct err *err)
{
	const size_t cap = ring->cap == 0 ? 64 : ring->cap * 2;
	uint64_t *more;

	if (ring->count * 2 < ring->cap)
		return true;
	if (ring->count >= RING_MAX) {
		memset(ring->seen, 0, ring->cap * sizeof(*ring->seen));
		ring->count = 0;
		return true;
	}
	more = calloc(cap, sizeof(*more));
	if (more == NULL)
		return err_memory(err);
	for (size_t i = 0; i < ring->cap; i++)
		if (ring->seen[i] != 0)
			more[slot_of(more, cap, ring->seen[i])] =
				ring->seen[i];
	free(ring->seen);
	ring->seen = more;
	ring->cap = cap;
	return true;
}

bool api_ring_add(struct api_ring *ring, const void *what, size_t len,
	bool *again, struct err *err)
{
	const uint64_t hash = hash_of(what, len) | 1; /* never 0 */
	size_t at;

	*again = false;
	if (!make_room(ring, err))
		return false;
	at = slot_of(ring->seen, ring->cap, hash);
	*again = ring->seen[at] == hash || ring->mark == hash;
	ring->count += ring->seen[at] == hash ? 0 : 1;
	ring->seen[at] = hash;
	ring->added++;
	if ((ring->added & (ring->added - 1)) == 0)
		ring->mark = hash; /* twice as far on each time (Brent) */
	return true;
}

void api_ring_clear(struct api_ring *ring)
{
	free(ring->seen);
	*ring = (struct api_ring){ .count = 0 };
}
