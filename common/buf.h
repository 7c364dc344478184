/* buf.h - a growing run of bytes with a ceiling. */
#ifndef SLUICE_BUF_H
#define SLUICE_BUF_H

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A zeroed buf is valid and empty; set .max to bound it (0: 1 GiB).
 * data is always followed by a NUL that len does not count, once anything
 * was added; before that data is NULL. */
struct buf {
	char *data;
	size_t len;
	size_t cap;
	size_t max;
};

/* buf_grow where there is not room enough. */
bool buf_enlarge(struct buf *buf, size_t more, struct err *err) MUST_CHECK;

/* Reserves room for `more` bytes beyond len. Fails with ERR_STOP when memory
 * or the ceiling is exhausted; the contents stay as they were. */
static inline MUST_CHECK bool buf_grow(struct buf *buf, size_t more,
	struct err *err)
{
	/* what there is never exceeds the ceiling; the NUL needs a byte, too */
	return more < buf->cap - buf->len || buf_enlarge(buf, more, err);
}

static inline MUST_CHECK bool buf_add(struct buf *buf, const void *data,
	size_t len, struct err *err)
{
	if (!buf_grow(buf, len, err))
		return false;
	if (len > 0)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	return true;
}

static inline MUST_CHECK bool buf_add_char(struct buf *buf, char c,
	struct err *err)
{
	return buf_add(buf, &c, 1, err);
}

bool buf_add_str(struct buf *buf, const char *text, struct err *err) MUST_CHECK;
bool buf_printf(struct buf *buf, struct err *err, const char *fmt, ...)
	PRINTF_LIKE(3, 4) MUST_CHECK;

/* Big-endian integers, as PostgreSQL and AMQP want them. */
static inline MUST_CHECK bool buf_add_u16(struct buf *buf, uint16_t value,
	struct err *err)
{
	const uint16_t big = __builtin_bswap16(value);

	return buf_add(buf, &big, sizeof(big), err);
}

static inline MUST_CHECK bool buf_add_u32(struct buf *buf, uint32_t value,
	struct err *err)
{
	const uint32_t big = __builtin_bswap32(value);

	return buf_add(buf, &big, sizeof(big), err);
}

static inline MUST_CHECK bool buf_add_u64(struct buf *buf, uint64_t value,
	struct err *err)
{
	const uint64_t big = __builtin_bswap64(value);

	return buf_add(buf, &big, sizeof(big), err);
}

/* LEB128: 7 bits a byte, least significant first. */
bool buf_add_varint(struct buf *buf, uint64_t value, struct err *err)
	MUST_CHECK;

/* Reads one varint at *pos of data[0..len); moves *pos. False when cut short
 * or longer than 64 bits. */
bool varint_read(const void *data, size_t len, size_t *pos, uint64_t *value)
	MUST_CHECK;

/* Empties without giving memory back. */
void buf_reset(struct buf *buf);
/* Gives memory back; leaves a valid empty buf with the same ceiling. */
void buf_clear(struct buf *buf);
/* The caller now owns the bytes (free()); the buf is empty. NULL if empty. */
char *buf_take(struct buf *buf);

/* Adds data with control bytes, marks of direction, invalid UTF-8, quotes and
 * backslashes shown as escapes (\n, \x1b, \"), so that a hostile name stays
 * one harmless line. */
bool buf_add_escaped(struct buf *buf, const void *data, size_t len,
	struct err *err) MUST_CHECK;

/* Adds data as a JSON string, its quotes included. Bytes that are not UTF-8
 * become \u00xx, so that the result is JSON whatever data holds. */
bool buf_add_json(struct buf *buf, const void *data, size_t len,
	struct err *err) MUST_CHECK;

/* Adds data as base64 (RFC 4648 4) in one line, padded. */
bool buf_add_base64(struct buf *buf, const void *data, size_t len,
	struct err *err) MUST_CHECK;

/* Adds the bytes that hex, as PostgreSQL's encode(..., 'hex') writes it, stands
 * for; a buf to which nothing was added holds "". Other text: ERR_STOP. */
bool buf_add_unhexed(struct buf *buf, const char *hex, size_t len,
	struct err *err) MUST_CHECK;

/* Length in bytes of the UTF-8 sequence at text[0..len), 0 if not valid
 * (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). */
size_t utf8_length(const char *text, size_t len);

#endif
