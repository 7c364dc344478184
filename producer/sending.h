/* sending.h - a claimed file becomes messages.
 *
 * The file is checked while it is read: size and time at every piece, SHA-256
 * at the end, before the last piece and the manifest are given away. One that
 * was changed after its claim gives a reject "source_changed" for its rest. */
#ifndef SLUICE_SENDING_H
#define SLUICE_SENDING_H

#include "producer/source.h"
#include "producer/window.h"

struct sending;

/* A message with its bytes, from being read until it is confirmed. */
struct outgoing {
	struct window_item window; /* first */
	struct sending *sending;
	struct envelope envelope;  /* borrows from memory and the source */
	struct bytes body;
	char id[ENVELOPE_ID_TEXT];
	char *memory;
	struct reader_position after;
	bool last;                 /* the manifest */
	int64_t sent_us;           /* monotonic, the last time; 0: not yet */
};
void outgoing_free(struct outgoing *message);

struct sending {
	struct sending *next;   /* in its lane */
	struct source *source;  /* owned */
	const char *raw_dir;    /* borrowed */
	bool ended;             /* the manifest was given */
	bool failed;            /* the remainder was rejected */
	bool gone;              /* there is no file */
	bool away;              /* its folder is missing, and may come back */
	char code[ENVELOPE_CODE_MAX + 1]; /* of the last reject */
	char reason[256];
	int64_t started_ms;
	int64_t reported_ms;    /* the publisher's: last checkpoint */

	/* its own */
	int fd;
	struct reader *reader;
	struct sha256 *hash;
	uint64_t hashed;
	struct outgoing *held;          /* read, not given yet */
	struct reader_position read_to; /* its end */
	struct reader_position before;  /* its start */
	bool at_end;
	struct envelope end;            /* the manifest the reader gave */
	int failures;
};

/* Opens nothing yet. The source is the sending's when it succeeds. */
struct sending *sending_new(struct source *source, const char *raw_dir,
	struct err *err);
/* Gives the source back to the caller. */
struct source *sending_take_source(struct sending *sending);
void sending_free(struct sending *sending); /* NULL is fine */

/* At most this many messages come of one call. */
#define SENDING_GIVES 3

/* Reads on: gives the next messages, in order, to the caller; none is no end.
 * On failure none are given. ERR_RETRY: try again after a while. ERR_REJECT:
 * nothing more can be sent of this source, gone tells whether for want of a
 * file. */
bool sending_next(struct sending *sending,
	struct outgoing *given[SENDING_GIVES], size_t *count, struct err *err)
	MUST_CHECK;

#endif
