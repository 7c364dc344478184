/* verbs.h - the list of verbs, and the help that is made from it. */
#ifndef SLUICE_VERBS_H
#define SLUICE_VERBS_H

#include "cli/cmd.h"
#include "common/buf.h"

/* NULL behind the last. */
const struct cmd *verbs_at(size_t index);
const struct cmd *verbs_find(const char *name); /* NULL: none */
/* The verb a mistyped name most likely meant; NULL: nothing is near. */
const struct cmd *verbs_nearest(const char *name);

/* `sluice help`: every verb with its line, the flags, the exit codes. */
bool verbs_overview(struct buf *out, struct err *err) MUST_CHECK;
/* `sluice help VERB`. */
bool verbs_help(const struct cmd *cmd, struct buf *out, struct err *err)
	MUST_CHECK;

#endif
