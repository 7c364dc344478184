/* test_api_page.c - which page comes next, and when there is none. */
#include "producer/api_page.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

static void check_link(const char *header, const char *want)
{
	struct buf out = { 0 };
	struct err err = { 0 };
	const bool found = api_link_next(header, &out, &err);

	CU_ASSERT_EQUAL(found, want != NULL);
	if (found && want != NULL)
		CU_ASSERT_STRING_EQUAL(out.data, want);
	buf_clear(&out);
}

static void links_are_read(void)
{
	check_link("<https://x/2>; rel=\"next\", <https://x/9>; rel=\"last\"",
		"https://x/2");
	check_link("<https://x/1>; rel=\"prev\", </y?a=,b>; rel=next", "/y?a=,b");
	check_link("<a>; title=\"rel=next, <b>\"; rel=last, <c>;REL=\"up Next\"",
		"c");
	check_link("<a>; rel=\"nextnext\"", NULL);
	check_link("<a>; rel", NULL);
	check_link("<a", NULL);
	check_link("", NULL);
	check_link("<a>;;; rel = \"next\"", "a");
	check_link("<a>; rel=\"next", "a");
}

/* What comes after page number 2 of 10 records. */
static enum api_more next_of(struct pipeline_api *api, const char *headers,
	const char *body, uint64_t records, struct api_place *next,
	struct err *err)
{
	const struct api_place now = { .number = 2, .offset = 10 };
	struct buf lines = { 0 };
	enum api_more more = API_MORE_END;
	struct err none = { 0 };

	memset(err, 0, sizeof(*err));
	CU_ASSERT_TRUE(buf_add_str(&lines, headers, &none));
	if (api->pages.max == 0)
		api->pages.max = 100;
	if (!api_page_next(api, &now, &(struct api_page){
			.url = "https://api.example.org/v1/items?page=2",
			.headers = &lines, .body = body,
			.len = body == NULL ? 0 : strlen(body),
			.records = records }, &more, next, err))
		more = (enum api_more)-1;
	buf_clear(&lines);
	return more;
}

static void check_next(struct pipeline_api *api, const char *headers,
	const char *body, const char *url, const char *token)
{
	struct api_place next;
	struct err err;
	const enum api_more more = next_of(api, headers, body, 10, &next,
		&err);

	CU_ASSERT_EQUAL(more, url != NULL || token != NULL ? API_MORE_NEXT :
		API_MORE_END);
	CU_ASSERT_EQUAL(next.number, 3);
	if (url != NULL && next.url != NULL)
		CU_ASSERT_STRING_EQUAL(next.url, url);
	CU_ASSERT_EQUAL(next.url != NULL, url != NULL);
	if (token != NULL && next.token != NULL)
		CU_ASSERT_STRING_EQUAL(next.token, token);
	CU_ASSERT_EQUAL(next.token != NULL, token != NULL);
	api_place_clear(&next);
}

static void addresses_and_tokens_are_followed(void)
{
	char *at[] = { (char *)(uintptr_t)"meta", (char *)(uintptr_t)"next",
		NULL };
	struct pipeline_api link = { .pages = { .kind = API_PAGES_LINK } };
	struct pipeline_api next = { .pages = { .kind = API_PAGES_NEXT,
		.at = at } };
	struct pipeline_api token = { .pages = { .kind = API_PAGES_CURSOR,
		.at = at } };
	struct pipeline_api header = { .pages = { .kind = API_PAGES_CURSOR,
		.header = (char *)(uintptr_t)"X-Next" } };

	check_next(&link, "link: </v1/items?page=3>; rel=next\n", NULL,
		"https://api.example.org/v1/items?page=3", NULL);
	check_next(&link, "link: <x>; rel=last\n", NULL, NULL, NULL);
	check_next(&next, "", "{\"meta\": {\"next\": \"?page=3\"}}",
		"https://api.example.org/v1/items?page=3", NULL);
	check_next(&next, "", "{\"meta\": {\"next\": null}}", NULL, NULL);
	check_next(&next, "", "{\"meta\": {}}", NULL, NULL);
	check_next(&token, "", "{\"meta\": {\"next\": \"a\\u0062\"}}", NULL,
		"ab");
	check_next(&token, "", "{\"meta\": {\"next\": 9007199254740993}}",
		NULL, "9007199254740993");
	check_next(&token, "", "{\"meta\": {\"next\": \"\"}}", NULL, NULL);
	check_next(&header, "x-next: c3\n", NULL, NULL, "c3");
	check_next(&header, "x-other: c3\n", NULL, NULL, NULL);
}

static void secrets_do_not_come_back_in_addresses(void)
{
	struct pipeline_api api = { .pages = { .kind = API_PAGES_LINK },
		.auth = { .query = (char *)(uintptr_t)"key" } };

	check_next(&api, "link: <?key=s3cret&page=3&key=s3cret>; rel=next\n",
		NULL, "https://api.example.org/v1/items?page=3", NULL);
	check_next(&api, "link: <?monkey=1&key=s3cret>; rel=next\n",
		NULL, "https://api.example.org/v1/items?monkey=1", NULL);
}

static void other_origins_are_not_followed(void)
{
	static const char *const bad[] = { "https://evil.example/x",
		"http://api.example.org/x", "https://api.example.org:444/x",
		"file:///etc/passwd", "//evil.example/x" };
	struct pipeline_api api = { .pages = { .kind = API_PAGES_LINK } };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct api_place next;
		struct err err, none = { 0 };
		struct buf line = { 0 };

		CU_ASSERT_TRUE(buf_printf(&line, &none,
			"link: <%s>; rel=next\n", bad[i]));
		CU_ASSERT_EQUAL((int)next_of(&api, line.data, NULL, 10, &next,
			&err), -1);
		CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
		api_place_clear(&next);
		buf_clear(&line);
	}
}

static void numbers_end_at_a_short_page(void)
{
	char *total[] = { (char *)(uintptr_t)"total", NULL };
	char *more[] = { (char *)(uintptr_t)"more", NULL };
	struct pipeline_api api = { .pages = { .kind = API_PAGES_PAGE,
		.size = 10 } };
	struct api_place next;
	struct err err;

	CU_ASSERT_EQUAL(next_of(&api, "", "[]", 10, &next, &err),
		API_MORE_NEXT);
	CU_ASSERT_EQUAL(next_of(&api, "", "[]", 9, &next, &err),
		API_MORE_END);
	api.pages.size = 0;
	CU_ASSERT_EQUAL(next_of(&api, "", "[]", 1, &next, &err),
		API_MORE_NEXT);
	CU_ASSERT_EQUAL(next_of(&api, "", "[]", 0, &next, &err),
		API_MORE_END);
	api.pages.total = total;
	CU_ASSERT_EQUAL(next_of(&api, "", "{\"total\": 21}", 10, &next, &err),
		API_MORE_NEXT);
	CU_ASSERT_EQUAL(next_of(&api, "", "{\"total\": 20}", 10, &next, &err),
		API_MORE_END);
	api.pages.more = more;
	CU_ASSERT_EQUAL(next_of(&api, "", "{\"more\": false}", 10, &next,
		&err), API_MORE_END);
	api.pages.max = 2;
	CU_ASSERT_EQUAL(next_of(&api, "", "{\"more\": true}", 10, &next,
		&err), API_MORE_MAX);
}

static void circles_are_seen(void)
{
	struct api_ring ring = { .count = 0 };
	struct err err = { 0 };
	bool again;

	for (int i = 0; i < 1000; i++) {
		CU_ASSERT_TRUE(api_ring_add(&ring, &i, sizeof(i), &again,
			&err));
		CU_ASSERT_FALSE(again);
	}
	CU_ASSERT_TRUE(api_ring_add(&ring, &(int){ 7 }, sizeof(int), &again,
		&err));
	CU_ASSERT_TRUE(again);
	api_ring_clear(&ring);
}

/* So many new places, then the first of them again and again. */
static void check_circle(uint64_t length)
{
	struct api_ring ring = { .count = 0 };
	struct err err = { 0 };
	bool again = false;
	uint64_t added = 0;

	while (!again && added < length * 4) {
		const uint64_t place = added++ % length;

		CU_ASSERT_TRUE(api_ring_add(&ring, &place, sizeof(place),
			&again, &err));
	}
	CU_ASSERT_TRUE(again);
	CU_ASSERT(added > length);
	CU_ASSERT(added <= length * 3 + 1);
	CU_ASSERT(ring.cap * sizeof(*ring.seen) <= 256 << 10);
	api_ring_clear(&ring);
}

static void large_circles_are_seen_in_little_memory(void)
{
	check_circle(1);
	check_circle(16383);
	check_circle(16385);
	check_circle(100000);
}

static void long_names_of_pages_are_refused(void)
{
	char *at[] = { (char *)(uintptr_t)"next", NULL };
	struct pipeline_api api = { .pages = { .kind = API_PAGES_CURSOR,
		.at = at } };
	struct api_place next;
	struct err err = { 0 }, none = { 0 };
	struct buf body = { 0 };

	CU_ASSERT_TRUE(buf_add_str(&body, "{\"next\": \"", &none));
	for (int i = 0; i < 16385; i++)
		CU_ASSERT_TRUE(buf_add_char(&body, 'x', &none));
	CU_ASSERT_TRUE(buf_add_str(&body, "\"}", &none));
	CU_ASSERT_EQUAL((int)next_of(&api, "", body.data, 10, &next, &err),
		-1);
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "16385 bytes"));
	buf_clear(&body);
}

CU_TestInfo api_page_tests[] = {
	{ "links are read as RFC 8288 writes them", links_are_read },
	{ "addresses and tokens are followed",
		addresses_and_tokens_are_followed },
	{ "secrets do not come back in addresses",
		secrets_do_not_come_back_in_addresses },
	{ "other origins are not followed", other_origins_are_not_followed },
	{ "numbers end at a short page, a total, a condition, a maximum",
		numbers_end_at_a_short_page },
	{ "circles are seen", circles_are_seen },
	{ "large circles are seen in little memory",
		large_circles_are_seen_in_little_memory },
	{ "long names of pages are refused", long_names_of_pages_are_refused },
	CU_TEST_INFO_NULL,
};
