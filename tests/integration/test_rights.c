/* test_rights.c - loader and reader may do what they need, and no more. */
#include "tests/integration/database.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

static const struct {
	bool loader; /* else the reader */
	const char *sql;
	bool allowed;
} cases[] = {
	{ true, "select meta.delta_partition('events.events', current_date)",
		true },
	{ true, "select * from raw.events, raw.events_delta", true },
	{ true, "insert into raw.orgs_delta (_source, _offset, _load, _day) "
		"select 1, 1, 1, current_date where false", true },
	{ true, "update raw.events set plan_name = null", true },
	{ true, "delete from modelled.events_seen", true },
	{ true, "update meta.model set state = 'stale'", true },
	{ true, "create temporary table t (a integer)", true },
	{ true, "delete from raw.events", false },
	{ true, "truncate raw.events", false },
	{ true, "update raw.events_delta set plan_name = null", false },
	{ true, "delete from raw.events_delta", false },
	{ true, "create table raw.t (a integer)", false },
	{ true, "create table public.t (a integer)", false },
	{ true, "alter table raw.events add column a integer", false },
	{ true, "drop view modelled.fact_events", false },
	{ true, "update meta.model set sha256 = ''", false },
	{ true, "update meta.schema_version set sha256 = ''", false },
	{ true, "update meta.dataset set delta = 'pg_class'", false },
	{ true, "insert into meta.pause (dataset, paused_by) values ('*', 'x')",
		true },
	{ true, "delete from meta.pause", true },
	{ true, "delete from meta.operation", false },
	{ false, "select * from meta.pause, meta.operation", true },
	{ false, "delete from meta.pause", false },
	{ false, "select * from raw.events, raw.events_delta", true },
	{ false, "select * from modelled.fact_events", true },
	{ false, "select * from meta.source, meta.chunk, meta.load", true },
	{ false, "select code, detail from meta.reject", true },
	{ false, "select routing_key from meta.message", true },
	{ false, "select bytes from meta.reject", false },
	{ false, "select * from meta.reject", false },
	{ false, "select body from meta.message", false },
	{ false, "insert into raw.events (id) values ('x')", false },
	{ false, "delete from modelled.events_seen", false },
	{ false, "update meta.model set state = 'stale'", false },
	{ false, "select meta.delta_partition('events.events', current_date)",
		false },
	{ false, "select meta.models_stale('{}', '')", false },
	{ false, "select meta.models_lock('{}')", false },
	{ false, "create table public.t (a integer)", false },
};

static bool locks(struct db *db, const char *relation)
{
	struct err err = { 0 };

	return db_query(db, "select meta.models_lock(array[$1])", 1, &relation,
		NULL, &err);
}

static void each_role_may_do_its_part(void)
{
	struct test_database base;
	struct db *reader;

	test_database_open(&base, "rights", NULL, NULL);
	reader = test_database_session(&base, &base.config.reader);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct db *db = cases[i].loader ? base.loader : reader;
		struct err err = { 0 };
		bool ok;

		test_exec(db, "begin");
		ok = db_exec(db, cases[i].sql, &err);
		db_rollback(db);
		CU_ASSERT_EQUAL(ok, cases[i].allowed);
		CU_ASSERT_STRING_EQUAL(err.code,
			cases[i].allowed ? "" : "42501");
		if (ok != cases[i].allowed)
			(void)fprintf(stderr, "%s: %s\n", cases[i].sql,
				ok ? "allowed" : err.text);
	}
	/* a definer's function locks no other tables */
	CU_ASSERT_FALSE(locks(base.loader, "pg_catalog.pg_class"));
	CU_ASSERT_TRUE(locks(base.loader, "\"raw\".\"events\""));
	db_close(reader);
	test_database_close(&base);
}

CU_TestInfo rights_tests[] = {
	{ "loader and reader may do their part and no more",
		each_role_may_do_its_part },
	CU_TEST_INFO_NULL,
};
