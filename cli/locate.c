/* locate.c - where the file of a source is now. */
#include "cli/locate.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 32
#define SHORT_DROP 8 /* characters of a drop id that a moved file may carry */

struct search {
	const struct locate_wanted *wanted;
	const char *last; /* of the wanted name */
	struct buf path;  /* the folder being read */
	struct buf *best;
	int best_score;
	struct buf shown; /* scratch */
};

/* 0: another file; more is better. */
static int score(struct search *search, const char *name, struct err *err)
{
	char drop[SHORT_DROP + 1];
	size_t stem;

	buf_reset(&search->shown);
	if (!buf_add_escaped(&search->shown, name, strlen(name), err))
		return 0;
	memcpy(drop, search->wanted->drop, SHORT_DROP);
	drop[SHORT_DROP] = '\0';
	stem = strcspn(search->last, ".");
	if (strncmp(search->shown.data, search->last, stem) == 0 &&
		strstr(search->shown.data, drop) != NULL)
		return 2;
	return strcmp(search->shown.data, search->last) == 0 ? 1 : 0;
}

static bool consider(struct search *search, const char *name,
	const struct stat *st, struct err *err)
{
	int value;

	if (search->wanted->size >= 0 && st->st_size != search->wanted->size)
		return true;
	value = score(search, name, err);
	if (value <= search->best_score)
		return err->kind == ERR_NONE;
	search->best_score = value;
	buf_reset(search->best);
	return buf_printf(search->best, err, "%s/%s", search->path.data, name);
}

/* "2026-11-21" when the claim was on 2026-11-22. */
static bool too_early(const struct search *search, const char *name)
{
	return strlen(name) == 10 && strspn(name, "0123456789-") == 10 &&
		strcmp(name, search->wanted->day) < 0;
}

static bool walk(struct search *search, int depth, struct err *err)
{
	DIR *dir = opendir(search->path.data);
	const size_t len = search->path.len;
	const struct dirent *entry;
	struct stat st;
	bool ok = true;

	while (ok && dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' || too_early(search, entry->d_name))
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st,
			    AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (S_ISREG(st.st_mode)) {
			ok = consider(search, entry->d_name, &st, err);
		} else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
			ok = buf_printf(&search->path, err, "/%s",
				entry->d_name) && walk(search, depth + 1, err);
			search->path.len = len;
			search->path.data[len] = '\0';
		}
	}
	if (dir != NULL)
		closedir(dir);
	return ok;
}

static bool look_below(struct search *search, const char *root,
	enum place place, struct located *located, struct err *err)
{
	const int before = search->best_score;
	bool ok;

	buf_reset(&search->path);
	ok = buf_printf(&search->path, err, "%s/%s", root,
		search->wanted->directory) && walk(search, 0, err);
	if (search->best_score > before)
		located->place = place;
	return ok;
}

bool locate_source(const struct config *config,
	const struct locate_wanted *wanted, struct located *located,
	struct err *err)
{
	const char *slash = strrchr(wanted->name, '/');
	struct search search = {
		.wanted = wanted,
		.last = slash != NULL ? slash + 1 : wanted->name,
		.path = { .max = (size_t)PATH_MAX * 4 },
		.best = &located->path,
	};
	struct stat st;
	bool ok = buf_printf(&located->path, err, "%s/%s/.claimed/%s",
		config->raw_dir, wanted->directory, wanted->drop);

	located->place = PLACE_UNKNOWN;
	if (ok && lstat(located->path.data, &st) == 0) {
		located->place = PLACE_CLAIMED;
		return true;
	}
	buf_reset(&located->path);
	ok = ok && look_below(&search, config->processed_dir, PLACE_PROCESSED,
		located, err);
	ok = ok && look_below(&search, config->failed_dir, PLACE_FAILED,
		located, err);
	buf_clear(&search.path);
	buf_clear(&search.shown);
	return ok;
}
