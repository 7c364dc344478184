/* serve_chart.c - charts of the modelled tables: which there can be, found in
 * their columns, and the numbers of one. */
#include "cli/serve.h"
#include "consumer/models.h"

#include <stdio.h>
#include <string.h>

#define POINTS 2000 /* along an axis of time, the latest */
#define BARS 20
#define SERIES 8    /* the largest; the rest are one */

/* Columns of all models, by what they are: a time, a text that is a period of
 * time by its name, a text, a number. */
#define COLUMNS_SQL \
	"select m.model, a.attname::text as name, a.attnum,\n" \
	"       case when t.typname in ('date', 'timestamp', 'timestamptz')\n" \
	"                then 'time'\n" \
	"            when t.typcategory = 'N' then 'number'\n" \
	"            when t.typcategory <> 'S' then 'other'\n" \
	"            when a.attname ~\n" \
	"                '(^|_)(hour|day|date|week|month|quarter|year)$'\n" \
	"                then 'period'\n" \
	"            else 'text' end as kind\n" \
	"from meta.model m\n" \
	"join pg_attribute a on a.attrelid = to_regclass(m.relation)\n" \
	"join pg_type t on t.oid = a.atttypid\n" \
	"where a.attnum > 0 and not a.attisdropped\n"

/* $1: {"pipeline.name": {"grain": ["day", ...], ...}}. What an incremental
 * model measures adds up over any column of its grain; of the others only whole
 * rows are right. */
static const char charts_sql[] =
	"with col as (\n"
	"    select c.*, f.value -> 'grain' ? c.name as grain\n"
	"    from (" COLUMNS_SQL ") c\n"
	"    join jsonb_each($1::jsonb) f on f.key = c.model\n"
	"), model as (\n"
	"    select m.model, m.pipeline, m.materialized, m.state,\n"
	"           f.value ->> 'description' as description,\n"
	"           jsonb_array_length(f.value -> 'grain') as width,\n"
	"           (select json_agg(c.name order by c.attnum)\n"
	"            from col c\n"
	"            where c.model = m.model and c.kind = 'number'\n"
	"              and not c.grain and c.name !~ '(^|_)id$') as measures\n"
	"    from meta.model m\n"
	"    join jsonb_each($1::jsonb) f on f.key = m.model\n"
	"), chart as (\n"
	"    select c.model, c.name as x, null as by, c.kind, 0 as n,\n"
	"           c.attnum as a, 0 as b\n"
	"    from col c\n"
	"    join model m using (model)\n"
	"    where c.grain and c.kind in ('time', 'period', 'text')\n"
	"      and (m.materialized = 'incremental' or m.width = 1)\n"
	"    union all\n"
	"    select c.model, c.name, d.name, c.kind, 1, c.attnum, d.attnum\n"
	"    from col c\n"
	"    join model m using (model)\n"
	"    join col d on d.model = c.model and d.grain and d.kind = 'text'\n"
	"    where c.grain and c.kind in ('time', 'period')\n"
	"      and (m.materialized = 'incremental' or m.width = 2)\n"
	")\n"
	"select coalesce(json_agg(json_build_object(\n"
	"    'model', m.model, 'pipeline', m.pipeline,\n"
	"    'materialized', m.materialized, 'state', m.state,\n"
	"    'description', m.description, 'x', c.x, 'by', c.by,\n"
	"    'kind', c.kind, 'measures', m.measures)\n"
	"    order by m.materialized <> 'incremental', m.model, c.n, c.a, c.b),\n"
	"    '[]')::text\n"
	"from chart c\n"
	"join model m using (model)\n"
	"where m.measures is not null";

static const char columns_sql[] = COLUMNS_SQL "  and m.model = $1";

struct chart {
	const struct model_info *model;
	const char *x, *by, *measure; /* by may be NULL */
	bool in_time; /* x is */
	bool adds_up;
};

/* -- which there are ------------------------------------------------------- */

static const char *next_name(const char *text, size_t *len)
{
	text += strspn(text, ", \t");
	*len = strcspn(text, ", \t");
	return *len > 0 ? text : NULL;
}

static void put_grain(struct json *object, const char *grain)
{
	struct json *array = json_put_array(object, "grain");
	const char *at = grain != NULL ? grain : "";
	char name[64];
	size_t len;

	for (; (at = next_name(at, &len)) != NULL; at += len) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)len, at);
		json_add_text(array, name);
	}
}

static bool describe(const struct models *models, struct buf *out,
	struct err *err)
{
	struct json *root = json_object();
	bool ok;

	for (size_t i = 0; i < models_count(models); i++) {
		const struct model_info info = models_info(models, i);
		struct json *object;
		char key[160];

		(void)snprintf(key, sizeof(key), "%s.%s", info.pipeline,
			info.name);
		object = json_put_object(root, key);
		put_grain(object, info.grain);
		if (info.description != NULL)
			json_put_text(object, "description", info.description);
	}
	ok = json_print(root, false, out, err);
	json_free(root);
	return ok;
}

static bool ask(struct serve_call *call, const char *sql, const char *value,
	struct db_result **result, struct err *err)
{
	struct db *db = serve_borrow(call->serve, err);
	const bool ok = db != NULL && db_query(db, sql,
		value != NULL ? 1 : 0, &value, result, err);

	if (db != NULL)
		serve_return(call->serve, db, ok);
	return ok;
}

static bool list(struct serve_call *call, const struct models *models,
	struct err *err)
{
	struct buf *out = &call->reply->body;
	struct db_result *result = NULL;
	struct buf files = { 0 };
	const bool ok = describe(models, &files, err) &&
		ask(call, charts_sql, files.data, &result, err) &&
		buf_printf(out, err, "{\"items\":%s,\"next\":null}",
			db_value(result, 0, 0));

	db_result_free(result);
	buf_clear(&files);
	return ok;
}

/* -- the numbers of one ---------------------------------------------------- */

static bool kind_of(const struct db_result *columns, const char *name,
	const char **kind)
{
	for (size_t i = 0; i < db_rows(columns); i++)
		if (strcmp(db_value(columns, i, 1), name) == 0) {
			*kind = db_value(columns, i, 3);
			return true;
		}
	return false;
}

static bool is_kind(const struct db_result *columns, const char *name,
	const char *first, const char *second)
{
	const char *kind;

	return name != NULL && kind_of(columns, name, &kind) &&
		(strcmp(kind, first) == 0 || strcmp(kind, second) == 0);
}

/* Whether the chart tells every row of the model from the others. */
static bool covers(const char *grain, const struct chart *chart)
{
	const char *at = grain != NULL ? grain : "";
	size_t len, names = 0;

	for (; (at = next_name(at, &len)) != NULL; at += len, names++)
		if ((strlen(chart->x) != len ||
			    strncmp(chart->x, at, len) != 0) &&
			(chart->by == NULL || strlen(chart->by) != len ||
				strncmp(chart->by, at, len) != 0))
			return false;
	return names > 0;
}

static bool check(struct chart *chart, const struct db_result *columns)
{
	chart->in_time = is_kind(columns, chart->x, "time", "period");
	chart->adds_up = strcmp(chart->model->materialized,
		"incremental") == 0;
	return (chart->in_time || is_kind(columns, chart->x, "text", "text")) &&
		is_kind(columns, chart->measure, "number", "number") &&
		(chart->by == NULL ||
			is_kind(columns, chart->by, "text", "text")) &&
		(chart->adds_up || covers(chart->model->grain, chart));
}

/* select x, sum(measure) ... with its names quoted. */
static bool part(struct buf *sql, const char *before, const char *name,
	struct err *err)
{
	return buf_add_str(sql, before, err) &&
		(name == NULL || sql_add_ident(sql, name, err));
}

/* The largest, and all others as one. */
static bool bars_sql(const struct chart *chart, struct buf *sql,
	struct err *err)
{
	return part(sql, "with g as (select ", chart->x, err) &&
		part(sql, "::text as x, sum(", chart->measure, err) &&
		buf_printf(sql, err, ") as v from %s group by 1), r as (select "
			"x, v, row_number() over (order by v desc nulls last, "
			"x) as n from g) select json_build_object('rows', "
			"coalesce((select json_agg(json_build_array(x, null, v)"
			" order by n) from r where n <= %d), '[]'), 'others', "
			"(select count(*) from r where n > %d), 'others_sum', "
			"(select sum(v) from r where n > %d))::text",
			chart->model->relation, BARS, BARS, BARS);
}

static bool times_sql(const struct chart *chart, struct buf *sql,
	struct err *err)
{
	return part(sql, "with g as (select ", chart->x, err) &&
		part(sql, "::text as x, sum(", chart->measure, err) &&
		part(sql, ") as v from ", NULL, err) &&
		buf_printf(sql, err, "%s where ", chart->model->relation) &&
		part(sql, "", chart->x, err) &&
		buf_printf(sql, err, " is not null group by 1 order by 1 desc "
			"limit %d) select json_build_object('rows', coalesce("
			"(select json_agg(json_build_array(x, null, v) order "
			"by x) from g), '[]'), 'others', 0, 'others_sum', "
			"null)::text", POINTS);
}

static bool series_sql(const struct chart *chart, struct buf *sql,
	struct err *err)
{
	const char *relation = chart->model->relation;

	return part(sql, "with top as (select coalesce(", chart->by, err) &&
		part(sql, "::text, '(none)') as b, sum(", chart->measure,
			err) &&
		buf_printf(sql, err, ") as v from %s group by 1 order by 2 desc"
			" nulls last, 1 limit %d), x as (select distinct ",
			relation, SERIES) &&
		part(sql, "", chart->x, err) &&
		buf_printf(sql, err, " as x from %s order by 1 desc nulls last"
			" limit %d), g as (select ", relation, POINTS) &&
		part(sql, "t.", chart->x, err) &&
		part(sql, "::text as x, top.b is not null as named, top.b, "
			"sum(t.", chart->measure, err) &&
		buf_printf(sql, err, ") as v from %s t join x on x.x = t.",
			relation) &&
		part(sql, "", chart->x, err) &&
		part(sql, " left join top on top.b = coalesce(t.", chart->by,
			err) &&
		buf_printf(sql, err, "::text, '(none)') group by 1, 2, 3) select "
			"json_build_object('rows', coalesce((select json_agg("
			"json_build_array(x, b, v) order by x, b) from g where "
			"named or %s), '[]'), 'others', (select count(*) from g"
			" where not named), 'others_sum', null)::text",
			chart->adds_up ? "true" : "false");
}

static bool data_sql(const struct chart *chart, struct buf *sql,
	struct err *err)
{
	if (!chart->in_time)
		return bars_sql(chart, sql, err);
	return chart->by != NULL ? series_sql(chart, sql, err) :
				   times_sql(chart, sql, err);
}

static bool answer(struct serve_call *call, struct chart *chart,
	const struct db_result *columns, struct err *err)
{
	struct db_result *result = NULL;
	struct buf sql = { 0 };
	bool ok;

	if (!check(chart, columns)) {
		serve_error(call, 400, "bad_query", "there is no such chart: "
			"see /api/v1/charts");
		return true;
	}
	ok = data_sql(chart, &sql, err) &&
		ask(call, sql.data, NULL, &result, err) &&
		buf_add(&call->reply->body, db_value(result, 0, 0),
			db_value_len(result, 0, 0), err);
	db_result_free(result);
	buf_clear(&sql);
	return ok;
}

static bool find_model(const struct models *models, const char *key,
	struct model_info *info)
{
	char name[160];

	for (size_t i = 0; key != NULL && i < models_count(models); i++) {
		*info = models_info(models, i);
		(void)snprintf(name, sizeof(name), "%s.%s", info->pipeline,
			info->name);
		if (strcmp(name, key) == 0)
			return true;
	}
	return false;
}

static const char *word(struct serve_call *call, const char *name)
{
	const char *text = httpd_query(call->request, name);

	return text != NULL && *text != '\0' ? text : NULL;
}

static bool data(struct serve_call *call, const struct models *models,
	struct err *err)
{
	const char *key = word(call, "model");
	struct model_info info;
	struct chart chart = { .model = &info, .x = word(call, "x"),
		.by = word(call, "by"), .measure = word(call, "measure") };
	struct db_result *columns = NULL;
	bool ok;

	if (!find_model(models, key, &info)) {
		serve_error(call, 404, "not_found", "there is no such model");
		return true;
	}
	ok = ask(call, columns_sql, key, &columns, err) &&
		answer(call, &chart, columns, err);
	db_result_free(columns);
	return ok;
}

/* -- both ------------------------------------------------------------------ */

static void with_models(struct serve_call *call,
	bool (*step)(struct serve_call *call, const struct models *models,
		struct err *err))
{
	const struct config *config = call->serve->config;
	struct pipeline_set set = { .count = 0 };
	struct models *models = NULL;
	struct err err = { 0 };
	bool ok = pipeline_set_read(config->pipelines_dir, &set, &err);

	call->reply->type = "application/json";
	if (ok) {
		models = models_read(config->models_dir, &set, &err);
		ok = models != NULL && step(call, models, &err);
	}
	if (!ok)
		serve_fail(call, &err);
	models_free(models);
	pipeline_set_clear(&set);
}

void serve_charts(struct serve_call *call)
{
	with_models(call, list);
}

void serve_chart_data(struct serve_call *call)
{
	with_models(call, data);
}
