/* reader.h - splits a file into records and cuts them into chunks.
 *
 * Formats by content: JSON array, one object, NDJSON, concatenated values;
 * each plain, gzip or zstd. Chunk boundaries depend only on the bytes and the
 * limits. Memory does not grow with the file: at most twice max_record_bytes
 * plus a few buffers (zstd: and the window its file asks for, at most 128
 * MiB). Ranges of pieces tile [0, size) without gap; a piece ends with its
 * last record, and only the end's range may be empty.
 *
 * format: "array", "object", "ndjson", "concat", "pointer" (records stand
 * inside), "blank", "unknown", with "+gzip" or "+zstd" behind. Reason codes:
 * json_syntax json_utf8 json_depth not_object record_too_long truncated
 * not_json truncated_input corrupt_input, and no_records duplicate_key (on the
 * way to them). */
#ifndef SLUICE_READER_H
#define SLUICE_READER_H

#include "common/envelope.h"

/* Raised whenever the same bytes and limits would give other chunks. */
#define READER_VERSION 1

struct reader;

/* Zeros count as ones; more than the envelope can hold is cut. */
#define READER_POINTER_MAX 127

struct reader_limits {
	uint64_t chunk_records;
	uint64_t chunk_bytes;      /* of records, line ends included; a single
				    * larger record is a chunk of its own */
	uint64_t max_record_bytes; /* beyond: a reject "record_too_long" */
	char records[READER_POINTER_MAX + 1]; /* JSON Pointer to the array of
				    * records, or the one, in each value of
				    * the file; "": they are the file */
};

/* Where a piece starts; enough to continue from there in a later process. */
struct reader_position {
	uint64_t offset;      /* bytes consumed = end of the last piece */
	uint64_t records;     /* records so far, rejected ones included */
	uint64_t lines;       /* line breaks before offset */
	uint64_t chunks;
	uint64_t rejects;
	uint64_t resync;      /* reader's own: state word at this position */
};

enum piece_kind { PIECE_CHUNK, PIECE_REJECT, PIECE_END };

/* The next piece of the source. Bytes are the reader's until the next call. */
struct piece {
	enum piece_kind kind;
	struct envelope envelope; /* kind, lo, hi, first_record, first_line,
				   * records, index, crc; reject: code, reason,
				   * line, column, offset, length; end (the
				   * manifest): size, chunks, rejects,
				   * all_records, format, failed */
	struct bytes body;
	struct reader_position after;
};

/* Reads from fd (regular file, from its beginning; stays the caller's). */
struct reader *reader_open(int fd, const struct reader_limits *limits,
	struct err *err);
/* The same with a window that begins with `step` bytes, filled by reads of at
 * most as many: for tests, the pieces are the same. */
struct reader *reader_open_step(int fd, const struct reader_limits *limits,
	size_t step, struct err *err);
void reader_close(struct reader *reader);

/* Goes on behind a position of an earlier reader over the same bytes with the
 * same limits: plain files seek, compressed ones read on to it. Before the
 * first reader_next. ERR_REJECT when the file has become shorter. */
bool reader_resume(struct reader *reader, const struct reader_position *from,
	struct err *err) MUST_CHECK;

/* The next piece; after PIECE_END do not call again. Errors of the file
 * itself are pieces (rejects); false only for I/O (ERR_RETRY) and memory:
 * then close the reader, and later go on from the last position. A reject of
 * the remainder is followed by the end; the end has failed set. */
bool reader_next(struct reader *reader, struct piece *piece, struct err *err)
	MUST_CHECK;

/* How much of the file itself was read so far, for people who wait: ahead of
 * the pieces, and of a compressed file the compressed bytes. */
uint64_t reader_taken(const struct reader *reader);

#endif
