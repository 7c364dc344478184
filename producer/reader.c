/* reader.c - splits a file into records and cuts them into chunks. */
#include "producer/reader.h"

#include "producer/split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_BYTES ((size_t)256 << 10)
#define RECORD_BYTES_MAX ((uint64_t)512 << 20) /* json_parse takes 1 GiB */
#define CHUNK_BYTES_MAX ((uint64_t)256 << 20)
#define INDEX_ENTRY_MAX 30 /* three varints */
#define FORMAT_TEXT 32

struct reader {
	struct split split;
	struct reader_limits limits;
	struct item item;              /* the splitter's last */
	bool held;                     /* it is in no piece yet */
	struct reader_position last;   /* behind the last piece */
	struct reader_position at;     /* behind the last record taken */
	struct buf body;
	struct buf index;
	struct envelope_record previous; /* the index's last */
	uint64_t first_line;
	char format[FORMAT_TEXT];
};

static uint64_t within(uint64_t value, uint64_t max)
{
	if (value == 0)
		return 1;
	return value < max ? value : max;
}

struct reader *reader_open_step(int fd, const struct reader_limits *limits,
	size_t step, struct err *err)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	if (reader == NULL) {
		err_memory(err);
		return NULL;
	}
	reader->limits = (struct reader_limits){
		.chunk_records = within(limits->chunk_records, INT32_MAX),
		.chunk_bytes = within(limits->chunk_bytes, CHUNK_BYTES_MAX),
		.max_record_bytes =
			within(limits->max_record_bytes, RECORD_BYTES_MAX),
	};
	if (!split_init(&reader->split, fd, limits->records,
		    (size_t)reader->limits.max_record_bytes, step, step,
		    err)) {
		reader_close(reader);
		return NULL;
	}
	return reader;
}

struct reader *reader_open(int fd, const struct reader_limits *limits,
	struct err *err)
{
	return reader_open_step(fd, limits, WINDOW_BYTES, err);
}

void reader_close(struct reader *reader)
{
	if (reader == NULL)
		return;
	split_clear(&reader->split);
	buf_clear(&reader->body);
	buf_clear(&reader->index);
	free(reader);
}

bool reader_resume(struct reader *reader, const struct reader_position *from,
	struct err *err)
{
	reader->last = *from;
	reader->at = *from;
	return split_resume(&reader->split, from->offset, from->lines,
		from->resync, err);
}

/* -- chunks ----------------------------------------------------------- */

/* Behind the item: where the next piece would start. */
static void move_on(struct reader *reader)
{
	const struct place *end = &reader->item.end;

	reader->at.offset = end->offset;
	reader->at.lines = end->lines;
	reader->at.resync = split_pack(&reader->split, end);
	reader->at.records++;
	reader->held = false;
}

static bool fits(const struct reader *reader)
{
	const uint64_t records = reader->at.records - reader->last.records;

	return reader->body.len == 0 ||
		(records < reader->limits.chunk_records &&
			reader->body.len + reader->item.length + 1 <=
				reader->limits.chunk_bytes &&
			reader->index.len + INDEX_ENTRY_MAX <=
				ENVELOPE_INDEX_MAX);
}

/* In a record line breaks stand between tokens only, and a blank does the
 * same there. */
static void blank_breaks(char *text, size_t len, char line_break)
{
	char *const end = text + len;

	while ((text = memchr(text, line_break, (size_t)(end - text))) != NULL)
		*text++ = ' ';
}

static bool add_line(struct buf *body, const struct item *item,
	struct err *err)
{
	char *line;

	if (!buf_grow(body, item->text_len + 1, err))
		return false;
	line = body->data + body->len;
	memcpy(line, item->text, item->text_len);
	line[item->text_len] = '\n';
	line[item->text_len + 1] = '\0';
	body->len += item->text_len + 1;
	if (!item->one_line) {
		blank_breaks(line, item->text_len, '\n');
		blank_breaks(line, item->text_len, '\r');
	}
	return true;
}

static bool add_record(struct reader *reader, struct err *err)
{
	const struct item *item = &reader->item;
	const struct envelope_record record = { .offset = item->offset,
		.length = (uint32_t)item->length,
		.line = item->line };
	struct buf *body = &reader->body;

	if (body->len == 0) {
		reader->first_line = item->line;
		reader->previous = (struct envelope_record){
			.offset = reader->last.offset, .line = item->line };
	}
	if (!add_line(body, item, err))
		return false;
	if (!envelope_index_add(&reader->index, &reader->previous, &record,
		    err))
		return false;
	move_on(reader);
	return true;
}

/* -- pieces ----------------------------------------------------------- */

static void start_piece(struct reader *reader, struct piece *piece,
	enum piece_kind kind)
{
	*piece = (struct piece){ .kind = kind };
	piece->envelope.lo = reader->last.offset;
	piece->envelope.hi = reader->at.offset;
	piece->after = reader->at;
	reader->last = reader->at;
}

static void give_body(struct piece *piece, const void *data, size_t len)
{
	piece->body = (struct bytes){ data, len };
	piece->envelope.crc = crc32c(0, data, len);
}

static void make_chunk(struct reader *reader, struct piece *piece)
{
	struct envelope *envelope = &piece->envelope;
	const uint64_t records_before = reader->last.records;

	reader->at.chunks++;
	start_piece(reader, piece, PIECE_CHUNK);
	envelope->kind = ENVELOPE_CHUNK;
	envelope->first_record = records_before + 1;
	envelope->first_line = reader->first_line;
	envelope->records = (uint32_t)(reader->at.records - records_before);
	envelope->index =
		(struct bytes){ reader->index.data, reader->index.len };
	give_body(piece, reader->body.data, reader->body.len);
}

static void make_reject(struct reader *reader, struct piece *piece)
{
	const struct item *item = &reader->item;
	struct envelope *envelope = &piece->envelope;

	move_on(reader);
	reader->at.rejects++;
	start_piece(reader, piece, PIECE_REJECT);
	envelope->kind = ENVELOPE_REJECT;
	envelope->first_record = reader->at.records;
	envelope->first_line = item->line;
	envelope->records = 1;
	envelope->code = (struct bytes){ item->code, strlen(item->code) };
	envelope->reason = (struct bytes){ item->what, strlen(item->what) };
	envelope->line = item->fault_line;
	envelope->column = item->fault_column;
	envelope->offset = item->offset;
	envelope->length = item->length;
	give_body(piece, item->text, item->text_len);
}

static const char *format_name(const struct reader *reader)
{
	const struct reader_position *at = &reader->at;
	const bool one = at->records == 1;

	switch (reader->split.mode) {
	case SPLIT_ARRAY:
		return "array";
	case SPLIT_LINES:
	case SPLIT_VALUES:
		if (one && at->rejects == 1)
			return "unknown";
		if (one)
			return "object";
		return reader->split.mode == SPLIT_LINES ? "ndjson" : "concat";
	case SPLIT_WITHIN:
		return "pointer";
	case SPLIT_BLANK:
		return reader->split.failed ? "unknown" : "blank";
	case SPLIT_START:
	case SPLIT_ALIEN:
		break;
	}
	return "unknown";
}

static void make_end(struct reader *reader, struct piece *piece)
{
	struct envelope *envelope = &piece->envelope;
	const int len = snprintf(reader->format, sizeof(reader->format),
		"%s%s", format_name(reader),
		input_suffix(reader->split.stream.input));

	reader->at.offset = reader->item.end.offset;
	reader->at.lines = reader->item.end.lines;
	reader->at.resync = split_pack(&reader->split, &reader->item.end);
	start_piece(reader, piece, PIECE_END);
	envelope->kind = ENVELOPE_MANIFEST;
	envelope->size = reader->at.offset;
	envelope->format = (struct bytes){ reader->format, (size_t)len };
	envelope->chunks = reader->at.chunks;
	envelope->rejects = reader->at.rejects;
	envelope->all_records = reader->at.records;
	envelope->failed = reader->split.failed;
}

/* Takes records until one does not fit, or something else comes. */
static bool gather(struct reader *reader, struct err *err)
{
	for (;;) {
		if (!reader->held &&
			!split_next(&reader->split, &reader->item, err))
			return false;
		reader->held = true;
		if (reader->item.kind != ITEM_RECORD || !fits(reader))
			return true;
		if (!add_record(reader, err))
			return false;
	}
}

bool reader_next(struct reader *reader, struct piece *piece, struct err *err)
{
	buf_reset(&reader->body);
	buf_reset(&reader->index);
	if (!gather(reader, err))
		return false;
	if (reader->body.len > 0)
		make_chunk(reader, piece);
	else if (reader->item.kind == ITEM_BAD)
		make_reject(reader, piece);
	else
		make_end(reader, piece);
	return true;
}

uint64_t reader_taken(const struct reader *reader)
{
	return input_taken(reader->split.stream.input);
}
