/* urls.h - the servers' addresses as other programs want them. Pure. */
#ifndef SLUICE_URLS_H
#define SLUICE_URLS_H

#include "common/config.h"

/* Percent-encodes all but RFC 3986's unreserved characters. */
bool urls_add_encoded(struct buf *out, const char *text, struct err *err)
	MUST_CHECK;

/* amqp://USER[:PASSWORD]@HOST:PORT/VHOST, every part percent-encoded; amqps
 * with TLS. password NULL: left out. */
bool urls_amqp(const struct config *config, const char *user,
	const char *password, struct buf *out, struct err *err) MUST_CHECK;

/* postgresql://USER[:PASSWORD]@HOST:PORT/NAME[?sslmode=...], as libpq reads
 * it; a socket folder is an encoded host. */
bool urls_database(const struct config *config, const char *user,
	const char *password, struct buf *out, struct err *err) MUST_CHECK;

#endif
