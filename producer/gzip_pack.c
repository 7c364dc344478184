/* gzip_pack.c - makes gzip data (with gzip.c the door to zlib). */
#include "producer/pack.h"

#define ZLIB_CONST /* next_in may point to what is const */
#include <zlib.h>

#define GZIP_ONLY (15 + 16) /* largest window, gzip's own header */
#define MEMORY 8

bool gzip_pack(const void *data, size_t len, struct buf *out, struct err *err)
{
	z_stream z = { .next_in = data, .avail_in = (uInt)len };
	size_t room;
	int code;

	if (len > UINT32_MAX)
		return err_set(err, ERR_REJECT, "too much to pack at once");
	if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_ONLY, MEMORY,
		    Z_DEFAULT_STRATEGY) != Z_OK)
		return err_memory(err);
	room = deflateBound(&z, (uLong)len);
	if (!buf_grow(out, room, err)) {
		(void)deflateEnd(&z);
		return false;
	}
	z.next_out = (Bytef *)out->data + out->len;
	z.avail_out = (uInt)room;
	code = deflate(&z, Z_FINISH);
	out->len += room - z.avail_out;
	out->data[out->len] = '\0';
	(void)deflateEnd(&z);
	return code == Z_STREAM_END ||
		err_stop(err, EXIT_BUG, "zlib does not finish");
}
