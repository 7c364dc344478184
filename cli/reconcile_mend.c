/* reconcile_mend.c - taken back, sent, awaited, put away, built. */
#include "cli/reconcile.h"
#include "cli/connect.h"
#include "common/clock.h"
#include "common/place.h"
#include "consumer/models.h"
#include "consumer/tables.h"
#include "producer/finish.h"
#include "producer/kept.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIES 5         /* of a transaction that others disturb */
#define AWAIT_MS 200    /* between two looks at what was sent */

/* -- taking back ------------------------------------------------------------ */

static bool is_of(const struct amiss *amiss, const struct pipeline *pipeline)
{
	return amiss->take_back && amiss_can_mend(amiss) &&
		amiss->source_id != 0 && !amiss->foreign &&
		strcmp(amiss->source->pipeline, pipeline->name) == 0;
}

static bool list_ids(const struct reconcile *r,
	const struct pipeline *pipeline, struct buf *ids, struct err *err)
{
	char text[24];
	bool ok = true;

	for (const struct amiss *amiss = r->first; ok && amiss != NULL;
		amiss = amiss->next) {
		if (!is_of(amiss, pipeline))
			continue;
		(void)snprintf(text, sizeof(text), "%" PRId64,
			amiss->source_id);
		ok = sql_add_array_item(ids, text, strlen(text), err);
	}
	return ok;
}

static bool run(struct db *db, const char *sql, const char *value,
	struct err *err)
{
	return db_query(db, sql, 1, (const char *const[]){ value }, NULL, err);
}

/* Its rows in one delta; relations gets the tables' names. */
static bool empty_delta(struct db *db, const struct dataset *dataset,
	const char *ids, struct buf *relations, struct err *err)
{
	struct buf delta = { 0 }, master = { 0 }, sql = { 0 };
	bool ok = tables_delta_name(dataset, &delta, err) &&
		tables_master_name(dataset, &master, err) &&
		sql_add_array_item(relations, delta.data, delta.len, err) &&
		sql_add_array_item(relations, master.data, master.len, err) &&
		buf_printf(&sql, err, "delete from %s\n"
			"where _source = any ($1::bigint[])", delta.data) &&
		run(db, sql.data, ids, err);

	buf_clear(&delta);
	buf_clear(&master);
	buf_clear(&sql);
	return ok;
}

#define STALE_WHY "reconcile loads sources again"

/* What the manifest said of the file stays: should we die before it is sent,
 * the digest is what the next run finds it by. */
static const char *const book_statements[] = {
	"delete from meta.reject where source_id = any ($1::bigint[])",
	"delete from meta.derived where source_id = any ($1::bigint[])",
	"delete from meta.chunk where drop_id in (\n"
	"    select drop_id from meta.source\n"
	"    where source_id = any ($1::bigint[]))",
	"update meta.source\n"
	"set manifest_chunks = null, manifest_rejects = null,\n"
	"    manifest_records = null, chunks = 0, reader_rejects = 0, records = 0,\n"
	"    inserted = 0, updated = 0, unchanged = 0, rejected = 0,\n"
	"    filtered = 0, completed_at = null, collapsed = false\n"
	"where source_id = any ($1::bigint[])",
};

/* Whoever restored a table by hand made its models stale already. */
static const char by_hand_sql[] =
	"update meta.model\n"
	"set error = '" STALE_WHY "'\n"
	"where pipeline = $1 and state = 'stale'\n"
	"  and error like '% outside of a load'";

/* Sources first, in the order in which loads hold them; then none of theirs is
 * running, and none can begin before we are through. */
bool reconcile_empty_books(struct db *db, const struct pipeline *pipeline,
	const char *ids, struct err *err)
{
	struct buf relations = { 0 };
	bool ok = run(db, "select from meta.source\n"
		"where source_id = any ($1::bigint[])\n"
		"order by drop_id\n"
		"for update", ids, err);

	for (size_t i = 0; ok && i < pipeline->dataset_count; i++)
		ok = empty_delta(db, &pipeline->datasets[i], ids, &relations,
			err);
	for (size_t i = 0; ok && i < sizeof(book_statements) /
		sizeof(*book_statements); i++)
		ok = run(db, book_statements[i], ids, err);
	ok = ok && run(db, "select meta.models_stale($1::text[],\n"
		"    '" STALE_WHY "')", relations.data, err) &&
		run(db, by_hand_sql, pipeline->name, err);
	buf_clear(&relations);
	return ok;
}

static bool take_back_once(struct db *db, const struct pipeline *pipeline,
	const char *ids, struct err *err)
{
	if (!db_begin(db, err))
		return false;
	if (reconcile_empty_books(db, pipeline, ids, err) && db_commit(db, err))
		return true;
	db_rollback(db);
	return false;
}

/* A load that was first, or a deadlock, is not the end. */
static bool take_back_in(struct db *db, const struct pipeline *pipeline,
	const char *ids, struct err *err)
{
	struct err why = { 0 };

	for (int i = 0; i < TRIES; i++) {
		why = (struct err){ 0 };
		if (take_back_once(db, pipeline, ids, &why))
			return true;
		if (why.kind != ERR_RETRY || !db_alive(db))
			break;
	}
	*err = why;
	return err_wrap(err, "take sources of %s back", pipeline->name);
}

/* As the owner: nobody who runs all day may delete rows that were loaded. */
static bool take_back(struct reconcile *r, struct err *err)
{
	struct db *db = NULL;
	bool ok = true;

	for (size_t p = 0; ok && p < r->set.count; p++) {
		struct buf ids = { 0 };

		ok = list_ids(r, &r->set.pipelines[p], &ids, err);
		if (ok && ids.len > 0) {
			if (db == NULL)
				db = connect_db(r->config, &r->config->owner,
					false, 0, err);
			ok = db != NULL && take_back_in(db,
				&r->set.pipelines[p], ids.data, err);
		}
		buf_clear(&ids);
	}
	db_close(db);
	return ok;
}

/* -- sending ----------------------------------------------------------------- */

static bool wants_sending(const struct amiss *amiss)
{
	return amiss_can_mend(amiss) && !amiss->foreign &&
		(amiss->kind != AMISS_STRAY || amiss->take_back);
}

static struct source *copy_for_sending(const struct amiss *amiss,
	struct err *err)
{
	const struct source *from = amiss->source;
	struct source *to = source_new(from->pipeline, from->dataset,
		from->directory, from->name, err);

	if (to == NULL)
		return NULL;
	to->drop = from->drop;
	to->size = from->size;
	to->mtime_ns = from->mtime_ns;
	to->claimed_us = from->claimed_us;
	memcpy(to->sha256, from->sha256, sizeof(to->sha256));
	to->limits = from->limits;
	to->reader_version = from->reader_version;
	to->kept_root = from->kept_root;
	to->kept = strdup(from->kept);
	to->loaded = calloc(from->loaded_count + 1, sizeof(*to->loaded));
	if (to->kept != NULL && to->loaded != NULL) {
		if (from->loaded_count > 0)
			memcpy(to->loaded, from->loaded,
				from->loaded_count * sizeof(*to->loaded));
		to->loaded_count = from->loaded_count;
		return to;
	}
	source_free(to);
	(void)err_memory(err);
	return NULL;
}

static void on_sent(void *context, const struct source *source)
{
	struct amiss *amiss = reconcile_find(context, &source->drop);

	if (amiss == NULL)
		return;
	if (source->given_up) {
		(void)err_set(&amiss->fault, ERR_REJECT, "the file was changed "
			"or taken away while it was sent");
		return;
	}
	amiss->outcome = OUTCOME_SENT;
	amiss->source->failed = source->failed;
}

static bool send_all(struct reconcile *r, int64_t wait_ms, size_t *sent,
	struct err *err)
{
	struct source **sources = calloc(r->count + 1, sizeof(*sources));
	bool ok = sources != NULL || err_memory(err);

	for (struct amiss *amiss = r->first; ok && amiss != NULL;
		amiss = amiss->next)
		if (wants_sending(amiss)) {
			sources[*sent] = copy_for_sending(amiss, err);
			ok = sources[*sent] != NULL;
			*sent += ok;
		}
	if (ok && *sent > 0)
		ok = kept_send(r->config, sources, *sent, (int)wait_ms,
			on_sent, r, err);
	else
		for (size_t i = 0; sources != NULL && i < *sent; i++)
			source_free(sources[i]);
	free(sources);
	return ok;
}

/* -- waiting ------------------------------------------------------------------ */

static bool list_sent(const struct reconcile *r, struct buf *drops,
	struct err *err)
{
	char text[UUID_TEXT];
	bool ok = buf_add_str(drops, "", err);

	for (const struct amiss *amiss = r->first; ok && amiss != NULL;
		amiss = amiss->next)
		if (amiss->outcome == OUTCOME_SENT) {
			uuid_format(&amiss->source->drop, text);
			ok = sql_add_array_item(drops, text, strlen(text),
				err);
		}
	return ok;
}

static bool look_at_sent(struct reconcile *r, const char *drops,
	int64_t *progress, struct err *err)
{
	static const char sql[] =
		"select drop_id, completed_at is not null, records\n"
		"from meta.source\n"
		"where drop_id = any ($1::uuid[])";
	struct db_result *result = NULL;
	struct amiss *amiss;
	struct uuid drop;

	if (!db_query(r->db, sql, 1, (const char *const[]){ drops }, &result,
		err))
		return false;
	*progress = 0;
	for (size_t i = 0; i < db_rows(result); i++) {
		const bool complete = db_value(result, i, 1)[0] == 't';

		*progress += 1 + db_int(result, i, 2) + complete;
		amiss = uuid_parse(db_value(result, i, 0),
			db_value_len(result, i, 0), &drop) ?
			reconcile_find(r, &drop) : NULL;
		if (amiss != NULL && complete)
			amiss->outcome = OUTCOME_LOADED;
	}
	db_result_free(result);
	return true;
}

/* Until all that was sent is loaded, or nothing moves for wait_ms. */
static bool await_loads(struct reconcile *r, int64_t wait_ms, struct err *err)
{
	int64_t due = clock_now_ms() + wait_ms;
	int64_t before = -1, now = 0;
	struct buf drops = { 0 };
	bool ok = list_sent(r, &drops, err);

	while (ok && drops.len > 0 && clock_now_ms() < due) {
		ok = look_at_sent(r, drops.data, &now, err);
		if (now != before)
			due = clock_now_ms() + wait_ms;
		before = now;
		buf_reset(&drops);
		ok = ok && list_sent(r, &drops, err);
		if (ok && drops.len > 0)
			(void)poll(NULL, 0, AWAIT_MS);
	}
	buf_clear(&drops);
	return ok;
}

/* -- files nobody knows --------------------------------------------------------- */

static bool put_away(struct reconcile *r, struct amiss *amiss,
	struct err *err)
{
	struct finish_dirs dirs = {
		.root = place_root(r->config->raw_dir, err),
		.processed_dir = r->config->processed_dir,
		.failed_dir = r->config->failed_dir,
	};
	const bool ok = dirs.root >= 0 &&
		finish_put_away(&dirs, amiss->source, err);

	if (dirs.root >= 0)
		close(dirs.root);
	return ok;
}

/* Only once all of it is loaded: until then .claimed tells of it. */
static void put_strays_away(struct reconcile *r)
{
	for (struct amiss *amiss = r->first; amiss != NULL;
		amiss = amiss->next) {
		const bool loaded = amiss->outcome == OUTCOME_LOADED ||
			(amiss->kind == AMISS_STRAY && !amiss->take_back);

		if (!amiss->stray || !loaded || !amiss_can_mend(amiss))
			continue;
		if (put_away(r, amiss, &amiss->fault))
			amiss->outcome = OUTCOME_LOADED;
		else
			(void)err_wrap(&amiss->fault, "all of it is loaded, "
				"but its file cannot be put away");
	}
}

/* -- models ------------------------------------------------------------------------ */

static void note_unbuilt(void *context, const struct build_report *report)
{
	struct reconcile *r = context;

	if (report->outcome != BUILD_DONE && r->stale_why[0] == '\0')
		(void)snprintf(r->stale_why, sizeof(r->stale_why), "%s.%s: %s",
			report->model.pipeline, report->model.name,
			report->why);
}

/* Also those of a run that was killed. */
static bool any_stale(struct reconcile *r, bool *stale, struct err *err)
{
	struct db_result *result = NULL;

	if (!db_query(r->db, "select from meta.model\n"
		"where state = 'stale' and error = '" STALE_WHY "'\n"
		"limit 1", 0, NULL, &result, err))
		return false;
	*stale = db_rows(result) > 0;
	db_result_free(result);
	return true;
}

/* Those that were stale before are built with them. */
static bool build_models(struct reconcile *r, struct err *err)
{
	static const struct build_choice stale = { .names = NULL };
	struct models *models = models_read(r->config->models_dir, &r->set,
		err);
	struct db *db = models == NULL ? NULL :
		connect_db(r->config, &r->config->loader, false, 0, err);
	const bool ok = db != NULL && models_build(models, db, &stale,
		note_unbuilt, r, &r->stale, err);

	db_close(db);
	models_free(models);
	return ok;
}

/* -- all ---------------------------------------------------------------------------- */

bool reconcile_mend(struct reconcile *r, int64_t wait_ms, struct err *err)
{
	bool stale = false;
	size_t sent = 0;
	bool ok = take_back(r, err) && send_all(r, wait_ms, &sent, err) &&
		reconcile_send_messages(r, wait_ms, err) &&
		await_loads(r, wait_ms, err);

	if (ok)
		put_strays_away(r);
	return ok && any_stale(r, &stale, err) &&
		(!stale || build_models(r, err));
}
