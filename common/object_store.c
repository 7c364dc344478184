/* object_store.c - names, notes and packing, the same for every kind of store.
 *
 * A key is a name, or a name with .zst behind it when it is packed; a note's
 * key is the name with the note's suffix. */
#include "common/object_store.h"
#include "common/metrics.h"
#include "common/object_driver.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PACKED ".zst"

struct object_store {
	const struct object_driver *driver;
	void *state;
	struct buf place;
	bool compress;
};

static const char *const note_suffixes[] = { OBJECT_HTTP, OBJECT_FILE };

/* -- opening --------------------------------------------------------------- */

struct object_store *object_store_open(const struct config *config,
	struct err *err)
{
	struct object_store *store = calloc(1, sizeof(*store));

	if (store == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	store->compress = config->object_store_compress;
	switch (config->object_store) {
	case OBJECTS_IN_FOLDER:
		store->driver = &object_folder;
		store->state = object_folder_open(config, &store->place, err);
		break;
	case OBJECTS_IN_S3:
		store->driver = &object_s3;
		store->state = object_s3_open(config, &store->place, err);
		break;
	}
	if (store->state != NULL)
		return store;
	object_store_close(store);
	return NULL;
}

void object_store_close(struct object_store *store)
{
	if (store == NULL)
		return;
	store->driver->close(store->state);
	buf_clear(&store->place);
	free(store);
}

void object_store_heed(struct object_store *store, int stop_fd)
{
	if (store->driver->heed != NULL)
		store->driver->heed(store->state, stop_fd);
}

const char *object_store_place(const struct object_store *store)
{
	return store->place.data;
}

/* -- keys ------------------------------------------------------------------ */

static bool ends_with(const char *text, const char *suffix)
{
	const size_t len = strlen(text), tail = strlen(suffix);

	return len > tail && strcmp(text + len - tail, suffix) == 0;
}

static bool make_key(const char *name, const char *suffix, struct buf *key,
	struct err *err)
{
	buf_reset(key);
	return object_name_check(name, err) && buf_add_str(key, name, err) &&
		buf_add_str(key, suffix, err);
}

static bool is_note(const char *key)
{
	for (size_t i = 0; i < sizeof(note_suffixes) / sizeof(note_suffixes[0]);
		i++)
		if (ends_with(key, note_suffixes[i]))
			return true;
	return false;
}

static bool packs(const struct object_store *store, const char *name)
{
	return store->compress && !ends_with(name, ".gz") &&
		!ends_with(name, ".zstd");
}

/* -- putting --------------------------------------------------------------- */

/* The note, then the object. What the same name was put with before, packed
 * or not, is replaced. */
static bool put_parts(struct object_store *store, const char *name,
	const struct object_body *body, const struct object_note *note,
	struct err *err)
{
	const bool pack = packs(store, name);
	struct buf note_key = { 0 }, key = { 0 };
	struct object_part parts[2];
	size_t count = 0;
	bool ok = make_key(name, pack ? PACKED : "", &key, err);

	if (ok && note != NULL) {
		ok = make_key(name, note->suffix, &note_key, err);
		parts[count++] = (struct object_part){ note_key.data,
			{ .data = note->text, .len = strlen(note->text) } };
	}
	parts[count++] = (struct object_part){ key.data, *body };
	ok = ok && store->driver->put(store->state, parts, count, err) &&
		make_key(name, pack ? "" : PACKED, &key, err) &&
		store->driver->remove(store->state, key.data, err);
	buf_clear(&note_key);
	buf_clear(&key);
	return ok;
}

static bool put_all(struct object_store *store, const char *name,
	const struct object_body *body, const struct object_note *note,
	struct err *err)
{
	const bool pack = packs(store, name);
	struct object_body packed;
	bool ok;

	if (pack && !object_pack(body, &packed, err))
		return false;
	ok = put_parts(store, name, pack ? &packed : body, note, err);
	if (pack)
		(void)close(packed.fd);
	if (!ok)
		return false;
	metrics_add(METRIC_OBJECTS, 1, "put", NULL);
	metrics_add(METRIC_OBJECT_BYTES, (int64_t)body->len, NULL, NULL);
	return true;
}

bool object_put(struct object_store *store, const char *name,
	const void *data, size_t len, const struct object_note *note,
	struct err *err)
{
	const struct object_body body = { .data = data != NULL ? data : "",
		.len = len };

	return put_all(store, name, &body, note, err);
}

bool object_put_file(struct object_store *store, const char *name, int fd,
	const struct object_note *note, struct err *err)
{
	struct object_body body = { .fd = fd };
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_errno(err, ERR_RETRY, "stat");
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_REJECT, "it is no regular file");
	body.len = (uint64_t)st.st_size;
	return put_all(store, name, &body, note, err);
}

/* -- getting --------------------------------------------------------------- */

static bool get_packed(struct object_store *store, const char *key,
	const struct object_sink *sink, bool *there, struct err *err)
{
	struct object_sink through;
	struct object_unpacking *u = object_unpacking_new(sink, &through, err);
	bool ok;

	if (u == NULL)
		return false;
	ok = store->driver->get(store->state, key, &through, there, err) &&
		(!*there || object_unpacking_end(u, err) ||
			err_wrap(err, "%s", key));
	object_unpacking_free(u);
	return ok;
}

/* Whichever way it was put; what is more likely now is looked for first. */
static bool get_object(struct object_store *store, const char *name,
	const struct object_sink *sink, bool *there, struct err *err)
{
	bool pack = packs(store, name);
	struct buf key = { 0 };
	bool ok = true;

	*there = false;
	for (int i = 0; ok && !*there && i < 2; i++, pack = !pack) {
		ok = make_key(name, pack ? PACKED : "", &key, err);
		if (ok && pack)
			ok = get_packed(store, key.data, sink, there, err);
		else if (ok)
			ok = store->driver->get(store->state, key.data, sink,
				there, err);
	}
	if (ok && *there)
		metrics_add(METRIC_OBJECTS, 1, "get", NULL);
	buf_clear(&key);
	return ok;
}

struct into_buf {
	struct buf *out;
	size_t had;
};

static bool add_bytes(void *context, const char *data, size_t len,
	struct err *err)
{
	struct into_buf *into = context;

	return buf_add(into->out, data, len, err);
}

static bool add_again(void *context, struct err *err)
{
	struct into_buf *into = context;

	(void)err;
	into->out->len = into->had;
	return true;
}

bool object_get(struct object_store *store, const char *name, struct buf *out,
	bool *there, struct err *err)
{
	struct into_buf into = { .out = out, .had = out->len };
	const struct object_sink sink = { .write = add_bytes,
		.again = add_again, .context = &into };

	return buf_grow(out, 0, err) &&
		get_object(store, name, &sink, there, err);
}

bool object_get_note(struct object_store *store, const char *name,
	const char *suffix, struct buf *out, bool *there, struct err *err)
{
	struct into_buf into = { .out = out, .had = out->len };
	const struct object_sink sink = { .write = add_bytes,
		.again = add_again, .context = &into };
	struct buf key = { 0 };
	bool ok = buf_grow(out, 0, err) && make_key(name, suffix, &key, err);

	*there = false;
	ok = ok && store->driver->get(store->state, key.data, &sink, there,
		err);
	buf_clear(&key);
	return ok;
}

static bool cut_file(void *context, struct err *err)
{
	struct object_file *into = context;

	into->at = 0;
	return ftruncate(into->fd, 0) == 0 ||
		err_errno(err, ERR_RETRY, "cut the file");
}

bool object_get_file(struct object_store *store, const char *name, int fd,
	bool *there, struct err *err)
{
	struct object_file into = { .fd = fd };
	const struct object_sink sink = { .write = object_file_write,
		.again = cut_file, .context = &into };

	return cut_file(&into, err) &&
		get_object(store, name, &sink, there, err);
}

/* -- looking --------------------------------------------------------------- */

bool object_head(struct object_store *store, const char *name,
	struct object_info *info, struct err *err)
{
	bool pack = packs(store, name);
	struct buf key = { 0 };
	bool ok = true;

	*info = (struct object_info){ .there = false };
	for (int i = 0; ok && !info->there && i < 2; i++, pack = !pack) {
		ok = make_key(name, pack ? PACKED : "", &key, err) &&
			store->driver->head(store->state, key.data, info, err);
		info->packed = ok && info->there && pack;
	}
	buf_clear(&key);
	return ok;
}

struct listing {
	object_each *each;
	void *context;
	struct buf name;
};

static bool list_key(void *context, const char *key,
	const struct object_info *info, struct err *err)
{
	struct listing *listing = context;
	const bool packed = ends_with(key, PACKED);
	struct object_entry entry = { .key = key, .info = *info };
	struct err none = { 0 };

	buf_reset(&listing->name);
	if (is_note(key))
		return true;
	if (!buf_add(&listing->name, key,
		strlen(key) - (packed ? strlen(PACKED) : 0), err))
		return false;
	entry.name = listing->name.data;
	entry.info.packed = packed;
	return !object_name_check(entry.name, &none) || /* not of ours */
		listing->each(listing->context, &entry, err);
}

bool object_list(struct object_store *store, const char *prefix,
	const char *after, object_each *each, void *context, struct err *err)
{
	struct listing listing = { .each = each, .context = context };
	const bool ok = store->driver->list(store->state, prefix, after,
		list_key, &listing, err);

	buf_clear(&listing.name);
	return ok;
}

/* -- deleting -------------------------------------------------------------- */

bool object_delete(struct object_store *store, const char *name,
	struct err *err)
{
	static const char *const suffixes[] = { "", PACKED, OBJECT_HTTP,
		OBJECT_FILE };
	struct buf key = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof(suffixes) / sizeof(suffixes[0]);
		i++)
		ok = make_key(name, suffixes[i], &key, err) &&
			store->driver->remove(store->state, key.data, err);
	if (ok)
		metrics_add(METRIC_OBJECTS, 1, "delete", NULL);
	buf_clear(&key);
	return ok;
}
