/* models.c - every model of a pipeline set, in dependency order. */
#include "consumer/model.h"

#include <stdlib.h>
#include <string.h>

static size_t count_listed(const struct pipeline_set *set)
{
	size_t count = 0;

	for (size_t i = 0; i < set->count; i++)
		count += set->pipelines[i].model_count;
	return count;
}

static bool read_all(struct models *models, const char *models_dir,
	enum sql_dialect dialect, const struct pipeline_set *set,
	struct err *err)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct pipeline *pipeline = &set->pipelines[i];

		for (size_t k = 0; k < pipeline->model_count; k++) {
			struct model *model = &models->items[models->count++];

			if (!model_read(models_dir, dialect, pipeline->name,
				    pipeline->models[k], model, err))
				return false;
		}
	}
	return true;
}

struct models *models_read(const char *models_dir,
	const struct pipeline_set *set, struct err *err)
{
	return models_read_as(models_dir, SQL_POSTGRES, set, err);
}

struct models *models_read_as(const char *models_dir, enum sql_dialect dialect,
	const struct pipeline_set *set, struct err *err)
{
	struct models *models = calloc(1, sizeof(*models));

	if (models != NULL)
		models->items = calloc(count_listed(set) + 1,
			sizeof(*models->items));
	if (models == NULL || models->items == NULL) {
		models_free(models);
		err_memory(err);
		return NULL;
	}
	if (!read_all(models, models_dir, dialect, set, err) ||
		!model_order(models, set, err)) {
		models_free(models);
		return NULL;
	}
	return models;
}

void models_free(struct models *models)
{
	if (models == NULL)
		return;
	for (size_t i = 0; i < models->count; i++)
		model_clear(&models->items[i]);
	free(models->items);
	free(models->captures);
	free(models);
}

size_t models_count(const struct models *models)
{
	return models->count;
}

static const char *or_empty(const char *text)
{
	return text != NULL ? text : "";
}

struct model_info models_info(const struct models *models, size_t at)
{
	const struct model *model = &models->items[at];

	return (struct model_info){
		.pipeline = model->pipeline,
		.name = model->name,
		.file = model->file,
		.materialized = model_kind_name(model->kind),
		.grain = or_empty(model->grain_text),
		.depends = or_empty(model->depends_text),
		.description = or_empty(model->description),
		.relation = model->relation.quoted,
	};
}
