/* jsonmold.h - the form of a record, remembered: most records of a file have
 * the keys of the one before, in the same order and with the same blanks.
 *
 * A record is cut into what stands between its values (brackets, keys, commas)
 * and the values: strings, numbers and words. One that has the same between,
 * byte for byte, and values that are right, is right as a whole and nested the
 * same way: it need not be parsed. Pure. */
#ifndef SLUICE_JSONMOLD_H
#define SLUICE_JSONMOLD_H

#include "common/jsonscan.h"

#define JSON_MOLD_MAX (16 << 10) /* bytes of a record; longer ones are not
				  * learned */

#define JSON_MOLD_WIDTH 32 /* bytes looked at at once */

struct mold_slot {
	uint32_t at, len; /* what stands before the value, in mold.between */
	uint32_t mask; /* of the bytes of its last look */
	uint32_t quoted; /* the same with a quote behind them */
	uint32_t room; /* bytes of text that suffice to look at it, its quote
			* and the next bytes at once; or more than there are */
	uint32_t node; /* the value's */
};

/* Zeroed it knows nothing. */
struct json_mold {
	struct json_tape tape;     /* of the last record that fitted */
	struct json_node *learned; /* of the one that was learned */
	uint32_t *before;     /* by node: how many slots have earlier nodes */
	struct mold_slot *slots;   /* and one more for what follows the last */
	size_t count, cap;         /* slots; nodes there is room for */
	struct buf between;
	bool known;
	bool one_line;   /* no CR or LF in it */
	bool escaped;    /* some value of the last that fitted is */
	unsigned misses; /* since a record fitted */
};

void json_mold_clear(struct json_mold *mold);

/* Whether text[0..len) begins with an object of this form, that json_scan would
 * take, *end bytes long. Then mold->tape is its tape, but only the strings,
 * numbers and words that are values are there; json_mold_whole adds the rest.
 * No: nothing is said about the text. */
bool json_mold_fits(struct json_mold *mold, const char *text, size_t len,
	size_t *end);
void json_mold_whole(struct json_mold *mold);

/* The same where nobody asks for the tape: it stays as it was. */
bool json_mold_measures(struct json_mold *mold, const char *text, size_t len,
	size_t *end);

/* Whether it is worth while to learn the record of `len` bytes that did not
 * fit: where none has the form of another, learning each would be in vain. */
bool json_mold_due(const struct json_mold *mold, size_t len);

/* Learns an object by its tape. False when out of memory: then it knows
 * nothing. */
bool json_mold_learn(struct json_mold *mold, const char *text,
	const struct json_tape *tape) MUST_CHECK;

/* -- for those who look at other bytes at once ------------------------- */

/* One does for all processors, the other needs AVX2. */
bool json_mold_walk_any(struct json_mold *mold, const char *text, size_t len,
	size_t *end, bool taping);
bool json_mold_walk_avx2(struct json_mold *mold, const char *text, size_t len,
	size_t *end, bool taping);

#endif
