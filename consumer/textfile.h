/* textfile.h - an operator's text file, whole. */
#ifndef SLUICE_TEXTFILE_H
#define SLUICE_TEXTFILE_H

#include "common/buf.h"

/* Appends what is in the file; text->max bounds it. Errors: ERR_STOP,
 * EXIT_CONFIG with its name. */
bool textfile_read(const char *path, struct buf *text, struct err *err)
	MUST_CHECK;

#endif
