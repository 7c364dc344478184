/* bell.h - one thread calls another that sleeps; calls while it works are one. */
#ifndef SLUICE_BELL_H
#define SLUICE_BELL_H

#include "consumer/fate.h"

#include <stdint.h>

struct bell {
	int fd;
};

bool bell_init(struct bell *bell, struct err *err) MUST_CHECK;
void bell_clear(struct bell *bell);
/* From any thread; never waits. */
void bell_ring(struct bell *bell);
/* Sleeps until it rings, ms are over or we are to leave. After a ring it sleeps
 * for together_ms more: calls that follow each other closely are one. */
void bell_wait(struct bell *bell, const struct fate *fate, int64_t ms,
	int together_ms);

#endif
