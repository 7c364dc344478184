/* operate_drain.c - is anything still under way? */
#include "cli/operate.h"
#include "cli/connect.h"
#include "cli/folders.h"
#include "cli/manage.h"
#include "common/clock.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define LOOK_MS 500
#define QUIET_MS 6000 /* the management API tells what was 5 s ago */
#define API_SECS 10

bool operate_flow_empty(const struct operate_flow *flow)
{
	return flow->waiting == 0 && flow->claimed <= 0 && flow->ready == 0 &&
		flow->unacked <= 0 && flow->arriving == 0;
}

/* -- the folders ----------------------------------------------------------- */

static bool count_files(const struct config *config,
	const struct pipeline_set *set, struct operate_flow *flow,
	struct err *err)
{
	struct folder_count count;
	bool hidden = false;

	for (size_t p = 0; p < set->count; p++)
		for (size_t d = 0; d < set->pipelines[p].dataset_count; d++) {
			const struct dataset *dataset =
				&set->pipelines[p].datasets[d];

			if (dataset->directory == NULL)
				continue;
			count = (struct folder_count){ 0 };
			if (!folders_count(config, dataset, &count, err))
				return false;
			flow->waiting += count.waiting;
			if (count.claimed < 0)
				hidden = true;
			else
				flow->claimed += count.claimed;
		}
	if (hidden)
		flow->claimed = -1;
	return true;
}

/* -- the broker ------------------------------------------------------------ */

static void name_queue(const struct pipeline *pipeline, bool dead,
	char name[128])
{
	(void)snprintf(name, 128, "sluice.%s%s", pipeline->name,
		dead ? ".dead" : "");
}

static bool count_ready(const struct config *config,
	const struct pipeline_set *set, struct operate_flow *flow,
	struct err *err)
{
	struct broker *broker = connect_broker(config, &config->tap, err);
	uint32_t ready, consumers;
	char name[128];
	bool found;
	bool ok = broker != NULL;

	for (size_t i = 0; ok && i < set->count * 2; i++) {
		name_queue(&set->pipelines[i / 2], i % 2 == 1, name);
		ok = broker_inspect(broker, name, &found, &ready, &consumers,
			err);
		if (ok && found)
			flow->ready += ready;
	}
	broker_close(broker);
	return ok;
}

/* What consumers hold only the management API knows. Without it the answer is
 * less sure, and says so by -1. */
static void count_unacked(const struct config *config,
	const struct pipeline_set *set, struct operate_flow *flow)
{
	struct manage manage;
	struct err ignored = { 0 };
	char name[128];
	bool ok = manage_init(&manage, config, &ignored);

	manage.timeout_secs = API_SECS;
	for (size_t i = 0; ok && i < set->count * 2; i++) {
		const char *words[] = { "queues", config->broker_vhost, name,
			NULL };
		struct json *root = NULL;

		name_queue(&set->pipelines[i / 2], i % 2 == 1, name);
		ok = manage_get(&manage, words, &root, &ignored);
		if (ok)
			flow->unacked += json_int(json_get(root,
				"messages_unacknowledged"), 0);
		json_free(root);
	}
	if (!ok)
		flow->unacked = -1;
	manage_clear(&manage);
}

/* -- the database ---------------------------------------------------------- */

static bool count_sources(struct db *db, struct operate_flow *flow,
	struct err *err)
{
	struct db_result *result = NULL;
	const bool ok = db_query(db, "select count(*) from meta.source\n"
		"where completed_at is null", 0, NULL, &result, err);

	if (ok)
		flow->arriving = db_int(result, 0, 0);
	db_result_free(result);
	return ok;
}

static bool open_reader(const struct config *config, struct db **db,
	struct err *err)
{
	*db = connect_db(config, &config->reader, true,
		config->statement_timeout_ms, err);
	return *db != NULL;
}

bool operate_look(const struct config *config, struct operate_flow *flow,
	struct err *err)
{
	struct pipeline_set set = { 0 };
	struct db *db = NULL;
	bool ok;

	*flow = (struct operate_flow){ 0 };
	ok = pipeline_set_read(config->pipelines_dir, &set, err) &&
		count_files(config, &set, flow, err) &&
		(!config->broker || count_ready(config, &set, flow, err));
	if (ok && config->broker)
		count_unacked(config, &set, flow);
	ok = ok && open_reader(config, &db, err) &&
		count_sources(db, flow, err);
	db_close(db);
	pipeline_set_clear(&set);
	return ok;
}

/* -- the wait -------------------------------------------------------------- */

static bool check_pauses(const struct config *config, struct err *err)
{
	struct db_result *rows = NULL;
	struct db *db = NULL;
	bool ok = open_reader(config, &db, err) &&
		operate_pauses(db, &rows, err);

	if (ok && db_rows(rows) > 0) {
		const char *name = db_value(rows, 0, OP_DATASET);
		const bool all = strcmp(name, OPERATE_ALL) == 0;

		ok = err_set(err, ERR_REJECT, "paused by %s since %s%s%s: "
			"that would never end (`sluice resume`)",
			db_value(rows, 0, OP_BY), db_value(rows, 0, OP_SINCE),
			all ? "" : ", dataset ", all ? "" : name);
		err->exit_code = EXIT_DATA;
	}
	db_result_free(rows);
	db_close(db);
	return ok;
}

bool operate_drain(const struct config *config, int64_t secs,
	bool (*say)(void *context, const struct operate_flow *flow),
	void *context, struct operate_flow *flow, bool *empty,
	struct err *err)
{
	const int64_t end = clock_now_ms() + secs * 1000;
	int64_t quiet_since = 0;

	*empty = false;
	if (!config->broker)
		return err_stop(err, EXIT_CONFIG, "nothing is ever under way "
			"here (broker: false): `sluice load` ends when all is "
			"loaded");
	for (;;) {
		const int64_t now = clock_now_ms();

		if (!check_pauses(config, err) ||
			!operate_look(config, flow, err))
			return false;
		if (!operate_flow_empty(flow))
			quiet_since = 0;
		else if (quiet_since == 0)
			quiet_since = now;
		*empty = quiet_since != 0 && now - quiet_since >= QUIET_MS;
		if (*empty || now >= end ||
			(say != NULL && !say(context, flow)))
			return true;
		(void)poll(NULL, 0, LOOK_MS);
	}
}
