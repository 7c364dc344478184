/* clock.h - time: monotonic for waiting, wall for people. */
#ifndef SLUICE_CLOCK_H
#define SLUICE_CLOCK_H

#include <stdint.h>

#define CLOCK_TEXT 32 /* bytes clock_format_us needs */

int64_t clock_now_ms(void);  /* monotonic */
int64_t clock_now_us(void);  /* monotonic */
int64_t clock_wall_us(void); /* microseconds since 1970-01-01 UTC */

/* "2026-11-22T10:30:00.123456Z", at least CLOCK_TEXT bytes in out. */
void clock_format_us(int64_t wall_us, char *out);

/* "2026-11-22" in UTC, at least CLOCK_TEXT bytes in out. */
void clock_format_date(int64_t wall_us, char *out);

#endif
