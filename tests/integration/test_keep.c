/* test_keep.c - old partitions of deltas go, what was counted in them stays. */
#include "consumer/keep.h"
#include "tests/integration/database.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char pipeline_text[] =
	"pipeline: keep\n"
	"datasets:\n"
	"  sales:\n"
	"    source: { directory: sales }\n"
	"    table: raw.sales\n"
	"    key: [id]\n"
	"    delta_keep: 30d\n"
	"    columns:\n"
	"      - { name: id, type: integer }\n"
	"      - { name: who, type: text, max_length: 50 }\n"
	"      - { name: amount, type: numeric }\n"
	"  calls:\n"
	"    source: { directory: calls }\n"
	"    table: raw.calls\n"
	"    key: [id]\n"
	"    delta_keep: 2 loads\n"
	"    columns:\n"
	"      - { name: id, type: integer }\n"
	"      - { name: who, type: text, max_length: 50 }\n"
	"      - { name: amount, type: numeric }\n"
	"models: [by_who, by_count, called]\n";

static const struct {
	const char *path;
	const char *text;
} files[] = {
	{ "pipelines/keep.yaml", pipeline_text },
	{ "models/keep/by_who.sql",
		"-- materialized: incremental\n-- grain: who\n-- rows: n\n"
		"-- depends: raw.sales_delta\n"
		"select coalesce(sum(amount), 0) as total, who, count(*) as n\n"
		"from raw.sales_delta group by who\n" },
	{ "models/keep/by_count.sql",
		"-- materialized: incremental\n-- grain: n\n-- rows: groups\n"
		"-- depends: by_who\n"
		"select n, count(*) as groups from modelled.by_who group by n\n" },
	{ "models/keep/called.sql",
		"-- materialized: incremental\n-- grain: half\n-- rows: n\n"
		"-- depends: raw.calls_delta\n"
		"select id / 2 as half, count(*) as n\n"
		"from raw.calls_delta group by 1\n" },
};

static struct test_database base;
static struct plan plan;
static struct session session;
static char folder[64];

static void in_folder(char *out, size_t size, const char *name)
{
	(void)snprintf(out, size, "%s/%s", folder, name);
}

static void open_keep(void)
{
	static const char *const folders[] = { "", "pipelines", "models",
		"models/keep" };
	char path[128], pipelines[128], models[128];

	(void)snprintf(folder, sizeof(folder), "/tmp/sluice-keep-%d",
		(int)getpid());
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		in_folder(path, sizeof(path), folders[i]);
		CU_ASSERT_FATAL(mkdir(path, 0755) == 0 || errno == EEXIST);
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		FILE *file;

		in_folder(path, sizeof(path), files[i].path);
		file = fopen(path, "we");
		CU_ASSERT_PTR_NOT_NULL_FATAL(file);
		CU_ASSERT_FATAL(fputs(files[i].text, file) >= 0 &&
			fclose(file) == 0);
	}
	in_folder(pipelines, sizeof(pipelines), "pipelines");
	in_folder(models, sizeof(models), "models");
	test_database_open(&base, "keep", pipelines, models);
	base.loads = 100; /* those before are of old days */
	plan = (struct plan){ .set = base.set, .models = base.models };
	session = (struct session){ .config = &base.config, .plan = &plan,
		.db = base.loader };
}

static void close_keep(void)
{
	static const char *const folders[] = { "models/keep", "models",
		"pipelines", "" };
	char path[128];

	test_database_close(&base);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		in_folder(path, sizeof(path), files[i].path);
		(void)unlink(path);
	}
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		in_folder(path, sizeof(path), folders[i]);
		(void)rmdir(path);
	}
}

/* As if `load` had brought these rows so many days ago. */
static void add_old(const char *dataset, int days, int load, int rows)
{
	char partition[256], sql[512];

	(void)snprintf(sql, sizeof(sql),
		"select meta.delta_partition('keep.%s', current_date - %d)",
		dataset, days);
	(void)snprintf(partition, sizeof(partition), "%s",
		test_value(base.owner, sql));
	(void)snprintf(sql, sizeof(sql),
		"insert into %s (id, who, amount, _source, _offset, _load)\n"
		"select i, case when i %% 3 > 0 then 'w' || i %% 3 end,\n"
		"\ti * 1.25, 1, i, %d from generate_series(1, %d) i",
		partition, load, rows);
	test_exec(base.owner, sql);
}

static void build_all(void)
{
	const struct build_choice all = { .full = true };
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(models_build(base.models, base.owner, &all, NULL,
		NULL, NULL, &err));
}

static void load_today(const char *dataset)
{
	test_load(&base, dataset_find(&base.set.pipelines[0], dataset),
		"select i, 'w1'::text, i * 0.5, 1, i\n"
		"from generate_series(1, 10) i");
}

static void look(void)
{
	struct keep keep = { 0 };

	keep_run(&keep, &session);
	CU_ASSERT(keep_wait_ms(&keep) > 0);
}

/* "4 3 0": how many days ago the partitions are of. */
static const char *days_of(const char *dataset)
{
	char sql[512];

	(void)snprintf(sql, sizeof(sql),
		"select string_agg((current_date - to_date(right(relname, 8),\n"
		"\t'YYYYMMDD'))::text, ' ' order by relname)\n"
		"from pg_class where relname ~ '^%s_delta_[0-9]{8}$'", dataset);
	return test_value(base.owner, sql);
}

static const char *sums(void)
{
	return test_value(base.owner,
		"select concat_ws(' ', sum(n), sum(total), count(*))\n"
		"from modelled.by_who");
}

static void old_days_go_and_their_counts_stay(void)
{
	char before[256];

	open_keep();
	add_old("sales", 40, 1, 30);
	add_old("sales", 31, 2, 20);
	add_old("sales", 30, 3, 10);
	build_all();
	load_today("sales");
	(void)snprintf(before, sizeof(before), "%s", sums());
	CU_ASSERT_STRING_EQUAL(days_of("sales"), "40 31 30 0");
	look();
	CU_ASSERT_STRING_EQUAL(days_of("sales"), "30 0");
	CU_ASSERT_STRING_EQUAL(sums(), before);
	CU_ASSERT_EQUAL(test_differences(&base), 0);
	build_all();
	CU_ASSERT_STRING_EQUAL(sums(), before);
	CU_ASSERT_EQUAL(test_differences(&base), 0);
	CU_ASSERT_STRING_EQUAL(test_value(base.owner,
		"select string_agg(concat_ws(' ', dataset, rows, first_load,\n"
		"\tlast_load), ', ' order by day) from meta.delta_dropped"),
		"keep.sales 30 1 1, keep.sales 20 2 2");
	/* and once more: tallies are added, not heaped up */
	add_old("sales", 50, 4, 6);
	build_all();
	(void)snprintf(before, sizeof(before), "%s", sums());
	look();
	load_today("sales");
	CU_ASSERT_STRING_EQUAL(days_of("sales"), "30 0");
	CU_ASSERT_EQUAL(test_differences(&base), 0);
	CU_ASSERT_EQUAL(test_number(base.owner,
		"select count(*) from meta.tally"), 3);
	CU_ASSERT_EQUAL(test_number(base.owner,
		"select sum((counted->>'n')::bigint) from meta.tally"), 56);
	close_keep();
}

static void the_last_loads_stay(void)
{
	open_keep();
	add_old("calls", 5, 1, 3);
	build_all();
	look();
	CU_ASSERT_STRING_EQUAL(days_of("calls"), "5"); /* one load only */
	add_old("calls", 5, 2, 3);
	add_old("calls", 4, 3, 3);
	add_old("calls", 3, 4, 3);
	build_all();
	load_today("calls");
	look();
	CU_ASSERT_STRING_EQUAL(days_of("calls"), "3 0");
	CU_ASSERT_EQUAL(test_differences(&base), 0);
	load_today("calls");
	load_today("calls");
	look();
	CU_ASSERT_STRING_EQUAL(days_of("calls"), "0"); /* today stays */
	CU_ASSERT_EQUAL(test_differences(&base), 0);
	CU_ASSERT_EQUAL(test_number(base.owner,
		"select sum(n) from modelled.called"), 42);
	close_keep();
}

static void nothing_goes_that_is_not_counted(void)
{
	struct err err = { 0 };

	open_keep();
	add_old("sales", 40, 1, 30);
	build_all();
	test_exec(base.owner, "update meta.model set sha256 = 'newer'\n"
			      "where model = 'keep.by_who'");
	look();
	CU_ASSERT_STRING_EQUAL(days_of("sales"), "40");
	CU_ASSERT_EQUAL(test_number(base.owner,
		"select count(*) from meta.tally"), 0);
	load_today("sales");
	CU_ASSERT_FALSE(db_exec(base.loader,
		"select meta.delta_drop('keep.sales', current_date)", &err));
	CU_ASSERT_STRING_EQUAL(days_of("sales"), "40 0");
	close_keep();
}

/* Somebody reads the delta: it is not waited for long, and tried again. */
static void readers_are_not_in_the_way_for_long(void)
{
	struct db *reader;

	open_keep();
	add_old("sales", 40, 1, 30);
	build_all();
	reader = test_database_session(&base, &base.config.reader);
	test_exec(reader, "begin; select count(*) from raw.sales_delta");
	look();
	CU_ASSERT_STRING_EQUAL(days_of("sales"), "40");
	CU_ASSERT_FALSE(db_in_transaction(base.loader));
	test_exec(reader, "commit");
	look();
	CU_ASSERT_PTR_NOT_NULL(strstr(test_value(base.owner,
		"select 'gone' where to_regclass('raw.sales_delta_' ||\n"
		"\tto_char(current_date - 40, 'YYYYMMDD')) is null\n"
		"union all select ''"), "gone"));
	CU_ASSERT_EQUAL(test_differences(&base), 0);
	db_close(reader);
	close_keep();
}

CU_TestInfo keep_tests[] = {
	{ "old days go and their counts stay",
		old_days_go_and_their_counts_stay },
	{ "the last loads stay", the_last_loads_stay },
	{ "nothing goes that is not counted",
		nothing_goes_that_is_not_counted },
	{ "readers are not in the way for long",
		readers_are_not_in_the_way_for_long },
	CU_TEST_INFO_NULL,
};
