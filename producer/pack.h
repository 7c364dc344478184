/* pack.h - makes gzip data, for whoever needs files to read. */
#ifndef SLUICE_PACK_H
#define SLUICE_PACK_H

#include "common/buf.h"

/* Appends data as one gzip member; the same data give the same bytes. */
bool gzip_pack(const void *data, size_t len, struct buf *out, struct err *err)
	MUST_CHECK;

#endif
