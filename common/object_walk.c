/* object_walk.c - the files below a folder, in the order of their paths. */
#include "common/object_driver.h"
#include "common/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void object_describe(const struct stat *st, struct object_info *info)
{
	*info = (struct object_info){
		.there = true,
		.bytes = (uint64_t)st->st_size,
		.changed_us = (int64_t)st->st_mtim.tv_sec * 1000000 +
			st->st_mtim.tv_nsec / 1000,
	};
}

struct walk {
	const char *prefix;
	const char *after; /* NULL: from the first */
	object_key_each *each;
	void *context;
	struct buf key;    /* of the folder at hand: empty, or ends in '/' */
	bool over;
	struct err *err;
};

struct names {
	char **list; /* a folder's ends in '/' */
	size_t count, room;
};

static void names_clear(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
	free(names->list);
}

static bool names_add(struct names *names, const char *name, bool folder,
	struct err *err)
{
	struct buf text = { 0 };

	if (names->count == names->room) {
		const size_t room = names->room * 2 + 64;
		char **list = realloc(names->list, room * sizeof(*list));

		if (list == NULL)
			return err_memory(err);
		names->list = list;
		names->room = room;
	}
	if (!buf_printf(&text, err, "%s%s", name, folder ? "/" : ""))
		return false;
	names->list[names->count++] = buf_take(&text);
	return true;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Regular files and folders without a dot; what vanishes is not there. */
static bool read_names(DIR *dir, struct names *names, struct err *err)
{
	const struct dirent *entry;
	struct stat st;
	bool ok = true;

	errno = 0;
	while (ok && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.' &&
			fstatat(dirfd(dir), entry->d_name, &st,
				AT_SYMLINK_NOFOLLOW) == 0 &&
			(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
			ok = names_add(names, entry->d_name,
				S_ISDIR(st.st_mode), err);
		errno = 0;
	}
	if (ok && errno != 0)
		ok = err_errno(err, ERR_RETRY, "read a folder");
	if (ok && names->count > 0)
		qsort(names->list, names->count, sizeof(*names->list),
			compare_names);
	return ok;
}

static bool begins_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/* A folder of which some key may be wanted. */
static bool leads_on(const struct walk *walk, const char *key)
{
	if (!begins_with(key, walk->prefix) && !begins_with(walk->prefix, key))
		return false;
	return walk->after == NULL || begins_with(walk->after, key) ||
		strcmp(key, walk->after) > 0;
}

static bool is_wanted(const struct walk *walk, const char *key)
{
	return begins_with(key, walk->prefix) &&
		(walk->after == NULL || strcmp(key, walk->after) > 0);
}

static bool give_key(struct walk *walk, int at, const char *name)
{
	struct object_info info;
	struct stat st;

	if (!is_wanted(walk, walk->key.data) ||
		fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return true;
	object_describe(&st, &info);
	walk->over = !walk->each(walk->context, walk->key.data, &info,
		walk->err);
	return !walk->over || walk->err->kind == ERR_NONE;
}

static bool walk_folder(struct walk *walk, int fd, int depth);

static bool walk_name(struct walk *walk, int at, char *name, int depth)
{
	const size_t had = walk->key.len;
	const size_t len = strlen(name);
	struct err none = { 0 };
	bool ok = buf_add(&walk->key, name, len, walk->err);

	if (ok && name[len - 1] != '/') {
		ok = give_key(walk, at, name);
	} else if (ok && depth < OBJECT_PARTS_MAX &&
		leads_on(walk, walk->key.data)) {
		int fd;

		name[len - 1] = '\0';
		fd = place_open(at, name, O_RDONLY | O_DIRECTORY, &none);
		ok = fd >= 0 ? walk_folder(walk, fd, depth + 1) :
			errno == ENOENT || errno == ELOOP ||
				err_errno(walk->err, ERR_RETRY, "open %s",
					name);
	}
	walk->key.len = had;
	if (walk->key.data != NULL)
		walk->key.data[had] = '\0';
	return ok;
}

/* Closes fd. Two looks at each file, but few at a time are in memory: those
 * of one folder on each level. */
static bool walk_folder(struct walk *walk, int fd, int depth)
{
	struct names names = { .list = NULL };
	DIR *dir = fdopendir(fd);
	bool ok = dir != NULL || err_errno(walk->err, ERR_RETRY, "a folder");

	ok = ok && read_names(dir, &names, walk->err);
	for (size_t i = 0; ok && !walk->over && i < names.count; i++)
		ok = walk_name(walk, fd, names.list[i], depth);
	if (dir != NULL)
		(void)closedir(dir);
	else
		(void)close(fd);
	names_clear(&names);
	return ok;
}

bool object_walk(int fd, const char *prefix, const char *after,
	object_key_each *each, void *context, struct err *err)
{
	struct walk walk = { .prefix = prefix, .after = after, .each = each,
		.context = context, .err = err };
	const bool ok = walk_folder(&walk, fd, 1);

	buf_clear(&walk.key);
	return ok;
}
