/* filler.c - see filler.h. */
#include "tests/support/api_server/filler.h"

#include <string.h>

/* -- gzip -------------------------------------------------------------- */

/* RFC 1952: no name, no time, made by nobody known. */
static const uint8_t gzip_head[10] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255 };

/* Bit i of a deflate stream (RFC 1951) that is one block of fixed codes: a
 * blank, then "258 more of the byte before" without end. */
static unsigned deflate_bit(uint64_t i)
{
	static const char head[] = "010"      /* not the last, fixed codes */
				   "01010000"; /* a blank */
	static const char again[] = "11000101" /* length 258 */
				    "00000";   /* distance 1 */

	if (i < sizeof(head) - 1)
		return head[i] == '1';
	return again[(i - (sizeof(head) - 1)) % (sizeof(again) - 1)] == '1';
}

static char gzip_byte(uint64_t at)
{
	unsigned byte = 0;

	if (at < sizeof(gzip_head))
		return (char)gzip_head[at];
	for (unsigned bit = 0; bit < 8; bit++)
		byte |= deflate_bit((at - sizeof(gzip_head)) * 8 + bit) << bit;
	return (char)byte;
}

/* -- zstd -------------------------------------------------------------- */

#define ZSTD_BLOCK_MAX 131072

/* RFC 8878: the magic number, no size, a window of 128 KiB. */
static const uint8_t zstd_head[6] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38 };

/* Three bytes before each block: last?, type 0 raw or 1 repeat, its length. */
static void zstd_block(uint8_t out[3], unsigned last, unsigned type,
	size_t len)
{
	const size_t head = last | type << 1 | len << 3;

	out[0] = (uint8_t)head;
	out[1] = (uint8_t)(head >> 8);
	out[2] = (uint8_t)(head >> 16);
}

static char zstd_byte(uint64_t at)
{
	uint8_t block[4];

	if (at < sizeof(zstd_head))
		return (char)zstd_head[at];
	zstd_block(block, 0, 1, ZSTD_BLOCK_MAX);
	block[3] = ' ';
	return (char)block[(at - sizeof(zstd_head)) % sizeof(block)];
}

void zstd_wrap(const struct buf *data, struct buf *out)
{
	uint8_t block[3];
	size_t at = 0;

	say_bytes(out, zstd_head, sizeof(zstd_head));
	do {
		const size_t rest = data->len - at;
		const size_t len = rest < ZSTD_BLOCK_MAX ? rest :
			ZSTD_BLOCK_MAX;

		zstd_block(block, at + len == data->len, 0, len);
		say_bytes(out, block, sizeof(block));
		if (len > 0)
			say_bytes(out, data->data + at, len);
		at += len;
	} while (at < data->len);
}

void filler_bytes(enum filler filler, uint64_t at, char *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = filler == FILL_GZIP ? gzip_byte(at + i) :
			filler == FILL_ZSTD ? zstd_byte(at + i) : ' ';
}
