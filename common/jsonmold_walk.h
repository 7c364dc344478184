/* jsonmold_walk.h - compares a record with a mold. Included once for each kind
 * of processor, by what defines three looks at WIDTH bytes, one bit for each:
 *
 *	static inline uint32_t specials(const char *bytes)
 * it is no plain text inside a string: a quote, a backslash, a control byte or
 * a part of a UTF-8 sequence;
 *	static inline uint32_t digits(const char *bytes)
 * it is a digit;
 *	static inline uint32_t equal(const char *a, const char *b)
 * it is the same in both.
 *
 * What is nearer to the end of the text than WIDTH is looked at together with
 * bytes before it: `shift` of them. */
#include "common/jsonmold.h"
#include "common/jsonscan_private.h"

#include <string.h>

#define WIDTH JSON_MOLD_WIDTH
#define INLINE static inline __attribute__((always_inline))
#define LIKELY(x) __builtin_expect((x), true)

INLINE size_t left(const char *at, const char *end)
{
	return (size_t)(end - at);
}

/* -- what stands between ---------------------------------------------- */

/* Both have WIDTH bytes before them, or as many as are missing behind them.
 * Bits beyond the text's end stay set: it is too short. */
INLINE bool same_at_end(const char *at, const char *end, const char *known,
	uint32_t mask)
{
	const size_t room = left(at, end);
	const size_t shift = room < WIDTH ? WIDTH - room : 0;

	return (~(uint64_t)equal(at - shift, known - shift) &
		       (uint64_t)mask << shift) == 0;
}

INLINE bool same(const char *at, const char *end, const char *known,
	size_t len, uint32_t mask)
{
	for (; len > WIDTH; at += WIDTH, known += WIDTH, len -= WIDTH)
		if (left(at, end) < WIDTH || equal(at, known) != UINT32_MAX)
			return false;
	return same_at_end(at, end, known, mask);
}

/* -- values ----------------------------------------------------------- */

/* The value at `at`; all functions give the place behind it, or NULL. */
struct found {
	const char *text, *end;
	enum json_type type;
	bool escaped;
};

/* From `at` inside a string on, the scanner. */
INLINE const char *scan_string(struct found *in, const char *at)
{
	bool escaped; /* in->escaped shall stay in a register */
	const size_t behind = json_string_end(in->text, left(in->text, in->end),
		left(in->text, at), &escaped);

	in->escaped = escaped;
	return behind != 0 ? in->text + behind : NULL;
}

/* `at` is behind the quote, and a first look found what is in `found`. */
INLINE const char *string_from(struct found *in, const char *at,
	uint32_t found)
{
	while (found == 0 && left(at, in->end) >= 2 * WIDTH) {
		at += WIDTH;
		found = specials(at);
	}
	if (found == 0 && left(at, in->end) > WIDTH) {
		const size_t room = left(at, in->end) - WIDTH;

		at += WIDTH;
		found = specials(in->end - WIDTH) >> (WIDTH - room);
	}
	if (LIKELY(found != 0 && at[__builtin_ctz(found)] == '"'))
		return at + __builtin_ctz(found) + 1;
	return scan_string(in, found != 0 ? at + __builtin_ctz(found) : at);
}

INLINE const char *string(struct found *in, const char *at)
{
	const size_t room = left(at, in->end);
	const size_t shift = room < WIDTH ? WIDTH - room : 0;

	if (shift == WIDTH)
		return NULL;
	return string_from(in, at, specials(at - shift) >> shift);
}

INLINE bool ends_number(char c)
{
	return c == ',' || c == '}' || c == ']' || c == ' ';
}

INLINE const char *scan_plain(struct found *in, const char *at)
{
	enum json_type type;
	const size_t behind = json_plain_end(in->text, left(in->text, in->end),
		left(in->text, at), &type);

	in->type = type;
	return behind != 0 ? in->text + behind : NULL;
}

/* Numbers of digits alone, and few of them; the scanner knows the others. */
INLINE const char *plain(struct found *in, const char *at)
{
	if (*at >= '1' && *at <= '9' && left(at, in->end) >= WIDTH) {
		const uint32_t others = ~digits(at);

		if (others != 0 && ends_number(at[__builtin_ctz(others)])) {
			in->type = JSON_NUMBER;
			return at + __builtin_ctz(others);
		}
	}
	return scan_plain(in, at);
}

INLINE const char *value(struct found *in, const char *at)
{
	in->type = JSON_STRING;
	if (*at == '"')
		return string(in, at + 1);
	return plain(in, at);
}

/* -- the walk --------------------------------------------------------- */

INLINE void note(struct json_node *node, const struct found *in,
	const char *at, const char *behind)
{
	node->start = (uint32_t)left(in->text, at);
	node->len = (uint32_t)left(at, behind);
	node->type = (uint8_t)in->type;
	node->escaped = in->escaped;
}

/* What stands before a value, and the value: any. */
INLINE const char *any_slot(const struct mold_slot *slot, struct found *in,
	const char *known, const char **at)
{
	if (!same(*at, in->end, known, slot->len, slot->mask) ||
		left(*at, in->end) <= slot->len)
		return NULL;
	*at += slot->len;
	return value(in, *at);
}

/* The same where there are bytes enough, and the value was a string: its quote
 * is compared with what stands before it. Or NULL: it may be another value. */
INLINE const char *string_slot(const struct mold_slot *slot, struct found *in,
	const char *known, const char **at)
{
	const char *const quote = *at + slot->len;
	const char *behind;

	if ((~equal(*at, known) & slot->quoted) != 0)
		return NULL;
	in->type = JSON_STRING;
	behind = string_from(in, quote + 1, specials(quote + 1));
	if (behind != NULL)
		*at = quote;
	return behind;
}

/* taping: whether the values are noted in mold->tape. The text has WIDTH bytes
 * before its end. */
INLINE bool walk(struct json_mold *mold, const char *text, size_t len,
	size_t *end, bool taping)
{
	const struct mold_slot *slot = mold->slots;
	const struct mold_slot *const last = slot + mold->count;
	const char *const between = mold->between.data;
	struct found in = { .text = text, .end = text + len };
	bool escaped = false;
	const char *at = text;

	for (; slot < last; slot++) {
		const char *const known = between + slot->at;
		const char *behind = NULL;

		in.escaped = false;
		if (LIKELY(left(at, in.end) >= slot->room))
			behind = string_slot(slot, &in, known, &at);
		if (behind == NULL)
			behind = any_slot(slot, &in, known, &at);
		if (behind == NULL)
			return false;
		if (taping)
			note(&mold->tape.nodes[slot->node], &in, at, behind);
		escaped |= in.escaped;
		at = behind;
	}
	*end = left(text, at) + last->len;
	mold->escaped = escaped;
	return same(at, in.end, between + last->at, last->len, last->mask);
}

/* The same for any text. */
static __attribute__((noinline)) bool walk_short(struct json_mold *mold,
	const char *text, size_t len, size_t *end)
{
	char copy[2 * WIDTH] = { 0 };

	memcpy(copy + WIDTH, text, len);
	return walk(mold, copy + WIDTH, len, end, true);
}

INLINE bool walk_any(struct json_mold *mold, const char *text, size_t len,
	size_t *end, bool taping)
{
	if (len < WIDTH)
		return walk_short(mold, text, len, end);
	return taping ? walk(mold, text, len, end, true) :
			walk(mold, text, len, end, false);
}
