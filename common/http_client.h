/* http_client.h - many requests at once: the door to libcurl for polling.
 *
 * One thread's. Connections are kept and used again. Answers may be packed
 * (gzip, deflate): what counts, also against the ceiling, is what comes out.
 * Redirects are followed within the origin, at most five. TLS is verified.
 * Names of headers that come back are in lower case. */
#ifndef SLUICE_HTTP_CLIENT_H
#define SLUICE_HTTP_CLIENT_H

#include "common/http.h"
#include "common/http_url.h"

#include <poll.h>

struct http_client;

struct http_call {
	const char *method;
	const char *url;
	const struct http_header *headers; /* ended by name NULL, or NULL */
	const char *user, *password;       /* basic; NULL: no */
	const char *cacert;                /* NULL: the system's */
	bool plain_http;                   /* http beyond loopback */
	const char *body;                  /* copied; or NULL */
	size_t body_len;
	int64_t timeout_ms, connect_ms;
	int64_t slow_bytes, slow_secs;     /* slower for so long: given up */
	size_t max_bytes;                  /* of the answer, decompressed */
	void *context;
};

/* An answer, or why there is none. */
struct http_reply {
	void *context;
	struct err err;      /* ERR_RETRY: transport; ERR_REJECT: what came
			      * may not be taken; ERR_NONE: an answer */
	long status;
	struct buf headers;  /* "name: value\n" each, of the last answer */
	const char *body;    /* never NULL; in memory or mapped */
	size_t len;
	char where[256];
	int redirects;

	/* its own */
	struct buf small;
	int spill;
	void *map;
};

/* Answers larger than a MiB lie in a nameless file of that folder (NULL: all
 * in memory). */
struct http_client *http_client_new(const char *spill_dir, struct err *err);
/* Breaks off what is under way. NULL is fine. */
void http_client_free(struct http_client *client);

/* Starts a request; nothing of call is kept but its context. False: it was
 * not sent at all, a bad address for one. */
bool http_client_start(struct http_client *client,
	const struct http_call *call, struct err *err) MUST_CHECK;
/* Moves all along, waits until something happened there or at the fds
 * (revents are set), or the time is over. */
bool http_client_wait(struct http_client *client, int timeout_ms,
	struct pollfd *fds, unsigned count, struct err *err) MUST_CHECK;
/* What has ended, one by one; NULL: nothing now. */
struct http_reply *http_client_take(struct http_client *client);
void http_reply_free(struct http_reply *reply); /* NULL is fine */

/* Requests under way. */
size_t http_client_running(const struct http_client *client);

/* The header's value into out, which is emptied first; several are joined with
 * ", ". False: there is none. */
bool http_reply_header(const struct buf *headers, const char *name,
	struct buf *out, struct err *err);

#endif
