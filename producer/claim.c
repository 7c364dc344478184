/* claim.c - a complete file becomes a source that nobody else can touch. */
#include "producer/claim.h"
#include "common/clock.h"
#include "common/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_BYTES ((size_t)128 << 10)
#define TRIES_MAX 3

static int64_t mtime_ns(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

static void note_facts(struct source *source, const struct stat *st)
{
	source->device = st->st_dev;
	source->inode = st->st_ino;
	source->size = (uint64_t)st->st_size;
	source->mtime_ns = mtime_ns(st);
}

static bool same_content(const struct source *source, const struct stat *st)
{
	return (uint64_t)st->st_size == source->size &&
		mtime_ns(st) == source->mtime_ns;
}

static bool same_file(const struct source *source, const struct stat *st)
{
	return st->st_ino == source->inode && st->st_dev == source->device &&
		same_content(source, st);
}

bool claim_unchanged(int fd, const struct source *source)
{
	struct stat st;

	return fstat(fd, &st) == 0 && same_content(source, &st);
}

/* -- opening ---------------------------------------------------------- */

static void close_file(struct claim *claim)
{
	if (claim->fd >= 0)
		close(claim->fd);
	claim->fd = -1;
}

static bool open_and_judge(struct claim *claim, int root, const char *path,
	struct err *err)
{
	const char *why;
	struct stat st;

	claim->fd = place_open(root, path, O_RDONLY, err);
	if (claim->fd < 0)
		return false;
	if (fstat(claim->fd, &st) != 0)
		return err_errno(err, ERR_REJECT, "stat %s", path);
	why = place_fault(&st, claim->rules->max_file_bytes);
	if (why != NULL) {
		errno = EINVAL;
		return err_set(err, ERR_REJECT, "%s", why);
	}
	note_facts(claim->source, &st);
	claim->hashed = 0;
	return true;
}

static struct source *new_source(const struct claim_rules *rules,
	const char *path, struct err *err)
{
	struct source *source = source_new(rules->pipeline, rules->dataset,
		rules->directory, path, err);

	if (source == NULL)
		return NULL;
	source->limits = rules->limits;
	source->reader_version = READER_VERSION;
	source->claimed_us = clock_wall_us();
	if (uuid_random(&source->drop, err))
		return source;
	source_free(source);
	return NULL;
}

struct claim *claim_new(int root, const struct claim_rules *rules,
	const char *path, struct err *err)
{
	struct claim *claim = calloc(1, sizeof(*claim));
	int saved;

	if (claim == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	claim->rules = rules;
	claim->fd = -1;
	claim->hash = sha256_new(err);
	if (claim->hash != NULL)
		claim->source = new_source(rules, path, err);
	if (claim->source != NULL && open_and_judge(claim, root, path, err))
		return claim;
	saved = errno;
	claim_free(claim);
	errno = saved;
	return NULL;
}

void claim_free(struct claim *claim)
{
	if (claim == NULL)
		return;
	close_file(claim);
	sha256_free(claim->hash);
	source_free(claim->source);
	free(claim);
}

/* -- hashing ---------------------------------------------------------- */

/* One read; *got 0: the end. */
static bool hash_some(struct claim *claim, size_t want, size_t *got,
	struct err *err)
{
	char data[HASH_BYTES];
	const ssize_t n = pread(claim->fd, data,
		want < sizeof(data) ? want : sizeof(data),
		(off_t)claim->hashed);

	if (n < 0)
		return err_errno(err, ERR_REJECT, "read");
	*got = (size_t)n;
	claim->hashed += (uint64_t)n;
	return sha256_add(claim->hash, data, (size_t)n, err);
}

bool claim_hash(struct claim *claim, size_t max_bytes, bool *done,
	struct err *err)
{
	struct source *source = claim->source;
	size_t got = 1;

	*done = false;
	while (max_bytes > 0 && claim->hashed < source->size && got > 0) {
		const uint64_t left = source->size - claim->hashed;

		if (!hash_some(claim, left < max_bytes ? left : max_bytes,
			&got, err))
			return false;
		max_bytes -= got;
	}
	if (claim->hashed < source->size && got > 0)
		return true;
	*done = true;
	if (!sha256_end(claim->hash, source->sha256, err))
		return false;
	/* in .claimed nobody is waited for: the commit looks once more */
	if (claim->tries == 0 && !claim_unchanged(claim->fd, source))
		return err_set(err, ERR_REJECT, "it is still being written");
	close_file(claim); /* many wait for one commit */
	return true;
}

/* -- committing ------------------------------------------------------- */

static bool add_row(struct state *state, struct claim *claim, struct err *err)
{
	struct source *source = claim->source;

	if (claim->tries > 0)
		return state_update(state, source, err);
	if (claim->rules->skip_duplicates && !state_same(state, source,
		&source->duplicate, &source->duplicate_of, err))
		return false;
	return state_add(state, source, err);
}

static bool add_rows(struct state *state, struct claim *const *claims,
	size_t count, struct err *err)
{
	bool ok = state_begin(state, err);

	for (size_t i = 0; ok && i < count; i++)
		ok = add_row(state, claims[i], err);
	ok = ok && state_commit(state, err);
	if (!ok)
		state_rollback(state);
	return ok;
}

/* The folder is made when the first rename misses it. */
static bool rename_file(int root, const struct source *source, const char *to,
	struct err *err)
{
	struct buf folder = { 0 };
	bool ok = place_rename(root, source->name, root, to, err);

	if (!ok && errno == ENOENT) {
		ok = buf_printf(&folder, err, "%s/" CLAIMED_FOLDER,
			source->directory) &&
			place_make(root, folder.data, err) &&
			place_rename(root, source->name, root, to, err);
		buf_clear(&folder);
	}
	return ok;
}

/* Something else had taken the file's name: it is none of ours. */
static void put_back(struct claim *claim, int root, const char *path)
{
	struct err err = { 0 };

	claim->fate = CLAIM_REFUSED;
	if (!place_rename(root, path, root, claim->source->name, &err))
		(void)err_wrap(&claim->why, "%s (left in %s)", path,
			CLAIMED_FOLDER);
}

/* What lies under the claimed name now must be what was hashed; otherwise
 * it was replaced or written to in between, and is hashed again. */
static void verify(struct claim *claim, int root, const char *path)
{
	struct stat st;

	claim->fate = CLAIM_TAKEN;
	if (fstatat(root, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		same_file(claim->source, &st))
		return;
	if (claim->tries >= TRIES_MAX)
		return; /* the publisher will see that it changes */
	claim->fate = CLAIM_AGAIN;
	if (!open_and_judge(claim, root, path, &claim->why))
		put_back(claim, root, path);
}

static void take_file(struct claim *claim, int root)
{
	struct buf path = { 0 };

	claim->fate = CLAIM_REFUSED;
	if (!source_claimed_path(claim->source, &path, &claim->why))
		return;
	if (claim->tries++ > 0 || rename_file(root, claim->source, path.data,
		&claim->why))
		verify(claim, root, path.data);
	else if (errno == ENOENT)
		claim->fate = CLAIM_GONE;
	buf_clear(&path);
}

/* Rows of files that stayed where they were. One that cannot be removed is
 * found to have no file at the next start, and said so. */
static void forget_rows(struct state *state, struct claim *const *claims,
	size_t count)
{
	struct err err = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++)
		if (claims[i]->fate == CLAIM_GONE ||
			claims[i]->fate == CLAIM_REFUSED)
			ok = state_forget(state, &claims[i]->source->drop,
				&err);
}

bool claim_commit(int root, struct state *state, struct claim *const *claims,
	size_t count, struct err *err)
{
	if (!add_rows(state, claims, count, err))
		return false;
	for (size_t i = 0; i < count; i++)
		take_file(claims[i], root);
	forget_rows(state, claims, count);
	return true;
}
