/* health.h - what keeps this process from doing its work, by name. One list a
 * process, safe from several threads; like the log, it never fails. */
#ifndef SLUICE_HEALTH_H
#define SLUICE_HEALTH_H

#include "common/buf.h"

#define HEALTH_PARTS 64 /* names that are known at once, at most */

/* The part does not do its work, and why; copied, cut at 255 bytes. Said again
 * it keeps the time since when. */
void health_down(const char *part, const char *why);
/* The part works, and this should be known; until it is up or down. */
void health_note(const char *part, const char *text);
void health_up(const char *part);
/* True when every part does its work. Appends a line for each that does not:
 * "part: why (for 12 s)", and "note: part: text" for each note. text may be
 * NULL; short of memory it lacks lines. */
bool health_ready(struct buf *text);
/* Shows all of them as metrics: METRIC_READY, METRIC_TROUBLE. */
void health_measure(void);
/* Seconds since the process began to count: the first call of any of these. */
int64_t health_uptime_secs(void);

#endif
