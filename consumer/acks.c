/* acks.c - which deliveries are done, and the fewest acks that say so. */
#include "consumer/acks.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 64

enum { OPEN, DONE, SENT };

static uint8_t *at(const struct acks *acks, uint64_t tag)
{
	return &acks->state[tag & (acks->cap - 1)];
}

static uint64_t width(const struct acks *acks)
{
	return acks->oldest == 0 ? 0 : acks->newest - acks->oldest + 1;
}

static bool grow(struct acks *acks, struct err *err)
{
	struct acks bigger = *acks;

	bigger.cap = acks->cap == 0 ? FIRST_CAP : acks->cap * 2;
	bigger.state = malloc(bigger.cap);
	if (bigger.state == NULL)
		return err_memory(err);
	for (uint64_t i = 0; i < width(acks); i++)
		*at(&bigger, acks->oldest + i) = *at(acks, acks->oldest + i);
	free(acks->state);
	*acks = bigger;
	return true;
}

bool acks_delivered(struct acks *acks, uint64_t tag, struct err *err)
{
	if (tag != acks->newest + 1)
		return err_set(err, ERR_RETRY,
			"the broker skipped a delivery tag");
	if (width(acks) == acks->cap && !grow(acks, err))
		return false;
	if (acks->oldest == 0)
		acks->oldest = tag;
	acks->newest = tag;
	*at(acks, tag) = OPEN;
	acks->open++;
	return true;
}

static bool is_open(const struct acks *acks, uint64_t tag)
{
	return acks->oldest != 0 && tag >= acks->oldest &&
		tag <= acks->newest && *at(acks, tag) == OPEN;
}

void acks_done(struct acks *acks, uint64_t tag)
{
	if (!is_open(acks, tag))
		return;
	*at(acks, tag) = DONE;
	acks->open--;
	acks->ready++;
}

bool acks_returned(struct acks *acks, uint64_t tag)
{
	if (!is_open(acks, tag))
		return false;
	*at(acks, tag) = SENT;
	acks->open--;
	return true;
}

/* Moves oldest behind the run of tags that are done or sent; the newest done
 * one of them, 0 if there was none, stands for them all. */
static uint64_t take_run(struct acks *acks)
{
	uint64_t last = 0;

	while (acks->oldest <= acks->newest && *at(acks, acks->oldest) != OPEN) {
		if (*at(acks, acks->oldest) == DONE) {
			last = acks->oldest;
			acks->ready--;
		}
		acks->oldest++;
	}
	return last;
}

bool acks_next(struct acks *acks, uint64_t *tag, bool *multiple)
{
	if (acks->ready == 0)
		return false;
	*tag = take_run(acks);
	*multiple = *tag != 0;
	if (*multiple)
		return true;
	for (*tag = acks->oldest; *at(acks, *tag) != DONE;)
		(*tag)++;
	*at(acks, *tag) = SENT;
	acks->ready--;
	return true;
}

uint64_t acks_open(const struct acks *acks)
{
	return acks->open;
}

void acks_clear(struct acks *acks)
{
	free(acks->state);
	*acks = (struct acks){ 0 };
}
