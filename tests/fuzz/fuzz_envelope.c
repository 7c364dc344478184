/* fuzz_envelope.c - any message decodes or is refused; what decodes encodes
 * to the same message again.
 *
 * Input: a byte of flags; id NUL; type NUL; a byte counting headers, each
 * name NUL, a byte 'i' and 8 bytes or any other and 2 bytes of length and
 * that many; the rest is the body. */
#include "common/envelope.h"

#include <stdlib.h>
#include <string.h>

#define FIX_CRC 1 /* flag: let the checksum fit, or nothing gets far */

struct input {
	const uint8_t *at, *end;
};

static const char *text(struct input *input)
{
	const size_t left = (size_t)(input->end - input->at);
	const void *nul = left > 0 ? memchr(input->at, '\0', left) : NULL;
	const char *start = (const char *)input->at;

	if (nul == NULL)
		return "";
	input->at = (const uint8_t *)nul + 1;
	return start;
}

static uint64_t number(struct input *input, int bytes)
{
	uint64_t value = 0;

	for (; bytes > 0 && input->at < input->end; bytes--)
		value = value << 8 | *input->at++;
	return value;
}

static struct bytes run(struct input *input, size_t len)
{
	const size_t left = (size_t)(input->end - input->at);
	const struct bytes s = { input->at, len < left ? len : left };

	input->at += s.len;
	return s;
}

static void read_message(struct input *input, struct message *message)
{
	const uint64_t flags = number(input, 1);
	size_t count;

	message->content_type = TYPE_NDJSON;
	message->message_id = text(input);
	message->type = text(input);
	count = (size_t)number(input, 1);
	for (; count > 0 && message->header_count < ENVELOPE_HEADERS; count--) {
		struct header *header =
			&message->headers[message->header_count++];

		header->name = text(input);
		header->is_int = number(input, 1) == 'i';
		if (header->is_int)
			header->i = (int64_t)number(input, 8);
		else
			header->s = run(input, (size_t)number(input, 2));
	}
	message->body = run(input, (size_t)(input->end - input->at));
	for (size_t i = 0; i < message->header_count && flags & FIX_CRC; i++)
		if (strcmp(message->headers[i].name, "sluice-crc32c") == 0)
			message->headers[i].i = crc32c(0, message->body.data,
				message->body.len);
}

static void want(bool claim)
{
	if (!claim)
		abort();
}

/* All headers of b are in a, alike. */
static void want_same(const struct message *a, const struct message *b)
{
	want(strcmp(a->message_id, b->message_id) == 0);
	want(strcmp(a->type, b->type) == 0);
	for (size_t i = 0; i < b->header_count; i++) {
		const struct header *y = &b->headers[i], *x = a->headers;

		while (strcmp(x->name, y->name) != 0)
			want(++x < a->headers + a->header_count);
		want(x->is_int == y->is_int);
		want(!x->is_int || x->i == y->i);
		want(x->is_int ||
			(x->s.len == y->s.len &&
				memcmp(x->s.data, y->s.data, y->s.len) == 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, data + size };
	struct message message = { 0 }, again = { 0 };
	struct envelope envelope, twice;
	char id[ENVELOPE_ID_TEXT];
	struct err err = { 0 };

	read_message(&input, &message);
	if (!envelope_decode(&message, &envelope, &err)) {
		want(err.kind == ERR_REJECT && err.text[0] != '\0');
		return 0;
	}
	again.body = message.body;
	envelope_encode(&envelope, id, &again);
	want_same(&message, &again);
	want(envelope_is_ours(&again));
	want(envelope_decode(&again, &twice, &err));
	return 0;
}
