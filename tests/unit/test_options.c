/* test_options.c - the daemons' command line. */
#include "common/options.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

/* The words, separated by blanks, parsed and written down again. */
static void check_words(const char *words, const char *want)
{
	char text[256];
	char got[256] = "";
	char program[] = "program";
	char *argv[16] = { program };
	char *rest = text;
	int argc = 1;
	struct options options;
	struct err err = { 0 };

	(void)snprintf(text, sizeof(text), "%s", words);
	while ((argv[argc] = strsep(&rest, " ")) != NULL)
		argc += argv[argc][0] != '\0';
	if (!options_parse(&options, argc, argv, &err)) {
		CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_USAGE);
		CU_ASSERT_STRING_EQUAL(err.text, want);
		return;
	}
	if (options.config_file != NULL)
		(void)snprintf(got, sizeof(got), "config %s;",
			options.config_file);
	for (const struct config_flag *f = options.flags; f->name; f++)
		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got),
			"%s is %s;", f->name, f->value);
	if (options.help)
		strncat(got, "help;", sizeof(got) - strlen(got) - 1);
	if (options.version)
		strncat(got, "version;", sizeof(got) - strlen(got) - 1);
	CU_ASSERT_STRING_EQUAL(got, want);
}

static void words_are_taken(void)
{
	check_words("", "");
	check_words("--config a.yaml", "config a.yaml;");
	check_words("--config=a.yaml --help", "config a.yaml;help;");
	check_words("--set prefetch=7 --set a=b=c", "prefetch is 7;a is b=c;");
	check_words("--set=a=", "a is ;");
	check_words("--log-level debug --log-format=json --version",
		"log_level is debug;log_format is json;version;");
}

static void other_words_are_refused(void)
{
	check_words("--confg x", "--confg means nothing here; try --help");
	check_words("config", "config means nothing here; try --help");
	check_words("--help=yes",
		"--help=yes means nothing here; try --help");
	check_words("--config", "--config wants FILE");
	check_words("--set prefetch", "--set wants NAME=VALUE, not prefetch");
	check_words("--set =7", "--set wants NAME=VALUE, not =7");
}

static void settings_have_a_ceiling(void)
{
	char pair[OPTIONS_FLAGS_MAX + 1][24];
	char *argv[OPTIONS_FLAGS_MAX + 2];
	char program[] = "program";
	struct options options;
	struct err err = { 0 };

	argv[0] = program;
	for (int i = 0; i <= OPTIONS_FLAGS_MAX; i++) {
		(void)snprintf(pair[i], sizeof(pair[i]), "--set=a%d=b", i);
		argv[i + 1] = pair[i];
	}
	CU_ASSERT_FALSE(options_parse(&options, OPTIONS_FLAGS_MAX + 2, argv,
		&err));
	for (int i = 0; i <= OPTIONS_FLAGS_MAX; i++)
		(void)snprintf(pair[i], sizeof(pair[i]), "--set=a%d=b", i);
	CU_ASSERT_TRUE(options_parse(&options, OPTIONS_FLAGS_MAX + 1, argv,
		&err));
	CU_ASSERT_PTR_NULL(options.flags[OPTIONS_FLAGS_MAX].name);
}

static void help_names_every_option(void)
{
	struct buf help = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(options_help("sluice-x", "Does x.", &help, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(help.data, "usage: sluice-x [OPTIONS]"));
	CU_ASSERT_PTR_NOT_NULL(strstr(help.data, "  --set NAME=VALUE"));
	CU_ASSERT_PTR_NOT_NULL(strstr(help.data, "  --help "));
	buf_clear(&help);
}

CU_TestInfo options_tests[] = {
	{ "words are taken", words_are_taken },
	{ "other words are refused", other_words_are_refused },
	{ "settings have a ceiling", settings_have_a_ceiling },
	{ "help names every option", help_names_every_option },
	CU_TEST_INFO_NULL,
};
