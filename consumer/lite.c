/* lite.c - one SQLite file as a store. */
#include "consumer/lite.h"
#include "consumer/store_private.h"

#include <stdlib.h>
#include <string.h>

#define BUSY_MS 60000       /* a load of another program takes a while */

static void disconnect(struct lite *lite)
{
	lite_forget_tables(lite);
	sqlite_close_file(lite->db);
	lite->db = NULL;
}

/* All of it or nothing; what is there is looked at under the writer's lock. */
static bool make(struct lite *lite, const struct pipeline *pipeline,
	struct err *err)
{
	const bool ok = lite_begin(lite, err) &&
		lite_ensure_tables(lite, pipeline, err) &&
		(pipeline == NULL ||
			lite_ensure_models(lite, pipeline, err)) &&
		lite_commit(lite, err);

	if (!ok)
		lite_rollback(lite);
	return ok;
}

static bool check(struct lite *lite, struct err *err)
{
	int64_t version;

	if (!lite_number(lite, "pragma user_version", &version, err))
		return false;
	return version == LITE_VERSION || err_stop(err, EXIT_CONFIG,
		"%s has version %lld of the books, this program needs %d",
		sqlite_file(lite->db), (long long)version, LITE_VERSION);
}

static bool ensure(struct store *store, const struct pipeline *pipeline,
	struct err *err)
{
	struct lite *lite = (struct lite *)store;
	const struct sqlite_options options = {
		.create = store->options.create,
		.busy_ms = BUSY_MS,
		.cache_kib = SQLITE_STORE_CACHE_KIB,
		.application = STORE_LITE_APPLICATION,
	};

	if (!lite_check_names(store->options.plan, err))
		return false;
	if (lite->db == NULL)
		lite->db = sqlite_open_store(store->options.file, &options,
			err);
	if (lite->db != NULL && (store->options.create ?
			make(lite, pipeline, err) : check(lite, err)) &&
		lite_catch(lite, err))
		return true;
	disconnect(lite);
	return false;
}

static bool alive(const struct store *store)
{
	return ((const struct lite *)store)->db != NULL;
}

static void close_store(struct store *store)
{
	struct lite *lite = (struct lite *)store;

	disconnect(lite);
	session_set_plan(&lite->session, NULL);
	jsonb_clear(&lite->jsonb);
	buf_clear(&lite->scratch[0]);
	buf_clear(&lite->scratch[1]);
	free(lite);
}

static const struct store_kind kind = {
	.name = "sqlite",
	.ensure = ensure,
	.alive = alive,
	.load = lite_load,
	.build = lite_build,
	.verify = lite_verify,
	.test = lite_test,
	.report = lite_report,
	.models = lite_models,
	.has = lite_has,
	.tables = lite_tables,
	.close = close_store,
};

struct store *lite_open(const struct store_options *options, struct err *err)
{
	struct lite *lite = calloc(1, sizeof(*lite));

	if (lite == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	lite->store = (struct store){ &kind, *options };
	lite->session = (struct session){
		.config = options->config,
		.plan = options->plan,
		.name = options->name,
		.filter = options->filter,
	};
	return &lite->store;
}
