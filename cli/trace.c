/* trace.c - from a row back to the bytes it was made of. */
#include "cli/trace.h"
#include "cli/connect.h"
#include "cli/locate.h"
#include "common/hash.h"
#include "common/jsonscan.h"
#include "producer/input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP ((size_t)64 << 10)

static const char source_sql[] =
	"select s.drop_id, s.pipeline, s.dataset, s.kind, s.name,\n"
	"       coalesce(s.file_size, -1), s.sha256,\n"
	"       (extract(epoch from coalesce(o.claimed_at, s.claimed_at))\n"
	"           * 1000000)::bigint,\n"
	"       to_char(coalesce(o.claimed_at, s.claimed_at)\n"
	"           at time zone 'UTC', 'YYYY-MM-DD'),\n"
	"       coalesce(s.replay_of, s.drop_id),\n"
	"       to_char(s.claimed_at at time zone 'UTC',\n"
	"           'YYYY-MM-DD HH24:MI:SS \"UTC\"'),\n"
	"       to_char(s.undone_at at time zone 'UTC',\n"
	"           'YYYY-MM-DD HH24:MI:SS \"UTC\"')\n"
	"from meta.source s\n"
	"left join meta.source o on o.drop_id = s.replay_of\n"
	"where s.source_id = $1::bigint";

static const char *text(const struct trace *trace, size_t column)
{
	return db_value(trace->source, 0, column);
}

/* -- files ----------------------------------------------------------------- */

static bool digest_of(int fd, char out[SHA256_TEXT], struct err *err)
{
	struct sha256 *hash = sha256_new(err);
	char *block = malloc(STEP);
	uint8_t digest[SHA256_BYTES];
	ssize_t got = 0;
	off_t at = 0;
	bool ok = hash != NULL && (block != NULL || err_memory(err));

	while (ok && (got = pread(fd, block, STEP, at)) > 0) {
		ok = sha256_add(hash, block, (size_t)got, err);
		at += got;
	}
	ok = ok && (got == 0 || err_errno(err, ERR_REJECT, "read it")) &&
		sha256_end(hash, digest, err);
	if (ok)
		sha256_format(digest, out);
	sha256_free(hash);
	free(block);
	return ok;
}

/* Opens the file if it is, byte by byte, what was loaded. ERR_REJECT when it
 * is there and is not. */
static bool take_file(struct trace *trace, const char *path, struct err *err)
{
	char digest[SHA256_TEXT];
	struct stat st;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool ok;

	if (fd < 0)
		return err_errno(err, ERR_REJECT, "%s", path);
	ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	if (!ok)
		(void)err_set(err, ERR_REJECT, "%s is no file", path);
	else if (!db_is_null(trace->source, 0, TRACE_SHA256))
		ok = digest_of(fd, digest, err) &&
			(strcmp(digest, text(trace, TRACE_SHA256)) == 0 ||
				err_set(err, ERR_REJECT, "%s was changed since "
					"it was loaded: other bytes are there "
					"now", path));
	if (!ok) {
		close(fd);
		return false;
	}
	trace->fd = fd;
	return buf_add_str(&trace->place, path, err);
}

static const struct dataset *dataset_of(const struct trace *trace)
{
	const struct pipeline *pipeline = pipeline_find(&trace->plan->set,
		text(trace, TRACE_PIPELINE));

	return pipeline != NULL ? dataset_find(pipeline,
		text(trace, TRACE_DATASET)) : NULL;
}

/* Where the producer puts them; with any, one of that name will do, so that a
 * changed file is told from one that is gone. */
static bool find_put(struct trace *trace, bool any, struct err *err)
{
	const struct dataset *dataset = dataset_of(trace);
	const struct locate_wanted wanted = {
		.directory = dataset != NULL ? dataset->directory : NULL,
		.name = text(trace, TRACE_NAME),
		.drop = text(trace, TRACE_ORIGIN),
		.day = text(trace, TRACE_DAY),
		.size = any ? -1 : db_int(trace->source, 0, TRACE_SIZE),
		.sha256 = any ? NULL : text(trace, TRACE_SHA256),
	};
	struct located located = { 0 };
	bool ok;

	if (wanted.directory == NULL)
		return true;
	ok = locate_source(trace->config, &wanted, &located, err);
	if (ok && located.place != PLACE_UNKNOWN)
		ok = take_file(trace, located.path.data, err);
	buf_clear(&located.path);
	return ok;
}

/* A file that `sluice load` has read stays where it is. */
static bool find_loaded(struct trace *trace, struct err *err)
{
	const char *name = text(trace, TRACE_NAME);
	struct buf path = { 0 };
	struct stat st;
	bool ok;

	ok = name[0] == '/' ? buf_add_str(&path, name, err) :
		buf_printf(&path, err, "%s/%s", trace->config->raw_dir, name);
	if (ok && lstat(path.data, &st) == 0)
		ok = take_file(trace, path.data, err);
	buf_clear(&path);
	return ok;
}

/* -- objects and messages -------------------------------------------------- */

static bool take_object(struct trace *trace, const char *name, struct err *err)
{
	const int fd = memfd_create("object", MFD_CLOEXEC);
	bool there = false;
	bool ok;

	if (fd < 0)
		return err_errno(err, ERR_STOP, "memfd_create");
	ok = object_get_file(trace->places.store, name, fd, &there, err) &&
		buf_printf(&trace->place, err, "%s/%s",
			object_store_place(trace->places.store), name);
	if (ok && there)
		trace->fd = fd;
	else
		close(fd);
	return ok;
}

static bool find_object(struct trace *trace, struct err *err)
{
	struct again_source source = { .dataset = dataset_of(trace),
		.bytes = db_int(trace->source, 0, TRACE_SIZE),
		.claimed_us = db_int(trace->source, 0, TRACE_CLAIMED_US) };
	const char *drop = text(trace, TRACE_ORIGIN);
	struct err why = { 0 };
	bool ok = true;

	if (source.dataset == NULL || source.dataset->directory == NULL ||
		!uuid_parse(drop, strlen(drop), &source.order.replay_of))
		return true;
	source.order.pipeline = strdup(text(trace, TRACE_PIPELINE));
	source.order.dataset = strdup(text(trace, TRACE_DATASET));
	source.order.name = strdup(text(trace, TRACE_NAME));
	trace->places.config = trace->config;
	if (source.order.pipeline == NULL || source.order.dataset == NULL ||
		source.order.name == NULL)
		ok = err_memory(err);
	else if (again_find(&trace->places, &source, &why) &&
		source.order.object != NULL)
		ok = take_object(trace, source.order.object, err);
	else if (why.kind != ERR_NONE && why.kind != ERR_REJECT) {
		*err = why; /* the store does not answer */
		ok = false;
	}
	again_source_clear(&source);
	return ok;
}

static bool find_message(struct trace *trace, struct db *db, struct err *err)
{
	char id[24];
	const char *values[] = { id };
	struct db_result *result = NULL;
	struct buf body = { 0 };
	bool ok;

	(void)snprintf(id, sizeof(id), "%" PRId64, trace->source_id);
	ok = db_query(db, "select encode(body, 'hex') from meta.message\n"
		"where source_id = $1::bigint", 1, values, &result, err);
	if (ok && db_rows(result) > 0) {
		ok = buf_add_unhexed(&body, db_value(result, 0, 0),
			db_value_len(result, 0, 0), err);
		trace->fd = memfd_create("message", MFD_CLOEXEC);
		ok = ok && (trace->fd >= 0 && write(trace->fd, body.data,
				body.len) == (ssize_t)body.len ?
			buf_add_str(&trace->place, "meta.message", err) :
			err_errno(err, ERR_STOP, "keep a message's bytes"));
	}
	db_result_free(result);
	buf_clear(&body);
	return ok;
}

/* -- all places ------------------------------------------------------------ */

/* One place; true: go on looking. A wrong file there is remembered. */
static bool try_place(struct trace *trace,
	bool (*look)(struct trace *trace, struct err *err))
{
	struct err why = { 0 };

	if (trace->fd >= 0)
		return false;
	if (!look(trace, &why) && trace->missing.kind == ERR_NONE)
		trace->missing = why;
	return trace->fd < 0;
}

static bool find_kept(struct trace *trace, struct err *err)
{
	return find_put(trace, false, err);
}

static bool find_same_name(struct trace *trace, struct err *err)
{
	return find_put(trace, true, err);
}

static bool find_bytes(struct trace *trace, struct db *db, struct err *err)
{
	if (strcmp(text(trace, TRACE_KIND), "foreign") == 0 &&
		!find_message(trace, db, err))
		return false;
	if (try_place(trace, find_kept) && try_place(trace, find_object) &&
		try_place(trace, find_loaded) && trace->missing.kind == ERR_NONE)
		(void)try_place(trace, find_same_name);
	if (trace->fd >= 0)
		trace->missing = (struct err){ 0 };
	else if (trace->missing.kind == ERR_NONE)
		(void)err_set(&trace->missing, ERR_REJECT, "its bytes are kept "
			"nowhere: they were removed since");
	return true;
}

static void forget(struct trace *trace)
{
	if (trace->source != NULL && trace->fd >= 0)
		close(trace->fd);
	trace->fd = -1;
	buf_reset(&trace->place);
	trace->missing = (struct err){ 0 };
	db_result_free(trace->source);
	trace->source = NULL;
}

bool trace_open(struct trace *trace, struct db *db, int64_t source_id,
	struct err *err)
{
	char id[24];
	const char *values[] = { id };

	if (trace->source != NULL && trace->source_id == source_id)
		return true;
	forget(trace);
	trace->source_id = source_id;
	(void)snprintf(id, sizeof(id), "%" PRId64, source_id);
	if (!db_query(db, source_sql, 1, values, &trace->source, err))
		return connect_blame_schema(err);
	if (db_rows(trace->source) == 0)
		return err_set(err, ERR_REJECT, "source %s is not in "
			"meta.source", id);
	return find_bytes(trace, db, err);
}

void trace_close(struct trace *trace)
{
	forget(trace);
	again_places_clear(&trace->places);
	buf_clear(&trace->place);
}

/* -- reading --------------------------------------------------------------- */

static int64_t count_lines(const char *data, size_t len)
{
	int64_t lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += data[i] == '\n';
	return lines;
}

static bool pass(struct input *input, char *block, int64_t offset,
	int64_t *line, struct err *err)
{
	int64_t at = 0;
	size_t got = 1;

	*line = 1;
	while (at < offset) {
		const int64_t left = offset - at;

		if (!input_read(input, block, left < (int64_t)STEP ?
			(size_t)left : STEP, &got, err))
			return false;
		if (got == 0)
			return err_set(err, ERR_REJECT, "the source has %"
				PRId64 " bytes only", at);
		*line += count_lines(block, got);
		at += (int64_t)got;
	}
	return true;
}

/* Until the value that begins there is whole. */
static bool complete(const struct trace *trace, struct input *input,
	char *block, struct buf *record, struct err *err)
{
	const size_t most = (size_t)trace->config->max_record_bytes;
	struct json_fault fault;
	size_t got = 1, end = 0, want = 4096;

	while (got > 0 && record->len <= most) {
		if (!input_read(input, block, want < STEP ? want : STEP, &got,
			err) || !buf_add(record, block, got, err))
			return false;
		want *= 2;
		switch (json_scan(record->data, record->len, got == 0, &end,
			&fault)) {
		case JSON_OK:
			record->len = end;
			record->data[end] = '\0';
			return true;
		case JSON_BAD:
			got = 0;
			break;
		case JSON_SHORT:
			break;
		}
	}
	return err_set(err, ERR_REJECT, "no record begins there");
}

bool trace_record(const struct trace *trace, int64_t offset,
	struct buf *record, int64_t *line, struct err *err)
{
	struct input *input;
	char *block;
	bool ok;

	if (trace->missing.kind != ERR_NONE) {
		*err = trace->missing;
		return false;
	}
	input = input_open(trace->fd, STEP, err);
	block = malloc(STEP);
	ok = input != NULL && (block != NULL || err_memory(err)) &&
		pass(input, block, offset, line, err) &&
		complete(trace, input, block, record, err);
	input_close(input);
	free(block);
	return ok;
}

bool trace_all(const struct trace *trace,
	bool (*take)(void *context, const char *data, size_t len,
		struct err *err),
	void *context, struct err *err)
{
	struct input *input;
	char *block;
	size_t got = 1;
	bool ok;

	if (trace->missing.kind != ERR_NONE) {
		*err = trace->missing;
		return false;
	}
	input = input_open(trace->fd, STEP, err);
	block = malloc(STEP);
	ok = input != NULL && (block != NULL || err_memory(err));
	while (ok && got > 0)
		ok = input_read(input, block, STEP, &got, err) &&
			(got == 0 || take(context, block, got, err));
	input_close(input);
	free(block);
	return ok;
}
