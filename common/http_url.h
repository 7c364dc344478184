/* http_url.h - addresses: where they lead, and what of them may be shown. */
#ifndef SLUICE_HTTP_URL_H
#define SLUICE_HTTP_URL_H

#include "common/buf.h"

struct http_url {
	char where[256];  /* scheme, host, port and path: no user, no query */
	char origin[200]; /* scheme, host and port */
	char host[128];
	bool loopback;
	bool user;        /* somebody's name stands in it */
};

/* https, or http on loopback or when plain_http allows it. ERR_STOP with
 * EXIT_CONFIG otherwise; nothing of the address beyond `where` is in the
 * error. */
bool http_url_read(const char *text, bool plain_http, struct http_url *url,
	struct err *err) MUST_CHECK;

/* What `reference` means, seen from base; appended. ERR_REJECT: it is no
 * address. */
bool http_url_join(const char *base, const char *reference, struct buf *out,
	struct err *err) MUST_CHECK;

/* Appends text without the query's parameters of that name. */
bool http_url_without(const char *text, const char *parameter,
	struct buf *out, struct err *err) MUST_CHECK;

/* localhost, ::1, 127.0.0.0/8. */
bool http_is_loopback(const char *host);

/* Once, before libcurl is used. */
void http_global_start(void);

#endif
