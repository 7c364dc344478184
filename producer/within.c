/* within.c - the way to records that stand inside of a value. */
#include "producer/within.h"

#include "common/pointer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool within_init(struct within *within, const char *pointer, struct err *err)
{
	within->steps = calloc(POINTER_STEPS_MAX, sizeof(*within->steps));
	if (within->steps == NULL)
		return err_memory(err);
	if (!pointer_parse(pointer, within->steps, &within->count, err))
		return false;
	return within->count <= WITHIN_STEPS_MAX ||
		err_set(err, ERR_STOP, "%s: more than %d steps to the records",
			pointer, WITHIN_STEPS_MAX);
}

void within_clear(struct within *within)
{
	for (size_t i = 0; i < within->count; i++)
		free(within->steps[i]);
	free(within->steps);
	buf_clear(&within->key);
	*within = (struct within){ .steps = NULL };
}

/* -- words -------------------------------------------------------------- */

static void wrong(struct split_fault *fault, const char *what)
{
	*fault = (struct split_fault){ split_syntax, what, 0 };
}

/* The innermost of the open values has not what the way wants of it. */
static void lost(struct split *split, struct split_fault *fault)
{
	struct within *within = &split->within;

	(void)snprintf(within->lost, sizeof(within->lost),
		"there is no \"%s\" where the dataset looks for its records",
		within->steps[within->depth - 1]);
	*fault = (struct split_fault){ "no_records", within->lost, 0 };
}

static bool in_array(const struct within *within)
{
	return within->arrays >> (within->depth - 1) & 1;
}

static void pass(struct split *split, size_t bytes)
{
	stream_pass(&split->stream, bytes);
}

/* -- members ------------------------------------------------------------ */

/* Whether the key, all of it in the window, is the step. One that cannot be
 * decoded is none. */
static bool is_step(struct split *split, size_t len, const char *step,
	bool *same, struct err *err)
{
	const struct json_node key = { .len = (uint32_t)len,
		.type = JSON_STRING, .escaped = true };
	struct buf *decoded = &split->within.key;
	struct json_fault fault;

	buf_reset(decoded);
	*same = json_decode(stream_text(&split->stream), &key, decoded, &fault);
	if (!*same && strcmp(fault.code, "memory") == 0)
		return err_memory(err);
	*same = *same && decoded->len == strlen(step) &&
		(decoded->len == 0 ||
			memcmp(decoded->data, step, decoded->len) == 0);
	return true;
}

static bool pass_colon(struct split *split, struct split_fault *fault,
	struct err *err)
{
	char c;

	if (!split_peek(split, &c, err))
		return false;
	if (c == ':')
		pass(split, 1);
	else if (c != '\0')
		wrong(fault, "a colon was expected");
	return c != ':' || split_peek(split, &c, err);
}

/* A key and its colon. *same: it is the way's. */
static bool pass_key(struct split *split, bool *same,
	struct split_fault *fault, struct err *err)
{
	const struct within *within = &split->within;
	enum value_status verdict;
	char c;
	struct json_extent extent;

	if (!split_peek(split, &c, err))
		return false;
	if (c != '"') {
		if (c != '\0')
			wrong(fault, "a key was expected");
		return true;
	}
	if (!split_judge(split, &verdict, &extent, fault, err))
		return false;
	if (verdict != VALUE_WHOLE)
		return true;
	*fault = (struct split_fault){ .code = NULL };
	if (!is_step(split, extent.len, within->steps[within->depth - 1], same, err))
		return false;
	pass(split, extent.len);
	return pass_colon(split, fault, err);
}

/* Nothing more can be read; that the bytes end is known behind a peek. */
static bool ended(const struct split *split, const struct split_fault *fault)
{
	return fault->code != NULL || (split->stream.ended &&
		stream_have(&split->stream) == 0);
}

/* What stands behind a member or element: *more: a comma, and it is passed
 * over; otherwise the end, which is not. */
static bool pass_comma(struct split *split, bool *more,
	struct split_fault *fault, struct err *err)
{
	const bool array = in_array(&split->within);
	char c;

	if (!split_peek(split, &c, err))
		return false;
	*more = c == ',';
	if (*more)
		pass(split, 1);
	else if (c != '\0' && c != (array ? ']' : '}'))
		wrong(fault, array ? "a comma or ] was expected" :
				     "a comma or } was expected");
	return true;
}

/* -- down --------------------------------------------------------------- */

/* The element of that index; the bracket is passed. */
static bool find_element(struct split *split, size_t index,
	struct split_fault *fault, struct err *err)
{
	bool more = true;
	char c;

	if (!split_peek(split, &c, err))
		return false;
	if (c == ']')
		lost(split, fault);
	for (; index > 0 && more && !ended(split, fault); index--) {
		if (!split_pass_value(split, fault, err))
			return false;
		if (!ended(split, fault) &&
			!pass_comma(split, &more, fault, err))
			return false;
		if (!more && !ended(split, fault))
			lost(split, fault);
		if (more && !split_peek(split, &c, err))
			return false;
	}
	return true;
}

/* The member of the step; the brace is passed. */
static bool find_member(struct split *split, struct split_fault *fault,
	struct err *err)
{
	bool more = true, same = false;
	char c;

	if (!split_peek(split, &c, err))
		return false;
	if (c == '}')
		lost(split, fault);
	while (!same && !ended(split, fault)) {
		if (!pass_key(split, &same, fault, err))
			return false;
		if (same || ended(split, fault))
			break;
		if (!split_pass_value(split, fault, err))
			return false;
		if (!ended(split, fault) &&
			!pass_comma(split, &more, fault, err))
			return false;
		if (!more && !ended(split, fault))
			lost(split, fault);
	}
	return true;
}

/* Into the value that stands next, up to what the next step leads to. */
static bool go_down(struct split *split, struct split_fault *fault,
	struct err *err)
{
	struct within *within = &split->within;
	const char c = stream_text(&split->stream)[0];
	const char *step = within->steps[within->depth++];
	const size_t index = pointer_index(step);
	const unsigned bit = 1u << (within->depth - 1);

	within->arrays &= ~bit;
	if (c == '{') {
		pass(split, 1);
		return find_member(split, fault, err);
	}
	if (c != '[' || index == SIZE_MAX) {
		lost(split, fault);
		return true;
	}
	within->arrays |= bit;
	pass(split, 1);
	return find_element(split, index, fault, err);
}

/* -- up ----------------------------------------------------------------- */

/* Members behind the one that was entered. */
static bool pass_others(struct split *split, struct split_fault *fault,
	struct err *err)
{
	bool more = true, same = false;
	char c;

	while (more && !ended(split, fault)) {
		if (!pass_comma(split, &more, fault, err))
			return false;
		if (!more || ended(split, fault))
			break;
		if (in_array(&split->within) ?
				!split_peek(split, &c, err) :
				!pass_key(split, &same, fault, err))
			return false;
		if (same)
			*fault = (struct split_fault){ "duplicate_key",
				"a second value under a key that leads to the "
				"records", 0 };
		if (!ended(split, fault) &&
			!split_pass_value(split, fault, err))
			return false;
	}
	return true;
}

/* Out of all the open values. */
static bool go_up(struct split *split, struct split_fault *fault,
	struct err *err)
{
	struct within *within = &split->within;
	char c;

	while (within->depth > 0) {
		if (!split_peek(split, &c, err))
			return false;
		if (ended(split, fault))
			return true;
		if (!pass_others(split, fault, err))
			return false;
		if (ended(split, fault))
			return true;
		pass(split, 1);
		within->depth--;
	}
	within->passed = false;
	within->arrays = 0;
	return true;
}

bool within_walk(struct split *split, enum within_next *next,
	struct split_fault *fault, struct err *err)
{
	struct within *within = &split->within;
	char c;

	*fault = (struct split_fault){ .code = NULL };
	if (within->passed && !go_up(split, fault, err))
		return false;
	if (fault->code == NULL && !split_peek(split, &c, err))
		return false;
	while (!ended(split, fault) && within->depth < within->count)
		if (!go_down(split, fault, err))
			return false;
	*next = fault->code != NULL	? WITHIN_FAULT :
		ended(split, fault) ? WITHIN_OVER :
				      WITHIN_RECORDS;
	within->passed = within->passed || *next == WITHIN_RECORDS;
	return true;
}
