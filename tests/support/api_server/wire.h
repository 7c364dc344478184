/* wire.h - the test server's door to libmicrohttpd: each connection has a
 * thread, each request is handed to one function and its answer sent, however
 * badly the answer wants to be sent. */
#ifndef SLUICE_TEST_API_WIRE_H
#define SLUICE_TEST_API_WIRE_H

#include "tests/support/api_server/message.h"

/* Called by many threads at once. The answer comes as 200 and empty. */
typedef void wire_serve(void *context, const struct request *request,
	struct answer *answer);

struct wire_options {
	const char *certificate; /* PEM text; NULL: no TLS */
	const char *key;
	int port;                /* 0: any that is free */
	wire_serve *serve;
	void *context;
};

struct wire;

/* Listens on 127.0.0.1. NULL: see err. It never stops: the program ends. */
struct wire *wire_start(const struct wire_options *options, struct err *err);
int wire_port(const struct wire *wire);

#endif
