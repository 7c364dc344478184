/* operate.c - what an operator does to what runs. */
#include "cli/operate.h"
#include "cli/connect.h"
#include "cli/drop.h"
#include "cli/target.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *operate_who(char out[OPERATE_WHO])
{
	const char *behind = getenv("SUDO_USER");
	const struct passwd *entry;

	if (geteuid() == 0 && behind != NULL && behind[0] != '\0') {
		(void)snprintf(out, OPERATE_WHO, "%s", behind);
		return out;
	}
	entry = getpwuid(geteuid());
	if (entry != NULL && entry->pw_name != NULL)
		(void)snprintf(out, OPERATE_WHO, "%s", entry->pw_name);
	else
		(void)snprintf(out, OPERATE_WHO, "uid %u",
			(unsigned)geteuid());
	return out;
}

/* -- pauses ---------------------------------------------------------------- */

static const char pauses_sql[] =
	"select dataset, to_char(paused_at at time zone 'UTC',\n"
	"           'YYYY-MM-DD HH24:MI:SS \"UTC\"'),\n"
	"       greatest(0, extract(epoch from now() - paused_at))::bigint,\n"
	"       paused_by, coalesce(reason, '')\n"
	"from meta.pause\n"
	"order by dataset <> '*', dataset";

bool operate_pauses(struct db *db, struct db_result **rows, struct err *err)
{
	return db_query(db, pauses_sql, 0, NULL, rows, err) ||
		connect_blame_schema(err);
}

/* What was paused before keeps who, when and why. */
static const char pause_sql[] =
	"with p as (\n"
	"    insert into meta.pause (dataset, paused_by, reason)\n"
	"    values ($1, $2, $3)\n"
	"    on conflict (dataset) do nothing\n"
	"    returning dataset\n"
	")\n"
	"insert into meta.operation (done_by, what, target, reason)\n"
	"select $2, 'pause', dataset, $3\n"
	"from p";

static const char resume_sql[] =
	"with p as (\n"
	"    delete from meta.pause\n"
	"    where $1 in (dataset, '*')\n"
	"    returning dataset\n"
	")\n"
	"insert into meta.operation (done_by, what, target, reason)\n"
	"select $2, 'resume', dataset, $3\n"
	"from p";

static const struct dataset *find_derived(const struct pipeline_set *set,
	const char *name)
{
	for (size_t p = 0; p < set->count; p++)
		for (size_t d = 0; d < set->pipelines[p].dataset_count; d++) {
			const struct dataset *dataset =
				&set->pipelines[p].datasets[d];
			const char *dot = strchr(name, '.');

			if (dataset->directory == NULL &&
				strcmp(dataset->name, dot != NULL ? dot + 1 :
					name) == 0)
				return dataset;
		}
	return NULL;
}

static bool choose(const struct pipeline_set *set, const char *given,
	struct buf *name, struct err *err)
{
	const struct dataset *derived = find_derived(set, given);
	const struct dataset *dataset = NULL;

	if (drop_choose(set, given, &dataset, err))
		return buf_printf(name, err, "%s.%s", dataset->pipeline->name,
			dataset->name);
	if (derived != NULL)
		return err_stop(err, EXIT_USAGE, "%s.%s is made out of the "
			"records of %s, in the same transaction: pause that",
			derived->pipeline->name, derived->name,
			derived->from);
	return false;
}

static bool name_dataset(const struct config *config,
	const struct operate_order *order, struct buf *name, struct err *err)
{
	struct pipeline_set set = { 0 };
	bool ok;

	if (order->dataset == NULL || strcmp(order->dataset, OPERATE_ALL) == 0)
		return buf_add_str(name, OPERATE_ALL, err);
	ok = pipeline_set_read(config->pipelines_dir, &set, err) &&
		choose(&set, order->dataset, name, err);
	pipeline_set_clear(&set);
	return ok;
}

static bool need_consumer(const struct config *config, struct err *err)
{
	return config->broker || err_stop(err, EXIT_CONFIG,
		"there is no consumer here (broker: false): `sluice load` "
		"loads when it is called, and ends by itself");
}

static bool give_order(const struct config *config,
	const struct operate_order *order, const char *sql, struct buf *name,
	bool *changed, struct err *err)
{
	const char *values[] = { NULL, order->by, order->reason };
	struct db_result *result = NULL;
	struct db *db = NULL;
	bool ok;

	ok = need_consumer(config, err) &&
		name_dataset(config, order, name, err);
	if (ok)
		db = connect_db(config, &config->loader, false,
			config->statement_timeout_ms, err);
	values[0] = name->data;
	ok = db != NULL && (db_query(db, sql, 3, values, &result, err) ||
		connect_blame_schema(err));
	*changed = ok && db_affected(result) > 0;
	db_result_free(result);
	db_close(db);
	return ok;
}

bool operate_pause(const struct config *config,
	const struct operate_order *order, struct buf *name, bool *changed,
	struct err *err)
{
	return give_order(config, order, pause_sql, name, changed, err);
}

bool operate_resume(const struct config *config,
	const struct operate_order *order, struct buf *name, bool *changed,
	struct err *err)
{
	return give_order(config, order, resume_sql, name, changed, err);
}

/* -- loading again, building ----------------------------------------------- */

bool operate_replay(const struct config *config, const char *source,
	struct again_list *list, struct err *err)
{
	const struct again_words words = { .given = &source, .count = 1 };

	if (!again_choose(config, &words, list, err))
		return false;
	if (list->count == 0)
		return err_set(err, ERR_REJECT, "%s", list->why);
	return again_stage(&list->places, list->sources, list->count, err);
}

bool operate_models(const struct config *config,
	const struct build_choice *choice,
	void (*say)(void *context, const struct build_report *report),
	void *context, int64_t *amiss, struct err *err)
{
	const struct target_options options = { .config = config,
		.name = "sluice models" };
	struct target target = { 0 };
	struct db *db = NULL;
	bool ok = target_open(&target, &options, err);

	if (ok)
		db = connect_db(config, &config->loader, false, 0, err);
	ok = db != NULL && models_build(target.plan.models, db, choice, say,
		context, amiss, err);
	db_close(db);
	target_close(&target);
	return ok;
}
