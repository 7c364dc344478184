/* drop.c - dropping a file, for the shell and for the console. */
#include "cli/drop.h"
#include "cli/folders.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_DATASET "events"

/* name is "dataset" or "pipeline.dataset"; NULL fits all. */
static bool fits(const struct dataset *dataset, const char *name)
{
	const char *pipeline = dataset->pipeline->name;
	const size_t len = strlen(pipeline);

	if (dataset->directory == NULL)
		return false; /* derived: made of another dataset's records */
	return name == NULL || strcmp(dataset->name, name) == 0 ||
		(strncmp(name, pipeline, len) == 0 && name[len] == '.' &&
			strcmp(name + len + 1, dataset->name) == 0);
}

static size_t find(const struct pipeline_set *set, const char *name,
	const struct dataset **dataset)
{
	size_t found = 0;

	for (size_t p = 0; p < set->count; p++) {
		const struct pipeline *pipeline = &set->pipelines[p];

		for (size_t d = 0; d < pipeline->dataset_count; d++)
			if (fits(&pipeline->datasets[d], name) && found++ == 0)
				*dataset = &pipeline->datasets[d];
	}
	return found;
}

/* " events.orgs gharchive.gharchive", cut where it does not fit. */
static void list(const struct pipeline_set *set, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t p = 0; p < set->count; p++) {
		const struct pipeline *pipeline = &set->pipelines[p];

		for (size_t d = 0; d < pipeline->dataset_count; d++) {
			if (used < size && fits(&pipeline->datasets[d], NULL))
				used += (size_t)snprintf(out + used,
					size - used, " %s.%s", pipeline->name,
					pipeline->datasets[d].name);
		}
	}
}

bool drop_choose(const struct pipeline_set *set, const char *name,
	const struct dataset **dataset, struct err *err)
{
	char all[512];
	size_t found = 0;

	if (name == NULL)
		found = find(set, DEFAULT_DATASET, dataset);
	if (found == 0)
		found = find(set, name, dataset);
	if (found == 1)
		return true;
	list(set, all, sizeof(all));
	if (name == NULL)
		return err_stop(err, EXIT_USAGE,
			"which dataset? --dataset with one of:%s", all);
	return err_stop(err, EXIT_USAGE, "%s dataset %s; there are:%s",
		found == 0 ? "no" : "more than one", name, all);
}

bool drop_file(const struct config *config, const char *file,
	struct dropped *dropped, struct err *err)
{
	const char *from = file != NULL ? file : config->sample_file;
	const char *slash = strrchr(from, '/');
	struct buf name = { 0 };
	bool ok;

	if (file == NULL)
		ok = folders_random_name(from, &name, err);
	else
		ok = buf_add_str(&name, slash != NULL ? slash + 1 : from, err);
	if (ok && !folders_takes(dropped->dataset, name.data))
		ok = err_set(err, ERR_REJECT,
			"dataset %s.%s does not take files named %s: see its "
			"pattern in %s", dropped->dataset->pipeline->name,
			dropped->dataset->name, name.data,
			dropped->dataset->pipeline->file);
	ok = ok && folders_drop(config, dropped->dataset, from, name.data,
		&dropped->path, &dropped->bytes, err);
	buf_clear(&name);
	return ok;
}

void dropped_clear(struct dropped *dropped)
{
	buf_clear(&dropped->path);
	*dropped = (struct dropped){ 0 };
}
