/* test_broker.c - the broker door against a real RabbitMQ. */
#include "common/clock.h"
#include "tests/integration/support.h"

#include <CUnit/CUnit.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 120000 /* for what must come; a test that waits so long
			   * has failed */
#define DROP "6f1c2d3e-4b5a-4978-8695-a4b3c2d1e0f1"

/* -- helpers ----------------------------------------------------------- */

static struct broker *open_with(const struct broker_options *options)
{
	struct err err = { 0 };
	struct broker *broker = broker_open(options, &err);

	if (broker == NULL) {
		(void)fprintf(stderr, "broker_open: %s\n", err.text);
		CU_FAIL_FATAL("no connection");
	}
	return broker;
}

static struct broker *open_broker(void)
{
	const struct broker_options options = test_broker_options();

	return open_with(&options);
}

/* Fails the test with the reason unless ok. */
static void must(bool ok, const struct err *err)
{
	if (ok)
		return;
	(void)fprintf(stderr, "failed: %s\n", err->text);
	CU_FAIL_FATAL("a call failed");
}

/* A queue of that name, empty and bound to exchange `test`. */
static void make_queue(const char *queue, int64_t max_bytes)
{
	struct broker *broker = open_broker();
	struct err err = { 0 };

	must(broker_declare_exchange(broker, "test", NULL, &err), &err);
	must(broker_declare_queue(broker, queue, max_bytes, NULL, &err), &err);
	must(broker_bind(broker, queue, "test", queue, &err), &err);
	broker_close(broker);
}

static struct message message_to(const char *queue, const char *body)
{
	return (struct message){
		.exchange = "test",
		.routing_key = queue,
		.message_id = DROP ":0-1",
		.body = { body, strlen(body) },
	};
}

/* The next event; fails when none comes. */
static struct broker_event next_event(struct broker *broker)
{
	struct broker_event event = { 0 };
	struct err err = { 0 };
	const int64_t until = clock_now_ms() + PATIENCE_MS;

	while (event.kind == BROKER_NOTHING && clock_now_ms() < until)
		must(broker_wait(broker, -1, 1000, &event, &err), &err);
	return event;
}

static struct delivery *next_delivery(struct broker *broker)
{
	const struct broker_event event = next_event(broker);

	CU_ASSERT_EQUAL_FATAL(event.kind, BROKER_DELIVERED);
	CU_ASSERT_PTR_NOT_NULL_FATAL(event.delivery);
	CU_ASSERT_EQUAL(event.tag, event.delivery->tag);
	return event.delivery;
}

/* Publishes on a connection of its own and waits for the confirm. */
static void publish(const struct message *message)
{
	struct broker *broker = open_broker();
	struct err err = { 0 };
	uint64_t tag = 0;

	must(broker_confirm_mode(broker, &err), &err);
	must(broker_publish(broker, message, &tag, &err), &err);
	CU_ASSERT_EQUAL(tag, 1);
	CU_ASSERT_EQUAL(next_event(broker).kind, BROKER_ACKED);
	broker_close(broker);
}

static void publish_text(const char *queue, const char *body)
{
	const struct message message = message_to(queue, body);

	publish(&message);
}

/* Waits until the connection fails; the error it fails with. */
static struct err wait_for_failure(struct broker *broker)
{
	struct broker_event event;
	struct err err = { 0 };
	const int64_t until = clock_now_ms() + PATIENCE_MS;

	while (clock_now_ms() < until) {
		if (!broker_wait(broker, -1, 1000, &event, &err))
			return err;
		delivery_free(event.delivery);
	}
	CU_FAIL("the connection does not fail");
	return err;
}

static void check_text(const struct err *err, const char *part)
{
	if (strstr(err->text, part) != NULL)
		return;
	(void)fprintf(stderr, "'%s' lacks '%s'\n", err->text, part);
	CU_FAIL("another error text");
}

/* -- publishing and consuming ------------------------------------------ */

static void a_message_is_confirmed_and_arrives_whole(void)
{
	struct message sent = message_to("whole", "{\"a\":1}\n{\"b\":2}\n");
	struct broker *broker;
	struct delivery *got;
	struct err err = { 0 };

	make_queue("whole", 0);
	sent.type = "chunk";
	sent.content_type = TYPE_NDJSON;
	sent.user_id = test_config()->admin.user;
	sent.app_id = "test";
	sent.headers[0] = (struct header){ .name = "max", .is_int = true,
		.i = INT64_MAX };
	sent.headers[1] = (struct header){ .name = "min", .is_int = true,
		.i = INT64_MIN };
	sent.headers[2] = (struct header){ .name = "raw",
		.s = { "\0\xff\n", 3 } };
	sent.headers[3] = (struct header){ .name = "text",
		.s = { "gr\xc3\xbc\xc3\x9f", 6 } };
	sent.headers[4] = (struct header){ .name = "empty", .s = { "", 0 } };
	sent.header_count = 5;
	publish(&sent);

	broker = open_broker();
	must(broker_consume(broker, "whole", 10, &err), &err);
	got = next_delivery(broker);
	CU_ASSERT_STRING_EQUAL(got->queue, "whole");
	CU_ASSERT_FALSE(got->redelivered);
	CU_ASSERT_STRING_EQUAL(got->message.exchange, "test");
	CU_ASSERT_STRING_EQUAL(got->message.routing_key, "whole");
	CU_ASSERT_STRING_EQUAL(got->message.message_id, sent.message_id);
	CU_ASSERT_STRING_EQUAL(got->message.type, "chunk");
	CU_ASSERT_STRING_EQUAL(got->message.content_type, TYPE_NDJSON);
	CU_ASSERT_STRING_EQUAL(got->message.user_id, sent.user_id);
	CU_ASSERT_STRING_EQUAL(got->message.app_id, "test");
	CU_ASSERT_EQUAL_FATAL(got->message.body.len, sent.body.len);
	CU_ASSERT_EQUAL(memcmp(got->message.body.data, sent.body.data,
		sent.body.len), 0);
	CU_ASSERT_TRUE(got->weight >= sent.body.len);
	CU_ASSERT_EQUAL_FATAL(got->message.header_count, 5);
	for (size_t i = 0; i < 5; i++) {
		const struct header *a = &sent.headers[i];
		const struct header *b = &got->message.headers[i];

		CU_ASSERT_STRING_EQUAL(b->name, a->name);
		CU_ASSERT_EQUAL(b->is_int, a->is_int);
		CU_ASSERT_EQUAL(b->i, a->i);
		CU_ASSERT_EQUAL_FATAL(b->s.len, a->s.len);
		CU_ASSERT_TRUE(a->s.len == 0 ||
			memcmp(b->s.data, a->s.data, a->s.len) == 0);
	}
	must(broker_ack(broker, got->tag, false, &err), &err);
	delivery_free(got);
	broker_close(broker);
}

static void absent_properties_stay_absent(void)
{
	struct message sent = message_to("absent", "x");
	struct broker *broker;
	struct delivery *got;
	struct err err = { 0 };

	make_queue("absent", 0);
	sent.message_id = NULL;
	sent.body.len = 0;
	publish(&sent);
	broker = open_broker();
	must(broker_consume(broker, "absent", 10, &err), &err);
	got = next_delivery(broker);
	CU_ASSERT_PTR_NULL(got->message.message_id);
	CU_ASSERT_PTR_NULL(got->message.type);
	CU_ASSERT_PTR_NULL(got->message.user_id);
	CU_ASSERT_EQUAL(got->message.header_count, 0);
	CU_ASSERT_EQUAL(got->message.body.len, 0);
	delivery_free(got);
	broker_close(broker);
}

/* What other clients may send: tables, lists, fractions, all integers. */
static void foreign_headers_are_harmless(void)
{
	static const char body[] =
		"{\"routing_key\":\"foreign\",\"payload\":\"[1]\","
		"\"payload_encoding\":\"string\",\"properties\":{"
		"\"content_type\":\"application/json\",\"headers\":{"
		"\"table\":{\"a\":{\"b\":[1,2,{}]}},\"list\":[1,\"x\"],"
		"\"float\":1.5,\"yes\":true,\"n\":-5,"
		"\"big\":5000000000,\"sluice-too-large\":1,\"s\":\"t\"}}}";
	struct broker *broker;
	struct delivery *got;
	struct err err = { 0 };
	char path[128];
	int64_t sum = 0;

	make_queue("foreign", 0);
	(void)snprintf(path, sizeof(path), "/exchanges/%s/test/publish",
		test_vhost());
	CU_ASSERT_TRUE_FATAL(test_api("POST", path, body, NULL));
	broker = open_broker();
	must(broker_consume(broker, "foreign", 10, &err), &err);
	got = next_delivery(broker);
	CU_ASSERT_EQUAL(got->message.header_count, 4);
	for (size_t i = 0; i < got->message.header_count; i++)
		sum += got->message.headers[i].i;
	CU_ASSERT_EQUAL(sum, 5000000000 - 5 + 1);
	CU_ASSERT_STRING_EQUAL(got->message.content_type, TYPE_JSON);
	delivery_free(got);
	broker_close(broker);
}

static void an_unroutable_message_comes_back_first(void)
{
	const struct message lost = message_to("nobody.listens", "{}\n");
	struct broker *broker = open_broker();
	struct broker_event event;
	struct err err = { 0 };
	uint64_t tag;

	must(broker_declare_exchange(broker, "test", NULL, &err), &err);
	must(broker_confirm_mode(broker, &err), &err);
	must(broker_publish(broker, &lost, &tag, &err), &err);
	event = next_event(broker);
	CU_ASSERT_EQUAL(event.kind, BROKER_RETURNED);
	CU_ASSERT_STRING_EQUAL(event.text, lost.message_id);
	event = next_event(broker);
	CU_ASSERT_EQUAL(event.kind, BROKER_ACKED);
	CU_ASSERT_EQUAL(event.tag, tag);
	broker_close(broker);
}

static void a_requeued_message_says_so(void)
{
	struct broker *broker;
	struct delivery *got;
	struct err err = { 0 };
	uint32_t ready = 9, consumers;
	bool found;

	make_queue("again", 0);
	publish_text("again", "{}\n");
	broker = open_broker();
	must(broker_consume(broker, "again", 1, &err), &err);
	got = next_delivery(broker);
	CU_ASSERT_FALSE(got->redelivered);
	must(broker_requeue(broker, got->tag, false, &err), &err);
	delivery_free(got);
	got = next_delivery(broker);
	CU_ASSERT_TRUE(got->redelivered);
	must(broker_ack(broker, got->tag, true, &err), &err);
	delivery_free(got);
	broker_close(broker);

	broker = open_broker();
	must(broker_inspect(broker, "again", &found, &ready, &consumers, &err),
		&err);
	CU_ASSERT_TRUE(found);
	CU_ASSERT_EQUAL(ready, 0);
	broker_close(broker);
}

static void unacknowledged_returns_with_the_connection(void)
{
	struct broker *broker;
	struct delivery *got;
	struct err err = { 0 };

	make_queue("return", 0);
	publish_text("return", "{}\n");
	broker = open_broker();
	must(broker_consume(broker, "return", 1, &err), &err);
	delivery_free(next_delivery(broker));
	broker_abort(broker);
	broker_close(broker);
	broker = open_broker();
	must(broker_consume(broker, "return", 1, &err), &err);
	got = next_delivery(broker);
	CU_ASSERT_TRUE(got->redelivered);
	delivery_free(got);
	broker_close(broker);
}

/* Waits until so many are ready in it. */
static void await_queue_len(const char *queue, uint32_t want)
{
	struct broker *broker = open_broker();
	struct err err = { 0 };
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	uint32_t ready, consumers;
	bool found;

	do {
		must(broker_inspect(broker, queue, &found, &ready, &consumers,
			     &err),
			&err);
	} while (ready != want && clock_now_ms() < until &&
		poll(NULL, 0, 10) == 0);
	CU_ASSERT_EQUAL(ready, want);
	broker_close(broker);
}

static void a_cancelled_consumer_keeps_what_it_has(void)
{
	const struct message more = message_to("fewer", "{}\n");
	struct broker *broker = open_broker();
	struct broker_event event;
	struct delivery *got;
	struct err err = { 0 };
	uint64_t tag;

	make_queue("fewer", 0);
	must(broker_consume(broker, "fewer", 1, &err), &err);
	must(broker_consume_more(broker, "fewer", 9, &err), &err);
	for (int i = 0; i < 3; i++)
		publish_text("fewer", "{}\n");
	await_queue_len("fewer", 0);
	must(broker_confirm_mode(broker, &err), &err);
	must(broker_cancel(broker, "fewer", &err), &err);
	for (int i = 0; i < 2; i++) /* on this channel: behind the cancel */
		must(broker_publish(broker, &more, &tag, &err), &err);
	await_queue_len("fewer", 2);
	must(broker_ack(broker, 3, true, &err), &err);
	await_queue_len("fewer", 1); /* the first consumer has its next */
	for (tag = 1; tag <= 4;) {
		event = next_event(broker);
		if (event.kind != BROKER_DELIVERED)
			continue; /* a confirm */
		got = event.delivery;
		CU_ASSERT_EQUAL(got->tag, tag++);
		CU_ASSERT_FALSE(got->redelivered);
		delivery_free(got);
	}
	broker_close(broker);
	await_queue_len("fewer", 2);
}

/* /proc: "5" makes the peak what is resident now. */
static void forget_peak(void)
{
	FILE *file = fopen("/proc/self/clear_refs", "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_TRUE_FATAL(fputs("5", file) >= 0);
	CU_ASSERT_EQUAL_FATAL(fclose(file), 0);
}

static long peak_kib(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	long kib = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	while (kib == 0 && fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, "VmHWM:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	(void)fclose(file);
	return kib;
}

/* The goodbye's answer comes behind all that was handed out. */
static void a_goodbye_reads_nothing_into_memory(void)
{
	const size_t len = (size_t)2 << 20;
	struct broker *broker = open_broker();
	char *body = calloc(1, len + 1);
	struct err err = { 0 };
	struct message message;
	long before;

	CU_ASSERT_PTR_NOT_NULL_FATAL(body);
	memset(body, ' ', len);
	make_queue("much", 0);
	message = message_to("much", body);
	must(broker_consume(broker, "much", 100, &err), &err);
	for (int i = 0; i < 24; i++)
		publish(&message);
	await_queue_len("much", 0);
	forget_peak();
	before = peak_kib();
	CU_ASSERT_TRUE(before > 0);
	broker_close(broker);
	CU_ASSERT_TRUE(peak_kib() - before < 8 << 10);
	await_queue_len("much", 24);
	free(body);
}

static void large_bodies_come_in_many_frames(void)
{
	const size_t len = 300000;
	char *body = malloc(len + 1);
	struct message sent;
	struct broker *broker;
	struct delivery *got;
	struct err err = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(body);
	for (size_t i = 0; i < len; i++)
		body[i] = (char)('a' + i * 7 % 26);
	body[len] = '\0';
	make_queue("large", 0);
	sent = message_to("large", body);
	publish(&sent);
	publish_text("large", "{}\n");
	broker = open_broker();
	must(broker_consume(broker, "large", 2, &err), &err);
	got = next_delivery(broker);
	CU_ASSERT_EQUAL_FATAL(got->message.body.len, len);
	CU_ASSERT_EQUAL(memcmp(got->message.body.data, body, len), 0);
	delivery_free(got);
	got = next_delivery(broker);
	CU_ASSERT_EQUAL(got->message.body.len, 3);
	delivery_free(got);
	broker_close(broker);
	free(body);
}

static void too_large_bodies_are_cut_and_marked(void)
{
	struct broker_options options = test_broker_options();
	char *body = malloc(200001);
	struct message sent;
	struct broker *broker;
	struct delivery *got;
	struct err err = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(body);
	memset(body, 'x', 200000);
	body[200000] = '\0';
	make_queue("cut", 0);
	sent = message_to("cut", body);
	sent.headers[0] = (struct header){ .name = "h", .is_int = true };
	sent.header_count = 1;
	publish(&sent);
	publish_text("cut", "{}\n");
	options.max_message_bytes = 100000;
	broker = open_with(&options);
	must(broker_consume(broker, "cut", 2, &err), &err);
	got = next_delivery(broker);
	CU_ASSERT_EQUAL(got->message.body.len, 65536);
	CU_ASSERT_TRUE(got->weight < 100000);
	CU_ASSERT_EQUAL_FATAL(got->message.header_count, 2);
	CU_ASSERT_STRING_EQUAL(got->message.headers[0].name,
		"sluice-too-large");
	CU_ASSERT_EQUAL(got->message.headers[0].i, 200000);
	must(broker_ack(broker, got->tag, false, &err), &err);
	delivery_free(got);
	got = next_delivery(broker);
	CU_ASSERT_EQUAL(got->message.body.len, 3);
	CU_ASSERT_EQUAL(got->message.header_count, 0);
	delivery_free(got);
	broker_close(broker);
	free(body);
}

/* Refused before a byte is sent: the connection lives on. */
static void what_fits_no_frame_is_not_sent(void)
{
	static char big[140000];
	struct broker_options options = test_broker_options();
	struct message message = message_to("fits", "{}\n");
	struct broker *broker;
	struct err err = { 0 };
	uint64_t tag;

	make_queue("fits", 0);
	options.max_message_bytes = 1000;
	broker = open_with(&options);
	must(broker_confirm_mode(broker, &err), &err);
	message.headers[0] = (struct header){ .name = "big",
		.s = { big, sizeof(big) } };
	message.header_count = 1;
	CU_ASSERT_FALSE(broker_publish(broker, &message, &tag, &err));
	check_text(&err, "lower chunk_records");
	message.header_count = 0;
	message.body = (struct bytes){ big, sizeof(big) };
	CU_ASSERT_FALSE(broker_publish(broker, &message, &tag, &err));
	check_text(&err, "max_message_bytes");
	message.body.len = 3;
	must(broker_publish(broker, &message, &tag, &err), &err);
	CU_ASSERT_EQUAL(next_event(broker).kind, BROKER_ACKED);
	broker_close(broker);
}

static void many_messages_are_all_confirmed(void)
{
	const uint64_t many = 20000;
	struct broker *broker = open_broker();
	struct message message = message_to("many", "{\"id\":1}\n");
	struct broker_event event;
	struct err err = { 0 };
	uint64_t tag = 0, confirmed = 0, ready_want = many;
	uint32_t ready, consumers;
	bool found;

	make_queue("many", 0);
	must(broker_confirm_mode(broker, &err), &err);
	while (confirmed < many) {
		if (tag < many && tag - confirmed < 1000) {
			must(broker_publish(broker, &message, &tag, &err),
				&err);
			continue;
		}
		event = next_event(broker);
		CU_ASSERT_EQUAL_FATAL(event.kind, BROKER_ACKED);
		confirmed = event.multiple ? event.tag : confirmed + 1;
	}
	must(broker_inspect(broker, "many", &found, &ready, &consumers, &err),
		&err);
	CU_ASSERT_EQUAL(ready, ready_want);
	broker_close(broker);
}

static void a_full_queue_refuses(void)
{
	struct broker *broker = open_broker();
	struct message message = message_to("full", "0123456789");
	struct broker_event event;
	struct err err = { 0 };
	uint64_t tag = 0;
	bool nacked = false;

	make_queue("full", 100);
	must(broker_confirm_mode(broker, &err), &err);
	for (int i = 0; i < 1000 && !nacked; i++) {
		must(broker_publish(broker, &message, &tag, &err), &err);
		event = next_event(broker);
		nacked = event.kind == BROKER_NACKED;
		CU_ASSERT_EQUAL(event.tag, tag);
	}
	CU_ASSERT_TRUE(nacked);
	broker_close(broker);
}

static void two_connections_work_side_by_side(void)
{
	struct broker *reader, *writer;
	struct message message = message_to("pair", "{}\n");
	struct delivery *got;
	struct err err = { 0 };
	uint64_t tag;

	make_queue("pair", 0);
	reader = open_broker();
	writer = open_broker();
	must(broker_consume(reader, "pair", 10, &err), &err);
	must(broker_confirm_mode(writer, &err), &err);
	for (int i = 0; i < 20; i++) {
		must(broker_publish(writer, &message, &tag, &err), &err);
		CU_ASSERT_EQUAL(next_event(writer).kind, BROKER_ACKED);
		got = next_delivery(reader);
		must(broker_ack(reader, got->tag, false, &err), &err);
		delivery_free(got);
	}
	broker_close(writer);
	broker_close(reader);
}

static void two_queues_keep_their_names(void)
{
	struct broker *broker;
	struct delivery *got;
	struct err err = { 0 };
	int seen = 0;

	make_queue("left", 0);
	make_queue("right", 0);
	publish_text("left", "{}\n");
	publish_text("right", "{}\n");
	broker = open_broker();
	must(broker_consume(broker, "left", 10, &err), &err);
	must(broker_consume(broker, "right", 10, &err), &err);
	for (int i = 0; i < 2; i++) {
		got = next_delivery(broker);
		CU_ASSERT_STRING_EQUAL(got->queue, got->message.routing_key);
		seen += strcmp(got->queue, "left") == 0 ? 1 : 10;
		delivery_free(got);
	}
	CU_ASSERT_EQUAL(seen, 11);
	broker_close(broker);
}

/* -- what is missing or refused ----------------------------------------- */

static void a_missing_queue_names_the_remedy(void)
{
	struct broker *broker = open_broker();
	struct err err = { 0 };

	CU_ASSERT_FALSE(broker_consume(broker, "missing", 1, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	CU_ASSERT_STRING_EQUAL(err.code, "404");
	check_text(&err, "queue 'missing' is missing: run `sluice apply`");
	broker_close(broker);
}

static void a_missing_exchange_names_the_remedy(void)
{
	struct broker *broker = open_broker();
	struct message message = message_to("x", "{}\n");
	struct err err = { 0 };
	uint64_t tag;

	message.exchange = "missing";
	must(broker_confirm_mode(broker, &err), &err);
	must(broker_publish(broker, &message, &tag, &err), &err);
	err = wait_for_failure(broker);
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	check_text(&err, "run `sluice apply`");
	CU_ASSERT_FALSE(broker_publish(broker, &message, &tag, &err));
	broker_close(broker);
}

static void looking_tells_what_is_there(void)
{
	struct broker *broker = open_broker();
	struct err err = { 0 };
	uint32_t ready, consumers;
	bool found = true;

	must(broker_inspect(broker, "nothing", &found, &ready, &consumers,
		&err), &err);
	CU_ASSERT_FALSE(found);
	must(broker_inspect_exchange(broker, "nothing", &found, &err), &err);
	CU_ASSERT_FALSE(found);
	make_queue("something", 0);
	must(broker_inspect(broker, "something", &found, &ready, &consumers,
		&err), &err);
	CU_ASSERT_TRUE(found);
	CU_ASSERT_EQUAL(consumers, 0);
	must(broker_inspect_exchange(broker, "test", &found, &err), &err);
	CU_ASSERT_TRUE(found);
	must(broker_unbind(broker, "something", "test", "something", &err),
		&err);
	CU_ASSERT_TRUE(strtol(broker_version(broker), NULL, 10) >= 3);
	broker_close(broker);
}

static void other_arguments_name_the_remedy(void)
{
	struct broker *broker = open_broker();
	struct err err = { 0 };

	make_queue("other", 1000);
	CU_ASSERT_FALSE(broker_declare_queue(broker, "other", 2000, NULL,
		&err));
	CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_CONFIG);
	CU_ASSERT_STRING_EQUAL(err.code, "406");
	check_text(&err, "queue 'other' exists with other settings");
	check_text(&err, "x-max-length-bytes");
	broker_close(broker);
}

static void a_deleted_queue_cancels_the_consumer(void)
{
	struct broker *broker = open_broker();
	struct broker_event event;
	struct err err = { 0 };
	char path[128];

	make_queue("gone", 0);
	must(broker_consume(broker, "gone", 1, &err), &err);
	(void)snprintf(path, sizeof(path), "/queues/%s/gone", test_vhost());
	CU_ASSERT_TRUE(test_api("DELETE", path, NULL, NULL));
	event = next_event(broker);
	CU_ASSERT_EQUAL(event.kind, BROKER_CANCELLED);
	CU_ASSERT_STRING_EQUAL(event.text, "gone");
	broker_close(broker);
}

static void check_not_opened(struct broker_options options,
	enum err_kind kind, const char *part)
{
	struct err err = { 0 };
	struct broker *broker = broker_open(&options, &err);

	CU_ASSERT_PTR_NULL(broker);
	CU_ASSERT_EQUAL(err.kind, kind);
	check_text(&err, part);
	if (kind == ERR_STOP)
		CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_CONFIG);
	CU_ASSERT_PTR_NULL(strstr(err.text, "wrong secret"));
	broker_close(broker);
}

static void refusals_say_what_to_check(void)
{
	struct broker_options options = test_broker_options();

	options.password = "wrong secret";
	check_not_opened(options, ERR_STOP, options.user);
	options = test_broker_options();
	options.vhost = "missing";
	check_not_opened(options, ERR_STOP, "vhost 'missing'");
	options = test_broker_options();
	options.port = 1;
	check_not_opened(options, ERR_RETRY, "127.0.0.1:1 does not answer");
	options = test_broker_options();
	options.host = "no.such.host.invalid";
	check_not_opened(options, ERR_RETRY, "no.such.host.invalid");
	options = test_broker_options();
	options.tls = true;
	check_not_opened(options, ERR_STOP, "broker_cacert");
	options.cacert = "/nonexistent";
	check_not_opened(options, ERR_STOP, "/nonexistent");
}

static void a_user_without_permission_is_told(void)
{
	struct broker_options options = test_broker_options();
	struct message message = message_to("x", "{}\n");
	struct broker *broker;
	struct err err = { 0 };
	uint64_t tag;

	make_queue("x", 0);
	options.user = test_user("pw", "^$", "^$", "^$");
	options.password = "pw";
	broker = open_with(&options);
	must(broker_confirm_mode(broker, &err), &err);
	must(broker_publish(broker, &message, &tag, &err), &err);
	err = wait_for_failure(broker);
	CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_CONFIG);
	CU_ASSERT_STRING_EQUAL(err.code, "403");
	check_text(&err, options.user);
	broker_close(broker);
	broker = open_with(&options);
	CU_ASSERT_FALSE(broker_consume(broker, "x", 1, &err));
	CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_CONFIG);
	broker_close(broker);
}

/* -- trouble on the way -------------------------------------------------- */

static void a_killed_connection_can_be_retried(void)
{
	struct broker_options options = test_broker_options();
	struct broker *broker;
	struct err err;

	options.user = test_user("pw", ".*", ".*", ".*");
	options.password = "pw";
	broker = open_with(&options);
	/* kills at once, while a new connection is listed only after seconds */
	CU_ASSERT_TRUE(test_user_remove(options.user));
	err = wait_for_failure(broker);
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	check_text(&err, "closed the connection");
	broker_close(broker);
}

/* A listener on a free port. */
static int listen_somewhere(int *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&at, len), 0);
	CU_ASSERT_EQUAL_FATAL(listen(fd, 4), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&at, &len),
		0);
	*port = ntohs(at.sin_port);
	return fd;
}

static void a_silent_server_fails_the_handshake(void)
{
	struct broker_options options = test_broker_options();
	const int fd = listen_somewhere(&options.port);

	options.heartbeat_secs = 2;
	check_not_opened(options, ERR_RETRY, "does not answer");
	(void)close(fd);
}

/* Between us and the broker: forwards until it is told to freeze, then keeps
 * both sides open and silent, like a peer whose machine hangs. */
struct proxy {
	pthread_t thread;
	int listener, near, far;
	_Atomic bool frozen, over;
};

static bool forward(int from, int to)
{
	char bytes[4096];
	const ssize_t got = recv(from, bytes, sizeof(bytes), 0);

	for (ssize_t done = 0; done < got;) {
		const ssize_t sent = send(to, bytes + done,
			(size_t)(got - done), MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		done += sent;
	}
	return got > 0;
}

static void *run_proxy(void *arg)
{
	struct proxy *proxy = arg;
	bool alive = true;

	proxy->near = accept(proxy->listener, NULL, NULL);
	while (alive && !proxy->over) {
		struct pollfd fds[2] = { { proxy->near, POLLIN, 0 },
			{ proxy->far, POLLIN, 0 } };

		if (poll(fds, proxy->frozen ? 0 : 2, 20) <= 0)
			continue;
		if (fds[0].revents != 0)
			alive = forward(proxy->near, proxy->far);
		if (alive && fds[1].revents != 0)
			alive = forward(proxy->far, proxy->near);
	}
	return NULL;
}

static void start_proxy(struct proxy *proxy, struct broker_options *options)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)options->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	proxy->frozen = false;
	proxy->over = false;
	proxy->far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(connect(proxy->far, (struct sockaddr *)&to,
		sizeof(to)), 0);
	proxy->listener = listen_somewhere(&options->port);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&proxy->thread, NULL, run_proxy,
		proxy), 0);
}

static void stop_proxy(struct proxy *proxy)
{
	proxy->over = true;
	(void)pthread_join(proxy->thread, NULL);
	(void)close(proxy->near);
	(void)close(proxy->far);
	(void)close(proxy->listener);
}

static void waiting_on_a_frozen_server_ends(void)
{
	struct broker_options options = test_broker_options();
	struct broker *broker;
	struct proxy proxy;
	struct err err;

	options.heartbeat_secs = 2;
	start_proxy(&proxy, &options);
	broker = open_with(&options);
	proxy.frozen = true;
	err = wait_for_failure(broker);
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	check_text(&err, "stopped answering");
	broker_close(broker);
	stop_proxy(&proxy);
}

/* Publishes until it fails, which is what must happen. */
static struct err publish_until_failure(struct broker *broker, size_t len)
{
	char *body = calloc(1, len);
	struct message message = message_to("frozen", "");
	const int64_t until = clock_now_ms() + PATIENCE_MS;
	struct err err = { 0 };
	uint64_t tag;
	bool ok = true;

	CU_ASSERT_PTR_NOT_NULL_FATAL(body);
	message.body = (struct bytes){ body, len };
	while (ok && clock_now_ms() < until)
		ok = broker_publish(broker, &message, &tag, &err);
	CU_ASSERT_FALSE(ok);
	free(body);
	return err;
}

static void check_publish_ends(size_t len)
{
	struct broker_options options = test_broker_options();
	struct broker *broker;
	struct proxy proxy;
	struct err err;

	options.heartbeat_secs = 2;
	make_queue("frozen", 0);
	start_proxy(&proxy, &options);
	broker = open_with(&options);
	proxy.frozen = true;
	err = publish_until_failure(broker, len);
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	broker_close(broker);
	stop_proxy(&proxy);
}

static void publishing_to_a_frozen_server_ends(void)
{
	check_publish_ends(100);
	/* one message that no buffer takes whole: only the watchdog helps */
	check_publish_ends((size_t)64 << 20);
}

static void asking_a_frozen_server_ends(void)
{
	struct broker_options options = test_broker_options();
	struct broker *broker;
	struct proxy proxy;
	uint32_t ready, consumers;
	bool found;
	struct err err = { 0 };

	options.heartbeat_secs = 2;
	start_proxy(&proxy, &options);
	broker = open_with(&options);
	proxy.frozen = true;
	CU_ASSERT_FALSE(broker_inspect(broker, "x", &found, &ready, &consumers,
		&err));
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	broker_close(broker);
	stop_proxy(&proxy);
}

static void *abort_it(void *arg)
{
	broker_abort(arg);
	return NULL;
}

static void an_abort_from_beside_ends_the_wait(void)
{
	struct broker *broker = open_broker();
	pthread_t thread;
	struct err err;

	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, abort_it, broker),
		0);
	err = wait_for_failure(broker);
	(void)pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	check_text(&err, "stopping");
	broker_close(broker);
}

static void a_wake_fd_ends_the_wait(void)
{
	struct broker *broker = open_broker();
	const int fd = eventfd(1, EFD_CLOEXEC);
	struct broker_event event = { .kind = BROKER_ACKED };
	struct err err = { 0 };

	/* a day: the test hangs if nothing wakes it */
	must(broker_wait(broker, fd, 24 * 3600 * 1000, &event, &err), &err);
	CU_ASSERT_EQUAL(event.kind, BROKER_NOTHING);
	must(broker_wait(broker, -1, 0, &event, &err), &err);
	CU_ASSERT_EQUAL(event.kind, BROKER_NOTHING);
	(void)close(fd);
	broker_close(broker);
}

static bool stays_idle(struct err *err)
{
	struct broker_options options = test_broker_options();
	struct broker_event event;
	struct broker *broker;
	bool ok;

	options.heartbeat_secs = 1;
	broker = open_with(&options);
	ok = broker_wait(broker, -1, 6000, &event, err);
	CU_ASSERT_TRUE(!ok || event.kind == BROKER_NOTHING);
	broker_close(broker);
	return ok;
}

/* The server closes a connection that sends no heartbeat for two of them: every
 * one, if none is sent; one, if it is this process that could not. */
static void heartbeats_keep_an_idle_connection(void)
{
	struct err err = { 0 };
	bool ok = false;

	for (int tries = 0; !ok && tries < 5; tries++) {
		err = (struct err){ 0 };
		ok = stays_idle(&err);
	}
	must(ok, &err);
}

CU_TestInfo broker_tests[] = {
	{ "a message is confirmed and arrives whole",
		a_message_is_confirmed_and_arrives_whole },
	{ "absent properties stay absent", absent_properties_stay_absent },
	{ "foreign headers are harmless", foreign_headers_are_harmless },
	{ "an unroutable message comes back first",
		an_unroutable_message_comes_back_first },
	{ "a requeued message says so", a_requeued_message_says_so },
	{ "unacknowledged returns with the connection",
		unacknowledged_returns_with_the_connection },
	{ "a cancelled consumer keeps what it has",
		a_cancelled_consumer_keeps_what_it_has },
	{ "a goodbye reads nothing into memory",
		a_goodbye_reads_nothing_into_memory },
	{ "large bodies come in many frames",
		large_bodies_come_in_many_frames },
	{ "too large bodies are cut and marked",
		too_large_bodies_are_cut_and_marked },
	{ "what fits no frame is not sent", what_fits_no_frame_is_not_sent },
	{ "many messages are all confirmed", many_messages_are_all_confirmed },
	{ "a full queue refuses", a_full_queue_refuses },
	{ "two connections work side by side",
		two_connections_work_side_by_side },
	{ "two queues keep their names", two_queues_keep_their_names },
	{ "a missing queue names the remedy",
		a_missing_queue_names_the_remedy },
	{ "a missing exchange names the remedy",
		a_missing_exchange_names_the_remedy },
	{ "looking tells what is there", looking_tells_what_is_there },
	{ "other arguments name the remedy", other_arguments_name_the_remedy },
	{ "a deleted queue cancels the consumer",
		a_deleted_queue_cancels_the_consumer },
	{ "refusals say what to check", refusals_say_what_to_check },
	{ "a user without permission is told",
		a_user_without_permission_is_told },
	{ "a killed connection can be retried",
		a_killed_connection_can_be_retried },
	{ "a silent server fails the handshake",
		a_silent_server_fails_the_handshake },
	{ "waiting on a frozen server ends",
		waiting_on_a_frozen_server_ends },
	{ "publishing to a frozen server ends",
		publishing_to_a_frozen_server_ends },
	{ "asking a frozen server ends", asking_a_frozen_server_ends },
	{ "an abort from beside ends the wait",
		an_abort_from_beside_ends_the_wait },
	{ "a wake fd ends the wait", a_wake_fd_ends_the_wait },
	{ "heartbeats keep an idle connection",
		heartbeats_keep_an_idle_connection },
	CU_TEST_INFO_NULL,
};
