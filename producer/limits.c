/* limits.c - how a dataset's files are cut. */
#include "producer/limits.h"

#include <stdio.h>

static uint64_t either(int64_t own, int64_t setting)
{
	return (uint64_t)(own > 0 ? own : setting);
}

struct reader_limits limits_of(const struct config *config,
	const struct dataset *dataset)
{
	struct reader_limits limits = {
		.chunk_records = either(dataset->chunk_records,
			config->chunk_records),
		.chunk_bytes = either(dataset->chunk_bytes,
			config->chunk_bytes),
		.max_record_bytes = (uint64_t)config->max_record_bytes,
	};

	if (dataset->records != NULL) /* a pipeline file's pointer fits */
		(void)snprintf(limits.records, sizeof(limits.records), "%s",
			dataset->records);
	return limits;
}
