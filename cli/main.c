/* main.c - `sluice`, the operator's program: finds the verb and runs it. */
#include "cli/args.h"
#include "cli/output.h"
#include "cli/verbs.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static int usage(const char *text, const char *word)
{
	struct err err = { 0 };

	(void)err_stop(&err, EXIT_USAGE, "%s%s", text, word);
	(void)cmd_fail(&err);
	(void)fputs("`sluice help` shows what there is\n", stderr);
	return EXIT_USAGE;
}

static int unknown_verb(const char *name)
{
	const struct cmd *near = verbs_nearest(name);
	struct err err = { 0 };

	if (near == NULL)
		return usage("no such verb: ", name);
	(void)err_stop(&err, EXIT_USAGE, "no such verb: %s; did you mean %s?",
		name, near->name);
	(void)cmd_fail(&err);
	return EXIT_USAGE;
}

static int help(const char *verb)
{
	const struct cmd *cmd = verb != NULL ? verbs_find(verb) : NULL;
	struct buf out = { 0 };
	struct err err = { 0 };
	bool ok;

	if (verb != NULL && cmd == NULL)
		return unknown_verb(verb);
	ok = cmd != NULL ? verbs_help(cmd, &out, &err) :
		verbs_overview(&out, &err);
	if (ok)
		(void)fputs(out.data, stdout);
	buf_clear(&out);
	return ok ? EXIT_FINE : cmd_fail(&err);
}

static int run(const struct cmd *cmd, const struct args_global *global)
{
	struct config config = { 0 };
	struct err err = { 0 };
	struct cmd_context context = { .config = &config,
		.json = global->json, .argc = global->argc,
		.argv = global->argv };
	int code;

	if (config_load(&config, global->config_file, global->sets, &err)) {
		log_setup(config.log_level, config.log_format);
		code = cmd->run(&context);
	} else {
		code = cmd_fail(&err);
	}
	config_clear(&config);
	return code;
}

static int serve(const struct args_global *global)
{
	const char *verb = global->verb;
	const struct cmd *cmd;

	if (global->version) {
		(void)puts("sluice " SLUICE_VERSION);
		return EXIT_FINE;
	}
	if (verb == NULL || strcmp(verb, "help") == 0) {
		if (global->argc > 1)
			return usage("help is for one verb, not also for ",
				global->argv[1]);
		if (verb == NULL && !global->help)
			return usage("which verb?", "");
		return help(global->argc > 0 ? global->argv[0] : NULL);
	}
	cmd = verbs_find(verb);
	if (cmd == NULL)
		return unknown_verb(verb);
	return global->help ? help(verb) : run(cmd, global);
}

int main(int argc, char **argv)
{
	struct args_global global;
	struct err err = { 0 };
	int code;

	(void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error */
	if (args_global(argc, argv, &global, &err))
		code = output_finish(serve(&global));
	else
		code = usage(err.text, "");
	args_global_clear(&global);
	return code;
}
