/* datetime.c - ISO 8601 dates and times as PostgreSQL counts them. */
#include "common/datetime.h"

#include <endian.h>
#include <string.h>

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

static bool take_digits(struct cursor *in, int count, unsigned *value)
{
	if (in->end - in->at < count)
		return false;
	*value = 0;
	for (int i = 0; i < count; i++, in->at++) {
		if (*in->at < '0' || *in->at > '9')
			return false;
		*value = *value * 10 + (unsigned)(*in->at - '0');
	}
	return true;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month == 2 && leap ? 29 : days[month - 1];
}

/* Counted from 1 March, so that the leap day is the last of its year. */
static int64_t day_number(unsigned year, unsigned month, unsigned day)
{
	const unsigned y = month > 2 ? year : year - 1;
	const unsigned m = month > 2 ? month - 3 : month + 9;
	const unsigned days = 365 * y + y / 4 - y / 100 + y / 400 +
		(153 * m + 2) / 5 + day;

	return (int64_t)days - 730426; /* what 2000-01-01 gives */
}

static bool take_date(struct cursor *in, int64_t *days)
{
	unsigned year, month, day;

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
	for (unsigned digit; unit > 1 && take_digits(in, 1, &digit);) {
		unit /= 10;
		*us += digit * unit;
	}
	return unit < US_PER_SEC;
}

static bool take_clock(struct cursor *in, int64_t *us)
{
	unsigned hour, minute, second;
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
	unsigned hours, minutes = 0;
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

/* Eight characters, the first in the lowest byte. */
static inline uint64_t eight(const char *text)
{
	uint64_t word;

	memcpy(&word, text, sizeof(word));
	return le64toh(word);
}

#define WORD(a, b, c, d, e, f, g, h) \
	((uint64_t)(a) | (uint64_t)(b) << 8 | (uint64_t)(c) << 16 | \
		(uint64_t)(d) << 24 | (uint64_t)(e) << 32 | \
		(uint64_t)(f) << 40 | (uint64_t)(g) << 48 | (uint64_t)(h) << 56)
/* What takes a value that is too large beyond 0x7f. */
#define MORE(c) ((c) == '0' ? 0x7f - 9 : 0x7f)

/* Eight characters, as they should be, with 0 for any digit. */
struct form {
	uint64_t text, more;
};
#define FORM(a, b, c, d, e, f, g, h) \
	(struct form){ WORD(a, b, c, d, e, f, g, h), \
		WORD(MORE(a), MORE(b), MORE(c), MORE(d), MORE(e), MORE(f), \
			MORE(g), MORE(h)) }
#define FORM_DATE FORM('0', '0', '0', '0', '-', '0', '0', '-')
#define FORM_DAY FORM('0', '0', ' ', '0', '0', ':', '0', '0')
#define FORM_CLOCK FORM('0', '0', ':', '0', '0', ':', '0', '0')
#define FORM_DECIMALS FORM('0', '.', '0', '0', '0', '0', '0', '0')

/* The values of the digits; some bit of *wrong is set when it is not so. */
static inline uint64_t values(uint64_t text, struct form form, uint64_t *wrong)
{
	const uint64_t x = text ^ form.text;

	*wrong |= ((x + form.more) | x) & UINT64_C(0x8080808080808080);
	return x;
}

/* The number of the digits at `at` and behind it. */
static inline unsigned pair(uint64_t digits, unsigned at)
{
	return (unsigned)((digits * 10 + (digits >> 8)) >> 8 * at & 0xff);
}

/* 2020-12-31 23:59:59 and perhaps .123456 and Z: the usual forms, quickly, by
 * eight characters at once. False for every other form and for what is
 * wrong. */
static bool usual_time(const char *t, size_t len, bool zone_needed, int64_t *us)
{
	const bool zone = len > 0 && t[len - 1] == 'Z';
	unsigned year, month, day, hour, minute, second, decimals = 0;
	uint64_t date, rest, clock, wrong = 0;

	len -= zone;
	if ((len != 19 && len != 26) || zone < zone_needed)
		return false;
	rest = eight(t + 8);
	if (t[10] == 'T')
		rest ^= (uint64_t)('T' ^ ' ') << 16;
	date = values(eight(t), FORM_DATE, &wrong);
	rest = values(rest, FORM_DAY, &wrong);
	clock = values(eight(t + 11), FORM_CLOCK, &wrong);
	if (len == 26) {
		const uint64_t point =
			values(eight(t + 18), FORM_DECIMALS, &wrong);

		decimals = (pair(point, 2) * 100 + pair(point, 4)) * 100 +
			pair(point, 6);
	}
	year = pair(date, 0) * 100 + pair(date, 2);
	month = pair(date, 5);
	day = pair(rest, 0);
	hour = pair(clock, 0);
	minute = pair(clock, 3);
	second = pair(clock, 6);
	if (wrong != 0 || year < 1 || month - 1 > 11 || day < 1 ||
		(day > 28 && day > days_in_month(year, month)) || hour > 23 ||
		minute > 59 || second > 59)
		return false;
	*us = day_number(year, month, day) * US_PER_DAY +
		((hour * 60 + minute) * 60 + second) * US_PER_SEC + decimals;
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

	if (usual_time(text, len, zone_needed, us))
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
