/* stream.h - a window that slides over an input and counts its lines. */
#ifndef SLUICE_STREAM_H
#define SLUICE_STREAM_H

#include "producer/input.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A place in the decompressed bytes. */
struct place {
	uint64_t offset;
	uint64_t lines;      /* line feeds before offset */
	uint64_t line_start; /* where the line of offset begins */
};

struct stream {
	struct input *input;
	char *data;
	size_t cap;
	size_t start, end; /* what is in the window and still to come */
	struct place at;   /* of data[start] */
	bool ended;        /* nothing comes behind data[end] */
};

/* The window begins with cap bytes. */
bool stream_init(struct stream *stream, int fd, size_t cap, size_t step,
	struct err *err) MUST_CHECK;
void stream_clear(struct stream *stream);

/* Starts at a place of an earlier run. */
bool stream_resume(struct stream *stream, const struct place *at,
	struct err *err) MUST_CHECK;

/* What is in the window; both borrowed until stream_want. */
static inline const char *stream_text(const struct stream *stream)
{
	return stream->data + stream->start;
}

static inline size_t stream_have(const struct stream *stream)
{
	return stream->end - stream->start;
}

/* Brings `bytes` into the window, or all that is left when it is less. */
bool stream_want(struct stream *stream, size_t bytes, struct err *err)
	MUST_CHECK;

/* Moves on over bytes of the window. */
void stream_pass(struct stream *stream, size_t bytes);
/* The same over bytes that hold no line feed. */
void stream_pass_line(struct stream *stream, size_t bytes);

/* The place `bytes` into the window. */
struct place stream_place(const struct stream *stream, size_t bytes);

#endif
