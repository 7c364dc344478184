/* api_cursor.c - the largest value so far, compared and moved back. */
#include "producer/api_request.h"

#include "common/clock.h"
#include "common/datetime.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define Y2000_US (INT64_C(946684800) * 1000000) /* since 1970 */

static bool read_time(const char *text, int64_t *us)
{
	if (!datetime_time(text, strlen(text), false, us))
		return false;
	*us += Y2000_US;
	return true;
}

static bool read_date(const char *text, int64_t *us)
{
	int64_t days;

	if (!datetime_date(text, strlen(text), &days))
		return false;
	*us = days * INT64_C(86400000000) + Y2000_US;
	return true;
}

/* Digits, as many as there are: ids may be longer than 64 bits. */
static bool is_integer(const char *text)
{
	const char *digits = text + (*text == '-' ? 1 : 0);
	const size_t len = strlen(digits);

	return len > 0 && strspn(digits, "0123456789") == len;
}

/* A date stays a date, a time becomes one with Z. */
static bool show_time(int64_t us, bool date, struct buf *out, struct err *err)
{
	char text[CLOCK_TEXT];

	if (date) {
		clock_format_date(us, text);
		return buf_add_str(out, text, err);
	}
	clock_format_us(us, text);
	return buf_printf(out, err, "%.19sZ", text);
}

bool api_cursor_shown(const struct api_cursor *cursor, const char *value,
	struct buf *out, struct err *err)
{
	const int64_t back = cursor->look_back;
	int64_t us;

	if (back > 0 && cursor->kind == API_CURSOR_TIME &&
		read_time(value, &us))
		return show_time(us - back * 1000000, false, out, err);
	if (back > 0 && cursor->kind == API_CURSOR_TIME &&
		read_date(value, &us))
		return show_time(us - back * 1000000, true, out, err);
	if (back > 0 && cursor->kind == API_CURSOR_INTEGER &&
		is_integer(value) && strlen(value) <= 18)
		return buf_printf(out, err, "%" PRId64,
			(int64_t)strtoll(value, NULL, 10) - back);
	return buf_add_str(out, value, err);
}

/* A time, or a date: its midnight. */
static bool read_moment(const char *text, int64_t *us)
{
	return read_time(text, us) || read_date(text, us);
}

bool api_cursor_valid(enum api_cursor_kind kind, const char *value)
{
	int64_t us;

	switch (kind) {
	case API_CURSOR_TIME: /* or seconds since whenever */
		return read_moment(value, &us) || is_integer(value);
	case API_CURSOR_INTEGER:
		return is_integer(value);
	default:
		return value[0] != '\0';
	}
}

static bool integer_greater(const char *a, const char *b)
{
	const bool a_less = *a == '-', b_less = *b == '-';
	size_t x, y;

	if (a_less != b_less)
		return b_less && (strspn(a, "0") != strlen(a) ||
			strspn(b + 1, "0") != strlen(b + 1));
	a += a_less + strspn(a + a_less, "0");
	b += b_less + strspn(b + b_less, "0");
	x = strlen(a);
	y = strlen(b);
	if (x != y)
		return (x > y) != a_less;
	return a_less ? strcmp(b, a) > 0 : strcmp(a, b) > 0;
}

bool api_cursor_greater(enum api_cursor_kind kind, const char *a,
	const char *b)
{
	int64_t x, y;

	if (kind == API_CURSOR_TEXT)
		return strcmp(a, b) > 0;
	if (kind == API_CURSOR_TIME && read_moment(a, &x) &&
		read_moment(b, &y))
		return x > y;
	return is_integer(a) && is_integer(b) && integer_greater(a, b);
}
