/* api_spool.c - the records of an answer become a claimed source. */
#include "producer/api_spool.h"

#include "common/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool write_file(int root, const char *path, const void *data,
	size_t len, struct source *source, struct err *err)
{
	const int fd = openat(root, path,
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st = { 0 };
	bool ok;

	if (fd < 0)
		return err_errno(err, ERR_RETRY, "create %s", path);
	ok = (place_write(fd, data, len) && fsync(fd) == 0 &&
		     fstat(fd, &st) == 0) ||
		err_errno(err, ERR_RETRY, "write %s", path);
	close(fd);
	source->device = st.st_dev;
	source->inode = st.st_ino;
	source->size = (uint64_t)st.st_size;
	source->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 +
		st.st_mtim.tv_nsec;
	return ok;
}

/* Under another name first: a claimed file is always whole. */
static bool put_file(int root, const void *data, size_t len,
	struct source *source, struct err *err)
{
	char drop[UUID_TEXT];
	struct buf path = { 0 }, part = { 0 }, folder = { 0 };
	bool ok;

	uuid_format(&source->drop, drop);
	ok = buf_printf(&folder, err, "%s/" CLAIMED_FOLDER,
		     source->directory) &&
		buf_printf(&part, err, "%s/.%s", folder.data, drop) &&
		source_claimed_path(source, &path, err) &&
		place_make(root, folder.data, err) &&
		write_file(root, part.data, data, len, source, err);
	if (ok && renameat(root, part.data, root, path.data) != 0)
		ok = err_errno(err, ERR_RETRY, "rename %s", part.data);
	ok = ok && place_sync(root, path.data, err);
	if (!ok && part.data != NULL)
		(void)unlinkat(root, part.data, 0);
	buf_clear(&path);
	buf_clear(&part);
	buf_clear(&folder);
	return ok;
}

static struct source *describe(const struct claim_rules *rules,
	const struct uuid *drop, const char *name, int64_t claimed_us,
	struct err *err)
{
	struct buf whole = { 0 };
	struct source *source = NULL;

	if (buf_printf(&whole, err, "%s/%s", rules->directory, name))
		source = source_new(rules->pipeline, rules->dataset,
			rules->directory, whole.data, err);
	buf_clear(&whole);
	if (source == NULL)
		return NULL;
	source->limits = rules->limits;
	source->limits.records[0] = '\0'; /* they are cut out already */
	source->reader_version = READER_VERSION;
	source->claimed_us = claimed_us;
	source->drop = *drop;
	return source;
}

struct source *api_spool(const char *raw_dir, const struct claim_rules *rules,
	const struct uuid *drop, const char *name, int64_t claimed_us,
	const void *data, size_t len, struct err *err)
{
	struct source *source = describe(rules, drop, name, claimed_us, err);
	int root = -1;

	if (source == NULL)
		return NULL;
	if (sha256_once(data, len, source->sha256, err))
		root = place_again(raw_dir, err);
	if (root >= 0 && put_file(root, data, len, source, err)) {
		close(root);
		return source;
	}
	if (root >= 0)
		close(root);
	if (err->kind == ERR_REJECT)
		err->kind = ERR_RETRY; /* a rename is tried again */
	source_free(source);
	return NULL;
}
