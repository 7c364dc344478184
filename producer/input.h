/* input.h - the bytes of a file, decompressed when they are gzip or zstd. */
#ifndef SLUICE_INPUT_H
#define SLUICE_INPUT_H

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

struct input;

/* Where the decompressed bytes break off, and why. */
struct input_fault {
	const char *code; /* "truncated_input", "corrupt_input" */
	const char *what; /* plain words, static storage */
};

/* Reads fd (a regular file; stays the caller's) from its beginning, by pread,
 * at most step bytes at a time. */
struct input *input_open(int fd, size_t step, struct err *err);
void input_close(struct input *input);

/* Gives 1 to room bytes, 0 at the end. False only for I/O (ERR_RETRY) and
 * memory. */
bool input_read(struct input *input, char *to, size_t room, size_t *got,
	struct err *err) MUST_CHECK;

/* Passes over that many bytes: plain files seek. ERR_REJECT when there are
 * fewer. Only before the first read. */
bool input_skip(struct input *input, uint64_t bytes, struct err *err)
	MUST_CHECK;

/* NULL unless the bytes broke off; known when input_read gave 0. When not one
 * byte could be decompressed, what was read are the file's own bytes. */
const struct input_fault *input_fault(const struct input *input);

/* How much of the file itself was read so far. */
uint64_t input_taken(const struct input *input);

/* "", "+gzip" or "+zstd". */
const char *input_suffix(const struct input *input);

#endif
