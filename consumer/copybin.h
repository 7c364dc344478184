/* copybin.h - rows as binary COPY wants them (PostgreSQL manual, COPY). Pure. */
#ifndef SLUICE_COPYBIN_H
#define SLUICE_COPYBIN_H

#include "common/rowmap.h"

/* The 19-byte signature, flags and extension header. */
bool copybin_header(struct buf *out, struct err *err) MUST_CHECK;
/* One tuple: the cells, then one bigint for each of extra[0..extra_count). */
bool copybin_row(struct buf *out, const struct cell *cells, size_t count,
	const int64_t *extra, size_t extra_count, struct err *err) MUST_CHECK;
/* The file trailer. */
bool copybin_trailer(struct buf *out, struct err *err) MUST_CHECK;

/* One value, length word included; numeric digits become base 10000. */
bool copybin_cell(struct buf *out, const struct cell *cell, struct err *err)
	MUST_CHECK;

#endif
