/* gzip.c - gzip, all members of it (the door to zlib). */
#include "common/decoder.h"

#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* next_in may point to what is const */
#include <zlib.h>

#define GZIP_ONLY (15 + 16) /* largest window, gzip's own header */

enum gunzip_state {
	GUNZIP_INSIDE,  /* of a member */
	GUNZIP_BETWEEN, /* a member ended: another, zeros, or the end */
	GUNZIP_PADDING, /* zeros behind the last member, as tapes have */
};

struct gunzip {
	z_stream z;
	enum gunzip_state state;
};

static bool knows_gzip(const uint8_t *head, size_t len)
{
	return len >= 2 && head[0] == 0x1f && head[1] == 0x8b;
}

static void close_gzip(void *state)
{
	struct gunzip *gunzip = state;

	if (gunzip == NULL)
		return;
	(void)inflateEnd(&gunzip->z);
	free(gunzip);
}

static void *open_gzip(struct err *err)
{
	struct gunzip *gunzip = calloc(1, sizeof(*gunzip));

	if (gunzip == NULL || inflateInit2(&gunzip->z, GZIP_ONLY) != Z_OK) {
		free(gunzip);
		err_memory(err);
		return NULL;
	}
	return gunzip;
}

/* Between members: zeros are skipped, anything else starts the next one. */
static enum decode_status step_between(struct gunzip *gunzip,
	struct decode *io)
{
	for (; io->in_len > 0 && *io->in == 0; io->in++, io->in_len--)
		gunzip->state = GUNZIP_PADDING;
	if (io->in_len == 0)
		return DECODE_ON;
	if (gunzip->state == GUNZIP_PADDING || *io->in != 0x1f) {
		io->what = "bytes behind the end of the gzip data";
		return DECODE_BROKEN;
	}
	(void)inflateReset(&gunzip->z);
	gunzip->state = GUNZIP_INSIDE;
	return DECODE_ON;
}

static enum decode_status step_inside(struct gunzip *gunzip, struct decode *io,
	struct err *err)
{
	z_stream *z = &gunzip->z;
	const uInt in = io->in_len < UINT32_MAX / 2 ? (uInt)io->in_len :
						      UINT32_MAX / 2;
	const uInt room = io->room < UINT32_MAX / 2 ? (uInt)io->room :
						      UINT32_MAX / 2;
	int status;

	z->next_in = io->in;
	z->avail_in = in;
	z->next_out = io->out;
	z->avail_out = room;
	status = inflate(z, Z_NO_FLUSH);
	io->in += in - z->avail_in;
	io->in_len -= in - z->avail_in;
	io->got = room - z->avail_out;
	if (status == Z_STREAM_END)
		gunzip->state = GUNZIP_BETWEEN;
	if (status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR)
		return DECODE_ON;
	if (status == Z_MEM_ERROR) {
		err_memory(err);
		return DECODE_FAILED;
	}
	/* zlib's messages are constants */
	io->what = z->msg != NULL ? z->msg : "damaged gzip data";
	return DECODE_BROKEN;
}

static enum decode_status step_gzip(void *state, struct decode *io,
	struct err *err)
{
	struct gunzip *gunzip = state;

	io->got = 0;
	if (gunzip->state != GUNZIP_INSIDE)
		return step_between(gunzip, io);
	return step_inside(gunzip, io, err);
}

static bool whole_gzip(const void *state)
{
	return ((const struct gunzip *)state)->state != GUNZIP_INSIDE;
}

const struct decoder decoder_gzip = {
	.suffix = "+gzip",
	.knows = knows_gzip,
	.open = open_gzip,
	.step = step_gzip,
	.whole = whole_gzip,
	.close = close_gzip,
};
