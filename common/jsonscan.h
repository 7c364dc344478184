/* jsonscan.h - a strict JSON reader (RFC 8259) over bytes in memory.
 *
 * Accepts exactly what JSONTestSuite calls valid, in valid UTF-8 (RFC 3629),
 * nested at most JSON_DEPTH_MAX deep. Numbers are spans of digits, never
 * converted. Duplicate keys and \u0000 are syntax it accepts: the record layer
 * (rowmap) judges them. Pure: no I/O, no globals. */
#ifndef SLUICE_JSONSCAN_H
#define SLUICE_JSONSCAN_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 64

enum json_status {
	JSON_OK,
	JSON_SHORT, /* the text ends inside the value: more may mend it */
	JSON_BAD,   /* no continuation can make it valid */
};

struct json_fault {
	size_t at;        /* offset of the first wrong byte */
	const char *code; /* stable reason code, e.g. "json_syntax",
			   * "json_utf8", "json_depth", "json_surrogate" */
	const char *what; /* plain words, static storage */
};

/* Bytes of blanks (space, tab, CR, LF) at the start of text. */
size_t json_blanks(const char *text, size_t len);

/* Checks the one value that starts at text[0] (no leading blanks) and sets
 * *end behind it; what follows is not looked at. A number that touches the
 * end of the text is JSON_SHORT unless final. */
enum json_status json_scan(const char *text, size_t len, bool final,
	size_t *end, struct json_fault *fault);

struct json_extent {
	size_t len;
	bool one_line; /* nothing but spaces stands between its tokens: there
			* is no CR or LF in it */
};

/* json_scan, and what is between the tokens. */
enum json_status json_measure(const char *text, size_t len, bool final,
	struct json_extent *extent, struct json_fault *fault);

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

/* A value, in the order of the text. In an object, keys (JSON_STRING) and
 * values alternate; the children of nodes[i] are i + 1 .. nodes[i].next - 1
 * (following .next to skip a subtree). */
struct json_node {
	uint32_t start; /* of the value in the text, quote or bracket included */
	uint32_t len;   /* of the whole value, closing quote or bracket included */
	uint32_t next;  /* index of the first node behind this value's subtree */
	uint8_t type;   /* enum json_type */
	bool escaped;   /* a string with at least one backslash */
};

struct json_tape {
	struct json_node *nodes;
	size_t count;
	size_t cap;
};

/* Parses text[0..len), which must be one value and blanks only, into *tape
 * (reused; zeroed is empty). Texts up to 1 GiB. JSON_SHORT is reported as
 * JSON_BAD with the fault at len. On memory trouble: JSON_BAD with code
 * "memory". */
enum json_status json_parse(const char *text, size_t len,
	struct json_tape *tape, struct json_fault *fault);
void json_tape_clear(struct json_tape *tape);

/* Appends the decoded bytes of a JSON_STRING node. False with the fault set:
 * code "json_nul" for \u0000, "json_surrogate" for a lone surrogate (neither
 * can be PostgreSQL text), "memory" when out of it. */
bool json_decode(const char *text, const struct json_node *node,
	struct buf *out, struct json_fault *fault) MUST_CHECK;

#endif
