/* jsonb.h - a JSON value as PostgreSQL prints it once it is jsonb. Pure.
 *
 * Keys by length, then by bytes, of equal ones the last; one blank behind
 * commas and colons; numbers without exponent, digits as written; strings with
 * no more escapes than needed. */
#ifndef SLUICE_JSONB_H
#define SLUICE_JSONB_H

#include "common/buf.h"
#include "common/jsonscan.h"

/* Zeroed is empty; reused from value to value. */
struct jsonb {
	struct json_tape tape;
	struct buf scratch;
};

/* Appends text[0..len), which rowmap has accepted. stripped: numbers without
 * zeros at their end, so that equal values give equal text. */
bool jsonb_text(struct jsonb *jsonb, const char *text, size_t len,
	bool stripped, struct buf *out, struct err *err) MUST_CHECK;
void jsonb_clear(struct jsonb *jsonb);

#endif
