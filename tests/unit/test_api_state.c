/* test_api_state.c - how far each endpoint has got, reopened as after a
 * crash. */
#include "producer/api_state.h"
#include "common/clock.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];
static char file[96];
static struct state *state;
static struct err err;

static void reopen(void)
{
	memset(&err, 0, sizeof(err));
	state_close(state);
	state = state_open(file, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(state);
}

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/sluice-api-state-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/p.db", dir);
	state = NULL;
	reopen();
}

static void teardown(void)
{
	static const char *const names[] = { "p.db", "p.db-wal", "p.db-shm",
		"p.db.lock", "" };
	char path[128];

	state_close(state);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)remove(path);
	}
}

/* Both absent, or the same. */
static void check_text(const char *got, const char *want)
{
	CU_ASSERT_EQUAL(got == NULL, want == NULL);
	if (got != NULL && want != NULL)
		CU_ASSERT_STRING_EQUAL(got, want);
}

static char cursor[] = "2026-01-01T00:00:00Z", odd[] = "tab\tline\n'\xc3\xa4";

/* -- rows ------------------------------------------------------------------- */

static void check_row(const char *endpoint, const struct api_row *want)
{
	struct api_row row;

	CU_ASSERT_TRUE(api_state_row(state, endpoint, &row, &err));
	check_text(row.cursor, want->cursor);
	check_text(row.most, want->most);
	check_text(row.error, want->error);
	CU_ASSERT_EQUAL(row.run, want->run);
	CU_ASSERT_EQUAL(row.running, want->running);
	CU_ASSERT_EQUAL(row.started_us, want->started_us);
	CU_ASSERT_EQUAL(row.checked_us, want->checked_us);
	CU_ASSERT_EQUAL(row.changed_us, want->changed_us);
	CU_ASSERT_EQUAL(row.next_us, want->next_us);
	CU_ASSERT_EQUAL(row.failures, want->failures);
	CU_ASSERT_EQUAL(row.requests, want->requests);
	CU_ASSERT_EQUAL(row.unchanged, want->unchanged);
	CU_ASSERT_EQUAL(row.records, want->records);
	CU_ASSERT_EQUAL(row.errors, want->errors);
	api_row_clear(&row);
}

static void rows_come_back(void)
{
	const struct api_row none = { .run = 0 };
	struct api_row row = { .cursor = cursor, .most = odd, .run = 1,
		.running = true, .started_us = 2, .checked_us = 3,
		.changed_us = 4, .next_us = INT64_MAX, .failures = 6,
		.error = odd, .requests = 7, .unchanged = 8, .records = 9,
		.errors = 10 };

	setup();
	check_row("a.b", &none);
	CU_ASSERT_TRUE(api_state_put_row(state, "a.b", &row, &err));
	reopen();
	check_row("a.b", &row);
	check_row("a.c", &none);
	row.most = row.error = NULL;
	row.running = false;
	CU_ASSERT_TRUE(api_state_put_row(state, "a.b", &row, &err));
	check_row("a.b", &row);
	CU_ASSERT_TRUE(state_begin(state, &err));
	CU_ASSERT_TRUE(api_state_put_row(state, "a.b", &none, &err));
	state_rollback(state);
	check_row("a.b", &row);
	teardown();
}

/* -- intents ------------------------------------------------------------------ */

static struct api_intent intent_of(uint8_t number)
{
	struct api_intent intent = { .object = cursor, .url = odd,
		.made_us = 5, .place = { .number = 3, .offset = 200 } };

	memset(intent.drop.bytes, number, sizeof(intent.drop.bytes));
	return intent;
}

static void check_intent(const char *endpoint, const struct api_intent *want)
{
	struct api_intent got;
	bool found;

	CU_ASSERT_TRUE(api_state_intent(state, endpoint, &found, &got, &err));
	CU_ASSERT_EQUAL(found, want != NULL);
	if (want == NULL)
		return;
	CU_ASSERT_TRUE(uuid_equal(&got.drop, &want->drop));
	check_text(got.object, want->object);
	check_text(got.url, want->url);
	check_text(got.parent, want->parent);
	check_text(got.place.url, want->place.url);
	check_text(got.place.token, want->place.token);
	CU_ASSERT_EQUAL(got.place.number, want->place.number);
	CU_ASSERT_EQUAL(got.place.offset, want->place.offset);
	CU_ASSERT_EQUAL(got.made_us, want->made_us);
	api_intent_clear(&got);
}

static void check_intends(uint8_t number, bool want)
{
	const struct api_intent intent = intent_of(number);
	char drop[UUID_TEXT];
	bool found;

	uuid_format(&intent.drop, drop);
	CU_ASSERT_TRUE(api_state_intends(state, drop, &found, &err));
	CU_ASSERT_EQUAL(found, want);
}

static void intents_come_back(void)
{
	struct api_intent intent = intent_of(1);

	setup();
	check_intent("a.b", NULL);
	CU_ASSERT_TRUE(api_state_put_intent(state, "a.b", &intent, &err));
	reopen();
	check_intent("a.b", &intent);
	check_intends(1, true);
	check_intends(2, false);
	intent = intent_of(2);
	intent.parent = odd;
	intent.place.url = cursor;
	intent.place.token = odd;
	CU_ASSERT_TRUE(api_state_put_intent(state, "a.b", &intent, &err));
	check_intent("a.b", &intent); /* one at a time */
	check_intends(1, false);
	check_intends(2, true);
	CU_ASSERT_TRUE(api_state_put_intent(state, "a.b", NULL, &err));
	check_intent("a.b", NULL);
	teardown();
}

/* Requests go out before the ones that they follow are written. */
static void requests_that_follow_are_known(void)
{
	struct api_intent intent = intent_of(3);
	const struct api_intent other = intent_of(4);
	struct uuid drop = intent.drop;
	char text[UUID_TEXT];
	bool found;

	setup();
	CU_ASSERT_TRUE(api_state_put_intent(state, "a.c", &other, &err));
	CU_ASSERT_TRUE(api_state_put_intent(state, "a.b", &intent, &err));
	for (int i = 1; i <= API_AHEAD; i++) {
		CU_ASSERT_TRUE(api_intent_follow(&drop, &err));
		CU_ASSERT_EQUAL(drop.bytes[6] & 0xf0, 0x40); /* a drop's */
		uuid_format(&drop, text);
		CU_ASSERT_TRUE(api_state_intends(state, text, &found, &err));
		CU_ASSERT_EQUAL(found, i < API_AHEAD);
	}
	check_intends(3, true);
	check_intends(4, true);
	teardown();
}

/* -- addresses ----------------------------------------------------------------- */

static void check_known(const char *endpoint, const char *address,
	const struct api_known *want)
{
	struct api_known got;

	CU_ASSERT_TRUE(api_state_known(state, endpoint, address, &got, &err));
	check_text(got.etag, want->etag);
	check_text(got.modified, want->modified);
	check_text(got.next_url, want->next_url);
	check_text(got.next_token, want->next_token);
	CU_ASSERT_EQUAL(got.hashed, want->hashed);
	CU_ASSERT_EQUAL(got.more, want->more);
	CU_ASSERT_EQUAL(got.records, want->records);
	if (got.hashed && want->hashed)
		CU_ASSERT_EQUAL(memcmp(got.sha256, want->sha256,
			SHA256_BYTES), 0);
	api_known_clear(&got);
}

static void addresses_are_remembered_for_a_while(void)
{
	struct api_known none = { .etag = NULL }, known = { .etag = odd,
		.modified = cursor, .hashed = true, .next_url = odd,
		.next_token = cursor, .more = true, .records = 100 };

	setup();
	memset(known.sha256, 0xab, sizeof(known.sha256));
	check_known("a.b", "https://x/", &none);
	CU_ASSERT_TRUE(api_state_put_known(state, "a.b", "https://x/", &known,
		&err));
	reopen();
	check_known("a.b", "https://x/", &known);
	check_known("a.b", "https://x/?", &none);
	check_known("a.c", "https://x/", &none);
	known = (struct api_known){ .records = 1 };
	CU_ASSERT_TRUE(api_state_put_known(state, "a.b", "https://x/", &known,
		&err));
	check_known("a.b", "https://x/", &known);
	CU_ASSERT_TRUE(api_state_prune(state, clock_wall_us() - 60000000,
		&err));
	check_known("a.b", "https://x/", &known);
	CU_ASSERT_TRUE(api_state_prune(state, clock_wall_us() + 60000000,
		&err));
	check_known("a.b", "https://x/", &none);
	teardown();
}

/* -- parents --------------------------------------------------------------------- */

static void check_next(int64_t run, const char *want, const char *with)
{
	char *parent, *own;

	CU_ASSERT_TRUE(api_state_next_parent(state, "a.b", run, "", &parent,
		&own, &err));
	check_text(parent, want);
	check_text(own, with);
	free(parent);
	free(own);
}

static void check_behind(const char *after, const char *want)
{
	char *parent, *own;

	CU_ASSERT_TRUE(api_state_next_parent(state, "a.b", 1, after, &parent,
		&own, &err));
	check_text(parent, want);
	free(parent);
	free(own);
}

static void each_parent_is_asked_once_a_run(void)
{
	char *own;

	setup();
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_TRUE(api_state_add_parent(state, "a.b", "id=1",
			&err));
		CU_ASSERT_TRUE(api_state_add_parent(state, "a.b", "id=2",
			&err));
	}
	check_next(1, "id=1", NULL);
	check_next(1, "id=1", NULL); /* until it is done */
	check_behind("id=1", "id=2");
	check_behind("id=2", NULL);
	CU_ASSERT_TRUE(api_state_parent_done(state, "a.b", "id=1", 1, cursor,
		&err));
	reopen();
	check_next(1, "id=2", NULL);
	CU_ASSERT_TRUE(api_state_parent_done(state, "a.b", "id=2", 1, NULL,
		&err));
	check_next(1, NULL, NULL);
	CU_ASSERT_TRUE(api_state_add_parent(state, "a.b", "id=1", &err));
	check_next(1, NULL, NULL); /* it is known */
	check_next(2, "id=1", cursor);
	CU_ASSERT_TRUE(api_state_parent_cursor(state, "a.b", "id=1", &own,
		&err));
	check_text(own, cursor);
	free(own);
	CU_ASSERT_TRUE(api_state_parent_cursor(state, "a.c", "id=1", &own,
		&err));
	check_text(own, NULL);
	teardown();
}

/* -- hosts, objects, the whole ------------------------------------------------------ */

static void check_used(int64_t day, int64_t want)
{
	int64_t used;

	CU_ASSERT_TRUE(api_state_used(state, "https://x:443", day, &used,
		&err));
	CU_ASSERT_EQUAL(used, want);
}

static void a_new_day_has_all_its_requests(void)
{
	setup();
	check_used(20000, 0);
	CU_ASSERT_TRUE(api_state_put_used(state, "https://x:443", 20000, 7,
		&err));
	reopen();
	check_used(20000, 7);
	check_used(20001, 0);
	CU_ASSERT_TRUE(api_state_put_used(state, "https://x:443", 20001, 1,
		&err));
	check_used(20001, 1);
	check_used(20000, 0);
	teardown();
}

static void check_object(int64_t before_us, const char *want)
{
	char *object;

	CU_ASSERT_TRUE(api_state_next_object(state, before_us, &object, &err));
	check_text(object, want);
	free(object);
}

static void answers_without_a_source_wait_for_their_end(void)
{
	const int64_t now = clock_wall_us(), later = now + 60000000;

	setup();
	check_object(later, NULL);
	CU_ASSERT_TRUE(api_state_add_object(state, "p/e/1", &err));
	CU_ASSERT_TRUE(api_state_add_object(state, "p/e/1", &err));
	reopen();
	check_object(now - 1000000, NULL);
	check_object(later, "p/e/1");
	CU_ASSERT_TRUE(api_state_drop_object(state, "p/e/1", &err));
	check_object(later, NULL);
	teardown();
}

static void a_reset_forgets_all_but_the_counters(void)
{
	const struct api_intent intent = intent_of(1);
	struct api_known none = { .etag = NULL }, known = { .etag = odd };
	struct api_row row = { .cursor = cursor, .most = odd, .run = 4,
		.running = true, .failures = 2, .error = odd, .next_us = 9,
		.requests = 7, .records = 8 };
	const struct api_row left = { .run = 4, .requests = 7, .records = 8 };

	setup();
	CU_ASSERT_TRUE(api_state_put_row(state, "a.b", &row, &err));
	CU_ASSERT_TRUE(api_state_put_row(state, "a.c", &row, &err));
	CU_ASSERT_TRUE(api_state_put_intent(state, "a.b", &intent, &err));
	CU_ASSERT_TRUE(api_state_put_known(state, "a.b", "x", &known, &err));
	CU_ASSERT_TRUE(api_state_put_known(state, "a.c", "x", &known, &err));
	CU_ASSERT_TRUE(api_state_add_parent(state, "a.b", "id=1", &err));
	CU_ASSERT_TRUE(api_state_parent_done(state, "a.b", "id=1", 4, cursor,
		&err));
	CU_ASSERT_TRUE(api_state_reset(state, "a.b", &err));
	check_row("a.b", &left);
	check_row("a.c", &row);
	check_intent("a.b", NULL);
	check_known("a.b", "x", &none);
	check_known("a.c", "x", &known);
	check_next(1, "id=1", NULL);
	/* its answer may have been kept: no source will come of it */
	check_object(clock_wall_us() + 60000000, intent.object);
	teardown();
}

CU_TestInfo api_state_tests[] = {
	{ "rows come back", rows_come_back },
	{ "intents come back", intents_come_back },
	{ "requests that follow are known", requests_that_follow_are_known },
	{ "addresses are remembered for a while",
		addresses_are_remembered_for_a_while },
	{ "each parent is asked once a run", each_parent_is_asked_once_a_run },
	{ "a new day has all its requests", a_new_day_has_all_its_requests },
	{ "answers without a source wait for their end",
		answers_without_a_source_wait_for_their_end },
	{ "a reset forgets all but the counters",
		a_reset_forgets_all_but_the_counters },
	CU_TEST_INFO_NULL,
};
