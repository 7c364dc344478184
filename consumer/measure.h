/* measure.h - what the consumer's loads show as metrics. Counted once a load,
 * when it has committed: never what was rolled back. */
#ifndef SLUICE_MEASURE_H
#define SLUICE_MEASURE_H

#include "consumer/plan.h"
#include "consumer/work.h"

/* Counters of the plan's datasets are there, at 0, before anything happens. */
void measure_plan(const struct plan *plan);

struct load;
/* A reject of the load at hand; the bytes need not be text. */
void measure_reject(struct load *load, const struct dataset *dataset,
	const char *code, size_t len);
/* The load has committed. */
void measure_load(const struct load *load);
/* A load has failed; it is tried again. */
void measure_failure(void);

/* The oldest record among these works, which are not committed; how old the
 * claim of its file is. */
int64_t measure_oldest_us(struct work *const *works, size_t count,
	int64_t oldest_us);

#endif
