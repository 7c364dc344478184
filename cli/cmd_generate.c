/* cmd_generate.c - `sluice generate`: files that follow from the program. */
#include "cli/args.h"
#include "cli/generate.h"
#include "consumer/plan.h"

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

static bool list_datasets(const struct config *config, struct buf *out,
	struct err *err)
{
	struct pipeline_set set = { 0 };
	bool ok = pipeline_set_read(config->pipelines_dir, &set, err);

	for (size_t p = 0; ok && p < set.count; p++)
		for (size_t d = 0; ok && d < set.pipelines[p].dataset_count;
			d++)
			ok = buf_printf(out, err, "%s.%s\n",
				set.pipelines[p].name,
				set.pipelines[p].datasets[d].name);
	pipeline_set_clear(&set);
	return ok;
}

static bool list_models(const struct config *config, struct buf *out,
	struct err *err)
{
	struct plan *plan = plan_read(config, err);
	bool ok = plan != NULL;

	for (size_t i = 0; ok && i < models_count(plan->models); i++) {
		const struct model_info info = models_info(plan->models, i);

		ok = buf_printf(out, err, "%s.%s\n", info.pipeline, info.name);
	}
	plan_free(plan);
	return ok;
}

/* *known: there is such a file or list. */
static bool make(const struct cmd_context *context, const char *name,
	struct buf *out, bool *known, struct err *err)
{
	*known = true;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (strcmp(files[i].name, name) == 0)
			return files[i].make(out, err);
	if (strcmp(name, "datasets") == 0)
		return list_datasets(context->config, out, err);
	if (strcmp(name, "models") == 0)
		return list_models(context->config, out, err);
	*known = false;
	return true;
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
	.usage = "bash | zsh | sluice.1 | sluice.yaml.5 | datasets | models",
	.summary = "completion for shells, manual pages, made of this program",
	.help =
"Prints a file that follows from this program's own tables: completion for bash\n"
"and zsh, the manual pages sluice(1) and sluice.yaml(5). Installing puts them\n"
"where they belong. datasets and models are lists of the pipeline files, for the\n"
"completion; no server is asked.\n"
"\n"
"  . <(sluice generate bash)\n"
"  sluice generate sluice.1 | man -l -\n"
"\n"
"Exits 0, 64 when it knows no such file.",
	.run = run,
};
