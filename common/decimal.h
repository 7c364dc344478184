/* decimal.h - a JSON number's digits, seen as PostgreSQL's numeric sees them.
 * Pure. */
#ifndef SLUICE_DECIMAL_H
#define SLUICE_DECIMAL_H

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

#define DECIMAL_WHOLE_MAX 131072 /* digits before the point */
#define DECIMAL_SCALE_MAX 16383  /* digits after it */

/* The value is 0.D * 10^point, D being the digits of [first, last) without
 * the point among them, neither beginning nor ending in 0. Zero has no
 * digits. Pointers are into the text. */
struct decimal {
	bool negative;     /* never for zero */
	bool plain;        /* no point, no exponent */
	const char *first;
	const char *last;
	int64_t point;
	int64_t scale;     /* digits after the point, as written */
};

/* False when text is not exactly one JSON number. */
bool decimal_parse(const char *text, size_t len, struct decimal *out)
	MUST_CHECK;

/* Whether numeric can hold it. */
bool decimal_fits(const struct decimal *decimal);

/* Characters it takes when written without exponent. */
int64_t decimal_written(const struct decimal *decimal);

#endif
