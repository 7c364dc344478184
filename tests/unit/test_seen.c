/* test_seen.c - when a file that was only seen is complete. */
#include "producer/seen.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE 2000

static struct seen *make(size_t max)
{
	struct err err = { 0 };
	struct seen *seen = seen_new(max, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(seen);
	return seen;
}

static void look(struct seen *seen, const char *path, uint64_t inode,
	uint64_t size, int64_t mtime, int64_t now)
{
	struct err err = { 0 };

	CU_ASSERT_TRUE(seen_look(seen, path,
		&(struct look){ inode, size, mtime, now }, SETTLE, &err));
}

static void check_taken(struct seen *seen, const char *want)
{
	char *got = seen_take(seen);

	if (want == NULL)
		CU_ASSERT_PTR_NULL(got)
	else
		CU_ASSERT_TRUE(got != NULL && strcmp(got, want) == 0);
	free(got);
}

static void unchanged_for_long_enough_is_complete(void)
{
	struct seen *seen = make(10);

	look(seen, "a", 1, 1, 1, 1000);
	look(seen, "a", 1, 1, 1, 2999);
	check_taken(seen, NULL);
	CU_ASSERT_EQUAL(seen_due_ms(seen, SETTLE), 3000);
	look(seen, "a", 1, 1, 1, 3000);
	CU_ASSERT_EQUAL(seen_ready(seen), 1);
	CU_ASSERT_EQUAL(seen_due_ms(seen, SETTLE), INT64_MAX);
	check_taken(seen, "a");
	check_taken(seen, NULL);
	look(seen, "a", 1, 1, 1, 9000);
	check_taken(seen, NULL);
	seen_free(seen);
}

static void check_restarts(uint64_t inode, uint64_t size, int64_t mtime)
{
	struct seen *seen = make(10);

	look(seen, "a", 1, 1, 1, 0);
	look(seen, "a", inode, size, mtime, 1999);
	look(seen, "a", inode, size, mtime, 3998);
	check_taken(seen, NULL);
	look(seen, "a", inode, size, mtime, 3999);
	check_taken(seen, "a");
	seen_free(seen);
}

static void any_change_starts_over(void)
{
	check_restarts(2, 1, 1);
	check_restarts(1, 2, 1);
	check_restarts(1, 1, 2);
}

static void closed_is_complete_at_once(void)
{
	struct err err = { 0 };
	struct seen *seen = make(10);

	look(seen, "a", 1, 1, 1, 0);
	CU_ASSERT_TRUE(seen_complete(seen, "b", &err));
	CU_ASSERT_TRUE(seen_complete(seen, "a", &err));
	CU_ASSERT_TRUE(seen_complete(seen, "b", &err));
	CU_ASSERT_TRUE(seen_idle(seen, "a"));
	CU_ASSERT_FALSE(seen_idle(seen, "c"));
	CU_ASSERT_EQUAL(seen_ready(seen), 2);
	check_taken(seen, "b");
	check_taken(seen, "a");
	check_taken(seen, NULL);
	seen_free(seen);
}

static void vanished_is_forgotten(void)
{
	struct err err = { 0 };
	struct seen *seen = make(10);

	seen_scan_begin(seen);
	look(seen, "a", 1, 1, 1, 0);
	look(seen, "b", 2, 1, 1, 0);
	CU_ASSERT_TRUE(seen_complete(seen, "c", &err));
	seen_scan_end(seen);
	seen_scan_begin(seen);
	look(seen, "b", 2, 1, 1, 100);
	seen_scan_end(seen);
	look(seen, "a", 1, 1, 1, 2000);
	look(seen, "b", 2, 1, 1, 2000);
	check_taken(seen, "c");
	check_taken(seen, "b");
	check_taken(seen, NULL);
	seen_free(seen);
}

static void memory_is_bounded(void)
{
	struct seen *seen = make(3);
	char name[32];

	seen_scan_begin(seen);
	for (int i = 0; i < 5; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		look(seen, name, 1, 1, 1, 0);
		look(seen, name, 1, 1, 1, SETTLE);
	}
	CU_ASSERT_TRUE(seen_overflowed(seen));
	CU_ASSERT_TRUE(seen_idle(seen, "4"));
	CU_ASSERT_FALSE(seen_has_room_again(seen));
	CU_ASSERT_EQUAL(seen_ready(seen), 3);
	check_taken(seen, "0");
	CU_ASSERT_FALSE(seen_idle(seen, "4"));
	look(seen, "4", 1, 1, 1, 0);
	look(seen, "4", 1, 1, 1, SETTLE);
	check_taken(seen, "1");
	check_taken(seen, "2");
	CU_ASSERT_TRUE(seen_has_room_again(seen));
	check_taken(seen, "4");
	seen_scan_begin(seen);
	CU_ASSERT_FALSE(seen_overflowed(seen));
	seen_free(seen);
}

static void many_names_are_kept_apart(void)
{
	struct seen *seen = make(5000);
	struct err err = { 0 };
	char name[32];

	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "file-%d", i);
		CU_ASSERT_TRUE(seen_complete(seen, name, &err));
	}
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(name, sizeof(name), "file-%d", i);
		check_taken(seen, name);
	}
	seen_free(seen);
}

CU_TestInfo seen_tests[] = {
	{ "unchanged for long enough is complete",
		unchanged_for_long_enough_is_complete },
	{ "any change starts over", any_change_starts_over },
	{ "closed is complete at once", closed_is_complete_at_once },
	{ "vanished is forgotten", vanished_is_forgotten },
	{ "memory is bounded", memory_is_bounded },
	{ "many names are kept apart", many_names_are_kept_apart },
	CU_TEST_INFO_NULL,
};
