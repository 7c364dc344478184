/* test_finish.c - files leave .claimed, and every crash on the way is mended:
 * each state of the row with each place the file can be at. */
#include "common/clock.h"
#include "common/log.h"
#include "common/place.h"
#include "producer/recover.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64], processed[96], failed[96];
static struct finish_dirs dirs;
static struct state *state;

static void setup(void)
{
	struct err err = { 0 };
	char path[128];

	(void)snprintf(dir, sizeof(dir), "/tmp/sluice-finish-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	(void)snprintf(processed, sizeof(processed), "%s/processed", dir);
	(void)snprintf(failed, sizeof(failed), "%s/failed", dir);
	(void)snprintf(path, sizeof(path), "%s/raw", dir);
	dirs = (struct finish_dirs){ .root = place_root(path, &err),
		.processed_dir = processed, .failed_dir = failed };
	CU_ASSERT_TRUE(place_make(dirs.root, "o/sub", &err));
	CU_ASSERT_TRUE(place_make(dirs.root, "o/.claimed", &err));
	(void)snprintf(path, sizeof(path), "%s/state.db", dir);
	state = state_open(path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(state);
	log_setup(LOG_ERROR, LOG_LOGFMT);
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
	log_setup(LOG_INFO, LOG_LOGFMT);
	state_close(state);
	close(dirs.root);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(int root, const char *name)
{
	const int fd = openat(root, name, O_WRONLY | O_CREAT, 0600);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, "[]", 2), 2);
	close(fd);
}

static struct source *make(const char *name)
{
	struct err err = { 0 };
	struct source *s = source_new("events", "orgs", "o", name, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(s);
	CU_ASSERT_TRUE(uuid_random(&s->drop, &err));
	return s;
}

/* A row, and its file where a claim would have put it. */
static struct source *claimed(const char *name)
{
	struct err err = { 0 };
	struct source *s = make(name);
	struct buf path = { 0 };
	struct stat st;

	CU_ASSERT_TRUE(source_claimed_path(s, &path, &err));
	put(dirs.root, path.data);
	CU_ASSERT_EQUAL(fstatat(dirs.root, path.data, &st, 0), 0);
	s->inode = st.st_ino;
	s->size = 2;
	s->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 +
		st.st_mtim.tv_nsec;
	CU_ASSERT_TRUE(state_add(state, s, &err));
	buf_clear(&path);
	return s;
}

static bool is_claimed(const struct source *s)
{
	struct err err = { 0 };
	struct buf path = { 0 };
	const bool there = source_claimed_path(s, &path, &err) &&
		place_exists(dirs.root, path.data);

	buf_clear(&path);
	return there;
}

static void check_file(const char *folder, const char *target, bool want)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, target);
	CU_ASSERT_EQUAL(access(path, F_OK) == 0, want);
}

static void check_row(const struct source *s, enum source_state want)
{
	struct err err = { 0 };
	struct source *row = NULL;

	CU_ASSERT_TRUE(state_get(state, &s->drop, &row, &err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(row);
	CU_ASSERT_EQUAL(row->state, want);
	source_free(row);
}

static void today(char *out, size_t size, const char *name)
{
	char date[CLOCK_TEXT];

	clock_format_date(clock_wall_us(), date);
	(void)snprintf(out, size, "o/%s/%s", date, name);
}

static void finish(struct source *const *sources, size_t count)
{
	struct err err = { 0 };

	CU_ASSERT_TRUE(finish_sources(&dirs, state, sources, count, &err));
}

static void files_go_where_they_belong(void)
{
	struct source *s[2];
	char want[128];

	setup();
	s[0] = claimed("o/sub/a.json");
	s[1] = claimed("o/b.json");
	s[1]->failed = true;
	finish(s, 2);
	today(want, sizeof(want), "sub/a.json");
	CU_ASSERT_STRING_EQUAL(s[0]->target, want);
	check_file(processed, want, true);
	today(want, sizeof(want), "b.json");
	check_file(failed, want, true);
	for (size_t i = 0; i < 2; i++) {
		CU_ASSERT_FALSE(is_claimed(s[i]));
		check_row(s[i], SOURCE_MOVED);
		source_free(s[i]);
	}
	teardown();
}

static void namesakes_never_meet(void)
{
	static const char *const wants[] = { "a.json", "a.json.1", "a.json.2" };
	struct source *s[3];
	char want[128];

	setup();
	s[0] = claimed("o/a.json");
	finish(s, 1);
	s[1] = claimed("o/a.json");
	s[2] = claimed("o/a.json");
	finish(s + 1, 2);
	for (size_t i = 0; i < 3; i++) {
		today(want, sizeof(want), wants[i]);
		CU_ASSERT_STRING_EQUAL(s[i]->target, want);
		check_file(processed, want, true);
		check_row(s[i], SOURCE_MOVED);
		source_free(s[i]);
	}
	teardown();
}

/* A file stands where the folder should be. */
static void what_cannot_move_is_tried_again(void)
{
	struct err err = { 0 };
	struct source *s;
	int top;

	setup();
	s = claimed("o/a.json");
	top = open(dir, O_RDONLY | O_DIRECTORY);
	put(top, "processed");
	CU_ASSERT_FALSE(finish_sources(&dirs, state, &s, 1, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	CU_ASSERT_TRUE(is_claimed(s));
	CU_ASSERT_EQUAL(unlinkat(top, "processed", 0), 0);
	close(top);
	finish(&s, 1);
	CU_ASSERT_FALSE(is_claimed(s));
	check_row(s, SOURCE_MOVED);
	source_free(s);
	teardown();
}

static void a_removed_file_is_lost(void)
{
	struct source *s;
	struct buf path = { 0 };
	struct err err = { 0 };

	setup();
	s = claimed("o/a.json");
	CU_ASSERT_TRUE(source_claimed_path(s, &path, &err));
	CU_ASSERT_EQUAL(unlinkat(dirs.root, path.data, 0), 0);
	buf_clear(&path);
	finish(&s, 1);
	check_row(s, SOURCE_LOST);
	source_free(s);
	teardown();
}

/* -- crashes ---------------------------------------------------------- */

enum spot { CLAIMED, ORIGINAL, ORIGINAL_CHANGED, TARGET, NOWHERE };

static void move_to(const struct source *s, enum spot spot)
{
	struct err err = { 0 };
	struct buf from = { 0 };
	int to = place_root(processed, &err);

	CU_ASSERT_TRUE(source_claimed_path(s, &from, &err));
	CU_ASSERT_TRUE(place_make(to, "o/then", &err));
	if (spot == ORIGINAL || spot == ORIGINAL_CHANGED)
		CU_ASSERT_TRUE(place_rename(dirs.root, from.data, dirs.root,
			s->name, &err));
	if (spot == ORIGINAL_CHANGED)
		CU_ASSERT_EQUAL(utimensat(dirs.root, s->name,
			(struct timespec[]){ { 1, 0 }, { 1, 0 } }, 0), 0);
	if (spot == TARGET)
		CU_ASSERT_TRUE(place_rename(dirs.root, from.data, to,
			"o/then/a.json", &err));
	if (spot == NOWHERE)
		CU_ASSERT_EQUAL(unlinkat(dirs.root, from.data, 0), 0);
	buf_clear(&from);
	close(to);
}

static void check_crash(enum source_state at, enum spot spot,
	enum recovery want, enum source_state then)
{
	struct err err = { 0 };
	struct source *s, *got = NULL;
	enum recovery what = RECOVER_DONE;
	int64_t after = 0;

	setup();
	s = claimed("o/a.json");
	s->state = at;
	if (at == SOURCE_PUBLISHED)
		s->target = strdup("o/then/a.json");
	CU_ASSERT_TRUE(state_update(state, s, &err));
	move_to(s, spot);
	CU_ASSERT_TRUE(recover_next(&dirs, state, &after, &got, &what, &err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(got);
	CU_ASSERT_EQUAL(what, want);
	CU_ASSERT_TRUE(got->resumed);
	check_row(s, then);
	CU_ASSERT_EQUAL(is_claimed(s), want != RECOVER_DONE);
	if (want == RECOVER_FINISH) {
		finish(&got, 1);
		check_row(s, SOURCE_MOVED);
		CU_ASSERT_FALSE(is_claimed(s));
	}
	source_free(got);
	CU_ASSERT_TRUE(recover_next(&dirs, state, &after, &got, &what, &err));
	CU_ASSERT_PTR_NULL(got);
	source_free(s);
	teardown();
}

static void every_crash_is_mended(void)
{
	check_crash(SOURCE_CLAIMED, CLAIMED, RECOVER_SEND, SOURCE_CLAIMED);
	check_crash(SOURCE_CLAIMED, ORIGINAL, RECOVER_SEND, SOURCE_CLAIMED);
	check_crash(SOURCE_CLAIMED, ORIGINAL_CHANGED, RECOVER_DONE,
		SOURCE_LOST);
	check_crash(SOURCE_CLAIMED, NOWHERE, RECOVER_DONE, SOURCE_LOST);
	check_crash(SOURCE_PUBLISHED, CLAIMED, RECOVER_FINISH,
		SOURCE_PUBLISHED);
	check_crash(SOURCE_PUBLISHED, ORIGINAL, RECOVER_FINISH,
		SOURCE_PUBLISHED);
	check_crash(SOURCE_PUBLISHED, TARGET, RECOVER_DONE, SOURCE_MOVED);
	check_crash(SOURCE_PUBLISHED, NOWHERE, RECOVER_DONE, SOURCE_LOST);
}

static void an_absent_folder_is_waited_for(void)
{
	struct err err = { 0 };
	struct source *s, *got = NULL;
	enum recovery what = RECOVER_DONE;
	int64_t after = 0;

	setup();
	s = claimed("o/a.json");
	CU_ASSERT_EQUAL(renameat(dirs.root, "o", dirs.root, "elsewhere"), 0);
	CU_ASSERT_TRUE(recover_next(&dirs, state, &after, &got, &what, &err));
	CU_ASSERT_EQUAL(what, RECOVER_SEND);
	check_row(s, SOURCE_CLAIMED);
	CU_ASSERT_EQUAL(renameat(dirs.root, "elsewhere", dirs.root, "o"), 0);
	source_free(got);
	source_free(s);
	teardown();
}

static void duplicates_need_no_sending(void)
{
	struct err err = { 0 };
	struct source *s, *got = NULL;
	enum recovery what = RECOVER_DONE;
	int64_t after = 0;

	setup();
	s = claimed("o/a.json");
	CU_ASSERT_TRUE(state_forget(state, &s->drop, &err));
	s->duplicate = true;
	CU_ASSERT_TRUE(state_add(state, s, &err));
	CU_ASSERT_TRUE(recover_next(&dirs, state, &after, &got, &what, &err));
	CU_ASSERT_EQUAL(what, RECOVER_FINISH);
	source_free(got);
	source_free(s);
	teardown();
}

/* A moved row whose move was undone, a stranger, and one under way. */
static void strays_are_sorted(void)
{
	struct err err = { 0 };
	struct source *moved, *open;

	setup();
	moved = claimed("o/a.json");
	moved->state = SOURCE_MOVED;
	CU_ASSERT_TRUE(state_update(state, moved, &err));
	open = claimed("o/b.json");
	put(dirs.root, "o/.claimed/stranger");
	CU_ASSERT_TRUE(recover_strays(&dirs, state, "o", &err));
	CU_ASSERT_FALSE(is_claimed(moved));
	CU_ASSERT_TRUE(is_claimed(open));
	CU_ASSERT_TRUE(place_exists(dirs.root, "o/.claimed/stranger"));
	CU_ASSERT_TRUE(recover_strays(&dirs, state, "none", &err));
	source_free(moved);
	source_free(open);
	teardown();
}

CU_TestInfo finish_tests[] = {
	{ "files go where they belong", files_go_where_they_belong },
	{ "namesakes never meet", namesakes_never_meet },
	{ "what cannot move is tried again", what_cannot_move_is_tried_again },
	{ "a removed file is lost, and said so", a_removed_file_is_lost },
	{ "every crash is mended", every_crash_is_mended },
	{ "a folder that is away is waited for, its file is not lost",
		an_absent_folder_is_waited_for },
	{ "duplicates need no sending", duplicates_need_no_sending },
	{ "files without a row are sorted", strays_are_sorted },
	CU_TEST_INFO_NULL,
};
