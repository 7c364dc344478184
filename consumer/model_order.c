/* model_order.c - who reads whom: dependency order, cycles, captures. */
#include "consumer/model.h"
#include "consumer/tables.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- sources ----------------------------------------------------------- */

static bool same_relation(const struct relation *a, const struct relation *b)
{
	return strcmp(a->schema, b->schema) == 0 &&
		strcmp(a->table, b->table) == 0;
}

static bool is_delta_of(const struct relation *relation,
	const struct dataset *dataset)
{
	const size_t len = strlen(dataset->table);

	return strncmp(relation->table, dataset->table, len) == 0 &&
		strcmp(relation->table + len, "_delta") == 0;
}

static bool match_dataset(struct model_source *source, const struct dataset *dataset)
{
	const struct relation *relation = &source->relation;

	if (strcmp(relation->schema, dataset->schema) != 0)
		return false;
	source->delta = is_delta_of(relation, dataset);
	if (!source->delta && strcmp(relation->table, dataset->table) != 0)
		return false;
	source->dataset = dataset;
	return true;
}

static bool find_dataset(struct model_source *source, const struct pipeline_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		for (size_t k = 0; k < set->pipelines[i].dataset_count; k++)
			if (match_dataset(source,
				    &set->pipelines[i].datasets[k]))
				return true;
	return false;
}

static bool find_model(struct model_source *source, const struct models *models)
{
	for (size_t i = 0; i < models->count; i++)
		if (same_relation(&source->relation,
			    &models->items[i].relation)) {
			source->model = i;
			return true;
		}
	return false;
}

static bool find_sources(struct models *models, struct model *model,
	const struct pipeline_set *set, struct err *err)
{
	for (size_t i = 0; i < model->source_count; i++) {
		struct model_source *source = &model->sources[i];

		if (!find_model(source, models) && !find_dataset(source, set))
			return err_stop(err, EXIT_CONFIG,
				"%s:1: depends on %s.%s, which is neither a "
				"dataset's table nor a listed model",
				model->file, source->relation.schema,
				source->relation.table);
	}
	return true;
}

static bool check_names(const struct models *models, struct err *err)
{
	for (size_t i = 0; i < models->count; i++)
		for (size_t k = 0; k < i; k++)
			if (same_relation(&models->items[i].relation,
				    &models->items[k].relation))
				return err_stop(err, EXIT_CONFIG,
					"%s:1: %s makes the same table",
					models->items[i].file,
					models->items[k].file);
	return true;
}

/* Differences reach an incremental model only from tables that know theirs. */
static bool check_source(const struct models *models, const struct model *model,
	struct err *err)
{
	const struct model *read;

	if (model->kind != MODEL_INCREMENTAL ||
		model->sources[0].model == SIZE_MAX)
		return true;
	read = &models->items[model->sources[0].model];
	return read->kind == MODEL_INCREMENTAL ||
		err_stop(err, EXIT_CONFIG,
			"%s:1: an incremental model reads a master, a delta or "
			"an incremental model; %s is a %s", model->file,
			read->key, model_kind_name(read->kind));
}

/* -- order ------------------------------------------------------------- */

struct visit {
	const struct models *models;
	enum { UNSEEN, OPEN, DONE } *state;
	size_t *path; /* the models that are open, outermost first */
	size_t depth;
	size_t *order;
	size_t done;
};

static bool fail_cycle(const struct visit *visit, size_t back, struct err *err)
{
	struct buf path = { 0 };
	size_t from = 0;
	bool ok = true;

	while (visit->path[from] != back)
		from++;
	for (size_t i = from; ok && i < visit->depth; i++)
		ok = buf_printf(&path, err, "%s -> ",
			visit->models->items[visit->path[i]].key);
	if (ok)
		err_stop(err, EXIT_CONFIG,
			"%s:1: models read each other: %s%s",
			visit->models->items[back].file, path.data,
			visit->models->items[back].key);
	buf_clear(&path);
	return false;
}

/* Depth first; the recursion is no deeper than there are models. */
static bool visit_model(struct visit *visit, size_t at, struct err *err)
{
	const struct model *model = &visit->models->items[at];

	if (visit->state[at] == DONE)
		return true;
	if (visit->state[at] == OPEN)
		return fail_cycle(visit, at, err);
	visit->state[at] = OPEN;
	visit->path[visit->depth++] = at;
	for (size_t i = 0; i < model->source_count; i++)
		if (model->sources[i].model != SIZE_MAX &&
			!visit_model(visit, model->sources[i].model, err))
			return false;
	visit->depth--;
	visit->state[at] = DONE;
	visit->order[visit->done++] = at;
	return true;
}

/* Moves the models to their places and mends the indexes between them. */
static bool rearrange(struct models *models, const size_t *order,
	struct err *err)
{
	struct model *items = calloc(models->count, sizeof(*items));
	size_t *place = calloc(models->count, sizeof(*place));
	const bool ok = items != NULL && place != NULL;

	for (size_t i = 0; ok && i < models->count; i++) {
		items[i] = models->items[order[i]];
		place[order[i]] = i;
	}
	for (size_t i = 0; ok && i < models->count; i++)
		for (size_t k = 0; k < items[i].source_count; k++)
			if (items[i].sources[k].model != SIZE_MAX)
				items[i].sources[k].model =
					place[items[i].sources[k].model];
	free(place);
	if (!ok) {
		free(items);
		return err_memory(err);
	}
	free(models->items);
	models->items = items;
	return true;
}

static bool sort_models(struct models *models, struct err *err)
{
	const size_t count = models->count;
	struct visit visit = {
		.models = models,
		.state = calloc(count, sizeof(*visit.state)),
		.path = calloc(count, sizeof(*visit.path)),
		.order = calloc(count, sizeof(*visit.order)),
	};
	bool ok = (visit.state != NULL && visit.path != NULL &&
			  visit.order != NULL) || err_memory(err);

	for (size_t i = 0; ok && i < count; i++)
		ok = visit_model(&visit, i, err);
	ok = ok && rearrange(models, visit.order, err);
	free(visit.state);
	free(visit.path);
	free(visit.order);
	return ok;
}

/* -- captures ---------------------------------------------------------- */

const struct capture *model_capture(const struct models *models,
	const struct model_source *source)
{
	if (source->delta)
		return NULL;
	for (size_t i = 0; i < models->capture_count; i++)
		if (same_relation(models->captures[i].relation,
			    &source->relation))
			return &models->captures[i];
	return NULL;
}

static void add_capture(struct models *models, const struct model_source *source)
{
	struct capture *capture = &models->captures[models->capture_count];

	if (source->delta || model_capture(models, source) != NULL)
		return;
	capture->relation = &source->relation;
	capture->dataset = source->dataset;
	capture->model = source->model;
	models->capture_count++;
}

/* Tables are rebuilt, but a load must notice that they have to be: through
 * views, down to what changes by itself. */
static void capture_sources(struct models *models, const struct model *model)
{
	for (size_t i = 0; i < model->source_count; i++) {
		const struct model_source *source = &model->sources[i];
		const struct model *read = source->model != SIZE_MAX ?
			&models->items[source->model] : NULL;

		if (read == NULL || read->kind == MODEL_INCREMENTAL)
			add_capture(models, source);
		else
			capture_sources(models, read);
	}
}

/* Temporary tables are named by a digest of what goes into them: a session
 * that was opened for older models is then one without (and whatever it
 * changes makes the newer ones stale), not one with tables that do not fit. */
static bool name_capture(const struct models *models, struct capture *capture,
	struct err *err)
{
	struct buf text = { 0 };
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_TEXT];
	bool ok;

	ok = buf_printf(&text, err, "%s\n%s\n", capture->relation->quoted,
		     capture->model != SIZE_MAX ?
			     models->items[capture->model].sha256 : "") &&
		model_caught_sql(models, capture, &text, err) &&
		sha256_once(text.data, text.len, digest, err);
	buf_clear(&text);
	if (!ok)
		return false;
	sha256_format(digest, hex);
	(void)snprintf(capture->fresh, sizeof(capture->fresh),
		"sluice_new_%.16s", hex);
	(void)snprintf(capture->gone, sizeof(capture->gone),
		"sluice_old_%.16s", hex);
	return true;
}

static bool find_captures(struct models *models, struct err *err)
{
	size_t room = 0;

	for (size_t i = 0; i < models->count; i++)
		room += models->items[i].source_count;
	models->captures = calloc(room + 1, sizeof(*models->captures));
	if (models->captures == NULL)
		return err_memory(err);
	for (size_t i = 0; i < models->count; i++)
		if (models->items[i].kind != MODEL_VIEW)
			capture_sources(models, &models->items[i]);
	for (size_t i = 0; i < models->capture_count; i++)
		if (!name_capture(models, &models->captures[i], err))
			return false;
	return true;
}

void model_spread(const struct models *models, bool *changed)
{
	for (size_t i = 0; i < models->count; i++)
		for (size_t k = 0; k < models->items[i].source_count; k++) {
			const size_t read = models->items[i].sources[k].model;

			if (read != SIZE_MAX && changed[read])
				changed[i] = true;
		}
}

bool model_order(struct models *models, const struct pipeline_set *set,
	struct err *err)
{
	if (!check_names(models, err))
		return false;
	for (size_t i = 0; i < models->count; i++)
		if (!find_sources(models, &models->items[i], set, err) ||
			!check_source(models, &models->items[i], err))
			return false;
	if (models->count > 0 && !sort_models(models, err))
		return false;
	return find_captures(models, err);
}
