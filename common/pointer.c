/* pointer.c - JSON Pointers (RFC 6901): decoded, and followed in a text. */
#include "common/pointer.h"

#include <stdlib.h>
#include <string.h>

/* -- steps -------------------------------------------------------------- */

/* One step, ~1 for / and ~0 for ~; NULL with *err. */
static char *decode_step(const char *text, size_t len, struct err *err)
{
	char *step = malloc(len + 1);
	size_t n = 0;

	if (step == NULL)
		(void)err_memory(err);
	for (size_t i = 0; step != NULL && i < len; i++) {
		char c = text[i];

		if (c == '~') {
			i++;
			if (i == len || (text[i] != '0' && text[i] != '1')) {
				free(step);
				(void)err_set(err, ERR_REJECT, "in a JSON "
					"Pointer only ~0 (for ~) and ~1 (for "
					"/) may follow ~");
				return NULL;
			}
			c = text[i] == '0' ? '~' : '/';
		}
		step[n++] = c;
	}
	if (step != NULL)
		step[n] = '\0';
	return step;
}

bool pointer_parse(const char *text, char **steps, size_t *count,
	struct err *err)
{
	*count = 0;
	if (*text != '/' && *text != '\0')
		return err_set(err, ERR_REJECT, "\"%s\" is not a JSON Pointer: "
			"it begins with /, e.g. /company/name", text);
	while (*text == '/') {
		const size_t len = strcspn(++text, "/");

		if (*count == POINTER_STEPS_MAX)
			return err_set(err, ERR_REJECT,
				"a JSON Pointer of more than %d steps",
				POINTER_STEPS_MAX);
		steps[*count] = decode_step(text, len, err);
		if (steps[*count] == NULL)
			return false;
		++*count;
		text += len;
	}
	return true;
}

bool pointer_add(struct buf *out, const char *step, struct err *err)
{
	bool ok = buf_add_char(out, '/', err);

	for (; ok && *step != '\0'; step++)
		ok = *step == '~' ? buf_add_str(out, "~0", err) :
			*step == '/' ? buf_add_str(out, "~1", err) :
				       buf_add_char(out, *step, err);
	return ok;
}

size_t pointer_index(const char *step)
{
	const size_t digits = strspn(step, "0123456789");
	size_t index = 0;

	if (digits == 0 || step[digits] != '\0' || digits > 9 ||
		(*step == '0' && digits > 1))
		return SIZE_MAX;
	for (; *step != '\0'; step++)
		index = index * 10 + (size_t)(*step - '0');
	return index;
}

/* -- the walk ----------------------------------------------------------- */

struct slicing {
	const char *text;
	size_t len;
	char *const *steps;
	size_t step;     /* which one is being taken */
	struct buf key;
	struct err *err;
};

/* "/a/b", the steps taken so far and the one at hand. */
static bool lost(struct slicing *s, const char *why)
{
	struct buf way = { .max = 512 }; /* more would not be read anyway */
	struct err full;

	for (size_t i = 0; i <= s->step; i++)
		if (!pointer_add(&way, s->steps[i], &full))
			break;
	(void)err_set(s->err, ERR_REJECT, "%s: %s",
		way.data != NULL ? way.data : "/", why);
	buf_clear(&way);
	return false;
}

static size_t pass_blanks(const struct slicing *s, size_t at)
{
	return at + json_blanks(s->text + at, s->len - at);
}

/* Behind the value at `at`; the text is known to be right. */
static size_t pass_value(const struct slicing *s, size_t at)
{
	struct json_fault fault;
	size_t end = 0;

	(void)json_scan(s->text + at, s->len - at, true, &end, &fault);
	return at + end;
}

/* Whether the key text[at..end) is the step. One that cannot be decoded has
 * no name. */
static bool is_step(struct slicing *s, size_t at, size_t end, bool *same)
{
	const char *step = s->steps[s->step];
	const char *key = s->text + at + 1;
	size_t len = end - at - 2;
	struct json_fault fault = { .code = "" };
	const struct json_node node = { .start = (uint32_t)at,
		.len = (uint32_t)(end - at), .escaped = true };

	*same = false;
	if (memchr(key, '\\', len) != NULL) {
		buf_reset(&s->key);
		if (!json_decode(s->text, &node, &s->key, &fault))
			return strcmp(fault.code, "memory") != 0 ||
				err_memory(s->err);
		key = s->key.data;
		len = s->key.len;
	}
	*same = len == strlen(step) && memcmp(key, step, len) == 0;
	return true;
}

/* *at stands on {, then on the member's value. */
static bool into_object(struct slicing *s, size_t *at)
{
	size_t found = SIZE_MAX;
	size_t next = pass_blanks(s, *at + 1);

	while (s->text[next] != '}') {
		const size_t end = pass_value(s, next);
		size_t value = pass_blanks(s, end);
		bool same;

		value = pass_blanks(s, value + 1);
		if (!is_step(s, next, end, &same))
			return false;
		if (same && found != SIZE_MAX)
			return lost(s, "this key stands there twice");
		if (same)
			found = value;
		next = pass_blanks(s, pass_value(s, value));
		if (s->text[next] == ',')
			next = pass_blanks(s, next + 1);
	}
	*at = found;
	return found != SIZE_MAX || lost(s, "there is no such key");
}

/* *at stands on [, then on the element. */
static bool into_array(struct slicing *s, size_t *at)
{
	size_t left = pointer_index(s->steps[s->step]);
	size_t next = pass_blanks(s, *at + 1);

	if (left == SIZE_MAX)
		return lost(s, "an array's element is named by its number, "
			"from 0");
	while (s->text[next] != ']') {
		if (left-- == 0) {
			*at = next;
			return true;
		}
		next = pass_blanks(s, pass_value(s, next));
		if (s->text[next] == ',')
			next = pass_blanks(s, next + 1);
	}
	return lost(s, "the array is shorter");
}

static enum json_type type_at(const char *text)
{
	switch (*text) {
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case '"':
		return JSON_STRING;
	case 't':
		return JSON_TRUE;
	case 'f':
		return JSON_FALSE;
	case 'n':
		return JSON_NULL;
	default:
		return JSON_NUMBER;
	}
}

static bool walk(struct slicing *s, size_t count, size_t *at)
{
	for (s->step = 0; s->step < count; s->step++) {
		const char c = s->text[*at];

		if (c != '{' && c != '[')
			return lost(s, "what it would be in is neither object "
				"nor array");
		if (!(c == '{' ? into_object(s, at) : into_array(s, at)))
			return false;
	}
	return true;
}

/* That the text is one value from *at on; *at moves to it. */
static bool check_text(const char *text, size_t len, size_t *at,
	struct err *err)
{
	struct json_fault fault = { 0 };
	size_t end, line = 1;

	*at += json_blanks(text + *at, len - *at);
	if (json_scan(text + *at, len - *at, true, &end, &fault) == JSON_OK) {
		end += *at;
		end += json_blanks(text + end, len - end);
		if (end == len)
			return true;
		fault = (struct json_fault){ .at = end - *at,
			.what = "text behind the value" };
	}
	for (size_t i = 0; i < *at + fault.at; i++)
		line += text[i] == '\n';
	return err_set(err, ERR_REJECT, "not JSON: line %zu, byte %zu: %s",
		line, *at + fault.at, fault.what);
}

bool pointer_slice(const char *text, size_t len, char *const *steps,
	size_t count, struct pointer_span *span, struct err *err)
{
	struct slicing s = { .text = text, .len = len, .steps = steps,
		.err = err };
	size_t at = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	bool ok;

	if (len > UINT32_MAX)
		return err_set(err, ERR_REJECT, "longer than 4 GiB");
	ok = check_text(text, len, &at, err) && walk(&s, count, &at);
	if (ok)
		*span = (struct pointer_span){ .start = at,
			.len = pass_value(&s, at) - at,
			.type = type_at(text + at) };
	buf_clear(&s.key);
	return ok;
}
