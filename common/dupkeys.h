/* dupkeys.h - finds a key that stands twice in one object of a tape. Pure. */
#ifndef SLUICE_DUPKEYS_H
#define SLUICE_DUPKEYS_H

#include "common/jsonscan.h"

struct dupkey;

/* Scratch memory; zeroed is empty. */
struct dupkeys {
	struct dupkey *keys;
	size_t cap;
	struct buf decoded;
};

/* Looks at every object of the tape. *at is the node of the second of two
 * equal keys (compared decoded), SIZE_MAX when there is none. False only when
 * out of memory. Time is n log n in the number of keys. */
bool dupkeys_find(struct dupkeys *scratch, const char *text,
	const struct json_tape *tape, size_t *at, struct err *err) MUST_CHECK;
void dupkeys_clear(struct dupkeys *scratch);

#endif
