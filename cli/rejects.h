/* rejects.h - `sluice rejects replay`: the part of the verb that acts. */
#ifndef SLUICE_REJECTS_H
#define SLUICE_REJECTS_H

#include "cli/cmd.h"
#include "cli/where.h"
#include "cli/grid.h"

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

/* What `rejects list` means of an SQLite file. */
struct rejects_query {
	const char *file;
	const struct where *where;
	int64_t limit;
	bool each;
};
/* Groups, or with each single ones, in the columns of the other database. */
bool rejects_lite(const struct rejects_query *query, struct grid *grid,
	struct err *err) MUST_CHECK;
/* One cell: the bytes in hex; no row when there is no such reject. */
bool rejects_lite_bytes(const char *file, const char *id, struct grid *grid,
	struct err *err) MUST_CHECK;
/* Prints the list, or one reject with its bytes. */
bool rejects_show_list(const struct cmd_context *context,
	const struct grid *grid, bool each, struct err *err) MUST_CHECK;
bool rejects_show_bytes(const struct cmd_context *context, bool raw,
	const struct grid *grid, const struct buf *bytes, struct err *err)
	MUST_CHECK;

#endif
