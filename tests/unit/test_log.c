/* test_log.c - log lines, errors and back-off. */
#include "common/backoff.h"
#include "common/log.h"

#include <CUnit/CUnit.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What one call writes to stderr, after "event=" or "\"event\":". */
static const char *logged(enum log_format format, const char *value)
{
	static char line[4096];
	int ends[2], saved = dup(STDERR_FILENO);
	ssize_t got;
	char *from;

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	(void)dup2(ends[1], STDERR_FILENO);
	log_setup(LOG_INFO, format);
	errno = EBUSY;
	LOG(LOG_INFO, "claim", LOG_S("name", value), LOG_I("n", -5),
		LOG_U("u", UINT64_MAX));
	CU_ASSERT_EQUAL(errno, EBUSY);
	LOG(LOG_DEBUG, "hidden", LOG_U("n", 1));
	log_setup(LOG_INFO, LOG_LOGFMT);
	(void)dup2(saved, STDERR_FILENO);
	got = read(ends[0], line, sizeof(line) - 1);
	line[got > 0 ? got : 0] = '\0';
	(void)close(ends[0]);
	(void)close(ends[1]);
	(void)close(saved);
	from = strstr(line, format == LOG_JSON ? "\"event\"" : "event=");
	return from != NULL ? from : line;
}

static void lines_are_logfmt(void)
{
	CU_ASSERT_STRING_EQUAL(logged(LOG_LOGFMT, "plain"),
		"event=claim name=plain n=-5 u=18446744073709551615\n");
	CU_ASSERT_STRING_EQUAL(logged(LOG_LOGFMT, "two words"),
		"event=claim name=\"two words\" n=-5 u=18446744073709551615\n");
	CU_ASSERT_STRING_EQUAL(logged(LOG_LOGFMT, "a\n\x1b[1m\"b"),
		"event=claim name=\"a\\n\\x1b[1m\\\"b\" n=-5 "
		"u=18446744073709551615\n");
	CU_ASSERT_STRING_EQUAL(logged(LOG_LOGFMT, NULL),
		"event=claim name=\"\" n=-5 u=18446744073709551615\n");
}

static void lines_are_json(void)
{
	CU_ASSERT_STRING_EQUAL(logged(LOG_JSON, "a\n\"\x1b\xff"),
		"\"event\":\"claim\",\"name\":\"a\\n\\\"\\u001b\\u00ff\","
		"\"n\":-5,\"u\":18446744073709551615}\n");
}

static void repeats_are_rare(void)
{
	struct log_repeat repeat = { 0 };

	CU_ASSERT_TRUE(log_repeat_due(&repeat));
	for (int i = 0; i < 100; i++)
		CU_ASSERT_FALSE(log_repeat_due(&repeat));
	CU_ASSERT_EQUAL(log_repeat_clear(&repeat), 101);
	CU_ASSERT_EQUAL(log_repeat_clear(&repeat), 0);
	CU_ASSERT_TRUE(log_repeat_due(&repeat));
}

static void backoff_grows_to_its_ceiling(void)
{
	struct backoff backoff = { .base_ms = 100, .ceiling_ms = 5000 };
	int longest = 0;

	for (int i = 0; i < 200; i++) {
		const int ms = backoff_next_ms(&backoff);

		CU_ASSERT_TRUE(ms >= 50 && ms <= 5000);
		if (i == 0)
			CU_ASSERT_TRUE(ms <= 100);
		longest = ms > longest ? ms : longest;
	}
	CU_ASSERT_TRUE(longest > 1000);
	backoff_reset(&backoff);
	CU_ASSERT_TRUE(backoff_next_ms(&backoff) <= 100);
}

static void errors_wrap_and_map(void)
{
	struct err err = { 0 };

	CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_FINE);
	CU_ASSERT_FALSE(err_set(&err, ERR_RETRY, "inner %d", 7));
	CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_SERVER);
	CU_ASSERT_FALSE(err_wrap(&err, "outer"));
	CU_ASSERT_STRING_EQUAL(err.text, "outer: inner 7");
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	CU_ASSERT_FALSE(err_stop(&err, EXIT_CONFIG, "no"));
	CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_CONFIG);
	errno = ENOENT;
	CU_ASSERT_FALSE(err_errno(&err, ERR_REJECT, "open x"));
	CU_ASSERT_STRING_EQUAL(err.text, "open x: No such file or directory");
	CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_IO);
}

static void news_are_told(void)
{
	struct log_repeat repeat = { 0 };

	CU_ASSERT_TRUE(log_repeat_due_for(&repeat, "port 1: lost"));
	CU_ASSERT_FALSE(log_repeat_due_for(&repeat, "port 27: lost"));
	CU_ASSERT_TRUE(log_repeat_due_for(&repeat, "refused"));
	CU_ASSERT_FALSE(log_repeat_due_for(&repeat, "refused"));
	CU_ASSERT_FALSE(log_repeat_due_for(&repeat, "port 1: lost"));
	CU_ASSERT_TRUE(log_repeat_due_for(&repeat, "third"));
	CU_ASSERT_TRUE(log_repeat_due_for(&repeat, "fourth"));
	CU_ASSERT_FALSE(log_repeat_due_for(&repeat, "fifth: too many"));
	CU_ASSERT_EQUAL(log_repeat_clear(&repeat), 8);
	CU_ASSERT_TRUE(log_repeat_due_for(&repeat, "refused"));
}

CU_TestInfo log_tests[] = {
	{ "lines are logfmt, escaped, errno survives", lines_are_logfmt },
	{ "lines are JSON when asked", lines_are_json },
	{ "a repeated complaint is logged rarely", repeats_are_rare },
	{ "a new cause is logged at once", news_are_told },
	{ "back-off grows to its ceiling", backoff_grows_to_its_ceiling },
	{ "errors wrap and map to exit codes", errors_wrap_and_map },
	CU_TEST_INFO_NULL,
};
