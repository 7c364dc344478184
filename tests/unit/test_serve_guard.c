/* test_serve_guard.c - which path is whose, and who may ask. */
#include "cli/serve.h"
#include "cli/serve_asset.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void paths_lead_to_their_handlers(void)
{
	static const struct {
		const char *path;
		serve_handler *handler;
		const char *id; /* what follows from there */
	} all[] = {
		{ "/api/v1/sources", serve_sources, NULL },
		{ "/api/v1/sources/42", serve_source, "42" },
		{ "/api/v1/rejects/7/bytes", serve_reject_bytes, "7/bytes" },
		{ "/api/v1/rejects/groups", serve_reject_groups, NULL },
		{ "/api/v1/actions/pause", serve_pause, NULL },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const char *id = NULL;
		const struct serve_route *route = serve_route_find(
			serve_routes, all[i].path, &id);

		CU_ASSERT_PTR_NOT_NULL_FATAL(route);
		CU_ASSERT_PTR_EQUAL(route->handler, all[i].handler);
		CU_ASSERT_EQUAL(id == NULL, all[i].id == NULL);
		if (id != NULL && all[i].id != NULL)
			CU_ASSERT_STRING_EQUAL(id, all[i].id);
	}
}

static void other_paths_lead_nowhere(void)
{
	static const char *const all[] = { "", "/", "/api", "/api/v1",
		"/api/v1/", "/api/v1/sources/", "/api/v1/sources/x",
		"/api/v1/sources/1x", "/api/v1/sources/-1",
		"/api/v1/sources/1/", "/api/v1/sources/9999999999999999999",
		"/api/v1/sources/../rejects", "/API/v1/sources",
		"//api/v1/sources", "/api/v1/sources/{id}",
		"/api/v1/rejects//bytes" };
	const char *id;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		CU_ASSERT_PTR_NULL(serve_route_find(serve_routes, all[i],
			&id));
}

/* Whoever adds a route has to decide. */
static void what_acts_or_tells_records_needs_the_token(void)
{
	size_t actions = 0, trusted = 0;

	for (size_t i = 0; serve_routes[i].path != NULL; i++) {
		const struct serve_route *route = &serve_routes[i];

		actions += route->rule == SERVE_ACTION;
		trusted += route->rule == SERVE_TRUSTED;
		CU_ASSERT_EQUAL(strncmp(route->path, "/api/v1/actions/", 16)
			== 0, route->rule == SERVE_ACTION);
		if (strstr(route->path, "bytes") != NULL ||
			strstr(route->path, "failures") != NULL)
			CU_ASSERT_EQUAL(route->rule, SERVE_TRUSTED);
	}
	CU_ASSERT_EQUAL(actions, 4);
	CU_ASSERT_EQUAL(trusted, 2);
}

static void pages_are_one_file(void)
{
	static const char *const yes[] = { "/", "/sources", "/sources/12",
		"/rejects/3", "/charts" };
	static const char *const no[] = { "/sources/x", "/nothing",
		"/index.html", "/../etc/passwd", "/app.js" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		CU_ASSERT_TRUE(serve_is_page(yes[i]));
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		CU_ASSERT_FALSE(serve_is_page(no[i]));
}

static void files_are_in_the_program(void)
{
	const struct serve_asset *page = serve_asset_find("/index.html");
	const struct serve_asset *chart = serve_asset_find("/vendor/uplot.js");

	CU_ASSERT_PTR_NOT_NULL_FATAL(page);
	CU_ASSERT_STRING_EQUAL(page->type, "text/html; charset=utf-8");
	CU_ASSERT_TRUE(page->len > 100 &&
		memcmp(page->bytes, "<!doctype html>", 15) == 0);
	CU_ASSERT_EQUAL(page->etag[0], '"');
	CU_ASSERT_PTR_NOT_NULL_FATAL(chart);
	CU_ASSERT_STRING_NOT_EQUAL(chart->etag, page->etag);
	CU_ASSERT_PTR_NOT_NULL(serve_asset_find("/vendor/uplot.LICENSE.txt"));
	CU_ASSERT_PTR_NULL(serve_asset_find("/vendor/../index.html"));
}

/* -- who asks -------------------------------------------------------------- */

static void only_names_of_ours_are_answered(void)
{
	static const char *const yes[] = { "127.0.0.1", "127.0.0.1:9466",
		"localhost:1", "LOCALHOST", "[::1]", "[::1]:9466",
		"sluice.example", "sluice.example:8443", "Other.example" };
	static const char *const no[] = { NULL, "", ":", ":80", "evil.example",
		"127.0.0.1.evil.example", "localhost.evil.example",
		"127.0.0.1:", "127.0.0.1:80x", "127.0.0.1:80:90", "127.0.0.2",
		"[::1", "[::1]x", "[::2]", "sluice.exampl", "example",
		"user@127.0.0.1", "sluice.example,other.example" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		CU_ASSERT_TRUE(guard_host(yes[i],
			"sluice.example, other.example"));
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		CU_ASSERT_FALSE(guard_host(no[i],
			"sluice.example, other.example"));
	CU_ASSERT_FALSE(guard_host("sluice.example", NULL));
}

static void pages_from_elsewhere_are_told_apart(void)
{
	const char *host = "127.0.0.1:9466";

	CU_ASSERT_TRUE(guard_origin(NULL, host));
	CU_ASSERT_TRUE(guard_origin("http://127.0.0.1:9466", host));
	CU_ASSERT_TRUE(guard_origin("https://127.0.0.1:9466", host));
	CU_ASSERT_FALSE(guard_origin("null", host));
	CU_ASSERT_FALSE(guard_origin("", host));
	CU_ASSERT_FALSE(guard_origin("http://127.0.0.1", host));
	CU_ASSERT_FALSE(guard_origin("http://127.0.0.1:9467", host));
	CU_ASSERT_FALSE(guard_origin("http://127.0.0.1:9466.evil", host));
	CU_ASSERT_FALSE(guard_origin("ftp://127.0.0.1:9466", host));
	CU_ASSERT_FALSE(guard_origin("http://evil.example", host));
	CU_ASSERT_TRUE(guard_site(NULL, false));
	CU_ASSERT_TRUE(guard_site("same-origin", false));
	CU_ASSERT_TRUE(guard_site("none", false));
	CU_ASSERT_FALSE(guard_site("cross-site", false));
	CU_ASSERT_FALSE(guard_site("same-site", false));
	CU_ASSERT_TRUE(guard_site("cross-site", true));
}

static void loopback_is_known(void)
{
	static const char *const yes[] = { "127.0.0.1:80", "127.1.2.3:80",
		"localhost:80", "[::1]:80" };
	static const char *const no[] = { "0.0.0.0:80", "[::]:80", "10.0.0.1:80",
		"127.evil.example:80", "127.0.0.1", "", ":80",
		"localhost.example:80" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		CU_ASSERT_TRUE(guard_is_loopback(yes[i]));
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		CU_ASSERT_FALSE(guard_is_loopback(no[i]));
}

/* -- the token ------------------------------------------------------------- */

static void tokens_are_compared_whole(void)
{
	CU_ASSERT_TRUE(guard_token_same("abcdefgh", "abcdefgh"));
	CU_ASSERT_FALSE(guard_token_same("abcdefgh", "abcdefgi"));
	CU_ASSERT_FALSE(guard_token_same("abcdefgh", "bbcdefgh"));
	CU_ASSERT_FALSE(guard_token_same("abcdefgh", "abcdefg"));
	CU_ASSERT_FALSE(guard_token_same("abcdefgh", "abcdefghabcdefgh"));
	CU_ASSERT_FALSE(guard_token_same("abcdefgh", ""));
	CU_ASSERT_FALSE(guard_token_same("", ""));
	CU_ASSERT_STRING_EQUAL(guard_bearer("Bearer x1"), "x1");
	CU_ASSERT_STRING_EQUAL(guard_bearer("bearer  x1"), "x1");
	CU_ASSERT_PTR_NULL(guard_bearer(NULL));
	CU_ASSERT_PTR_NULL(guard_bearer("Basic eDp5"));
	CU_ASSERT_PTR_NULL(guard_bearer("Bearer"));
}

static void too_many_wrong_ones_close_the_door_for_a_minute(void)
{
	struct guard_rate rate = { 0 };

	for (int i = 0; i < GUARD_WRONG_MAX; i++) {
		CU_ASSERT_TRUE(guard_rate_allows(&rate, 1000 + i));
		guard_rate_wrong(&rate, 1000 + i);
	}
	CU_ASSERT_FALSE(guard_rate_allows(&rate, 1020));
	CU_ASSERT_FALSE(guard_rate_allows(&rate, 1000 + GUARD_WRONG_MS));
	CU_ASSERT_TRUE(guard_rate_allows(&rate, 1001 + GUARD_WRONG_MS));
}

static void write_text(const char *file, const char *text, mode_t mode)
{
	FILE *to = fopen(file, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(to);
	(void)fputs(text, to);
	(void)fclose(to);
	CU_ASSERT_EQUAL(chmod(file, mode), 0);
}

static bool reads(const char *file, struct err *err)
{
	struct buf token = { 0 };
	const bool ok = guard_token_read(file, &token, err);

	buf_clear(&token);
	return ok;
}

static void a_token_file_is_made_once_and_private(void)
{
	char dir[] = "/tmp/sluice-token-XXXXXX", file[64];
	struct buf first = { 0 }, second = { 0 };
	struct err err = { 0 };
	struct stat st;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/token", dir);
	CU_ASSERT_TRUE_FATAL(guard_token_read(file, &first, &err));
	CU_ASSERT_EQUAL(first.len, 64);
	CU_ASSERT_EQUAL(stat(file, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0600);
	CU_ASSERT_TRUE(guard_token_read(file, &second, &err));
	CU_ASSERT_STRING_EQUAL(first.data, second.data);
	(void)unlink(file);
	buf_reset(&second);
	CU_ASSERT_TRUE(guard_token_read(file, &second, &err));
	CU_ASSERT_STRING_NOT_EQUAL(first.data, second.data);
	(void)unlink(file);
	(void)rmdir(dir);
	buf_clear(&first);
	buf_clear(&second);
}

static void a_bad_token_file_is_refused(void)
{
	static const char *const bad[] = { "", "\n", "short", "with blanks in "
		"it, though long", "0123456789abcdef\nand more\n" };
	char dir[] = "/tmp/sluice-token-XXXXXX", file[64];
	struct err err = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/token", dir);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		write_text(file, bad[i], 0600);
		CU_ASSERT_FALSE(reads(file, &err));
		CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_CONFIG);
	}
	write_text(file, "0123456789abcdef\n", 0640);
	CU_ASSERT_FALSE(reads(file, &err));
	write_text(file, "0123456789abcdef\n", 0600);
	CU_ASSERT_TRUE(reads(file, &err));
	(void)unlink(file);
	CU_ASSERT_FALSE(reads("/nonexistent/folder/token", &err));
	(void)rmdir(dir);
}

CU_TestInfo serve_guard_tests[] = {
	{ "paths lead to their handlers", paths_lead_to_their_handlers },
	{ "other paths lead nowhere", other_paths_lead_nowhere },
	{ "what acts, or tells records, needs the token",
		what_acts_or_tells_records_needs_the_token },
	{ "pages are one file", pages_are_one_file },
	{ "files are in the program", files_are_in_the_program },
	{ "only names of ours are answered", only_names_of_ours_are_answered },
	{ "pages from elsewhere are told apart",
		pages_from_elsewhere_are_told_apart },
	{ "loopback is known", loopback_is_known },
	{ "tokens are compared whole", tokens_are_compared_whole },
	{ "too many wrong ones close the door for a minute",
		too_many_wrong_ones_close_the_door_for_a_minute },
	{ "a token file is made once, and private",
		a_token_file_is_made_once_and_private },
	{ "a bad token file is refused", a_bad_token_file_is_refused },
	CU_TEST_INFO_NULL,
};
