/* test_reader.c - from the bytes of a file to chunks, rejects and the end. */
#include "producer/reader.h"
#include "tests/unit/reader_check.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <sys/resource.h>

#define LEN(array) (sizeof(array) / sizeof(*(array)))

static const struct reader_limits wide = { .chunk_records = 500,
	.chunk_bytes = 131072,
	.max_record_bytes = 65536 };

static void check(const char *text, const char *want)
{
	check_len(text, strlen(text), &wide, want);
}

struct example {
	const char *text;
	const char *want;
};

static void check_all(const struct example *examples, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(examples[i].text, examples[i].want);
}

static void formats_are_recognised(void)
{
	static const struct example examples[] = {
		{ "", "blank" },
		{ " \n\t\r\n", "blank" },
		{ "\xef\xbb\xbf", "blank" },
		{ "{}", "0-2:{}| object" },
		{ "{\"a\":1}\n", "0-7:{\"a\":1}| object" },
		{ "\n {\"a\":\n1}\n", "0-10:{\"a\": 1}| object" },
		{ "{\"a\":1}\n{\"a\":2}\n",
			"0-15:{\"a\":1}|{\"a\":2}| ndjson" },
		{ "{\"a\":1}\r\n\r\n {\"a\":2} \r\n",
			"0-19:{\"a\":1}|{\"a\":2}| ndjson" },
		{ "{\"a\":1}\n{\"a\":2}", "0-15:{\"a\":1}|{\"a\":2}| ndjson" },
		{ "{\"a\":1}{\"a\":2}", "0-14:{\"a\":1}|{\"a\":2}| concat" },
		{ "{\"a\":1} {\"a\":2}\n{\"a\":3}",
			"0-23:{\"a\":1}|{\"a\":2}|{\"a\":3}| concat" },
		{ "{\r\n\"a\":1\r\n}\r\n{\n}",
			"0-16:{  \"a\":1  }|{ }| concat" },
		{ "[]", "array" },
		{ " [ ] ", "array" },
		{ "[{}]", "0-3:{}| array" },
		{ "[\n {\"a\":1},\n {\"a\":2}\n]\n",
			"0-20:{\"a\":1}|{\"a\":2}| array" },
		{ "\xef\xbb\xbf[{}]", "0-6:{}| array" },
		{ "\xef\xbb\xbf{}\n{}\n", "0-8:{}|{}| ndjson" },
	};

	check_all(examples, LEN(examples));
}

static void arrays_behind_each_other_are_opened(void)
{
	static const struct example examples[] = {
		{ "[{\"a\":1}]\n[]\n[{\"a\":2}]",
			"0-21:{\"a\":1}|{\"a\":2}| array" },
		{ "[{\"a\":1}][{\"a\":2}]", "0-17:{\"a\":1}|{\"a\":2}| array" },
		{ "[{\"a\":1}] {\"a\":2}", "0-17:{\"a\":1}|{\"a\":2}| array" },
		{ "[]\n{\"a\":2}\n", "0-10:{\"a\":2}| array" },
	};

	check_all(examples, LEN(examples));
}

static void records_must_be_objects(void)
{
	static const struct example examples[] = {
		{ "[{\"a\":1},7,{\"a\":2}]",
			"0-8:{\"a\":1}| 8-10!not_object@1:10<7> "
			"10-18:{\"a\":2}| array" },
		{ "[1,\"x\",[],null,true]",
			"0-2!not_object@1:2<1> 2-6!not_object@1:4<\"x\"> "
			"6-9!not_object@1:8<[]> 9-14!not_object@1:11<null> "
			"14-19!not_object@1:16<true> array" },
		{ "{\"a\":1}\n7\n{\"a\":2}\n",
			"0-7:{\"a\":1}| 7-9!not_object@2:1<7> "
			"9-17:{\"a\":2}| ndjson" },
		{ "7\n{\"a\":2}\n",
			"0-1!not_object@1:1<7> 1-9:{\"a\":2}| ndjson" },
		{ "[7]\n{\"a\":2}\n",
			"0-3!not_object@1:1<[7]> 3-11:{\"a\":2}| ndjson" },
		{ "[7]\n", "0-2!not_object@1:2<7> array" },
		{ "{}[7]\"x\"", "0-2:{}| 2-5!not_object@1:3<[7]> "
			"5-8!not_object@1:6<\"x\"> concat" },
		{ " 12 ", "0-3!not_object@1:2<12> unknown" },
		{ "\"x\"", "0-3!not_object@1:1<\"x\"> unknown" },
	};

	check_all(examples, LEN(examples));
}

static void bad_elements_cost_themselves(void)
{
	static const struct example examples[] = {
		{ "[{\"a\":1},{bad},{\"a\":2}]",
			"0-8:{\"a\":1}| 8-14!json_syntax@1:11<{bad}> "
			"14-22:{\"a\":2}| array" },
		{ "[\n{\"a\":1},\n{\"a\" 2} ,\n{\"a\":3}\n]",
			"0-9:{\"a\":1}| 9-18!json_syntax@3:6<{\"a\" 2}> "
			"18-28:{\"a\":3}| array" },
		{ "[{\"a\":01,\"b\":\"],\\\"[\"},{\"a\":2}]",
			"0-21!json_syntax@1:8<{\"a\":01,\"b\":\"],\\\"[\"}> "
			"21-29:{\"a\":2}| array" },
		{ "[{\"a\":1]},{\"a\":2}]",
			"0-9!json_syntax@1:8<{\"a\":1]}> "
			"9-17:{\"a\":2}| array" },
		{ "[{\"a\":\"\xff\"},{\"a\":2}]",
			"0-10!json_utf8@1:8<{\"a\":\".\"}> "
			"10-18:{\"a\":2}| array" },
		{ "[{\"a\":\"x\ny, [\"},{\"a\":2}]",
			"0-15!json_syntax@1:9<{\"a\":\"x|y, [\"}> "
			"15-23:{\"a\":2}| array" },
		{ "[tru,{\"a\":2}]",
			"0-4!json_syntax@1:5<tru> 4-12:{\"a\":2}| array" },
		{ "[{\"a\":1}x,{\"a\":2}]",
			"0-8:{\"a\":1}| 8-9!json_syntax@1:9<x> "
			"9-17:{\"a\":2}| array" },
		{ "[{\"a\":1}},{\"a\":2}]",
			"0-8:{\"a\":1}| 8-9!json_syntax@1:9<}> "
			"9-17:{\"a\":2}| array" },
		{ "{\"a\" 1}\n{\"a\":2}\n",
			"0-7!json_syntax@1:6<{\"a\" 1}> "
			"7-15:{\"a\":2}| concat" },
		{ "{\"a\":1} {bad} {\"a\":2}",
			"0-7:{\"a\":1}| 7-13!json_syntax@1:10<{bad}> "
			"13-21:{\"a\":2}| concat" },
		{ "{} \"\\x\" {}",
			"0-2:{}| 2-7!json_syntax@1:6<\"\\x\"> "
			"7-10:{}| concat" },
	};

	check_all(examples, LEN(examples));
}

static void commas_are_checked(void)
{
	static const struct example examples[] = {
		{ "[{\"a\":1} {\"a\":2},{\"a\":3}]",
			"0-8:{\"a\":1}| 8-16!json_syntax@1:10<{\"a\":2}> "
			"16-24:{\"a\":3}| array" },
		{ "[{\"a\":1},]",
			"0-8:{\"a\":1}| 8-10!json_syntax@1:10<]> array" },
		{ "[{\"a\":1}, , ,{\"a\":2}]",
			"0-8:{\"a\":1}| 8-13!json_syntax@1:11<, ,> "
			"13-20:{\"a\":2}| array" },
		{ "[,{\"a\":2}]",
			"0-2!json_syntax@1:2<,> 2-9:{\"a\":2}| array" },
	};

	check_all(examples, LEN(examples));
}

static void bad_lines_cost_themselves(void)
{
	static const struct example examples[] = {
		{ "{\"a\":1}\n{bad\n{\"a\":2}\n",
			"0-7:{\"a\":1}| 7-12!json_syntax@2:2<{bad> "
			"12-20:{\"a\":2}| ndjson" },
		{ "{\"a\":1}\n{\"a\":\"x\n{\"a\":2}\n",
			"0-7:{\"a\":1}| 7-15!truncated@2:8<{\"a\":\"x> "
			"15-23:{\"a\":2}| ndjson" },
		{ "{\"a\":1}\n[[[\"\n{\"a\":2}",
			"0-7:{\"a\":1}| 7-12!truncated@2:5<[[[\"> "
			"12-20:{\"a\":2}| ndjson" },
		{ "{\"a\":1}\n{\"a\":2} {\"a\":3}\r\n{\"a\":4}\n",
			"0-7:{\"a\":1}| 7-23!json_syntax@2:9"
			"<{\"a\":2} {\"a\":3}> 23-32:{\"a\":4}| ndjson" },
		{ "{\"a\":1}\n{\"a\":\n2}\n",
			"0-7:{\"a\":1}| 7-13!truncated@2:6<{\"a\":> "
			"13-16!json_syntax@3:2<2}> ndjson" },
		{ "{\"a\":1}\n \xff\n{\"a\":2}\n",
			"0-7:{\"a\":1}| 7-10!json_syntax@2:2<.> "
			"10-18:{\"a\":2}| ndjson" },
		{ "{\"a\":1}\n{\"a\":2",
			"0-7:{\"a\":1}| 7-14!truncated@2:7<{\"a\":2> ndjson" },
	};

	check_all(examples, LEN(examples));
}

static void remainders_are_one_reject(void)
{
	static const struct example examples[] = {
		{ "[{\"a\":1},{\"a\":",
			"0-8:{\"a\":1}| 8-14!truncated@1:15<{\"a\":> "
			"array failed" },
		{ "[{\"a\":1},{\"a\":2}",
			"0-8:{\"a\":1}| 8-16!truncated@1:17<{\"a\":2}> "
			"array failed" },
		{ "[{\"a\":1}\n", "0-8:{\"a\":1}| 8-9!truncated@2:1<> "
			"array failed" },
		{ "[{\"a\":1},", "0-8:{\"a\":1}| 8-9!truncated@1:10<> "
			"array failed" },
		{ "[", "0-1!truncated@1:2<> array failed" },
		{ "[{\"a\":1},{\"b\":2]",
			"0-8:{\"a\":1}| 8-16!json_syntax@1:16<{\"b\":2]> "
			"array failed" },
		{ "[{\"a\":1},{\"b\":\"2},\n{\"c\":3}]",
			"0-8:{\"a\":1}| 8-27!json_syntax@1:19"
			"<{\"b\":\"2},|{\"c\":3}]> array failed" },
		{ "[{\"a\":1}] x {\"a\":2}",
			"0-8:{\"a\":1}| 8-19!json_syntax@1:11<x {\"a\":2}> "
			"array failed" },
		{ "[{\"a\":1}] 7",
			"0-8:{\"a\":1}| 8-11!json_syntax@1:11<7> "
			"array failed" },
		{ "{\"a\":1},\n{\"a\":2}\n",
			"0-7:{\"a\":1}| 7-17!json_syntax@1:8<,|{\"a\":2}|> "
			"concat failed" },
		{ "{\"a\":1", "0-6!truncated@1:7<{\"a\":1> unknown failed" },
		{ "{", "0-1!truncated@1:2<{> unknown failed" },
	};

	check_all(examples, LEN(examples));
}

static void what_is_not_json_is_one_reject(void)
{
	static const struct example examples[] = {
		{ "id,name\n1,x\n",
			"0-12!not_json@1:1<id,name|1,x|> unknown failed" },
		{ "\"id\",\"name\"\n1,2\n",
			"0-16!not_json@1:1<\"id\",\"name\"|1,2|> "
			"unknown failed" },
		{ "1,2\n3,4\n", "0-8!not_json@1:1<1,2|3,4|> unknown failed" },
		{ "\n\n <html>\n</html>",
			"0-17!not_json@3:2<<html>|</html>> unknown failed" },
		{ "\xff\xfe{\0", "0-3!not_json@1:1<..{> unknown failed" },
		{ "\xef\xbb\xbfx", "0-4!not_json@1:1<x> unknown failed" },
	};

	check_all(examples, LEN(examples));
	check_len("\0", 1, &wide, "0-1!not_json@1:1<.> unknown failed");
}

static void chunks_keep_their_limits(void)
{
	static const char text[] =
		"{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n{\"a\":45678}\n{\"a\":9}\n";
	struct reader_limits limits = wide;

	limits.chunk_records = 2;
	check_len(text, sizeof(text) - 1, &limits,
		"0-15:{\"a\":1}|{\"a\":2}| 15-35:{\"a\":3}|{\"a\":45678}| "
		"35-43:{\"a\":9}| ndjson");
	limits.chunk_records = 500;
	limits.chunk_bytes = 16;
	check_len(text, sizeof(text) - 1, &limits,
		"0-15:{\"a\":1}|{\"a\":2}| 15-23:{\"a\":3}| "
		"23-35:{\"a\":45678}| 35-43:{\"a\":9}| ndjson");
	limits.chunk_bytes = 15;
	check_len(text, 16, &limits, "0-7:{\"a\":1}| 7-15:{\"a\":2}| ndjson");
	limits.chunk_bytes = 1;
	check_len(text, 16, &limits, "0-7:{\"a\":1}| 7-15:{\"a\":2}| ndjson");
	limits = (struct reader_limits){ 0 };
	check_len(text, 8, &limits,
		"0-7!record_too_long@1:1<{\"a\":1}> unknown");
}

static void long_records_are_refused(void)
{
	struct reader_limits limits = wide;

	limits.max_record_bytes = 7;
	check_len("{\"a\":1}\n{\"a\":23}\n{\"a\":4}\n", 25, &limits,
		"0-7:{\"a\":1}| 7-16!record_too_long@2:1<{\"a\":23}> "
		"16-24:{\"a\":4}| ndjson");
	check_len("[{\"a\":1},{\"a\":\"],\"},{\"a\":4}]", 28, &limits,
		"0-8:{\"a\":1}| 8-19!record_too_long@1:10<{\"a\":\"],\"}> "
		"19-27:{\"a\":4}| array");
	check_len("{\"a\":12}\n{\"a\":4}\n", 17, &limits,
		"0-8!record_too_long@1:1<{\"a\":12}> 8-16:{\"a\":4}| concat");
	check_len("[12345678,{\"a\":4}]", 18, &limits,
		"0-9!record_too_long@1:2<12345678> 9-17:{\"a\":4}| array");
	check_len("[1234567,{\"a\":4}]", 17, &limits,
		"0-8!not_object@1:2<1234567> 8-16:{\"a\":4}| array");
	check_len("1        x\n{}", 13, &limits,
		"0-13!not_json@1:1<1        x|{}> unknown failed");
	check_len("[{\"a\":1},{\"a\":\"no end", 21, &limits,
		"0-8:{\"a\":1}| 8-21!record_too_long@1:10"
		"<{\"a\":\"no end> array failed");
}

static void depth_is_one_reject(void)
{
	const size_t depth = 100000;
	struct buf text = { 0 };
	struct buf shown = { 0 };
	struct err err = { 0 };
	char ends[200];

	CU_ASSERT_TRUE(buf_add_str(&text, "[{},", &err));
	for (size_t i = 0; i < depth; i++)
		CU_ASSERT_TRUE(buf_add_char(&text, '[', &err));
	for (size_t i = 0; i < depth; i++)
		CU_ASSERT_TRUE(buf_add_char(&text, ']', &err));
	CU_ASSERT_TRUE(buf_add_str(&text, ",{\"a\":1}]", &err));
	read_all(text.data, text.len, &wide, &shown);
	CU_ASSERT_EQUAL(memcmp(shown.data, "0-3:{}| 3-200004!json_depth@1:69<",
				33), 0);
	(void)snprintf(ends, sizeof(ends), "[> %zu-%zu:{\"a\":1}| array",
		2 * depth + 4, 2 * depth + 12);
	CU_ASSERT_PTR_NOT_NULL(strstr(shown.data, ends));
	check_holds(text.data, text.len, &wide);
	buf_clear(&text);
	buf_clear(&shown);
}

/* Made by gzip -9n and zstd -19: {"a":1}, {"a":2}, {"a":3}, a line each. */
static const uint8_t gzip_file[] = { 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x02, 0xff, 0xab, 0x56, 0x4a, 0x54, 0xb2, 0x32, 0xac, 0xe5, 0xaa,
	0x06, 0xd1, 0x46, 0x50, 0xda, 0xb8, 0x96, 0x0b, 0x00, 0xfd, 0x9f, 0x10,
	0x6d, 0x18, 0x00, 0x00, 0x00 };
static const uint8_t zstd_file[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x24, 0x18, 0xc1,
	0x00, 0x00, 0x7b, 0x22, 0x61, 0x22, 0x3a, 0x31, 0x7d, 0x0a, 0x7b, 0x22,
	0x61, 0x22, 0x3a, 0x32, 0x7d, 0x0a, 0x7b, 0x22, 0x61, 0x22, 0x3a, 0x33,
	0x7d, 0x0a, 0x1f, 0x12, 0x48, 0x32 };

#define THREE "0-23:{\"a\":1}|{\"a\":2}|{\"a\":3}|"

/* The file, then `more`, and what comes of it. */
static void check_with(const uint8_t *file, size_t len, const void *more,
	size_t more_len, const char *want)
{
	struct buf bytes = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(buf_add(&bytes, file, len, &err));
	CU_ASSERT_TRUE(buf_add(&bytes, more, more_len, &err));
	check_len(bytes.data, bytes.len, &wide, want);
	buf_clear(&bytes);
}

static void compressed_files_are_read(void)
{
	check_with(gzip_file, sizeof(gzip_file), "", 0, THREE " ndjson+gzip");
	check_with(zstd_file, sizeof(zstd_file), "", 0, THREE " ndjson+zstd");
	check_with(gzip_file, sizeof(gzip_file), gzip_file, sizeof(gzip_file),
		"0-47:{\"a\":1}|{\"a\":2}|{\"a\":3}|{\"a\":1}|{\"a\":2}|"
		"{\"a\":3}| ndjson+gzip");
	check_with(zstd_file, sizeof(zstd_file), zstd_file, sizeof(zstd_file),
		"0-47:{\"a\":1}|{\"a\":2}|{\"a\":3}|{\"a\":1}|{\"a\":2}|"
		"{\"a\":3}| ndjson+zstd");
	/* zeros behind gzip are a tape's padding */
	check_with(gzip_file, sizeof(gzip_file), "\0\0\0", 3,
		THREE " ndjson+gzip");
	/* a skippable frame before the data */
	check_with((const uint8_t *)"\x50\x2a\x4d\x18\x01\0\0\0x", 9,
		zstd_file, sizeof(zstd_file), THREE " ndjson+zstd");
}

static void damaged_compression_fails(void)
{
	uint8_t bad[sizeof(gzip_file)];

	check_with(gzip_file, sizeof(gzip_file), "tail!", 5,
		THREE " 23-24!corrupt_input@4:1<> ndjson+gzip failed");
	check_with(zstd_file, sizeof(zstd_file), "tail!", 5,
		THREE " 23-24!corrupt_input@4:1<> ndjson+zstd failed");
	check_with(gzip_file, sizeof(gzip_file), "\0\0x", 3,
		THREE " 23-24!corrupt_input@4:1<> ndjson+gzip failed");
	check_with(gzip_file, sizeof(gzip_file) - 1, "", 0,
		THREE " 23-24!truncated_input@4:1<> ndjson+gzip failed");
	check_with(gzip_file, sizeof(gzip_file), "\0\x1f\x8b", 3,
		THREE " 23-24!corrupt_input@4:1<> ndjson+gzip failed");
	/* the checksum is wrong */
	memcpy(bad, gzip_file, sizeof(bad));
	bad[sizeof(bad) - 8] ^= 1;
	check_with(bad, sizeof(bad), "", 0,
		THREE " 23-24!corrupt_input@4:1<> ndjson+gzip failed");
	/* nothing comes out: the file's own bytes are shown */
	check_with(gzip_file, 4, "", 0,
		"0-4!truncated_input@1:5<....> unknown+gzip failed");
	check_with(zstd_file, 4, "", 0,
		"0-4!truncated_input@1:5<(./.> unknown+zstd failed");
	check_with((const uint8_t *)"\x1f\x8bno", 4, "", 0,
		"0-4!corrupt_input@1:5<..no> unknown+gzip failed");
}

/* Text as gzip without compression, cut behind its last byte. */
static void check_broken(const char *text, const struct reader_limits *limits,
	const char *want)
{
	static const uint8_t head[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255,
		1 };
	const uint16_t len = (uint16_t)strlen(text);
	const uint16_t sizes[] = { len, (uint16_t)~len };
	struct buf bytes = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(buf_add(&bytes, head, sizeof(head), &err));
	CU_ASSERT_TRUE(buf_add(&bytes, sizes, sizeof(sizes), &err));
	CU_ASSERT_TRUE(buf_add_str(&bytes, text, &err));
	check_len(bytes.data, bytes.len, limits, want);
	buf_clear(&bytes);
}

static void what_touches_a_break_belongs_to_it(void)
{
	struct reader_limits narrow = wide;

	narrow.max_record_bytes = 7;
	check_broken("{}{\"a\":1}", &wide,
		"0-2:{}| 2-9!truncated_input@1:10<{\"a\":1}> "
		"concat+gzip failed");
	check_broken("{} 7", &wide,
		"0-2:{}| 2-4!truncated_input@1:5<7> concat+gzip failed");
	check_broken("{} {bad}", &wide,
		"0-2:{}| 2-8!truncated_input@1:9<{bad}> concat+gzip failed");
	check_broken("{}\n{}", &wide,
		"0-2:{}| 2-5!truncated_input@2:3<{}> ndjson+gzip failed");
	check_broken("{}\n{}\n", &wide,
		"0-5:{}|{}| 5-6!truncated_input@3:1<> ndjson+gzip failed");
	check_broken("{}\n{\"a\":\"long\"", &narrow,
		"0-2:{}| 2-14!truncated_input@2:12<{\"a\":\"long\"> "
		"ndjson+gzip failed");
	check_broken("[{},]", &wide,
		"0-3:{}| 3-5!truncated_input@1:6<]> array+gzip failed");
	check_broken("[{}]", &wide,
		"0-3:{}| 3-4!truncated_input@1:5<> array+gzip failed");
	check_broken("[{}", &wide,
		"0-3!truncated_input@1:4<{}> array+gzip failed");
	check_broken(" \n", &wide,
		"0-2!truncated_input@2:1<> unknown+gzip failed");
	check_broken("id,name\n", &wide,
		"0-8!truncated_input@2:1<id,name|> unknown+gzip failed");
}

/* Records that a file cut after any of its bytes gives: the first ones of the
 * whole file's, at most one reject, and nothing unaccounted for. */
static void check_cuts(const void *bytes, size_t len)
{
	struct reader_limits limits = wide;

	limits.chunk_records = 1;
	for (size_t cut = 0; cut <= len; cut++) {
		struct pieces pieces = { 0 };
		const char *why =
			pieces_hold(bytes, cut, &limits, 10, &pieces);

		CU_ASSERT_PTR_NULL(why);
		CU_ASSERT_TRUE(pieces.end.rejects <= 1);
		CU_ASSERT_TRUE(pieces.end.chunks <= 3);
		CU_ASSERT_TRUE(cut < len || pieces.end.chunks == 3);
		CU_ASSERT_TRUE(cut < len || pieces.end.rejects == 0);
		pieces_clear(&pieces);
	}
}

static void any_cut_is_survived(void)
{
	static const char lines[] = "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n";
	static const char array[] =
		"[\n {\"a\":[1]},\n {\"a\":\"\xc3\xa4\"},\n {}\n]\n";

	check_cuts(lines, sizeof(lines) - 1);
	check_cuts(array, sizeof(array) - 1);
	check_cuts(gzip_file, sizeof(gzip_file));
	check_cuts(zstd_file, sizeof(zstd_file));
}

/* Every byte of a compressed file flipped: whatever comes of it adds up. */
static void any_damage_is_survived(void)
{
	for (size_t i = 0; i < 8 * sizeof(gzip_file); i++) {
		uint8_t bad[sizeof(gzip_file)];

		memcpy(bad, gzip_file, sizeof(bad));
		bad[i / 8] ^= (uint8_t)(1u << i % 8);
		check_holds(bad, sizeof(bad), &wide);
	}
	for (size_t i = 0; i < 8 * sizeof(zstd_file); i++) {
		uint8_t bad[sizeof(zstd_file)];

		memcpy(bad, zstd_file, sizeof(bad));
		bad[i / 8] ^= (uint8_t)(1u << i % 8);
		check_holds(bad, sizeof(bad), &wide);
	}
}

static void many_records_are_indexed(void)
{
	struct buf text = { 0 };
	struct err err = { 0 };
	struct reader_limits limits = wide;
	struct pieces pieces = { 0 };

	for (int i = 0; i < 50000; i++)
		CU_ASSERT_TRUE(buf_printf(&text, &err, "{\"a\":%d}%s", i,
			i % 3 == 0 ? "\r\n" : "\n"));
	limits.chunk_records = 100000;
	limits.chunk_bytes = 1 << 20;
	CU_ASSERT_PTR_NULL(
		pieces_hold(text.data, text.len, &limits, 10, &pieces));
	CU_ASSERT_EQUAL(pieces.end.all_records, 50000);
	/* three bytes a record: the envelope's ceiling cuts, not ours */
	CU_ASSERT_EQUAL(pieces.end.chunks, 2);
	pieces_clear(&pieces);
	buf_clear(&text);
}

/* A file of two good records around `size` bytes of filler. */
static int big_file(const char *before, size_t size, const char *after)
{
	const int fd = pieces_file(before, strlen(before));
	char block[65536];

	memset(block, 'x', sizeof(block));
	for (size_t at = 0; at < size; at += sizeof(block))
		CU_ASSERT_EQUAL_FATAL(write(fd, block, sizeof(block)),
			sizeof(block));
	CU_ASSERT_EQUAL_FATAL(write(fd, after, strlen(after)),
		(ssize_t)strlen(after));
	return fd;
}

static long peak_kib(void)
{
	struct rusage usage;

	CU_ASSERT_EQUAL(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_maxrss;
}

static void check_big(int fd, const char *want)
{
	const long before = peak_kib();
	struct pieces pieces = { 0 };
	struct reader_limits limits = wide;

	limits.max_record_bytes = 1 << 20;
	CU_ASSERT_PTR_NULL(pieces_read(fd, (struct bytes){ 0 }, &limits, 65536,
		NULL, &pieces));
	CU_ASSERT_EQUAL(pieces.end.chunks, 2);
	CU_ASSERT_EQUAL(pieces.end.rejects, 1);
	CU_ASSERT_FALSE(pieces.end.failed);
	CU_ASSERT_PTR_NOT_NULL(memmem(pieces.text.data + pieces.starts[1],
		pieces.text.len - pieces.starts[1], want, strlen(want)));
	CU_ASSERT_TRUE(peak_kib() - before < 16 << 10);
	pieces_clear(&pieces);
	close(fd);
}

static void memory_stays_flat(void)
{
	const size_t size = (size_t)64 << 20;

	check_big(big_file("{\"a\":1}\n{\"a\":\"", size,
			  "\"}\n{\"a\":2}\n"),
		"record_too_long");
	check_big(big_file("[{\"a\":1},{\"a\":\"", size,
			  "\"},{\"a\":2}]"),
		"record_too_long");
}

static void reading_trouble_is_an_error(void)
{
	const int folder = open(".", O_RDONLY | O_DIRECTORY);
	struct err err = { 0 };

	CU_ASSERT_PTR_NULL(reader_open(folder, &wide, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	close(folder);
}

static void check_resume(const void *bytes, size_t len,
	const struct reader_position *from, enum err_kind kind)
{
	const int fd = pieces_file(bytes, len);
	struct err err = { 0 };
	struct reader *reader = reader_open(fd, &wide, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	CU_ASSERT_FALSE(reader_resume(reader, from, &err));
	CU_ASSERT_EQUAL(err.kind, kind);
	reader_close(reader);
	close(fd);
}

static void resuming_needs_the_same_file(void)
{
	const struct reader_position behind = { .offset = 100,
		.resync = 100 << 8 | 2 };
	const struct reader_position nonsense = { .offset = 1,
		.resync = UINT64_MAX };

	check_resume("{}", 2, &behind, ERR_REJECT);
	check_resume(gzip_file, sizeof(gzip_file), &behind, ERR_REJECT);
	check_resume("{}", 2, &nonsense, ERR_STOP);
}

CU_TestInfo reader_tests[] = {
	{ "formats are recognised", formats_are_recognised },
	{ "arrays behind each other are opened",
		arrays_behind_each_other_are_opened },
	{ "records must be objects", records_must_be_objects },
	{ "bad elements cost themselves", bad_elements_cost_themselves },
	{ "commas are checked", commas_are_checked },
	{ "bad lines cost themselves", bad_lines_cost_themselves },
	{ "remainders are one reject", remainders_are_one_reject },
	{ "what is not JSON is one reject", what_is_not_json_is_one_reject },
	{ "chunks keep their limits", chunks_keep_their_limits },
	{ "long records are refused", long_records_are_refused },
	{ "depth 100,000 is one reject", depth_is_one_reject },
	{ "compressed files are read", compressed_files_are_read },
	{ "damaged compression fails", damaged_compression_fails },
	{ "what touches a break belongs to it",
		what_touches_a_break_belongs_to_it },
	{ "a cut anywhere is survived", any_cut_is_survived },
	{ "damage anywhere is survived", any_damage_is_survived },
	{ "many records are indexed", many_records_are_indexed },
	{ "memory stays flat", memory_stays_flat },
	{ "reading trouble is an error", reading_trouble_is_an_error },
	{ "resuming needs the same file", resuming_needs_the_same_file },
	CU_TEST_INFO_NULL,
};
