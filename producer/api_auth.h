/* api_auth.h - who asks: secrets read when they are needed, and kept out of
 * everything that is written down. */
#ifndef SLUICE_API_AUTH_H
#define SLUICE_API_AUTH_H

#include "common/http_client.h"
#include "common/pipeline_api.h"

/* What goes with a request. Cleared by api_login_clear, which wipes it. */
struct api_login {
	char *header_name, *header_value; /* NULL: none */
	char *query_name, *query_value;
	char *user, *password;            /* basic */
	char *secret; /* the same without what stands around it, or NULL */
};

/* An access token (OAuth 2.0), kept until shortly before it expires. Zeroed:
 * there is none. */
struct api_token {
	char *text;
	int64_t until_ms; /* monotonic */
};

enum api_auth_need {
	API_AUTH_READY, /* *login is filled */
	API_AUTH_TOKEN, /* a token has to be asked for first */
};

/* "the token of file /run/x", "the key of variable X": never its value. */
const char *api_auth_name(const struct api_auth *auth, char out[256]);

/* Reads the secret (a file's trailing newline cut; one that others may read is
 * refused) and fills *login. ERR_REJECT: there is none. */
bool api_auth_login(const struct api_auth *auth,
	const struct api_token *token, int64_t now_ms,
	enum api_auth_need *need, struct api_login *login, struct err *err)
	MUST_CHECK;
void api_login_clear(struct api_login *login);

/* The body of the request for a token (RFC 6749 4.4.2, form-encoded; client
 * and secret go by basic authentication into *login). */
bool api_token_request(const struct api_auth *auth, struct buf *body,
	struct api_login *login, struct err *err) MUST_CHECK;
/* What came back, into *token. ERR_REJECT: no token in it. */
bool api_token_read(const char *body, size_t len, int64_t now_ms,
	struct api_token *token, struct err *err) MUST_CHECK;
void api_token_clear(struct api_token *token);

/* Puts REMOVED in place of each secret of the login that occurs in text. */
bool api_login_hide(const struct api_login *login, struct buf *text,
	struct err *err) MUST_CHECK;

#endif
