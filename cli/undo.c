/* undo.c - one source's rows taken back out of the tables. */
#include "cli/undo.h"
#include "cli/connect.h"
#include "cli/lookup.h"
#include "consumer/derive.h"
#include "consumer/tables.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 5 /* of a transaction that others disturb */

/* -- which ----------------------------------------------------------------- */

static const char source_sql[] =
	"select source_id, drop_id, pipeline, dataset, name,\n"
	"       completed_at is not null,\n"
	"       to_char(undone_at at time zone 'UTC',\n"
	"           'YYYY-MM-DD HH24:MI:SS \"UTC\"'), undone_by,\n"
	"       kind = 'file' and substr(drop_id::text, 15, 1) = '5'\n"
	"from meta.source\n"
	"where source_id = $1::bigint";

static bool check_source(const struct db_result *source, struct err *err)
{
	if (db_rows(source) == 0)
		return err_set(err, ERR_REJECT, "the source is gone");
	if (!db_is_null(source, 0, UNDO_AT))
		return err_set(err, ERR_REJECT, "it was undone at %s by %s "
			"(`sluice replay` loads it again)",
			db_value(source, 0, UNDO_AT),
			db_value(source, 0, UNDO_BY));
	if (db_value(source, 0, UNDO_COMPLETE)[0] != 't')
		return err_set(err, ERR_REJECT, "it is not complete: its other "
			"parts would be loaded after that (`sluice receipt`, "
			"`sluice reconcile`)");
	return true;
}

static const struct dataset *find_dataset(const struct undo *undo,
	const char *name)
{
	const struct pipeline *pipeline = pipeline_find(&undo->plan->set,
		db_value(undo->source, 0, UNDO_PIPELINE));

	return pipeline != NULL ? dataset_find(pipeline, name) : NULL;
}

static int compare_parts(const void *left, const void *right)
{
	const struct undo_part *a = left, *b = right;

	return strcmp(a->dataset->name, b->dataset->name);
}

/* In the order in which loads lock tables: what the source has, then what is
 * made out of it, by name. */
static bool list_parts(struct undo *undo, struct err *err)
{
	const char *name = db_value(undo->source, 0, UNDO_DATASET);
	const struct dataset *root = find_dataset(undo, name);

	if (root == NULL)
		return err_set(err, ERR_REJECT, "there is no dataset %s.%s any "
			"more: put it back into the pipeline file",
			db_value(undo->source, 0, UNDO_PIPELINE), name);
	undo->parts[undo->count++].dataset = root;
	for (size_t i = 0; i < root->pipeline->dataset_count; i++) {
		const struct dataset *dataset = &root->pipeline->datasets[i];

		if (dataset == root || derive_root(dataset) != root)
			continue;
		if (undo->count == UNDO_PARTS_MAX)
			return err_stop(err, EXIT_BUG, "too many datasets");
		undo->parts[undo->count++].dataset = dataset;
	}
	qsort(undo->parts + 1, undo->count - 1, sizeof(*undo->parts),
		compare_parts);
	return true;
}

static bool read_source(struct undo *undo, struct db *db, struct err *err)
{
	char id[24];
	const char *values[] = { id };

	(void)snprintf(id, sizeof(id), "%" PRId64, undo->id);
	if (!db_query(db, source_sql, 1, values, &undo->source, err))
		return connect_blame_schema(err);
	undo->direct = db_rows(undo->source) > 0 &&
		db_value(undo->source, 0, UNDO_BY + 1)[0] == 't';
	return check_source(undo->source, err);
}

/* -- one dataset ----------------------------------------------------------- */

/* Its rows in the delta, found by the loads that took its chunks; and how many
 * it had. $1 source, $2 dataset, $3 pipeline. */
#define LOADS                                                              \
	"with l as materialized (\n"                                       \
	"    select min(coalesce(first_load, load_id)) as oldest,\n"       \
	"           max(load_id) as newest\n"                              \
	"    from meta.chunk c\n"                                          \
	"    join meta.source s using (drop_id)\n"                         \
	"    where s.source_id = $1::bigint\n"                             \
	")"
#define DELTA_ROWS                                                         \
	"where _source = $1::bigint and _load between (select oldest from l)\n" \
	"    and (select newest from l)"
#define HAD                                                                \
	"coalesce((select inserted + updated + unchanged\n"                \
	"    from meta.source where source_id = $1::bigint\n"              \
	"      and dataset = $2), (select inserted + updated + unchanged\n" \
	"    from meta.derived where source_id = $1::bigint\n"             \
	"      and dataset = $2), 0),\n"                                   \
	"exists (select from meta.delta_dropped x\n"                       \
	"    where x.dataset = $3::text || '.' || $2 and x.rows > 0)"

static bool add_delta_sql(const struct undo_part *part, bool delete,
	struct buf *sql, struct err *err)
{
	struct buf delta = { 0 };
	bool ok = tables_delta_name(part->dataset, &delta, err);

	if (ok && delete)
		ok = buf_printf(sql, err, LOADS ", d as (\n"
			"delete from %s\n" DELTA_ROWS "\nreturning 1\n)\n"
			"select (select count(*) from d), " HAD, delta.data);
	else if (ok)
		ok = buf_printf(sql, err, LOADS "\n"
			"select (select count(*) from %s\n" DELTA_ROWS "), "
			HAD, delta.data);
	buf_clear(&delta);
	return ok;
}

/* Counts, or does; the numbers are the same. */
static bool undo_part(const struct undo *undo, struct undo_part *part,
	struct db *db, bool act, struct err *err)
{
	char id[24];
	const char *values[] = { id, part->dataset->name,
		part->dataset->pipeline->name };
	struct db_result *rows = NULL, *delta = NULL;
	struct buf sql = { 0 }, delta_sql = { 0 };
	bool ok;

	(void)snprintf(id, sizeof(id), "%" PRId64, undo->id);
	ok = (act ? tables_undo_sql : tables_undo_count_sql)(part->dataset,
		     &sql, err) &&
		add_delta_sql(part, act, &delta_sql, err) &&
		db_query(db, sql.data, 1, values, &rows, err) &&
		db_query(db, delta_sql.data, 3, values, &delta, err);
	if (ok) {
		part->deleted = db_int(rows, 0, 0);
		part->restored = db_int(rows, 0, 1);
		part->delta_rows = db_int(delta, 0, 0);
		part->lost = db_int(delta, 0, 1) - part->delta_rows;
		part->unsure = db_value(delta, 0, 2)[0] == 't' ?
			part->deleted : 0;
	}
	db_result_free(rows);
	db_result_free(delta);
	buf_clear(&sql);
	buf_clear(&delta_sql);
	return ok || connect_blame_schema(err);
}

bool undo_plan(const struct config *config, const char *given,
	struct undo *undo, struct err *err)
{
	struct db *db;
	bool ok;

	*undo = (struct undo){ .config = config,
		.plan = plan_read(config, err) };
	if (undo->plan == NULL)
		return false;
	db = connect_db(config, &config->reader, true, 0, err);
	ok = db != NULL && lookup_one(db, config, given, &undo->id, err) &&
		read_source(undo, db, err) && list_parts(undo, err);
	for (size_t i = 0; ok && i < undo->count; i++)
		ok = undo_part(undo, &undo->parts[i], db, false, err);
	db_close(db);
	return ok;
}

void undo_clear(struct undo *undo)
{
	db_result_free(undo->source);
	plan_free(undo->plan);
	*undo = (struct undo){ 0 };
}

/* -- models ---------------------------------------------------------------- */

/* The models that are stale now and were not: those whose tables changed. Ours
 * alone can be built. */
static bool build_models(struct undo *undo, struct db *db,
	const struct db_result *fresh, struct err *err)
{
	struct db_result *stale = NULL;
	const char **names = calloc(db_rows(fresh) + 1, sizeof(*names));
	struct build_choice choice = { .names = names };
	bool ok = names != NULL || err_memory(err);

	ok = ok && db_query(db, "select model from meta.model\n"
		"where state = 'stale'", 0, NULL, &stale, err);
	for (size_t i = 0; ok && i < db_rows(stale); i++) {
		bool was = false, known = false;

		for (size_t k = 0; !was && k < db_rows(fresh); k++)
			was = strcmp(db_value(fresh, k, 0),
				db_value(stale, i, 0)) == 0;
		for (size_t k = 0; was && k < models_count(undo->plan->models);
			k++) {
			const struct model_info info =
				models_info(undo->plan->models, k);
			const size_t len = strlen(info.pipeline);

			known = known || (strncmp(db_value(stale, i, 0),
				info.pipeline, len) == 0 &&
				strcmp(db_value(stale, i, 0) + len + 1,
					info.name) == 0);
		}
		if (known)
			names[choice.count++] = db_value(stale, i, 0);
		else if (was)
			undo->amiss++;
	}
	undo->models = (int64_t)choice.count;
	if (ok && choice.count > 0)
		ok = models_build_within(undo->plan->models, db, &choice, NULL,
			NULL, &undo->amiss, err);
	db_result_free(stale);
	free(names);
	return ok;
}

/* -- the books ------------------------------------------------------------- */

static bool note_part(const struct undo *undo, const struct undo_part *part,
	struct db *db, struct err *err)
{
	char text[5][24];
	const int64_t numbers[] = { undo->id, part->delta_rows, part->deleted,
		part->restored, part->unsure };
	const char *values[] = { text[0], text[1], text[2], text[3], text[4],
		part->dataset->name };

	for (size_t i = 0; i < 5; i++)
		(void)snprintf(text[i], sizeof(text[i]), "%" PRId64,
			numbers[i]);
	return db_query(db, "insert into meta.undone (source_id, delta_rows,\n"
		"    deleted, restored, unsure, dataset)\n"
		"values ($1, $2, $3, $4, $5, $6)", 6, values, NULL, err);
}

/* A file that `sluice load` has loaded has its drop id from what it is: it
 * becomes free, so that the same file can be loaded so again. All others keep
 * theirs, for a message may still come twice. */
static const char *const free_statements[] = {
	"update meta.chunk c set drop_id = $2::uuid\n"
	"from meta.source s\n"
	"where s.source_id = $1::bigint and c.drop_id = s.drop_id",
	"update meta.source r set replay_of = $2::uuid\n"
	"from meta.source s\n"
	"where s.source_id = $1::bigint and r.replay_of = s.drop_id",
	("update meta.source set drop_id = $2::uuid\n"
	 "where source_id = $1::bigint"),
};

static bool free_drop(const struct undo *undo, struct db *db, struct err *err)
{
	char id[24], text[UUID_TEXT];
	const char *values[] = { id, text };
	struct uuid drop;
	bool ok = uuid_random(&drop, err);

	(void)snprintf(id, sizeof(id), "%" PRId64, undo->id);
	uuid_format(&drop, text);
	for (size_t i = 0; ok && i < sizeof(free_statements) /
		sizeof(*free_statements); i++)
		ok = db_query(db, free_statements[i], 2, values, NULL, err);
	return ok;
}

/* $1 source, $2 who, $3 why. Reports and data tests are due again. */
static const char *const book_statements[] = {
	"update meta.source\n"
	"set undone_at = now(), undone_by = $2, undone_reason = $3\n"
	"where source_id = $1::bigint",
	"insert into meta.operation (done_by, what, target, reason, detail)\n"
	"select $2, 'undo', $1::bigint::text, $3, jsonb_object_agg(u.dataset,\n"
	"    to_jsonb(u) - 'source_id' - 'dataset')\n"
	"from meta.undone u\n"
	"where u.source_id = $1::bigint",
	"with s as (select pipeline, $2::text, $3::text from meta.source\n"
	"    where source_id = $1::bigint)\n"
	"update meta.care c\n"
	"set changed = c.changed + 1, finished = c.finished + 1\n"
	"from s\n"
	"where c.pipeline = s.pipeline",
};

static bool note(const struct undo *undo, struct db *db, const char *by,
	const char *reason, struct err *err)
{
	char id[24];
	const char *values[] = { id, by, reason };
	bool ok = true;

	(void)snprintf(id, sizeof(id), "%" PRId64, undo->id);
	for (size_t i = 0; ok && i < undo->count; i++)
		ok = note_part(undo, &undo->parts[i], db, err);
	for (size_t i = 0; ok && i < sizeof(book_statements) /
		sizeof(*book_statements); i++)
		ok = db_query(db, book_statements[i], 3, values, NULL, err);
	return ok && (!undo->direct || free_drop(undo, db, err));
}

/* -- the transaction ------------------------------------------------------- */

/* The source first, as loads do; then nobody loads into its tables until we
 * are through. */
static bool lock(struct undo *undo, struct db *db, struct err *err)
{
	char id[24];
	const char *values[] = { id };
	struct buf sql = { 0 };
	bool ok;

	(void)snprintf(id, sizeof(id), "%" PRId64, undo->id);
	ok = db_query(db, "select from meta.source\n"
		"where source_id = $1::bigint\n"
		"for update", 1, values, NULL, err);
	for (size_t i = 0; ok && i < undo->count; i++) {
		buf_reset(&sql);
		ok = buf_add_str(&sql, "lock table ", err) &&
			tables_master_name(undo->parts[i].dataset, &sql, err) &&
			buf_add_str(&sql, ", ", err) &&
			tables_delta_name(undo->parts[i].dataset, &sql, err) &&
			buf_add_str(&sql, " in share row exclusive mode", err) &&
			db_exec(db, sql.data, err);
	}
	buf_clear(&sql);
	return ok;
}

static bool once(struct undo *undo, struct db *db, const char *by,
	const char *reason, struct err *err)
{
	struct db_result *fresh = NULL;
	bool ok;

	db_result_free(undo->source);
	undo->source = NULL;
	undo->amiss = 0;
	ok = db_begin(db, err) && lock(undo, db, err) &&
		read_source(undo, db, err) &&
		db_query(db, "select model from meta.model\n"
			"where state = 'fresh'", 0, NULL, &fresh, err);
	for (size_t i = 0; ok && i < undo->count; i++)
		ok = undo_part(undo, &undo->parts[i], db, true, err);
	ok = ok && build_models(undo, db, fresh, err) &&
		note(undo, db, by, reason, err) && db_commit(db, err);
	if (!ok)
		db_rollback(db);
	db_result_free(fresh);
	return ok;
}

bool undo_run(struct undo *undo, const char *by, const char *reason,
	struct err *err)
{
	struct db *db = connect_db(undo->config, &undo->config->owner, false, 0,
		err);
	struct err why = { 0 };
	bool ok = false;

	if (db == NULL)
		return false;
	for (int i = 0; !ok && i < TRIES; i++) {
		why = (struct err){ 0 };
		ok = once(undo, db, by, reason, &why);
		if (why.kind != ERR_RETRY || !db_alive(db))
			break;
	}
	if (!ok)
		*err = why;
	db_close(db);
	return ok;
}
