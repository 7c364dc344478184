/* split.c - finds the records of a file, and what is none, one by one. */
#include "producer/split_private.h"

#include "common/envelope.h"
#include "producer/within.h"

#include <string.h>

/* The word of a position: mode, state, two flags, the column, and for each
 * value the records lie in whether it is an array. */
#define MODE_BITS 3
#define STATE_BITS 2
#define FAILED_BIT (1u << (MODE_BITS + STATE_BITS))
#define INSIDE_BIT (FAILED_BIT << 1)
#define COLUMN_SHIFT 8
#define ARRAYS_SHIFT 56
#define COLUMN_MAX (((uint64_t)1 << (ARRAYS_SHIFT - COLUMN_SHIFT)) - 1)

const char split_syntax[] = "json_syntax";

bool split_init(struct split *split, int fd, const char *records, size_t max,
	size_t cap, size_t step, struct err *err)
{
	*split = (struct split){ .max = max,
		.kept.max = REJECT_BYTES_MAX };
	return within_init(&split->within, records, err) &&
		stream_init(&split->stream, fd, cap, step, err);
}

void split_clear(struct split *split)
{
	within_clear(&split->within);
	stream_clear(&split->stream);
	buf_clear(&split->kept);
	json_mold_clear(&split->mold);
	json_tape_clear(&split->tape);
}

/* Behind an item all the values of the way are open, or none. */
uint64_t split_pack(const struct split *split, const struct place *end)
{
	return (uint64_t)split->within.arrays << ARRAYS_SHIFT |
		(end->offset - end->line_start) << COLUMN_SHIFT |
		(split->within.depth > 0 ? INSIDE_BIT : 0u) |
		(split->failed ? FAILED_BIT : 0u) |
		(uint64_t)split->state << MODE_BITS | (uint64_t)split->mode;
}

bool split_resume(struct split *split, uint64_t offset, uint64_t lines,
	uint64_t packed, struct err *err)
{
	const uint64_t column = packed >> COLUMN_SHIFT & COLUMN_MAX;
	const struct place at = { .offset = offset, .lines = lines,
		.line_start = offset - column };

	split->mode = packed & ((1u << MODE_BITS) - 1);
	split->state = packed >> MODE_BITS & ((1u << STATE_BITS) - 1);
	split->failed = packed & FAILED_BIT;
	split->within.passed = packed & INSIDE_BIT;
	split->within.depth = split->within.passed ? split->within.count : 0;
	split->within.arrays = (unsigned)(packed >> ARRAYS_SHIFT);
	if (split->mode > SPLIT_WITHIN || column > offset)
		return err_set(err, ERR_STOP,
			"this is no position of a reader");
	return stream_resume(&split->stream, &at, err);
}

/* -- the window ------------------------------------------------------- */

bool split_see_more(struct split *split, struct err *err)
{
	const size_t twice = have(split) * 2;
	const size_t more = twice > have(split) ? twice : have(split) + 1;

	return stream_want(&split->stream,
		more < look(split) ? more : look(split), err);
}

bool split_skip_blanks(struct split *split, struct err *err)
{
	do {
		stream_pass(&split->stream,
			json_blanks(text(split), have(split)));
		if (have(split) > 0)
			return true;
		if (!stream_want(&split->stream, 1, err))
			return false;
	} while (have(split) > 0);
	return true;
}

bool split_is_last(struct split *split, size_t bytes, bool *last,
	struct err *err)
{
	if (!stream_want(&split->stream, bytes + 1, err))
		return false;
	*last = have(split) == bytes;
	return true;
}

/* -- values ----------------------------------------------------------- */

static const struct split_fault too_long = { .code = "record_too_long",
	.what = "longer than max_record_bytes" };

/* The next record may have the form of this one. */
static void learn(struct split *split, size_t len)
{
	struct json_fault fault;

	if (json_mold_due(&split->mold, len) &&
		json_parse(text(split), len, &split->tape, &fault) == JSON_OK &&
		!json_mold_learn(&split->mold, text(split), &split->tape))
		return; /* out of memory: slower, that is all */
}

/* json_measure of the window's first len bytes. */
static enum json_status measure(struct split *split, size_t len, bool final,
	struct json_extent *extent, struct json_fault *fault)
{
	const char *const value = text(split);
	enum json_status status;

	if (len == 0 || value[0] != '{')
		return json_measure(value, len, final, extent, fault);
	if (!split->unlike &&
		json_mold_measures(&split->mold, value, len, &extent->len)) {
		extent->one_line = split->mold.one_line;
		return JSON_OK;
	}
	split->unlike = false;
	status = json_measure(value, len, final, extent, fault);
	if (status == JSON_OK)
		learn(split, extent->len);
	return status;
}

bool split_judge(struct split *split, enum value_status *verdict,
	struct json_extent *extent, struct split_fault *fault, struct err *err)
{
	struct json_fault json = { 0 };
	enum json_status status;

	for (;;) {
		status = measure(split, seen(split), split->stream.ended,
			extent, &json);
		if (status != JSON_SHORT || seen_all(split))
			break;
		if (!split_see_more(split, err))
			return false;
	}
	*fault = (struct split_fault){ json.code, json.what, json.at };
	*verdict = status == JSON_OK	? VALUE_WHOLE :
		status == JSON_SHORT ? VALUE_CUT :
				       VALUE_BAD;
	if ((status == JSON_OK && extent->len > split->max) ||
		(status == JSON_SHORT && seen(split) == look(split))) {
		*verdict = VALUE_BAD;
		*fault = too_long;
	}
	if (*verdict == VALUE_CUT)
		fault->code = "truncated";
	return true;
}

/* A bad value's end: the next comma or bracket of its array; outside of one
 * only strings, objects and arrays end by themselves. */
static enum skip_kind skip_for(const struct split *split)
{
	const char c = text(split)[0];

	if (split->state != SPLIT_TOP)
		return SKIP_ELEMENT;
	return c == '{' || c == '[' || c == '"' ? SKIP_VALUE : SKIP_ALL;
}

/* The value that stands next, where one may stand; missing_comma: or may
 * not. */
static bool take_value(struct split *split, struct item *item,
	bool missing_comma, struct err *err)
{
	static const struct split_fault comma = { .code = split_syntax,
		.what = "a comma or ] was expected before this" };
	const bool in_array = split->state != SPLIT_TOP;
	enum value_status verdict;
	struct split_fault fault;
	bool last = false;
	struct json_extent extent;

	if (!split_judge(split, &verdict, &extent, &fault, err))
		return false;
	if (in_array)
		split->state = SPLIT_AFTER;
	if (verdict == VALUE_CUT)
		return split_take_remainder(split, item, &fault, err);
	if (verdict == VALUE_BAD)
		return split_take_bad(split, item, skip_for(split),
			missing_comma ? &comma : &fault, err);
	if (!split_is_last(split, extent.len, &last, err))
		return false;
	fault = (struct split_fault){ "truncated", split_no_end(split),
		extent.len };
	if (last && (split_is_open(split) || broken(split) != NULL))
		return split_take_remainder(split, item, &fault, err);
	if (missing_comma)
		return split_take_bad_bytes(split, item, extent.len, &comma,
			err);
	return split_take_whole(split, item, &extent, err);
}

static bool take_commas(struct split *split, struct item *item,
	struct err *err)
{
	static const struct split_fault fault = { .code = split_syntax,
		.what = "a comma with no value before it" };

	return split_take_bad(split, item, SKIP_COMMAS, &fault, err);
}

/* ] behind a comma: the bracket ends the array all the same. When nothing
 * follows, and what the array is in has no end, it is the remainder: one of no
 * bytes would have no range. */
static bool take_late_end(struct split *split, struct item *item,
	struct err *err)
{
	static const struct split_fault fault = { .code = split_syntax,
		.what = "a comma with no value behind it" };
	bool last = false;

	split->state = SPLIT_TOP;
	if (!split_is_last(split, 1, &last, err))
		return false;
	if (last && (split_is_open(split) || broken(split) != NULL))
		return split_take_remainder(split, item, &fault, err);
	return split_take_bad_bytes(split, item, 1, &fault, err);
}

/* No byte is left. */
static bool take_end(struct split *split, struct item *item, struct err *err)
{
	const struct split_fault fault = { .code = "truncated",
		.what = split_no_end(split) };

	if (!split->failed && (broken(split) != NULL || split_is_open(split)))
		return split_take_remainder(split, item, &fault, err);
	split_end_item(split, item);
	return true;
}

static bool next_at_top(struct split *split, struct item *item,
	struct err *err)
{
	static const struct split_fault fault = { .code = split_syntax,
		.what = "text behind the end of the array" };

	if (split->mode == SPLIT_ARRAY && text(split)[0] != '{')
		return split_take_remainder(split, item, &fault, err);
	return take_value(split, item, false, err);
}

/* Brackets and commas of the array around the elements: true when the byte
 * was one that belongs here. */
static bool step_structure(struct split *split)
{
	const char c = text(split)[0];
	enum split_state next;

	if (c == '[' && split->state == SPLIT_TOP)
		next = SPLIT_FIRST;
	else if (c == ',' && split->state == SPLIT_AFTER)
		next = SPLIT_NEXT;
	else if (c == ']' &&
		(split->state == SPLIT_AFTER || split->state == SPLIT_FIRST))
		next = SPLIT_TOP;
	else
		return false;
	split->state = next;
	stream_pass(&split->stream, 1);
	return true;
}

/* The byte that stands next is none that belongs between elements. */
static bool next_in_array(struct split *split, struct item *item,
	struct err *err)
{
	if (text(split)[0] == ',')
		return take_commas(split, item, err);
	if (text(split)[0] == ']')
		return take_late_end(split, item, err);
	return take_value(split, item, split->state == SPLIT_AFTER, err);
}

static bool next_value(struct split *split, struct item *item,
	struct err *err)
{
	do {
		if (!split_skip_blanks(split, err))
			return false;
		if (have(split) == 0)
			return take_end(split, item, err);
	} while (split->mode == SPLIT_ARRAY && step_structure(split));
	if (split->state == SPLIT_TOP)
		return next_at_top(split, item, err);
	return next_in_array(split, item, err);
}

/* -- records inside of a value ---------------------------------------- */

bool split_peek(struct split *split, char *c, struct err *err)
{
	if (!split_skip_blanks(split, err))
		return false;
	*c = have(split) > 0 ? text(split)[0] : '\0';
	return true;
}

static bool pass_brackets(struct split *split, struct split_fault *fault,
	struct err *err)
{
	struct skip skip = { .kind = SKIP_VALUE };

	while (!skip.done) {
		if (!stream_want(&split->stream, 1, err))
			return false;
		if (have(split) == 0) {
			*fault = (struct split_fault){ "truncated",
				split_no_end(split), 0 };
			break;
		}
		stream_pass(&split->stream,
			skip_run(&skip, text(split), have(split)));
	}
	return true;
}

bool split_pass_value(struct split *split, struct split_fault *fault,
	struct err *err)
{
	enum value_status verdict;
	struct split_fault why;
	struct json_extent extent;

	if (!split_judge(split, &verdict, &extent, &why, err))
		return false;
	if (verdict == VALUE_BAD && why.what == too_long.what &&
		skip_for(split) != SKIP_ALL)
		return pass_brackets(split, fault, err);
	if (verdict == VALUE_WHOLE)
		stream_pass(&split->stream, extent.len);
	else
		*fault = why;
	return true;
}

/* The value at the pointer: an array is opened; null holds no records; what
 * else stands there is one. *found: it is an item. */
static bool open_records(struct split *split, struct item *item, bool *found,
	struct err *err)
{
	struct split_fault fault = { .code = NULL };

	*found = false;
	if (text(split)[0] == '[')
		return step_structure(split);
	if (text(split)[0] == 'n') {
		if (!split_pass_value(split, &fault, err))
			return false;
		*found = fault.code != NULL;
		return !*found || split_take_remainder(split, item, &fault,
			err);
	}
	*found = true;
	return take_value(split, item, false, err);
}

static bool next_outside(struct split *split, struct item *item, bool *found,
	struct err *err)
{
	struct split_fault fault = { .code = NULL };
	enum within_next next;

	if (!within_walk(split, &next, &fault, err))
		return false;
	*found = true;
	switch (next) {
	case WITHIN_OVER:
		return take_end(split, item, err);
	case WITHIN_FAULT:
		return split_take_remainder(split, item, &fault, err);
	case WITHIN_RECORDS:
		break;
	}
	return open_records(split, item, found, err);
}

static bool next_within(struct split *split, struct item *item,
	struct err *err)
{
	bool found = false;

	while (!found) {
		if (!split_skip_blanks(split, err))
			return false;
		if (split->failed || have(split) == 0)
			return take_end(split, item, err);
		if (split->state == SPLIT_TOP) {
			if (!next_outside(split, item, &found, err))
				return false;
		} else if (!step_structure(split)) {
			return next_in_array(split, item, err);
		}
	}
	return true;
}

/* -- lines ------------------------------------------------------------ */

/* The line at the window's start, without its line feed; *found: that is
 * there within what is looked at. */
static bool find_line(struct split *split, size_t *len, bool *found,
	struct err *err)
{
	size_t from = 0;

	for (;;) {
		const size_t to = seen(split);
		const char *feed = memchr(text(split) + from, '\n', to - from);

		*found = feed != NULL;
		*len = *found ? (size_t)(feed - text(split)) : to;
		if (*found || seen_all(split))
			return true;
		from = to;
		if (!split_see_more(split, err))
			return false;
	}
}

/* A line that is all there. */
static bool take_line(struct split *split, struct item *item, size_t len,
	struct err *err)
{
	struct json_fault json = { 0 };
	enum json_status status;
	struct split_fault fault;
	struct json_extent extent;

	status = measure(split, len, true, &extent, &json);
	if (status == JSON_OK && extent.len == len)
		return split_take_whole(split, item, &extent, err);
	fault = (struct split_fault){ json.code, json.what, json.at };
	if (status == JSON_SHORT)
		fault = (struct split_fault){ "truncated",
			"the line ends inside a value", len };
	else if (status == JSON_OK)
		fault = (struct split_fault){ split_syntax,
			"text behind the value",
			extent.len + json_blanks(text(split) + extent.len,
				len - extent.len) };
	return split_take_bad_bytes(split, item, len, &fault, err);
}

static bool next_line(struct split *split, struct item *item, struct err *err)
{
	static const struct split_fault cut = { .code = "truncated",
		.what = "the line has no end" };
	size_t len;
	bool found;

	if (!split_skip_blanks(split, err))
		return false;
	if (have(split) == 0)
		return take_end(split, item, err);
	if (!find_line(split, &len, &found, err))
		return false;
	if (!found && len == look(split))
		return split_take_bad(split, item, SKIP_LINE, &too_long, err);
	if (!found && broken(split) != NULL)
		return split_take_remainder(split, item, &cut, err);
	return take_line(split, item, split_trim(text(split), len), err);
}

/* -- what is usual ---------------------------------------------------- */

/* Bytes up to the record that follows another: a comma in an array, and one
 * line feed; or 0: it is not as simple as that. */
static size_t usual_gap(const struct split *split)
{
	const char *const at = text(split);
	const bool array = split->mode == SPLIT_ARRAY;
	size_t gap = array;

	if (have(split) < 3 || (array && at[0] != ',') ||
		split->state != (array ? SPLIT_AFTER : SPLIT_TOP))
		return 0;
	gap += at[gap] == '\n';
	return at[gap] == '{' ? gap : 0;
}

/* The next record, if it follows another as usual, has the form of an earlier
 * one, and has more behind it, so that its end is certain: all that the ways
 * below would ask is answered then. Else nothing has happened. */
static bool take_usual(struct split *split, struct item *item, bool *taken,
	struct err *err)
{
	const size_t gap = usual_gap(split);
	struct json_extent extent = { .one_line = true };
	size_t room;

	*taken = false;
	if (gap == 0 || !split->mold.one_line)
		return true;
	room = have(split) - gap;
	room = room < look(split) ? room : look(split);
	split->unlike = !json_mold_measures(&split->mold, text(split) + gap,
		room, &extent.len);
	if (split->unlike || extent.len == room ||
		(split->mode == SPLIT_LINES &&
			text(split)[gap + extent.len] != '\n'))
		return true;
	*taken = true;
	stream_pass(&split->stream, gap);
	return split_take_whole(split, item, &extent, err);
}

bool split_next(struct split *split, struct item *item, struct err *err)
{
	static const struct split_fault alien = { .code = "not_json",
		.what = "this is not JSON" };

	bool taken = false;

	if (split->mode == SPLIT_START && !split_look_at_start(split, err))
		return false;
	if ((split->mode == SPLIT_LINES || split->mode == SPLIT_ARRAY) &&
		!take_usual(split, item, &taken, err))
		return false;
	if (taken)
		return true;
	switch (split->mode) {
	case SPLIT_LINES:
		return next_line(split, item, err);
	case SPLIT_VALUES:
	case SPLIT_ARRAY:
		return next_value(split, item, err);
	case SPLIT_WITHIN:
		return next_within(split, item, err);
	case SPLIT_ALIEN:
		if (!stream_want(&split->stream, 1, err))
			return false;
		if (!split->failed)
			return split_take_remainder(split, item, &alien, err);
		break;
	case SPLIT_START:
	case SPLIT_BLANK:
		break;
	}
	return take_end(split, item, err);
}
