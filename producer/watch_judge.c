/* watch_judge.c - which files are taken, and what is said of the others. */
#include "producer/watch_private.h"
#include "common/place.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <strings.h>
#include <sys/inotify.h>

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

bool watch_name_matches(const struct watch_folder *folder, const char *name)
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
	size_t at = (size_t)hash & (WATCH_COMPLAINTS - 1);

	for (; watch->complaints[at] != 0;
		at = (at + 1) & (WATCH_COMPLAINTS - 1))
		if (watch->complaints[at] == hash)
			return false;
	if (watch->complaint_count >= WATCH_COMPLAINTS / 4 * 3)
		return false;
	watch->complaints[at] = hash;
	if (++watch->complaint_count == WATCH_COMPLAINTS / 4 * 3)
		LOG(LOG_WARN, "not_taken", LOG_S("why", "too many files are "
			"not taken: further ones are not named"));
	return true;
}

void watch_complain(struct watch *watch, enum log_level level,
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

	watch_complain(watch, LOG_WARN, path, why, NULL, there ? &st : NULL);
}

/* -- judging ---------------------------------------------------------- */

bool watch_judge(struct watch *watch, const struct watch_folder *folder,
	const char *path, const char *name, const struct stat *st)
{
	const char *why = place_fault(st, watch->options.max_file_bytes);
	const bool matches = watch_name_matches(folder, name);

	if (S_ISREG(st->st_mode) && !matches)
		watch_complain(watch, LOG_INFO, path, "its name matches no "
			"pattern of the dataset", "rename it, or widen the "
			"pattern in the pipeline file", NULL);
	else if (why != NULL)
		watch_complain(watch, LOG_WARN, path, why, NULL, st);
	return matches && why == NULL;
}

bool watch_is_done(const struct watch *watch, const char *path,
	const struct stat *st)
{
	const struct watch_options *options = &watch->options;

	return options->is_done != NULL &&
		options->is_done(options->context, path, st);
}
