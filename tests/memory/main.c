/* main.c - each allocation of each operation fails, once and from then on:
 * never a crash or a leak, always a clean error, or the same result.
 *
 * usage: memory_tests [OPERATION] */
#include "failing_alloc.h"
#include "memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t digest;

void memory_note(const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
		digest = (digest ^ bytes[i]) * 0x100000001b3u;
}

void memory_note_text(const char *text)
{
	memory_note(text != NULL ? text : "-", text != NULL ? strlen(text) + 1 : 1);
}

struct result {
	bool ok;
	bool injected;
	uint64_t digest;
	bool leaked;
	struct err err;
};

/* What a library keeps is no leak: the same once more must not take more. */
static struct result run(const struct operation *operation, size_t nth, bool on)
{
	struct result result = { 0 };
	size_t before = 0;

	failing_forget();
	for (int i = 0; i == 0 || (i == 1 && before > 0); i++) {
		result.err = (struct err){ 0 };
		digest = 0xcbf29ce484222325u;
		failing_begin(nth, on);
		result.ok = operation->run(&result.err);
		result.injected = failing_end();
		result.leaked = i > 0 && failing_leaked() > before;
		before = failing_leaked();
	}
	result.digest = digest;
	return result;
}

/* NULL: as it must be. */
static const char *fault_of(const struct result *result,
	const struct result *whole)
{
	if (result->leaked)
		return "leaks";
	if (result->ok)
		return result->digest == whole->digest ? NULL :
			"says that all is well, with another result";
	if (!result->injected)
		return "fails, although no allocation did";
	if (result->err.kind != ERR_STOP)
		return "is no ERR_STOP";
	if (result->err.text[0] == '\0')
		return "says nothing";
	return NULL;
}

static bool complain(const struct operation *operation, size_t nth, bool on,
	const struct result *result, const char *fault)
{
	(void)fprintf(stderr, "%s, allocation %zu%s: %s (%s)\n",
		operation->name, nth, on ? " and all that follow" : "", fault,
		result->err.text);
	return false;
}

/* N = 1, 2, 3 ... until it passes untouched. */
static bool fail_each(const struct operation *operation, bool on,
	size_t *allocations)
{
	const struct result whole = run(operation, 0, false);
	const char *fault = NULL;
	bool ok = whole.ok ||
		complain(operation, 0, on, &whole, "fails untouched");

	for (size_t nth = 1; ok; nth++) {
		const struct result result = run(operation, nth, on);

		fault = fault_of(&result, &whole);
		if (fault != NULL)
			ok = complain(operation, nth, on, &result, fault);
		if (!result.injected)
			break;
		*allocations = nth;
	}
	return ok;
}

static bool check(const struct operation *operation)
{
	struct err ignored = { 0 };
	size_t once = 0, on = 0;
	bool ok;

	(void)operation->run(&ignored); /* what libraries keep is taken now */
	ok = fail_each(operation, false, &once);
	ok = fail_each(operation, true, &on) && ok;
	(void)printf("%-24s %5zu allocations failed once, %5zu for good: %s\n",
		operation->name, once, on, ok ? "fine" : "NOT OK");
	return ok;
}

int main(int argc, char **argv)
{
	static const struct operation *const lists[] = { common_operations,
		consumer_operations, producer_operations, cli_operations };
	size_t checked = 0, failed = 0;

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		for (const struct operation *at = lists[i]; at->name != NULL;
			at++) {
			if (argc > 1 && strcmp(argv[1], at->name) != 0)
				continue;
			checked++;
			failed += !check(at);
		}
	(void)printf("%zu operations, %zu failed\n", checked, failed);
	return checked > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
