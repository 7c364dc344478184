/* api_template.h - words in braces inside a request: {cursor}, {page}. Pure.
 *
 *   {cursor}       the largest value of the cursor's field so far
 *   {page} {offset} {size} {token}   where the pages have got to
 *   {parent:/id}   a value of the parent's record
 *   {each}         one of the words of `each:`
 *   {today} {today-7} {now}   UTC: 2026-11-22, seven days before, and
 *                  2026-11-22T10:30:00Z
 *
 * A brace that no small letter follows stands for itself, so JSON bodies need
 * no quoting. */
#ifndef SLUICE_API_TEMPLATE_H
#define SLUICE_API_TEMPLATE_H

#include "common/buf.h"

/* What the words stand for; NULL: there is none now. */
struct api_values {
	const char *cursor;
	const char *page, *offset, *size, *token;
	const char *each;
	const char *parent; /* "pointer=value&...", percent-encoded */
	int64_t now_us;
};

enum api_escape {
	API_ESCAPE_NONE,   /* headers: control bytes are refused */
	API_ESCAPE_ALL,    /* a query's value: all of it */
	API_ESCAPE_VALUES, /* a path, a form: what the words stand for */
	API_ESCAPE_JSON,   /* inside a JSON string: likewise */
};

/* What is wrong with the text, in words; NULL: nothing. parent and each tell
 * whether those words have a meaning here. */
const char *api_template_fault(const char *text, bool parent, bool each);
/* True when that word ("page", "parent") occurs. */
bool api_template_has(const char *text, const char *word);
/* Calls each pointer of {parent:...}; false ends it. */
typedef bool api_template_each(void *context, const char *pointer, size_t len);
bool api_template_parents(const char *text, api_template_each *each,
	void *context);

/* Appends the text, filled. *missing: a word has no value, nothing certain
 * was appended. ERR_REJECT: a value that may not stand there. */
bool api_template_fill(const char *text, const struct api_values *values,
	enum api_escape escape, struct buf *out, bool *missing,
	struct err *err) MUST_CHECK;

/* RFC 3986: everything but unreserved characters as %XX. */
bool api_percent_add(struct buf *out, const char *text, size_t len,
	struct err *err) MUST_CHECK;
/* And back. */
bool api_percent_undo(struct buf *out, const char *text, size_t len,
	struct err *err) MUST_CHECK;

#endif
