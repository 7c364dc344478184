/* doctor_broker.c - RabbitMQ, certificates, and our own daemons. */
#include "cli/connect.h"
#include "cli/doctor.h"
#include "common/cert.h"
#include "common/clock.h"
#include "common/http.h"
#include "common/pipeline_api.h"
#include "common/probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API_SECS 5
#define RETURN_MS 5000
#define SOON_DAYS 21
#define NOBODY "sluice-doctor.nobody"

void check_broker(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	struct err err = { 0 };

	doctor->tap = connect_broker(config, &config->tap, &err);
	if (doctor->tap == NULL)
		doctor_say(doctor, GRADE_PROBLEM, "start it; check broker_host, "
			"broker_port, broker_vhost and the tap's password, or "
			"run `sluice apply`", "%s", err.text);
	else
		doctor_say(doctor, GRADE_OK, NULL, "RabbitMQ %s at %s:%" PRId64
			", virtual host %s", broker_version(doctor->tap),
			config->broker_host, config->broker_port,
			config->broker_vhost);
}

/* -- queues ---------------------------------------------------------------- */

static void look_at_length(struct doctor *doctor, const char *name,
	const struct json *queue)
{
	const int64_t bytes = json_int(json_get(queue, "message_bytes"), 0);
	const int64_t most = doctor->config->queue_max_bytes;

	if (most > 0 && bytes > most / 5 * 4)
		doctor_say(doctor, GRADE_WARN, "look why the consumer does not "
			"keep up: `sluice status --why`",
			"%s holds %" PRId64 " of %" PRId64 " bytes", name,
			bytes, most);
}

static void look_at_arguments(struct doctor *doctor, const char *name,
	const struct json *queue)
{
	const struct json *arguments = json_get(queue, "arguments");
	const char *type = json_text(json_get(queue, "type"));
	const char *overflow = json_text(json_get(arguments, "x-overflow"));

	if (type == NULL || strcmp(type, "quorum") != 0)
		doctor_say(doctor, GRADE_PROBLEM, "let it run empty, delete it, "
			"run `sluice apply`", "%s is a %s queue, not a quorum "
			"queue", name, type != NULL ? type : "?");
	if (overflow == NULL || strcmp(overflow, "reject-publish") != 0)
		doctor_say(doctor, GRADE_PROBLEM, "let it run empty, delete it, "
			"run `sluice apply`; remove a policy that says otherwise",
			"%s does not refuse when it is full (x-overflow %s)",
			name, overflow != NULL ? overflow : "drop-head");
	if (json_text(json_get(queue, "policy")) != NULL)
		doctor_say(doctor, GRADE_WARN, "make sure that it sets no "
			"message-ttl, max-length or expires",
			"policy %s applies to %s",
			json_text(json_get(queue, "policy")), name);
}

/* *known: the management API has answered. */
static bool look_at_queue(struct doctor *doctor, struct manage *manage,
	const char *name, bool *known)
{
	const char *words[] = { "queues", doctor->config->broker_vhost, name,
		NULL };
	uint32_t ready, consumers;
	struct err err = { 0 };
	struct json *queue = NULL;
	bool found;

	if (!broker_inspect(doctor->tap, name, &found, &ready, &consumers,
		&err)) {
		doctor_say(doctor, GRADE_PROBLEM, "has it a leader? "
			"rabbitmqctl list_queues name leader", "%s", err.text);
		return false;
	}
	if (!found) {
		doctor_say(doctor, GRADE_PROBLEM, "run `sluice apply`",
			"%s is missing", name);
		return true;
	}
	if (*known && !manage_get(manage, words, &queue, &err)) {
		*known = false;
		doctor_say(doctor, GRADE_WARN, "check broker_api, admin_user "
			"and its password", "types and settings are not known: "
			"%s", err.text);
	}
	if (queue != NULL) {
		look_at_arguments(doctor, name, queue);
		look_at_length(doctor, name, queue);
	}
	json_free(queue);
	return true;
}

void check_queues(struct doctor *doctor)
{
	const size_t before = doctor->count;
	struct manage manage;
	struct err err = { 0 };
	bool known, ok = true;
	char name[128];

	if (doctor->tap == NULL || doctor->plan == NULL)
		return;
	known = manage_init(&manage, doctor->config, &err);
	manage.timeout_secs = API_SECS;
	for (size_t i = 0; ok && i < doctor->plan->set.count * 2; i++) {
		(void)snprintf(name, sizeof(name), "sluice.%s%s",
			doctor->plan->set.pipelines[i / 2].name,
			i % 2 == 1 ? ".dead" : "");
		ok = look_at_queue(doctor, &manage, name, &known);
	}
	manage_clear(&manage);
	if (doctor->count == before)
		doctor_say(doctor, GRADE_OK, NULL, "%zu quorum queues that "
			"refuse when they are full",
			doctor->plan->set.count * 2);
}

/* -- alarms ---------------------------------------------------------------- */

static bool is_true(const struct json *value)
{
	struct buf text = { 0 };
	struct err err = { 0 };
	const bool yes = value != NULL && json_print(value, false, &text,
		&err) && text.data != NULL && strcmp(text.data, "true") == 0;

	buf_clear(&text);
	return yes;
}

void check_alarms(struct doctor *doctor)
{
	static const char *const words[] = { "nodes", NULL };
	struct json *nodes = NULL;
	struct manage manage;
	struct err err = { 0 };
	size_t alarms = 0;
	bool ok;

	ok = manage_init(&manage, doctor->config, &err);
	manage.timeout_secs = API_SECS;
	ok = ok && manage_get(&manage, words, &nodes, &err);
	manage_clear(&manage);
	if (!ok || nodes == NULL) {
		doctor_say(doctor, GRADE_WARN, "check broker_api, admin_user "
			"and its password", "not known: %s", err.text);
		return;
	}
	for (size_t i = 0; i < json_size(nodes); i++) {
		const struct json *node = json_at(nodes, i);
		const bool memory = is_true(json_get(node, "mem_alarm"));
		const bool disk = is_true(json_get(node, "disk_free_alarm"));

		alarms += memory + disk;
		if (memory)
			doctor_say(doctor, GRADE_PROBLEM, "give it memory; "
				"publishers wait until then", "memory alarm");
		if (disk)
			doctor_say(doctor, GRADE_PROBLEM, "make room on its "
				"disk; publishers wait until then",
				"disk alarm");
	}
	json_free(nodes);
	if (alarms == 0)
		doctor_say(doctor, GRADE_OK, NULL, "none");
}

/* -- a message for nobody -------------------------------------------------- */

/* Until the broker has said what became of it. */
static bool await_return(struct broker *broker, bool *returned, bool *blocked,
	struct err *err)
{
	const int64_t end = clock_now_ms() + RETURN_MS;

	*returned = *blocked = false;
	while (clock_now_ms() < end) {
		struct broker_event event = { 0 };

		if (!broker_wait(broker, -1, 500, &event, err))
			return false;
		delivery_free(event.delivery);
		*returned = *returned || event.kind == BROKER_RETURNED;
		*blocked = *blocked || event.kind == BROKER_BLOCKED;
		if (event.kind == BROKER_ACKED || *blocked)
			return true;
	}
	return err_set(err, ERR_RETRY, "no answer");
}

static bool publish(struct broker *broker, const struct config *config,
	struct err *err)
{
	const struct message message = { .exchange = EXCHANGE,
		.routing_key = NOBODY, .message_id = NOBODY,
		.content_type = TYPE_JSON, .user_id = config->producer.user,
		.body = { "{}", 2 } };
	uint64_t tag;

	return broker_publish(broker, &message, &tag, err);
}

void check_unroutable(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	bool returned = false, blocked = false, blocks = false;
	struct err err = { 0 };
	struct broker *broker;
	bool ok;

	if (doctor->tap == NULL)
		return;
	broker = connect_broker(config, &config->producer, &err);
	ok = broker != NULL && broker_confirm_mode(broker, &err) &&
		broker_blocks(broker, &blocks, &err);
	if (ok && !blocks)
		ok = publish(broker, config, &err) && await_return(broker,
			&returned, &blocked, &err);
	broker_close(broker);
	if (!ok)
		doctor_say(doctor, GRADE_WARN, "check the producer's password, "
			"or run `sluice apply`", "not known: %s", err.text);
	else if (blocks || blocked)
		doctor_say(doctor, GRADE_WARN, "see `alarms`",
			"not known: the broker takes nothing now");
	else if (!returned)
		doctor_say(doctor, GRADE_PROBLEM, "unbind the queue that takes "
			"everything from exchange sluice (or sluice.dead): "
			"what has no queue of its own gets lost in it",
			"a message for nobody was taken");
	else
		doctor_say(doctor, GRADE_OK, NULL, "it came back");
}

/* -- certificates ---------------------------------------------------------- */

static void look_at_certificate(struct doctor *doctor, const char *what,
	const char *host, int port, enum cert_kind kind)
{
	struct err err = { 0 };
	int64_t days;

	if (!cert_days_left(host, port, kind, &days, &err))
		doctor_say(doctor, GRADE_WARN, NULL, "%s: not known: %s", what,
			err.text);
	else
		doctor_say(doctor, days < 0 ? GRADE_PROBLEM :
			days < SOON_DAYS ? GRADE_WARN : GRADE_OK,
			days < SOON_DAYS ? "renew it" : NULL,
			days < 0 ? "%s: over since %" PRId64 " days" :
				"%s: %" PRId64 " days left", what,
			days < 0 ? -days : days);
}

static void look_at_url(struct doctor *doctor, const char *what,
	const char *url)
{
	char host[256];
	const char *at, *end;
	int port = 443;
	size_t len;

	if (url == NULL || strncmp(url, "https://", 8) != 0)
		return;
	at = url + 8;
	len = strcspn(at, "/?#");
	end = memchr(at, ':', len);
	if (end != NULL && at[0] != '[') {
		port = (int)strtol(end + 1, NULL, 10);
		len = (size_t)(end - at);
	}
	if (len == 0 || len >= sizeof(host) || at[0] == '[')
		return;
	(void)snprintf(host, sizeof(host), "%.*s", (int)len, at);
	look_at_certificate(doctor, what, host, port, CERT_TLS);
}

static bool asked_before(const struct plan *plan, size_t pipeline, size_t at,
	const char *url)
{
	for (size_t p = 0; p <= pipeline; p++)
		for (size_t d = 0; d < plan->set.pipelines[p].dataset_count &&
			(p < pipeline || d < at); d++) {
			const struct pipeline_api *api =
				plan->set.pipelines[p].datasets[d].api;

			if (api != NULL && strncmp(api->url, url,
				8 + strcspn(url + 8, "/?")) == 0)
				return true;
		}
	return false;
}

void check_certificates(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	const size_t before = doctor->count;
	const char *mode = config->database_sslmode;

	if (doctor->db != NULL && mode != NULL &&
		strncmp(mode, "verify", 6) == 0)
		look_at_certificate(doctor, "PostgreSQL",
			config->database_host, (int)config->database_port,
			CERT_POSTGRES);
	if (config->broker && config->broker_tls)
		look_at_certificate(doctor, "RabbitMQ", config->broker_host,
			(int)config->broker_port, CERT_TLS);
	if (config->broker)
		look_at_url(doctor, "broker_api", config->broker_api);
	if (config->object_store == OBJECTS_IN_S3)
		look_at_url(doctor, "s3_endpoint", config->s3_endpoint);
	for (size_t p = 0; doctor->plan != NULL &&
		p < doctor->plan->set.count; p++)
		for (size_t d = 0;
			d < doctor->plan->set.pipelines[p].dataset_count; d++) {
			const struct dataset *dataset =
				&doctor->plan->set.pipelines[p].datasets[d];

			if (dataset->api != NULL && dataset->api->url != NULL &&
				(dataset->api->every_secs > 0 ||
					dataset->api->cron != NULL) &&
				!asked_before(doctor->plan, p, d,
					dataset->api->url))
				look_at_url(doctor, dataset->name,
					dataset->api->url);
		}
	if (doctor->count == before)
		doctor_say(doctor, GRADE_OK, NULL, "no server is asked by TLS");
}

/* -- daemons --------------------------------------------------------------- */

static bool read_version(const char *address, char version[64])
{
	static const char mark[] = "version=\"";
	struct http_request request = { .method = "GET", .plain = true,
		.timeout_secs = API_SECS };
	struct buf url = { 0 }, text = { 0 };
	struct err err = { 0 };
	const char *at = NULL;
	long status = 0;

	if (buf_printf(&url, &err, "http://%s/metrics", address)) {
		request.url = url.data;
		if (http_fetch(&request, &status, &text, &err) &&
			status == 200 && text.data != NULL)
			at = strstr(text.data, "\nsluice_build_info{");
	}
	if (at != NULL)
		at = strstr(at, mark);
	version[0] = '\0';
	if (at != NULL)
		(void)snprintf(version, 64, "%.*s",
			(int)strcspn(at + strlen(mark), "\""),
			at + strlen(mark));
	buf_clear(&url);
	buf_clear(&text);
	return version[0] != '\0';
}

static void look_at_daemon(struct doctor *doctor, const char *name,
	const char *address)
{
	struct buf text = { 0 };
	struct err err = { 0 };
	char version[64];
	bool ready = false;

	if (!probe_ask(address, &ready, &text, &err)) {
		doctor_say(doctor, GRADE_PROBLEM, "start it; its log says why "
			"it ended", "%s does not answer: %s", name, err.text);
	} else {
		if (!ready)
			doctor_say(doctor, GRADE_PROBLEM, "see `sluice status "
				"--why`", "%s waits: %.*s", name,
				(int)strcspn(text.data, "\n"), text.data);
		if (read_version(address, version) &&
			strcmp(version, SLUICE_VERSION) != 0)
			doctor_say(doctor, GRADE_WARN, "restart it",
				"%s is of version %s, this program of "
				SLUICE_VERSION, name, version);
		else if (ready)
			doctor_say(doctor, GRADE_OK, NULL, "%s is ready, "
				"version " SLUICE_VERSION, name);
	}
	buf_clear(&text);
}

void check_daemons(struct doctor *doctor)
{
	look_at_daemon(doctor, "producer", doctor->config->producer_http);
	look_at_daemon(doctor, "consumer", doctor->config->consumer_http);
}
