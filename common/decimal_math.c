/* decimal_math.c - decimal numbers written, compared and added, exactly. */
#include "common/decimal_math.h"

#include <string.h>

/* -- digits ------------------------------------------------------------- */

/* The digits of a number from the first that is not 0, its point left out. */
struct digits {
	const char *at, *end;
};

static struct digits digits_of(const struct decimal *number)
{
	return (struct digits){ number->first, number->last };
}

/* '0' behind the last one. */
static char next_digit(struct digits *digits)
{
	if (digits->at < digits->end && *digits->at == '.')
		digits->at++;
	return digits->at < digits->end ? *digits->at++ : '0';
}

static bool is_zero(const struct decimal *number)
{
	return number->first == number->last;
}

static int64_t count_digits(const struct decimal *number)
{
	const size_t len = (size_t)(number->last - number->first);

	return (int64_t)len -
		(len > 0 && memchr(number->first, '.', len) != NULL);
}

/* Digits behind the point that the value needs. */
static int64_t needed_scale(const struct decimal *number)
{
	const int64_t scale = count_digits(number) - number->point;

	return !is_zero(number) && scale > 0 ? scale : 0;
}

/* -- writing ------------------------------------------------------------ */

bool decimal_text(const struct decimal *number, bool stripped, struct buf *out,
	struct err *err)
{
	const int64_t point = is_zero(number) ? 0 : number->point;
	const int64_t scale = stripped ? needed_scale(number) : number->scale;
	const int64_t whole = point > 0 ? point : 1;
	struct digits digits = digits_of(number);
	char *at;

	if (!buf_grow(out, (size_t)(whole + scale + 3), err))
		return false;
	at = out->data + out->len;
	if (number->negative)
		*at++ = '-';
	if (point <= 0)
		*at++ = '0';
	for (int64_t i = 0; i < point; i++)
		*at++ = next_digit(&digits);
	if (scale > 0)
		*at++ = '.';
	for (int64_t i = 0; i < scale; i++)
		*at++ = i < -point ? '0' : next_digit(&digits);
	*at = '\0';
	out->len = (size_t)(at - out->data);
	return true;
}

/* -- comparing ---------------------------------------------------------- */

static int compare_sizes(const struct decimal *a, const struct decimal *b)
{
	struct digits left = digits_of(a), right = digits_of(b);

	if (is_zero(a) || is_zero(b))
		return (int)!is_zero(a) - (int)!is_zero(b);
	if (a->point != b->point)
		return a->point < b->point ? -1 : 1;
	while (left.at < left.end || right.at < right.end) {
		const int order = next_digit(&left) - next_digit(&right);

		if (order != 0)
			return order;
	}
	return 0;
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	return a->negative ? compare_sizes(b, a) : compare_sizes(a, b);
}

/* -- adding ------------------------------------------------------------- */

/* Digits of 10^(top - 1) down to 10^-scale, as numbers 0 to 9. */
static bool spread(const struct decimal *number, int64_t top, int64_t scale,
	struct buf *out, struct err *err)
{
	struct digits digits = digits_of(number);
	const int64_t size = top + scale;
	const int64_t first = is_zero(number) ? size : top - number->point;

	if (!buf_grow(out, (size_t)size + 1, err))
		return false;
	for (int64_t i = 0; i < size; i++)
		out->data[i] = (char)(i < first ? 0 :
			next_digit(&digits) - '0');
	out->len = (size_t)size;
	return true;
}

/* into += sign * from, where the result is not below zero. */
static void combine(struct buf *into, const struct buf *from, int sign)
{
	int carry = 0;

	for (size_t i = into->len; i-- > 0;) {
		const int sum = into->data[i] + sign * from->data[i] + carry;

		into->data[i] = (char)((sum + 10) % 10);
		carry = sum < 0 ? -1 : sum / 10;
	}
}

static bool write_digits(const struct buf *digits, bool negative, int64_t top,
	int64_t scale, struct buf *out, struct err *err)
{
	int64_t at = 0;
	bool zero = true, ok;

	for (size_t i = 0; i < digits->len; i++)
		zero &= digits->data[i] == 0;
	while (at + 1 < top && digits->data[at] == 0)
		at++;
	ok = !negative || zero || buf_add_char(out, '-', err);
	for (; ok && at < top + scale; at++)
		ok = (at != top || buf_add_char(out, '.', err)) &&
			buf_add_char(out, (char)('0' + digits->data[at]), err);
	return ok;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

bool decimal_add(const struct decimal *a, const struct decimal *b,
	bool subtract, struct buf *out, struct err *err)
{
	const int64_t top = larger(larger(is_zero(a) ? 0 : a->point,
		is_zero(b) ? 0 : b->point), 0) + 1;
	const int64_t scale = larger(larger(a->scale, b->scale),
		larger(needed_scale(a), needed_scale(b)));
	const bool minus = b->negative != (subtract && !is_zero(b));
	const bool alike = is_zero(b) || a->negative == minus;
	const bool swapped = !alike && compare_sizes(a, b) < 0;
	struct buf large = { 0 }, small = { 0 };
	bool ok;

	ok = spread(swapped ? b : a, top, scale, &large, err) &&
		spread(swapped ? a : b, top, scale, &small, err);
	if (ok) {
		combine(&large, &small, alike ? 1 : -1);
		ok = write_digits(&large, swapped || (is_zero(a) && alike) ?
			minus : a->negative, top, scale, out, err);
	}
	buf_clear(&large);
	buf_clear(&small);
	return ok;
}
