/* units.h - "16 MiB", "250 ms", "5 min": amounts as people write them. */
#ifndef SLUICE_UNITS_H
#define SLUICE_UNITS_H

#include "common/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum unit {
	UNIT_COUNT, /* a plain number */
	UNIT_BYTES, /* B, KiB, MiB, GiB, TiB; bare: bytes */
	UNIT_SECS,  /* s, m or min, h, d; bare: seconds */
	UNIT_MS,    /* ms, s, m or min, h, d; bare: milliseconds */
};

/* Digits, maybe a blank, maybe a unit; no sign, no fraction. False when it is
 * anything else or does not fit. */
bool units_parse(const char *text, enum unit unit, int64_t *value) MUST_CHECK;

/* The largest unit that divides the value: 16777216 is "16 MiB". */
bool units_format(int64_t value, enum unit unit, struct buf *out,
	struct err *err) MUST_CHECK;

/* What units_parse takes, for messages: "a size such as 16 MiB". */
const char *units_example(enum unit unit);

#endif
