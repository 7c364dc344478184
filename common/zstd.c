/* zstd.c - Zstandard, all frames of it (the door to libzstd).
 *
 * A call that fails has lost what it had put out. So the library is fed one
 * block at a time, gathered first, and nothing while it still holds output:
 * what comes out before a broken block then does not depend on the sizes of
 * reads. */
#include "common/buf.h"
#include "common/decoder.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define WINDOW_LOG_MAX 27 /* 128 MiB: all that zstd -22 --ultra makes */
#define BLOCK_HEADER 3 /* of the next block, asked for with a block */
#define GATHER_BYTES (131072 + 16) /* a block and its header */

struct unzstd {
	ZSTD_DCtx *ctx;
	size_t wanted; /* bytes the library asks for next */
	bool flushing; /* it may hold more output */
	bool between;  /* frames */
	struct buf gather; /* on its way to being what it wants */
};

/* 28 b5 2f fd, or a skippable frame: 50..5f 2a 4d 18. */
static bool knows_zstd(const uint8_t *head, size_t len)
{
	static const uint8_t frame[] = { 0x28, 0xb5, 0x2f, 0xfd };
	static const uint8_t skippable[] = { 0x2a, 0x4d, 0x18 };

	return len >= 4 &&
		(memcmp(head, frame, sizeof(frame)) == 0 ||
			((head[0] & 0xf0) == 0x50 &&
				memcmp(head + 1, skippable,
					sizeof(skippable)) == 0));
}

static void close_zstd(void *state)
{
	struct unzstd *unzstd = state;

	if (unzstd == NULL)
		return;
	(void)ZSTD_freeDCtx(unzstd->ctx);
	buf_clear(&unzstd->gather);
	free(unzstd);
}

static void *open_zstd(struct err *err)
{
	struct unzstd *unzstd = calloc(1, sizeof(*unzstd));

	if (unzstd != NULL)
		unzstd->ctx = ZSTD_createDCtx();
	if (unzstd == NULL || unzstd->ctx == NULL ||
		ZSTD_isError(ZSTD_DCtx_setParameter(unzstd->ctx,
			ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
		close_zstd(unzstd);
		err_memory(err);
		return NULL;
	}
	unzstd->wanted = ZSTD_initDStream(unzstd->ctx);
	return unzstd;
}

static enum decode_status step_failed(size_t code, struct decode *io,
	struct err *err)
{
	io->what = ZSTD_getErrorName(code);
	if (strcmp(io->what, "Allocation error : not enough memory") != 0)
		return DECODE_BROKEN;
	err_memory(err);
	return DECODE_FAILED;
}

/* Feeds the first bytes gathered. */
static enum decode_status feed(struct unzstd *unzstd, size_t len,
	struct decode *io, struct err *err)
{
	struct buf *gather = &unzstd->gather;
	ZSTD_inBuffer in = { .src = gather->data, .size = len };
	ZSTD_outBuffer out = { .dst = io->out, .size = io->room };
	const size_t status = ZSTD_decompressStream(unzstd->ctx, &out, &in);

	if (ZSTD_isError(status))
		return step_failed(status, io, err);
	gather->len -= in.pos;
	if (gather->len > 0)
		memmove(gather->data, gather->data + in.pos, gather->len);
	io->got = out.pos;
	unzstd->between = status == 0;
	unzstd->flushing = status != 0 && out.pos == out.size;
	unzstd->wanted = status != 0 ? status : ZSTD_initDStream(unzstd->ctx);
	if (unzstd->wanted > BLOCK_HEADER)
		unzstd->wanted -= BLOCK_HEADER;
	return DECODE_ON;
}

/* *ready: there is as much as it wants, or all there is. */
static bool gather(struct unzstd *unzstd, struct decode *io, bool *ready,
	struct err *err)
{
	const bool last = io->in_len == 0;
	const size_t have = unzstd->gather.len;
	const size_t wanted = unzstd->wanted < GATHER_BYTES ? unzstd->wanted :
							      GATHER_BYTES;
	size_t more = wanted > have ? wanted - have : 0;

	if (more > io->in_len)
		more = io->in_len;
	if (more > 0 && !buf_add(&unzstd->gather, io->in, more, err))
		return false;
	io->in += more;
	io->in_len -= more;
	*ready = have + more >= wanted || (last && have > 0);
	return true;
}

static enum decode_status step_zstd(void *state, struct decode *io,
	struct err *err)
{
	struct unzstd *unzstd = state;
	enum decode_status status = DECODE_ON;
	bool ready = false;

	io->got = 0;
	if (unzstd->flushing)
		status = feed(unzstd, 0, io, err);
	if (status != DECODE_ON || io->got > 0)
		return status;
	if (!gather(unzstd, io, &ready, err))
		return DECODE_FAILED;
	return ready ? feed(unzstd, unzstd->gather.len, io, err) : DECODE_ON;
}

static bool whole_zstd(const void *state)
{
	const struct unzstd *unzstd = state;

	return unzstd->between && unzstd->gather.len == 0;
}

const struct decoder decoder_zstd = {
	.suffix = "+zstd",
	.knows = knows_zstd,
	.open = open_zstd,
	.step = step_zstd,
	.whole = whole_zstd,
	.close = close_zstd,
};
