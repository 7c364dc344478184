/* test_derive.c - values inside records, as records. */
#include "consumer/derive.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

static const char file[] =
	"pipeline: p\n"
	"datasets:\n"
	"  commits:\n"
	"    source: { directory: a }\n"
	"    table: raw.commits\n"
	"    key: [a]\n"
	"    columns: [{ name: a, type: integer }]\n"
	"  persons:\n"
	"    from: commits\n"
	"    each: [/author, /a~1b/1, /list, \"\"]\n"
	"    table: raw.persons\n"
	"    key: [a]\n"
	"    columns: [{ name: a, type: integer }]\n"
	"  others:\n"
	"    from: commits\n"
	"    each: [/x]\n"
	"    table: raw.others\n"
	"    key: [a]\n"
	"    columns: [{ name: a, type: integer }]\n";

/* "ordinal@offset:text" of every value, joined by blanks. */
static const struct {
	const char *record;
	const char *want;
} cases[] = {
	{ "{}", "1@100:{}" },
	{ "{\"author\":{\"id\":1}}",
		"1@110:{\"id\":1} 2@100:{\"author\":{\"id\":1}}" },
	{ "{\"author\":null}", "1@100:{\"author\":null}" },
	{ "{\"author\":7}", "1@110:7 2@100:{\"author\":7}" },
	{ "{\"author\":\"x\"}", "1@110:\"x\" 2@100:{\"author\":\"x\"}" },
	{ "{\"list\":[{},null,[1],3]}",
		"1@109:{} 2@117:[1] 3@121:3 4@100:{\"list\":[{},null,[1],3]}" },
	{ "{\"list\":[]}", "1@100:{\"list\":[]}" },
	{ "{\"list\":[null,null]}", "1@100:{\"list\":[null,null]}" },
	{ "{\"a/b\":[0,{}]}", "1@110:{} 2@100:{\"a/b\":[0,{}]}" },
	{ "{\"a/b\":[0]}", "1@100:{\"a/b\":[0]}" },
	{ "{\"a/b\":{\"1\":2}}", "1@112:2 2@100:{\"a/b\":{\"1\":2}}" },
	{ "{\"a/b\":3}", "1@100:{\"a/b\":3}" },
	{ "{\"\\u0061uthor\":{}}", "1@115:{} 2@100:{\"\\u0061uthor\":{}}" },
	{ "{\"\\u0000\":1}", "1@100:{\"\\u0000\":1}" },
	{ "{\"list\":[1],\"author\":2}",
		"1@121:2 2@109:1 3@100:{\"list\":[1],\"author\":2}" },
	{ "[1]", "1@101:1" },
	{ "null", "" },
	{ "{", "" },
	{ "", "" },
};

static void walk_values(const struct dataset *dataset, const char *text,
	struct buf *out)
{
	const struct record parent = { .text = text, .len = strlen(text),
		.offset = 100, .number = 5, .line = 7, .column = 1 };
	struct derive derive = { 0 };
	struct record value;
	struct err err = { 0 };
	bool found;

	CU_ASSERT_TRUE_FATAL(derive_open(&derive, dataset, &parent, &err));
	for (;;) {
		CU_ASSERT_TRUE_FATAL(derive_next(&derive, &value, &found,
			&err));
		if (!found)
			break;
		CU_ASSERT_EQUAL(value.number, 5);
		CU_ASSERT_EQUAL(value.line, 7);
		CU_ASSERT_EQUAL(value.column, value.offset - 100 + 1);
		CU_ASSERT_TRUE(buf_printf(out, &err, "%s%d@%d:%.*s",
			out->len > 0 ? " " : "", (int)derive.ordinal,
			(int)value.offset, (int)value.len, value.text));
	}
	derive_clear(&derive);
}

static void pointers_are_followed_in_order(void)
{
	struct pipeline pipeline = { 0 };
	struct err err = { 0 };
	struct buf got = { 0 };

	CU_ASSERT_TRUE_FATAL(pipeline_parse(file, strlen(file), "t.yaml",
		&pipeline, &err));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		buf_reset(&got);
		walk_values(dataset_find(&pipeline, "persons"),
			cases[i].record, &got);
		if (strcmp(got.len > 0 ? got.data : "", cases[i].want) != 0) {
			printf("\n%s gives %s", cases[i].record,
				got.len > 0 ? got.data : "nothing");
			CU_FAIL(cases[i].record);
		}
	}
	buf_clear(&got);
	pipeline_clear(&pipeline);
}

static void a_dataset_knows_what_is_made_of_it(void)
{
	struct pipeline pipeline = { 0 };
	const struct dataset *commits, *persons, *others;
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(pipeline_parse(file, strlen(file), "t.yaml",
		&pipeline, &err));
	commits = dataset_find(&pipeline, "commits");
	persons = dataset_find(&pipeline, "persons");
	others = dataset_find(&pipeline, "others");
	CU_ASSERT_PTR_EQUAL(derive_dataset(commits, NULL), persons);
	CU_ASSERT_PTR_EQUAL(derive_dataset(commits, persons), others);
	CU_ASSERT_PTR_NULL(derive_dataset(commits, others));
	CU_ASSERT_PTR_NULL(derive_dataset(persons, NULL));
	pipeline_clear(&pipeline);
}

static const char with_file[] =
	"pipeline: p\n"
	"datasets:\n"
	"  commits:\n"
	"    source: { directory: a }\n"
	"    table: raw.commits\n"
	"    key: [a]\n"
	"    columns: [{ name: a, type: integer }]\n"
	"  persons:\n"
	"    from: commits\n"
	"    each:\n"
	"      - { at: /author, with: { name: /commit/author } }\n"
	"      - { at: /list, skip_empty: true, with:"
	" { name: /commit/list/0, sha: /sha } }\n"
	"      - /other\n"
	"    table: raw.persons\n"
	"    key: [id]\n"
	"    columns:\n"
	"      - { name: id, type: integer }\n"
	"      - { name: name, type: text }\n"
	"      - { name: sha, type: text }\n";

/* " id/name/sha" of every value. */
static void map_values(const struct dataset *dataset, const char *text,
	struct buf *out)
{
	const struct record parent = { .text = text, .len = strlen(text) };
	struct derive derive = { 0 };
	struct err err = { 0 };
	struct rowmap *map = rowmap_new(dataset, &err);
	struct row_fault fault;
	struct record value;
	struct cell cells[3];
	bool found = true;

	CU_ASSERT_PTR_NOT_NULL_FATAL(map);
	CU_ASSERT_TRUE_FATAL(derive_open(&derive, dataset, &parent, &err));
	while (derive_next(&derive, &value, &found, &err) && found) {
		if (rowmap_found(map, value.text, value.len,
			    derive_outside(&derive), cells, &fault, &err) !=
			ROW_OK) {
			CU_ASSERT_TRUE(buf_add_str(out, " !/!/!", &err));
			continue;
		}
		CU_ASSERT_TRUE(buf_printf(out, &err, " %d", (int)cells[0].v.i));
		for (size_t i = 1; i < 3; i++)
			CU_ASSERT_TRUE(buf_printf(out, &err, "/%.*s",
				cells[i].null ? 1 : (int)cells[i].v.s.len,
				cells[i].null ? "-" : cells[i].v.s.data));
	}
	rowmap_free(map);
	derive_clear(&derive);
}

static void columns_are_taken_from_the_parent(void)
{
	static const struct {
		const char *record, *want;
	} parents[] = {
		{ "{\"sha\":\"x\",\"commit\":{\"author\":\"Jo\"},"
		  "\"author\":{\"id\":1,\"name\":\"no\",\"sha\":\"own\"}}",
			" 1/Jo/own" },
		{ "{\"author\":{\"id\":1,\"name\":\"no\"}}", " 1/-/-" },
		{ "{\"list\":[{\"id\":1},null,{\"id\":2}],\"sha\":\"x\","
		  "\"commit\":{\"list\":[\"A\",\"B\"]},\"other\":"
		  "{\"id\":3,\"name\":\"C\"}}",
			" 1/A/x 2/A/x 3/C/-" },
		{ "{\"author\":null,\"commit\":{\"author\":\"Jo\"}}", "" },
		{ "{\"list\":[{},{\"id\":1},{ }],\"other\":{}}",
			" 1/-/- !/!/!" },
		{ "{\"list\":{}}", "" },
	};
	struct pipeline pipeline = { 0 };
	struct err err = { 0 };
	struct buf got = { 0 };

	CU_ASSERT_TRUE_FATAL(pipeline_parse(with_file, strlen(with_file),
		"t.yaml", &pipeline, &err));
	for (size_t i = 0; i < sizeof(parents) / sizeof(*parents); i++) {
		buf_reset(&got);
		map_values(dataset_find(&pipeline, "persons"),
			parents[i].record, &got);
		CU_ASSERT_STRING_EQUAL(got.len > 0 ? got.data : "",
			parents[i].want);
	}
	buf_clear(&got);
	pipeline_clear(&pipeline);
}

CU_TestInfo derive_tests[] = {
	{ "pointers are followed in order", pointers_are_followed_in_order },
	{ "a dataset knows what is made of it",
		a_dataset_knows_what_is_made_of_it },
	{ "columns are taken from the parent",
		columns_are_taken_from_the_parent },
	CU_TEST_INFO_NULL,
};
