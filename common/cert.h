/* cert.h - until when a server's certificate is good. */
#ifndef SLUICE_CERT_H
#define SLUICE_CERT_H

#include "common/err.h"

#include <stdint.h>

enum cert_kind {
	CERT_TLS,      /* TLS from the first byte */
	CERT_POSTGRES, /* asked for by PostgreSQL's SSLRequest */
};

/* Connects, and reads the notAfter of the certificate that is shown (nothing
 * else of it is checked): days from now, negative when it is over. Gives up
 * after a few seconds. ERR_RETRY: no server, or none that speaks TLS. */
bool cert_days_left(const char *host, int port, enum cert_kind kind,
	int64_t *days, struct err *err) MUST_CHECK;

#endif
