/* again_copy.c - the bytes of a source that are kept, and whether they are
 * those that were loaded. */
#include "cli/again.h"
#include "common/place.h"
#include "producer/api_harvest.h"
#include "producer/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)128 << 10)

static bool digest_of(int fd, char text[SHA256_TEXT], struct err *err)
{
	struct sha256 *hash = sha256_new(err);
	char *block = malloc(BLOCK_BYTES);
	uint8_t digest[SHA256_BYTES];
	ssize_t got = 1;
	off_t at = 0;
	bool ok = hash != NULL && (block != NULL || err_memory(err));

	for (; ok && got > 0; at += got) {
		got = pread(fd, block, BLOCK_BYTES, at);
		ok = got < 0 ? err_errno(err, ERR_STOP, "read") :
			sha256_add(hash, block, (size_t)got, err);
	}
	ok = ok && sha256_end(hash, digest, err);
	if (ok)
		sha256_format(digest, text);
	sha256_free(hash);
	free(block);
	return ok;
}

/* Blocks are shared with the original where the file system can. */
static bool copy(int from, int to, struct err *err)
{
	char *block;
	ssize_t got;
	bool ok;

	while ((got = copy_file_range(from, NULL, to, NULL, (size_t)1 << 30,
		0)) > 0)
		;
	if (got == 0)
		return true;
	block = malloc(BLOCK_BYTES);
	ok = block != NULL || err_memory(err);
	while (ok && got != 0) {
		got = read(from, block, BLOCK_BYTES);
		ok = (got >= 0 && place_write(to, block, (size_t)got)) ||
			err_errno(err, ERR_STOP, "copy");
	}
	free(block);
	return ok;
}

static bool copy_path(const char *path, int to, struct err *err)
{
	const int from = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool ok;

	if (from < 0)
		return err_errno(err, ERR_STOP, "open %s", path);
	ok = copy(from, to, err);
	(void)close(from);
	return ok;
}

static bool is_there(const char *name, bool there, struct err *err)
{
	return there || err_set(err, ERR_REJECT,
		"%s is gone from the object store", name);
}

/* An answer's records, found as the poller finds them. */
static bool copy_answer(struct again_places *places,
	const struct again_source *source, int to, struct err *err)
{
	const char *name = source->order.object;
	struct api_harvest harvest = { .records = 0 };
	struct buf body = { 0 };
	bool there = false;
	bool ok = object_get(places->store, name, &body, &there, err) &&
		is_there(name, there, err) &&
		api_harvest(source->dataset->api, NULL, 0, body.data,
			body.len, &harvest, err) &&
		(place_write(to, harvest.spool, harvest.len) ||
			err_errno(err, ERR_STOP, "write"));

	api_harvest_clear(&harvest);
	buf_clear(&body);
	return ok;
}

static bool copy_object(struct again_places *places,
	const struct again_source *source, int to, struct err *err)
{
	const char *name = source->order.object;
	bool there = false;

	if (again_is_answer(source))
		return copy_answer(places, source, to, err);
	return object_get_file(places->store, name, to, &there, err) &&
		is_there(name, there, err);
}

bool again_is_answer(const struct again_source *source)
{
	return source->path == NULL && source->dataset->api != NULL &&
		archive_names_answer(source->order.name,
			&source->order.replay_of);
}

bool again_copy(struct again_places *places,
	const struct again_source *source, int to, struct err *err)
{
	return source->path != NULL ? copy_path(source->path, to, err) :
		copy_object(places, source, to, err);
}

bool again_check(const struct again_source *source, int fd, struct err *err)
{
	char text[SHA256_TEXT];
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_errno(err, ERR_STOP, "stat");
	if (source->loaded_bytes >= 0 && source->loaded_bytes != st.st_size)
		return err_set(err, ERR_REJECT, "what is kept is not what was "
			"loaded: %" PRId64 " bytes, and there were %" PRId64,
			(int64_t)st.st_size, source->loaded_bytes);
	return source->sha256 == NULL || (digest_of(fd, text, err) &&
		(strcmp(text, source->sha256) == 0 || err_set(err, ERR_REJECT,
			"what is kept is not what was loaded: its SHA-256 is "
			"another")));
}
