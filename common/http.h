/* http.h - the door to libcurl: one request, one bounded answer. */
#ifndef SLUICE_HTTP_H
#define SLUICE_HTTP_H

#include "common/buf.h"

struct http_request {
	const char *method; /* "GET", "PUT", ... */
	const char *url;    /* https, or http on loopback only */
	const char *user;   /* basic authentication, or NULL */
	const char *password;
	const char *content_type; /* of the body */
	const char *body;         /* may be NULL */
	size_t body_len;
	int timeout_secs;         /* 0: 30 */
	size_t max_answer_bytes;  /* 0: 8 MiB */
};

/* Never follows redirects; TLS verified; no secret in an error. Sets *status;
 * a transport error is ERR_RETRY. */
bool http_fetch(const struct http_request *request, long *status,
	struct buf *answer, struct err *err) MUST_CHECK;

#endif
