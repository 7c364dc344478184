/* api_limits.c - how long a server wants to be left alone, and how many
 * requests a host may get. */
#include "producer/api_limits.h"

#include "common/http_client.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS INT64_C(60000)
#define DAY_US (INT64_C(86400) * 1000000)
#define CIRCUIT_MAX_MS INT64_C(3600000)
#define EPOCH_FROM INT64_C(1000000000) /* larger than any wait: a date */

/* -- what a server says -------------------------------------------------- */

static bool read_digits(const char **at, int64_t *value)
{
	const size_t len = strspn(*at, "0123456789");

	if (len == 0 || len > 15)
		return false;
	*value = strtoll(*at, NULL, 10);
	*at += len;
	return true;
}

static bool take(const char **at, const char *text)
{
	const size_t len = strlen(text);

	if (strncmp(*at, text, len) != 0)
		return false;
	*at += len;
	return true;
}

static bool read_month(const char **at, int *month)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	for (*month = 0; *month < 12; ++*month)
		if (strncmp(*at, names + *month * 3, 3) == 0) {
			*at += 3;
			return true;
		}
	return false;
}

/* Days since 1970 of a date in the Gregorian calendar. */
static int64_t days_of(int64_t year, int month, int64_t day)
{
	const int64_t y = month >= 2 ? year : year - 1;
	const int64_t m = (month + 10) % 12;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day -
		1 - 719468;
}

bool api_date_read(const char *text, int64_t *secs)
{
	const char *at = strchr(text, ',');
	int64_t day, year, hour, minute, second;
	int month;

	if (at == NULL)
		return false;
	at++;
	if (!take(&at, " ") || !read_digits(&at, &day) || !take(&at, " ") ||
		!read_month(&at, &month) || !take(&at, " ") ||
		!read_digits(&at, &year) || !take(&at, " ") ||
		!read_digits(&at, &hour) || !take(&at, ":") ||
		!read_digits(&at, &minute) || !take(&at, ":") ||
		!read_digits(&at, &second) || !take(&at, " GMT"))
		return false;
	if (day < 1 || day > 31 || year < 1970 || year > 9999 || hour > 23 ||
		minute > 59 || second > 60)
		return false;
	*secs = days_of(year, month, day) * 86400 + hour * 3600 +
		minute * 60 + second;
	return true;
}

static bool header_number(const struct buf *headers, const char *name,
	int64_t *value)
{
	struct buf text = { 0 };
	struct err none = { 0 };
	const char *at;
	bool ok = http_reply_header(headers, name, &text, &none);

	at = text.data;
	ok = ok && read_digits(&at, value);
	buf_clear(&text);
	return ok;
}

/* Seconds to wait, from a number that is either that or a date. */
static int64_t secs_until(int64_t value, int64_t wall_us)
{
	return value < EPOCH_FROM ? value : value - wall_us / 1000000;
}

static bool retry_after(const struct buf *headers, int64_t wall_us,
	int64_t *secs)
{
	struct buf text = { 0 };
	struct err none = { 0 };
	const char *at;
	bool ok = http_reply_header(headers, "retry-after", &text, &none);

	at = text.data;
	if (ok && !read_digits(&at, secs)) {
		ok = api_date_read(text.data, secs);
		*secs -= ok ? wall_us / 1000000 : 0;
	}
	buf_clear(&text);
	return ok;
}

/* "limit=100, remaining=0, reset=30" and "default";r=0;t=30. */
static bool field_number(const char *text, const char *name, int64_t *value)
{
	const size_t len = strlen(name);

	for (const char *at = text; (at = strstr(at, name)) != NULL; at++) {
		const bool starts = at == text ||
			strchr(" ,;\t", at[-1]) != NULL;
		const char *digits = at + len;

		if (starts && read_digits(&digits, value))
			return true;
	}
	return false;
}

static void read_ratelimit(const struct buf *headers, int64_t *remaining,
	int64_t *reset)
{
	struct buf text = { 0 };
	struct err none = { 0 };

	if (http_reply_header(headers, "ratelimit", &text, &none)) {
		if (!field_number(text.data, "remaining=", remaining))
			(void)field_number(text.data, "r=", remaining);
		if (!field_number(text.data, "reset=", reset))
			(void)field_number(text.data, "t=", reset);
	}
	buf_clear(&text);
}

static int64_t clamp(int64_t secs, int64_t longest_ms)
{
	if (secs < 1)
		secs = 1;
	return secs > longest_ms / SECOND_MS ? longest_ms : secs * SECOND_MS;
}

struct api_hint api_hint_read(const struct buf *headers, int64_t wall_us,
	int64_t longest_ms)
{
	struct api_hint hint = { .remaining = -1 };
	int64_t secs, reset = -1;

	read_ratelimit(headers, &hint.remaining, &reset);
	(void)header_number(headers, "ratelimit-remaining", &hint.remaining);
	(void)header_number(headers, "x-ratelimit-remaining", &hint.remaining);
	(void)header_number(headers, "ratelimit-reset", &reset);
	(void)header_number(headers, "x-ratelimit-reset", &reset);
	if (hint.remaining == 0 && reset >= 0) {
		hint.wait = true;
		hint.wait_ms = clamp(secs_until(reset, wall_us), longest_ms);
	}
	if (retry_after(headers, wall_us, &secs)) {
		hint.wait = true;
		hint.wait_ms = clamp(secs, longest_ms);
	}
	return hint;
}

/* -- a host ---------------------------------------------------------------- */

static int64_t stricter(int64_t now, int64_t next)
{
	return now == 0 || (next > 0 && next < now) ? next : now;
}

void api_host_limit(struct api_host *host, const struct pipeline_api *api)
{
	const struct api_limits *limits = &api->limits;

	host->per_second = stricter(host->per_second, limits->per_second);
	host->per_minute = stricter(host->per_minute, limits->per_minute);
	host->per_day = stricter(host->per_day, limits->per_day);
	host->at_once = stricter(host->at_once, limits->at_once);
	host->circuit_after = stricter(host->circuit_after,
		api->retry.circuit_after);
	host->circuit_ms = stricter(host->circuit_ms, api->retry.circuit_ms);
}

static void pass_time(struct api_host *host, int64_t now_ms, int64_t wall_us)
{
	const int64_t day = wall_us / DAY_US;
	const double most = (double)host->per_second;

	if (day != host->day) {
		host->day = day;
		host->used = 0;
	}
	if (now_ms - host->minute_ms >= MINUTE_MS || host->minute_ms == 0) {
		host->minute_ms = now_ms;
		host->minute_used = 0;
	}
	host->tokens += (double)(now_ms - host->filled_ms) * most / 1000;
	if (host->tokens > most || host->filled_ms == 0)
		host->tokens = most;
	host->filled_ms = now_ms;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t second_wait(const struct api_host *host)
{
	if (host->per_second == 0 || host->tokens >= 1)
		return 0;
	return (int64_t)((1 - host->tokens) * 1000 /
		(double)host->per_second) + 1;
}

static int64_t budget_wait(const struct api_host *host, int64_t now_ms,
	int64_t wall_us)
{
	int64_t wait = second_wait(host);

	if (host->per_minute > 0 && host->minute_used >= host->per_minute)
		wait = later(wait, host->minute_ms + MINUTE_MS - now_ms);
	if (host->per_day > 0 && host->used >= host->per_day)
		wait = later(wait, (DAY_US - wall_us % DAY_US) / 1000 + 1);
	return wait;
}

int64_t api_host_wait(struct api_host *host, int64_t now_ms, int64_t wall_us)
{
	int64_t wait;

	pass_time(host, now_ms, wall_us);
	wait = later(budget_wait(host, now_ms, wall_us),
		host->quiet_ms - now_ms);
	wait = later(wait, host->open_ms - now_ms);
	if (wait > 0)
		return wait;
	if (host->running >= (host->at_once > 0 ? host->at_once : 1) ||
		host->trying)
		return -1;
	return 0;
}

void api_host_count(struct api_host *host, int64_t now_ms, int64_t wall_us)
{
	pass_time(host, now_ms, wall_us);
	host->tokens -= 1;
	host->minute_used++;
	host->used++;
}

void api_host_take(struct api_host *host, int64_t now_ms, int64_t wall_us)
{
	api_host_count(host, now_ms, wall_us);
	host->running++;
	host->trying = host->open_ms > 0;
}

static bool open_circuit(struct api_host *host, int64_t now_ms)
{
	int64_t pause = host->circuit_ms;

	for (int64_t i = 0; i < host->opened && pause < CIRCUIT_MAX_MS; i++)
		pause *= 2;
	host->open_ms = now_ms + (pause > CIRCUIT_MAX_MS &&
		host->circuit_ms < CIRCUIT_MAX_MS ? CIRCUIT_MAX_MS : pause);
	host->opened++;
	host->failures = 0;
	return true;
}

bool api_host_done(struct api_host *host, bool well, int64_t now_ms)
{
	const bool tried = host->trying;

	host->running -= host->running > 0 ? 1 : 0;
	host->trying = false;
	if (well) {
		host->failures = host->opened = host->open_ms = 0;
		return false;
	}
	host->failures++;
	if (host->circuit_after > 0 && host->circuit_ms > 0 &&
		(tried || host->failures >= host->circuit_after) &&
		host->open_ms <= now_ms)
		return open_circuit(host, now_ms);
	return false;
}

void api_host_hint(struct api_host *host, const struct api_hint *hint,
	int64_t now_ms)
{
	if (hint->wait)
		host->quiet_ms = later(host->quiet_ms, now_ms + hint->wait_ms);
}

int64_t api_host_promise(const struct api_host *host, bool more,
	int64_t wall_us)
{
	const int64_t used = wall_us / DAY_US == host->day ? host->used : 0;
	int64_t ahead = (host->per_day - used) / 64;

	if (!more || host->per_day == 0)
		return used;
	if (ahead > 64)
		ahead = 64;
	return used + (ahead < 1 ? 1 : ahead);
}

bool api_host_promised(const struct api_host *host, int64_t wall_us)
{
	const int64_t day = wall_us / DAY_US;
	const int64_t used = day == host->day ? host->used : 0;

	return host->per_day == 0 ||
		(host->promised_day == day && used < host->promised);
}

int64_t api_host_left(const struct api_host *host, int64_t wall_us)
{
	const int64_t used = wall_us / DAY_US == host->day ? host->used : 0;

	if (host->per_day == 0)
		return -1;
	return host->per_day > used ? host->per_day - used : 0;
}

/* -- trying again ------------------------------------------------------------ */

bool api_retry_wanted(const struct api_retry *retry, long status)
{
	if (status == 0)
		return retry->transport;
	for (size_t i = 0; i < retry->on_count; i++)
		if (status >= retry->on[i].lo && status <= retry->on[i].hi)
			return true;
	return false;
}
