/* test_object_store.c - a folder as an object store. */
#include "common/object_store.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static char place[96];
static struct object_store *store;

static void open_store(bool compress)
{
	struct config config = { .object_store = OBJECTS_IN_FOLDER,
		.object_store_dir = place, .object_store_compress = compress };
	struct err err = { 0 };

	object_store_close(store);
	store = object_store_open(&config, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(store);
	CU_ASSERT_STRING_EQUAL(object_store_place(store), place);
}

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/sluice-objects-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	(void)snprintf(place, sizeof(place), "%s/store", dir);
	open_store(false);
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
	object_store_close(store);
	store = NULL;
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *below(const char *name)
{
	static char path[1200];

	(void)snprintf(path, sizeof(path), "%s/%s", place, name);
	return path;
}

static void put(const char *name, const char *text)
{
	struct err err = { 0 };

	CU_ASSERT_TRUE(object_put(store, name, text, strlen(text), NULL,
		&err));
	CU_ASSERT_STRING_EQUAL(err.text, "");
}

/* want NULL: it is not there. */
static void check_object(const char *name, const char *want)
{
	struct object_info info;
	struct buf got = { 0 };
	struct err err = { 0 };
	bool there;

	CU_ASSERT_TRUE(object_get(store, name, &got, &there, &err));
	CU_ASSERT_EQUAL(there, want != NULL);
	if (want != NULL)
		CU_ASSERT_STRING_EQUAL(got.data, want);
	CU_ASSERT_TRUE(object_head(store, name, &info, &err));
	CU_ASSERT_EQUAL(info.there, want != NULL);
	CU_ASSERT_EQUAL(err.kind, ERR_NONE);
	buf_clear(&got);
}

static void what_is_put_is_there_byte_for_byte(void)
{
	struct buf got = { 0 };
	struct err err = { 0 };
	bool there;

	setup();
	check_object("a/b", NULL);
	put("a/b c+%/\xc3\xa4?&#.json", "one");
	check_object("a/b c+%/\xc3\xa4?&#.json", "one");
	put("a/b c+%/\xc3\xa4?&#.json", "another");
	check_object("a/b c+%/\xc3\xa4?&#.json", "another");
	put("empty", "");
	check_object("empty", "");
	CU_ASSERT_TRUE(object_put(store, "zero", "a\0b", 3, NULL, &err));
	CU_ASSERT_TRUE(object_get(store, "zero", &got, &there, &err));
	CU_ASSERT_EQUAL(got.len, 3);
	CU_ASSERT_EQUAL(memcmp(got.data, "a\0b", 3), 0);
	buf_clear(&got);
	teardown();
}

static void nobody_else_may_read_it(void)
{
	struct stat st;

	(void)umask(0);
	setup();
	put("a/b", "x");
	(void)umask(022);
	CU_ASSERT_EQUAL(stat(below("a/b"), &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0640);
	CU_ASSERT_EQUAL(stat(below("a"), &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0750);
	teardown();
}

static void notes_lie_beside_and_are_no_objects(void)
{
	const struct object_note note = { OBJECT_HTTP, "GET /\n\n200\n" };
	struct buf got = { 0 };
	struct err err = { 0 };
	bool there;

	setup();
	CU_ASSERT_TRUE(object_put(store, "a/b.json", "x", 1, &note, &err));
	CU_ASSERT_EQUAL(access(below("a/b.json.http"), F_OK), 0);
	CU_ASSERT_TRUE(object_get_note(store, "a/b.json", OBJECT_HTTP, &got,
		&there, &err));
	CU_ASSERT_TRUE(there);
	CU_ASSERT_STRING_EQUAL(got.data, note.text);
	buf_reset(&got);
	CU_ASSERT_TRUE(object_get_note(store, "a/b.json", OBJECT_FILE, &got,
		&there, &err));
	CU_ASSERT_FALSE(there);
	CU_ASSERT_FALSE(object_put(store, "a/b.json.http", "x", 1, NULL,
		&err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	buf_clear(&got);
	teardown();
}

static int file_with(const char *text, size_t len)
{
	char name[] = "/tmp/sluice-object-XXXXXX";
	const int fd = mkstemp(name);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	(void)unlink(name);
	CU_ASSERT_EQUAL(write(fd, text, len), (ssize_t)len);
	return fd;
}

/* Through a file, there and back. */
static void check_file(const char *text, size_t len)
{
	const int fd = file_with(text, len), back = file_with("longer", 6);
	char *got = malloc(len + 1);
	struct err err = { 0 };
	struct stat st;
	bool there;

	CU_ASSERT_TRUE(object_put_file(store, "f", fd, NULL, &err));
	CU_ASSERT_TRUE(object_get_file(store, "f", back, &there, &err));
	CU_ASSERT_TRUE(there);
	CU_ASSERT_EQUAL(fstat(back, &st), 0);
	CU_ASSERT_EQUAL(st.st_size, (off_t)len);
	CU_ASSERT_EQUAL(pread(back, got, len, 0), (ssize_t)len);
	CU_ASSERT_EQUAL(memcmp(got, text, len), 0);
	free(got);
	(void)close(fd);
	(void)close(back);
}

static void files_go_in_and_out(void)
{
	char *text = malloc(1000001);

	for (size_t i = 0; i < 1000001; i++)
		text[i] = (char)(i * 7 + i / 255);
	for (int compress = 0; compress < 2; compress++) {
		setup();
		open_store(compress != 0);
		check_file("", 0);
		check_file("x", 1);
		check_file(text, 1000001);
		teardown();
	}
	free(text);
}

static void folders_are_no_files(void)
{
	struct err err = { 0 };
	const int fd = open("/tmp", O_RDONLY | O_DIRECTORY);

	setup();
	CU_ASSERT_FALSE(object_put_file(store, "f", fd, NULL, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	(void)close(fd);
	teardown();
}

static void packed_objects_are_found_whatever_is_set_now(void)
{
	struct object_info info;
	struct err err = { 0 };
	char zeros[4096];

	memset(zeros, '0', sizeof(zeros));
	zeros[sizeof(zeros) - 1] = '\0';
	setup();
	open_store(true);
	put("a/b.json", zeros);
	put("c.gz", zeros);
	CU_ASSERT_EQUAL(access(below("a/b.json.zst"), F_OK), 0);
	CU_ASSERT_EQUAL(access(below("c.gz"), F_OK), 0);
	check_object("a/b.json", zeros);
	CU_ASSERT_TRUE(object_head(store, "a/b.json", &info, &err));
	CU_ASSERT_TRUE(info.packed && info.bytes < 100);
	open_store(false);
	check_object("a/b.json", zeros);
	put("a/b.json", "plain");
	check_object("a/b.json", "plain");
	CU_ASSERT_NOT_EQUAL(access(below("a/b.json.zst"), F_OK), 0);
	open_store(true);
	check_object("a/b.json", "plain");
	put("a/b.json", "packed");
	CU_ASSERT_NOT_EQUAL(access(below("a/b.json"), F_OK), 0);
	check_object("a/b.json", "packed");
	teardown();
}

static void damaged_ones_are_refused(void)
{
	struct buf got = { 0 };
	struct err err = { 0 };
	bool there;

	setup();
	open_store(true);
	put("a", "what is packed can be cut");
	CU_ASSERT_EQUAL(truncate(below("a.zst"), 20), 0);
	CU_ASSERT_FALSE(object_get(store, "a", &got, &there, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	buf_clear(&got);
	teardown();
}

/* -- listing ------------------------------------------------------------- */

struct seen {
	char text[512];
	char key[128];
	int left; /* then it is enough */
};

static bool see(void *context, const struct object_entry *entry,
	struct err *err)
{
	struct seen *seen = context;
	const size_t len = strlen(seen->text);

	(void)err;
	CU_ASSERT_TRUE(entry->info.there);
	(void)snprintf(seen->text + len, sizeof(seen->text) - len, "%s%s|",
		entry->name, entry->info.packed ? "*" : "");
	(void)snprintf(seen->key, sizeof(seen->key), "%s", entry->key);
	return --seen->left != 0;
}

static void check_list(const char *prefix, const char *after, int limit,
	const char *want)
{
	struct seen seen = { .left = limit };
	struct err err = { 0 };

	CU_ASSERT_TRUE(object_list(store, prefix, after, see, &seen, &err));
	CU_ASSERT_STRING_EQUAL(seen.text, want);
	CU_ASSERT_EQUAL(err.kind, ERR_NONE);
}

static void listings_are_in_order_and_go_on(void)
{
	const struct object_note note = { OBJECT_HTTP, "GET /" };
	struct err err = { 0 };

	setup();
	put("b/2", "");
	put("b/10", "");
	put("b.1/x", "");
	put("a/x/y", "");
	put("x", "");
	CU_ASSERT_TRUE(object_put(store, "b/3", "", 0, &note, &err));
	open_store(true);
	put("c", "");
	CU_ASSERT_EQUAL(creat(below("b/.2.part"), 0600) >= 0, true);
	CU_ASSERT_EQUAL(mkfifo(below("b/fifo"), 0600), 0);
	check_list("", NULL, 0, "a/x/y|b.1/x|b/10|b/2|b/3|c*|x|");
	check_list("", "b/10", 0, "b/2|b/3|c*|x|");
	check_list("", "b", 0, "b.1/x|b/10|b/2|b/3|c*|x|");
	check_list("", "b/", 0, "b/10|b/2|b/3|c*|x|");
	check_list("", "c.zst", 0, "x|");
	check_list("", NULL, 3, "a/x/y|b.1/x|b/10|");
	check_list("b", NULL, 0, "b.1/x|b/10|b/2|b/3|");
	check_list("b/", NULL, 0, "b/10|b/2|b/3|");
	check_list("b/1", NULL, 0, "b/10|");
	check_list("b/", "b/2", 0, "b/3|");
	check_list("z", NULL, 0, "");
	teardown();
}

static bool refuse(void *context, const struct object_entry *entry,
	struct err *err)
{
	(void)context;
	return err_set(err, ERR_STOP, "not %s", entry->name);
}

static void who_lists_may_fail(void)
{
	struct err err = { 0 };

	setup();
	put("a", "");
	put("b", "");
	CU_ASSERT_FALSE(object_list(store, "", NULL, refuse, NULL, &err));
	CU_ASSERT_STRING_EQUAL(err.text, "not a");
	teardown();
}

/* -- what others put in the way ------------------------------------------ */

static void check_refused(const char *name, enum err_kind kind)
{
	struct object_info info;
	struct buf got = { 0 };
	struct err err = { 0 };
	bool there;

	CU_ASSERT_FALSE(object_put(store, name, "x", 1, NULL, &err));
	CU_ASSERT_EQUAL(err.kind, kind);
	CU_ASSERT_FALSE(object_get(store, name, &got, &there, &err));
	CU_ASSERT_FALSE(object_head(store, name, &info, &err));
	CU_ASSERT_FALSE(object_delete(store, name, &err));
	buf_clear(&got);
}

static void links_lead_nowhere(void)
{
	struct err err = { 0 };
	char outside[128];
	struct buf got = { 0 };
	struct stat st;
	bool there;

	setup();
	put("a/b", "mine");
	(void)snprintf(outside, sizeof(outside), "%s/outside", dir);
	CU_ASSERT_EQUAL(mkdir(outside, 0755), 0);
	CU_ASSERT_EQUAL(symlink(outside, below("link")), 0);
	CU_ASSERT_EQUAL(symlink("a", below("inside")), 0);
	CU_ASSERT_EQUAL(symlink("b", below("a/link")), 0);
	check_refused("link/x", ERR_REJECT);
	check_refused("link/y/x", ERR_REJECT);
	check_refused("inside/b", ERR_REJECT);
	check_refused("../x", ERR_REJECT);
	check_refused("/etc/x", ERR_REJECT);
	CU_ASSERT_FALSE(object_get(store, "a/link", &got, &there, &err));
	check_list("", NULL, 0, "a/b|");
	/* a link of its name is replaced, not followed */
	put("a/link", "new");
	CU_ASSERT_EQUAL(lstat(below("a/link"), &st), 0);
	CU_ASSERT_TRUE(S_ISREG(st.st_mode));
	check_object("a/b", "mine");
	buf_clear(&got);
	teardown();
}

static void leftovers_are_in_nobodys_way(void)
{
	char outside[128];
	struct stat st;

	setup();
	put("a", "x");
	(void)snprintf(outside, sizeof(outside), "%s/outside", dir);
	CU_ASSERT_EQUAL(symlink(outside, below(".a.part")), 0);
	put("a", "y");
	CU_ASSERT_NOT_EQUAL(lstat(outside, &st), 0);
	CU_ASSERT_NOT_EQUAL(lstat(below(".a.part"), &st), 0);
	check_object("a", "y");
	teardown();
}

static void another_objects_name_is_no_folder(void)
{
	struct err err = { 0 };

	setup();
	put("a/b", "x");
	CU_ASSERT_FALSE(object_put(store, "a", "x", 1, NULL, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	CU_ASSERT_FALSE(object_put(store, "a/b/c", "x", 1, NULL, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	check_list("", NULL, 0, "a/b|");
	teardown();
}

static void a_store_that_is_away_is_waited_for(void)
{
	struct err err = { 0 };
	char away[80];

	setup();
	put("a", "x");
	(void)snprintf(away, sizeof(away), "%s.away", dir);
	CU_ASSERT_EQUAL(rename(dir, away), 0);
	CU_ASSERT_FALSE(object_put(store, "b", "x", 1, NULL, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	CU_ASSERT_NOT_EQUAL(access(dir, F_OK), 0);
	CU_ASSERT_EQUAL(rename(away, dir), 0);
	put("b", "x");
	teardown();
}

static void deleted_ones_leave_nothing(void)
{
	const struct object_note note = { OBJECT_FILE, "name: x" };
	struct err err = { 0 };

	setup();
	CU_ASSERT_TRUE(object_put(store, "a/b/c", "x", 1, &note, &err));
	put("a/d", "y");
	CU_ASSERT_TRUE(object_delete(store, "a/b/c", &err));
	CU_ASSERT_TRUE(object_delete(store, "a/b/c", &err));
	CU_ASSERT_TRUE(object_delete(store, "never/was", &err));
	check_object("a/b/c", NULL);
	CU_ASSERT_NOT_EQUAL(access(below("a/b"), F_OK), 0);
	check_object("a/d", "y");
	CU_ASSERT_TRUE(object_delete(store, "a/d", &err));
	CU_ASSERT_NOT_EQUAL(access(below("a"), F_OK), 0);
	CU_ASSERT_EQUAL(access(place, F_OK), 0);
	teardown();
}

CU_TestInfo object_store_tests[] = {
	{ "what is put is there, byte for byte",
		what_is_put_is_there_byte_for_byte },
	{ "nobody else may read it", nobody_else_may_read_it },
	{ "notes lie beside and are no objects",
		notes_lie_beside_and_are_no_objects },
	{ "files go in and out", files_go_in_and_out },
	{ "folders are no files", folders_are_no_files },
	{ "packed objects are found whatever is set now",
		packed_objects_are_found_whatever_is_set_now },
	{ "damaged ones are refused", damaged_ones_are_refused },
	{ "listings are in order and go on", listings_are_in_order_and_go_on },
	{ "who lists may fail", who_lists_may_fail },
	{ "links lead nowhere", links_lead_nowhere },
	{ "leftovers are in nobody's way", leftovers_are_in_nobodys_way },
	{ "another object's name is no folder",
		another_objects_name_is_no_folder },
	{ "a store that is away is waited for",
		a_store_that_is_away_is_waited_for },
	{ "deleted ones leave nothing", deleted_ones_leave_nothing },
	CU_TEST_INFO_NULL,
};
