/* fuzz_input.c - any compressed file is read to the same bytes however it is
 * read; one that was made whole gives its content, one that was cut gives the
 * beginning of it and says so.
 *
 * Input: a byte of flags; then, RAW, the file itself; else a byte that says
 * where the file is cut (255: nowhere) and members: a byte of length and so
 * many bytes, which become gzip members of stored blocks or zstd frames of
 * raw and RLE blocks, made here by the formats' own papers (RFC 1952, 1951,
 * 8878). As a plain test every way of reading again is tried. */
#include "producer/input.h"
#include "tests/fuzz/file.h"

#include <stdbool.h>
#include <stdlib.h>

#define RAW 1
#define ZSTD 2
#define PADDED 4  /* zeros behind gzip, a skippable frame before zstd */
#define NO_CUT 255
#define MEMBER_MAX 64 /* zstd's one byte of content size: below 256 */
#define OUT_MAX 65536

#define CHECK(claim)             \
	do {                     \
		if (!(claim))    \
			abort(); \
	} while (0)

struct text {
	uint8_t data[OUT_MAX];
	size_t len;
};

static void put(struct text *text, const void *data, size_t len)
{
	CHECK(text->len + len <= sizeof(text->data));
	memcpy(text->data + text->len, data, len);
	text->len += len;
}

/* The lowest bytes first. */
static void put_number(struct text *text, uint64_t value, size_t bytes)
{
	for (; bytes > 0; bytes--, value >>= 8)
		put(text, &(uint8_t){ (uint8_t)value }, 1);
}

/* -- files, made ----------------------------------------------------- */

static uint32_t crc32(const uint8_t *data, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void put_stored(struct text *file, const uint8_t *data, size_t len,
	bool last)
{
	put_number(file, last, 1);
	put_number(file, len, 2);
	put_number(file, ~len, 2);
	put(file, data, len);
}

static void put_gzip(struct text *file, const uint8_t *data, size_t len)
{
	put(file, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
	put_stored(file, data, len / 2, false);
	put_stored(file, data + len / 2, len - len / 2, true);
	put_number(file, crc32(data, len), 4);
	put_number(file, len, 4);
}

static void put_block(struct text *file, const uint8_t *data, size_t len,
	bool last)
{
	bool one = len > 1;

	for (size_t i = 1; i < len; i++)
		one = one && data[i] == data[0];
	put_number(file, (uint64_t)len << 3 | (one ? 2u : 0u) | last, 3);
	put(file, data, one ? 1 : len);
}

/* One segment, its size in one byte, no checksum. */
static void put_zstd(struct text *file, const uint8_t *data, size_t len)
{
	put(file, "\x28\xb5\x2f\xfd\x20", 5);
	put_number(file, len, 1);
	put_block(file, data, len / 2, false);
	put_block(file, data + len / 2, len - len / 2, true);
}

/* -- reading ----------------------------------------------------------- */

/* What a reading gave. */
struct reading {
	struct text out;
	const char *code; /* of the fault, or NULL */
	const char *suffix;
	bool whole; /* all of it fitted */
};

static void read_on(struct input *input, size_t room, struct reading *reading)
{
	struct err err = { 0 };
	size_t got = 1;

	while (got > 0 && reading->out.len < OUT_MAX) {
		const size_t left = OUT_MAX - reading->out.len;

		CHECK(input_read(input,
			(char *)reading->out.data + reading->out.len,
			room < left ? room : left, &got, &err));
		CHECK(got <= room);
		reading->out.len += got;
	}
	reading->whole = got == 0;
	reading->code = got == 0 && input_fault(input) != NULL ?
		input_fault(input)->code :
		NULL;
}

static void read_file(const uint8_t *data, size_t len, size_t step,
	size_t room, struct reading *reading)
{
	struct err err = { 0 };
	struct input *input = input_open(file_open(data, len), step, &err);

	CHECK(input != NULL);
	reading->out.len = 0;
	reading->suffix = input_suffix(input);
	read_on(input, room, reading);
	input_close(input);
}

/* Passing over `skip` bytes leaves the others. */
static void check_skip(const uint8_t *data, size_t len, size_t skip,
	const struct reading *all)
{
	static struct reading rest;
	struct err err = { 0 };
	struct input *input = input_open(file_open(data, len), 61, &err);

	CHECK(input != NULL);
	rest.out.len = 0;
	CHECK(input_skip(input, skip, &err));
	read_on(input, 4096, &rest);
	CHECK(rest.out.len == all->out.len - skip);
	CHECK(memcmp(rest.out.data, all->out.data + skip, rest.out.len) == 0);
	CHECK(rest.code == all->code ||
		(rest.code != NULL && strcmp(rest.code, all->code) == 0));
	input_close(input);
}

static void check_sizes(const uint8_t *data, size_t len, unsigned ways,
	const struct reading *first)
{
	static const size_t steps[] = { 1, 3, 17, 4096 };
	static const size_t rooms[] = { 1, 5, 64, 4096 };
	static struct reading again;

	read_file(data, len, steps[ways % 4], rooms[ways / 4 % 4], &again);
	CHECK(again.out.len == first->out.len && again.whole);
	CHECK(memcmp(again.out.data, first->out.data, first->out.len) == 0);
	CHECK((again.code == NULL) == (first->code == NULL));
	CHECK(first->code == NULL || strcmp(again.code, first->code) == 0);
}

/* Under libFuzzer one way of reading again, or none: opening a decoder is what
 * takes the time. */
static void check_again(const uint8_t *data, size_t len, unsigned ways,
	const struct reading *first)
{
	const size_t skip = first->out.len * (ways / 64 % 4) / 3;

	if (!first->whole)
		return;
#ifdef SLUICE_FUZZ
	if (ways / 16 % 4 == 0)
		check_skip(data, len, skip, first);
	else if (ways / 16 % 4 == 1)
		check_sizes(data, len, ways, first);
#else
	check_skip(data, len, skip, first);
	for (unsigned i = 0; i < 16; i++)
		check_sizes(data, len, i, first);
#endif
}

static void check_raw(const uint8_t *data, size_t len, unsigned ways)
{
	static struct reading reading;

	read_file(data, len, 65536, 65536, &reading);
	check_again(data, len, ways, &reading);
}

/* -- what was made comes back ------------------------------------------ */

struct made {
	struct text file, content;
	size_t ends[64]; /* of members in the file: it may end there */
	size_t contents[64]; /* the content up to there */
	size_t count;
};

static void make(const uint8_t *data, size_t len, unsigned flags,
	struct made *made)
{
	made->file.len = made->content.len = made->count = 0;
	while (len > 0 && made->count < 60) {
		size_t size = data[0] % MEMBER_MAX;

		size = size < len ? size : len - 1;
		if (flags & ZSTD && flags & PADDED) {
			put(&made->file, "\x51\x2a\x4d\x18\3\0\0\0abc", 11);
			made->ends[made->count] = made->file.len;
			made->contents[made->count++] = made->content.len;
		}
		if (flags & ZSTD)
			put_zstd(&made->file, data + 1, size);
		else
			put_gzip(&made->file, data + 1, size);
		put(&made->content, data + 1, size);
		made->ends[made->count] = made->file.len;
		made->contents[made->count++] = made->content.len;
		data += size + 1;
		len -= size + 1;
	}
}

/* A file that was cut inside a member; before any content came out there is
 * only the file itself to show. */
static void check_cut(const struct made *made, size_t cut, unsigned flags,
	const struct reading *reading)
{
	const struct text *out = &reading->out;

	CHECK(reading->code != NULL);
	CHECK(strcmp(reading->code, "truncated_input") == 0);
	if (out->len == cut && memcmp(out->data, made->file.data, cut) == 0)
		return;
	CHECK(out->len <= made->content.len);
	CHECK(memcmp(out->data, made->content.data, out->len) == 0);
	for (size_t i = 0; i < made->count; i++)
		if (made->ends[i] <= cut)
			CHECK(out->len >= made->contents[i]);
	(void)flags;
}

static void check_made(const uint8_t *data, size_t len, unsigned flags,
	unsigned ways)
{
	static struct made made;
	static struct reading reading;
	size_t cut, i;

	make(data + 1, len - 1, flags, &made);
	cut = data[0] == NO_CUT ? made.file.len :
				  made.file.len * data[0] / NO_CUT;
	if (cut < 4) /* too little to be known */
		return;
	read_file(made.file.data, cut, 65536, 65536, &reading);
	CHECK(strcmp(reading.suffix, flags & ZSTD ? "+zstd" : "+gzip") == 0);
	for (i = 0; i < made.count && made.ends[i] != cut; i++)
		;
	if (i == made.count)
		check_cut(&made, cut, flags, &reading);
	else {
		CHECK(reading.code == NULL);
		CHECK(reading.out.len == made.contents[i]);
		CHECK(memcmp(reading.out.data, made.content.data,
			reading.out.len) == 0);
	}
	check_again(made.file.data, cut, ways, &reading);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned ways;

	if (size < 2)
		return -1;
	ways = crc32(data, size);
	if (data[0] & RAW)
		check_raw(data + 1, size - 1, ways);
	else
		check_made(data + 1, size - 1, data[0], ways);
	return 0;
}
