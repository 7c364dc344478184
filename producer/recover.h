/* recover.h - what an earlier process left under way. */
#ifndef SLUICE_RECOVER_H
#define SLUICE_RECOVER_H

#include "producer/finish.h"

/* What a source needs now. */
enum recovery {
	RECOVER_SEND,   /* its file is claimed: go on at its position */
	RECOVER_FINISH, /* all was sent: move the file */
	RECOVER_DONE,   /* nothing; its row says so */
};

/* The unfinished source after *after (0 starts), its file brought back into
 * .claimed where a crash left it elsewhere. *source NULL: no more. */
bool recover_next(const struct finish_dirs *dirs, struct state *state,
	int64_t *after, struct source **source, enum recovery *what,
	struct err *err) MUST_CHECK;

/* Looks for files in <directory>/.claimed that no row knows, and complains
 * of them; those that were moved already, by their rows, are moved again. */
bool recover_strays(const struct finish_dirs *dirs, struct state *state,
	const char *directory, struct err *err) MUST_CHECK;

#endif
