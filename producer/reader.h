/* reader.h - splits a file into records and cuts them into chunks.
 *
 * Formats by content: JSON array, one object, NDJSON, concatenated values;
 * each plain, gzip or zstd. Chunk boundaries depend only on the bytes and the
 * limits. Memory does not grow with the file: at most max_record_bytes plus a
 * few buffers. Ranges of pieces tile [0, size) without gap. */
#ifndef SLUICE_READER_H
#define SLUICE_READER_H

#include "common/envelope.h"

/* Raised whenever the same bytes and limits would give other chunks. */
#define READER_VERSION 1

struct reader;

struct reader_limits {
	uint64_t chunk_records;
	uint64_t chunk_bytes;      /* of records, line ends included; a single
				    * larger record is a chunk of its own */
	uint64_t max_record_bytes; /* beyond: a reject "record_too_long" */
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

/* Reads from fd (regular file at offset 0; stays the caller's). */
struct reader *reader_open(int fd, const struct reader_limits *limits,
	struct err *err);
void reader_close(struct reader *reader);

/* Goes on behind a position of an earlier reader over the same bytes with the
 * same limits: plain files seek, compressed ones read on to it. */
bool reader_resume(struct reader *reader, const struct reader_position *from,
	struct err *err) MUST_CHECK;

/* The next piece; after PIECE_END do not call again. Errors of the file
 * itself are pieces (rejects); false only for I/O (ERR_RETRY) and memory. */
bool reader_next(struct reader *reader, struct piece *piece, struct err *err)
	MUST_CHECK;

#endif
