/* walk.h - the records of a message, one after the other. Pure. */
#ifndef SLUICE_WALK_H
#define SLUICE_WALK_H

#include "common/envelope.h"
#include "common/jsonscan.h"

/* One record; its text is borrowed from the message's body. */
struct record {
	const char *text;
	size_t len;
	uint64_t offset; /* in the source */
	uint64_t number; /* in the source, from 1 */
	uint64_t line;   /* where its first byte stands, from 1 */
	uint64_t column;
};

struct walk {
	struct bytes body;
	size_t at;
	uint64_t number;
	const struct envelope *envelope; /* NULL: a foreign message */
	struct envelope_record index;
	size_t index_at;
	uint64_t line; /* foreign: of at */
	size_t line_start;
	enum { WALK_OPEN, WALK_ELEMENTS, WALK_CLOSED } state;
};

enum walk_step {
	WALK_RECORD,
	WALK_FAULT, /* the rest (*record) is not what it should be: *fault,
		     * its .at counted from record->text. Then comes the end. */
	WALK_END,
};

/* A chunk that envelope_decode has accepted; both must outlive the walk. */
void walk_chunk(struct walk *walk, const struct envelope *envelope,
	struct bytes body);
/* A foreign body: one JSON value, or an array of them. Offsets count from the
 * start of the body. */
void walk_foreign(struct walk *walk, struct bytes body);

enum walk_step walk_next(struct walk *walk, struct record *record,
	struct json_fault *fault);

/* Line and column (bytes, from 1) of byte `at` of the record. */
void record_place(const struct record *record, size_t at, uint64_t *line,
	uint64_t *column);

#endif
