/* bench_reader.c - how fast files become pieces, and with a pipeline rows, on
 * one core and cached.
 *
 * usage: bench_reader [-n RUNS] [-p PIPELINE_FILE [-m]] FILE...
 *
 * With a pipeline every record is mapped as its first dataset asks, and,
 * without -m, its row written as COPY wants it. The best of RUNS (5) is shown.
 */
#include "common/pipeline.h"
#include "common/rowmap.h"
#include "consumer/copybin.h"
#include "producer/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define RUNS 5
#define USAGE "usage: %s [-n RUNS] [-p PIPELINE_FILE [-m]] FILE...\n"

static const struct reader_limits limits = { .chunk_records = 500,
	.chunk_bytes = 128 << 10,
	.max_record_bytes = 1 << 20 };

/* What maps records, or nothing. */
struct mapper {
	struct pipeline pipeline;
	struct rowmap *map;
	struct cell *cells;
	struct buf rows; /* of one chunk */
	bool only;       /* no rows are written */
	uint64_t rejects;
};

/* Seconds of CPU time: others on the machine do not count. */
static double cpu_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool mapper_open(struct mapper *mapper, const char *file,
	struct err *err)
{
	const struct dataset *dataset;

	if (!pipeline_read(file, &mapper->pipeline, err))
		return false;
	dataset = &mapper->pipeline.datasets[0];
	mapper->map = rowmap_new(dataset, err);
	if (mapper->map == NULL)
		return false;
	mapper->cells = calloc(rowmap_width(mapper->map),
		sizeof(*mapper->cells));
	return mapper->cells != NULL || err_memory(err);
}

static void mapper_close(struct mapper *mapper)
{
	free(mapper->cells);
	buf_clear(&mapper->rows);
	rowmap_free(mapper->map);
	pipeline_clear(&mapper->pipeline);
}

static bool map_record(struct mapper *mapper, const char *text, size_t len,
	struct err *err)
{
	struct row_fault fault;

	switch (rowmap_record(mapper->map, text, len, mapper->cells, &fault,
		err)) {
	case ROW_OK:
		return mapper->only || copybin_row(&mapper->rows, mapper->cells,
			rowmap_width(mapper->map), NULL, 0, err);
	case ROW_REJECT:
		mapper->rejects++;
		return true;
	case ROW_FAILED:
		break;
	}
	return false;
}

/* A chunk's records are lines. */
static bool map_chunk(struct mapper *mapper, const struct bytes *body,
	struct err *err)
{
	const char *line = body->data;
	const char *const end = line + body->len;

	buf_reset(&mapper->rows);
	while (line < end) {
		const char *const feed =
			memchr(line, '\n', (size_t)(end - line));

		if (!map_record(mapper, line, (size_t)(feed - line), err))
			return false;
		line = feed + 1;
	}
	return true;
}

static bool read_once(int fd, struct mapper *mapper, struct piece *end,
	double *seconds, struct err *err)
{
	const double start = cpu_now();
	struct reader *reader = reader_open(fd, &limits, err);
	bool ok = reader != NULL;

	end->kind = PIECE_CHUNK;
	while (ok && end->kind != PIECE_END) {
		ok = reader_next(reader, end, err);
		if (ok && end->kind == PIECE_CHUNK && mapper->map != NULL)
			ok = map_chunk(mapper, &end->body, err);
	}
	*seconds = cpu_now() - start;
	reader_close(reader);
	return ok;
}

/* The best of the runs. */
static bool bench(const char *path, int runs, struct mapper *mapper,
	struct err *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct piece end = { 0 };
	double best = 1e9, seconds;
	struct rusage usage;
	bool ok = fd >= 0 || err_errno(err, ERR_STOP, "open %s", path);

	for (int i = 0; ok && i < runs; i++) {
		mapper->rejects = 0;
		ok = read_once(fd, mapper, &end, &seconds, err);
		best = ok && seconds < best ? seconds : best;
	}
	if (ok && getrusage(RUSAGE_SELF, &usage) == 0)
		printf("%s: %" PRIu64 " records, %" PRIu64 " rejects, "
		       "%.0f MB/s, %.0f records/s, peak %ld KiB\n",
			path, end.envelope.all_records,
			end.envelope.rejects + mapper->rejects,
			(double)end.envelope.size / 1e6 / best,
			(double)end.envelope.all_records / best,
			usage.ru_maxrss);
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

int main(int argc, char **argv)
{
	const char *pipeline = NULL;
	struct mapper mapper = { 0 };
	struct err err = { 0 };
	int option, runs = RUNS;
	bool ok = true;

	while ((option = getopt(argc, argv, "mn:p:")) != -1)
		if (option == 'n')
			runs = (int)strtol(optarg, NULL, 10);
		else if (option == 'p')
			pipeline = optarg;
		else if (option == 'm')
			mapper.only = true;
		else
			break;
	if (option != -1 || optind == argc || runs < 1) {
		(void)fprintf(stderr, USAGE, argv[0]);
		return EXIT_USAGE;
	}
	if (pipeline != NULL)
		ok = mapper_open(&mapper, pipeline, &err);
	for (int i = optind; ok && i < argc; i++)
		ok = bench(argv[i], runs, &mapper, &err);
	mapper_close(&mapper);
	if (!ok)
		(void)fprintf(stderr, "%s\n", err.text);
	return ok ? EXIT_FINE : err_exit_code(&err);
}
