/* care_objects.c - objects that were kept long enough are deleted. */
#include "consumer/care_objects.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/object_store.h"
#include "consumer/arrays.h"

#include <stdlib.h>
#include <string.h>

#define DAY_MS ((int64_t)86400 * 1000)
#define TOGETHER 500 /* asked for at once */

struct sweep {
	struct object_store *store;
	struct db *db;
	int64_t before_us;
	struct buf drops;      /* an array */
	char *names[TOGETHER]; /* of the same, in the same order */
	size_t count;
	int64_t deleted;
};

/* Which of them are complete: their places in the array, from 1. */
static const char complete_sql[] =
	"select w.ord from unnest($1::uuid[]) with ordinality as w (drop_id, ord)"
	" join meta.source s on s.drop_id = w.drop_id"
	" where s.completed_at is not null";

static void forget(struct sweep *sweep)
{
	for (size_t i = 0; i < sweep->count; i++)
		free(sweep->names[i]);
	sweep->count = 0;
	buf_clear(&sweep->drops);
}

static bool delete_some(struct sweep *sweep, struct err *err)
{
	const char *values[] = { array_text(&sweep->drops) };
	struct db_result *rows = NULL;
	bool ok = sweep->count == 0 || db_query(sweep->db, complete_sql, 1,
		values, &rows, err);

	for (size_t i = 0; ok && sweep->count > 0 && i < db_rows(rows); i++) {
		ok = object_delete(sweep->store,
			sweep->names[db_int(rows, i, 0) - 1], err);
		sweep->deleted += ok;
	}
	db_result_free(rows);
	forget(sweep);
	return ok;
}

static bool consider(void *context, const struct object_entry *entry,
	struct err *err)
{
	struct sweep *sweep = context;
	struct object_name name;

	if (entry->info.changed_us >= sweep->before_us ||
		!object_name_parse(entry->name, &name))
		return true;
	sweep->names[sweep->count] = strdup(entry->name);
	if (sweep->names[sweep->count] == NULL)
		return err_memory(err);
	sweep->count++;
	return array_add_uuid(&sweep->drops, &name.drop, err) &&
		(sweep->count < TOGETHER || delete_some(sweep, err));
}

static bool sweep_all(struct care_work *work, struct err *err)
{
	struct sweep sweep = { .db = work->writer,
		.before_us = clock_wall_us() -
			work->config->object_store_keep_secs * 1000000 };
	bool ok;

	sweep.store = object_store_open(work->config, err);
	ok = sweep.store != NULL && object_list(sweep.store, "", NULL,
		consider, &sweep, err) && delete_some(&sweep, err);
	if (sweep.deleted > 0)
		LOG(LOG_INFO, "objects_deleted", LOG_I("objects",
			sweep.deleted), LOG_S("place",
			object_store_place(sweep.store)));
	forget(&sweep);
	object_store_close(sweep.store);
	return ok || err_wrap(err, "the object store");
}

static int64_t look_ms(const struct config *config)
{
	const int64_t ms = config->object_store_keep_secs * 100;

	return ms > DAY_MS ? DAY_MS : ms < 1000 ? 1000 : ms;
}

bool care_objects(struct object_keep *keep, struct care_work *work,
	int64_t *wait_ms, struct err *err)
{
	int64_t left = keep->next_ms - clock_now_ms();

	if (work->config->object_store_keep_secs == 0)
		return true;
	if (left <= 0) {
		if (!sweep_all(work, err))
			return false;
		left = look_ms(work->config);
		keep->next_ms = clock_now_ms() + left;
	}
	*wait_ms = left < *wait_ms ? left : *wait_ms;
	return true;
}
