/* clock.c - time: monotonic for waiting, wall for people. */
#include "common/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_us(clockid_t id)
{
	struct timespec now;

	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_now_ms(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_now_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
	return read_us(CLOCK_REALTIME);
}

static struct tm split(int64_t wall_us)
{
	const time_t secs = (time_t)(wall_us / 1000000);
	struct tm tm = { 0 };

	(void)gmtime_r(&secs, &tm);
	return tm;
}

void clock_format_us(int64_t wall_us, char *out)
{
	const struct tm tm = split(wall_us);
	const size_t used =
		strftime(out, CLOCK_TEXT - 9, "%Y-%m-%dT%H:%M:%S", &tm);

	(void)snprintf(out + used, CLOCK_TEXT - used, ".%06uZ",
		(unsigned)((uint64_t)wall_us % 1000000));
}

void clock_format_date(int64_t wall_us, char *out)
{
	const struct tm tm = split(wall_us);

	(void)strftime(out, CLOCK_TEXT, "%Y-%m-%d", &tm);
}
