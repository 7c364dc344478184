/* test_pipeline.c - pipeline files: what is read, and what is refused where. */
#include "common/pipeline.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A dataset whose lines a case may add to or replace. */
#define HEAD "pipeline: p\ndatasets:\n  d:\n"
#define SOURCE "    source: { directory: d }\n"
#define TABLE "    table: raw.t\n"
#define KEY "    key: [id]\n"
#define COLUMNS \
	"    columns:\n      - { name: id, type: text, max_length: 9 }\n"
#define WHOLE HEAD SOURCE TABLE KEY COLUMNS
#define EACH HEAD TABLE KEY COLUMNS "    from: d\n    each: ["

static bool parse(const char *text, struct pipeline *pipeline, struct err *err)
{
	*err = (struct err){ .kind = ERR_NONE };
	return pipeline_parse(text, strlen(text), "p.yaml", pipeline, err);
}

static void columns_and_keys_are_read(void)
{
	static const char text[] =
		"pipeline: events\n"
		"datasets:\n"
		"  events:\n"
		"    key: [at, id]\n"
		"    newest: at\n"
		"    date: at\n"
		"    delta_keep: 100 loads\n"
		"    unknown: keep\n"
		"    wins: first\n"
		"    source: { directory: a/b, pattern: '*.x', duplicates: skip,"
		" chunk_records: 1, chunk_bytes: 4 KiB, records: /a~1b/0 }\n"
		"    table: events\n"
		"    columns:\n"
		"      - { name: id, type: text, max_length: 300 }\n"
		"      - { name: at, type: timestamptz }\n"
		"      - { name: n, type: numeric, from: /a~1b/c~0d/0,"
		" coerce: true, empty_as_null: true }\n"
		"      - { name: all, type: json, from: '' }\n"
		"models: [one, two]\n"
		"tests:\n"
		"  - { table: raw.events, column: id, test: not_null }\n";
	struct pipeline p;
	struct err err;
	const struct dataset *d;

	CU_ASSERT_TRUE_FATAL(parse(text, &p, &err));
	d = dataset_find(&p, "events");
	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	CU_ASSERT_PTR_EQUAL(d->pipeline, &p);
	CU_ASSERT_STRING_EQUAL(d->schema, "raw");
	CU_ASSERT_STRING_EQUAL(d->table, "events");
	CU_ASSERT_STRING_EQUAL(d->directory, "a/b");
	CU_ASSERT_EQUAL(d->pattern_count, 1);
	CU_ASSERT_STRING_EQUAL(d->patterns[0], "*.x");
	CU_ASSERT_EQUAL(d->duplicates, DUPLICATES_SKIP);
	CU_ASSERT_EQUAL(d->chunk_records, 1);
	CU_ASSERT_EQUAL(d->chunk_bytes, 4096);
	CU_ASSERT_STRING_EQUAL(d->records, "/a~1b/0");
	CU_ASSERT_EQUAL(d->unknown, UNKNOWN_KEEP);
	CU_ASSERT_EQUAL(d->wins, WINS_FIRST);
	CU_ASSERT_EQUAL(d->delta_keep, KEEP_LOADS);
	CU_ASSERT_EQUAL(d->delta_keep_count, 100);
	CU_ASSERT_EQUAL(d->column_count, 4);
	CU_ASSERT_EQUAL(d->key_count, 2);
	CU_ASSERT_EQUAL(d->keys[0], 1);
	CU_ASSERT_EQUAL(d->keys[1], 0);
	CU_ASSERT_EQUAL(d->newest, 1);
	CU_ASSERT_EQUAL(d->date, 1);
	CU_ASSERT_TRUE(d->columns[0].required && d->columns[0].key);
	CU_ASSERT_EQUAL(d->columns[0].max_length, 300);
	CU_ASSERT_STRING_EQUAL(d->columns[0].path[0], "id");
	CU_ASSERT_FALSE(d->columns[2].required);
	CU_ASSERT_EQUAL(d->columns[2].path_len, 3);
	CU_ASSERT_STRING_EQUAL(d->columns[2].path[0], "a/b");
	CU_ASSERT_STRING_EQUAL(d->columns[2].path[1], "c~d");
	CU_ASSERT_STRING_EQUAL(d->columns[2].path[2], "0");
	CU_ASSERT_TRUE(d->columns[2].coerce && d->columns[2].empty_as_null);
	CU_ASSERT_EQUAL(d->columns[3].path_len, 0);
	CU_ASSERT_EQUAL(p.model_count, 2);
	CU_ASSERT_STRING_EQUAL(p.models[1], "two");
	CU_ASSERT_EQUAL(p.test_count, 1);
	CU_ASSERT_STRING_EQUAL(p.tests[0].table, "raw.events");
	pipeline_clear(&p);
}

static void defaults_are_sensible(void)
{
	struct pipeline p;
	struct err err;

	CU_ASSERT_TRUE_FATAL(parse(WHOLE, &p, &err));
	CU_ASSERT_EQUAL(p.datasets[0].pattern_count, 9);
	CU_ASSERT_STRING_EQUAL(p.datasets[0].patterns[0], "*.json");
	CU_ASSERT_EQUAL(p.datasets[0].unknown, UNKNOWN_IGNORE);
	CU_ASSERT_EQUAL(p.datasets[0].delta_keep, KEEP_ALL);
	CU_ASSERT_EQUAL(p.datasets[0].wins, WINS_LAST);
	CU_ASSERT_EQUAL(p.datasets[0].newest, COLUMN_NONE);
	CU_ASSERT_EQUAL(p.datasets[0].date, COLUMN_NONE);
	CU_ASSERT_EQUAL(p.model_count, 0);
	pipeline_clear(&p);
}

static void derived_datasets_are_read(void)
{
	static const char text[] = WHOLE
		"  e:\n    from: d\n    each: [/author, /committer, '']\n"
		"    table: raw.e\n    key: id\n" COLUMNS;
	struct pipeline p;
	struct err err;

	CU_ASSERT_TRUE_FATAL(parse(text, &p, &err));
	CU_ASSERT_STRING_EQUAL(p.datasets[1].from, "d");
	CU_ASSERT_PTR_NULL(p.datasets[1].directory);
	CU_ASSERT_EQUAL(p.datasets[1].each_count, 3);
	CU_ASSERT_STRING_EQUAL(p.datasets[1].each[1].at[0], "committer");
	CU_ASSERT_PTR_NULL(p.datasets[1].each[1].at[1]);
	CU_ASSERT_PTR_NULL(p.datasets[1].each[1].with);
	CU_ASSERT_PTR_NULL(p.datasets[1].each[2].at[0]);
	pipeline_clear(&p);
}

static void derived_columns_may_stand_outside(void)
{
	static const char text[] = WHOLE
		"  e:\n    from: d\n    each:\n"
		"      - { at: /author, with: { name: /commit/a~1b } }\n"
		"      - /committer\n"
		"    table: raw.e\n    key: id\n" COLUMNS
		"      - { name: name, type: text }\n";
	struct pipeline p;
	struct err err;
	const struct each *each;

	CU_ASSERT_TRUE_FATAL(parse(text, &p, &err));
	CU_ASSERT_EQUAL_FATAL(p.datasets[1].each_count, 2);
	each = p.datasets[1].each;
	CU_ASSERT_STRING_EQUAL(each[0].at[0], "author");
	CU_ASSERT_PTR_NOT_NULL_FATAL(each[0].with);
	CU_ASSERT_PTR_NULL(each[0].with[0]);
	CU_ASSERT_STRING_EQUAL(each[0].with[1][0], "commit");
	CU_ASSERT_STRING_EQUAL(each[0].with[1][1], "a/b");
	CU_ASSERT_PTR_NULL(each[0].with[1][2]);
	CU_ASSERT_PTR_NULL(each[1].with);
	pipeline_clear(&p);
}

static void variables_are_replaced_in_values(void)
{
	struct pipeline p;
	struct err err;

	(void)setenv("SLUICE_T_NAME", "from_env", 1);
	(void)setenv("SLUICE_T_EMPTY", "", 1);
	CU_ASSERT_TRUE_FATAL(parse(HEAD SOURCE
		"    table: raw.${SLUICE_T_NAME}\n" KEY COLUMNS
		"models: ['a${SLUICE_T_EMPTY:-x}${SLUICE_T_UNSET:-}b']\n",
		&p, &err));
	CU_ASSERT_STRING_EQUAL(p.datasets[0].table, "from_env");
	CU_ASSERT_STRING_EQUAL(p.models[0], "axb");
	pipeline_clear(&p);

	(void)setenv("SLUICE_T_NAME", "x, y]\nz: 1", 1);
	CU_ASSERT_FALSE(parse(WHOLE "models: ['${SLUICE_T_NAME}']\n", &p,
		&err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "is not a name"));

	/* a literal ${ */
	CU_ASSERT_TRUE_FATAL(parse(HEAD
		"    source: { directory: d, pattern: '$${a}$b$' }\n"
		TABLE KEY COLUMNS, &p, &err));
	CU_ASSERT_STRING_EQUAL(p.datasets[0].patterns[0], "${a}$b$");
	pipeline_clear(&p);
	(void)unsetenv("SLUICE_T_NAME");
	(void)unsetenv("SLUICE_T_EMPTY");
}

/* -- what is refused ---------------------------------------------------- */

struct refusal {
	const char *text;
	const char *want; /* how the message begins; empty: it is valid */
	const char *also; /* more words */
};

static const struct refusal refusals[] = {
	/* YAML */
	{ "", "p.yaml:1:1: the key \"pipeline\" is missing", "" },
	{ "- a\n", "p.yaml:1:1: this must be a map", "" },
	{ "a: [\n", "p.yaml:2:1: not YAML", "" },
	{ "a: \xff\n", "p.yaml:1:", "not YAML" },
	{ WHOLE "---\na: b\n", "p.yaml:10:1: a second document", "" },
	{ "pipeline: p\npipeline: q\n", "p.yaml:2:1: the key \"pipeline\"",
		"twice (first in line 1)" },
	{ "pipeline: &a p\n", "p.yaml:1:11: anchors", "" },
	{ "pipeline: *a\n", "p.yaml:1:11: anchors", "" },
	{ "pipeline: !!str p\n", "p.yaml:1:11: anchors", "" },
	{ "pipeline: \"a\\0b\"\n", "p.yaml:1:11: a value may not hold NUL",
		"" },
	{ "? [a]\n: b\n", "p.yaml:1:3: a key must be text", "" },
	{ "a: [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]\n", "p.yaml:1:", "nested" },
	/* variables */
	{ "pipeline: ${SLUICE_T_UNSET}\n", "p.yaml:1:11: the environment "
		"variable SLUICE_T_UNSET is not set", "" },
	{ "pipeline: '${SLUICE_T_UNSET:?say please}'\n",
		"p.yaml:1:11: SLUICE_T_UNSET is not set: say please", "" },
	{ "pipeline: ${1}\n", "p.yaml:1:11: bad variable", "${VAR:-default}" },
	{ "pipeline: ${A\n", "p.yaml:1:11: bad variable", "" },
	{ "pipeline: '${A-b}'\n", "p.yaml:1:11: bad variable", "" },
	/* names and keys */
	{ "pipeline: Events\n", "p.yaml:1:11: \"Events\" is not a name", "" },
	{ "pipeline: [p]\n", "p.yaml:1:11: this must be a single value", "" },
	{ "pipeline: dead\n", "p.yaml:1:11: \"dead\" is taken", "" },
	{ "pipeline: a2345678901234567890123456789012345678901234567890x\n",
		"p.yaml:1:1: the key \"datasets\" is missing", "" },
	{ "pipeline: a23456789012345678901234567890123456789012345678901x\n",
		"p.yaml:1:11: ", "is not a name" },
	{ WHOLE "modells: []\n", "p.yaml:9:1: unknown key \"modells\"",
		"allowed here: pipeline, datasets, models, tests" },
	{ WHOLE "    kee: [id]\n", "p.yaml:9:5: unknown key \"kee\"",
		"newest, wins, date" },
	{ HEAD TABLE KEY COLUMNS, "p.yaml:4:5: a dataset needs `source", "" },
	{ HEAD SOURCE KEY COLUMNS, "p.yaml:4:5: the key \"table\" is missing",
		"" },
	{ HEAD SOURCE TABLE COLUMNS, "p.yaml:4:5: the key \"key\"", "" },
	{ HEAD SOURCE TABLE KEY, "p.yaml:4:5: the key \"columns\"", "" },
	{ "pipeline: p\ndatasets: {}\n", "p.yaml:2:11: from 1 to", "" },
	{ "pipeline: p\ndatasets: []\n", "p.yaml:2:11: this must be a map",
		"" },
	/* source */
	{ HEAD "    source: { directory: /abs }\n" TABLE KEY COLUMNS,
		"p.yaml:4:26: \"/abs\" is not a directory", "" },
	{ HEAD "    source: { directory: a/../b }\n" TABLE KEY COLUMNS,
		"p.yaml:4:26: ", "is not a directory" },
	{ HEAD "    source: { directory: a/ }\n" TABLE KEY COLUMNS,
		"p.yaml:4:26: ", "is not a directory" },
	{ HEAD "    source: { directory: .claimed }\n" TABLE KEY COLUMNS,
		"p.yaml:4:26: ", "is not a directory" },
	{ HEAD "    source: { directory: \"a\\nb\" }\n" TABLE KEY COLUMNS,
		"p.yaml:4:26: ", "is not a directory" },
	{ HEAD "    source: { directory: processed/x }\n" TABLE KEY COLUMNS,
		"p.yaml:4:26: \"processed\" and \"failed\"", "" },
	{ HEAD "    source: { directory: failed }\n" TABLE KEY COLUMNS,
		"p.yaml:4:26: \"processed\" and \"failed\"", "" },
	{ HEAD "    source: { directory: failed2 }\n" TABLE KEY COLUMNS, "",
		"" },
	{ HEAD "    source: { directory: d, pattern: [] }\n" TABLE KEY COLUMNS,
		"p.yaml:4:38: from 1 to 100 patterns", "" },
	{ HEAD "    source: { directory: d, pattern: a/b }\n" TABLE KEY COLUMNS,
		"p.yaml:4:38: this must be a pattern", "" },
	{ HEAD "    source: { directory: d, duplicates: no }\n" TABLE KEY
		COLUMNS, "p.yaml:4:41: \"no\" is not allowed",
		"allowed: load, skip" },
	{ HEAD "    source: { directory: d, chunk_records: 0 }\n" TABLE KEY
		COLUMNS, "p.yaml:4:44: this must be a whole number", "" },
	{ HEAD "    source: { directory: d, records: a }\n" TABLE KEY COLUMNS,
		"p.yaml:4:38: \"a\" is not a JSON Pointer", "" },
	{ HEAD "    source: { directory: d, records: '' }\n" TABLE KEY COLUMNS,
		"p.yaml:4:38: the way to the records", "1 to 7 steps" },
	{ HEAD "    source: { directory: d, records: /1/2/3/4/5/6/7/8 }\n"
		TABLE KEY COLUMNS, "p.yaml:4:38: the way to the records", "" },
	{ HEAD "    source: { directory: d, records: /1/2/3/4/5/6/7 }\n"
		TABLE KEY COLUMNS, "", "" },
	{ HEAD "    source: { directory: d, chunk_bytes: 1 GB }\n" TABLE KEY
		COLUMNS, "p.yaml:4:42: this must be a size", "" },
	/* table */
	{ HEAD SOURCE "    table: meta.t\n" KEY COLUMNS,
		"p.yaml:5:12: the schema meta is taken; use raw.t", "" },
	{ HEAD SOURCE "    table: a.b.c\n" KEY COLUMNS,
		"p.yaml:5:12: \"b.c\" is not a name", "" },
	{ HEAD SOURCE "    table: .t\n" KEY COLUMNS, "p.yaml:5:12: ",
		"<schema>.<table>" },
	{ HEAD SOURCE "    table: raw.t; drop table x\n" KEY COLUMNS,
		"p.yaml:5:12: ", "is not a name" },
	{ HEAD SOURCE "    table: "
		"a23456789012345678901234567890123456789012345678x\n" KEY
		COLUMNS, "p.yaml:5:12: ", "at most 48" },
	/* columns */
	{ HEAD SOURCE TABLE KEY "    columns: []\n", "p.yaml:7:14: from 1 to",
		"" },
	{ WHOLE "      - { name: a, type: varchar }\n",
		"p.yaml:9:26: \"varchar\" is not allowed here; allowed: text, "
		"integer, numeric, double, boolean, timestamp, timestamptz, "
		"date, uuid, json", "" },
	{ WHOLE "      - { name: a }\n", "p.yaml:9:9: the key \"type\"", "" },
	{ WHOLE "      - { type: text }\n", "p.yaml:9:9: the key \"name\"",
		"" },
	{ WHOLE "      - a\n", "p.yaml:9:9: this must be a map", "" },
	{ WHOLE "      - { name: id, type: text }\n",
		"p.yaml:9:9: a second column \"id\"", "" },
	{ WHOLE "      - { name: _source, type: text }\n",
		"p.yaml:9:17: \"_source\": column names that begin with _",
		"" },
	{ WHOLE "      - { name: ctid, type: text }\n",
		"p.yaml:9:17: \"ctid\" is PostgreSQL's own", "" },
	{ WHOLE "      - { name: a, type: text, required: yes }\n",
		"p.yaml:9:42: this must be true or false", "" },
	{ WHOLE "      - { name: a, type: text, max_length: -1 }\n",
		"p.yaml:9:44: this must be a whole number", "" },
	{ WHOLE "      - { name: a, type: date, max_length: 1 }\n",
		"p.yaml:9:44: max_length is for text", "" },
	{ WHOLE "      - { name: a, type: json, empty_as_null: true }\n",
		"p.yaml:9:47: empty_as_null is not for json", "" },
	{ WHOLE "      - { name: a, type: json, coerce: true }\n",
		"p.yaml:9:40: coerce is not for json", "" },
	{ WHOLE "      - { name: a, type: text, present: true }\n",
		"p.yaml:9:41: present is for boolean columns only", "" },
	{ WHOLE "      - { name: a, type: boolean, coerce: true, present: true"
		" }\n", "p.yaml:9:58: a column that tells whether", "" },
	{ WHOLE "      - { name: a, type: boolean, present: true }\n", "", "" },
	{ WHOLE "      - { name: a, type: text, from: b/c }\n",
		"p.yaml:9:38: \"b/c\" is not a JSON Pointer", "" },
	{ WHOLE "      - { name: a, type: text, from: /b~2 }\n",
		"p.yaml:9:38: in a JSON Pointer", "" },
	{ WHOLE "      - { name: a, type: text, from: '' }\n",
		"p.yaml:9:38: the whole record fits", "" },
	{ WHOLE "      - { name: extra, type: text }\n    unknown: keep\n",
		"p.yaml:9:9: with `unknown: keep`", "" },
	{ WHOLE "      - { name: extra, type: text }\n", "", "" },
	/* key, newest, wins, date */
	{ HEAD SOURCE TABLE COLUMNS "    key: []\n",
		"p.yaml:8:10: from 1 to 32", "" },
	{ HEAD SOURCE TABLE COLUMNS "    key: [idd]\n",
		"p.yaml:8:11: there is no column \"idd\"; columns: id", "" },
	{ HEAD SOURCE TABLE COLUMNS "    key: [id, id]\n",
		"p.yaml:8:15: \"id\" stands in the key twice", "" },
	{ HEAD SOURCE TABLE KEY "    columns:\n      - { name: id, type: text"
		" }\n", "p.yaml:6:11: the key column \"id\"", "max_length" },
	{ HEAD SOURCE TABLE KEY "    columns:\n      - { name: id, type: json"
		" }\n", "p.yaml:6:11: \"id\" is json", "" },
	{ WHOLE "    newest: at\n", "p.yaml:9:13: there is no column", "" },
	{ WHOLE "      - { name: b, type: boolean }\n    newest: b\n",
		"p.yaml:10:13: \"b\" is boolean", "" },
	{ WHOLE "    date: id\n", "p.yaml:9:11: \"id\" is text", "" },
	{ WHOLE "    delta_keep: 30x\n", "p.yaml:9:17: \"30x\" is not",
		"100 loads" },
	{ WHOLE "    delta_keep: 0d\n", "p.yaml:9:17: \"0d\" is not", "" },
	{ WHOLE "    delta_keep: 99999999999999999999d\n", "p.yaml:9:17: ",
		"" },
	{ WHOLE "    wins: newest\n", "p.yaml:9:11: \"newest\" is not",
		"allowed: last, first" },
	{ WHOLE "    unknown: drop\n", "p.yaml:9:14: \"drop\" is not",
		"ignore, keep, reject" },
	/* derived */
	{ WHOLE "    from: e\n", "p.yaml:4:13: a dataset has either", "" },
	{ WHOLE "    each: [/a]\n", "p.yaml:9:11: `each` goes with", "" },
	{ HEAD TABLE KEY COLUMNS "    from: e\n", "p.yaml:4:5: `from` needs",
		"" },
	{ HEAD TABLE KEY COLUMNS "    from: e\n    each: [/a]\n",
		"p.yaml:8:11: \"e\" is not a dataset", "" },
	{ HEAD TABLE KEY COLUMNS "    from: d\n    each: [/a]\n",
		"p.yaml:8:11: \"d\" is not a dataset", "" },
	{ HEAD TABLE KEY COLUMNS "    from: d\n    each: [a]\n",
		"p.yaml:9:12: \"a\" is not a JSON Pointer", "" },
	{ HEAD TABLE KEY COLUMNS "    from: d\n    each: []\n",
		"p.yaml:9:11: from 1 to 100", "" },
	{ EACH "[]]\n", "p.yaml:9:12: this must be a single value, e.g. "
		"/author", "" },
	{ EACH "{ with: { id: /b } }]\n",
		"p.yaml:9:12: the key \"at\" is missing", "" },
	{ EACH "{ at: /a, width: { id: /b } }]\n",
		"p.yaml:9:22: unknown key \"width\"; allowed here: at, ",
		"" },
	{ EACH "{ at: /a, with: [id] }]\n",
		"p.yaml:9:28: this must be a map", "" },
	{ EACH "{ at: /a, with: { ib: /b } }]\n",
		"p.yaml:9:30: there is no column \"ib\"; columns: id", "" },
	{ EACH "{ at: /a, with: { id: b } }]\n",
		"p.yaml:9:34: \"b\" is not a JSON Pointer", "" },
	{ EACH "{ at: /a, with: { id: '' } }]\n",
		"p.yaml:9:34: the whole record fits", "" },
	/* reports */
	{ WHOLE "reports: [ { file: t.pdf, model: m } ]\n",
		"p.yaml:9:20: \"t.pdf\" is not a report's file", ".html" },
	{ WHOLE "reports: [ { file: ../t.csv, model: m } ]\n",
		"p.yaml:9:20: \"../t.csv\" is not a report's file", "" },
	{ WHOLE "reports: [ { file: .csv, model: m } ]\n",
		"p.yaml:9:20: \".csv\" is not a report's file", "" },
	{ WHOLE "reports: [ { file: t.csv } ]\n",
		"p.yaml:9:12: a report needs one of", "" },
	{ WHOLE "reports: [ { file: t.csv, model: m, table: raw.t } ]\n",
		"p.yaml:9:12: a report needs one of", "" },
	{ WHOLE "reports: [ { file: t.csv, model: m, chart: { x: a, y: b } } ]"
		"\n", "p.yaml:9:44: only an .html report", "" },
	{ WHOLE "reports: [ { file: t.html, model: m, chart: { x: a } } ]\n",
		"p.yaml:9:45: the key \"y\" is missing", "" },
	{ WHOLE "reports: [ { file: t.csv, model: m, order: [-a b] } ]\n",
		"p.yaml:9:45: \"a b\" is not a name", "" },
	{ WHOLE "reports: [ { file: t.csv, model: m }, { file: t.json, "
		"model: m } ]\n", "p.yaml:9:39: another report is named \"t\"",
		"" },
	{ WHOLE "reports: [ { file: t.csv, model: m }, { file: t.html, "
		"model: m, name: u, order: [a, -b], "
		"chart: { x: a, y: b, kind: line } } ]\n", "", "" },
	/* models, tests */
	{ WHOLE "models: a\n", "p.yaml:9:9: this must be a list", "" },
	{ WHOLE "models: [a, a]\n", "p.yaml:9:13: the model \"a\"", "" },
	{ WHOLE "models: [../a]\n", "p.yaml:9:10: \"../a\" is not a name",
		"" },
	{ WHOLE "tests: [ { table: raw.t } ]\n",
		"p.yaml:9:10: the key \"test\" is missing", "" },
	{ WHOLE "tests: [ { table: t, column: a, test: unique } ]\n",
		"p.yaml:9:19: this must be <schema>.<table>", "" },
	{ WHOLE "tests: [ { table: a.b, test: uniq } ]\n",
		"p.yaml:9:30: \"uniq\" is not allowed here",
		"accepted_values" },
	{ WHOLE "tests: [ { table: a.b, test: unique } ]\n",
		"p.yaml:9:10: a unique test needs the key \"column\"", "" },
	{ WHOLE "tests: [ { table: a.b, columns: [c], test: unique } ]\n",
		"p.yaml:9:24: a unique test has no \"columns\"",
		"table column where" },
	{ WHOLE "tests: [ { table: a.b, \" table\": x, column: a,"
		" test: unique } ]\n",
		"p.yaml:9:24: a unique test has no \" table\"", "" },
	{ WHOLE "tests: [ { table: a.b, test: unique_combination,"
		" columns: [] } ]\n", "p.yaml:9:59: 1 to 1000 of them", "" },
	{ WHOLE "tests: [ { table: a.b, test: row_count } ]\n",
		"p.yaml:9:10: a row_count test needs min, max or equals", "" },
	{ WHOLE "tests: [ { table: a.b, test: row_count, min: 2, max: 1 } ]\n",
		"p.yaml:9:10: min is above max", "" },
	{ WHOLE "tests: [ { table: a.b, test: row_count, min: -1 } ]\n",
		"p.yaml:9:46: this must be a whole number", "" },
	{ WHOLE "tests: [ { table: a.b, column: c, test: freshness } ]\n",
		"p.yaml:9:10: a freshness test needs warn or error", "" },
	{ WHOLE "tests: [ { table: a.b, column: c, test: freshness,"
		" warn: 2h, error: 1h } ]\n",
		"p.yaml:9:10: warn must be a smaller age", "" },
	{ WHOLE "tests: [ { test: compare, left: a, right: b, is: like } ]\n",
		"p.yaml:9:50: \"like\" is not allowed here", "less_equals" },
	{ WHOLE "tests: [ { table: a.b, column: c, test: unique,"
		" severity: bad } ]\n",
		"p.yaml:9:59: \"bad\" is not allowed here", "warn" },
	{ WHOLE "tests: [ { table: a.b, column: c, to: a.d,"
		" test: relationships } ]\n",
		"p.yaml:9:39: this must be a map", "" },
	{ WHOLE "tests: [ { table: a.b, column: c, test: unique },"
		" { table: a.b, column: c, test: unique } ]\n",
		"p.yaml:9:51: another test is named \"unique a.b.c\"", "" },
};

static void wrong_files_are_refused(void)
{
	const size_t count = sizeof(refusals) / sizeof(refusals[0]);

	for (size_t i = 0; i < count; i++) {
		const struct refusal *r = &refusals[i];
		struct pipeline p;
		struct err err;
		bool good;

		good = !parse(r->text, &p, &err) && *r->want != '\0' &&
			err.kind == ERR_STOP &&
			err.exit_code == EXIT_CONFIG &&
			strncmp(err.text, r->want, strlen(r->want)) == 0 &&
			strstr(err.text, r->also) != NULL;
		if (err.kind == ERR_NONE) {
			good = *r->want == '\0';
			pipeline_clear(&p);
		}
		if (!good)
			printf("\n#%zu\n%s-- want: %s ... %s\n-- got:  %s\n", i,
				r->text, r->want, r->also, err.text);
		CU_ASSERT_TRUE(good);
	}
}

static void huge_files_are_refused(void)
{
	const size_t len = 200000;
	char *text = malloc(2 * len + 20);
	struct pipeline p;
	struct err err = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	memcpy(text, "a: [", 4);
	for (size_t i = 0; i < len; i++)
		memcpy(text + 4 + 2 * i, "1,", 2);
	memcpy(text + 4 + 2 * len, "1]\n", 4);
	CU_ASSERT_FALSE(pipeline_parse(text, strlen(text), "p.yaml", &p, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "too many values"));
	free(text);
}

/* -- sets --------------------------------------------------------------- */

static void put_file(const char *dir, const char *name, const char *pipeline,
	const char *directory, const char *table)
{
	char path[512];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	(void)fprintf(file, "pipeline: %s\ndatasets:\n  d:\n"
		"    source: { directory: %s }\n    table: %s\n" KEY COLUMNS,
		pipeline, directory, table);
	(void)fclose(file);
}

static void check_set(const char *name, const char *directory,
	const char *table, const char *want)
{
	char dir[] = "/tmp/sluice-test-XXXXXX", path[512];
	struct pipeline_set set;
	struct err err = { 0 };
	bool ok;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	put_file(dir, "z.yaml", "aa", "d", "raw.t");
	put_file(dir, "a.yaml", name, directory, table);
	put_file(dir, ".hidden.yaml", "aa", "d", "raw.t");
	put_file(dir, "note.txt", "aa", "d", "raw.t");
	ok = pipeline_set_read(dir, &set, &err);
	if (want == NULL) {
		CU_ASSERT_TRUE(ok);
		CU_ASSERT_EQUAL_FATAL(set.count, 2);
		CU_ASSERT_STRING_EQUAL(set.pipelines[0].name, "aa");
		CU_ASSERT_PTR_EQUAL(set.pipelines[0].datasets[0].pipeline,
			&set.pipelines[0]);
		CU_ASSERT_PTR_EQUAL(pipeline_find(&set, name),
			&set.pipelines[1]);
		CU_ASSERT_PTR_NULL(pipeline_find(&set, "nobody"));
	} else {
		CU_ASSERT_FALSE(ok);
		CU_ASSERT_EQUAL(err.exit_code, EXIT_CONFIG);
		if (strstr(err.text, want) == NULL)
			printf("\nwant %s, got %s\n", want, err.text);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, want));
		CU_ASSERT_EQUAL(set.count, 0);
	}
	pipeline_set_clear(&set);
	for (const char *const *f = (const char *const[]){ "z.yaml", "a.yaml",
		     ".hidden.yaml", "note.txt", NULL }; *f != NULL; f++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, *f);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

static void sets_are_sorted_and_unique(void)
{
	check_set("bb", "dd", "raw.u", NULL);
	check_set("bb", "dd", "other.t", NULL);
	check_set("bb", "dd", "raw.t_deltas", NULL);
	check_set("aa", "dd", "raw.u", "both called \"aa\"");
	check_set("bb", "d", "raw.u", "overlap; give each a directory");
	check_set("bb", "d/e", "raw.u", "overlap; give each a directory");
	check_set("bb", "dd", "raw.t", "overlap (a table and its _delta)");
	check_set("bb", "dd", "t_delta", "overlap (a table and its _delta)");
}

static void missing_folder_is_explained(void)
{
	struct pipeline_set set;
	struct err err = { 0 };

	CU_ASSERT_FALSE(pipeline_set_read("/nonexistent", &set, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "pipelines_dir"));
}

static void shipped_pipelines_are_valid(void)
{
	struct pipeline_set set;
	struct err err = { 0 };
	const struct dataset *d;

	if (!pipeline_set_read("pipelines", &set, &err))
		printf("\n%s\n", err.text);
	CU_ASSERT_EQUAL_FATAL(err.kind, ERR_NONE);
	CU_ASSERT_PTR_NOT_NULL_FATAL(pipeline_find(&set, "events"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(pipeline_find(&set, "gharchive"));
	d = dataset_find(pipeline_find(&set, "events"), "events");
	CU_ASSERT_PTR_NOT_NULL_FATAL(d);
	CU_ASSERT_EQUAL(d->column_count, 8);
	CU_ASSERT_EQUAL(d->key_count, 3);
	CU_ASSERT_PTR_NOT_NULL(
		dataset_find(pipeline_find(&set, "events"), "orgs"));
	pipeline_set_clear(&set);
}

CU_TestInfo pipeline_tests[] = {
	{ "columns, keys and paths are read", columns_and_keys_are_read },
	{ "defaults are sensible", defaults_are_sensible },
	{ "derived datasets are read", derived_datasets_are_read },
	{ "derived columns may stand outside",
		derived_columns_may_stand_outside },
	{ "variables are replaced in values",
		variables_are_replaced_in_values },
	{ "wrong files are refused, with the place", wrong_files_are_refused },
	{ "a file of too many values is refused", huge_files_are_refused },
	{ "sets are sorted and unique", sets_are_sorted_and_unique },
	{ "a missing folder names its setting", missing_folder_is_explained },
	{ "the pipelines we ship are valid", shipped_pipelines_are_valid },
	CU_TEST_INFO_NULL,
};
