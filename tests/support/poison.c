/* poison.c - records that the tests' consumer dies of, or is stuck at, where
 * it maps them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void test_poison(const char *text, size_t len);

static int has(const char *text, size_t len, const char *marker)
{
	return memmem(text, len, marker, strlen(marker)) != NULL;
}

void test_poison(const char *text, size_t len)
{
	if (has(text, len, "sluice-test-abort"))
		abort();
	if (has(text, len, "sluice-test-spin"))
		for (volatile unsigned turns = 0;; turns++)
			;
	while (has(text, len, "sluice-test-hang"))
		(void)pause();
}
