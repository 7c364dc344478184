/* test_sqltext.c - SQL as tokens: quotes, comments, relations. */
#include "consumer/sqltext.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

/* Each token as a letter for its kind: w n t 0 . ! */
static const struct {
	const char *sql;
	const char *kinds;
} token_cases[] = {
	{ "", "" },
	{ " \t\n\v\f\r", "" },
	{ "select a.b", "ww.w" },
	{ "\"a\"\"b\" \"", "n!" },
	{ "'a''b' 'c\\'", "tt" },
	{ "E'a\\'b' e'\\\\'", "tt" },
	{ "'a'\n  'b' c", "tw" },
	{ "'a' 'b'", "tt" },
	{ "'a' -- x\n 'b'", "tt" },
	{ "'a'\n -- it's\n 'b' c", "tw" },
	{ "E'a'\n'\\'' b", "tw" },
	{ "U&'\\0061' u&\"b\" x'1F' B'1' n'c'", "tnttt" },
	{ "a -- it's\nb", "ww" },
	{ "a /* ' /* nested */ \" */ b", "ww" },
	{ "a /* /* */", "w!" },
	{ "$$it's$$ $a$ $$ $b$ $a$", "tt" },
	{ "$a$ never", "!" },
	{ "a$b$c $1 $", "w0." },
	{ "1.5e3 .5 2", "0.00" },
	{ "a::date-1", "w..w.0" },
	{ "a/**/b", "ww" },
	{ "a+--b\nc", "w.w" },
	{ "gr\xc3\xb6\xc3\x9f \xff", "ww" },
	{ "'never", "!" },
	{ "E'\\", "!" },
};

static void tokens_are_what_postgresql_sees(void)
{
	for (size_t i = 0; i < sizeof(token_cases) / sizeof(*token_cases);
		i++) {
		const char *sql = token_cases[i].sql;
		struct sql_token token;
		char kinds[64] = "";
		size_t pos = 0, n = 0;

		while (n < 63 && sql_next(sql, strlen(sql), &pos, &token))
			kinds[n++] = "wnt0.!"[token.kind];
		CU_ASSERT_STRING_EQUAL(kinds, token_cases[i].kinds);
		if (strcmp(kinds, token_cases[i].kinds) != 0)
			(void)fprintf(stderr, "  %s: %s\n", sql, kinds);
	}
}

static const struct {
	const char *sql;
	const char *want; /* NULL: refused */
} replace_cases[] = {
	{ "select 1 from raw.events", "select 1 from T as \"events\"" },
	{ "select 1 from RAW . \"events\" where a",
		"select 1 from T as \"events\" where a" },
	{ "select e.a from raw.events e group by 1",
		"select e.a from T e group by 1" },
	{ "select 1 from raw.events as e", "select 1 from T as e" },
	{ "select 1 from raw.events \"where\"",
		"select 1 from T \"where\"" },
	{ "select events.a from (select b from raw.events) x",
		"select events.a from (select b from T as \"events\" ) x" },
	{ "select 1 from raw.events\"e\"", "select 1 from T \"e\"" },
	{ "select raw.events.a from raw.events",
		"select raw.events.a from T as \"events\"" },
	{ "select 'raw.events' /* raw.events */ from raw.events -- raw.events",
		"select 'raw.events' /* raw.events */ from T as \"events\""
		" -- raw.events" },
	{ "select $$raw.events$$, \"raw.events\" from raw.events",
		"select $$raw.events$$, \"raw.events\" from T as \"events\"" },
	{ "select 1 from raw.events_delta", NULL },
	{ "select 1 from \"RAW\".events", NULL },
	{ "select 1 from events", NULL },
	{ "select 1 from raw.events, raw.events b", NULL },
	{ "select 1 from raw.events\"", NULL },
	{ "select 1 from raw.events /*", NULL },
	{ "", NULL },
	{ "raw.events", "T as \"events\"" },
};

static void the_relation_is_replaced_once(void)
{
	for (size_t i = 0; i < sizeof(replace_cases) / sizeof(*replace_cases);
		i++) {
		const char *sql = replace_cases[i].sql;
		struct buf out = { 0 };
		struct err err = { 0 };
		const bool ok = sql_replace_relation(sql, strlen(sql), "raw",
			"events", "T", &out, &err);

		CU_ASSERT_EQUAL(ok, replace_cases[i].want != NULL);
		if (ok)
			CU_ASSERT_STRING_EQUAL(out.data, replace_cases[i].want)
		else
			CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
		buf_clear(&out);
	}
}

static const struct {
	const char *sql;
	const char *column;
	bool used;
} use_cases[] = {
	{ "select Username from t", "username", true },
	{ "select \"username\"", "username", true },
	{ "select \"Username\"", "username", false },
	{ "select 'username'", "username", false },
	{ "select username2", "username", false },
	{ "select count(*), a * 2, 3 * b", "c", false },
	{ "select *", "c", true },
	{ "select e.*", "c", true },
	{ "select a, *", "c", true },
	{ "select distinct *", "c", true },
	{ "select distinct on (a) * from t", "c", true },
};

static void columns_in_use_are_found(void)
{
	for (size_t i = 0; i < sizeof(use_cases) / sizeof(*use_cases); i++)
		CU_ASSERT_EQUAL(sql_may_use(use_cases[i].sql,
					strlen(use_cases[i].sql),
					use_cases[i].column),
			use_cases[i].used);
}

CU_TestInfo sqltext_tests[] = {
	{ "tokens are what PostgreSQL sees", tokens_are_what_postgresql_sees },
	{ "a relation is replaced where it is one, and once",
		the_relation_is_replaced_once },
	{ "the columns a select may use are found", columns_in_use_are_found },
	CU_TEST_INFO_NULL,
};
