/* fuzz_api.c - whatever a server sends beside its records: the next page is of
 * the same origin and holds no secret, a wait is within its bounds, a token can
 * be sent, cursors do not go round in circles. */
#include "common/http_client.h"
#include "producer/api_auth.h"
#include "producer/api_limits.h"
#include "producer/api_page.h"
#include "producer/api_request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(claim)             \
	do {                     \
		if (!(claim))    \
			abort(); \
	} while (0)

#define ORIGIN "https://api.example.org"
#define LONGEST_MS INT64_C(900000)

/* -- headers ----------------------------------------------------------------- */

static void check_link(const char *header)
{
	struct buf out = { 0 };
	struct err err = { 0 };

	if (api_link_next(header, &out, &err)) {
		CHECK(out.len == 0 || strchr(out.data, '>') == NULL);
		CHECK(out.len == 0 || strstr(header, out.data) != NULL);
	}
	CHECK(err.kind == ERR_NONE);
	buf_clear(&out);
}

static void check_hint(const struct buf *headers, int64_t wall_us)
{
	const struct api_hint hint = api_hint_read(headers, wall_us,
		LONGEST_MS);
	int64_t secs = -1;

	CHECK(hint.remaining >= -1);
	CHECK(!hint.wait || (hint.wait_ms >= 1000 &&
		hint.wait_ms <= LONGEST_MS));
	if (api_date_read(headers->data, &secs))
		CHECK(secs >= 0 && secs < INT64_C(253402300801));
}

/* -- pages ------------------------------------------------------------------- */

static void check_place(const struct pipeline_api *api,
	const struct api_place *now, const struct api_place *next)
{
	const enum api_pages_kind kind = api->pages.kind;
	struct buf clean = { 0 };
	struct http_url url;
	struct err err = { 0 };

	CHECK(next->number == now->number + 1);
	CHECK(next->offset >= now->offset);
	if (kind == API_PAGES_CURSOR)
		CHECK(next->token != NULL && next->token[0] != '\0');
	if (kind != API_PAGES_LINK && kind != API_PAGES_NEXT)
		return;
	CHECK(http_url_read(next->url, true, &url, &err));
	CHECK(strcmp(url.origin, ORIGIN ":443") == 0 ||
		strcmp(url.origin, ORIGIN) == 0);
	if (api->auth.query != NULL) {
		CHECK(http_url_without(next->url, "key", &clean, &err));
		CHECK(strcmp(clean.data, next->url) == 0);
	}
	buf_clear(&clean);
}

static void check_pages(uint8_t how, const struct buf *headers,
	const char *body, size_t len)
{
	static char next_name[] = "next", more_name[] = "more",
		total_name[] = "total", header[] = "x-next", key[] = "key";
	char *at[] = { next_name, NULL }, *more_at[] = { more_name, NULL },
		*total[] = { total_name, NULL };
	const struct pipeline_api api = {
		.pages = { .kind = (enum api_pages_kind)(how % 6),
			.at = how & 8 ? NULL : at, .header = header,
			.more = how & 16 ? more_at : NULL,
			.total = how & 32 ? total : NULL,
			.size = how & 64 ? 2 : 0, .first = 1, .max = 3 },
		.auth = { .query = how & 128 ? key : NULL } };
	const struct api_place now = { .number = how & 1 ? 3 : 1,
		.offset = how };
	const struct api_page page = { .url = ORIGIN "/v1/x?page=1",
		.headers = headers, .body = body, .len = len,
		.records = how >> 4 };
	struct api_place next = { .number = 0 };
	enum api_more more;
	struct err err = { 0 };

	if (api.pages.kind == API_PAGES_NEXT && api.pages.at == NULL)
		return; /* the pipeline file is refused */
	if (!api_page_next(&api, &now, &page, &more, &next, &err))
		CHECK(err.kind == ERR_REJECT);
	else if (more == API_MORE_NEXT)
		check_place(&api, &now, &next);
	else if (more != API_MORE_END)
		CHECK(api.pages.kind != API_PAGES_NONE);
	api_place_clear(&next);
}

/* -- tokens, notes, cursors -------------------------------------------------- */

static void check_token(const char *body, size_t len)
{
	struct api_token token = { .text = NULL };
	struct err err = { 0 };

	if (api_token_read(body, len, 1000, &token, &err)) {
		CHECK(token.until_ms > 1000);
		for (const char *c = token.text; *c != '\0'; c++)
			CHECK((unsigned char)*c > 0x20 && *c != 0x7f);
	} else
		CHECK(err.kind == ERR_REJECT);
	api_token_clear(&token);
}

static void check_note(const char *note)
{
	struct buf headers = { 0 };
	struct err err = { 0 };
	long status;

	if (!api_note_read(note, &status, &headers, &err))
		CHECK(err.kind == ERR_REJECT);
	buf_clear(&headers);
}

static void check_cursors(const char *a, const char *b)
{
	for (int i = API_CURSOR_TIME; i <= API_CURSOR_TEXT; i++) {
		const enum api_cursor_kind kind = (enum api_cursor_kind)i;
		const struct api_cursor cursor = { .kind = kind,
			.look_back = 60 };
		struct buf out = { 0 };
		struct err err = { 0 };

		CHECK(!(api_cursor_greater(kind, a, b) &&
			api_cursor_greater(kind, b, a)));
		CHECK(!api_cursor_greater(kind, a, a));
		CHECK(api_cursor_shown(&cursor, a, &out, &err));
		if (api_cursor_valid(kind, a))
			CHECK(!api_cursor_greater(kind, out.data, a));
		buf_clear(&out);
	}
}

/* A byte that says how, two for the clock, headers up to a zero byte, the
 * body. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf headers = { 0 }, body = { 0 };
	struct err err = { 0 };
	const uint8_t *zero;
	size_t len;

	if (size < 4)
		return 0;
	zero = memchr(data + 3, '\0', size - 3);
	len = zero == NULL ? size - 3 : (size_t)(zero - data) - 3;
	CHECK(buf_grow(&headers, 0, &err) && buf_grow(&body, 0, &err));
	CHECK(buf_add(&headers, (const char *)data + 3, len, &err));
	if (zero != NULL)
		CHECK(buf_add(&body, (const char *)zero + 1,
			size - 4 - len, &err));
	check_link(headers.data);
	check_hint(&headers, ((int64_t)data[1] << 8 | data[2]) *
		INT64_C(30000000000));
	check_pages(data[0], &headers, body.data, body.len);
	check_token(body.data, body.len);
	check_note(headers.data);
	check_cursors(headers.data, body.data);
	buf_clear(&headers);
	buf_clear(&body);
	return 0;
}
