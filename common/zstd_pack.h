/* zstd_pack.h - makes Zstandard data, as decoder_zstd reads it. */
#ifndef SLUICE_ZSTD_PACK_H
#define SLUICE_ZSTD_PACK_H

#include "common/err.h"

#include <stddef.h>

struct zstd_packing {
	/* *got 0: there is no more. */
	bool (*read)(void *context, char *data, size_t room, size_t *got,
		struct err *err);
	bool (*write)(void *context, const char *data, size_t len,
		struct err *err);
	void *context;
};

/* One frame with a checksum of all that read gives; memory does not grow with
 * it. */
bool zstd_pack(const struct zstd_packing *packing, struct err *err) MUST_CHECK;

#endif
