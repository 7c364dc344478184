/* skip.c - finds the end of what could not be read, by strings and brackets. */
#include "producer/skip.h"

#include "common/jsonscan.h"

#include <string.h>

/* Inside a string: moves over one byte. */
static void in_string(struct skip *skip, char c)
{
	if (skip->escape)
		skip->escape = false;
	else if (c == '\\')
		skip->escape = true;
	else if (c == '"')
		skip->string = false;
}

/* Outside of strings: moves over one byte; false when it is not ours. */
static bool between(struct skip *skip, char c)
{
	const bool element = skip->kind == SKIP_ELEMENT && skip->depth == 0;

	if (c == '"')
		skip->string = true;
	else if (c == '{' || c == '[')
		skip->depth++;
	else if (element && (c == ',' || c == ']'))
		return false;
	else if ((c == '}' || c == ']') && skip->depth > 0)
		skip->depth--;
	return true;
}

/* Elements end before a byte, values with one. */
static size_t run_brackets(struct skip *skip, const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && !skip->done) {
		if (skip->string)
			in_string(skip, text[i]);
		else if (!between(skip, text[i])) {
			skip->done = true;
			break;
		}
		i++;
		skip->done = skip->kind == SKIP_VALUE && skip->depth == 0 &&
			!skip->string;
	}
	return i;
}

static size_t run_commas(struct skip *skip, const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && !skip->done) {
		i += json_blanks(text + i, len - i);
		if (i < len && text[i] == ',')
			i++;
		else if (i < len)
			skip->done = true;
	}
	return i;
}

size_t skip_run(struct skip *skip, const char *text, size_t len)
{
	const char *feed;

	switch (skip->kind) {
	case SKIP_LINE:
		feed = memchr(text, '\n', len);
		skip->done = feed != NULL;
		return feed != NULL ? (size_t)(feed - text) : len;
	case SKIP_ELEMENT:
	case SKIP_VALUE:
		return run_brackets(skip, text, len);
	case SKIP_COMMAS:
		return run_commas(skip, text, len);
	case SKIP_ALL:
		break;
	}
	return len;
}
