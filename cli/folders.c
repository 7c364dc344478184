/* folders.c - what lies in the folders files are dropped into. */
#include "cli/folders.h"
#include "common/place.h"
#include "common/hash.h"
#include "producer/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 16 /* the producer goes no deeper */
#define COPY_BYTES ((size_t)64 << 10)
#define NAME_TRIES 16
#define CLAIMED ".claimed"

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

bool folders_takes(const struct dataset *dataset, const char *name)
{
	if (!watch_name_taken(name))
		return false;
	for (size_t i = 0; i < dataset->pattern_count; i++)
		if (fnmatch(dataset->patterns[i], name, 0) == 0)
			return true;
	return false;
}

/* -- walking --------------------------------------------------- */

/* Opens a folder below at; NULL when it is not there or may not be read. */
static DIR *open_folder(int at, const char *name)
{
	const int fd = openat(at, name,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL && fd >= 0)
		close(fd);
	return dir;
}

/* A rename sets the time of the inode's last change, as writing does. */
static void find_older(const struct stat *st, int64_t *oldest_us)
{
	const int64_t at = (int64_t)st->st_ctim.tv_sec * 1000000 +
		st->st_ctim.tv_nsec / 1000;

	if (*oldest_us == 0 || at < *oldest_us)
		*oldest_us = at;
}

static void count_file(const struct dataset *dataset, const char *name,
	const struct stat *st, struct folder_count *count)
{
	if (!folders_takes(dataset, name)) {
		count->ignored++;
		return;
	}
	count->waiting++;
	find_older(st, &count->oldest_waiting_us);
}

/* Dot names are skipped: `.claimed`, and files that are being written. */
static void walk(DIR *dir, const struct dataset *dataset, int depth,
	struct folder_count *count)
{
	const struct dirent *entry;
	struct stat st;

	while ((entry = readdir(dir)) != NULL) {
		DIR *below = NULL;

		if (entry->d_name[0] == '.' ||
			fstatat(dirfd(dir), entry->d_name, &st,
				AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (S_ISREG(st.st_mode))
			count_file(dataset, entry->d_name, &st, count);
		else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			below = open_folder(dirfd(dir), entry->d_name);
		if (below == NULL)
			continue;
		walk(below, dataset, depth + 1, count);
		closedir(below);
	}
}

static void count_claimed(DIR *dir, struct folder_count *count)
{
	const struct dirent *entry;
	struct stat st;

	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' ||
			fstatat(dirfd(dir), entry->d_name, &st,
				AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		count->claimed++;
		find_older(&st, &count->oldest_us);
	}
}

bool folders_count(const struct config *config, const struct dataset *dataset,
	struct folder_count *count, struct err *err)
{
	struct buf path = { .max = PATH_MAX };
	DIR *dir, *claimed;

	*count = (struct folder_count){ 0 };
	if (!buf_printf(&path, err, "%s/%s", config->raw_dir,
		    dataset->directory)) {
		buf_clear(&path);
		return false;
	}
	dir = opendir(path.data);
	buf_clear(&path);
	if (dir == NULL)
		return true;
	count->there = true;
	walk(dir, dataset, 0, count);
	errno = 0;
	claimed = open_folder(dirfd(dir), CLAIMED);
	if (claimed == NULL && errno != ENOENT)
		count->claimed = -1;
	if (claimed != NULL) {
		count_claimed(claimed, count);
		closedir(claimed);
	}
	closedir(dir);
	return true;
}

/* -- dropping --------------------------------------------------- */

bool folders_random_name(const char *file, struct buf *name, struct err *err)
{
	const char *last = last_part(file);
	const char *dot = strchr(last + (last[0] == '.'), '.');
	const size_t stem = dot != NULL ? (size_t)(dot - last) : strlen(last);
	struct uuid uuid;
	char text[UUID_TEXT];

	if (!uuid_random(&uuid, err))
		return false;
	uuid_format(&uuid, text);
	return buf_add(name, last, stem, err) &&
		buf_printf(name, err, "_%.8s%s", text, last + stem);
}

static bool copy_bytes(int from, int to, int64_t *bytes, struct err *err)
{
	char *block = malloc(COPY_BYTES);
	bool ok = block != NULL || err_memory(err);
	ssize_t got = 1;

	*bytes = 0;
	while (ok && got != 0) {
		got = read(from, block, COPY_BYTES);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || !place_write(to, block, (size_t)got))
			ok = err_errno(err, ERR_RETRY, "copy");
		else
			*bytes += got;
	}
	free(block);
	return ok;
}

static int open_regular(const char *file, struct err *err)
{
	const int fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0) {
		(void)err_errno(err, ERR_RETRY, "open %s", file);
		return -1;
	}
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	(void)err_stop(err, EXIT_IO, "%s is not a regular file", file);
	return -1;
}

/* Renames dot to name, or to a free name near it; *taken is the name. */
static bool rename_in(int folder, const char *dot, const char *name,
	struct buf *taken, struct err *err)
{
	bool ok = buf_add_str(taken, name, err);

	for (int i = 0; ok && i < NAME_TRIES; i++) {
		if (renameat2(folder, dot, folder, taken->data,
			    RENAME_NOREPLACE) == 0)
			return true;
		if (errno != EEXIST)
			return err_errno(err, ERR_RETRY, "rename to %s",
				taken->data);
		buf_reset(taken);
		ok = folders_random_name(name, taken, err);
	}
	return ok && err_stop(err, EXIT_IO, "no free name near %s", name);
}

/* 0644, not what umask says: the producer reads it as another user. */
static bool copy_in(int folder, int from, const char *name, struct buf *taken,
	int64_t *bytes, struct err *err)
{
	struct buf dot = { .max = PATH_MAX };
	int to = -1;
	bool ok = buf_add_str(&dot, ".", err) &&
		folders_random_name("sluice.drop", &dot, err);

	if (ok) {
		to = openat(folder, dot.data,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0644);
		ok = to >= 0 || err_errno(err, ERR_RETRY, "write there");
	}
	ok = ok && copy_bytes(from, to, bytes, err);
	ok = ok && ((fchmod(to, 0644) == 0 && fsync(to) == 0) ||
		err_errno(err, ERR_RETRY, "sync"));
	if (to >= 0 && close(to) != 0 && ok)
		ok = err_errno(err, ERR_RETRY, "close");
	ok = ok && rename_in(folder, dot.data, name, taken, err);
	if (!ok && to >= 0)
		(void)unlinkat(folder, dot.data, 0);
	if (ok)
		(void)fsync(folder); /* best effort: it is in there already */
	buf_clear(&dot);
	return ok;
}

static bool no_folder(const char *path, struct err *err)
{
	if (errno == ENOENT)
		return err_stop(err, EXIT_IO, "%s is not there: "
			"sluice-producer makes it when it starts", path);
	return err_errno(err, ERR_RETRY, "open the folder %s", path);
}

bool folders_drop(const struct config *config, const struct dataset *dataset,
	const char *file, const char *name, struct buf *path, int64_t *bytes,
	struct err *err)
{
	struct buf taken = { .max = NAME_MAX };
	int from = -1, folder = -1;
	bool ok = buf_printf(path, err, "%s/%s", config->raw_dir,
		dataset->directory);

	if (ok) {
		from = open_regular(file, err);
		ok = from >= 0;
	}
	if (ok) {
		folder = open(path->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ok = folder >= 0 || no_folder(path->data, err);
	}
	if (ok && !copy_in(folder, from, name, &taken, bytes, err))
		ok = err_wrap(err, "drop %s into %s", file, path->data);
	ok = ok && buf_printf(path, err, "/%s", taken.data);
	if (from >= 0)
		close(from);
	if (folder >= 0)
		close(folder);
	buf_clear(&taken);
	return ok;
}
