/* zstd_pack.c - makes Zstandard data (the other leaf of the door to libzstd). */
#include "common/zstd_pack.h"

#include <stdlib.h>
#include <zstd.h>

#define LEVEL 3
#define BLOCK_BYTES ((size_t)128 << 10)

struct blocks {
	char *in;
	char *out;
};

/* Feeds one block, or ends the frame, until all of it is written. */
static bool feed(ZSTD_CCtx *ctx, const struct zstd_packing *packing,
	const struct blocks *blocks, size_t len, struct err *err)
{
	const ZSTD_EndDirective how = len == 0 ? ZSTD_e_end : ZSTD_e_continue;
	ZSTD_inBuffer in = { .src = blocks->in, .size = len };
	size_t left = 1;

	while (in.pos < in.size || (len == 0 && left > 0)) {
		ZSTD_outBuffer out = { .dst = blocks->out,
			.size = BLOCK_BYTES };

		left = ZSTD_compressStream2(ctx, &out, &in, how);
		if (ZSTD_isError(left))
			return err_memory(err); /* nothing else can fail */
		if (out.pos > 0 && !packing->write(packing->context,
			blocks->out, out.pos, err))
			return false;
	}
	return true;
}

static bool run(ZSTD_CCtx *ctx, const struct zstd_packing *packing,
	const struct blocks *blocks, struct err *err)
{
	size_t got = 1;

	while (got > 0)
		if (!packing->read(packing->context, blocks->in, BLOCK_BYTES,
			&got, err) || !feed(ctx, packing, blocks, got, err))
			return false;
	return true;
}

bool zstd_pack(const struct zstd_packing *packing, struct err *err)
{
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	const struct blocks blocks = { malloc(BLOCK_BYTES),
		malloc(BLOCK_BYTES) };
	bool ok = ctx != NULL && blocks.in != NULL && blocks.out != NULL &&
		!ZSTD_isError(ZSTD_CCtx_setParameter(ctx,
			ZSTD_c_compressionLevel, LEVEL)) &&
		!ZSTD_isError(ZSTD_CCtx_setParameter(ctx,
			ZSTD_c_checksumFlag, 1));

	ok = ok ? run(ctx, packing, &blocks, err) : err_memory(err);
	(void)ZSTD_freeCCtx(ctx);
	free(blocks.in);
	free(blocks.out);
	return ok;
}
