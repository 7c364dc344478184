/* rejects.h - `sluice rejects replay`: the part of the verb that acts. */
#ifndef SLUICE_REJECTS_H
#define SLUICE_REJECTS_H

#include "cli/cmd.h"
#include "cli/where.h"

struct replay_request {
	const char *filter;
	const char *file;
	int64_t limit;
	int64_t wait_secs;
	bool dry_run;
};

/* Sends them and says what became of them. *settled is false when one was not
 * sent, or was refused again. */
bool rejects_replay(const struct cmd_context *context,
	const struct replay_request *request, struct where *where,
	bool *settled, struct err *err) MUST_CHECK;

#endif
