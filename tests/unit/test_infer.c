/* test_infer.c - what `sluice infer` proposes, and what it finds changed. */
#include "cli/infer.h"
#include "tests/support/pieces.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_RECORD 100000

struct tried {
	struct sample sample;
	struct infer infer;
	struct buf text;
	char path[64];
	const char *files[1];
	struct sample_input input;
	int fd;
	struct err err;
	bool ok;
};

static void take(struct tried *tried, const char *json, const char *records,
	size_t hash_max)
{
	*tried = (struct tried){ .fd = pieces_file(json, strlen(json)) };
	CU_ASSERT_TRUE_FATAL(tried->fd >= 0);
	(void)snprintf(tried->path, sizeof(tried->path), "/proc/self/fd/%d",
		tried->fd);
	tried->files[0] = tried->path;
	tried->input = (struct sample_input){ tried->files, 1, records,
		MAX_RECORD };
	CU_ASSERT_TRUE_FATAL(
		sample_init(&tried->sample, &tried->input, &tried->err));
	if (hash_max > 0)
		tried->sample.hash_max = hash_max;
	CU_ASSERT_TRUE(sample_files(&tried->sample, &tried->err));
}

static void propose_at(struct tried *tried, const char *json,
	const char *records)
{
	take(tried, json, records, 0);
	tried->ok = infer_choose(&tried->infer, &tried->sample, "orders",
			    &tried->err) &&
		infer_write(&tried->infer, "Tried", &tried->text, &tried->err);
}

static void propose(struct tried *tried, const char *json)
{
	propose_at(tried, json, "");
}

static void done(struct tried *tried)
{
	buf_clear(&tried->text);
	infer_clear(&tried->infer);
	sample_clear(&tried->sample);
	(void)close(tried->fd);
}

/* The proposal holds the line, and is a pipeline file all records fit. */
static void check_at(const char *json, const char *records, const char *line)
{
	struct tried tried;
	struct pipeline pipeline;
	struct infer_check check = { 0 };

	propose_at(&tried, json, records);
	if (!tried.ok || strstr(tried.text.data, line) == NULL)
		printf("\n  %s\n  %s\n%s", json, tried.err.text,
			tried.ok ? tried.text.data : "");
	CU_ASSERT_TRUE_FATAL(tried.ok);
	CU_ASSERT_PTR_NOT_NULL(strstr(tried.text.data, line));
	if (pipeline_parse(tried.text.data, tried.text.len, "p", &pipeline,
		    &tried.err)) {
		CU_ASSERT_TRUE(infer_check(&pipeline.datasets[0],
			&tried.input, &check, &tried.err));
		CU_ASSERT_EQUAL(check.rejects, 0);
		pipeline_clear(&pipeline);
	} else {
		printf("\n  %s\n", tried.err.text);
		CU_FAIL("no pipeline file");
	}
	done(&tried);
}

static void check_has(const char *json, const char *line)
{
	check_at(json, "", line);
}

/* -- types -------------------------------------------------------------- */

static void the_narrowest_type_that_fits_all_is_taken(void)
{
	static const struct {
		const char *values, *want;
	} cases[] = {
		{ "1 -2 9223372036854775807", "type: integer, required" },
		{ "1 9223372036854775808", "type: numeric, required" },
		{ "1 2.5", "type: numeric, required" },
		{ "1 1e3", "type: double, required" },
		{ "0.1 30.267153 -97.7430608123456789", "type: numeric," },
		{ "0.1 -97.743060812345678", "type: double, required: true }"
			"  # digits like" },
		{ "true false", "type: boolean, required" },
		{ "\"2020-02-29\" \"1999-12-31\"", "type: date, required" },
		{ "\"2020-02-30\" \"1999-12-31\"", "type: text, max_len" },
		{ "\"2020-02-29T10:00:00Z\" \"2020-02-29 10:00:00+02\"",
			"type: timestamptz, required" },
		{ "\"2020-02-29T10:00:00Z\" \"2020-02-29 10:00:00.5\"",
			"type: timestamp, required: true }  # some with" },
		{ "\"2020-02-29\" \"2020-02-29 10:00:00\"", "type: text, max" },
		{ "\"6f1c2d3e-4b5a-4978-8695-a4b3c2d1e0f1\"",
			"type: uuid, required" },
		{ "\"a\" \"\"", "type: text, max_length: 50, "
			"empty_as_null: true }" },
		{ "\"\" \"2020-02-29\"", "type: date, empty_as_null: true }" },
		{ "\"\"", "type: text, max_length: 50, empty_as_null: true }  "
			"# always empty" },
		{ "\"54571\" \"01\"", "type: text, max_length: 50, " },
		{ "\"54571\" \"12\"", "type: text, max_length: 50, required: "
			"true }  # whole numbers as text" },
		{ "\"1.5\" \"12\"", "type: text, max_length: 50, required: "
			"true }  # numbers as text" },
		{ "1 \"2\"", "type: integer, required: true, coerce: true }  "
			"# mixed: 1 whole number, 1 whole number as text" },
		{ "1 \"2.5\"", "type: numeric, required: true, coerce" },
		{ "1 \"x\" true", "type: text, max_length: 50, required: true, "
			"coerce: true }  # mixed: 1 boolean, 1 whole number, 1 "
			"text" },
		{ "\"x\" 123456789012345678901234567890",
			"type: text, max_length: 100, required: true, coerce" },
		{ "true \"false\"", "type: boolean, required: true, coerce" },
		{ "1 [1]", "type: json, required: true }  # mixed" },
		{ "[1] []", "type: json, required: true }\n" },
		{ "1 {\"a\":1}", "type: json, required: true }  # mixed" },
		{ "{}", "type: json, required: true }" },
		{ "null", "type: json }  # never a value" },
		{ "null 1", "type: integer }\n" },
		{ "\"0123456789012345678\"", "max_length: 100," },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct buf json = { 0 };
		const char *at = cases[i].values;
		struct err err;
		int id = 0;

		while (*at != '\0') {
			/* a blank inside quotes is none between values */
			size_t len = *at == '"' ? strcspn(at + 1, "\"") + 2 :
						  strcspn(at, " ");

			CU_ASSERT_TRUE(buf_printf(&json, &err,
				"{\"id\":%d,\"v\":%.*s}\n", id++, (int)len,
				at));
			at += len + (at[len] == ' ');
		}
		check_has(json.data, cases[i].want);
		buf_clear(&json);
	}
}

static void members_of_objects_are_columns(void)
{
	static const char two[] = "[{\"id\":1,\"user\":{\"login\":\"a\","
		"\"at\":{\"x\":1}}},\n{\"id\":2,\"user\":null,\"x y\":{}}]";

	check_has(two, "- { name: user_login, type: text, from: /user/login, "
		"max_length: 50 }\n");
	check_has(two, "- { name: user_at_x,  type: integer, from: "
		"/user/at/x }\n");
	check_has(two, "- { name: x_y,        type: json, from: \"/x y\" }");
	check_has("{\"id\":1,\"a\":{\"b\":1}} {\"id\":2,\"a\":{\"b\":2}}",
		"from: /a/b, required: true }");
}

static void large_and_shifting_objects_stay_whole(void)
{
	struct buf json = { 0 };
	struct err err;

	CU_ASSERT_TRUE(buf_add_str(&json, "{\"id\":1,\"o\":{", &err));
	for (int i = 0; i < 41; i++)
		CU_ASSERT_TRUE(buf_printf(&json, &err, "%s\"k%d\":1",
			i > 0 ? "," : "", i));
	CU_ASSERT_TRUE(buf_add_str(&json, "}}", &err));
	check_has(json.data, "type: json, required: true }  # an object of "
		"many members: kept whole");
	buf_reset(&json);
	for (int i = 0; i < 12; i++)
		CU_ASSERT_TRUE(buf_printf(&json, &err,
			"{\"id\":%d,\"by_day\":{\"d%d\":1}}\n", i, i));
	check_has(json.data, "- { name: by_day, type: json, required: true }");
	buf_reset(&json);
	CU_ASSERT_TRUE(buf_add_str(&json, "{\"id\":1,\"o\":{", &err));
	for (int i = 0; i < SAMPLE_KIDS_MAX + 5; i++)
		CU_ASSERT_TRUE(buf_printf(&json, &err, "%s\"k%d\":1",
			i > 0 ? "," : "", i));
	CU_ASSERT_TRUE(buf_add_str(&json, "}}", &err));
	check_has(json.data, "# many different members: kept whole");
	buf_clear(&json);
}

static void records_may_stand_inside(void)
{
	static const char page[] = "{\"total\":2,\"a b\":{\"items\":"
		"[{\"id\":1},{\"id\":2}]}}";

	check_has(page, "# A file is one record. Its records may stand at "
		"`--records /a b/items`.\n");
	check_at(page, "/a b/items", "source: { directory: orders, records: "
		"\"/a b/items\", pattern");
	check_at(page, "/a b/items", "key: [id]  # unique in 2 records");
}

/* -- names -------------------------------------------------------------- */

static void names_are_made_of_anything(void)
{
	static const char *const names[][2] = {
		{ "userID", "user_id" },
		{ "HTTPServer", "http_server" },
		{ "_id", "id" },
		{ "2nd thing!", "nd_thing" },
		{ "a--b__c", "a_b_c" },
		{ "x-y/z", "x_y_z" },
		{ "\xc3\xa4", "" },
	};
	static const char *const files[][2] = {
		{ "a/events.json", "events" },
		{ "2015-01-01-events.ndjson.gz", "events" },
		{ "Orders 2024.jsonl.zst", "orders_2024" },
		{ "17.json", "records" },
		{ "tap.json", "records" },
	};
	char out[INFER_NAME_MAX + 1];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		infer_make_name(names[i][0], INFER_NAME_MAX, out);
		CU_ASSERT_STRING_EQUAL(out, names[i][1]);
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		infer_file_name(files[i][0], INFER_NAME_MAX, out);
		CU_ASSERT_STRING_EQUAL(out, files[i][1]);
	}
	check_has("{\"id\":1,\"a b\":1,\"a_b\":2}", "- { name: a_b_2, type: "
		"integer, from: /a_b,");
	check_has("{\"id\":1,\"xmin\":1}", "- { name: xmin_2, type: integer, "
		"from: /xmin,");
	check_has("{\"id\":1,\"0123456789012345678901234567890123456789"
		"abcdefghijklmnopqrst\":1}", "- { name: "
		"abcdefghijklmnopqrst, type");
}

static void hostile_members_keep_their_names(void)
{
	static const char json[] = "{\"id\":1,\"a\\nb: ]\":1,\"${HOME}\":2,"
		"\"~/\":3,\"#'\\\"\\\\\":4,\"\xe2\x82\xac\":5,\"\":6,"
		"\"\\u0000\":7,\"\\ud800\":8}";
	static const char *const want[] = { "id", "a\nb: ]", "${HOME}", "~/",
		"#'\"\\", "\xe2\x82\xac", "" };
	struct tried tried;
	struct pipeline pipeline;

	propose(&tried, json);
	CU_ASSERT_TRUE_FATAL(tried.ok);
	CU_ASSERT_TRUE_FATAL(pipeline_parse(tried.text.data, tried.text.len,
		"p", &pipeline, &tried.err));
	CU_ASSERT_EQUAL_FATAL(pipeline.datasets[0].column_count, 7);
	for (size_t i = 0; i < 7; i++) {
		const struct column *column = &pipeline.datasets[0].columns[i];

		CU_ASSERT_EQUAL(column->path_len, 1);
		CU_ASSERT_STRING_EQUAL(column->path[0], want[i]);
	}
	pipeline_clear(&pipeline);
	done(&tried);
}

/* -- keys and times ----------------------------------------------------- */

static void the_key_is_what_names_a_record(void)
{
	check_has("{\"name\":\"a\",\"id\":1} {\"name\":\"b\",\"id\":2}",
		"key: [id]  # unique in 2 records\n");
	check_has("{\"n\":1,\"order_no\":\"x\"} {\"n\":2,\"order_no\":\"y\"}",
		"key: [order_no]  # unique");
	check_has("{\"id\":1,\"type\":\"a\"} {\"id\":1,\"type\":\"b\"} "
		"{\"id\":2,\"type\":\"b\"}",
		"key: [id, type]  # unique in 3 records; id alone is not\n");
	check_has("{\"id\":1,\"v\":\"a\"} {\"id\":1,\"v\":\"a\"} "
		"{\"id\":2,\"v\":\"b\"}", "key: [id]  # unique in 3 records; "
		"1 of them repeats another to the letter\n");
	check_has("{\"a\":1,\"b\":1,\"c\":1,\"d\":1} {\"a\":1,\"b\":1,\"c\":1,"
		"\"d\":2} {\"a\":1,\"b\":1,\"c\":2,\"d\":1} {\"a\":1,\"b\":2,"
		"\"c\":1,\"d\":1} {\"a\":2,\"b\":1,\"c\":1,\"d\":1}",
		"key: [a, b, c, d]  # unique in 5");
	check_has("{\"id\":1,\"v\":[1]} {\"id\":1,\"v\":[2]}",
		"key: [id]  # not unique in 2 records, and no combination is");
	check_has("{\"uuid\":null,\"n\":1} {\"uuid\":1,\"n\":2}",
		"key: [n]  # unique");
	check_has("{\"code\":\"\",\"v\":1} {\"code\":\"a\",\"v\":1}",
		"{ name: code, type: text, max_length: 50, required: true }");
	check_has("{\"id\":1}", "key: [id]  # a guess: there is one record");
}

static void records_without_a_common_member_say_so(void)
{
	struct tried tried;

	propose(&tried, "{\"a\":1} {\"b\":1} {\"a\":2}");
	CU_ASSERT_TRUE_FATAL(tried.ok);
	CU_ASSERT_PTR_NOT_NULL(strstr(tried.text.data, "key: [a]  # nothing "
		"is in every record: 1 of 3 would be rejects\n"));
	done(&tried);
	propose(&tried, "{\"a\":[1]} {\"a\":true}");
	CU_ASSERT_FALSE(tried.ok);
	CU_ASSERT_PTR_NOT_NULL(strstr(tried.err.text, "nothing could be"));
	CU_ASSERT_EQUAL(err_exit_code(&tried.err), EXIT_DATA);
	done(&tried);
}

/* A key that stands twice makes a reject: its second value says nothing. */
static void a_member_that_stands_twice_counts_once(void)
{
	struct tried tried;

	propose(&tried, "{\"id\":1,\"a\":1,\"a\":\"x\"} {\"id\":2,\"a\":1}");
	CU_ASSERT_TRUE_FATAL(tried.ok);
	CU_ASSERT_PTR_NOT_NULL(strstr(tried.text.data,
		"- { name: a,  type: integer, required: true }\n"));
	done(&tried);
}

static void comparing_ends_where_memory_would(void)
{
	struct tried tried;

	take(&tried, "{\"id\":1} {\"id\":2} {\"id\":3} {\"id\":3}", "",
		6);
	CU_ASSERT_TRUE(infer_choose(&tried.infer, &tried.sample, "x",
		&tried.err));
	CU_ASSERT_PTR_NOT_NULL(strstr(tried.infer.key_note,
		"unique in the first 3 records; the others were not"));
	done(&tried);
}

static void times_are_known_by_their_names(void)
{
	static const char json[] = "{\"id\":1,\"deep\":{\"updated_at\":"
		"\"2020-01-01\"},\"created_at\":\"2020-01-01\",\"lastModified\""
		":\"2020-01-02T00:00:00Z\",\"updated_at\":7}\n"
		"{\"id\":2,\"created_at\":null,\"deep\":null,"
		"\"lastModified\":\"2020-01-02T00:00:00Z\",\"updated_at\":7}";

	check_has(json, "newest: last_modified\n");
	check_has(json, "date: created_at  # null in 1 of 2 records: those");
	check_has("{\"id\":1,\"at\":\"2020-01-01\"}", "# no newest: of two");
	check_has("{\"id\":1,\"n\":1}", "# no date: `sluice load --date`");
}

static void nothing_is_proposed_for_nothing(void)
{
	static const char *const cases[][2] = {
		{ "", "no record in it" },
		{ "[]", "no record in it" },
		{ "[[1,2],[3,4]]", "no record in it: a record must be an "
			"object" },
		{ "{}", "the records are empty" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct tried tried;

		propose(&tried, cases[i][0]);
		CU_ASSERT_FALSE(tried.ok);
		if (strstr(tried.err.text, cases[i][1]) == NULL)
			printf("\n  %s\n", tried.err.text);
		CU_ASSERT_PTR_NOT_NULL(strstr(tried.err.text, cases[i][1]));
		CU_ASSERT_EQUAL(err_exit_code(&tried.err), EXIT_DATA);
		done(&tried);
	}
}

/* -- differences -------------------------------------------------------- */

static const char dataset_text[] =
	"pipeline: p\ndatasets:\n  d:\n    source: { directory: d }\n"
	"    table: raw.t\n    key: [id]\n    columns:\n"
	"      - { name: id, type: integer }\n"
	"      - { name: at, type: date, empty_as_null: true }\n"
	"      - { name: name, type: text, from: /who/name, max_length: 3,"
	" required: true }\n"
	"      - { name: n, type: numeric, coerce: true }\n"
	"      - { name: first, type: integer, from: /list/0 }\n"
	"      - { name: whole, type: json, from: /bag }\n"
	"      - { name: flag, type: boolean, from: /pr, present: true }\n";

static void show(const struct infer_diff *diff, const struct sample *sample,
	struct buf *out)
{
	static const char *const words[] = { "new", "gone", "type", "missing",
		"length" };
	struct err err;

	CU_ASSERT_TRUE(buf_add_str(out, "", &err));
	for (size_t i = 0; i < diff->count; i++) {
		const struct infer_difference *item = &diff->items[i];

		CU_ASSERT_TRUE(buf_printf(out, &err, "%s %s %d@%d ",
			words[item->change], item->column != NULL ?
				item->column->name :
				sample->fields[item->field].name,
			(int)item->values, (int)item->place.line));
	}
}

static void check_diff(const char *json, const char *want)
{
	struct pipeline pipeline;
	struct infer_diff diff;
	struct buf got = { 0 };
	struct tried tried;

	take(&tried, json, "", 0);
	CU_ASSERT_TRUE_FATAL(pipeline_parse(dataset_text, strlen(dataset_text),
		"p", &pipeline, &tried.err));
	CU_ASSERT_TRUE(infer_compare(&pipeline.datasets[0], &tried.sample,
		&diff, &tried.err));
	show(&diff, &tried.sample, &got);
	if (strcmp(got.data, want) != 0)
		printf("\n  %s\n  %s\n", json, got.data);
	CU_ASSERT_STRING_EQUAL(got.data, want);
	infer_diff_clear(&diff);
	pipeline_clear(&pipeline);
	buf_clear(&got);
	done(&tried);
}

static void what_changed_is_found(void)
{
#define ROW "{\"id\":1,\"at\":\"2020-01-01\",\"who\":{\"name\":\"abc\"}," \
	"\"n\":\"1.5\",\"list\":[1,{\"x\":1}],\"bag\":{\"y\":1}}\n"
	check_diff(ROW, "");
	check_diff(ROW "{\"id\":1,\"at\":\"\",\"who\":{\"name\":\"\"},"
		"\"n\":null,\"list\":[],\"bag\":1,\"pr\":{}}", "");
	check_diff(ROW ROW "{\"id\":1.5,\"at\":\"x\","
		"\"who\":{\"name\":\"abc\"}}\n"
		"{\"id\":\"1\",\"who\":{\"name\":\"abc\"}}",
		"type id 2@3 type at 1@3 ");
	check_diff(ROW "{\"id\":null,\"who\":null}\n{\"id\":3}",
		"missing id 1@2 missing name 2@2 ");
	check_diff(ROW "{\"id\":2,\"who\":{\"name\":\"abcd\"}}",
		"length name 4@2 ");
	check_diff("{\"id\":2,\"who\":{\"name\":\"a\"}}",
		"gone at 0@0 gone n 0@0 gone first 0@0 gone whole 0@0 ");
	check_diff(ROW "{\"id\":2,\"who\":{\"name\":\"a\",\"age\":7,"
		"\"b\":{\"c\":1,\"d\":[]}},\"more\":null}",
		"new age 1@2 new c 1@2 new d 1@2 new more 1@2 ");
#undef ROW
}

CU_TestInfo infer_tests[] = {
	{ "the narrowest type that fits is taken",
		the_narrowest_type_that_fits_all_is_taken },
	{ "members of objects are columns", members_of_objects_are_columns },
	{ "large objects stay whole", large_and_shifting_objects_stay_whole },
	{ "records may stand inside", records_may_stand_inside },
	{ "names are made of anything", names_are_made_of_anything },
	{ "hostile members keep their names",
		hostile_members_keep_their_names },
	{ "the key is what names a record", the_key_is_what_names_a_record },
	{ "no common member: it is said",
		records_without_a_common_member_say_so },
	{ "a member that stands twice counts once",
		a_member_that_stands_twice_counts_once },
	{ "comparing has an end", comparing_ends_where_memory_would },
	{ "times are known by their names", times_are_known_by_their_names },
	{ "nothing is proposed for nothing", nothing_is_proposed_for_nothing },
	{ "what changed is found", what_changed_is_found },
	CU_TEST_INFO_NULL,
};
