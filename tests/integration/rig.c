/* rig.c - a consumer in this process, on the test servers. */
#include "tests/integration/rig.h"
#include "common/clock.h"
#include "consumer/intake.h"
#include "consumer/loader.h"
#include "tests/integration/database.h"

#include <CUnit/CUnit.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUE "sluice.shop"

static const char shop_yaml[] =
	"pipeline: shop\n"
	"datasets:\n"
	"  items:\n"
	"    source: { directory: items }\n"
	"    table: raw.items\n"
	"    key: [id]\n"
	"    newest: at\n"
	"    columns:\n"
	"      - { name: id, type: text, max_length: 50 }\n"
	"      - { name: name, type: text, max_length: 10 }\n"
	"      - { name: n, type: integer }\n"
	"      - { name: at, type: timestamp }\n";
static const char more_yaml[] =
	"  more:\n"
	"    source: { directory: more }\n"
	"    table: raw.more\n"
	"    key: [id]\n"
	"    columns:\n"
	"      - { name: id, type: text, max_length: 50 }\n";

static struct {
	struct test_database base;
	char folder[64]; /* of pipelines */
	char vhost[64];
	struct config config;
	struct fate fate;
	struct queue *deliveries;
	struct intake *intake;
	struct loader *loader;
} rig;

static void must(bool ok, const struct err *err)
{
	if (ok)
		return;
	(void)fprintf(stderr, "failed: %s\n", err->text);
	CU_FAIL_FATAL("a call failed");
}

/* -- settings ----------------------------------------------------------- */

static void write_pipeline(const char *more)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/shop.yaml", rig.folder);
	file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	(void)fprintf(file, "%s%smodels: []\n", shop_yaml, more);
	CU_ASSERT_EQUAL(fclose(file), 0);
}

static void remove_pipeline(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/shop.yaml", rig.folder);
	(void)unlink(path);
	(void)rmdir(rig.folder);
}

/* The broker's administrator consumes and is the producer: a vhost of one's
 * own knows no other users. */
static void set_up(void)
{
	rig.config = rig.base.config;
	rig.config.broker_vhost = rig.vhost;
	(void)snprintf(rig.vhost, sizeof(rig.vhost), "%s", test_vhost());
	rig.config.consumer = rig.config.admin;
	rig.config.producer = rig.config.admin;
	rig.config.heartbeat_secs = 30; /* a busy machine loses no connection */
}

/* -- the database ------------------------------------------------------- */

struct db *rig_open_db(void)
{
	return test_database_session(&rig.base, &rig.base.config.owner);
}

struct db *rig_db(void)
{
	return rig.base.owner;
}

int64_t rig_int(const char *sql)
{
	return test_number(rig.base.owner, sql);
}

static void await_in(struct db *db, const char *sql, int64_t want)
{
	const int64_t until = clock_now_ms() + RIG_PATIENCE_MS;
	int64_t got;

	while ((got = test_number(db, sql)) != want && clock_now_ms() < until)
		(void)poll(NULL, 0, 10);
	if (got != want)
		(void)fprintf(stderr, "%s: %lld, not %lld\n", sql,
			(long long)got, (long long)want);
	CU_ASSERT_EQUAL_FATAL(got, want);
}

void rig_await(const char *sql, int64_t want)
{
	await_in(rig.base.owner, sql, want);
}

/* Only the same role sees what a session is at. */
void rig_await_session(const char *condition)
{
	char sql[512];

	(void)snprintf(sql, sizeof(sql),
		"select count(*) from pg_stat_activity where datname ="
		" current_database() and application_name ="
		" 'sluice-consumer' and %s", condition);
	await_in(rig.base.loader, sql, 1);
}

void rig_check(const char *sql, int64_t want)
{
	const int64_t got = rig_int(sql);

	if (got != want)
		(void)fprintf(stderr, "%s: %lld, not %lld\n", sql,
			(long long)got, (long long)want);
	CU_ASSERT_EQUAL(got, want);
}

void rig_check_text(const char *sql, const char *want)
{
	const char *got = test_value(rig.base.owner, sql);

	if (strcmp(got, want) != 0)
		(void)fprintf(stderr, "%s: '%s', not '%s'\n", sql, got, want);
	CU_ASSERT_STRING_EQUAL(got, want);
}

void rig_kill_backend(void)
{
	CU_ASSERT_EQUAL(test_number(rig.base.loader,
		"select count(pg_terminate_backend(pid))"
		" from pg_stat_activity where datname = current_database()"
		" and application_name = 'sluice-consumer'"), 1);
}

/* -- the broker --------------------------------------------------------- */

static struct broker *open_broker(void)
{
	const struct broker_options options = test_broker_options();
	struct err err = { 0 };
	struct broker *broker = broker_open(&options, &err);

	must(broker != NULL, &err);
	return broker;
}

static void delete_queue(const char *queue)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "/queues/%s/%s", test_vhost(),
		queue);
	(void)test_api("DELETE", path, NULL, NULL);
}

static void make_queues(void)
{
	struct broker *broker = open_broker();
	struct err err = { 0 };

	must(broker_declare_exchange(broker, EXCHANGE_DEAD, NULL, &err), &err);
	must(broker_declare_exchange(broker, EXCHANGE, EXCHANGE_DEAD, &err),
		&err);
	must(broker_declare_queue(broker, QUEUE, (int64_t)32 << 20,
		EXCHANGE_DEAD, &err), &err);
	must(broker_declare_queue(broker, QUEUE ".dead", (int64_t)32 << 20,
		NULL, &err), &err);
	must(broker_bind(broker, QUEUE, EXCHANGE, "shop.#", &err), &err);
	must(broker_bind(broker, QUEUE ".dead", EXCHANGE_DEAD, "shop.#", &err),
		&err);
	broker_close(broker);
}

static void await_confirm(struct broker *broker)
{
	struct broker_event event = { 0 };
	struct err err = { 0 };
	const int64_t until = clock_now_ms() + RIG_PATIENCE_MS;

	while (event.kind == BROKER_NOTHING && clock_now_ms() < until)
		must(broker_wait(broker, -1, 1000, &event, &err), &err);
	CU_ASSERT_EQUAL_FATAL(event.kind, BROKER_ACKED);
}

void rig_publish(const struct message *message)
{
	struct broker *broker = open_broker();
	struct message copy = *message;
	struct err err = { 0 };
	uint64_t tag;

	copy.exchange = EXCHANGE;
	copy.user_id = test_config()->admin.user;
	must(broker_confirm_mode(broker, &err), &err);
	must(broker_publish(broker, &copy, &tag, &err), &err);
	await_confirm(broker);
	broker_close(broker);
}

void rig_publish_json(const char *dataset, const char *body)
{
	char key[64];

	(void)snprintf(key, sizeof(key), "shop.%s", dataset);
	rig_publish(&(struct message){ .routing_key = key,
		.content_type = TYPE_JSON, .body = { body, strlen(body) } });
}

static struct envelope envelope_of(const struct uuid *drop, size_t first,
	size_t count)
{
	return (struct envelope){
		.kind = ENVELOPE_CHUNK,
		.drop = *drop,
		.lo = first * 100,
		.hi = (first + count) * 100,
		.source = { "items/a.json", 12 },
		.claimed_us = INT64_C(1700000000000000) + drop->bytes[0],
		.first_record = first + 1,
		.first_line = first + 1,
		.records = (uint32_t)count,
	};
}

static void publish_envelope(const struct envelope *envelope,
	struct bytes body)
{
	char id[ENVELOPE_ID_TEXT];
	struct message message = { .routing_key = "shop.items", .body = body };

	envelope_encode(envelope, id, &message);
	rig_publish(&message);
}

void rig_publish_chunk(const struct uuid *drop, size_t first,
	const char *const *records, size_t count)
{
	struct envelope envelope = envelope_of(drop, first, count);
	struct envelope_record previous = { .offset = envelope.lo,
		.line = envelope.first_line };
	struct buf body = { 0 };
	struct buf index = { 0 };
	struct err err = { 0 };

	for (size_t i = 0; i < count; i++) {
		const struct envelope_record record = {
			.offset = (first + i) * 100,
			.length = (uint32_t)strlen(records[i]),
			.line = first + i + 1,
		};

		must(envelope_index_add(&index, &previous, &record, &err) &&
			buf_add_str(&body, records[i], &err) &&
			buf_add_char(&body, '\n', &err), &err);
	}
	envelope.index = (struct bytes){ index.data, index.len };
	envelope.crc = crc32c(0, body.data, body.len);
	publish_envelope(&envelope, (struct bytes){ body.data, body.len });
	buf_clear(&body);
	buf_clear(&index);
}

void rig_publish_replay(const struct uuid *drop, size_t at, uint32_t n,
	uint64_t refused_len, const char *record)
{
	struct envelope envelope = envelope_of(drop, at, 1);
	struct envelope_record previous = { .offset = at * 100,
		.line = envelope.first_line };
	const struct envelope_record place = { .offset = at * 100,
		.length = (uint32_t)strlen(record),
		.line = envelope.first_line };
	struct buf body = { 0 };
	struct buf index = { 0 };
	struct err err = { 0 };

	must(envelope_index_add(&index, &previous, &place, &err) &&
		buf_add_str(&body, record, &err) &&
		buf_add_char(&body, '\n', &err), &err);
	envelope.hi = envelope.lo + refused_len;
	envelope.replay = n;
	envelope.index = (struct bytes){ index.data, index.len };
	envelope.crc = crc32c(0, body.data, body.len);
	publish_envelope(&envelope, (struct bytes){ body.data, body.len });
	buf_clear(&body);
	buf_clear(&index);
}

void rig_publish_manifest(const struct uuid *drop, size_t records,
	size_t chunks)
{
	struct envelope envelope = envelope_of(drop, records, 0);

	envelope.kind = ENVELOPE_MANIFEST;
	envelope.format = (struct bytes){ "ndjson", 6 };
	envelope.size = records * 100;
	envelope.file_size = records * 100;
	envelope.chunks = chunks;
	envelope.all_records = records;
	publish_envelope(&envelope, (struct bytes){ "", 0 });
}

int64_t rig_queue_len(void)
{
	struct broker *broker = open_broker();
	uint32_t ready = 0, consumers = 0;
	bool found = false;
	struct err err = { 0 };

	must(broker_inspect(broker, QUEUE, &found, &ready, &consumers, &err),
		&err);
	broker_close(broker);
	CU_ASSERT_TRUE(found);
	return ready;
}

void rig_await_queue_len(int64_t messages)
{
	const int64_t until = clock_now_ms() + RIG_PATIENCE_MS;

	while (rig_queue_len() != messages && clock_now_ms() < until)
		(void)poll(NULL, 0, 10);
	CU_ASSERT_EQUAL_FATAL(rig_queue_len(), messages);
}

void rig_make_redelivered(size_t messages)
{
	struct broker *broker = open_broker();
	struct broker_event event;
	struct err err = { 0 };
	const int64_t until = clock_now_ms() + RIG_PATIENCE_MS;

	must(broker_consume(broker, QUEUE, 1000, &err), &err);
	while (messages > 0 && clock_now_ms() < until) {
		must(broker_wait(broker, -1, 1000, &event, &err), &err);
		messages -= event.kind == BROKER_DELIVERED;
		if (event.kind == BROKER_DELIVERED)
			delivery_free(event.delivery);
	}
	CU_ASSERT_EQUAL_FATAL(messages, 0);
	broker_close(broker);
}

void rig_renew_connection(void)
{
	const int64_t until = clock_now_ms() + RIG_PATIENCE_MS;

	intake_pause(rig.intake);
	while (intake_generation(rig.intake) != 0 && clock_now_ms() < until)
		(void)poll(NULL, 0, 10);
	CU_ASSERT_EQUAL_FATAL(intake_generation(rig.intake), 0);
	intake_resume(rig.intake);
	intake_go(rig.intake);
}

uint64_t rig_await_connection(uint64_t past)
{
	const int64_t until = clock_now_ms() + RIG_PATIENCE_MS;
	uint64_t now;

	while (((now = intake_generation(rig.intake)) == 0 || now == past) &&
		clock_now_ms() < until)
		(void)poll(NULL, 0, 10);
	CU_ASSERT_TRUE_FATAL(now != 0 && now != past);
	return now;
}

void rig_await_wide(size_t messages)
{
	const int64_t until = clock_now_ms() + RIG_PATIENCE_MS;

	while (intake_wide(rig.intake) != messages && clock_now_ms() < until)
		(void)poll(NULL, 0, 10);
	CU_ASSERT_EQUAL_FATAL(intake_wide(rig.intake), messages);
}

void rig_await_deliveries(size_t count)
{
	const int64_t until = clock_now_ms() + RIG_PATIENCE_MS;

	while (queue_len(rig.deliveries) != count && clock_now_ms() < until)
		(void)poll(NULL, 0, 10);
	CU_ASSERT_EQUAL_FATAL(queue_len(rig.deliveries), count);
}

/* -- the consumer ------------------------------------------------------- */

void rig_set_prefetch(int prefetch)
{
	rig.config.prefetch = prefetch;
}

void rig_set_batch_bytes(int64_t bytes)
{
	rig.config.batch_bytes = bytes;
}

void rig_start_consumer(void)
{
	struct err err = { 0 };
	struct plan *plan = plan_read(&rig.config, &err);

	must(plan != NULL, &err);
	must(fate_init(&rig.fate, &err), &err);
	rig.deliveries = queue_new(1000, (size_t)32 << 20, &err);
	must(rig.deliveries != NULL, &err);
	rig.intake = intake_start(&rig.config, &plan->set, rig.deliveries,
		&rig.fate, &err);
	must(rig.intake != NULL, &err);
	rig.loader = loader_start(&rig.config, plan, rig.deliveries,
		rig.intake, &rig.fate, NULL, NULL, NULL, &err);
	must(rig.loader != NULL, &err);
	intake_go(rig.intake);
}

void rig_stop_consumer(void)
{
	struct parcel *parcel;

	if (rig.loader == NULL)
		return;
	queue_close(rig.deliveries);
	fate_stop(&rig.fate);
	loader_join(rig.loader);
	rig.loader = NULL;
	intake_stop(rig.intake);
	while ((parcel = queue_pop(rig.deliveries, 0)) != NULL)
		parcel_free(parcel);
	queue_free(rig.deliveries);
	CU_ASSERT_FALSE(fate_ended(&rig.fate));
	fate_clear(&rig.fate);
}

void rig_make(void)
{
	if (rig.base.owner != NULL) /* a test before this one failed half-way */
		rig_drop();
	log_setup(LOG_ERROR, LOG_LOGFMT);
	(void)snprintf(rig.folder, sizeof(rig.folder),
		"/tmp/sluice-rig-XXXXXX");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(rig.folder));
	write_pipeline("");
	test_database_open(&rig.base, "rig", rig.folder, NULL);
	set_up();
	make_queues();
}

void rig_add_dataset(void)
{
	write_pipeline(more_yaml);
	test_database_apply(&rig.base);
}

void rig_drop(void)
{
	rig_stop_consumer();
	test_exec(rig.base.owner,
		"select pg_terminate_backend(pid) from pg_stat_activity"
		" where datname = current_database() and usename ="
		" current_user and pid <> pg_backend_pid()");
	test_database_close(&rig.base);
	rig.base.owner = NULL;
	delete_queue(QUEUE);
	delete_queue(QUEUE ".dead");
	remove_pipeline();
}
