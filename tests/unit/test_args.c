/* test_args.c - flags, words, guesses. */
#include "cli/args.h"

#include <CUnit/CUnit.h>
#include <string.h>

struct got {
	bool each;
	const char *code;
	int64_t limit;
	const char *words[2];
	size_t count;
	struct err err;
};

static bool parse(struct got *got, int argc, const char **argv)
{
	char copies[8][64];
	char *words[8];
	const struct arg table[] = {
		{ .name = "--each", .flag = &got->each },
		{ .name = "--code", .text = &got->code },
		{ .name = "--limit", .count = &got->limit, .min = 1,
			.max = 100 },
		{ .name = NULL },
	};
	struct cmd_context context = { .argc = argc, .argv = words };

	*got = (struct got){ .limit = -1 };
	for (int i = 0; i < argc; i++) {
		(void)strncpy(copies[i], argv[i], sizeof(copies[i]) - 1);
		copies[i][sizeof(copies[i]) - 1] = '\0';
		words[i] = copies[i];
	}
	if (!args_parse(&context, table, got->words, 2, &got->count, &got->err))
		return false;
	/* the copies end here: look at what does not point into them */
	got->code = got->code != NULL ? "set" : NULL;
	return true;
}

#define WORDS(...) \
	(int)(sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *)), \
		(const char *[]){ __VA_ARGS__ }

static void flags_are_taken(void)
{
	struct got got;

	CU_ASSERT_TRUE(parse(&got, WORDS("list", "--each", "--limit", "7")));
	CU_ASSERT_TRUE(got.each);
	CU_ASSERT_EQUAL(got.limit, 7);
	CU_ASSERT_EQUAL(got.count, 1);
	CU_ASSERT_TRUE(parse(&got, WORDS("--limit=100", "--code=a=b")));
	CU_ASSERT_EQUAL(got.limit, 100);
	CU_ASSERT_PTR_NOT_NULL(got.code);
	CU_ASSERT_EQUAL(got.count, 0);
}

static void flags_end(void)
{
	struct got got;

	CU_ASSERT_TRUE(parse(&got, WORDS("--", "--each", "-")));
	CU_ASSERT_FALSE(got.each);
	CU_ASSERT_EQUAL(got.count, 2);
	CU_ASSERT_TRUE(parse(&got, WORDS("-")));
	CU_ASSERT_EQUAL(got.count, 1);
}

static void refuse(const char *want, int argc, const char **argv)
{
	struct got got;

	CU_ASSERT_FALSE(parse(&got, argc, argv));
	CU_ASSERT_EQUAL(got.err.exit_code, EXIT_USAGE);
	CU_ASSERT_PTR_NOT_NULL(strstr(got.err.text, want));
}

static void nonsense_is_refused(void)
{
	refuse("no flag --eachx", WORDS("--eachx"));
	refuse("no flag -e", WORDS("-e"));
	refuse("takes no value", WORDS("--each=1"));
	refuse("wants a value", WORDS("--code"));
	refuse("whole number", WORDS("--limit", "0"));
	refuse("whole number", WORDS("--limit", "101"));
	refuse("whole number", WORDS("--limit", "7x"));
	refuse("whole number", WORDS("--limit="));
	refuse("whole number", WORDS("--limit", "99999999999999999999"));
	refuse("what is \"c\" for", WORDS("a", "b", "c"));
}

/* -- global flags -------------------------------------------------------- */

static bool global(struct args_global *got, struct err *err, int argc,
	const char **argv)
{
	static char copies[80][64];
	static char *words[80];

	for (int i = 0; i < argc; i++) {
		(void)strncpy(copies[i], argv[i], sizeof(copies[i]) - 1);
		words[i] = copies[i];
	}
	return args_global(argc, words, got, err);
}

static void globals_stand_anywhere(void)
{
	struct args_global got;
	struct err err = { 0 };

	CU_ASSERT_TRUE(global(&got, &err, WORDS("sluice", "--config", "a.yaml",
		"rejects", "--json", "list", "--set", "raw_dir=x=y", "--limit",
		"3")));
	CU_ASSERT_STRING_EQUAL(got.verb, "rejects");
	CU_ASSERT_STRING_EQUAL(got.config_file, "a.yaml");
	CU_ASSERT_TRUE(got.json);
	CU_ASSERT_STRING_EQUAL(got.sets[0].name, "raw_dir");
	CU_ASSERT_STRING_EQUAL(got.sets[0].value, "x=y");
	CU_ASSERT_PTR_NULL(got.sets[1].name);
	CU_ASSERT_EQUAL(got.argc, 3);
	CU_ASSERT_STRING_EQUAL(got.argv[0], "list");
	CU_ASSERT_STRING_EQUAL(got.argv[2], "3");
	args_global_clear(&got);
}

static void dashes_protect_words(void)
{
	struct args_global got;
	struct err err = { 0 };

	CU_ASSERT_TRUE(global(&got, &err, WORDS("sluice", "drop", "--",
		"--json")));
	CU_ASSERT_FALSE(got.json);
	CU_ASSERT_EQUAL(got.argc, 2);
	args_global_clear(&got);
}

static void globals_refuse(void)
{
	static const char *const bad[][4] = {
		{ "sluice", "--nosuch", "status", NULL },
		{ "sluice", "status", "--config", NULL },
		{ "sluice", "--set", "novalue", NULL },
		{ "sluice", "--set", "=x", NULL },
		{ "sluice", "--json=1", "status", NULL },
	};
	struct args_global got;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err err = { 0 };
		const char *words[3] = { bad[i][0], bad[i][1], bad[i][2] };

		CU_ASSERT_FALSE(global(&got, &err, 3, words));
		CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_USAGE);
		args_global_clear(&got);
	}
}

static void too_many_sets_are_refused(void)
{
	const char *words[ARGS_SETS_MAX + 2];
	struct args_global got;
	struct err err = { 0 };

	words[0] = "sluice";
	for (int i = 1; i < ARGS_SETS_MAX + 2; i++)
		words[i] = "--set=a=b";
	CU_ASSERT_TRUE(global(&got, &err, ARGS_SETS_MAX + 1, words));
	args_global_clear(&got);
	CU_ASSERT_FALSE(global(&got, &err, ARGS_SETS_MAX + 2, words));
	CU_ASSERT_EQUAL(err.exit_code, EXIT_USAGE);
	args_global_clear(&got);
}

static void distances_are_edits(void)
{
	static const struct {
		const char *a, *b;
		size_t want;
	} table[] = {
		{ "", "", 0 },
		{ "status", "status", 0 },
		{ "staus", "status", 1 },
		{ "sttaus", "status", 1 }, /* two letters swapped */
		{ "statuss", "status", 1 },
		{ "xtatus", "status", 1 },
		{ "", "drop", 4 },
		{ "drop", "", 4 },
		{ "kitten", "sitting", 3 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		CU_ASSERT_EQUAL(args_distance(table[i].a, table[i].b),
			table[i].want);
	CU_ASSERT_EQUAL(args_distance("01234567890123456789012345678901234567",
		"01234567890123456789012345678901234567"), 0);
}

CU_TestInfo args_tests[] = {
	{ "flags are taken in both spellings", flags_are_taken },
	{ "-- ends the flags, - is a word", flags_end },
	{ "nonsense is refused with what is wrong", nonsense_is_refused },
	{ "global flags stand anywhere", globals_stand_anywhere },
	{ "-- protects words from the global flags", dashes_protect_words },
	{ "global nonsense is refused", globals_refuse },
	{ "sets are bounded", too_many_sets_are_refused },
	{ "the distance of words counts edits", distances_are_edits },
	CU_TEST_INFO_NULL,
};
