/* serve_route.c - which path is whose. */
#include "cli/serve.h"

#include <string.h>

/* In the order of docs/openapi.yaml. */
const struct serve_route serve_routes[] = {
	{ "/api/v1/overview", SERVE_OPEN, serve_overview },
	{ "/api/v1/history", SERVE_OPEN, serve_history },
	{ "/api/v1/live", SERVE_OPEN, serve_stream },
	{ "/api/v1/sources", SERVE_OPEN, serve_sources },
	{ "/api/v1/sources/{id}", SERVE_OPEN, serve_source },
	{ "/api/v1/loads", SERVE_OPEN, serve_loads },
	{ "/api/v1/rejects", SERVE_OPEN, serve_rejects },
	{ "/api/v1/rejects/groups", SERVE_OPEN, serve_reject_groups },
	{ "/api/v1/rejects/{id}/bytes", SERVE_TRUSTED, serve_reject_bytes },
	{ "/api/v1/models", SERVE_OPEN, serve_models },
	{ "/api/v1/models/runs", SERVE_OPEN, serve_model_runs },
	{ "/api/v1/lineage", SERVE_OPEN, serve_lineage },
	{ "/api/v1/tests", SERVE_OPEN, serve_tests },
	{ "/api/v1/tests/runs", SERVE_OPEN, serve_test_runs },
	{ "/api/v1/tests/failures", SERVE_TRUSTED, serve_test_failures },
	{ "/api/v1/endpoints", SERVE_OPEN, serve_endpoints },
	{ "/api/v1/charts", SERVE_OPEN, serve_charts },
	{ "/api/v1/charts/data", SERVE_OPEN, serve_chart_data },
	{ "/api/v1/pauses", SERVE_OPEN, serve_pauses },
	{ "/api/v1/session", SERVE_OPEN, serve_session },
	{ "/api/v1/actions/pause", SERVE_ACTION, serve_pause },
	{ "/api/v1/actions/resume", SERVE_ACTION, serve_resume },
	{ "/api/v1/actions/replay", SERVE_ACTION, serve_replay },
	{ "/api/v1/actions/run-models", SERVE_ACTION, serve_run_models },
	{ NULL, SERVE_OPEN, NULL },
};

/* Nineteen digits at most, so that it is a number of 64 bits. */
static size_t id_length(const char *text)
{
	const size_t len = strspn(text, "0123456789");

	return len <= 18 ? len : 0;
}

static bool matches(const char *pattern, const char *path, const char **id)
{
	*id = NULL;
	while (*pattern != '\0') {
		if (strncmp(pattern, "{id}", 4) == 0) {
			const size_t len = id_length(path);

			if (len == 0)
				return false;
			*id = path;
			path += len;
			pattern += 4;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return *path == '\0';
}

const struct serve_route *serve_route_find(const struct serve_route *routes,
	const char *path, const char **id)
{
	for (; routes->path != NULL; routes++)
		if (matches(routes->path, path, id))
			return routes;
	return NULL;
}

bool serve_is_page(const char *path)
{
	static const struct serve_route pages[] = {
		{ "/", SERVE_OPEN, NULL },
		{ "/sources", SERVE_OPEN, NULL },
		{ "/sources/{id}", SERVE_OPEN, NULL },
		{ "/rejects", SERVE_OPEN, NULL },
		{ "/rejects/{id}", SERVE_OPEN, NULL },
		{ "/models", SERVE_OPEN, NULL },
		{ "/tests", SERVE_OPEN, NULL },
		{ "/endpoints", SERVE_OPEN, NULL },
		{ "/charts", SERVE_OPEN, NULL },
		{ NULL, SERVE_OPEN, NULL },
	};
	const char *id;

	return serve_route_find(pages, path, &id) != NULL;
}
