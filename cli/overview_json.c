/* overview_json.c - the overview for programs. */
#include "cli/api.h"
#include "cli/overview.h"
#include "common/clock.h"

static void put_server(struct json *root, const char *key,
	const struct overview_server *server)
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

static void put_daemon(struct json *root, const char *name,
	const struct overview_daemon *daemon)
{
	struct json *object = json_put_object(root, name), *reasons, *notes;
	struct buf text = { 0 };
	struct err err = { 0 };
	const char *line;
	size_t at = 0, len;
	bool is_note;

	json_put_text(object, "http", daemon->address);
	json_put_bool(object, "answers", daemon->there);
	json_put_bool(object, "ready", daemon->ready);
	reasons = json_put_array(object, "reasons");
	notes = json_put_array(object, "notes");
	while ((line = overview_says(daemon, &at, &len, &is_note)) != NULL) {
		buf_reset(&text);
		if (buf_add(&text, line, len, &err))
			json_add_text(is_note ? notes : reasons, text.data);
	}
	buf_clear(&text);
}

/* A number that may be unknown. */
static void put_known(struct json *object, const char *key, int64_t value)
{
	if (value < 0)
		json_put_null(object, key);
	else
		json_put_int(object, key, value);
}

static void put_queues(struct json *array, const struct overview *overview)
{
	for (size_t i = 0; i < overview->queue_count; i++) {
		const struct overview_queue *queue = &overview->queues[i];
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

static void put_counts(struct json *object,
	const struct overview_counts *counts)
{
	json_put_int(object, "files", counts->files);
	put_known(object, "published", counts->published);
	json_put_int(object, "records", counts->records);
	json_put_int(object, "loaded", counts->loaded);
	json_put_int(object, "rejected", counts->rejected);
	json_put_int(object, "filtered", counts->filtered);
}

static void put_datasets(struct json *array, const struct overview *overview)
{
	for (size_t i = 0; i < overview->dataset_count; i++) {
		const struct overview_dataset *at = &overview->datasets[i];
		struct json *object = json_add_object(array);

		json_put_text(object, "pipeline", at->dataset->pipeline->name);
		json_put_text(object, "dataset", at->dataset->name);
		json_put_bool(object, "folder", at->files.there);
		json_put_int(object, "waiting", at->files.waiting);
		json_put_int(object, "ignored", at->files.ignored);
		json_put_int(object, "claimed", at->files.claimed);
		put_known(object, "lag_seconds", at->lag_secs);
		if (!at->known)
			continue;
		json_put_int(object, "master_rows", at->master_rows);
		json_put_int(object, "delta_rows", at->delta_rows);
		json_put_int(object, "unknown_keys", at->unknown_keys);
		put_counts(json_put_object(object, "counts"), &at->counts);
	}
}

static void put_sources(struct json *array, const struct overview *overview)
{
	for (size_t i = 0; i < overview->source_count; i++) {
		const struct overview_source *at = &overview->sources[i];
		struct json *object = json_add_object(array);

		json_put_text(object, "drop_id", at->drop);
		json_put_text(object, "name", at->name);
		json_put_text(object, "dataset", at->dataset);
		json_put_bool(object, "reading", at->reading);
		put_known(object, "bytes", at->size);
		put_known(object, "bytes_published", at->bytes_sent);
		json_put_int(object, "bytes_committed", at->bytes_done);
		put_known(object, "records", at->records);
		put_known(object, "records_published", at->records_sent);
		json_put_int(object, "records_committed", at->records_done);
		json_put_int(object, "rejected", at->rejected);
		json_put_int(object, "age_seconds", at->age_secs);
	}
}

static void put_load(struct json *object, const struct overview_load *load)
{
	json_put_int(object, "load_id", load->id);
	json_put_int(object, "age_seconds", load->age_secs);
	json_put_int(object, "ms", load->ms);
	json_put_int(object, "messages", load->messages);
	json_put_int(object, "duplicates", load->duplicates);
	json_put_int(object, "records", load->records);
	json_put_int(object, "inserted", load->inserted);
	json_put_int(object, "updated", load->updated);
	json_put_int(object, "unchanged", load->unchanged);
	json_put_int(object, "rejected", load->rejected);
	json_put_int(object, "filtered", load->filtered);
	json_put_text(object, "committed_at", load->at);
}

static void put_loads(struct json *root, const struct overview *overview)
{
	struct json *array;

	if (overview->load_count == 0)
		json_put_null(root, "last_load");
	else
		put_load(json_put_object(root, "last_load"),
			&overview->loads[0]);
	array = json_put_array(root, "loads");
	for (size_t i = 0; i < overview->load_count; i++)
		put_load(json_add_object(array), &overview->loads[i]);
}

static void put_rejects(struct json *object, const struct overview *overview)
{
	struct json *hour, *array;

	json_put_int(object, "total", overview->rejects);
	hour = json_put_object(object, "last_hour");
	for (size_t i = 0; i < overview->code_count; i++)
		json_put_int(hour, overview->codes[i].code,
			overview->codes[i].count);
	array = json_put_array(object, "causes");
	for (size_t i = 0; i < overview->cause_count; i++) {
		const struct overview_cause *cause = &overview->causes[i];
		struct json *at = json_add_object(array);

		json_put_text(at, "dataset", cause->dataset);
		json_put_text(at, "code", cause->code);
		json_put_int(at, "count", cause->count);
		json_put_int(at, "last_hour", cause->last_hour);
		json_put_int(at, "age_seconds", cause->age_secs);
		json_put_int(at, "latest", cause->latest);
	}
}

static void put_models(struct json *root, const struct overview *overview)
{
	struct json *array = json_put_array(root, "stale_models"), *at;

	for (size_t i = 0; i < overview->model_count; i++) {
		if (overview->models[i].fresh)
			continue;
		at = json_add_object(array);
		json_put_text(at, "model", overview->models[i].model);
		json_put_text(at, "error", overview->models[i].error);
	}
	array = json_put_array(root, "models");
	for (size_t i = 0; i < overview->model_count; i++) {
		const struct overview_model *model = &overview->models[i];

		at = json_add_object(array);
		json_put_text(at, "model", model->model);
		json_put_text(at, "materialized", model->materialized);
		json_put_text(at, "state", model->fresh ? "fresh" : "stale");
		json_put_int(at, "refreshes", model->refreshes);
		json_put_int(at, "changed_rows", model->changed_rows);
		json_put_int(at, "refresh_us", model->refresh_us);
		put_known(at, "age_seconds", model->age_secs);
	}
}

static void put_tests(struct json *array, const struct overview *overview)
{
	for (size_t i = 0; i < overview->test_count; i++) {
		const struct overview_test *test = &overview->tests[i];
		struct json *object = json_add_object(array);

		json_put_text(object, "pipeline", test->pipeline->name);
		json_put_text(object, "test", test->test->name);
		json_put_text(object, "severity", test_severity(test->test));
		if (test->outcome == NULL) {
			json_put_null(object, "outcome");
			continue;
		}
		json_put_text(object, "outcome", test->outcome);
		put_known(object, "failing", test->failing);
		json_put_text(object, "error", test->error);
		json_put_int(object, "ms", test->ms);
		json_put_int(object, "age_seconds", test->age_secs);
	}
}

static void put_failing(struct json *array, const struct db_result *failing)
{
	for (size_t i = 0; i < db_rows(failing); i++) {
		struct json *object = json_add_object(array);

		json_put_text(object, "target", db_value(failing, i, 0));
		json_put_int(object, "waiting", db_int(failing, i, 1));
		json_put_int(object, "attempts", db_int(failing, i, 2));
		json_put_text(object, "error", db_value(failing, i, 3));
		json_put_int(object, "given_up", db_int(failing, i, 4));
	}
}

/* What only the database knows; absent when it could not be asked. */
static void put_asked(struct json *root, const struct overview *overview)
{
	struct json *object = json_put_object(root, "records");

	json_put_int(object, "last_minute", overview->last_minute);
	json_put_int(object, "last_10_minutes", overview->last_ten_minutes);
	put_counts(json_put_object(root, "counts"), &overview->counts);
	put_rejects(json_put_object(root, "rejects"), overview);
	put_models(root, overview);
	put_tests(json_put_array(root, "tests"), overview);
	put_failing(json_put_array(root, "failing_notifications"),
		overview->failing);
	put_loads(root, overview);
}

static void put_totals(struct json *root, const struct overview *overview)
{
	struct json *object = json_put_object(root, "sources");

	json_put_int(object, "waiting", overview_waiting(overview));
	json_put_int(object, "claimed", overview_claimed(overview));
	if (overview->asked) {
		json_put_int(object, "arriving", overview->arriving);
		json_put_int(object, "complete", overview->complete);
	}
	object = json_put_object(root, "lag");
	put_known(object, "oldest_claimed_seconds", overview->claimed_secs);
	put_known(object, "oldest_seconds", overview->lag_secs);
	if (overview->asked)
		put_known(object, "oldest_arriving_seconds",
			overview->arriving > 0 ? overview->arriving_secs : -1);
}

static void put_gaps(struct json *array, const struct overview *overview)
{
	const struct err *why;
	const char *what;

	for (size_t i = 0; overview_gap(overview, i, &what, &why); i++) {
		struct json *object = json_add_object(array);

		json_put_text(object, "what", what);
		json_put_text(object, "why", why->text);
	}
}

void overview_json(const struct overview *overview, struct json *root)
{
	struct json *array;
	char now[CLOCK_TEXT];

	clock_format_us(overview->at_us, now);
	json_put_text(root, "time", now);
	put_server(root, "database", &overview->database);
	if (overview->has_broker) {
		put_server(root, "broker", &overview->broker);
		put_daemon(root, "producer", &overview->producer);
		put_daemon(root, "consumer", &overview->consumer);
	} else {
		json_put_null(root, "broker");
	}
	put_gaps(json_put_array(root, "unreachable"), overview);
	put_queues(json_put_array(root, "queues"), overview);
	put_datasets(json_put_array(root, "datasets"), overview);
	array = json_put_array(root, "endpoints");
	for (size_t i = 0; i < overview->endpoint_count; i++)
		api_facts_json(&overview->endpoints[i], json_add_object(array));
	put_totals(root, overview);
	put_sources(json_put_array(root, "in_progress"), overview);
	if (overview->asked)
		put_asked(root, overview);
}
