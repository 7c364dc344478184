/* probe.c - a daemon's own HTTP port. */
#include "common/probe.h"
#include "common/health.h"
#include "common/http.h"
#include "common/httpd.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/pulse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_SECS 3

struct probe {
	struct httpd *httpd;
	probe_refresh *refresh;
	void *context;
};

static bool say_ready(struct httpd_answer *answer, struct err *err)
{
	pulse_look();
	if (health_ready(&answer->body))
		return buf_printf(&answer->body, err, "ready\n");
	answer->status = 503;
	return true;
}

static bool say_metrics(struct probe *probe, struct httpd_answer *answer,
	struct err *err)
{
	pulse_look();
	health_measure();
	if (probe->refresh != NULL)
		probe->refresh(probe->context);
	answer->type = "text/plain; version=0.0.4; charset=utf-8";
	return metrics_text(&answer->body, err);
}

static void answer(void *context, const char *path,
	struct httpd_answer *answer)
{
	struct probe *probe = context;
	struct err err = { 0 };
	bool ok = true;

	if (strcmp(path, "/healthz") == 0)
		ok = buf_printf(&answer->body, &err, "alive for %lld s\n",
			(long long)health_uptime_secs());
	else if (strcmp(path, "/readyz") == 0)
		ok = say_ready(answer, &err);
	else if (strcmp(path, "/metrics") == 0)
		ok = say_metrics(probe, answer, &err);
	else {
		answer->status = 404;
		ok = buf_add_str(&answer->body, "not found: there are /healthz,"
			" /readyz and /metrics\n", &err);
	}
	if (!ok)
		answer->status = 500;
}

struct probe *probe_start(const char *address, probe_refresh *refresh,
	void *context)
{
	struct probe *probe;
	struct err err = { 0 };

	if (address == NULL || *address == '\0')
		return NULL;
	probe = calloc(1, sizeof(*probe));
	if (probe == NULL) {
		(void)err_memory(&err);
	} else {
		probe->refresh = refresh;
		probe->context = context;
		probe->httpd = httpd_start(address, answer, probe, &err);
	}
	if (probe == NULL || probe->httpd == NULL) {
		log_err(LOG_WARN, "no_http_port", &err);
		free(probe);
		return NULL;
	}
	LOG(LOG_INFO, "http_port", LOG_S("address", address),
		LOG_U("port", httpd_port(probe->httpd)));
	return probe;
}

unsigned probe_port(const struct probe *probe)
{
	return httpd_port(probe->httpd);
}

void probe_stop(struct probe *probe)
{
	if (probe == NULL)
		return;
	httpd_stop(probe->httpd);
	free(probe);
}

bool probe_ask(const char *address, bool *ready, struct buf *text,
	struct err *err)
{
	struct http_request request = { .method = "GET", .plain = true,
		.timeout_secs = ASK_SECS };
	struct buf url = { 0 };
	long status = 0;
	bool ok;

	if (address == NULL || *address == '\0')
		return err_set(err, ERR_RETRY, "no HTTP port is set for it");
	ok = buf_printf(&url, err, "http://%s/readyz", address);
	request.url = url.data;
	ok = ok && http_fetch(&request, &status, text, err);
	buf_clear(&url);
	*ready = ok && status == 200;
	return ok && (status == 200 || status == 503 ||
		err_set(err, ERR_RETRY, "%s answers %ld to /readyz", address,
			status));
}

int probe_health(const char *address)
{
	struct buf text = { 0 };
	struct err err = { 0 };
	bool ready = false;

	if (probe_ask(address, &ready, &text, &err))
		(void)fputs(text.data, stdout);
	else
		(void)fprintf(stderr, "%s\n", err.text);
	buf_clear(&text);
	return ready ? EXIT_FINE : EXIT_DATA;
}
