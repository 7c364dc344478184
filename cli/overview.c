/* overview.c - the live figures: folders, servers and daemons, put together. */
#include "cli/overview.h"
#include "cli/api.h"
#include "cli/connect.h"
#include "common/clock.h"
#include "common/login.h"
#include "common/probe.h"
#include "producer/state_facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENT_MS 15000 /* of one question; who watches does not wait on */

struct overview_asker {
	const struct config *config;
	int stop_fd;
	struct db *db;
	struct broker *broker;
	int64_t broker_ms; /* when it was used last */
};

struct overview_asker *overview_asker_new(const struct config *config,
	int stop_fd, struct err *err)
{
	struct overview_asker *asker = calloc(1, sizeof(*asker));

	if (asker == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	asker->config = config;
	asker->stop_fd = stop_fd;
	return asker;
}

void overview_asker_free(struct overview_asker *asker)
{
	if (asker == NULL)
		return;
	db_close(asker->db);
	broker_close(asker->broker);
	free(asker);
}

/* -- the folders ------------------------------------------------------------ */

static void name_datasets(struct overview *overview)
{
	const struct pipeline_set *set = &overview->set;

	for (size_t p = 0; p < set->count; p++)
		for (size_t d = 0; d < set->pipelines[p].dataset_count; d++) {
			struct overview_dataset *at = &overview->datasets[
				overview->dataset_count++];

			at->dataset = &set->pipelines[p].datasets[d];
			(void)snprintf(at->name, sizeof(at->name), "%s.%s",
				set->pipelines[p].name, at->dataset->name);
			at->counts.published = -1;
			at->lag_secs = -1;
		}
}

static bool list_datasets(const struct config *config,
	struct overview *overview, struct err *err)
{
	size_t total = 0;
	bool ok = true;

	for (size_t p = 0; p < overview->set.count; p++)
		total += overview->set.pipelines[p].dataset_count;
	overview->datasets = calloc(total + 1, sizeof(*overview->datasets));
	if (overview->datasets == NULL)
		return err_memory(err);
	name_datasets(overview);
	for (size_t i = 0; ok && i < total; i++)
		if (overview->datasets[i].dataset->directory != NULL)
			ok = folders_count(config,
				overview->datasets[i].dataset,
				&overview->datasets[i].files, err);
	return ok;
}

struct overview_dataset *overview_dataset(struct overview *overview,
	const char *name)
{
	for (size_t i = 0; i < overview->dataset_count; i++)
		if (strcmp(overview->datasets[i].name, name) == 0)
			return &overview->datasets[i];
	return NULL;
}

int64_t overview_waiting(const struct overview *overview)
{
	int64_t sum = 0;

	for (size_t i = 0; i < overview->dataset_count; i++)
		sum += overview->datasets[i].files.waiting;
	return sum;
}

int64_t overview_claimed(const struct overview *overview)
{
	int64_t sum = 0;

	for (size_t i = 0; i < overview->dataset_count; i++) {
		if (overview->datasets[i].files.claimed < 0)
			return -1;
		sum += overview->datasets[i].files.claimed;
	}
	return sum;
}

/* -- RabbitMQ --------------------------------------------------------------- */

static bool list_queues(struct overview *overview, struct err *err)
{
	const struct pipeline_set *set = &overview->set;

	overview->queues = calloc(2 * set->count + 1,
		sizeof(*overview->queues));
	if (overview->queues == NULL)
		return err_memory(err);
	for (size_t p = 0; p < set->count; p++)
		for (int dead = 0; dead < 2; dead++) {
			struct overview_queue *queue =
				&overview->queues[overview->queue_count++];

			queue->pipeline = &set->pipelines[p];
			queue->dead = dead == 1;
			(void)snprintf(queue->name, sizeof(queue->name),
				"sluice.%s%s", queue->pipeline->name,
				dead == 1 ? ".dead" : "");
		}
	return true;
}

/* One that slept longer than its heartbeats is taken for dead over there. */
static void open_broker(struct overview_asker *asker,
	struct overview_server *server)
{
	const struct config *config = asker->config;
	const int64_t idle = clock_now_ms() - asker->broker_ms;
	struct broker_event event;
	struct err err = { 0 };

	if (asker->broker != NULL && (idle > config->heartbeat_secs * 500 ||
		!broker_wait(asker->broker, -1, 0, &event, &err))) {
		broker_close(asker->broker);
		asker->broker = NULL;
	}
	if (asker->broker == NULL)
		asker->broker = connect_broker(config, &config->tap,
			&server->err);
}

static void add_depth(struct overview *overview,
	const struct overview_queue *queue)
{
	int64_t *sum = queue->dead ? &overview->dead : &overview->queued;

	if (queue->found)
		*sum = (*sum < 0 ? 0 : *sum) + queue->ready;
}

/* As the tap: looking needs no permission, only a login. */
static void ask_broker(struct overview_asker *asker, struct overview *overview)
{
	const struct config *config = asker->config;
	struct overview_server *server = &overview->broker;
	bool ok;

	(void)snprintf(server->address, sizeof(server->address),
		"%s:%" PRId64 "/%s", config->broker_host, config->broker_port,
		config->broker_vhost);
	open_broker(asker, server);
	ok = server->reachable = asker->broker != NULL;
	if (ok)
		(void)snprintf(server->version, sizeof(server->version), "%s",
			broker_version(asker->broker));
	for (size_t i = 0; ok && i < overview->queue_count; i++) {
		struct overview_queue *queue = &overview->queues[i];

		ok = broker_inspect(asker->broker, queue->name, &queue->found,
			&queue->ready, &queue->consumers, &server->err);
		queue->known = ok;
		add_depth(overview, queue);
	}
	asker->broker_ms = clock_now_ms();
	if (!ok) {
		broker_close(asker->broker);
		asker->broker = NULL;
	}
}

/* -- PostgreSQL ------------------------------------------------------------- */

/* One that broke since the last time is opened anew. */
static void open_database(struct overview_asker *asker,
	struct overview_server *server)
{
	const struct config *config = asker->config;
	const int64_t set = config->statement_timeout_ms;
	struct err err = { 0 };

	if (asker->db != NULL && !db_exec(asker->db, "select 1", &err)) {
		db_close(asker->db);
		asker->db = NULL;
	}
	if (asker->db == NULL)
		asker->db = connect_db_until(config, &config->reader, true,
			set > 0 && set < STATEMENT_MS ? set : STATEMENT_MS,
			asker->stop_fd, &server->err);
}

static bool ask_database(struct overview_asker *asker,
	struct overview *overview, const struct state_fact *facts,
	size_t count, struct err *err)
{
	const struct config *config = asker->config;
	struct overview_server *server = &overview->database;
	int version;

	(void)snprintf(server->address, sizeof(server->address),
		"%s:%" PRId64 "/%s", config->database_host,
		config->database_port, config->database_name);
	open_database(asker, server);
	overview->asked = asker->db != NULL && overview_ask_database(asker->db,
		overview, facts, count, &server->err);
	server->reachable = asker->db != NULL && db_alive(asker->db);
	if (server->reachable) {
		version = db_server_version(asker->db);
		(void)snprintf(server->version, sizeof(server->version),
			"%d.%d", version / 10000, version % 10000);
	}
	if (overview->asked)
		return true;
	if (server->reachable)
		(void)err_wrap(&server->err, "it cannot be asked (was `sluice "
			"apply` run?)");
	return overview_take_facts(overview, facts, count, err);
}

/* -- lag -------------------------------------------------------------------- */

static void older(int64_t *age, int64_t secs)
{
	if (secs > *age)
		*age = secs;
}

static int64_t age_of(const struct overview *overview, int64_t us)
{
	return us == 0 ? -1 : us > overview->at_us ? 0 :
		(overview->at_us - us) / 1000000;
}

/* Without a broker a file stays where it lies, loaded or not. */
static void find_lag(struct overview *overview)
{
	overview->claimed_secs = -1;
	for (size_t i = 0; i < overview->dataset_count; i++) {
		struct overview_dataset *at = &overview->datasets[i];
		const int64_t claimed = age_of(overview, at->files.oldest_us);

		older(&overview->claimed_secs, claimed);
		older(&at->lag_secs, claimed);
		if (overview->has_broker)
			older(&at->lag_secs, age_of(overview,
				at->files.oldest_waiting_us));
		older(&overview->lag_secs, at->lag_secs);
	}
}

/* -- all of it -------------------------------------------------------------- */

/* What the state file does not tell is shown as not known. */
static bool list_endpoints(const struct config *config,
	struct overview *overview, struct err *err)
{
	struct err why = { 0 };

	if (!api_facts_gather(config, &overview->set, &overview->endpoints,
		    &overview->endpoint_count, &why, err))
		return false;
	overview->endpoint_count = api_facts_used(overview->endpoints,
		overview->endpoint_count);
	return true;
}

static void ask_daemon(struct overview_daemon *daemon, const char *address)
{
	daemon->address = address;
	daemon->there = probe_ask(address, &daemon->ready, &daemon->text,
		&daemon->err);
}

static bool ask_servers(struct overview_asker *asker,
	struct overview *overview, struct err *err)
{
	const struct config *config = asker->config;
	struct state_fact *facts = NULL;
	size_t count = 0;
	bool ok;

	if (config->broker) {
		overview_ask_state(config, overview, &facts, &count);
		ask_broker(asker, overview);
	}
	ok = ask_database(asker, overview, facts, count, err);
	state_facts_free(facts, count);
	if (config->broker) {
		ask_daemon(&overview->producer, config->producer_http);
		ask_daemon(&overview->consumer, config->consumer_http);
	}
	return ok;
}

bool overview_gather(struct overview_asker *asker, struct overview *overview,
	struct err *err)
{
	const struct config *config = asker->config;
	const int64_t began = clock_now_us();

	*overview = (struct overview){ .at_us = clock_wall_us(),
		.has_broker = config->broker, .queued = -1, .dead = -1,
		.counts.published = -1, .claimed_secs = -1, .lag_secs = -1 };
	if (!pipeline_set_read(config->pipelines_dir, &overview->set, err) ||
		!list_datasets(config, overview, err) ||
		!list_endpoints(config, overview, err) ||
		(config->broker && !list_queues(overview, err)) ||
		!ask_servers(asker, overview, err))
		return false;
	find_lag(overview);
	overview->took_us = clock_now_us() - began;
	return true;
}

void overview_clear(struct overview *overview)
{
	api_facts_free(overview->endpoints, overview->endpoint_count);
	buf_clear(&overview->producer.text);
	buf_clear(&overview->consumer.text);
	for (size_t i = 0; i < overview->source_count; i++)
		free(overview->sources[i].name);
	free(overview->sources);
	free(overview->loads);
	free(overview->causes);
	free(overview->codes);
	free(overview->models);
	free(overview->tests);
	free(overview->queues);
	free(overview->datasets);
	db_result_free(overview->pauses);
	for (size_t i = 0; i < OVERVIEW_KEPT; i++)
		db_result_free(overview->kept[i]);
	pipeline_set_clear(&overview->set);
	*overview = (struct overview){ 0 };
}

/* -- what is wrong ---------------------------------------------------------- */

bool overview_gap(const struct overview *overview, size_t index,
	const char **what, const struct err **why)
{
	const struct { const char *what; const struct err *why; } gaps[] = {
		{ "PostgreSQL", &overview->database.err },
		{ "RabbitMQ", &overview->broker.err },
		{ "producer", &overview->producer.err },
		{ "consumer", &overview->consumer.err },
		{ "state file", &overview->state_err },
	};

	for (size_t i = 0; i < sizeof(gaps) / sizeof(*gaps); i++)
		if (gaps[i].why->kind != ERR_NONE && index-- == 0) {
			*what = gaps[i].what;
			*why = gaps[i].why;
			return true;
		}
	return false;
}

/* The one line of a daemon that is ready says just that. */
const char *overview_says(const struct overview_daemon *daemon, size_t *at,
	size_t *len, bool *is_note)
{
	static const char note[] = "note: ";
	const size_t skip = sizeof(note) - 1;

	while (daemon->there && *at < daemon->text.len) {
		const char *line = daemon->text.data + *at;

		*len = strcspn(line, "\n");
		*at += *len + (line[*len] == '\n');
		*is_note = strncmp(line, note, skip) == 0;
		if (*is_note) {
			*len -= skip;
			return line + skip;
		}
		if (!daemon->ready)
			return line;
	}
	return NULL;
}

int overview_code(const struct overview *overview)
{
	if (overview->database.err.kind != ERR_NONE)
		return err_exit_code(&overview->database.err);
	if (overview->broker.err.kind != ERR_NONE)
		return err_exit_code(&overview->broker.err);
	for (size_t i = 0; i < overview->queue_count; i++)
		if (!overview->queues[i].found)
			return EXIT_CONFIG;
	return EXIT_FINE;
}
