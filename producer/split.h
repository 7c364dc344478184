/* split.h - finds the records of a file, and what is none, one by one.
 *
 * The rules (ARCHITECTURE, producer): a file whose first line is one whole
 * value is read line by line, and a bad line costs itself. Any other file is
 * a text of values; arrays in a file that begins with one are opened. There a
 * bad element is skipped by strings and brackets. Where no end can be found,
 * and where what stands next is no value at all, the remainder is one item.
 * A record that touches the place where the bytes break off (an array without
 * end, damaged compression) belongs to the remainder: nothing shows that it
 * ended there. With a JSON Pointer the file's value is opened up to the array
 * (or the one object) it leads to, and everything around it is passed over. */
#ifndef SLUICE_SPLIT_H
#define SLUICE_SPLIT_H

#include "common/buf.h"
#include "common/jsonmold.h"
#include "producer/stream.h"

enum item_kind {
	ITEM_RECORD, /* an object in strict syntax */
	ITEM_BAD,    /* one element or line, or the remainder */
	ITEM_END,
};

/* Bytes are the splitter's until the next call. */
struct item {
	enum item_kind kind;
	uint64_t offset; /* of its first byte */
	uint64_t length;
	uint64_t line;   /* its first byte stands on, from 1 */
	const char *text; /* RECORD: all of it; BAD: the first bytes */
	size_t text_len;
	bool one_line; /* RECORD: no CR or LF is in it, as far as is known */
	struct place end;
	/* BAD */
	const char *code;
	const char *what;
	uint64_t fault_line, fault_column; /* from 1 */
};

enum split_mode {
	SPLIT_START,  /* nothing is known yet */
	SPLIT_BLANK,  /* nothing but blanks */
	SPLIT_LINES,  /* a value a line */
	SPLIT_VALUES, /* values behind each other */
	SPLIT_ARRAY,  /* the same, arrays opened */
	SPLIT_ALIEN,  /* not JSON */
	SPLIT_WITHIN, /* an array somewhere inside, or one object */
};

enum split_state {
	SPLIT_TOP,   /* outside of any array */
	SPLIT_FIRST, /* behind [ */
	SPLIT_NEXT,  /* behind a comma */
	SPLIT_AFTER, /* behind an element */
};

/* Where the records are inside of the file's value; see within.h. */
#define WITHIN_STEPS_MAX 7

struct within {
	char **steps;    /* decoded */
	size_t count;    /* 0: the file is read as it is */
	size_t depth;    /* values of the way that are open */
	unsigned arrays; /* bit i: the i-th of them is an array */
	bool passed;     /* the records lie behind */
	struct buf key;  /* decoded */
	char lost[256];  /* words of a fault */
};

struct split {
	struct stream stream;
	struct within within;
	size_t max; /* bytes of a record */
	enum split_mode mode;
	enum split_state state;
	bool failed;     /* the remainder was an item */
	struct buf kept; /* first bytes of a bad item */
	struct json_mold mold; /* of an earlier value */
	struct json_tape tape; /* for learning it */
	bool unlike; /* the next value was compared with it, and is not so */
};

/* Records stand at the JSON Pointer `records` ("": they are the file). The
 * window begins with cap bytes; reads take at most step. */
bool split_init(struct split *split, int fd, const char *records, size_t max,
	size_t cap, size_t step, struct err *err) MUST_CHECK;
void split_clear(struct split *split);

/* Place and state behind the last item, packed into a word, and back. */
uint64_t split_pack(const struct split *split, const struct place *end);
bool split_resume(struct split *split, uint64_t offset, uint64_t lines,
	uint64_t packed, struct err *err) MUST_CHECK;

bool split_next(struct split *split, struct item *item, struct err *err)
	MUST_CHECK;

/* -- for within.c ------------------------------------------------------- */

/* What is wrong, and where: offset from the start of the item. */
struct split_fault {
	const char *code;
	const char *what;
	size_t at;
};

enum value_status {
	VALUE_WHOLE,
	VALUE_CUT, /* the bytes end inside it */
	VALUE_BAD, /* wrong, or too long */
};

extern const char split_syntax[]; /* "json_syntax" */

/* The byte that stands next behind blanks; '\0': none, the bytes end. */
bool split_peek(struct split *split, char *c, struct err *err) MUST_CHECK;
/* Judges the value at the window's start; the verdict does not depend on how
 * much of it happens to be there. *fault unless it is whole. */
bool split_judge(struct split *split, enum value_status *verdict,
	struct json_extent *extent, struct split_fault *fault, struct err *err)
	MUST_CHECK;
/* Passes over a value, the strict way while it is no longer than a record.
 * fault->code stays NULL when it could. */
bool split_pass_value(struct split *split, struct split_fault *fault,
	struct err *err) MUST_CHECK;

#endif
