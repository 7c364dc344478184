/* within.h - the way to records that stand inside of a value: {"customers":
 * [{...}, ...], "next": 2}, by a JSON Pointer. Private to the splitter.
 *
 * The values on the way are opened, those beside it passed over; behind the
 * records what is left of them is read as strictly, so that a file that breaks
 * off is seen. A key of the way that comes twice would hide records: a fault.
 * Several such values may stand behind each other. Values that are passed over
 * are checked as records are, but one longer than max_record_bytes only by its
 * brackets, so that memory stays bounded. */
#ifndef SLUICE_WITHIN_H
#define SLUICE_WITHIN_H

#include "producer/split.h"

enum within_next {
	WITHIN_RECORDS, /* the value that holds the records stands next */
	WITHIN_OVER,    /* the bytes end where they may */
	WITHIN_FAULT,   /* *fault says what; the remainder cannot be read */
};

/* The steps are decoded; "" has none. */
bool within_init(struct within *within, const char *pointer, struct err *err)
	MUST_CHECK;
void within_clear(struct within *within);

/* Moves on from outside of the records: to the next ones, or to the end. */
bool within_walk(struct split *split, enum within_next *next,
	struct split_fault *fault, struct err *err) MUST_CHECK;

#endif
