/* pulse.h - whether the threads of this process get on. A thread that has work
 * says so, and with each step that it got on; one that has work and takes no
 * step keeps the process from being ready, though nothing has failed: it
 * hangs, or somebody lets it wait.
 *
 * Made for steps of a batch or a message: a few relaxed stores each. */
#ifndef SLUICE_PULSE_H
#define SLUICE_PULSE_H

#include "common/err.h"

#include <stdint.h>

#define PULSES 8 /* threads, at most */

struct pulse;

/* Without a step for stall_ms the process is not ready; a thread that has work
 * and gives no sign of life for hopeless_ms (0: never) is given up by
 * pulse_alive_all. Call it before threads start. */
void pulse_setup(int64_t stall_ms, int64_t hopeless_ms);
/* A thread's own, for ever; name is a literal. NULL, which is fine below, when
 * there are too many. */
struct pulse *pulse_of(const char *name);

/* It has this work (a literal) now, or still: a sign of life, no step. */
void pulse_busy(struct pulse *pulse, const char *work);
/* It has got on: the work is that of now. */
void pulse_step(struct pulse *pulse);
/* It has nothing to do, or waits for what it complains of elsewhere: that may
 * take for ever. */
void pulse_idle(struct pulse *pulse);

/* Tells the health of all threads: health_down and health_up of "loader", say;
 * logs when one stalls, and when it goes on. From any thread. */
void pulse_look(void);
/* False when one of them is given up: it is stuck in a call that ends never. */
bool pulse_alive_all(void);

#endif
