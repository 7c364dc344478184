/* drop.c - dropping a file, for the shell and for the console. */
#include "cli/drop.h"
#include "cli/folders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_DATASET "events"
#define CUSTOM "custom_sample.json"

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

/* -- the custom file -------------------------------------------------------- */

/* Where custom_sample.json is expected: in the project's folder, that is the
 * one the console was started in, else beside sluice.yaml. */
static bool custom_path(const struct config *config, struct buf *path,
	struct err *err)
{
	const char *file = config->config_file;
	const char *slash = file != NULL ? strrchr(file, '/') : NULL;
	struct buf beside = { 0 };
	char *here = getcwd(NULL, 0);
	bool ok = buf_printf(path, err, "%s/" CUSTOM,
		here != NULL ? here : ".");

	if (ok && slash != NULL && access(path->data, F_OK) != 0) {
		ok = buf_printf(&beside, err, "%.*s/" CUSTOM,
			(int)(slash - file), file);
		if (ok && access(beside.data, F_OK) == 0) {
			buf_reset(path);
			ok = buf_add_str(path, beside.data, err);
		}
	}
	buf_clear(&beside);
	free(here);
	return ok;
}

/* Moved, not copied: once it lies whole in the folder, the original goes. */
static bool move_in(const struct config *config, const char *path,
	struct dropped *dropped, struct err *err)
{
	struct buf name = { 0 };
	bool ok = folders_random_name(path, &name, err) &&
		folders_drop(config, dropped->dataset, path, name.data,
			&dropped->path, &dropped->bytes, err);

	if (ok && unlink(path) != 0)
		ok = err_errno(err, ERR_RETRY, "it was dropped, but %s stays",
			path);
	buf_clear(&name);
	return ok;
}

bool drop_custom(const struct config *config, struct dropped *dropped,
	struct err *err)
{
	struct buf path = { 0 };
	bool ok = custom_path(config, &path, err);

	if (ok && access(path.data, F_OK) != 0)
		ok = err_set(err, ERR_REJECT, "no custom file yet: put yours "
			"at %s", path.data);
	ok = ok && move_in(config, path.data, dropped, err);
	buf_clear(&path);
	return ok;
}
