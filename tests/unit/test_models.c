/* test_models.c - a model's file, the order of models, the SQL of a refresh. */
#include "consumer/model.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD "-- materialized: incremental\n-- grain: day\n-- rows: n\n"
#define SELECT "select day, count(*) as n from raw.t group by day;\n"

static const struct {
	const char *text;
	const char *want; /* in the message; NULL: fine */
} file_cases[] = {
	{ HEAD "-- depends: raw.t\n" SELECT, NULL },
	{ HEAD "-- depends: raw.t\n--\n-- description: a\n--   b\n" SELECT,
		NULL },
	{ "-- materialized: view\n-- depends: raw.t, other, raw.t_delta\n"
	  "with a as (select 1) select * from a ; -- end\n", NULL },
	{ "", "m.sql:1: the head needs \"-- materialized" },
	{ "-- materialized: fast\n", "m.sql:1: materialized is incremental, "
				     "table or view, not \"fast\"" },
	{ "-- materialized: view\n-- colour: red\n", "m.sql:2: a model's head" },
	{ "-- materialized: view\n-- just words\n", "m.sql:2: a model's head" },
	{ "-- materialized: view\nselect 1", "needs \"-- depends" },
	{ "-- materialized: view\n-- depends: a.b.c\nselect 1",
		"\"a.b.c\" is no schema.table" },
	{ "-- materialized: view\n-- depends: Bad\nselect 1", "\"Bad\" is no" },
	{ "-- materialized: view\n-- depends: a\n-- depends: b\nselect 1",
		"m.sql:3: depends is there twice" },
	{ "-- materialized: view\n-- rows: n\n-- depends: a\nselect 1",
		"only incremental models have rows" },
	{ "-- materialized: incremental\n-- rows: n\n-- depends: a\nselect 1",
		"needs \"-- grain" },
	{ HEAD "-- depends: a, b\nselect 1", "reads one table" },
	{ HEAD "-- depends: raw.t\nselect 1", "must read \"raw\".\"t\" once" },
	{ HEAD "-- depends: raw.t\nselect * from raw.t a, raw.t b",
		"must read \"raw\".\"t\" once" },
	{ "-- materialized: incremental\n-- grain: n\n-- rows: n\n"
	  "-- depends: raw.t\n" SELECT, "rows is a measure" },
	{ "-- materialized: view\n-- depends: a\nselect 1; select 2",
		"one select" },
	{ "-- materialized: view\n-- depends: a\ndrop table a", "a select is" },
	{ "-- materialized: view\n-- depends: a\nselect 'x", "never ends" },
	{ "-- materialized: view\n-- depends: a\n-- grain: a-b\nselect 1",
		"\"a-b\" is not a column" },
};

static void heads_are_read_or_refused(void)
{
	for (size_t i = 0; i < sizeof(file_cases) / sizeof(*file_cases); i++) {
		const char *text = file_cases[i].text;
		const char *want = file_cases[i].want;
		struct model model;
		struct err err = { 0 };
		const bool ok = model_parse(text, strlen(text), "p", "m",
			"m.sql", &model, &err);

		CU_ASSERT_EQUAL(ok, want == NULL);
		if (!ok && (want == NULL || strstr(err.text, want) == NULL ||
				   err.exit_code != EXIT_CONFIG)) {
			CU_FAIL("another message");
			(void)fprintf(stderr, "  %s\n", err.text);
		}
		model_clear(&model);
	}
}

static void values_go_on_over_lines(void)
{
	static const char text[] = "-- materialized: incremental\n"
		"-- grain: day,\n--   who\n-- rows: n\n-- depends: raw.t\n"
		"-- description: one\n--\ttwo\n"
		"select 1 from raw.t -- it's\n;\n\n-- the end\n";
	struct model model;
	struct err err = { 0 };

	CU_ASSERT_TRUE(model_parse(text, strlen(text), "p", "m", "m.sql",
		&model, &err));
	CU_ASSERT_EQUAL_FATAL(model.grain.count, 2);
	CU_ASSERT_STRING_EQUAL(model.grain.items[1], "who");
	CU_ASSERT_STRING_EQUAL(model.rows, "n");
	CU_ASSERT_STRING_EQUAL(model.select, "select 1 from raw.t");
	CU_ASSERT_STRING_EQUAL(model.relation.quoted, "\"modelled\".\"m\"");
	CU_ASSERT_STRING_EQUAL(model.key, "p.m");
	model_clear(&model);
}

/* -- order ------------------------------------------------------------- */

static const char yaml[] =
	"pipeline: p\n"
	"datasets:\n"
	"  t:\n"
	"    source: { directory: t }\n"
	"    table: raw.t\n"
	"    key: [id]\n"
	"    unknown: keep\n"
	"    columns:\n"
	"      - { name: id, type: integer }\n"
	"      - { name: day, type: date }\n"
	"      - { name: note, type: text, max_length: 9 }\n";

/* name, kind, depends; NULL name ends. */
struct listed {
	const char *name;
	const char *kind;
	const char *depends;
};

static bool add_model(struct models *models, const struct listed *listed)
{
	const bool incremental = strcmp(listed->kind, "incremental") == 0;
	struct err err = { 0 };
	char text[512], file[64];

	(void)snprintf(text, sizeof(text),
		"-- materialized: %s\n%s-- depends: %s\n"
		"select day, count(*) as n from %s%s group by day\n",
		listed->kind, incremental ? "-- grain: day\n-- rows: n\n" : "",
		listed->depends, strchr(listed->depends, '.') != NULL ? "" :
		"modelled.", listed->depends);
	(void)snprintf(file, sizeof(file), "%s.sql", listed->name);
	return model_parse(text, strlen(text), "p", listed->name, file,
		&models->items[models->count++], &err);
}

static struct models *list_models(const struct pipeline_set *set,
	const struct listed *listed, struct err *err)
{
	struct models *models = calloc(1, sizeof(*models));

	models->items = calloc(16, sizeof(*models->items));
	for (; listed->name != NULL; listed++)
		CU_ASSERT_TRUE(add_model(models, listed));
	if (model_order(models, set, err))
		return models;
	models_free(models);
	return NULL;
}

static const struct {
	struct listed listed[8];
	const char *want; /* the order, or a part of the message */
} order_cases[] = {
	{ { { "a", "view", "b" }, { "b", "incremental", "c" },
		  { "c", "incremental", "raw.t" } }, "c b a " },
	{ { { "b", "view", "raw.t" }, { "a", "view", "raw.t" } }, "b a " },
	{ { { "a", "view", "raw.t_delta, b" }, { "b", "table", "raw.t" } },
		"b a " },
	{ { { NULL, NULL, NULL } }, "" },
	{ { { "a", "view", "b" }, { "b", "view", "c" }, { "c", "view", "a" } },
		"read each other: p.a -> p.b -> p.c -> p.a" },
	{ { { "a", "view", "a" } }, "read each other: p.a -> p.a" },
	{ { { "a", "view", "b" }, { "b", "view", "c" }, { "c", "view", "b" } },
		"read each other: p.b -> p.c -> p.b" },
	{ { { "a", "view", "nobody" } }, "a.sql:1: depends on modelled.nobody" },
	{ { { "a", "view", "raw.other" } }, "a.sql:1: depends on raw.other" },
	{ { { "a", "incremental", "b" }, { "b", "view", "raw.t" } },
		"p.b is a view" },
	{ { { "a", "incremental", "b" }, { "b", "table", "raw.t" } },
		"p.b is a table" },
	{ { { "a", "view", "raw.t" }, { "a", "view", "raw.t" } },
		"makes the same table" },
};

static void check_order(const struct pipeline_set *set, size_t i)
{
	struct err err = { 0 };
	struct models *models = list_models(set, order_cases[i].listed, &err);
	char got[64] = "";

	for (size_t k = 0; models != NULL && k < models->count; k++)
		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got),
			"%s ", models->items[k].name);
	if (models != NULL)
		CU_ASSERT_STRING_EQUAL(got, order_cases[i].want)
	else if (strstr(err.text, order_cases[i].want) == NULL ||
		err.exit_code != EXIT_CONFIG)
		CU_FAIL("another message");
	models_free(models);
}

static void models_come_after_what_they_read(void)
{
	struct pipeline pipeline = { 0 };
	const struct pipeline_set set = { &pipeline, 1 };
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(pipeline_parse(yaml, strlen(yaml), "p.yaml",
		&pipeline, &err));
	for (size_t i = 0; i < sizeof(order_cases) / sizeof(*order_cases); i++)
		check_order(&set, i);
	pipeline_clear(&pipeline);
}

/* -- captures ---------------------------------------------------------- */

static const struct {
	struct listed listed[8];
	const char *relation; /* NULL: nothing is captured */
	const char *columns;
} capture_cases[] = {
	{ { { "a", "incremental", "raw.t" } }, "\"raw\".\"t\"", "\"day\"" },
	{ { { "a", "incremental", "raw.t_delta" } }, NULL, NULL },
	{ { { "a", "view", "raw.t" } }, NULL, NULL },
	{ { { "a", "table", "b" }, { "b", "view", "raw.t" } },
		"\"raw\".\"t\"", "" },
	{ { { "b", "incremental", "raw.t_delta" },
		  { "a", "incremental", "b" } }, "\"modelled\".\"b\"", "*" },
};

static void check_captures(const struct pipeline_set *set, size_t i)
{
	struct buf columns = { 0 };
	struct err err = { 0 };
	struct models *models = list_models(set, capture_cases[i].listed, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(models);
	CU_ASSERT_EQUAL(models->capture_count,
		capture_cases[i].relation != NULL ? 1 : 0);
	if (models->capture_count == 1) {
		CU_ASSERT_STRING_EQUAL(models->captures[0].relation->quoted,
			capture_cases[i].relation);
		CU_ASSERT_TRUE(model_caught_sql(models, &models->captures[0],
			&columns, &err));
		CU_ASSERT_STRING_EQUAL(columns.data != NULL ? columns.data : "",
			capture_cases[i].columns);
	}
	buf_clear(&columns);
	models_free(models);
}

static void only_what_is_read_is_captured(void)
{
	struct pipeline pipeline = { 0 };
	const struct pipeline_set set = { &pipeline, 1 };
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(pipeline_parse(yaml, strlen(yaml), "p.yaml",
		&pipeline, &err));
	for (size_t i = 0; i < sizeof(capture_cases) / sizeof(*capture_cases);
		i++)
		check_captures(&set, i);
	pipeline_clear(&pipeline);
}

CU_TestInfo models_tests[] = {
	{ "a model's head is read or refused with line and remedy",
		heads_are_read_or_refused },
	{ "values go on over lines, the select ends before its semicolon",
		values_go_on_over_lines },
	{ "models come after what they read, cycles are named",
		models_come_after_what_they_read },
	{ "only what models read is captured", only_what_is_read_is_captured },
	CU_TEST_INFO_NULL,
};
