/* cron.c - five fields that say when. */
#include "common/cron.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define MINUTE INT64_C(60)
#define HOUR INT64_C(3600)
#define DAY INT64_C(86400)
#define YEARS_SECS (INT64_C(2923) * DAY) /* eight, leap days included */

/* -- reading ----------------------------------------------------------- */

struct range {
	const char *name;
	int min, max;
	const char *const *words; /* of min, min + 1 ... */
};

static const char *const month_words[] = { "jan", "feb", "mar", "apr", "may",
	"jun", "jul", "aug", "sep", "oct", "nov", "dec", NULL };
static const char *const day_words[] = { "sun", "mon", "tue", "wed", "thu",
	"fri", "sat", NULL };
static const struct range ranges[] = {
	{ "minute", 0, 59, NULL },
	{ "hour", 0, 23, NULL },
	{ "day", 1, 31, NULL },
	{ "month", 1, 12, month_words },
	{ "weekday", 0, 7, day_words },
};

static bool read_number(const char **at, const struct range *range, int *value)
{
	const size_t digits = strspn(*at, "0123456789");

	for (int i = 0; range->words != NULL && range->words[i] != NULL; i++)
		if (strncasecmp(*at, range->words[i], 3) == 0) {
			*at += 3;
			*value = range->min + i;
			return true;
		}
	if (digits == 0 || digits > 2)
		return false;
	*value = (int)strtol(*at, NULL, 10);
	*at += digits;
	return *value >= range->min && *value <= range->max;
}

static bool read_span(const char **at, const struct range *range, int *lo,
	int *hi)
{
	if (**at == '*') {
		++*at;
		*lo = range->min;
		*hi = range->max;
		return true;
	}
	if (!read_number(at, range, lo))
		return false;
	*hi = *lo;
	if (**at == '-') {
		++*at;
		return read_number(at, range, hi) && *hi >= *lo;
	}
	if (**at == '/')
		*hi = range->max;
	return true;
}

static bool read_step(const char **at, int *step)
{
	const struct range any = { "step", 1, 99, NULL };

	*step = 1;
	if (**at != '/')
		return true;
	++*at;
	return read_number(at, &any, step);
}

/* A field, to the blank behind it. */
static bool read_field(const char **at, const struct range *range,
	uint64_t *bits)
{
	int lo, hi, step;

	*bits = 0;
	for (;;) {
		if (!read_span(at, range, &lo, &hi) || !read_step(at, &step))
			return false;
		for (int i = lo; i <= hi; i += step)
			*bits |= UINT64_C(1) << i;
		if (**at != ',')
			return **at == '\0' || **at == ' ';
		++*at;
	}
}

bool cron_parse(const char *text, struct cron *cron, struct err *err)
{
	uint64_t bits[5];
	bool star[5];

	text += strspn(text, " ");
	for (int i = 0; i < 5; i++) {
		const char *start = text;

		star[i] = *text == '*';
		if (*text == '\0')
			return err_set(err, ERR_REJECT, "five fields are "
				"needed: minute hour day month weekday");
		if (!read_field(&text, &ranges[i], &bits[i]))
			return err_set(err, ERR_REJECT, "\"%.*s\" is no %s: "
				"%d to %d, with * , - and /",
				(int)strcspn(start, " "), start,
				ranges[i].name, ranges[i].min, ranges[i].max);
		text += strspn(text, " ");
	}
	if (*text != '\0')
		return err_set(err, ERR_REJECT, "more than five fields");
	*cron = (struct cron){ .minutes = bits[0], .hours = (uint32_t)bits[1],
		.days = (uint32_t)bits[2], .months = (uint16_t)bits[3],
		.weekdays = (uint8_t)((bits[4] | bits[4] >> 7) & 0x7f),
		.any_hour = star[1], .any_day = star[2],
		.any_weekday = star[4] };
	return true;
}

/* -- finding ----------------------------------------------------------- */

static struct tm local_time(int64_t local)
{
	const time_t secs = (time_t)local;
	struct tm tm = { 0 };

	(void)gmtime_r(&secs, &tm);
	return tm;
}

static bool day_matches(const struct cron *cron, const struct tm *tm)
{
	const bool day = (cron->days >> tm->tm_mday & 1) != 0;
	const bool weekday = (cron->weekdays >> tm->tm_wday & 1) != 0;

	if ((cron->months >> (tm->tm_mon + 1) & 1) == 0)
		return false;
	return cron->any_day || cron->any_weekday ? day && weekday :
		day || weekday;
}

static bool matches(const struct cron *cron, int64_t local)
{
	const struct tm tm = local_time(local);

	return (cron->minutes >> tm.tm_min & 1) != 0 &&
		(cron->hours >> tm.tm_hour & 1) != 0 && day_matches(cron, &tm);
}

/* This local time was there before, when the clock was ahead. */
static bool is_second(const struct zone *zone, int64_t at)
{
	const int64_t offset = zone_offset(zone, at);

	for (int64_t ahead = HOUR / 2; ahead <= 3 * HOUR; ahead += HOUR / 2)
		if (zone_offset(zone, at - ahead) - offset == ahead)
			return true;
	return false;
}

/* The clock goes ahead at this moment, over a time that matches. */
static bool leaps_over(const struct cron *cron, const struct zone *zone,
	int64_t at)
{
	const int64_t before = zone_offset(zone, at - MINUTE);
	const int64_t ahead = zone_offset(zone, at) - before;

	for (int64_t i = 0; i < ahead && ahead <= 3 * HOUR; i += MINUTE)
		if (matches(cron, at + before + i))
			return true;
	return false;
}

/* Seconds that may be passed over at once: a day that does not match, but not
 * so near to its end that a clock change could hide the next. */
static int64_t stride(const struct cron *cron, int64_t local)
{
	const struct tm tm = local_time(local);
	const int64_t left = 20 * HOUR - (tm.tm_hour * HOUR +
		tm.tm_min * MINUTE);

	return left > 4 * HOUR && !day_matches(cron, &tm) ? left : MINUTE;
}

bool cron_next(const struct cron *cron, const struct zone *zone,
	int64_t after, int64_t *next)
{
	int64_t at = (after / MINUTE + 1) * MINUTE;
	const int64_t end = at + YEARS_SECS;

	while (at < end) {
		const int64_t local = at + zone_offset(zone, at);

		if ((matches(cron, local) &&
			    (cron->any_hour || !is_second(zone, at))) ||
			(!cron->any_hour && leaps_over(cron, zone, at))) {
			*next = at;
			return true;
		}
		at += stride(cron, local);
	}
	return false;
}
