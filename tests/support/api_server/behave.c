/* behave.c - see behave.h; usage.txt tells what each word of a rule does. */
#include "tests/support/api_server/behave.h"

#include "common/clock.h"
#include "common/hash.h"
#include "producer/pack.h"
#include "tests/support/api_server/filler.h"
#include "tests/support/api_server/generate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char bad[] =
	"/bad/401 status=401 echo=authorization\n"
	"/bad/403 status=403 echo=authorization\n"
	"/bad/404 status=404\n"
	"/bad/429-year status=429 retry-after=31536000\n"
	"/bad/429-date status=429 retry-after=+31536000\n"
	"/bad/500 status=500\n"
	"/bad/503 status=503 body=html\n"
	"/bad/spent header=X-RateLimit-Limit:60 "
		"header=X-RateLimit-Remaining:0 "
		"header=X-RateLimit-Reset:9999999999\n"
	"/bad/redirect-host redirect={other}/gen/page\n"
	"/bad/redirect-file redirect=file:///etc/passwd\n"
	"/bad/redirect-self redirect={base}/bad/redirect-self\n"
	"/bad/html body=html\n"
	"/bad/json body=bad-json\n"
	"/bad/empty body=empty\n"
	"/bad/truncated cut=half\n"
	"/bad/truncated-chunked cut=half framing=chunked\n"
	"/bad/truncated-close cut=half framing=close\n"
	"/bad/bomb bomb=blanks\n"
	"/bad/bomb-gzip bomb=gzip\n"
	"/bad/bomb-zstd bomb=zstd\n"
	"/bad/slow drip=1000\n"
	"/bad/hang latency=86400000\n"
	"/bad/loop loop=yes\n"
	"/bad/half?page=3 status=500\n"
	"/bad/half?cursor=c200 status=500\n"
	"/bad/half?offset=200 status=500\n"
	"/bad/clock-ahead date=31536000\n"
	"/bad/clock-behind date=-31536000\n";

const char *behave_bad(void)
{
	return bad;
}

bool behave_knows(const char *word)
{
	static const char *const words[] = { "after", "auth", "body", "bomb",
		"client", "cut", "date", "drip", "echo", "encode", "expires",
		"framing", "header", "latency", "loop", "rate", "redirect",
		"retry-after", "status", "times", "validators" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

/* -- headers ----------------------------------------------------------- */

static void say_date(struct buf *out, int64_t ahead_secs)
{
	const time_t at = time(NULL) + ahead_secs;
	struct tm tm;
	char text[64];

	(void)gmtime_r(&at, &tm);
	(void)strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	say(out, "%s", text);
}

static void set_header(struct answer *answer, const char *name,
	struct buf *value)
{
	pairs_set(&answer->headers, name, value->data);
	buf_clear(value);
}

/* Seconds, or with a sign the date that is so many seconds away. */
static void set_retry_after(const struct pairs *words, struct answer *answer)
{
	const char *wanted = pairs_get(words, "retry-after");
	struct buf value = { 0 };

	if (wanted == NULL)
		return;
	if (wanted[0] == '+' || wanted[0] == '-')
		say_date(&value, strtoll(wanted, NULL, 10));
	else
		say(&value, "%s", wanted);
	set_header(answer, "Retry-After", &value);
}

static void set_date(const struct pairs *words, struct answer *answer)
{
	struct buf value = { 0 };

	if (pairs_get(words, "date") == NULL)
		return;
	say_date(&value, pairs_int(words, "date", 0));
	set_header(answer, "Date", &value);
}

static void set_budget(const struct pairs *words, struct answer *answer)
{
	const int64_t left = pairs_int(words, "rate-left", 0);
	const int64_t reset = pairs_int(words, "rate-reset", 0);
	struct buf value = { 0 };

	if (pairs_get(words, "rate-limit") == NULL)
		return;
	pairs_set(&answer->headers, "X-RateLimit-Limit",
		pairs_get(words, "rate-limit"));
	say(&value, "%lld", (long long)(left < 0 ? 0 : left));
	set_header(answer, "X-RateLimit-Remaining", &value);
	say(&value, "%lld", (long long)(time(NULL) + reset));
	set_header(answer, "X-RateLimit-Reset", &value);
}

/* NAME:VALUE */
static void set_headers(const struct pairs *words, struct answer *answer)
{
	for (size_t i = 0; i < words->count; i++) {
		const char *text = words->list[i].value;
		const char *value = strchr(text, ':');
		char *name;

		if (strcmp(words->list[i].name, "header") != 0 ||
			value == NULL)
			continue;
		name = copy_of(text, (size_t)(value - text));
		pairs_set(&answer->headers, name, value + 1);
		free(name);
	}
}

/* -- answers that rules give ------------------------------------------- */

static void refuse_budget(const struct pairs *words, struct answer *answer)
{
	answer_message(answer, 429, "API rate limit exceeded");
	pairs_set(&answer->headers, "Retry-After",
		pairs_get(words, "rate-reset"));
}

/* {base} is this server, {other} the same under another name. */
static void redirect(const char *to, const struct request *request,
	struct answer *answer)
{
	const char *port = strrchr(request->base, ':');
	struct buf url = { 0 };

	if (strncmp(to, "{base}", 6) == 0)
		say(&url, "%s%s", request->base, to + 6);
	else if (strncmp(to, "{other}", 7) == 0)
		say(&url, "http://localhost%s%s", port, to + 7);
	else
		say(&url, "%s", to);
	set_header(answer, "Location", &url);
}

static void give_body(const char *body, struct answer *answer)
{
	buf_clear(&answer->body);
	pairs_set(&answer->headers, "Content-Type", "application/json");
	if (strcmp(body, "html") == 0) {
		pairs_set(&answer->headers, "Content-Type", "text/html");
		say(&answer->body, "<!DOCTYPE html>\n<html><head><title>Down "
			"for maintenance</title></head><body><h1>We will be "
			"back soon</h1></body></html>\n");
	} else if (strcmp(body, "bad-json") == 0) {
		say(&answer->body, "[\n{\"id\": 1, \"name\": \"one\"},\n"
			"{\"id\": 2, \"name\": two},\n"
			"{\"id\": 3, \"name\": \"three\"}\n]");
	} else if (strncmp(body, "text:", 5) == 0) {
		say(&answer->body, "%s", body + 5);
	}
}

static void give_status(const struct pairs *words,
	const struct request *request, struct answer *answer)
{
	const char *got = pairs_get(&request->headers, "Authorization");
	const bool echo = pairs_get(words, "echo") != NULL && got != NULL;

	answer_message(answer, (unsigned)pairs_int(words, "status", 200),
		echo ? "refused: %s" : "as the test wants it", got);
}

static void give_bomb(const char *bomb, struct answer *answer)
{
	pairs_set(&answer->headers, "Content-Type", "application/json");
	answer->filler = FILL_BLANKS;
	if (strcmp(bomb, "gzip") == 0)
		answer->filler = FILL_GZIP;
	if (strcmp(bomb, "zstd") == 0)
		answer->filler = FILL_ZSTD;
	if (answer->filler != FILL_BLANKS)
		pairs_set(&answer->headers, "Content-Encoding", bomb);
}

/* True: the rules say it all, there is no content to look for. */
static bool decided(struct site *site, const struct pairs *words,
	const struct request *request, struct answer *answer)
{
	const char *auth = pairs_get(words, "auth");
	const char *to = pairs_get(words, "redirect");
	const char *body = pairs_get(words, "body");
	const char *bomb = pairs_get(words, "bomb");
	const bool status = pairs_get(words, "status") != NULL;

	if (auth != NULL && !auth_passes(site->auth, auth, request, answer))
		return true;
	if (pairs_int(words, "rate-left", 0) < 0) {
		refuse_budget(words, answer);
		return true;
	}
	if (to != NULL)
		answer->status = 302;
	if (status)
		give_status(words, request, answer);
	if (to != NULL)
		redirect(to, request, answer);
	if (body != NULL)
		give_body(body, answer);
	if (bomb != NULL)
		give_bomb(bomb, answer);
	return status || to != NULL || body != NULL || bomb != NULL;
}

/* -- content ----------------------------------------------------------- */

/* What /bad/<name>/gen/... is about, or /gen/page where it does not say. */
static const char *path_behind(const char *path)
{
	const char *rest;

	if (strncmp(path, "/bad/", 5) != 0)
		return path;
	rest = strchr(path + 5, '/');
	return rest == NULL ? "/gen/page" : rest;
}

static void content(struct site *site, const struct pairs *words,
	const struct request *request, struct answer *answer)
{
	const char *path = path_behind(request->path);
	const char *client = pairs_get(words, "client");

	if (strcmp(path, "/oauth/token") == 0)
		auth_token(site->auth, client == NULL ? "sluice:of-the-tests" :
			client, pairs_int(words, "expires", 3600), request,
			answer);
	else if (strncmp(path, "/gen/", 5) == 0 &&
		generate(request, path + 5, site->grown,
			pairs_get(words, "loop") != NULL, answer))
		return;
	else if (!cassette_answer(site->cassette, request, answer))
		answer_message(answer, 404, "Not Found");
}

/* -- how it goes out --------------------------------------------------- */

static void validators(const char *which, struct answer *answer)
{
	struct buf tag = { 0 };
	const bool both = strcmp(which, "both") == 0;

	if (both || strcmp(which, "etag") == 0) {
		say(&tag, "W/\"%08x\"", crc32c(0, answer->body.data,
			answer->body.len));
		set_header(answer, "ETag", &tag);
	}
	if (both || strcmp(which, "modified") == 0)
		pairs_set(&answer->headers, "Last-Modified",
			"Sun, 22 Nov 2026 10:00:00 GMT");
}

static bool is_known(const struct request *request, const char *condition,
	const struct answer *answer, const char *validator)
{
	const char *has = pairs_get(&request->headers, condition);
	const char *is = pairs_get(&answer->headers, validator);

	return has != NULL && is != NULL && strstr(has, is) != NULL;
}

/* RFC 9110 13.2.2: If-None-Match counts before If-Modified-Since. */
static void answer_304(const struct request *request, struct answer *answer)
{
	const bool tags = pairs_get(&request->headers, "If-None-Match") != NULL;

	if (answer->status != 200 || strcmp(request->method, "GET") != 0)
		return;
	if (tags ? !is_known(request, "If-None-Match", answer, "ETag") :
		!is_known(request, "If-Modified-Since", answer,
			"Last-Modified"))
		return;
	answer->status = 304;
	buf_clear(&answer->body);
}

static void encode(const char *encoding, const struct request *request,
	struct answer *answer)
{
	const char *accepted = pairs_get(&request->headers, "Accept-Encoding");
	struct buf packed = { 0 };
	struct err err = { 0 };

	if (accepted == NULL || strstr(accepted, encoding) == NULL ||
		answer->body.len == 0)
		return;
	if (strcmp(encoding, "gzip") == 0)
		must(gzip_pack(answer->body.data, answer->body.len, &packed,
			&err));
	else
		zstd_wrap(&answer->body, &packed);
	buf_clear(&answer->body);
	answer->body = packed;
	pairs_set(&answer->headers, "Content-Encoding", encoding);
}

static void break_up(const struct pairs *words, struct answer *answer)
{
	const char *cut = pairs_get(words, "cut");
	const char *framing = pairs_get(words, "framing");

	answer->delay_ms = (int)pairs_int(words, "latency", 0);
	answer->drip_ms = (int)pairs_int(words, "drip", 0);
	if (framing != NULL)
		answer->framing = strcmp(framing, "close") == 0 ? BY_CLOSE :
			strcmp(framing, "chunked") == 0 ? CHUNKED : BY_LENGTH;
	if (cut != NULL)
		answer->cut = strcmp(cut, "half") == 0 ?
			(int64_t)(answer->body.len / 2) :
			strtoll(cut, NULL, 10);
}

void behave(struct site *site, const struct request *request,
	struct answer *answer)
{
	struct pairs words = { 0 };

	rules_match(site->rules, request, &words);
	if (!decided(site, &words, request, answer))
		content(site, &words, request, answer);
	if (answer->status == 200 && pairs_get(&words, "validators") != NULL)
		validators(pairs_get(&words, "validators"), answer);
	answer_304(request, answer);
	if (pairs_get(&words, "encode") != NULL)
		encode(pairs_get(&words, "encode"), request, answer);
	set_budget(&words, answer);
	set_retry_after(&words, answer);
	set_date(&words, answer);
	set_headers(&words, answer);
	break_up(&words, answer);
	journal_note(site->journal, request, answer->status);
	pairs_clear(&words);
}
