/* watch.c - which files below raw_dir are complete. */
#include "producer/watch_private.h"
#include "common/clock.h"
#include "common/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define FILES_MAX ((size_t)8192) /* remembered for each folder */
#define EVENT_BYTES ((size_t)64 << 10)

/* -- the whole scan --------------------------------------------------- */

static void drop_all_watches(struct watch *watch)
{
	while (watch->watched_count > 0)
		watch_forget(watch, watch->watched_count - 1);
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
		ok = watch_scan_dataset(watch, i, err);
	watch_drop_stale(watch);
	watch_tell_reach(watch);
	if (!watch->options.only_folders)
		watch_scan_strays(watch);
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
		!watch_judge(watch, folder->is, path, name, &st) ||
		watch_is_done(watch, path, &st))
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
	return watch_scan_below(watch, at, path, name, &st, 0, err);
}

static bool named_event(struct watch *watch, const struct watch_event *event,
	struct err *err)
{
	const struct watched *watched = watch_find(watch, event->wd);
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
				watch_forget(watch, i);
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

uint32_t watch_scans(const struct watch *watch)
{
	return watch->scan;
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
		watch_forget(watch, watch->watched_count - 1);
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
