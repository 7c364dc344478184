/* decimal_math.h - decimal numbers written, compared and added, exactly.
 * Pure but for the memory it takes. */
#ifndef SLUICE_DECIMAL_MATH_H
#define SLUICE_DECIMAL_MATH_H

#include "common/buf.h"
#include "common/decimal.h"

/* Appends the number as PostgreSQL prints a numeric: without exponent, with as
 * many digits behind the point as were written; stripped: no more of them than
 * needed, so that equal numbers give equal text. */
bool decimal_text(const struct decimal *number, bool stripped, struct buf *out,
	struct err *err) MUST_CHECK;

/* Below, equal to or above 0 as a is to b. */
int decimal_compare(const struct decimal *a, const struct decimal *b);

/* Appends a + b, or a - b, with the larger of both scales. */
bool decimal_add(const struct decimal *a, const struct decimal *b,
	bool subtract, struct buf *out, struct err *err) MUST_CHECK;

#endif
