/* decimal.c - a JSON number's digits, seen as PostgreSQL's numeric sees them.
 */
#include "common/decimal.h"

#define EXPONENT_MAX 1000000000 /* PostgreSQL stops a little higher */

static const char *skip_digits(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

/* [eE][+-]?digits at *at, or nothing; larger ones saturate. */
static bool parse_exponent(const char **at, const char *end, int64_t *value)
{
	const char *digits;
	bool minus = false;

	*value = 0;
	if (*at == end || (**at != 'e' && **at != 'E'))
		return true;
	++*at;
	if (*at < end && (**at == '-' || **at == '+'))
		minus = *(*at)++ == '-';
	digits = *at;
	*at = skip_digits(digits, end);
	for (const char *d = digits; d < *at; d++)
		if (*value <= EXPONENT_MAX)
			*value = *value * 10 + (*d - '0');
	if (minus)
		*value = -*value;
	return *at > digits;
}

/* Sets first, last and point from the mantissa [whole, end), whose point
 * stands at dot (its end when there is none). */
static void find_digits(const char *whole, const char *dot, const char *end,
	int64_t exponent, struct decimal *out)
{
	const char *first = whole, *last = end;

	while (first < last && (*first == '0' || *first == '.'))
		first++;
	while (last > first && (last[-1] == '0' || last[-1] == '.'))
		last--;
	out->first = first;
	out->last = last;
	if (first == last)
		out->negative = false;
	else if (first < dot)
		out->point = (dot - first) + exponent;
	else
		out->point = exponent - (first - dot - 1);
}

bool decimal_parse(const char *text, size_t len, struct decimal *out)
{
	const char *const end = text + len;
	const char *whole = text, *dot, *mantissa_end, *stop;
	int64_t exponent;

	*out = (struct decimal){ .negative = len > 0 && *text == '-' };
	if (out->negative)
		whole++;
	dot = mantissa_end = skip_digits(whole, end);
	if (dot == whole || (*whole == '0' && dot > whole + 1))
		return false;
	if (dot < end && *dot == '.') {
		mantissa_end = skip_digits(dot + 1, end);
		if (mantissa_end == dot + 1)
			return false;
		out->scale = mantissa_end - dot - 1;
	}
	stop = mantissa_end;
	if (!parse_exponent(&stop, end, &exponent) || stop != end ||
		exponent > EXPONENT_MAX || exponent < -EXPONENT_MAX)
		return false;
	out->plain = dot == end;
	out->scale = out->scale > exponent ? out->scale - exponent : 0;
	find_digits(whole, dot, mantissa_end, exponent, out);
	return true;
}

bool decimal_fits(const struct decimal *decimal)
{
	return decimal->scale <= DECIMAL_SCALE_MAX &&
		(decimal->first == decimal->last ||
			decimal->point <= DECIMAL_WHOLE_MAX);
}

int64_t decimal_written(const struct decimal *decimal)
{
	int64_t whole = 1;

	if (decimal->first != decimal->last && decimal->point > 1)
		whole = decimal->point;
	return whole + decimal->scale + 2;
}
