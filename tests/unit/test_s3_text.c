/* test_s3_text.c - what S3 wants to read and what it writes. */
#include "common/s3_text.h"

#include <CUnit/CUnit.h>
#include <string.h>

static void check_encoded(const char *text, bool path, const char *want)
{
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(s3_encode(text, path, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.data, want);
	buf_clear(&out);
}

static void hostile_names_are_encoded_as_they_are_signed(void)
{
	check_encoded("", true, "");
	check_encoded("a/B-9._~", true, "a/B-9._~");
	check_encoded("a/b", false, "a%2Fb");
	check_encoded("a b", true, "a%20b");
	check_encoded("a+b", true, "a%2Bb");
	check_encoded("a%2Fb%", true, "a%252Fb%25");
	check_encoded("?x=1&y#z", true, "%3Fx%3D1%26y%23z");
	check_encoded("\xc3\xa4\xf0\x9f\x8c\x8a", true,
		"%C3%A4%F0%9F%8C%8A");
	check_encoded("!*'();:@,[]\"<>\\^`{|}$", true, "%21%2A%27%28%29%3B%3A"
		"%40%2C%5B%5D%22%3C%3E%5C%5E%60%7B%7C%7D%24");
}

static void check_text(const char *text, const char *name, const char *want)
{
	const struct s3_xml xml = { text, strlen(text) };
	struct buf out = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(s3_xml_text(&xml, name, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.data, want);
	buf_clear(&out);
}

static void elements_are_found_and_decoded(void)
{
	check_text("<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code>"
		   "<Message>x</Message></Error>", "Code", "NoSuchKey");
	check_text("<A xmlns=\"u\">1</A>", "A", "1");
	check_text("<Keys>1</Keys><Key>2</Key>", "Key", "2");
	check_text("<Key>a &amp;&lt;&gt;&quot;&apos;+%20</Key>", "Key",
		"a &<>\"'+%20");
	check_text("<Key>&#228;&#xe4;&#x1F30A;&#8364;</Key>", "Key",
		"\xc3\xa4\xc3\xa4\xf0\x9f\x8c\x8a\xe2\x82\xac");
	check_text("<Key>&none;&#0;&#x110000;&</Key>", "Key", "&");
}

static void broken_answers_have_no_elements(void)
{
	check_text("", "Code", "");
	check_text("<Code>", "Code", "");
	check_text("<Code>cut</Cod", "Code", "");
	check_text("<Code", "Code", "");
	check_text("<", "Code", "");
	check_text("Code", "Code", "");
	check_text("</Code><Code/>", "Code", "");
	check_text("<html><body>Bad gateway</body></html>", "Code", "");
}

static void elements_come_one_after_the_other(void)
{
	static const char text[] = "<L><C><Key>1</Key></C><C><Key>2</Key></C>"
				   "<C><Key>3</Key>";
	const struct s3_xml xml = { text, strlen(text) };
	struct s3_xml inside;
	size_t at = 0;

	CU_ASSERT_TRUE(s3_xml_next(&xml, "C", &at, &inside));
	CU_ASSERT_EQUAL(strncmp(inside.text, "<Key>1</Key>", inside.len), 0);
	CU_ASSERT_TRUE(s3_xml_next(&xml, "C", &at, &inside));
	CU_ASSERT_EQUAL(strncmp(inside.text, "<Key>2</Key>", inside.len), 0);
	CU_ASSERT_FALSE(s3_xml_next(&xml, "C", &at, &inside));
}

static void times_are_understood(void)
{
	CU_ASSERT_EQUAL(s3_time_of_listing("2026-11-22T10:30:00.000Z"),
		1795343400000000);
	CU_ASSERT_EQUAL(s3_time_of_listing("2026-11-22T10:30:00Z"),
		1795343400000000);
	CU_ASSERT_EQUAL(s3_time_of_listing("yesterday"), 0);
	CU_ASSERT_EQUAL(s3_time_of_header("Sun, 22 Nov 2026 10:30:00 GMT"),
		1795343400000000);
	CU_ASSERT_EQUAL(s3_time_of_header("Sun, 22 Nox 2026 10:30:00 GMT"), 0);
	CU_ASSERT_EQUAL(s3_time_of_header("Sun, 22 Nov 2026"), 0);
}

CU_TestInfo s3_text_tests[] = {
	{ "hostile names are encoded as they are signed",
		hostile_names_are_encoded_as_they_are_signed },
	{ "elements are found and decoded", elements_are_found_and_decoded },
	{ "broken answers have no elements", broken_answers_have_no_elements },
	{ "elements come one after the other",
		elements_come_one_after_the_other },
	{ "times are understood", times_are_understood },
	CU_TEST_INFO_NULL,
};
