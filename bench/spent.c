/* spent.c - what a command takes.
 *
 * usage: spent FILE COMMAND...
 * Runs the command and writes into FILE one line: seconds by the clock, seconds
 * of processor (its children's too), peak of resident memory in KiB. Ends as
 * the command does. */
#include "common/clock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds_of(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static bool note(const char *name, int64_t us, const struct rusage *usage)
{
	FILE *file = fopen(name, "w");

	if (file == NULL)
		return false;
	(void)fprintf(file, "%.6f %.6f %ld\n", (double)us / 1e6,
		seconds_of(usage->ru_utime) + seconds_of(usage->ru_stime),
		usage->ru_maxrss);
	return fclose(file) == 0;
}

int main(int argc, char **argv)
{
	const int64_t started = clock_now_us();
	struct rusage usage;
	int status = 0;
	pid_t child;

	if (argc < 3) {
		(void)fprintf(stderr, "usage: %s FILE COMMAND...\n", argv[0]);
		return 64;
	}
	child = fork();
	if (child == 0) {
		(void)execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	while (child > 0 && wait4(child, &status, 0, &usage) < 0)
		if (errno != EINTR)
			child = -1;
	if (child < 0 || !note(argv[1], clock_now_us() - started, &usage)) {
		perror(argv[1]);
		return 74;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   128 + WTERMSIG(status);
}
