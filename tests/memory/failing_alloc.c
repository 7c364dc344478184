/* failing_alloc.c - memory that fails when told to.
 *
 * The functions here stand in for the C library's, so that the allocations of
 * vendor libraries fail as well. A sanitizer has that place already: then the
 * linker wraps the calls of our own code only. */
#include "failing_alloc.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define HOOK(name) __wrap_##name
#define REAL(name) __real_##name
#else
#define HOOK(name) name
#define REAL(name) __libc_##name
#endif

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *old, size_t size);
void REAL(free)(void *memory);
void *HOOK(malloc)(size_t size);
void *HOOK(calloc)(size_t count, size_t size);
void *HOOK(realloc)(void *old, size_t size);
void HOOK(free)(void *memory);

#define TAKEN_MAX ((size_t)1 << 16)
#define GONE UINTPTR_MAX

static struct {
	bool armed;
	bool on;
	bool failed;
	size_t left; /* allocations until one fails; 0: none will */
	size_t live;
	uintptr_t taken[TAKEN_MAX]; /* open addressing; 0: free */
} state;

static size_t place_of(uintptr_t key)
{
	return (size_t)((key >> 4) * 0x9e3779b97f4a7c15u >> 20) % TAKEN_MAX;
}

static void remember(const void *memory)
{
	const uintptr_t key = (uintptr_t)memory;
	size_t at = place_of(key);

	if (!state.armed || memory == NULL)
		return;
	while (state.taken[at] != 0 && state.taken[at] != GONE)
		at = (at + 1) % TAKEN_MAX;
	state.taken[at] = key;
	state.live++;
}

static void forget(const void *memory)
{
	const uintptr_t key = (uintptr_t)memory;
	size_t at = place_of(key);

	if (memory == NULL || state.live == 0)
		return;
	for (; state.taken[at] != 0; at = (at + 1) % TAKEN_MAX)
		if (state.taken[at] == key) {
			state.taken[at] = GONE;
			state.live--;
			return;
		}
}

static bool fails(void)
{
	if (!state.armed || state.left == 0 || --state.left > 0)
		return false;
	state.failed = true;
	if (state.on)
		state.left = 1;
	errno = ENOMEM;
	return true;
}

void *HOOK(malloc)(size_t size)
{
	void *memory = fails() ? NULL : REAL(malloc)(size);

	remember(memory);
	return memory;
}

void *HOOK(calloc)(size_t count, size_t size)
{
	void *memory = fails() ? NULL : REAL(calloc)(count, size);

	remember(memory);
	return memory;
}

void *HOOK(realloc)(void *old, size_t size)
{
	void *memory = fails() ? NULL : REAL(realloc)(old, size);

	if (memory == NULL)
		return NULL;
	forget(old);
	remember(memory);
	return memory;
}

void HOOK(free)(void *memory)
{
	forget(memory);
	REAL(free)(memory);
}

#if defined(__SANITIZE_ADDRESS__)
char *HOOK(strdup)(const char *text);
char *HOOK(strndup)(const char *text, size_t len);

char *HOOK(strndup)(const char *text, size_t len)
{
	const size_t have = strnlen(text, len);
	char *copy = HOOK(malloc)(have + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, text, have);
	copy[have] = '\0';
	return copy;
}

char *HOOK(strdup)(const char *text)
{
	return HOOK(strndup)(text, strlen(text));
}
#endif

void failing_forget(void)
{
	memset(&state, 0, sizeof(state));
}

void failing_begin(size_t nth, bool on)
{
	state.failed = false;
	state.left = nth;
	state.on = on;
	state.armed = true;
}

bool failing_end(void)
{
	state.armed = false;
	return state.failed;
}

size_t failing_leaked(void)
{
	return state.live;
}
