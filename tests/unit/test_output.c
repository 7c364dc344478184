/* test_output.c - tables, units, addresses. */
#include "cli/output.h"
#include "cli/urls.h"

#include <CUnit/CUnit.h>
#include <string.h>

static void tables_are_aligned(void)
{
	static const char *const heads[] = { "name", ">rows", "why", NULL };
	struct table table;
	struct buf out = { 0 };
	struct err err = { 0 };

	table_init(&table, heads);
	table_add(&table, "gr\xc3\xbc\xc3\x9f");
	table_add_int(&table, 7);
	table_add(&table, NULL);
	table_add(&table, "longer");
	table_add_int(&table, -12345);
	table_add(&table, "x");
	CU_ASSERT_TRUE(table_format(&table, 1, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.data,
		" name      rows  why\n"
		" gr\xc3\xbc\xc3\x9f         7  -\n"
		" longer  -12345  x\n");
	buf_clear(&out);
	table_clear(&table);
}

static void hostile_cells_stay_in_their_line(void)
{
	static const char *const heads[] = { "name", NULL };
	struct table table;
	struct buf out = { 0 };
	struct err err = { 0 };

	table_init(&table, heads);
	table_add(&table, "a\nb\x1b[31m\t\xff \"q\" \\");
	CU_ASSERT_TRUE(table_format(&table, 0, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.data,
		"name\na\\nb\\x1b[31m\\t\\xff \"q\" \\\n");
	buf_clear(&out);
	table_clear(&table);
}

static void lines_end_without_blanks(void)
{
	static const char *const heads[] = { "a", "", NULL };
	struct table table;
	struct buf out = { 0 };
	struct err err = { 0 };

	table_init(&table, heads);
	table_add(&table, "long");
	table_add(&table, "");
	CU_ASSERT_TRUE(table_format(&table, 0, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.data, "a\nlong\n");
	buf_clear(&out);
	table_clear(&table);
}

static void an_empty_table_has_its_head(void)
{
	static const char *const heads[] = { "a", ">b", NULL };
	struct table table;
	struct buf out = { 0 };
	struct err err = { 0 };

	table_init(&table, heads);
	CU_ASSERT_TRUE(table_format(&table, 0, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.data, "a  b\n");
	buf_clear(&out);
	table_clear(&table);
}

static void sizes_have_units(void)
{
	static const struct {
		int64_t bytes;
		const char *want;
	} table[] = {
		{ 0, "0 bytes" },
		{ 1023, "1023 bytes" },
		{ 1024, "1.0 KiB" },
		{ 1536, "1.5 KiB" },
		{ (int64_t)1 << 30, "1.0 GiB" },
		{ INT64_MAX, "8.0 EiB" },
	};
	char out[OUTPUT_TEXT];

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		CU_ASSERT_STRING_EQUAL(output_bytes(table[i].bytes, out),
			table[i].want);
}

static void ages_have_units(void)
{
	static const struct {
		int64_t secs;
		const char *want;
	} table[] = {
		{ -5, "0 s" },
		{ 0, "0 s" },
		{ 59, "59 s" },
		{ 60, "1 min" },
		{ 200, "3 min 20 s" },
		{ 3600, "1 h" },
		{ 3659, "1 h" },
		{ 3660, "1 h 1 min" },
		{ 90000, "1 d 1 h" },
		{ 86400 * 400, "400 d" },
	};
	char out[OUTPUT_TEXT];

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		CU_ASSERT_STRING_EQUAL(output_age(table[i].secs, out),
			table[i].want);
}

/* -- addresses ----------------------------------------------------------- */

static struct config place(void)
{
	static char host[] = "127.0.0.1", vhost[] = "my vhost/1",
		name[] = "sluice", mode[] = "prefer";

	return (struct config){ .broker_host = host, .broker_port = 5672,
		.broker_vhost = vhost, .database_host = host,
		.database_port = 5432, .database_name = name,
		.database_sslmode = mode };
}

static void check_url(bool made, struct buf *out, const char *want)
{
	CU_ASSERT_TRUE(made);
	CU_ASSERT_STRING_EQUAL(out->data, want);
	buf_clear(out);
}

static void addresses_are_encoded(void)
{
	static char folder[] = "/var/run/my pg", v6[] = "::1";
	struct config config = place();
	struct buf out = { 0 };
	struct err err = { 0 };

	check_url(urls_amqp(&config, "foreign", NULL, &out, &err), &out,
		"amqp://foreign@127.0.0.1:5672/my%20vhost%2F1");
	check_url(urls_amqp(&config, "a@b", "p:/?#%\xc3\xa4", &out, &err), &out,
		"amqp://a%40b:p%3A%2F%3F%23%25%C3%A4@127.0.0.1:5672/"
		"my%20vhost%2F1");
	config.broker_tls = true;
	config.broker_host = v6;
	check_url(urls_amqp(&config, "u", "", &out, &err), &out,
		"amqps://u:@[::1]:5672/my%20vhost%2F1");
	check_url(urls_database(&config, "reader", "x", &out, &err), &out,
		"postgresql://reader:x@127.0.0.1:5432/sluice?sslmode=prefer");
	config.database_host = folder;
	config.database_sslmode = NULL;
	check_url(urls_database(&config, "reader", NULL, &out, &err), &out,
		"postgresql://reader@%2Fvar%2Frun%2Fmy%20pg:5432/sluice");
}

CU_TestInfo output_tests[] = {
	{ "columns are aligned by characters", tables_are_aligned },
	{ "hostile cells stay in their line",
		hostile_cells_stay_in_their_line },
	{ "lines end without blanks", lines_end_without_blanks },
	{ "an empty table has its head", an_empty_table_has_its_head },
	{ "sizes have units", sizes_have_units },
	{ "ages have units", ages_have_units },
	{ "addresses are percent-encoded", addresses_are_encoded },
	CU_TEST_INFO_NULL,
};
