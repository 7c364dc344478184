/* options.h - the command line of the daemons. */
#ifndef SLUICE_OPTIONS_H
#define SLUICE_OPTIONS_H

#include "common/config.h"

#define OPTIONS_FLAGS_MAX 64

struct options {
	const char *config_file; /* NULL: not given */
	struct config_flag flags[OPTIONS_FLAGS_MAX + 1]; /* for config_load */
	bool help;
	bool version;
	bool health; /* ask the daemon that runs */
};

/* Reads argv, which is cut at the "=" of --set NAME=VALUE and must outlive the
 * options. Words that mean nothing: ERR_STOP, EXIT_USAGE. */
bool options_parse(struct options *options, int argc, char **argv,
	struct err *err) MUST_CHECK;

/* The text of --help: "usage: <program> [OPTIONS]", summary, the options. */
bool options_help(const char *program, const char *summary, struct buf *out,
	struct err *err) MUST_CHECK;

#endif
