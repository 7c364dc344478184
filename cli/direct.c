/* direct.c - a file is read and loaded in this process. */
#include "cli/direct.h"
#include "common/clock.h"
#include "common/place.h"
#include "consumer/load.h"
#include "producer/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_BYTES ((size_t)256 << 10)
#define WORKS_MAX 4096
#define RETRIES 5 /* of a transaction that lost against another */

struct direct {
	struct direct_options options;
	struct direct_totals totals;
};

/* One file on its way. */
struct passage {
	struct direct *direct;
	const struct dataset *dataset;
	char path[4096];  /* absolute */
	const char *name; /* in it: below raw_dir when it lies there */
	int fd;
	struct stat st;
	struct reader_limits limits;
	uint8_t sha256[SHA256_BYTES];
	struct uuid drop;
	int64_t claimed_us;
	struct reader *reader;
	struct work *works[WORKS_MAX];
	size_t count;
	int64_t rows, bytes;
	uint64_t done; /* of the decompressed bytes */
	struct rowmap *map; /* dry run */
	struct cell *cells;
};

/* A file that lies where the producer would take it is called the same. */
static const char *name_of(const struct passage *passage)
{
	char raw[4096];
	size_t len;

	if (realpath(passage->direct->options.config->raw_dir, raw) == NULL)
		return passage->path;
	len = strlen(raw);
	return strncmp(passage->path, raw, len) == 0 &&
		passage->path[len] == '/' ? passage->path + len + 1 :
					    passage->path;
}

/* -- the file ----------------------------------------------------------- */

static bool go_on(const struct direct *direct, struct err *err)
{
	struct pollfd stop = { .fd = direct->options.stop_fd,
		.events = POLLIN };

	if (stop.fd <= 0 || poll(&stop, 1, 0) <= 0)
		return true;
	return err_set(err, ERR_RETRY, "stopping");
}

static bool open_file(struct passage *passage, const char *path,
	struct err *err)
{
	const char *fault;

	if (realpath(path, passage->path) == NULL)
		return err_errno(err, ERR_STOP, "%s", path);
	passage->name = name_of(passage);
	passage->fd = open(passage->path,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (passage->fd < 0 || fstat(passage->fd, &passage->st) != 0)
		return err_errno(err, ERR_STOP, "%s", path);
	fault = place_fault(&passage->st,
		(uint64_t)passage->direct->options.config->max_file_bytes);
	return fault == NULL ||
		err_stop(err, EXIT_IO, "%s: %s", path, fault);
}

static bool hash_file(struct passage *passage, struct err *err)
{
	struct sha256 *hash = sha256_new(err);
	char *chunk = malloc(HASH_BYTES);
	off_t at = 0;
	ssize_t got = 0;
	bool ok = hash != NULL && (chunk != NULL || err_memory(err));

	while (ok && (got = pread(passage->fd, chunk, HASH_BYTES, at)) > 0) {
		ok = go_on(passage->direct, err) &&
			sha256_add(hash, chunk, (size_t)got, err);
		at += got;
	}
	if (ok && got < 0)
		ok = err_errno(err, ERR_STOP, "read %s", passage->path);
	ok = ok && sha256_end(hash, passage->sha256, err);
	sha256_free(hash);
	free(chunk);
	return ok;
}

/* Whatever would give other chunks, or other rows, is part of the name. */
static bool name_source(struct passage *passage, struct err *err)
{
	const struct dataset *dataset = passage->dataset;
	const struct config *config = passage->direct->options.config;
	const struct date_filter *filter = passage->direct->options.store->options.filter;
	char content[SHA256_TEXT];
	struct buf text = { 0 };
	bool ok;

	passage->limits = limits_of(config, dataset);
	sha256_format(passage->sha256, content);
	ok = buf_printf(&text, err, "direct\n%s.%s\n%s\n%d %llu %llu %llu\n",
		     dataset->pipeline->name, dataset->name, content,
		     READER_VERSION,
		     (unsigned long long)passage->limits.chunk_records,
		     (unsigned long long)passage->limits.chunk_bytes,
		     (unsigned long long)passage->limits.max_record_bytes) &&
		(passage->limits.records[0] == '\0' || buf_printf(&text, err,
			"%s\n", passage->limits.records)) &&
		(filter == NULL || dataset->date == COLUMN_NONE ||
			buf_printf(&text, err, "%lld %lld",
				(long long)filter->from,
				(long long)filter->to)) &&
		buf_printf(&text, err, "\n%s", passage->path) &&
		uuid_named(text.data, text.len, &passage->drop, err);
	buf_clear(&text);
	return ok;
}

/* -- messages ----------------------------------------------------------- */

/* A delivery as if it came from the producer: one block of memory holds the
 * envelope, the id and copies of all bytes. */
struct parcel {
	struct envelope envelope;
	char id[ENVELOPE_ID_TEXT];
	char key[128];
	char queue[80];
	char bytes[];
};

static struct bytes keep(char **at, struct bytes from)
{
	const struct bytes copy = { *at, from.len };

	if (from.len > 0)
		memcpy(*at, from.data, from.len);
	*at += from.len;
	return copy;
}

static struct delivery *make_delivery(const struct passage *passage,
	const struct piece *piece, struct err *err)
{
	const struct envelope *from = &piece->envelope;
	const size_t name_len = strlen(passage->name);
	const size_t room = piece->body.len + from->index.len +
		from->code.len + from->reason.len + from->format.len +
		name_len;
	struct parcel *parcel = malloc(sizeof(*parcel) + room + 1);
	struct delivery *delivery = calloc(1, sizeof(*delivery));
	char *at;

	if (parcel == NULL || delivery == NULL) {
		free(parcel);
		free(delivery);
		(void)err_memory(err);
		return NULL;
	}
	at = parcel->bytes;
	parcel->envelope = *from;
	parcel->envelope.index = keep(&at, from->index);
	parcel->envelope.code = keep(&at, from->code);
	parcel->envelope.reason = keep(&at, from->reason);
	parcel->envelope.format = keep(&at, from->format);
	parcel->envelope.source = keep(&at,
		(struct bytes){ passage->name, name_len });
	parcel->envelope.drop = passage->drop;
	parcel->envelope.claimed_us = passage->claimed_us;
	delivery->memory = parcel;
	delivery->weight = room;
	delivery->message.body = keep(&at, piece->body);
	return delivery;
}

static void address(const struct passage *passage, struct delivery *delivery)
{
	const struct dataset *dataset = passage->dataset;
	struct parcel *parcel = delivery->memory;
	struct envelope *envelope = &parcel->envelope;
	const struct bytes body = delivery->message.body;

	if (envelope->kind == ENVELOPE_MANIFEST) {
		envelope->file_size = (uint64_t)passage->st.st_size;
		memcpy(envelope->sha256, passage->sha256,
			sizeof(envelope->sha256));
	}
	envelope_id(envelope, parcel->id);
	envelope_encode(envelope, parcel->id, &delivery->message);
	(void)snprintf(parcel->key, sizeof(parcel->key), "%s.%s",
		dataset->pipeline->name, dataset->name);
	(void)snprintf(parcel->queue, sizeof(parcel->queue), "sluice.%s",
		dataset->pipeline->name);
	delivery->queue = parcel->queue;
	delivery->message.routing_key = parcel->key;
	delivery->message.user_id = passage->direct->options.config->producer.user;
	delivery->message.body = body;
}

static bool add_piece(struct passage *passage, const struct piece *piece,
	struct err *err)
{
	const struct config *config = passage->direct->options.config;
	const struct work_rules rules = { config->producer.user,
		config->max_message_bytes };
	struct delivery *delivery = make_delivery(passage, piece, err);
	struct work *work;

	if (delivery == NULL)
		return false;
	address(passage, delivery);
	work = work_new(delivery, 0, err);
	if (work == NULL)
		return false;
	passage->works[passage->count++] = work;
	if (!work_read(work, &rules, err))
		return false;
	work_find_dataset(work, &passage->direct->options.store->options.plan->set);
	passage->rows += (int64_t)work->records;
	passage->bytes += (int64_t)delivery->weight;
	return true;
}

/* -- loading ------------------------------------------------------------ */

static void count_load(struct direct *direct, struct work *const *works,
	size_t count, const struct load_totals *load)
{
	struct direct_totals *totals = &direct->totals;

	totals->records += load->records;
	totals->inserted += load->inserted;
	totals->updated += load->updated;
	totals->unchanged += load->unchanged;
	totals->rejected += load->rejected;
	totals->filtered += load->filtered;
	for (size_t i = 0; i < count; i++)
		if (!works[i]->fresh)
			totals->before += (int64_t)works[i]->records;
}

/* A transaction that lost against another one is tried again. */
static bool load_once(struct passage *passage, struct work **works,
	size_t count, bool careful, struct err *err)
{
	struct direct *direct = passage->direct;
	struct load_totals totals;

	for (int tries = 0; tries < RETRIES; tries++) {
		*err = (struct err){ 0 };
		if (store_works(direct->options.store, works, count, careful,
			    &totals, err)) {
			count_load(direct, works, count, &totals);
			return true;
		}
		if (err->kind != ERR_RETRY ||
			!store_alive(direct->options.store))
			break;
	}
	return false;
}

static bool load_aside(struct passage *passage, struct work **work,
	const struct err *why, struct err *err)
{
	return work_set_aside(*work, strcmp(why->code, "23P01") == 0 ?
		       "overlap" : "database", why->text, err) &&
		load_once(passage, work, 1, false, err);
}

/* In halves where the store refuses something, down to the record. */
static bool load_works(struct passage *passage, struct work **works,
	size_t count, struct err *err)
{
	const size_t half = count / 2;
	struct err why;

	if (load_once(passage, works, count, false, err))
		return true;
	if (err->kind != ERR_REJECT)
		return false;
	if (count > 1)
		return load_works(passage, works, half, err) &&
			load_works(passage, works + half, count - half, err);
	if (load_once(passage, works, count, true, err))
		return true;
	why = *err;
	return why.kind == ERR_REJECT &&
		load_aside(passage, works, &why, err);
}

static void drop_works(struct passage *passage)
{
	for (size_t i = 0; i < passage->count; i++)
		work_free(passage->works[i]);
	passage->count = 0;
	passage->rows = passage->bytes = 0;
}

/* Reads and maps what would be loaded; nobody is asked. */
static bool rehearse_record(struct passage *passage,
	const struct record *record, struct err *err)
{
	struct direct_totals *totals = &passage->direct->totals;
	struct row_fault fault;

	switch (rowmap_record(passage->map, record->text, record->len,
		passage->cells, &fault, err)) {
	case ROW_OK:
		if (date_filter_takes(passage->direct->options.store->options.filter,
			    passage->dataset, passage->cells))
			totals->inserted++;
		else
			totals->filtered++;
		return true;
	case ROW_REJECT:
		totals->rejected++;
		return true;
	case ROW_FAILED:
		break;
	}
	return false;
}

static bool rehearse_work(struct passage *passage, const struct work *work,
	struct err *err)
{
	struct direct_totals *totals = &passage->direct->totals;
	struct json_fault fault;
	struct record record;
	struct walk walk;
	enum walk_step step;
	bool ok = true;

	totals->records += (int64_t)work->records;
	if (!work_has_rows(work)) {
		totals->rejected += (int64_t)work->records;
		return true;
	}
	work_walk(work, &walk);
	while (ok && (step = walk_next(&walk, &record, &fault)) != WALK_END) {
		if (step == WALK_RECORD)
			ok = rehearse_record(passage, &record, err);
		else
			totals->rejected++;
	}
	return ok;
}

static bool flush(struct passage *passage, struct err *err)
{
	struct direct *direct = passage->direct;
	bool ok = true;

	if (!direct->options.dry_run && passage->count > 0)
		ok = load_works(passage, passage->works, passage->count, err);
	for (size_t i = 0; ok && direct->options.dry_run && i < passage->count; i++)
		ok = rehearse_work(passage, passage->works[i], err);
	drop_works(passage);
	if (ok && direct->options.say != NULL)
		direct->options.say(direct->options.context, passage->path,
			(int64_t)reader_taken(passage->reader),
			passage->st.st_size,
			&direct->totals);
	return ok;
}

static bool is_full(const struct passage *passage)
{
	const struct config *config = passage->direct->options.config;

	return passage->count == WORKS_MAX ||
		passage->rows + (int64_t)passage->limits.chunk_records >
			config->batch_rows ||
		passage->bytes >= config->batch_bytes;
}

/* What is loaded is named after the bytes that were hashed. */
static bool is_unchanged(const struct passage *passage, struct err *err)
{
	struct stat now;

	if (fstat(passage->fd, &now) == 0 &&
		now.st_size == passage->st.st_size &&
		now.st_mtim.tv_sec == passage->st.st_mtim.tv_sec &&
		now.st_mtim.tv_nsec == passage->st.st_mtim.tv_nsec)
		return true;
	return err_stop(err, EXIT_IO, "the file was changed while it was "
		"read: load it again once it is complete");
}

static bool pass(struct passage *passage, struct err *err)
{
	struct piece piece = { .kind = PIECE_CHUNK };

	passage->reader = reader_open(passage->fd, &passage->limits, err);
	if (passage->reader == NULL)
		return false;
	while (piece.kind != PIECE_END) {
		if (!go_on(passage->direct, err) ||
			!reader_next(passage->reader, &piece, err) ||
			(piece.kind == PIECE_END &&
				!is_unchanged(passage, err)) ||
			!add_piece(passage, &piece, err))
			return false;
		if (is_full(passage) && !flush(passage, err))
			return false;
	}
	return flush(passage, err);
}

static bool prepare(struct passage *passage, struct err *err)
{
	struct direct *direct = passage->direct;

	if (!direct->options.dry_run)
		return store_ensure(direct->options.store,
			passage->dataset->pipeline, err);
	passage->map = rowmap_new(passage->dataset, err);
	if (passage->map == NULL)
		return false;
	passage->cells = calloc(rowmap_width(passage->map),
		sizeof(*passage->cells));
	return passage->cells != NULL || err_memory(err);
}

bool direct_load(struct direct *direct, const struct dataset *dataset,
	const char *path, struct err *err)
{
	struct passage *passage = calloc(1, sizeof(*passage));
	bool ok;

	if (passage == NULL)
		return err_memory(err);
	passage->direct = direct;
	passage->dataset = dataset;
	passage->fd = -1;
	passage->claimed_us = clock_wall_us();
	ok = open_file(passage, path, err) && hash_file(passage, err) &&
		name_source(passage, err) && prepare(passage, err) &&
		pass(passage, err);
	if (ok) {
		direct->totals.sources++;
		direct->totals.bytes += passage->st.st_size;
	}
	drop_works(passage);
	reader_close(passage->reader);
	rowmap_free(passage->map);
	free(passage->cells);
	if (passage->fd >= 0)
		(void)close(passage->fd);
	free(passage);
	return ok || err_wrap(err, "load %s", path);
}

/* -- the whole ---------------------------------------------------------- */

struct direct *direct_new(const struct direct_options *options,
	struct err *err)
{
	struct direct *direct = calloc(1, sizeof(*direct));

	if (direct == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	direct->options = *options;
	return direct;
}

void direct_free(struct direct *direct)
{
	free(direct);
}

const struct direct_totals *direct_totals(const struct direct *direct)
{
	return &direct->totals;
}
