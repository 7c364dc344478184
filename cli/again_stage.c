/* again_stage.c - a batch of orders for the producer, all or none of it.
 *
 * It grows under a name that begins with a dot, locked, and gets its own name
 * once it is durable. What a crash left behind is nobody's then, and removed
 * by the next. */
#include "cli/again.h"
#include "common/clock.h"
#include "common/place.h"

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

/* -- files ------------------------------------------------------------------- */

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
	/* the pipeline may find other records in an answer now */
	ok = again_copy(stage->places, source, fd, err) &&
		(again_is_answer(source) || again_check(source, fd, err)) &&
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

static void say_next(const struct again_places *places,
	const struct again_source *sources, size_t at, size_t count)
{
	int64_t done = 0, total = 0;

	if (places->say == NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		done += i < at ? sources[i].bytes : 0;
		total += sources[i].bytes;
	}
	places->say(places->context, sources[at].order.name, done, total);
}

bool again_stage(struct again_places *places, struct again_source *sources,
	size_t count, struct err *err)
{
	struct stage stage = { .places = places, .root = -1, .dir = -1 };
	bool ok = open_stage(&stage, err);

	for (size_t i = 0; ok && i < count; i++) {
		say_next(places, sources, i, count);
		ok = stage_one(&stage, &sources[i], i, err);
	}
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
