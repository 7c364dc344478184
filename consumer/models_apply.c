/* models_apply.c - the SQL that makes the database hold these models. */
#include "consumer/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plan {
	const struct models *models;
	struct db *db;
	bool *create;     /* one a model */
	struct buf *sql;
};

/* The nouns of a step's headline. */
static const char *noun(const char *materialized)
{
	return strcmp(materialized, "view") == 0 ? "view" : "table";
}

/* -- what is there ----------------------------------------------------- */

/* The models in the database, those that read others first: the order in
 * which they can be dropped. Empty before the first migration. */
static bool read_known(struct db *db, struct db_result **known,
	struct err *err)
{
	static const char known_sql[] =
		"with recursive d (model, depth) as (\n"
		"select model, 0 from meta.model\n"
		"union\n"
		"select m.model, d.depth + 1\n"
		"from d\n"
		"join meta.model s on s.model = d.model\n"
		"join meta.model m on s.relation = any (m.sources)\n"
		"where d.depth < 1000\n"
		")\n"
		"select m.model, m.relation, m.materialized, m.sha256,\n"
		"\tto_regclass(m.relation) is not null\n"
		"from meta.model m\n"
		"join d on d.model = m.model\n"
		"group by m.model\n"
		"order by max(d.depth) desc, m.model";
	struct db_result *there = NULL;
	bool migrated;

	if (!db_query(db, "select to_regclass('meta.model') is not null", 0,
		    NULL, &there, err))
		return false;
	migrated = db_value(there, 0, 0)[0] == 't';
	db_result_free(there);
	return db_query(db, migrated ? known_sql : "select where false", 0,
		NULL, known, err);
}

static size_t find_known(const struct db_result *known, const char *key)
{
	size_t i = 0;

	while (i < db_rows(known) && strcmp(db_value(known, i, 0), key) != 0)
		i++;
	return i;
}

static size_t find_model(const struct models *models, const char *key)
{
	size_t i = 0;

	while (i < models->count && strcmp(models->items[i].key, key) != 0)
		i++;
	return i;
}

/* A model whose source is made anew is made anew as well. */
static void decide(struct plan *plan, const struct db_result *known)
{
	for (size_t i = 0; i < plan->models->count; i++) {
		const struct model *model = &plan->models->items[i];
		const size_t at = find_known(known, model->key);

		plan->create[i] = at == db_rows(known) ||
			strcmp(db_value(known, at, 3), model->sha256) != 0 ||
			db_value(known, at, 4)[0] != 't';
	}
	model_spread(plan->models, plan->create);
}

/* -- dropping ---------------------------------------------------------- */

static bool add_forget(struct buf *sql, const char *key, struct err *err)
{
	return buf_add_str(sql, "delete from meta.model where model = ", err) &&
		sql_add_literal(sql, key, err) && buf_add_str(sql, ";\n", err);
}

static bool drop_one(struct plan *plan, const struct db_result *known,
	size_t at, struct err *err)
{
	const char *key = db_value(known, at, 0);
	const char *relation = db_value(known, at, 1);
	const char *kind = noun(db_value(known, at, 2));
	const size_t model = find_model(plan->models, key);
	const bool listed = model < plan->models->count;

	if (listed && !plan->create[model])
		return true;
	return buf_printf(plan->sql, err,
		       "--- dropped %s %s: %s\ndrop %s if exists %s;\n", kind,
		       relation,
		       listed ? "to be made anew" : "not listed any more", kind,
		       relation) &&
		(listed || add_forget(plan->sql, key, err));
}

static bool drop_all(struct plan *plan, const struct db_result *known,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < db_rows(known); i++)
		ok = drop_one(plan, known, i, err);
	return ok;
}

/* -- creating ---------------------------------------------------------- */

static bool create_all(struct plan *plan, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < plan->models->count; i++) {
		const struct model *model = &plan->models->items[i];

		if (plan->create[i])
			ok = buf_printf(plan->sql, err,
				     "--- created %s modelled.%s\n",
				     noun(model_kind_name(model->kind)),
				     model->name) &&
				model_create_sql(model, plan->sql, err);
	}
	return ok;
}

/* -- triggers ---------------------------------------------------------- */

/* The digest of a capture's SQL is the comment of its function: *same when the
 * database has just this. */
static bool has_capture(struct plan *plan, const struct capture *capture,
	const char *digest, bool *same, struct err *err)
{
	const char *values[] = { capture->relation->quoted,
		capture->relation->table, digest };
	struct db_result *result = NULL;

	*same = false;
	if (capture->model != SIZE_MAX && plan->create[capture->model])
		return true;
	if (!db_query(plan->db,
		    "select 1\n"
		    "from pg_class c\n"
		    "join pg_proc p on p.pronamespace = c.relnamespace\n"
		    "\tand p.proname = $2 || '_capture'\n"
		    "where c.oid = to_regclass($1)\n"
		    "\tand obj_description(p.oid, 'pg_proc') = $3\n"
		    "\tand (select count(*) from pg_trigger t\n"
		    "\t\twhere t.tgrelid = c.oid and t.tgname in (\n"
		    "\t\t'sluice_insert', 'sluice_update', 'sluice_delete',\n"
		    "\t\t'sluice_by_hand', 'sluice_truncate')) = 5",
		    3, values, &result, err))
		return false;
	*same = db_rows(result) > 0;
	db_result_free(result);
	return true;
}

static bool digest_of(const struct buf *sql, char out[SHA256_TEXT],
	struct err *err)
{
	uint8_t digest[SHA256_BYTES];

	if (!sha256_once(sql->data, sql->len, digest, err))
		return false;
	sha256_format(digest, out);
	return true;
}

static bool capture_one(struct plan *plan, const struct capture *capture,
	struct err *err)
{
	const struct relation *relation = capture->relation;
	char digest[SHA256_TEXT];
	struct buf sql = { 0 };
	bool same = false;
	bool ok;

	ok = model_capture_sql(plan->models, capture, &sql, err) &&
		digest_of(&sql, digest, err) &&
		has_capture(plan, capture, digest, &same, err);
	if (ok && !same)
		ok = buf_printf(plan->sql, err,
			"--- made triggers that catch changes of %s.%s\n%s"
			"comment on function \"%s\".\"%s_capture\"() is '%s';\n",
			relation->schema, relation->table, sql.data,
			relation->schema, relation->table, digest);
	buf_clear(&sql);
	return ok;
}

/* A delta takes rows by COPY into its partitions; a statement on the whole is
 * somebody's hand. */
static bool watch_delta(struct plan *plan, const struct relation *relation,
	struct err *err)
{
	const char *values[] = { relation->quoted };
	struct db_result *result = NULL;
	bool ok;

	ok = db_query(plan->db,
		"select 1 from pg_trigger\n"
		"where tgrelid = to_regclass($1) and tgname = 'sluice_by_hand'",
		1, values, &result, err);
	if (ok && db_rows(result) == 0)
		ok = buf_printf(plan->sql, err,
			"--- made a trigger that notices changes of %s.%s by "
			"hand\n"
			"create or replace trigger sluice_by_hand\n"
			"after insert or update or delete or truncate on %s\n"
			"for each statement\n"
			"execute function meta.changed_by_hand();\n",
			relation->schema, relation->table, relation->quoted);
	db_result_free(result);
	return ok;
}

static bool is_watched_before(const struct models *models, size_t model,
	size_t source)
{
	const char *quoted =
		models->items[model].sources[source].relation.quoted;

	for (size_t i = 0; i <= model; i++)
		for (size_t k = 0; k < models->items[i].source_count; k++) {
			if (i == model && k == source)
				return false;
			if (strcmp(models->items[i].sources[k].relation.quoted,
				    quoted) == 0)
				return true;
		}
	return false;
}

static bool watch_deltas(struct plan *plan, struct err *err)
{
	const struct models *models = plan->models;

	for (size_t i = 0; i < models->count; i++)
		for (size_t k = 0; k < models->items[i].source_count; k++) {
			const struct model_source *source =
				&models->items[i].sources[k];

			if (source->delta && !is_watched_before(models, i, k) &&
				!watch_delta(plan, &source->relation, err))
				return false;
		}
	return true;
}

static bool is_captured(const struct models *models, const char *schema,
	const char *table)
{
	for (size_t i = 0; i < models->capture_count; i++)
		if (strcmp(models->captures[i].relation->schema, schema) == 0 &&
			strcmp(models->captures[i].relation->table, table) == 0)
			return true;
	return false;
}

/* Functions without a model that needs them, triggers and all. */
static bool drop_captures(struct plan *plan, struct err *err)
{
	struct db_result *result = NULL;
	bool ok;

	ok = db_query(plan->db,
		"select n.nspname, left(p.proname, -length('_capture')),\n"
		"\tc.relkind\n"
		"from pg_proc p\n"
		"join pg_namespace n on n.oid = p.pronamespace\n"
		"left join pg_class c on c.relnamespace = n.oid\n"
		"\tand c.relname = left(p.proname, -length('_capture'))\n"
		"where p.proname like '%\\_capture'\n"
		"\tand obj_description(p.oid, 'pg_proc') ~ '^[0-9a-f]{64}$'\n"
		"order by 1, 2", 0, NULL, &result, err);
	for (size_t i = 0; ok && i < db_rows(result); i++) {
		const char *schema = db_value(result, i, 0);
		const char *table = db_value(result, i, 1);

		if (is_captured(plan->models, schema, table))
			continue;
		ok = buf_printf(plan->sql, err,
			"--- dropped triggers that caught changes of %s.%s\n"
			"drop function \"%s\".\"%s_capture\"() cascade;\n",
			schema, table, schema, table);
		if (ok && !db_is_null(result, i, 2))
			ok = buf_printf(plan->sql, err,
				"drop trigger if exists sluice_by_hand on "
				"\"%s\".\"%s\";\n"
				"drop trigger if exists sluice_truncate on "
				"\"%s\".\"%s\";\n",
				schema, table, schema, table);
	}
	db_result_free(result);
	return ok;
}

/* -- the whole --------------------------------------------------------- */

static bool plan_all(struct plan *plan, struct err *err)
{
	struct db_result *known = NULL;
	bool ok = read_known(plan->db, &known, err);

	if (ok)
		decide(plan, known);
	ok = ok && drop_captures(plan, err) && drop_all(plan, known, err) &&
		create_all(plan, err);
	for (size_t i = 0; ok && i < plan->models->capture_count; i++)
		ok = capture_one(plan, &plan->models->captures[i], err);
	ok = ok && watch_deltas(plan, err);
	db_result_free(known);
	return ok;
}

bool models_apply_sql(const struct models *models, struct db *db,
	struct buf *sql, struct err *err)
{
	struct plan plan = {
		.models = models,
		.db = db,
		.create = calloc(models->count + 1, sizeof(bool)),
		.sql = sql,
	};
	const bool ok = plan.create != NULL ? plan_all(&plan, err) :
					      err_memory(err);

	free(plan.create);
	return ok;
}
