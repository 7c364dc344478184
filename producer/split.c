/* split.c - finds the records of a file, and what is none, one by one. */
#include "producer/split.h"

#include "common/envelope.h"
#include "producer/skip.h"
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

static const char *text(const struct split *split)
{
	return stream_text(&split->stream);
}

static size_t have(const struct split *split)
{
	return stream_have(&split->stream);
}

/* The most bytes of one record that are ever looked at. */
static size_t look(const struct split *split)
{
	return split->max + 1;
}

static size_t seen(const struct split *split)
{
	return have(split) < look(split) ? have(split) : look(split);
}

/* At least one byte more than `seen`, or the end. */
static bool see_more(struct split *split, struct err *err)
{
	const size_t twice = have(split) * 2;
	const size_t more = twice > have(split) ? twice : have(split) + 1;

	return stream_want(&split->stream,
		more < look(split) ? more : look(split), err);
}

/* All of it is seen: the end, or the most that is looked at. */
static bool seen_all(const struct split *split)
{
	return split->stream.ended || have(split) >= look(split);
}

static bool skip_blanks(struct split *split, struct err *err)
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

/* The next `bytes` are in the window; *last: nothing follows them. */
static bool is_last(struct split *split, size_t bytes, bool *last,
	struct err *err)
{
	if (!stream_want(&split->stream, bytes + 1, err))
		return false;
	*last = have(split) == bytes;
	return true;
}

static const struct input_fault *broken(const struct split *split)
{
	return split->stream.ended ? input_fault(split->stream.input) : NULL;
}

/* -- items ------------------------------------------------------------ */

static void start_item(const struct split *split, struct item *item)
{
	*item = (struct item){
		.offset = split->stream.at.offset,
		.line = split->stream.at.lines + 1,
	};
}

static void put_fault(struct item *item, const char *code, const char *what,
	const struct place *place)
{
	item->code = code;
	item->what = what;
	item->fault_line = place->lines + 1;
	item->fault_column = place->offset - place->line_start + 1;
}

static void end_item(struct split *split, struct item *item)
{
	item->kind = ITEM_END;
	item->offset = split->stream.at.offset;
	item->end = split->stream.at;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t trim(const char *bytes, size_t len)
{
	while (len > 0 && is_blank(bytes[len - 1]))
		len--;
	return len;
}

static bool keep(struct split *split, size_t len, struct err *err)
{
	const size_t room = REJECT_BYTES_MAX - split->kept.len;

	return buf_add(&split->kept, text(split), len < room ? len : room,
		err);
}

/* Passes over bytes of a bad item: its end is behind the last that is no
 * blank. */
static void pass_bad(struct split *split, struct item *item, size_t len)
{
	const size_t solid = trim(text(split), len);

	stream_pass(&split->stream, solid);
	if (solid > 0)
		item->end = split->stream.at;
	stream_pass(&split->stream, len - solid);
}

static bool run_skip(struct split *split, struct skip *skip,
	struct item *item, struct err *err)
{
	for (;;) {
		const size_t len = skip_run(skip, text(split), have(split));

		if (!keep(split, len, err))
			return false;
		pass_bad(split, item, len);
		if (skip->done)
			return true;
		if (!stream_want(&split->stream, 1, err))
			return false;
		if (have(split) == 0)
			return true;
	}
}

/* The end was not found: everything up to the end of the bytes is one item,
 * and if they broke off, that is the reason. */
static void make_remainder(struct split *split, struct item *item)
{
	const struct input_fault *fault = broken(split);

	split->failed = true;
	item->end = split->stream.at;
	if (fault != NULL)
		put_fault(item, fault->code, fault->what, &split->stream.at);
}

/* Must more bytes come? */
static bool is_open(const struct split *split)
{
	return split->state != SPLIT_TOP || split->within.depth > 0;
}

static const char *no_end(const struct split *split)
{
	return split->state == SPLIT_TOP && split->within.depth > 0 ?
		"what holds the records has no end" :
		"the array has no end";
}

/* Does the skipped item touch a break? A clean end is one inside an array. */
static bool at_break(const struct split *split)
{
	return split->stream.ended && have(split) == 0 &&
		(broken(split) != NULL || is_open(split));
}

/* A bad item from here to where its kind says it ends. */
static bool take_bad(struct split *split, struct item *item,
	enum skip_kind kind, const struct split_fault *fault, struct err *err)
{
	struct skip skip = { .kind = kind };
	const struct place place = stream_place(&split->stream, fault->at);
	bool last = false;

	start_item(split, item);
	item->kind = ITEM_BAD;
	put_fault(item, fault->code, fault->what, &place);
	buf_reset(&split->kept);
	if (!run_skip(split, &skip, item, err) ||
		!is_last(split, 0, &last, err))
		return false;
	if ((!skip.done && kind != SKIP_LINE) || (last && at_break(split)))
		make_remainder(split, item);
	item->length = item->end.offset - item->offset;
	item->text = split->kept.data;
	item->text_len = item->length < split->kept.len ?
		(size_t)item->length :
		split->kept.len;
	return true;
}

static bool take_remainder(struct split *split, struct item *item,
	const struct split_fault *fault, struct err *err)
{
	return take_bad(split, item, SKIP_ALL, fault, err);
}

/* A bad item of known length, all of it in the window. */
static bool take_bad_bytes(struct split *split, struct item *item, size_t len,
	const struct split_fault *fault, struct err *err)
{
	const struct place place = stream_place(&split->stream, fault->at);

	start_item(split, item);
	item->kind = ITEM_BAD;
	put_fault(item, fault->code, fault->what, &place);
	buf_reset(&split->kept);
	if (!keep(split, len, err))
		return false;
	stream_pass(&split->stream, len);
	item->end = split->stream.at;
	item->length = len;
	item->text = split->kept.data;
	item->text_len = split->kept.len;
	return true;
}

static void take_record(struct split *split, struct item *item,
	const struct json_extent *extent)
{
	start_item(split, item);
	item->kind = ITEM_RECORD;
	item->length = extent->len;
	item->text = text(split);
	item->text_len = extent->len;
	item->one_line = extent->one_line;
	if (extent->one_line)
		stream_pass_line(&split->stream, extent->len);
	else
		stream_pass(&split->stream, extent->len);
	item->end = split->stream.at;
}

/* A whole value: an object is a record. */
static bool take_whole(struct split *split, struct item *item,
	const struct json_extent *extent, struct err *err)
{
	static const struct split_fault not_object = { .code = "not_object",
		.what = "a record must be an object" };

	if (text(split)[0] != '{')
		return take_bad_bytes(split, item, extent->len, &not_object,
			err);
	take_record(split, item, extent);
	return true;
}

/* -- values ----------------------------------------------------------- */

static const struct split_fault too_long = { .code = "record_too_long",
	.what = "longer than max_record_bytes" };

bool split_judge(struct split *split, enum value_status *verdict,
	struct json_extent *extent, struct split_fault *fault, struct err *err)
{
	struct json_fault json = { 0 };
	enum json_status status;

	for (;;) {
		status = json_measure(text(split), seen(split),
			split->stream.ended, extent, &json);
		if (status != JSON_SHORT || seen_all(split))
			break;
		if (!see_more(split, err))
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
		return take_remainder(split, item, &fault, err);
	if (verdict == VALUE_BAD)
		return take_bad(split, item, skip_for(split),
			missing_comma ? &comma : &fault, err);
	if (!is_last(split, extent.len, &last, err))
		return false;
	fault = (struct split_fault){ "truncated", no_end(split),
		extent.len };
	if (last && (is_open(split) || broken(split) != NULL))
		return take_remainder(split, item, &fault, err);
	if (missing_comma)
		return take_bad_bytes(split, item, extent.len, &comma, err);
	return take_whole(split, item, &extent, err);
}

static bool take_commas(struct split *split, struct item *item,
	struct err *err)
{
	static const struct split_fault fault = { .code = split_syntax,
		.what = "a comma with no value before it" };

	return take_bad(split, item, SKIP_COMMAS, &fault, err);
}

/* ] behind a comma: the bracket ends the array all the same. */
static bool take_late_end(struct split *split, struct item *item,
	struct err *err)
{
	static const struct split_fault fault = { .code = split_syntax,
		.what = "a comma with no value behind it" };
	bool last = false;

	split->state = SPLIT_TOP;
	if (!is_last(split, 1, &last, err))
		return false;
	if (last && broken(split) != NULL)
		return take_remainder(split, item, &fault, err);
	return take_bad_bytes(split, item, 1, &fault, err);
}

/* No byte is left. */
static bool take_end(struct split *split, struct item *item, struct err *err)
{
	const struct split_fault fault = { .code = "truncated",
		.what = no_end(split) };

	if (!split->failed && (broken(split) != NULL || is_open(split)))
		return take_remainder(split, item, &fault, err);
	end_item(split, item);
	return true;
}

static bool next_at_top(struct split *split, struct item *item,
	struct err *err)
{
	static const struct split_fault fault = { .code = split_syntax,
		.what = "text behind the end of the array" };

	if (split->mode == SPLIT_ARRAY && text(split)[0] != '{')
		return take_remainder(split, item, &fault, err);
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
		if (!skip_blanks(split, err))
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
	if (!skip_blanks(split, err))
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
				no_end(split), 0 };
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
		return !*found || take_remainder(split, item, &fault, err);
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
		return take_remainder(split, item, &fault, err);
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
		if (!skip_blanks(split, err))
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
		if (!see_more(split, err))
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

	status = json_measure(text(split), len, true, &extent, &json);
	if (status == JSON_OK && extent.len == len)
		return take_whole(split, item, &extent, err);
	fault = (struct split_fault){ json.code, json.what, json.at };
	if (status == JSON_SHORT)
		fault = (struct split_fault){ "truncated",
			"the line ends inside a value", len };
	else if (status == JSON_OK)
		fault = (struct split_fault){ split_syntax, "text behind the value",
			extent.len + json_blanks(text(split) + extent.len,
				len - extent.len) };
	return take_bad_bytes(split, item, len, &fault, err);
}

static bool next_line(struct split *split, struct item *item, struct err *err)
{
	static const struct split_fault cut = { .code = "truncated",
		.what = "the line has no end" };
	size_t len;
	bool found;

	if (!skip_blanks(split, err))
		return false;
	if (have(split) == 0)
		return take_end(split, item, err);
	if (!find_line(split, &len, &found, err))
		return false;
	if (!found && len == look(split))
		return take_bad(split, item, SKIP_LINE, &too_long, err);
	if (!found && broken(split) != NULL)
		return take_remainder(split, item, &cut, err);
	return take_line(split, item, trim(text(split), len), err);
}

/* -- the first look --------------------------------------------------- */

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
			if (!see_more(split, err))
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

static bool look_at_start(struct split *split, struct err *err)
{
	if (!skip_mark(split, err))
		return false;
	if (!skip_blanks(split, err))
		return false;
	split->mode = SPLIT_BLANK;
	if (have(split) > 0 && split->within.count > 0) {
		split->mode = SPLIT_WITHIN;
		return true;
	}
	return have(split) == 0 || look_at_value(split, err);
}

bool split_next(struct split *split, struct item *item, struct err *err)
{
	static const struct split_fault alien = { .code = "not_json",
		.what = "this is not JSON" };

	if (split->mode == SPLIT_START && !look_at_start(split, err))
		return false;
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
			return take_remainder(split, item, &alien, err);
		break;
	case SPLIT_START:
	case SPLIT_BLANK:
		break;
	}
	return take_end(split, item, err);
}
