/* cron.h - five fields that say when: minute hour day month weekday. Pure.
 *
 * A star, numbers, ranges, lists, steps (a star and /15; 8-18/2), jan-dec,
 * sun-sat (0 and 7 are Sunday). Where day and weekday are both given, either suffices.
 *
 * Times are local to a zone. A time that a clock change leaves out comes at
 * the moment of the change; one that comes twice counts the first time. With
 * an hour field that begins with *, clock changes mean nothing. */
#ifndef SLUICE_CRON_H
#define SLUICE_CRON_H

#include "common/zone.h"

struct cron {
	uint64_t minutes;
	uint32_t hours, days;
	uint16_t months;
	uint8_t weekdays;
	bool any_hour, any_day, any_weekday;
};

/* ERR_REJECT: what is wrong, in words. */
bool cron_parse(const char *text, struct cron *cron, struct err *err)
	MUST_CHECK;

/* The first moment after `after` (seconds since 1970). False: none within
 * eight years, so there will be none. */
bool cron_next(const struct cron *cron, const struct zone *zone,
	int64_t after, int64_t *next) MUST_CHECK;

#endif
