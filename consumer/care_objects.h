/* care_objects.h - objects that were kept long enough (object_store_keep_secs)
 * and are no longer needed: their sources are complete. */
#ifndef SLUICE_CARE_OBJECTS_H
#define SLUICE_CARE_OBJECTS_H

#include "consumer/care_private.h"

/* Zeroed: not looked yet. */
struct object_keep {
	int64_t next_ms;
};

/* Looks through the store when it is time to: at the start, then ten times in
 * the time that objects are kept, at least once a day. *wait_ms becomes less
 * when the next look comes earlier. An object of which meta.source knows no
 * complete source stays. */
bool care_objects(struct object_keep *keep, struct care_work *work,
	int64_t *wait_ms, struct err *err) MUST_CHECK;

#endif
