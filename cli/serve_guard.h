/* serve_guard.h - who may ask the page for what. Pure, but for the token's
 * file. */
#ifndef SLUICE_SERVE_GUARD_H
#define SLUICE_SERVE_GUARD_H

#include "common/buf.h"

#define GUARD_TOKEN_TEXT 128 /* bytes of a token, at most */
#define GUARD_WRONG_MAX 10   /* wrong tokens ... */
#define GUARD_WRONG_MS 60000 /* ... within this time, then none is looked at */

/* Whether the name in a Host header (a port behind it does not matter) is one
 * of ours: 127.0.0.1, localhost, [::1], or one of the list, separated by
 * commas or blanks. A page of a name that was made to lead here is none. */
bool guard_host(const char *host, const char *others);
/* Whether the browser says that a page of ours asks: origin (NULL: it says
 * none) must be http:// or https:// and exactly the host. */
bool guard_origin(const char *origin, const char *host);
/* What Sec-Fetch-Site may be (NULL: not said): for a link (page) anything, for
 * data "same-origin" or "none". */
bool guard_site(const char *site, bool page);
/* Whether nobody but this machine can reach "ADDRESS:PORT". */
bool guard_is_loopback(const char *address);

/* -- the token ------------------------------------------------------------- */

/* Reads the token of the file, or makes the file (mode 0600) with a random one.
 * ERR_STOP, EXIT_CONFIG: others may read it, or it holds no token (16 to 127
 * letters, digits and -_.~+/=). */
bool guard_token_read(const char *file, struct buf *token, struct err *err)
	MUST_CHECK;
/* The same bytes? Takes as long for any given token of that length. */
bool guard_token_same(const char *token, const char *given);
/* The token of "Bearer TOKEN"; NULL when it is none. */
const char *guard_bearer(const char *authorization);

/* Wrong tokens of the last minute; zeroed: none. One thread at a time. */
struct guard_rate {
	int64_t at_ms[GUARD_WRONG_MAX];
	size_t next;
};
/* Whether a token may be looked at now. */
bool guard_rate_allows(const struct guard_rate *rate, int64_t now_ms);
void guard_rate_wrong(struct guard_rate *rate, int64_t now_ms);

#endif
