/* test_done.c - files that stay are known, and forgotten with the file. */
#include "cli/done.h"

#include <CUnit/CUnit.h>
#include <stdio.h>

static const struct done_mark mark = { 1, 2, 3 };

static struct done *make(void)
{
	struct err err = { 0 };
	struct done *done = done_new(&err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(done);
	return done;
}

static void add(struct done *done, const char *path)
{
	struct err err = { 0 };

	CU_ASSERT_TRUE(done_add(done, path, &mark, &err));
}

static void what_changed_is_another_file(void)
{
	static const struct done_mark others[] = { { 9, 2, 3 }, { 1, 9, 3 },
		{ 1, 2, 9 } };
	struct done *done = make();
	struct err err = { 0 };

	add(done, "a/b.json");
	CU_ASSERT_TRUE(done_knows(done, "a/b.json", &mark));
	CU_ASSERT_FALSE(done_knows(done, "a/c.json", &mark));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		CU_ASSERT_FALSE(done_knows(done, "a/b.json", &others[i]));
	CU_ASSERT_TRUE(done_add(done, "a/b.json", &others[0], &err));
	CU_ASSERT_TRUE(done_knows(done, "a/b.json", &others[0]));
	CU_ASSERT_FALSE(done_knows(done, "a/b.json", &mark));
	CU_ASSERT_EQUAL(done_count(done), 1);
	done_free(done);
}

static void what_nobody_asks_for_is_forgotten(void)
{
	struct done *done = make();

	add(done, "stays");
	add(done, "goes");
	done_sweep(done);
	CU_ASSERT_EQUAL(done_count(done), 2);
	CU_ASSERT_TRUE(done_knows(done, "stays", &mark));
	done_sweep(done);
	CU_ASSERT_EQUAL(done_count(done), 1);
	CU_ASSERT_TRUE(done_knows(done, "stays", &mark));
	CU_ASSERT_FALSE(done_knows(done, "goes", &mark));
	done_free(done);
}

static void thousands_are_kept_apart(void)
{
	struct done *done = make();
	char path[32];

	for (int i = 0; i < 5000; i++) {
		(void)snprintf(path, sizeof(path), "f%d", i);
		add(done, path);
	}
	done_sweep(done);
	for (int i = 0; i < 5000; i += 2) {
		(void)snprintf(path, sizeof(path), "f%d", i);
		CU_ASSERT_TRUE(done_knows(done, path, &mark));
	}
	done_sweep(done);
	CU_ASSERT_EQUAL(done_count(done), 2500);
	for (int i = 0; i < 5000; i++) {
		(void)snprintf(path, sizeof(path), "f%d", i);
		CU_ASSERT_EQUAL(done_knows(done, path, &mark), i % 2 == 0);
	}
	done_free(done);
}

CU_TestInfo done_tests[] = {
	{ "what changed is another file", what_changed_is_another_file },
	{ "what nobody asks for is forgotten",
		what_nobody_asks_for_is_forgotten },
	{ "thousands are kept apart", thousands_are_kept_apart },
	CU_TEST_INFO_NULL,
};
