/* status.c - what is there and how it goes: gathered once, shown twice. */
#include "cli/status.h"
#include "cli/api.h"
#include "cli/connect.h"
#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- the folders --------------------------------------------------- */

static bool list_datasets(const struct config *config, struct status *status,
	struct err *err)
{
	const struct pipeline_set *set = &status->set;
	size_t total = 0;
	bool ok = true;

	for (size_t p = 0; p < set->count; p++)
		total += set->pipelines[p].dataset_count;
	status->datasets = calloc(total + 1, sizeof(*status->datasets));
	if (status->datasets == NULL)
		return err_memory(err);
	for (size_t p = 0; p < set->count; p++)
		for (size_t d = 0; d < set->pipelines[p].dataset_count; d++)
			status->datasets[status->dataset_count++].dataset =
				&set->pipelines[p].datasets[d];
	for (size_t i = 0; ok && i < total; i++)
		if (status->datasets[i].dataset->directory != NULL)
			ok = folders_count(config, status->datasets[i].dataset,
				&status->datasets[i].files, err);
	return ok;
}

static void find_oldest_claim(struct status *status)
{
	int64_t oldest = 0;

	for (size_t i = 0; i < status->dataset_count; i++) {
		const int64_t at = status->datasets[i].files.oldest_us;

		if (at != 0 && (oldest == 0 || at < oldest))
			oldest = at;
	}
	status->claimed_secs = oldest == 0 ? -1 :
		(clock_wall_us() - oldest) / 1000000;
}

int64_t status_waiting(const struct status *status)
{
	int64_t sum = 0;

	for (size_t i = 0; i < status->dataset_count; i++)
		sum += status->datasets[i].files.waiting;
	return sum;
}

int64_t status_claimed(const struct status *status)
{
	int64_t sum = 0;

	for (size_t i = 0; i < status->dataset_count; i++) {
		if (status->datasets[i].files.claimed < 0)
			return -1;
		sum += status->datasets[i].files.claimed;
	}
	return sum;
}

/* -- RabbitMQ --------------------------------------------------- */

static bool list_queues(struct status *status, struct err *err)
{
	const struct pipeline_set *set = &status->set;

	status->queues = calloc(2 * set->count + 1, sizeof(*status->queues));
	if (status->queues == NULL)
		return err_memory(err);
	for (size_t p = 0; p < set->count; p++)
		for (int dead = 0; dead < 2; dead++) {
			struct status_queue *queue =
				&status->queues[status->queue_count++];

			queue->pipeline = &set->pipelines[p];
			queue->dead = dead == 1;
			(void)snprintf(queue->name, sizeof(queue->name),
				"sluice.%s%s", queue->pipeline->name,
				dead == 1 ? ".dead" : "");
		}
	return true;
}

/* As the tap: looking needs no permission, only a login. */
static void ask_broker(const struct config *config, struct status *status)
{
	struct status_server *server = &status->broker;
	struct broker *broker;
	bool ok;

	(void)snprintf(server->address, sizeof(server->address),
		"%s:%" PRId64 "/%s", config->broker_host, config->broker_port,
		config->broker_vhost);
	broker = connect_broker(config, &config->tap, &server->err);
	server->reachable = broker != NULL;
	ok = server->reachable;
	if (ok)
		(void)snprintf(server->version, sizeof(server->version), "%s",
			broker_version(broker));
	for (size_t i = 0; ok && i < status->queue_count; i++) {
		struct status_queue *queue = &status->queues[i];

		ok = broker_inspect(broker, queue->name, &queue->found,
			&queue->ready, &queue->consumers, &server->err);
		queue->known = ok;
	}
	broker_close(broker);
}

/* -- PostgreSQL --------------------------------------------------- */

static const char sources_sql[] =
	"select count(*) filter (where completed_at is null),\n"
	"       count(*) filter (where completed_at is not null),\n"
	"       coalesce(extract(epoch from now() - min(claimed_at)\n"
	"           filter (where completed_at is null))::bigint, 0)\n"
	"from meta.source";

/* The latest loads only: ten minutes never hold more than that many. */
static const char rates_sql[] =
	"select coalesce(sum(records) filter (\n"
	"           where committed_at > now() - interval '1 minute'), 0),\n"
	"       coalesce(sum(records), 0)\n"
	"from (\n"
	"    select committed_at, records\n"
	"    from meta.load\n"
	"    order by load_id desc\n"
	"    limit 200000\n"
	") latest\n"
	"where committed_at > now() - interval '10 minutes'";

/* What the loads counted, not the tables: exact, and no table is read. */
static const char datasets_sql[] =
	"with counted as (\n"
	"    select pipeline || '.' || dataset as dataset, inserted, updated,\n"
	"           unchanged\n"
	"    from meta.source\n"
	"    union all\n"
	"    select s.pipeline || '.' || v.dataset, v.inserted, v.updated,\n"
	"           v.unchanged\n"
	"    from meta.derived v\n"
	"    join meta.source s using (source_id)\n"
	")\n"
	"select d.dataset, coalesce(c.master, 0), coalesce(c.delta, 0),\n"
	"       d.unknown_keys\n"
	"from meta.dataset d\n"
	"left join (\n"
	"    select dataset, sum(inserted) as master,\n"
	"           sum(inserted + updated + unchanged) as delta\n"
	"    from counted\n"
	"    group by dataset\n"
	") c using (dataset)";

static const char rejects_sql[] =
	"select count(*) from meta.reject where resolved_by is null";

static const char codes_sql[] =
	"select code, count(*)\n"
	"from meta.reject\n"
	"where resolved_by is null\n"
	"  and rejected_at > now() - interval '1 hour'\n"
	"group by code\n"
	"order by count(*) desc, code";

static const char stale_sql[] =
	"select model, coalesce(error, '')\n"
	"from meta.model\n"
	"where state = 'stale'\n"
	"order by model";

/* Those that were tried in vain, by target. */
static const char failing_sql[] =
	"select target, count(*) filter (where state = 'queued'),\n"
	"       coalesce(max(attempts) filter (where state = 'queued'), 0),\n"
	"       coalesce((array_agg(error order by tried_at desc nulls last)\n"
	"           filter (where error is not null))[1], ''),\n"
	"       count(*) filter (where state = 'given_up')\n"
	"from meta.notification n\n"
	"where state = 'queued' and exists (select from meta.notification t\n"
	"          where t.target = n.target and t.state = 'queued'\n"
	"            and t.error is not null)\n"
	"   or state = 'given_up' and ended_at > now() - interval '1 day'\n"
	"group by target\n"
	"order by target";

/* The last one that had records; a manifest may come in a load of its own. */
static const char load_sql[] =
	"select load_id,\n"
	"       to_char(committed_at at time zone 'UTC',\n"
	"           'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),\n"
	"       extract(epoch from now() - committed_at)::bigint,\n"
	"       (extract(epoch from committed_at - started_at)\n"
	"           * 1000)::bigint,\n"
	"       messages, duplicates, records, inserted, updated, unchanged,\n"
	"       rejected\n"
	"from (\n"
	"    select *\n"
	"    from meta.load\n"
	"    where committed_at is not null\n"
	"    order by load_id desc\n"
	"    limit 1000\n"
	") latest\n"
	"order by records > 0 desc, load_id desc\n"
	"limit 1";

static bool query(struct db *db, const char *sql, struct db_result **result,
	struct err *err)
{
	return db_query(db, sql, 0, NULL, result, err);
}

static bool ask_sources(struct db *db, struct status *status, struct err *err)
{
	struct db_result *result = NULL;
	const bool ok = query(db, sources_sql, &result, err);

	if (ok) {
		status->arriving = db_int(result, 0, 0);
		status->complete = db_int(result, 0, 1);
		status->arriving_secs = db_int(result, 0, 2);
	}
	db_result_free(result);
	return ok;
}

static bool ask_rates(struct db *db, struct status *status, struct err *err)
{
	struct db_result *result = NULL;
	const bool ok = query(db, rates_sql, &result, err);

	if (ok) {
		status->last_minute = db_int(result, 0, 0);
		status->last_ten_minutes = db_int(result, 0, 1);
	}
	db_result_free(result);
	return ok;
}

static void set_rows(struct status *status, const struct db_result *result,
	size_t row)
{
	for (size_t i = 0; i < status->dataset_count; i++) {
		struct status_dataset *at = &status->datasets[i];
		char name[160];

		(void)snprintf(name, sizeof(name), "%s.%s",
			at->dataset->pipeline->name, at->dataset->name);
		if (strcmp(name, db_value(result, row, 0)) != 0)
			continue;
		at->known = true;
		at->master_rows = db_int(result, row, 1);
		at->delta_rows = db_int(result, row, 2);
		at->unknown_keys = db_int(result, row, 3);
	}
}

static bool ask_datasets(struct db *db, struct status *status, struct err *err)
{
	struct db_result *result = NULL;
	const bool ok = query(db, datasets_sql, &result, err);

	for (size_t i = 0; ok && i < db_rows(result); i++)
		set_rows(status, result, i);
	db_result_free(result);
	return ok;
}

static bool ask_rejects(struct db *db, struct status *status, struct err *err)
{
	struct db_result *result = NULL;
	const bool ok = query(db, rejects_sql, &result, err) &&
		query(db, codes_sql, &status->reject_codes, err);

	if (ok)
		status->rejects = db_int(result, 0, 0);
	db_result_free(result);
	return ok;
}

static void ask_database(const struct config *config, struct status *status)
{
	struct status_server *server = &status->database;
	struct db *db;
	int version;

	(void)snprintf(server->address, sizeof(server->address),
		"%s:%" PRId64 "/%s", config->database_host,
		config->database_port, config->database_name);
	db = connect_db(config, &config->reader, true,
		config->statement_timeout_ms, &server->err);
	server->reachable = db != NULL;
	if (db == NULL)
		return;
	version = db_server_version(db);
	(void)snprintf(server->version, sizeof(server->version), "%d.%d",
		version / 10000, version % 10000);
	if (!ask_sources(db, status, &server->err) ||
		!ask_rates(db, status, &server->err) ||
		!ask_datasets(db, status, &server->err) ||
		!ask_rejects(db, status, &server->err) ||
		!query(db, stale_sql, &status->stale, &server->err) ||
		!query(db, failing_sql, &status->failing, &server->err) ||
		!query(db, load_sql, &status->load, &server->err))
		(void)err_wrap(&server->err, "it cannot be asked (was `sluice "
			"apply` run?)");
	db_close(db);
}

/* -- all of it --------------------------------------------------- */

/* What the state file does not tell is shown as not known. */
static bool list_endpoints(const struct config *config, struct status *status,
	struct err *err)
{
	struct err why = { 0 };

	if (!api_facts_gather(config, &status->set, &status->endpoints,
		    &status->endpoint_count, &why, err))
		return false;
	status->endpoint_count = api_facts_used(status->endpoints,
		status->endpoint_count);
	return true;
}

bool status_gather(const struct config *config, struct status *status,
	struct err *err)
{
	*status = (struct status){ 0 };
	if (!pipeline_set_read(config->pipelines_dir, &status->set, err) ||
		!list_datasets(config, status, err) ||
		!list_endpoints(config, status, err) ||
		(config->broker && !list_queues(status, err)))
		return false;
	find_oldest_claim(status);
	status->has_broker = config->broker;
	if (config->broker)
		ask_broker(config, status);
	ask_database(config, status);
	if (config->broker) {
		status_ask_daemon(&status->producer, config->producer_http);
		status_ask_daemon(&status->consumer, config->consumer_http);
	}
	return true;
}

void status_clear(struct status *status)
{
	api_facts_free(status->endpoints, status->endpoint_count);
	db_result_free(status->reject_codes);
	db_result_free(status->stale);
	db_result_free(status->failing);
	db_result_free(status->load);
	status_clear_daemon(&status->producer);
	status_clear_daemon(&status->consumer);
	free(status->queues);
	free(status->datasets);
	pipeline_set_clear(&status->set);
	*status = (struct status){ 0 };
}

int status_code(const struct status *status)
{
	if (status->database.err.kind != ERR_NONE)
		return err_exit_code(&status->database.err);
	if (status->broker.err.kind != ERR_NONE)
		return err_exit_code(&status->broker.err);
	for (size_t i = 0; i < status->queue_count; i++)
		if (!status->queues[i].found)
			return EXIT_CONFIG;
	return EXIT_FINE;
}
