/* mutation.h - rules of the protocol broken on purpose: the test of the tests.
 *
 * MUTATED(rule) is false, and nothing is left of it in a program. Only in the
 * build that the CMake option SLUICE_MUTATIONS makes is it true, when the
 * environment's SLUICE_MUTATION names the rule: then a crash test must fail
 * (tests/crash/mutations.sh). */
#ifndef SLUICE_MUTATION_H
#define SLUICE_MUTATION_H

#ifdef SLUICE_MUTATIONS

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static inline bool mutation_is(const char *rule)
{
	const char *chosen = getenv("SLUICE_MUTATION");

	return chosen != NULL && strcmp(chosen, rule) == 0;
}
#define MUTATED(rule) mutation_is(#rule)

#else
#define MUTATED(rule) false
#endif

#endif
