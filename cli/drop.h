/* drop.h - dropping a file, for the shell and for the console. */
#ifndef SLUICE_DROP_H
#define SLUICE_DROP_H

#include "common/config.h"
#include "common/pipeline.h"

struct dropped {
	const struct dataset *dataset;
	struct buf path; /* where it is */
	int64_t bytes;
};

/* The dataset of that name ("events" or "pipeline.dataset"); NULL: the one
 * called events, else the only one. */
bool drop_choose(const struct pipeline_set *set, const char *name,
	const struct dataset **dataset, struct err *err) MUST_CHECK;

/* Copies file (NULL: the sample, under a random name) into dropped->dataset's
 * folder. */
bool drop_file(const struct config *config, const char *file,
	struct dropped *dropped, struct err *err) MUST_CHECK;
/* Moves custom_sample.json of the working folder, else of sluice.yaml's, into
 * dropped->dataset's folder, under a random name. ERR_REJECT: there is none,
 * and where it is to be put. */
bool drop_custom(const struct config *config, struct dropped *dropped,
	struct err *err) MUST_CHECK;
void dropped_clear(struct dropped *dropped);

#endif
