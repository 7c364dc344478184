/* args.c - the words of a command line, taken apart by tables. */
#include "cli/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 32 /* letters compared when a verb is guessed */

/* "--name" or "--name=VALUE": *value is NULL or behind the sign. */
static bool is_flag(const char *word, const char *name, const char **value)
{
	const size_t len = strlen(name);

	if (strncmp(word, name, len) != 0)
		return false;
	*value = word[len] == '=' ? word + len + 1 : NULL;
	return word[len] == '\0' || word[len] == '=';
}

static bool set_count(const struct arg *arg, const char *value, struct err *err)
{
	char *end;

	errno = 0;
	*arg->count = strtoll(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0' ||
		*arg->count < arg->min || *arg->count > arg->max)
		return err_stop(err, EXIT_USAGE,
			"%s wants a whole number from %lld to %lld, not \"%s\"",
			arg->name, (long long)arg->min, (long long)arg->max,
			value);
	return true;
}

static bool add_item(const struct arg *arg, const char *value, struct err *err)
{
	struct arg_list *list = arg->list;

	if (list->count == sizeof(list->items) / sizeof(*list->items))
		return err_stop(err, EXIT_USAGE, "%s stands here too often",
			arg->name);
	list->items[list->count++] = value;
	return true;
}

/* Takes the flag at argv[*at], and the word behind it when it needs one. */
static bool take_flag(const struct arg *arg, const char *value,
	const struct cmd_context *context, int *at, struct err *err)
{
	if (arg->flag != NULL) {
		*arg->flag = true;
		return value == NULL || err_stop(err, EXIT_USAGE,
			"%s takes no value", arg->name);
	}
	if (value == NULL && *at + 1 < context->argc)
		value = context->argv[++*at];
	if (value == NULL)
		return err_stop(err, EXIT_USAGE, "%s wants a value", arg->name);
	if (arg->count != NULL)
		return set_count(arg, value, err);
	if (arg->list != NULL)
		return add_item(arg, value, err);
	*arg->text = value;
	return true;
}

bool args_parse(const struct cmd_context *context, const struct arg *table,
	const char **words, size_t max, size_t *count, struct err *err)
{
	bool flags = true;

	*count = 0;
	for (int i = 0; i < context->argc; i++) {
		const char *word = context->argv[i];
		const char *value = NULL;
		const struct arg *arg = table;

		if (!flags || word[0] != '-' || word[1] == '\0') {
			if (*count == max)
				return err_stop(err, EXIT_USAGE,
					"what is \"%s\" for?", word);
			words[(*count)++] = word;
			continue;
		}
		if (strcmp(word, "--") == 0) {
			flags = false;
			continue;
		}
		while (arg->name != NULL && !is_flag(word, arg->name, &value))
			arg++;
		if (arg->name == NULL)
			return err_stop(err, EXIT_USAGE,
				"there is no flag %s", word);
		if (!take_flag(arg, value, context, &i, err))
			return false;
	}
	return true;
}

static bool add_set(struct args_global *global, const char *pair,
	struct err *err)
{
	const char *sign = strchr(pair, '=');
	size_t n = 0;

	while (global->sets[n].name != NULL)
		n++;
	if (n == ARGS_SETS_MAX)
		return err_stop(err, EXIT_USAGE, "--set: more than %d of them",
			ARGS_SETS_MAX);
	if (sign == NULL || sign == pair)
		return err_stop(err, EXIT_USAGE,
			"--set wants NAME=VALUE, not \"%s\"", pair);
	global->names[n] = strndup(pair, (size_t)(sign - pair));
	if (global->names[n] == NULL)
		return err_memory(err);
	global->sets[n].name = global->names[n];
	global->sets[n].value = sign + 1;
	return true;
}

/* The global flag at argv[*at], if it is one: *taken. */
static bool global_flag(int argc, char **argv, int *at,
	struct args_global *global, bool *taken, struct err *err)
{
	const char *set = NULL;
	const struct arg table[] = {
		{ .name = "--config", .text = &global->config_file },
		{ .name = "--set", .text = &set },
		{ .name = "--json", .flag = &global->json },
		{ .name = "--help", .flag = &global->help },
		{ .name = "-h", .flag = &global->help },
		{ .name = "--version", .flag = &global->version },
		{ .name = NULL },
	};
	const struct cmd_context words = { .argc = argc, .argv = argv };
	const struct arg *arg = table;
	const char *value = NULL;

	while (arg->name != NULL && !is_flag(argv[*at], arg->name, &value))
		arg++;
	*taken = arg->name != NULL;
	if (!*taken)
		return true;
	return take_flag(arg, value, &words, at, err) &&
		(set == NULL || add_set(global, set, err));
}

bool args_global(int argc, char **argv, struct args_global *global,
	struct err *err)
{
	bool flags = true;
	int kept = 1;

	*global = (struct args_global){ 0 };
	for (int i = 1; i < argc; i++) {
		bool taken = false;

		if (strcmp(argv[i], "--") == 0)
			flags = false;
		if (flags && argv[i][0] == '-' &&
			!global_flag(argc, argv, &i, global, &taken, err))
			return false;
		if (!taken && global->verb == NULL && argv[i][0] == '-')
			return err_stop(err, EXIT_USAGE, "there is no flag %s",
				argv[i]);
		if (!taken && global->verb == NULL)
			global->verb = argv[i];
		else if (!taken)
			argv[kept++] = argv[i];
	}
	global->argc = kept - 1;
	global->argv = argv + 1;
	return true;
}

void args_global_clear(struct args_global *global)
{
	for (size_t i = 0; i < ARGS_SETS_MAX; i++)
		free(global->names[i]);
	*global = (struct args_global){ 0 };
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t args_distance(const char *a, const char *b)
{
	const size_t n = strnlen(a, WORD_MAX), m = strnlen(b, WORD_MAX);
	size_t row[WORD_MAX + 1][WORD_MAX + 1];

	for (size_t i = 0; i <= n; i++)
		for (size_t j = 0; j <= m; j++) {
			if (i == 0 || j == 0) {
				row[i][j] = i + j;
				continue;
			}
			row[i][j] = least(row[i - 1][j], row[i][j - 1]) + 1;
			row[i][j] = least(row[i][j], row[i - 1][j - 1] +
				(a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
				a[i - 2] == b[j - 1])
				row[i][j] = least(row[i][j],
					row[i - 2][j - 2] + 1);
		}
	return row[n][m];
}
