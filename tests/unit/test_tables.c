/* test_tables.c - the SQL that follows from a dataset's columns. */
#include "consumer/sqltext.h"
#include "consumer/tables.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

static const char file[] =
	"pipeline: p\n"
	"datasets:\n"
	"  plain:\n"
	"    source: { directory: a }\n"
	"    table: raw.plain\n"
	"    key: [b, a]\n"
	"    columns:\n"
	"      - { name: a, type: text, max_length: 10 }\n"
	"      - { name: b, type: integer }\n"
	"      - { name: c, type: json }\n"
	"  newest:\n"
	"    source: { directory: b }\n"
	"    table: raw.newest\n"
	"    key: [a]\n"
	"    newest: n\n"
	"    unknown: keep\n"
	"    columns:\n"
	"      - { name: a, type: uuid }\n"
	"      - { name: n, type: timestamptz }\n"
	"  keys:\n"
	"    source: { directory: c }\n"
	"    table: crm.keys\n"
	"    key: [a]\n"
	"    newest: a\n"
	"    columns:\n"
	"      - { name: a, type: date }\n"
	"  parts:\n"
	"    from: plain\n"
	"    each: [/x]\n"
	"    table: raw.parts\n"
	"    key: [a]\n"
	"    columns:\n"
	"      - { name: a, type: integer }\n"
	"      - { name: b, type: integer }\n"
	"  firsts:\n"
	"    from: plain\n"
	"    each: [/y]\n"
	"    table: raw.firsts\n"
	"    key: a\n"
	"    newest: n\n"
	"    wins: first\n"
	"    columns:\n"
	"      - { name: a, type: integer }\n"
	"      - { name: n, type: date }\n";



static bool copy_sql(const struct dataset *dataset, struct buf *sql,
	struct err *err)
{
	return tables_copy_sql(dataset, "raw.part", sql, err);
}

static bool upsert_sql(const struct dataset *dataset, struct buf *sql,
	struct err *err)
{
	return tables_upsert_sql(dataset, "raw.part", sql, err);
}

static bool add_first_sql(const struct dataset *dataset, struct buf *sql,
	struct err *err)
{
	return tables_add_column_sql(dataset, &dataset->columns[0], sql, err);
}

/* Some of the statements are checked by what must or must not stand in them
 * ("!"); that they run is the integration tests' part. */
static const struct {
	bool (*make)(const struct dataset *, struct buf *, struct err *);
	const char *dataset;
	const char *want;
} cases[] = {
	{ tables_master_name, "keys", "\"crm\".\"keys\"" },
	{ tables_delta_name, "keys", "\"crm\".\"keys_delta\"" },
	{ tables_create_sql, "plain", "\t\"a\" text collate \"C\",\n"
				      "\t\"b\" bigint,\n"
				      "\t\"c\" jsonb,\n"
				      "\t_source bigint not null,\n"
				      "\t_offset bigint not null,\n"
				      "\t_load bigint not null,\n"
				      "\tprimary key (\"b\", \"a\")\n" },
	{ tables_create_sql, "newest", "\t\"n\" timestamptz,\n"
				       "\t\"extra\" jsonb,\n" },
	{ tables_create_sql, "plain", "values ('p.plain', 'p', "
				      "'\"raw\".\"plain\"', "
				      "'\"raw\".\"plain_delta\"')" },
	{ tables_create_sql, "keys", "create schema if not exists \"crm\";" },
	{ copy_sql, "plain", "copy raw.part (\"a\", \"b\", \"c\", _source, "
			     "_offset, _load) from stdin (format binary)" },
	{ copy_sql, "newest", "(\"a\", \"n\", \"extra\", _source" },
	{ add_first_sql, "plain", "alter table \"raw\".\"plain_delta\" add "
				  "column \"a\" text collate \"C\";" },
	{ upsert_sql, "plain", "select distinct on (d.\"b\", d.\"a\")" },
	{ upsert_sql, "plain", "order by d.\"b\", d.\"a\", c.rank desc nulls "
			       "last, d._offset desc\n" },
	{ upsert_sql, "plain", "set\n\t\"c\" = excluded.\"c\",\n\t_source" },
	{ upsert_sql, "plain", "where case when excluded._source" },
	{ upsert_sql, "newest", "order by d.\"a\", d.\"n\" desc nulls last, "
				"c.rank" },
	{ upsert_sql, "newest", "where excluded.\"n\" > t.\"n\"\n" },
	{ upsert_sql, "newest", "row(t.\"n\", t.\"extra\")" },
	{ upsert_sql, "keys", "case when false\n" },
	{ upsert_sql, "keys", "!excluded.\"a\"" },
	{ tables_create_sql, "parts", "\t_load bigint not null,\n"
				      "\t_item bigint not null,\n"
				      "\tprimary key" },
	{ tables_create_sql, "parts", "\t_item bigint not null,\n"
				      "\t_day date" },
	{ tables_create_sql, "plain", "!_item" },
	{ copy_sql, "parts", "_load, _item) from stdin" },
	{ upsert_sql, "parts", "d._offset desc, d._item\n" },
	{ upsert_sql, "parts", "\t_item = excluded._item,\n" },
	{ upsert_sql, "parts", "(excluded._offset, t._item)"
			       " > (t._offset, excluded._item)" },
	{ upsert_sql, "plain", "!_item" },
	{ tables_undo_sql, "plain", "d._source <> $1::bigint\n"
		"order by d.\"b\", d.\"a\", " },
	{ tables_undo_sql, "newest", "order by d.\"" },
	{ tables_undo_sql, "parts", "\t_item = excluded._item,\n" },
	{ tables_undo_sql, "firsts", "!desc" },
	{ tables_undo_count_sql, "plain", "!delete" },
	{ tables_behind_sql, "plain", "select distinct on (d.\"b\", d.\"a\")" },
	{ tables_behind_sql, "plain", "on (t.\"b\", t.\"a\") = "
				      "(excluded.\"b\", excluded.\"a\")" },
	{ tables_behind_sql, "newest", "d.\"n\" desc nulls last, "
				       "s.claimed_at desc" },
	{ tables_behind_sql, "parts", "d._offset desc, d._item\n" },
	{ tables_behind_sql, "keys", "and false)" },
	{ upsert_sql, "firsts", "d.\"n\" asc nulls last, c.rank asc nulls "
				"last, d._offset asc, d._item\n" },
	{ upsert_sql, "firsts", "where excluded.\"n\" < t.\"n\"\n"
				"\tor (t.\"n\" is null and" },
	{ upsert_sql, "firsts", "(excluded._offset, excluded._item)"
				" < (t._offset, t._item)" },
	{ upsert_sql, "firsts", "!desc" },
	{ tables_behind_sql, "firsts", "s.claimed_at asc, s.drop_id asc, "
				       "d._offset asc, d._item\n" },
	{ tables_behind_sql, "firsts", "!desc" },
};

static void check_case(const struct pipeline *pipeline, size_t i)
{
	const struct dataset *dataset =
		dataset_find(pipeline, cases[i].dataset);
	const bool absent = cases[i].want[0] == '!';
	struct buf sql = { 0 };
	struct err err = { 0 };
	bool found;

	CU_ASSERT_PTR_NOT_NULL_FATAL(dataset);
	CU_ASSERT_TRUE_FATAL(cases[i].make(dataset, &sql, &err));
	found = strstr(sql.data, cases[i].want + (absent ? 1 : 0)) != NULL;
	if (found == absent)
		CU_FAIL(cases[i].want);
	buf_clear(&sql);
}

static void statements_follow_from_the_columns(void)
{
	struct pipeline pipeline = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(pipeline_parse(file, strlen(file), "test.yaml",
		&pipeline, &err));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check_case(&pipeline, i);
	pipeline_clear(&pipeline);
}

CU_TestInfo tables_tests[] = {
	{ "the statements follow from the columns",
		statements_follow_from_the_columns },
	CU_TEST_INFO_NULL,
};
