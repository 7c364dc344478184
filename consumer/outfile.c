/* outfile.c - a file that is there whole, or as it was before. */
#include "consumer/outfile.h"
#include "common/place.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/* The part has one name, so that a death leaves one at most; who holds its
 * lock writes. Another writer may have renamed it before we had the lock. */
static int open_part(const struct outfile *out)
{
	struct stat ours, named;
	int fd;

	for (;;) {
		fd = openat(out->root, out->part,
			O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (fd < 0)
			return -1;
		if (flock(fd, LOCK_EX) != 0 || fstat(fd, &ours) != 0)
			break;
		if (fstatat(out->root, out->part, &named,
			    AT_SYMLINK_NOFOLLOW) == 0 &&
			named.st_ino == ours.st_ino &&
			named.st_dev == ours.st_dev)
			return fd;
		close(fd);
	}
	close(fd);
	return -1;
}

static void close_all(struct outfile *out)
{
	if (out->file != NULL)
		(void)fclose(out->file);
	if (out->root >= 0)
		close(out->root);
	out->file = NULL;
	out->root = -1;
}

bool outfile_open(struct outfile *out, const char *dir, const char *name,
	struct err *err)
{
	int fd;

	*out = (struct outfile){ .root = place_root(dir, err) };
	if (out->root < 0)
		return false;
	(void)snprintf(out->name, sizeof(out->name), "%s", name);
	(void)snprintf(out->part, sizeof(out->part), ".%s.part", out->name);
	fd = open_part(out);
	if (fd >= 0 && ftruncate(fd, 0) == 0)
		out->file = fdopen(fd, "w");
	if (out->file != NULL)
		return true;
	(void)err_errno(err, ERR_STOP, "write %s/%s", dir, name);
	if (fd >= 0)
		close(fd);
	close_all(out);
	return false;
}

bool outfile_commit(struct outfile *out, struct err *err)
{
	bool ok;

	ok = (fflush(out->file) == 0 && ferror(out->file) == 0 &&
		fchmod(fileno(out->file), 0644) == 0 &&
		fsync(fileno(out->file)) == 0 &&
		renameat(out->root, out->part, out->root, out->name) == 0) ||
		err_errno(err, ERR_STOP, "write %s", out->name);
	ok = ok && place_sync(out->root, out->name, err);
	if (ok)
		close_all(out);
	else
		outfile_abandon(out);
	return ok;
}

void outfile_abandon(struct outfile *out)
{
	if (out->file == NULL)
		return;
	(void)unlinkat(out->root, out->part, 0);
	close_all(out);
}
