/* overview_db.c - what PostgreSQL knows of the overview, in one snapshot. */
#include "cli/operate.h"
#include "cli/overview.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char sources_sql[] =
	"select count(*) filter (where completed_at is null),\n"
	"       count(*) filter (where completed_at is not null),\n"
	"       coalesce(extract(epoch from now() - min(claimed_at)\n"
	"           filter (where completed_at is null))::bigint, 0),\n"
	"       count(*), coalesce(sum(records), 0),\n"
	"       coalesce(sum(inserted + updated + unchanged), 0),\n"
	"       coalesce(sum(rejected), 0), coalesce(sum(filtered), 0)\n"
	"from meta.source";

/* The latest loads only: ten minutes never hold more than that many. */
static const char rates_sql[] =
	"select coalesce(sum(records) filter (\n"
	"           where committed_at > now() - interval '1 minute'), 0),\n"
	"       coalesce(sum(records), 0)\n"
	"from (\n"
	"    select committed_at, records\n"
	"    from meta.load\n"
	"    order by load_id desc\n"
	"    limit 200000\n"
	") latest\n"
	"where committed_at > now() - interval '10 minutes'";

/* What the loads counted, not the tables: exact, and no table is read. */
static const char datasets_sql[] =
	"with counted as (\n"
	"    select pipeline || '.' || dataset as dataset, 1 as files, records,\n"
	"           inserted, updated, unchanged, rejected, filtered\n"
	"    from meta.source\n"
	"    union all\n"
	"    select s.pipeline || '.' || v.dataset, 0, v.records, v.inserted,\n"
	"           v.updated, v.unchanged, v.rejected, 0\n"
	"    from meta.derived v\n"
	"    join meta.source s using (source_id)\n"
	"), undone as (\n"
	"    select s.pipeline || '.' || u.dataset as dataset,\n"
	"           sum(u.deleted) as deleted, sum(u.delta_rows) as delta_rows\n"
	"    from meta.undone u\n"
	"    join meta.source s using (source_id)\n"
	"    group by 1\n"
	")\n"
	"select d.dataset, coalesce(c.master, 0) - coalesce(u.deleted, 0),\n"
	"       coalesce(c.delta, 0) - coalesce(u.delta_rows, 0),\n"
	"       d.unknown_keys, coalesce(c.files, 0), coalesce(c.records, 0),\n"
	"       coalesce(c.rejected, 0), coalesce(c.filtered, 0)\n"
	"from meta.dataset d\n"
	"left join (\n"
	"    select dataset, sum(inserted) as master,\n"
	"           sum(inserted + updated + unchanged) as delta,\n"
	"           sum(files) as files, sum(records) as records,\n"
	"           sum(rejected) as rejected, sum(filtered) as filtered\n"
	"    from counted\n"
	"    group by dataset\n"
	") c using (dataset)\n"
	"left join undone u using (dataset)";

static const char rejects_sql[] =
	"select s.pipeline || '.' || r.dataset, r.code, count(*),\n"
	"       count(*) filter (\n"
	"           where r.rejected_at > now() - interval '1 hour'),\n"
	"       greatest(extract(epoch from now()\n"
	"           - max(r.rejected_at))::bigint, 0),\n"
	"       max(r.reject_id), sum(count(*)) over ()\n"
	"from meta.reject r\n"
	"join meta.source s using (source_id)\n"
	"where r.resolved_by is null and s.undone_at is null\n"
	"group by 1, 2\n"
	"order by 3 desc, 1, 2\n"
	"limit $1";

static const char models_sql[] =
	"select model, materialized, state = 'fresh', coalesce(error, ''),\n"
	"       refreshes, changed_rows, refresh_us,\n"
	"       coalesce(greatest(extract(epoch\n"
	"           from now() - refreshed_at)::bigint, 0), -1)\n"
	"from meta.model\n"
	"order by state <> 'stale', date_trunc('minute', refreshed_at) desc\n"
	"           nulls last, model";

/* The last result of each test, in the order asked for. */
static const char tests_sql[] =
	"select r.outcome, coalesce(r.failing, -1), coalesce(r.error, ''),\n"
	"       r.ms, greatest(extract(epoch from now() - r.ran_at)::bigint,\n"
	"           0), u.n - 1\n"
	"from unnest($1::text[], $2::text[]) with ordinality u (p, t, n)\n"
	"cross join lateral (\n"
	"    select *\n"
	"    from meta.test_result t\n"
	"    where t.pipeline = u.p and t.test = u.t\n"
	"    order by t.result_id desc\n"
	"    limit 1\n"
	") r";

/* Those that were tried in vain, by target. */
static const char failing_sql[] =
	"select target, count(*) filter (where state = 'queued'),\n"
	"       coalesce(max(attempts) filter (where state = 'queued'), 0),\n"
	"       coalesce((array_agg(error order by tried_at desc nulls last)\n"
	"           filter (where error is not null))[1], ''),\n"
	"       count(*) filter (where state = 'given_up')\n"
	"from meta.notification n\n"
	"where state = 'queued' and exists (select from meta.notification t\n"
	"          where t.target = n.target and t.state = 'queued'\n"
	"            and t.error is not null)\n"
	"   or state = 'given_up' and ended_at > now() - interval '1 day'\n"
	"group by target\n"
	"order by target";

/* Those that had records; a manifest may come in a load of its own. */
static const char loads_sql[] =
	"select load_id,\n"
	"       to_char(committed_at at time zone 'UTC',\n"
	"           'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),\n"
	"       greatest(extract(epoch from now() - committed_at)::bigint, 0),\n"
	"       (extract(epoch from committed_at - started_at)\n"
	"           * 1000)::bigint,\n"
	"       messages, duplicates, records, inserted, updated, unchanged,\n"
	"       rejected, filtered\n"
	"from (\n"
	"    select *\n"
	"    from meta.load\n"
	"    where committed_at is not null\n"
	"    order by load_id desc\n"
	"    limit 1000\n"
	") latest\n"
	"order by records > 0 desc, load_id desc\n"
	"limit $1";

/* -- one part after the other ----------------------------------------------- */

/* *rows stays with the overview, which lends its texts. */
static bool ask(struct db *db, struct overview *overview, const char *sql,
	size_t count, const char *const *values, struct db_result **rows,
	struct err *err)
{
	for (size_t i = 0; i < OVERVIEW_KEPT; i++)
		if (overview->kept[i] == NULL) {
			if (!db_query(db, sql, count, values,
				    &overview->kept[i], err))
				return false;
			*rows = overview->kept[i];
			return true;
		}
	return err_stop(err, EXIT_BUG, "too many questions");
}

/* Zeroed; NULL: out of memory. */
static void *room_for(size_t count, size_t size, struct err *err)
{
	void *items = calloc(count + 1, size);

	if (items == NULL)
		(void)err_memory(err);
	return items;
}

static bool ask_sources(struct db *db, struct overview *overview,
	struct err *err)
{
	struct db_result *rows = NULL;

	if (!db_query(db, sources_sql, 0, NULL, &rows, err))
		return false;
	overview->arriving = db_int(rows, 0, 0);
	overview->complete = db_int(rows, 0, 1);
	overview->arriving_secs = db_int(rows, 0, 2);
	overview->counts.files = db_int(rows, 0, 3);
	overview->counts.records = db_int(rows, 0, 4);
	overview->counts.loaded = db_int(rows, 0, 5);
	overview->counts.rejected = db_int(rows, 0, 6);
	overview->counts.filtered = db_int(rows, 0, 7);
	db_result_free(rows);
	return true;
}

static bool ask_rates(struct db *db, struct overview *overview,
	struct err *err)
{
	struct db_result *rows = NULL;

	if (!db_query(db, rates_sql, 0, NULL, &rows, err))
		return false;
	overview->last_minute = db_int(rows, 0, 0);
	overview->last_ten_minutes = db_int(rows, 0, 1);
	db_result_free(rows);
	return true;
}

static bool ask_datasets(struct db *db, struct overview *overview,
	struct err *err)
{
	struct db_result *rows = NULL;
	const bool ok = db_query(db, datasets_sql, 0, NULL, &rows, err);

	for (size_t i = 0; ok && i < db_rows(rows); i++) {
		struct overview_dataset *at = overview_dataset(overview,
			db_value(rows, i, 0));

		if (at == NULL)
			continue;
		at->known = true;
		at->master_rows = db_int(rows, i, 1);
		at->delta_rows = db_int(rows, i, 2);
		at->unknown_keys = db_int(rows, i, 3);
		at->counts.files = db_int(rows, i, 4);
		at->counts.records = db_int(rows, i, 5);
		at->counts.loaded = at->delta_rows;
		at->counts.rejected = db_int(rows, i, 6);
		at->counts.filtered = db_int(rows, i, 7);
	}
	db_result_free(rows);
	return ok;
}

static int by_count(const void *a, const void *b)
{
	const struct overview_code *left = a, *right = b;

	if (left->count != right->count)
		return left->count < right->count ? 1 : -1;
	return strcmp(left->code, right->code);
}

static bool sum_codes(struct overview *overview, struct err *err)
{
	struct overview_code *codes = room_for(overview->cause_count,
		sizeof(*codes), err);
	size_t count = 0;

	overview->codes = codes;
	if (codes == NULL)
		return false;
	for (size_t i = 0; i < overview->cause_count; i++) {
		const struct overview_cause *cause = &overview->causes[i];
		size_t at = 0;

		while (at < count && strcmp(codes[at].code, cause->code) != 0)
			at++;
		if (cause->last_hour == 0)
			continue;
		codes[at].code = cause->code;
		codes[at].count += cause->last_hour;
		count += at == count;
	}
	if (count > 1)
		qsort(codes, count, sizeof(*codes), by_count);
	overview->code_count = count;
	return true;
}

static bool ask_rejects(struct db *db, struct overview *overview,
	struct err *err)
{
	char limit[16];
	const char *values[] = { limit };
	struct db_result *rows;

	(void)snprintf(limit, sizeof(limit), "%d", OVERVIEW_CAUSES);
	if (!ask(db, overview, rejects_sql, 1, values, &rows, err))
		return false;
	overview->causes = room_for(db_rows(rows), sizeof(*overview->causes),
		err);
	if (overview->causes == NULL)
		return false;
	overview->cause_count = db_rows(rows);
	overview->rejects = db_rows(rows) > 0 ? db_int(rows, 0, 6) : 0;
	for (size_t i = 0; i < overview->cause_count; i++)
		overview->causes[i] = (struct overview_cause){
			.dataset = db_value(rows, i, 0),
			.code = db_value(rows, i, 1),
			.count = db_int(rows, i, 2),
			.last_hour = db_int(rows, i, 3),
			.age_secs = db_int(rows, i, 4),
			.latest = db_int(rows, i, 5),
		};
	return sum_codes(overview, err);
}

static bool ask_models(struct db *db, struct overview *overview,
	struct err *err)
{
	struct db_result *rows;

	if (!ask(db, overview, models_sql, 0, NULL, &rows, err))
		return false;
	overview->models = room_for(db_rows(rows), sizeof(*overview->models),
		err);
	if (overview->models == NULL)
		return false;
	overview->model_count = db_rows(rows);
	for (size_t i = 0; i < overview->model_count; i++)
		overview->models[i] = (struct overview_model){
			.model = db_value(rows, i, 0),
			.materialized = db_value(rows, i, 1),
			.fresh = db_value(rows, i, 2)[0] == 't',
			.error = db_value(rows, i, 3),
			.refreshes = db_int(rows, i, 4),
			.changed_rows = db_int(rows, i, 5),
			.refresh_us = db_int(rows, i, 6),
			.age_secs = db_int(rows, i, 7),
		};
	return true;
}

/* All tests of the pipeline files, and the arrays that ask for them. */
static bool list_tests(struct overview *overview, struct buf *pipelines,
	struct buf *names, struct err *err)
{
	size_t total = 0;

	for (size_t p = 0; p < overview->set.count; p++)
		total += overview->set.pipelines[p].test_count;
	overview->tests = room_for(total, sizeof(*overview->tests), err);
	if (overview->tests == NULL)
		return false;
	for (size_t p = 0; p < overview->set.count; p++)
		for (size_t t = 0; t < overview->set.pipelines[p].test_count;
			t++) {
			const struct pipeline *at = &overview->set.pipelines[p];
			const char *name = at->tests[t].name;

			overview->tests[overview->test_count++] =
				(struct overview_test){ .pipeline = at,
				.test = &at->tests[t], .failing = -1,
				.error = "", .age_secs = -1 };
			if (!sql_add_array_item(pipelines, at->name,
				    strlen(at->name), err) ||
				!sql_add_array_item(names, name, strlen(name),
					err))
				return false;
		}
	return total > 0 || (buf_add_str(pipelines, "{}", err) &&
		buf_add_str(names, "{}", err));
}

static int rank(const struct overview_test *test)
{
	return test->outcome == NULL ? 2 : strcmp(test->outcome, "pass") == 0;
}

/* Those that did not pass come first, those that were never asked last; the
 * order of the pipeline files else. */
static void sort_tests(struct overview *overview)
{
	struct overview_test *tests = overview->tests;

	for (size_t i = 1; i < overview->test_count; i++) {
		const struct overview_test test = tests[i];
		size_t at = i;

		for (; at > 0 && rank(&tests[at - 1]) > rank(&test); at--)
			tests[at] = tests[at - 1];
		tests[at] = test;
	}
}

static bool ask_tests(struct db *db, struct overview *overview,
	struct err *err)
{
	struct buf pipelines = { 0 }, names = { 0 };
	struct db_result *rows = NULL;
	bool ok = list_tests(overview, &pipelines, &names, err);
	const char *values[] = { pipelines.data, names.data };

	ok = ok && ask(db, overview, tests_sql, 2, values, &rows, err);
	for (size_t i = 0; ok && i < db_rows(rows); i++) {
		struct overview_test *at =
			&overview->tests[db_int(rows, i, 5)];

		at->outcome = db_value(rows, i, 0);
		at->failing = db_int(rows, i, 1);
		at->error = db_value(rows, i, 2);
		at->ms = db_int(rows, i, 3);
		at->age_secs = db_int(rows, i, 4);
	}
	sort_tests(overview);
	buf_clear(&pipelines);
	buf_clear(&names);
	return ok;
}

static bool ask_loads(struct db *db, struct overview *overview,
	struct err *err)
{
	char limit[16];
	const char *values[] = { limit };
	struct db_result *rows;

	(void)snprintf(limit, sizeof(limit), "%d", OVERVIEW_LOADS);
	if (!ask(db, overview, loads_sql, 1, values, &rows, err))
		return false;
	overview->loads = room_for(db_rows(rows), sizeof(*overview->loads),
		err);
	if (overview->loads == NULL)
		return false;
	for (size_t i = 0; i < db_rows(rows); i++) {
		if (i > 0 && db_int(rows, i, 6) == 0)
			break;
		overview->loads[overview->load_count++] =
			(struct overview_load){
			.id = db_int(rows, i, 0), .at = db_value(rows, i, 1),
			.age_secs = db_int(rows, i, 2),
			.ms = db_int(rows, i, 3),
			.messages = db_int(rows, i, 4),
			.duplicates = db_int(rows, i, 5),
			.records = db_int(rows, i, 6),
			.inserted = db_int(rows, i, 7),
			.updated = db_int(rows, i, 8),
			.unchanged = db_int(rows, i, 9),
			.rejected = db_int(rows, i, 10),
			.filtered = db_int(rows, i, 11),
		};
	}
	return true;
}

static bool ask_all(struct db *db, struct overview *overview,
	const struct state_fact *facts, size_t count, struct err *err)
{
	return db_exec(db, "begin isolation level repeatable read, read only",
		       err) &&
		ask_sources(db, overview, err) &&
		ask_rates(db, overview, err) &&
		ask_datasets(db, overview, err) &&
		overview_ask_sources(db, overview, facts, count, err) &&
		ask_rejects(db, overview, err) &&
		ask_models(db, overview, err) &&
		ask_tests(db, overview, err) &&
		ask(db, overview, failing_sql, 0, NULL, &overview->failing,
			err) &&
		ask_loads(db, overview, err) &&
		db_exec(db, "commit", err);
}

bool overview_ask_database(struct db *db, struct overview *overview,
	const struct state_fact *facts, size_t count, struct err *err)
{
	struct err old = { 0 };

	if (!ask_all(db, overview, facts, count, err)) {
		db_rollback(db);
		return false;
	}
	if (!operate_pauses(db, &overview->pauses, &old))
		overview->pauses = NULL;
	return true;
}
