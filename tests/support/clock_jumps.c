/* clock_jumps.c - the wall clock of a daemon of the tests: as many seconds off
 * as the file $SLUICE_TEST_CLOCK says, read whenever it is asked. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* The linker's names (--wrap). */
int __real_clock_gettime(clockid_t id, struct timespec *now);
int __wrap_clock_gettime(clockid_t id, struct timespec *now);

int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
	const int code = __real_clock_gettime(id, now);
	const char *path = getenv("SLUICE_TEST_CLOCK");
	FILE *file = id == CLOCK_REALTIME && path != NULL ?
		fopen(path, "re") : NULL;
	char line[32];

	if (file == NULL)
		return code;
	if (fgets(line, sizeof(line), file) != NULL)
		now->tv_sec += strtoll(line, NULL, 10);
	(void)fclose(file);
	return code;
}
