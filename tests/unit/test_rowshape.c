/* test_rowshape.c - what is remembered of a record changes nothing about the
 * next. */
#include "common/rowmap.h"
#include "common/rowshape.h"

#include <CUnit/CUnit.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Alike in some way, and different in another. */
static const char *const records[] = {
	"{\"k\":\"a\",\"v\":{\"w\":1},\"x\":2}",
	"{\"k\":\"b\",\"v\":{\"w\":null},\"x\":\"y\"}",
	"{\"k\":\"b\", \"v\" : { \"w\" : 7 } ,\"x\":[]}",
	"{\"v\":{\"w\":1},\"k\":\"a\",\"x\":2}",
	"{\"k\":\"a\",\"v\":[\"w\",1],\"x\":2}",
	"{\"k\":\"a\",\"v\":{\"z\":1},\"x\":2}",
	"{\"k\":\"a\",\"v\":{\"\\u0077\":1},\"x\":2}",
	"{\"k\":\"a\",\"v\":{\"w\":1},\"k\":2}",
	"{\"k\":\"a\",\"v\":{\"w\":1},\"v\":2}",
	"{\"k\":\"a\",\"v\":{},\"x\":2}",
	"{\"k\":\"a\",\"v\":[],\"x\":2}",
	"{\"k\":\"a\",\"v\":3,\"x\":2}",
	"{\"k\":\"a\",\"v\":null,\"x\":2}",
	"{\"k\":null,\"v\":{\"w\":1},\"x\":2}",
	"{\"k\":[],\"v\":{\"w\":1},\"x\":2}",
	"{\"k\":\"a\",\"v\":{\"w\":1}}",
	"{\"k\":\"a\"}",
	"{\"k\":\"a\",\"x\":2}",
	"{\"k\":\"a\",\"y\":2}",
	"{\"k\":\"a\",\"v\":[1,{\"w\":5}]}",
	"{\"k\":\"a\",\"v\":[{\"w\":6},1]}",
	"{\"k\":\"a\",\"v\":[[\"w\",1],1]}",
	"{}",
	"[]",
	"{\"k\":\"a\",",
	"7",
};
#define RECORDS (sizeof(records) / sizeof(records[0]))

static void make(struct pipeline *pipeline, const char *unknown)
{
	char text[1024];
	struct err err = { 0 };

	(void)snprintf(text, sizeof(text),
		"pipeline: p\ndatasets:\n  d:\n"
		"    source: { directory: d }\n    table: t\n    key: k\n"
		"    unknown: %s\n"
		"    columns:\n"
		"      - { name: k, type: text, max_length: 1000 }\n"
		"      - { name: w, type: json, from: /v/w }\n"
		"      - { name: e, type: json, from: /v/1/w }\n"
		"      - { name: v, type: json }\n"
		"      - { name: p, type: boolean, present: true, from: /v }\n",
		unknown);
	CU_ASSERT_TRUE_FATAL(pipeline_parse(text, strlen(text), "p.yaml",
		pipeline, &err));
}

/* All that comes of a record, as text. */
static void map_one(struct rowmap *map, const char *record, struct buf *out)
{
	struct cell cells[8];
	struct row_fault fault = { .code = "" };
	struct err err = { 0 };
	bool ok = true;

	buf_reset(out);
	if (rowmap_record(map, record, strlen(record), cells, &fault, &err) !=
		ROW_OK) {
		ok = buf_printf(out, &err, "%s at %zu: %s", fault.code,
			fault.at, fault.detail);
	} else {
		for (size_t i = 0; ok && i < rowmap_width(map); i++)
			ok = cells[i].null ? buf_add_str(out, "null ", &err) :
				cells[i].type == COLUMN_BOOLEAN ?
				buf_printf(out, &err, "%d ", cells[i].v.b) :
				buf_printf(out, &err, "<%.*s> ",
					(int)cells[i].v.s.len,
					cells[i].v.s.data);
		ok = ok && buf_printf(out, &err, "%" PRIu64 " unknown",
			rowmap_take_unknown(map));
	}
	(void)rowmap_take_unknown(map);
	CU_ASSERT_TRUE_FATAL(ok);
}

static struct rowmap *fresh(const struct pipeline *pipeline)
{
	struct err err = { 0 };
	struct rowmap *map = rowmap_new(&pipeline->datasets[0], &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(map);
	return map;
}

/* The second record means behind the first what it means alone. */
static void check_pair(const struct pipeline *pipeline, const char *first,
	const char *second)
{
	struct rowmap *map = fresh(pipeline);
	struct buf want = { 0 }, got = { 0 };

	map_one(map, second, &want);
	rowmap_free(map);
	map = fresh(pipeline);
	map_one(map, first, &got);
	for (int i = 0; i < 2; i++) {
		map_one(map, second, &got);
		if (strcmp(got.data, want.data) != 0)
			printf("\n%s behind %s:\nwant %s\ngot  %s\n", second,
				first, want.data, got.data);
		CU_ASSERT_STRING_EQUAL(got.data, want.data);
	}
	rowmap_free(map);
	buf_clear(&want);
	buf_clear(&got);
}

static void nothing_of_the_record_before(void)
{
	static const char *const unknown[] = { "ignore", "keep", "reject" };

	for (size_t u = 0; u < 3; u++) {
		struct pipeline pipeline;

		make(&pipeline, unknown[u]);
		for (size_t a = 0; a < RECORDS; a++)
			for (size_t b = 0; b < RECORDS; b++)
				check_pair(&pipeline, records[a], records[b]);
		pipeline_clear(&pipeline);
	}
}

static void parse(const char *text, struct json_tape *tape)
{
	struct json_fault fault;

	CU_ASSERT_EQUAL_FATAL(json_parse(text, strlen(text), tape, &fault),
		JSON_OK);
}

static bool like(struct rowshape *shape, const char *text)
{
	struct json_tape tape = { 0 };
	bool is;

	parse(text, &tape);
	is = rowshape_like(shape, text, &tape);
	json_tape_clear(&tape);
	return is;
}

static void keys_make_the_likeness(void)
{
	struct rowshape shape = { .nodes = NULL };
	struct json_tape tape = { 0 };

	CU_ASSERT_FALSE(like(&shape, records[0]));
	parse(records[0], &tape);
	CU_ASSERT_TRUE(rowshape_learn(&shape, records[0], &tape));
	json_tape_clear(&tape);
	for (size_t i = 0; i < 3; i++)
		CU_ASSERT_TRUE(like(&shape, records[i]));
	for (size_t i = 3; i < 13; i++)
		CU_ASSERT_FALSE(like(&shape, records[i]));
	CU_ASSERT_TRUE(like(&shape, records[13]));
	rowshape_clear(&shape);
}

/* Records of which each is another are not learned one by one. */
static void strangers_are_seldom_learned(void)
{
	struct rowshape shape = { .nodes = NULL };
	int due = 0;

	for (int i = 0; i < 64; i++) {
		CU_ASSERT_FALSE(like(&shape, records[0]));
		due += rowshape_due(&shape);
	}
	CU_ASSERT_TRUE(due >= 2 && due <= 10);
	rowshape_clear(&shape);
}

CU_TestInfo rowshape_tests[] = {
	{ "a record means the same behind any other",
		nothing_of_the_record_before },
	{ "keys in their order make the likeness", keys_make_the_likeness },
	{ "strangers are seldom learned", strangers_are_seldom_learned },
	CU_TEST_INFO_NULL,
};
