/* test_folders.c - counting, dropping and finding files in real folders. */
#include "cli/folders.h"
#include "cli/locate.h"

#include <CUnit/CUnit.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* raw/ with a dataset that takes *.json from raw/events. */
struct yard {
	char root[64], raw[96], processed[128], failed[128], events[128];
	struct config config;
	struct pipeline pipeline;
	struct dataset dataset;
	char *patterns[1];
};

static void make_folder(const char *path)
{
	CU_ASSERT_EQUAL_FATAL(mkdir(path, 0755), 0);
}

static void yard_open(struct yard *yard)
{
	static char pattern[] = "*.json", directory[] = "events";

	*yard = (struct yard){ .root = "/tmp/sluice-folders-XXXXXX" };
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(yard->root));
	(void)snprintf(yard->raw, sizeof(yard->raw), "%s/raw", yard->root);
	(void)snprintf(yard->events, sizeof(yard->events), "%s/events",
		yard->raw);
	(void)snprintf(yard->processed, sizeof(yard->processed),
		"%s/processed", yard->raw);
	(void)snprintf(yard->failed, sizeof(yard->failed), "%s/failed",
		yard->raw);
	make_folder(yard->raw);
	make_folder(yard->events);
	yard->patterns[0] = pattern;
	yard->config.raw_dir = yard->raw;
	yard->config.processed_dir = yard->processed;
	yard->config.failed_dir = yard->failed;
	yard->dataset = (struct dataset){ .pipeline = &yard->pipeline,
		.directory = directory, .patterns = yard->patterns,
		.pattern_count = 1 };
}

static int forget(const char *path, const struct stat *st, int kind,
	struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void yard_close(struct yard *yard)
{
	(void)nftw(yard->root, forget, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(const struct yard *yard, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", yard->root, name);
	file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	(void)fputs(text, file);
	(void)fclose(file);
}

static void folder(const struct yard *yard, const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", yard->root, name);
	make_folder(path);
}

static void only_takeable_files_wait(void)
{
	struct yard yard;
	struct folder_count count;
	struct err err = { 0 };
	char link[256];

	yard_open(&yard);
	put(&yard, "raw/events/a.json", "1");
	put(&yard, "raw/events/.hidden.json", "1");
	put(&yard, "raw/events/b.json~", "1");
	put(&yard, "raw/events/b.json.part", "1");
	put(&yard, "raw/events/c.txt", "1");
	folder(&yard, "raw/events/sub");
	put(&yard, "raw/events/sub/d.json", "1");
	folder(&yard, "raw/events/dir.json");
	folder(&yard, "raw/events/.claimed");
	put(&yard, "raw/events/.claimed/one", "1");
	put(&yard, "raw/events/.claimed/two", "1");
	(void)snprintf(link, sizeof(link), "%s/link.json", yard.events);
	CU_ASSERT_EQUAL(symlink("a.json", link), 0);
	CU_ASSERT_TRUE(folders_count(&yard.config, &yard.dataset, &count,
		&err));
	CU_ASSERT_TRUE(count.there);
	CU_ASSERT_EQUAL(count.waiting, 2);
	CU_ASSERT_EQUAL(count.ignored, 3);
	CU_ASSERT_EQUAL(count.claimed, 2);
	CU_ASSERT(count.oldest_us > 0);
	yard_close(&yard);
}

static void a_missing_folder_is_told(void)
{
	struct yard yard;
	struct folder_count count;
	struct err err = { 0 };
	static char nowhere[] = "nowhere";

	yard_open(&yard);
	yard.dataset.directory = nowhere;
	CU_ASSERT_TRUE(folders_count(&yard.config, &yard.dataset, &count,
		&err));
	CU_ASSERT_FALSE(count.there);
	yard_close(&yard);
}

static size_t entries(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	while (dir != NULL && readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n - 2; /* . and .. */
}

static void a_drop_is_whole_and_never_over_another(void)
{
	struct yard yard;
	struct buf first = { 0 }, second = { 0 };
	struct err err = { 0 };
	int64_t bytes = 0;
	char from[256];
	struct stat st;

	yard_open(&yard);
	put(&yard, "x.json", "{\"a\":1}");
	(void)snprintf(from, sizeof(from), "%s/x.json", yard.root);
	CU_ASSERT_EQUAL(chmod(from, 0600), 0);
	CU_ASSERT_TRUE(folders_drop(&yard.config, &yard.dataset, from, "x.json",
		&first, &bytes, &err));
	CU_ASSERT_EQUAL(bytes, 7);
	CU_ASSERT_TRUE(folders_drop(&yard.config, &yard.dataset, from, "x.json",
		&second, &bytes, &err));
	CU_ASSERT_STRING_NOT_EQUAL(first.data, second.data);
	CU_ASSERT_PTR_NOT_NULL(strstr(second.data, "/raw/events/x_"));
	CU_ASSERT_EQUAL(stat(second.data, &st), 0);
	CU_ASSERT_EQUAL(st.st_size, 7);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0644);
	CU_ASSERT_EQUAL(stat(from, &st), 0);
	CU_ASSERT_EQUAL(entries(yard.events), 2); /* nothing half done */
	buf_clear(&first);
	buf_clear(&second);
	yard_close(&yard);
}

static void what_is_no_file_is_not_dropped(void)
{
	struct yard yard;
	struct buf path = { 0 };
	struct err err = { 0 };
	int64_t bytes;
	char from[256];

	yard_open(&yard);
	(void)snprintf(from, sizeof(from), "%s/fifo.json", yard.root);
	CU_ASSERT_EQUAL(mkfifo(from, 0600), 0);
	CU_ASSERT_FALSE(folders_drop(&yard.config, &yard.dataset, from,
		"fifo.json", &path, &bytes, &err));
	CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_IO);
	buf_reset(&path);
	CU_ASSERT_FALSE(folders_drop(&yard.config, &yard.dataset, yard.root,
		"dir.json", &path, &bytes, &err));
	CU_ASSERT_EQUAL(entries(yard.events), 0);
	buf_clear(&path);
	yard_close(&yard);
}

static void random_names_keep_their_ends(void)
{
	static const struct {
		const char *file, *start, *end;
	} table[] = {
		{ "tests/data/events_sample.json", "events_sample_", ".json" },
		{ "a.ndjson.gz", "a_", ".ndjson.gz" },
		{ "plain", "plain_", "" },
		{ "/x/.dot.json", ".dot_", ".json" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct buf a = { 0 }, b = { 0 };
		struct err err = { 0 };
		const size_t start = strlen(table[i].start);

		CU_ASSERT_TRUE(folders_random_name(table[i].file, &a, &err));
		CU_ASSERT_TRUE(folders_random_name(table[i].file, &b, &err));
		CU_ASSERT_STRING_NOT_EQUAL(a.data, b.data);
		CU_ASSERT_EQUAL(strncmp(a.data, table[i].start, start), 0);
		CU_ASSERT_EQUAL(strspn(a.data + start, "0123456789abcdef"), 8);
		CU_ASSERT_STRING_EQUAL(a.data + start + 8, table[i].end);
		buf_clear(&a);
		buf_clear(&b);
	}
}

/* -- locating ------------------------------------------------------------- */

#define DROP "0a1b2c3d-0000-4000-8000-000000000001"
#define SHA_XYZ \
	"3608bca1e44ea6c4d268eb6db02260269892c0b42b86bbf1e77a6fa16c3c9282"

static enum place find_exactly(const struct yard *yard, int64_t size,
	const char *sha256, char *path)
{
	const struct locate_wanted wanted = { .directory = "events",
		.name = "events/sub/a.json", .drop = DROP,
		.day = "2024-04-02", .size = size, .sha256 = sha256 };
	struct located located = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(locate_source(&yard->config, &wanted, &located, &err));
	(void)snprintf(path, 512, "%s", located.path.data != NULL ?
		located.path.data : "");
	buf_clear(&located.path);
	return located.place;
}

static enum place find(const struct yard *yard, int64_t size, char *path)
{
	return find_exactly(yard, size, NULL, path);
}

static void a_source_is_found_where_it_went(void)
{
	struct yard yard;
	char path[512];

	yard_open(&yard);
	CU_ASSERT_EQUAL(find(&yard, 3, path), PLACE_UNKNOWN);
	CU_ASSERT_STRING_EQUAL(path, "");
	folder(&yard, "raw/processed");
	folder(&yard, "raw/processed/events");
	folder(&yard, "raw/processed/events/2024-04-01");
	put(&yard, "raw/processed/events/2024-04-01/a.json", "old");
	CU_ASSERT_EQUAL(find(&yard, 3, path), PLACE_UNKNOWN);
	folder(&yard, "raw/processed/events/2024-04-03");
	put(&yard, "raw/processed/events/2024-04-03/a.json", "size");
	CU_ASSERT_EQUAL(find(&yard, 3, path), PLACE_UNKNOWN);
	CU_ASSERT_EQUAL(find(&yard, -1, path), PLACE_PROCESSED);
	folder(&yard, "raw/failed");
	folder(&yard, "raw/failed/events");
	folder(&yard, "raw/failed/events/2024-04-02");
	put(&yard, "raw/failed/events/2024-04-02/a.json", "xyz");
	CU_ASSERT_EQUAL(find(&yard, 3, path), PLACE_FAILED);
	CU_ASSERT_PTR_NOT_NULL(strstr(path, "2024-04-02/a.json"));
	put(&yard, "raw/processed/events/2024-04-03/a.json.1x", "xyz");
	CU_ASSERT_EQUAL(find(&yard, 3, path), PLACE_FAILED);
	put(&yard, "raw/processed/events/2024-04-03/a.json.12", "abc");
	CU_ASSERT_EQUAL(find(&yard, 3, path), PLACE_PROCESSED);
	CU_ASSERT_PTR_NOT_NULL(strstr(path, "2024-04-03/a.json.12"));
	CU_ASSERT_EQUAL(find_exactly(&yard, 3, SHA_XYZ, path), PLACE_FAILED);
	folder(&yard, "raw/events/.claimed");
	put(&yard, "raw/events/.claimed/" DROP, "anything");
	CU_ASSERT_EQUAL(find(&yard, 3, path), PLACE_CLAIMED);
	yard_close(&yard);
}

CU_TestInfo folders_tests[] = {
	{ "only files the producer takes are waiting",
		only_takeable_files_wait },
	{ "a missing folder is told", a_missing_folder_is_told },
	{ "a drop is whole, and never over another",
		a_drop_is_whole_and_never_over_another },
	{ "what is no file is not dropped", what_is_no_file_is_not_dropped },
	{ "random names keep their ends", random_names_keep_their_ends },
	{ "a source is found where it went", a_source_is_found_where_it_went },
	CU_TEST_INFO_NULL,
};
