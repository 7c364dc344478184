/* store.c - where loads go. */
#include "consumer/store.h"
#include "consumer/store_private.h"

enum sql_dialect store_dialect(const char *file)
{
	return file != NULL ? SQL_SQLITE : SQL_POSTGRES;
}

struct store *store_open(const struct store_options *options, struct err *err)
{
	return options->file != NULL ? lite_open(options, err) :
				       postgres_open(options, err);
}

void store_close(struct store *store)
{
	if (store != NULL)
		store->kind->close(store);
}

static bool lacks(const struct store *store, const char *what, struct err *err)
{
	return err_stop(err, EXIT_USAGE, "%s is not asked of %s this way",
		what, store->kind->name);
}

bool store_ensure(struct store *store, const struct pipeline *pipeline,
	struct err *err)
{
	return store->kind->ensure(store, pipeline, err);
}

bool store_alive(const struct store *store)
{
	return store->kind->alive(store);
}

bool store_works(struct store *store, struct work **works, size_t count,
	bool careful, struct load_totals *totals, struct err *err)
{
	return store->kind->load(store, works, count, careful, totals, err);
}

bool store_build(struct store *store, const struct build_choice *choice,
	void (*say)(void *context, const struct build_report *report),
	void *context, int64_t *amiss, struct err *err)
{
	return store->kind->build(store, choice, say, context, amiss, err);
}

bool store_verify(struct store *store, const char *name, int64_t *different,
	void (*say)(void *context, const struct model_info *model,
		int64_t rows, int64_t different),
	void *context, struct err *err)
{
	return store->kind->verify(store, name, different, say, context, err);
}

bool store_report(struct store *store, const struct pipeline *pipeline,
	const struct pipeline_report *report, struct report_result *result,
	struct err *err)
{
	if (store->kind->report == NULL)
		return lacks(store, "a report", err);
	return store->kind->report(store, pipeline, report, result, err);
}

bool store_test(struct store *store, const struct pipeline *pipeline,
	const struct pipeline_test *test, struct datatest_result *result,
	struct err *err)
{
	if (store->kind->test == NULL)
		return lacks(store, "a data test", err);
	return store->kind->test(store, pipeline, test, result, err);
}

bool store_models(struct store *store, store_say_model *say, void *context,
	struct err *err)
{
	if (store->kind->models == NULL)
		return lacks(store, "the list of models", err);
	return store->kind->models(store, say, context, err);
}

bool store_tables(struct store *store, const struct pipeline *pipeline,
	store_say_table *say, void *context, struct err *err)
{
	return store->kind->tables == NULL ||
		store->kind->tables(store, pipeline, say, context, err);
}

bool store_has(struct store *store, const struct pipeline *pipeline,
	bool *has, struct err *err)
{
	*has = true;
	return store->kind->has == NULL ||
		store->kind->has(store, pipeline, has, err);
}
