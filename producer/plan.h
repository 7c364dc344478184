/* plan.h - what the producer is to do: settings and pipelines as read. */
#ifndef SLUICE_PLAN_H
#define SLUICE_PLAN_H

#include "common/config.h"
#include "common/pipeline.h"
#include "producer/claim.h"
#include "producer/watch.h"

/* Read-only once loaded; shared by the threads, freed by the last. */
struct plan {
	struct config config;
	struct pipeline_set set;
	/* the datasets that have a folder, in one order */
	struct claim_rules *rules;
	struct watch_folder *folders;
	size_t count;
	int users;
	bool borrowed; /* config is somebody else's */
};

/* Reads and checks everything; NULL with what is wrong. Held once. */
struct plan *plan_load(const char *config_file,
	const struct config_flag *flags, struct err *err);
/* The same from settings that were read; they must outlive it. */
struct plan *plan_of(const struct config *config, struct err *err);
struct plan *plan_hold(struct plan *plan);
void plan_release(struct plan *plan); /* NULL is fine */

/* False with the name of a setting that differs and cannot change while the
 * producer runs. */
bool plan_can_follow(const struct plan *now, const struct plan *next,
	struct err *err) MUST_CHECK;

#endif
