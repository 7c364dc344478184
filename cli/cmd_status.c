/* cmd_status.c - `sluice status`: everything at a glance. */
#include "cli/api.h"
#include "cli/args.h"
#include "cli/output.h"
#include "cli/status.h"
#include "common/clock.h"

#include <inttypes.h>
#include <stdio.h>

/* -- for people --------------------------------------------------- */

static void show_server(const char *name, const struct status_server *server)
{
	struct buf shown = { 0 };

	(void)printf("%-11s ", name);
	if (server->reachable)
		(void)printf("%s at ", server->version);
	(void)printf("%s", output_escape(&shown, server->address));
	if (server->err.kind != ERR_NONE)
		(void)printf("\n            %s%s%s", output_paint(PAINT_RED),
			output_escape(&shown, server->err.text),
			output_paint(PAINT_NONE));
	(void)putchar('\n');
	buf_clear(&shown);
}

static bool show_queues(const struct status *status, struct err *err)
{
	static const char *const heads[] = { "queue", ">ready", ">consumers",
		"", NULL };
	struct table table;
	bool ok;

	table_init(&table, heads);
	for (size_t i = 0; i < status->queue_count; i++) {
		const struct status_queue *queue = &status->queues[i];

		table_add(&table, queue->name);
		if (!queue->found) {
			table_add(&table, NULL);
			table_add(&table, NULL);
			table_add(&table, queue->known ?
				"missing: run `sluice apply`" : "not known");
			continue;
		}
		table_add_int(&table, queue->ready);
		table_add_int(&table, queue->consumers);
		table_add(&table, queue->consumers == 0 ?
			"nobody consumes it" : "");
	}
	ok = table_print(&table, 0, err);
	table_clear(&table);
	return ok;
}

static void add_rows(struct table *table, const struct status_dataset *at)
{
	if (!at->known) {
		table_add(table, NULL);
		table_add(table, NULL);
		table_add(table, NULL);
		return;
	}
	table_add_int(table, at->master_rows);
	table_add_int(table, at->delta_rows);
	table_add_int(table, at->unknown_keys);
}

/* Dashes are numbers nobody could be asked for. */
static bool show_datasets(const struct status *status, struct err *err)
{
	static const char *const heads[] = { "dataset", ">waiting", ">ignored",
		">claimed", ">master rows", ">delta rows", ">unknown keys",
		"", NULL };
	struct table table;
	bool ok;

	table_init(&table, heads);
	for (size_t i = 0; i < status->dataset_count; i++) {
		const struct status_dataset *at = &status->datasets[i];
		const struct folder_count *files = &at->files;
		char name[160];

		(void)snprintf(name, sizeof(name), "%s.%s",
			at->dataset->pipeline->name, at->dataset->name);
		table_add(&table, name);
		table_add_int(&table, files->waiting);
		table_add_int(&table, files->ignored);
		if (files->claimed < 0)
			table_add(&table, NULL);
		else
			table_add_int(&table, files->claimed);
		add_rows(&table, at);
		table_add(&table, at->dataset->directory != NULL &&
			!files->there ? "its folder is not there" : "");
	}
	ok = table_print(&table, 0, err);
	table_clear(&table);
	return ok;
}

static void show_lag(const struct status *status)
{
	char age[OUTPUT_TEXT];

	if (status->claimed_secs < 0 && status->arriving == 0)
		output_line("lag         nothing under way");
	if (status->claimed_secs >= 0)
		output_line("lag         oldest claimed file: %s",
			output_age(status->claimed_secs, age));
	if (status->arriving > 0)
		output_line("lag         oldest source arriving: %s",
			output_age(status->arriving_secs, age));
}

static void show_rejects(const struct status *status)
{
	struct buf shown = { 0 };

	(void)printf("rejects     %" PRId64 "; last hour:", status->rejects);
	for (size_t i = 0; i < db_rows(status->reject_codes); i++)
		(void)printf(" %s %" PRId64, output_escape(&shown,
			db_value(status->reject_codes, i, 0)),
			db_int(status->reject_codes, i, 1));
	output_line("%s", db_rows(status->reject_codes) == 0 ? " none" : "");
	buf_clear(&shown);
}

static void show_models(const struct status *status)
{
	struct buf name = { 0 }, why = { 0 };

	if (db_rows(status->stale) == 0)
		output_line("models      all fresh");
	for (size_t i = 0; i < db_rows(status->stale); i++)
		output_line("models      %s%s is stale%s: %s",
			output_paint(PAINT_YELLOW),
			output_escape(&name, db_value(status->stale, i, 0)),
			output_paint(PAINT_NONE),
			output_escape(&why, db_value(status->stale, i, 1)));
	buf_clear(&name);
	buf_clear(&why);
}

/* Nothing is said where all is well: most have no target. */
static void show_failing(const struct status *status)
{
	struct buf name = { 0 }, why = { 0 };

	for (size_t i = 0; i < db_rows(status->failing); i++) {
		const int64_t waiting = db_int(status->failing, i, 1);
		const int64_t given_up = db_int(status->failing, i, 4);

		(void)printf("notify      %s%s does not take them%s:",
			output_paint(PAINT_YELLOW),
			output_escape(&name, db_value(status->failing, i, 0)),
			output_paint(PAINT_NONE));
		if (waiting > 0)
			(void)printf(" %" PRId64 " wait%s, tried %" PRId64
				" time%s,", waiting, waiting == 1 ? "s" : "",
				db_int(status->failing, i, 2),
				db_int(status->failing, i, 2) == 1 ? "" : "s");
		if (given_up > 0)
			(void)printf(" %" PRId64 " given up in the last day,",
				given_up);
		output_line(" %s", output_escape(&why,
			db_value(status->failing, i, 3)));
	}
	buf_clear(&name);
	buf_clear(&why);
}

static void show_load(const struct status *status)
{
	const struct db_result *load = status->load;
	char age[OUTPUT_TEXT];

	if (db_rows(load) == 0) {
		output_line("last load   none yet");
		return;
	}
	output_line("last load   %s ago, %" PRId64 " record%s in %" PRId64
		" ms: %" PRId64 " inserted, %" PRId64 " updated, %" PRId64
		" unchanged, %" PRId64 " rejected",
		output_age(db_int(load, 0, LOAD_SECS), age),
		db_int(load, 0, LOAD_RECORDS),
		db_int(load, 0, LOAD_RECORDS) == 1 ? "" : "s",
		db_int(load, 0, LOAD_MS),
		db_int(load, 0, LOAD_INSERTED), db_int(load, 0, LOAD_UPDATED),
		db_int(load, 0, LOAD_UNCHANGED),
		db_int(load, 0, LOAD_REJECTED));
}

static bool show(struct status *status, struct err *err)
{
	show_server("PostgreSQL", &status->database);
	if (status->has_broker) {
		show_server("RabbitMQ", &status->broker);
		status_show_daemon("producer", &status->producer);
		status_show_daemon("consumer", &status->consumer);
	} else {
		output_line("RabbitMQ    none here (broker: false)");
	}
	output_line("%s", "");
	if (status->has_broker) {
		if (!show_queues(status, err))
			return false;
		output_line("%s", "");
	}
	if (!show_datasets(status, err))
		return false;
	output_line("%s", "");
	if (status->endpoint_count > 0) {
		if (!api_facts_print(status->endpoints,
			    status->endpoint_count, err))
			return false;
		output_line("%s", "");
	}
	if (status->load == NULL) /* the last that was asked for */
		return true;
	output_line("sources     %" PRId64 " complete, %" PRId64 " arriving",
		status->complete, status->arriving);
	output_line("records     %" PRId64 " loaded in the last minute, "
		"%" PRId64 " in the last 10 minutes",
		status->last_minute, status->last_ten_minutes);
	show_lag(status);
	show_rejects(status);
	show_models(status);
	show_failing(status);
	show_load(status);
	return true;
}

/* -- for programs --------------------------------------------------- */

static void put_server(struct json *root, const char *key,
	const struct status_server *server)
{
	struct json *object = json_put_object(root, key);

	json_put_bool(object, "reachable", server->reachable);
	json_put_text(object, "address", server->address);
	if (server->reachable)
		json_put_text(object, "version", server->version);
	else
		json_put_null(object, "version");
	if (server->err.kind != ERR_NONE)
		json_put_text(object, "error", server->err.text);
	else
		json_put_null(object, "error");
}

static void put_queues(struct json *array, const struct status *status)
{
	for (size_t i = 0; i < status->queue_count; i++) {
		const struct status_queue *queue = &status->queues[i];
		struct json *object = json_add_object(array);

		json_put_text(object, "queue", queue->name);
		json_put_text(object, "pipeline", queue->pipeline->name);
		json_put_bool(object, "dead", queue->dead);
		if (!queue->known) {
			json_put_null(object, "exists");
			continue;
		}
		json_put_bool(object, "exists", queue->found);
		json_put_int(object, "ready", queue->ready);
		json_put_int(object, "consumers", queue->consumers);
	}
}

static void put_datasets(struct json *array, const struct status *status)
{
	for (size_t i = 0; i < status->dataset_count; i++) {
		const struct status_dataset *at = &status->datasets[i];
		struct json *object = json_add_object(array);

		json_put_text(object, "pipeline", at->dataset->pipeline->name);
		json_put_text(object, "dataset", at->dataset->name);
		json_put_bool(object, "folder", at->files.there);
		json_put_int(object, "waiting", at->files.waiting);
		json_put_int(object, "ignored", at->files.ignored);
		json_put_int(object, "claimed", at->files.claimed);
		if (!at->known)
			continue;
		json_put_int(object, "master_rows", at->master_rows);
		json_put_int(object, "delta_rows", at->delta_rows);
		json_put_int(object, "unknown_keys", at->unknown_keys);
	}
}

static void put_load(struct json *root, const struct db_result *load)
{
	static const struct {
		const char *key;
		size_t column;
	} numbers[] = {
		{ "load_id", LOAD_ID }, { "age_seconds", LOAD_SECS },
		{ "ms", LOAD_MS }, { "messages", LOAD_MESSAGES },
		{ "duplicates", LOAD_DUPLICATES }, { "records", LOAD_RECORDS },
		{ "inserted", LOAD_INSERTED }, { "updated", LOAD_UPDATED },
		{ "unchanged", LOAD_UNCHANGED }, { "rejected", LOAD_REJECTED },
	};
	struct json *object;

	if (db_rows(load) == 0) {
		json_put_null(root, "last_load");
		return;
	}
	object = json_put_object(root, "last_load");
	json_put_text(object, "committed_at", db_value(load, 0, LOAD_AT));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		json_put_int(object, numbers[i].key,
			db_int(load, 0, numbers[i].column));
}

static void put_age(struct json *object, const char *key, int64_t secs)
{
	if (secs < 0)
		json_put_null(object, key);
	else
		json_put_int(object, key, secs);
}

/* What only the database knows; absent when it could not be asked. */
static void put_loaded(struct json *root, const struct status *status)
{
	struct json *object = json_put_object(root, "records");
	struct json *array;

	json_put_int(object, "last_minute", status->last_minute);
	json_put_int(object, "last_10_minutes", status->last_ten_minutes);
	object = json_put_object(root, "rejects");
	json_put_int(object, "total", status->rejects);
	object = json_put_object(object, "last_hour");
	for (size_t i = 0; i < db_rows(status->reject_codes); i++)
		json_put_int(object, db_value(status->reject_codes, i, 0),
			db_int(status->reject_codes, i, 1));
	array = json_put_array(root, "stale_models");
	for (size_t i = 0; i < db_rows(status->stale); i++) {
		object = json_add_object(array);
		json_put_text(object, "model", db_value(status->stale, i, 0));
		json_put_text(object, "error", db_value(status->stale, i, 1));
	}
	array = json_put_array(root, "failing_notifications");
	for (size_t i = 0; i < db_rows(status->failing); i++) {
		object = json_add_object(array);
		json_put_text(object, "target",
			db_value(status->failing, i, 0));
		json_put_int(object, "waiting", db_int(status->failing, i, 1));
		json_put_int(object, "attempts",
			db_int(status->failing, i, 2));
		json_put_text(object, "error",
			db_value(status->failing, i, 3));
		json_put_int(object, "given_up",
			db_int(status->failing, i, 4));
	}
	put_load(root, status->load);
}

static bool print_json(struct status *status, struct err *err)
{
	struct json *root = json_object();
	const bool asked = status->load != NULL;
	struct json *object, *array;
	char now[CLOCK_TEXT];

	clock_format_us(clock_wall_us(), now);
	json_put_text(root, "time", now);
	put_server(root, "database", &status->database);
	if (status->has_broker)
		put_server(root, "broker", &status->broker);
	else
		json_put_null(root, "broker");
	if (status->has_broker) {
		status_put_daemon(root, "producer", &status->producer);
		status_put_daemon(root, "consumer", &status->consumer);
	}
	put_queues(json_put_array(root, "queues"), status);
	put_datasets(json_put_array(root, "datasets"), status);
	array = json_put_array(root, "endpoints");
	for (size_t i = 0; i < status->endpoint_count; i++)
		api_facts_json(&status->endpoints[i], json_add_object(array));
	object = json_put_object(root, "sources");
	json_put_int(object, "waiting", status_waiting(status));
	json_put_int(object, "claimed", status_claimed(status));
	if (asked) {
		json_put_int(object, "arriving", status->arriving);
		json_put_int(object, "complete", status->complete);
	}
	object = json_put_object(root, "lag");
	put_age(object, "oldest_claimed_seconds", status->claimed_secs);
	if (asked) {
		put_age(object, "oldest_arriving_seconds",
			status->arriving > 0 ? status->arriving_secs : -1);
		put_loaded(root, status);
	}
	return output_json(root, err);
}

/* -- the verb --------------------------------------------------- */

static int run(const struct cmd_context *context)
{
	static const struct arg none[] = { { .name = NULL } };
	struct status status;
	struct err err = { 0 };
	size_t count;
	bool ok;
	int code;

	if (!args_parse(context, none, NULL, 0, &count, &err))
		return cmd_usage(&cmd_status, "%s", err.text);
	ok = status_gather(context->config, &status, &err);
	ok = ok && (context->json ? print_json(&status, &err) :
		show(&status, &err));
	code = ok ? status_code(&status) : cmd_fail(&err);
	status_clear(&status);
	return code;
}

const struct cmd cmd_status = {
	.name = "status",
	.usage = "",
	.summary = "servers, queues, files, rates, lag, rejects, models",
	.help =
"One screen:\n"
"  servers    reachable or why not, version, address\n"
"  producer,  whether each does its work, or what keeps it from it: a server\n"
"  consumer   that is away, a full queue or disk, a dataset whose table takes\n"
"             nothing (asked at producer_http and consumer_http)\n"
"  queues     of each pipeline and of its dead letters: messages ready, who\n"
"             consumes\n"
"  datasets   files waiting in the folder, files there whose names are not\n"
"             taken (ignored), files claimed by the producer; rows of master\n"
"             and delta as the loads counted them (what was removed since is\n"
"             not seen); keys of records that no column takes\n"
"  endpoints  HTTP APIs that have a schedule or were asked: last check, last\n"
"             change, next run, calls left today, records, errors, the last\n"
"             error (see `sluice help api`)\n"
"  sources    complete: every record accounted for; arriving: chunks or the\n"
"             manifest are still to come\n"
"  records    loaded in the last minute and the last ten\n"
"  lag        age of the oldest claimed file and of the oldest source that is\n"
"             not complete\n"
"  rejects    not resolved, in all; by code for the last hour\n"
"  models     stale ones and why\n"
"  notify     targets that do not take their notifications; absent when all do\n"
"  last load  the consumer's latest transaction that had records\n"
"\n"
"--json: time; database and broker {reachable, address, version, error}\n"
"(broker is null where the settings say there is none); producer and\n"
"consumer {http, answers, ready, reasons[], notes[]};\n"
"queues[] {queue, pipeline, dead, exists, ready, consumers}; datasets[]\n"
"{pipeline, dataset, folder, waiting, ignored, claimed (-1: may not be read),\n"
"master_rows, delta_rows, unknown_keys}; endpoints[] as `sluice --json api\n"
"list` has them; sources {waiting,\n"
"claimed, arriving, complete}; lag {oldest_claimed_seconds,\n"
"oldest_arriving_seconds}; records {last_minute, last_10_minutes}; rejects\n"
"{total, last_hour {CODE: n}}; stale_models[] {model, error};\n"
"failing_notifications[] {target, waiting, attempts, error, given_up}; last_load\n"
"{load_id, committed_at, age_seconds, ms, messages, duplicates, records,\n"
"inserted, updated, unchanged, rejected}. What only the database knows is\n"
"absent when it cannot be asked.\n"
"\n"
"  sluice status\n"
"  sluice --json status | jq .sources\n"
"\n"
"Asks PostgreSQL as the reader and RabbitMQ as the tap. Exits 0, 69 when a\n"
"server is not there (the rest is shown all the same), 78 when one refuses\n"
"the account or lacks what `sluice apply` makes.",
	.run = run,
};
