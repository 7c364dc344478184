/* backoff.h - how long to wait before trying again. */
#ifndef SLUICE_BACKOFF_H
#define SLUICE_BACKOFF_H

/* Exponential with full jitter: attempt n waits a random time in
 * [base/2, min(ceiling, base * 2^n)]. attempts = 0 starts over. */
struct backoff {
	int base_ms;
	int ceiling_ms;
	int attempts;
};

/* Milliseconds to wait now; counts the attempt. */
int backoff_next_ms(struct backoff *backoff);
void backoff_reset(struct backoff *backoff);

#endif
