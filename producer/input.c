/* input.c - the bytes of a file, decompressed when they are gzip or zstd. */
#include "producer/input.h"

#include "common/decoder.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD_BYTES 4
#define RAW_BYTES 65536
#define SKIP_BYTES 65536

struct input {
	int fd;
	size_t step;
	uint64_t at; /* in the file */
	const struct decoder *decoder; /* NULL: plain */
	void *state;
	const char *suffix;
	uint64_t given; /* decompressed bytes */
	struct input_fault fault;
	size_t raw_at, raw_len;
	uint8_t *raw; /* compressed bytes yet to be decoded; plain: none */
};

static const struct decoder *const decoders[] = {
	&decoder_gzip,
	&decoder_zstd,
};

/* The next bytes of the file; 0 at its end. */
static bool read_file(struct input *input, void *to, size_t room, size_t *got,
	struct err *err)
{
	ssize_t n;

	if (room > input->step)
		room = input->step;
	do
		n = pread(input->fd, to, room, (off_t)input->at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_errno(err, ERR_RETRY, "read at byte %llu",
			(unsigned long long)input->at);
	*got = (size_t)n;
	input->at += *got;
	return true;
}

/* Looks at the first bytes and finds the decoder that knows them. */
static bool recognise(struct input *input, struct err *err)
{
	uint8_t head[HEAD_BYTES];
	size_t len = 0, got = 1;

	while (len < HEAD_BYTES && got > 0) {
		if (!read_file(input, head + len, HEAD_BYTES - len, &got, err))
			return false;
		len += got;
	}
	input->at = 0;
	for (size_t i = 0; i < sizeof(decoders) / sizeof(*decoders); i++)
		if (decoders[i]->knows(head, len))
			input->decoder = decoders[i];
	if (input->decoder == NULL)
		return true;
	input->suffix = input->decoder->suffix;
	input->raw = malloc(RAW_BYTES);
	if (input->raw == NULL)
		return err_memory(err);
	input->state = input->decoder->open(err);
	return input->state != NULL;
}

struct input *input_open(int fd, size_t step, struct err *err)
{
	struct input *input = calloc(1, sizeof(*input));

	if (input == NULL) {
		err_memory(err);
		return NULL;
	}
	input->fd = fd;
	input->step = step;
	input->suffix = "";
	if (!recognise(input, err)) {
		input_close(input);
		return NULL;
	}
	return input;
}

static void drop_decoder(struct input *input)
{
	if (input->decoder != NULL)
		input->decoder->close(input->state);
	free(input->raw);
	input->decoder = NULL;
	input->state = NULL;
	input->raw = NULL;
}

void input_close(struct input *input)
{
	if (input == NULL)
		return;
	drop_decoder(input);
	free(input);
}

/* The decompressed bytes end here, too early. When there were none at all the
 * file's own take their place, or there would be nothing to show. */
static void break_off(struct input *input, const char *code, const char *what)
{
	input->fault = (struct input_fault){ .code = code, .what = what };
	if (input->given > 0)
		return;
	drop_decoder(input);
	input->at = 0;
}

static bool refill(struct input *input, struct err *err)
{
	if (input->raw_len > 0)
		return true;
	input->raw_at = 0;
	return read_file(input, input->raw, RAW_BYTES, &input->raw_len, err);
}

/* One step of the decoder; *done when nothing more will come of it. */
static bool decode(struct input *input, char *to, size_t room, size_t *got,
	bool *done, struct err *err)
{
	struct decode io = { .out = (uint8_t *)to, .room = room };
	enum decode_status status;
	size_t before;

	if (!refill(input, err))
		return false;
	before = input->raw_len;
	io.in = input->raw + input->raw_at;
	io.in_len = before;
	status = input->decoder->step(input->state, &io, err);
	input->raw_at += before - io.in_len;
	input->raw_len = io.in_len;
	input->given += io.got;
	*got = io.got;
	*done = before == 0 && io.got == 0;
	if (status == DECODE_FAILED)
		return false;
	if (status == DECODE_BROKEN)
		break_off(input, "corrupt_input", io.what);
	else if (*done && !input->decoder->whole(input->state))
		break_off(input, "truncated_input",
			"the compressed data ends too early");
	return true;
}

bool input_read(struct input *input, char *to, size_t room, size_t *got,
	struct err *err)
{
	bool done = false;

	*got = 0;
	while (*got == 0 && !done && input->decoder != NULL &&
		input->fault.code == NULL)
		if (!decode(input, to, room, got, &done, err))
			return false;
	if (input->decoder != NULL)
		return true;
	return read_file(input, to, room, got, err);
}

static bool too_short(struct err *err)
{
	return err_set(err, ERR_REJECT,
		"the file is shorter than it was when reading began");
}

static bool seek_plain(struct input *input, uint64_t bytes, struct err *err)
{
	struct stat st;

	if (fstat(input->fd, &st) != 0)
		return err_errno(err, ERR_RETRY, "fstat");
	if (st.st_size < 0 || bytes > (uint64_t)st.st_size)
		return too_short(err);
	input->at = bytes;
	return true;
}

bool input_skip(struct input *input, uint64_t bytes, struct err *err)
{
	char *scratch;
	size_t got = 1;
	bool ok = true;

	if (input->decoder == NULL)
		return seek_plain(input, bytes, err);
	scratch = malloc(SKIP_BYTES);
	if (scratch == NULL)
		return err_memory(err);
	while (ok && bytes > 0) {
		ok = input_read(input, scratch,
			bytes < SKIP_BYTES ? (size_t)bytes : SKIP_BYTES, &got,
			err);
		ok = ok && (got > 0 || too_short(err));
		bytes -= ok ? got : 0;
	}
	free(scratch);
	return ok;
}

const struct input_fault *input_fault(const struct input *input)
{
	return input->fault.code != NULL ? &input->fault : NULL;
}

uint64_t input_taken(const struct input *input)
{
	return input->at;
}

const char *input_suffix(const struct input *input)
{
	return input->suffix;
}
