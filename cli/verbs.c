/* verbs.c - the list of verbs, and the help that is made from it. */
#include "cli/verbs.h"
#include "cli/args.h"
#include "cli/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NEAR 3 /* letters a guess may be off */

/* In the order of `sluice help`. */
static const struct cmd *const verbs[] = {
	&cmd_status,
	&cmd_top,
	&cmd_receipt,
	&cmd_doctor,
	&cmd_tap,
	&cmd_why,
	&cmd_show,
	&cmd_rejects,
	&cmd_replay,
	&cmd_undo,
	&cmd_reconcile,
	&cmd_pause,
	&cmd_resume,
	&cmd_drain,
	&cmd_drop,
	&cmd_api,
	&cmd_load,
	&cmd_infer,
	&cmd_console,
	&cmd_serve,
	&cmd_models,
	&cmd_test_data,
	&cmd_report,
	&cmd_notify,
	&cmd_pipeline,
	&cmd_config,
	&cmd_apply,
	&cmd_generate,
	&cmd_prove,
	NULL,
};

static const char overview_head[] =
	"usage: sluice [--config FILE] [--set NAME=VALUE] [--json] VERB ...\n"
	"       sluice help [VERB]\n"
	"       sluice --version\n"
	"\n"
	"verbs:\n";

static const char overview_tail[] =
	"\n"
	"flags of every verb:\n"
	"  --config FILE     settings; default $SLUICE_CONFIG, else "
	"./sluice.yaml\n"
	"  --set NAME=VALUE  one setting, stronger than the file and the "
	"environment\n"
	"  --json            the answer as one JSON document, where there is "
	"one\n"
	"  --help            the same as `sluice help VERB`\n"
	"\n"
	"exit codes: 0 fine, 1 the data has a problem, 64 wrong words here,\n"
	"69 a server is not there, 70 a bug or out of memory, 74 input or "
	"output\n"
	"failed, 78 bad configuration\n";

const struct cmd *verbs_at(size_t index)
{
	return verbs[index];
}

const struct cmd *verbs_find(const char *name)
{
	for (size_t i = 0; verbs[i] != NULL; i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}

const struct cmd *verbs_nearest(const char *name)
{
	const struct cmd *best = NULL;
	size_t best_off = NEAR + 1;

	for (size_t i = 0; verbs[i] != NULL; i++) {
		const size_t off = args_distance(name, verbs[i]->name);

		if (off < best_off && off < strlen(verbs[i]->name)) {
			best = verbs[i];
			best_off = off;
		}
	}
	return best;
}

bool verbs_overview(struct buf *out, struct err *err)
{
	bool ok = buf_add_str(out, overview_head, err);

	for (size_t i = 0; ok && verbs[i] != NULL; i++)
		ok = buf_printf(out, err, "  %-10s %s\n", verbs[i]->name,
			verbs[i]->summary);
	return ok && buf_add_str(out, overview_tail, err);
}

bool verbs_help(const struct cmd *cmd, struct buf *out, struct err *err)
{
	return buf_printf(out, err, "usage: sluice %s%s%s\n\n%s\n", cmd->name,
		cmd->usage[0] != '\0' ? " " : "", cmd->usage, cmd->help);
}

int cmd_usage(const struct cmd *cmd, const char *fmt, ...)
{
	struct err shown = { 0 };
	struct buf line = { 0 };
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(shown.text, sizeof(shown.text), fmt, args);
	va_end(args);
	(void)fprintf(stderr, "sluice %s: %s\n", cmd->name,
		output_escape(&line, shown.text));
	(void)fprintf(stderr, "usage: sluice %s%s%s\n", cmd->name,
		cmd->usage[0] != '\0' ? " " : "", cmd->usage);
	buf_clear(&line);
	return EXIT_USAGE;
}

int cmd_fail(const struct err *err)
{
	struct buf line = { 0 };

	(void)fprintf(stderr, "sluice: %s\n", output_escape(&line, err->text));
	buf_clear(&line);
	return err_exit_code(err);
}
