/* args.h - the words of a command line, taken apart by tables. Pure. */
#ifndef SLUICE_ARGS_H
#define SLUICE_ARGS_H

#include "cli/cmd.h"

#define ARGS_SETS_MAX 64

struct arg_list {
	const char *items[256];
	size_t count;
};

/* One flag of a verb. `--name`, `--name VALUE` and `--name=VALUE`. */
struct arg {
	const char *name;   /* "--limit"; NULL ends the table */
	bool *flag;         /* set to true; or */
	const char **text;  /* takes a value; or */
	int64_t *count;     /* takes a whole number from min to max; or */
	int64_t min, max;
	struct arg_list *list; /* takes a value, again and again */
};

/* Fills what the table points to; words[] gets the rest in order, at most max
 * of them. `--` ends the flags. False: err says what is wrong with the words
 * (for cmd_usage). */
bool args_parse(const struct cmd_context *context, const struct arg *table,
	const char **words, size_t max, size_t *count, struct err *err)
	MUST_CHECK;

/* What stands before and between the verb's words. */
struct args_global {
	const char *config_file;
	struct config_flag sets[ARGS_SETS_MAX + 1]; /* ends with a NULL name */
	char *names[ARGS_SETS_MAX]; /* memory of the sets */
	bool json;
	bool help;
	bool version;
	const char *verb; /* NULL: none given */
	int argc;         /* words behind the verb, global flags removed */
	char **argv;      /* within main's argv, which is rearranged */
};

/* argv as main got it. Errors: ERR_STOP, EXIT_USAGE. */
bool args_global(int argc, char **argv, struct args_global *global,
	struct err *err) MUST_CHECK;
void args_global_clear(struct args_global *global);

/* Letters to insert, delete, replace or swap to come from a to b. */
size_t args_distance(const char *a, const char *b);

#endif
