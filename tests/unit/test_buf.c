/* test_buf.c - buffers, varints, UTF-8 and escaping. */
#include "common/buf.h"

#include <CUnit/CUnit.h>
#include <string.h>

static void ceiling_is_kept(void)
{
	struct buf b = { .max = 8 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(buf_add(&b, "12345678", 8, &err));
	CU_ASSERT_FALSE(buf_add(&b, "9", 1, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_STOP);
	CU_ASSERT_EQUAL(b.len, 8);
	CU_ASSERT_STRING_EQUAL(b.data, "12345678");
	buf_clear(&b);
	CU_ASSERT_EQUAL(b.max, 8);
}

static void check_varint(uint64_t value, size_t bytes)
{
	struct buf b = { 0 };
	struct err err = { 0 };
	uint64_t back = ~value;
	size_t pos = 0;

	CU_ASSERT_TRUE(buf_add_varint(&b, value, &err));
	CU_ASSERT_EQUAL(b.len, bytes);
	CU_ASSERT_TRUE(varint_read(b.data, b.len, &pos, &back));
	CU_ASSERT_EQUAL(back, value);
	CU_ASSERT_EQUAL(pos, bytes);
	pos = 0;
	CU_ASSERT_FALSE(varint_read(b.data, b.len - 1, &pos, &back));
	buf_clear(&b);
}

static void varints_round_trip(void)
{
	size_t pos = 0;
	uint64_t value;

	check_varint(0, 1);
	check_varint(127, 1);
	check_varint(128, 2);
	check_varint(UINT32_MAX, 5);
	check_varint(UINT64_MAX, 10);
	CU_ASSERT_FALSE(varint_read("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
		10, &pos, &value));
}

static void check_escape(const char *text, const char *want)
{
	struct buf b = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(buf_add_escaped(&b, text, strlen(text), &err));
	CU_ASSERT_STRING_EQUAL(b.data != NULL ? b.data : "", want);
	buf_clear(&b);
}

static void hostile_names_are_escaped(void)
{
	check_escape("plain.json", "plain.json");
	check_escape("a\nb", "a\\nb");
	check_escape("\x1b[31m", "\\x1b[31m");
	check_escape("\"\\", "\\\"\\\\");
	check_escape("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
	check_escape("\xff\xfe", "\\xff\\xfe");
	check_escape("\xc2\x9b", "\\xc2\\x9b");
	check_escape("a\u202egnp", "a\\xe2\\x80\\xaegnp");
	check_escape("\u2069\u2066\u2029", "\\xe2\\x81\\xa9"
		"\\xe2\\x81\\xa6\\xe2\\x80\\xa9");
	check_escape("\u061c\u200f", "\\xd8\\x9c\\xe2\\x80\\x8f");
	check_escape("\u061b\u200d\u2027\u202f\u2065\u206a",
		"\u061b\u200d\u2027\u202f\u2065\u206a");
}

static void utf8_is_rfc3629(void)
{
	CU_ASSERT_EQUAL(utf8_length("a", 1), 1);
	CU_ASSERT_EQUAL(utf8_length("\xc3\xa4", 2), 2);
	CU_ASSERT_EQUAL(utf8_length("\xe2\x82\xac", 3), 3);
	CU_ASSERT_EQUAL(utf8_length("\xf4\x8f\xbf\xbf", 4), 4);
	CU_ASSERT_EQUAL(utf8_length("\xf4\x90\x80\x80", 4), 0);
	CU_ASSERT_EQUAL(utf8_length("\xc0\xaf", 2), 0);
	CU_ASSERT_EQUAL(utf8_length("\xed\xa0\x80", 3), 0);
	CU_ASSERT_EQUAL(utf8_length("\xe0\x80\x80", 3), 0);
	CU_ASSERT_EQUAL(utf8_length("\xe2\x82", 2), 0);
}

static void hex_is_read_back(void)
{
	static const char *const wrong[] = { "0", "0g", "AA", "0 ", "00f" };
	struct buf buf = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(buf_add_unhexed(&buf, "", 0, &err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(buf.data);
	CU_ASSERT_EQUAL(buf.len, 0);
	CU_ASSERT_TRUE(buf_add_unhexed(&buf, "00ff7f4a", 8, &err));
	CU_ASSERT_EQUAL(buf.len, 4);
	CU_ASSERT_EQUAL(memcmp(buf.data, "\x00\xff\x7fJ", 4), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		CU_ASSERT_FALSE(buf_add_unhexed(&buf, wrong[i],
			strlen(wrong[i]), &err));
	buf_clear(&buf);
}

CU_TestInfo buf_tests[] = {
	{ "hex is read back, and nothing else", hex_is_read_back },
	{ "a buffer never outgrows its ceiling", ceiling_is_kept },
	{ "varints round-trip and are cut-proof", varints_round_trip },
	{ "hostile names are escaped", hostile_names_are_escaped },
	{ "UTF-8 is RFC 3629", utf8_is_rfc3629 },
	CU_TEST_INFO_NULL,
};
