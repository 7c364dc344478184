/* target.c - where a verb works. */
#include "cli/target.h"

#include <string.h>

bool target_read(const char *text, const char **file, struct err *err)
{
	static const char sqlite[] = "sqlite:";
	const size_t len = sizeof(sqlite) - 1;

	*file = NULL;
	if (strcmp(text, "postgres") == 0)
		return true;
	if (strncmp(text, sqlite, len) == 0 && text[len] != '\0') {
		*file = text + len;
		return true;
	}
	return err_stop(err, EXIT_USAGE, "postgres or sqlite:FILE, not \"%s\"",
		text);
}

bool target_open(struct target *target, const struct target_options *options,
	struct err *err)
{
	const struct config *config = options->config;

	if (!pipeline_set_read(config->pipelines_dir, &target->plan.set, err))
		return false;
	target->plan.models = models_read_as(config->models_dir,
		store_dialect(options->file), &target->plan.set, err);
	if (target->plan.models == NULL)
		return false;
	target->store = store_open(&(struct store_options){
		.config = config,
		.plan = &target->plan,
		.name = options->name,
		.file = options->file,
		.create = options->create,
		.filter = options->filter }, err);
	return target->store != NULL;
}

void target_close(struct target *target)
{
	store_close(target->store);
	models_free(target->plan.models);
	pipeline_set_clear(&target->plan.set);
	*target = (struct target){ 0 };
}
