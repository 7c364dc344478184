/* test_sql.c - names, literals and arrays quoted for SQL. */
#include "common/db.h"

#include <CUnit/CUnit.h>
#include <string.h>

#define X16 "xxxxxxxxxxxxxxxx"
#define X63 X16 X16 X16 "xxxxxxxxxxxxxxx"

static const struct {
	const char *in;
	const char *want; /* NULL: refused */
} idents[] = {
	{ "a", "\"a\"" },
	{ "Mixed Case", "\"Mixed Case\"" },
	{ "a\"b", "\"a\"\"b\"" },
	{ "\"", "\"\"\"\"" },
	{ "it's", "\"it's\"" },
	{ "back\\slash", "\"back\\slash\"" },
	{ "; drop table x; --", "\"; drop table x; --\"" },
	{ "\xc3\xa4", "\"\xc3\xa4\"" },
	{ X63, "\"" X63 "\"" },
	{ "", NULL },
	{ X63 "x", NULL },
	{ "\xff", NULL },
	{ "a\xc3\"", NULL }, /* half a character must not swallow the quote */
};

static void identifiers_are_quoted_or_refused(void)
{
	for (size_t i = 0; i < sizeof(idents) / sizeof(*idents); i++) {
		struct buf sql = { 0 };
		struct err err = { 0 };
		const bool ok = sql_add_ident(&sql, idents[i].in, &err);

		CU_ASSERT_EQUAL(ok, idents[i].want != NULL);
		if (ok)
			CU_ASSERT_STRING_EQUAL(sql.data, idents[i].want)
		else
			CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
		buf_clear(&sql);
	}
}

static const struct {
	const char *in;
	const char *want;
} literals[] = {
	{ "", "''" },
	{ "a", "'a'" },
	{ "it's", "'it''s'" },
	{ "'", "''''" },
	{ "a\\", " E'a\\\\'" },
	{ "\\'", " E'\\\\'''" },
	{ "\"", "'\"'" },
	{ "\xe2\x82\xac", "'\xe2\x82\xac'" },
	{ "\xe2\x82'", NULL },
};

static void literals_are_quoted_or_refused(void)
{
	for (size_t i = 0; i < sizeof(literals) / sizeof(*literals); i++) {
		struct buf sql = { 0 };
		struct err err = { 0 };
		const bool ok = sql_add_literal(&sql, literals[i].in, &err);

		CU_ASSERT_EQUAL(ok, literals[i].want != NULL);
		if (ok)
			CU_ASSERT_STRING_EQUAL(sql.data, literals[i].want);
		buf_clear(&sql);
	}
}

static void arrays_are_complete_after_each_item(void)
{
	struct buf array = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(sql_add_array_item(&array, "a", 1, &err));
	CU_ASSERT_STRING_EQUAL(array.data, "{\"a\"}");
	CU_ASSERT_TRUE(sql_add_array_item(&array, "", 0, &err));
	CU_ASSERT_STRING_EQUAL(array.data, "{\"a\",\"\"}");
	CU_ASSERT_TRUE(sql_add_array_item(&array, NULL, 0, &err));
	CU_ASSERT_STRING_EQUAL(array.data, "{\"a\",\"\",NULL}");
	CU_ASSERT_TRUE(sql_add_array_item(&array, "}\"\\,'", 5, &err));
	CU_ASSERT_STRING_EQUAL(array.data,
		"{\"a\",\"\",NULL,\"}\\\"\\\\,'\"}");
	buf_clear(&array);
}

static void array_items_cannot_hold_nul_or_bad_utf8(void)
{
	struct buf array = { 0 };
	struct err err = { 0 };

	CU_ASSERT_FALSE(sql_add_array_item(&array, "a\0b", 3, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	CU_ASSERT_FALSE(sql_add_array_item(&array, "\x80", 1, &err));
	buf_clear(&array);
}

CU_TestInfo sql_tests[] = {
	{ "identifiers are quoted or refused",
		identifiers_are_quoted_or_refused },
	{ "literals are quoted or refused", literals_are_quoted_or_refused },
	{ "an array is complete after each item",
		arrays_are_complete_after_each_item },
	{ "array items cannot hold NUL or bad UTF-8",
		array_items_cannot_hold_nul_or_bad_utf8 },
	CU_TEST_INFO_NULL,
};
