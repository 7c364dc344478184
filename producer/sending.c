/* sending.c - a claimed file becomes messages. */
#include "producer/sending.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/place.h"
#include "producer/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_BYTES ((size_t)128 << 10)
#define HASH_SLICE ((uint64_t)8 << 20) /* in one call */
#define FAILURES_MAX 5

/* Messages on their way out of one call. */
struct gives {
	struct outgoing **list;
	size_t *count;
};

/* -- messages --------------------------------------------------------- */

void outgoing_free(struct outgoing *message)
{
	if (message == NULL)
		return;
	free(message->memory);
	free(message);
}

static int compare_ranges(const void *left, const void *right)
{
	const struct source_range *a = left, *b = right;

	if (a->lo != b->lo)
		return a->lo < b->lo ? -1 : 1;
	return a->hi < b->hi ? -1 : a->hi > b->hi;
}

/* The manifest always goes: it ends the source for whoever waits. */
static bool is_loaded(const struct outgoing *message)
{
	const struct source *source = message->sending->source;
	const struct source_range range = { message->envelope.lo,
		message->envelope.hi };

	return !message->last && source->loaded_count > 0 &&
		bsearch(&range, source->loaded, source->loaded_count,
			sizeof(range), compare_ranges) != NULL;
}

static void give(struct gives *gives, struct outgoing *message)
{
	if (message == NULL)
		return;
	if (is_loaded(message))
		outgoing_free(message);
	else
		gives->list[(*gives->count)++] = message;
}

static size_t room_for(const struct envelope *e, struct bytes body)
{
	return body.len + e->index.len + e->code.len + e->reason.len +
		e->format.len;
}

static struct bytes keep(char **at, struct bytes from)
{
	const struct bytes copy = { *at, from.len };

	if (from.len > 0)
		memcpy(*at, from.data, from.len);
	*at += from.len;
	return copy;
}

/* A message of its own memory, with what every message of the source says. */
static struct outgoing *outgoing_new(struct sending *sending,
	const struct envelope *envelope, struct bytes body,
	const struct reader_position *after, struct err *err)
{
	const struct source *source = sending->source;
	struct outgoing *m = calloc(1, sizeof(*m));
	char *at;

	if (m != NULL)
		m->memory = malloc(room_for(envelope, body) + 1);
	if (m == NULL || m->memory == NULL) {
		free(m);
		(void)err_memory(err);
		return NULL;
	}
	at = m->memory;
	m->sending = sending;
	m->after = *after;
	m->envelope = *envelope;
	m->envelope.index = keep(&at, envelope->index);
	m->envelope.code = keep(&at, envelope->code);
	m->envelope.reason = keep(&at, envelope->reason);
	m->envelope.format = keep(&at, envelope->format);
	m->body = keep(&at, body);
	m->envelope.drop = source->drop;
	m->envelope.source = (struct bytes){ source->name,
		strlen(source->name) };
	m->envelope.claimed_us = source->claimed_us;
	m->envelope.replay_of = source->replay_of;
	m->last = envelope->kind == ENVELOPE_MANIFEST;
	envelope_id(&m->envelope, m->id);
	return m;
}

static void note_reject(struct sending *sending, const struct envelope *e)
{
	(void)snprintf(sending->code, sizeof(sending->code), "%.*s",
		(int)e->code.len, (const char *)e->code.data);
	(void)snprintf(sending->reason, sizeof(sending->reason), "%.*s",
		(int)e->reason.len, (const char *)e->reason.data);
}

static bool give_manifest(struct sending *sending, struct gives *gives,
	struct envelope *end, struct err *err)
{
	const struct source *source = sending->source;
	struct reader_position after = sending->read_to;
	struct outgoing *message;

	end->kind = ENVELOPE_MANIFEST;
	end->file_size = source->size;
	memcpy(end->sha256, source->sha256, sizeof(end->sha256));
	after.offset = end->size;
	message = outgoing_new(sending, end, (struct bytes){ 0 }, &after, err);
	give(gives, message);
	sending->ended = message != NULL;
	sending->failed = end->failed;
	return message != NULL;
}

/* -- giving up -------------------------------------------------------- */

static void drop_held(struct sending *sending)
{
	outgoing_free(sending->held);
	sending->held = NULL;
	sending->read_to = sending->before;
}

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){ text, strlen(text) };
}

static bool give_rest(struct sending *sending, struct gives *gives,
	const char *code, const char *reason, struct err *err)
{
	struct reader_position *at = &sending->read_to;
	struct envelope rest = { .kind = ENVELOPE_REJECT, .lo = at->offset,
		.hi = at->offset + 1, .first_record = at->records + 1,
		.first_line = at->lines + 1, .records = 1,
		.code = bytes_of(code), .reason = bytes_of(reason),
		.line = at->lines + 1, .column = 1, .offset = at->offset };
	struct outgoing *message;

	if (rest.hi < sending->source->size)
		rest.hi = sending->source->size;
	rest.length = rest.hi - rest.lo;
	at->offset = rest.hi;
	at->records++;
	at->rejects++;
	message = outgoing_new(sending, &rest, (struct bytes){ 0 }, at, err);
	if (message != NULL)
		note_reject(sending, &rest);
	give(gives, message);
	return message != NULL;
}

/* What was not read yet becomes one reject; a piece in hand is kept when
 * something is left beside it, so that ranges never are empty. */
static bool give_up(struct sending *sending, struct gives *gives,
	const char *code, const char *reason, struct err *err)
{
	struct envelope end = { .format = bytes_of("unknown"),
		.failed = true };
	const struct reader_position *at = &sending->read_to;

	/* an earlier process may have sent a part of the rest: a reject of
	 * all of it would overlap that */
	if (sending->source->resumed)
		return err_set(err, ERR_REJECT, "%s", reason);
	LOG(LOG_ERROR, code, LOG_S("source", sending->source->name),
		LOG_S("why", reason), LOG_U("at", at->offset));
	if (at->offset >= sending->source->size)
		drop_held(sending);
	give(gives, sending->held);
	sending->held = NULL;
	if (!give_rest(sending, gives, code, reason, err))
		return false;
	end.lo = end.hi = end.size = at->offset;
	end.chunks = at->chunks;
	end.rejects = at->rejects;
	end.all_records = at->records;
	return give_manifest(sending, gives, &end, err);
}

static bool give_up_changed(struct sending *sending, struct gives *gives,
	struct err *err)
{
	return give_up(sending, gives, "source_changed", "the file was changed "
		"after its claim: its writer kept it open; write under "
		"another name and rename", err);
}

/* -- opening ---------------------------------------------------------- */

struct sending *sending_new(struct source *source, const char *raw_dir,
	struct err *err)
{
	struct sending *sending = calloc(1, sizeof(*sending));

	if (sending != NULL)
		sending->hash = sha256_new(err);
	if (sending == NULL || sending->hash == NULL) {
		free(sending);
		(void)err_memory(err);
		return NULL;
	}
	sending->source = source;
	sending->raw_dir = raw_dir;
	sending->fd = -1;
	sending->read_to = sending->before = source->position;
	return sending;
}

static void close_file(struct sending *sending)
{
	reader_close(sending->reader);
	sending->reader = NULL;
	if (sending->fd >= 0)
		close(sending->fd);
	sending->fd = -1;
}

struct source *sending_take_source(struct sending *sending)
{
	struct source *source = sending->source;

	sending->source = NULL;
	return source;
}

void sending_free(struct sending *sending)
{
	if (sending == NULL)
		return;
	close_file(sending);
	outgoing_free(sending->held);
	sha256_free(sending->hash);
	source_free(sending->source);
	free(sending);
}

static bool path_of(const struct source *source, struct buf *path,
	struct err *err)
{
	return source->kept_root != NULL ?
		buf_add_str(path, source->kept, err) :
		source_claimed_path(source, path, err);
}

/* Without its folder a claimed file is not gone: that may have been renamed,
 * or its file system unmounted, and come back. */
static void judge_missing(struct sending *sending, int root, char *path,
	struct err *err)
{
	char *slash = strrchr(path, '/');

	if (sending->source->kept_root == NULL && slash != NULL) {
		*slash = '\0';
		sending->away = !place_exists(root, path);
	}
	sending->gone = !sending->away;
	if (sending->away)
		(void)err_set(err, ERR_RETRY, "the folder %s/%s is missing: "
			"bring it back", sending->raw_dir, path);
}

static bool open_below(struct sending *sending, int root, struct err *err)
{
	struct err why = { 0 };
	struct buf path = { 0 };
	bool ok = path_of(sending->source, &path, err);

	if (ok) {
		sending->fd = place_open(root, path.data, O_RDONLY, &why);
		ok = sending->fd >= 0;
		if (!ok && errno == ENOENT)
			judge_missing(sending, root, path.data, &why);
		if (!ok)
			*err = why;
	}
	if (!ok && !sending->gone)
		err->kind = ERR_RETRY;
	buf_clear(&path);
	return ok;
}

static bool open_file(struct sending *sending, struct err *err)
{
	const char *folder = sending->source->kept_root != NULL ?
		sending->source->kept_root :
		sending->raw_dir;
	const int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok;

	sending->gone = false;
	sending->away = root < 0;
	if (root < 0)
		return err_errno(err, ERR_RETRY, "open folder %s", folder);
	ok = open_below(sending, root, err);
	close(root);
	return ok;
}

/* What an earlier process may have sent of it must not be sent differently. */
static bool may_resume(const struct sending *sending, struct err *err)
{
	const struct source *source = sending->source;

	if (!source->resumed)
		return true;
	if (source->reader_version != READER_VERSION)
		return err_set(err, ERR_REJECT, "it was begun by another "
			"version of Sluice, which split files differently: "
			"drop it again");
	return claim_unchanged(sending->fd, source) ||
		err_set(err, ERR_REJECT, "it was changed while no producer "
			"ran, after a part may have been sent: drop it again");
}

static bool open_reader(struct sending *sending, struct err *err)
{
	uint8_t digest[SHA256_BYTES];

	sending->hashed = 0;
	if (!sha256_end(sending->hash, digest, err)) /* starts over */
		return false;
	sending->reader = reader_open(sending->fd, &sending->source->limits,
		err);
	if (sending->reader == NULL)
		return false;
	return (sending->read_to.offset == 0 &&
		sending->read_to.rejects == 0) ||
		reader_resume(sending->reader, &sending->read_to, err);
}

static bool open_all(struct sending *sending, struct err *err)
{
	if (sending->started_ms == 0)
		sending->started_ms = sending->reported_ms = clock_now_ms();
	if (!open_file(sending, err))
		return false;
	if (may_resume(sending, err) && open_reader(sending, err))
		return true;
	close_file(sending);
	return false;
}

/* -- reading ---------------------------------------------------------- */

/* Hashes on to `to`, at most a slice; the pages were just read. */
static bool hash_to(struct sending *sending, uint64_t to, struct err *err)
{
	char data[HASH_BYTES];
	const uint64_t stop = sending->hashed + HASH_SLICE;

	if (to > sending->source->size)
		to = sending->source->size;
	while (sending->hashed < to && sending->hashed < stop) {
		const uint64_t left = to - sending->hashed;
		const ssize_t got = pread(sending->fd, data,
			left < sizeof(data) ? left : sizeof(data),
			(off_t)sending->hashed);

		if (got < 0)
			return err_errno(err, ERR_RETRY, "read");
		if (got == 0)
			break; /* cut: the digest will tell */
		sending->hashed += (uint64_t)got;
		if (!sha256_add(sending->hash, data, (size_t)got, err))
			return false;
	}
	return true;
}

/* The reader has come to the end: the digest decides about the last piece. */
static bool end_step(struct sending *sending, struct gives *gives,
	struct err *err)
{
	const struct source *source = sending->source;
	uint8_t digest[SHA256_BYTES];
	const uint64_t before = sending->hashed;

	if (!hash_to(sending, source->size, err))
		return false;
	if (sending->hashed < source->size && sending->hashed > before)
		return true; /* the next slice in the next call */
	if (!sha256_end(sending->hash, digest, err))
		return false;
	sending->hashed = 0;
	if (memcmp(digest, source->sha256, sizeof(digest)) != 0 ||
		!claim_unchanged(sending->fd, source)) {
		drop_held(sending);
		return give_up_changed(sending, gives, err);
	}
	give(gives, sending->held);
	sending->held = NULL;
	return give_manifest(sending, gives, &sending->end, err);
}

static bool hold(struct sending *sending, struct gives *gives,
	const struct piece *piece, struct err *err)
{
	struct outgoing *message = outgoing_new(sending, &piece->envelope,
		piece->body, &piece->after, err);

	if (message == NULL)
		return false;
	if (!hash_to(sending, piece->after.offset, err)) {
		outgoing_free(message);
		return false;
	}
	if (piece->kind == PIECE_REJECT)
		note_reject(sending, &piece->envelope);
	give(gives, sending->held);
	sending->held = message;
	sending->before = sending->read_to;
	sending->read_to = piece->after;
	return true;
}

static bool read_step(struct sending *sending, struct gives *gives,
	struct err *err)
{
	struct piece piece = { 0 };

	if (!reader_next(sending->reader, &piece, err))
		return false;
	sending->failures = 0;
	if (!claim_unchanged(sending->fd, sending->source))
		return give_up_changed(sending, gives, err);
	if (piece.kind != PIECE_END)
		return hold(sending, gives, &piece, err);
	sending->end = piece.envelope;
	sending->at_end = true;
	return end_step(sending, gives, err);
}

/* Input and output may fail for a while, but not for ever; only a folder that
 * is away is waited for. */
static bool retry_or_give_up(struct sending *sending, struct gives *gives,
	struct err *err)
{
	char reason[sizeof(err->text) + 32];

	close_file(sending);
	sending->at_end = false;
	if (err->kind != ERR_RETRY || sending->away ||
		++sending->failures < FAILURES_MAX)
		return false;
	(void)snprintf(reason, sizeof(reason), "the file cannot be read: %s",
		err->text);
	return give_up(sending, gives, "source_unreadable", reason, err);
}

bool sending_next(struct sending *sending,
	struct outgoing *given[SENDING_GIVES], size_t *count, struct err *err)
{
	struct gives gives = { given, count };
	bool ok;

	*count = 0;
	ok = sending->fd >= 0 || open_all(sending, err);
	if (ok)
		ok = sending->at_end ? end_step(sending, &gives, err)
				     : read_step(sending, &gives, err);
	if (!ok)
		ok = retry_or_give_up(sending, &gives, err);
	if (sending->ended)
		close_file(sending);
	return ok;
}
