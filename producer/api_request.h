/* api_request.h - an endpoint's next request, made from its templates. Pure
 * but for the secret, which only the login brings in. */
#ifndef SLUICE_API_REQUEST_H
#define SLUICE_API_REQUEST_H

#include "producer/api_auth.h"
#include "producer/api_page.h"

/* What an endpoint asks now. */
struct api_ask {
	const struct pipeline_api *api;
	const struct api_place *place;
	const char *cursor;  /* as it goes into {cursor}; NULL: none */
	const char *parent;  /* see struct api_values; NULL: none */
	int64_t now_us;
};

/* The address without any secret: what is kept and shown. */
bool api_request_url(const struct api_ask *ask, struct buf *out,
	struct err *err) MUST_CHECK;
/* The body, empty when there is none. */
bool api_request_body(const struct api_ask *ask, struct buf *out,
	struct err *err) MUST_CHECK;

struct api_validators {
	const char *etag, *modified; /* NULL: none */
};

/* All that http_client_start needs. Cleared by api_request_clear. */
struct api_request {
	struct buf url, body;
	struct http_header *headers;
	char **values; /* of headers, owned */
	size_t count;
	struct http_call call;
};
bool api_request_make(const struct api_ask *ask, const char *url,
	const struct api_login *login, const struct api_validators *validators,
	struct api_request *request, struct err *err) MUST_CHECK;
void api_request_clear(struct api_request *request);

/* What is kept beside an answer, in the form of a cassette (CASSETTES.md): the
 * request, a blank line, "HTTP/1.1 <status>", the answer's headers. Where a
 * secret was it says REMOVED; cookies are left out. */
bool api_request_note(const struct api_request *request, const char *url,
	const struct api_login *login, long status, const struct buf *headers,
	struct buf *out, struct err *err) MUST_CHECK;
/* The status and the headers ("name: value\n") of such a note. */
bool api_note_read(const char *note, long *status, struct buf *headers,
	struct err *err) MUST_CHECK;

/* The cursor as it is sent: moved back by look_back. False: *err. */
bool api_cursor_shown(const struct api_cursor *cursor, const char *value,
	struct buf *out, struct err *err) MUST_CHECK;
/* Whether a record's value may become the cursor: "n/a" is no time, and would
 * be the largest for ever. */
bool api_cursor_valid(enum api_cursor_kind kind, const char *value) MUST_CHECK;
/* Whether a is the larger one; what cannot be compared is not. */
bool api_cursor_greater(enum api_cursor_kind kind, const char *a,
	const char *b);

#endif
