/* repair.h - a record's bytes made better: by a command, or by a file. */
#ifndef SLUICE_REPAIR_H
#define SLUICE_REPAIR_H

#include "common/buf.h"

/* The file's bytes; "-" is standard input. */
bool repair_read(const char *path, struct buf *out, struct err *err) MUST_CHECK;

/* Runs `sh -c command` with the record as its standard input; *out gets what
 * it prints (out->max is the ceiling). ERR_REJECT when it fails or prints
 * nothing. Its standard error is ours. */
bool repair_filter(const char *command, const void *data, size_t len,
	struct buf *out, struct err *err) MUST_CHECK;

/* The one JSON object in text, in place: blanks around it cut, line breaks
 * between tokens made blanks, as chunks have it. ERR_REJECT with line and
 * column when it is none. */
bool repair_check(struct buf *text, struct err *err) MUST_CHECK;

#endif
