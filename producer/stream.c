/* stream.c - a window that slides over an input and counts its lines. */
#include "producer/stream.h"

#include <stdlib.h>
#include <string.h>

#define FEW 4

bool stream_init(struct stream *stream, int fd, size_t cap, size_t step,
	struct err *err)
{
	*stream = (struct stream){ .cap = cap, .data = malloc(cap) };
	if (stream->data == NULL)
		return err_memory(err);
	stream->input = input_open(fd, step, err);
	return stream->input != NULL;
}

void stream_clear(struct stream *stream)
{
	input_close(stream->input);
	free(stream->data);
	*stream = (struct stream){ 0 };
}

bool stream_resume(struct stream *stream, const struct place *at,
	struct err *err)
{
	stream->at = *at;
	return input_skip(stream->input, at->offset, err);
}

/* Room for `bytes` from data[start] on. */
static bool make_room(struct stream *stream, size_t bytes, struct err *err)
{
	size_t cap = stream->cap;
	char *data;

	if (stream->cap - stream->start >= bytes)
		return true;
	memmove(stream->data, stream_text(stream), stream_have(stream));
	stream->end -= stream->start;
	stream->start = 0;
	while (cap < bytes)
		cap *= 2;
	if (cap == stream->cap)
		return true;
	data = realloc(stream->data, cap);
	if (data == NULL)
		return err_memory(err);
	stream->data = data;
	stream->cap = cap;
	return true;
}

bool stream_want(struct stream *stream, size_t bytes, struct err *err)
{
	while (stream_have(stream) < bytes && !stream->ended) {
		size_t got;

		if (stream_have(stream) == 0)
			stream->start = stream->end = 0;
		if (!make_room(stream, bytes, err) ||
			!input_read(stream->input, stream->data + stream->end,
				stream->cap - stream->end, &got, err))
			return false;
		stream->end += got;
		stream->ended = got == 0;
	}
	return true;
}

struct place stream_place(const struct stream *stream, size_t bytes)
{
	const char *const text = stream_text(stream);
	struct place place = stream->at;
	size_t at = 0;
	const char *feed;

	while (at < bytes &&
		(feed = memchr(text + at, '\n', bytes - at)) != NULL) {
		at = (size_t)(feed - text) + 1;
		place.lines++;
		place.line_start = place.offset + at;
	}
	place.offset += bytes;
	return place;
}

/* A few bytes stand between records; looking for a line feed in them takes
 * longer than looking at them. */
static void pass_byte(struct stream *stream)
{
	const bool feed = stream->data[stream->start] == '\n';

	stream->start++;
	stream->at.offset++;
	if (!feed)
		return;
	stream->at.lines++;
	stream->at.line_start = stream->at.offset;
}

void stream_pass(struct stream *stream, size_t bytes)
{
	if (bytes <= FEW) {
		while (bytes-- > 0)
			pass_byte(stream);
		return;
	}
	stream->at = stream_place(stream, bytes);
	stream->start += bytes;
}

void stream_pass_line(struct stream *stream, size_t bytes)
{
	stream->at.offset += bytes;
	stream->start += bytes;
}
