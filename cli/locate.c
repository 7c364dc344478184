/* locate.c - where the file of a source is now. */
#include "cli/locate.h"
#include "common/hash.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 16
#define HASH_MAX_BYTES ((int64_t)256 << 20)
#define BLOCK_BYTES ((size_t)64 << 10)

struct search {
	const struct locate_wanted *wanted;
	const char *last; /* of the wanted name */
	struct buf path;  /* the folder being read */
	struct buf *found;
	struct buf shown; /* scratch */
};

/* The wanted name, or that with .1, .2 ... where it was taken. */
static bool same_name(struct search *search, const char *name, struct err *err)
{
	const size_t len = strlen(search->last);
	const char *rest;

	buf_reset(&search->shown);
	if (!buf_add_escaped(&search->shown, name, strlen(name), err) ||
		strncmp(search->shown.data, search->last, len) != 0)
		return false;
	rest = search->shown.data + len;
	return rest[0] == '\0' || (rest[0] == '.' && rest[1] != '\0' &&
		strspn(rest + 1, "0123456789") == strlen(rest + 1));
}

/* A file that cannot be read passes: its name and size are what is known. */
static bool same_digest(int folder, const char *name, const char *want,
	struct err *err)
{
	char *block = malloc(BLOCK_BYTES), text[SHA256_TEXT] = "";
	struct sha256 *hash = sha256_new(err);
	uint8_t digest[SHA256_BYTES];
	bool ok = block != NULL && hash != NULL;
	ssize_t got = 1;
	int fd;

	fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	while (ok && fd >= 0 && (got = read(fd, block, BLOCK_BYTES)) > 0)
		ok = sha256_add(hash, block, (size_t)got, err);
	if (ok && fd >= 0 && got == 0 && sha256_end(hash, digest, err))
		sha256_format(digest, text);
	if (fd >= 0)
		close(fd);
	sha256_free(hash);
	free(block);
	return ok && (fd < 0 || got < 0 || strcmp(text, want) == 0);
}

static bool consider(struct search *search, int folder, const char *name,
	const struct stat *st, struct err *err)
{
	const struct locate_wanted *wanted = search->wanted;
	const bool hash = wanted->sha256 != NULL &&
		wanted->sha256[0] != '\0' && st->st_size <= HASH_MAX_BYTES;

	if (wanted->size >= 0 && st->st_size != wanted->size)
		return true;
	if (!same_name(search, name, err) ||
		(hash && !same_digest(folder, name, wanted->sha256, err)))
		return err->kind == ERR_NONE;
	return buf_printf(search->found, err, "%s/%s", search->path.data, name);
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

	while (ok && dir != NULL && search->found->len == 0 &&
		(entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' || too_early(search, entry->d_name))
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st,
			    AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (S_ISREG(st.st_mode)) {
			ok = consider(search, dirfd(dir), entry->d_name, &st,
				err);
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
	bool ok;

	if (search->found->len > 0)
		return true;
	buf_reset(&search->path);
	ok = buf_printf(&search->path, err, "%s/%s", root,
		search->wanted->directory) && walk(search, 0, err);
	if (search->found->len > 0)
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
		.found = &located->path,
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
