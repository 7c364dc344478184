/* acks.h - which deliveries are done, and the fewest acks that say so. Pure.
 *
 * Tags of one channel count 1, 2, 3 ... A run of done ones from the oldest on
 * is one "multiple" ack; those behind a gap are acknowledged one by one. */
#ifndef SLUICE_ACKS_H
#define SLUICE_ACKS_H

#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

struct acks {
	uint64_t oldest; /* not yet behind us; 0: nothing was delivered */
	uint64_t newest;
	uint64_t ready;  /* done, not sent */
	uint64_t open;   /* neither */
	uint8_t *state;  /* ring of cap (a power of two) */
	size_t cap;
};

/* Notes a delivery. Tags must come without gaps (else ERR_RETRY: the channel
 * is not what we think). */
bool acks_delivered(struct acks *acks, uint64_t tag, struct err *err)
	MUST_CHECK;
/* A tag that is not outstanding is ignored. */
void acks_done(struct acks *acks, uint64_t tag);
/* Given back some other way: there will be no ack for it. False when it is not
 * outstanding. The broker must hear of it before the next ack. */
bool acks_returned(struct acks *acks, uint64_t tag) MUST_CHECK;
/* The next ack to send; false when there is none. */
bool acks_next(struct acks *acks, uint64_t *tag, bool *multiple);
/* Deliveries neither done nor sent. */
uint64_t acks_open(const struct acks *acks);
/* Forgets everything: for a new channel. */
void acks_clear(struct acks *acks);

#endif
