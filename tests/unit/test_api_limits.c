/* test_api_limits.c - how long a server wants to be left alone, and how many
 * requests a host may get. */
#include "producer/api_limits.h"

#include <CUnit/CUnit.h>
#include <string.h>

#define WALL (INT64_C(1794000000) * 1000000)
#define MOST INT64_C(900000)
#define DAY INT64_C(86400000)

static void check(const char *headers, int64_t wait_ms)
{
	struct buf lines = { 0 };
	struct err err = { 0 };
	struct api_hint hint;

	CU_ASSERT_TRUE(buf_add_str(&lines, headers, &err));
	hint = api_hint_read(&lines, WALL, MOST);
	CU_ASSERT_EQUAL(hint.wait, wait_ms > 0);
	CU_ASSERT_EQUAL(hint.wait_ms, wait_ms);
	buf_clear(&lines);
}

static void wishes_are_read_and_clamped(void)
{
	check("", 0);
	check("retry-after: 5\n", 5000);
	check("retry-after: 0\n", 1000);
	check("retry-after: 31536000\n", MOST);
	check("retry-after: 999999999999999999999\n", 0);
	check("retry-after: soon\n", 0);
	check("retry-after: Mon, 06 Nov 2090 08:49:37 GMT\n", MOST);
	check("retry-after: Sun, 06 Nov 1994 08:49:37 GMT\n", 1000);
	check("x-ratelimit-remaining: 0\nx-ratelimit-reset: 1794000030\n",
		30000);
	check("x-ratelimit-remaining: 0\nx-ratelimit-reset: 30\n", 30000);
	check("x-ratelimit-remaining: 1\nx-ratelimit-reset: 1794000030\n", 0);
	check("x-ratelimit-remaining: 0\n", 0);
	check("ratelimit-remaining: 0\nratelimit-reset: 7\n", 7000);
	check("ratelimit: limit=100, remaining=0, reset=9\n", 9000);
	check("ratelimit: \"default\";r=0;t=11\n", 11000);
	check("ratelimit: \"default\";r=3;t=11\n", 0);
	check("retry-after: 5\nx-ratelimit-remaining: 0\n"
		"x-ratelimit-reset: 100\n", 5000);
}

static void dates_are_read(void)
{
	int64_t secs;

	CU_ASSERT_TRUE(api_date_read("Sun, 06 Nov 1994 08:49:37 GMT", &secs));
	CU_ASSERT_EQUAL(secs, 784111777);
	CU_ASSERT_TRUE(api_date_read("Tue, 29 Feb 2028 00:00:00 GMT", &secs));
	CU_ASSERT_EQUAL(secs, 1835395200);
	CU_ASSERT_FALSE(api_date_read("Sunday", &secs));
	CU_ASSERT_FALSE(api_date_read("Sun, 06 Xxx 1994 08:49:37 GMT", &secs));
	CU_ASSERT_FALSE(api_date_read("Sun, 06 Nov 1994 08:49:37", &secs));
	CU_ASSERT_FALSE(api_date_read("Sun, 06 Nov 1994 25:49:37 GMT", &secs));
}

static struct api_host host_with(struct api_limits limits)
{
	const struct pipeline_api api = { .limits = limits,
		.retry = { .circuit_after = 3, .circuit_ms = 60000 } };
	struct api_host host = { .at_once = 0 };

	api_host_limit(&host, &api);
	return host;
}

/* Requests that go within so many milliseconds, asked for all the time. */
static int count_within(struct api_host *host, int64_t ms)
{
	int count = 0;

	for (int64_t now = 1000; now < 1000 + ms; now++)
		while (api_host_wait(host, now, WALL + now * 1000) == 0) {
			api_host_take(host, now, WALL + now * 1000);
			(void)api_host_done(host, true, now);
			count++;
		}
	return count;
}

static void budgets_are_kept(void)
{
	struct api_host second = host_with((struct api_limits){
		.per_second = 5, .at_once = 9 });
	struct api_host minute = host_with((struct api_limits){
		.per_minute = 20, .at_once = 9 });
	struct api_host day = host_with((struct api_limits){
		.per_day = 7, .at_once = 9 });
	const int in_two_seconds = count_within(&second, 2000);

	CU_ASSERT_TRUE(in_two_seconds >= 14 && in_two_seconds <= 15);
	CU_ASSERT_EQUAL(count_within(&minute, 59000), 20);
	CU_ASSERT_EQUAL(count_within(&day, 59000), 7);
	CU_ASSERT_EQUAL(api_host_left(&day, WALL), 0);
	CU_ASSERT_EQUAL(api_host_left(&day, WALL + DAY * 1000), 7);
	CU_ASSERT_EQUAL(api_host_wait(&day, 1000 + DAY, WALL + DAY * 1000), 0);
	CU_ASSERT_EQUAL(api_host_left(&second, WALL), -1);
}

static void the_stricter_limit_counts(void)
{
	struct api_host host = host_with((struct api_limits){
		.per_second = 5, .at_once = 9 });
	const struct pipeline_api other = { .limits = { .per_second = 2,
		.per_day = 10, .at_once = 20 } };

	api_host_limit(&host, &other);
	CU_ASSERT_EQUAL(host.per_second, 2);
	CU_ASSERT_EQUAL(host.per_day, 10);
	CU_ASSERT_EQUAL(host.at_once, 9);
}

static void so_many_at_once(void)
{
	struct api_host host = host_with((struct api_limits){ .at_once = 2 });

	api_host_take(&host, 1, WALL);
	CU_ASSERT_EQUAL(api_host_wait(&host, 1, WALL), 0);
	api_host_take(&host, 1, WALL);
	CU_ASSERT_EQUAL(api_host_wait(&host, 1, WALL), -1);
	(void)api_host_done(&host, true, 2);
	CU_ASSERT_EQUAL(api_host_wait(&host, 2, WALL), 0);
}

static void a_wish_keeps_the_whole_host_quiet(void)
{
	struct api_host host = host_with((struct api_limits){ .at_once = 2 });
	const struct api_hint hint = { .wait = true, .wait_ms = 5000 };

	api_host_hint(&host, &hint, 1000);
	CU_ASSERT_EQUAL(api_host_wait(&host, 2000, WALL), 4000);
	CU_ASSERT_EQUAL(api_host_wait(&host, 6000, WALL), 0);
}

static void fail(struct api_host *host, int64_t now, bool opens)
{
	api_host_take(host, now, WALL);
	CU_ASSERT_EQUAL(api_host_done(host, false, now), opens);
}

static void the_circuit_opens_and_tries_again(void)
{
	struct api_host host = host_with((struct api_limits){ .at_once = 2 });

	fail(&host, 1000, false);
	fail(&host, 1000, false);
	fail(&host, 1000, true);
	CU_ASSERT_EQUAL(api_host_wait(&host, 1000, WALL), 60000);
	CU_ASSERT_EQUAL(api_host_wait(&host, 61000, WALL), 0);
	api_host_take(&host, 61000, WALL);
	CU_ASSERT_EQUAL(api_host_wait(&host, 61000, WALL), -1);
	CU_ASSERT_TRUE(api_host_done(&host, false, 61000));
	CU_ASSERT_EQUAL(api_host_wait(&host, 61000, WALL), 120000);
	api_host_take(&host, 181000, WALL);
	CU_ASSERT_FALSE(api_host_done(&host, true, 181000));
	CU_ASSERT_EQUAL(api_host_wait(&host, 181000, WALL), 0);
	fail(&host, 181000, false);
}

/* At any moment the state file has at least what was made: a crash does not
 * give the day's requests anew. */
static void requests_of_a_day_count_before_they_are_made(void)
{
	struct api_host host = host_with((struct api_limits){
		.per_day = 1000, .at_once = 1000 });
	const int64_t day = WALL / 86400000000;
	int written = 0;

	CU_ASSERT_FALSE(api_host_promised(&host, WALL));
	for (int made = 0; made < 1000; made++) {
		if (!api_host_promised(&host, WALL)) {
			host.promised = api_host_promise(&host, true, WALL);
			host.promised_day = day;
			written++;
		}
		CU_ASSERT_TRUE(host.promised > host.used);
		CU_ASSERT_TRUE(host.promised - host.used <= 16);
		api_host_take(&host, 1000, WALL);
	}
	CU_ASSERT_EQUAL(host.promised, 1000);
	CU_ASSERT_TRUE(written < 400);
	CU_ASSERT_EQUAL(api_host_promise(&host, false, WALL), 1000);
	CU_ASSERT_FALSE(api_host_promised(&host, WALL + DAY * 1000));
}

static void the_table_says_what_is_tried_again(void)
{
	struct api_range on[] = { { 429, 429 }, { 500, 599 } };
	const struct api_retry retry = { .on = on, .on_count = 2 };

	CU_ASSERT_TRUE(api_retry_wanted(&retry, 429));
	CU_ASSERT_TRUE(api_retry_wanted(&retry, 503));
	CU_ASSERT_FALSE(api_retry_wanted(&retry, 404));
	CU_ASSERT_FALSE(api_retry_wanted(&retry, 0));
}

CU_TestInfo api_limits_tests[] = {
	{ "a server's wishes are read and clamped",
		wishes_are_read_and_clamped },
	{ "dates are read", dates_are_read },
	{ "budgets of second, minute and day are kept", budgets_are_kept },
	{ "requests of a day count before they are made",
		requests_of_a_day_count_before_they_are_made },
	{ "the stricter limit counts", the_stricter_limit_counts },
	{ "so many at once and no more", so_many_at_once },
	{ "a wish keeps the whole host quiet",
		a_wish_keeps_the_whole_host_quiet },
	{ "the circuit opens, tries once, and closes",
		the_circuit_opens_and_tries_again },
	{ "the table says what is tried again",
		the_table_says_what_is_tried_again },
	CU_TEST_INFO_NULL,
};
