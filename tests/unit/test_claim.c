/* test_claim.c - files become sources; what races with it is noticed. */
#include "producer/claim.h"
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
static struct state *state;
static struct claim_rules rules = {
	.pipeline = "events",
	.dataset = "orgs",
	.directory = "o",
	.limits = { 5, 6, 7 },
	.max_file_bytes = 1 << 20,
};

static void setup(void)
{
	struct err err = { 0 };
	char path[128];

	(void)snprintf(dir, sizeof(dir), "/tmp/sluice-claim-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/raw", dir);
	root = place_root(path, &err);
	CU_ASSERT_TRUE(place_make(root, "o/sub", &err));
	(void)snprintf(path, sizeof(path), "%s/state.db", dir);
	state = state_open(path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(state);
	rules.skip_duplicates = false;
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
	state_close(state);
	close(root);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *name, const char *text, int flags)
{
	const int fd = openat(root, name, O_WRONLY | O_CREAT | flags, 0600);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* Opened and hashed whole, in slices of 3 bytes. */
static struct claim *hashed(const char *name)
{
	struct err err = { 0 };
	struct claim *claim = claim_new(root, &rules, name, &err);
	bool done = false;

	CU_ASSERT_PTR_NOT_NULL_FATAL(claim);
	while (!done)
		CU_ASSERT_TRUE_FATAL(claim_hash(claim, 3, &done, &err));
	return claim;
}

static void commit(struct claim *claim, enum claim_fate want)
{
	struct err err = { 0 };

	CU_ASSERT_TRUE(claim_commit(root, state, &claim, 1, &err));
	CU_ASSERT_EQUAL(claim->fate, want);
}

static void check_digest(const struct source *source, const char *text)
{
	struct err err = { 0 };
	uint8_t want[SHA256_BYTES];

	CU_ASSERT_TRUE(sha256_once(text, strlen(text), want, &err));
	CU_ASSERT_EQUAL(memcmp(source->sha256, want, sizeof(want)), 0);
	CU_ASSERT_EQUAL(source->size, strlen(text));
}

/* The row and the file in .claimed both hold text. */
static void check_claimed(const struct claim *claim, const char *text)
{
	struct buf path = { 0 };
	struct err err = { 0 };
	struct source *row = NULL;
	char got[64] = "";
	int fd;

	CU_ASSERT_TRUE(source_claimed_path(claim->source, &path, &err));
	fd = openat(root, path.data, O_RDONLY);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_TRUE(read(fd, got, sizeof(got) - 1) >= 0);
	CU_ASSERT_STRING_EQUAL(got, text);
	CU_ASSERT_TRUE(claim_unchanged(fd, claim->source));
	close(fd);
	buf_clear(&path);
	CU_ASSERT_TRUE(state_get(state, &claim->source->drop, &row, &err));
	CU_ASSERT_PTR_NOT_NULL_FATAL(row);
	check_digest(row, text);
	check_digest(claim->source, text);
	CU_ASSERT_EQUAL(row->inode, claim->source->inode);
	CU_ASSERT_EQUAL(row->limits.chunk_bytes, 6);
	CU_ASSERT_EQUAL(row->state, SOURCE_CLAIMED);
	source_free(row);
}

static void check_no_row(const struct claim *claim)
{
	struct source *row = NULL;
	struct err err = { 0 };

	CU_ASSERT_TRUE(state_get(state, &claim->source->drop, &row, &err));
	CU_ASSERT_PTR_NULL(row);
	source_free(row);
}

static void a_file_is_taken(void)
{
	struct claim *claim;

	setup();
	put("o/sub/\xff.json", "{\"a\":1}", 0);
	claim = hashed("o/sub/\xff.json");
	commit(claim, CLAIM_TAKEN);
	check_claimed(claim, "{\"a\":1}");
	CU_ASSERT_STRING_EQUAL(claim->source->name, "o/sub/\xff.json");
	CU_ASSERT_FALSE(place_exists(root, "o/sub/\xff.json"));
	claim_free(claim);
	teardown();
}

static void an_empty_file_is_taken(void)
{
	struct claim *claim;

	setup();
	put("o/a.json", "", 0);
	claim = hashed("o/a.json");
	commit(claim, CLAIM_TAKEN);
	check_claimed(claim, "");
	claim_free(claim);
	teardown();
}

static void check_again(struct claim *claim, const char *text)
{
	struct err err = { 0 };
	bool done = false;

	commit(claim, CLAIM_AGAIN);
	CU_ASSERT_TRUE(claim_hash(claim, 100, &done, &err));
	CU_ASSERT_TRUE(done);
	commit(claim, CLAIM_TAKEN);
	check_claimed(claim, text);
}

static void replaced_at_the_last_moment_is_hashed_again(void)
{
	struct claim *claim;

	setup();
	put("o/a.json", "[1]", 0);
	claim = hashed("o/a.json");
	put("o/.new", "[22]", 0);
	CU_ASSERT_EQUAL(renameat(root, "o/.new", root, "o/a.json"), 0);
	check_again(claim, "[22]");
	claim_free(claim);
	teardown();
}

static void written_at_the_last_moment_is_hashed_again(void)
{
	struct claim *claim;

	setup();
	put("o/a.json", "[1]", 0);
	claim = hashed("o/a.json");
	put("o/a.json", " ", O_APPEND);
	check_again(claim, "[1] ");
	claim_free(claim);
	teardown();
}

static void a_link_at_the_last_moment_is_put_back(void)
{
	struct claim *claim;

	setup();
	put("o/a.json", "[1]", 0);
	claim = hashed("o/a.json");
	CU_ASSERT_EQUAL(unlinkat(root, "o/a.json", 0), 0);
	CU_ASSERT_EQUAL(symlinkat("/etc/passwd", root, "o/a.json"), 0);
	commit(claim, CLAIM_REFUSED);
	check_no_row(claim);
	CU_ASSERT_TRUE(place_exists(root, "o/a.json"));
	claim_free(claim);
	teardown();
}

static void vanished_leaves_nothing(void)
{
	struct claim *claim;

	setup();
	put("o/a.json", "[1]", 0);
	claim = hashed("o/a.json");
	CU_ASSERT_EQUAL(unlinkat(root, "o/a.json", 0), 0);
	commit(claim, CLAIM_GONE);
	check_no_row(claim);
	claim_free(claim);
	teardown();
}

static void growing_is_left(void)
{
	struct err err = { 0 };
	struct claim *claim;
	bool done;

	setup();
	put("o/a.json", "[1]", 0);
	claim = claim_new(root, &rules, "o/a.json", &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(claim);
	put("o/a.json", ",", O_APPEND);
	CU_ASSERT_FALSE(claim_hash(claim, 100, &done, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	claim_free(claim);
	CU_ASSERT_TRUE(place_exists(root, "o/a.json"));
	teardown();
}

static void check_refused(const char *name, const char *why)
{
	struct err err = { 0 };

	CU_ASSERT_PTR_NULL(claim_new(root, &rules, name, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, why));
}

static void what_is_no_plain_file_is_refused(void)
{
	setup();
	check_refused("o/none.json", "No such file");
	CU_ASSERT_EQUAL(errno, ENOENT);
	check_refused("o/sub", "folder");
	put("o/a.json", "", 0);
	CU_ASSERT_EQUAL(symlinkat("a.json", root, "o/link"), 0);
	check_refused("o/link", "symbolic");
	CU_ASSERT_EQUAL(linkat(root, "o/a.json", root, "o/two", 0), 0);
	check_refused("o/a.json", "hard link");
	teardown();
}

static void duplicates_are_known(void)
{
	struct err err = { 0 };
	struct claim *claims[3];

	setup();
	rules.skip_duplicates = true;
	put("o/a.json", "[1]", 0);
	put("o/b.json", "[1]", 0);
	put("o/c.json", "[2]", 0);
	claims[0] = hashed("o/a.json");
	claims[1] = hashed("o/b.json");
	claims[2] = hashed("o/c.json");
	CU_ASSERT_TRUE(claim_commit(root, state, claims, 3, &err));
	CU_ASSERT_FALSE(claims[0]->source->duplicate);
	CU_ASSERT_TRUE(claims[1]->source->duplicate);
	CU_ASSERT_TRUE(uuid_equal(&claims[1]->source->duplicate_of,
		&claims[0]->source->drop));
	CU_ASSERT_FALSE(claims[2]->source->duplicate);
	for (size_t i = 0; i < 3; i++)
		claim_free(claims[i]);
	teardown();
}

/* A transaction that is open already stands for any trouble of SQLite. */
static void without_a_commit_nothing_moves(void)
{
	struct err err = { 0 };
	struct claim *claim;

	setup();
	put("o/a.json", "[1]", 0);
	claim = hashed("o/a.json");
	CU_ASSERT_TRUE(state_begin(state, &err));
	CU_ASSERT_FALSE(claim_commit(root, state, &claim, 1, &err));
	state_rollback(state);
	CU_ASSERT_TRUE(place_exists(root, "o/a.json"));
	check_no_row(claim);
	claim_free(claim);
	teardown();
}

CU_TestInfo claim_tests[] = {
	{ "a file is taken", a_file_is_taken },
	{ "an empty file is taken", an_empty_file_is_taken },
	{ "replaced at the last moment is hashed again",
		replaced_at_the_last_moment_is_hashed_again },
	{ "written at the last moment is hashed again",
		written_at_the_last_moment_is_hashed_again },
	{ "a link at the last moment is put back",
		a_link_at_the_last_moment_is_put_back },
	{ "vanished leaves nothing", vanished_leaves_nothing },
	{ "growing is left where it is", growing_is_left },
	{ "what is no plain file is refused",
		what_is_no_plain_file_is_refused },
	{ "duplicates are known, in one batch too", duplicates_are_known },
	{ "without a commit nothing moves", without_a_commit_nothing_moves },
	CU_TEST_INFO_NULL,
};
