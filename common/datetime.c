/* datetime.c - ISO 8601 dates and times as PostgreSQL counts them. */
#include "common/datetime.h"

#define US_PER_SEC INT64_C(1000000)
#define US_PER_DAY (INT64_C(86400) * US_PER_SEC)
#define DAYS_MIN INT64_C(-730119) /* 0001-01-01 */
#define DAYS_MAX INT64_C(2921939) /* 9999-12-31 */

/* What is left to read. */
struct cursor {
	const char *at;
	const char *end;
};

static bool take(struct cursor *in, char c)
{
	if (in->at == in->end || *in->at != c)
		return false;
	in->at++;
	return true;
}

static bool take_digits(struct cursor *in, int count, int *value)
{
	if (in->end - in->at < count)
		return false;
	*value = 0;
	for (int i = 0; i < count; i++, in->at++) {
		if (*in->at < '0' || *in->at > '9')
			return false;
		*value = *value * 10 + (*in->at - '0');
	}
	return true;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && leap ? 29 : days[month - 1];
}

/* Counted from 1 March, so that the leap day is the last of its year. */
static int64_t day_number(int year, int month, int day)
{
	const int64_t y = month > 2 ? year : year - 1;
	const int64_t m = month > 2 ? month - 3 : month + 9;
	const int64_t days = 365 * y + y / 4 - y / 100 + y / 400 +
		(153 * m + 2) / 5 + day;

	return days - 730426; /* what 2000-01-01 gives */
}

static bool take_date(struct cursor *in, int64_t *days)
{
	int year, month, day;

	if (!take_digits(in, 4, &year) || !take(in, '-') ||
		!take_digits(in, 2, &month) || !take(in, '-') ||
		!take_digits(in, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 ||
		day > days_in_month(year, month))
		return false;
	*days = day_number(year, month, day);
	return true;
}

static bool take_decimals(struct cursor *in, int64_t *us)
{
	int64_t unit = US_PER_SEC;

	*us = 0;
	if (!take(in, '.'))
		return true;
	for (int digit; unit > 1 && take_digits(in, 1, &digit);) {
		unit /= 10;
		*us += digit * unit;
	}
	return unit < US_PER_SEC;
}

static bool take_clock(struct cursor *in, int64_t *us)
{
	int hour, minute, second;
	int64_t decimals;

	if (!take_digits(in, 2, &hour) || !take(in, ':') ||
		!take_digits(in, 2, &minute) || !take(in, ':') ||
		!take_digits(in, 2, &second) || !take_decimals(in, &decimals))
		return false;
	*us = ((hour * 60 + minute) * INT64_C(60) + second) * US_PER_SEC +
		decimals;
	return hour < 24 && minute < 60 && second < 60;
}

/* Microseconds east of UTC; *found tells whether there is a zone. */
static bool take_zone(struct cursor *in, bool *found, int64_t *east)
{
	int hours, minutes = 0;
	bool west;

	*east = 0;
	*found = in->at < in->end;
	if (!*found || take(in, 'Z'))
		return true;
	west = *in->at == '-';
	if (!take(in, west ? '-' : '+') || !take_digits(in, 2, &hours))
		return false;
	if (in->at < in->end) {
		(void)take(in, ':');
		if (!take_digits(in, 2, &minutes))
			return false;
	}
	*east = (hours * 60 + minutes) * INT64_C(60) * US_PER_SEC;
	if (west)
		*east = -*east;
	return hours < 16 && minutes < 60;
}

/* The digits text[0..count) as a number, and whether they are some: one look
 * at all of them, as most times are right. */
static inline __attribute__((always_inline)) int some_digits(const char *text,
	int count, unsigned *wrong)
{
	unsigned value = 0;

	for (int i = 0; i < count; i++) {
		const unsigned digit = (unsigned)(text[i] - '0');

		*wrong |= digit > 9;
		value = value * 10 + digit;
	}
	return (int)value;
}

/* 2020-12-31 23:59:59 and perhaps .123456: the usual form, quickly. False for
 * every other form and for what is wrong. */
static bool usual_time(const char *t, size_t len, int64_t *us)
{
	unsigned wrong = (len != 19 && len != 26);
	int year, month, day, hour, minute, second, decimals = 0;

	if (wrong)
		return false;
	wrong |= t[4] != '-' || t[7] != '-' || (t[10] != ' ' && t[10] != 'T') ||
		t[13] != ':' || t[16] != ':';
	year = some_digits(t, 4, &wrong);
	month = some_digits(t + 5, 2, &wrong);
	day = some_digits(t + 8, 2, &wrong);
	hour = some_digits(t + 11, 2, &wrong);
	minute = some_digits(t + 14, 2, &wrong);
	second = some_digits(t + 17, 2, &wrong);
	if (len == 26) {
		wrong |= t[19] != '.';
		decimals = some_digits(t + 20, 6, &wrong);
	}
	if (wrong || year < 1 || month < 1 || month > 12 || day < 1 ||
		day > days_in_month(year, month) || hour > 23 || minute > 59 ||
		second > 59)
		return false;
	*us = day_number(year, month, day) * US_PER_DAY +
		((hour * 60 + minute) * INT64_C(60) + second) * US_PER_SEC +
		decimals;
	return true;
}

bool datetime_date(const char *text, size_t len, int64_t *days)
{
	struct cursor in = { .at = text, .end = text + len };

	return take_date(&in, days) && in.at == in.end;
}

bool datetime_time(const char *text, size_t len, bool zone_needed, int64_t *us)
{
	struct cursor in = { .at = text, .end = text + len };
	int64_t days, clock, east;
	bool zone;

	if (!zone_needed && usual_time(text, len, us))
		return true;
	if (!take_date(&in, &days) || (!take(&in, 'T') && !take(&in, ' ')) ||
		!take_clock(&in, &clock) || !take_zone(&in, &zone, &east) ||
		in.at != in.end || (zone_needed && !zone))
		return false;
	*us = days * US_PER_DAY + clock - east;
	return *us >= DAYS_MIN * US_PER_DAY &&
		*us < (DAYS_MAX + 1) * US_PER_DAY;
}

/* -- the other way ------------------------------------------------------ */

static char *put_digits(char *at, int count, int64_t value)
{
	for (int i = count - 1; i >= 0; i--, value /= 10)
		at[i] = (char)('0' + value % 10);
	return at + count;
}

/* Years are counted from March, in eras of 400 of them: the leap day is the
 * last of its year. */
static char *put_date(char *at, int64_t days)
{
	const int64_t day = days + 730425; /* since 0000-03-01 */
	const int64_t era = day / 146097, of_era = day % 146097;
	const int64_t year = (of_era - of_era / 1460 + of_era / 36524 -
		of_era / 146096) / 365;
	const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	const int64_t month = (5 * of_year + 2) / 153; /* 0: March */

	at = put_digits(at, 4, era * 400 + year + (month > 9));
	*at++ = '-';
	at = put_digits(at, 2, month > 9 ? month - 9 : month + 3);
	*at++ = '-';
	return put_digits(at, 2, of_year - (153 * month + 2) / 5 + 1);
}

size_t datetime_date_text(int64_t days, char out[DATETIME_TEXT])
{
	char *end = put_date(out, days);

	*end = '\0';
	return (size_t)(end - out);
}

size_t datetime_time_text(int64_t us, char out[DATETIME_TEXT])
{
	const int64_t days = us / US_PER_DAY - (us % US_PER_DAY < 0);
	const int64_t clock = us - days * US_PER_DAY;
	const int64_t secs = clock / US_PER_SEC;
	char *at = put_date(out, days);

	*at++ = ' ';
	at = put_digits(at, 2, secs / 3600);
	*at++ = ':';
	at = put_digits(at, 2, secs / 60 % 60);
	*at++ = ':';
	at = put_digits(at, 2, secs % 60);
	if (clock % US_PER_SEC != 0) {
		*at++ = '.';
		at = put_digits(at, 6, clock % US_PER_SEC);
		while (at[-1] == '0')
			at--;
	}
	*at = '\0';
	return (size_t)(at - out);
}
