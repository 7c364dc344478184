/* s3_call.c - one request to a bucket: signed, tried again, its error read.
 *
 * What an error says of a key or a signature is the server's word alone, its
 * code; the rest of its answer could quote what nobody is to see. */
#include "common/s3_call.h"
#include "common/backoff.h"
#include "common/http.h"
#include "common/s3_text.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_MS 200
#define PAUSE_MAX_MS 5000
#define ANSWER_MAX ((size_t)8 << 20) /* a listing of 1000 keys is 1 MiB */
#define SLOWEST_BYTES 65536 /* a second, or it is given up */
#define PATIENCE_SECS 60
#define EMPTY_SHA256 \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

struct s3 {
	struct http *http;
	char *base;   /* scheme, host, and the bucket: no slash at its end */
	char *region;
	char *cacert;
	char *key;
	struct account secret, token; /* copies */
	bool plain;
	int stop_fd;  /* 0: none */
};

/* What a server's code means for who reads the log. */
static const struct {
	const char *code;
	const char *hint;
} hints[] = {
	{ "NoSuchBucket", "make the bucket, or set s3_bucket" },
	{ "AccessDenied", "this key may not do that" },
	{ "AllAccessDisabled", "this key may not do that" },
	{ "InvalidAccessKeyId", "is s3_key right?" },
	{ "SignatureDoesNotMatch", "is s3_secret right?" },
	{ "ExpiredToken", "s3_token is over" },
	{ "InvalidToken", "is s3_token right?" },
	{ "RequestTimeTooSkewed", "set this machine's clock" },
	{ "AuthorizationHeaderMalformed", "is s3_region right?" },
	{ "PermanentRedirect", "set s3_region or s3_endpoint" },
	{ "TemporaryRedirect", "set s3_region or s3_endpoint" },
	{ "MethodNotAllowed", "is s3_style right?" },
};

/* -- one bucket ------------------------------------------------------------ */

static bool is_set(const char *text)
{
	return text != NULL && *text != '\0';
}

static bool copy(char **to, const char *text, struct err *err)
{
	*to = text == NULL ? NULL : strdup(text);
	return text == NULL || *to != NULL || err_memory(err);
}

static bool copy_account(struct account *to, const struct account *from,
	struct err *err)
{
	return copy(&to->password, from->password, err) &&
		copy(&to->password_file, from->password_file, err);
}

/* DNS's letters: a bucket's name may stand in front of the host. */
static bool check_words(const struct config *config, struct err *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
	const char *bucket = config->s3_bucket;

	if (!is_set(bucket))
		return err_stop(err, EXIT_CONFIG, "object_store is s3: set "
			"s3_bucket");
	if (strspn(bucket, letters) != strlen(bucket) || strlen(bucket) > 63 ||
		bucket[0] == '.' || bucket[0] == '-')
		return err_stop(err, EXIT_CONFIG, "s3_bucket is no bucket's "
			"name: a-z, 0-9, - and dots");
	if (!is_set(config->s3_region) ||
		strspn(config->s3_region, letters) !=
			strlen(config->s3_region))
		return err_stop(err, EXIT_CONFIG, "s3_region is no region, "
			"such as eu-central-1");
	if (!is_set(config->s3.user))
		return err_stop(err, EXIT_CONFIG, "object_store is s3: set "
			"s3_key and s3_secret_file");
	return true;
}

static bool make_base(struct s3 *s3, const struct config *config,
	struct err *err)
{
	const bool amazon = !is_set(config->s3_endpoint);
	const bool host = config->s3_style == S3_STYLE_HOST ||
		(config->s3_style == S3_STYLE_AUTO && amazon);
	struct buf end = { 0 }, base = { 0 };
	const char *at;
	bool ok;

	ok = amazon ? buf_printf(&end, err, "https://s3.%s.amazonaws.com",
			config->s3_region) :
		buf_add_str(&end, config->s3_endpoint, err);
	while (ok && end.len > 0 && end.data[end.len - 1] == '/')
		end.data[--end.len] = '\0';
	at = ok ? strstr(end.data, "://") : NULL;
	if (ok && (at == NULL || strpbrk(at + 3, "/?#@") != NULL))
		ok = err_stop(err, EXIT_CONFIG, "s3_endpoint must be "
			"https://host or https://host:port");
	if (ok && host)
		ok = buf_printf(&base, err, "%.*s%s.%s",
			(int)(at + 3 - end.data), end.data, config->s3_bucket,
			at + 3);
	else if (ok)
		ok = buf_printf(&base, err, "%s/%s", end.data,
			config->s3_bucket);
	s3->base = buf_take(&base);
	buf_clear(&end);
	return ok;
}

struct s3 *s3_new(const struct config *config, struct err *err)
{
	struct s3 *s3 = calloc(1, sizeof(*s3));

	if (s3 == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	s3->plain = config->s3_plain;
	s3->http = check_words(config, err) ? http_open(err) : NULL;
	if (s3->http != NULL && make_base(s3, config, err) &&
		copy(&s3->region, config->s3_region, err) &&
		copy(&s3->cacert, config->s3_cacert, err) &&
		copy(&s3->key, config->s3.user, err) &&
		copy_account(&s3->secret, &config->s3, err) &&
		copy_account(&s3->token, &config->s3_token, err))
		return s3;
	s3_free(s3);
	return NULL;
}

void s3_free(struct s3 *s3)
{
	if (s3 == NULL)
		return;
	http_close(s3->http);
	free(s3->base);
	free(s3->region);
	free(s3->cacert);
	free(s3->key);
	free(s3->secret.password);
	free(s3->secret.password_file);
	free(s3->token.password);
	free(s3->token.password_file);
	free(s3);
}

void s3_stop_at(struct s3 *s3, int stop_fd)
{
	s3->stop_fd = stop_fd;
}

const char *s3_base(const struct s3 *s3)
{
	return s3->base;
}

/* -- what comes back ------------------------------------------------------- */

/* A call on its way. */
struct trying {
	struct s3_call *call;
	struct http_answer answer;
	bool refused; /* by the sink: the server is not to blame */
};

static void keep(char *to, size_t size, const char *value)
{
	(void)snprintf(to, size, "%s", value);
}

static bool take_header(void *context, const char *name, const char *value,
	struct err *err)
{
	struct s3_call *call = ((struct trying *)context)->call;

	(void)err;
	if (strcmp(name, "etag") == 0)
		keep(call->etag, sizeof(call->etag), value);
	else if (strcmp(name, S3_META) == 0)
		keep(call->kept, sizeof(call->kept), value);
	else if (strcmp(name, "content-length") == 0)
		call->bytes = strtoull(value, NULL, 10);
	else if (strcmp(name, "last-modified") == 0)
		call->changed_us = s3_time_of_header(value);
	return true;
}

static bool take_body(void *context, const char *data, size_t len,
	struct err *err)
{
	struct trying *trying = context;
	struct s3_call *call = trying->call;

	if (call->sink == NULL || trying->answer.status != 200)
		return buf_add(&call->answer, data, len, err);
	trying->refused = !call->sink->write(call->sink->context, data, len,
		err);
	return !trying->refused && (call->hash == NULL ||
		sha256_add(call->hash, data, len, err));
}

static void read_code(struct s3_call *call, struct err *err)
{
	const struct s3_xml xml = { call->answer.data, call->answer.len };
	struct buf code = { 0 };

	call->code[0] = '\0';
	if (call->answer.len > 0 && s3_xml_text(&xml, "Code", &code, err) &&
		code.len < sizeof(call->code) &&
		strspn(code.data, "abcdefghijklmnopqrstuvwxyz"
			"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == code.len)
		keep(call->code, sizeof(call->code), code.data);
	buf_clear(&code);
}

/* -- one attempt ----------------------------------------------------------- */

struct secrets {
	struct buf secret, token;
};

static bool make_url(const struct s3 *s3, const struct s3_call *call,
	struct buf *url, struct err *err)
{
	return buf_printf(url, err, "%s/", s3->base) &&
		(call->key == NULL || s3_encode(call->key, true, url, err)) &&
		(call->query == NULL ||
			buf_printf(url, err, "?%s", call->query));
}

static void add_header(struct http_header *headers, const char *name,
	const char *value)
{
	while (headers->name != NULL)
		headers++;
	headers[0] = (struct http_header){ name, value };
}

/* The file is streamed, the rest is small. */
static void set_body(const struct s3_call *call, struct http_request *request)
{
	request->body_len = (size_t)call->body.len;
	request->body = call->body.data;
	if (call->body.data == NULL && call->body.fd > 0) {
		request->body_fd = call->body.fd;
		request->body_at = call->body_at;
	}
	request->timeout_secs = PATIENCE_SECS +
		(int)(call->body.len / SLOWEST_BYTES);
	if (request->body != NULL || request->body_fd > 0)
		request->content_type = "application/octet-stream";
	if (call->sink != NULL) /* its length is not known; stalling is */
		request->timeout_secs = 24 * 3600;
	request->max_answer_bytes = call->sink != NULL ? SIZE_MAX : ANSWER_MAX;
}

static bool send_call(struct s3 *s3, struct trying *trying,
	const struct secrets *secrets, const char *url, struct err *err)
{
	const struct s3_call *call = trying->call;
	const struct http_sign sign = { .region = s3->region, .service = "s3",
		.key = s3->key, .secret = secrets->secret.data };
	struct http_header headers[4] = { { NULL, NULL } };
	struct http_request request = { .method = call->method, .url = url,
		.plain = s3->plain, .sign = &sign, .headers = headers,
		.cacert = s3->cacert, .stop_fd = s3->stop_fd };
	char sha256[SHA256_TEXT] = EMPTY_SHA256;

	if (call->sha256 != NULL)
		sha256_format(call->sha256, sha256);
	add_header(headers, "x-amz-content-sha256", sha256);
	if (call->meta != NULL)
		add_header(headers, S3_META, call->meta);
	if (secrets->token.len > 0)
		add_header(headers, "x-amz-security-token",
			secrets->token.data);
	set_body(call, &request);
	return http_exchange(s3->http, &request, &trying->answer, err);
}

/* Secrets are read anew: some are exchanged while we run. */
static bool try_call(struct s3 *s3, struct trying *trying, struct err *err)
{
	struct secrets secrets = { .secret.max = 0 };
	struct s3_call *call = trying->call;
	struct buf url = { 0 };
	bool ok = config_password(&s3->secret, &secrets.secret, err) &&
		config_password(&s3->token, &secrets.token, err) &&
		make_url(s3, call, &url, err);

	trying->answer = (struct http_answer){ .header = take_header,
		.body = take_body, .context = trying };
	call->bytes = 0;
	call->etag[0] = call->kept[0] = '\0';
	buf_reset(&call->answer);
	ok = ok && send_call(s3, trying, &secrets, url.data, err);
	call->status = trying->answer.status;
	if (ok && call->status >= 300)
		read_code(call, err);
	buf_clear(&secrets.secret);
	buf_clear(&secrets.token);
	buf_clear(&url);
	return ok;
}

/* -- again and again --------------------------------------------------------- */

static bool may_pass(const struct s3_call *call)
{
	static const long statuses[] = { 408, 409, 425, 429, 500, 502, 503,
		504, 509 };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (call->status == statuses[i])
			return true;
	return strcmp(call->code, "RequestTimeout") == 0;
}

static const char *hint_for(const char *code)
{
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (strcmp(hints[i].code, code) == 0)
			return hints[i].hint;
	return NULL;
}

static bool complain(const struct s3 *s3, const struct s3_call *call,
	struct err *err)
{
	const char *hint = hint_for(call->code);
	const bool passes = may_pass(call);

	err_set(err, passes ? ERR_RETRY : ERR_STOP, "%s %s/%s: %ld%s%s%s%s",
		call->method, s3->base, call->key != NULL ? call->key : "",
		call->status, call->code[0] != '\0' ? " " : "", call->code,
		hint != NULL ? ": " : "", hint != NULL ? hint : "");
	err->exit_code = passes ? EXIT_SERVER : EXIT_CONFIG;
	(void)snprintf(err->code, sizeof(err->code), "%ld", call->status);
	return false;
}

bool s3_taken(const struct s3_call *call, struct err *err)
{
	return (call->status >= 200 && call->status < 300) ||
		err_set(err, ERR_RETRY, "%s %s: %ld %s", call->method,
			call->key != NULL ? call->key : "the bucket",
			call->status, call->code);
}

/* A 404 may also speak of the bucket, or of the key to it. */
static bool is_answered(const struct s3_call *call)
{
	static const char *const gone[] = { "", "NoSuchKey", "NoSuchUpload",
		"NotFound" };

	if (call->status >= 200 && call->status < 300)
		return true;
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		if (call->status == 404 && strcmp(call->code, gone[i]) == 0)
			return true;
	return false;
}

/* True when somebody wants it to stop. */
static bool pause_before(const struct s3 *s3, struct backoff *backoff)
{
	struct pollfd stop = { .fd = s3->stop_fd > 0 ? s3->stop_fd : -1,
		.events = POLLIN };

	return poll(&stop, 1, backoff_next_ms(backoff)) > 0;
}

static bool start_again(struct s3_call *call, struct err *err)
{
	uint8_t sum[SHA256_BYTES];

	return call->sink == NULL ||
		(call->sink->again(call->sink->context, err) &&
			(call->hash == NULL ||
				sha256_end(call->hash, sum, err)));
}

bool s3_do(struct s3 *s3, struct s3_call *call, struct err *err)
{
	struct backoff backoff = { PAUSE_MS, PAUSE_MAX_MS, 0 };
	struct trying trying = { .call = call };
	struct err why;

	for (int attempt = 1;; attempt++) {
		bool came;

		why = (struct err){ 0 };
		came = try_call(s3, &trying, &why);
		if (came && is_answered(call))
			return true;
		if (came)
			(void)complain(s3, call, &why);
		if (why.kind != ERR_RETRY || trying.refused ||
			attempt == S3_ATTEMPTS || pause_before(s3, &backoff))
			break;
		if (!start_again(call, err))
			return false;
	}
	*err = why;
	return false;
}
