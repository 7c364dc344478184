/* test_table_options.c - the `format:` of a source. */
#include "common/table_options.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

static bool read_text(const char *text, struct table_options *options,
	struct err *err)
{
	struct reading in = { .file = "p.yaml", .err = err };
	struct doc *doc;
	bool ok;

	*err = (struct err){ 0 };
	*options = (struct table_options){ 0 };
	doc = doc_parse(text, strlen(text), "p.yaml", err);
	if (doc == NULL)
		return false;
	ok = table_options_read(&in, doc_get(doc, "format"), options);
	doc_free(doc);
	return ok;
}

static void formats_are_read(void)
{
	struct table_options options;
	struct err err;

	CU_ASSERT_TRUE(read_text("format: arrays", &options, &err));
	CU_ASSERT_EQUAL(options.format, TABLE_ARRAYS);
	table_options_clear(&options);
	CU_ASSERT_TRUE(read_text("format: json", &options, &err));
	CU_ASSERT_EQUAL(options.format, TABLE_JSON);
	CU_ASSERT_TRUE(read_text("format: { kind: csv, delimiter: ';', quote: "
		"\"'\", header: [id, Name of it], skip: 3 }", &options, &err));
	CU_ASSERT_EQUAL(options.format, TABLE_CSV);
	CU_ASSERT_EQUAL(options.delimiter, ';');
	CU_ASSERT_EQUAL(options.quote, '\'');
	CU_ASSERT_EQUAL(options.header_count, 2);
	CU_ASSERT_STRING_EQUAL(options.header[1], "Name of it");
	CU_ASSERT_EQUAL(options.skip, 3);
	table_options_clear(&options);
	CU_ASSERT_TRUE(read_text("format: { kind: csv, delimiter: tab, quote: "
		"none, skip: 0 }", &options, &err));
	CU_ASSERT_EQUAL(options.delimiter, '\t');
	CU_ASSERT_EQUAL(options.quote, TABLE_QUOTE_NONE);
	table_options_clear(&options);
	CU_ASSERT_TRUE(read_text("format: { kind: html, xpath: "
		"\"//table[@id='a']\" }", &options, &err));
	CU_ASSERT_STRING_EQUAL(options.xpath, "//table[@id='a']");
	table_options_clear(&options);
}

static void what_is_wrong_is_said(void)
{
	static const char *const cases[][2] = {
		{ "format: xml", "p.yaml:1:9: \"xml\" is not allowed here; "
			"allowed: json, csv, arrays, html" },
		{ "format: { delimiter: ';' }",
			"p.yaml:1:9: the key \"kind\"" },
		{ "format: { kind: csv, sep: ';' }",
			"p.yaml:1:22: unknown key \"sep\"; allowed here: kind, "
			"delimiter, quote, header, skip, xpath" },
		{ "format: { kind: csv, delimiter: ';;' }",
			"p.yaml:1:33: \";;\": this must be one character" },
		{ "format: { kind: csv, delimiter: \"\xc3\xa4\" }",
			"p.yaml:1:33: \"\xc3\xa4\": this must be one" },
		{ "format: { kind: csv, delimiter: '\"' }",
			"p.yaml:1:9: delimiter and quote are the same" },
		{ "format: { kind: csv, header: [] }",
			"p.yaml:1:30: from 1 to 1500 names" },
		{ "format: { kind: csv, header: [a, a] }",
			"p.yaml:1:34: \"a\" stands in the header twice" },
		{ "format: { kind: csv, skip: -1 }", "p.yaml:1:28: this must" },
		{ "format: { kind: json, header: [a] }",
			"p.yaml:1:31: header is not for the format json" },
		{ "format: { kind: arrays, xpath: //table }",
			"p.yaml:1:32: xpath is not for the format arrays" },
		{ "format: { kind: html, delimiter: ',' }",
			"p.yaml:1:34: delimiter is not for the format html" },
		{ "format: { kind: html, xpath: '//table[' }",
			"p.yaml:1:30: the XPath \"//table[\": " },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct table_options options;
		struct err err;

		CU_ASSERT_FALSE(read_text(cases[i][0], &options, &err));
		CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_CONFIG);
		if (strncmp(err.text, cases[i][1], strlen(cases[i][1])) != 0) {
			printf("\n  %s\n", err.text);
			CU_FAIL("another message");
		}
		table_options_clear(&options);
	}
}

CU_TestInfo table_options_tests[] = {
	{ "formats are read", formats_are_read },
	{ "what is wrong is said, and where", what_is_wrong_is_said },
	CU_TEST_INFO_NULL,
};
