/* test_jsonscan.c - what is JSON, what is not, and where it goes wrong. */
#include "common/jsonscan.h"

#include <CUnit/CUnit.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUITE_FOLDER "../shared/data/corpora/JSONTestSuite"

static void check_parse(const char *text, size_t len, bool good)
{
	struct json_tape tape = { 0 };
	struct json_fault fault = { 0 };
	const bool ok = json_parse(text, len, &tape, &fault) == JSON_OK;

	if (ok != good)
		printf("\n  %s: %.60s (%s)\n", ok ? "accepted" : "refused",
			text, ok ? "" : fault.what);
	CU_ASSERT_EQUAL(ok, good);
	json_tape_clear(&tape);
}

static void valid_texts_are_accepted(void)
{
	static const char *const texts[] = {
		"{}", "[]", "\"\"", "0", "-0", "-0.0e-0", "1E+2", "10.01e10",
		" \t\r\n[ ] \n", "[1,2]", "{\"a\":1,\"b\":[{}]}",
		"true", "[false,null]", "\"\\u0000\"", "\"\\ud800\"",
		"{\"a\":1,\"a\":2}", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
		"\"\x7f\"",
		"\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\"",
		"\"\xef\xbb\xbf\"",
		"\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\"",
		"\"0123456789abcdef0123456789abcdef\\n0123456789abcdef\"",
		"123456789012345678901234567890.12345678901234567890",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		check_parse(texts[i], strlen(texts[i]), true);
}

struct bad_text {
	const char *text;
	size_t at;
	const char *code;
	enum json_status scan; /* when nothing more will come */
};

static const struct bad_text bad_texts[] = {
	{ "", 0, "json_syntax", JSON_SHORT },
	{ "{", 1, "json_syntax", JSON_SHORT },
	{ "[1", 2, "json_syntax", JSON_SHORT },
	{ "[1,", 3, "json_syntax", JSON_SHORT },
	{ "\"abc", 4, "json_syntax", JSON_SHORT },
	{ "\"\\", 2, "json_syntax", JSON_SHORT },
	{ "\"\\u12", 5, "json_syntax", JSON_SHORT },
	{ "\"\xe2\x82", 3, "json_syntax", JSON_SHORT },
	{ "-", 1, "json_syntax", JSON_SHORT },
	{ "1.", 2, "json_syntax", JSON_SHORT },
	{ "1e", 2, "json_syntax", JSON_SHORT },
	{ "1e+", 3, "json_syntax", JSON_SHORT },
	{ "tru", 3, "json_syntax", JSON_SHORT },
	{ "{\"a\"", 4, "json_syntax", JSON_SHORT },
	{ "{\"a\":", 5, "json_syntax", JSON_SHORT },
	{ "[1,]", 3, "json_syntax", JSON_BAD },
	{ "[,1]", 1, "json_syntax", JSON_BAD },
	{ "[1 2]", 3, "json_syntax", JSON_BAD },
	{ "[1}", 2, "json_syntax", JSON_BAD },
	{ "{\"a\":1]", 6, "json_syntax", JSON_BAD },
	{ "{a:1}", 1, "json_syntax", JSON_BAD },
	{ "{\"a\" 1}", 5, "json_syntax", JSON_BAD },
	{ "{\"a\":1,}", 7, "json_syntax", JSON_BAD },
	{ "{\"a\":,}", 5, "json_syntax", JSON_BAD },
	{ "01", 1, "json_syntax", JSON_BAD },
	{ "-01", 2, "json_syntax", JSON_BAD },
	{ "-a", 1, "json_syntax", JSON_BAD },
	{ "+1", 0, "json_syntax", JSON_BAD },
	{ ".5", 0, "json_syntax", JSON_BAD },
	{ "1.e1", 2, "json_syntax", JSON_BAD },
	{ "1e+-1", 3, "json_syntax", JSON_BAD },
	{ "NaN", 0, "json_syntax", JSON_BAD },
	{ "trUe", 2, "json_syntax", JSON_BAD },
	{ "'a'", 0, "json_syntax", JSON_BAD },
	{ "\"a\nb\"", 2, "json_syntax", JSON_BAD },
	{ "\"0123456789abcdef\x1f\"", 17, "json_syntax", JSON_BAD },
	{ "\"\\x\"", 2, "json_syntax", JSON_BAD },
	{ "\"\\u12g4\"", 5, "json_syntax", JSON_BAD },
	{ "\"\xff\"", 1, "json_utf8", JSON_BAD },
	{ "\"\x80\"", 1, "json_utf8", JSON_BAD },
	{ "\"\xc0\xaf\"", 1, "json_utf8", JSON_BAD },
	{ "\"\xe0\x80\x80\"", 1, "json_utf8", JSON_BAD },
	{ "\"\xed\xa0\x80\"", 1, "json_utf8", JSON_BAD },
	{ "\"\xf4\x90\x80\x80\"", 1, "json_utf8", JSON_BAD },
	{ "\"\xf0\x80\x80\x80\"", 1, "json_utf8", JSON_BAD },
	{ "\"\xf0\x9f\x98(\"", 1, "json_utf8", JSON_BAD },
	{ "\"ab\xe2\x82\"", 3, "json_utf8", JSON_BAD },
	{ "\xef\xbb\xbf{}", 0, "json_syntax", JSON_BAD },
	{ "[1]\f", 3, "json_syntax", JSON_OK },
	{ "1 x", 2, "json_syntax", JSON_OK },
	{ "{}{}", 2, "json_syntax", JSON_OK },
};

/* The same place and code from both, and short texts told from wrong ones. */
static void faults_are_located(void)
{
	for (size_t i = 0; i < sizeof(bad_texts) / sizeof(*bad_texts); i++) {
		const struct bad_text *want = &bad_texts[i];
		const size_t len = strlen(want->text);
		struct json_tape tape = { 0 };
		struct json_fault parse = { 0 }, scan = { 0 };
		size_t end;

		CU_ASSERT_EQUAL(json_parse(want->text, len, &tape, &parse),
			JSON_BAD);
		CU_ASSERT_EQUAL(parse.at, want->at);
		CU_ASSERT_STRING_EQUAL(parse.code, want->code);
		CU_ASSERT_EQUAL(json_scan(want->text, len, true, &end, &scan),
			want->scan);
		if (want->scan != JSON_OK) {
			CU_ASSERT_EQUAL(scan.at, want->at);
			CU_ASSERT_STRING_EQUAL(scan.code, want->code);
		}
		json_tape_clear(&tape);
	}
}

/* Every beginning of a good value asks for more, and never says "wrong". */
static void beginnings_are_short(void)
{
	static const char text[] =
		"{\"a\":[1.5e+3,-0,true,false,null,\"\\u00e4\\n\xc3\xa4"
		"\xf0\x9f\x98\x80 long enough for sixteen bytes\"],\"b\":{}}";
	struct json_fault fault;
	size_t end;

	for (size_t len = 0; len < sizeof(text) - 1; len++)
		CU_ASSERT_EQUAL(json_scan(text, len, false, &end, &fault),
			JSON_SHORT);
	CU_ASSERT_EQUAL(json_scan(text, sizeof(text) - 1, false, &end, &fault),
		JSON_OK);
	CU_ASSERT_EQUAL(end, sizeof(text) - 1);
}

static void number_at_the_end_may_go_on(void)
{
	struct json_fault fault;
	size_t end;

	CU_ASSERT_EQUAL(json_scan("12", 2, false, &end, &fault), JSON_SHORT);
	CU_ASSERT_EQUAL(json_scan("12", 2, true, &end, &fault), JSON_OK);
	CU_ASSERT_EQUAL(end, 2);
	CU_ASSERT_EQUAL(json_scan("12 ", 3, false, &end, &fault), JSON_OK);
	CU_ASSERT_EQUAL(end, 2);
	CU_ASSERT_EQUAL(json_scan("{}12", 4, false, &end, &fault), JSON_OK);
	CU_ASSERT_EQUAL(end, 2);
}

static void check_depth(size_t depth, bool object, bool good)
{
	const char *open = object ? "{\"k\":" : "[";
	struct buf b = { 0 };
	struct err err = { 0 };
	struct json_fault fault = { 0 };
	size_t end;

	for (size_t i = 0; i < depth; i++)
		CU_ASSERT_TRUE(buf_add_str(&b, open, &err));
	CU_ASSERT_TRUE(buf_add_char(&b, '1', &err));
	for (size_t i = 0; i < depth; i++)
		CU_ASSERT_TRUE(buf_add_char(&b, object ? '}' : ']', &err));
	check_parse(b.data, b.len, good);
	CU_ASSERT_EQUAL(json_scan(b.data, b.len, true, &end, &fault),
		good ? JSON_OK : JSON_BAD);
	if (!good) {
		CU_ASSERT_STRING_EQUAL(fault.code, "json_depth");
		CU_ASSERT_EQUAL(fault.at, JSON_DEPTH_MAX * strlen(open));
	}
	buf_clear(&b);
}

static void depth_is_bounded(void)
{
	check_depth(JSON_DEPTH_MAX, false, true);
	check_depth(JSON_DEPTH_MAX, true, true);
	check_depth(JSON_DEPTH_MAX + 1, false, false);
	check_depth(JSON_DEPTH_MAX + 1, true, false);
	check_depth(100000, false, false);
}

/* Type, text and next of each node, in the order of the text. */
static void tape_follows_the_text(void)
{
	static const char text[] =
		" {\"a\" : [1, \"x\\n\", {}] ,\"b\":null}\n";
	static const struct {
		enum json_type type;
		const char *text;
		uint32_t next;
		bool escaped;
	} want[] = {
		{ JSON_OBJECT, "{\"a\" : [1, \"x\\n\", {}] ,\"b\":null}", 8,
			false },
		{ JSON_STRING, "\"a\"", 2, false },
		{ JSON_ARRAY, "[1, \"x\\n\", {}]", 6, false },
		{ JSON_NUMBER, "1", 4, false },
		{ JSON_STRING, "\"x\\n\"", 5, true },
		{ JSON_OBJECT, "{}", 6, false },
		{ JSON_STRING, "\"b\"", 7, false },
		{ JSON_NULL, "null", 8, false },
	};
	struct json_tape tape = { 0 };
	struct json_fault fault;

	CU_ASSERT_EQUAL(json_parse(text, sizeof(text) - 1, &tape, &fault),
		JSON_OK);
	CU_ASSERT_EQUAL_FATAL(tape.count, sizeof(want) / sizeof(*want));
	for (size_t i = 0; i < tape.count; i++) {
		const struct json_node *node = &tape.nodes[i];

		CU_ASSERT_EQUAL(node->type, want[i].type);
		CU_ASSERT_EQUAL(node->next, want[i].next);
		CU_ASSERT_EQUAL(node->escaped, want[i].escaped);
		CU_ASSERT_EQUAL_FATAL(node->len, strlen(want[i].text));
		CU_ASSERT_EQUAL(
			memcmp(text + node->start, want[i].text, node->len),
			0);
	}
	json_tape_clear(&tape);
}

static void tape_grows(void)
{
	struct buf b = { 0 };
	struct err err = { 0 };
	struct json_tape tape = { 0 };
	struct json_fault fault;

	CU_ASSERT_TRUE(buf_add_str(&b, "[0", &err));
	for (int i = 1; i < 10000; i++)
		CU_ASSERT_TRUE(buf_printf(&b, &err, ",%d", i));
	CU_ASSERT_TRUE(buf_add_str(&b, "]", &err));
	CU_ASSERT_EQUAL(json_parse(b.data, b.len, &tape, &fault), JSON_OK);
	CU_ASSERT_EQUAL(tape.count, 10001);
	CU_ASSERT_EQUAL(tape.nodes[0].next, 10001);
	CU_ASSERT_EQUAL(tape.nodes[10000].next, 10001);
	/* reused for the next text */
	CU_ASSERT_EQUAL(json_parse("7", 1, &tape, &fault), JSON_OK);
	CU_ASSERT_EQUAL(tape.count, 1);
	json_tape_clear(&tape);
	buf_clear(&b);
}

/* want NULL: refused with code. */
static void check_decode(const char *text, const char *want, const char *code)
{
	struct json_tape tape = { 0 };
	struct json_fault fault = { 0 };
	struct buf out = { 0 };
	struct err err = { 0 };
	bool ok;

	CU_ASSERT_TRUE(buf_add_str(&out, "kept ", &err));
	CU_ASSERT_EQUAL_FATAL(json_parse(text, strlen(text), &tape, &fault),
		JSON_OK);
	ok = json_decode(text, &tape.nodes[0], &out, &fault);
	CU_ASSERT_EQUAL(ok, want != NULL);
	if (ok && want != NULL)
		CU_ASSERT_STRING_EQUAL(out.data + 5, want);
	if (!ok && code != NULL)
		CU_ASSERT_STRING_EQUAL(fault.code, code);
	CU_ASSERT_EQUAL(memcmp(out.data, "kept ", 5), 0);
	json_tape_clear(&tape);
	buf_clear(&out);
}

static void strings_are_decoded(void)
{
	check_decode("\"\"", "", NULL);
	check_decode("\"plain\"", "plain", NULL);
	check_decode("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", NULL);
	check_decode("\"a\\u0041\\u00e4\\u20AC!\"", "aA\xc3\xa4\xe2\x82\xac!",
		NULL);
	check_decode("\"\\ud83d\\uDE00\"", "\xf0\x9f\x98\x80", NULL);
	check_decode("\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf", NULL);
	check_decode("\"\\ud7ff\\ue000\"", "\xed\x9f\xbf\xee\x80\x80", NULL);
	check_decode("\"\\u0000\"", NULL, "json_nul");
	check_decode("\"a\\u0000b\"", NULL, "json_nul");
	check_decode("\"\\ud800\"", NULL, "json_surrogate");
	check_decode("\"\\udc00\"", NULL, "json_surrogate");
	check_decode("\"\\udc00\\udc00\"", NULL, "json_surrogate");
	check_decode("\"\\ud800\\ud800\"", NULL, "json_surrogate");
	check_decode("\"\\ud800x\\udc00\"", NULL, "json_surrogate");
	check_decode("\"\\ud800\\n\\udc00\"", NULL, "json_surrogate");
	check_decode("\"\\ud800\\u0041\"", NULL, "json_surrogate");
}

static bool read_whole(const char *name, struct buf *out)
{
	char path[512];
	struct err err = { 0 };
	FILE *file;
	size_t got = 1;

	(void)snprintf(path, sizeof(path), "%s/%s", SUITE_FOLDER, name);
	file = fopen(path, "rb");
	if (file == NULL)
		return false;
	while (got > 0 && buf_grow(out, 65536, &err)) {
		got = fread(out->data + out->len, 1, 65536, file);
		out->len += got;
	}
	(void)fclose(file);
	return got == 0;
}

static void check_suite_file(const char *name)
{
	struct buf text = { 0 };
	char *exact;

	CU_ASSERT_TRUE_FATAL(read_whole(name, &text));
	/* no byte behind it, so that the sanitizer sees every overrun */
	exact = malloc(text.len != 0 ? text.len : 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(exact);
	memcpy(exact, text.data, text.len);
	check_parse(exact, text.len, name[0] == 'y');
	free(exact);
	buf_clear(&text);
}

static void json_test_suite_is_passed(void)
{
	DIR *dir = opendir(SUITE_FOLDER);
	struct dirent *entry;
	int y = 0, n = 0;

	if (dir == NULL) {
		printf(" (no %s: left out) ", SUITE_FOLDER);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		const bool counts = strncmp(entry->d_name, "y_", 2) == 0 ||
			strncmp(entry->d_name, "n_", 2) == 0;

		if (!counts)
			continue;
		check_suite_file(entry->d_name);
		*(entry->d_name[0] == 'y' ? &y : &n) += 1;
	}
	(void)closedir(dir);
	CU_ASSERT_EQUAL(y, 95);
	CU_ASSERT_EQUAL(n, 188);
}

CU_TestInfo jsonscan_tests[] = {
	{ "valid texts are accepted", valid_texts_are_accepted },
	{ "faults are located, alike by scan and parse", faults_are_located },
	{ "every beginning of a value is short", beginnings_are_short },
	{ "a number at the end may go on", number_at_the_end_may_go_on },
	{ "depth is bounded at 64", depth_is_bounded },
	{ "the tape follows the text", tape_follows_the_text },
	{ "the tape grows and is reused", tape_grows },
	{ "strings are decoded, NUL and halves refused", strings_are_decoded },
	{ "JSONTestSuite is passed", json_test_suite_is_passed },
	CU_TEST_INFO_NULL,
};
