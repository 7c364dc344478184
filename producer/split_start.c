/* split_start.c - by its first bytes: how a file is read. */
#include "producer/split_private.h"

#include <string.h>

static bool skip_mark(struct split *split, struct err *err)
{
	if (!stream_want(&split->stream, 3, err))
		return false;
	if (have(split) < 3 || memcmp(text(split), "\xef\xbb\xbf", 3) != 0)
		return true;
	stream_pass(&split->stream, 3);
	split->stream.at.line_start = 3;
	return true;
}

/* The first byte from `at` on that is no blank, or with `feed` a line feed;
 * '\0': none within what is looked at. *ends: the bytes end before it. */
static bool peek(struct split *split, size_t *at, bool feed, char *c,
	bool *ends, struct err *err)
{
	*c = '\0';
	*ends = false;
	for (;; (*at)++) {
		while (*at >= seen(split) && !seen_all(split))
			if (!split_see_more(split, err))
				return false;
		*ends = *at >= seen(split) && *at < look(split);
		if (*at >= seen(split))
			return true;
		*c = text(split)[*at];
		if (!is_blank(*c) || (feed && *c == '\n'))
			return true;
		*c = '\0';
	}
}

/* Does the first value stand alone on its line? */
static bool alone(struct split *split, size_t len, bool *on_line,
	bool *ends, struct err *err)
{
	size_t at = len;
	char c;

	if (!peek(split, &at, true, &c, ends, err))
		return false;
	*on_line = c == '\n' && memchr(text(split), '\n', len) == NULL;
	return true;
}

/* [{ and [] begin an array whatever follows, which is not looked at: a large
 * file would fill the window to its ceiling. */
static bool begins_array(struct split *split, bool *sure, struct err *err)
{
	size_t at = 1;
	char c;
	bool ends;

	*sure = false;
	if (text(split)[0] != '[')
		return true;
	if (!peek(split, &at, false, &c, &ends, err))
		return false;
	*sure = c == '{' || c == ']';
	return true;
}

/* Another file that begins with [ is one array, or several, unless that is a
 * line of scalars or arrays with more lines below. */
static bool look_at_array(struct split *split, size_t len, bool on_line,
	struct err *err)
{
	size_t below = len;
	char c;
	bool ends;

	split->mode = SPLIT_ARRAY;
	if (!on_line)
		return true;
	if (!peek(split, &below, false, &c, &ends, err))
		return false;
	if (c != '\0')
		split->mode = SPLIT_LINES;
	return true;
}

/* Decides how the file is read, by its first value; takes nothing. */
static bool look_at_value(struct split *split, struct err *err)
{
	const char first = text(split)[0];
	enum value_status verdict;
	struct split_fault fault;
	bool on_line = false, ends = false, sure;
	struct json_extent extent;

	if (!begins_array(split, &sure, err))
		return false;
	if (sure) {
		split->mode = SPLIT_ARRAY;
		return true;
	}
	if (!split_judge(split, &verdict, &extent, &fault, err))
		return false;
	if (verdict == VALUE_WHOLE &&
		!alone(split, extent.len, &on_line, &ends, err))
		return false;
	if (first == '[')
		return look_at_array(split, extent.len, on_line, err);
	if (on_line)
		split->mode = SPLIT_LINES;
	else if (first == '{' || (verdict == VALUE_WHOLE && ends))
		split->mode = SPLIT_VALUES;
	else
		split->mode = SPLIT_ALIEN;
	return true;
}

bool split_look_at_start(struct split *split, struct err *err)
{
	if (!skip_mark(split, err))
		return false;
	if (!split_skip_blanks(split, err))
		return false;
	split->mode = SPLIT_BLANK;
	if (have(split) > 0 && split->within.count > 0) {
		split->mode = SPLIT_WITHIN;
		return true;
	}
	return have(split) == 0 || look_at_value(split, err);
}
