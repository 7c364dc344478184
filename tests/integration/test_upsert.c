/* test_upsert.c - which version of a row wins, whatever order they come in. */
#include "consumer/tables.h"
#include "tests/integration/database.h"

#include <CUnit/CUnit.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOURCES 4
#define VERSIONS 7

/* A version of the one organisation: newest (0: null), source, offset, name. */
struct version {
	int newest;
	int source; /* 0..SOURCES-1 in order of claim */
	int offset;
	int name;
};

static unsigned seed;

static int dice(int sides)
{
	seed = seed * 1103515245u + 12345u;
	return (int)((seed >> 16) % (unsigned)sides);
}

static struct test_database base;
static struct dataset both[2]; /* by enum winner */
static const struct dataset *orgs; /* one of them */
static char source_ids[SOURCES][24];

/* Sources whose ids are in another order than their claims; two were claimed
 * at the same time, so the drop id decides. */
static void register_sources(void)
{
	static const struct {
		const char *drop;
		int hour;
	} drops[SOURCES] = {
		{ "00000000-0000-4000-8000-0000000000ff", 1 },
		{ "00000000-0000-4000-8000-000000000001", 2 },
		{ "00000000-0000-4000-8000-000000000002", 2 },
		{ "00000000-0000-4000-8000-000000000000", 3 },
	};
	static const int order[SOURCES] = { 2, 0, 3, 1 };

	for (size_t i = 0; i < SOURCES; i++) {
		const int at = order[i];
		char sql[512];

		(void)snprintf(sql, sizeof(sql),
			"insert into meta.source (drop_id, pipeline, dataset,\n"
			"\tkind, name, claimed_at)\n"
			"values ('%s', 'events', 'orgs', 'file', 'x',\n"
			"\t'2024-01-01 0%d:00Z') returning source_id",
			drops[at].drop, drops[at].hour);
		(void)snprintf(source_ids[at], sizeof(source_ids[at]), "%s",
			test_value(base.loader, sql));
	}
}

static void set_up(void)
{
	const struct dataset *dataset;

	if (orgs != NULL)
		return;
	test_database_open(&base, "upsert", NULL, NULL);
	dataset = dataset_find(pipeline_find(&base.set, "events"), "orgs");
	CU_ASSERT_PTR_NOT_NULL_FATAL(dataset);
	both[WINS_LAST] = both[WINS_FIRST] = *dataset;
	both[WINS_FIRST].wins = WINS_FIRST;
	orgs = &both[WINS_LAST];
	register_sources();
}

/* Null loses either way. */
static int compare(const struct version *a, const struct version *b)
{
	const bool first = orgs->wins == WINS_FIRST;

	if (a->newest != b->newest && (a->newest == 0 || b->newest == 0))
		return (a->newest - b->newest) * (first ? -1 : 1);
	if (a->newest != b->newest)
		return a->newest - b->newest;
	if (a->source != b->source)
		return a->source - b->source;
	return a->offset - b->offset;
}

static void add_version(struct buf *select, const struct version *version)
{
	struct err err = { 0 };
	char newest[64] = "null::timestamp";

	if (version->newest > 0)
		(void)snprintf(newest, sizeof(newest),
			"timestamp '2024-01-01 00:00:0%d'", version->newest);
	CU_ASSERT_TRUE_FATAL(buf_printf(select, &err,
		"%sselect 'k', 'name %d', %s, %s::bigint, %d::bigint",
		select->len > 0 ? " union all " : "", version->name, newest,
		source_ids[version->source], version->offset));
}

/* Loads the versions in this order, cut into batches at random. */
static void load_all(const struct version *versions)
{
	struct buf select = { 0 };

	test_exec(base.owner, "truncate raw.orgs, raw.orgs_delta");
	for (size_t i = 0; i < VERSIONS; i++) {
		add_version(&select, &versions[i]);
		if (i + 1 < VERSIONS && dice(2) == 0)
			continue;
		test_load(&base, orgs, select.data);
		buf_reset(&select);
	}
	buf_clear(&select);
}

static void shuffle(struct version *versions)
{
	for (size_t i = VERSIONS - 1; i > 0; i--) {
		const size_t with = (size_t)dice((int)i + 1);
		const struct version swap = versions[i];

		versions[i] = versions[with];
		versions[with] = swap;
	}
}

static void check_winner(const struct version *versions, unsigned start)
{
	const struct version *best = &versions[0];
	char want[128], got[128];

	for (size_t i = 1; i < VERSIONS; i++)
		if (compare(&versions[i], best) *
				(orgs->wins == WINS_FIRST ? -1 : 1) > 0)
			best = &versions[i];
	(void)snprintf(want, sizeof(want), "name %d %d %s %d", best->name,
		best->newest, source_ids[best->source], best->offset);
	(void)snprintf(got, sizeof(got), "%s",
		test_value(base.loader,
			"select concat_ws(' ', organization_name,\n"
			"\tcoalesce(extract(second from created_at), 0)"
			"::integer, _source, _offset) from raw.orgs"));
	CU_ASSERT_STRING_EQUAL(got, want);
	if (strcmp(got, want) != 0)
		(void)fprintf(stderr, "seed %u\n", start);
}

/* What the master has lost, as `sluice reconcile` asks. */
static void check_behind(const char *want)
{
	struct buf sql = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(
		buf_add_str(&sql, "select count(*) from (", &err) &&
		tables_behind_sql(orgs, &sql, &err) &&
		buf_add_str(&sql, ") behind", &err));
	CU_ASSERT_STRING_EQUAL(test_value(base.loader, sql.data), want);
	buf_clear(&sql);
}

static void check_orders(const struct dataset *dataset)
{
	orgs = dataset;
	for (unsigned start = 1; start <= 20; start++) {
		struct version versions[VERSIONS];

		seed = start;
		for (int i = 0; i < VERSIONS; i++)
			versions[i] = (struct version){
				.newest = dice(3),
				.source = dice(SOURCES),
				.offset = i,
				.name = dice(2),
			};
		for (int round = 0; round < 3; round++) {
			shuffle(versions);
			load_all(versions);
			check_winner(versions, start);
			check_behind("0");
		}
	}
}

static void any_order_ends_in_the_same_row(void)
{
	set_up();
	check_orders(&both[WINS_FIRST]);
	check_orders(&both[WINS_LAST]);
}

static void a_master_that_lost_the_winner_is_behind(void)
{
	static const struct version loser = { 3, 3, 9, 2 };
	struct buf select = { 0 };

	set_up();
	for (int wins = WINS_LAST; wins <= WINS_FIRST; wins++) {
		orgs = &both[wins];
		test_exec(base.owner, "truncate raw.orgs, raw.orgs_delta");
		for (int i = 1; i < 3; i++)
			add_version(&select, &(struct version){ i, i, i, i });
		test_load(&base, orgs, select.data);
		buf_reset(&select);
		check_behind("0");
		test_exec(base.owner, "update raw.orgs set created_at = "
			"'2024-01-01 00:00:01.5', organization_name = ''");
		check_behind("1");
		test_exec(base.owner, "truncate raw.orgs");
		check_behind("1");
		add_version(&select, &loser);
		test_load(&base, orgs, select.data);
		buf_reset(&select);
		check_behind(wins == WINS_FIRST ? "1" : "0");
	}
	orgs = &both[WINS_LAST];
	buf_clear(&select);
}

/* The winner's offset and whether this load is said to have changed it; the
 * upsert's answer for it: inserted, updated. */
static void check_load(const struct version *versions, size_t count,
	const char *want, const char *counts)
{
	struct buf select = { 0 };
	char sql[256];

	for (size_t i = 0; i < count; i++)
		add_version(&select, &versions[i]);
	test_load(&base, orgs, select.data);
	(void)snprintf(sql, sizeof(sql), "select concat_ws(' ', _offset, "
		"_load = %lld) from raw.orgs", (long long)base.loads);
	CU_ASSERT_STRING_EQUAL(test_value(base.loader, sql), want);
	CU_ASSERT_STRING_EQUAL(base.answer + strcspn(base.answer, " "), counts);
	buf_clear(&select);
}

#define LOAD(want, counts, ...)                                          \
	check_load((const struct version[]){ __VA_ARGS__ },              \
		sizeof((const struct version[]){ __VA_ARGS__ }) /        \
			sizeof(struct version), want, counts)

static void what_says_the_same_moves_only_its_place(void)
{
	set_up();
	test_exec(base.owner, "truncate raw.orgs, raw.orgs_delta");
	LOAD("10 t", " 1 0", { 1, 0, 10, 1 });
	LOAD("20 f", "", { 1, 0, 20, 1 });
	LOAD("20 f", "", { 1, 0, 15, 2 });
	LOAD("5 t", " 0 1", { 1, 1, 5, 2 });
	LOAD("5 f", "", { 0, 3, 99, 3 });
	LOAD("2 t", " 0 1", { 2, 0, 1, 1 }, { 2, 0, 2, 2 }, { 1, 3, 50, 3 });
	test_database_close(&base);
	orgs = NULL;
}

/* A load of a source that nobody has seen before. */
struct late {
	struct db *db;
	int hour; /* of its claim */
	bool ok;
};

static bool load_late(const struct late *late, struct err *err)
{
	char select[128];

	(void)snprintf(select, sizeof(select), "select 'k', 'hour %d', "
		"null::timestamp, new_source(%d), 0::bigint", late->hour,
		late->hour);
	return test_load_open(&base, late->db, base.models, orgs, select, err);
}

static void *commit_late(void *arg)
{
	struct late *late = arg;
	struct err err = { 0 };

	late->ok = load_late(late, &err) && db_commit(late->db, &err);
	return NULL;
}

/* Only sessions of the same role see what the loaders wait for. */
static void wait_until_one_waits(void)
{
	struct db *db = test_database_session(&base, &base.config.loader);
	bool waits = false;

	for (int i = 0; !waits && i < 1000; i++) {
		waits = test_number(db, "select count(*) from "
			"pg_stat_activity where datname = current_database() "
			"and wait_event_type = 'Lock'") > 0;
		test_exec(db, "select pg_sleep(0.01)");
	}
	CU_ASSERT_TRUE(waits);
	db_close(db);
}

/* The second comes to the row while the first still holds it, and knows
 * nothing of the first one's source before that commits. */
static void check_two(const struct dataset *dataset, int first, int second)
{
	struct late one = { .db = base.loader, .hour = first };
	struct late two = { .hour = second,
		.db = test_database_session(&base, &base.config.loader) };
	struct err err = { 0 };
	pthread_t thread;
	char want[16];

	orgs = dataset;
	test_exec(base.owner, "truncate raw.orgs, raw.orgs_delta");
	CU_ASSERT_TRUE_FATAL(models_session(base.models, two.db, &err));
	CU_ASSERT_TRUE_FATAL(load_late(&one, &err));
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, commit_late, &two),
		0);
	wait_until_one_waits();
	CU_ASSERT_TRUE(db_commit(one.db, &err));
	(void)pthread_join(thread, NULL);
	CU_ASSERT_TRUE(two.ok);
	(void)snprintf(want, sizeof(want), "hour %d",
		(dataset->wins == WINS_FIRST) == (first < second) ? first :
								    second);
	CU_ASSERT_STRING_EQUAL(test_value(base.loader,
		"select organization_name from raw.orgs"), want);
	db_close(two.db);
}

static void loads_at_once_end_in_the_same_row(void)
{
	set_up();
	test_exec(base.owner, "create function new_source(hour integer)\n"
		"returns bigint language sql as $$\n"
		"\tinsert into meta.source (drop_id, pipeline, dataset, kind,\n"
		"\t\tname, claimed_at)\n"
		"\tvalues (gen_random_uuid(), 'events', 'orgs', 'file', 'y',\n"
		"\t\ttimestamptz '2024-02-01 00:00Z' + hour * interval '1 h')\n"
		"\treturning source_id $$");
	for (int wins = WINS_LAST; wins <= WINS_FIRST; wins++) {
		check_two(&both[wins], 1, 2);
		check_two(&both[wins], 4, 3);
	}
	orgs = &both[WINS_LAST];
}

CU_TestInfo upsert_tests[] = {
	{ "any order of arrival ends in the same row",
		any_order_ends_in_the_same_row },
	{ "loads at once end in the same row",
		loads_at_once_end_in_the_same_row },
	{ "a master that lost the winner is behind",
		a_master_that_lost_the_winner_is_behind },
	{ "a version that says the same moves only the row's place",
		what_says_the_same_moves_only_its_place },
	CU_TEST_INFO_NULL,
};
