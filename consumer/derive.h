/* derive.h - the records of a derived dataset: values inside the records of
 * another one. Pure but for the memory it takes.
 *
 * Each pointer of the dataset's `each` is followed in order. An array gives
 * its elements; null (`skip_empty`: or {}), or nothing there, gives nothing.
 * What is given need not be an object: the row mapper judges it. */
#ifndef SLUICE_DERIVE_H
#define SLUICE_DERIVE_H

#include "common/pipeline.h"
#include "common/rowmap.h"
#include "consumer/walk.h"

/* Zeroed is empty; reused from record to record. */
struct derive {
	const struct dataset *dataset;
	struct record parent;
	struct json_tape tape;
	struct buf key;
	size_t pointer;       /* the next of dataset->each */
	struct buf nodes;     /* outside.nodes */
	struct rowmap_outside outside;
	size_t element, end;  /* nodes of the array at hand */
	uint64_t ordinal;     /* of the value given last, from 1 */
};

/* The next dataset behind `previous` (NULL: the first) that is made out of
 * this one; NULL: no more. */
const struct dataset *derive_dataset(const struct dataset *parent,
	const struct dataset *previous);

/* Out of whose records it is made in the end; itself when of nobody's. */
const struct dataset *derive_root(const struct dataset *dataset);

/* Starts on a record that the parent's mapper has taken; its text must outlive
 * the walk through it. One that is not JSON gives nothing. */
bool derive_open(struct derive *derive, const struct dataset *dataset,
	const struct record *parent, struct err *err) MUST_CHECK;
/* The next value: its own bytes, offset, line and column, the parent's record
 * number; derive->ordinal counts it. *found is false behind the last. */
bool derive_next(struct derive *derive, struct record *value, bool *found,
	struct err *err) MUST_CHECK;
/* What the value's columns take from the parent (`with`); NULL: nothing. Good
 * until the next call, as are the parent's bytes. */
const struct rowmap_outside *derive_outside(const struct derive *derive);
/* Nothing is open any more; memory is kept. */
void derive_close(struct derive *derive);
void derive_clear(struct derive *derive);

#endif
