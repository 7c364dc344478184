/* limits.h - how a dataset's files are cut. Pure. */
#ifndef SLUICE_LIMITS_H
#define SLUICE_LIMITS_H

#include "common/config.h"
#include "common/pipeline.h"
#include "producer/reader.h"

/* What the dataset says, else the settings. */
struct reader_limits limits_of(const struct config *config,
	const struct dataset *dataset);

#endif
