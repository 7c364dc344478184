/* zone.h - time zones by the system's own tables (tzdata). */
#ifndef SLUICE_ZONE_H
#define SLUICE_ZONE_H

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

struct zone;

/* "Europe/Berlin", from /usr/share/zoneinfo; "UTC" needs no file. ERR_STOP with
 * EXIT_CONFIG when there is none of that name. */
struct zone *zone_open(const char *name, struct err *err);
/* The same from the bytes of such a file; name is for messages. */
struct zone *zone_read(const void *data, size_t len, const char *name,
	struct err *err);
void zone_free(struct zone *zone); /* NULL is fine */

/* Seconds to add to UTC at that moment (seconds since 1970); NULL is UTC. */
int64_t zone_offset(const struct zone *zone, int64_t at);

#endif
