/* test_api_request.c - what is asked, what is written down of it, and that no
 * secret is. */
#include "producer/api_request.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(text) ((char *)(uintptr_t)(text))

static struct api_pair query[] = { { TEXT("state"), TEXT("all open") },
	{ TEXT("since"), TEXT("{cursor}") } };

static struct pipeline_api endpoint(void)
{
	return (struct pipeline_api){ .url = TEXT("https://api.example.org/"),
		.path = TEXT("/items"), .method = TEXT("GET"),
		.query = { query, 2 },
		.pages = { .kind = API_PAGES_PAGE, .query = TEXT("p"),
			.size_query = TEXT("n"), .size = 50, .first = 1 } };
}

static void addresses_are_made(void)
{
	const struct pipeline_api api = endpoint();
	struct api_place place = { .number = 3, .offset = 100 };
	struct api_ask ask = { .api = &api, .place = &place };
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(api_request_url(&ask, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.data, "https://api.example.org/items?"
		"state=all%20open&p=3&n=50");
	buf_reset(&out);
	ask.cursor = "2026-01-01T00:00:00+02:00";
	CU_ASSERT_TRUE(api_request_url(&ask, &out, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(out.data,
		"&since=2026-01-01T00%3A00%3A00%2B02%3A00&p=3"));
	buf_reset(&out);
	place.url = TEXT("https://api.example.org/next?x=1");
	CU_ASSERT_TRUE(api_request_url(&ask, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.data, place.url);
	buf_clear(&out);
}

static bool has(const struct buf *text, const char *part)
{
	return strstr(text->data, part) != NULL;
}

/* Answers echo what they were asked with. */
static void notes_hold_no_secret(void)
{
	const struct pipeline_api api = endpoint();
	const struct api_place place = { .number = 1 };
	const struct api_ask ask = { .api = &api, .place = &place };
	const struct api_validators none = { "\"tag\"", NULL };
	struct api_login login = { .header_name = strdup("Authorization"),
		.header_value = strdup("Bearer s3cret/t0ken"),
		.query_name = strdup("key"), .query_value = strdup("qu3ry+s") };
	struct buf headers = { 0 }, note = { 0 };
	struct api_request request;
	struct err err = { 0 };
	long status = 0;

	CU_ASSERT_TRUE(buf_add_str(&headers, "x-echo: Bearer s3cret/t0ken\n"
		"link: <https://api.example.org/?key=qu3ry%2Bs&p=2>; rel=next\n"
		"set-cookie: a=b\netag: \"t\"\n", &err));
	CU_ASSERT_TRUE(api_request_make(&ask, "https://api.example.org/items",
		&login, &none, &request, &err));
	CU_ASSERT_STRING_EQUAL(request.call.url,
		"https://api.example.org/items?key=qu3ry%2Bs");
	CU_ASSERT_TRUE(api_request_note(&request,
		"https://api.example.org/items", &login, 200, &headers, &note,
		&err));
	CU_ASSERT_FALSE(has(&note, "s3cret"));
	CU_ASSERT_FALSE(has(&note, "qu3ry"));
	CU_ASSERT_FALSE(has(&note, "cookie"));
	CU_ASSERT_TRUE(has(&note, "GET https://api.example.org/items\n"));
	CU_ASSERT_TRUE(has(&note, "Authorization: REMOVED\n"));
	CU_ASSERT_TRUE(has(&note, "If-None-Match: \"tag\"\n"));
	buf_reset(&headers);
	CU_ASSERT_TRUE(api_note_read(note.data, &status, &headers, &err));
	CU_ASSERT_EQUAL(status, 200);
	CU_ASSERT_TRUE(has(&headers, "etag: \"t\"\n"));
	api_request_clear(&request);
	api_login_clear(&login);
	buf_clear(&headers);
	buf_clear(&note);
}

static void check_back(enum api_cursor_kind kind, int64_t back,
	const char *value, const char *want)
{
	const struct api_cursor cursor = { .kind = kind, .look_back = back };
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(api_cursor_shown(&cursor, value, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.data, want);
	buf_clear(&out);
}

static void cursors_look_back(void)
{
	check_back(API_CURSOR_TIME, 0, "2026-01-01T00:00:00.5+01:00",
		"2026-01-01T00:00:00.5+01:00");
	check_back(API_CURSOR_TIME, 60, "2026-01-01T00:00:30.9Z",
		"2025-12-31T23:59:30Z");
	check_back(API_CURSOR_TIME, 86400, "2026-03-01", "2026-02-28");
	check_back(API_CURSOR_TIME, 60, "yesterday", "yesterday");
	check_back(API_CURSOR_INTEGER, 10, "7", "-3");
	check_back(API_CURSOR_INTEGER, 10, "99999999999999999999",
		"99999999999999999999");
}

static void cursors_are_compared(void)
{
	CU_ASSERT_TRUE(api_cursor_greater(API_CURSOR_TIME,
		"2026-01-01T01:00:00Z", "2026-01-01T01:30:00+01:00"));
	CU_ASSERT_FALSE(api_cursor_greater(API_CURSOR_TIME,
		"2026-01-01T01:00:00Z", "2026-01-01T02:00:00+01:00"));
	CU_ASSERT_TRUE(api_cursor_greater(API_CURSOR_INTEGER, "10", "9"));
	CU_ASSERT_TRUE(api_cursor_greater(API_CURSOR_INTEGER,
		"10000000000000000000", "9999999999999999999"));
	CU_ASSERT_TRUE(api_cursor_greater(API_CURSOR_TEXT, "9", "10"));
	CU_ASSERT_TRUE(api_cursor_greater(API_CURSOR_TIME, "2026-01-02",
		"2026-01-01T23:59:59Z"));
	CU_ASSERT_TRUE(api_cursor_greater(API_CURSOR_TIME, "1700000000",
		"999999999"));
	CU_ASSERT_TRUE(api_cursor_greater(API_CURSOR_INTEGER, "0", "-0007"));
	CU_ASSERT_FALSE(api_cursor_greater(API_CURSOR_INTEGER, "0", "-0"));
	CU_ASSERT_TRUE(api_cursor_greater(API_CURSOR_INTEGER, "-7", "-0010"));
	CU_ASSERT_FALSE(api_cursor_greater(API_CURSOR_INTEGER, "007", "7"));
}

/* What compares as the largest would stay so for ever. */
static void what_is_no_such_value_is_no_cursor(void)
{
	CU_ASSERT_FALSE(api_cursor_greater(API_CURSOR_TIME, "never",
		"2026-01-01T01:00:00Z"));
	CU_ASSERT_FALSE(api_cursor_greater(API_CURSOR_INTEGER, "1.5", "99"));
	CU_ASSERT_FALSE(api_cursor_valid(API_CURSOR_TIME, "never"));
	CU_ASSERT_FALSE(api_cursor_valid(API_CURSOR_TIME, ""));
	CU_ASSERT_TRUE(api_cursor_valid(API_CURSOR_TIME, "2026-01-01"));
	CU_ASSERT_TRUE(api_cursor_valid(API_CURSOR_TIME, "1700000000"));
	CU_ASSERT_FALSE(api_cursor_valid(API_CURSOR_INTEGER, "1.5"));
	CU_ASSERT_FALSE(api_cursor_valid(API_CURSOR_INTEGER, "-"));
	CU_ASSERT_TRUE(api_cursor_valid(API_CURSOR_TEXT, "never"));
}

CU_TestInfo api_request_tests[] = {
	{ "addresses are made", addresses_are_made },
	{ "notes hold no secret, even where a server echoes it",
		notes_hold_no_secret },
	{ "cursors look back", cursors_look_back },
	{ "cursors are compared as what they are", cursors_are_compared },
	{ "what is no such value is no cursor",
		what_is_no_such_value_is_no_cursor },
	CU_TEST_INFO_NULL,
};
