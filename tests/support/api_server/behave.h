/* behave.h - one request to the test server: rules, content, misbehaviour. */
#ifndef SLUICE_TEST_API_BEHAVE_H
#define SLUICE_TEST_API_BEHAVE_H

#include "tests/support/api_server/auth.h"
#include "tests/support/api_server/cassette.h"
#include "tests/support/api_server/journal.h"
#include "tests/support/api_server/rules.h"

#include <stdatomic.h>

struct site {
	struct rules *rules;
	struct journal *journal;
	struct cassette *cassette;
	struct auth *auth;
	_Atomic int64_t grown; /* records there are more than at the start */
};

/* The rules of /bad/..., which are always there. */
const char *behave_bad(void);
bool behave_knows(const char *word);

/* Decides the answer and notes the request. */
void behave(struct site *site, const struct request *request,
	struct answer *answer);

/* What /_control/... does. */
void control(struct site *site, const struct request *request,
	struct answer *answer);

#endif
