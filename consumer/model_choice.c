/* model_choice.c - which models are to be built, and in what order, whatever
 * the database. */
#include "common/clock.h"
#include "consumer/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool model_is_named(const struct model *model, const char *name)
{
	return name == NULL || strcmp(model->name, name) == 0 ||
		strcmp(model->key, name) == 0;
}

bool models_check_name(const struct models *models, const char *name,
	struct err *err)
{
	for (size_t i = 0; i < models->count; i++)
		if (model_is_named(&models->items[i], name))
			return true;
	return name == NULL ||
		err_stop(err, EXIT_USAGE,
			"no model %s; `sluice models list` shows them", name);
}

/* -- which ------------------------------------------------------------- */

/* Adds what reads the chosen ones, and the stale ones they read: right can
 * only be what was made of what is right. */
static void complete(const struct models *models, const bool *fresh,
	bool *chosen)
{
	model_spread(models, chosen);
	for (size_t i = models->count; i-- > 0;)
		for (size_t k = 0; chosen[i] &&
			k < models->items[i].source_count; k++) {
			const size_t read = models->items[i].sources[k].model;

			if (read != SIZE_MAX && !fresh[read])
				chosen[read] = true;
		}
	model_spread(models, chosen);
}

/* -- all that are chosen ----------------------------------------------- */

struct building {
	const struct models *models;
	const struct build_ops *ops;
	void *database;
	bool *chosen;
	bool *amiss; /* of the chosen: failed or skipped */
	int64_t amiss_count;
	void (*say)(void *context, const struct build_report *report);
	void *context;
};

static void report(const struct building *building, size_t at,
	const struct build_report *what)
{
	struct build_report report = *what;

	report.model = models_info(building->models, at);
	if (building->say != NULL)
		building->say(building->context, &report);
}

/* The first model it reads that could not be built; SIZE_MAX: none. */
static size_t waits_for(const struct building *building, size_t at)
{
	const struct model *model = &building->models->items[at];

	for (size_t i = 0; i < model->source_count; i++)
		if (model->sources[i].model != SIZE_MAX &&
			building->amiss[model->sources[i].model])
			return model->sources[i].model;
	return SIZE_MAX;
}

static bool skip(struct building *building, size_t at, size_t other)
{
	building->amiss[at] = true;
	building->amiss_count++;
	report(building, at, &(struct build_report){
		.outcome = BUILD_SKIPPED,
		.why = building->models->items[other].key,
	});
	return true;
}

/* It keeps its last rows, and is stale for them. */
static bool fail(struct building *building, size_t at, int64_t ms,
	const struct err *why, struct err *err)
{
	const struct model *model = &building->models->items[at];

	building->amiss[at] = true;
	building->amiss_count++;
	report(building, at, &(struct build_report){
		.outcome = BUILD_FAILED, .ms = ms, .why = why->text });
	return building->ops->stale(building->database, model, why->text, ms,
		err);
}

static bool build_one(struct building *building, size_t at, struct err *err)
{
	const struct model *model = &building->models->items[at];
	const int64_t started = clock_now_ms();
	const size_t other = waits_for(building, at);
	int64_t rows = 0;
	struct err why = { 0 };

	if (other != SIZE_MAX)
		return skip(building, at, other);
	if (building->ops->build(building->database, building->models, at,
		    &rows, &why)) {
		report(building, at, &(struct build_report){
			.outcome = BUILD_DONE, .rows = rows,
			.ms = clock_now_ms() - started });
		return true;
	}
	if (building->ops->is_fault(building->database, &why))
		return fail(building, at, clock_now_ms() - started, &why, err);
	*err = why;
	return err_wrap(err, "build model %s", model->key);
}

/* Those that are chosen, with what must come along. */
static bool build_chosen(struct building *building, struct err *err)
{
	const size_t count = building->models->count;
	bool *fresh = calloc(count + 1, sizeof(*fresh));
	bool ok;

	building->amiss = calloc(count + 1, sizeof(*building->amiss));
	ok = ((fresh != NULL && building->amiss != NULL) || err_memory(err)) &&
		building->ops->flags(building->database, building->models,
			"fresh", fresh, err);
	if (ok)
		complete(building->models, fresh, building->chosen);
	for (size_t i = 0; ok && i < count; i++)
		if (building->chosen[i])
			ok = build_one(building, i, err);
	free(fresh);
	free(building->amiss);
	return ok;
}

/* Sources stand before what reads them, so backwards reaches all. */
static void choose_below(const struct models *models, bool *chosen)
{
	for (size_t i = models->count; i-- > 0;)
		for (size_t k = 0; chosen[i] &&
			k < models->items[i].source_count; k++)
			if (models->items[i].sources[k].model != SIZE_MAX)
				chosen[models->items[i].sources[k].model] =
					true;
}

static bool choose_named(const struct models *models, const char *word,
	bool *chosen, struct err *err)
{
	const bool below = word[0] == '+';
	bool *own = calloc(models->count + 1, sizeof(*own));
	char name[160];
	bool ok;

	(void)snprintf(name, sizeof(name), "%s", word + below);
	if (name[0] != '\0' && name[strlen(name) - 1] == '+')
		name[strlen(name) - 1] = '\0';
	ok = (own != NULL || err_memory(err)) &&
		models_check_name(models, name, err);
	for (size_t i = 0; ok && i < models->count; i++)
		own[i] = model_is_named(&models->items[i], name);
	if (ok && below)
		choose_below(models, own);
	for (size_t i = 0; ok && i < models->count; i++)
		chosen[i] |= own[i];
	free(own);
	return ok;
}

/* Of no names. */
static const char *which(const struct build_choice *choice)
{
	return choice->full ? "known" : choice->unbuilt ? "unbuilt" : "stale";
}

static bool choose(struct building *building,
	const struct build_choice *choice, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < choice->count; i++)
		ok = choose_named(building->models, choice->names[i],
			building->chosen, err);
	if (choice->count > 0)
		return ok;
	return building->ops->flags(building->database, building->models,
		which(choice), building->chosen, err);
}

bool model_build_chosen(const struct models *models,
	const struct build_ops *ops, void *database,
	const struct build_choice *choice,
	void (*say)(void *context, const struct build_report *report),
	void *context, int64_t *amiss, struct err *err)
{
	struct building building = { .models = models, .ops = ops,
		.database = database, .say = say, .context = context,
		.chosen = calloc(models->count + 1, sizeof(bool)) };
	bool ok;

	ok = (building.chosen != NULL || err_memory(err)) &&
		choose(&building, choice, err) && build_chosen(&building, err);
	if (amiss != NULL)
		*amiss = building.amiss_count;
	free(building.chosen);
	return ok;
}
