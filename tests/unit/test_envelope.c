/* test_envelope.c - what stands beside a chunk's bytes, and what is refused. */
#include "common/envelope.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#define DROP "6f1c2d3e-4b5a-4978-8695-a4b3c2d1e0f1"
#define TEXT(s) ((struct bytes){ (s), sizeof(s) - 1 })

/* Two records, {"a":1} at 1 (line 2) and {"b":22} at 12 (line 4). */
#define BODY "{\"a\":1}\n{\"b\":22}\n"
#define INDEX "\x01\x07\x01\x04\x08\x02"

/* A message with everything it borrows from. */
struct sample {
	struct envelope envelope;
	struct message message;
	char id[ENVELOPE_ID_TEXT];
};

static struct uuid drop_id(void)
{
	struct uuid uuid = { 0 };

	CU_ASSERT_TRUE(uuid_parse(DROP, strlen(DROP), &uuid));
	return uuid;
}

static struct envelope any(enum envelope_kind kind)
{
	return (struct envelope){
		.kind = kind,
		.drop = drop_id(),
		.source = TEXT("events/a\n\xff.json"),
		.claimed_us = 1763806500123456,
	};
}

static struct envelope chunk(void)
{
	struct envelope e = any(ENVELOPE_CHUNK);

	e.lo = 0;
	e.hi = 20;
	e.first_record = 1;
	e.first_line = 1;
	e.records = 2;
	e.crc = crc32c(0, BODY, sizeof(BODY) - 1);
	e.index = TEXT(INDEX);
	return e;
}

static struct envelope reject(void)
{
	struct envelope e = any(ENVELOPE_REJECT);

	e.lo = 20;
	e.hi = 30;
	e.first_record = 3;
	e.first_line = 5;
	e.records = 1;
	e.crc = crc32c(0, "{bad}", 5);
	e.code = TEXT("json_syntax");
	e.reason = TEXT("a key must be a string \xc3\xa4");
	e.line = 5;
	e.column = 2;
	e.offset = 22;
	e.length = 8;
	return e;
}

static struct envelope manifest(void)
{
	struct envelope e = any(ENVELOPE_MANIFEST);

	e.lo = 30;
	e.hi = 30;
	e.size = 30;
	e.file_size = 17;
	memset(e.sha256, 0xa5, sizeof(e.sha256));
	e.format = TEXT("array+gzip");
	e.chunks = 1;
	e.rejects = 1;
	e.all_records = 3;
	e.failed = true;
	return e;
}

static struct bytes body_of(enum envelope_kind kind)
{
	if (kind == ENVELOPE_CHUNK)
		return TEXT(BODY);
	if (kind == ENVELOPE_REJECT)
		return TEXT("{bad}");
	return (struct bytes){ NULL, 0 };
}

static void encode(struct sample *sample, const struct envelope *envelope)
{
	memset(sample, 0, sizeof(*sample));
	sample->envelope = *envelope;
	sample->message.body = body_of(envelope->kind);
	envelope_encode(&sample->envelope, sample->id, &sample->message);
}

static void check_same_bytes(struct bytes got, struct bytes want)
{
	CU_ASSERT_EQUAL_FATAL(got.len, want.len);
	if (want.len > 0)
		CU_ASSERT_EQUAL(memcmp(got.data, want.data, want.len), 0);
}

static void check_same(const struct envelope *got, const struct envelope *want)
{
	CU_ASSERT_EQUAL(got->kind, want->kind);
	CU_ASSERT_TRUE(uuid_equal(&got->drop, &want->drop));
	CU_ASSERT_EQUAL(got->lo, want->lo);
	CU_ASSERT_EQUAL(got->hi, want->hi);
	CU_ASSERT_EQUAL(got->replay, want->replay);
	check_same_bytes(got->source, want->source);
	CU_ASSERT_EQUAL(got->claimed_us, want->claimed_us);
	CU_ASSERT_TRUE(uuid_equal(&got->replay_of, &want->replay_of));
	CU_ASSERT_EQUAL(got->first_record, want->first_record);
	CU_ASSERT_EQUAL(got->first_line, want->first_line);
	CU_ASSERT_EQUAL(got->records, want->records);
	CU_ASSERT_EQUAL(got->crc, want->crc);
	check_same_bytes(got->index, want->index);
	check_same_bytes(got->code, want->code);
	check_same_bytes(got->reason, want->reason);
	CU_ASSERT_EQUAL(got->line, want->line);
	CU_ASSERT_EQUAL(got->column, want->column);
	CU_ASSERT_EQUAL(got->offset, want->offset);
	CU_ASSERT_EQUAL(got->length, want->length);
	CU_ASSERT_EQUAL(got->size, want->size);
	CU_ASSERT_EQUAL(got->file_size, want->file_size);
	CU_ASSERT_EQUAL(memcmp(got->sha256, want->sha256, SHA256_BYTES), 0);
	check_same_bytes(got->format, want->format);
	CU_ASSERT_EQUAL(got->chunks, want->chunks);
	CU_ASSERT_EQUAL(got->rejects, want->rejects);
	CU_ASSERT_EQUAL(got->all_records, want->all_records);
	CU_ASSERT_EQUAL(got->failed, want->failed);
}

static void check_round_trip(struct envelope want, const char *type,
	const char *id)
{
	struct sample sample;
	struct envelope got;
	struct err err = { 0 };

	encode(&sample, &want);
	CU_ASSERT_STRING_EQUAL(sample.message.type, type);
	CU_ASSERT_STRING_EQUAL(sample.message.message_id, id);
	CU_ASSERT_STRING_EQUAL(sample.message.content_type, TYPE_NDJSON);
	CU_ASSERT_TRUE(envelope_is_ours(&sample.message));
	CU_ASSERT_TRUE(sample.message.header_count <= ENVELOPE_HEADERS);
	if (!envelope_decode(&sample.message, &got, &err))
		CU_FAIL_FATAL("a message of ours is refused");
	check_same(&got, &want);
}

static void each_kind_round_trips(void)
{
	struct envelope far = manifest(), again = chunk();

	check_round_trip(chunk(), "chunk", DROP ":0-20");
	check_round_trip(reject(), "reject", DROP ":20-30");
	check_round_trip(manifest(), "manifest", DROP ":30-30");
	again.replay_of.bytes[15] = 7;
	check_round_trip(again, "chunk", DROP ":0-20");
	far.lo = far.hi = far.size = INT64_MAX;
	far.failed = false;
	check_round_trip(far, "manifest",
		DROP ":9223372036854775807-9223372036854775807");
}

/* The message must be refused, with `reason` in the text. */
static void check_refused(const struct message *message, const char *reason)
{
	struct envelope got;
	struct err err = { 0 };

	if (envelope_decode(message, &got, &err)) {
		(void)fprintf(stderr, "taken, though: %s\n", reason);
		CU_FAIL("a bad message is taken");
		return;
	}
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	if (strstr(err.text, reason) == NULL) {
		(void)fprintf(stderr, "got '%s', want '%s'\n", err.text,
			reason);
		CU_FAIL("another reason");
	}
}

/* Drops, doubles and mistypes each header in turn. */
static void spoil_headers(const struct envelope *envelope)
{
	struct sample good, bad;

	encode(&good, envelope);
	for (size_t i = 0; i < good.message.header_count; i++) {
		struct header *header = &bad.message.headers[i];
		const size_t last = good.message.header_count - 1;
		const char *name = good.message.headers[i].name;

		encode(&bad, envelope);
		*header = bad.message.headers[last];
		bad.message.header_count--;
		check_refused(&bad.message, name);
		check_refused(&bad.message, "is missing");

		encode(&bad, envelope);
		bad.message.headers[last + 1] = *header;
		bad.message.header_count++;
		check_refused(&bad.message, name);
		check_refused(&bad.message, "2 times");

		encode(&bad, envelope);
		header->is_int = !header->is_int;
		header->s = TEXT("1");
		check_refused(&bad.message, name);
		check_refused(&bad.message, "must be a");
	}
}

static void every_header_is_needed_once_and_typed(void)
{
	const struct envelope kinds[] = { chunk(), reject(), manifest() };

	for (size_t i = 0; i < 3; i++)
		spoil_headers(&kinds[i]);
}

static struct header *header_of(struct message *message, const char *name)
{
	for (size_t i = 0; i < message->header_count; i++)
		if (strcmp(message->headers[i].name, name) == 0)
			return &message->headers[i];
	CU_FAIL_FATAL("no such header");
	return NULL;
}

static const struct {
	enum envelope_kind kind;
	const char *name;
	int64_t value;
} bad_numbers[] = {
	{ ENVELOPE_CHUNK, "sluice-version", 2 },
	{ ENVELOPE_CHUNK, "sluice-version", INT64_C(1) + UINT32_MAX + 1 },
	{ ENVELOPE_CHUNK, "sluice-claimed", -1 },
	{ ENVELOPE_CHUNK, "sluice-claimed", INT64_C(253402300800000000) },
	{ ENVELOPE_CHUNK, "sluice-record", 0 },
	{ ENVELOPE_CHUNK, "sluice-line", 0 },
	{ ENVELOPE_CHUNK, "sluice-line", INT64_MIN },
	{ ENVELOPE_CHUNK, "sluice-crc32c", -1 },
	{ ENVELOPE_CHUNK, "sluice-crc32c", INT64_C(1) << 32 },
	{ ENVELOPE_CHUNK, "sluice-records", 0 },
	{ ENVELOPE_CHUNK, "sluice-records", INT64_C(2) + UINT32_MAX + 1 },
	{ ENVELOPE_REJECT, "sluice-fault-line", 0 },
	{ ENVELOPE_REJECT, "sluice-fault-column", -5 },
	{ ENVELOPE_REJECT, "sluice-offset", -1 },
	{ ENVELOPE_REJECT, "sluice-length", -1 },
	{ ENVELOPE_MANIFEST, "sluice-size", -1 },
	{ ENVELOPE_MANIFEST, "sluice-file-size", -1 },
	{ ENVELOPE_MANIFEST, "sluice-chunks", -1 },
	{ ENVELOPE_MANIFEST, "sluice-rejects", -1 },
	{ ENVELOPE_MANIFEST, "sluice-all-records", -1 },
	{ ENVELOPE_MANIFEST, "sluice-failed", 2 },
};

static struct envelope of_kind(enum envelope_kind kind)
{
	return kind == ENVELOPE_CHUNK	? chunk() :
		kind == ENVELOPE_REJECT ? reject() :
					  manifest();
}

static void numbers_have_bounds(void)
{
	for (size_t i = 0; i < sizeof(bad_numbers) / sizeof(*bad_numbers);
		i++) {
		const struct envelope e = of_kind(bad_numbers[i].kind);
		struct sample sample;

		encode(&sample, &e);
		header_of(&sample.message, bad_numbers[i].name)->i =
			bad_numbers[i].value;
		check_refused(&sample.message,
			i < 2 ? "format version" : bad_numbers[i].name);
	}
}

static void check_bytes_refused(struct envelope e, const char *name,
	struct bytes value)
{
	struct sample sample;

	encode(&sample, &e);
	header_of(&sample.message, name)->s = value;
	check_refused(&sample.message, name);
}

static void strings_have_bounds(void)
{
	static const char big[ENVELOPE_INDEX_MAX + 1];

	check_bytes_refused(chunk(), "sluice-source", TEXT(""));
	check_bytes_refused(chunk(), "sluice-source",
		(struct bytes){ big, ENVELOPE_NAME_MAX + 1 });
	check_bytes_refused(chunk(), "sluice-index", TEXT(""));
	check_bytes_refused(chunk(), "sluice-index",
		(struct bytes){ big, ENVELOPE_INDEX_MAX + 1 });
	check_bytes_refused(reject(), "sluice-code", TEXT(""));
	check_bytes_refused(reject(), "sluice-code", TEXT("Bad Code"));
	check_bytes_refused(reject(), "sluice-code", TEXT("a\0b"));
	check_bytes_refused(reject(), "sluice-reason", TEXT(""));
	check_bytes_refused(reject(), "sluice-reason", TEXT("a\nb"));
	check_bytes_refused(reject(), "sluice-reason", TEXT("a\0b"));
	check_bytes_refused(reject(), "sluice-reason", TEXT("\xc2\x9b"));
	check_bytes_refused(reject(), "sluice-reason", TEXT("a\xff"));
	check_bytes_refused(manifest(), "sluice-sha256", TEXT("short"));
	check_bytes_refused(manifest(), "sluice-format", TEXT("gz ip"));
}

static const char *const forged_ids[] = {
	"",
	"chunk",
	DROP,
	DROP ":",
	DROP ":0",
	DROP ":0-",
	DROP ":-20",
	DROP ":0-20 ",
	DROP ":0-20#",
	DROP ":0-20#r",
	DROP ":0-20#r0",
	DROP ":0-20#r01",
	DROP ":0-20#r4294967296",
	DROP ":0-20#x1",
	DROP ":0-20#r1#r1",
	DROP ":00-20",
	DROP ":+0-20",
	DROP ":0x0-20",
	DROP ":0-9223372036854775808",
	DROP ":0-99999999999999999999999999999999999999999",
	"6F1C2D3E-4B5A-4978-8695-A4B3C2D1E0F1:0-20",
	"6f1c2d3e-4b5a-8978-8695-a4b3c2d1e0f1:0-20", /* a foreign message's */
	"6f1c2d3e 4b5a-4978-8695-a4b3c2d1e0f1:0-20",
	" " DROP ":0-20",
};

static void forged_ids_are_refused(void)
{
	const struct envelope e = chunk();
	struct sample sample;

	for (size_t i = 0; i < sizeof(forged_ids) / sizeof(*forged_ids); i++) {
		encode(&sample, &e);
		sample.message.message_id = forged_ids[i];
		check_refused(&sample.message, "message id");
	}
	sample.message.message_id = NULL;
	check_refused(&sample.message, "message id");
}

static void check_envelope_refused(struct envelope e, const char *reason)
{
	struct sample sample;

	encode(&sample, &e);
	check_refused(&sample.message, reason);
}

static void ranges_are_kept(void)
{
	struct envelope e = chunk();

	e.lo = e.hi = 20;
	check_envelope_refused(e, "is empty");
	e.lo = 21;
	check_envelope_refused(e, "is empty");
	e = chunk();
	e.lo = 6; /* the last record now ends at 26 */
	check_envelope_refused(e, "leaves the range");
	e = reject();
	e.offset = 19;
	check_envelope_refused(e, "leave the range");
	e = reject();
	e.length = 9;
	check_envelope_refused(e, "leave the range");
	e = reject();
	e.length = INT64_MAX;
	check_envelope_refused(e, "leave the range");
	e = reject();
	e.lo = e.hi = e.offset = 30;
	e.length = 0;
	check_envelope_refused(e, "is empty");
	e = manifest();
	e.size = 31;
	check_envelope_refused(e, "size");
	e = manifest();
	e.replay = 1;
	check_envelope_refused(e, "never replayed");
	e = reject();
	e.replay = 1;
	check_envelope_refused(e, "never replayed");
}

#define REPLAYED "{\"a\":\"longer than the range\"}\n"

static struct envelope replay(const char *index, size_t index_len)
{
	struct envelope e = chunk();

	e.lo = e.hi = 12; /* nothing stood there */
	e.replay = 7;
	e.records = 1;
	e.drop.bytes[6] = 0x80; /* of a foreign message */
	e.crc = crc32c(0, REPLAYED, sizeof(REPLAYED) - 1);
	e.index = (struct bytes){ index, index_len };
	return e;
}

static bool decode_replay(const struct envelope *e, struct envelope *got,
	struct err *err)
{
	struct sample sample;

	encode(&sample, e);
	sample.message.body = TEXT(REPLAYED);
	return envelope_decode(&sample.message, got, err);
}

static void a_replay_stands_for_its_range(void)
{
	struct envelope e = replay("\x00\x1d\x00", 3), got;
	struct err err = { 0 };

	CU_ASSERT_TRUE(decode_replay(&e, &got, &err));
	CU_ASSERT_EQUAL(got.replay, 7);
	CU_ASSERT_EQUAL(got.lo, 12);
	e.replay = 0; /* a chunk may do nothing of this */
	CU_ASSERT_FALSE(decode_replay(&e, &got, &err));
	e = replay("\x01\x1d\x00", 3); /* one byte behind its start */
	err = (struct err){ 0 };
	CU_ASSERT_FALSE(decode_replay(&e, &got, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "start of its range"));
	e = replay("\x00\x1d\x00", 3);
	e.records = 2;
	err = (struct err){ 0 };
	CU_ASSERT_FALSE(decode_replay(&e, &got, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "one record"));
}

static void check_body_refused(struct envelope e, struct bytes body,
	const char *reason)
{
	struct sample sample;

	if (e.kind != ENVELOPE_MANIFEST && strcmp(reason, "checksum") != 0)
		e.crc = crc32c(0, body.data, body.len);
	encode(&sample, &e);
	sample.message.body = body;
	check_refused(&sample.message, reason);
}

static void bodies_are_checked(void)
{
	static const char big[REJECT_BYTES_MAX + 1];
	struct envelope e = reject();

	check_body_refused(chunk(), TEXT("{\"a\":1}\n{\"b\":23}\n"), "checksum");
	check_body_refused(chunk(), TEXT("{\"a\":1}\n{\"b\":22}"), "fit");
	check_body_refused(chunk(), TEXT("{\"a\":1}\n{\"b\"\n22}\n"), "fit");
	check_body_refused(chunk(), TEXT("{\"a\":1} {\"b\":22}\n"), "fit");
	check_body_refused(chunk(), TEXT(BODY "\n"), "counts");
	check_body_refused(chunk(), TEXT("{\"a\":1}\n"), "fit");
	check_body_refused(chunk(), (struct bytes){ NULL, 0 }, "fit");
	check_body_refused(reject(), TEXT("{damn}"), "checksum");
	check_body_refused(reject(), TEXT("nine byte"), "more than");
	e.hi = e.length = 100000;
	e.offset = 20;
	e.length = e.hi - e.offset;
	check_body_refused(e, (struct bytes){ big, sizeof(big) }, "more than");
	check_body_refused(manifest(), TEXT("x"), "no body");
}

static const struct {
	struct bytes index;
	const char *reason;
} bad_indexes[] = {
	{ { "\x01\x07\x01", 3 }, "counts" },
	{ { INDEX "\x00", 7 }, "damaged" },
	{ { "\x01\x07\x01\x04\x08", 5 }, "damaged" },
	{ { "\x80", 1 }, "damaged" },
	{ { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x07\x01", 12 },
		"damaged" },
	{ { "\x01\x07\x01\x05\x08\x02", 6 }, "leaves" },
	{ { "\x01\x08\x01\x03\x07\x02", 6 }, "fit" },
	{ { "\x01\x03\x01\x03\x04\x02", 6 }, "fit" },
	/* an offset that wraps round 2^64 */
	{ { "\x01\x07\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x08\x02",
		  15 },
		"" },
};

static void indexes_are_checked(void)
{
	for (size_t i = 0; i < sizeof(bad_indexes) / sizeof(*bad_indexes);
		i++) {
		struct envelope e = chunk();

		e.index = bad_indexes[i].index;
		check_envelope_refused(e, bad_indexes[i].reason);
	}
}

static void further_headers_are_ignored(void)
{
	struct envelope e = chunk(), got;
	struct sample sample;
	struct err err = { 0 };

	encode(&sample, &e);
	sample.message.headers[sample.message.header_count++] =
		(struct header){ .name = "x-death", .s = TEXT("again") };
	CU_ASSERT_TRUE(envelope_decode(&sample.message, &got, &err));
	check_same(&got, &e);
}

static void ours_is_told_from_foreign(void)
{
	struct envelope e = chunk();
	struct sample sample;

	encode(&sample, &e);
	sample.message.content_type = TYPE_JSON;
	CU_ASSERT_FALSE(envelope_is_ours(&sample.message));
	sample.message.content_type = NULL;
	CU_ASSERT_FALSE(envelope_is_ours(&sample.message));
	encode(&sample, &e);
	sample.message.header_count = 0;
	CU_ASSERT_FALSE(envelope_is_ours(&sample.message));
	encode(&sample, &e);
	sample.message.type = NULL;
	CU_ASSERT_TRUE(envelope_is_ours(&sample.message));
	check_refused(&sample.message, "message type");
	sample.message.type = "chunks";
	check_refused(&sample.message, "message type");
}

CU_TestInfo envelope_tests[] = {
	{ "each kind round-trips", each_kind_round_trips },
	{ "every header is needed, once, of its type",
		every_header_is_needed_once_and_typed },
	{ "numbers have bounds", numbers_have_bounds },
	{ "strings have bounds", strings_have_bounds },
	{ "forged ids are refused", forged_ids_are_refused },
	{ "ranges are kept", ranges_are_kept },
	{ "bodies are checked", bodies_are_checked },
	{ "a replay stands for its range", a_replay_stands_for_its_range },
	{ "indexes are checked", indexes_are_checked },
	{ "further headers are ignored", further_headers_are_ignored },
	{ "ours is told from foreign", ours_is_told_from_foreign },
	CU_TEST_INFO_NULL,
};
