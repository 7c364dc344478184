/* test_watch.c - what is taken, what is left, and that nothing is missed. */
#include "producer/watch.h"
#include "common/clock.h"
#include "common/log.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_MS 20000

static char dir[64], raw[80], processed[96], failed[96];
static char json[] = "*.json", gz[] = "*.json.gz";
static char *const patterns[] = { json, gz };
static const struct watch_folder folders[] = {
	{ "events", patterns, 2 },
	{ "a/b", patterns, 1 },
};
static struct watch *watch;

static void path_of(char *out, size_t size, const char *name)
{
	(void)snprintf(out, size, "%s/%s", raw, name);
}

static void setup_dirs(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/sluice-watch-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	(void)snprintf(raw, sizeof(raw), "%s/raw", dir);
	(void)snprintf(processed, sizeof(processed), "%s/processed", raw);
	(void)snprintf(failed, sizeof(failed), "%s/failed", raw);
}

static void start(int64_t settle_ms)
{
	const struct watch_options options = { .raw_dir = raw,
		.processed_dir = processed, .failed_dir = failed,
		.settle_ms = settle_ms, .rescan_ms = 1000000,
		.max_file_bytes = 1000 };
	struct err err = { 0 };

	log_setup(LOG_ERROR, LOG_LOGFMT);
	watch = watch_open(&options, folders, 2, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(watch);
	CU_ASSERT_TRUE(watch_step(watch, &err));
}

static void setup(int64_t settle_ms)
{
	setup_dirs();
	start(settle_ms);
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
	watch_close(watch);
	log_setup(LOG_INFO, LOG_LOGFMT);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int open_new(const char *name)
{
	char path[512];
	int fd;

	path_of(path, sizeof(path), name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, "{}", 2), 2);
	return fd;
}

static void put(const char *name)
{
	close(open_new(name));
}

static void make_folder(const char *name)
{
	char path[512];

	path_of(path, sizeof(path), name);
	CU_ASSERT_EQUAL(mkdir(path, 0755), 0);
}

static void move(const char *from, const char *to)
{
	char a[512], b[512];

	path_of(a, sizeof(a), from);
	path_of(b, sizeof(b), to);
	CU_ASSERT_EQUAL(rename(a, b), 0);
}

static void step(void)
{
	struct err err = { 0 };

	CU_ASSERT_TRUE(watch_step(watch, &err));
}

/* Waits until a file of the folder is complete; it must be this one. */
static void check_comes(size_t folder, const char *want)
{
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	char *got;

	while ((got = watch_take(watch, folder)) == NULL &&
		clock_now_ms() < until) {
		struct pollfd p = { .fd = watch_fd(watch), .events = POLLIN };
		const int wait = watch_timeout_ms(watch);

		(void)poll(&p, 1, wait < 1000 ? wait : 1000);
		step();
	}
	CU_ASSERT_PTR_NOT_NULL(got);
	if (got != NULL)
		CU_ASSERT_STRING_EQUAL(got, want);
	free(got);
}

/* What happened so far has led to nothing, not even by a rescan: a file that
 * comes last comes alone. */
static void check_nothing_else(void)
{
	char *got;

	watch_rescan(watch);
	step();
	put("events/last.json");
	check_comes(0, "events/last.json");
	got = watch_take(watch, 0);
	CU_ASSERT_PTR_NULL(got);
	free(got);
}

static void check_name(const char *name, bool want)
{
	CU_ASSERT_EQUAL(watch_name_taken(name), want);
}

static void unfinished_names_are_left(void)
{
	check_name("a.json", true);
	check_name("a", true);
	check_name("tmp", true);
	check_name("a.tmp.json", true);
	check_name("\xff\n.json", true);
	check_name("", false);
	check_name(".", false);
	check_name(".a.json", false);
	check_name("a.json~", false);
	check_name("a.json.tmp", false);
	check_name("a.json.TMP", false);
	check_name("a.part", false);
	check_name(".tmp", false);
	check_name("a.swp", false);
}

static void closed_and_renamed_come_at_once(void)
{
	int fd;

	setup(PATIENCE_MS * 10);
	put("events/a.json");
	check_comes(0, "events/a.json");
	fd = open_new("events/open.json");
	put("events/.b.json");
	move("events/.b.json", "events/b.json");
	check_comes(0, "events/b.json");
	close(fd);
	check_comes(0, "events/open.json");
	put("a/b/c.json");
	check_comes(1, "a/b/c.json");
	CU_ASSERT_EQUAL(watch_missed(watch), 0);
	teardown();
}

static void subfolders_are_watched(void)
{
	setup(10);
	make_folder("events/new");
	put("events/new/a.json");
	check_comes(0, "events/new/a.json");
	make_folder("events/new/er");
	step();
	put("events/new/er/b.json");
	check_comes(0, "events/new/er/b.json");
	move("events/new", "events/moved");
	step();
	put("events/moved/er/c.json");
	check_comes(0, "events/moved/er/c.json");
	teardown();
}

static void moved_away_is_forgotten(void)
{
	setup(10);
	make_folder("events/sub");
	step();
	move("events/sub", "beside");
	step();
	put("beside/a.json");
	check_nothing_else();
	teardown();
}

static void others_are_left(void)
{
	char path[512], target[512];

	setup(0);
	put("events/notes.txt");
	put("events/.hidden.json");
	put("events/a.json.part");
	put("stray.json");
	make_folder("processed");
	put("processed/p.json");
	make_folder("events/folder.json");
	put("events/folder.json/in.json");
	make_folder("events/.claimed");
	put("events/.claimed/c.json");
	path_of(path, sizeof(path), "events/fifo.json");
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	path_of(path, sizeof(path), "events/link.json");
	CU_ASSERT_EQUAL(symlink("/etc/passwd", path), 0);
	path_of(path, sizeof(path), "events/way");
	CU_ASSERT_EQUAL(symlink(dir, path), 0);
	put("one.hard");
	path_of(target, sizeof(target), "one.hard");
	path_of(path, sizeof(path), "events/hard.json");
	CU_ASSERT_EQUAL(link(target, path), 0);
	path_of(path, sizeof(path), "events/large.json");
	CU_ASSERT_EQUAL(mknod(path, S_IFREG | 0600, 0), 0);
	CU_ASSERT_EQUAL(truncate(path, 1001), 0);
	check_nothing_else();
	teardown();
}

static void found_by_scan_must_settle(void)
{
	char path[512], target[512];

	setup(50);
	path_of(target, sizeof(target), "one.hard");
	put("one.hard");
	path_of(path, sizeof(path), "events/a.json");
	CU_ASSERT_EQUAL(link(target, path), 0);
	CU_ASSERT_EQUAL(unlink(target), 0);
	watch_rescan(watch);
	check_comes(0, "events/a.json");
	CU_ASSERT_EQUAL(watch_missed(watch), 1);
	teardown();
}

static void old_files_are_taken_at_the_start(void)
{
	const struct timespec old[2] = { { .tv_sec = 1000 },
		{ .tv_sec = 1000 } };
	char path[512];
	char *got;

	setup_dirs();
	CU_ASSERT_EQUAL(mkdir(raw, 0755), 0);
	make_folder("events");
	put("events/old.json");
	put("events/young.json");
	path_of(path, sizeof(path), "events/old.json");
	CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, old, 0), 0);
	start(PATIENCE_MS * 10);
	got = watch_take(watch, 0);
	CU_ASSERT_TRUE(got != NULL && strcmp(got, "events/old.json") == 0);
	free(got);
	got = watch_take(watch, 0);
	CU_ASSERT_PTR_NULL(got);
	free(got);
	teardown();
}

/* More files than inotify's queue holds, created before anybody reads it. */
static void overflow_loses_nothing(void)
{
	enum { MANY = 20000 };
	static bool got[MANY];
	const int64_t until = clock_now_ms() + 6 * PATIENCE_MS;
	size_t count = 0;
	char name[64];

	setup(20);
	memset(got, 0, sizeof(got));
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(name, sizeof(name), "events/%d.json", i);
		put(name);
	}
	while (count < MANY && clock_now_ms() < until) {
		struct pollfd p = { .fd = watch_fd(watch), .events = POLLIN };
		const int wait = watch_timeout_ms(watch);
		char *path;

		(void)poll(&p, 1, wait < 1000 ? wait : 1000);
		step();
		while ((path = watch_take(watch, 0)) != NULL) {
			char full[512];
			const long n = strtol(path + 7, NULL, 10);

			CU_ASSERT_TRUE_FATAL(n >= 0 && n < MANY);
			path_of(full, sizeof(full), path);
			/* like a claim: it is gone from the folder */
			if (unlink(full) == 0) {
				CU_ASSERT_FALSE(got[n]);
				got[n] = true;
				count++;
			}
			free(path);
		}
	}
	CU_ASSERT_EQUAL(count, MANY);
	CU_ASSERT_TRUE(watch_missed(watch) > 0);
	teardown();
}

static void another_raw_dir_is_followed(void)
{
	char away[128];

	setup(10);
	(void)snprintf(away, sizeof(away), "%s/away", dir);
	CU_ASSERT_EQUAL(rename(raw, away), 0);
	watch_rescan(watch);
	step();
	CU_ASSERT_EQUAL(mkdir(raw, 0755), 0);
	watch_rescan(watch);
	step();
	put("events/a.json");
	check_comes(0, "events/a.json");
	teardown();
}

/* A file that was settling must not have us look for it without a pause. */
static void missing_raw_dir_is_waited_for(void)
{
	char away[128], path[512], target[512];

	setup(1);
	put("one.hard");
	path_of(target, sizeof(target), "one.hard");
	path_of(path, sizeof(path), "events/a.json");
	CU_ASSERT_EQUAL(link(target, path), 0);
	CU_ASSERT_EQUAL(unlink(target), 0);
	watch_rescan(watch);
	step();
	(void)snprintf(away, sizeof(away), "%s/away", dir);
	CU_ASSERT_EQUAL(rename(raw, away), 0);
	(void)poll(NULL, 0, 10);
	step();
	step();
	CU_ASSERT_TRUE(watch_timeout_ms(watch) > 1000);
	CU_ASSERT_EQUAL(rename(away, raw), 0);
	watch_rescan(watch);
	check_comes(0, "events/a.json");
	teardown();
}

static void removed_folder_is_made_again(void)
{
	char path[512];

	setup(10);
	path_of(path, sizeof(path), "events");
	CU_ASSERT_EQUAL(rmdir(path), 0);
	step();
	put("events/a.json");
	check_comes(0, "events/a.json");
	teardown();
}

static void check_events(const void *data, size_t len, size_t want)
{
	struct watch_event event;
	size_t at = 0, got = 0;

	while (watch_event_next(data, len, &at, &event))
		got++;
	CU_ASSERT_EQUAL(got, want);
}

/* Two records with names of 16 bytes, as the kernel lays them out. */
static void any_event_bytes_are_survived(void)
{
	enum { ONE = sizeof(struct inotify_event) + 16 };
	struct inotify_event head = { .wd = 7, .mask = IN_Q_OVERFLOW };
	char two[2 * ONE] = { 0 };

	check_events(&head, sizeof(head), 1);
	head.len = 16;
	for (size_t i = 0; i < 2; i++) {
		memcpy(two + i * ONE, &head, sizeof(head));
		memcpy(two + i * ONE + sizeof(head), "a.json", 6);
	}
	for (size_t len = 0; len <= sizeof(two); len++)
		check_events(two, len, len / ONE);
	memset(two + sizeof(head), 'x', 16); /* a name without its NUL */
	check_events(two, sizeof(two), 0);
	head.len = UINT32_MAX;
	memcpy(two, &head, sizeof(head));
	check_events(two, sizeof(two), 0);
}

static void shared_file_systems_are_known(void)
{
	static const struct {
		uint32_t type;
		const char *want;
	} cases[] = {
		{ 0x65735546, "fuse" }, { 0x6969, "nfs" },
		{ 0xff534d42, "cifs" }, { 0x01021997, "9p" },
		{ 0xef53, NULL },     /* ext4 */
		{ 0x794c7630, NULL }, /* overlay */
		{ 0x01021994, NULL }, /* tmpfs */
		{ 0, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *got = watch_shared(cases[i].type);

		CU_ASSERT_EQUAL(got == NULL, cases[i].want == NULL);
		if (got != NULL && cases[i].want != NULL)
			CU_ASSERT_STRING_EQUAL(got, cases[i].want);
	}
}

CU_TestInfo watch_tests[] = {
	{ "names of unfinished files are left", unfinished_names_are_left },
	{ "closed and renamed files come at once",
		closed_and_renamed_come_at_once },
	{ "subfolders are watched", subfolders_are_watched },
	{ "what was moved away is forgotten", moved_away_is_forgotten },
	{ "what is no file of a dataset is left", others_are_left },
	{ "found by a scan must settle", found_by_scan_must_settle },
	{ "old files are taken at the start",
		old_files_are_taken_at_the_start },
	{ "an overflow loses nothing", overflow_loses_nothing },
	{ "another raw_dir is followed", another_raw_dir_is_followed },
	{ "a missing raw_dir is waited for", missing_raw_dir_is_waited_for },
	{ "a removed folder is made again", removed_folder_is_made_again },
	{ "shared file systems are known", shared_file_systems_are_known },
	{ "any event bytes are survived", any_event_bytes_are_survived },
	CU_TEST_INFO_NULL,
};
