/* again_find.c - where the bytes of a source are now. */
#include "cli/again.h"
#include "cli/locate.h"
#include "common/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY_US ((int64_t)86400 * 1000000)

void again_source_clear(struct again_source *source)
{
	replay_order_clear(&source->order);
	free(source->sha256);
	free(source->path);
	*source = (struct again_source){ .id = 0 };
}

static void forget_names(struct again_places *places)
{
	for (size_t i = 0; i < places->count; i++)
		free(places->names[i]);
	places->count = 0;
}

void again_places_clear(struct again_places *places)
{
	forget_names(places);
	free(places->names);
	free(places->objects);
	buf_clear(&places->prefix);
	object_store_close(places->store);
}

/* -- files ------------------------------------------------------------------- */

static bool keep_path(struct again_source *source,
	const struct config *config, const struct located *located,
	struct err *err)
{
	const size_t len = strlen(config->processed_dir);
	const char *path = located->path.data;
	struct stat st;

	if (lstat(path, &st) != 0)
		return err_errno(err, ERR_REJECT, "look at %s", path);
	source->bytes = st.st_size;
	source->path = strdup(path);
	if (located->place == PLACE_PROCESSED &&
		strncmp(path, config->processed_dir, len) == 0 &&
		path[len] == '/')
		source->order.target = strdup(path + len + 1);
	return source->path != NULL || err_memory(err);
}

static bool find_file(struct again_places *places,
	struct again_source *source, struct err *err)
{
	char day[CLOCK_TEXT], drop[UUID_TEXT];
	struct located located = { .place = PLACE_UNKNOWN };
	const struct locate_wanted wanted = {
		.directory = source->dataset->directory,
		.name = source->order.name, .drop = drop, .day = day,
		.size = source->bytes, .sha256 = source->sha256 };
	bool ok;

	clock_format_date(source->claimed_us, day);
	uuid_format(&source->order.replay_of, drop);
	ok = locate_source(places->config, &wanted, &located, err);
	if (ok && located.place == PLACE_CLAIMED)
		ok = err_set(err, ERR_REJECT, "it is still under way");
	else if (ok && located.place != PLACE_UNKNOWN)
		ok = keep_path(source, places->config, &located, err);
	buf_clear(&located.path);
	return ok;
}

/* -- objects ----------------------------------------------------------------- */

/* A folder that is not there holds nothing, and is not made by looking. */
static bool have_store(struct again_places *places, struct err *err)
{
	const struct config *config = places->config;

	if (places->store != NULL || places->no_store)
		return true;
	places->no_store = config->object_store == OBJECTS_IN_FOLDER &&
		access(config->object_store_dir, F_OK) != 0;
	if (!places->no_store)
		places->store = object_store_open(config, err);
	return places->no_store || places->store != NULL;
}

static bool grow(struct again_places *places, struct err *err)
{
	const size_t room = places->room * 2 + 64;
	struct object_name *objects = realloc(places->objects,
		room * sizeof(*objects));
	char **names;

	if (objects != NULL)
		places->objects = objects;
	names = realloc(places->names, room * sizeof(*names));
	if (names != NULL)
		places->names = names;
	if (objects == NULL || names == NULL)
		return err_memory(err);
	places->room = room;
	return true;
}

static bool note_object(void *context, const struct object_entry *entry,
	struct err *err)
{
	struct again_places *places = context;
	struct object_name name;
	char *copy;

	if (!object_name_parse(entry->name, &name))
		return true;
	if (places->count == places->room && !grow(places, err))
		return false;
	copy = strdup(entry->name);
	if (copy == NULL)
		return err_memory(err);
	places->objects[places->count] = name;
	places->names[places->count++] = copy;
	return true;
}

/* The names of a day are asked for once. */
static bool list_day(struct again_places *places,
	const struct again_source *source, int64_t day_us, struct err *err)
{
	struct buf prefix = { 0 };
	bool ok = object_name_prefix(source->order.pipeline,
		source->order.dataset, day_us, &prefix, err);

	if (ok && (places->prefix.data == NULL ||
		strcmp(prefix.data, places->prefix.data) != 0)) {
		forget_names(places);
		buf_reset(&places->prefix);
		ok = object_list(places->store, prefix.data, NULL,
			note_object, places, err) &&
			buf_add(&places->prefix, prefix.data, prefix.len, err);
	}
	buf_clear(&prefix);
	return ok;
}

static bool find_on(struct again_places *places, struct again_source *source,
	int64_t day_us, struct err *err)
{
	struct object_info info;

	if (!list_day(places, source, day_us, err))
		return false;
	for (size_t i = 0; i < places->count; i++) {
		if (!uuid_equal(&places->objects[i].drop,
			&source->order.replay_of))
			continue;
		source->order.object = strdup(places->names[i]);
		if (source->order.object == NULL)
			return err_memory(err);
		if (!object_head(places->store, places->names[i], &info, err))
			return false;
		source->bytes = (int64_t)info.bytes;
		return true;
	}
	return true;
}

/* An answer was asked for before it became a source: midnight may lie
 * between. */
bool again_find_object(struct again_places *places,
	struct again_source *source, struct err *err)
{
	bool ok = have_store(places, err);

	for (int back = 0; ok && places->store != NULL && back < 2 &&
		source->order.object == NULL; back++)
		ok = find_on(places, source, source->claimed_us -
			back * DAY_US, err);
	return ok;
}

bool again_find(struct again_places *places, struct again_source *source,
	struct err *err)
{
	bool ok;

	source->loaded_bytes = source->bytes;
	ok = find_file(places, source, err);
	if (!ok || source->path != NULL)
		return ok;
	ok = again_find_object(places, source, err);
	if (!ok || source->order.object != NULL)
		return ok;
	return err_set(err, ERR_REJECT, "its bytes are neither in %s nor in "
		"the object store", places->config->processed_dir);
}
