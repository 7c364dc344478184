/* split_private.h - what the parts of the splitter share. */
#ifndef SLUICE_SPLIT_PRIVATE_H
#define SLUICE_SPLIT_PRIVATE_H

#include "producer/skip.h"
#include "producer/split.h"

/* -- the window ------------------------------------------------------- */

static inline const char *text(const struct split *split)
{
	return stream_text(&split->stream);
}

static inline size_t have(const struct split *split)
{
	return stream_have(&split->stream);
}

/* The most bytes of one record that are ever looked at. */
static inline size_t look(const struct split *split)
{
	return split->max + 1;
}

static inline size_t seen(const struct split *split)
{
	return have(split) < look(split) ? have(split) : look(split);
}

/* All of it is seen: the end, or the most that is looked at. */
static inline bool seen_all(const struct split *split)
{
	return split->stream.ended || have(split) >= look(split);
}

static inline const struct input_fault *broken(const struct split *split)
{
	return split->stream.ended ? input_fault(split->stream.input) : NULL;
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* At least one byte more than `seen`, or the end. */
bool split_see_more(struct split *split, struct err *err) MUST_CHECK;
/* Up to the next byte that is no blank, or the end. */
bool split_skip_blanks(struct split *split, struct err *err) MUST_CHECK;
/* The next `bytes` are in the window; *last: nothing follows them. */
bool split_is_last(struct split *split, size_t bytes, bool *last,
	struct err *err) MUST_CHECK;

/* -- items (split_item.c) --------------------------------------------- */

/* Without the blanks at the end of bytes[0..len). */
size_t split_trim(const char *bytes, size_t len);
/* Must more bytes come? And what to say when they do not. */
bool split_is_open(const struct split *split);
const char *split_no_end(const struct split *split);

void split_end_item(struct split *split, struct item *item);
/* A bad item from here to where its kind says it ends. */
bool split_take_bad(struct split *split, struct item *item,
	enum skip_kind kind, const struct split_fault *fault, struct err *err)
	MUST_CHECK;
/* The same to the end of the bytes. */
bool split_take_remainder(struct split *split, struct item *item,
	const struct split_fault *fault, struct err *err) MUST_CHECK;
/* A bad item of known length, all of it in the window. */
bool split_take_bad_bytes(struct split *split, struct item *item, size_t len,
	const struct split_fault *fault, struct err *err) MUST_CHECK;
/* A whole value: an object is a record. */
bool split_take_whole(struct split *split, struct item *item,
	const struct json_extent *extent, struct err *err) MUST_CHECK;

/* -- the first look (split_start.c) ----------------------------------- */

/* Decides how the file is read; takes nothing but a byte order mark and
 * blanks. */
bool split_look_at_start(struct split *split, struct err *err) MUST_CHECK;

#endif
