/* split.h - finds the records of a file, and what is none, one by one.
 *
 * The rules (ARCHITECTURE, producer): a file whose first line is one whole
 * value is read line by line, and a bad line costs itself. Any other file is
 * a text of values; arrays in a file that begins with one are opened. There a
 * bad element is skipped by strings and brackets. Where no end can be found,
 * and where what stands next is no value at all, the remainder is one item.
 * A record that touches the place where the bytes break off (an array without
 * end, damaged compression) belongs to the remainder: nothing shows that it
 * ended there. */
#ifndef SLUICE_SPLIT_H
#define SLUICE_SPLIT_H

#include "common/buf.h"
#include "common/jsonscan.h"
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
};

enum split_state {
	SPLIT_TOP,   /* outside of any array */
	SPLIT_FIRST, /* behind [ */
	SPLIT_NEXT,  /* behind a comma */
	SPLIT_AFTER, /* behind an element */
};

struct split {
	struct stream stream;
	size_t max; /* bytes of a record */
	enum split_mode mode;
	enum split_state state;
	bool failed;     /* the remainder was an item */
	struct buf kept; /* first bytes of a bad item */
};

/* The window begins with cap bytes; reads take at most step. */
bool split_init(struct split *split, int fd, size_t max, size_t cap,
	size_t step, struct err *err) MUST_CHECK;
void split_clear(struct split *split);

/* Place and state behind the last item, packed into a word, and back. */
uint64_t split_pack(const struct split *split, const struct place *end);
bool split_resume(struct split *split, uint64_t offset, uint64_t lines,
	uint64_t packed, struct err *err) MUST_CHECK;

bool split_next(struct split *split, struct item *item, struct err *err)
	MUST_CHECK;

#endif
