/* notice_send.c - a notification on its way. */
#include "consumer/notice.h"
#include "common/clock.h"
#include "common/http.h"

#include <stdio.h>
#include <string.h>

#define SEND_SECS 10

/* A secret: from the file, when there is one. */
static bool read_secret(char *file, struct buf *out, struct err *err)
{
	const struct account account = { .password_file = file };

	return config_password(&account, out, err);
}

static void forget(struct buf *secret)
{
	if (secret->data != NULL)
		explicit_bzero(secret->data, secret->cap);
	buf_clear(secret);
}

/* -- webhooks ----------------------------------------------------------- */

static bool ignore_body(void *context, const char *data, size_t len,
	struct err *err)
{
	(void)context, (void)data, (void)len, (void)err;
	return true;
}

/* What a refusal means: later perhaps, or never as it is. */
static bool judge(long status, struct err *err)
{
	const bool later = status >= 500 || status == 408 || status == 425 ||
		status == 429;

	if (status >= 200 && status < 300)
		return true;
	(void)err_set(err, later ? ERR_RETRY : ERR_REJECT,
		"the webhook answers %ld%s", status,
		status / 100 == 3 ? ": give its new address" : "");
	(void)snprintf(err->code, sizeof(err->code), "%ld", status);
	return false;
}

static bool post(const struct notice *notice, const struct listener *target,
	const char *url, const char *token, int stop_fd, struct err *err)
{
	struct buf body = { 0 }, bearer = { 0 };
	struct http_header headers[3] = {
		{ "Idempotency-Key", notice->key },
	};
	struct http_answer answer = { .body = ignore_body };
	struct http *http = NULL;
	bool ok;

	ok = notice_body(notice, target->slack, &body, err);
	if (ok && token[0] != '\0') {
		ok = buf_printf(&bearer, err, "Bearer %s", token);
		headers[1] = (struct http_header){ "Authorization",
			bearer.data };
	}
	if (ok)
		http = http_open(err);
	ok = http != NULL && http_exchange(http, &(struct http_request){
		.method = "POST", .url = url, .headers = headers,
		.cacert = target->cacert,
		.content_type = "application/json",
		.body = body.data, .body_len = body.len,
		.timeout_secs = SEND_SECS, .stop_fd = stop_fd,
		.secret_path = true, .status_only = true,
	}, &answer, err) && judge(answer.status, err);
	http_close(http);
	buf_clear(&body);
	forget(&bearer);
	return ok;
}

static bool send_webhook(const struct notice *notice,
	const struct listener *target, int stop_fd, struct err *err)
{
	struct buf url = { 0 }, token = { 0 };
	bool ok;

	ok = (target->url_file != NULL ?
			read_secret(target->url_file, &url, err) :
			buf_add_str(&url, target->url, err)) &&
		read_secret(target->token_file, &token, err) &&
		post(notice, target, url.data, token.data, stop_fd, err);
	forget(&url);
	forget(&token);
	return ok;
}

/* -- mail --------------------------------------------------------------- */

static bool send_mail(const struct notice *notice,
	const struct listener *target, int stop_fd, struct err *err)
{
	struct buf text = { 0 }, password = { 0 };
	const char *to[64] = { NULL };
	bool ok;

	for (size_t i = 0; target->to[i] != NULL && i < 63; i++)
		to[i] = target->to[i];
	ok = read_secret(target->password_file, &password, err) &&
		notice_mail(notice, target, clock_wall_us(), &text, err) &&
		http_mail(&(struct http_mail){
			.url = target->url, .plain = target->plain,
			.user = target->user, .password = password.data,
			.from = target->from, .to = to,
			.text = text.data, .len = text.len,
			.cacert = target->cacert,
			.timeout_secs = SEND_SECS, .stop_fd = stop_fd,
		}, err);
	buf_clear(&text);
	forget(&password);
	return ok;
}

bool notice_send(const struct notice *notice, const struct listener *target,
	int stop_fd, struct err *err)
{
	return target->mail ? send_mail(notice, target, stop_fd, err) :
			      send_webhook(notice, target, stop_fd, err);
}
