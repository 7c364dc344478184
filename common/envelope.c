/* envelope.c - the message: what stands beside a chunk's bytes. */
#include "common/envelope.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HEADER_VERSION "sluice-version"
#define YEAR_9999_US INT64_C(253402300799999999)

/* Bits for the kinds a header belongs to. */
#define CHUNK (1u << ENVELOPE_CHUNK)
#define REJECT (1u << ENVELOPE_REJECT)
#define MANIFEST (1u << ENVELOPE_MANIFEST)
#define ANY (CHUNK | REJECT | MANIFEST)

enum field_type {
	FIELD_U32,
	FIELD_U64, /* int64_t as well: both are at most INT64_MAX */
	FIELD_BOOL,
	FIELD_RAW,  /* any bytes */
	FIELD_WORD, /* a-z 0-9 _ + - */
	FIELD_TEXT, /* UTF-8 without controls */
	FIELD_SHA,
	FIELD_UUID, /* absent when nil */
};

/* One header: min and max bound the value of a number, the length of bytes. */
struct field {
	const char *name;
	unsigned kinds;
	enum field_type type;
	size_t offset; /* in struct envelope */
	int64_t min, max;
};

#define AT(member) offsetof(struct envelope, member)

static const struct field fields[] = {
	{ "sluice-source", ANY, FIELD_RAW, AT(source), 1, ENVELOPE_NAME_MAX },
	{ "sluice-claimed", ANY, FIELD_U64, AT(claimed_us), 0, YEAR_9999_US },
	{ "sluice-replay-of", ANY, FIELD_UUID, AT(replay_of),
		sizeof(struct uuid), sizeof(struct uuid) },

	{ "sluice-record", CHUNK | REJECT, FIELD_U64, AT(first_record), 1,
		INT64_MAX },
	{ "sluice-line", CHUNK | REJECT, FIELD_U64, AT(first_line), 1,
		INT64_MAX },
	{ "sluice-crc32c", CHUNK | REJECT, FIELD_U32, AT(crc), 0, UINT32_MAX },

	{ "sluice-records", CHUNK, FIELD_U32, AT(records), 1, INT32_MAX },
	{ "sluice-index", CHUNK, FIELD_RAW, AT(index), 1, ENVELOPE_INDEX_MAX },

	{ "sluice-code", REJECT, FIELD_WORD, AT(code), 1, ENVELOPE_CODE_MAX },
	{ "sluice-reason", REJECT, FIELD_TEXT, AT(reason), 1,
		ENVELOPE_REASON_MAX },
	{ "sluice-fault-line", REJECT, FIELD_U64, AT(line), 1, INT64_MAX },
	{ "sluice-fault-column", REJECT, FIELD_U64, AT(column), 1, INT64_MAX },
	{ "sluice-offset", REJECT, FIELD_U64, AT(offset), 0, INT64_MAX },
	{ "sluice-length", REJECT, FIELD_U64, AT(length), 0, INT64_MAX },

	{ "sluice-size", MANIFEST, FIELD_U64, AT(size), 0, INT64_MAX },
	{ "sluice-file-size", MANIFEST, FIELD_U64, AT(file_size), 0,
		INT64_MAX },
	{ "sluice-sha256", MANIFEST, FIELD_SHA, AT(sha256), SHA256_BYTES,
		SHA256_BYTES },
	{ "sluice-format", MANIFEST, FIELD_WORD, AT(format), 1,
		ENVELOPE_CODE_MAX },
	{ "sluice-chunks", MANIFEST, FIELD_U64, AT(chunks), 0, INT64_MAX },
	{ "sluice-rejects", MANIFEST, FIELD_U64, AT(rejects), 0, INT64_MAX },
	{ "sluice-all-records", MANIFEST, FIELD_U64, AT(all_records), 0,
		INT64_MAX },
	{ "sluice-failed", MANIFEST, FIELD_BOOL, AT(failed), 0, 1 },
};

#define FIELD_COUNT (sizeof(fields) / sizeof(*fields))

static const char *const kind_names[] = {
	[ENVELOPE_CHUNK] = "chunk",
	[ENVELOPE_REJECT] = "reject",
	[ENVELOPE_MANIFEST] = "manifest",
};

#define KIND_COUNT (sizeof(kind_names) / sizeof(*kind_names))

/* -- the id ----------------------------------------------------------- */

void envelope_id(const struct envelope *envelope, char *out)
{
	char drop[UUID_TEXT];
	int used;

	uuid_format(&envelope->drop, drop);
	used = snprintf(out, ENVELOPE_ID_TEXT, "%s:%" PRIu64 "-%" PRIu64, drop,
		envelope->lo, envelope->hi);
	if (envelope->replay != 0)
		(void)snprintf(out + used, ENVELOPE_ID_TEXT - (size_t)used,
			"#r%" PRIu32, envelope->replay);
}

/* Digits at *at, moved behind them; false without any or above max. */
static bool read_number(const char **at, uint64_t max, uint64_t *value)
{
	const char *const start = *at;
	uint64_t sum = 0;

	for (; **at >= '0' && **at <= '9'; (*at)++) {
		const uint64_t digit = (uint64_t)(**at - '0');

		if (sum > (max - digit) / 10)
			return false;
		sum = sum * 10 + digit;
	}
	*value = sum;
	return *at > start;
}

static bool skip(const char **at, const char *word)
{
	const size_t len = strlen(word);

	if (strncmp(*at, word, len) != 0)
		return false;
	*at += len;
	return true;
}

/* Version 8 is the namespace of foreign messages: such an id in an envelope
 * would let one pass for the other. A replay passes for nothing new. */
static bool is_foreign(const struct uuid *drop)
{
	return drop->bytes[6] >> 4 == 8;
}

/* Only the one spelling that envelope_id writes is taken, or one range could
 * enter the ledger under two names. */
static bool read_id(const char *id, struct envelope *envelope)
{
	const size_t dashes = UUID_TEXT - 1;
	char same[ENVELOPE_ID_TEXT];
	uint64_t replay = 0;
	const char *at;
	bool ok;

	if (strnlen(id, ENVELOPE_ID_TEXT) < dashes ||
		!uuid_parse(id, dashes, &envelope->drop))
		return false;
	at = id + dashes;
	ok = skip(&at, ":") && read_number(&at, INT64_MAX, &envelope->lo) &&
		skip(&at, "-") && read_number(&at, INT64_MAX, &envelope->hi);
	if (ok && *at != '\0')
		ok = skip(&at, "#r") && read_number(&at, INT32_MAX, &replay) &&
			replay > 0;
	if (!ok || *at != '\0')
		return false;
	envelope->replay = (uint32_t)replay;
	if (replay == 0 && is_foreign(&envelope->drop))
		return false;
	envelope_id(envelope, same);
	return strcmp(id, same) == 0;
}

/* -- encoding --------------------------------------------------------- */

static void add_int(struct message *message, const char *name, int64_t value)
{
	message->headers[message->header_count++] =
		(struct header){ .name = name, .is_int = true, .i = value };
}

static void add_field(struct message *message, const struct field *field,
	const struct envelope *envelope)
{
	const char *at = (const char *)envelope + field->offset;
	struct header header = { .name = field->name };
	uint32_t u32;
	bool flag;

	switch (field->type) {
	case FIELD_U32:
		memcpy(&u32, at, sizeof(u32));
		add_int(message, field->name, u32);
		return;
	case FIELD_U64:
		memcpy(&header.i, at, sizeof(header.i));
		add_int(message, field->name, header.i);
		return;
	case FIELD_BOOL:
		memcpy(&flag, at, sizeof(flag));
		add_int(message, field->name, flag);
		return;
	case FIELD_SHA:
		header.s = (struct bytes){ at, SHA256_BYTES };
		break;
	case FIELD_UUID:
		header.s = (struct bytes){ at, sizeof(struct uuid) };
		if (uuid_is_nil(&envelope->replay_of))
			return;
		break;
	case FIELD_RAW:
	case FIELD_WORD:
	case FIELD_TEXT:
		memcpy(&header.s, at, sizeof(header.s));
		break;
	}
	message->headers[message->header_count++] = header;
}

void envelope_encode(const struct envelope *envelope, char *id,
	struct message *message)
{
	envelope_id(envelope, id);
	message->message_id = id;
	message->type = kind_names[envelope->kind];
	message->content_type = TYPE_NDJSON;
	message->header_count = 0;
	add_int(message, HEADER_VERSION, ENVELOPE_VERSION);
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (fields[i].kinds & 1u << envelope->kind)
			add_field(message, &fields[i], envelope);
}

/* -- decoding --------------------------------------------------------- */

/* The header of that name; *times tells how often it is there. */
static const struct header *find(const struct message *message,
	const char *name, int *times)
{
	const struct header *found = NULL;

	*times = 0;
	for (size_t i = 0; i < message->header_count; i++)
		if (strcmp(message->headers[i].name, name) == 0) {
			found = &message->headers[i];
			(*times)++;
		}
	return found;
}

bool envelope_is_ours(const struct message *message)
{
	int times;

	return message->content_type != NULL &&
		strcmp(message->content_type, TYPE_NDJSON) == 0 &&
		find(message, HEADER_VERSION, &times) != NULL;
}

static const struct header *need(const struct message *message,
	const char *name, bool is_int, struct err *err)
{
	int times;
	const struct header *header = find(message, name, &times);

	if (times == 1 && header->is_int == is_int)
		return header;
	if (times == 0)
		err_set(err, ERR_REJECT, "header %s is missing", name);
	else if (times > 1)
		err_set(err, ERR_REJECT, "header %s is there %d times", name,
			times);
	else
		err_set(err, ERR_REJECT, "header %s must be %s", name,
			is_int ? "a number" : "a string");
	return NULL;
}

static bool is_word(struct bytes s)
{
	const char *text = s.data;

	for (size_t i = 0; i < s.len; i++)
		if (text[i] == '\0' ||
			strchr("abcdefghijklmnopqrstuvwxyz0123456789_+-",
				text[i]) == NULL)
			return false;
	return true;
}

static bool is_text(struct bytes s)
{
	const char *text = s.data;
	size_t n;

	for (size_t i = 0; i < s.len; i += n) {
		const uint8_t c = (uint8_t)text[i];

		n = utf8_length(text + i, s.len - i);
		if (n == 0 || c < ' ' || c == 0x7f)
			return false;
		if (c == 0xc2 && (uint8_t)text[i + 1] < 0xa0) /* C1 */
			return false;
	}
	return true;
}

static bool take_int(const struct header *header, const struct field *field,
	char *at, struct err *err)
{
	const int64_t i = header->i;
	const uint32_t u32 = (uint32_t)i;
	const bool flag = i != 0;

	if (i < field->min || i > field->max)
		return err_set(err, ERR_REJECT,
			"header %s is %" PRId64 ", allowed are %" PRId64
			" to %" PRId64,
			field->name, i, field->min, field->max);
	if (field->type == FIELD_U32)
		memcpy(at, &u32, sizeof(u32));
	else if (field->type == FIELD_BOOL)
		memcpy(at, &flag, sizeof(flag));
	else
		memcpy(at, &i, sizeof(i));
	return true;
}

static bool take_bytes(const struct header *header, const struct field *field,
	char *at, struct err *err)
{
	const struct bytes s = header->s;

	if (s.len < (size_t)field->min || s.len > (size_t)field->max)
		return err_set(err, ERR_REJECT,
			"header %s has %zu bytes, allowed are %" PRId64
			" to %" PRId64,
			field->name, s.len, field->min, field->max);
	if ((field->type == FIELD_WORD && !is_word(s)) ||
		(field->type == FIELD_TEXT && !is_text(s)))
		return err_set(err, ERR_REJECT,
			"header %s holds bytes that do not belong there",
			field->name);
	if (field->type == FIELD_SHA || field->type == FIELD_UUID)
		memcpy(at, s.data, s.len);
	else
		memcpy(at, &s, sizeof(s));
	return true;
}

static bool take_field(const struct message *message,
	const struct field *field, struct envelope *envelope, struct err *err)
{
	const bool is_int = field->type <= FIELD_BOOL;
	char *at = (char *)envelope + field->offset;
	const struct header *header;
	int times;

	if (field->type == FIELD_UUID &&
		find(message, field->name, &times) == NULL)
		return true;
	header = need(message, field->name, is_int, err);
	if (header == NULL)
		return false;
	return is_int ? take_int(header, field, at, err) :
			take_bytes(header, field, at, err);
}

static bool take_kind(const struct message *message,
	struct envelope *envelope, struct err *err)
{
	for (size_t i = 0; message->type != NULL && i < KIND_COUNT; i++)
		if (strcmp(message->type, kind_names[i]) == 0) {
			envelope->kind = (enum envelope_kind)i;
			return true;
		}
	return err_set(err, ERR_REJECT,
		"the message type must be chunk, reject or manifest");
}

static bool take_version(const struct message *message, struct err *err)
{
	const struct header *header =
		need(message, HEADER_VERSION, true, err);

	if (header == NULL)
		return false;
	if (header->i == ENVELOPE_VERSION)
		return true;
	return err_set(err, ERR_REJECT,
		"format version %" PRId64 ", this program reads %d", header->i,
		ENVELOPE_VERSION);
}

/* -- what must hold between the parts --------------------------------- */

/* Record by record: inside the range, in order, one line of the body each. */
static bool check_index(const struct envelope *envelope, struct bytes body,
	struct err *err)
{
	struct envelope_record record = { .offset = envelope->lo,
		.line = envelope->first_line };
	const char *text = body.data;
	size_t pos = 0, used = 0;
	uint32_t records = 0;
	bool ok = true;

	while (envelope_index_next(envelope->index, &pos, &record, &ok)) {
		const size_t len = record.length;

		if (envelope->replay == 0 && (record.offset > envelope->hi ||
			len > envelope->hi - record.offset))
			return err_set(err, ERR_REJECT,
				"the index leaves the range");
		if (len >= body.len - used || text[used + len] != '\n' ||
			memchr(text + used, '\n', len) != NULL)
			return err_set(err, ERR_REJECT,
				"the index does not fit the body");
		used += len + 1;
		records++;
	}
	if (!ok)
		return err_set(err, ERR_REJECT, "the index is damaged");
	if (records != envelope->records || used != body.len)
		return err_set(err, ERR_REJECT,
			"the index counts %" PRIu32 " records in %zu bytes, "
			"the message %" PRIu32 " in %zu",
			records, used, envelope->records, body.len);
	return true;
}

static bool check_reject(const struct envelope *envelope, struct bytes body,
	struct err *err)
{
	if (envelope->offset < envelope->lo ||
		envelope->offset > envelope->hi ||
		envelope->length > envelope->hi - envelope->offset)
		return err_set(err, ERR_REJECT,
			"the refused bytes leave the range");
	if (body.len > envelope->length || body.len > REJECT_BYTES_MAX)
		return err_set(err, ERR_REJECT,
			"the body has %zu bytes, more than were refused or "
			"than may be kept",
			body.len);
	return true;
}

static bool check_manifest(const struct envelope *envelope, struct bytes body,
	struct err *err)
{
	if (envelope->size != envelope->hi)
		return err_set(err, ERR_REJECT,
			"the manifest's size is not its range's end");
	if (body.len != 0)
		return err_set(err, ERR_REJECT,
			"a manifest has no body, this one %zu bytes",
			body.len);
	return true;
}

static bool check_range(const struct envelope *envelope, struct err *err)
{
	const bool may_be_empty = envelope->kind == ENVELOPE_MANIFEST ||
		envelope->replay != 0;

	if (envelope->lo < envelope->hi ||
		(may_be_empty && envelope->lo == envelope->hi))
		return true;
	return err_set(err, ERR_REJECT,
		"the range %" PRIu64 "-%" PRIu64 " is empty", envelope->lo,
		envelope->hi);
}

static bool check_replay(const struct envelope *envelope, struct err *err)
{
	struct envelope_record record = { .offset = envelope->lo,
		.line = envelope->first_line };
	size_t pos = 0;
	bool ok;

	if (envelope->replay == 0)
		return true;
	if (envelope->kind != ENVELOPE_CHUNK)
		return err_set(err, ERR_REJECT,
			"a %s is never replayed", kind_names[envelope->kind]);
	if (envelope->records == 1 &&
		envelope_index_next(envelope->index, &pos, &record, &ok) &&
		record.offset == envelope->lo)
		return true;
	return err_set(err, ERR_REJECT,
		"a replay is one record, at the start of its range");
}

static bool check_crc(const struct envelope *envelope, struct bytes body,
	struct err *err)
{
	const uint32_t crc = crc32c(0, body.data, body.len);

	if (envelope->kind == ENVELOPE_MANIFEST || crc == envelope->crc)
		return true;
	return err_set(err, ERR_REJECT,
		"the body's checksum is %08" PRIx32 ", announced was %08" PRIx32,
		crc, envelope->crc);
}

static bool check(const struct envelope *envelope, struct bytes body,
	struct err *err)
{
	if (!check_replay(envelope, err) || !check_range(envelope, err) ||
		!check_crc(envelope, body, err))
		return false;
	switch (envelope->kind) {
	case ENVELOPE_CHUNK:
		return check_index(envelope, body, err);
	case ENVELOPE_REJECT:
		return check_reject(envelope, body, err);
	case ENVELOPE_MANIFEST:
		break;
	}
	return check_manifest(envelope, body, err);
}

bool envelope_decode(const struct message *message, struct envelope *envelope,
	struct err *err)
{
	*envelope = (struct envelope){ 0 };
	if (!take_version(message, err) || !take_kind(message, envelope, err))
		return false;
	if (message->message_id == NULL ||
		!read_id(message->message_id, envelope))
		return err_set(err, ERR_REJECT,
			"the message id is not <drop id>:<from>-<to>");
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if ((fields[i].kinds & 1u << envelope->kind) &&
			!take_field(message, &fields[i], envelope, err))
			return false;
	if (envelope->kind == ENVELOPE_REJECT)
		envelope->records = 1;
	return check(envelope, message->body, err);
}
