/* datetime.h - ISO 8601 dates and times as PostgreSQL counts them. Pure. */
#ifndef SLUICE_DATETIME_H
#define SLUICE_DATETIME_H

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

/* "2020-12-08", years 0001 to 9999: days since 2000-01-01. */
bool datetime_date(const char *text, size_t len, int64_t *days) MUST_CHECK;

/* "2020-12-08 20:03:16", T or one blank between, at most six decimals, maybe
 * a zone (Z, +hh, +hhmm, +hh:mm): microseconds since 2000-01-01 00:00 UTC. A
 * time with a zone is converted; one without counts as UTC, or is refused
 * when zone_needed. No leap seconds and no hour 24: what PostgreSQL would
 * turn into another time is not taken. */
bool datetime_time(const char *text, size_t len, bool zone_needed,
	int64_t *us) MUST_CHECK;

#define DATETIME_TEXT 32

/* The same the other way: "2020-12-08", and "2020-12-08 20:03:16.5" (no more
 * decimals than needed, none for whole seconds; UTC), so that texts sort as the
 * times do. Returns the length. Years 0001 to 9999. */
size_t datetime_date_text(int64_t days, char out[DATETIME_TEXT]);
size_t datetime_time_text(int64_t us, char out[DATETIME_TEXT]);

#endif
