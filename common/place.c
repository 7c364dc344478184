/* place.c - files below a folder: opened and moved without surprises. */
#include "common/place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A sparse file this large with less than a thousandth stored is a mistake
 * or an attack; compressing file systems do not come near. */
#define SPARSE_FROM ((uint64_t)64 << 20)
#define SPARSE_FACTOR 1000
#define SUFFIX_MAX (1u << 30)
#define COPY_BYTES ((size_t)256 << 10)

int place_open(int root, const char *path, int flags, struct err *err)
{
	const struct open_how how = {
		.flags = (unsigned)(flags | O_NOFOLLOW | O_NONBLOCK |
			O_CLOEXEC | O_NOCTTY),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			RESOLVE_NO_MAGICLINKS,
	};
	const long fd = syscall(SYS_openat2, root, path, &how, sizeof(how));

	if (fd < 0)
		(void)err_errno(err, ERR_REJECT, "open %s", path);
	return (int)fd;
}

bool place_exists(int root, const char *path)
{
	struct stat st;

	return fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
		errno != ENOENT;
}

/* Every folder on the way to path, path itself included. */
static bool make_all(int root, const char *path, struct err *err)
{
	char *copy = strdup(path);
	bool ok = copy != NULL || err_memory(err);

	for (char *at = copy; ok && at != NULL;) {
		at = strchr(at + 1, '/');
		if (at != NULL)
			*at = '\0';
		if (mkdirat(root, copy, 0777) != 0 && errno != EEXIST)
			ok = err_errno(err, ERR_RETRY, "make folder %s", copy);
		if (at != NULL)
			*at = '/';
	}
	free(copy);
	return ok;
}

int place_root(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && make_all(AT_FDCWD, path, err))
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		(void)err_errno(err, ERR_STOP, "open folder %s", path);
		err->exit_code = EXIT_IO;
	}
	return fd;
}

int place_again(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT &&
		(mkdir(path, 0777) == 0 || errno == EEXIST))
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		(void)err_errno(err, ERR_RETRY, "open folder %s", path);
	return fd;
}

bool place_make(int root, const char *folder, struct err *err)
{
	return make_all(root, folder, err);
}

const char *place_fault(const struct stat *st, uint64_t max_bytes)
{
	const uint64_t size = (uint64_t)st->st_size;

	if (S_ISLNK(st->st_mode))
		return "it is a symbolic link: put the file itself there";
	if (S_ISDIR(st->st_mode))
		return "it is a folder";
	if (!S_ISREG(st->st_mode))
		return "it is no regular file: remove it";
	if (st->st_nlink > 1)
		return "it has further hard links: copy or move it instead";
	if (size > max_bytes)
		return "it is larger than max_file_bytes: split it, or raise "
			"the setting";
	if (size >= SPARSE_FROM &&
		(uint64_t)st->st_blocks * 512 * SPARSE_FACTOR < size)
		return "it is nearly all holes: write it out, or compress it";
	return NULL;
}

/* -- moving ----------------------------------------------------------- */

/* Where the file system knows no RENAME_NOREPLACE, look first. */
static int rename_looking(int from_root, const char *from, int to_root,
	const char *to)
{
	if (place_exists(to_root, to)) {
		errno = EEXIST;
		return -1;
	}
	return renameat(from_root, from, to_root, to);
}

bool place_rename(int from_root, const char *from, int to_root, const char *to,
	struct err *err)
{
	int rc = renameat2(from_root, from, to_root, to, RENAME_NOREPLACE);

	if (rc != 0 && (errno == EINVAL || errno == ENOSYS))
		rc = rename_looking(from_root, from, to_root, to);
	return rc == 0 ||
		err_errno(err, ERR_REJECT, "rename %s to %s", from, to);
}

bool place_write(int fd, const char *data, size_t len)
{
	while (len > 0) {
		const ssize_t put = write(fd, data, len);

		if (put < 0 && errno != EINTR)
			return false;
		data += put > 0 ? put : 0;
		len -= put > 0 ? (size_t)put : 0;
	}
	return true;
}

static bool copy_bytes(int in, int out, struct err *err)
{
	char *data = malloc(COPY_BYTES);
	ssize_t got = 1;
	bool ok = data != NULL || err_memory(err);

	while (ok && got > 0) {
		got = read(in, data, COPY_BYTES);
		ok = (got >= 0 && place_write(out, data, (size_t)got)) ||
			err_errno(err, ERR_RETRY, "copy");
	}
	free(data);
	return ok;
}

static bool copy_file(int in, int to_root, const char *to, struct err *err)
{
	const int out = openat(to_root, to,
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st = { 0 };
	bool ok;

	if (out < 0)
		return err_errno(err, ERR_RETRY, "create %s", to);
	ok = copy_bytes(in, out, err);
	ok = ok && (fstat(in, &st) == 0 || err_errno(err, ERR_RETRY, "stat"));
	if (ok)
		ok = (futimens(out, (struct timespec[]){ st.st_atim,
			st.st_mtim }) == 0 &&
			fchmod(out, st.st_mode & 07777) == 0 &&
			fsync(out) == 0) ||
			err_errno(err, ERR_RETRY, "finish %s", to);
	close(out);
	return ok;
}

/* The half-made copy has a name of its own, replaced when a crash left one. */
static bool move_across(int from_root, const char *from, int to_root,
	const char *to, struct err *err)
{
	const int in = place_open(from_root, from, O_RDONLY, err);
	struct buf part = { 0 };
	bool ok = in >= 0 && buf_printf(&part, err, "%s.sluice-part", to);

	ok = ok && copy_file(in, to_root, part.data, err);
	ok = ok && place_rename(to_root, part.data, to_root, to, err);
	ok = ok && place_sync(to_root, to, err);
	if (!ok && part.data != NULL)
		(void)unlinkat(to_root, part.data, 0);
	if (ok && unlinkat(from_root, from, 0) != 0)
		ok = err_errno(err, ERR_RETRY, "remove %s", from);
	buf_clear(&part);
	if (in >= 0)
		close(in);
	return ok;
}

bool place_move(int from_root, const char *from, int to_root, const char *to,
	struct err *err)
{
	if (place_rename(from_root, from, to_root, to, err))
		return true;
	return errno == EXDEV &&
		move_across(from_root, from, to_root, to, err);
}

/* base with the suffix, its last component cut to fit a name. */
static bool suffixed(struct buf *out, const char *base, unsigned n,
	struct err *err)
{
	const char *slash = strrchr(base, '/');
	const size_t folder = slash == NULL ? 0 : (size_t)(slash - base) + 1;
	char suffix[16];
	const int len = snprintf(suffix, sizeof(suffix), ".%u", n);
	size_t name = strlen(base + folder);

	if (name + (size_t)len > NAME_MAX)
		name = NAME_MAX - (size_t)len;
	buf_reset(out);
	return buf_add(out, base, folder + name, err) &&
		buf_add_str(out, suffix, err);
}

/* Doubles the suffix until a name is free, then halves the gap: few looks
 * even when the same name came a million times. */
bool place_free_name(int root, struct buf *path, struct err *err)
{
	struct buf name = { 0 };
	unsigned taken = 0, open = 1;
	bool ok = true;

	if (!place_exists(root, path->data))
		return true;
	while ((ok = suffixed(&name, path->data, open, err)) &&
		open < SUFFIX_MAX && place_exists(root, name.data)) {
		taken = open;
		open *= 2;
	}
	while (ok && open - taken > 1) {
		const unsigned middle = taken + (open - taken) / 2;

		ok = suffixed(&name, path->data, middle, err);
		if (ok && place_exists(root, name.data))
			taken = middle;
		else
			open = middle;
	}
	ok = ok && suffixed(&name, path->data, open, err);
	if (ok) {
		buf_reset(path);
		ok = buf_add(path, name.data, name.len, err);
	}
	buf_clear(&name);
	return ok;
}

bool place_sync(int root, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL ? strdup(".")
				     : strndup(path, (size_t)(slash - path));
	bool ok;
	int fd;

	if (folder == NULL)
		return err_memory(err);
	fd = openat(root, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ok = (fd >= 0 && fsync(fd) == 0) ||
		err_errno(err, ERR_RETRY, "sync folder %s", folder);
	if (fd >= 0)
		close(fd);
	free(folder);
	return ok;
}
