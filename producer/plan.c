/* plan.c - what the producer is to do: settings and pipelines as read. */
#include "producer/plan.h"

#include "producer/limits.h"

#include <stdlib.h>
#include <string.h>

/* What a running producer cannot change. */
static const char *const fixed[] = {
	"raw_dir", "processed_dir", "failed_dir", "state_file",
	"broker_host", "broker_port", "broker_vhost", "broker_tls",
	"broker_cacert", "heartbeat_secs", "producer_user",
	"producer_password", "producer_password_file", "confirm_window",
};

static struct claim_rules rules_of(const struct config *config,
	const struct dataset *dataset)
{
	return (struct claim_rules){
		.pipeline = dataset->pipeline->name,
		.dataset = dataset->name,
		.directory = dataset->directory,
		.limits = limits_of(config, dataset),
		.max_file_bytes = (uint64_t)config->max_file_bytes,
		.skip_duplicates = dataset->duplicates == DUPLICATES_SKIP,
	};
}

static void add_datasets(struct plan *plan, const struct pipeline *pipeline)
{
	for (size_t i = 0; i < pipeline->dataset_count; i++) {
		const struct dataset *dataset = &pipeline->datasets[i];

		if (dataset->directory == NULL)
			continue;
		plan->rules[plan->count] = rules_of(&plan->config, dataset);
		plan->folders[plan->count++] = (struct watch_folder){
			.directory = dataset->directory,
			.patterns = dataset->patterns,
			.pattern_count = dataset->pattern_count,
		};
	}
}

static bool list_datasets(struct plan *plan, struct err *err)
{
	size_t most = 1;

	for (size_t i = 0; i < plan->set.count; i++)
		most += plan->set.pipelines[i].dataset_count;
	plan->rules = calloc(most, sizeof(*plan->rules));
	plan->folders = calloc(most, sizeof(*plan->folders));
	if (plan->rules == NULL || plan->folders == NULL)
		return err_memory(err);
	for (size_t i = 0; i < plan->set.count; i++)
		add_datasets(plan, &plan->set.pipelines[i]);
	return true;
}

static struct plan *plan_new(struct err *err)
{
	struct plan *plan = calloc(1, sizeof(*plan));

	if (plan == NULL)
		(void)err_memory(err);
	else
		plan->users = 1;
	return plan;
}

static struct plan *read_pipelines(struct plan *plan, struct err *err)
{
	if (pipeline_set_read(plan->config.pipelines_dir, &plan->set, err)) {
		if (list_datasets(plan, err))
			return plan;
	} else
		plan->set = (struct pipeline_set){ 0 };
	plan_release(plan);
	return NULL;
}

struct plan *plan_load(const char *config_file,
	const struct config_flag *flags, struct err *err)
{
	struct plan *plan = plan_new(err);

	if (plan == NULL)
		return NULL;
	if (!config_load(&plan->config, config_file, flags, err)) {
		free(plan);
		return NULL;
	}
	if (config_need_broker(&plan->config, err))
		return read_pipelines(plan, err);
	plan_release(plan);
	return NULL;
}

struct plan *plan_of(const struct config *config, struct err *err)
{
	struct plan *plan = plan_new(err);

	if (plan == NULL)
		return NULL;
	plan->config = *config;
	plan->borrowed = true;
	return read_pipelines(plan, err);
}

struct plan *plan_hold(struct plan *plan)
{
	(void)__atomic_add_fetch(&plan->users, 1, __ATOMIC_RELAXED);
	return plan;
}

void plan_release(struct plan *plan)
{
	if (plan == NULL ||
		__atomic_sub_fetch(&plan->users, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	free(plan->rules);
	free(plan->folders);
	pipeline_set_clear(&plan->set);
	if (!plan->borrowed)
		config_clear(&plan->config);
	free(plan);
}

static bool is_fixed(const char *name)
{
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		if (strcmp(fixed[i], name) == 0)
			return true;
	return false;
}

/* A secret shows as stars; its file's name tells enough. */
static bool same_value(const struct plan *a, const struct plan *b,
	size_t setting, bool *same, struct err *err)
{
	struct buf one = { 0 }, two = { 0 };
	const char *source;
	const bool ok = config_value(&a->config, setting, &one, &source,
		err) && config_value(&b->config, setting, &two, &source, err);

	*same = ok && one.len == two.len &&
		(one.len == 0 || memcmp(one.data, two.data, one.len) == 0);
	buf_clear(&one);
	buf_clear(&two);
	return ok;
}

bool plan_can_follow(const struct plan *now, const struct plan *next,
	struct err *err)
{
	size_t count;
	const struct setting *settings = config_settings(&count);
	bool same = true;

	for (size_t i = 0; i < count; i++) {
		if (!is_fixed(settings[i].name))
			continue;
		if (!same_value(now, next, i, &same, err))
			return false;
		if (!same)
			return err_stop(err, EXIT_CONFIG, "%s has changed: "
				"restart the producer", settings[i].name);
	}
	return true;
}
