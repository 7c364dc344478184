/* test_object_s3.c - what is asked of a bucket, and what its troubles become;
 * tests/objects tries a real server. */
#include "common/object_store.h"
#include "common/s3_upload.h"
#include "tests/support/scripted.h"

#define OK(more) "HTTP/1.1 200 OK\r\n" more "Content-Length: 0\r\n\r\n"
#define BUSY "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
#define GONE "HTTP/1.1 204 No Content\r\n\r\n"
/* of "hello" */
#define SHA256 "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b" \
	"9824"
#define HELLO(sha256) "HTTP/1.1 200 OK\r\nx-amz-meta-sha256: " sha256 \
	"\r\nContent-Length: 5\r\n\r\nhello"

static char *made[16]; /* answers that stop() frees */
static size_t made_count;

static const char *answer(const char *status, const char *body)
{
	const size_t size = strlen(body) + 128;
	char *text = malloc(size);

	CU_ASSERT_FATAL(text != NULL && made_count < 16);
	(void)snprintf(text, size, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n"
		"\r\n%s", status, strlen(body), body);
	return made[made_count++] = text;
}

static const char *failed(const char *status, const char *code)
{
	char body[256];

	(void)snprintf(body, sizeof(body), "<Error><Code>%s</Code><Message>"
		"hidden</Message></Error>", code);
	return answer(status, body);
}

static const char *page(const char *body)
{
	return answer("200 OK", body);
}

static struct scripted server;
static struct object_store *store;
static struct err err;

static char region[] = "eu-1", bucket[] = "box", key[] = "KEYID",
	secret[] = "hidden", prefix[] = "in/a b/", token[] = "passing";

static void start(const char *const *answers)
{
	char endpoint[64];
	struct config config = { .object_store = OBJECTS_IN_S3,
		.s3_endpoint = endpoint, .s3_region = region,
		.s3_bucket = bucket, .s3_prefix = prefix,
		.s3.user = key, .s3.password = secret,
		.s3_token.password = token };

	scripted_start(&server, answers);
	(void)snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%d/",
		server.port);
	memset(&err, 0, sizeof(err));
	store = object_store_open(&config, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(store);
}

static void stop(int asked)
{
	CU_ASSERT_EQUAL(server.asked, asked);
	CU_ASSERT_PTR_NULL(strstr(err.text, secret));
	CU_ASSERT_PTR_NULL(strstr(err.text, token));
	CU_ASSERT_PTR_NULL(strstr(err.text, "hidden"));
	object_store_close(store);
	scripted_stop(&server);
	while (made_count > 0)
		free(made[--made_count]);
}

static void check_line(int at, const char *want)
{
	if (strcmp(server.lines[at], want) != 0) {
		(void)fprintf(stderr, "asked '%s', not '%s'\n",
			server.lines[at], want);
		CU_FAIL("another request");
	}
}

static void hostile_names_are_asked_for_encoded(void)
{
	static const char *const answers[] = { OK(""), GONE, NULL };

	start(answers);
	CU_ASSERT_TRUE(object_put(store, "a b/+%2F?&=#\xc3\xa4..x", "hello",
		5, NULL, &err));
	check_line(0, "PUT /box/in/a%20b/a%20b/%2B%252F%3F%26%3D%23%C3%A4..x "
		      "HTTP/1.1");
	check_line(1, "DELETE /box/in/a%20b/a%20b/%2B%252F%3F%26%3D%23%C3%A4..x"
		      ".zst HTTP/1.1");
	stop(2);
}

static void bodies_are_signed_and_secrets_are_not_sent(void)
{
	static const char *const answers[] = { OK(""), GONE, NULL };
	const char *headers = server.headers[0];

	start(answers);
	CU_ASSERT_TRUE(object_put(store, "a", "hello", 5, NULL, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(headers,
		"x-amz-content-sha256: " SHA256 "\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(headers,
		"x-amz-meta-sha256: " SHA256 "\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(headers,
		"x-amz-security-token: passing\r\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(headers, "Credential=KEYID/"));
	CU_ASSERT_PTR_NOT_NULL(strstr(headers, "SignedHeaders=content-type;"
		"host;x-amz-content-sha256;x-amz-date;x-amz-meta-sha256;"
		"x-amz-security-token"));
	CU_ASSERT_PTR_NULL(strstr(headers, secret));
	stop(2);
}

static void what_passes_is_tried_again(void)
{
	const char *const answers[] = { BUSY, failed("429 Slow", "SlowDown"),
		"", OK(""), GONE, NULL };

	start(answers);
	CU_ASSERT_TRUE(object_put(store, "a", "hello", 5, NULL, &err));
	stop(5);
}

static void what_does_not_pass_is_given_up(void)
{
	static const char *const answers[] = { BUSY, BUSY, BUSY, BUSY, BUSY,
		NULL };

	start(answers);
	CU_ASSERT_FALSE(object_put(store, "a", "hello", 5, NULL, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	stop(S3_ATTEMPTS);
}

static void check_refused(const char *answer, const char *says)
{
	const char *const answers[] = { answer, NULL };
	struct buf out = { 0 };
	bool there;

	start(answers);
	CU_ASSERT_FALSE(object_get(store, "a", &out, &there, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_STOP);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, says));
	buf_clear(&out);
	stop(1);
}

static void refusals_say_what_to_do(void)
{
	check_refused(failed("403 No", "SignatureDoesNotMatch"),
		"403 SignatureDoesNotMatch: is s3_secret right?");
	check_refused(failed("403 No", "InvalidAccessKeyId"),
		"is s3_key right?");
	check_refused(failed("403 No", "RequestTimeTooSkewed"),
		"clock");
	check_refused(failed("404 No", "NoSuchBucket"), "make the bucket");
	check_refused(failed("404 No", "InvalidAccessKeyId"),
		"is s3_key right?");
	check_refused("HTTP/1.1 301 There\r\nLocation: http://127.0.0.1/\r\n"
		      "Content-Length: 0\r\n\r\n", "301");
	check_refused(failed("400 No", "<b>\x1b[2J</b>"), "400");
}

static void what_is_not_there_is_no_error(void)
{
	const char *const answers[] = {
		failed("404 No", "NoSuchKey"),
		"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", NULL };
	struct buf out = { 0 };
	bool there = true;

	start(answers);
	CU_ASSERT_TRUE(object_get(store, "a", &out, &there, &err));
	CU_ASSERT_FALSE(there);
	buf_clear(&out);
	stop(2);
}

static void cut_answers_are_fetched_again_from_the_start(void)
{
	static const char *const answers[] = { "HTTP/1.1 200 OK\r\n"
		"Content-Length: 5\r\n\r\nhel", HELLO(SHA256), NULL };
	struct buf out = { 0 };
	bool there;

	start(answers);
	CU_ASSERT_TRUE(buf_add_str(&out, "say ", &err));
	CU_ASSERT_TRUE(object_get(store, "a", &out, &there, &err));
	CU_ASSERT_STRING_EQUAL(out.data, "say hello");
	buf_clear(&out);
	stop(2);
}

static void what_is_not_what_was_put_is_refused(void)
{
	static const char *const answers[] = { HELLO("00"), NULL };
	struct buf out = { 0 };
	bool there;

	start(answers);
	CU_ASSERT_FALSE(object_get(store, "a", &out, &there, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not what was put"));
	buf_clear(&out);
	stop(1);
}

/* -- listing --------------------------------------------------------------- */

#define KEY(name) "<Contents><Key>in/a b/" name "</Key><Size>7</Size>" \
	"<LastModified>2026-11-22T10:30:00.000Z</LastModified></Contents>"

struct seen {
	char text[256];
};

static bool see(void *context, const struct object_entry *entry, struct err *e)
{
	struct seen *seen = context;
	const size_t len = strlen(seen->text);

	(void)e;
	CU_ASSERT_EQUAL(entry->info.bytes, 7);
	CU_ASSERT_EQUAL(entry->info.changed_us, 1795343400000000);
	(void)snprintf(seen->text + len, sizeof(seen->text) - len, "%s%s|",
		entry->name, entry->info.packed ? "*" : "");
	return true;
}

static void listings_go_from_page_to_page(void)
{
	const char *first = page("<L><IsTruncated>true</IsTruncated>"
		KEY("a&amp;b") KEY("b.http") KEY("c.zst")
		"<NextContinuationToken>1/x=&amp;</NextContinuationToken></L>");
	const char *second = page("<L><IsTruncated>false</IsTruncated>"
		KEY("d") KEY(".hidden") "<Contents><Key>elsewhere</Key>"
		"</Contents></L>");
	const char *const answers[] = { first, BUSY, second, NULL };
	struct seen seen = { .text = "" };

	start(answers);
	CU_ASSERT_TRUE(object_list(store, "p q", "a/b", see, &seen, &err));
	CU_ASSERT_STRING_EQUAL(seen.text, "a&b|c*|d|");
	check_line(0, "GET /box/?list-type=2&max-keys=1000&prefix=in%2Fa%20b"
		"%2Fp%20q&start-after=in%2Fa%20b%2Fa%2Fb HTTP/1.1");
	check_line(2, "GET /box/?continuation-token=1%2Fx%3D%26&list-type=2&"
		"max-keys=1000&prefix=in%2Fa%20b%2Fp%20q HTTP/1.1");
	stop(3);
}

static void listings_that_turn_round_end(void)
{
	const char *same = page("<L><IsTruncated>true</IsTruncated>"
		"<NextContinuationToken>1</NextContinuationToken></L>");
	const char *const answers[] = { same, same, NULL };
	struct seen seen = { .text = "" };

	start(answers);
	CU_ASSERT_FALSE(object_list(store, "", NULL, see, &seen, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "does not go on"));
	stop(2);
}

/* -- in parts -------------------------------------------------------------- */

#define BEGUN "<U><UploadId>7+/x</UploadId></U>"
#define NO_UPLOADS "<ListMultipartUploadsResult/>"
#define PART OK("ETag: \"e\"\r\n")

static void put_large(bool want)
{
	const size_t len = S3_PART_BYTES + 5;
	char *large = calloc(1, len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(large);
	CU_ASSERT_EQUAL(object_put(store, "a", large, len, NULL, &err), want);
	free(large);
}

static void large_ones_go_in_parts(void)
{
	const char *begun = page(BEGUN), *none = page(NO_UPLOADS);
	const char *done = page("<CompleteMultipartUploadResult/>");
	const char *const answers[] = { none, begun, PART, BUSY, PART, done,
		GONE, NULL };

	start(answers);
	put_large(true);
	check_line(0, "GET /box/?prefix=in%2Fa%20b%2Fa&uploads= HTTP/1.1");
	check_line(1, "POST /box/in/a%20b/a?uploads= HTTP/1.1");
	check_line(2, "PUT /box/in/a%20b/a?partNumber=1&uploadId=7%2B%2Fx "
		      "HTTP/1.1");
	check_line(4, "PUT /box/in/a%20b/a?partNumber=2&uploadId=7%2B%2Fx "
		      "HTTP/1.1");
	CU_ASSERT_PTR_NOT_NULL(strstr(server.headers[2],
		"Content-Length: 16777216"));
	CU_ASSERT_PTR_NOT_NULL(strstr(server.headers[4],
		"Content-Length: 5"));
	check_line(5, "POST /box/in/a%20b/a?uploadId=7%2B%2Fx HTTP/1.1");
	stop(7);
}

static void what_fails_half_way_leaves_no_parts(void)
{
	const char *begun = page(BEGUN);
	const char *stale = page("<R><Upload><Key>in/a b/a</Key><UploadId>old"
		"</UploadId></Upload><Upload><Key>in/a b/ab</Key><UploadId>"
		"other</UploadId></Upload></R>");
	const char *const answers[] = { stale, GONE, begun, PART,
		failed("403 No", "AccessDenied"), GONE, NULL };

	start(answers);
	put_large(false);
	check_line(1, "DELETE /box/in/a%20b/a?uploadId=old HTTP/1.1");
	check_line(5, "DELETE /box/in/a%20b/a?uploadId=7%2B%2Fx HTTP/1.1");
	CU_ASSERT_EQUAL(err.kind, ERR_STOP);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "AccessDenied"));
	stop(6);
}

static void parts_that_were_not_put_together_are_no_object(void)
{
	const char *begun = page(BEGUN), *none = page(NO_UPLOADS);
	const char *broken = failed("200 OK", "InternalError");
	const char *const answers[] = { none, begun, PART, PART, broken,
		"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", GONE, NULL };

	start(answers);
	put_large(false);
	check_line(5, "HEAD /box/in/a%20b/a HTTP/1.1");
	check_line(6, "DELETE /box/in/a%20b/a?uploadId=7%2B%2Fx HTTP/1.1");
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	stop(7);
}

/* -- settings -------------------------------------------------------------- */

static void check_place(enum s3_style style, const char *end, const char *want)
{
	char endpoint[64];
	struct config config = { .object_store = OBJECTS_IN_S3,
		.s3_region = region, .s3_bucket = bucket, .s3.user = key,
		.s3_style = style,
		.s3_endpoint = end == NULL ? NULL : endpoint };

	(void)snprintf(endpoint, sizeof(endpoint), "%s",
		end == NULL ? "" : end);
	memset(&err, 0, sizeof(err));
	store = object_store_open(&config, &err);
	if (want == NULL) {
		CU_ASSERT_PTR_NULL(store);
		CU_ASSERT_EQUAL(err.exit_code, EXIT_CONFIG);
		return;
	}
	CU_ASSERT_PTR_NOT_NULL_FATAL(store);
	CU_ASSERT_STRING_EQUAL(object_store_place(store), want);
	object_store_close(store);
}

static void the_bucket_is_in_the_path_or_in_the_host(void)
{
	check_place(S3_STYLE_AUTO, NULL,
		"https://box.s3.eu-1.amazonaws.com/");
	check_place(S3_STYLE_PATH, NULL,
		"https://s3.eu-1.amazonaws.com/box/");
	check_place(S3_STYLE_AUTO, "https://s3.example.org:9000//",
		"https://s3.example.org:9000/box/");
	check_place(S3_STYLE_HOST, "https://s3.example.org",
		"https://box.s3.example.org/");
	check_place(S3_STYLE_AUTO, "s3.example.org", NULL);
	check_place(S3_STYLE_AUTO, "https://s3.example.org/path", NULL);
	check_place(S3_STYLE_AUTO, "https://me:hidden@s3.example.org", NULL);
	CU_ASSERT_PTR_NULL(strstr(err.text, "hidden"));
}

CU_TestInfo object_s3_tests[] = {
	{ "hostile names are asked for encoded",
		hostile_names_are_asked_for_encoded },
	{ "bodies are signed, and secrets are not sent",
		bodies_are_signed_and_secrets_are_not_sent },
	{ "what passes is tried again", what_passes_is_tried_again },
	{ "what does not pass is given up", what_does_not_pass_is_given_up },
	{ "refusals say what to do", refusals_say_what_to_do },
	{ "what is not there is no error", what_is_not_there_is_no_error },
	{ "cut answers are fetched again from the start",
		cut_answers_are_fetched_again_from_the_start },
	{ "what is not what was put is refused",
		what_is_not_what_was_put_is_refused },
	{ "listings go from page to page", listings_go_from_page_to_page },
	{ "listings that turn round end", listings_that_turn_round_end },
	{ "large ones go in parts", large_ones_go_in_parts },
	{ "what fails half-way leaves no parts",
		what_fails_half_way_leaves_no_parts },
	{ "parts that were not put together are no object",
		parts_that_were_not_put_together_are_no_object },
	{ "the bucket is in the path or in the host",
		the_bucket_is_in_the_path_or_in_the_host },
	CU_TEST_INFO_NULL,
};
