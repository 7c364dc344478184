/* test_place.c - opening without surprises, moving without overwriting. */
#include "common/place.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64];
static int root;

static void setup(void)
{
	struct err err = { 0 };
	char below[96];

	(void)snprintf(dir, sizeof(dir), "/tmp/sluice-place-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	(void)snprintf(below, sizeof(below), "%s/a/b", dir);
	root = place_root(below, &err);
	CU_ASSERT_TRUE_FATAL(root >= 0);
}

static int remove_one(const char *path, const struct stat *st, int flag,
	struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void teardown(void)
{
	close(root);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *name, const char *text)
{
	const int fd = openat(root, name, O_WRONLY | O_CREAT | O_EXCL, 0640);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void check_text(int folder, const char *name, const char *want)
{
	char got[64] = "";
	const int fd = openat(folder, name, O_RDONLY);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_TRUE(read(fd, got, sizeof(got) - 1) >= 0);
	CU_ASSERT_STRING_EQUAL(got, want);
	close(fd);
}

static void check_open(const char *path, bool want)
{
	struct err err = { 0 };
	const int fd = place_open(root, path, O_RDONLY, &err);

	CU_ASSERT_EQUAL(fd >= 0, want);
	if (fd >= 0)
		close(fd);
	else
		CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
}

static void links_are_not_followed(void)
{
	setup();
	CU_ASSERT_EQUAL(mkdirat(root, "sub", 0755), 0);
	put("sub/f", "x");
	CU_ASSERT_EQUAL(symlinkat("sub/f", root, "link"), 0);
	CU_ASSERT_EQUAL(symlinkat("sub", root, "way"), 0);
	CU_ASSERT_EQUAL(mkfifoat(root, "fifo", 0600), 0);
	check_open("sub/f", true);
	check_open("fifo", true); /* at once: fstat then tells what it is */
	check_open("link", false);
	check_open("way/f", false);
	check_open("../../x", false);
	check_open("/etc/passwd", false);
	check_open("none", false);
	teardown();
}

static void check_fault(struct stat st, const char *want)
{
	const char *got = place_fault(&st, 1 << 30);

	if (want == NULL)
		CU_ASSERT_PTR_NULL(got)
	else
		CU_ASSERT_TRUE(got != NULL && strstr(got, want) != NULL);
}

static void faults_are_named(void)
{
	const struct stat good = { .st_mode = S_IFREG | 0644, .st_nlink = 1,
		.st_size = 100, .st_blocks = 8 };
	struct stat st = good;

	check_fault(st, NULL);
	st.st_size = 0;
	st.st_blocks = 0;
	check_fault(st, NULL);
	st.st_mode = S_IFLNK | 0777;
	check_fault(st, "symbolic link");
	st.st_mode = S_IFDIR | 0755;
	check_fault(st, "folder");
	st.st_mode = S_IFIFO | 0644;
	check_fault(st, "no regular file");
	st = good;
	st.st_nlink = 2;
	check_fault(st, "hard link");
	st = good;
	st.st_size = (1 << 30) + 1;
	check_fault(st, "max_file_bytes");
	st.st_size = 1 << 30;
	check_fault(st, "holes");
	st.st_blocks = 1 << 15;
	check_fault(st, NULL);
}

static void nothing_is_overwritten(void)
{
	struct err err = { 0 };

	setup();
	put("a", "one");
	put("b", "two");
	CU_ASSERT_FALSE(place_rename(root, "a", root, "b", &err));
	CU_ASSERT_EQUAL(errno, EEXIST);
	CU_ASSERT_FALSE(place_move(root, "a", root, "b", &err));
	check_text(root, "b", "two");
	CU_ASSERT_TRUE(place_rename(root, "a", root, "c", &err));
	check_text(root, "c", "one");
	CU_ASSERT_FALSE(place_exists(root, "a"));
	CU_ASSERT_TRUE(place_sync(root, "c", &err));
	teardown();
}

static void check_free(const char *path, const char *want)
{
	struct err err = { 0 };
	struct buf b = { 0 };

	CU_ASSERT_TRUE(buf_add_str(&b, path, &err));
	CU_ASSERT_TRUE(place_free_name(root, &b, &err));
	CU_ASSERT_STRING_EQUAL(b.data, want);
	buf_clear(&b);
}

static void free_names_count_up(void)
{
	char name[32];

	setup();
	check_free("a", "a");
	put("a", "");
	check_free("a", "a.1");
	for (int i = 1; i <= 37; i++) {
		(void)snprintf(name, sizeof(name), "a.%d", i);
		put(name, "");
	}
	check_free("a", "a.38");
	teardown();
}

static void long_names_are_cut(void)
{
	struct err err = { 0 };
	char name[256], want[300];

	setup();
	memset(name, 'n', 255);
	name[255] = '\0';
	put(name, "");
	CU_ASSERT_TRUE(place_make(root, "sub/er", &err));
	check_free("sub/er/x", "sub/er/x");
	(void)snprintf(want, sizeof(want), "%.253s.1", name);
	check_free(name, want);
	teardown();
}

/* /dev/shm is another file system wherever it exists. */
static void another_file_system_gets_a_copy(void)
{
	struct err err = { 0 };
	char other[] = "/dev/shm/sluice-place-XXXXXX";
	struct stat before, after;
	int to;

	if (mkdtemp(other) == NULL)
		return;
	setup();
	to = open(other, O_RDONLY | O_DIRECTORY);
	CU_ASSERT_TRUE_FATAL(to >= 0);
	put("a", "one");
	CU_ASSERT_EQUAL(fstatat(root, "a", &before, 0), 0);
	CU_ASSERT_TRUE(place_move(root, "a", to, "b", &err));
	check_text(to, "b", "one");
	CU_ASSERT_FALSE(place_exists(root, "a"));
	CU_ASSERT_FALSE(place_exists(to, "b.sluice-part"));
	CU_ASSERT_EQUAL(fstatat(to, "b", &after, 0), 0);
	CU_ASSERT_EQUAL(after.st_mode, before.st_mode);
	CU_ASSERT_EQUAL(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	put("c", "two");
	CU_ASSERT_FALSE(place_move(root, "c", to, "b", &err));
	check_text(to, "b", "one");
	check_text(root, "c", "two");
	CU_ASSERT_EQUAL(unlinkat(to, "b", 0), 0);
	close(to);
	CU_ASSERT_EQUAL(rmdir(other), 0);
	teardown();
}

static int again(const char *name, struct err *err)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return place_again(path, err);
}

static void only_the_last_part_is_made_again(void)
{
	struct err err = { 0 };
	int fd;

	setup();
	fd = again("a/processed", &err);
	CU_ASSERT_TRUE(fd >= 0);
	close(fd);
	fd = again("a/processed", &err);
	CU_ASSERT_TRUE(fd >= 0);
	close(fd);
	CU_ASSERT_EQUAL(again("away/processed", &err), -1);
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	CU_ASSERT_FALSE(place_exists(root, "../../away"));
	teardown();
}

CU_TestInfo place_tests[] = {
	{ "a folder is made again, but not what is above it",
		only_the_last_part_is_made_again },
	{ "links are not followed", links_are_not_followed },
	{ "faults are named", faults_are_named },
	{ "nothing is overwritten", nothing_is_overwritten },
	{ "free names count up", free_names_count_up },
	{ "long names are cut to fit", long_names_are_cut },
	{ "another file system gets a copy", another_file_system_gets_a_copy },
	CU_TEST_INFO_NULL,
};
