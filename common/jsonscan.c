/* jsonscan.c - a strict JSON reader (RFC 8259) over bytes in memory.
 *
 * One walk serves both: json_scan and json_parse inline it, with and without
 * the tape, so that they cannot disagree. */
#include "common/jsonscan_private.h"

#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))
#define PARSE_MAX ((size_t)1 << 30)
#define TAPE_FIRST 64
#define BLOCK 64 /* bytes: one bit each in a word */

_Static_assert(JSON_DEPTH_MAX <= 64, "one bit of scan.objects a level");

static const char syntax[] = "json_syntax";

struct scan {
	const char *text;
	size_t len;
	size_t at; /* of what is no plain text in a string, of a number or word */
	bool final;
	bool one_line; /* so far, see json_extent */
	unsigned depth;
	uint64_t objects; /* bit 0: the innermost is an object, and so on */
	size_t block;      /* where the block of `specials` begins */
	uint64_t specials; /* see block_specials */
	struct json_fault *fault;
	struct json_tape *tape;
	uint32_t open[JSON_DEPTH_MAX]; /* nodes whose end is still to come */
};

static enum json_status bad(struct scan *s, size_t at, const char *code,
	const char *what)
{
	*s->fault = (struct json_fault){ .at = at, .code = code, .what = what };
	return JSON_BAD;
}

static enum json_status cut(struct scan *s)
{
	bad(s, s->len, syntax, "the text ends inside a value");
	return JSON_SHORT;
}

/* -- blanks ----------------------------------------------------------- */

INLINE bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

INLINE size_t skip_blanks(const char *text, size_t at, size_t len)
{
	while (at < len && text[at] <= ' ' && is_blank(text[at]))
		at++;
	return at;
}

size_t json_blanks(const char *text, size_t len)
{
	return skip_blanks(text, 0, len);
}

/* -- strings ---------------------------------------------------------- */

/* Length of the UTF-8 sequence at s (its lead byte is above 0x7f), 0 when it
 * is wrong; *short_by_end when it is right so far but ends too early. */
static size_t utf8_sequence(const char *s, size_t len, bool *short_by_end)
{
	const uint8_t lead = (uint8_t)s[0];
	uint8_t low = 0x80, high = 0xbf;
	size_t n;

	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	n = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (lead == 0xe0)
		low = 0xa0;
	else if (lead == 0xed)
		high = 0x9f;
	else if (lead == 0xf0)
		low = 0x90;
	else if (lead == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < n; i++) {
		if (i == len) {
			*short_by_end = true;
			return 0;
		}
		if ((uint8_t)s[i] < low || (uint8_t)s[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return n;
}

static enum json_status scan_utf8(struct scan *s)
{
	while (s->at < s->len && (uint8_t)s->text[s->at] >= 0x80) {
		bool short_by_end = false;
		const size_t n = utf8_sequence(s->text + s->at, s->len - s->at,
			&short_by_end);

		if (short_by_end)
			return cut(s);
		if (n == 0)
			return bad(s, s->at, "json_utf8",
				"bytes that are not UTF-8");
		s->at += n;
	}
	return JSON_OK;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum json_status scan_escape(struct scan *s)
{
	size_t at = s->at + 1;

	if (at == s->len)
		return cut(s);
	if (s->text[at] == '\0' || strchr("\"\\/bfnrtu", s->text[at]) == NULL)
		return bad(s, at, syntax, "an escape JSON does not know");
	if (s->text[at++] == 'u')
		for (size_t digits = at + 4; at < digits; at++) {
			if (at == s->len)
				return cut(s);
			if (hex_digit(s->text[at]) < 0)
				return bad(s, at, syntax,
					"\\u needs four hex digits");
		}
	s->at = at;
	return JSON_OK;
}

/* -- blocks ----------------------------------------------------------- */

/* One bit a byte of the block: those that are no plain text inside a string,
 * that is a quote, a backslash, a control byte or a part of a UTF-8 sequence. */
#ifdef __SSE2__
static uint64_t block_specials(const char *block)
{
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i slash = _mm_set1_epi8('\\');
	const __m128i blank = _mm_set1_epi8(' ');
	uint64_t specials = 0;

	for (unsigned i = 0; i < BLOCK; i += 16) {
		const __m128i v =
			_mm_loadu_si128((const __m128i *)(block + i));
		/* signed: bytes above 0x7f are below ' ' as well */
		const __m128i stop = _mm_or_si128(_mm_cmplt_epi8(v, blank),
			_mm_or_si128(_mm_cmpeq_epi8(v, quote),
				_mm_cmpeq_epi8(v, slash)));

		specials |= (uint64_t)(uint16_t)_mm_movemask_epi8(stop) << i;
	}
	return specials;
}
#else
static uint64_t block_specials(const char *block)
{
	uint64_t specials = 0;

	for (unsigned i = 0; i < BLOCK; i++)
		specials |= (uint64_t)(block[i] == '"' || block[i] == '\\' ||
				    (uint8_t)block[i] < ' ' ||
				    (uint8_t)block[i] >= 0x80)
			<< i;
	return specials;
}
#endif

/* The block that begins at `at`; what is missing at the end of the text counts
 * as special. */
static void load_tail(struct scan *s, size_t at)
{
	char tail[BLOCK];

	memset(tail, '"', BLOCK);
	memcpy(tail, s->text + at, s->len - at);
	s->specials = block_specials(tail);
}

static void load_block(struct scan *s, size_t at)
{
	s->block = at;
	if (s->len - at >= BLOCK)
		s->specials = block_specials(s->text + at);
	else
		load_tail(s, at);
}

/* The first byte from `at` that is not plain text inside a string, or len.
 * Strings are short: a block is looked at once for all that lie in it. */
INLINE size_t skip_plain(struct scan *s, size_t at)
{
	uint64_t specials;

	for (;; at = s->block + BLOCK) {
		if (at >= s->len)
			return s->len;
		if (at - s->block >= BLOCK)
			load_block(s, at);
		specials = s->specials >> (at - s->block);
		if (specials != 0)
			return at + (size_t)__builtin_ctzll(specials);
	}
}

/* What is no plain text inside a string, its end excepted. */
static enum json_status scan_special(struct scan *s)
{
	if (s->text[s->at] == '\\')
		return scan_escape(s);
	if ((uint8_t)s->text[s->at] >= 0x80)
		return scan_utf8(s);
	return bad(s, s->at, syntax, "a control byte inside a string");
}

/* *at is the quote, and then behind the one that closes. */
INLINE enum json_status scan_string(struct scan *s, size_t *at, bool *escaped)
{
	*escaped = false;
	for (++*at;;) {
		enum json_status status;

		*at = skip_plain(s, *at);
		if (*at == s->len)
			return cut(s);
		if (s->text[*at] == '"') {
			++*at;
			return JSON_OK;
		}
		*escaped |= s->text[*at] == '\\';
		s->at = *at;
		status = scan_special(s);
		if (status != JSON_OK)
			return status;
		*at = s->at;
	}
}

/* -- numbers and words ------------------------------------------------ */

INLINE bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One digit or more. */
static enum json_status scan_digits(struct scan *s)
{
	if (s->at == s->len)
		return cut(s);
	if (!is_digit(s->text[s->at]))
		return bad(s, s->at, syntax, "a digit is missing in a number");
	while (s->at < s->len && is_digit(s->text[s->at]))
		s->at++;
	return JSON_OK;
}

static enum json_status scan_integer(struct scan *s)
{
	if (s->text[s->at] == '-')
		s->at++;
	if (s->at == s->len || s->text[s->at] != '0')
		return scan_digits(s);
	s->at++;
	if (s->at < s->len && is_digit(s->text[s->at]))
		return bad(s, s->at, syntax, "a number with a leading zero");
	return JSON_OK;
}

static enum json_status scan_exponent(struct scan *s)
{
	s->at++;
	if (s->at < s->len &&
		(s->text[s->at] == '+' || s->text[s->at] == '-'))
		s->at++;
	return scan_digits(s);
}

static enum json_status scan_number(struct scan *s)
{
	enum json_status status = scan_integer(s);

	if (status == JSON_OK && s->at < s->len && s->text[s->at] == '.') {
		s->at++;
		status = scan_digits(s);
	}
	if (status == JSON_OK && s->at < s->len &&
		(s->text[s->at] | 0x20) == 'e')
		status = scan_exponent(s);
	if (status == JSON_OK && s->at == s->len && !s->final)
		status = cut(s);
	return status;
}

static enum json_status scan_word(struct scan *s, const char *word)
{
	for (; *word != '\0'; word++, s->at++) {
		if (s->at == s->len)
			return cut(s);
		if (s->text[s->at] != *word)
			return bad(s, s->at, syntax,
				"a word that is not true, false or null");
	}
	return JSON_OK;
}

/* -- the tape --------------------------------------------------------- */

static bool tape_grow(struct json_tape *tape)
{
	const size_t cap = tape->cap != 0 ? tape->cap * 2 : TAPE_FIRST;
	struct json_node *nodes = realloc(tape->nodes, cap * sizeof(*nodes));

	if (nodes == NULL)
		return false;
	tape->nodes = nodes;
	tape->cap = cap;
	return true;
}

INLINE enum json_status tape_add(struct scan *s, enum json_type type,
	size_t start, size_t end, bool escaped)
{
	struct json_tape *tape = s->tape;

	if (tape->count == tape->cap && !tape_grow(tape))
		return bad(s, start, "memory", "out of memory");
	tape->nodes[tape->count] = (struct json_node){
		.start = (uint32_t)start,
		.len = (uint32_t)(end - start),
		.next = (uint32_t)(tape->count + 1),
		.type = (uint8_t)type,
		.escaped = escaped,
	};
	tape->count++;
	return JSON_OK;
}

INLINE void tape_end(struct scan *s, size_t end)
{
	struct json_node *node = &s->tape->nodes[s->open[s->depth]];

	node->len = (uint32_t)(end - node->start);
	node->next = (uint32_t)s->tape->count;
}

void json_tape_clear(struct json_tape *tape)
{
	free(tape->nodes);
	*tape = (struct json_tape){ 0 };
}

/* -- the walk --------------------------------------------------------- */

/* The place is passed beside the scan, so that it stays in a register: what
 * stands next is found only from where the last thing ended. */

/* To the next byte that is no blank. */
INLINE enum json_status to_solid(struct scan *s, size_t *at)
{
	size_t i = *at;

	for (; i < s->len && s->text[i] <= ' ' && is_blank(s->text[i]); i++)
		if (s->text[i] != ' ')
			s->one_line = false;
	*at = i;
	return i == s->len ? cut(s) : JSON_OK;
}

/* A word or a number. */
static enum json_status scan_plain(struct scan *s, enum json_type *type)
{
	switch (s->text[s->at]) {
	case 't':
		*type = JSON_TRUE;
		return scan_word(s, "true");
	case 'f':
		*type = JSON_FALSE;
		return scan_word(s, "false");
	case 'n':
		*type = JSON_NULL;
		return scan_word(s, "null");
	default:
		break;
	}
	if (s->text[s->at] != '-' && !is_digit(s->text[s->at]))
		return bad(s, s->at, syntax, "a value was expected");
	*type = JSON_NUMBER;
	return scan_number(s);
}

INLINE enum json_status take_scalar(struct scan *s, size_t *at, bool taping)
{
	const size_t start = *at;
	enum json_type type = JSON_STRING;
	enum json_status status;
	bool escaped = false;

	if (s->text[start] == '"') {
		status = scan_string(s, at, &escaped);
	} else {
		s->at = start;
		status = scan_plain(s, &type);
		*at = s->at;
	}
	if (taping && status == JSON_OK)
		status = tape_add(s, type, start, *at, escaped);
	return status;
}

/* A key, its colon, and what is blank between and behind them. */
INLINE enum json_status take_key(struct scan *s, size_t *at, bool taping)
{
	const size_t start = *at;
	enum json_status status;
	bool escaped;

	if (s->text[start] != '"')
		return bad(s, start, syntax, "a key in quotes was expected");
	status = scan_string(s, at, &escaped);
	if (status == JSON_OK && taping)
		status = tape_add(s, JSON_STRING, start, *at, escaped);
	if (status == JSON_OK)
		status = to_solid(s, at);
	if (status != JSON_OK)
		return status;
	if (s->text[*at] != ':')
		return bad(s, *at, syntax, "a colon was expected");
	++*at;
	return to_solid(s, at);
}

INLINE char closing(const struct scan *s)
{
	return s->objects & 1 ? '}' : ']';
}

INLINE void close_container(struct scan *s, size_t *at, bool taping)
{
	++*at;
	s->depth--;
	s->objects >>= 1;
	if (taping)
		tape_end(s, *at);
}

/* [ or {, and the way to the first value; *closed: there is none. */
INLINE enum json_status open_container(struct scan *s, size_t *at, bool taping,
	bool *closed)
{
	const bool object = s->text[*at] == '{';
	enum json_status status = JSON_OK;

	if (s->depth == JSON_DEPTH_MAX)
		return bad(s, *at, "json_depth",
			"nested deeper than 64 levels");
	if (taping) {
		s->open[s->depth] = (uint32_t)s->tape->count;
		status = tape_add(s, object ? JSON_OBJECT : JSON_ARRAY, *at,
			*at, false);
	}
	++*at;
	s->depth++;
	s->objects = s->objects << 1 | object;
	if (status == JSON_OK)
		status = to_solid(s, at);
	if (status != JSON_OK)
		return status;
	*closed = s->text[*at] == closing(s);
	if (*closed)
		close_container(s, at, taping);
	else if (object)
		status = take_key(s, at, taping);
	return status;
}

/* Behind a value: ends what ends there, up to where the next one stands. */
INLINE enum json_status take_next(struct scan *s, size_t *at, bool taping)
{
	enum json_status status = JSON_OK;

	while (s->depth > 0) {
		status = to_solid(s, at);
		if (status != JSON_OK || s->text[*at] != closing(s))
			break;
		close_container(s, at, taping);
	}
	if (status != JSON_OK || s->depth == 0)
		return status;
	if (s->text[*at] != ',')
		return bad(s, *at, syntax,
			s->objects & 1 ? "a comma or } was expected" :
					 "a comma or ] was expected");
	++*at;
	status = to_solid(s, at);
	if (status == JSON_OK && s->objects & 1)
		status = take_key(s, at, taping);
	return status;
}

INLINE enum json_status walk(struct scan *s, size_t *at, bool taping)
{
	enum json_status status;

	if (*at == s->len)
		return cut(s);
	do {
		const char c = s->text[*at];
		bool closed = true;

		status = c == '{' || c == '[' ?
			open_container(s, at, taping, &closed) :
			take_scalar(s, at, taping);
		if (status == JSON_OK && closed)
			status = take_next(s, at, taping);
	} while (status == JSON_OK && s->depth > 0);
	return status;
}

enum json_status json_measure(const char *text, size_t len, bool final,
	struct json_extent *extent, struct json_fault *fault)
{
	struct scan s;
	enum json_status status;
	size_t at = 0;

	s.text = text;
	s.len = len;
	s.final = final;
	s.one_line = true;
	s.depth = 0;
	s.objects = 0;
	s.fault = fault;
	s.block = (size_t)0 - BLOCK;
	status = walk(&s, &at, false);
	*extent = (struct json_extent){ .len = at, .one_line = s.one_line };
	return status;
}

enum json_status json_scan(const char *text, size_t len, bool final,
	size_t *end, struct json_fault *fault)
{
	struct json_extent extent;
	const enum json_status status =
		json_measure(text, len, final, &extent, fault);

	*end = extent.len;
	return status;
}

enum json_status json_parse(const char *text, size_t len,
	struct json_tape *tape, struct json_fault *fault)
{
	struct scan s = { .text = text, .len = len, .final = true,
		.block = (size_t)0 - BLOCK, .fault = fault, .tape = tape };
	size_t at;

	tape->count = 0;
	if (len > PARSE_MAX)
		return bad(&s, PARSE_MAX, "record_too_long",
			"longer than 1 GiB");
	at = skip_blanks(text, 0, len);
	if (walk(&s, &at, true) != JSON_OK)
		return JSON_BAD;
	at = skip_blanks(text, at, len);
	if (at < len)
		return bad(&s, at, syntax, "text behind the value");
	return JSON_OK;
}

/* -- single tokens ---------------------------------------------------- */

size_t json_string_end(const char *text, size_t len, size_t at, bool *escaped)
{
	struct json_fault fault;
	struct scan s = { .text = text, .len = len, .fault = &fault,
		.block = (size_t)0 - BLOCK };

	at--; /* where the quote might be */
	return scan_string(&s, &at, escaped) == JSON_OK ? at : 0;
}

size_t json_plain_end(const char *text, size_t len, size_t at,
	enum json_type *type)
{
	struct json_fault fault;
	struct scan s = { .text = text, .len = len, .at = at,
		.fault = &fault };

	return scan_plain(&s, type) == JSON_OK ? s.at : 0;
}

/* -- decoding --------------------------------------------------------- */

static bool decode_fault(struct json_fault *fault, size_t at, const char *code,
	const char *what)
{
	*fault = (struct json_fault){ .at = at, .code = code, .what = what };
	return false;
}

static uint32_t hex4(const char *s)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 4 | (uint32_t)hex_digit(s[i]);
	return value;
}

/* Writes the code point's UTF-8; gives its length. */
static size_t utf8_write(uint32_t point, char *out)
{
	if (point < 0x80) {
		out[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		out[0] = (char)(0xc0 | point >> 6);
		out[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		out[0] = (char)(0xe0 | point >> 12);
		out[1] = (char)(0x80 | (point >> 6 & 0x3f));
		out[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | point >> 18);
	out[1] = (char)(0x80 | (point >> 12 & 0x3f));
	out[2] = (char)(0x80 | (point >> 6 & 0x3f));
	out[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

/* The code point of \uXXXX at text[at], a pair of surrogates taken together;
 * gives the bytes read, 0 for what text cannot hold. */
static size_t decode_point(const char *text, size_t at, size_t end,
	uint32_t *point, struct json_fault *fault)
{
	uint32_t low;

	*point = hex4(text + at + 2);
	if (*point == 0)
		decode_fault(fault, at, "json_nul",
			"\\u0000 cannot be stored as text");
	if (*point == 0)
		return 0;
	if (*point < 0xd800 || *point > 0xdfff)
		return 6;
	if (*point < 0xdc00 && end - at >= 12 && text[at + 6] == '\\' &&
		text[at + 7] == 'u') {
		low = hex4(text + at + 8);
		if (low >= 0xdc00 && low <= 0xdfff) {
			*point = 0x10000 + ((*point & 0x3ff) << 10) +
				(low & 0x3ff);
			return 12;
		}
	}
	decode_fault(fault, at, "json_surrogate",
		"half of a surrogate pair cannot be stored as text");
	return 0;
}

/* The escape at text[at]: its bytes to out; gives the bytes read, or 0. */
static size_t decode_escape(const char *text, size_t at, size_t end, char *out,
	size_t *out_len, struct json_fault *fault)
{
	static const char from[] = "bfnrt";
	static const char to[] = "\b\f\n\r\t";
	const char *found;
	uint32_t point;
	size_t used;

	if (text[at + 1] == 'u') {
		used = decode_point(text, at, end, &point, fault);
		if (used != 0)
			*out_len = utf8_write(point, out);
		return used;
	}
	found = strchr(from, text[at + 1]);
	out[0] = found != NULL ? to[found - from] : text[at + 1];
	*out_len = 1;
	return 2;
}

bool json_decode(const char *text, const struct json_node *node,
	struct buf *out, struct json_fault *fault)
{
	const size_t end = (size_t)node->start + node->len - 1;
	size_t at = (size_t)node->start + 1;
	struct err err = { 0 };

	/* what is decoded is never longer than its text */
	if (!buf_grow(out, end - at, &err))
		return decode_fault(fault, at, "memory", "out of memory");
	while (at < end) {
		const char *slash = node->escaped ?
			memchr(text + at, '\\', end - at) : NULL;
		const size_t stop = slash != NULL ? (size_t)(slash - text) :
						    end;
		size_t used, added;

		memcpy(out->data + out->len, text + at, stop - at);
		out->len += stop - at;
		at = stop;
		if (at == end)
			break;
		used = decode_escape(text, at, end, out->data + out->len,
			&added, fault);
		if (used == 0)
			return false;
		at += used;
		out->len += added;
	}
	out->data[out->len] = '\0';
	return true;
}
