/* fate.h - how the threads tell main that the program must end, and main tells
 * them. */
#ifndef SLUICE_FATE_H
#define SLUICE_FATE_H

#include "common/err.h"

#include <stdatomic.h>

struct fate {
	atomic_int exit_code; /* of the first that gave up; 0: none did */
	int ended_fd;         /* readable once somebody gave up */
	int leave_fd;         /* readable: finish what you do, start nothing */
	int stop_fd;          /* readable: leave whatever you are at */
};

bool fate_init(struct fate *fate, struct err *err) MUST_CHECK;
void fate_clear(struct fate *fate);
/* The program cannot go on: logs why. */
void fate_end(struct fate *fate, const struct err *err);
bool fate_ended(const struct fate *fate);
void fate_leave(struct fate *fate);
void fate_stop(struct fate *fate);
/* Waits that long, or until we are to leave or stop; false then. */
bool fate_wait(const struct fate *fate, int ms);

#endif
