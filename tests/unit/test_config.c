/* test_config.c - settings: precedence, units, paths, passwords. */
#include "common/config.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/sluice-test-XXXXXX";
static char path[512]; /* of the file put_file wrote last */

static void put_file(const char *name, const char *text, mode_t mode)
{
	FILE *file;

	if (strstr(folder, "XXXXXX") != NULL)
		CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	(void)fputs(text, file);
	(void)fclose(file);
	CU_ASSERT_EQUAL(chmod(path, mode), 0);
}

static size_t find(const char *name)
{
	size_t count;
	const struct setting *all = config_settings(&count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(all[i].name, name) == 0)
			return i;
	CU_FAIL_FATAL("no such setting");
	return 0;
}

/* Loads yaml (NULL: no file) and flags; shows one setting and its source. */
static void check(const char *yaml, const struct config_flag *flags,
	const char *name, const char *want, const char *want_source)
{
	struct config config;
	struct err err = { 0 };
	struct buf out = { 0 };
	const char *source = "";
	bool ok;

	put_file("sluice.yaml", yaml != NULL ? yaml : "", 0600);
	ok = config_load(&config, path, flags, &err);
	if (!ok)
		printf("\n%s\n", err.text);
	CU_ASSERT_TRUE_FATAL(ok);
	CU_ASSERT_TRUE(config_value(&config, find(name), &out, &source, &err));
	CU_ASSERT_STRING_EQUAL(out.data, want);
	if (strstr(source, want_source) == NULL)
		printf("\nwant %s, got %s\n", want_source, source);
	CU_ASSERT_PTR_NOT_NULL(strstr(source, want_source));
	buf_clear(&out);
	config_clear(&config);
	(void)unlink(path);
}

static void later_levels_win(void)
{
	const struct config_flag flags[] = { { "batch-rows", "9" },
		{ NULL, NULL } };

	check(NULL, NULL, "batch_rows", "50000", "default");
	check("batch_rows: 7\n", NULL, "batch_rows", "7", "sluice.yaml:1");
	(void)setenv("SLUICE_BATCH_ROWS", "8", 1);
	check("batch_rows: 7\n", NULL, "batch_rows", "8",
		"environment SLUICE_BATCH_ROWS");
	check("batch_rows: 7\n", flags, "batch_rows", "9", "flag");
	(void)setenv("SLUICE_BATCH_ROWS", "", 1);
	check("batch_rows: 7\n", NULL, "batch_rows", "7", "sluice.yaml:1");
	(void)unsetenv("SLUICE_BATCH_ROWS");

	(void)setenv("PGPORT", "1234", 1);
	check("database_port: 7\n", NULL, "database_port", "1234",
		"environment PGPORT");
	(void)setenv("SLUICE_DATABASE_PORT", "1235", 1);
	check(NULL, NULL, "database_port", "1235",
		"environment SLUICE_DATABASE_PORT");
	(void)unsetenv("SLUICE_DATABASE_PORT");
	(void)unsetenv("PGPORT");
}

static void units_are_understood(void)
{
	check("settle_secs: 2 min\n", NULL, "settle_secs", "2 min", ":1");
	check("lock_timeout_ms: 1500\n", NULL, "lock_timeout_ms", "1500 ms",
		":1");
	check("chunk_bytes: 64KiB\n", NULL, "chunk_bytes", "64 KiB", ":1");
	check("broker_tls: false\n", NULL, "broker_tls", "false", ":1");
	check("log_level: debug\n", NULL, "log_level", "debug", ":1");
	check("database_sslmode: verify-full\n", NULL, "database_sslmode",
		"verify-full", ":1");
	check(NULL, NULL, "max_file_bytes", "64 GiB", "default");
	check(NULL, NULL, "log_format", "logfmt", "default");
}

static void relative_paths_have_a_base(void)
{
	const struct config_flag flags[] = { { "state_file", "s.db" },
		{ NULL, NULL } };
	char cwd[400], want[512];

	(void)snprintf(want, sizeof(want), "%s/raw", folder);
	check("raw_dir: ./raw\n", NULL, "raw_dir", want, ":1");
	(void)snprintf(want, sizeof(want), "%s/raw/processed", folder);
	check("raw_dir: raw\n", NULL, "processed_dir", want, "default");
	check("failed_dir: /f\n", NULL, "failed_dir", "/f", ":1");
	(void)snprintf(want, sizeof(want), "%s/var/state/producer.db", folder);
	check(NULL, NULL, "state_file", want, "default");
	CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(cwd, sizeof(cwd)));
	(void)snprintf(want, sizeof(want), "%s/s.db", cwd);
	check("state_file: t.db\n", flags, "state_file", want, "flag");
}

static void secrets_are_not_shown(void)
{
	check("owner_password: hush\n", NULL, "owner_password", "***", ":1");
	check(NULL, NULL, "owner_password", "", "default");
	/* the later of the twins counts */
	(void)setenv("SLUICE_OWNER_PASSWORD_FILE", "/x", 1);
	check("owner_password: hush\n", NULL, "owner_password", "", "default");
	check("owner_password: hush\n", NULL, "owner_password_file", "/x",
		"environment");
	(void)unsetenv("SLUICE_OWNER_PASSWORD_FILE");
}

static const struct {
	const char *yaml;
	const char *flag; /* of raw_dir and the like, value "x"; NULL: none */
	const char *want;
	int code;
} refusals[] = {
	{ "ports: 1\n", NULL, "sluice.yaml:1:1: unknown setting \"ports\"",
		EXIT_CONFIG },
	{ "a: [\n", NULL, "sluice.yaml:2:1: not YAML", EXIT_CONFIG },
	{ "- a\n", NULL, "sluice.yaml:1:1: this must be lines", EXIT_CONFIG },
	{ "prefetch: 5\nbroker_port: 70000\n", NULL,
		"sluice.yaml:2:14: broker_port must be from 1 to 65535",
		EXIT_CONFIG },
	{ "chunk_bytes: 1MB\n", NULL,
		"sluice.yaml:1:14: chunk_bytes must be a size", EXIT_CONFIG },
	{ "settle_secs: -1\n", NULL,
		"sluice.yaml:1:14: settle_secs must be a time", EXIT_CONFIG },
	{ "broker_tls: maybe\n", NULL, "broker_tls must be true or false",
		EXIT_CONFIG },
	{ "raw_dir:\n", NULL, "raw_dir may not be empty", EXIT_CONFIG },
	{ "log_level: loud\n", NULL,
		"log_level must be one of error, warn, info, debug",
		EXIT_CONFIG },
	{ "prefetch: [1]\n", NULL, "prefetch must be a single value",
		EXIT_CONFIG },
	{ "prefetch: ${SLUICE_T_UNSET}\n", NULL, "SLUICE_T_UNSET is not set",
		EXIT_CONFIG },
	{ "broker_tls: true\n", NULL, "broker_tls needs broker_cacert",
		EXIT_CONFIG },
	{ "tap_password: a\ntap_password_file: b\n", NULL,
		"sluice.yaml:2:20: tap_password_file and tap_password are both",
		EXIT_CONFIG },
	{ "", "nonsense", "nonsense: there is no such setting", EXIT_USAGE },
	{ "", "prefetch", "prefetch: prefetch must be a whole number",
		EXIT_USAGE },
};

static void nonsense_is_refused_with_its_place(void)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct config_flag flags[] = { { refusals[i].flag, "x" },
			{ NULL, NULL } };
		struct config config;
		struct err err = { 0 };

		put_file("sluice.yaml", refusals[i].yaml, 0600);
		CU_ASSERT_FALSE(config_load(&config, path, flags, &err));
		if (strstr(err.text, refusals[i].want) == NULL)
			printf("\nwant %s\ngot  %s\n", refusals[i].want,
				err.text);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, refusals[i].want));
		CU_ASSERT_EQUAL(err.exit_code, refusals[i].code);
		(void)unlink(path);
	}
}

static void a_port_may_be_nowhere(void)
{
	struct config config;
	struct err err = { 0 };

	put_file("sluice.yaml", "producer_http:\n", 0644);
	CU_ASSERT_TRUE_FATAL(config_load(&config, path, NULL, &err));
	CU_ASSERT_STRING_EQUAL(config.producer_http, "");
	config_clear(&config);
	(void)unlink(path);
}

static void files_are_found_or_missed(void)
{
	struct config config;
	struct err err = { 0 };

	put_file("sluice.yaml", "owner_password: hush\n", 0644);
	CU_ASSERT_FALSE(config_load(&config, path, NULL, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "chmod 600"));
	CU_ASSERT_PTR_NULL(strstr(err.text, "hush"));

	put_file("sluice.yaml", "prefetch: 3\n", 0644);
	(void)setenv("SLUICE_CONFIG", path, 1);
	CU_ASSERT_TRUE(config_load(&config, NULL, NULL, &err));
	CU_ASSERT_EQUAL(config.prefetch, 3);
	CU_ASSERT_STRING_EQUAL(config.config_file, path);
	config_clear(&config);
	(void)unlink(path);
	CU_ASSERT_FALSE(config_load(&config, NULL, NULL, &err));
	CU_ASSERT_EQUAL(err.exit_code, EXIT_CONFIG);
	(void)unsetenv("SLUICE_CONFIG");
}

static void check_password(const char *text, mode_t mode, const char *want,
	const char *complaint)
{
	struct buf out = { 0 };
	struct err err = { 0 };
	struct account account = { .password_file = path };

	put_file("secret", text, mode);
	if (want != NULL) {
		CU_ASSERT_TRUE(config_password(&account, &out, &err));
		CU_ASSERT_STRING_EQUAL(out.data, want);
	} else {
		CU_ASSERT_FALSE(config_password(&account, &out, &err));
		CU_ASSERT_EQUAL(err.exit_code, EXIT_CONFIG);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, complaint));
	}
	(void)unlink(path);
	buf_clear(&out);
}

static void passwords_come_from_private_files(void)
{
	struct account account = { .password = NULL };
	struct buf out = { 0 };
	struct err err = { 0 };
	char secret[] = "direct", missing[] = "/nonexistent", dir[] = "/tmp";

	check_password("hush\n", 0600, "hush", NULL);
	check_password("hush", 0400, "hush", NULL);
	check_password("hush\r\n", 0600, "hush", NULL);
	check_password(" h sh ", 0600, " h sh ", NULL);
	check_password("hush\n", 0640, NULL, "chmod 600");
	check_password("hush\n", 0604, NULL, "chmod 600");
	check_password("", 0600, NULL, "one line");
	check_password("a\nb\n", 0600, NULL, "one line");

	CU_ASSERT_TRUE(config_password(&account, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.data, "");
	account.password = secret;
	account.password_file = missing;
	CU_ASSERT_TRUE(config_password(&account, &out, &err));
	CU_ASSERT_STRING_EQUAL(out.data, "direct");
	account.password = NULL;
	CU_ASSERT_FALSE(config_password(&account, &out, &err));
	account.password_file = dir;
	CU_ASSERT_FALSE(config_password(&account, &out, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not a regular file"));
	buf_clear(&out);
}

/* Also that each preset is in its own range: config_load says so. */
static void table_is_whole(void)
{
	size_t count;
	const struct setting *all = config_settings(&count);

	for (size_t i = 0; i < count; i++) {
		CU_ASSERT_PTR_NOT_NULL(all[i].help);
		CU_ASSERT_PTR_NOT_NULL(all[i].unit);
		for (size_t k = 0; k < i; k++) {
			CU_ASSERT_STRING_NOT_EQUAL(all[i].name, all[k].name);
			CU_ASSERT_NOT_EQUAL(all[i].offset, all[k].offset);
		}
		if (all[i].secret) /* the twin stands behind */
			CU_ASSERT_EQUAL(strncmp(all[i + 1].name, all[i].name,
				strlen(all[i].name)), 0);
	}
}

static void document_is_in_step(void)
{
	struct buf want = { 0 }, have = { 0 };
	struct err err = { 0 };
	char chunk[4096];
	size_t got;
	FILE *file;

	CU_ASSERT_TRUE_FATAL(config_document(&want, &err));
	if (getenv("SLUICE_WRITE_DOCS") != NULL) {
		file = fopen("docs/CONFIG.md", "w");
		CU_ASSERT_PTR_NOT_NULL_FATAL(file);
		(void)fputs(want.data, file);
		(void)fclose(file);
	}
	file = fopen("docs/CONFIG.md", "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	while ((got = fread(chunk, 1, sizeof(chunk), file)) > 0)
		CU_ASSERT_TRUE(buf_add(&have, chunk, got, &err));
	(void)fclose(file);
	CU_ASSERT_STRING_EQUAL(have.data != NULL ? have.data : "", want.data);
	buf_clear(&want);
	buf_clear(&have);
}

static void folder_is_gone(void)
{
	CU_ASSERT_EQUAL(rmdir(folder), 0);
}

CU_TestInfo config_tests[] = {
	{ "default, file, environment, flag: the later wins",
		later_levels_win },
	{ "units are understood and shown", units_are_understood },
	{ "relative paths have a base", relative_paths_have_a_base },
	{ "secrets are not shown; the later twin counts",
		secrets_are_not_shown },
	{ "nonsense is refused with its place",
		nonsense_is_refused_with_its_place },
	{ "a daemon's port may be nowhere", a_port_may_be_nowhere },
	{ "files are found, or missed", files_are_found_or_missed },
	{ "passwords come from private files only",
		passwords_come_from_private_files },
	{ "the table is whole", table_is_whole },
	{ "docs/CONFIG.md is in step", document_is_in_step },
	{ "the tests leave nothing behind", folder_is_gone },
	CU_TEST_INFO_NULL,
};
