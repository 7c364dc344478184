/* test_jsonmold.c - what is remembered of a record changes nothing about the
 * next. */
#include "common/rowmap.h"
#include "tests/support/mold.h"

#include <CUnit/CUnit.h>
#include <inttypes.h>
#include <stdio.h>

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
	"{\"k\":\"a\",\"t\":\"five5\",\"n\":\"\"}",
	"{\"k\":\"a\",\"t\":\"six666\",\"n\":\"x\"}",
	"{\"k\":\"a\",\"t\":\"\u00e9\u00e9\u00e9\u00e9\u00e9\",\"n\":\"\"}",
	"{\"k\":\"\",\"t\":\"a\\nb\",\"n\":\"\\u0041\"}",
	"{\"k\":\"a\",\"t\":7,\"n\":null}",
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
	char text[2048];
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
		"      - { name: p, type: boolean, present: true, from: /v }\n"
		"      - { name: t, type: text, max_length: 5 }\n"
		"      - { name: n, type: text, empty_as_null: true }\n"
		"      - { name: h, type: boolean, present: true, from: /n }\n",
		unknown);
	CU_ASSERT_TRUE_FATAL(pipeline_parse(text, strlen(text), "p.yaml",
		pipeline, &err));
}

/* All that comes of a record, as text. */
static void map_one(struct rowmap *map, const char *record, struct buf *out)
{
	struct cell cells[12];
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

static bool ask(struct json_mold *mold, const char *text, size_t len)
{
	bool fitted;
	const char *wrong = mold_check(mold, text, len, &fitted);

	if (wrong != NULL)
		printf("\n%.*s: %s\n", (int)len, text, wrong);
	CU_ASSERT_PTR_NULL(wrong);
	return fitted;
}

static bool fits(struct json_mold *mold, const char *text)
{
	return ask(mold, text, strlen(text));
}

static void learn(struct json_mold *mold, const char *text)
{
	CU_ASSERT_TRUE_FATAL(mold_learned(mold, text, strlen(text)));
}

static void bytes_between_make_the_form(void)
{
	static const char *const alike[] = {
		"{\"a\" :1, \"b\":{\"c\":[\"x\",null]}}",
		"{\"a\" :\"\", \"b\":{\"c\":[-0.5e-7,true]}}",
		"{\"a\" :\"\\u00e9\\\"\", \"b\":{\"c\":[\"\xc3\xa9\",\"\"]}}",
		"{\"a\" :1, \"b\":{\"c\":[\"x\",null]}} and more",
	};
	static const char *const others[] = {
		"{\"a\":1, \"b\":{\"c\":[\"x\",null]}}",
		"{\"a\" :1, \"b\":{\"c\":[\"x\",[]]}}",
		"{\"a\" :{}, \"b\":{\"c\":[\"x\",null]}}",
		"{\"a\" :1, \"b\":{\"c\":[\"x\"]}}",
		"{\"a\" :1, \"b\":{\"d\":[\"x\",null]}}",
		"{\"a\" :01, \"b\":{\"c\":[\"x\",null]}}",
		"{\"a\" :nul, \"b\":{\"c\":[\"x\",null]}}",
		"{\"a\" :1, \"b\":{\"c\":[\"\xc3\",null]}}",
		"{\"a\" :1, \"b\":{\"c\":[\"\\x\",null]}}",
		"{\"a\" :1, \"b\":{\"c\":[\"\x1f\",null]}}",
		"{\"a\" :1, \"b\":{\"c\":[\"x\",null]}",
		"{\"a\" :",
		"",
	};
	struct json_mold mold = { .known = false };

	CU_ASSERT_FALSE(fits(&mold, alike[0]));
	learn(&mold, alike[0]);
	for (size_t i = 0; i < sizeof(alike) / sizeof(*alike); i++)
		CU_ASSERT_TRUE(fits(&mold, alike[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		CU_ASSERT_FALSE(fits(&mold, others[i]));
	json_mold_clear(&mold);
}

static void breaks_of_lines_are_known(void)
{
	struct json_mold mold = { .known = false };

	learn(&mold, "{\"a\":\t\"\\n\" }");
	CU_ASSERT_TRUE(mold.one_line);
	learn(&mold, "{\"a\":\n1}");
	CU_ASSERT_FALSE(mold.one_line);
	learn(&mold, "{\"a\":1\r}");
	CU_ASSERT_FALSE(mold.one_line);
	json_mold_clear(&mold);
}

/* Strings of all lengths around the bytes that are looked at at once, with
 * what ends plain text at all places. */
static void strings_end_where_they_end(void)
{
	static const char ends[] = "\"\\\x01\x1f\x80\x7f,";
	struct json_mold mold = { .known = false };
	char text[256];

	learn(&mold, "{\"key\":\"value\"}");
	for (int len = 0; len < 100; len++) {
		char *const value = text +
			snprintf(text, sizeof(text), "{\"key\":\"");
		const size_t all = (size_t)(value - text) + (size_t)len + 2;

		memset(value, 'x', (size_t)len);
		memcpy(value + len, "\"}", 3);
		CU_ASSERT_TRUE(ask(&mold, text, all));
		CU_ASSERT_FALSE(ask(&mold, text, all - 1));
		for (int i = 0; i < len; i++)
			for (size_t e = 0; e + 1 < sizeof(ends); e++) {
				value[i] = ends[e];
				CU_ASSERT_EQUAL(ask(&mold, text, all),
					e >= 5);
				value[i] = 'x';
			}
	}
	json_mold_clear(&mold);
}

/* What stands between of all lengths around the bytes that are looked at at
 * once, before values of all kinds and lengths; and each byte of it counts. */
static void what_stands_between_ends_where_it_ends(void)
{
	static const char *const values[] = { "\"\"", "1", "null", "-0.5",
		"12345678901234567890", "\"\\n\"",
		"\"value of some length, to reach beyond one look\"",
		"123456789012345678901234567890123456789" };
	struct json_mold mold = { .known = false };
	char text[256];

	for (int len = 1; len < 70; len++) {
		(void)snprintf(text, sizeof(text), "{\"%0*d\":\"v\",\"z\":[]}",
			len, 0);
		learn(&mold, text);
		for (size_t v = 0; v < sizeof(values) / sizeof(*values); v++) {
			const int all = snprintf(text, sizeof(text),
				"{\"%0*d\":%s,\"z\":[]}", len, 0, values[v]);

			CU_ASSERT_TRUE(ask(&mold, text, (size_t)all));
			CU_ASSERT_FALSE(ask(&mold, text, (size_t)all - 1));
			mold.misses = 0;
			text[len / 2 + 2] ^= 1;
			CU_ASSERT_FALSE(ask(&mold, text, (size_t)all));
			text[len / 2 + 2] ^= 1;
			text[all - 4] ^= 1;
			CU_ASSERT_FALSE(ask(&mold, text, (size_t)all));
			mold.misses = 0;
		}
	}
	json_mold_clear(&mold);
}

/* Some bytes of one record are changed, moved or taken out. */
static void spoil(char *text, size_t *len, unsigned *dice)
{
	static const char bytes[] = "\"\\{}[]:, 0-.et\xc3\xa9\n";

	for (int times = 0; times < 2 && *len > 0; times++) {
		const size_t at = (*dice = *dice * 1103515245 + 12345) >> 8;
		char *const byte = text + at % *len;

		if (*dice >> 28 < 8)
			*byte = bytes[(*dice >> 20) % (sizeof(bytes) - 1)];
		else if (*dice >> 28 < 12)
			memmove(byte, byte + 1,
				(size_t)(text + --*len - byte));
		else
			*len -= at % *len / 8;
	}
}

static void spoiled_records_fit_only_when_right(void)
{
	struct json_mold mold = { .known = false };
	unsigned dice = 7, fitted = 0;
	char text[256];

	for (size_t i = 0; i < 22; i++) {
		learn(&mold, records[i]);
		for (int times = 0; times < 2000; times++) {
			size_t len = strlen(records[i]);

			memcpy(text, records[i], len);
			spoil(text, &len, &dice);
			mold.misses = 0; /* so that it is compared */
			fitted += ask(&mold, text, len);
		}
	}
	CU_ASSERT_TRUE(fitted > 1000);
	json_mold_clear(&mold);
}

/* Records of which each is another are not learned one by one, and not even
 * compared; but the mold finds back. */
static void strangers_are_seldom_learned(void)
{
	struct json_mold mold = { .known = false };
	int due = 0, tries = 0;

	learn(&mold, "{\"a\":1}");
	for (int i = 0; i < 64; i++) {
		CU_ASSERT_FALSE(fits(&mold, "{\"b\":1}"));
		due += json_mold_due(&mold, 7);
	}
	CU_ASSERT_TRUE(due >= 2 && due <= 10);
	CU_ASSERT_FALSE(json_mold_due(&mold, JSON_MOLD_MAX + 1));
	for (; tries < 20 && !fits(&mold, "{\"b\":1}"); tries++)
		if (json_mold_due(&mold, 7))
			learn(&mold, "{\"b\":1}");
	CU_ASSERT_TRUE(tries < 20);
	json_mold_clear(&mold);
}

CU_TestInfo jsonmold_tests[] = {
	{ "a record means the same behind any other",
		nothing_of_the_record_before },
	{ "the bytes between values make the form",
		bytes_between_make_the_form },
	{ "line breaks in it are known", breaks_of_lines_are_known },
	{ "strings end where they end", strings_end_where_they_end },
	{ "what stands between ends where it ends",
		what_stands_between_ends_where_it_ends },
	{ "spoiled records fit only when right",
		spoiled_records_fit_only_when_right },
	{ "strangers are seldom learned", strangers_are_seldom_learned },
	CU_TEST_INFO_NULL,
};
