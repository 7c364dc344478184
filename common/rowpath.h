/* rowpath.h - the paths of all columns as one tree, to walk a record once.
 * Pure. */
#ifndef SLUICE_ROWPATH_H
#define SLUICE_ROWPATH_H

#include "common/pipeline.h"

/* One step of the columns' paths; zeroed is an empty tree's root. Keys are
 * the columns' own. */
struct rowpath {
	const char *key;
	size_t len;
	size_t index;      /* the key as an array index, or SIZE_MAX */
	struct rowpath *kids; /* sorted by length and bytes */
	size_t kid_count;
	size_t kid_first;  /* the kid that came first in the last object */
	size_t follow;     /* the sibling that came next in the last object */
	size_t *columns;   /* whose path ends here */
	size_t column_count;
};

/* Fills an empty tree from all columns. */
bool rowpath_build(struct rowpath *root, const struct column *columns,
	size_t count, struct err *err) MUST_CHECK;
void rowpath_clear(struct rowpath *root);

/* The kid of that key, SIZE_MAX when there is none; guess is tried first. */
size_t rowpath_find(const struct rowpath *step, size_t guess, const char *key,
	size_t len);

#endif
