/* object_folder.c - an object store that is a folder of this machine.
 *
 * A key is a path below the folder, opened anew for each call: file systems
 * come and go. No symbolic link is followed on the way. What is being written
 * has a name that begins with a dot, which no key does. */
#include "common/object_driver.h"
#include "common/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER_MODE 0750
#define FILE_MODE 0640
#define BLOCK_BYTES ((size_t)128 << 10)

struct folder {
	char *path;
};

/* -- folders ----------------------------------------------------------- */

static void folder_close(void *state)
{
	struct folder *folder = state;

	if (folder == NULL)
		return;
	free(folder->path);
	free(folder);
}

void *object_folder_open(const struct config *config, struct buf *place,
	struct err *err)
{
	struct folder *folder = calloc(1, sizeof(*folder));
	int root;

	if (folder != NULL)
		folder->path = strdup(config->object_store_dir);
	if (folder == NULL || folder->path == NULL) {
		folder_close(folder);
		(void)err_memory(err);
		return NULL;
	}
	root = place_again(folder->path, err);
	if (root < 0 || !buf_add_str(place, folder->path, err)) {
		folder_close(folder);
		folder = NULL;
	}
	if (root >= 0)
		(void)close(root);
	return folder;
}

/* What is in the way is no object, or another's name: no waiting helps. */
static bool failed(struct err *err, const char *what, const char *key)
{
	const bool in_the_way = errno == ELOOP || errno == ENOTDIR ||
		errno == EISDIR || errno == EXDEV || errno == ENAMETOOLONG;

	return err_errno(err, in_the_way ? ERR_REJECT : ERR_RETRY, "%s %s",
		what, key);
}

/* The folder below parent, made when missing; its name is durable then. -1:
 * errno tells. */
static int enter(int parent, const char *name, bool make)
{
	struct err none = { 0 };
	int fd = place_open(parent, name, O_RDONLY | O_DIRECTORY, &none);

	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	if ((mkdirat(parent, name, FOLDER_MODE) != 0 && errno != EEXIST) ||
		fsync(parent) != 0)
		return -1;
	return place_open(parent, name, O_RDONLY | O_DIRECTORY, &none);
}

/* The folder that holds the key, and the key's last part. *at -1: it is not
 * there, and so neither is the key. */
static bool folder_of(const struct folder *folder, const char *key, bool make,
	int *at, const char **last, struct err *err)
{
	char part[OBJECT_PART_MAX + 32];
	const char *slash;

	*at = place_again(folder->path, err);
	*last = key;
	if (*at < 0)
		return false;
	while (*at >= 0 && (slash = strchr(*last, '/')) != NULL) {
		const int parent = *at;
		int why;

		(void)snprintf(part, sizeof(part), "%.*s",
			(int)(slash - *last), *last);
		*at = enter(parent, part, make);
		why = errno;
		(void)close(parent);
		errno = why;
		*last = slash + 1;
	}
	return *at >= 0 || (errno == ENOENT && !make) ||
		failed(err, "open the folder of", key);
}

/* -- putting ------------------------------------------------------------- */

/* The file may not grow shorter meanwhile: what is kept is the whole. */
static bool copy_file(int from, int to, uint64_t len, struct err *err)
{
	char *block = malloc(BLOCK_BYTES);
	uint64_t at = 0;
	bool ok = block != NULL || err_memory(err);

	while (ok && at < len) {
		const size_t want = len - at < BLOCK_BYTES ?
			(size_t)(len - at) : BLOCK_BYTES;
		const ssize_t got = pread(from, block, want, (off_t)at);

		if (got <= 0)
			ok = got == 0 ? err_set(err, ERR_REJECT, "the file "
				"became shorter") :
				err_errno(err, ERR_RETRY, "read");
		else
			ok = place_write(to, block, (size_t)got) ||
				err_errno(err, ERR_RETRY, "write");
		at += got > 0 ? (uint64_t)got : 0;
	}
	free(block);
	return ok;
}

static bool write_body(int fd, const struct object_body *body,
	struct err *err)
{
	if (body->data == NULL && !copy_file(body->fd, fd, body->len, err))
		return false;
	if (body->data != NULL && !place_write(fd, body->data, body->len))
		return err_errno(err, ERR_RETRY, "write");
	return fsync(fd) == 0 || err_errno(err, ERR_RETRY, "sync");
}

/* One that a crash left behind is in nobody's way. */
static int create_part(int at, const char *part, struct err *err)
{
	int fd = -1;

	if (unlinkat(at, part, 0) == 0 || errno == ENOENT)
		fd = openat(at, part, O_WRONLY | O_CREAT | O_EXCL |
			O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (fd < 0)
		(void)failed(err, "create", part);
	return fd;
}

static bool part_name(const char *key, struct buf *out, struct err *err)
{
	const char *slash = strrchr(key, '/');

	buf_reset(out);
	return buf_printf(out, err, ".%s.part",
		slash == NULL ? key : slash + 1);
}

/* Its bytes are durable then, under a name that is no key. */
static bool write_part(int at, const char *name,
	const struct object_body *body, struct err *err)
{
	const int fd = create_part(at, name, err);
	const bool ok = fd >= 0 && write_body(fd, body, err);

	if (fd >= 0)
		(void)close(fd);
	return ok;
}

static const char *last_of(const char *key)
{
	const char *slash = strrchr(key, '/');

	return slash == NULL ? key : slash + 1;
}

/* All are written before any is named: the folder is synced once. */
static bool put_at(int at, const struct object_part *parts, size_t count,
	struct err *err)
{
	struct buf name = { 0 };
	struct err none = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++)
		ok = part_name(parts[i].key, &name, err) &&
			write_part(at, name.data, &parts[i].body, err);
	for (size_t i = 0; ok && i < count; i++)
		ok = part_name(parts[i].key, &name, err) &&
			(renameat(at, name.data, at, last_of(parts[i].key)) ==
				0 || failed(err, "rename to", parts[i].key));
	if (ok && fsync(at) != 0)
		ok = err_errno(err, ERR_RETRY, "sync the folder");
	for (size_t i = 0; !ok && i < count; i++)
		if (part_name(parts[i].key, &name, &none))
			(void)unlinkat(at, name.data, 0);
	buf_clear(&name);
	return ok;
}

static bool folder_put(void *state, const struct object_part *parts,
	size_t count, struct err *err)
{
	const char *key = parts[count - 1].key, *last;
	bool ok;
	int at;

	if (!folder_of(state, key, true, &at, &last, err))
		return false;
	ok = put_at(at, parts, count, err) || err_wrap(err, "put %s", key);
	(void)close(at);
	return ok;
}

/* -- looking --------------------------------------------------------------- */

/* *fd -1: there is none. */
static bool open_object(const struct folder *folder, const char *key, int *fd,
	struct stat *st, struct err *err)
{
	struct err none = { 0 };
	const char *last;
	int at, why;

	*fd = -1;
	if (!folder_of(folder, key, false, &at, &last, err))
		return false;
	if (at < 0)
		return true;
	*fd = place_open(at, last, O_RDONLY, &none);
	why = errno;
	(void)close(at);
	errno = why;
	if (*fd < 0)
		return why == ENOENT || failed(err, "open", key);
	if (fstat(*fd, st) == 0 && S_ISREG(st->st_mode))
		return true;
	(void)close(*fd);
	*fd = -1;
	return err_set(err, ERR_REJECT, "%s is no regular file", key);
}

static bool folder_head(void *state, const char *key, struct object_info *info,
	struct err *err)
{
	struct stat st;
	int fd;

	*info = (struct object_info){ .there = false };
	if (!open_object(state, key, &fd, &st, err))
		return false;
	if (fd >= 0) {
		object_describe(&st, info);
		(void)close(fd);
	}
	return true;
}

static bool pour(int fd, const struct object_sink *sink, struct err *err)
{
	char *block = malloc(BLOCK_BYTES);
	ssize_t got = 1;
	bool ok = block != NULL || err_memory(err);

	while (ok && got > 0) {
		got = read(fd, block, BLOCK_BYTES);
		ok = got < 0 ? err_errno(err, ERR_RETRY, "read") :
			sink->write(sink->context, block, (size_t)got, err);
	}
	free(block);
	return ok;
}

static bool folder_get(void *state, const char *key,
	const struct object_sink *sink, bool *there, struct err *err)
{
	struct stat st;
	int fd;
	bool ok;

	if (!open_object(state, key, &fd, &st, err))
		return false;
	*there = fd >= 0;
	if (fd < 0)
		return true;
	ok = pour(fd, sink, err) || err_wrap(err, "get %s", key);
	(void)close(fd);
	return ok;
}

/* Folders that became empty go too. */
static void remove_folders(const struct folder *folder, const char *key)
{
	char *path = strdup(key);
	struct err none = { 0 };
	const char *last;
	bool gone = true;
	char *slash;
	int at;

	while (path != NULL && gone && (slash = strrchr(path, '/')) != NULL) {
		*slash = '\0';
		gone = folder_of(folder, path, false, &at, &last, &none) &&
			at >= 0 && unlinkat(at, last, AT_REMOVEDIR) == 0;
		if (at >= 0)
			(void)close(at);
	}
	free(path);
}

static bool folder_remove(void *state, const char *key, struct err *err)
{
	const char *last;
	bool ok, gone;
	int at;

	if (!folder_of(state, key, false, &at, &last, err))
		return false;
	if (at < 0)
		return true;
	gone = unlinkat(at, last, 0) == 0;
	ok = gone || errno == ENOENT || failed(err, "remove", key);
	(void)close(at);
	if (gone)
		remove_folders(state, key);
	return ok;
}

/* -- listing ------------------------------------------------------------- */

static bool folder_list(void *state, const char *prefix, const char *after,
	object_key_each *each, void *context, struct err *err)
{
	const struct folder *folder = state;
	const int fd = place_again(folder->path, err);

	return fd >= 0 && object_walk(fd, prefix, after, each, context, err);
}

const struct object_driver object_folder = {
	.close = folder_close,
	.put = folder_put,
	.head = folder_head,
	.get = folder_get,
	.list = folder_list,
	.remove = folder_remove,
};
