/* failing_alloc.h - memory that fails when told to, and a count of what was
 * taken and not given back. One thread. */
#ifndef SLUICE_TESTS_FAILING_ALLOC_H
#define SLUICE_TESTS_FAILING_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* Forgets what was taken so far. */
void failing_forget(void);
/* From now on the nth allocation fails (1: the next; 0: none does), and with
 * `on` all that follow it. What is taken is counted. */
void failing_begin(size_t nth, bool on);
/* No more. True when an allocation failed. */
bool failing_end(void);
/* Of what was taken between begin and end, how much is not given back. */
size_t failing_leaked(void);

#endif
