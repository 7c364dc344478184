/* memory.h - operations whose every allocation is made to fail. */
#ifndef SLUICE_TESTS_MEMORY_H
#define SLUICE_TESTS_MEMORY_H

#include "common/err.h"

#include <stddef.h>

struct operation {
	const char *name; /* NULL ends a list */
	/* The same each time: says what it made by memory_note, and gives back
	 * all it took, whatever fails. */
	bool (*run)(struct err *err);
};

/* Adds to the digest of what the operation at hand has made. */
void memory_note(const void *data, size_t len);
void memory_note_text(const char *text);

extern const struct operation common_operations[];
extern const struct operation consumer_operations[];
extern const struct operation producer_operations[];
extern const struct operation cli_operations[];

#endif
