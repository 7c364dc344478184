/* test_state.c - the producer's memory, reopened as after a crash. */
#include "producer/state.h"
#include "common/clock.h"
#include "common/sqlite.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];
static char file[96];
static struct state *state;

static void reopen(void)
{
	struct err err = { 0 };

	state_close(state);
	state = state_open(file, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(state);
}

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/sluice-state-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/sub/p.db", dir);
	state = NULL;
	reopen();
}

static void teardown(void)
{
	static const char *const names[] = { "sub/p.db", "sub/p.db-wal",
		"sub/p.db-shm", "sub/p.db.lock", "sub", "" };
	char path[128];

	state_close(state);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)remove(path);
	}
}

/* A drop whose every number differs from every other. */
static struct source *make(uint8_t number)
{
	struct err err = { 0 };
	struct source *s = source_new("events", "orgs", "o/rgs",
		"o/rgs/\xff\n name.json", &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	memset(s->drop.bytes, number, sizeof(s->drop.bytes));
	memset(s->sha256, number, sizeof(s->sha256));
	s->device = UINT64_MAX;
	s->inode = 2;
	s->size = 3;
	s->mtime_ns = -4;
	s->claimed_us = 5;
	s->limits = (struct reader_limits){ 6, 7, 8, "/a~1b" };
	s->reader_version = 9;
	memset(s->replay_of.bytes, number + 1, sizeof(s->replay_of.bytes));
	s->position = (struct reader_position){ .offset = 10, .records = 11,
		.lines = 12, .chunks = 13, .rejects = 14,
		.resync = UINT64_MAX - 1 };
	return s;
}

static void add(uint8_t number, enum source_state at)
{
	struct err err = { 0 };
	struct source *s = make(number);

	s->state = at;
	CU_ASSERT_TRUE(state_add(state, s, &err));
	source_free(s);
}

static struct source *get(uint8_t number)
{
	struct err err = { 0 };
	struct source *s = NULL;
	struct uuid drop;

	memset(drop.bytes, number, sizeof(drop.bytes));
	CU_ASSERT_TRUE(state_get(state, &drop, &s, &err));
	return s;
}

static void check_same(const struct source *a, const struct source *b)
{
	CU_ASSERT_TRUE(uuid_equal(&a->drop, &b->drop));
	CU_ASSERT_STRING_EQUAL(a->pipeline, b->pipeline);
	CU_ASSERT_STRING_EQUAL(a->dataset, b->dataset);
	CU_ASSERT_STRING_EQUAL(a->directory, b->directory);
	CU_ASSERT_STRING_EQUAL(a->name, b->name);
	CU_ASSERT_EQUAL(a->device, b->device);
	CU_ASSERT_EQUAL(a->inode, b->inode);
	CU_ASSERT_EQUAL(a->size, b->size);
	CU_ASSERT_EQUAL(a->mtime_ns, b->mtime_ns);
	CU_ASSERT_EQUAL(a->claimed_us, b->claimed_us);
	CU_ASSERT_EQUAL(memcmp(a->sha256, b->sha256, SHA256_BYTES), 0);
	CU_ASSERT_EQUAL(memcmp(&a->limits, &b->limits, sizeof(a->limits)), 0);
	CU_ASSERT_EQUAL(a->reader_version, b->reader_version);
	CU_ASSERT_EQUAL(memcmp(&a->position, &b->position,
		sizeof(a->position)), 0);
	CU_ASSERT_EQUAL(a->state, b->state);
	CU_ASSERT_EQUAL(a->failed, b->failed);
	CU_ASSERT_EQUAL(a->duplicate, b->duplicate);
	CU_ASSERT_TRUE(uuid_equal(&a->replay_of, &b->replay_of));
	CU_ASSERT_STRING_EQUAL(a->object != NULL ? a->object : "",
		b->object != NULL ? b->object : "");
}

static void all_of_a_claim_survives(void)
{
	struct source *want = make(1);
	struct source *got;
	struct err err = { 0 };

	setup();
	CU_ASSERT_TRUE(state_add(state, want, &err));
	reopen();
	got = get(1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(got);
	check_same(got, want);
	CU_ASSERT_PTR_NULL(got->target);
	source_free(got);
	source_free(want);
	CU_ASSERT_PTR_NULL(get(2));
	teardown();
}

static void progress_survives(void)
{
	struct source *s = make(1);
	struct source *got;
	struct err err = { 0 };

	setup();
	CU_ASSERT_TRUE(state_add(state, s, &err));
	s->position.offset = 1000;
	s->position.resync = 77;
	CU_ASSERT_TRUE(state_checkpoint(state, &s->drop, &s->position, &err));
	s->state = SOURCE_PUBLISHED;
	s->failed = true;
	s->inode = 4242;
	s->target = strdup("o/rgs/2026-11-22/\xfe");
	s->object = strdup("events/orgs/a.json");
	CU_ASSERT_TRUE(state_update(state, s, &err));
	reopen();
	got = get(1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(got);
	check_same(got, s);
	CU_ASSERT_STRING_EQUAL(got->target, s->target);
	source_free(got);
	source_free(s);
	teardown();
}

static void uncommitted_is_gone(void)
{
	struct err err = { 0 };
	struct source *s;

	setup();
	CU_ASSERT_TRUE(state_begin(state, &err));
	add(1, SOURCE_CLAIMED);
	CU_ASSERT_TRUE(state_commit(state, &err));
	CU_ASSERT_TRUE(state_begin(state, &err));
	add(2, SOURCE_CLAIMED);
	reopen();
	s = get(1);
	CU_ASSERT_PTR_NOT_NULL(s);
	source_free(s);
	CU_ASSERT_PTR_NULL(get(2));
	teardown();
}

static void unfinished_come_in_order(void)
{
	static const uint8_t want[] = { 9, 4, 1 };
	struct err err = { 0 };
	struct source *s = NULL;
	int64_t after = 0;

	setup();
	add(9, SOURCE_CLAIMED);
	add(5, SOURCE_MOVED);
	add(4, SOURCE_PUBLISHED);
	add(3, SOURCE_LOST);
	add(1, SOURCE_CLAIMED);
	for (size_t i = 0; i < 3; i++) {
		CU_ASSERT_TRUE(state_next(state, &after, &s, &err));
		CU_ASSERT_PTR_NOT_NULL_FATAL(s);
		CU_ASSERT_EQUAL(s->drop.bytes[0], want[i]);
		source_free(s);
	}
	CU_ASSERT_TRUE(state_next(state, &after, &s, &err));
	CU_ASSERT_PTR_NULL(s);
	teardown();
}

static void check_found(const char *pipeline, uint8_t digest, uint64_t size,
	bool want)
{
	struct err err = { 0 };
	struct uuid same = { 0 };
	bool found = !want;
	struct source *s = source_new(pipeline, "orgs", "d", "d/n", &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	memset(s->sha256, digest, sizeof(s->sha256));
	s->size = size;
	CU_ASSERT_TRUE(state_same(state, s, &found, &same, &err));
	CU_ASSERT_EQUAL(found, want);
	if (want)
		CU_ASSERT_EQUAL(same.bytes[0], digest);
	source_free(s);
}

static void same_content_is_found(void)
{
	setup();
	add(1, SOURCE_MOVED);
	add(2, SOURCE_LOST);
	check_found("events", 1, 3, true);
	check_found("events", 1, 4, false);
	check_found("other", 1, 3, false);
	check_found("events", 2, 3, false);
	check_found("events", 3, 3, false);
	teardown();
}

static void a_duplicate_is_no_original(void)
{
	struct err err = { 0 };
	struct source *s = make(1);
	struct source *got;

	setup();
	s->duplicate = true;
	memset(s->duplicate_of.bytes, 7, sizeof(s->duplicate_of.bytes));
	CU_ASSERT_TRUE(state_add(state, s, &err));
	check_found("events", 1, 3, false);
	got = get(1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(got);
	CU_ASSERT_TRUE(got->duplicate);
	CU_ASSERT_TRUE(uuid_equal(&got->duplicate_of, &s->duplicate_of));
	source_free(got);
	source_free(s);
	teardown();
}

static void only_the_finished_are_pruned(void)
{
	struct err err = { 0 };
	struct source *s;

	setup();
	add(1, SOURCE_MOVED);
	add(2, SOURCE_CLAIMED);
	CU_ASSERT_TRUE(state_prune(state, clock_wall_us() - 3600000000,
		&err));
	s = get(1);
	CU_ASSERT_PTR_NOT_NULL(s);
	source_free(s);
	CU_ASSERT_TRUE(state_prune(state, clock_wall_us() + 3600000000,
		&err));
	CU_ASSERT_PTR_NULL(get(1));
	s = get(2);
	CU_ASSERT_PTR_NOT_NULL(s);
	source_free(s);
	teardown();
}

static void forgotten_is_gone(void)
{
	struct err err = { 0 };
	struct source *s = make(1);

	setup();
	add(1, SOURCE_CLAIMED);
	CU_ASSERT_TRUE(state_forget(state, &s->drop, &err));
	CU_ASSERT_PTR_NULL(get(1));
	source_free(s);
	teardown();
}

static void there_is_one_producer(void)
{
	struct err err = { 0 };

	setup();
	CU_ASSERT_PTR_NULL(state_open(file, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_STOP);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another producer"));
	reopen();
	teardown();
}

static void newer_file_is_refused(void)
{
	struct err err = { 0 };
	struct sqlite *db;

	setup();
	state_close(state);
	state = NULL;
	db = sqlite_open_file(file, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(db);
	CU_ASSERT_TRUE(sqlite_run(db, "pragma user_version = 99", &err));
	sqlite_close_file(db);
	CU_ASSERT_PTR_NULL(state_open(file, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "newer"));
	teardown();
}

/* A file of the first version: without the way to the records. */
static void older_file_is_brought_up_to_date(void)
{
	struct err err = { 0 };
	struct source *old, *s;
	struct sqlite *db;

	setup();
	add(1, SOURCE_CLAIMED);
	state_close(state);
	state = NULL;
	db = sqlite_open_file(file, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(db);
	CU_ASSERT_TRUE(sqlite_run(db, "alter table source drop column records_at;"
		"alter table source drop column replay_of;"
		"alter table source drop column object;"
		"pragma user_version = 1", &err));
	sqlite_close_file(db);
	CU_ASSERT_PTR_NULL(state_look(file, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another version"));
	reopen();
	old = get(1);
	s = make(1);
	s->limits.records[0] = '\0';
	CU_ASSERT_PTR_NOT_NULL_FATAL(old);
	CU_ASSERT_STRING_EQUAL(old->limits.records, "");
	CU_ASSERT_EQUAL(old->reader_version, s->reader_version);
	source_free(old);
	source_free(s);
	add(2, SOURCE_CLAIMED);
	s = get(2);
	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_STRING_EQUAL(s->limits.records, "/a~1b");
	source_free(s);
	teardown();
}

/* Drops of every state, seen by somebody else while the producer writes. */
static void others_may_look(void)
{
	struct source *got = NULL;
	struct err err = { 0 };
	struct state *look;
	int64_t after = 0;

	setup();
	add(1, SOURCE_MOVED);
	look = state_look(file, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(look);
	add(2, SOURCE_LOST);
	add(3, SOURCE_CLAIMED);
	for (uint8_t number = 1; number <= 3; number++) {
		struct source *want = get(number);

		CU_ASSERT_TRUE(state_after(look, &after, &got, &err));
		CU_ASSERT_PTR_NOT_NULL_FATAL(got);
		check_same(got, want);
		source_free(got);
		source_free(want);
	}
	CU_ASSERT_TRUE(state_after(look, &after, &got, &err));
	CU_ASSERT_PTR_NULL(got);
	CU_ASSERT_FALSE(state_forget(look, &(struct uuid){ { 1 } }, &err));
	state_close(look);
	reopen(); /* nothing was left that would disturb its owner */
	teardown();
}

static void check_not_seen(enum err_kind kind, const char *words)
{
	struct err err = { 0 };

	CU_ASSERT_PTR_NULL(state_look(file, &err));
	CU_ASSERT_EQUAL(err.kind, kind);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
}

static void looking_makes_no_file(void)
{
	const uid_t user = geteuid();

	setup();
	state_close(state);
	state = NULL;
	if (user != 0 || seteuid(65534) == 0) {
		if (user == 0) {
			check_not_seen(ERR_STOP, "Permission denied");
			CU_ASSERT_EQUAL(seteuid(user), 0);
		}
	}
	CU_ASSERT_EQUAL(unlink(file), 0);
	check_not_seen(ERR_REJECT, "there is no state file");
	CU_ASSERT_EQUAL(access(file, F_OK), -1);
	teardown();
}

CU_TestInfo state_tests[] = {
	{ "all of a claim survives", all_of_a_claim_survives },
	{ "progress survives", progress_survives },
	{ "what was not committed is gone", uncommitted_is_gone },
	{ "unfinished drops come in order", unfinished_come_in_order },
	{ "the same content is found", same_content_is_found },
	{ "a duplicate is no original", a_duplicate_is_no_original },
	{ "only the finished are pruned", only_the_finished_are_pruned },
	{ "forgotten is gone", forgotten_is_gone },
	{ "there is one producer", there_is_one_producer },
	{ "a newer file is refused", newer_file_is_refused },
	{ "an older file is brought up to date",
		older_file_is_brought_up_to_date },
	{ "others may look while it is written", others_may_look },
	{ "looking makes no file", looking_makes_no_file },
	CU_TEST_INFO_NULL,
};
