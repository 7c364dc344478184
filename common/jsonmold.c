/* jsonmold.c - the form of a record, remembered. */
#include "common/jsonmold.h"

#include <stdlib.h>

#define HALF 16 /* of WIDTH */

#ifdef __SSE2__
#include <emmintrin.h>

static inline uint32_t half_specials(const char *bytes)
{
	const __m128i v = _mm_loadu_si128((const __m128i *)bytes);
	/* signed: bytes above 0x7f are below ' ' as well */
	const __m128i stop = _mm_or_si128(
		_mm_cmplt_epi8(v, _mm_set1_epi8(' ')),
		_mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
			_mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));

	return (uint32_t)_mm_movemask_epi8(stop);
}

static inline uint32_t half_digits(const char *bytes)
{
	const __m128i v = _mm_sub_epi8(
		_mm_loadu_si128((const __m128i *)bytes), _mm_set1_epi8('0'));

	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v,
		_mm_min_epu8(v, _mm_set1_epi8(9))));
}

static inline uint32_t half_equal(const char *a, const char *b)
{
	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(
		_mm_loadu_si128((const __m128i *)a),
		_mm_loadu_si128((const __m128i *)b)));
}

#else
static inline uint32_t half_specials(const char *bytes)
{
	uint32_t found = 0;

	for (unsigned i = 0; i < HALF; i++)
		found |= (uint32_t)(bytes[i] == '"' || bytes[i] == '\\' ||
				 (uint8_t)bytes[i] < ' ' ||
				 (uint8_t)bytes[i] >= 0x80)
			<< i;
	return found;
}

static inline uint32_t half_digits(const char *bytes)
{
	uint32_t found = 0;

	for (unsigned i = 0; i < HALF; i++)
		found |= (uint32_t)(bytes[i] >= '0' && bytes[i] <= '9') << i;
	return found;
}

static inline uint32_t half_equal(const char *a, const char *b)
{
	uint32_t found = 0;

	for (unsigned i = 0; i < HALF; i++)
		found |= (uint32_t)(a[i] == b[i]) << i;
	return found;
}
#endif

static inline uint32_t specials(const char *bytes)
{
	return half_specials(bytes) | half_specials(bytes + HALF) << HALF;
}

static inline uint32_t digits(const char *bytes)
{
	return half_digits(bytes) | half_digits(bytes + HALF) << HALF;
}

static inline uint32_t equal(const char *a, const char *b)
{
	return half_equal(a, b) | half_equal(a + HALF, b + HALF) << HALF;
}

#include "common/jsonmold_walk.h"

#define MISSES 16      /* in a row, and the next is learned */
#define TEXT_MAX ((size_t)1 << 30) /* as json_parse */

void json_mold_clear(struct json_mold *mold)
{
	json_tape_clear(&mold->tape);
	free(mold->learned);
	free(mold->before);
	free(mold->slots);
	buf_clear(&mold->between);
	*mold = (struct json_mold){ .known = false };
}

/* -- comparing -------------------------------------------------------- */

bool json_mold_walk_any(struct json_mold *mold, const char *text, size_t len,
	size_t *end, bool taping)
{
	return walk_any(mold, text, len, end, taping);
}

static inline bool walk_here(struct json_mold *mold, const char *text,
	size_t len, size_t *end, bool taping)
{
#ifdef SLUICE_AVX2
	if (__builtin_cpu_supports("avx2"))
		return json_mold_walk_avx2(mold, text, len, end, taping);
#endif
	return json_mold_walk_any(mold, text, len, end, taping);
}

/* Where records differ, most of them are not even compared. */
static bool is_hopeless(const struct json_mold *mold)
{
	return mold->misses > MISSES && mold->misses % MISSES > 1;
}

static inline bool compare(struct json_mold *mold, const char *text,
	size_t len, size_t *end, bool taping)
{
	if (mold->known && !is_hopeless(mold) && len <= TEXT_MAX &&
		walk_here(mold, text, len, end, taping)) {
		mold->misses = 0;
		return true;
	}
	mold->misses++;
	return false;
}

bool json_mold_fits(struct json_mold *mold, const char *text, size_t len,
	size_t *end)
{
	return compare(mold, text, len, end, true);
}

bool json_mold_measures(struct json_mold *mold, const char *text, size_t len,
	size_t *end)
{
	return compare(mold, text, len, end, false);
}

bool json_mold_due(const struct json_mold *mold, size_t len)
{
	return len <= JSON_MOLD_MAX &&
		(mold->misses == 1 || mold->misses % MISSES == 0);
}

/* -- the rest of the tape --------------------------------------------- */

/* How much further behind `slots` of them is what stands there than it was in
 * the record that was learned. */
static uint32_t moved(const struct json_mold *mold, uint32_t slots)
{
	const struct json_node *now, *then;

	if (slots == 0)
		return 0;
	now = &mold->tape.nodes[mold->slots[slots - 1].node];
	then = &mold->learned[mold->slots[slots - 1].node];
	return now->start + now->len - (then->start + then->len);
}

static bool is_slot(const struct json_mold *mold, size_t i)
{
	return mold->before[i + 1] != mold->before[i];
}

void json_mold_whole(struct json_mold *mold)
{
	for (size_t i = 0; i < mold->tape.count; i++) {
		const struct json_node *then = &mold->learned[i];
		struct json_node *now = &mold->tape.nodes[i];

		if (is_slot(mold, i))
			continue;
		now->start = then->start + moved(mold, mold->before[i]);
		now->len = then->start + then->len +
			moved(mold, mold->before[then->next]) - now->start;
	}
}

/* -- learning --------------------------------------------------------- */

static void *grown(void *memory, size_t count, size_t size, bool *ok)
{
	void *more = realloc(memory, count * size);

	*ok = *ok && more != NULL;
	return more != NULL ? more : memory;
}

static bool reserve(struct json_mold *mold, size_t count)
{
	bool ok = true;

	if (count <= mold->cap)
		return true;
	mold->tape.nodes = grown(mold->tape.nodes, count,
		sizeof(*mold->tape.nodes), &ok);
	mold->learned = grown(mold->learned, count, sizeof(*mold->learned),
		&ok);
	mold->before = grown(mold->before, count + 1, sizeof(*mold->before),
		&ok);
	mold->slots = grown(mold->slots, count + 1, sizeof(*mold->slots), &ok);
	if (ok)
		mold->cap = mold->tape.cap = count;
	return ok;
}

/* Marks the keys of the object nodes[at] in `before`: 1. */
static void mark_keys(struct json_mold *mold, const struct json_tape *tape,
	size_t at)
{
	const struct json_node *nodes = tape->nodes;

	for (size_t i = at + 1; i < nodes[at].next; i = nodes[i + 1].next)
		mold->before[i] = 1;
}

static bool add_between(struct json_mold *mold, const char *text,
	const struct json_tape *tape, size_t from, size_t to, uint32_t node)
{
	const size_t len = to - from;
	const size_t last = len > 0 ? (len - 1) % WIDTH + 1 : 0;
	const bool quoted = tape->nodes[node].type == JSON_STRING;
	struct err err = { 0 };

	mold->slots[mold->count] = (struct mold_slot){
		.at = (uint32_t)mold->between.len,
		.len = (uint32_t)len,
		.mask = (uint32_t)(((uint64_t)1 << last) - 1),
		.quoted = (uint32_t)(((uint64_t)2 << len % WIDTH) - 1),
		.room = len < WIDTH && quoted ?
			(uint32_t)len + 1 + WIDTH : UINT32_MAX,
		.node = node };
	return buf_add(&mold->between, text + from, len, &err) &&
		buf_add_char(&mold->between, '"', &err);
}

static bool cut(struct json_mold *mold, const char *text,
	const struct json_tape *tape)
{
	static const char nothing[WIDTH]; /* see jsonmold_walk.h */
	const struct json_node *nodes = tape->nodes;
	size_t at = nodes[0].start;
	struct err err = { 0 };

	if (!buf_add(&mold->between, nothing, WIDTH, &err))
		return false;
	for (uint32_t i = 0; i < tape->count; i++) {
		const bool key = mold->before[i] == 1;

		mold->before[i] = (uint32_t)mold->count;
		if (key || nodes[i].type == JSON_OBJECT ||
			nodes[i].type == JSON_ARRAY)
			continue;
		if (!add_between(mold, text, tape, at, nodes[i].start, i))
			return false;
		mold->count++;
		at = nodes[i].start + nodes[i].len;
	}
	mold->before[tape->count] = (uint32_t)mold->count;
	return add_between(mold, text, tape, at,
		nodes[0].start + nodes[0].len, 0);
}

static void keep_nodes(struct json_mold *mold, const struct json_tape *tape)
{
	memcpy(mold->learned, tape->nodes,
		tape->count * sizeof(*mold->learned));
	for (size_t i = 0; i < tape->count; i++)
		mold->learned[i].start -= tape->nodes[0].start;
	memcpy(mold->tape.nodes, mold->learned,
		tape->count * sizeof(*mold->learned));
	mold->tape.count = tape->count;
}

bool json_mold_learn(struct json_mold *mold, const char *text,
	const struct json_tape *tape)
{
	struct err err = { 0 };

	mold->known = false;
	mold->count = 0;
	buf_reset(&mold->between);
	if (!reserve(mold, tape->count))
		return false;
	memset(mold->before, 0, tape->count * sizeof(*mold->before));
	for (size_t i = 0; i < tape->count; i++)
		if (tape->nodes[i].type == JSON_OBJECT)
			mark_keys(mold, tape, i);
	if (!cut(mold, text, tape) ||
		!buf_grow(&mold->between, WIDTH, &err))
		return false;
	keep_nodes(mold, tape);
	mold->one_line = memchr(mold->between.data, '\n',
		mold->between.len) == NULL &&
		memchr(mold->between.data, '\r', mold->between.len) == NULL;
	mold->known = true;
	return true;
}
