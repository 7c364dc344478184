/* buf.c - a growing run of bytes with a ceiling. */
#include "common/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MAX ((size_t)1 << 30)
#define FIRST_CAP 256

bool buf_enlarge(struct buf *buf, size_t more, struct err *err)
{
	const size_t max = buf->max != 0 ? buf->max : DEFAULT_MAX;
	size_t cap = buf->cap != 0 ? buf->cap : FIRST_CAP;
	char *data;

	if (more > max || buf->len > max - more)
		return err_stop(err, EXIT_BUG,
			"a buffer would grow beyond its ceiling of %zu bytes",
			max);
	while (cap <= buf->len + more)
		cap *= 2;
	if (cap > max)
		cap = max + 1; /* buf_grow relies on it */
	data = realloc(buf->data, cap);
	if (data == NULL)
		return err_memory(err);
	buf->data = data;
	buf->cap = cap;
	buf->data[buf->len] = '\0';
	return true;
}

bool buf_add_str(struct buf *buf, const char *text, struct err *err)
{
	return buf_add(buf, text, strlen(text), err);
}

bool buf_printf(struct buf *buf, struct err *err, const char *fmt, ...)
{
	va_list args;
	int need;

	va_start(args, fmt);
	need = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (need < 0)
		return err_stop(err, EXIT_BUG, "bad format: %s", fmt);
	if (!buf_grow(buf, (size_t)need + 1, err))
		return false;
	va_start(args, fmt);
	(void)vsnprintf(buf->data + buf->len, (size_t)need + 1, fmt, args);
	va_end(args);
	buf->len += (size_t)need;
	return true;
}

bool buf_add_varint(struct buf *buf, uint64_t value, struct err *err)
{
	uint8_t bytes[10];
	size_t n = 0;

	while (value >= 0x80) {
		bytes[n++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	bytes[n++] = (uint8_t)value;
	return buf_add(buf, bytes, n, err);
}

bool varint_read(const void *data, size_t len, size_t *pos, uint64_t *value)
{
	const uint8_t *bytes = data;
	uint64_t sum = 0;

	for (unsigned shift = 0; shift < 64 && *pos < len; shift += 7) {
		const uint8_t byte = bytes[(*pos)++];

		if (shift == 63 && byte > 1)
			return false;
		sum |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			*value = sum;
			return true;
		}
	}
	return false;
}

void buf_reset(struct buf *buf)
{
	buf->len = 0;
	if (buf->data != NULL)
		buf->data[0] = '\0';
}

void buf_clear(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ .max = buf->max };
}

char *buf_take(struct buf *buf)
{
	char *data = buf->data;

	*buf = (struct buf){ .max = buf->max };
	return data;
}

size_t utf8_length(const char *text, size_t len)
{
	const uint8_t *s = (const uint8_t *)text;
	uint8_t low = 0x80, high = 0xbf;
	size_t n;

	if (len == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (len < n)
		return 0;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return n;
}

static bool add_escape(struct buf *buf, char c, struct err *err)
{
	switch (c) {
	case '\n':
		return buf_add_str(buf, "\\n", err);
	case '\r':
		return buf_add_str(buf, "\\r", err);
	case '\t':
		return buf_add_str(buf, "\\t", err);
	case '"':
		return buf_add_str(buf, "\\\"", err);
	case '\\':
		return buf_add_str(buf, "\\\\", err);
	default:
		return buf_printf(buf, err, "\\x%02x", (unsigned char)c);
	}
}

/* C1 controls (U+0080..U+009F) steer terminals as well as ESC does. Marks of
 * direction (U+061C, U+200E, U+200F, U+202A..E, U+2066..9) have the rest of a
 * line read backwards, and U+2028 and U+2029 end one. */
static bool steers(const char *text, size_t n)
{
	const uint8_t *s = (const uint8_t *)text;

	if (n == 2)
		return (s[0] == 0xc2 && s[1] < 0xa0) ||
			(s[0] == 0xd8 && s[1] == 0x9c);
	if (n != 3 || s[0] != 0xe2)
		return false;
	return s[1] == 0x80 ? s[2] == 0x8e || s[2] == 0x8f ||
			(s[2] >= 0xa8 && s[2] <= 0xae) :
		s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9;
}

bool buf_add_escaped(struct buf *buf, const void *data, size_t len,
	struct err *err)
{
	const char *text = data;
	size_t i = 0;

	while (i < len) {
		const size_t n = utf8_length(text + i, len - i);
		const char c = text[i];
		const bool plain = n > 1 ? !steers(text + i, n) :
			n == 1 && c >= ' ' && c != 0x7f && c != '"' &&
				c != '\\';

		if (plain ? !buf_add(buf, text + i, n, err) :
			    !add_escape(buf, c, err))
			return false;
		i += plain ? n : 1;
	}
	return true;
}

/* Bytes that stand in a JSON string as they are; 0: the first does not. */
static size_t json_plain(const char *text, size_t len)
{
	size_t at = 0;

	while (at < len) {
		const uint8_t c = (uint8_t)text[at];
		const size_t n = c < 0x80 ? 1 :
			utf8_length(text + at, len - at);

		if (n == 0 || c < ' ' || c == 0x7f || c == '"' || c == '\\')
			break;
		at += n;
	}
	return at;
}

static bool add_json_escape(struct buf *buf, char c, struct err *err)
{
	switch (c) {
	case '\n':
	case '\r':
	case '\t':
	case '"':
	case '\\':
		return add_escape(buf, c, err);
	default:
		return buf_printf(buf, err, "\\u%04x", (uint8_t)c);
	}
}

bool buf_add_json(struct buf *buf, const void *data, size_t len,
	struct err *err)
{
	const char *text = data;
	bool ok = buf_add_char(buf, '"', err);

	for (size_t i = 0; ok && i < len;) {
		const size_t n = json_plain(text + i, len - i);

		ok = n > 0 ? buf_add(buf, text + i, n, err) :
			     add_json_escape(buf, text[i], err);
		i += n > 0 ? n : 1;
	}
	return ok && buf_add_char(buf, '"', err);
}

bool buf_add_base64(struct buf *buf, const void *data, size_t len,
	struct err *err)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *bytes = data;
	bool ok = true;

	for (size_t i = 0; ok && i < len; i += 3) {
		const size_t n = len - i < 3 ? len - i : 3;
		unsigned bits = 0;
		char four[4];

		for (size_t k = 0; k < 3; k++)
			bits = bits << 8 | (k < n ? bytes[i + k] : 0);
		for (size_t k = 0; k < 4; k++)
			four[k] = k <= n ?
				digits[bits >> (18 - 6 * k) & 63] : '=';
		ok = buf_add(buf, four, 4, err);
	}
	return ok;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool buf_add_unhexed(struct buf *buf, const char *hex, size_t len,
	struct err *err)
{
	bool ok = buf_add_str(buf, "", err);

	for (size_t i = 0; ok && i < len; i += 2) {
		const int high = digit(hex[i]);
		const int low = i + 1 < len ? digit(hex[i + 1]) : -1;

		ok = high >= 0 && low >= 0 ?
			buf_add_char(buf, (char)(high << 4 | low), err) :
			err_set(err, ERR_STOP, "these are no hex digits");
	}
	return ok;
}
