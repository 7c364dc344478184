/* http_mail.c - the door to libcurl: a mail by SMTP. */
#include "common/http.h"
#include "common/http_private.h"
#include "common/http_url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_SECS 30
#define CONNECT_SECS 5

struct sending {
	const struct http_mail *mail;
	CURL *curl;
	struct curl_slist *to;
	size_t sent;
	bool stopped;
	char where[256]; /* scheme, host and port */
};

/* -- the address ------------------------------------------------------- */

static bool check_host(struct sending *sending, const char *scheme,
	const char *host, const char *port, struct err *err)
{
	(void)snprintf(sending->where, sizeof(sending->where), "%s://%s:%s",
		scheme, host, port);
	if (strcmp(scheme, "smtp") != 0 && strcmp(scheme, "smtps") != 0)
		return err_stop(err, EXIT_CONFIG,
			"%s: mail goes by smtp:// or smtps://",
			sending->where);
	return !sending->mail->plain || http_is_loopback(host) ||
		err_stop(err, EXIT_CONFIG, "%s: TLS is needed, but for this "
			"machine itself", sending->where);
}

static bool check_address(struct sending *sending, struct err *err)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	CURLU *url = curl_url();
	bool ok;

	if (url == NULL)
		return err_memory(err);
	ok = curl_url_set(url, CURLUPART_URL, sending->mail->url, 0) ==
			CURLUE_OK &&
		curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_PORT, &port,
			CURLU_DEFAULT_PORT) == CURLUE_OK;
	ok = ok ? check_host(sending, scheme, host, port, err) :
		  err_stop(err, EXIT_CONFIG, "a bad URL of a mail server");
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(url);
	return ok;
}

/* -- sending ----------------------------------------------------------- */

static size_t on_wanted(char *data, size_t size, size_t count, void *arg)
{
	struct sending *sending = arg;
	const size_t left = sending->mail->len - sending->sent;
	const size_t len = size * count < left ? size * count : left;

	memcpy(data, sending->mail->text + sending->sent, len);
	sending->sent += len;
	return len;
}

static int on_progress(void *arg, curl_off_t down_all, curl_off_t down,
	curl_off_t up_all, curl_off_t up)
{
	struct sending *sending = arg;

	(void)down_all, (void)down, (void)up_all, (void)up;
	sending->stopped = http_stopped(sending->mail->stop_fd);
	return sending->stopped;
}

static CURLcode set_recipients(struct sending *sending)
{
	for (size_t i = 0; sending->mail->to[i] != NULL; i++) {
		struct curl_slist *more = curl_slist_append(sending->to,
			sending->mail->to[i]);

		if (more == NULL)
			return CURLE_OUT_OF_MEMORY;
		sending->to = more;
	}
	return curl_easy_setopt(sending->curl, CURLOPT_MAIL_RCPT, sending->to);
}

static CURLcode set_safety(const struct sending *sending)
{
	const struct http_mail *mail = sending->mail;
	CURL *curl = sending->curl;
	CURLcode bad = CURLE_OK;

	bad |= curl_easy_setopt(curl, CURLOPT_USE_SSL,
		(long)(mail->plain ? CURLUSESSL_NONE : CURLUSESSL_ALL));
	bad |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	if (mail->cacert != NULL)
		bad |= curl_easy_setopt(curl, CURLOPT_CAINFO, mail->cacert);
	if (mail->user != NULL) {
		bad |= curl_easy_setopt(curl, CURLOPT_USERNAME, mail->user);
		bad |= curl_easy_setopt(curl, CURLOPT_PASSWORD,
			mail->password != NULL ? mail->password : "");
	}
	return bad;
}

static CURLcode set_mail(struct sending *sending)
{
	const struct http_mail *mail = sending->mail;
	CURL *curl = sending->curl;
	CURLcode bad = set_safety(sending);

	bad |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
		(long)CONNECT_SECS);
	bad |= curl_easy_setopt(curl, CURLOPT_TIMEOUT,
		(long)(mail->timeout_secs > 0 ? mail->timeout_secs :
						TIMEOUT_SECS));
	bad |= curl_easy_setopt(curl, CURLOPT_PROXY, "");
	bad |= curl_easy_setopt(curl, CURLOPT_URL, mail->url);
	bad |= curl_easy_setopt(curl, CURLOPT_MAIL_FROM, mail->from);
	bad |= set_recipients(sending);
	bad |= curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	bad |= curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_wanted);
	bad |= curl_easy_setopt(curl, CURLOPT_READDATA, sending);
	bad |= curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE,
		(curl_off_t)mail->len);
	bad |= curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	bad |= curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	bad |= curl_easy_setopt(curl, CURLOPT_XFERINFODATA, sending);
	return bad;
}

static bool perform(struct sending *sending, struct err *err)
{
	const CURLcode code = curl_easy_perform(sending->curl);
	long reply = 0;

	if (code == CURLE_OK)
		return true;
	if (code == CURLE_OUT_OF_MEMORY)
		return err_memory(err);
	if (sending->stopped)
		return err_set(err, ERR_RETRY, "%s: stopping", sending->where);
	(void)curl_easy_getinfo(sending->curl, CURLINFO_RESPONSE_CODE, &reply);
	if (reply >= 400)
		(void)err_set(err, reply >= 500 ? ERR_REJECT : ERR_RETRY,
			"%s answers %ld: %s", sending->where, reply,
			curl_easy_strerror(code));
	else
		(void)err_set(err, ERR_RETRY, "%s: %s", sending->where,
			curl_easy_strerror(code));
	(void)snprintf(err->code, sizeof(err->code), "%ld", reply);
	return false;
}

bool http_mail(const struct http_mail *mail, struct err *err)
{
	struct sending sending = { .mail = mail };
	bool ok;

	http_global_start();
	if (!check_address(&sending, err))
		return false;
	sending.curl = curl_easy_init();
	ok = sending.curl != NULL && set_mail(&sending) == CURLE_OK;
	ok = ok ? perform(&sending, err) : err_memory(err);
	curl_easy_cleanup(sending.curl);
	curl_slist_free_all(sending.to);
	return ok;
}
