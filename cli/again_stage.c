/* again_stage.c - a batch of orders for the producer, all or none of it.
 *
 * It grows under a name that begins with a dot, locked, and gets its own name
 * once it is durable. What a crash left behind is nobody's then, and removed
 * by the next. */
#include "cli/again.h"
#include "common/clock.h"
#include "common/place.h"
#include "producer/api_harvest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES ((size_t)128 << 10)

struct stage {
	struct again_places *places;
	int root;          /* .replay */
	int dir;           /* the batch */
	char hidden[64];   /* ".<microseconds>-<uuid>": in order of time */
	bool named;        /* it is the producer's now */
	uid_t uid;         /* of raw_dir: the producer is to move what we */
	gid_t gid;         /* make, whoever we are */
};

/* -- folders ----------------------------------------------------------------- */

static bool own(const struct stage *stage, int fd, struct err *err)
{
	return geteuid() != 0 || fchown(fd, stage->uid, stage->gid) == 0 ||
		err_errno(err, ERR_STOP, "give it to the producer");
}

static int enter(const struct stage *stage, int parent, const char *name,
	struct err *err)
{
	int fd = -1;

	if (mkdirat(parent, name, 0770) == 0 || errno == EEXIST)
		fd = place_open(parent, name, O_RDONLY | O_DIRECTORY, err);
	else
		(void)err_errno(err, ERR_STOP, "make folder %s", name);
	if (fd >= 0 && !own(stage, fd, err)) {
		(void)close(fd);
		fd = -1;
	}
	if (fd < 0)
		err->exit_code = EXIT_IO;
	return fd;
}

static void empty(int dir)
{
	DIR *names = fdopendir(dup(dir));
	const struct dirent *entry;

	while (names != NULL && (entry = readdir(names)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
			strcmp(entry->d_name, "..") != 0)
			(void)unlinkat(dir, entry->d_name, 0);
	if (names != NULL)
		(void)closedir(names);
}

/* What nobody holds locked was left by one that was killed. */
static void remove_left(int root, const char *name)
{
	struct err none = { 0 };
	const int dir = place_open(root, name, O_RDONLY | O_DIRECTORY, &none);

	if (dir < 0)
		return;
	if (flock(dir, LOCK_EX | LOCK_NB) == 0) {
		empty(dir);
		(void)unlinkat(root, name, AT_REMOVEDIR);
	}
	(void)close(dir);
}

static void remove_all_left(int root)
{
	DIR *names = fdopendir(dup(root));
	const struct dirent *entry;

	while (names != NULL && (entry = readdir(names)) != NULL)
		if (entry->d_name[0] == '.' &&
			entry->d_name[1] >= '0' && entry->d_name[1] <= '9')
			remove_left(root, entry->d_name);
	if (names != NULL)
		(void)closedir(names);
}

static bool open_stage(struct stage *stage, struct err *err)
{
	const int raw = place_again(stage->places->config->raw_dir, err);
	char text[UUID_TEXT];
	struct uuid batch;
	struct stat st;
	bool ok = raw >= 0 && (fstat(raw, &st) == 0 ||
		err_errno(err, ERR_STOP, "stat")) && uuid_random(&batch, err);

	if (ok) {
		stage->uid = st.st_uid;
		stage->gid = st.st_gid;
		stage->root = enter(stage, raw, REPLAY_FOLDER, err);
		ok = stage->root >= 0;
	}
	if (ok) {
		remove_all_left(stage->root);
		uuid_format(&batch, text);
		(void)snprintf(stage->hidden, sizeof(stage->hidden),
			".%018" PRId64 "-%s", clock_wall_us(), text);
		stage->dir = enter(stage, stage->root, stage->hidden, err);
		ok = stage->dir >= 0 && (flock(stage->dir, LOCK_EX) == 0 ||
			err_errno(err, ERR_STOP, "lock"));
	}
	if (raw >= 0)
		(void)close(raw);
	return ok;
}

/* -- bytes ------------------------------------------------------------------- */

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

	if (source->dataset->api != NULL)
		return copy_answer(places, source, to, err);
	return object_get_file(places->store, name, to, &there, err) &&
		is_there(name, there, err);
}

/* The very bytes that were loaded, or it would be another source. */
static bool check_bytes(const struct again_source *source, int fd,
	struct err *err)
{
	char text[SHA256_TEXT];

	if (source->sha256 == NULL ||
		(source->path == NULL && source->dataset->api != NULL))
		return true; /* the pipeline may find other records now */
	return digest_of(fd, text, err) &&
		(strcmp(text, source->sha256) == 0 || err_set(err, ERR_REJECT,
			"what is kept is not what was loaded: its SHA-256 is "
			"another"));
}

static int create(const struct stage *stage, const char *name, struct err *err)
{
	const int fd = openat(stage->dir, name, O_RDWR | O_CREAT | O_EXCL |
		O_NOFOLLOW | O_CLOEXEC, 0640);

	if (fd < 0)
		(void)err_errno(err, ERR_STOP, "create %s", name);
	else if (own(stage, fd, err))
		return fd;
	if (fd >= 0)
		(void)close(fd);
	err->exit_code = EXIT_IO;
	return -1;
}

static bool write_bytes(const struct stage *stage,
	const struct again_source *source, const char *name, struct err *err)
{
	const int fd = create(stage, name, err);
	bool ok;

	if (fd < 0)
		return false;
	ok = source->path != NULL ? copy_path(source->path, fd, err) :
		copy_object(stage->places, source, fd, err);
	ok = ok && check_bytes(source, fd, err) &&
		(fsync(fd) == 0 || err_errno(err, ERR_STOP, "sync"));
	(void)close(fd);
	return ok;
}

static bool write_order(const struct stage *stage,
	const struct replay_order *order, const char *bytes, struct err *err)
{
	char name[64 + sizeof(REPLAY_SUFFIX)];
	struct buf text = { 0 };
	int fd = -1;
	bool ok = replay_order_write(order, &text, err);

	(void)snprintf(name, sizeof(name), "%s" REPLAY_SUFFIX, bytes);
	if (ok)
		fd = create(stage, name, err);
	ok = fd >= 0 && ((place_write(fd, text.data, text.len) &&
		fsync(fd) == 0) || err_errno(err, ERR_STOP, "write"));
	if (fd >= 0)
		(void)close(fd);
	buf_clear(&text);
	return ok;
}

/* In the order of their names they were loaded first, and will be again: of
 * two versions of a key the later wins. */
static bool stage_one(const struct stage *stage, struct again_source *source,
	size_t number, struct err *err)
{
	char drop[UUID_TEXT], name[64];

	uuid_format(&source->order.drop, drop);
	(void)snprintf(name, sizeof(name), "%08zu-%s", number, drop);
	return (write_bytes(stage, source, name, err) &&
			write_order(stage, &source->order, name, err)) ||
		err_wrap(err, "%s", source->order.name);
}

/* -- all --------------------------------------------------------------------- */

static bool publish(struct stage *stage, struct err *err)
{
	stage->named = fsync(stage->dir) == 0 &&
		renameat(stage->root, stage->hidden, stage->root,
			stage->hidden + 1) == 0;
	return (stage->named && fsync(stage->root) == 0) ||
		err_errno(err, ERR_STOP, "make the orders durable");
}

bool again_stage(struct again_places *places, struct again_source *sources,
	size_t count, struct err *err)
{
	struct stage stage = { .places = places, .root = -1, .dir = -1 };
	bool ok = open_stage(&stage, err);

	for (size_t i = 0; ok && i < count; i++)
		ok = stage_one(&stage, &sources[i], i, err);
	ok = ok && publish(&stage, err);
	if (!ok && stage.dir >= 0 && !stage.named) {
		empty(stage.dir);
		(void)unlinkat(stage.root, stage.hidden, AT_REMOVEDIR);
	}
	if (!ok && err->kind == ERR_STOP && err->exit_code == 0)
		err->exit_code = EXIT_IO;
	if (stage.dir >= 0)
		(void)close(stage.dir);
	if (stage.root >= 0)
		(void)close(stage.root);
	return ok;
}
