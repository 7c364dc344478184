/* test_api_auth.c - who asks: each kind of credential, and that none is
 * written anywhere. */
#include "producer/api_auth.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VARIABLE "SLUICE_TEST_API_SECRET"

static char text[9][32] = { VARIABLE, "me", "X-Api-Key", "api_key", "Token ",
	"https://a/token", "read all", "", "" };

static struct api_auth auth_of(enum api_auth_kind kind)
{
	return (struct api_auth){ .kind = kind, .secret.env = text[0] };
}

static bool login_with(const struct api_auth *auth, const char *secret,
	const struct api_token *token, enum api_auth_need *need,
	struct api_login *login, struct err *err)
{
	static const struct api_token none = { .text = NULL };

	*login = (struct api_login){ .user = NULL };
	memset(err, 0, sizeof(*err));
	if (secret == NULL)
		(void)unsetenv(VARIABLE);
	else
		(void)setenv(VARIABLE, secret, 1);
	return api_auth_login(auth, token != NULL ? token : &none, 1000, need,
		login, err);
}

static void check_header(const struct api_auth *auth, const char *name,
	const char *value)
{
	enum api_auth_need need;
	struct api_login login;
	struct err err;

	CU_ASSERT_TRUE(login_with(auth, "s3cret", NULL, &need, &login, &err));
	CU_ASSERT_EQUAL(need, API_AUTH_READY);
	CU_ASSERT_STRING_EQUAL(login.header_name, name);
	CU_ASSERT_STRING_EQUAL(login.header_value, value);
	CU_ASSERT_STRING_EQUAL(login.secret, "s3cret");
	CU_ASSERT_PTR_NULL(login.query_value);
	CU_ASSERT_PTR_NULL(login.password);
	api_login_clear(&login);
	CU_ASSERT_PTR_NULL(login.header_value);
}

static void each_kind_goes_where_it_belongs(void)
{
	struct api_auth auth = auth_of(API_AUTH_BEARER);
	enum api_auth_need need;
	struct api_login login;
	struct err err;

	check_header(&auth, "Authorization", "Bearer s3cret");
	auth.prefix = text[4];
	check_header(&auth, "Authorization", "Token s3cret");
	auth = auth_of(API_AUTH_KEY);
	auth.header = text[2];
	check_header(&auth, "X-Api-Key", "s3cret");
	auth = auth_of(API_AUTH_KEY);
	auth.query = text[3];
	CU_ASSERT_TRUE(login_with(&auth, "s3cret", NULL, &need, &login, &err));
	CU_ASSERT_PTR_NULL(login.header_name);
	CU_ASSERT_STRING_EQUAL(login.query_name, "api_key");
	CU_ASSERT_STRING_EQUAL(login.query_value, "s3cret");
	api_login_clear(&login);
	auth = auth_of(API_AUTH_BASIC);
	auth.user = text[1];
	CU_ASSERT_TRUE(login_with(&auth, "s3cret", NULL, &need, &login, &err));
	CU_ASSERT_STRING_EQUAL(login.user, "me");
	CU_ASSERT_STRING_EQUAL(login.password, "s3cret");
	api_login_clear(&login);
	auth = auth_of(API_AUTH_NONE);
	CU_ASSERT_TRUE(login_with(&auth, NULL, NULL, &need, &login, &err));
	CU_ASSERT_PTR_NULL(login.header_name);
}

static void check_refused(const struct api_auth *auth, const char *secret,
	const char *says)
{
	enum api_auth_need need;
	struct api_login login;
	struct err err;

	CU_ASSERT_FALSE(login_with(auth, secret, NULL, &need, &login, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, says));
	if (secret != NULL && secret[0] != '\0')
		CU_ASSERT_PTR_NULL(strstr(err.text, secret));
	api_login_clear(&login);
}

static void what_cannot_be_sent_is_refused(void)
{
	struct api_auth auth = auth_of(API_AUTH_BEARER);
	enum api_auth_need need;
	struct api_login login;
	struct err err;

	check_refused(&auth, NULL, "the token of variable " VARIABLE);
	check_refused(&auth, "", "not set");
	check_refused(&auth, "a\r\nX-Other: b", "control byte");
	auth.optional = true;
	CU_ASSERT_TRUE(login_with(&auth, NULL, NULL, &need, &login, &err));
	CU_ASSERT_PTR_NULL(login.header_name);
	check_refused(&auth, "a\nb", "control byte");
}

static void write_secret(const char *path, const char *secret, mode_t mode)
{
	FILE *file = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	(void)fputs(secret, file);
	(void)fclose(file);
	CU_ASSERT_EQUAL(chmod(path, mode), 0);
}

static void files_are_read_anew_and_kept_private(void)
{
	char dir[] = "/tmp/sluice-auth-XXXXXX", path[64];
	struct api_auth auth = { .kind = API_AUTH_BEARER };

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/token", dir);
	auth.secret.file = path;
	check_refused(&auth, NULL, path);
	write_secret(path, "s3cret\n", 0600);
	check_header(&auth, "Authorization", "Bearer s3cret");
	write_secret(path, "another", 0600);
	CU_ASSERT_EQUAL(chmod(path, 0644), 0);
	check_refused(&auth, NULL, path);
	(void)unlink(path);
	(void)rmdir(dir);
}

/* -- OAuth 2.0 --------------------------------------------------------------- */

static bool read_token(const char *body, int64_t now_ms,
	struct api_token *token)
{
	struct err err = { 0 };
	const bool ok = api_token_read(body, strlen(body), now_ms, token,
		&err);

	CU_ASSERT_EQUAL(err.kind, ok ? ERR_NONE : ERR_REJECT);
	CU_ASSERT_PTR_NULL(strstr(err.text, "t0ken"));
	return ok;
}

static void tokens_are_kept_until_they_expire(void)
{
	const struct api_auth auth = auth_of(API_AUTH_OAUTH2);
	struct api_token token = { .text = NULL };
	enum api_auth_need need;
	struct api_login login;
	struct err err;

	CU_ASSERT_TRUE(login_with(&auth, "x", &token, &need, &login, &err));
	CU_ASSERT_EQUAL(need, API_AUTH_TOKEN);
	CU_ASSERT_TRUE(read_token("{\"access_token\":\"t0ken\","
		"\"expires_in\":3600}", 0, &token));
	CU_ASSERT_TRUE(token.until_ms > 3000000 && token.until_ms < 3600000);
	CU_ASSERT_TRUE(login_with(&auth, "x", &token, &need, &login, &err));
	CU_ASSERT_EQUAL(need, API_AUTH_READY);
	CU_ASSERT_STRING_EQUAL(login.header_value, "Bearer t0ken");
	api_login_clear(&login);
	token.until_ms = 1000; /* now */
	CU_ASSERT_TRUE(login_with(&auth, "x", &token, &need, &login, &err));
	CU_ASSERT_EQUAL(need, API_AUTH_TOKEN);
	CU_ASSERT_TRUE(read_token("{\"access_token\":\"t0ken\","
		"\"expires_in\":2}", 5000, &token));
	CU_ASSERT_TRUE(token.until_ms > 5000 && token.until_ms < 7000);
	CU_ASSERT_TRUE(read_token("{\"access_token\":\"t0ken\"}", 0, &token));
	CU_ASSERT_TRUE(token.until_ms > 0);
	CU_ASSERT_TRUE(read_token("{\"access_token\":\"t0ken\","
		"\"expires_in\":99999999999}", 0, &token));
	CU_ASSERT_TRUE(token.until_ms <= 86400000);
	CU_ASSERT_FALSE(read_token("{\"access_token\":\"t0ken\\n\"}", 0,
		&token));
	CU_ASSERT_PTR_NULL(token.text);
	CU_ASSERT_FALSE(read_token("{\"access_token\":7}", 0, &token));
	CU_ASSERT_FALSE(read_token("t0ken", 0, &token));
	api_token_clear(&token);
}

static void tokens_are_asked_for_by_the_client(void)
{
	struct api_auth auth = auth_of(API_AUTH_OAUTH2);
	struct api_login login = { .user = NULL };
	struct buf body = { 0 };
	struct err err = { 0 };

	auth.user = text[1];
	auth.scope = text[6];
	(void)setenv(VARIABLE, "of-client", 1);
	CU_ASSERT_TRUE(api_token_request(&auth, &body, &login, &err));
	CU_ASSERT_STRING_EQUAL(body.data,
		"grant_type=client_credentials&scope=read%20all");
	CU_ASSERT_STRING_EQUAL(login.user, "me");
	CU_ASSERT_STRING_EQUAL(login.password, "of-client");
	api_login_clear(&login);
	buf_clear(&body);
}

/* -- hiding ------------------------------------------------------------------ */

static void check_hidden(struct api_login *login, const char *shown,
	const char *want)
{
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(buf_add_str(&out, shown, &err));
	CU_ASSERT_TRUE(api_login_hide(login, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.data, want);
	buf_clear(&out);
}

static void secrets_are_hidden_however_they_are_written(void)
{
	struct api_login key = { .header_name = text[2],
		.header_value = strdup("Bearer s3c/ret+"),
		.secret = strdup("s3c/ret+") };
	struct api_login basic = { .user = text[1],
		.password = strdup("pa55:word") };
	struct api_login query = { .query_name = text[3],
		.query_value = strdup("qu3 ry") };
	struct api_login none = { .user = NULL };

	check_hidden(&key, "a s3c/ret+ b s3c%2Fret%2B", "a REMOVED b REMOVED");
	check_hidden(&key, "s3c/ret+s3c/ret+", "REMOVEDREMOVED");
	check_hidden(&query, "?api_key=qu3%20ry&x", "?api_key=REMOVED&x");
	/* printf me:pa55:word | base64 */
	check_hidden(&basic, "Basic bWU6cGE1NTp3b3Jk; pa55:word",
		"Basic REMOVED; REMOVED");
	check_hidden(&none, "all of it", "all of it");
	free(key.header_value);
	free(key.secret);
	free(basic.password);
	free(query.query_value);
}

CU_TestInfo api_auth_tests[] = {
	{ "each kind goes where it belongs", each_kind_goes_where_it_belongs },
	{ "what cannot be sent is refused", what_cannot_be_sent_is_refused },
	{ "files are read anew, and kept private",
		files_are_read_anew_and_kept_private },
	{ "tokens are kept until they expire",
		tokens_are_kept_until_they_expire },
	{ "tokens are asked for by the client",
		tokens_are_asked_for_by_the_client },
	{ "secrets are hidden however they are written",
		secrets_are_hidden_however_they_are_written },
	CU_TEST_INFO_NULL,
};
