/* plan.h - what is to be loaded: pipelines and models, read as a whole. */
#ifndef SLUICE_PLAN_H
#define SLUICE_PLAN_H

#include "common/config.h"
#include "consumer/models.h"

struct plan {
	struct pipeline_set set;
	struct models *models;
};

struct plan *plan_read(const struct config *config, struct err *err);
void plan_free(struct plan *plan);

#endif
