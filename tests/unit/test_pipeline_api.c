/* test_pipeline_api.c - the api: of a source, and what it may not say. */
#include "common/pipeline_api.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

static const char frame[] =
	"pipeline: p\n"
	"datasets:\n"
	"  d:\n"
	"    table: raw.d\n"
	"    key: [id]\n"
	"    columns: [{ name: id, type: integer }]\n"
	"    source:\n"
	"      api:\n";

static bool parse(const char *lines, struct pipeline *pipeline,
	struct err *err)
{
	char text[4096];
	const int len = snprintf(text, sizeof(text), "%s%s", frame, lines);

	memset(err, 0, sizeof(*err));
	return pipeline_parse(text, (size_t)len, "p.yaml", pipeline, err);
}

static void check_bad(const char *lines, const char *part)
{
	struct pipeline pipeline;
	struct err err;

	CU_ASSERT_FALSE(parse(lines, &pipeline, &err));
	CU_ASSERT_EQUAL(err.exit_code, EXIT_CONFIG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "p.yaml:"));
	if (strstr(err.text, part) == NULL) {
		(void)printf("\n  got: %s\n  want: %s\n", err.text, part);
		CU_FAIL("another text");
	}
}

#define URL "        url: https://api.example.org\n"

static void an_endpoint_is_read(void)
{
	struct pipeline pipeline;
	struct err err;
	const struct pipeline_api *api;

	CU_ASSERT_TRUE_FATAL(parse(URL
		"        path: /x\n        every: 15m\n"
		"        retry: { on: [503, 510-520] }\n"
		"        auth: { kind: bearer, secret_file: token }\n",
		&pipeline, &err));
	api = pipeline.datasets[0].api;
	CU_ASSERT_PTR_NOT_NULL_FATAL(api);
	CU_ASSERT_STRING_EQUAL(pipeline.datasets[0].directory, "api/p/d");
	CU_ASSERT_STRING_EQUAL(api->method, "GET");
	CU_ASSERT_EQUAL(api->every_secs, 900);
	CU_ASSERT_EQUAL(api->retry.on_count, 2);
	CU_ASSERT_FALSE(api->retry.transport);
	CU_ASSERT_EQUAL(api->limits.timeout_ms, 60000);
	CU_ASSERT_STRING_EQUAL(api->auth.secret.file, "token");
	pipeline_clear(&pipeline);
}

static void what_cannot_be_meant_is_refused(void)
{
	check_bad("        path: /x\n", "the key \"url\" is missing");
	check_bad("        url: ftp://x\n", "p.yaml:9:14: this must be a URL");
	check_bad("        url: http://example.org\n", "https is needed");
	check_bad("        url: https://me:pw@example.org\n", "neither ?");
	check_bad(URL "        path: x\n", "begins with /");
	check_bad(URL "        path: \"/{curser}\"\n", "no meaning");
	check_bad(URL "        query: { a: \"{cursor}\" }\n", "{cursor} needs");
	check_bad(URL "        query: { a: \"{parent:/id}\" }\n",
		"needs `parent:`");
	check_bad(URL "        headers: { Authorization: x }\n", "Sluice's own");
	check_bad(URL "        headers: { \"a b\": x }\n", "not a name");
	check_bad(URL "        auth: { kind: bearer }\n", "secret is needed");
	check_bad(URL "        auth: { kind: bearer, token: x }\n",
		"unknown key \"token\"");
	check_bad(URL "        auth: { kind: basic, secret_env: X }\n",
		"basic needs `user:`");
	check_bad(URL "        auth: { kind: key, secret_env: X }\n",
		"into a header or into the query");
	check_bad(URL "        auth: { kind: oauth2, secret_env: X, user: u }\n",
		"token_url");
	check_bad(URL "        every: 1h\n        cron: \"0 * * * *\"\n",
		"either `every` or `cron`");
	check_bad(URL "        cron: \"0 0 30 2 *\"\n", "never comes");
	check_bad(URL "        cron: \"0 0 30\"\n", "five fields");
	check_bad(URL "        zone: Europe/Berlin\n", "goes with `cron`");
	check_bad(URL "        cron: \"0 * * * *\"\n        zone: Mars\n",
		"no time zone");
	check_bad(URL "        pages: { by: next }\n", "needs `at:`");
	check_bad(URL "        pages: { by: cursor, at: /a, header: b }\n",
		"`by: cursor` needs");
	check_bad(URL "        pages: { by: page }\n", "which page is meant");
	check_bad(URL "        pages: { by: offset, query: o }\n",
		"needs `size:`");
	check_bad(URL "        cursor: { field: /a, type: text, look_back: 5 }\n",
		"no `look_back`");
	check_bad(URL "        parent: nobody\n        path: /{parent:/id}\n",
		"not a dataset");
	check_bad(URL "        each: [a, a]\n        path: /{each}\n",
		"stands here twice");
	check_bad(URL "        each: [a]\n", "occurs nowhere");
	check_bad(URL "        retry: { on: [200] }\n", "not a status");
	check_bad(URL "        limits: { timeout: 0 }\n", "a time such as");
	check_bad(URL "        format: csv\n        records: /a\n",
		"`records` is for JSON");
}

CU_TestInfo pipeline_api_tests[] = {
	{ "an endpoint is read, with what is usual", an_endpoint_is_read },
	{ "what cannot be meant is refused, with its place",
		what_cannot_be_meant_is_refused },
	CU_TEST_INFO_NULL,
};
