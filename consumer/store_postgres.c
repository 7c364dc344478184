/* store_postgres.c - PostgreSQL as a store: a session, and what works on it. */
#include "consumer/load.h"
#include "consumer/store_private.h"

#include <stdlib.h>

struct postgres {
	struct store store;
	struct session session;
};

static struct session *session_of(struct store *store)
{
	return &((struct postgres *)store)->session;
}

/* Its tables are `sluice apply`'s to make. */
static bool ensure(struct store *store, const struct pipeline *pipeline,
	struct err *err)
{
	(void)pipeline;
	session_of(store)->stop_fd = store->options.stop_fd;
	return session_ensure(session_of(store), err);
}

static bool alive(const struct store *store)
{
	const struct db *db = ((const struct postgres *)store)->session.db;

	return db != NULL && db_alive(db);
}

static bool load(struct store *store, struct work **works, size_t count,
	bool careful, struct load_totals *totals, struct err *err)
{
	return load_run(session_of(store), works, count, careful, totals, err);
}

static bool build(struct store *store, const struct build_choice *choice,
	void (*say)(void *context, const struct build_report *report),
	void *context, int64_t *amiss, struct err *err)
{
	return models_build(store->options.plan->models,
		session_of(store)->db, choice, say, context, amiss, err);
}

static bool verify(struct store *store, const char *name, int64_t *different,
	void (*say)(void *context, const struct model_info *model,
		int64_t rows, int64_t different),
	void *context, struct err *err)
{
	return models_verify(store->options.plan->models,
		session_of(store)->db, name, different, say, context, err);
}

static void close_store(struct store *store)
{
	struct session *session = session_of(store);

	session_close(session);
	session_set_plan(session, NULL);
	free(store);
}

static const struct store_kind kind = {
	.name = "PostgreSQL",
	.ensure = ensure,
	.alive = alive,
	.load = load,
	.build = build,
	.verify = verify,
	.close = close_store,
};

struct store *postgres_open(const struct store_options *options,
	struct err *err)
{
	struct postgres *postgres = calloc(1, sizeof(*postgres));

	if (postgres == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	postgres->store = (struct store){ &kind, *options };
	postgres->session = (struct session){
		.config = options->config,
		.plan = options->plan,
		.name = options->name,
		.filter = options->filter,
	};
	return &postgres->store;
}
