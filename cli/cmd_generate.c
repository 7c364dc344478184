/* cmd_generate.c - `sluice generate`: files that follow from the program. */
#include "cli/args.h"
#include "cli/generate.h"

#include <stdio.h>
#include <string.h>

static const struct file {
	const char *name;
	bool (*make)(struct buf *out, struct err *err);
} files[] = {
	{ "bash", generate_bash },
	{ "zsh", generate_zsh },
	{ "sluice.1", generate_manual },
	{ "sluice.yaml.5", generate_settings },
};

/* *known: there is such a file or list. */
static bool make(const struct cmd_context *context, const char *name,
	struct buf *out, bool *known, struct err *err)
{
	*known = true;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (strcmp(files[i].name, name) == 0)
			return files[i].make(out, err);
	return generate_list(context->config, name, out, known, err);
}

static int run(const struct cmd_context *context)
{
	static const struct arg none[] = { { .name = NULL } };
	const char *name = "";
	struct buf out = { 0 };
	struct err err = { 0 };
	size_t count;
	bool known, ok;

	if (!args_parse(context, none, &name, 1, &count, &err))
		return cmd_usage(&cmd_generate, "%s", err.text);
	ok = make(context, name, &out, &known, &err);
	if (ok && out.len > 0)
		(void)fwrite(out.data, 1, out.len, stdout);
	buf_clear(&out);
	if (!known)
		return cmd_usage(&cmd_generate, "%s", "what is to be generated?");
	return ok ? EXIT_FINE : cmd_fail(&err);
}

const struct cmd cmd_generate = {
	.name = "generate",
	.usage = "bash | zsh | sluice.1 | sluice.yaml.5 | datasets | endpoints |"
		" models | sources",
	.summary = "completion for shells, manual pages, made of this program",
	.help =
"Prints a file that follows from this program's own tables: completion for bash\n"
"and zsh, the manual pages sluice(1) and sluice.yaml(5). Installing puts them\n"
"where they belong. The others are lists for the completion: datasets, endpoints\n"
"and models of the pipeline files; sources, the latest 200, of the database, when\n"
"it answers within 0.7 s.\n"
"\n"
"  . <(sluice generate bash)\n"
"  sluice generate sluice.1 | man -l -\n"
"\n"
"Exits 0, 64 when it knows no such file.",
	.run = run,
};
