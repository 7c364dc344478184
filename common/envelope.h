/* envelope.h - the message: what stands beside a chunk's bytes.
 *
 * message_id = <drop id>:<lo>-<hi>; ranges are bytes of the decompressed
 * source, half-open. Only a manifest's may be empty: two messages of one
 * source never share an id. Pure: encodes to and decodes from struct message.
 *
 * A replay puts one reject through again: a chunk of one record that stands
 * for the range of the refused bytes, whatever its own length, named
 * <drop id>:<lo>-<hi>#r<n> for the nth try. Its source may be a foreign
 * message, its range empty.
 *
 * The body of a chunk is its records, each followed by one line feed and
 * holding none itself; of a reject the first REJECT_BYTES_MAX of the refused
 * bytes; of a manifest nothing. */
#ifndef SLUICE_ENVELOPE_H
#define SLUICE_ENVELOPE_H

#include "common/buf.h"
#include "common/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENVELOPE_VERSION 1
#define ENVELOPE_ID_TEXT 128
#define ENVELOPE_HEADERS 24
#define ENVELOPE_NAME_MAX 4096
#define ENVELOPE_CODE_MAX 64
#define ENVELOPE_REASON_MAX 1024
#define ENVELOPE_INDEX_MAX 98304 /* all headers must fit one AMQP frame */
#define REJECT_BYTES_MAX 65536 /* of a bad record kept */

#define EXCHANGE "sluice"
#define EXCHANGE_DEAD "sluice.dead"
#define TYPE_NDJSON "application/x-ndjson"
#define TYPE_JSON "application/json"

struct bytes {
	const void *data;
	size_t len;
};

/* One AMQP header. */
struct header {
	const char *name;
	bool is_int;
	int64_t i;
	struct bytes s;
};

/* An AMQP message as the broker door gives and takes it. Everything is
 * borrowed from whoever filled it. NULL: the property is absent. */
struct message {
	const char *exchange;
	const char *routing_key;
	const char *message_id;
	const char *type;
	const char *content_type;
	const char *user_id;
	const char *app_id;
	struct header headers[ENVELOPE_HEADERS];
	size_t header_count;
	struct bytes body;
};

enum envelope_kind {
	ENVELOPE_CHUNK,    /* type "chunk": records */
	ENVELOPE_REJECT,   /* type "reject": one record or remainder refused */
	ENVELOPE_MANIFEST, /* type "manifest": the last of a source */
};

struct envelope {
	enum envelope_kind kind;
	struct uuid drop;
	uint64_t lo, hi;         /* byte range */
	uint32_t replay;         /* "#r<n>" behind the range; 0: none */

	/* every message */
	struct bytes source;     /* name relative to raw_dir, raw bytes */
	int64_t claimed_us;      /* wall clock of the claim */
	struct uuid replay_of;   /* the source it is loaded again from; nil:
				  * of none */

	/* chunk and reject */
	uint64_t first_record;   /* number in the source, from 1 */
	uint64_t first_line;     /* line the range's first record starts on */
	uint32_t records;        /* chunk: how many; reject: 1 */
	uint32_t crc;            /* crc32c of the body */

	/* chunk: see envelope_index_* */
	struct bytes index;

	/* reject: body = its first REJECT_BYTES_MAX bytes */
	struct bytes code;       /* reason code: a-z 0-9 _ */
	struct bytes reason;     /* plain words: UTF-8 without controls */
	uint64_t line, column;   /* of the fault, from 1 */
	uint64_t offset;         /* where the refused bytes start */
	uint64_t length;         /* how many they are */

	/* manifest */
	uint64_t size;           /* decompressed bytes: the range's end */
	uint64_t file_size;      /* bytes of the file as dropped */
	uint8_t sha256[SHA256_BYTES]; /* of the file as dropped */
	struct bytes format;     /* "array", "ndjson", "concat" ... "+gzip" */
	uint64_t chunks;
	uint64_t rejects;        /* messages of kind reject */
	uint64_t all_records;    /* in chunks and rejected */
	bool failed;             /* the remainder was rejected */
};

/* Where each record of a chunk lies. */
struct envelope_record {
	uint64_t offset; /* in the source */
	uint32_t length;
	uint64_t line;
};

/* Index entries: three varints a record: gap from the end of the record
 * before (the range's lo for the first), length, lines down from the record
 * before (first_line for the first). */
bool envelope_index_add(struct buf *index, struct envelope_record *previous,
	const struct envelope_record *record, struct err *err) MUST_CHECK;

/* Walks the index; false at its end or when it is damaged (*ok tells). Start
 * with *pos = 0 and *record = { .offset = lo, .line = first_line }. */
bool envelope_index_next(struct bytes index, size_t *pos,
	struct envelope_record *record, bool *ok);

/* "<drop id>:<lo>-<hi>[#r<n>]" into out[ENVELOPE_ID_TEXT]. */
void envelope_id(const struct envelope *envelope, char *out);

/* Fills message (content type, type, headers); id must have room for
 * ENVELOPE_ID_TEXT and outlive the message, as must the envelope. Body,
 * exchange, routing key and user_id are the caller's. */
void envelope_encode(const struct envelope *envelope, char *id,
	struct message *message);

/* True when the message says it is ours (TYPE_NDJSON and a sluice-version
 * header); only then envelope_decode makes sense. */
bool envelope_is_ours(const struct message *message);

/* Decodes and checks everything: version, id, ranges, crc of the body, index
 * against body and record count. ERR_REJECT with the reason when it does not
 * hold. What it gives is borrowed from message. */
bool envelope_decode(const struct message *message, struct envelope *envelope,
	struct err *err) MUST_CHECK;

#endif
