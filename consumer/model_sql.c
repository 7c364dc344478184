/* model_sql.c - the SQL that is made of a model. Pure. */
#include "consumer/model.h"
#include "consumer/sqltext.h"

#include <string.h>

bool model_array_sql(char *const *items, size_t count, struct buf *sql,
	struct err *err)
{
	bool ok = buf_add_str(sql, "array[", err);

	for (size_t i = 0; ok && i < count; i++)
		ok = (i == 0 || buf_add_str(sql, ", ", err)) &&
			sql_add_literal(sql, items[i], err);
	return ok && buf_add_str(sql, "]::text[]", err);
}

/* -- lists of columns -------------------------------------------------- */

/* Each item led by `prefix`, followed by `suffix`, joined by ", ". */
static bool add_list(const struct names *names, const char *prefix,
	const char *suffix, struct buf *sql, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < names->count; i++)
		ok = (i == 0 || buf_add_str(sql, ", ", err)) &&
			buf_add_str(sql, prefix, err) &&
			sql_add_ident(sql, names->items[i], err) &&
			buf_add_str(sql, suffix, err);
	return ok;
}

/* Grain and measures: the columns in the order we always use. */
static bool add_columns(const struct model *model, struct buf *sql,
	struct err *err)
{
	return add_list(&model->grain, "", "", sql, err) &&
		buf_add_str(sql, ", ", err) &&
		add_list(&model->measures, "", "", sql, err);
}

/* The same with measures below zero: -"n" as "n" */
static bool add_negated(const struct model *model, struct buf *sql,
	struct err *err)
{
	bool ok = add_list(&model->grain, "", "", sql, err);

	for (size_t i = 0; ok && i < model->measures.count; i++)
		ok = buf_add_str(sql, ", -", err) &&
			sql_add_ident(sql, model->measures.items[i], err) &&
			buf_add_str(sql, " as ", err) &&
			sql_add_ident(sql, model->measures.items[i], err);
	return ok;
}

/* sum("n") as "n" */
static bool add_sums(const struct model *model, struct buf *sql,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < model->measures.count; i++)
		ok = buf_add_str(sql, ", sum(", err) &&
			sql_add_ident(sql, model->measures.items[i], err) &&
			buf_add_str(sql, ") as ", err) &&
			sql_add_ident(sql, model->measures.items[i], err);
	return ok;
}

/* sum("n") <> 0 or ... */
static bool add_any_change(const struct model *model, struct buf *sql,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < model->measures.count; i++)
		ok = buf_add_str(sql, i == 0 ? "" : " or ", err) &&
			buf_add_str(sql, "sum(", err) &&
			sql_add_ident(sql, model->measures.items[i], err) &&
			buf_add_str(sql, ") <> 0", err);
	return ok;
}

/* "n" = t."n" + excluded."n" */
static bool add_additions(const struct model *model, struct buf *sql,
	struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < model->measures.count; i++) {
		const char *name = model->measures.items[i];

		ok = buf_add_str(sql, i == 0 ? "" : ", ", err) &&
			sql_add_ident(sql, name, err) &&
			buf_add_str(sql, " = t.", err) &&
			sql_add_ident(sql, name, err) &&
			buf_add_str(sql, " + excluded.", err) &&
			sql_add_ident(sql, name, err);
	}
	return ok;
}

/* -- the model's table or view ----------------------------------------- */

static bool add_literal_or_null(const char *text, struct buf *sql,
	struct err *err)
{
	return text == NULL ? buf_add_str(sql, "null", err) :
			      sql_add_literal(sql, text, err);
}

/* The unique index on the grain; measures that may be added. */
static bool add_finish(const struct model *model, struct buf *sql,
	struct err *err)
{
	return buf_add_str(sql, "select meta.model_table(", err) &&
		sql_add_literal(sql, model->relation.quoted, err) &&
		buf_add_str(sql, ", ", err) &&
		model_array_sql(model->grain.items, model->grain.count, sql,
			err) &&
		buf_add_str(sql, ", ", err) &&
		add_literal_or_null(model->rows, sql, err) &&
		buf_add_str(sql, ");\n", err);
}

static bool add_registration(const struct model *model, struct buf *sql,
	struct err *err)
{
	bool ok;

	ok = buf_add_str(sql, "insert into meta.model (model, pipeline, "
		"relation, sources, materialized, sha256)\nvalues (", err) &&
		sql_add_literal(sql, model->key, err) &&
		buf_add_str(sql, ", ", err) &&
		sql_add_literal(sql, model->pipeline, err) &&
		buf_add_str(sql, ", ", err) &&
		sql_add_literal(sql, model->relation.quoted, err) &&
		buf_add_str(sql, ", array[", err);
	for (size_t i = 0; ok && i < model->source_count; i++)
		ok = (i == 0 || buf_add_str(sql, ", ", err)) &&
			sql_add_literal(sql, model->sources[i].relation.quoted,
				err);
	return ok && buf_add_str(sql, "], ", err) &&
		sql_add_literal(sql, model_kind_name(model->kind), err) &&
		buf_add_str(sql, ", ", err) &&
		sql_add_literal(sql, model->sha256, err) &&
		buf_add_str(sql, ")\non conflict (model) do update set\n"
			"\tpipeline = excluded.pipeline,\n"
			"\trelation = excluded.relation,\n"
			"\tsources = excluded.sources,\n"
			"\tmaterialized = excluded.materialized,\n"
			"\tsha256 = excluded.sha256,\n"
			"\tstate = 'stale',\n"
			"\terror = null;\n", err);
}

bool model_create_sql(const struct model *model, struct buf *sql,
	struct err *err)
{
	const char *relation = model->relation.quoted;
	const bool view = model->kind == MODEL_VIEW;

	if (!buf_printf(sql, err, "create %s %s%s as\n",
		    view ? "view" : "table", relation,
		    view ? "" : " with (fillfactor = 70)"))
		return false;
	/* a view runs with the rights of who owns it: readers need no more */
	if (view) {
		if (!buf_printf(sql, err, "%s;\n", model->select))
			return false;
	} else if (!buf_printf(sql, err,
			   "select * from (\n%s\n) model with no data;\n",
			   model->select)) {
		return false;
	}
	return (view || model->grain.count == 0 ||
		       add_finish(model, sql, err)) &&
		buf_printf(sql, err, "grant select%s on %s to sluice_loader;\n"
			"grant select on %s to sluice_reader;\n",
			view ? "" : ", insert, update, delete", relation,
			relation) &&
		add_registration(model, sql, err);
}

/* -- catching changes -------------------------------------------------- */

/* Whether an incremental model that reads the relation may use the column;
 * NULL: whether there is such a model. */
bool model_catches(const struct models *models, const struct capture *capture,
	const char *column)
{
	for (size_t i = 0; i < models->count; i++) {
		const struct model *model = &models->items[i];

		if (model->kind == MODEL_INCREMENTAL &&
			model_capture(models, &model->sources[0]) == capture &&
			(column == NULL ||
				sql_may_use(model->select,
					strlen(model->select), column)))
			return true;
	}
	return false;
}

bool model_caught_sql(const struct models *models,
	const struct capture *capture, struct buf *sql, struct err *err)
{
	const struct dataset *dataset = capture->dataset;
	size_t count = 0;
	bool ok = true;

	if (!model_catches(models, capture, NULL))
		return true;
	if (dataset == NULL)
		return buf_add_char(sql, '*', err);
	for (size_t i = 0; ok && i < dataset->column_count; i++) {
		const char *name = dataset->columns[i].name;

		if (model_catches(models, capture, name))
			ok = (count++ == 0 || buf_add_str(sql, ", ", err)) &&
				sql_add_ident(sql, name, err);
	}
	if (ok && dataset->unknown == UNKNOWN_KEEP &&
		model_catches(models, capture, "extra"))
		ok = (count == 0 || buf_add_str(sql, ", ", err)) &&
			sql_add_ident(sql, "extra", err);
	return ok;
}

/* Where only tables read the relation it is enough to know of a change. */
static const char *catch_limit(const struct models *models,
	const struct capture *capture)
{
	return model_catches(models, capture, NULL) ? "" : " limit 1";
}

bool model_session_sql(const struct models *models,
	const struct capture *capture, struct buf *sql, struct err *err)
{
	const char *const tables[] = { capture->fresh, capture->gone };
	struct buf columns = { 0 };
	bool ok = model_caught_sql(models, capture, &columns, err);

	for (size_t i = 0; ok && i < 2; i++)
		ok = buf_printf(sql, err,
			"drop table if exists pg_temp.%s;\n"
			"create temporary table %s on commit delete rows as\n"
			"select %s from %s with no data;\n",
			tables[i], tables[i],
			columns.data != NULL ? columns.data : "",
			capture->relation->quoted);
	buf_clear(&columns);
	return ok;
}

static bool add_catch_function(const struct models *models,
	const struct capture *capture, const char *function, struct buf *sql,
	struct err *err)
{
	const char *limit = catch_limit(models, capture);
	struct buf columns = { 0 };
	bool ok;

	ok = model_caught_sql(models, capture, &columns, err) &&
		buf_printf(sql, err,
			"create or replace function %s()\n"
			"returns trigger\n"
			"language plpgsql\n"
			"as $sluice$\n"
			"begin\n"
			"\tif tg_op <> 'DELETE' then\n"
			"\t\tinsert into pg_temp.%s\n"
			"\t\tselect %s from sluice_new%s;\n"
			"\tend if;\n"
			"\tif tg_op <> 'INSERT' then\n"
			"\t\tinsert into pg_temp.%s\n"
			"\t\tselect %s from sluice_old%s;\n"
			"\tend if;\n"
			"\treturn null;\n"
			"end\n"
			"$sluice$;\n",
			function, capture->fresh,
			columns.data != NULL ? columns.data : "", limit,
			capture->gone,
			columns.data != NULL ? columns.data : "", limit);
	buf_clear(&columns);
	return ok;
}

/* A session that catches changes has the temporary tables (models_session);
 * what any other changes makes the models stale. */
static bool add_triggers(const struct capture *capture, const char *function,
	struct buf *sql, struct err *err)
{
	static const struct {
		const char *event;
		const char *tables;
	} triggers[] = {
		{ "insert", "new table as sluice_new" },
		{ "update", "new table as sluice_new old table as sluice_old" },
		{ "delete", "old table as sluice_old" },
	};
	const char *relation = capture->relation->quoted;
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof(triggers) / sizeof(*triggers); i++)
		ok = buf_printf(sql, err,
			"create or replace trigger sluice_%s\n"
			"after %s on %s\n"
			"referencing %s\n"
			"for each statement\n"
			"when (to_regclass('pg_temp.%s') is not null)\n"
			"execute function %s();\n",
			triggers[i].event, triggers[i].event, relation,
			triggers[i].tables, capture->fresh, function);
	return ok &&
		buf_printf(sql, err,
			"create or replace trigger sluice_by_hand\n"
			"after insert or update or delete on %s\n"
			"for each statement\n"
			"when (to_regclass('pg_temp.%s') is null)\n"
			"execute function meta.changed_by_hand();\n"
			"create or replace trigger sluice_truncate\n"
			"after truncate on %s\n"
			"for each statement\n"
			"execute function meta.changed_by_hand();\n",
			relation, capture->fresh, relation);
}

bool model_capture_sql(const struct models *models,
	const struct capture *capture, struct buf *sql, struct err *err)
{
	struct buf function = { 0 };
	bool ok;

	ok = sql_add_ident(&function, capture->relation->schema, err) &&
		buf_printf(&function, err, ".\"%s_capture\"",
			capture->relation->table) &&
		add_catch_function(models, capture, function.data, sql, err) &&
		add_triggers(capture, function.data, sql, err);
	buf_clear(&function);
	return ok;
}

/* -- refresh by difference --------------------------------------------- */

static bool add_select(const struct model *model, const char *relation,
	struct buf *sql, struct err *err)
{
	const struct relation *source = &model->sources[0].relation;

	return sql_replace_relation(model->select, strlen(model->select),
		source->schema, source->table, relation, sql, err);
}

/* select g, n from (<select over relation>) p */
static bool add_side(const struct model *model, const char *relation,
	bool negated, struct buf *sql, struct err *err)
{
	return buf_add_str(sql, "select ", err) &&
		(negated ? add_negated(model, sql, err) :
			   add_columns(model, sql, err)) &&
		buf_add_str(sql, " from (\n", err) &&
		add_select(model, relation, sql, err) &&
		buf_add_str(sql, "\n) p\n", err);
}

/* What appeared minus what vanished, groups that stay the same left out. */
static bool add_difference(const struct model *model, const char *fresh,
	const char *gone, struct buf *sql, struct err *err)
{
	return buf_add_str(sql, "select ", err) &&
		add_list(&model->grain, "", "", sql, err) &&
		add_sums(model, sql, err) &&
		buf_add_str(sql, " from (\n", err) &&
		add_side(model, fresh, false, sql, err) &&
		buf_add_str(sql, "union all\n", err) &&
		add_side(model, gone, true, sql, err) &&
		buf_add_str(sql, ") b\ngroup by ", err) &&
		add_list(&model->grain, "", "", sql, err) &&
		buf_add_str(sql, "\nhaving ", err) &&
		add_any_change(model, sql, err) &&
		buf_add_char(sql, '\n', err);
}

/* The change is materialized: sorting what was grouped is cheaper than
 * grouping what was sorted, which the planner would choose. In grain order two
 * consumers cannot wait for each other in a circle. */
bool model_refresh_sql(const struct model *model, const char *fresh,
	const char *gone, struct buf *sql, struct err *err)
{
	bool ok = buf_add_str(sql, "with c as materialized (\n", err);

	if (fresh != NULL && gone != NULL)
		ok = ok && add_difference(model, fresh, gone, sql, err);
	else if (fresh != NULL)
		ok = ok && add_side(model, fresh, false, sql, err);
	else
		ok = ok && add_side(model, gone, true, sql, err);
	return ok && buf_printf(sql, err, "), u as (\ninsert into %s as t (",
			     model->relation.quoted) &&
		add_columns(model, sql, err) &&
		buf_add_str(sql, ")\nselect ", err) &&
		add_columns(model, sql, err) &&
		buf_add_str(sql, "\nfrom c\norder by ", err) &&
		add_list(&model->grain, "", "", sql, err) &&
		buf_add_str(sql, "\non conflict (", err) &&
		add_list(&model->grain, "", "", sql, err) &&
		buf_add_str(sql, ") do update set ", err) &&
		add_additions(model, sql, err) &&
		buf_printf(sql, err, "\nreturning t.ctid as place, "
			"t.\"%s\" as n\n)\n"
			"select count(*), count(*) filter (where n < 0),\n"
			"\tarray_agg(place) filter (where n = 0)\nfrom u",
			model->rows);
}

bool model_vanish_sql(const struct model *model, struct buf *sql,
	struct err *err)
{
	return buf_printf(sql, err,
		"delete from %s where ctid = any ($1::tid[]) and \"%s\" = 0",
		model->relation.quoted, model->rows);
}

/* -- from scratch ------------------------------------------------------ */

bool model_reads_delta(const struct model *model)
{
	return model->kind == MODEL_INCREMENTAL && model->sources[0].delta;
}

/* where model = 'p.m' and select_sha256 = '...' */
static bool add_tally_key(const struct model *model, struct buf *sql,
	struct err *err)
{
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_TEXT];

	if (!sha256_once(model->select, strlen(model->select), digest, err))
		return false;
	sha256_format(digest, hex);
	return buf_add_str(sql, "where model = ", err) &&
		sql_add_literal(sql, model->key, err) &&
		buf_printf(sql, err, " and select_sha256 = '%s'", hex);
}

/* The select over a relation instead of the whole delta (NULL), and what was
 * counted in partitions that are gone. */
static bool add_with_tally(const struct model *model, const char *relation,
	struct buf *sql, struct err *err)
{
	return buf_add_str(sql, "select ", err) &&
		add_list(&model->grain, "", "", sql, err) &&
		add_sums(model, sql, err) &&
		buf_add_str(sql, "\nfrom (\nselect ", err) &&
		add_columns(model, sql, err) &&
		buf_add_str(sql, " from (\n", err) &&
		(relation != NULL ? add_select(model, relation, sql, err) :
				    buf_add_str(sql, model->select, err)) &&
		buf_add_str(sql, "\n) p\nunion all\nselect ", err) &&
		add_columns(model, sql, err) &&
		buf_printf(sql, err, "\nfrom (\nselect r.* from meta.tally,\n"
			"\tjsonb_populate_record(null::%s, counted) r\n",
			model->relation.quoted) &&
		add_tally_key(model, sql, err) &&
		buf_add_str(sql, "\n) t\n) b\ngroup by ", err) &&
		add_list(&model->grain, "", "", sql, err);
}

/* All parts see what was there before, so that the deleted rows are counted
 * once more: in the new ones. */
bool model_tally_sql(const struct model *model, const char *partition,
	struct buf *sql, struct err *err)
{
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_TEXT];

	if (!sha256_once(model->select, strlen(model->select), digest, err))
		return false;
	sha256_format(digest, hex);
	return buf_add_str(sql, "with gone as (\ndelete from meta.tally\n", err) &&
		add_tally_key(model, sql, err) &&
		buf_add_str(sql, "\n)\ninsert into meta.tally (model, "
			"select_sha256, counted)\nselect ", err) &&
		sql_add_literal(sql, model->key, err) &&
		buf_printf(sql, err, ", '%s', to_jsonb(w)\nfrom (\n", hex) &&
		add_with_tally(model, partition, sql, err) &&
		buf_add_str(sql, "\n) w", err);
}

static bool build_with_tally(const struct model *model, struct buf *sql,
	struct err *err)
{
	return buf_printf(sql, err, "insert into %s (", model->relation.quoted) &&
		add_columns(model, sql, err) &&
		buf_add_str(sql, ")\n", err) &&
		add_with_tally(model, NULL, sql, err);
}

bool model_build_sql(const struct model *model, struct buf *sql,
	struct err *err)
{
	if (model_reads_delta(model))
		return build_with_tally(model, sql, err);
	return buf_printf(sql, err,
		"insert into %s\nselect * from (\n%s\n) model",
		model->relation.quoted, model->select);
}

/* What the model should be, and what it is, column by column. */
static bool add_truth(const struct model *model, struct buf *sql,
	struct buf *columns, struct err *err)
{
	if (!model_reads_delta(model))
		return buf_add_str(sql, model->select, err) &&
			buf_add_char(columns, '*', err);
	return add_with_tally(model, NULL, sql, err) &&
		add_columns(model, columns, err);
}

bool model_verify_sql(const struct model *model, struct buf *sql,
	struct err *err)
{
	const char *relation = model->relation.quoted;
	struct buf columns = { 0 };
	bool ok;

	ok = buf_add_str(sql, "with model as materialized (\n", err) &&
		add_truth(model, sql, &columns, err) &&
		buf_printf(sql, err, "\n)\n"
			"select (select count(*) from %s),\n"
			"\t(select count(*) from (\n"
			"\t\tselect * from model except all\n"
			"\t\tselect %s from %s) missing)\n"
			"\t+ (select count(*) from (\n"
			"\t\tselect %s from %s except all\n"
			"\t\tselect * from model) surplus)",
			relation, columns.data, relation, columns.data,
			relation);
	buf_clear(&columns);
	return ok;
}
