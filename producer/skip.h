/* skip.h - finds the end of what could not be read, by strings and brackets.
 *
 * Brackets are counted, not matched: {"a":1] ends where its last bracket
 * does. Pure. */
#ifndef SLUICE_SKIP_H
#define SLUICE_SKIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum skip_kind {
	SKIP_LINE,    /* up to the line feed */
	SKIP_ELEMENT, /* up to the comma or ] that follows it in its array */
	SKIP_VALUE,   /* to the end of a string, or of what a bracket opens */
	SKIP_COMMAS,  /* commas and the blanks between them */
	SKIP_ALL,     /* to the end of everything */
};

struct skip {
	enum skip_kind kind;
	uint64_t depth;
	bool string;
	bool escape;
	bool done;
};

/* How many of these bytes belong to it; .done when its end was found. */
size_t skip_run(struct skip *skip, const char *text, size_t len);

#endif
