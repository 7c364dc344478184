/* finish.c - files whose source has ended leave .claimed. */
#include "producer/finish.h"
#include "common/clock.h"
#include "common/place.h"
#include "producer/archive.h"
#include "producer/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The two folders a batch moves to, opened anew for each: they may be on
 * file systems that come and go. */
struct targets {
	int processed;
	int failed;
};

static int target_root(const struct targets *targets,
	const struct source *source)
{
	return source->failed ? targets->failed : targets->processed;
}

static bool open_targets(const struct finish_dirs *dirs,
	struct targets *targets, struct err *err)
{
	targets->processed = place_again(dirs->processed_dir, err);
	targets->failed = targets->processed < 0 ? -1 :
		place_again(dirs->failed_dir, err);
	return targets->failed >= 0; /* or somebody mends it while we run */
}

static void close_targets(struct targets *targets)
{
	if (targets->processed >= 0)
		close(targets->processed);
	if (targets->failed >= 0)
		close(targets->failed);
}

/* -- choosing --------------------------------------------------------- */

/* The name below the dataset's directory; subfolders are kept. */
static const char *name_below(const struct source *source)
{
	const size_t len = strlen(source->directory);

	if (strncmp(source->name, source->directory, len) == 0 &&
		source->name[len] == '/')
		return source->name + len + 1;
	return source->name;
}

static bool make_folder_of(int root, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL ? NULL :
		strndup(path, (size_t)(slash - path));
	const bool ok = folder == NULL ? slash == NULL || err_memory(err) :
		place_make(root, folder, err);

	free(folder);
	return ok;
}

static bool is_claimed(const struct finish_dirs *dirs,
	const struct source *source)
{
	struct buf path = { 0 };
	struct err err = { 0 };
	const bool there = source_claimed_path(source, &path, &err) &&
		place_exists(dirs->root, path.data);

	buf_clear(&path);
	return there;
}

static bool choose_new(int root, struct source *source, struct err *err)
{
	char date[CLOCK_TEXT];
	struct buf path = { 0 };
	bool ok;

	clock_format_date(clock_wall_us(), date);
	ok = buf_printf(&path, err, "%s/%s/%s", source->directory, date,
		name_below(source));
	ok = ok && make_folder_of(root, path.data, err);
	ok = ok && place_free_name(root, &path, err);
	if (ok) {
		free(source->target);
		source->target = buf_take(&path);
	}
	buf_clear(&path);
	return ok;
}

static bool is_replay(const struct source *source)
{
	return !uuid_is_nil(&source->replay_of);
}

/* What could not be read goes where people look for it. */
static bool goes_to_store(const struct finish_dirs *dirs,
	const struct source *source)
{
	return source->object != NULL ||
		(dirs->to_store && !source->failed &&
			source->target == NULL && !is_replay(source));
}

/* A file that an earlier attempt moved keeps the target it has, as does one
 * that was there before it was loaded again. */
static bool choose_target(const struct finish_dirs *dirs,
	const struct targets *targets, struct source *source, struct err *err)
{
	const int root = target_root(targets, source);

	source->state = SOURCE_PUBLISHED;
	if (goes_to_store(dirs, source))
		return source->object != NULL || archive_name(source, err);
	if (source->target != NULL &&
		(is_replay(source) || !is_claimed(dirs, source)) &&
		place_exists(root, source->target))
		return true;
	return choose_new(root, source, err);
}

/* -- moving ----------------------------------------------------------- */

/* What the source is then: moved, published still (the move failed), or lost
 * (somebody removed the file). */
static enum source_state move_file(const struct finish_dirs *dirs,
	const struct targets *targets, struct source *source,
	const char *from, struct err *err)
{
	const int root = target_root(targets, source);

	for (int tries = 0; tries < 3; tries++) {
		if (place_move(dirs->root, from, root, source->target, err))
			return SOURCE_MOVED;
		/* taken by a namesake of the same batch, perhaps */
		if (errno != EEXIST || !choose_new(root, source, err))
			break;
	}
	if (place_exists(dirs->root, from))
		return SOURCE_PUBLISHED;
	return place_exists(root, source->target) ? SOURCE_MOVED : SOURCE_LOST;
}

/* The object first, then the file goes. What is loaded again is there,
 * and so are answers. */
static enum source_state keep_object(const struct finish_dirs *dirs,
	const struct source *source, const char *from, struct err *err)
{
	if (!place_exists(dirs->root, from))
		return SOURCE_MOVED; /* an earlier attempt ended here */
	if (!is_replay(source) && !archive_is_answer(source)) {
		if (dirs->store == NULL) {
			(void)err_set(err, ERR_RETRY, "the object store is "
				"away");
			return SOURCE_PUBLISHED;
		}
		if (!archive_put(dirs->store, dirs->root, source, err))
			return SOURCE_PUBLISHED;
	}
	if (unlinkat(dirs->root, from, 0) == 0)
		return SOURCE_MOVED;
	(void)err_errno(err, ERR_RETRY, "remove %s", from);
	return SOURCE_PUBLISHED;
}

static enum source_state drop_copy(const struct finish_dirs *dirs,
	const char *from, struct err *err)
{
	if (unlinkat(dirs->root, from, 0) == 0 || errno == ENOENT)
		return SOURCE_MOVED;
	(void)err_errno(err, ERR_RETRY, "remove %s", from);
	return SOURCE_PUBLISHED;
}

static enum source_state move_one(const struct finish_dirs *dirs,
	const struct targets *targets, struct source *source, struct err *err)
{
	enum source_state state = SOURCE_PUBLISHED;
	struct buf from = { 0 };

	if (!source_claimed_path(source, &from, err))
		state = SOURCE_PUBLISHED;
	else if (source->object != NULL)
		state = keep_object(dirs, source, from.data, err);
	else if (is_replay(source) && place_exists(target_root(targets,
		source), source->target))
		state = drop_copy(dirs, from.data, err);
	else
		state = move_file(dirs, targets, source, from.data, err);
	buf_clear(&from);
	return state;
}

static bool same_folder(const char *a, const char *b)
{
	const char *slash = strrchr(a, '/');
	const size_t len = slash == NULL ? 0 : (size_t)(slash - a) + 1;

	return strncmp(a, b, len) == 0 && strchr(b + len, '/') == NULL;
}

/* Both folders of a move; neighbours in a batch mostly share them. */
static bool sync_folders(const struct finish_dirs *dirs,
	const struct targets *targets, const struct source *source,
	const struct source *before, struct err *err)
{
	struct buf from = { 0 };
	bool ok = true;

	if (source->object == NULL && (before == NULL ||
		before->object != NULL || before->failed != source->failed ||
		!same_folder(before->target, source->target)))
		ok = place_sync(target_root(targets, source), source->target,
			err);
	if (ok && (before == NULL ||
		strcmp(before->directory, source->directory) != 0))
		ok = source_claimed_path(source, &from, err) &&
			place_sync(dirs->root, from.data, err);
	buf_clear(&from);
	return ok;
}

static bool sync_all(const struct finish_dirs *dirs,
	const struct targets *targets, struct source *const *sources,
	size_t count, const enum source_state *now, struct err *err)
{
	const struct source *before = NULL;
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++)
		if (now[i] == SOURCE_MOVED) {
			ok = sync_folders(dirs, targets, sources[i], before,
				err);
			before = sources[i];
		}
	return ok;
}

/* True when none has to be tried again. */
static bool move_all(const struct finish_dirs *dirs,
	const struct targets *targets, struct source *const *sources,
	size_t count, enum source_state *now, struct err *err)
{
	bool all = true;

	for (size_t i = 0; i < count; i++) {
		now[i] = move_one(dirs, targets, sources[i], err);
		all = all && now[i] != SOURCE_PUBLISHED;
	}
	if (sync_all(dirs, targets, sources, count, now, err))
		return all;
	for (size_t i = 0; i < count; i++)
		now[i] = SOURCE_PUBLISHED;
	return false;
}

/* -- marking ---------------------------------------------------------- */

static bool write_rows(struct state *state, struct source *const *sources,
	size_t count, struct err *err)
{
	bool ok = state_begin(state, err);

	for (size_t i = 0; ok && i < count; i++)
		ok = state_update(state, sources[i], err) &&
			state_checkpoint(state, &sources[i]->drop,
				&sources[i]->position, err);
	ok = ok && state_commit(state, err);
	if (!ok)
		state_rollback(state);
	return ok;
}

static bool mark_moved(struct state *state, struct source *const *sources,
	size_t count, const enum source_state *now, struct err *err)
{
	bool ok;

	for (size_t i = 0; i < count; i++)
		sources[i]->state = now[i];
	ok = write_rows(state, sources, count, err);
	for (size_t i = 0; !ok && i < count; i++)
		sources[i]->state = SOURCE_PUBLISHED;
	return ok;
}

bool finish_sources(const struct finish_dirs *dirs, struct state *state,
	struct source *const *sources, size_t count, struct err *err)
{
	struct targets targets = { -1, -1 };
	enum source_state *now = calloc(count + 1, sizeof(*now));
	bool ok = now != NULL || err_memory(err);
	bool all = false;

	ok = ok && open_targets(dirs, &targets, err);
	for (size_t i = 0; ok && i < count; i++)
		ok = choose_target(dirs, &targets, sources[i], err);
	ok = ok && write_rows(state, sources, count, err);
	if (ok) {
		all = move_all(dirs, &targets, sources, count, now, err);
		ok = mark_moved(state, sources, count, now, err);
	}
	close_targets(&targets);
	free(now);
	return ok && all;
}

bool finish_put_away(const struct finish_dirs *dirs, struct source *source,
	struct err *err)
{
	struct targets targets = { -1, -1 };
	bool ok = open_targets(dirs, &targets, err) &&
		choose_new(target_root(&targets, source), source, err);

	if (ok)
		source->state = move_one(dirs, &targets, source, err);
	ok = ok && source->state == SOURCE_MOVED &&
		sync_folders(dirs, &targets, source, NULL, err);
	close_targets(&targets);
	return ok;
}

/* -- after a crash ---------------------------------------------------- */

/* A device's number may be another after a reboot: not compared. */
static bool is_original(const struct finish_dirs *dirs,
	const struct source *source)
{
	struct stat st;

	return fstatat(dirs->root, source->name, &st,
		AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISREG(st.st_mode) && st.st_ino == source->inode &&
		(uint64_t)st.st_size == source->size &&
		st.st_mtim.tv_sec == source->mtime_ns / 1000000000 &&
		st.st_mtim.tv_nsec == source->mtime_ns % 1000000000;
}

/* The original of what is loaded again is at its target all the time. */
static bool is_at_target(const struct finish_dirs *dirs,
	const struct source *source)
{
	struct targets targets = { -1, -1 };
	struct err err = { 0 };
	const bool early = is_replay(source) &&
		source->state != SOURCE_PUBLISHED;
	const bool there = !early && source->target != NULL &&
		open_targets(dirs, &targets, &err) &&
		place_exists(target_root(&targets, source), source->target);

	close_targets(&targets);
	return there;
}

enum finish_place finish_find(const struct finish_dirs *dirs,
	const struct source *source)
{
	if (is_claimed(dirs, source))
		return PLACE_CLAIMED;
	if (source->object != NULL && source->state == SOURCE_PUBLISHED)
		return PLACE_TARGET; /* its file goes once it is there */
	if (is_original(dirs, source))
		return PLACE_ORIGINAL;
	return is_at_target(dirs, source) ? PLACE_TARGET : PLACE_GONE;
}
