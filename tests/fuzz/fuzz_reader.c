/* fuzz_reader.c - any file becomes pieces that tile it, the same ones however
 * it is read and from wherever reading goes on; and a file without rejects is
 * valid JSON with as many objects as there are records.
 *
 * Input: three bytes of limits (the first also says where inside of the file
 * its records are), the rest is the file. */
#include "common/pointer.h"
#include "tests/fuzz/file.h"
#include "tests/support/pieces.h"

#define CHECK(claim)             \
	do {                     \
		if (!(claim))    \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Objects of an array whose elements are all objects; -1 when one is not. */
static int64_t count_elements(const char *text, size_t len)
{
	struct json_tape tape = { 0 };
	struct json_fault fault;
	int64_t count = 0;

	CHECK(json_parse(text, len, &tape, &fault) == JSON_OK);
	for (uint32_t i = 1; i < tape.count && count >= 0;
		i = tape.nodes[i].next)
		count = tape.nodes[i].type == JSON_OBJECT ? count + 1 : -1;
	json_tape_clear(&tape);
	return count;
}

/* The objects of a text of values, counted another way than the reader does;
 * -1: it is no such text. *deep: it nests deeper than this way can follow. */
static int64_t count_objects(const char *text, size_t len, bool *deep)
{
	const bool arrays = json_blanks(text, len) < len &&
		text[json_blanks(text, len)] == '[';
	struct json_fault fault;
	int64_t count = 0, some;
	size_t at, end;

	for (at = json_blanks(text, len); at < len;
		at += json_blanks(text + at, len - at)) {
		if (json_scan(text + at, len - at, true, &end, &fault) !=
			JSON_OK) {
			*deep = strcmp(fault.code, "json_depth") == 0;
			return -1;
		}
		some = text[at] == '{'		     ? 1 :
			text[at] == '[' && arrays ? count_elements(text + at,
							     end) :
						     -1;
		if (some < 0)
			return -1;
		count += some;
		at += end;
	}
	return count;
}

/* Where the records of an input are: its first byte says. */
static const char *const pointers[] = { "/a", "/a/0", "/0/a", "/1" };

static const char *pointer_of(uint8_t first)
{
	return first < 0xc0 ? "" : pointers[first >> 4 & 3];
}

/* The same for records inside of values; -1: none was found there. */
static int64_t count_within(const char *text, size_t len, const char *pointer)
{
	char *steps[POINTER_STEPS_MAX];
	struct json_fault fault;
	struct pointer_span span;
	size_t count = 0, end;
	int64_t sum = 0;
	struct err err;

	CHECK(pointer_parse(pointer, steps, &count, &err));
	for (size_t at = json_blanks(text, len); sum >= 0 && at < len;
		at += json_blanks(text + at, len - at)) {
		if (json_scan(text + at, len - at, true, &end, &fault) !=
				JSON_OK ||
			!pointer_slice(text + at, end, steps, count, &span,
				&err))
			sum = -1;
		else if (span.type == JSON_ARRAY)
			sum += count_elements(text + at + span.start, span.len);
		else
			sum += span.type == JSON_OBJECT;
		at += end;
	}
	for (size_t i = 0; i < count; i++)
		free(steps[i]);
	return sum;
}

static void check_count(const char *text, size_t len, const char *pointer,
	const struct envelope *end)
{
	bool deep = false;
	int64_t count;

	if (end->rejects > 0)
		return;
	CHECK(!end->failed);
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	if (pointer[0] != '\0') {
		/* a value deep in another, or passed over by brackets */
		count = count_within(text, len, pointer);
		CHECK(count < 0 || (uint64_t)count == end->all_records);
		return;
	}
	count = count_objects(text, len, &deep);
	CHECK(deep || (count >= 0 && (uint64_t)count == end->all_records));
}

static bool is_left_out(const uint8_t *data, size_t len)
{
#ifdef SLUICE_FUZZ
	return pieces_packed(data, len);
#else
	(void)data;
	(void)len;
	return false;
#endif
}

/* As a plain test every way of reading again is tried; under libFuzzer one
 * size of reads or one position, by the bytes' own sum: each comes up often
 * enough, and the rest of the time goes into other inputs. Compressed files
 * are fuzz_input's there: they cost a hundred plain ones. */
static const char *read_all(const uint8_t *data, size_t len,
	const struct reader_limits *limits, struct pieces *pieces)
{
#ifdef SLUICE_FUZZ
	static const size_t steps[] = { 1, 2, 7, 64 };
	const uint32_t sum = crc32c(0, data, len);
	const struct bytes plain = { pieces_packed(data, len) ? NULL : data,
		len };
	const int fd = file_open(data, len);
	const char *why;

	pieces->untried = sum / 64 % 16 != 0;
	why = pieces_read(fd, plain, limits, 4096, NULL, pieces);
	if (why == NULL && (sum / 4 % 2 == 0 || pieces->count < 2))
		why = pieces_again(fd, limits, steps[sum % 4], pieces, 0);
	else if (why == NULL)
		why = pieces_again(fd, limits, 5, pieces,
			1 + sum / 1024 % (pieces->count - 1));
	return why;
#else
	return pieces_hold(data, len, limits, 8, pieces);
#endif
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader_limits limits;
	struct pieces pieces = { 0 };
	const char *why;

	if (size < 3 || is_left_out(data + 3, size - 3))
		return -1;
	limits = (struct reader_limits){
		.chunk_records = data[0] % 8 + 1,
		.chunk_bytes = data[1] + 1u,
		.max_record_bytes = data[2] + 1u,
	};
	(void)snprintf(limits.records, sizeof(limits.records), "%s",
		pointer_of(data[0]));
	why = read_all(data + 3, size - 3, &limits, &pieces);
	if (why != NULL)
		(void)fprintf(stderr, "%s\n", why);
	CHECK(why == NULL);
	CHECK(pieces.ended);
	if (!pieces.compressed) {
		CHECK(pieces.end.size == size - 3);
		check_count((const char *)data + 3, size - 3, limits.records,
			&pieces.end);
	}
	pieces_clear(&pieces);
	return 0;
}
