/* generate.c - see generate.h. */
#include "tests/support/api_server/generate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOTAL 250
#define SIZE 100
#define SIZE_MAX_ROWS 10000

/* How a request says which page it wants. */
enum paging { BY_PAGE, BY_OFFSET, BY_CURSOR };

/* The page asked for, of how many, and the place of the next. */
struct asked {
	struct page page;
	int64_t total, number, size, pages;
	bool more;
	char next[24]; /* the parameter's value for the next page */
	char *next_url;
	bool loop;
};

struct shape {
	const char *path;
	enum paging paging;
	const char *type;
	void (*render)(const struct page *page, struct buf *out);
	void (*around)(const struct asked *asked, struct answer *answer);
};

static const char *const parameter[] = { "page", "offset", "cursor" };

/* -- which page -------------------------------------------------------- */

static int64_t between(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

/* A cursor is "c" and the records passed. */
static int64_t passed(const struct request *request, enum paging paging,
	int64_t size)
{
	const char *cursor = pairs_get(&request->query, "cursor");

	switch (paging) {
	case BY_PAGE:
		return (pairs_int(&request->query, "page", 1) - 1) * size;
	case BY_OFFSET:
		return pairs_int(&request->query, "offset", 0);
	case BY_CURSOR:
		break;
	}
	return cursor == NULL || cursor[0] != 'c' ? 0 :
		strtoll(cursor + 1, NULL, 10);
}

/* Records before `since` or up to `after_id` are left out. */
static int64_t left_out(const struct request *request)
{
	const int64_t since =
		record_at(pairs_get(&request->query, "since")) - 1;
	const int64_t after = pairs_int(&request->query, "after_id", 0);

	return since > after ? since : after;
}

static void name_next(struct asked *asked, const struct shape *shape,
	int64_t skipped)
{
	const long long next = skipped + asked->page.count;

	if (shape->paging == BY_PAGE)
		(void)snprintf(asked->next, sizeof(asked->next), "%lld",
			(long long)asked->number + (asked->loop ? 0 : 1));
	else
		(void)snprintf(asked->next, sizeof(asked->next), "%s%lld",
			shape->paging == BY_CURSOR ? "c" : "",
			asked->loop ? (long long)skipped : next);
}

/* This request's address with another page in it. */
static char *url_of(const struct request *request, const char *name,
	const char *value)
{
	struct buf url = { 0 };
	const char *mark = "?";

	say(&url, "%s", request->base);
	say_encoded(&url, request->path);
	for (size_t i = 0; i < request->query.count; i++) {
		const struct pair *pair = &request->query.list[i];

		if (strcmp(pair->name, name) == 0)
			continue;
		say(&url, "%s%s=", mark, pair->name);
		say_encoded(&url, pair->value);
		mark = "&";
	}
	say(&url, "%s%s=%s", mark, name, value);
	return buf_take(&url);
}

static void read_asked(const struct request *request,
	const struct shape *shape, int64_t grown, struct asked *asked)
{
	const struct pairs *query = &request->query;
	const char *delimiter = pairs_get(query, "delimiter");
	const int64_t base = between(left_out(request), 0, INT64_MAX / 4);
	int64_t skipped;

	asked->size = between(pairs_int(query, "per_page",
		pairs_int(query, "limit", SIZE)), 1, SIZE_MAX_ROWS);
	asked->total = between(pairs_int(query, "total", TOTAL) + grown - base,
		0, INT64_MAX / 4);
	skipped = between(passed(request, shape->paging, asked->size), 0,
		asked->total);
	asked->number = skipped / asked->size + 1;
	asked->pages = (asked->total + asked->size - 1) / asked->size;
	asked->page.first = base + skipped + 1;
	asked->page.count = between(asked->total - skipped, 0, asked->size);
	asked->page.text_from = pairs_int(query, "text_from", 0);
	asked->page.delimiter = delimiter == NULL || delimiter[0] == '\0' ?
		',' : delimiter[0];
	asked->more = asked->loop ||
		skipped + asked->page.count < asked->total;
	name_next(asked, shape, skipped);
	asked->next_url = url_of(request, parameter[shape->paging],
		asked->next);
}

/* -- what surrounds the records ---------------------------------------- */

/* As GitHub does it: rel="next" and "last" but on the last page. */
static void around_link(const struct asked *asked, struct answer *answer)
{
	struct buf link = { 0 };

	if (!asked->more)
		return;
	say(&link, "<%s>; rel=\"next\", <%.*s=%lld>; rel=\"last\"",
		asked->next_url,
		(int)(strrchr(asked->next_url, '=') - asked->next_url),
		asked->next_url, (long long)asked->pages);
	pairs_set(&answer->headers, "Link", link.data);
	buf_clear(&link);
}

static void around_header(const struct asked *asked, struct answer *answer)
{
	if (asked->more)
		pairs_set(&answer->headers, "X-Next-Cursor", asked->next);
}

/* Puts the array of records between head and what is said afterwards. */
static void head(struct answer *answer, const char *text)
{
	struct buf whole = { 0 };

	say(&whole, "%s", text);
	say_bytes(&whole, answer->body.data, answer->body.len);
	buf_clear(&answer->body);
	answer->body = whole;
}

static void around_cursor(const struct asked *asked, struct answer *answer)
{
	head(answer, "{\"items\": ");
	if (asked->more)
		say(&answer->body, ", \"next_cursor\": \"%s\"}", asked->next);
	else
		say(&answer->body, ", \"next_cursor\": null}");
}

static void around_next(const struct asked *asked, struct answer *answer)
{
	head(answer, "{\"records\": ");
	say(&answer->body, ", \"total\": %lld, \"next\": ",
		(long long)asked->total);
	if (asked->more)
		say(&answer->body, "\"%s\"}", asked->next_url);
	else
		say(&answer->body, "null}");
}

static void around_total(const struct asked *asked, struct answer *answer)
{
	head(answer, "{\"data\": {\"records\": ");
	say(&answer->body, "}, \"meta\": {\"page\": %lld, \"total\": %lld, "
		"\"has_more\": %s}}", (long long)asked->number,
		(long long)asked->total, asked->more ? "true" : "false");
}

static void shape_one(const struct page *page, struct buf *out)
{
	record_object(page, page->first, out);
}

#define JSON "application/json; charset=utf-8"

static const struct shape shapes[] = {
	{ "page", BY_PAGE, JSON, shape_array, NULL },
	{ "link", BY_PAGE, JSON, shape_array, around_link },
	{ "offset", BY_OFFSET, JSON, shape_array, NULL },
	{ "cursor", BY_CURSOR, JSON, shape_array, around_cursor },
	{ "cursor-header", BY_CURSOR, JSON, shape_array, around_header },
	{ "next", BY_PAGE, JSON, shape_array, around_next },
	{ "total", BY_PAGE, JSON, shape_array, around_total },
	{ "object", BY_PAGE, JSON, shape_one, NULL },
	{ "ndjson", BY_PAGE, "application/x-ndjson", shape_lines, NULL },
	{ "csv", BY_PAGE, "text/csv; charset=utf-8", shape_csv, NULL },
	{ "rows", BY_PAGE, JSON, shape_rows, NULL },
	{ "html", BY_PAGE, "text/html; charset=utf-8", shape_html, NULL },
	{ "parents", BY_PAGE, JSON, shape_array, around_link },
};

static const struct shape *find(const char *path, size_t len)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (strlen(shapes[i].path) == len &&
			memcmp(shapes[i].path, path, len) == 0)
			return &shapes[i];
	return NULL;
}

/* parents/7/children: false when it is neither that nor without a rest. */
static bool read_parent(const char *rest, int64_t *parent)
{
	char *end;

	if (rest[0] == '\0')
		return true;
	*parent = strtoll(rest + 1, &end, 10);
	return *parent > 0 && strcmp(end, "/children") == 0;
}

bool generate(const struct request *request, const char *path, int64_t grown,
	bool loop, struct answer *answer)
{
	const size_t len = strcspn(path, "/");
	const struct shape *shape = find(path, len);
	struct asked asked = { .loop = loop };

	if (shape == NULL || !read_parent(path + len, &asked.page.parent))
		return false;
	read_asked(request, shape, grown, &asked);
	pairs_set(&answer->headers, "Content-Type", shape->type);
	shape->render(&asked.page, &answer->body);
	if (shape->around != NULL)
		shape->around(&asked, answer);
	free(asked.next_url);
	return true;
}
