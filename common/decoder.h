/* decoder.h - what a compressed format offers to input.c. */
#ifndef SLUICE_DECODER_H
#define SLUICE_DECODER_H

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

enum decode_status {
	DECODE_ON,     /* bytes were taken or given, or more are wanted */
	DECODE_BROKEN, /* what follows cannot be decoded: see what */
	DECODE_FAILED, /* out of memory: see err */
};

/* One step: takes from in, gives to out. What it gives before it finds the
 * input broken does not depend on how the input was cut into steps. */
struct decode {
	const uint8_t *in; /* moved */
	size_t in_len;
	uint8_t *out;
	size_t room;
	size_t got;       /* bytes given to out */
	const char *what; /* plain words, static storage */
};

struct decoder {
	const char *suffix; /* of the format's name */
	bool (*knows)(const uint8_t *head, size_t len);
	void *(*open)(struct err *err);
	enum decode_status (*step)(void *state, struct decode *io,
		struct err *err);
	/* The input may end here. */
	bool (*whole)(const void *state);
	void (*close)(void *state);
};

extern const struct decoder decoder_gzip;
extern const struct decoder decoder_zstd;

#endif
