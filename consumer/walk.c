/* walk.c - the records of a message, one after the other. */
#include "consumer/walk.h"

#include <string.h>

void walk_chunk(struct walk *walk, const struct envelope *envelope,
	struct bytes body)
{
	*walk = (struct walk){
		.body = body,
		.number = envelope->first_record,
		.envelope = envelope,
		.index = { .offset = envelope->lo,
			.line = envelope->first_line },
	};
}

void walk_foreign(struct walk *walk, struct bytes body)
{
	*walk = (struct walk){ .body = body, .number = 1, .line = 1 };
}

/* A chunk's records stand one a line in the body; the index has the rest. */
static enum walk_step next_of_chunk(struct walk *walk, struct record *record)
{
	const char *text = walk->body.data;
	bool ok;

	if (!envelope_index_next(walk->envelope->index, &walk->index_at,
		&walk->index, &ok))
		return WALK_END;
	*record = (struct record){
		.text = text + walk->at,
		.len = walk->index.length,
		.offset = walk->index.offset,
		.number = walk->number++,
		.line = walk->index.line,
		.column = 1,
	};
	walk->at += record->len + 1;
	return WALK_RECORD;
}

/* Moves on by n bytes, counting lines. */
static void pass(struct walk *walk, size_t n)
{
	const char *text = walk->body.data;
	const size_t end = walk->at + n;

	for (; walk->at < end; walk->at++)
		if (text[walk->at] == '\n') {
			walk->line++;
			walk->line_start = walk->at + 1;
		}
}

static void pass_blanks(struct walk *walk)
{
	const char *text = walk->body.data;

	if (walk->at < walk->body.len)
		pass(walk, json_blanks(text + walk->at,
			walk->body.len - walk->at));
}

/* The byte at hand; 0 at the end (and for a NUL, which is never wanted). */
static char peek(const struct walk *walk)
{
	const char *text = walk->body.data;

	return walk->at < walk->body.len ? text[walk->at] : '\0';
}

static void describe(struct walk *walk, size_t len, struct record *record)
{
	const char *text = walk->body.data;

	*record = (struct record){
		.text = len > 0 ? text + walk->at : "",
		.len = len,
		.offset = walk->at,
		.number = walk->number++,
		.line = walk->line,
		.column = walk->at - walk->line_start + 1,
	};
}

/* Everything from here on is one bad record, and the last. */
static enum walk_step give_rest(struct walk *walk, struct record *record)
{
	describe(walk, walk->body.len - walk->at, record);
	walk->at = walk->body.len;
	walk->state = WALK_CLOSED;
	return WALK_FAULT;
}

static enum walk_step broken(struct walk *walk, struct record *record,
	struct json_fault *fault, const char *what)
{
	*fault = (struct json_fault){ .code = "json_syntax", .what = what };
	return give_rest(walk, record);
}

static enum walk_step take_value(struct walk *walk, struct record *record,
	struct json_fault *fault)
{
	const size_t left = walk->body.len - walk->at;
	const char *text = walk->body.data;
	size_t end = 0;

	if (left == 0)
		return broken(walk, record, fault, "a value is missing");
	if (json_scan(text + walk->at, left, true, &end, fault) != JSON_OK)
		return give_rest(walk, record);
	describe(walk, end, record);
	pass(walk, end);
	return WALK_RECORD;
}

/* Behind the last value only blanks may follow. */
static enum walk_step take_end(struct walk *walk, struct record *record,
	struct json_fault *fault)
{
	pass_blanks(walk);
	if (walk->at < walk->body.len)
		return broken(walk, record, fault, "bytes behind the value");
	return WALK_END;
}

static enum walk_step first_of_foreign(struct walk *walk,
	struct record *record, struct json_fault *fault)
{
	pass_blanks(walk);
	if (peek(walk) != '[') {
		walk->state = WALK_CLOSED;
		return take_value(walk, record, fault);
	}
	pass(walk, 1);
	pass_blanks(walk);
	if (peek(walk) != ']') {
		walk->state = WALK_ELEMENTS;
		return take_value(walk, record, fault);
	}
	pass(walk, 1);
	walk->state = WALK_CLOSED;
	return take_end(walk, record, fault);
}

static enum walk_step next_element(struct walk *walk, struct record *record,
	struct json_fault *fault)
{
	pass_blanks(walk);
	switch (peek(walk)) {
	case ',':
		pass(walk, 1);
		pass_blanks(walk);
		return take_value(walk, record, fault);
	case ']':
		pass(walk, 1);
		walk->state = WALK_CLOSED;
		return take_end(walk, record, fault);
	default:
		return broken(walk, record, fault, "a comma or ] is missing");
	}
}

enum walk_step walk_next(struct walk *walk, struct record *record,
	struct json_fault *fault)
{
	if (walk->envelope != NULL)
		return next_of_chunk(walk, record);
	switch (walk->state) {
	case WALK_OPEN:
		return first_of_foreign(walk, record, fault);
	case WALK_ELEMENTS:
		return next_element(walk, record, fault);
	case WALK_CLOSED:
		break;
	}
	return take_end(walk, record, fault);
}

void record_place(const struct record *record, size_t at, uint64_t *line,
	uint64_t *column)
{
	const char *from = record->text;
	const char *const end =
		record->text + (at < record->len ? at : record->len);
	const char *eol;

	*line = record->line;
	*column = record->column;
	while ((eol = memchr(from, '\n', (size_t)(end - from))) != NULL) {
		(*line)++;
		*column = 1;
		from = eol + 1;
	}
	*column += (uint64_t)(end - from);
}
