/* outfile.h - a file that is there whole, or as it was before. */
#ifndef SLUICE_OUTFILE_H
#define SLUICE_OUTFILE_H

#include "common/err.h"

#include <stdio.h>

struct outfile {
	FILE *file; /* write here */
	int root;
	char name[160], part[176];
};

/* Opens `name` below dir, which is made when it is missing. What is written
 * goes to a hidden file beside it until outfile_commit; a second writer of the
 * same name waits. Errors: ERR_STOP, EXIT_IO. */
bool outfile_open(struct outfile *out, const char *dir, const char *name,
	struct err *err) MUST_CHECK;
/* Durable, and in the place of what had the name. Closes it in any case. */
bool outfile_commit(struct outfile *out, struct err *err) MUST_CHECK;
/* Forgets what was written. A no-op after outfile_commit. */
void outfile_abandon(struct outfile *out);

#endif
