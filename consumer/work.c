/* work.c - a delivery on its way into the database. */
#include "consumer/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_PREFIX "sluice."
#define QUEUE_DEAD ".dead"

struct work *work_new(struct delivery *delivery, uint64_t generation,
	struct err *err)
{
	const char *key = delivery->message.routing_key;
	struct work *work = calloc(1, sizeof(*work));
	const char *dot = key != NULL ? strchr(key, '.') : NULL;

	if (work == NULL) {
		delivery_free(delivery);
		err_memory(err);
		return NULL;
	}
	work->delivery = delivery;
	work->generation = generation;
	work->dataset_name = dot != NULL ? dot + 1 : "";
	return work;
}

void work_free(struct work *work)
{
	if (work == NULL)
		return;
	delivery_free(work->delivery);
	buf_clear(&work->refused);
	buf_clear(&work->poisoned);
	free(work);
}

/* -- identity ----------------------------------------------------------- */

/* The size of a message of which the broker door kept the beginning only. */
static const struct header *too_large(const struct message *message)
{
	for (size_t i = 0; i < message->header_count; i++)
		if (strcmp(message->headers[i].name, HEADER_TOO_LARGE) == 0)
			return &message->headers[i];
	return NULL;
}

/* SHA-256 over app_id, 0, message_id, 0, body, and the size of one that was
 * cut. */
static bool digest(const struct message *message,
	uint8_t out[SHA256_BYTES], struct err *err)
{
	const char *app = message->app_id != NULL ? message->app_id : "";
	const char *id = message->message_id != NULL ? message->message_id : "";
	const struct header *large = too_large(message);
	struct sha256 *hash = sha256_new(err);
	bool ok;

	if (hash == NULL)
		return false;
	ok = sha256_add(hash, app, strlen(app) + 1, err) &&
		sha256_add(hash, id, strlen(id) + 1, err) &&
		sha256_add(hash, message->body.data, message->body.len, err) &&
		(large == NULL || sha256_add(hash, &large->i,
			sizeof(large->i), err)) &&
		sha256_end(hash, out, err);
	sha256_free(hash);
	return ok;
}

/* The id of a message that has none of ours: a source of its own. */
static bool name_after_bytes(struct work *work, struct err *err)
{
	const struct message *message = &work->delivery->message;
	uint8_t sum[SHA256_BYTES];

	if (!digest(message, sum, err))
		return false;
	work->drop = uuid_from_digest(sum);
	work->lo = 0;
	work->hi = message->body.len;
	work->replay = 0;
	return true;
}

bool work_make_key(struct work *work, struct err *err)
{
	uint8_t sum[SHA256_BYTES];

	if (!digest(&work->delivery->message, sum, err))
		return false;
	sha256_format(sum, work->key);
	return true;
}

bool work_is_foreign(const struct work *work)
{
	return work->kind == WORK_FOREIGN || work->kind == WORK_ASIDE;
}

bool work_is_poisoned(const struct work *work, uint64_t number)
{
	const char *at = work->poisoned.data;
	uint64_t one;

	for (size_t i = 0; i < work->poisoned.len; i += sizeof(one)) {
		memcpy(&one, at + i, sizeof(one));
		if (one == number)
			return true;
	}
	return false;
}

bool work_is_replay(const struct work *work)
{
	return work->kind == WORK_CHUNK && work->replay != 0;
}

bool work_set_aside(struct work *work, const char *code, const char *detail,
	struct err *err)
{
	work->kind = WORK_ASIDE;
	work->code = code;
	(void)snprintf(work->detail, sizeof(work->detail), "%s", detail);
	work->records = 1;
	return name_after_bytes(work, err);
}

/* -- reading ------------------------------------------------------------ */

/* "application/json", whatever parameters follow. */
static bool is_json(const char *content_type)
{
	const size_t len = strlen(TYPE_JSON);

	return content_type != NULL &&
		strncmp(content_type, TYPE_JSON, len) == 0 &&
		(content_type[len] == '\0' || content_type[len] == ';' ||
			content_type[len] == ' ');
}

static bool read_ours(struct work *work, struct err *err)
{
	static const enum work_kind kinds[] = {
		[ENVELOPE_CHUNK] = WORK_CHUNK,
		[ENVELOPE_REJECT] = WORK_REJECT,
		[ENVELOPE_MANIFEST] = WORK_MANIFEST,
	};
	struct envelope *envelope = &work->envelope;
	struct err why = { 0 };

	if (!envelope_decode(&work->delivery->message, envelope, &why))
		return work_set_aside(work, "bad_envelope", why.text, err);
	work->kind = kinds[envelope->kind];
	work->drop = envelope->drop;
	work->lo = envelope->lo;
	work->hi = envelope->hi;
	work->replay = envelope->replay;
	work->records = work->kind == WORK_CHUNK ? envelope->records :
		work->kind == WORK_REJECT ? 1 : 0;
	return true;
}

static bool read_foreign(struct work *work, struct err *err)
{
	struct json_fault fault;
	struct record record;
	struct walk walk;

	work->kind = WORK_FOREIGN;
	work->records = 0;
	work_walk(work, &walk);
	while (walk_next(&walk, &record, &fault) != WALK_END)
		work->records++;
	return name_after_bytes(work, err);
}

static bool set_large_aside(struct work *work, int64_t size, struct err *err)
{
	char detail[128];

	(void)snprintf(detail, sizeof(detail),
		"%lld bytes are more than max_message_bytes",
		(long long)size);
	return work_set_aside(work, "too_large", detail, err);
}

bool work_read(struct work *work, const struct work_rules *rules,
	struct err *err)
{
	const struct message *message = &work->delivery->message;
	const char *user = message->user_id != NULL ? message->user_id : "";
	const struct header *large = too_large(message);
	const int64_t size =
		large != NULL ? large->i : (int64_t)message->body.len;

	if (large != NULL ||
		(!envelope_is_ours(message) && size > rules->max_foreign))
		return set_large_aside(work, size, err);
	if (is_json(message->content_type))
		return read_foreign(work, err);
	if (!envelope_is_ours(message))
		return work_set_aside(work, "bad_envelope",
			"the content type must be application/json", err);
	if (strcmp(user, rules->producer) != 0)
		return work_set_aside(work, "bad_envelope",
			"only the producer may send this kind of message", err);
	return read_ours(work, err);
}

bool work_has_rows(const struct work *work)
{
	return work->code == NULL &&
		(work->kind == WORK_CHUNK || work->kind == WORK_FOREIGN);
}

void work_walk(const struct work *work, struct walk *walk)
{
	const struct bytes body = work->delivery->message.body;

	if (work->kind == WORK_CHUNK)
		walk_chunk(walk, &work->envelope, body);
	else
		walk_foreign(walk, body);
}

/* -- names -------------------------------------------------------------- */

bool work_queue_is_dead(const char *queue)
{
	const size_t len = strlen(queue);
	const size_t dead = strlen(QUEUE_DEAD);

	return len > dead && strcmp(queue + len - dead, QUEUE_DEAD) == 0;
}

void work_pipeline(const struct work *work, char *out, size_t out_len)
{
	const char *queue = work->delivery->queue;
	const bool dead = work_queue_is_dead(queue);
	size_t len;

	if (strncmp(queue, QUEUE_PREFIX, strlen(QUEUE_PREFIX)) == 0)
		queue += strlen(QUEUE_PREFIX);
	len = strlen(queue) - (dead ? strlen(QUEUE_DEAD) : 0);
	(void)snprintf(out, out_len, "%.*s", (int)len, queue);
}

void work_find_dataset(struct work *work, const struct pipeline_set *set)
{
	char name[256];
	const struct pipeline *pipeline;

	if (work->kind == WORK_ASIDE)
		return;
	work_pipeline(work, name, sizeof(name));
	pipeline = pipeline_find(set, name);
	work->dataset = pipeline != NULL ?
		dataset_find(pipeline, work->dataset_name) : NULL;
	work->code = NULL;
	if (work->dataset != NULL && work->dataset->from == NULL)
		return;
	if (work->dataset != NULL) {
		work->code = "derived_dataset";
		(void)snprintf(work->detail, sizeof(work->detail),
			"%s is made out of the records of %s: send those",
			work->dataset->name, work->dataset->from);
		return;
	}
	work->code = "unknown_dataset";
	(void)snprintf(work->detail, sizeof(work->detail),
		"pipeline %.60s has no dataset of the routing key's name: "
		"add it to the pipeline file and run `sluice apply`",
		name);
}

bool work_foreign_name(const struct work *work, struct buf *out,
	struct err *err)
{
	const struct message *message = &work->delivery->message;
	char drop[UUID_TEXT];
	bool ok = buf_add_str(out, "message", err);

	if (ok && message->app_id != NULL && message->app_id[0] != '\0')
		ok = buf_printf(out, err, " from %s", message->app_id);
	if (!ok)
		return false;
	if (message->message_id != NULL && message->message_id[0] != '\0')
		return buf_printf(out, err, " %s", message->message_id);
	uuid_format(&work->drop, drop);
	return buf_printf(out, err, " %s", drop);
}
