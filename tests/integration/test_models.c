/* test_models.c - models stay what a full recomputation would make them. */
#include "consumer/model.h"
#include "tests/integration/database.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* -- a pipeline of our own --------------------------------------------- */

static const char pipeline_text[] =
	"pipeline: shop\n"
	"datasets:\n"
	"  sales:\n"
	"    source: { directory: sales }\n"
	"    table: raw.sales\n"
	"    key: [id]\n"
	"    newest: seen\n"
	"    columns:\n"
	"      - { name: id, type: integer }\n"
	"      - { name: day, type: date }\n"
	"      - { name: who, type: text, max_length: 50 }\n"
	"      - { name: amount, type: integer }\n"
	"      - { name: note, type: text, max_length: 50 }\n"
	"      - { name: seen, type: integer }\n"
	"models: [by_table, day_view, days, day_who, amounts, loaded, fragile,"
	" after_fragile]\n";

static const struct {
	const char *name;
	const char *text;
} model_texts[] = {
	{ "day_who", "-- materialized: incremental\n"
		     "-- grain: day, who\n-- rows: sales\n"
		     "-- depends: raw.sales\n"
		     "select day, who, count(*) as sales\n"
		     "from raw.sales group by day, who\n" },
	{ "days", "-- materialized: incremental\n"
		  "-- grain: day\n-- rows: buyers\n-- depends: day_who\n"
		  "select day, count(*) as buyers, count(who) as named,\n"
		  "	sum(d.sales * d.sales)::bigint as squares\n"
		  "from modelled.day_who d group by day;\n" },
	{ "amounts", "-- materialized: incremental\n"
		     "-- grain: who\n-- rows: sales\n-- depends: raw.sales\n"
		     "select sales.who, count(*) as sales,\n"
		     "	coalesce(sum(amount), 0) as total\n"
		     "from raw.sales where amount <> 7 group by 1\n" },
	{ "loaded", "-- materialized: incremental\n"
		    "-- grain: day\n-- rows: sales\n"
		    "-- depends: raw.sales_delta\n"
		    "select day, count(*) as sales\n"
		    "from raw.sales_delta group by day\n" },
	{ "fragile", "-- materialized: incremental\n"
		     "-- grain: day\n-- rows: sales\n-- depends: raw.sales\n"
		     "select day, count(*) as sales,\n"
		     "	coalesce(sum(100 / (amount - 13)), 0)::bigint as x\n"
		     "from raw.sales group by day\n" },
	{ "after_fragile", "-- materialized: incremental\n"
			   "-- grain: sales\n-- rows: n\n-- depends: fragile\n"
			   "select sales, count(*) as n\n"
			   "from modelled.fragile group by 1\n" },
	{ "day_view", "-- materialized: view\n-- depends: days\n"
		      "select * from modelled.days\n" },
	{ "by_table", "-- materialized: table\n-- grain: day\n"
		      "-- depends: day_view\n"
		      "select day, buyers from modelled.day_view\n" },
};

static char folder[64];

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_FATAL(fputs(text, file) >= 0 && fclose(file) == 0);
}

static void write_model(const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/models/shop/%s.sql", folder,
		name);
	write_text(path, text);
}

static void write_pipeline(const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/pipelines/shop.yaml", folder);
	write_text(path, text);
}

static void make_folder(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	CU_ASSERT_FATAL(mkdir(path, 0755) == 0 || errno == EEXIST);
}

static struct test_database base;
static const struct dataset *sales;

static void open_shop(void)
{
	char pipelines[128], models[128];

	(void)snprintf(folder, sizeof(folder), "/tmp/sluice-models-%d",
		(int)getpid());
	CU_ASSERT_FATAL(mkdir(folder, 0755) == 0 || errno == EEXIST);
	make_folder("pipelines");
	make_folder("models");
	make_folder("models/shop");
	write_pipeline(pipeline_text);
	for (size_t i = 0; i < sizeof(model_texts) / sizeof(*model_texts); i++)
		write_model(model_texts[i].name, model_texts[i].text);
	(void)snprintf(pipelines, sizeof(pipelines), "%s/pipelines", folder);
	(void)snprintf(models, sizeof(models), "%s/models", folder);
	test_database_open(&base, "models", pipelines, models);
	sales = dataset_find(pipeline_find(&base.set, "shop"), "sales");
}

static void close_shop(void)
{
	char path[256];

	test_database_close(&base);
	for (size_t i = 0; i < sizeof(model_texts) / sizeof(*model_texts);
		i++) {
		(void)snprintf(path, sizeof(path), "%s/models/shop/%s.sql",
			folder, model_texts[i].name);
		(void)unlink(path);
	}
	(void)snprintf(path, sizeof(path), "%s/models/shop", folder);
	(void)rmdir(path);
	(void)snprintf(path, sizeof(path), "%s/models", folder);
	(void)rmdir(path);
	(void)snprintf(path, sizeof(path), "%s/pipelines/shop.yaml", folder);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/pipelines", folder);
	(void)rmdir(path);
	CU_ASSERT_EQUAL(rmdir(folder), 0);
}

/* Fresh ones, in alphabetical order. */
static const char *stale_models(void)
{
	return test_value(base.owner,
		"select coalesce(string_agg(model, ' ' order by model), '')\n"
		"from meta.model where state = 'stale'");
}

static void build(const char *name)
{
	const struct build_choice choice = { .names = &name,
		.count = name != NULL, .full = true };
	struct err err = { 0 };

	CU_ASSERT_TRUE(models_build(base.models, base.loader, &choice, NULL,
		NULL, NULL, &err));
	if (err.kind != ERR_NONE)
		(void)fprintf(stderr, "build: %s\n", err.text);
}

/* Rows as random as the seed, amounts never 13. */
static void load_random(int rows, int ids, int version)
{
	char select[1024];

	(void)snprintf(select, sizeof(select),
		"select (random() * %d)::bigint,\n"
		"	date '2024-01-01' + (random() * 4)::integer,\n"
		"	(array['ann', 'bob', 'cy', null])"
		"[1 + (random() * 3)::integer],\n"
		"	nullif((random() * 12)::bigint, 3), 'note',\n"
		"	(%d + random() * 3)::bigint, 1::bigint, g::bigint\n"
		"from generate_series(1, %d) g", ids, version, rows);
	test_load(&base, sales, select);
}

/* What no load does: rows that go, all within a session that catches it. */
static void delete_random(void)
{
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(models_session(base.models, base.owner, &err));
	test_exec(base.owner, "begin");
	test_exec(base.owner, "delete from raw.sales where random() < 0.4");
	CU_ASSERT_TRUE(models_refresh(base.models, base.owner, 0, NULL, 0, NULL,
		&err));
	test_exec(base.owner, "commit");
}

/* -- tests ------------------------------------------------------------- */

/* by_table is rebuilt on demand only, so it is left out by building it. */
static void check_agreement(int step)
{
	CU_ASSERT_STRING_EQUAL(stale_models(), "shop.by_table");
	build("by_table");
	CU_ASSERT_EQUAL(test_differences(&base), 0);
	if (test_differences(&base) != 0)
		(void)fprintf(stderr, "after step %d\n", step);
}

static void models_agree_after_every_step(void)
{
	open_shop();
	CU_ASSERT_STRING_EQUAL(stale_models(), "");
	test_exec(base.loader, "set seed = 0.4"); /* the same every time */
	test_exec(base.owner, "set seed = 0.2");
	for (int step = 0; step < 30; step++) {
		if (step % 4 == 3)
			delete_random();
		else
			load_random(1 + step * 7 % 40, 60, step / 6);
		check_agreement(step);
	}
	CU_ASSERT(test_number(base.owner,
		"select count(*) from modelled.day_who where who is null") > 0);
	test_exec(base.owner, "begin");
	test_exec(base.owner, "delete from raw.sales");
	test_exec(base.owner, "commit");
	close_shop();
}

static void a_grain_without_rows_vanishes(void)
{
	static const char move[] =
		"select 1::bigint, date '2024-01-0%d', 'ann', 1::bigint, '',\n"
		"%d::bigint, 1::bigint, %d::bigint";
	char select[256];

	open_shop();
	for (int day = 1; day <= 3; day++) {
		(void)snprintf(select, sizeof(select), move, day, day, day);
		test_load(&base, sales, select);
	}
	CU_ASSERT_STRING_EQUAL(test_value(base.owner,
		"select string_agg(concat(day, who, sales), ' ')\n"
		"from modelled.day_who"), "2024-01-03ann1");
	CU_ASSERT_EQUAL(test_number(base.owner,
		"select count(*) from modelled.days"), 1);
	CU_ASSERT_EQUAL(test_number(base.owner,
		"select sum(sales) from modelled.loaded"), 3);
	close_shop();
}

static void a_failing_model_goes_stale_with_its_dependents(void)
{
	open_shop();
	load_random(20, 60, 0);
	test_load(&base, sales, "select 1000::bigint, date '2024-01-02', 'eve',"
		"13::bigint, '', 1::bigint, 1::bigint, 1::bigint");
	CU_ASSERT_STRING_EQUAL(stale_models(), "shop.after_fragile "
		"shop.by_table shop.fragile");
	CU_ASSERT_STRING_EQUAL(test_value(base.owner, "select "
		"regexp_replace(error, '^.*/', '') from meta.model "
		"where model = 'shop.fragile'"),
		"fragile.sql:5: division by zero (SQLSTATE 22012)");
	CU_ASSERT_EQUAL(test_number(base.owner, "select count(*) from "
		"meta.model_run where what = 'failed'"), 1);
	CU_ASSERT_EQUAL(test_number(base.owner, "select count(*) from "
		"raw.sales where amount = 13"), 1);
	/* skipped while stale; the others go on */
	load_random(20, 60, 1);
	CU_ASSERT_EQUAL(test_number(base.owner, "select count(*) from "
		"meta.model_run where what = 'failed'"), 1);
	/* the row goes by hand, which no load knows of */
	test_exec(base.owner, "delete from raw.sales where amount = 13");
	CU_ASSERT_EQUAL(strlen(stale_models()) > 60, 1);
	build("fragile");
	build(NULL);
	CU_ASSERT_STRING_EQUAL(stale_models(), "");
	CU_ASSERT_EQUAL(test_differences(&base), 0);
	close_shop();
}

static void changes_by_hand_make_models_stale(void)
{
	static const char *const hands[] = {
		"insert into raw.sales values (9, '2024-01-01', 'ann', 1, '',"
		" 1, 1, 1, 1)",
		"update raw.sales set who = 'bob' where id = 9",
		"delete from raw.sales where id = 9",
		"truncate raw.sales",
	};

	open_shop();
	for (size_t i = 0; i < sizeof(hands) / sizeof(*hands); i++) {
		struct db *db = test_database_session(&base,
			&base.config.owner);

		test_exec(db, hands[i]);
		db_close(db);
		CU_ASSERT_STRING_EQUAL(stale_models(), "shop.after_fragile "
			"shop.amounts shop.by_table shop.day_view "
			"shop.day_who shop.days shop.fragile");
		build(NULL);
		CU_ASSERT_STRING_EQUAL(stale_models(), "");
	}
	test_exec(base.owner, "delete from raw.sales_delta");
	CU_ASSERT_STRING_EQUAL(stale_models(), "shop.loaded");
	close_shop();
}

static void building_one_builds_what_belongs_to_it(void)
{
	open_shop();
	test_exec(base.owner, "insert into raw.sales values (9, '2024-01-01', "
		"'ann', 1, '', 1, 1, 1, 1)");
	build("days");
	CU_ASSERT_STRING_EQUAL(stale_models(), "shop.after_fragile "
		"shop.amounts shop.fragile");
	CU_ASSERT_EQUAL(test_number(base.owner,
		"select count(*) from modelled.by_table"), 1);
	close_shop();
}

/* -- two consumers ----------------------------------------------------- */

struct second {
	struct db *db;
	struct models *models;
	bool ok;
};

static void *load_second(void *context)
{
	struct second *second = context;
	struct err err = { 0 };

	second->ok = test_load_open(&base, second->db, second->models, sales,
			     "select 100 + g, date '2024-01-01', 'ann',\n"
			     "1::bigint, '', 1::bigint, 1::bigint, g::bigint\n"
			     "from generate_series(1, 20) g", &err) &&
		db_commit(second->db, &err);
	if (!second->ok)
		(void)fprintf(stderr, "second: %s\n", err.text);
	return NULL;
}

/* Only sessions of the same role see what the loaders wait for. */
static void wait_until_blocked(void)
{
	struct db *db = test_database_session(&base, &base.config.loader);
	bool blocked = false;

	for (int i = 0; !blocked && i < 500; i++) {
		const struct timespec pause = { .tv_nsec = 10000000 };

		blocked = test_number(db, "select count(*) from "
			"pg_stat_activity where datname = current_database() "
			"and wait_event_type = 'Lock'") > 0;
		(void)nanosleep(&pause, NULL);
	}
	CU_ASSERT_TRUE(blocked);
	db_close(db);
}

/* The first removes a group's last row while the second adds to the group. */
static void two_loads_of_the_same_groups_add_up(void)
{
	struct second second = { .ok = false };
	struct err err = { 0 };
	pthread_t thread;

	open_shop();
	test_load(&base, sales, "select 1::bigint, date '2024-01-01', 'ann', "
		"1::bigint, '', 1::bigint, 1::bigint, 1::bigint");
	second.models = base.models;
	second.db = test_database_session(&base, &base.config.loader);
	CU_ASSERT_TRUE_FATAL(models_session(second.models, second.db, &err));
	CU_ASSERT_TRUE_FATAL(test_load_open(&base, base.loader, base.models,
		sales, "select 1::bigint, date '2024-01-02', 'ann', 1::bigint, "
		"'', 2::bigint, 1::bigint, 1::bigint", &err));
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, load_second,
		&second), 0);
	wait_until_blocked();
	CU_ASSERT_TRUE(db_commit(base.loader, &err));
	CU_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
	CU_ASSERT_TRUE(second.ok);
	CU_ASSERT_EQUAL(test_number(base.owner, "select sum(sales) from "
		"modelled.day_who"), 21);
	build("by_table");
	CU_ASSERT_EQUAL(test_differences(&base), 0);
	db_close(second.db);
	close_shop();
}

/* -- applying again ---------------------------------------------------- */

static bool nothing_to_apply(void)
{
	struct buf sql = { 0 };
	struct err err = { 0 };
	bool nothing;

	CU_ASSERT_TRUE(models_apply_sql(base.models, base.owner, &sql, &err));
	nothing = sql.len == 0;
	if (!nothing)
		(void)fprintf(stderr, "%s\n", sql.data);
	buf_clear(&sql);
	return nothing;
}

static void a_changed_file_is_made_anew(void)
{
	struct pipeline_set old_set = { 0 };
	struct err err = { 0 };
	struct models *old;

	open_shop();
	load_random(30, 60, 0);
	CU_ASSERT_TRUE(nothing_to_apply());
	/* the session of a consumer that knows the old file stays open */
	CU_ASSERT_TRUE_FATAL(pipeline_set_read(base.config.pipelines_dir,
		&old_set, &err));
	old = models_read(base.config.models_dir, &old_set, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(old);
	CU_ASSERT_TRUE(models_session(old, base.loader, &err));
	write_model("day_who", "-- materialized: incremental\n"
		"-- grain: day, who, note\n-- rows: sales\n"
		"-- depends: raw.sales\n"
		"select day, who, note, count(*) as sales\n"
		"from raw.sales group by 1, 2, 3\n");
	/* of a delta no trigger tells: the load itself has to notice */
	write_model("loaded", "-- materialized: incremental\n"
		"-- grain: who\n-- rows: sales\n"
		"-- depends: raw.sales_delta\n"
		"select who, count(*) as sales\n"
		"from raw.sales_delta group by who\n");
	test_database_apply(&base);
	sales = dataset_find(pipeline_find(&base.set, "shop"), "sales");
	CU_ASSERT_TRUE(nothing_to_apply());
	CU_ASSERT_EQUAL(test_differences(&base), 0);
	CU_ASSERT_TRUE(test_load_open(&base, base.loader, old, sales,
		"select 500::bigint, date '2024-01-05', 'dan', 1::bigint, 'x',"
		" 1::bigint, 1::bigint, 1::bigint", &err));
	CU_ASSERT_TRUE(db_commit(base.loader, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(stale_models(), "shop.day_who"));
	CU_ASSERT_PTR_NOT_NULL(strstr(stale_models(), "shop.loaded"));
	build(NULL);
	CU_ASSERT_EQUAL(test_differences(&base), 0);
	models_free(old);
	pipeline_set_clear(&old_set);
	close_shop();
}

static void what_is_not_listed_any_more_goes(void)
{
	char text[sizeof(pipeline_text)];

	open_shop();
	load_random(5, 60, 0);
	(void)snprintf(text, sizeof(text), "%s", pipeline_text);
	(void)snprintf(strstr(text, "models:"), 20, "models: [loaded]\n");
	write_pipeline(text);
	test_database_apply(&base);
	sales = dataset_find(pipeline_find(&base.set, "shop"), "sales");
	CU_ASSERT_STRING_EQUAL(test_value(base.owner, "select "
		"string_agg(relname, ' ') from pg_class where relnamespace = "
		"'modelled'::regnamespace and relkind in ('r', 'v')"),
		"loaded");
	CU_ASSERT_EQUAL(test_number(base.owner, "select count(*) from "
		"pg_trigger where tgrelid = 'raw.sales'::regclass"), 0);
	CU_ASSERT_TRUE(nothing_to_apply());
	close_shop();
}

static void a_model_that_cannot_add_up_is_refused(void)
{
	struct buf sql = { 0 };
	struct err err = { 0 };
	struct models *models;

	open_shop();
	write_model("amounts", "-- materialized: incremental\n"
		"-- grain: who\n-- rows: n\n-- depends: raw.sales\n"
		"select who, count(*) as n, max(note) as note from raw.sales "
		"group by 1\n");
	models = models_read(base.config.models_dir, &base.set, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(models);
	CU_ASSERT_TRUE(models_apply_sql(models, base.owner, &sql, &err));
	CU_ASSERT_FALSE(db_exec(base.owner, sql.data, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "measure \"note\" is text"));
	models_free(models);
	buf_clear(&sql);
	close_shop();
}

/* -- the models we ship ------------------------------------------------ */

static const char json_rows[] =
	"select e->>'id', e->>'event_type', nullif(e->>'username', ''),\n"
	"	nullif(e->>'user_email', ''), nullif(e->>'user_type', ''),\n"
	"	nullif(e->>'organization_name', ''),\n"
	"	nullif(e->>'plan_name', ''), (e->>'received_at')::timestamp,\n"
	"	1::bigint, n\n"
	"from jsonb_array_elements($json$%s$json$) with ordinality j (e, n)";

static bool read_all(const char *path, struct buf *text)
{
	struct err err = { 0 };
	FILE *file = fopen(path, "re");
	char chunk[4096];
	size_t got;

	if (file == NULL)
		return false;
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
		CU_ASSERT_TRUE_FATAL(buf_add(text, chunk, got, &err));
	(void)fclose(file);
	return text->len > 0;
}

/* PostgreSQL reads the expected CSV itself and compares as multisets. */
static void compare_fact_events(const char *csv, int64_t rows)
{
	struct err err = { 0 };
	int64_t copied;

	test_exec(base.owner, "create temporary table want as select * from "
		"modelled.fact_events with no data");
	CU_ASSERT_TRUE_FATAL(db_copy_begin(base.owner,
		"copy want from stdin (format csv, header)", &err));
	CU_ASSERT_TRUE(db_copy_put(base.owner, csv, strlen(csv), &err));
	CU_ASSERT_TRUE(db_copy_end(base.owner, &copied, &err));
	CU_ASSERT_EQUAL(test_number(base.owner, "select count(*) from "
		"modelled.fact_events"), rows);
	CU_ASSERT_EQUAL(test_number(base.owner,
		"select count(*) from ((table want except all table "
		"modelled.fact_events) union all (table modelled.fact_events "
		"except all table want)) d"), 0);
	test_exec(base.owner, "drop table want");
}

static void check_sample(const char *json, const char *csv)
{
	struct buf events = { 0 }, want = { 0 }, select = { 0 };
	struct err err = { 0 };
	const struct dataset *dataset;

	if (!read_all(json, &events) || !read_all(csv, &want)) {
		(void)fprintf(stderr, "skipped: no %s\n", json);
		return;
	}
	test_database_open(&base, "golden", NULL, NULL);
	dataset = dataset_find(pipeline_find(&base.set, "events"), "events");
	CU_ASSERT_TRUE_FATAL(buf_printf(&select, &err, json_rows, events.data));
	for (int times = 1; times <= 3; times++) {
		test_load(&base, dataset, select.data);
		compare_fact_events(want.data, 34);
		CU_ASSERT_EQUAL(test_number(base.owner, "select "
			"sum(total_events) from modelled.events_by_date"),
			36 * times);
		CU_ASSERT_EQUAL(test_number(base.owner, "select "
			"sum(unique_events) from modelled.events_by_date_org"),
			35);
		CU_ASSERT_EQUAL(test_number(base.owner, "select "
			"sum(total_events) from "
			"modelled.events_by_date_user_type"), 36 * times);
	}
	CU_ASSERT_EQUAL(test_differences(&base), 0);
	test_database_close(&base);
	buf_clear(&events);
	buf_clear(&want);
	buf_clear(&select);
}

static void samples_give_their_34_rows(void)
{
	check_sample("tests/data/events_sample.json",
		"tests/data/expected_fact_events.csv");
	check_sample("../shared/data/events/events_sample.json",
		"../shared/data/events/expected_fact_events_full_load.csv");
}

CU_TestInfo models_tests[] = {
	{ "models agree with a recomputation after every step",
		models_agree_after_every_step },
	{ "a grain without rows vanishes", a_grain_without_rows_vanishes },
	{ "a failing model goes stale with its dependents, the load goes on",
		a_failing_model_goes_stale_with_its_dependents },
	{ "changes by hand make models stale",
		changes_by_hand_make_models_stale },
	{ "building one builds what belongs to it",
		building_one_builds_what_belongs_to_it },
	{ "two loads of the same groups add up",
		two_loads_of_the_same_groups_add_up },
	{ "a changed file is made anew, and an old consumer cannot hurt it",
		a_changed_file_is_made_anew },
	{ "what is not listed any more goes", what_is_not_listed_any_more_goes },
	{ "a model that cannot add up is refused",
		a_model_that_cannot_add_up_is_refused },
	{ "the samples give their 34 rows, however often dropped",
		samples_give_their_34_rows },
	CU_TEST_INFO_NULL,
};
