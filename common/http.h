/* http.h - the door to libcurl: one request, one bounded answer. */
#ifndef SLUICE_HTTP_H
#define SLUICE_HTTP_H

#include "common/buf.h"

/* Connections that are kept from one request to the next; one thread's. */
struct http;

struct http *http_open(struct err *err);
void http_close(struct http *http);

struct http_header {
	const char *name;
	const char *value;
};

/* AWS Signature Version 4. The path must be encoded as it is to be signed,
 * the query sorted and each value encoded; the body's SHA-256 stands in a
 * header x-amz-content-sha256, which is needed. */
struct http_sign {
	const char *region;
	const char *service;
	const char *key;
	const char *secret;
};

struct http_request {
	const char *method; /* "GET", "PUT", ... */
	const char *url;    /* https, or http: on loopback, or if plain */
	bool plain;         /* http is meant: what lies between is trusted */
	const char *user;   /* basic authentication, or NULL */
	const char *password;
	const struct http_header *headers; /* ended by name NULL, or NULL */
	const struct http_sign *sign;      /* or NULL */
	const char *cacert;       /* authorities to trust; NULL: the system's */
	const char *content_type; /* of the body */
	const char *body;         /* may be NULL */
	size_t body_len;          /* of body, or of what is read from body_fd */
	int body_fd;              /* > 0: the body is there, */
	uint64_t body_at;         /* from this byte on */
	int timeout_secs;         /* 0: 30 */
	size_t max_answer_bytes;  /* 0: 8 MiB */
	bool secret_path; /* the address is a secret but for scheme and host:
			   * no more of it in an error */
	bool status_only; /* what stands in the answer does not matter */
	int stop_fd;      /* > 0: readable gives up, within a second */
};

/* What comes back. A function that returns false has set err and ends the
 * transfer. The header's name is in lower case. */
struct http_answer {
	long status; /* known from the first header on */
	bool (*header)(void *context, const char *name, const char *value,
		struct err *err); /* may be NULL */
	bool (*body)(void *context, const char *data, size_t len,
		struct err *err);
	void *context;
};

/* Never follows redirects; TLS verified; no secret in an error. A transport
 * error is ERR_RETRY, an answer that is too large ERR_REJECT. */
bool http_exchange(struct http *http, const struct http_request *request,
	struct http_answer *answer, struct err *err) MUST_CHECK;

/* The same on a connection of its own, the body into answer, which is emptied
 * first. Sets *status. */
bool http_fetch(const struct http_request *request, long *status,
	struct buf *answer, struct err *err) MUST_CHECK;

/* A mail by SMTP. */
struct http_mail {
	const char *url; /* smtps://host[:port], smtp:// with STARTTLS; smtp://
			  * in the clear on loopback only, see plain */
	bool plain;      /* no TLS: the server is this machine */
	const char *user; /* NULL: no authentication */
	const char *password;
	const char *from;
	const char *const *to; /* ended by NULL */
	const char *text;      /* RFC 5322, lines ended by CRLF */
	size_t len;
	const char *cacert;
	int timeout_secs;      /* 0: 30 */
	int stop_fd;
};

/* TLS verified; no secret in an error. ERR_RETRY: not now; ERR_REJECT with the
 * reply's code: the server refuses (5xx). */
bool http_mail(const struct http_mail *mail, struct err *err) MUST_CHECK;

#endif
