/* s3.c - the object store on a real S3 server, which s3.sh has started. */
#include "common/object_store.h"
#include "common/s3_upload.h"

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct config config;
static struct object_store *store;
static struct err err;

static char *setting(const char *name)
{
	char variable[64];
	char *value;

	(void)snprintf(variable, sizeof(variable), "SLUICE_TEST_S3_%s", name);
	value = getenv(variable);
	if (value == NULL)
		(void)fprintf(stderr, "%s is not set: run s3.sh\n", variable);
	return value;
}

static bool read_settings(void)
{
	static char prefix[] = "some prefix/+\xc3\xa4/";

	config = (struct config){ .object_store = OBJECTS_IN_S3,
		.s3_endpoint = setting("ENDPOINT"),
		.s3_region = setting("REGION"),
		.s3_bucket = setting("BUCKET"), .s3_prefix = prefix,
		.s3.user = setting("ACCESS_KEY"),
		.s3.password = setting("SECRET_KEY") };
	return config.s3_endpoint != NULL && config.s3_region != NULL &&
		config.s3_bucket != NULL && config.s3.user != NULL &&
		config.s3.password != NULL && setting("DIR") != NULL &&
		setting("DOMAIN") != NULL;
}

static void open_store(const struct config *with)
{
	object_store_close(store);
	memset(&err, 0, sizeof(err));
	store = object_store_open(with, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(store);
}

/* The server keeps each object in a file of its own. */
static const char *served(const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof(path), "%s/data/%s/%s%s", setting("DIR"),
		config.s3_bucket, config.s3_prefix, name);
	return path;
}

static int setup(void)
{
	store = object_store_open(&config, &err);
	return store != NULL ? 0 : 1;
}

static int teardown(void)
{
	object_store_close(store);
	store = NULL;
	return 0;
}

static void check_err(void)
{
	if (err.kind != ERR_NONE)
		(void)fprintf(stderr, "%s\n", err.text);
	CU_ASSERT_EQUAL(err.kind, ERR_NONE);
	CU_ASSERT_PTR_NULL(strstr(err.text, config.s3.password));
}

static void check_there_and_back(const char *name, const char *text)
{
	const struct object_note note = { OBJECT_HTTP, "GET /\n\n200\n" };
	struct object_info info;
	struct buf got = { 0 };
	bool there = false;

	CU_ASSERT_TRUE(object_put(store, name, text, strlen(text), &note,
		&err));
	CU_ASSERT_TRUE(object_get(store, name, &got, &there, &err));
	CU_ASSERT_TRUE(there);
	CU_ASSERT_STRING_EQUAL(got.data != NULL ? got.data : "", text);
	CU_ASSERT_TRUE(object_head(store, name, &info, &err));
	CU_ASSERT_TRUE(info.there && info.changed_us > 0);
	CU_ASSERT_TRUE(info.packed || info.bytes == strlen(text));
	buf_reset(&got);
	CU_ASSERT_TRUE(object_get_note(store, name, OBJECT_HTTP, &got, &there,
		&err));
	CU_ASSERT_STRING_EQUAL(got.data, note.text);
	CU_ASSERT_TRUE(object_delete(store, name, &err));
	CU_ASSERT_TRUE(object_head(store, name, &info, &err));
	CU_ASSERT_FALSE(info.there);
	CU_ASSERT_TRUE(object_get(store, name, &got, &there, &err));
	CU_ASSERT_FALSE(there);
	buf_clear(&got);
	check_err();
}

static void try_names(void)
{
	static const char *const names[] = { "plain", "a/b/c.json", "a b/c  d",
		"plus+and%20and%2Fand%", "q?x=1&y=2#z", "a..b/c~d_e-f",
		"\xc3\xa4\xe2\x82\xac/\xf0\x9f\x8c\x8a",
		"!*'();:@,[]\"<>^`{|}$=" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		check_there_and_back(names[i], names[i]);
	check_there_and_back("empty", "");
}

static void hostile_names_go_there_and_back(void)
{
	struct config packed = config;

	try_names();
	packed.object_store_compress = true;
	open_store(&packed);
	try_names();
	open_store(&config);
}

static void the_bucket_may_be_in_front_of_the_host(void)
{
	char endpoint[128];
	struct config other = config;

	(void)snprintf(endpoint, sizeof(endpoint), "http://%s",
		setting("DOMAIN"));
	other.s3_endpoint = endpoint;
	other.s3_style = S3_STYLE_HOST;
	open_store(&other);
	try_names();
	open_store(&config);
}

/* -- large ones ------------------------------------------------------------ */

static int unnamed(void)
{
	const int fd = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	return fd;
}

static void fill(int fd, size_t len)
{
	static char block[1 << 16];

	for (size_t at = 0; at < len; at += sizeof(block)) {
		const size_t size = len - at < sizeof(block) ? len - at :
							       sizeof(block);

		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = (char)(i * 31 + at / 7 + i / 251);
		CU_ASSERT_EQUAL(write(fd, block, size), (ssize_t)size);
	}
}

static void check_same(int a, int b, size_t len)
{
	static char one[1 << 16], other[1 << 16];
	bool same = lseek(b, 0, SEEK_END) == (off_t)len;

	for (size_t at = 0; same && at < len; at += sizeof(one)) {
		const ssize_t got = pread(a, one, sizeof(one), (off_t)at);

		same = pread(b, other, sizeof(other), (off_t)at) == got &&
			memcmp(one, other, (size_t)got) == 0;
	}
	CU_ASSERT_TRUE(same);
}

static void large_ones_go_there_and_back(void)
{
	static const size_t sizes[] = { 0, 1, S3_PART_BYTES - 1, S3_PART_BYTES,
		S3_PART_BYTES + 1, 2 * S3_PART_BYTES + 12345 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const int fd = unnamed(), back = unnamed();
		struct object_info info;
		bool there = false;

		fill(fd, sizes[i]);
		CU_ASSERT_TRUE(object_put_file(store, "large", fd, NULL,
			&err));
		CU_ASSERT_TRUE(object_head(store, "large", &info, &err));
		CU_ASSERT_EQUAL(info.bytes, sizes[i]);
		CU_ASSERT_TRUE(object_get_file(store, "large", back, &there,
			&err));
		CU_ASSERT_TRUE(there);
		check_same(fd, back, sizes[i]);
		(void)close(fd);
		(void)close(back);
		check_err();
	}
	CU_ASSERT_TRUE(object_delete(store, "large", &err));
}

/* Uploads of the bucket that are under way. */
static unsigned count_uploads(struct s3 *s3)
{
	struct s3_call call = { .method = "GET", .query = "uploads=" };
	unsigned count = 0;

	CU_ASSERT_TRUE(s3_do(s3, &call, &err));
	CU_ASSERT_EQUAL(call.status, 200);
	for (const char *at = call.answer.data;
		at != NULL && (at = strstr(at, "<Upload>")) != NULL; at++)
		count++;
	buf_clear(&call.answer);
	return count;
}

static void what_a_crash_left_half_way_is_removed(void)
{
	struct s3 *s3 = s3_new(&config, &err);
	struct s3_call begin = { .method = "POST", .query = "uploads=",
		.body.data = "" };
	struct buf key = { 0 };
	const int fd = unnamed();

	CU_ASSERT_PTR_NOT_NULL_FATAL(s3);
	CU_ASSERT_TRUE(buf_printf(&key, &err, "%slarge", config.s3_prefix));
	begin.key = key.data;
	CU_ASSERT_TRUE(s3_do(s3, &begin, &err));
	CU_ASSERT_EQUAL(begin.status, 200);
	CU_ASSERT_EQUAL(count_uploads(s3), 1);
	fill(fd, S3_PART_BYTES + 1);
	CU_ASSERT_TRUE(object_put_file(store, "large", fd, NULL, &err));
	CU_ASSERT_EQUAL(count_uploads(s3), 0);
	CU_ASSERT_TRUE(object_delete(store, "large", &err));
	(void)close(fd);
	buf_clear(&begin.answer);
	buf_clear(&key);
	s3_free(s3);
	check_err();
}

/* -- listing --------------------------------------------------------------- */

struct seen {
	unsigned count;
	char last[64];
	unsigned limit;
};

static bool see(void *context, const struct object_entry *entry, struct err *e)
{
	struct seen *seen = context;

	(void)e;
	CU_ASSERT_TRUE(strcmp(entry->key, seen->last) > 0);
	(void)snprintf(seen->last, sizeof(seen->last), "%s", entry->key);
	return ++seen->count != seen->limit;
}

static void check_count(const char *prefix, struct seen *seen, unsigned want)
{
	const unsigned had = seen->count;
	char after[64];

	(void)snprintf(after, sizeof(after), "%s", seen->last);
	CU_ASSERT_TRUE(object_list(store, prefix,
		after[0] != '\0' ? after : NULL, see, seen, &err));
	CU_ASSERT_EQUAL(seen->count - had, want);
	check_err();
}

static void listings_go_on_where_they_ended(void)
{
	struct seen all = { 0 }, part = { .limit = 1003 }, none = { 0 };
	char name[64];

	CU_ASSERT_TRUE(object_put(store, "list/a+b &/0", "x", 1, NULL, &err));
	CU_ASSERT_TRUE(object_put(store, "list/b", "x", 1, NULL, &err));
	for (unsigned i = 1; i < 1010; i++) {
		(void)snprintf(name, sizeof(name), "list/a+b &/%05u", i);
		(void)close(creat(served(name), 0600));
	}
	check_count("list/a+b &/", &all, 1010);
	check_count("list/", &part, 1003);
	check_count("list/", &part, 8);
	check_count("list/c", &none, 0);
}

/* -- troubles -------------------------------------------------------------- */

static void check_refused(struct config *with, const char *says)
{
	struct buf got = { 0 };
	bool there;

	open_store(with);
	CU_ASSERT_FALSE(object_get(store, "plain", &got, &there, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_STOP);
	CU_ASSERT_PTR_NULL(strstr(err.text, with->s3.password));
	if (strstr(err.text, says) == NULL) {
		(void)fprintf(stderr, "'%s' lacks '%s'\n", err.text, says);
		CU_FAIL("another error text");
	}
	buf_clear(&got);
	open_store(&config);
}

static void refusals_say_what_to_do(void)
{
	char other[] = "another";
	struct config with = config;

	with.s3.password = other;
	check_refused(&with, "is s3_secret right?");
	with = config;
	with.s3.user = other;
	check_refused(&with, "plain: 40"); /* servers differ */
	with = config;
	with.s3_bucket = other;
	check_refused(&with, "make the bucket");
	with = config;
	with.s3_region = other;
	check_refused(&with, "s3_region");
}

static void what_the_server_spoiled_is_refused(void)
{
	struct buf got = { 0 };
	bool there;
	int fd;

	CU_ASSERT_TRUE(object_put(store, "spoil", "hello", 5, NULL, &err));
	fd = open(served("spoil"), O_WRONLY | O_CLOEXEC);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, "jello", 5), 5);
	(void)close(fd);
	CU_ASSERT_FALSE(object_get(store, "spoil", &got, &there, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not what was put"));
	buf_clear(&got);
}

static CU_TestInfo tests[] = {
	{ "hostile names go there and back", hostile_names_go_there_and_back },
	{ "the bucket may be in front of the host",
		the_bucket_may_be_in_front_of_the_host },
	{ "large ones go there and back", large_ones_go_there_and_back },
	{ "what a crash left half-way is removed",
		what_a_crash_left_half_way_is_removed },
	{ "listings go on where they ended", listings_go_on_where_they_ended },
	{ "refusals say what to do", refusals_say_what_to_do },
	{ "what the server spoiled is refused",
		what_the_server_spoiled_is_refused },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ "s3", setup, teardown, NULL, NULL, tests },
	CU_SUITE_INFO_NULL,
};

int main(void)
{
	int code = 70;

	if (!read_settings())
		return 77;
	if (CU_initialize_registry() != CUE_SUCCESS)
		return code;
	if (CU_register_suites(suites) == CUE_SUCCESS &&
		CU_basic_run_tests() == CUE_SUCCESS)
		code = CU_get_number_of_failures() > 0 ? 1 : 0;
	CU_cleanup_registry();
	return code;
}
