/* auth.c - see auth.h. */
#include "tests/support/api_server/auth.h"

#include "common/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Tokens are "tok-<number>-of-the-tests"; number n expires at expiry[n]. */
#define TOKENS_MAX 4096

struct auth {
	pthread_mutex_t lock;
	int64_t given;
	int64_t expiry[TOKENS_MAX]; /* monotonic ms */
};

struct auth *auth_new(void)
{
	struct auth *auth = must_have(calloc(1, sizeof(struct auth)));

	(void)pthread_mutex_init(&auth->lock, NULL);
	return auth;
}

/* -- basic (RFC 7617) -------------------------------------------------- */

static void say_base64(struct buf *out, const char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz0123456789+/";
	const size_t len = strlen(text);

	for (size_t i = 0; i < len; i += 3) {
		const unsigned a = (unsigned char)text[i];
		const unsigned b = i + 1 < len ? (unsigned char)text[i + 1] : 0;
		const unsigned c = i + 2 < len ? (unsigned char)text[i + 2] : 0;
		const unsigned all = a << 16 | b << 8 | c;
		char four[] = { digits[all >> 18], digits[all >> 12 & 63],
			digits[all >> 6 & 63], digits[all & 63] };

		if (i + 2 >= len)
			four[3] = '=';
		if (i + 1 >= len)
			four[2] = '=';
		say_bytes(out, four, sizeof(four));
	}
}

static bool is_authorization(const struct request *request,
	const char *scheme, const char *rest)
{
	const char *got = pairs_get(&request->headers, "Authorization");
	const size_t len = strlen(scheme);

	return got != NULL && strncasecmp(got, scheme, len) == 0 &&
		got[len] == ' ' && strcmp(got + len + 1, rest) == 0;
}

static bool is_basic(const struct request *request, const char *pair)
{
	struct buf want = { 0 };
	bool is;

	say_base64(&want, pair);
	is = want.len > 0 && is_authorization(request, "Basic", want.data);
	buf_clear(&want);
	return is;
}

static bool is_bearer(const struct request *request, const char *token)
{
	return is_authorization(request, "Bearer", token);
}

/* "NAME:VALUE" */
static bool is_among(const struct pairs *pairs, const char *want)
{
	const char *value = strchr(want, ':');
	const char *got;
	char *name;

	if (value == NULL)
		return false;
	name = copy_of(want, (size_t)(value - want));
	got = pairs_get(pairs, name);
	free(name);
	return got != NULL && strcmp(got, value + 1) == 0;
}

static bool is_header(const struct request *request, const char *want)
{
	return is_among(&request->headers, want);
}

static bool is_query(const struct request *request, const char *want)
{
	return is_among(&request->query, want);
}

/* -- tokens ------------------------------------------------------------ */

static bool is_good_token(struct auth *auth, const struct request *request)
{
	const char *got = pairs_get(&request->headers, "Authorization");
	const int64_t now = clock_now_ms();
	long long number;
	int end = 0;
	bool good;

	if (got == NULL || sscanf(got, "Bearer tok-%lld-of-the-tests%n",
		&number, &end) != 1 || end == 0 || got[end] != '\0')
		return false;
	(void)pthread_mutex_lock(&auth->lock);
	good = number > 0 && number <= auth->given &&
		number > auth->given - TOKENS_MAX &&
		now < auth->expiry[number % TOKENS_MAX];
	(void)pthread_mutex_unlock(&auth->lock);
	return good;
}

static bool is_client(const struct request *request, const char *client)
{
	struct pairs form = { 0 };
	struct buf got = { 0 };
	bool is = is_basic(request, client);

	if (request->body.len > 0)
		pairs_read_query(&form, request->body.data,
			request->body.len);
	if (!is && pairs_get(&form, "client_id") != NULL &&
		pairs_get(&form, "client_secret") != NULL) {
		say(&got, "%s:%s", pairs_get(&form, "client_id"),
			pairs_get(&form, "client_secret"));
		is = strcmp(got.data, client) == 0;
	}
	is = is && pairs_get(&form, "grant_type") != NULL &&
		strcmp(pairs_get(&form, "grant_type"),
			"client_credentials") == 0;
	pairs_clear(&form);
	buf_clear(&got);
	return is;
}

static int64_t new_token(struct auth *auth, int64_t seconds)
{
	int64_t number;

	(void)pthread_mutex_lock(&auth->lock);
	number = ++auth->given;
	auth->expiry[number % TOKENS_MAX] = clock_now_ms() + seconds * 1000;
	(void)pthread_mutex_unlock(&auth->lock);
	return number;
}

void auth_token(struct auth *auth, const char *client, int64_t seconds,
	const struct request *request, struct answer *answer)
{
	if (strcmp(request->method, "POST") != 0) {
		answer_message(answer, 405, "tokens are given to POST");
		return;
	}
	pairs_set(&answer->headers, "Content-Type", "application/json");
	pairs_set(&answer->headers, "Cache-Control", "no-store");
	if (!is_client(request, client)) {
		answer->status = 401;
		say(&answer->body, "{\"error\": \"invalid_client\"}");
		return;
	}
	say(&answer->body, "{\"access_token\": \"tok-%lld-of-the-tests\", "
		"\"token_type\": \"Bearer\", \"expires_in\": %lld}",
		(long long)new_token(auth, seconds), (long long)seconds);
}

void auth_expire(struct auth *auth)
{
	(void)pthread_mutex_lock(&auth->lock);
	memset(auth->expiry, 0, sizeof(auth->expiry));
	(void)pthread_mutex_unlock(&auth->lock);
}

int64_t auth_tokens_given(struct auth *auth)
{
	int64_t given;

	(void)pthread_mutex_lock(&auth->lock);
	given = auth->given;
	(void)pthread_mutex_unlock(&auth->lock);
	return given;
}

/* -- demands ----------------------------------------------------------- */

static const struct {
	const char *word;
	bool (*is)(const struct request *request, const char *want);
	const char *scheme; /* for WWW-Authenticate */
} demands[] = {
	{ "bearer:", is_bearer, "Bearer realm=\"tests\"" },
	{ "basic:", is_basic, "Basic realm=\"tests\"" },
	{ "header:", is_header, "ApiKey realm=\"tests\"" },
	{ "query:", is_query, "ApiKey realm=\"tests\"" },
};

static bool refuse(struct answer *answer, const char *scheme)
{
	answer_message(answer, 401, "Bad credentials");
	pairs_set(&answer->headers, "WWW-Authenticate", scheme);
	return false;
}

bool auth_passes(struct auth *auth, const char *demand,
	const struct request *request, struct answer *answer)
{
	if (strcmp(demand, "oauth") == 0)
		return is_good_token(auth, request) || refuse(answer,
			"Bearer realm=\"tests\", error=\"invalid_token\"");
	for (size_t i = 0; i < sizeof(demands) / sizeof(demands[0]); i++) {
		const size_t len = strlen(demands[i].word);

		if (strncmp(demand, demands[i].word, len) == 0)
			return demands[i].is(request, demand + len) ||
				refuse(answer, demands[i].scheme);
	}
	answer_message(answer, 500, "no such auth: %s", demand);
	return false;
}
