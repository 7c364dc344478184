/* watch_scan.c - going through folders: watched first, then looked at. */
#include "producer/watch_private.h"
#include "common/clock.h"
#include "common/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define DEPTH_MAX 16
#define MASK (IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_MOVED_FROM | \
	IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

/* -- watches ---------------------------------------------------------- */

struct watched *watch_find(struct watch *watch, int wd)
{
	for (size_t i = 0; i < watch->watched_count; i++)
		if (watch->watched[i].wd == wd)
			return &watch->watched[i];
	return NULL;
}

static struct watched *add_watched(struct watch *watch, int wd,
	struct err *err)
{
	if (watch->watched_count == watch->watched_cap) {
		const size_t cap = watch->watched_cap * 2 + 16;
		struct watched *more = realloc(watch->watched,
			cap * sizeof(*more));

		if (more == NULL) {
			(void)err_memory(err);
			return NULL;
		}
		watch->watched = more;
		watch->watched_cap = cap;
	}
	watch->watched[watch->watched_count] = (struct watched){ .wd = wd };
	return &watch->watched[watch->watched_count++];
}

void watch_forget(struct watch *watch, size_t at)
{
	free(watch->watched[at].path);
	watch->watched[at] = watch->watched[--watch->watched_count];
}

/* Watches the open folder itself, whatever its name leads to meanwhile. The
 * same folder gives the same wd again: its path is brought up to date. */
static bool watch_folder_fd(struct watch *watch, size_t folder, int fd,
	const char *path, struct err *err)
{
	char name[32];
	struct watched *watched;
	int wd;

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	wd = inotify_add_watch(watch->notify, name, MASK);
	if (wd < 0) {
		if (log_repeat_due(&watch->no_watch))
			LOG(LOG_WARN, "no_watch", LOG_S("path", path),
				LOG_S("err", strerror(errno)),
				LOG_S("remedy", "raise fs.inotify."
					"max_user_watches; until then files "
					"wait for the rescan"));
		return true;
	}
	watched = watch_find(watch, wd);
	if (watched == NULL) {
		watched = add_watched(watch, wd, err);
		if (watched == NULL)
			return false;
		watched->shared = watch_shared_fd(fd);
	}
	if (watched->path == NULL || strcmp(watched->path, path) != 0) {
		free(watched->path);
		watched->path = strdup(path);
	}
	watched->folder = folder;
	watched->scan = watch->scan;
	return watched->path != NULL || err_memory(err);
}

void watch_drop_stale(struct watch *watch)
{
	for (size_t i = 0; i < watch->watched_count;)
		if (watch->watched[i].scan != watch->scan) {
			(void)inotify_rm_watch(watch->notify,
				watch->watched[i].wd);
			watch_forget(watch, i);
		} else
			i++;
}

/* -- scanning --------------------------------------------------------- */

static int64_t mtime_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* At start-up a file that has not changed for longer is taken at once. */
static int64_t settle_for(const struct watch *watch, const struct stat *st)
{
	const int64_t age_ms = clock_wall_us() / 1000 - mtime_ns(st) / 1000000;

	return watch->first && age_ms > watch->options.settle_ms ? 0 :
		watch->options.settle_ms;
}

static bool look_at_file(struct watch *watch, size_t at, const char *path,
	const char *name, const struct stat *st, struct err *err)
{
	struct seen *seen = watch->folders[at].seen;
	const struct look look = { st->st_ino, (uint64_t)st->st_size,
		mtime_ns(st), watch->scan_ms };
	const size_t before = seen_ready(seen);

	if (!watch_judge(watch, watch->folders[at].is, path, name, st) ||
		watch_is_done(watch, path, st))
		return true;
	if (!seen_look(seen, path, &look, settle_for(watch, st), err))
		return false;
	if (!watch->first)
		watch->missed += seen_ready(seen) - before;
	return true;
}

static bool is_left_alone(const struct watch *watch, const struct stat *st)
{
	for (size_t i = 0; i < 2; i++)
		if (st->st_ino == watch->leave[i].st_ino &&
			st->st_dev == watch->leave[i].st_dev)
			return true;
	return false;
}

static bool scan_folder(struct watch *watch, size_t at, const char *path,
	int depth, struct err *err);

/* A folder named like a file of the dataset is somebody's mistake. */
bool watch_scan_below(struct watch *watch, size_t at, const char *path,
	const char *name, const struct stat *st, int depth, struct err *err)
{
	if (is_left_alone(watch, st))
		return true;
	if (watch_name_matches(watch->folders[at].is, name) &&
		strchr(name, '.') != NULL)
		watch_complain(watch, LOG_WARN, path, "it is a folder with a "
			"file's name", "rename it", NULL);
	else if (depth >= DEPTH_MAX)
		watch_complain(watch, LOG_WARN, path, "it is too deep",
			"move it up", NULL);
	else
		return scan_folder(watch, at, path, depth + 1, err);
	return true;
}

static bool scan_entry(struct watch *watch, size_t at, int fd,
	const char *path, const struct dirent *entry, int depth,
	struct err *err)
{
	const char *name = entry->d_name;
	struct stat st;

	/* what stays is asked about at every scan */
	if (entry->d_type == DT_REG && watch->options.is_done == NULL &&
		seen_idle(watch->folders[at].seen, path))
		return true;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return true; /* gone again */
	if (S_ISDIR(st.st_mode))
		return watch_scan_below(watch, at, path, name, &st, depth, err);
	return look_at_file(watch, at, path, name, &st, err);
}

static bool scan_entries(struct watch *watch, size_t at, DIR *dir,
	const char *path, int depth, struct err *err)
{
	struct buf child = { .max = PATH_MAX };
	const struct dirent *entry;
	bool ok = true;

	while (ok && (entry = readdir(dir)) != NULL) {
		if (!watch_name_taken(entry->d_name))
			continue;
		buf_reset(&child);
		if (buf_printf(&child, err, "%s/%s", path, entry->d_name))
			ok = scan_entry(watch, at, dirfd(dir), child.data,
				entry, depth, err);
		else
			watch_complain(watch, LOG_WARN, path, "a path in it "
				"is too long", "shorten it", NULL);
	}
	buf_clear(&child);
	return ok;
}

static bool scan_folder(struct watch *watch, size_t at, const char *path,
	int depth, struct err *err)
{
	struct err why = { 0 };
	const int fd = place_open(watch->root, path, O_RDONLY | O_DIRECTORY,
		&why);
	DIR *dir = NULL;
	bool ok;

	if (fd < 0) {
		watch_complain(watch, LOG_WARN, path, strerror(errno),
			"make it a folder this user can read", NULL);
		return true;
	}
	ok = watch_folder_fd(watch, at, fd, path, err);
	if (ok)
		dir = fdopendir(fd);
	if (dir != NULL) {
		ok = scan_entries(watch, at, dir, path, depth, err);
		(void)closedir(dir);
	} else
		close(fd);
	return ok;
}

bool watch_scan_dataset(struct watch *watch, size_t at, struct err *err)
{
	const struct folder *folder = &watch->folders[at];
	struct err why = { 0 };
	bool ok;

	if (!place_make(watch->root, folder->is->directory, &why))
		watch_complain(watch, LOG_ERROR, folder->is->directory,
			why.text, "let this user write there", NULL);
	seen_scan_begin(folder->seen);
	ok = scan_folder(watch, at, folder->is->directory, 0, err);
	seen_scan_end(folder->seen);
	return ok;
}

/* -- what lies beside the datasets ------------------------------------ */

static bool is_on_the_way(const struct watch *watch, const char *name)
{
	const size_t len = strlen(name);

	for (size_t i = 0; i < watch->folder_count; i++) {
		const char *directory = watch->folders[i].is->directory;

		if (strncmp(directory, name, len) == 0 &&
			(directory[len] == '/' || directory[len] == '\0'))
			return true;
	}
	return false;
}

static bool holds_a_file(int root, const char *path)
{
	struct err err = { 0 };
	const int fd = place_open(root, path, O_RDONLY | O_DIRECTORY, &err);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry = NULL;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	do
		entry = readdir(dir);
	while (entry != NULL && !watch_name_taken(entry->d_name));
	(void)closedir(dir);
	return entry != NULL;
}

static void judge_stray(struct watch *watch, const char *name)
{
	struct stat st;

	if (!watch_name_taken(name) || is_on_the_way(watch, name) ||
		fstatat(watch->root, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		is_left_alone(watch, &st))
		return;
	if (!S_ISDIR(st.st_mode))
		watch_complain(watch, LOG_WARN, name, "it lies beside the "
			"datasets' folders", "move it into the folder of its "
			"dataset", &st);
	else if (holds_a_file(watch->root, name))
		watch_complain(watch, LOG_WARN, name, "it holds files, but no "
			"dataset has this folder", "add a dataset with "
			"`source: { directory: ... }` to a pipeline file, or "
			"move the files", NULL);
}

void watch_scan_strays(struct watch *watch)
{
	const int fd = openat(watch->root, ".",
		O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		judge_stray(watch, entry->d_name);
	(void)closedir(dir);
}
