/* api_auth.c - who asks. */
#include "producer/api_auth.h"

#include "common/api_template.h"
#include "common/config.h"
#include "common/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EARLY_MS INT64_C(30000) /* a token that is about to expire is old */
#define TOKEN_SECS INT64_C(300) /* where the server does not say */
#define HIDE_MIN 4              /* shorter texts are in everything */

/* -- the secret -------------------------------------------------------- */

const char *api_auth_name(const struct api_auth *auth, char out[256])
{
	static const char *const what[] = {
		[API_AUTH_NONE] = "no credential",
		[API_AUTH_BEARER] = "the token",
		[API_AUTH_BASIC] = "the password",
		[API_AUTH_KEY] = "the key",
		[API_AUTH_OAUTH2] = "the client's secret",
	};
	const char *name = what[auth->kind];

	if (auth->secret.file != NULL)
		(void)snprintf(out, 256, "%s of file %.200s", name,
			auth->secret.file);
	else if (auth->secret.env != NULL)
		(void)snprintf(out, 256, "%s of variable %.200s", name,
			auth->secret.env);
	else
		(void)snprintf(out, 256, "%s", name);
	return out;
}

static bool read_secret(const struct api_auth *auth, struct buf *out,
	struct err *err)
{
	const char *text = auth->secret.env == NULL ? NULL :
		getenv(auth->secret.env);
	const struct account account = {
		.password_file = auth->secret.file };
	struct err why = { 0 };
	char name[256];

	if (auth->secret.env != NULL)
		return text == NULL || text[0] == '\0' ||
			buf_add_str(out, text, err);
	if (config_password(&account, out, &why))
		return true;
	return err_set(err, ERR_REJECT, "%s: %s",
		api_auth_name(auth, name), why.text);
}

static void wipe(char **text)
{
	if (*text != NULL)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void api_login_clear(struct api_login *login)
{
	wipe(&login->header_value);
	wipe(&login->query_value);
	wipe(&login->password);
	wipe(&login->secret);
	free(login->header_name);
	free(login->query_name);
	free(login->user);
	*login = (struct api_login){ .header_name = NULL };
}

void api_token_clear(struct api_token *token)
{
	wipe(&token->text);
	token->until_ms = 0;
}

static bool copy(char **to, const char *from, struct err *err)
{
	*to = strdup(from);
	return *to != NULL || err_memory(err);
}

static bool joined(char **to, const char *prefix, const char *secret,
	struct err *err)
{
	struct buf text = { 0 };
	const bool ok = buf_add_str(&text, prefix, err) &&
		buf_add_str(&text, secret, err);

	*to = ok ? buf_take(&text) : NULL;
	buf_clear(&text);
	return ok;
}

/* A line break would make a second header. */
static bool check_secret(const struct api_auth *auth, const struct buf *secret,
	struct err *err)
{
	char name[256];

	for (size_t i = 0; i < secret->len; i++)
		if ((unsigned char)secret->data[i] < 0x20)
			return err_set(err, ERR_REJECT, "%s holds a control "
				"byte (a second line?)",
				api_auth_name(auth, name));
	return secret->len > 0 || err_set(err, ERR_REJECT, "%s is empty or "
		"not set", api_auth_name(auth, name));
}

/* -- what goes with a request ------------------------------------------ */

static bool fill(const struct api_auth *auth, const char *secret,
	struct api_login *login, struct err *err)
{
	const char *prefix = auth->prefix != NULL ? auth->prefix :
		auth->kind == API_AUTH_KEY ? "" : "Bearer ";

	if (auth->kind == API_AUTH_BASIC)
		return copy(&login->user, auth->user, err) &&
			copy(&login->password, secret, err);
	if (auth->query != NULL)
		return copy(&login->query_name, auth->query, err) &&
			copy(&login->query_value, secret, err);
	return copy(&login->secret, secret, err) &&
		copy(&login->header_name, auth->header != NULL ? auth->header :
			"Authorization", err) &&
		joined(&login->header_value, prefix, secret, err);
}

bool api_auth_login(const struct api_auth *auth,
	const struct api_token *token, int64_t now_ms,
	enum api_auth_need *need, struct api_login *login, struct err *err)
{
	struct buf secret = { 0 };
	bool ok;

	*need = API_AUTH_READY;
	if (auth->kind == API_AUTH_NONE)
		return true;
	if (auth->kind == API_AUTH_OAUTH2) {
		if (token->text != NULL && now_ms < token->until_ms)
			return fill(auth, token->text, login, err);
		*need = API_AUTH_TOKEN;
		return true;
	}
	ok = read_secret(auth, &secret, err);
	if (ok && (secret.len > 0 || !auth->optional))
		ok = check_secret(auth, &secret, err) &&
			fill(auth, secret.data, login, err);
	if (secret.data != NULL)
		explicit_bzero(secret.data, secret.len);
	buf_clear(&secret);
	return ok;
}

/* -- OAuth 2.0 ------------------------------------------------------------ */

bool api_token_request(const struct api_auth *auth, struct buf *body,
	struct api_login *login, struct err *err)
{
	struct buf secret = { 0 };
	bool ok = read_secret(auth, &secret, err) &&
		check_secret(auth, &secret, err) &&
		copy(&login->user, auth->user, err) &&
		copy(&login->password, secret.data, err) &&
		buf_add_str(body, "grant_type=client_credentials", err);

	if (ok && auth->scope != NULL)
		ok = buf_add_str(body, "&scope=", err) &&
			api_percent_add(body, auth->scope,
				strlen(auth->scope), err);
	if (secret.data != NULL)
		explicit_bzero(secret.data, secret.len);
	buf_clear(&secret);
	return ok;
}

static bool take_token(const struct json *root, int64_t now_ms,
	struct api_token *token, struct err *err)
{
	const char *text = json_text(json_get(root, "access_token"));
	int64_t secs = json_int(json_get(root, "expires_in"), TOKEN_SECS);

	if (text == NULL || text[0] == '\0')
		return err_set(err, ERR_REJECT, "no access_token in the answer "
			"of token_url");
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < 0x21 || *c == 0x7f)
			return err_set(err, ERR_REJECT, "the access_token has "
				"a byte that cannot be sent");
	if (secs < 1)
		secs = 1;
	if (secs > 86400)
		secs = 86400;
	token->until_ms = now_ms + (secs > 60 ? secs * 1000 - EARLY_MS :
		secs * 500);
	return copy(&token->text, text, err);
}

bool api_token_read(const char *body, size_t len, int64_t now_ms,
	struct api_token *token, struct err *err)
{
	struct err why = { 0 };
	struct json *root = json_read(body, len, &why);
	bool ok;

	api_token_clear(token);
	ok = root != NULL ? take_token(root, now_ms, token, err) :
		err_set(err, ERR_REJECT, "the answer of token_url is no JSON");
	json_free(root);
	return ok;
}

/* -- hiding ----------------------------------------------------------------- */

static bool hide_one(const char *secret, struct buf *text, struct err *err)
{
	struct buf out = { 0 };
	const char *at = text->data, *hit;
	bool ok = true;

	if (secret == NULL || strlen(secret) < HIDE_MIN || at == NULL ||
		strstr(at, secret) == NULL)
		return true;
	while (ok && (hit = strstr(at, secret)) != NULL) {
		ok = buf_add(&out, at, (size_t)(hit - at), err) &&
			buf_add_str(&out, "REMOVED", err);
		at = hit + strlen(secret);
	}
	ok = ok && buf_add_str(&out, at, err);
	if (ok) {
		buf_clear(text);
		*text = out;
	} else
		buf_clear(&out);
	return ok;
}

/* As it is, and as it stands in an address. */
static bool hide_both(const char *secret, struct buf *text, struct err *err)
{
	struct buf encoded = { 0 };
	bool ok = hide_one(secret, text, err);

	if (ok && secret != NULL)
		ok = api_percent_add(&encoded, secret, strlen(secret), err) &&
			hide_one(encoded.data, text, err);
	buf_clear(&encoded);
	return ok;
}

/* As basic authentication sends it. */
static bool hide_basic(const struct api_login *login, struct buf *text,
	struct err *err)
{
	struct buf plain = { 0 }, sent = { 0 };
	bool ok;

	if (login->password == NULL)
		return true;
	ok = buf_printf(&plain, err, "%s:%s", login->user, login->password) &&
		buf_add_base64(&sent, plain.data, plain.len, err) &&
		hide_one(sent.data, text, err);
	if (plain.data != NULL)
		explicit_bzero(plain.data, plain.len);
	if (sent.data != NULL)
		explicit_bzero(sent.data, sent.len);
	buf_clear(&plain);
	buf_clear(&sent);
	return ok;
}

bool api_login_hide(const struct api_login *login, struct buf *text,
	struct err *err)
{
	return hide_both(login->header_value, text, err) &&
		hide_both(login->secret, text, err) &&
		hide_both(login->query_value, text, err) &&
		hide_both(login->password, text, err) &&
		hide_basic(login, text, err);
}
