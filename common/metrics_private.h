/* metrics_private.h - what the files of the metrics share. */
#ifndef SLUICE_METRICS_PRIVATE_H
#define SLUICE_METRICS_PRIVATE_H

#include "common/metrics.h"

#include <pthread.h>

/* Upper ends in microseconds: from a short statement to a long night. */
#define METRIC_BUCKETS 17
extern const int64_t metric_buckets[METRIC_BUCKETS];

struct metric_series {
	struct metric_series *next;
	uint64_t hash;
	char labels[METRIC_LABELS][METRIC_LABEL_BYTES];
	int64_t count; /* of a counter, or of what a histogram has seen */
	int64_t sum_us;
	double value;  /* of a gauge */
	int64_t buckets[METRIC_BUCKETS]; /* not cumulated */
};

/* In the order in which they were first named. */
struct metric_list {
	struct metric_series *first, *last;
	size_t count;
};

struct metrics {
	pthread_mutex_t lock; /* guards the lists and all that is in them */
	unsigned whose;
	struct metric_list lists[METRIC_COUNT];
};
extern struct metrics metrics;

/* metrics_process.c: what the kernel knows of this process. */
bool metrics_process(struct buf *out, struct err *err) MUST_CHECK;
/* A line of it for docs/METRICS.md each. */
bool metrics_process_document(struct buf *out, struct err *err) MUST_CHECK;

#endif
