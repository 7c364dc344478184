/* httpd_serve.h - the door to libmicrohttpd for pages: a thread for each
 * connection, bodies, headers, answers that go on for ever. Everything is
 * bounded: connections, bytes, and the time of each step, however slowly a
 * client speaks. */
#ifndef SLUICE_HTTPD_SERVE_H
#define SLUICE_HTTPD_SERVE_H

#include "common/buf.h"

struct httpd_server;

/* A request, for as long as it is answered. */
struct httpd_request;
const char *httpd_method(const struct httpd_request *request);
/* Percent-decoded, without the query. */
const char *httpd_path(const struct httpd_request *request);
/* Of the query, decoded; NULL: it has none. The first of several. */
const char *httpd_query(const struct httpd_request *request, const char *name);
/* NULL: it has none. The first of several. */
const char *httpd_header(const struct httpd_request *request,
	const char *name);
/* How often it has that header. */
size_t httpd_header_count(const struct httpd_request *request,
	const char *name);
/* What came behind the headers; whole. */
const struct buf *httpd_body(const struct httpd_request *request);

/* An answer that goes on: next blocks until it has appended something, for
 * some seconds at most; false ends the answer. end is called once, whatever
 * happens. */
struct httpd_stream {
	bool (*next)(void *context, struct buf *out);
	void (*end)(void *context);
	void *context;
};

struct httpd_field {
	const char *name; /* NULL ends a list */
	const char *value;
};

#define HTTPD_FIELDS 4

struct httpd_reply {
	unsigned status;         /* 200 unless set */
	const char *type;        /* "text/plain; charset=utf-8" unless set */
	struct buf body;         /* cleared by the server; or */
	const void *bytes;       /* this, which lives as long as the program */
	size_t len;
	struct httpd_stream stream; /* or this, when next is set */
	struct httpd_field fields[HTTPD_FIELDS + 1]; /* borrowed for the call */
};

/* In any thread; may take its time. */
typedef void httpd_responder(void *context,
	const struct httpd_request *request, struct httpd_reply *reply);

struct httpd_options {
	const char *address;   /* as httpd_start */
	httpd_responder *respond;
	void *context;         /* borrowed */
	const struct httpd_field *fields; /* of every answer; borrowed */
	size_t connections;    /* at most */
	size_t body_bytes;     /* at most; more is 413 */
	int step_secs;         /* for the headers, for the body, and for a
				* connection that waits for the next request */
	int answer_secs;       /* for taking the answer */
};

/* As httpd_start. Who comes when all connections are taken gets the place of the
 * one that has said nothing for longest. */
struct httpd_server *httpd_serve(const struct httpd_options *options,
	struct err *err);
unsigned httpd_server_port(const struct httpd_server *server);
/* Cuts what is under way; streams must be made to end by the caller before.
 * NULL does nothing. */
void httpd_server_stop(struct httpd_server *server);

#endif
