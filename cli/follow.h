/* follow.h - `sluice load --follow`: what appears in the folders is loaded, by
 * the producer's watch and the direct load, until a signal. */
#ifndef SLUICE_FOLLOW_H
#define SLUICE_FOLLOW_H

#include "cli/direct.h"
#include "cli/files.h"
#include "cli/progress.h"

struct follow_options {
	const struct config *config;
	const struct files *files; /* whose datasets are meant */
	const char *directory;     /* instead of the only dataset's own; NULL */
	struct direct *direct;
	struct progress *progress;
	int stop_fd;               /* of follow_stop_fd */
};

/* Catches SIGINT and SIGTERM from now on: the descriptor becomes readable,
 * and the process ends with it after four seconds in any case. -1: not
 * possible. */
int follow_stop_fd(struct err *err);

/* Loads every complete file of the folders, and each one that is completed
 * later; they stay where they are. True when a signal ended it. A server that
 * is away is waited for; a file that cannot be read is complained of, and
 * tried again. Errors: EXIT_IO the folder cannot be made or watched,
 * EXIT_CONFIG the tables do not fit. */
bool follow_run(const struct follow_options *options, struct err *err)
	MUST_CHECK;

#endif
