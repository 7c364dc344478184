/* test_walk.c - the records of a message, one after the other. */
#include "consumer/walk.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "1:{} @0 1:1" = record 1, its text, its offset, line:column; a fault is
 * "!<code> at <n>". */
static void show(char *got, size_t max, const struct record *record,
	const struct json_fault *fault)
{
	const size_t used = strlen(got);

	(void)snprintf(got + used, max - used, "%s%llu:%.*s @%llu %llu:%llu",
		used > 0 ? "; " : "", (unsigned long long)record->number,
		(int)record->len, record->text,
		(unsigned long long)record->offset,
		(unsigned long long)record->line,
		(unsigned long long)record->column);
	if (fault != NULL)
		(void)snprintf(got + strlen(got), max - strlen(got),
			" !%s at %zu", fault->code, fault->at);
}

static void check_foreign(const char *body, const char *want)
{
	/* exactly as long as it is: the sanitizers see a byte too far */
	const size_t len = strlen(body);
	char *copy = malloc(len + 1);
	char *exact = realloc(copy, len > 0 ? len : 1);
	struct json_fault fault;
	struct record record;
	enum walk_step step;
	struct walk walk;
	char got[512] = "";

	CU_ASSERT_PTR_NOT_NULL_FATAL(exact);
	memcpy(exact, body, len);
	walk_foreign(&walk, (struct bytes){ exact, len });
	while ((step = walk_next(&walk, &record, &fault)) != WALK_END)
		show(got, sizeof(got), &record,
			step == WALK_FAULT ? &fault : NULL);
	CU_ASSERT_EQUAL(walk_next(&walk, &record, &fault), WALK_END);
	CU_ASSERT_STRING_EQUAL(got, want);
	free(exact);
}

static void one_value_is_one_record(void)
{
	check_foreign("{}", "1:{} @0 1:1");
	check_foreign(" \n {\"a\":1}\n", "1:{\"a\":1} @3 2:2");
	check_foreign("17", "1:17 @0 1:1");
	check_foreign("\"[\"", "1:\"[\" @0 1:1");
}

static void an_array_is_its_elements(void)
{
	check_foreign("[]", "");
	check_foreign(" [ ] \r\n", "");
	check_foreign("[{}]", "1:{} @1 1:2");
	check_foreign("[{\"a\":\n1},\n  {}]",
		"1:{\"a\":\n1} @1 1:2; 2:{} @13 3:3");
	check_foreign("[1,[2,3],null]",
		"1:1 @1 1:2; 2:[2,3] @3 1:4; 3:null @9 1:10");
}

static void what_is_broken_is_one_fault_and_the_last(void)
{
	check_foreign("", "1: @0 1:1 !json_syntax at 0");
	check_foreign("  ", "1: @2 1:3 !json_syntax at 0");
	check_foreign("[", "1: @1 1:2 !json_syntax at 0");
	check_foreign("[{}", "1:{} @1 1:2; 2: @3 1:4 !json_syntax at 0");
	check_foreign("[{},]", "1:{} @1 1:2; 2:] @4 1:5 !json_syntax at 0");
	check_foreign("[{} {}]",
		"1:{} @1 1:2; 2:{}] @4 1:5 !json_syntax at 0");
	check_foreign("[{},{\"a\" 1},{}]",
		"1:{} @1 1:2; 2:{\"a\" 1},{}] @4 1:5 !json_syntax at 5");
	check_foreign("{} {}", "1:{} @0 1:1; 2:{} @3 1:4 !json_syntax at 0");
	check_foreign("[]]", "1:] @2 1:3 !json_syntax at 0");
	check_foreign("[\"\xff\"]",
		"1:\"\xff\"] @1 1:2 !json_utf8 at 1");
}

static void a_chunk_gives_what_its_index_says(void)
{
	const char body[] = "{\"a\":1}\n[2]\n{}\n";
	const struct envelope_record records[] = {
		{ .offset = 101, .length = 7, .line = 5 },
		{ .offset = 110, .length = 3, .line = 5 },
		{ .offset = 120, .length = 2, .line = 9 },
	};
	struct envelope_record previous = { .offset = 100, .line = 5 };
	struct envelope envelope = { .lo = 100, .hi = 130, .first_record = 7,
		.first_line = 5, .records = 3 };
	struct buf index = { 0 };
	struct err err = { 0 };
	struct json_fault fault;
	struct record record;
	struct walk walk;
	char got[256] = "";

	for (size_t i = 0; i < 3; i++)
		CU_ASSERT_TRUE(envelope_index_add(&index, &previous,
			&records[i], &err));
	envelope.index = (struct bytes){ index.data, index.len };
	walk_chunk(&walk, &envelope, (struct bytes){ body, strlen(body) });
	while (walk_next(&walk, &record, &fault) == WALK_RECORD)
		show(got, sizeof(got), &record, NULL);
	CU_ASSERT_STRING_EQUAL(got, "7:{\"a\":1} @101 5:1; 8:[2] @110 5:1; "
		"9:{} @120 9:1");
	buf_clear(&index);
}

static void a_fault_has_line_and_column(void)
{
	const struct record record = { .text = "{\n \"a\":\n  1}", .len = 12,
		.line = 3, .column = 5 };
	uint64_t line, column;

	record_place(&record, 0, &line, &column);
	CU_ASSERT(line == 3 && column == 5);
	record_place(&record, 1, &line, &column);
	CU_ASSERT(line == 3 && column == 6);
	record_place(&record, 3, &line, &column);
	CU_ASSERT(line == 4 && column == 2);
	record_place(&record, 10, &line, &column);
	CU_ASSERT(line == 5 && column == 3);
	record_place(&record, 999, &line, &column);
	CU_ASSERT(line == 5 && column == 5);
}

CU_TestInfo walk_tests[] = {
	{ "one value is one record", one_value_is_one_record },
	{ "an array is its elements", an_array_is_its_elements },
	{ "what is broken is one fault, and the last",
		what_is_broken_is_one_fault_and_the_last },
	{ "a chunk gives what its index says",
		a_chunk_gives_what_its_index_says },
	{ "a fault has line and column", a_fault_has_line_and_column },
	CU_TEST_INFO_NULL,
};
