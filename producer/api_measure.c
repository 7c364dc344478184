/* api_measure.c - what the poller shows as metrics. */
#include "common/clock.h"
#include "common/metrics.h"
#include "producer/api_private.h"

#define LOOK_MS 1000

void api_measure_reply(const struct api_endpoint *e,
	const struct http_reply *reply)
{
	static const char *const classes[] = { "error", "1xx", "2xx", "3xx",
		"4xx", "5xx" };
	const long class = reply->err.kind != ERR_NONE ? 0 :
		reply->status / 100;

	metrics_add(METRIC_API_REQUESTS, 1, e->name,
		classes[class > 0 && class < 6 ? class : 0]);
}

static void show_endpoint(const struct api_endpoint *e, int64_t now_ms,
	int64_t wall_us)
{
	const int64_t left = api_host_left(e->host, wall_us);
	const int64_t next_us = e->row.next_us;

	metrics_add(METRIC_API_REQUESTS, 0, e->name, "2xx");
	metrics_add(METRIC_API_RECORDS, e->row.records -
		metrics_count(METRIC_API_RECORDS, e->name, NULL), e->name,
		NULL);
	metrics_set(METRIC_API_RUNNING, e->phase != API_IDLE, e->name, NULL);
	metrics_set(METRIC_API_NEXT_RUN, next_us == API_NEVER ? 0 :
		(double)next_us / 1e6, e->name, NULL);
	metrics_set(METRIC_API_FAILURES, (double)e->row.failures, e->name,
		NULL);
	metrics_set(METRIC_API_CIRCUIT, e->host->open_ms > now_ms, e->name,
		NULL);
	if (left >= 0)
		metrics_set(METRIC_API_CALLS_LEFT, (double)left, e->name,
			NULL);
}

void api_measure(struct api_desk *desk, int64_t *wait_ms)
{
	const int64_t now_ms = clock_now_ms(), wall_us = clock_wall_us();

	if (now_ms < desk->measure_ms) {
		if (desk->measure_ms - now_ms < *wait_ms)
			*wait_ms = desk->measure_ms - now_ms;
		return;
	}
	desk->measure_ms = now_ms + LOOK_MS;
	for (size_t i = 0; i < desk->count; i++)
		show_endpoint(&desk->endpoints[i], now_ms, wall_us);
}
