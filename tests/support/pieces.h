/* pieces.h - what must hold for the pieces of any file.
 *
 * Shared by the unit tests and the fuzzer of the reader: pieces_hold reads
 * bytes in several ways and says what did not hold. */
#ifndef SLUICE_TEST_PIECES_H
#define SLUICE_TEST_PIECES_H

#include "common/jsonscan.h"
#include "producer/reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Everything a reading gave: one text a piece, and the position behind it. */
struct pieces {
	struct buf text;
	size_t *starts; /* of each piece in text */
	struct reader_position *after;
	size_t count, cap;
	struct envelope end;
	bool ended;
	bool compressed;
	bool untried; /* spare its pieces the way through an envelope */
};

static inline void pieces_clear(struct pieces *pieces)
{
	buf_clear(&pieces->text);
	free(pieces->starts);
	free(pieces->after);
	*pieces = (struct pieces){ 0 };
}

/* A file in memory; -1 when that fails. */
static inline int pieces_file(const void *bytes, size_t len)
{
	const int fd = memfd_create("pieces", MFD_CLOEXEC);
	size_t at = 0;

	while (fd >= 0 && at < len) {
		const ssize_t n = write(fd, (const char *)bytes + at, len - at);

		if (n <= 0) {
			close(fd);
			return -1;
		}
		at += (size_t)n;
	}
	return fd;
}

/* All of a piece as bytes, to be compared. */
static inline bool pieces_describe(struct buf *out, const struct piece *piece,
	struct err *err)
{
	const struct envelope *e = &piece->envelope;
	const struct reader_position *p = &piece->after;
	const uint64_t numbers[] = { (uint64_t)piece->kind, e->lo, e->hi,
		e->first_record, e->first_line, e->records, e->crc, e->line,
		e->column, e->offset, e->length, e->size, e->chunks, e->rejects,
		e->all_records, e->failed, p->offset, p->records, p->lines,
		p->chunks, p->rejects, p->resync };

	return buf_add(out, numbers, sizeof(numbers), err) &&
		buf_add(out, e->code.data, e->code.len, err) &&
		buf_add(out, e->reason.data, e->reason.len, err) &&
		buf_add(out, e->format.data, e->format.len, err) &&
		buf_add(out, e->index.data, e->index.len, err) &&
		buf_add(out, piece->body.data, piece->body.len, err);
}

/* The consumer must be able to take the message that it becomes. */
static inline const char *pieces_travel(const struct piece *piece)
{
	struct envelope sent = piece->envelope, got;
	struct message message = { 0 };
	char id[ENVELOPE_ID_TEXT];
	struct err err = { 0 };

	sent.drop.bytes[6] = 0x40;
	sent.source = (struct bytes){ "a", 1 };
	sent.file_size = 1;
	envelope_encode(&sent, id, &message);
	message.body = piece->body;
	if (envelope_decode(&message, &got, &err))
		return NULL;
	(void)fprintf(stderr, "envelope: %s\n", err.text);
	return "the envelope of a piece is refused";
}

static inline const char *pieces_follow(const struct piece *piece,
	const struct reader_position *before)
{
	const struct envelope *e = &piece->envelope;
	const struct reader_position *p = &piece->after;
	const bool end = piece->kind == PIECE_END;

	if (e->lo != before->offset || e->hi < e->lo ||
		(e->hi == e->lo && !end) || p->offset != e->hi)
		return "ranges do not tile";
	if (p->records != before->records + e->records)
		return "records are miscounted";
	if (!end && e->first_record != before->records + 1)
		return "the first record's number is wrong";
	if (p->chunks != before->chunks + (piece->kind == PIECE_CHUNK) ||
		p->rejects != before->rejects + (piece->kind == PIECE_REJECT))
		return "chunks or rejects are miscounted";
	if (end && (e->size != e->hi || e->chunks != p->chunks ||
			   e->rejects != p->rejects ||
			   e->all_records != p->records))
		return "the manifest does not add up";
	return NULL;
}

/* Every record of a chunk is an object, and no limit is exceeded. */
static inline const char *pieces_chunk(const struct piece *piece,
	const struct reader_limits *limits)
{
	const char *at = piece->body.data;
	const char *const end = at + piece->body.len;
	struct json_fault fault;
	struct json_tape tape = { 0 };
	uint64_t records = 0;
	bool good = true;

	while (good && at < end) {
		const char *feed = memchr(at, '\n', (size_t)(end - at));

		good = feed != NULL && *at == '{' && feed[-1] == '}' &&
			json_parse(at, (size_t)(feed - at), &tape, &fault) ==
				JSON_OK &&
			(uint64_t)(feed - at) <= limits->max_record_bytes;
		at = good ? feed + 1 : end;
		records++;
	}
	json_tape_clear(&tape);
	if (!good)
		return "a record is no object on a line";
	if (records > limits->chunk_records ||
		(records > 1 && piece->body.len > limits->chunk_bytes))
		return "a chunk is too large";
	return NULL;
}

static inline bool pieces_add(struct pieces *pieces,
	const struct piece *piece, struct err *err)
{
	const size_t cap = pieces->cap != 0 ? pieces->cap * 2 : 16;

	if (pieces->count == pieces->cap) {
		pieces->starts = realloc(pieces->starts,
			cap * sizeof(*pieces->starts));
		pieces->after = realloc(pieces->after,
			cap * sizeof(*pieces->after));
		if (pieces->starts == NULL || pieces->after == NULL)
			return err_memory(err);
		pieces->cap = cap;
	}
	pieces->starts[pieces->count] = pieces->text.len;
	pieces->after[pieces->count++] = piece->after;
	return pieces_describe(&pieces->text, piece, err);
}

/* Is what a piece shows of a plain file what stands there? */
static inline const char *pieces_match(const struct piece *piece,
	const char *bytes, size_t len)
{
	const struct envelope *e = &piece->envelope;
	struct envelope_record record = { .offset = e->lo,
		.line = e->first_line };
	const char *body = piece->body.data;
	uint64_t lines = 0;
	size_t pos = 0;
	bool ok;

	for (uint64_t i = 0; i < e->hi && i < len; i++)
		lines += bytes[i] == '\n';
	if (e->hi > len || lines != piece->after.lines)
		return "lines are miscounted";
	if (piece->kind == PIECE_REJECT)
		return memcmp(body, bytes + e->offset, piece->body.len) == 0 ?
			NULL :
			"a reject shows other bytes";
	while (envelope_index_next(e->index, &pos, &record, &ok)) {
		for (uint64_t i = 0; i < record.length; i++) {
			const char c = bytes[record.offset + i];

			if (body[i] != (c == '\n' || c == '\r' ? ' ' : c))
				return "a record has other bytes";
		}
		lines = 1;
		for (uint64_t i = 0; i < record.offset; i++)
			lines += bytes[i] == '\n';
		if (lines != record.line)
			return "a record's line is wrong";
		body += record.length + 1;
	}
	return NULL;
}

/* Reads on from a position (NULL: the beginning) to the end; plain: the bytes
 * of a plain file, or none. */
static inline const char *pieces_read(int fd, struct bytes plain,
	const struct reader_limits *limits, size_t step,
	const struct reader_position *from, struct pieces *pieces)
{
	struct reader_position before = { 0 };
	struct err err = { 0 };
	struct reader *reader = reader_open_step(fd, limits, step, &err);
	const char *why = reader == NULL ? "open failed" : NULL;

	if (why == NULL && from != NULL && !reader_resume(reader, from, &err))
		why = "resume failed";
	if (from != NULL)
		before = *from;
	while (why == NULL && !pieces->ended) {
		struct piece piece;

		if (!reader_next(reader, &piece, &err)) {
			why = "reading failed";
			break;
		}
		why = pieces_follow(&piece, &before);
		if (why == NULL && !pieces->untried)
			why = pieces_travel(&piece);
		if (why == NULL && piece.kind == PIECE_CHUNK)
			why = pieces_chunk(&piece, limits);
		if (why == NULL && plain.data != NULL)
			why = pieces_match(&piece, plain.data, plain.len);
		if (!pieces_add(pieces, &piece, &err))
			why = "no memory";
		before = piece.after;
		pieces->ended = piece.kind == PIECE_END;
		if (pieces->ended) {
			pieces->end = piece.envelope;
			pieces->compressed = memchr(piece.envelope.format.data,
				'+', piece.envelope.format.len) != NULL;
		}
	}
	reader_close(reader);
	return why;
}

/* The same reading again must give text[start..). */
static inline const char *pieces_again(int fd,
	const struct reader_limits *limits, size_t step,
	const struct pieces *first, size_t behind)
{
	const struct reader_position *from =
		behind > 0 ? &first->after[behind - 1] : NULL;
	const size_t start =
		behind < first->count ? first->starts[behind] : 0;
	struct pieces again = { .untried = true };
	const char *why = pieces_read(fd, (struct bytes){ 0 }, limits, step,
		from, &again);

	if (why == NULL && (again.text.len != first->text.len - start ||
				   memcmp(again.text.data,
					   first->text.data + start,
					   again.text.len) != 0))
		why = behind > 0 ? "resuming gave other pieces" :
				   "another size of reads gave other pieces";
	pieces_clear(&again);
	return why;
}

/* May be gzip or zstd. */
static inline bool pieces_packed(const void *bytes, size_t len)
{
	return len >= 2 &&
		(memcmp(bytes, "\x1f\x8b", 2) == 0 ||
			memcmp(bytes, "\x28\xb5", 2) == 0 ||
			memcmp((const char *)bytes + 1, "\x2a", 1) == 0);
}

/* Reads bytes once, then again with reads of other sizes and from up to
 * `resumes` positions. NULL when all agree and hold together; what the first
 * reading gave is in *pieces, the caller's to clear. */
static inline const char *pieces_hold(const void *bytes, size_t len,
	const struct reader_limits *limits, size_t resumes,
	struct pieces *pieces)
{
	static const size_t steps[] = { 1, 2, 7, 64 };
	const int fd = pieces_file(bytes, len);
	const char *why = fd < 0 ? "no file" : NULL;
	const bool small = len < 10000;
	const struct bytes plain = { small && !pieces_packed(bytes, len) ?
			bytes :
			NULL,
		len };

	if (why == NULL)
		why = pieces_read(fd, plain, limits, 65536, NULL, pieces);
	for (size_t i = 0; why == NULL && i < 4 && small; i++)
		why = pieces_again(fd, limits, steps[i], pieces, 0);
	for (size_t i = 1; why == NULL && i < pieces->count && i <= resumes;
		i++)
		why = pieces_again(fd, limits, 5, pieces, i);
	if (fd >= 0)
		close(fd);
	return why;
}

#endif
