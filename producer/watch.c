/* watch.c - which files below raw_dir are complete. */
#include "producer/watch.h"
#include "common/clock.h"
#include "common/log.h"
#include "producer/place.h"
#include "producer/seen.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/inotify.h>
#include <unistd.h>

#define FILES_MAX ((size_t)8192) /* remembered for each folder */
#define DEPTH_MAX 16
#define COMPLAINTS ((size_t)4096) /* a power of two */
#define EVENT_BYTES ((size_t)64 << 10)
#define MASK (IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_MOVED_FROM | \
	IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct watched {
	int wd;
	size_t folder;
	char *path; /* relative to raw_dir */
	uint32_t scan;
};

struct folder {
	const struct watch_folder *is;
	struct seen *seen;
};

struct watch {
	struct watch_options options;
	struct folder *folders;
	size_t folder_count;
	int root;
	int notify;
	struct watched *watched;
	size_t watched_count, watched_cap;
	uint32_t scan;         /* number of the running or last scan */
	bool first;            /* what was there at the start is still found */
	bool wanted;           /* a scan is asked for */
	int64_t scan_ms;       /* one time for all looks of a scan */
	int64_t next_scan_ms;
	uint64_t missed;
	uint64_t complaints[COMPLAINTS]; /* hashes; 0: empty */
	size_t complaint_count;
	struct log_repeat no_root, no_watch;
	struct stat leave[2];  /* processed_dir and failed_dir */
};

/* -- pure rules ------------------------------------------------------- */

bool watch_name_taken(const char *name)
{
	static const char *const ends[] = { "~", ".tmp", ".part", ".swp" };
	const size_t len = strlen(name);

	if (len == 0 || name[0] == '.')
		return false;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		const size_t n = strlen(ends[i]);

		if (len >= n && strcasecmp(name + len - n, ends[i]) == 0)
			return false;
	}
	return true;
}

static bool name_matches(const struct watch_folder *folder, const char *name)
{
	for (size_t i = 0; i < folder->pattern_count; i++)
		if (fnmatch(folder->patterns[i], name, 0) == 0)
			return true;
	return false;
}

bool watch_event_next(const void *data, size_t len, size_t *at,
	struct watch_event *event)
{
	struct inotify_event head;
	const char *from = (const char *)data + *at;

	if (*at > len || len - *at < sizeof(head))
		return false;
	memcpy(&head, from, sizeof(head));
	if (head.len > len - *at - sizeof(head))
		return false;
	event->wd = head.wd;
	event->mask = head.mask;
	event->name = "";
	if (head.len > 0) {
		event->name = from + sizeof(head);
		if (memchr(event->name, '\0', head.len) == NULL)
			return false;
	}
	*at += sizeof(head) + head.len;
	return true;
}

/* -- complaints ------------------------------------------------------- */

/* True the first time: a set of hashes, closed when three quarters full. */
static bool is_new(struct watch *watch, const char *path, const char *why,
	uint64_t which)
{
	const uint64_t hash = seen_hash(path, seen_hash(why, which)) | 1;
	size_t at = (size_t)hash & (COMPLAINTS - 1);

	for (; watch->complaints[at] != 0; at = (at + 1) & (COMPLAINTS - 1))
		if (watch->complaints[at] == hash)
			return false;
	if (watch->complaint_count >= COMPLAINTS / 4 * 3)
		return false;
	watch->complaints[at] = hash;
	if (++watch->complaint_count == COMPLAINTS / 4 * 3)
		LOG(LOG_WARN, "not_taken", LOG_S("why", "too many files are "
			"not taken: further ones are not named"));
	return true;
}

static void complain(struct watch *watch, enum log_level level,
	const char *path, const char *why, const char *remedy,
	const struct stat *st)
{
	const uint64_t which = st == NULL ? 0 :
		(uint64_t)st->st_ino ^ (uint64_t)st->st_ctim.tv_sec << 32;

	if (!is_new(watch, path, why, which))
		return;
	if (remedy == NULL)
		LOG(level, "not_taken", LOG_S("path", path),
			LOG_S("why", why));
	else
		LOG(level, "not_taken", LOG_S("path", path),
			LOG_S("why", why), LOG_S("remedy", remedy));
}

void watch_refuse(struct watch *watch, const char *path, const char *why)
{
	struct stat st;
	const bool there = fstatat(watch->root, path, &st,
		AT_SYMLINK_NOFOLLOW) == 0;

	complain(watch, LOG_WARN, path, why, NULL, there ? &st : NULL);
}

/* -- watches ---------------------------------------------------------- */

static struct watched *find_watched(struct watch *watch, int wd)
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

static void forget_watched(struct watch *watch, size_t at)
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
	watched = find_watched(watch, wd);
	if (watched == NULL)
		watched = add_watched(watch, wd, err);
	if (watched == NULL)
		return false;
	if (watched->path == NULL || strcmp(watched->path, path) != 0) {
		free(watched->path);
		watched->path = strdup(path);
	}
	watched->folder = folder;
	watched->scan = watch->scan;
	return watched->path != NULL || err_memory(err);
}

/* What the scan did not come by was moved away or removed. */
static void drop_stale_watches(struct watch *watch)
{
	for (size_t i = 0; i < watch->watched_count;)
		if (watch->watched[i].scan != watch->scan) {
			(void)inotify_rm_watch(watch->notify,
				watch->watched[i].wd);
			forget_watched(watch, i);
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

/* False: not a file for us, said so. */
static bool judge(struct watch *watch, const struct watch_folder *folder,
	const char *path, const char *name, const struct stat *st)
{
	const char *why = place_fault(st, watch->options.max_file_bytes);
	const bool matches = name_matches(folder, name);

	if (S_ISREG(st->st_mode) && !matches)
		complain(watch, LOG_INFO, path, "its name matches no pattern "
			"of the dataset", "rename it, or widen the pattern in "
			"the pipeline file", NULL);
	else if (why != NULL)
		complain(watch, LOG_WARN, path, why, NULL, st);
	return matches && why == NULL;
}

static bool look_at_file(struct watch *watch, size_t at, const char *path,
	const char *name, const struct stat *st, struct err *err)
{
	struct seen *seen = watch->folders[at].seen;
	const struct look look = { st->st_ino, (uint64_t)st->st_size,
		mtime_ns(st), watch->scan_ms };
	const size_t before = seen_ready(seen);

	if (!judge(watch, watch->folders[at].is, path, name, st))
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
static bool scan_below(struct watch *watch, size_t at, const char *path,
	const char *name, const struct stat *st, int depth, struct err *err)
{
	if (is_left_alone(watch, st))
		return true;
	if (name_matches(watch->folders[at].is, name) &&
		strchr(name, '.') != NULL)
		complain(watch, LOG_WARN, path, "it is a folder with a "
			"file's name", "rename it", NULL);
	else if (depth >= DEPTH_MAX)
		complain(watch, LOG_WARN, path, "it is too deep", "move it up",
			NULL);
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

	if (entry->d_type == DT_REG &&
		seen_idle(watch->folders[at].seen, path))
		return true;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return true; /* gone again */
	if (S_ISDIR(st.st_mode))
		return scan_below(watch, at, path, name, &st, depth, err);
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
			complain(watch, LOG_WARN, path, "a path in it is too "
				"long", "shorten it", NULL);
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
		complain(watch, LOG_WARN, path, strerror(errno), "make it a "
			"folder this user can read", NULL);
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

static bool scan_dataset(struct watch *watch, size_t at, struct err *err)
{
	const struct folder *folder = &watch->folders[at];
	struct err why = { 0 };
	bool ok;

	if (!place_make(watch->root, folder->is->directory, &why))
		complain(watch, LOG_ERROR, folder->is->directory, why.text,
			"let this user write there", NULL);
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
		complain(watch, LOG_WARN, name, "it lies beside the datasets' "
			"folders", "move it into the folder of its dataset",
			&st);
	else if (holds_a_file(watch->root, name))
		complain(watch, LOG_WARN, name, "it holds files, but no "
			"dataset has this folder", "add a dataset with "
			"`source: { directory: ... }` to a pipeline file, or "
			"move the files", NULL);
}

static void scan_strays(struct watch *watch)
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

/* -- the whole scan --------------------------------------------------- */

static void drop_all_watches(struct watch *watch)
{
	while (watch->watched_count > 0)
		forget_watched(watch, watch->watched_count - 1);
	if (watch->notify >= 0)
		close(watch->notify);
	watch->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

/* raw_dir may be another folder by now: moved, mounted over, unmounted. */
static bool follow_root(struct watch *watch)
{
	struct stat now, had;
	const char *path = watch->options.raw_dir;
	int fd;

	if (stat(path, &now) == 0 && fstat(watch->root, &had) == 0 &&
		now.st_ino == had.st_ino && now.st_dev == had.st_dev)
		return true;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		if (log_repeat_due(&watch->no_root))
			LOG(LOG_ERROR, "no_raw_dir", LOG_S("path", path),
				LOG_S("err", strerror(errno)),
				LOG_S("remedy", "bring the folder back"));
		return false;
	}
	close(watch->root);
	watch->root = fd;
	drop_all_watches(watch);
	LOG(LOG_WARN, "raw_dir_changed", LOG_S("path", path));
	return true;
}

static void note_left_alone(struct watch *watch)
{
	if (stat(watch->options.processed_dir, &watch->leave[0]) != 0)
		watch->leave[0] = (struct stat){ 0 };
	if (stat(watch->options.failed_dir, &watch->leave[1]) != 0)
		watch->leave[1] = (struct stat){ 0 };
}

static bool overflowed(const struct watch *watch)
{
	for (size_t i = 0; i < watch->folder_count; i++)
		if (seen_overflowed(watch->folders[i].seen))
			return true;
	return false;
}

/* There is nothing to scan: what was settling is gone, too. */
static void forget_waiting(struct watch *watch)
{
	for (size_t i = 0; i < watch->folder_count; i++) {
		seen_scan_begin(watch->folders[i].seen);
		seen_scan_end(watch->folders[i].seen);
	}
}

static bool scan_all(struct watch *watch, struct err *err)
{
	bool ok = true;

	watch->wanted = false;
	watch->scan_ms = clock_now_ms();
	watch->next_scan_ms = watch->scan_ms + watch->options.rescan_ms;
	if (!follow_root(watch)) {
		forget_waiting(watch);
		return true;
	}
	(void)log_repeat_clear(&watch->no_root);
	watch->scan++;
	note_left_alone(watch);
	for (size_t i = 0; ok && i < watch->folder_count; i++)
		ok = scan_dataset(watch, i, err);
	drop_stale_watches(watch);
	scan_strays(watch);
	watch->first = watch->first && overflowed(watch);
	return ok;
}

/* -- events ----------------------------------------------------------- */

static bool file_event(struct watch *watch, const struct watched *watched,
	const char *path, const char *name, struct err *err)
{
	const struct folder *folder = &watch->folders[watched->folder];
	struct stat st;

	if (fstatat(watch->root, path, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		!judge(watch, folder->is, path, name, &st))
		return true;
	return seen_complete(folder->seen, path, err);
}

static bool folder_event(struct watch *watch, const struct watched *watched,
	uint32_t mask, const char *path, const char *name, struct err *err)
{
	const size_t at = watched->folder;
	struct stat st;

	if (mask & IN_MOVED_FROM) {
		watch->wanted = true;
		return true;
	}
	if (fstatat(watch->root, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return true;
	watch->scan_ms = clock_now_ms();
	/* watched may move in memory with what is found below */
	return scan_below(watch, at, path, name, &st, 0, err);
}

static bool named_event(struct watch *watch, const struct watch_event *event,
	struct err *err)
{
	const struct watched *watched = find_watched(watch, event->wd);
	struct buf path = { .max = PATH_MAX };
	bool ok = true;

	if (watched == NULL || !watch_name_taken(event->name))
		return true;
	if (!buf_printf(&path, err, "%s/%s", watched->path, event->name))
		watch->wanted = true; /* too long: the scan complains */
	else if (event->mask & IN_ISDIR)
		ok = folder_event(watch, watched, event->mask, path.data,
			event->name, err);
	else if (event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO))
		ok = file_event(watch, watched, path.data, event->name, err);
	buf_clear(&path);
	return ok;
}

static bool handle_event(struct watch *watch, const struct watch_event *event,
	struct err *err)
{
	if (event->mask & IN_IGNORED) {
		for (size_t i = 0; i < watch->watched_count; i++)
			if (watch->watched[i].wd == event->wd) {
				forget_watched(watch, i);
				break;
			}
		return true;
	}
	if (event->mask & (IN_Q_OVERFLOW | IN_UNMOUNT | IN_DELETE_SELF |
		IN_MOVE_SELF)) {
		watch->wanted = true;
		return true;
	}
	return named_event(watch, event, err);
}

static bool read_events(struct watch *watch, struct err *err)
{
	char data[EVENT_BYTES];
	const ssize_t got = read(watch->notify, data, sizeof(data));
	struct watch_event event;
	size_t at = 0;

	while (got > 0 && watch_event_next(data, (size_t)got, &at, &event))
		if (!handle_event(watch, &event, err))
			return false;
	return true;
}

/* -- the outside ------------------------------------------------------ */

static bool has_room_again(const struct watch *watch)
{
	for (size_t i = 0; i < watch->folder_count; i++)
		if (seen_has_room_again(watch->folders[i].seen))
			return true;
	return false;
}

static int64_t due_ms(const struct watch *watch)
{
	int64_t due = watch->next_scan_ms;

	if (watch->wanted || has_room_again(watch))
		return 0;
	for (size_t i = 0; i < watch->folder_count; i++) {
		const int64_t at = seen_due_ms(watch->folders[i].seen,
			watch->options.settle_ms);

		if (at < due)
			due = at;
	}
	return due;
}

int watch_timeout_ms(const struct watch *watch)
{
	const int64_t left = due_ms(watch) - clock_now_ms();

	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

bool watch_step(struct watch *watch, struct err *err)
{
	if (!read_events(watch, err))
		return false;
	return clock_now_ms() < due_ms(watch) || scan_all(watch, err);
}

void watch_rescan(struct watch *watch)
{
	watch->wanted = true;
}

int watch_fd(const struct watch *watch)
{
	return watch->notify;
}

int watch_root(const struct watch *watch)
{
	return watch->root;
}

char *watch_take(struct watch *watch, size_t folder)
{
	return seen_take(watch->folders[folder].seen);
}

uint64_t watch_missed(const struct watch *watch)
{
	return watch->missed;
}

static bool open_folders(struct watch *watch,
	const struct watch_folder *folders, size_t count, struct err *err)
{
	watch->folders = calloc(count + 1, sizeof(*watch->folders));
	if (watch->folders == NULL)
		return err_memory(err);
	watch->folder_count = count;
	for (size_t i = 0; i < count; i++) {
		watch->folders[i].is = &folders[i];
		watch->folders[i].seen = seen_new(FILES_MAX, err);
		if (watch->folders[i].seen == NULL ||
			!place_make(watch->root, folders[i].directory, err))
			return false;
	}
	return true;
}

struct watch *watch_open(const struct watch_options *options,
	const struct watch_folder *folders, size_t count, struct err *err)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	bool ok;

	if (watch == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	watch->options = *options;
	watch->first = watch->wanted = true;
	watch->notify = -1;
	watch->root = place_root(options->raw_dir, err);
	ok = watch->root >= 0 && open_folders(watch, folders, count, err);
	if (ok) {
		drop_all_watches(watch);
		ok = watch->notify >= 0 || err_errno(err, ERR_STOP,
			"inotify (raise fs.inotify.max_user_instances)");
	}
	if (ok)
		return watch;
	watch_close(watch);
	return NULL;
}

void watch_close(struct watch *watch)
{
	if (watch == NULL)
		return;
	while (watch->watched_count > 0)
		forget_watched(watch, watch->watched_count - 1);
	free(watch->watched);
	if (watch->notify >= 0)
		close(watch->notify);
	if (watch->root >= 0)
		close(watch->root);
	for (size_t i = 0; i < watch->folder_count; i++)
		seen_free(watch->folders[i].seen);
	free(watch->folders);
	free(watch);
}
