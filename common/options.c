/* options.c - the command line of the daemons. */
#include "common/options.h"

#include <string.h>

static const struct option {
	const char *name;
	const char *value;   /* what it takes, for the help; NULL: nothing */
	const char *setting; /* the setting it stands for, or NULL */
	const char *help;
} list[] = {
	{ "--config", "FILE", NULL, "the settings, instead of ./sluice.yaml" },
	{ "--set", "NAME=VALUE", NULL, "one setting; may be repeated" },
	{ "--log-level", "LEVEL", "log_level", "error, warn, info or debug" },
	{ "--log-format", "FORMAT", "log_format", "logfmt or json" },
	{ "--health", NULL, NULL, "ask the one that runs; exit code 0: all well" },
	{ "--version", NULL, NULL, "say which version this is" },
	{ "--help", NULL, NULL, "say this" },
};

#define LIST_COUNT (sizeof(list) / sizeof(*list))

/* --name or --name=value; *value is set to the latter. */
static const struct option *find(const char *word, const char **value)
{
	for (size_t i = 0; i < LIST_COUNT; i++) {
		const size_t len = strlen(list[i].name);

		if (strncmp(word, list[i].name, len) != 0)
			continue;
		if (word[len] == '\0')
			*value = NULL;
		else if (word[len] == '=' && list[i].value != NULL)
			*value = word + len + 1;
		else
			continue;
		return &list[i];
	}
	return NULL;
}

static bool add_flag(struct options *options, const char *name,
	const char *value, struct err *err)
{
	size_t count = 0;

	while (options->flags[count].name != NULL)
		count++;
	if (count == OPTIONS_FLAGS_MAX)
		return err_stop(err, EXIT_USAGE, "more than %d settings given",
			OPTIONS_FLAGS_MAX);
	options->flags[count] = (struct config_flag){ name, value };
	return true;
}

/* "name=value", cut in place. */
static bool add_pair(struct options *options, char *pair, struct err *err)
{
	char *equals = strchr(pair, '=');

	if (equals == NULL || equals == pair)
		return err_stop(err, EXIT_USAGE, "--set wants NAME=VALUE, not "
			"%s", pair);
	*equals = '\0';
	return add_flag(options, pair, equals + 1, err);
}

static bool take(struct options *options, const struct option *option,
	char *value, struct err *err)
{
	if (option->setting != NULL)
		return add_flag(options, option->setting, value, err);
	if (strcmp(option->name, "--set") == 0)
		return add_pair(options, value, err);
	if (strcmp(option->name, "--config") == 0)
		options->config_file = value;
	options->version |= strcmp(option->name, "--version") == 0;
	options->health |= strcmp(option->name, "--health") == 0;
	options->help |= strcmp(option->name, "--help") == 0;
	return true;
}

bool options_parse(struct options *options, int argc, char **argv,
	struct err *err)
{
	*options = (struct options){ 0 };
	for (int i = 1; i < argc; i++) {
		char *const word = argv[i];
		const char *given = NULL;
		const struct option *option = find(word, &given);
		char *value = given != NULL ? word + (given - word) : NULL;

		if (option == NULL)
			return err_stop(err, EXIT_USAGE,
				"%s means nothing here; try --help", word);
		if (option->value != NULL && value == NULL) {
			if (i + 1 == argc)
				return err_stop(err, EXIT_USAGE,
					"%s wants %s", option->name,
					option->value);
			value = argv[++i];
		}
		if (!take(options, option, value, err))
			return false;
	}
	return true;
}

bool options_help(const char *program, const char *summary, struct buf *out,
	struct err *err)
{
	if (!buf_printf(out, err, "usage: %s [OPTIONS]\n%s\n\n", program,
		summary))
		return false;
	for (size_t i = 0; i < LIST_COUNT; i++) {
		const char *value = list[i].value != NULL ? list[i].value : "";

		if (!buf_printf(out, err, "  %s %-*s %s\n", list[i].name,
			(int)(24 - strlen(list[i].name)), value, list[i].help))
			return false;
	}
	return true;
}
