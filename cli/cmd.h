/* cmd.h - what a verb of `sluice` is. cli/verbs.c lists them; the shell form
 * and the help read that list. */
#ifndef SLUICE_CMD_H
#define SLUICE_CMD_H

#include "common/config.h"
#include "common/err.h"

struct cmd_context {
	const struct config *config;
	bool json;     /* --json was given */
	int argc;      /* words behind the verb, global flags removed */
	char **argv;
};

struct cmd {
	const char *name;    /* "rejects" */
	const char *usage;   /* "list [--code CODE] | show ID" */
	const char *summary; /* one line for `sluice help` */
	const char *help;    /* the whole text of `sluice help rejects` */
	int (*run)(const struct cmd_context *context); /* an exit code */
};

/* "sluice rejects: <fmt>" and the usage line on stderr; EXIT_USAGE. */
int cmd_usage(const struct cmd *cmd, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The error as one escaped line on stderr; its exit code. */
int cmd_fail(const struct err *err);

extern const struct cmd cmd_api, cmd_apply, cmd_config, cmd_console, cmd_drop,
	cmd_models, cmd_notify, cmd_pipeline, cmd_prove, cmd_receipt,
	cmd_reconcile, cmd_rejects, cmd_replay, cmd_report, cmd_status,
	cmd_test_data, cmd_top, cmd_load, cmd_infer, cmd_pause, cmd_resume,
	cmd_drain, cmd_undo, cmd_serve, cmd_why, cmd_show, cmd_tap,
	cmd_doctor, cmd_generate;

#endif
