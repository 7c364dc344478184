/* jsonscan_private.h - single tokens, for jsonmold. */
#ifndef SLUICE_JSONSCAN_PRIVATE_H
#define SLUICE_JSONSCAN_PRIVATE_H

#include "common/jsonscan.h"

/* From inside a string, at a byte that is no part of an escape or sequence
 * begun before: behind its closing quote. 0: it is wrong, or has no end. */
size_t json_string_end(const char *text, size_t len, size_t at, bool *escaped);

/* Behind the number or word that begins at `at`; 0: it is none, or the text
 * ends with it. */
size_t json_plain_end(const char *text, size_t len, size_t at,
	enum json_type *type);

#endif
