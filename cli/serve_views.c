/* serve_views.c - what is listed: the statements, and what files add. */
#include "cli/serve.h"
#include "consumer/models.h"

#include <stdio.h>

#define TIME(what) "to_char(" what \
	" at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

/* -- sources and loads ----------------------------------------------------- */

static const char sources_sql[] =
	"select row_to_json(t)::text, t.source_id::text\n"
	"from (\n"
	"    select s.source_id, s.drop_id,\n"
	"           s.pipeline || '.' || s.dataset as dataset, s.kind, s.name,\n"
	"           case when s.completed_at is null then 'arriving'\n"
	"                when s.rejected > 0 then 'rejected'\n"
	"                else 'complete' end as state,\n"
	"           " TIME("s.claimed_at") " as claimed_at,\n"
	"           " TIME("s.completed_at") " as completed_at,\n"
	"           s.format, s.size, s.manifest_records, s.records,\n"
	"           s.inserted, s.updated, s.unchanged, s.rejected, s.filtered,\n"
	"           s.replay_of\n"
	"    from meta.source s\n"
	"    where ($2::bigint is null or s.source_id < $2)\n"
	"      and ($3::text is null or s.pipeline || '.' || s.dataset = $3)\n"
	"      and ($5::text is null\n"
	"           or position(lower($5) in lower(s.name)) > 0)\n"
	"      and ($4::text is null\n"
	"           or $4 = 'arriving' and s.completed_at is null\n"
	"           or $4 = 'complete' and s.completed_at is not null\n"
	"           or $4 = 'rejected' and s.rejected > 0)\n"
	"    order by s.source_id desc\n"
	"    limit $1::bigint\n"
	") t";

static const char loads_sql[] =
	"select row_to_json(t)::text, t.load_id::text\n"
	"from (\n"
	"    select load_id, consumer,\n"
	"           " TIME("committed_at") " as committed_at,\n"
	"           (extract(epoch from committed_at - started_at)\n"
	"               * 1000)::bigint as ms,\n"
	"           messages, duplicates, bytes, records, inserted, updated,\n"
	"           unchanged, rejected, filtered\n"
	"    from meta.load\n"
	"    where committed_at is not null\n"
	"      and ($2::bigint is null or load_id < $2)\n"
	"    order by load_id desc\n"
	"    limit $1::bigint\n"
	") t";

void serve_sources(struct serve_call *call)
{
	static const struct serve_word words[] = {
		{ "dataset", false }, { "state", false }, { "name", false },
		{ NULL, false },
	};

	serve_page(call, &(struct serve_view){ .sql = sources_sql,
		.words = words });
}

void serve_loads(struct serve_call *call)
{
	serve_page(call, &(struct serve_view){ .sql = loads_sql });
}

/* -- rejects --------------------------------------------------------------- */

/* The detail may quote the record, so it needs the token, as bytes do. */
static const char rejects_sql[] =
	"select row_to_json(t)::text, t.reject_id::text\n"
	"from (\n"
	"    select r.reject_id, s.pipeline || '.' || r.dataset as dataset,\n"
	"           r.code, r.field, s.name as source, r.source_id,\n"
	"           r.record_no as record, r.line, r.col as \"column\", r.lo,\n"
	"           r.hi, r.stage, " TIME("r.rejected_at") " as rejected_at,\n"
	"           r.resolved_by,\n"
	"           case when $8::boolean then r.detail end as detail\n"
	"    from meta.reject r\n"
	"    join meta.source s using (source_id)\n"
	"    where ($2::bigint is null or r.reject_id < $2)\n"
	"      and ($3::text is null or s.pipeline || '.' || r.dataset = $3)\n"
	"      and ($4::text is null or r.code = $4)\n"
	"      and ($5::bigint is null or r.source_id = $5)\n"
	"      and ($6::bigint is null or r.reject_id = $6)\n"
	"      and case coalesce($7::text, case when $6 is null then 'open'\n"
	"              else 'all' end)\n"
	"          when 'all' then true\n"
	"          when 'resolved' then r.resolved_by is not null\n"
	"          else r.resolved_by is null end\n"
	"    order by r.reject_id desc\n"
	"    limit $1::bigint\n"
	") t";

static const char groups_sql[] =
	"select row_to_json(t)::text, t.latest::text\n"
	"from (\n"
	"    select s.pipeline || '.' || r.dataset as dataset, r.code,\n"
	"           count(*) as rejects,\n"
	"           count(distinct r.source_id) as sources,\n"
	"           " TIME("max(r.rejected_at)") " as last_at,\n"
	"           max(r.reject_id) as latest\n"
	"    from meta.reject r\n"
	"    join meta.source s using (source_id)\n"
	"    where r.resolved_by is null\n"
	"    group by 1, 2\n"
	"    having $2::bigint is null or max(r.reject_id) < $2\n"
	"    order by latest desc\n"
	"    limit $1::bigint\n"
	") t";

void serve_rejects(struct serve_call *call)
{
	static const struct serve_word words[] = {
		{ "dataset", false }, { "code", false }, { "source_id", true },
		{ "reject_id", true }, { "state", false }, { NULL, false },
	};

	serve_page(call, &(struct serve_view){ .sql = rejects_sql,
		.words = words, .extra = call->trusted ? "true" : "false" });
}

void serve_reject_groups(struct serve_call *call)
{
	serve_page(call, &(struct serve_view){ .sql = groups_sql });
}

/* -- models ---------------------------------------------------------------- */

/* $3 says what the files say: {"pipeline.name": {"grain" ...}}. */
static const char models_sql[] =
	"select row_to_json(t)::text, t.model\n"
	"from (\n"
	"    select m.model, m.pipeline, replace(m.relation, '\"', '')\n"
	"           as relation, m.materialized, m.state, m.error,\n"
	"           m.refreshes, m.changed_rows, m.refresh_us,\n"
	"           " TIME("m.refreshed_at") " as refreshed_at,\n"
	"           (select json_agg(replace(r, '\"', '') order by n)\n"
	"            from unnest(m.sources) with ordinality u (r, n)) as reads,\n"
	"           f ->> 'grain' as grain, f ->> 'description' as description\n"
	"    from meta.model m\n"
	"    left join lateral (select $3::jsonb -> m.model) l (f) on true\n"
	"    where $2::text is null or m.model > $2\n"
	"    order by m.model\n"
	"    limit $1::bigint\n"
	") t";

static const char runs_sql[] =
	"select row_to_json(t)::text, t.run_id::text\n"
	"from (\n"
	"    select run_id, model, what, load_id,\n"
	"           " TIME("started_at") " as started_at, ms, rows, ok, detail\n"
	"    from meta.model_run\n"
	"    where ($2::bigint is null or run_id < $2)\n"
	"      and ($3::text is null or model = $3)\n"
	"    order by run_id desc\n"
	"    limit $1::bigint\n"
	") t";

/* Tables that nobody reads and models, as nodes; who reads whom. A delta is
 * there when a model reads it; its rows go on into the master. */
static const char lineage_sql[] =
	"with edge as (\n"
	"    select replace(r, '\"', '') as f, replace(m.relation, '\"', '') as t\n"
	"    from meta.model m, unnest(m.sources) r\n"
	"    union\n"
	"    select replace(d.delta, '\"', ''), replace(d.master, '\"', '')\n"
	"    from meta.dataset d\n"
	"    where exists (select from meta.model m\n"
	"                  where d.delta = any (m.sources))\n"
	"), node as (\n"
	"    select replace(d.master, '\"', '') as id, d.pipeline,\n"
	"           'master' as kind, null as state, null as model\n"
	"    from meta.dataset d\n"
	"    union all\n"
	"    select replace(d.delta, '\"', ''), d.pipeline, 'delta', null, null\n"
	"    from meta.dataset d\n"
	"    where replace(d.delta, '\"', '') in (select f from edge)\n"
	"    union all\n"
	"    select replace(m.relation, '\"', ''), m.pipeline, m.materialized,\n"
	"           m.state, m.model\n"
	"    from meta.model m\n"
	")\n"
	"select json_build_object(\n"
	"    'nodes', coalesce((select json_agg(n order by n.pipeline, n.id)\n"
	"        from node n), '[]'),\n"
	"    'edges', coalesce((select json_agg(json_build_object(\n"
	"        'from', e.f, 'to', e.t) order by e.f, e.t) from edge e),\n"
	"        '[]'))::text";

/* A pipeline set with its models. */
struct known {
	struct pipeline_set set;
	struct models *models;
};

static bool known_read(const struct config *config, struct known *known,
	struct err *err)
{
	if (!pipeline_set_read(config->pipelines_dir, &known->set, err))
		return false;
	known->models = models_read(config->models_dir, &known->set, err);
	return known->models != NULL;
}

static void known_clear(struct known *known)
{
	models_free(known->models);
	pipeline_set_clear(&known->set);
}

static void put_if(struct json *object, const char *key, const char *text)
{
	if (text != NULL && *text != '\0')
		json_put_text(object, key, text);
}

static bool describe_models(const struct models *models, struct buf *out,
	struct err *err)
{
	struct json *root = json_object();
	bool ok;

	for (size_t i = 0; i < models_count(models); i++) {
		const struct model_info info = models_info(models, i);
		struct json *object;
		char name[160];

		(void)snprintf(name, sizeof(name), "%s.%s", info.pipeline,
			info.name);
		object = json_put_object(root, name);
		put_if(object, "grain", info.grain);
		put_if(object, "description", info.description);
	}
	ok = json_print(root, false, out, err);
	json_free(root);
	return ok;
}

void serve_models(struct serve_call *call)
{
	struct known known = { .models = NULL };
	struct buf files = { 0 };
	struct err err = { 0 };

	if (known_read(call->serve->config, &known, &err) &&
		describe_models(known.models, &files, &err))
		serve_page(call, &(struct serve_view){ .sql = models_sql,
			.cursor_is_text = true, .extra = files.data });
	else
		serve_fail(call, &err);
	buf_clear(&files);
	known_clear(&known);
}

void serve_model_runs(struct serve_call *call)
{
	static const struct serve_word words[] = { { "model", false },
		{ NULL, false } };

	serve_page(call, &(struct serve_view){ .sql = runs_sql,
		.words = words });
}

void serve_lineage(struct serve_call *call)
{
	struct db_result *result = NULL;
	struct err err = { 0 };
	struct db *db = serve_borrow(call->serve, &err);
	bool ok = db != NULL &&
		db_query(db, lineage_sql, 0, NULL, &result, &err);

	if (db != NULL)
		serve_return(call->serve, db, ok);
	call->reply->type = "application/json";
	ok = ok && buf_add_str(&call->reply->body, db_value(result, 0, 0),
		&err);
	db_result_free(result);
	if (!ok)
		serve_fail(call, &err);
}

/* -- data tests ------------------------------------------------------------ */

/* $3 is what the files ask for: [{"pipeline", "test", "kind", "severity"}]. */
static const char tests_sql[] =
	"select row_to_json(t)::text, t.pipeline || '/' || t.test\n"
	"from (\n"
	"    select d.pipeline, d.test, d.\"table\", d.kind, d.severity,\n"
	"           l.outcome, l.failing, l.error, l.ms,\n"
	"           " TIME("l.ran_at") " as ran_at,\n"
	"           coalesce((select json_agg(json_build_object(\n"
	"               'outcome', h.outcome, 'failing', h.failing,\n"
	"               'ran_at', h.ran_at) order by h.result_id)\n"
	"            from (select result_id, outcome, failing,\n"
	"                         " TIME("ran_at") " as ran_at\n"
	"                  from meta.test_result r\n"
	"                  where r.pipeline = d.pipeline and r.test = d.test\n"
	"                  order by result_id desc\n"
	"                  limit 30) h), '[]') as history\n"
	"    from jsonb_to_recordset($3::jsonb) d (pipeline text, test text,\n"
	"         \"table\" text, kind text, severity text)\n"
	"    left join lateral (select *\n"
	"        from meta.test_result r\n"
	"        where r.pipeline = d.pipeline and r.test = d.test\n"
	"        order by r.result_id desc\n"
	"        limit 1) l on true\n"
	"    where $2::text is null or (d.pipeline || '/' || d.test) > $2\n"
	"    order by d.pipeline || '/' || d.test\n"
	"    limit $1::bigint\n"
	") t";

static const char test_runs_sql[] =
	"select row_to_json(t)::text, t.result_id::text\n"
	"from (\n"
	"    select result_id, pipeline, test, kind, severity, outcome,\n"
	"           failing, error, ms, " TIME("ran_at") " as ran_at\n"
	"    from meta.test_result\n"
	"    where ($2::bigint is null or result_id < $2)\n"
	"      and ($3::text is null or pipeline = $3)\n"
	"      and ($4::text is null or test = $4)\n"
	"    order by result_id desc\n"
	"    limit $1::bigint\n"
	") t";

static const char test_failures_sql[] =
	"select row_to_json(t)::text, t.n::text\n"
	"from (\n"
	"    select f.n, f.row\n"
	"    from meta.test_failure f\n"
	"    where f.result_id = (select result_id\n"
	"            from meta.test_result\n"
	"            where pipeline = $3 and test = $4\n"
	"            order by result_id desc\n"
	"            limit 1)\n"
	"      and ($2::bigint is null or f.n > $2)\n"
	"    order by f.n\n"
	"    limit $1::bigint\n"
	") t";

static const struct serve_word test_words[] = {
	{ "pipeline", false }, { "test", false }, { NULL, false },
};

static void describe_test(struct json *array, const struct pipeline *pipeline,
	const struct pipeline_test *test)
{
	struct json *object = json_add_object(array);

	json_put_text(object, "pipeline", pipeline->name);
	json_put_text(object, "test", test->name);
	put_if(object, "table", test->table);
	json_put_text(object, "kind", test_kind_name(test->kind));
	json_put_text(object, "severity", test_severity(test));
}

static bool describe_tests(const struct config *config, struct buf *out,
	struct err *err)
{
	struct pipeline_set set = { .count = 0 };
	struct json *array = json_array();
	bool ok = pipeline_set_read(config->pipelines_dir, &set, err);

	for (size_t p = 0; ok && p < set.count; p++)
		for (size_t i = 0; i < set.pipelines[p].test_count; i++)
			describe_test(array, &set.pipelines[p],
				&set.pipelines[p].tests[i]);
	ok = ok && json_print(array, false, out, err);
	json_free(array);
	pipeline_set_clear(&set);
	return ok;
}

void serve_tests(struct serve_call *call)
{
	struct buf files = { 0 };
	struct err err = { 0 };

	if (describe_tests(call->serve->config, &files, &err))
		serve_page(call, &(struct serve_view){ .sql = tests_sql,
			.cursor_is_text = true, .extra = files.data });
	else
		serve_fail(call, &err);
	buf_clear(&files);
}

void serve_test_runs(struct serve_call *call)
{
	serve_page(call, &(struct serve_view){ .sql = test_runs_sql,
		.words = test_words });
}

void serve_test_failures(struct serve_call *call)
{
	serve_page(call, &(struct serve_view){ .sql = test_failures_sql,
		.words = test_words });
}
