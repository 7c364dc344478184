/* textfile.h - an operator's text file, whole. */
#ifndef SLUICE_TEXTFILE_H
#define SLUICE_TEXTFILE_H

#include "common/buf.h"

/* Appends what is in the file; text->max bounds it. Errors: ERR_STOP,
 * EXIT_CONFIG with its name. */
bool textfile_read(const char *path, struct buf *text, struct err *err)
	MUST_CHECK;
/* The same for a file of one query, into an empty buf: its final semicolon cut
 * off, so that it can stand in parentheses. */
bool textfile_read_query(const char *path, struct buf *text, struct err *err)
	MUST_CHECK;

#endif
