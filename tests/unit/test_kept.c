/* test_kept.c - a kept file is what was claimed, or is not sent. */
#include "producer/kept.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static struct source *source;

static const char text[] = "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n{\"a\":4}\n";

static void put(const char *content)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/f.json", dir);
	file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_TRUE(fputs(content, file) >= 0);
	CU_ASSERT_EQUAL(fclose(file), 0);
}

static void setup(void)
{
	struct err err = { 0 };

	(void)snprintf(dir, sizeof(dir), "/tmp/sluice-kept-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	source = source_new("p", "d", "o", "o/f.json", &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(source);
	source->kept_root = dir;
	source->kept = strdup("f.json");
	source->size = strlen(text);
	source->limits = (struct reader_limits){ 2, 1000, 1000, "" };
	source->loaded = calloc(4, sizeof(*source->loaded));
	CU_ASSERT_PTR_NOT_NULL_FATAL(source->loaded);
	CU_ASSERT_TRUE(sha256_once(text, strlen(text), source->sha256, &err));
	put(text);
}

static void teardown(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/f.json", dir);
	(void)remove(path);
	(void)rmdir(dir);
	source_free(source);
}

static void check_refused(const char *words)
{
	struct err err = { 0 };

	CU_ASSERT_FALSE(kept_check(source, true, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
}

static void what_was_claimed_passes(void)
{
	struct err err = { 0 };

	setup();
	source->mtime_ns = 1;
	CU_ASSERT_TRUE(kept_check(source, true, &err));
	CU_ASSERT_NOT_EQUAL(source->mtime_ns, 1); /* a restored copy will do */
	teardown();
}

static void another_file_is_refused(void)
{
	setup();
	put("{\"a\":1}\n");
	check_refused("bytes");
	put("{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n{\"a\":5}\n");
	check_refused("SHA-256");
	teardown();
}

static void a_missing_file_is_refused(void)
{
	setup();
	source->kept[0] = 'g';
	check_refused("g.json");
	source->kept_root = "/no/such/folder";
	check_refused("/no/such/folder");
	teardown();
}

static void a_folder_or_link_is_refused(void)
{
	char path[128], other[128];

	setup();
	(void)snprintf(path, sizeof(path), "%s/f.json", dir);
	(void)snprintf(other, sizeof(other), "%s/g", dir);
	CU_ASSERT_EQUAL(rename(path, other), 0);
	CU_ASSERT_EQUAL(symlink("g", path), 0);
	check_refused("f.json");
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(unlink(other), 0);
	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	check_refused("no regular file");
	teardown();
}

/* Nobody knows what was claimed: the file says it. */
static void facts_come_from_the_file(void)
{
	uint8_t want[SHA256_BYTES];
	struct err err = { 0 };

	setup();
	memcpy(want, source->sha256, sizeof(want));
	memset(source->sha256, 0, sizeof(want));
	source->size = 0;
	CU_ASSERT_TRUE(kept_check(source, false, &err));
	CU_ASSERT_EQUAL(source->size, strlen(text));
	CU_ASSERT_EQUAL(memcmp(source->sha256, want, sizeof(want)), 0);
	teardown();
}

/* Pieces are [0,15), [15,31) without its last line feed, and the end. */
static const struct {
	struct source_range loaded[3];
	size_t count;
	bool fits;
} cases[] = {
	{ { { 0, 0 } }, 0, true },
	{ { { 0, 15 } }, 1, true },
	{ { { 15, 31 } }, 1, true },
	{ { { 0, 15 }, { 15, 31 }, { 31, 32 } }, 3, true },
	{ { { 31, 32 } }, 1, true },
	{ { { 0, 7 } }, 1, false },
	{ { { 0, 15 }, { 15, 30 } }, 2, false },
	{ { { 0, 15 }, { 31, 40 } }, 2, false },
};

static void ranges_fit_or_do_not(void)
{
	setup();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err err = { 0 };
		bool fits = !cases[i].fits;

		memcpy(source->loaded, cases[i].loaded,
			sizeof(cases[i].loaded));
		source->loaded_count = cases[i].count;
		CU_ASSERT_TRUE(kept_fits(source, &fits, &err));
		if (fits != cases[i].fits)
			(void)fprintf(stderr, "case %zu\n", i);
		CU_ASSERT_EQUAL(fits, cases[i].fits);
	}
	teardown();
}

CU_TestInfo kept_tests[] = {
	{ "what was claimed passes", what_was_claimed_passes },
	{ "another file is refused", another_file_is_refused },
	{ "a missing file is refused", a_missing_file_is_refused },
	{ "a folder or a link is refused", a_folder_or_link_is_refused },
	{ "facts come from the file where nobody knows them",
		facts_come_from_the_file },
	{ "loaded ranges fit or do not", ranges_fit_or_do_not },
	CU_TEST_INFO_NULL,
};
