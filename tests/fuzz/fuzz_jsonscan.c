/* fuzz_jsonscan.c - scan and parse agree on any bytes; cut texts are never
 * called wrong; what is decoded is UTF-8. */
#include "common/jsonscan.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(claim)             \
	do {                     \
		if (!(claim))    \
			abort(); \
	} while (0)

/* json_parse = blanks, one value that json_scan takes, blanks. */
static void check_agreement(const char *text, size_t len, bool parsed,
	const struct json_fault *parse)
{
	const size_t start = json_blanks(text, len);
	struct json_fault scan = { 0 };
	enum json_status status;
	size_t end, after;

	status = json_scan(text + start, len - start, true, &end, &scan);
	if (status != JSON_OK) {
		CHECK(!parsed);
		CHECK(parse->at == scan.at + start);
		CHECK(strcmp(parse->code, scan.code) == 0);
		CHECK(status == JSON_BAD || scan.at + start == len);
		return;
	}
	end += start;
	after = end + json_blanks(text + end, len - end);
	CHECK(parsed == (after == len));
	CHECK(parsed || parse->at == after);
}

/* More text never changes a verdict that was given. */
static void check_beginnings(const char *text, size_t len)
{
	struct json_fault whole = { 0 }, part = { 0 };
	size_t whole_end, end;
	const enum json_status verdict =
		json_scan(text, len, false, &whole_end, &whole);

	for (size_t cut = 0; cut < len && cut < 200; cut++) {
		const enum json_status status =
			json_scan(text, cut, false, &end, &part);

		if (status == JSON_SHORT)
			continue;
		CHECK(status == verdict);
		CHECK(status != JSON_OK || end == whole_end);
		CHECK(status != JSON_BAD || part.at == whole.at);
	}
}

static void check_text(const struct buf *out)
{
	size_t n;

	for (size_t i = 0; i < out->len; i += n) {
		n = utf8_length(out->data + i, out->len - i);
		CHECK(n > 0 && out->data[i] != '\0');
	}
}

static void check_tape(const char *text, const struct json_tape *tape)
{
	struct buf out = { 0 };
	struct json_fault fault;

	for (size_t i = 0; i < tape->count; i++) {
		const struct json_node *node = &tape->nodes[i];

		CHECK(node->next > i && node->next <= tape->count);
		CHECK(node->len > 0);
		if (node->type != JSON_STRING)
			continue;
		buf_reset(&out);
		if (json_decode(text, node, &out, &fault))
			check_text(&out);
	}
	buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size != 0 ? size : 1);
	struct json_tape tape = { 0 };
	struct json_fault fault = { 0 };
	bool parsed;

	CHECK(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	parsed = json_parse(text, size, &tape, &fault) == JSON_OK;
	check_agreement(text, size, parsed, &fault);
	check_beginnings(text, size);
	if (parsed)
		check_tape(text, &tape);
	json_tape_clear(&tape);
	free(text);
	return 0;
}
