/* backoff.c - how long to wait before trying again. */
#include "common/backoff.h"

#include <stdint.h>
#include <sys/random.h>

static uint32_t random_u32(void)
{
	uint32_t value = 0;

	if (getrandom(&value, sizeof(value), 0) != (ssize_t)sizeof(value))
		value = 0x9e3779b9u; /* any jitter is better than failing */
	return value;
}

int backoff_next_ms(struct backoff *backoff)
{
	int64_t top = backoff->base_ms;
	const int64_t low = backoff->base_ms / 2;

	for (int i = 0; i < backoff->attempts && top < backoff->ceiling_ms; i++)
		top *= 2;
	if (top > backoff->ceiling_ms)
		top = backoff->ceiling_ms;
	backoff->attempts++;
	if (top <= low)
		return (int)top;
	return (int)(low + random_u32() % (top - low + 1));
}

void backoff_reset(struct backoff *backoff)
{
	backoff->attempts = 0;
}
