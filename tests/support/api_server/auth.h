/* auth.h - who may ask: the test server's credentials. */
#ifndef SLUICE_TEST_API_AUTH_H
#define SLUICE_TEST_API_AUTH_H

#include "tests/support/api_server/message.h"

struct auth;

struct auth *auth_new(void);
/* demand: bearer:TOKEN, basic:USER:PASSWORD, header:NAME:VALUE,
 * query:NAME:VALUE or oauth (a token of ours that is still good). False: the
 * answer is 401, as the demand words it. */
bool auth_passes(struct auth *auth, const char *demand,
	const struct request *request, struct answer *answer) MUST_CHECK;
/* POST /oauth/token (RFC 6749 4.4): client and secret as basic authentication
 * or in the body; client is ID:SECRET. A token is good for so many seconds. */
void auth_token(struct auth *auth, const char *client, int64_t seconds,
	const struct request *request, struct answer *answer);
/* No token handed out before is good any more. */
void auth_expire(struct auth *auth);
int64_t auth_tokens_given(struct auth *auth);

#endif
