/* jsonmold_walk.h - compares a record with a mold. Included once for each kind
 * of processor, by what defines
 *
 *	static inline uint32_t specials(const char *bytes)
 *
 * that is one bit for each of WIDTH bytes which is no plain text inside a
 * string: a quote, a backslash, a control byte or a part of a UTF-8 sequence.
 */
#include "common/jsonmold.h"
#include "common/jsonscan_private.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define WIDTH 32
#define INLINE static inline __attribute__((always_inline))

/* -- what stands between ---------------------------------------------- */

#ifdef __SSE2__
/* Of WIDTH bytes, whether the first len are the same. */
INLINE bool same_start(const char *a, const char *b, size_t len)
{
#ifdef __AVX2__
	const uint32_t same = (uint32_t)_mm256_movemask_epi8(
		_mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)a),
			_mm256_loadu_si256((const __m256i *)b)));
#else
	const __m128i *const x = (const __m128i *)a;
	const __m128i *const y = (const __m128i *)b;
	const uint32_t same = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(
			_mm_loadu_si128(x), _mm_loadu_si128(y))) |
		(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(
			_mm_loadu_si128(x + 1), _mm_loadu_si128(y + 1))) << 16;
#endif
	return (~same & (uint32_t)(((uint64_t)1 << len) - 1)) == 0;
}

/* b has WIDTH bytes more than len. */
INLINE bool same(const char *a, size_t room, const char *b, size_t len)
{
	if (__builtin_expect(room < len + WIDTH, false))
		return len <= room && memcmp(a, b, len) == 0;
	for (; len > WIDTH; a += WIDTH, b += WIDTH, len -= WIDTH)
		if (!same_start(a, b, WIDTH))
			return false;
	return same_start(a, b, len);
}
#else
INLINE bool same(const char *a, size_t room, const char *b, size_t len)
{
	return len <= room && memcmp(a, b, len) == 0;
}
#endif

/* -- values ----------------------------------------------------------- */

INLINE bool is_special(char c)
{
	return c == '"' || c == '\\' || (uint8_t)c < ' ' || (uint8_t)c >= 0x80;
}

/* The last bytes of the text: together with earlier ones they are enough. */
INLINE size_t plain_to_end(const char *text, size_t len, size_t at)
{
	uint64_t found;

	if (len < WIDTH) {
		while (at < len && !is_special(text[at]))
			at++;
		return at;
	}
	found = (uint64_t)specials(text + len - WIDTH) >> (at + WIDTH - len);
	return found != 0 ? at + (size_t)__builtin_ctzll(found) : len;
}

/* The first byte from `at` (at most len) that is no plain text, or len. */
INLINE size_t plain(const char *text, size_t len, size_t at)
{
	for (; len - at >= WIDTH; at += WIDTH) {
		const uint32_t found = specials(text + at);

		if (found != 0)
			return at + (size_t)__builtin_ctz(found);
	}
	return plain_to_end(text, len, at);
}

/* Behind the string whose quote stands at `at`, or 0. */
INLINE size_t string_end(const char *text, size_t len, size_t at,
	bool *escaped)
{
	at = plain(text, len, at + 1);
	if (at < len && text[at] == '"')
		return at + 1;
	return json_string_end(text, len, at, escaped);
}

/* Behind a number of digits alone, or at what is none: a number goes on there,
 * is wrong, or it was none. */
INLINE size_t digits_end(const char *text, size_t len, size_t at)
{
	if (text[at] < '1' || text[at] > '9')
		return at;
	while (at < len && text[at] >= '0' && text[at] <= '9')
		at++;
	return at;
}

INLINE bool ends_number(char c)
{
	return c == ',' || c == '}' || c == ']' || c == ' ';
}

INLINE size_t plain_end(const char *text, size_t len, size_t at,
	enum json_type *type)
{
	const size_t end = digits_end(text, len, at);

	*type = JSON_NUMBER;
	if (end > at && end < len && ends_number(text[end]))
		return end;
	return json_plain_end(text, len, at, type);
}

/* Puts the value at `at` into its node; gives the place behind it, or 0. */
INLINE size_t take_value(struct json_node *node, const char *text, size_t len,
	size_t at, bool *any_escaped)
{
	enum json_type type = JSON_STRING;
	bool escaped = false;
	size_t end;

	if (text[at] == '"')
		end = string_end(text, len, at, &escaped);
	else
		end = plain_end(text, len, at, &type);
	node->start = (uint32_t)at;
	node->len = (uint32_t)(end - at);
	node->type = (uint8_t)type;
	node->escaped = escaped;
	*any_escaped |= escaped;
	return end;
}

/* -- the walk --------------------------------------------------------- */

INLINE bool walk(struct json_mold *mold, const char *text, size_t len,
	size_t *end)
{
	const struct mold_slot *slot = mold->slots;
	const struct mold_slot *const last = slot + mold->count;
	const char *const between = mold->between.data;
	bool escaped = false;
	size_t at = 0;

	for (; slot < last; slot++) {
		if (!same(text + at, len - at, between + slot->at, slot->len))
			return false;
		at += slot->len;
		if (at == len)
			return false;
		at = take_value(&mold->tape.nodes[slot->node], text, len, at,
			&escaped);
		if (at == 0)
			return false;
	}
	*end = at + last->len;
	mold->escaped = escaped;
	return same(text + at, len - at, between + last->at, last->len);
}
