/* plan.c - what is to be loaded: pipelines and models, read as a whole. */
#include "consumer/plan.h"

#include <stdlib.h>

struct plan *plan_read(const struct config *config, struct err *err)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	if (plan == NULL) {
		err_memory(err);
		return NULL;
	}
	if (!pipeline_set_read(config->pipelines_dir, &plan->set, err))
		goto out;
	if (plan->set.count == 0) {
		err_stop(err, EXIT_CONFIG, "%s holds no pipeline file (*.yaml)",
			config->pipelines_dir);
		goto out;
	}
	plan->models = models_read(config->models_dir, &plan->set, err);
	if (plan->models != NULL)
		return plan;
out:
	plan_free(plan);
	return NULL;
}

void plan_free(struct plan *plan)
{
	if (plan == NULL)
		return;
	models_free(plan->models);
	pipeline_set_clear(&plan->set);
	free(plan);
}
