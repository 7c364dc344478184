/* split_item.c - what the splitter gives: records, bad items, remainders. */
#include "producer/split_private.h"

#include "common/envelope.h"

#include <string.h>

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

void split_end_item(struct split *split, struct item *item)
{
	item->kind = ITEM_END;
	item->offset = split->stream.at.offset;
	item->end = split->stream.at;
}

size_t split_trim(const char *bytes, size_t len)
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
	const size_t solid = split_trim(text(split), len);

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

bool split_is_open(const struct split *split)
{
	return split->state != SPLIT_TOP || split->within.depth > 0;
}

const char *split_no_end(const struct split *split)
{
	return split->state == SPLIT_TOP && split->within.depth > 0 ?
		"what holds the records has no end" :
		"the array has no end";
}

/* Does the skipped item touch a break? A clean end is one inside an array. */
static bool at_break(const struct split *split)
{
	return split->stream.ended && have(split) == 0 &&
		(broken(split) != NULL || split_is_open(split));
}

bool split_take_bad(struct split *split, struct item *item,
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
		!split_is_last(split, 0, &last, err))
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

bool split_take_remainder(struct split *split, struct item *item,
	const struct split_fault *fault, struct err *err)
{
	return split_take_bad(split, item, SKIP_ALL, fault, err);
}

bool split_take_bad_bytes(struct split *split, struct item *item, size_t len,
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

bool split_take_whole(struct split *split, struct item *item,
	const struct json_extent *extent, struct err *err)
{
	static const struct split_fault not_object = { .code = "not_object",
		.what = "a record must be an object" };

	if (text(split)[0] != '{')
		return split_take_bad_bytes(split, item, extent->len,
			&not_object, err);
	take_record(split, item, extent);
	return true;
}
