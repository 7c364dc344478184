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

#endif
