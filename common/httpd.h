/* httpd.h - the door to libmicrohttpd: a small HTTP server of one thread, for
 * few and short requests. Everything is bounded: connections, headers, time.
 * Who comes when all connections are taken takes the place of the one that has
 * been there longest without asking, if it had time to: idle and slow clients
 * keep nobody out. */
#ifndef SLUICE_HTTPD_H
#define SLUICE_HTTPD_H

#include "common/buf.h"

struct httpd;

struct httpd_answer {
	unsigned status;  /* 200 unless set */
	const char *type; /* a literal; "text/plain; charset=utf-8" unless set */
	struct buf body;
};

/* Called in the server's thread for GET and HEAD; path without the query.
 * Anything it leaves undone is an empty answer. */
typedef void httpd_handler(void *context, const char *path,
	struct httpd_answer *answer);

/* address: "ADDRESS:PORT", "[ADDRESS]:PORT" or "NAME:PORT"; port 0: one that is
 * free. NULL: it cannot be had, ERR_STOP/EXIT_SERVER. Borrows the context. */
struct httpd *httpd_start(const char *address, httpd_handler *handler,
	void *context, struct err *err);
/* The port it listens on. */
unsigned httpd_port(const struct httpd *httpd);
/* Ends the thread; requests under way are cut. NULL does nothing. */
void httpd_stop(struct httpd *httpd);

#endif
