/* test_sqlite.c - the SQLite door against real files. */
#include "common/sqlite.h"

#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static char file[96];

static void setup(void)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/sluice-sqlite-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	(void)snprintf(file, sizeof(file), "%s/a.db", dir);
}

static void teardown(void)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char name[128];

	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof(name), "%s%s", file, suffixes[i]);
		(void)unlink(name);
	}
	(void)rmdir(dir);
}

static struct sqlite *open_or_die(void)
{
	struct err err = { 0 };
	struct sqlite *db = sqlite_open_file(file, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(db);
	return db;
}

static void add_row(struct sqlite *db, int64_t n, const char *text,
	const void *blob, size_t len)
{
	struct err err = { 0 };
	bool row = true;
	struct sqlite_stmt *stmt = sqlite_prepared(db,
		"insert into t values (?, ?, ?)", &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(stmt);
	CU_ASSERT_TRUE(sqlite_bind_int(stmt, 1, n, &err));
	CU_ASSERT_TRUE(sqlite_bind_text(stmt, 2, text, &err));
	CU_ASSERT_TRUE(sqlite_bind_blob(stmt, 3, blob, len, &err));
	CU_ASSERT_TRUE(sqlite_step_row(stmt, &row, &err));
	CU_ASSERT_FALSE(row);
}

static void check_row(struct sqlite *db, int64_t n, const char *text,
	const void *blob, size_t len)
{
	struct err err = { 0 };
	bool row = false;
	size_t got = 0;
	struct sqlite_stmt *stmt =
		sqlite_prepared(db, "select t, b from t where n = ?", &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(stmt);
	CU_ASSERT_TRUE(sqlite_bind_int(stmt, 1, n, &err));
	CU_ASSERT_TRUE(sqlite_step_row(stmt, &row, &err));
	CU_ASSERT_TRUE_FATAL(row);
	if (text == NULL)
		CU_ASSERT_PTR_NULL(sqlite_text(stmt, 0))
	else
		CU_ASSERT_STRING_EQUAL(sqlite_text(stmt, 0), text);
	if (len > 0)
		CU_ASSERT_EQUAL(memcmp(sqlite_blob(stmt, 1, &got), blob, len),
			0);
	(void)sqlite_blob(stmt, 1, &got);
	CU_ASSERT_EQUAL(got, len);
	CU_ASSERT_TRUE(sqlite_step_row(stmt, &row, &err));
	CU_ASSERT_FALSE(row);
}

static void values_survive_reopening(void)
{
	struct err err = { 0 };
	struct sqlite *db;

	setup();
	db = open_or_die();
	CU_ASSERT_TRUE(sqlite_run(db, "create table t (n, t, b)", &err));
	add_row(db, INT64_MIN, "a'b", "\0\xff\n", 3);
	add_row(db, 2, NULL, NULL, 0);
	sqlite_close_file(db);
	db = open_or_die();
	check_row(db, INT64_MIN, "a'b", "\0\xff\n", 3);
	check_row(db, 2, NULL, NULL, 0);
	sqlite_close_file(db);
	teardown();
}

static void file_is_private(void)
{
	struct stat st;

	setup();
	sqlite_close_file(open_or_die());
	CU_ASSERT_EQUAL(stat(file, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
	teardown();
}

static void rollback_undoes(void)
{
	struct err err = { 0 };
	struct sqlite *db;
	bool row = true;
	struct sqlite_stmt *stmt;

	setup();
	db = open_or_die();
	CU_ASSERT_TRUE(sqlite_run(db, "create table t (n, t, b)", &err));
	CU_ASSERT_TRUE(sqlite_run(db, "begin", &err));
	add_row(db, 1, "x", "y", 1);
	CU_ASSERT_TRUE(sqlite_run(db, "rollback", &err));
	stmt = sqlite_prepared(db, "select * from t", &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(stmt);
	CU_ASSERT_TRUE(sqlite_step_row(stmt, &row, &err));
	CU_ASSERT_FALSE(row);
	sqlite_close_file(db);
	teardown();
}

static void wrong_sql_is_an_error(void)
{
	struct err err = { 0 };
	struct sqlite *db;

	setup();
	db = open_or_die();
	CU_ASSERT_FALSE(sqlite_run(db, "selekt", &err));
	CU_ASSERT_EQUAL(err.kind, ERR_STOP);
	CU_ASSERT_PTR_NULL(sqlite_prepared(db, "select * from none", &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "none"));
	sqlite_close_file(db);
	teardown();
}

static void check_refused(const char *words)
{
	struct err err = { 0 };

	CU_ASSERT_PTR_NULL(sqlite_open_file(file, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_STOP);
	CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_IO);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, file));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, words));
}

static void other_files_are_refused(void)
{
	static const char text[] = "this is a letter, and no database at all, "
		"long enough to be looked at as one by anybody's standards";
	int fd;

	setup();
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, sizeof(text)), (ssize_t)sizeof(text));
	close(fd);
	check_refused("not an SQLite database");
	teardown();
}

static void a_folder_is_refused(void)
{
	setup();
	CU_ASSERT_EQUAL(mkdir(file, 0700), 0);
	check_refused("open");
	(void)rmdir(file);
	teardown();
}

/* Root may write anywhere, so be nobody for a moment. */
static void read_only_folder_is_refused(void)
{
	const uid_t user = geteuid();

	setup();
	CU_ASSERT_EQUAL(chmod(dir, 0555), 0);
	if (user != 0 || seteuid(65534) == 0) {
		check_refused("create");
		if (user == 0)
			CU_ASSERT_EQUAL(seteuid(user), 0);
	}
	CU_ASSERT_EQUAL(chmod(dir, 0700), 0);
	teardown();
}

/* A state file with thousands of rows must not fill a producer with pages. */
static void few_pages_are_kept(void)
{
	struct err err = { 0 };
	struct sqlite_stmt *stmt;
	struct sqlite *db;
	bool row = false;

	setup();
	db = open_or_die();
	stmt = sqlite_prepared(db, "pragma cache_size", &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(stmt);
	CU_ASSERT_TRUE(sqlite_step_row(stmt, &row, &err) && row);
	CU_ASSERT_TRUE(sqlite_int(stmt, 0) < 0); /* in KiB */
	CU_ASSERT_TRUE(sqlite_int(stmt, 0) >= -512);
	sqlite_again(stmt);
	sqlite_close_file(db);
	teardown();
}

CU_TestInfo sqlite_tests[] = {
	{ "values survive reopening", values_survive_reopening },
	{ "the file is private", file_is_private },
	{ "rollback undoes", rollback_undoes },
	{ "wrong SQL is an error that says so", wrong_sql_is_an_error },
	{ "a file that is not SQLite is refused", other_files_are_refused },
	{ "a folder is refused", a_folder_is_refused },
	{ "a read-only folder is refused", read_only_folder_is_refused },
	{ "few pages are kept in memory", few_pages_are_kept },
	CU_TEST_INFO_NULL,
};
