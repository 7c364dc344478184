/* pointer.h - JSON Pointers (RFC 6901): decoded, and followed in a text. Pure.
 */
#ifndef SLUICE_POINTER_H
#define SLUICE_POINTER_H

#include "common/jsonscan.h"

#define POINTER_STEPS_MAX 32

/* Decodes "/a~1b/0" into its steps ("a/b", "0"); "" has none. The caller frees
 * steps[0..*count), of which there is room for POINTER_STEPS_MAX, whatever
 * comes out. ERR_REJECT: what is wrong with it, in plain words. */
bool pointer_parse(const char *text, char **steps, size_t *count,
	struct err *err) MUST_CHECK;

/* Appends "/" and the step as a pointer writes it. */
bool pointer_add(struct buf *out, const char *step, struct err *err)
	MUST_CHECK;

/* A step as an array's index ("0", "17", no zero in front, at most nine
 * digits); SIZE_MAX when it is none. */
size_t pointer_index(const char *step);

/* A value's own bytes in a text: text[start..start + len). */
struct pointer_span {
	size_t start;
	size_t len;
	enum json_type type;
};

/* Finds the value the steps lead to in text[0..len), which must be one value
 * in strict syntax, with blanks around it (a byte order mark is passed over).
 * Builds no tree. ERR_REJECT: the text is no JSON (offset and line), or the
 * first step that leads nowhere, or a key on the way that stands twice. */
bool pointer_slice(const char *text, size_t len, char *const *steps,
	size_t count, struct pointer_span *span, struct err *err) MUST_CHECK;

#endif
