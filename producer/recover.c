/* recover.c - what an earlier process left under way. */
#include "producer/recover.h"
#include "common/log.h"
#include "common/place.h"
#include "producer/api_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The file is in none of its places; one that was written to before it could
 * be moved is still under its name, and comes as a new source. */
static bool lose(const struct finish_dirs *dirs, struct state *state,
	struct source *source, struct err *err)
{
	if (source->state == SOURCE_PUBLISHED)
		LOG(LOG_WARN, "source_gone", LOG_S("source", source->name),
			LOG_S("why", "all of it was sent, but its file is "
				"gone"));
	else if (place_exists(dirs->root, source->name))
		LOG(LOG_WARN, "source_replaced", LOG_S("source", source->name),
			LOG_S("why", "the file was changed before it was "
				"moved: what is there now is a new source"));
	else
		LOG(LOG_ERROR, "source_gone", LOG_S("source", source->name),
			LOG_S("why", "its file is gone, and not all of it was "
				"sent"), LOG_S("remedy", "drop it again"));
	source->state = SOURCE_LOST;
	return state_update(state, source, err);
}

/* Only a crash of the machine undoes the rename. */
static bool claim_again(const struct finish_dirs *dirs,
	const struct source *source, struct err *err)
{
	struct buf path = { 0 };
	bool ok = source_claimed_path(source, &path, err);
	struct buf folder = { 0 };

	ok = ok && buf_printf(&folder, err, "%s/" CLAIMED_FOLDER,
		source->directory);
	ok = ok && place_make(dirs->root, folder.data, err);
	ok = ok && place_rename(dirs->root, source->name, dirs->root,
		path.data, err);
	buf_clear(&folder);
	buf_clear(&path);
	return ok;
}

static enum recovery wants(const struct source *source)
{
	return source->state == SOURCE_PUBLISHED || source->duplicate ?
		RECOVER_FINISH : RECOVER_SEND;
}

/* The folder of claims is gone as well: renamed, or its file system is not
 * mounted yet. The sending waits for it. */
static bool is_away(const struct finish_dirs *dirs, const struct source *source,
	bool *away, struct err *err)
{
	struct buf folder = { 0 };
	const bool ok = buf_printf(&folder, err, "%s/" CLAIMED_FOLDER,
		source->directory);

	*away = ok && wants(source) == RECOVER_SEND &&
		!place_exists(dirs->root, folder.data);
	buf_clear(&folder);
	return ok;
}

static bool recover_one(const struct finish_dirs *dirs, struct state *state,
	struct source *source, enum recovery *what, struct err *err)
{
	bool away;

	*what = RECOVER_DONE;
	switch (finish_find(dirs, source)) {
	case PLACE_ORIGINAL:
		if (!claim_again(dirs, source, err))
			return false;
		break;
	case PLACE_CLAIMED:
		break;
	case PLACE_TARGET:
		source->state = SOURCE_MOVED;
		return state_update(state, source, err);
	case PLACE_GONE:
		if (!is_away(dirs, source, &away, err))
			return false;
		if (!away)
			return lose(dirs, state, source, err);
		break;
	}
	*what = wants(source);
	return true;
}

bool recover_next(const struct finish_dirs *dirs, struct state *state,
	int64_t *after, struct source **source, enum recovery *what,
	struct err *err)
{
	if (!state_next(state, after, source, err))
		return false;
	if (*source == NULL)
		return true;
	(*source)->resumed = true;
	if (recover_one(dirs, state, *source, what, err))
		return true;
	source_free(*source);
	*source = NULL;
	return false;
}

/* -- files without a row ---------------------------------------------- */

static bool finish_again(const struct finish_dirs *dirs, struct state *state,
	struct source *source)
{
	struct err why = { 0 };

	if (source->state == SOURCE_CLAIMED ||
		source->state == SOURCE_PUBLISHED)
		return true; /* under way */
	if (!finish_sources(dirs, state, &source, 1, &why))
		log_err(LOG_WARN, "move_failed", &why);
	return true;
}

/* True when a row knows the file, or a request whose answer it is. */
static bool is_known(const struct finish_dirs *dirs, struct state *state,
	const char *name, bool *known, struct err *err)
{
	struct source *source = NULL;
	struct uuid drop;

	*known = false;
	if (!uuid_parse(name, strlen(name), &drop))
		return true;
	if (!api_state_intends(state, name, known, err) ||
		!state_get(state, &drop, &source, err))
		return false;
	*known = *known || (source != NULL && finish_again(dirs, state, source));
	source_free(source);
	return true;
}

static void complain(const char *folder, const char *name, uint64_t count)
{
	LOG(LOG_WARN, "claimed_by_nobody", LOG_S("folder", folder),
		LOG_U("files", count), LOG_S("first", name),
		LOG_S("why", "the state file knows nothing of them"),
		LOG_S("remedy", "run `sluice reconcile` to have them "
			"loaded"));
}

static bool walk(const struct finish_dirs *dirs, struct state *state,
	const char *folder, DIR *dir, struct err *err)
{
	char first[NAME_MAX + 1] = "";
	const struct dirent *entry;
	uint64_t count = 0;
	bool known = true, ok = true;

	while (ok && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		ok = is_known(dirs, state, entry->d_name, &known, err);
		if (ok && !known && count++ == 0)
			memcpy(first, entry->d_name,
				strlen(entry->d_name) + 1);
	}
	if (ok && count > 0)
		complain(folder, first, count);
	return ok;
}

bool recover_strays(const struct finish_dirs *dirs, struct state *state,
	const char *directory, struct err *err)
{
	struct buf folder = { 0 };
	struct err none = { 0 };
	bool ok = buf_printf(&folder, err, "%s/" CLAIMED_FOLDER, directory);
	const int fd = !ok ? -1 : place_open(dirs->root, folder.data,
		O_RDONLY | O_DIRECTORY, &none);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir != NULL) {
		ok = walk(dirs, state, folder.data, dir, err);
		(void)closedir(dir);
	} else if (fd >= 0)
		close(fd);
	buf_clear(&folder);
	return ok;
}
