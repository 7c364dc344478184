/* bench_reader.c - how fast files become pieces, on one core and cached.
 *
 * usage: bench_reader FILE...
 */
#include "producer/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define RUNS 5

static const struct reader_limits limits = { .chunk_records = 500,
	.chunk_bytes = 128 << 10,
	.max_record_bytes = 1 << 20 };

/* Seconds of CPU time: others on the machine do not count. */
static double cpu_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool read_once(int fd, struct piece *end, double *seconds,
	struct err *err)
{
	const double start = cpu_now();
	struct reader *reader = reader_open(fd, &limits, err);
	bool ok = reader != NULL;

	end->kind = PIECE_CHUNK;
	while (ok && end->kind != PIECE_END)
		ok = reader_next(reader, end, err);
	*seconds = cpu_now() - start;
	reader_close(reader);
	return ok;
}

/* The best of several runs. */
static bool bench(const char *path, struct err *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct piece end = { 0 };
	double best = 1e9, seconds;
	struct rusage usage;
	bool ok = fd >= 0 || err_errno(err, ERR_STOP, "open %s", path);

	for (int i = 0; ok && i < RUNS; i++) {
		ok = read_once(fd, &end, &seconds, err);
		best = ok && seconds < best ? seconds : best;
	}
	if (ok && getrusage(RUSAGE_SELF, &usage) == 0)
		printf("%s: %" PRIu64 " records, %" PRIu64 " rejects, "
		       "%.0f MB/s, %.0f records/s, peak %ld KiB\n",
			path, end.envelope.all_records, end.envelope.rejects,
			(double)end.envelope.size / 1e6 / best,
			(double)end.envelope.all_records / best,
			usage.ru_maxrss);
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };

	if (argc < 2) {
		(void)fprintf(stderr, "usage: %s FILE...\n", argv[0]);
		return EXIT_USAGE;
	}
	for (int i = 1; i < argc; i++)
		if (!bench(argv[i], &err)) {
			(void)fprintf(stderr, "%s\n", err.text);
			return err_exit_code(&err);
		}
	return EXIT_FINE;
}
