/* keeper_replay.c - what was ordered to be loaded again becomes sources.
 *
 * The row first, then the bytes go to .claimed, then the order is removed: an
 * order whose drop has a row is only cleared up, whenever that is. */
#include "common/clock.h"
#include "common/place.h"
#include "producer/keeper_private.h"
#include "producer/replay_order.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAKEN_MAX 256 /* at one look */
#define MORE_MS 100   /* until the next, when there is more */

/* The orders of one look. */
struct look {
	struct keeper *k;
	int root;
	bool settle;   /* only what has a row already: we are starting */
	size_t taken;
};

/* -- one order ----------------------------------------------------------------- */

static bool read_text(int root, const char *path, struct buf *text,
	struct err *err)
{
	const int fd = place_open(root, path, O_RDONLY, err);
	ssize_t got = 1;
	bool ok = fd >= 0 && buf_grow(text, REPLAY_ORDER_MAX, err);

	while (ok && got > 0) {
		got = read(fd, text->data + text->len,
			REPLAY_ORDER_MAX - text->len);
		ok = got >= 0 || err_errno(err, ERR_REJECT, "read %s", path);
		text->len += got > 0 ? (size_t)got : 0;
	}
	if (ok)
		text->data[text->len] = '\0';
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

static const struct intake *intake_for(const struct keeper *k,
	const struct replay_order *order)
{
	for (size_t i = 0; i < k->plan->count; i++) {
		const struct claim_rules *rules = k->intakes[i].rules;

		if (strcmp(rules->pipeline, order->pipeline) == 0 &&
			strcmp(rules->dataset, order->dataset) == 0)
			return &k->intakes[i];
	}
	return NULL;
}

/* *room false: as many sources of the dataset are under way as may be. */
static bool has_room(const struct look *look, const struct replay_order *order,
	bool *room, struct err *err)
{
	const struct intake *intake = intake_for(look->k, order);

	*room = intake == NULL || intake->counter->open < OPEN_MAX_SOURCES;
	return intake != NULL || err_set(err, ERR_REJECT,
		"there is no dataset %s.%s that has a folder",
		order->pipeline, order->dataset);
}

static void take_words(struct source *source, struct replay_order *order)
{
	free(source->name);
	source->name = order->name;
	source->target = order->target;
	source->object = order->object;
	order->name = order->target = order->object = NULL;
	source->drop = order->drop;
	source->replay_of = order->replay_of;
}

/* Hashed and described; its file still where the order is. */
static struct source *make_source(const struct look *look, const char *path,
	struct replay_order *order, struct err *err)
{
	const struct intake *intake = intake_for(look->k, order);
	struct source *source = NULL;
	struct claim *claim;
	bool done = false;

	claim = claim_new(look->root, intake->rules, path, err);
	if (claim != NULL && claim_hash(claim, SIZE_MAX, &done, err) && done) {
		source = claim->source;
		claim->source = NULL;
		take_words(source, order);
	}
	claim_free(claim);
	return source;
}

/* Into .claimed, durably. *moved false: it is there already. */
static bool take_bytes(const struct look *look, const char *path,
	const struct source *source, bool *moved, struct err *err)
{
	struct buf folder = { 0 }, claimed = { 0 };
	bool ok;

	*moved = place_exists(look->root, path);
	ok = !*moved || (buf_printf(&folder, err, "%s/" CLAIMED_FOLDER,
			source->directory) &&
		place_make(look->root, folder.data, err) &&
		source_claimed_path(source, &claimed, err) &&
		place_rename(look->root, path, look->root, claimed.data,
			err) &&
		place_sync(look->root, claimed.data, err));
	buf_clear(&folder);
	buf_clear(&claimed);
	return ok;
}

static bool adopt(struct look *look, const char *path,
	struct replay_order *order, struct source **source, struct err *err)
{
	*source = make_source(look, path, order, err);
	if (*source == NULL || !state_add(look->k->state, *source, err))
		return false;
	LOG(LOG_INFO, "replay", LOG_S("source", (*source)->name),
		LOG_S("dataset", (*source)->dataset),
		LOG_U("bytes", (*source)->size));
	return true;
}

/* The source is handed over when its bytes have just come into .claimed; else
 * whoever brought them there has done that. */
static bool follow_order(struct look *look, const char *path,
	struct replay_order *order, struct err *err)
{
	struct source *source = NULL;
	bool moved = false, room = true;
	bool ok = state_get(look->k->state, &order->drop, &source, err);

	if (ok && source == NULL) {
		if (look->settle)
			return true;
		ok = has_room(look, order, &room, err);
		if (!room)
			look->taken = TAKEN_MAX; /* nothing overtakes it */
		if (!ok || !room)
			return ok;
		ok = adopt(look, path, order, &source, err);
	}
	ok = ok && take_bytes(look, path, source, &moved, err);
	if (ok && moved && !look->settle) {
		look->taken++;
		ok = keeper_hand_over(look->k, source, err);
		source = NULL;
	}
	source_free(source);
	return ok;
}

/* path: of the order. */
static bool take_order(struct look *look, struct buf *path, struct err *err)
{
	const size_t len = path->len - strlen(REPLAY_SUFFIX);
	struct replay_order order = { .name = NULL };
	struct buf text = { 0 };
	struct source *known = NULL;
	bool ok = read_text(look->root, path->data, &text, err) &&
		replay_order_read(text.data, &order, err);

	if (ok) {
		path->data[len] = '\0';
		ok = follow_order(look, path->data, &order, err);
		path->data[len] = REPLAY_SUFFIX[0];
	}
	/* one that is still to be followed stays */
	if (ok)
		ok = state_get(look->k->state, &order.drop, &known, err);
	if (ok && known != NULL)
		(void)unlinkat(look->root, path->data, 0);
	source_free(known);
	replay_order_clear(&order);
	buf_clear(&text);
	return ok;
}

/* -- all of them --------------------------------------------------------------- */

static bool is_order(const char *name)
{
	const size_t len = strlen(name), tail = strlen(REPLAY_SUFFIX);

	return name[0] != '.' && len > tail &&
		strcmp(name + len - tail, REPLAY_SUFFIX) == 0;
}

/* One that cannot be followed is said so, and stays in nobody's way. */
static bool take_named(struct look *look, const char *folder, const char *name,
	struct err *err)
{
	struct buf path = { 0 };
	struct err why = { 0 };
	bool ok = buf_printf(&path, err, "%s/%s", folder, name);

	if (ok && !take_order(look, &path, &why)) {
		if (log_repeat_due_for(&look->k->not_replayed, why.text))
			LOG(LOG_ERROR, "replay_failed",
				LOG_S("order", path.data),
				LOG_S("err", why.text));
		ok = why.kind != ERR_STOP;
		if (!ok)
			*err = why;
	}
	buf_clear(&path);
	return ok;
}

struct names {
	char **list;
	size_t count, room;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool read_names(DIR *dir, struct names *names, struct err *err)
{
	const struct dirent *entry;

	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if (names->count == names->room) {
			const size_t room = names->room * 2 + 64;
			char **list = realloc(names->list,
				room * sizeof(*list));

			if (list == NULL)
				return err_memory(err);
			names->list = list;
			names->room = room;
		}
		names->list[names->count] = strdup(entry->d_name);
		if (names->list[names->count] == NULL)
			return err_memory(err);
		names->count++;
	}
	if (names->count > 0)
		qsort(names->list, names->count, sizeof(*names->list),
			compare_names);
	return true;
}

/* Calls each for the names in a folder below root that do not begin with a
 * dot, sorted. A folder that is not there has none. */
static bool each_name(struct look *look, const char *folder,
	bool (*each)(struct look *, const char *, const char *, struct err *),
	struct err *err)
{
	struct names names = { .list = NULL };
	struct err none = { 0 };
	const int fd = place_open(look->root, folder, O_RDONLY | O_DIRECTORY,
		&none);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	bool ok = dir == NULL || read_names(dir, &names, err);

	for (size_t i = 0; ok && i < names.count && look->taken < TAKEN_MAX;
		i++)
		ok = each(look, folder, names.list[i], err);
	for (size_t i = 0; i < names.count; i++)
		free(names.list[i]);
	free(names.list);
	if (dir != NULL)
		(void)closedir(dir);
	else if (fd >= 0)
		(void)close(fd);
	return ok;
}

static bool take_if_order(struct look *look, const char *folder,
	const char *name, struct err *err)
{
	return !is_order(name) || take_named(look, folder, name, err);
}

static bool take_batch(struct look *look, const char *folder,
	const char *name, struct err *err)
{
	struct buf path = { 0 };
	bool ok = buf_printf(&path, err, "%s/%s", folder, name) &&
		each_name(look, path.data, take_if_order, err);

	if (ok) /* when it is empty */
		(void)unlinkat(look->root, path.data, AT_REMOVEDIR);
	buf_clear(&path);
	return ok;
}

static bool take_all(struct keeper *k, bool settle, bool *more,
	struct err *err)
{
	struct look look = { .k = k, .root = watch_root(k->watch),
		.settle = settle };
	const bool ok = each_name(&look, REPLAY_FOLDER, take_batch, err);

	*more = look.taken >= TAKEN_MAX;
	return ok;
}

bool keeper_settle_replays(struct keeper *k, struct err *err)
{
	bool more;

	return take_all(k, true, &more, err);
}

bool keeper_take_replays(struct keeper *k, struct err *err)
{
	bool more;

	if (clock_now_ms() < k->replay_ms)
		return true;
	if (!take_all(k, false, &more, err))
		return false;
	k->replay_ms = clock_now_ms() +
		(more ? MORE_MS : k->plan->config.rescan_secs * 1000);
	return true;
}
