/* test_work.c - what a message is, and whose. */
#include "consumer/work.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char queue_name[] = "sluice.events";
static char dead_queue_name[] = "sluice.events.dead";

/* Takes a delivery of this message and reads it. */
static struct work *read_work(const struct message *message)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));
	struct err err = { 0 };
	struct work *work;

	CU_ASSERT_PTR_NOT_NULL_FATAL(delivery);
	delivery->queue = queue_name;
	delivery->message = *message;
	work = work_new(delivery, 1, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(work);
	CU_ASSERT_TRUE(work_read(work,
		&(struct work_rules){ "sluice_producer", 1000 }, &err));
	return work;
}

static struct message json(const char *body)
{
	return (struct message){
		.routing_key = "events.orgs",
		.content_type = TYPE_JSON,
		.user_id = "somebody",
		.body = { body, strlen(body) },
	};
}

static struct envelope envelope = {
	.kind = ENVELOPE_CHUNK,
	.drop.bytes = { 0x6f, 0x1c, 0x2d, 0x3e, 0x4b, 0x5a, 0x49, 0x78, 0x86,
		0x95, 0xa4, 0xb3, 0xc2, 0xd1, 0xe0, 0xf1 },
	.lo = 0,
	.hi = 3,
	.source = { "a.json", 6 },
	.claimed_us = 1,
	.first_record = 1,
	.first_line = 1,
	.records = 1,
};

/* One of ours: "{}" as one chunk, or a replay of it. */
static struct message ours(char *id, uint32_t replay)
{
	static struct buf index;
	struct envelope_record previous = { .line = 1 };
	const struct envelope_record record = { .length = 2, .line = 1 };
	struct err err = { 0 };
	struct message message = { .routing_key = "events.events",
		.user_id = "sluice_producer", .body = { "{}\n", 3 } };

	buf_clear(&index);
	CU_ASSERT_TRUE(envelope_index_add(&index, &previous, &record, &err));
	envelope.index = (struct bytes){ index.data, index.len };
	envelope.crc = crc32c(0, "{}\n", 3);
	envelope.replay = replay;
	envelope_encode(&envelope, id, &message);
	return message;
}

static void check_aside(const struct message *message, const char *code,
	const char *part)
{
	struct work *work = read_work(message);

	CU_ASSERT_EQUAL(work->kind, WORK_ASIDE);
	CU_ASSERT_STRING_EQUAL(work->code, code);
	CU_ASSERT_PTR_NOT_NULL(strstr(work->detail, part));
	CU_ASSERT_EQUAL(work->records, 1);
	CU_ASSERT_EQUAL(work->drop.bytes[6] >> 4, 8);
	CU_ASSERT_TRUE(work_is_foreign(work));
	work_free(work);
}

static void a_message_of_ours_keeps_its_name(void)
{
	char id[ENVELOPE_ID_TEXT];
	const struct message message = ours(id, 0);
	struct work *work = read_work(&message);

	CU_ASSERT_EQUAL(work->kind, WORK_CHUNK);
	CU_ASSERT_TRUE(uuid_equal(&work->drop, &envelope.drop));
	CU_ASSERT_EQUAL(work->hi, 3);
	CU_ASSERT_EQUAL(work->records, 1);
	CU_ASSERT_STRING_EQUAL(work->dataset_name, "events");
	CU_ASSERT_FALSE(work_is_foreign(work));
	work_free(work);
}

static void what_only_says_so_is_set_aside(void)
{
	char id[ENVELOPE_ID_TEXT];
	struct message message = ours(id, 0);

	message.user_id = "somebody";
	check_aside(&message, "bad_envelope", "only the producer");
	message.user_id = NULL;
	check_aside(&message, "bad_envelope", "only the producer");
	message.user_id = "sluice_producer";
	message.body.len = 2;
	check_aside(&message, "bad_envelope", "");
	message = json("{}");
	message.content_type = NULL;
	check_aside(&message, "bad_envelope", "application/json");
	message.content_type = "application/jsonp";
	check_aside(&message, "bad_envelope", "application/json");
	message = json("{}");
	message.headers[message.header_count++] = (struct header){
		.name = "sluice-too-large", .is_int = true, .i = 99999 };
	check_aside(&message, "too_large", "99999 bytes");
	message = json("{}");
	message.body.len = 1001;
	message.body.data = memset(malloc(1001), ' ', 1001);
	check_aside(&message, "too_large", "1001 bytes");
	free((void *)(uintptr_t)message.body.data);
}

static void json_of_anybody_is_counted(void)
{
	static const struct {
		const char *body;
		uint64_t records;
	} cases[] = {
		{ "{}", 1 },
		{ "[]", 0 },
		{ "[{},{},{}]", 3 },
		{ "[{},{}", 3 }, /* two, and what is broken */
		{ "", 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct message message = json(cases[i].body);
		struct work *work;

		message.content_type = i % 2 == 0 ? TYPE_JSON :
						    TYPE_JSON "; charset=utf-8";
		work = read_work(&message);
		CU_ASSERT_EQUAL(work->kind, WORK_FOREIGN);
		CU_ASSERT_EQUAL(work->records, cases[i].records);
		CU_ASSERT_EQUAL(work->hi, strlen(cases[i].body));
		work_free(work);
	}
}

static void check_same(const struct message *a, const struct message *b,
	bool same)
{
	struct work *one = read_work(a);
	struct work *two = read_work(b);
	struct err err = { 0 };

	CU_ASSERT_EQUAL(uuid_equal(&one->drop, &two->drop), same);
	CU_ASSERT_TRUE(work_make_key(one, &err) && work_make_key(two, &err));
	CU_ASSERT_EQUAL(strcmp(one->key, two->key) == 0, same);
	work_free(one);
	work_free(two);
}

static void a_foreign_identity_is_app_id_and_body(void)
{
	const struct message plain = json("{}");
	struct message other = json("{}");

	other.routing_key = "events.elsewhere";
	check_same(&plain, &other, true);
	other = json("{ }");
	check_same(&plain, &other, false);
	other = json("{}");
	other.app_id = "a";
	check_same(&plain, &other, false);
	other.app_id = NULL;
	other.message_id = "a";
	check_same(&plain, &other, false);
	other.headers[other.header_count++] =
		(struct header){ .name = "sluice-too-large", .i = 70000 };
	{
		struct message larger = other;

		larger.headers[0].i = 70001;
		check_same(&other, &larger, false);
	}
}

static void the_queue_names_the_pipeline(void)
{
	const struct message message = json("{}");
	struct work *work = read_work(&message);
	struct dataset dataset = { .name = (char[]){ "orgs" } };
	struct pipeline pipeline = { .name = (char[]){ "events" },
		.datasets = &dataset, .dataset_count = 1 };
	const struct pipeline_set set = { &pipeline, 1 };
	char name[32];

	work->delivery->queue = dead_queue_name;
	work_pipeline(work, name, sizeof(name));
	CU_ASSERT_STRING_EQUAL(name, "events");
	work_find_dataset(work, &set);
	CU_ASSERT_PTR_EQUAL(work->dataset, &dataset);
	CU_ASSERT_PTR_NULL(work->code);
	work->dataset_name = "events.orgs";
	work_find_dataset(work, &set);
	CU_ASSERT_PTR_NULL(work->dataset);
	CU_ASSERT_STRING_EQUAL(work->code, "unknown_dataset");
	work->dataset_name = "orgs"; /* it was added meanwhile */
	work_find_dataset(work, &set);
	CU_ASSERT_PTR_NULL(work->code);
	work_free(work);
}

CU_TestInfo work_tests[] = {
	{ "a message of ours keeps its name",
		a_message_of_ours_keeps_its_name },
	{ "what only says so is set aside", what_only_says_so_is_set_aside },
	{ "JSON of anybody is counted", json_of_anybody_is_counted },
	{ "a foreign identity is app_id, message_id and body",
		a_foreign_identity_is_app_id_and_body },
	{ "the queue names the pipeline", the_queue_names_the_pipeline },
	CU_TEST_INFO_NULL,
};
