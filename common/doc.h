/* doc.h - a YAML file as a small tree that knows where each value stands. */
#ifndef SLUICE_DOC_H
#define SLUICE_DOC_H

#include "common/err.h"

#include <stddef.h>

enum doc_type { DOC_TEXT, DOC_LIST, DOC_MAP };

struct doc {
	enum doc_type type;
	int line, column;   /* from 1 */
	bool quoted;        /* DOC_TEXT: it stood in quotes */
	char *text;         /* DOC_TEXT: never NULL, no NUL inside */
	struct doc *items; /* DOC_LIST; DOC_MAP: key, value, key, value */
	size_t count;       /* of items */
};

/* Reads one document of at most 1 MiB. Refused with "<file>:<line>:<column>:"
 * (ERR_STOP, EXIT_CONFIG): what is not YAML, anchors, aliases and tags, a
 * second document, a key that is not text or stands twice, deep nesting.
 *
 * ${VAR}, ${VAR:-default} and ${VAR:?message} in values (never in keys) are
 * replaced from the environment after parsing, so a variable's text cannot
 * become structure; "$${" stands for a plain "${". file is for messages. An
 * empty file is an empty map. doc_free for the result; NULL: *err. */
struct doc *doc_parse(const char *text, size_t len, const char *file,
	struct err *err);
struct doc *doc_read(const char *file, struct err *err);
void doc_free(struct doc *root); /* NULL is fine */

/* The value of a map's key, NULL when absent. */
const struct doc *doc_get(const struct doc *map, const char *key);

/* ERR_STOP, EXIT_CONFIG: "<file>:<line>:<column>: <fmt>". Returns false. */
bool doc_fail(const struct doc *at, const char *file, struct err *err,
	const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
