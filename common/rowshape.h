/* rowshape.h - the keys of a record, remembered: most records of a dataset
 * have the same, in the same order, as the one before.
 *
 * What follows from the keys alone (none stands twice; where each column's
 * value stands; which are unknown) is then known without looking again. */
#ifndef SLUICE_ROWSHAPE_H
#define SLUICE_ROWSHAPE_H

#include "common/jsonscan.h"

struct rowshape_node {
	uint32_t next;
	uint32_t key_len; /* 0: no key; its quotes count */
	uint8_t type;
};

/* Zeroed it knows nothing. */
struct rowshape {
	struct rowshape_node *nodes;
	size_t count, cap;
	struct buf keys; /* one behind the other, as in the text */
	unsigned misses; /* since a record was like the one that is known */
};

void rowshape_clear(struct rowshape *shape);

/* Whether the record has the keys of the one that is known: the same bytes at
 * the same nodes of the tape. True for equal tapes only as far as containers
 * go: a scalar, or an empty container, is like any other. */
bool rowshape_like(struct rowshape *shape, const char *text,
	const struct json_tape *tape);

/* Whether it is worth while to learn this record, which was not like it: where
 * none is like the other, learning each would be in vain. */
bool rowshape_due(const struct rowshape *shape);

/* Learns it. False when out of memory: then it knows nothing. */
bool rowshape_learn(struct rowshape *shape, const char *text,
	const struct json_tape *tape) MUST_CHECK;

#endif
