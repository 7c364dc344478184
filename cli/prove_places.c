/* prove_places.c - where the files of a proof are now. */
#include "cli/prove_places.h"
#include "cli/prove_gen.h"
#include "common/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 16

struct search {
	struct buf path; /* the folder being read */
	uint8_t *seen;
	size_t count;
	int64_t *found, *strange;
};

static void note(struct search *search, const char *name)
{
	uint32_t number;

	++*search->found;
	if (!prove_file_number(name, &number) || number >= search->count)
		++*search->strange;
	else if (search->seen != NULL && search->seen[number] < UINT8_MAX)
		search->seen[number]++;
}

static bool walk(struct search *search, int depth, struct err *err)
{
	const size_t len = search->path.len;
	DIR *dir = opendir(search->path.data);
	const struct dirent *entry;
	struct stat st;
	bool ok = true;

	if (dir == NULL)
		return errno == ENOENT || err_errno(err, ERR_STOP, "read %s",
			search->path.data);
	while (ok && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0 ||
			fstatat(dirfd(dir), entry->d_name, &st,
				AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (!S_ISDIR(st.st_mode)) {
			note(search, entry->d_name);
		} else if (depth < DEPTH_MAX) {
			ok = buf_printf(&search->path, err, "/%s",
				entry->d_name) && walk(search, depth + 1, err);
			search->path.len = len;
			search->path.data[len] = '\0';
		}
	}
	closedir(dir);
	return ok;
}

bool prove_places(const char *folder, uint8_t *seen, size_t count,
	int64_t *found, int64_t *strange, struct err *err)
{
	struct search search = { .seen = seen, .count = count, .found = found,
		.strange = strange };
	bool ok;

	*found = 0;
	*strange = 0;
	ok = buf_add_str(&search.path, folder, err) && walk(&search, 0, err);
	buf_clear(&search.path);
	return ok;
}
