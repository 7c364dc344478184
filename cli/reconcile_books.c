/* reconcile_books.c - does what the ledger says stand in the tables? */
#include "cli/reconcile.h"
#include "consumer/tables.h"

#include <stdio.h>
#include <string.h>

/* Not judged by its delta: a source a part of whose delta was dropped by
 * delta_keep. $1 pipeline, $2 dataset; l has the loads of a source. */
#define NOT_DROPPED                                                        \
	"not exists (\n"                                                   \
	"        select from meta.delta_dropped x\n"                       \
	"        where x.dataset = $1 || '.' || $2\n"                      \
	"          and x.first_load <= l.newest and x.last_load >= l.oldest)"

enum { B_DROP, B_LIE };

/* The counters of a source, against its ledger, its rows, its rejects. */
static const char own_sql[] =
	"with l as materialized (\n"
	"    select drop_id, sum(records) as records, sum(hi - lo) as bytes,\n"
	"           min(coalesce(first_load, load_id)) as oldest,\n"
	"           max(load_id) as newest\n"
	"    from meta.chunk\n"
	"    where dataset = $2 and replay = 0\n"
	"    group by drop_id\n"
	"), d as materialized (\n"
	"    select _source, count(*) as rows from %s group by _source\n"
	"), r as materialized (\n"
	"    select source_id, count(*) as rows\n"
	"    from meta.reject\n"
	"    where dataset = $2 and item = 0 and resolved_by is null\n"
	"    group by source_id\n"
	"), s as (\n"
	"    select s.*, coalesce(l.records, 0) as in_ledger,\n"
	"           coalesce(l.bytes, 0) as bytes,\n"
	"           coalesce(d.rows, 0) as in_delta,\n"
	"           coalesce(r.rows, 0) as in_rejects,\n"
	"           " NOT_DROPPED " as whole\n"
	"    from meta.source s\n"
	"    left join l using (drop_id)\n"
	"    left join d on d._source = s.source_id\n"
	"    left join r using (source_id)\n"
	"    where s.pipeline = $1 and s.dataset = $2\n"
	")\n"
	"select drop_id, 'counted ' || records || ' records, the ledger has '\n"
	"       || in_ledger\n"
	"from s where records <> in_ledger\n"
	"union all\n"
	"select drop_id, 'the ledger has ' || bytes || ' bytes of ' || size\n"
	"from s where completed_at is not null and size <> bytes\n"
	"union all\n"
	"select drop_id, 'counted ' || rejected || ' rejects, kept are '\n"
	"       || in_rejects\n"
	"from s where rejected <> in_rejects\n"
	"union all\n"
	"select drop_id, 'counted ' || records - rejected - filtered\n"
	"       || ' records loaded, the delta has ' || in_delta\n"
	"from s where whole and records - rejected - filtered <> in_delta\n"
	"  and undone_at is null";

/* The same of what was made out of other records. */
static const char derived_sql[] =
	"with l as materialized (\n"
	"    select drop_id, min(coalesce(first_load, load_id)) as oldest,\n"
	"           max(load_id) as newest\n"
	"    from meta.chunk\n"
	"    where dataset = $2 and replay = 0\n"
	"    group by drop_id\n"
	"), d as materialized (\n"
	"    select _source, count(*) as rows from %s group by _source\n"
	")\n"
	"select s.drop_id, 'counted ' || v.records - v.rejected || ' ' || $2\n"
	"       || ' loaded, their delta has ' || coalesce(d.rows, 0)\n"
	"from meta.derived v\n"
	"join meta.source s using (source_id)\n"
	"left join l using (drop_id)\n"
	"left join d on d._source = v.source_id\n"
	"where s.pipeline = $1 and v.dataset = $2 and s.undone_at is null\n"
	"  and v.records - v.rejected <> coalesce(d.rows, 0)\n"
	"  and " NOT_DROPPED;

static bool note_lie(struct reconcile *r, const struct db_result *result,
	size_t row, struct err *err)
{
	struct amiss *amiss = NULL;
	struct uuid drop;

	if (!uuid_parse(db_value(result, row, B_DROP),
		db_value_len(result, row, B_DROP), &drop))
		return err_stop(err, EXIT_BUG, "a drop id that is none");
	if (!reconcile_lies(r, &drop, &amiss, err))
		return false;
	if (amiss == NULL || amiss->lie[0] != '\0')
		return true; /* not asked for, or said already */
	amiss->kind = AMISS_LIES;
	amiss->take_back = true;
	(void)snprintf(amiss->lie, sizeof(amiss->lie), "%s",
		db_value(result, row, B_LIE));
	return true;
}

static bool ask(struct reconcile *r, const struct dataset *dataset,
	const char *sql, size_t values_count, struct err *err)
{
	const char *values[] = { dataset->pipeline->name, dataset->name };
	struct db_result *result = NULL;
	bool ok = db_query(r->db, sql, values_count, values, &result, err);

	for (size_t i = 0; ok && i < db_rows(result); i++)
		ok = note_lie(r, result, i, err);
	db_result_free(result);
	return ok;
}

static bool judge_delta(struct reconcile *r, const struct dataset *dataset,
	struct err *err)
{
	struct buf delta = { 0 }, sql = { 0 };
	bool ok = tables_delta_name(dataset, &delta, err);

	/* one of the two formats, both ours */
	if (ok && dataset->from == NULL)
		ok = buf_printf(&sql, err, own_sql, delta.data);
	else if (ok)
		ok = buf_printf(&sql, err, derived_sql, delta.data);
	ok = ok && ask(r, dataset, sql.data, 2, err);
	buf_clear(&delta);
	buf_clear(&sql);
	return ok;
}

static bool judge_master(struct reconcile *r, const struct dataset *dataset,
	struct err *err)
{
	struct buf sql = { 0 };
	bool ok = buf_add_str(&sql,
		"select s.drop_id, 'the master lacks ' || b.rows || ' rows'\n"
		"from (\n", err) &&
		tables_behind_sql(dataset, &sql, err) &&
		buf_add_str(&sql, "\n) b (source_id, rows)\n"
			"join meta.source s using (source_id)", err);

	ok = ok && ask(r, dataset, sql.data, 0, err);
	buf_clear(&sql);
	return ok;
}

/* One that `sluice apply` has not made yet has nothing to be judged. */
static bool is_applied(struct reconcile *r, const struct dataset *dataset,
	bool *applied, struct err *err)
{
	const char *values[] = { dataset->pipeline->name, dataset->name };
	struct db_result *result = NULL;

	if (!db_query(r->db, "select from meta.dataset\n"
		"where dataset = $1 || '.' || $2", 2, values, &result, err))
		return false;
	*applied = db_rows(result) > 0;
	db_result_free(result);
	return true;
}

static bool judge(struct reconcile *r, const struct dataset *dataset,
	struct err *err)
{
	bool applied = false;

	if (!is_applied(r, dataset, &applied, err))
		return false;
	return !applied || (judge_delta(r, dataset, err) &&
		judge_master(r, dataset, err)) ||
		err_wrap(err, "dataset %s.%s", dataset->pipeline->name,
			dataset->name);
}

bool reconcile_judge_books(struct reconcile *r, struct err *err)
{
	bool ok = true;

	for (size_t p = 0; ok && p < r->set.count; p++)
		for (size_t d = 0; ok && d < r->set.pipelines[p].dataset_count;
			d++)
			ok = judge(r, &r->set.pipelines[p].datasets[d], err);
	return ok;
}
