/* serve_ask.c - whether the page is there, as others want to know. */
#include "cli/serve.h"
#include "common/http.h"

#include <string.h>

#define ASK_SECS 2

bool serve_answers(const struct config *config)
{
	struct http_request request = { .method = "GET", .plain = true,
		.timeout_secs = ASK_SECS };
	struct buf url = { 0 }, text = { 0 };
	struct err err = { 0 };
	long status = 0;
	bool ok;

	if (config->serve_http == NULL || *config->serve_http == '\0')
		return false;
	ok = buf_printf(&url, &err, "http://%s/api/v1/session",
		config->serve_http);
	request.url = url.data;
	ok = ok && http_fetch(&request, &status, &text, &err) &&
		status == 200 && text.len > 0 &&
		strstr(text.data, "\"trusted\"") != NULL;
	buf_clear(&url);
	buf_clear(&text);
	return ok;
}
