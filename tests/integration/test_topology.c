/* test_topology.c - `sluice apply` against a real RabbitMQ: what each user
 * then may do, and what a second run changes. */
#include "cli/connect.h"
#include "cli/topology.h"
#include "common/clock.h"
#include "tests/integration/support.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_MS 30000

static char names[6][64];
static char secret[] = "not a secret";
static char pipeline_name[] = "events";
static struct pipeline pipelines[] = { { .name = pipeline_name } };
static const struct pipeline_set set = { pipelines, 1 };

static void must(bool ok, const struct err *err)
{
	if (ok)
		return;
	(void)fprintf(stderr, "failed: %s\n", err->text);
	CU_FAIL_FATAL("a call failed");
}

static struct account account(int number)
{
	return (struct account){ .user = names[number], .password = secret };
}

/* The servers' settings with a vhost and users of our own. */
static struct config settings(void)
{
	struct config config = *test_config();

	for (int i = 0; i < 6; i++)
		(void)snprintf(names[i], sizeof(names[i]), "test_apply_%d_%d",
			(int)getpid(), i);
	config.broker_vhost = names[0];
	config.producer = account(1);
	config.consumer = account(2);
	config.foreign = account(3);
	config.tap = account(4);
	config.queue_max_bytes = 1 << 20;
	return config;
}

static void remove_all(void)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "/vhosts/%.63s", names[0]);
	CU_ASSERT_TRUE(test_api("DELETE", path, NULL, NULL));
	for (int i = 1; i < 5; i++) {
		(void)snprintf(path, sizeof(path), "/users/%.63s", names[i]);
		CU_ASSERT_TRUE(test_api("DELETE", path, NULL, NULL));
	}
}

static void apply(const struct config *config)
{
	struct err err = { 0 };

	must(topology_apply(config, &set, &err), &err);
}

static struct broker *open_as(const struct config *config,
	const struct account *who)
{
	struct err err = { 0 };
	struct broker *broker = connect_broker(config, who, &err);

	must(broker != NULL, &err);
	return broker;
}

/* The next event, or ACKED's opposite: NOTHING when the connection fails. */
static struct broker_event next_event(struct broker *broker, struct err *err)
{
	struct broker_event event = { 0 };
	const int64_t until = clock_now_ms() + PATIENCE_MS;

	while (event.kind == BROKER_NOTHING && clock_now_ms() < until)
		if (!broker_wait(broker, -1, 1000, &event, err))
			break;
	return event;
}

/* What becomes of a message: its first event, or the code of the refusal. */
static enum broker_event_kind publish_as(const struct config *config,
	const struct account *who, const char *key, struct err *err)
{
	struct broker *broker = open_as(config, who);
	const struct message message = { .exchange = EXCHANGE,
		.routing_key = key, .message_id = "x",
		.user_id = who->user, .body = { "{}\n", 3 } };
	struct broker_event event;
	uint64_t tag;

	memset(err, 0, sizeof(*err));
	must(broker_confirm_mode(broker, err), err);
	must(broker_publish(broker, &message, &tag, err), err);
	event = next_event(broker, err);
	broker_close(broker);
	return event.kind;
}

static bool may_consume(const struct config *config,
	const struct account *who, const char *queue)
{
	struct broker *broker = open_as(config, who);
	struct err err = { 0 };
	const bool may = broker_consume(broker, queue, 1, &err);

	broker_close(broker);
	return may;
}

static bool may_declare(const struct config *config,
	const struct account *who)
{
	struct broker *broker = open_as(config, who);
	struct err err = { 0 };
	const bool may = broker_declare_exchange(broker, "mine", NULL, &err);

	broker_close(broker);
	return may;
}

static void each_user_may_do_its_work_and_no_more(void)
{
	const struct config config = settings();
	struct err err = { 0 };

	apply(&config);
	CU_ASSERT_EQUAL(publish_as(&config, &config.producer, "events.events",
		&err), BROKER_ACKED);
	CU_ASSERT_FALSE(may_consume(&config, &config.producer,
		"sluice.events"));
	CU_ASSERT_FALSE(may_declare(&config, &config.producer));

	CU_ASSERT_TRUE(may_consume(&config, &config.consumer,
		"sluice.events"));
	CU_ASSERT_TRUE(may_consume(&config, &config.consumer,
		"sluice.events.dead"));
	CU_ASSERT_FALSE(may_declare(&config, &config.consumer));
	CU_ASSERT_EQUAL(publish_as(&config, &config.consumer, "events.events",
		&err), BROKER_NOTHING);
	CU_ASSERT_STRING_EQUAL(err.code, "403");

	CU_ASSERT_EQUAL(publish_as(&config, &config.foreign, "events.events",
		&err), BROKER_ACKED);
	CU_ASSERT_EQUAL(publish_as(&config, &config.foreign, "crm.people",
		&err), BROKER_NOTHING);
	CU_ASSERT_STRING_EQUAL(err.code, "403");
	CU_ASSERT_FALSE(may_consume(&config, &config.foreign,
		"sluice.events"));

	CU_ASSERT_FALSE(may_consume(&config, &config.tap, "sluice.events"));
	remove_all();
}

static void nobody_can_pass_for_another(void)
{
	struct config config = settings();
	struct broker *broker;
	struct message message = { .exchange = EXCHANGE,
		.routing_key = "events.events", .body = { "{}\n", 3 } };
	struct err err = { 0 };
	uint64_t tag;

	apply(&config);
	message.user_id = config.producer.user;
	broker = open_as(&config, &config.foreign);
	must(broker_confirm_mode(broker, &err), &err);
	must(broker_publish(broker, &message, &tag, &err), &err);
	CU_ASSERT_EQUAL(next_event(broker, &err).kind, BROKER_NOTHING);
	CU_ASSERT_STRING_EQUAL(err.code, "406");
	broker_close(broker);
	remove_all();
}

static void what_no_queue_takes_comes_back(void)
{
	struct config config = settings();
	struct err err = { 0 };

	apply(&config);
	CU_ASSERT_EQUAL(publish_as(&config, &config.producer, "nobody.x",
		&err), BROKER_RETURNED);
	remove_all();
}

static void a_second_run_changes_nothing(void)
{
	struct config config = settings();
	struct broker *broker;
	struct err err = { 0 };
	uint32_t ready = 0, consumers;
	bool found;

	apply(&config);
	CU_ASSERT_EQUAL(publish_as(&config, &config.producer, "events.events",
		&err), BROKER_ACKED);
	apply(&config);
	broker = open_as(&config, &config.consumer);
	must(broker_inspect(broker, "sluice.events", &found, &ready,
		&consumers, &err), &err);
	CU_ASSERT_TRUE(found);
	CU_ASSERT_EQUAL(ready, 1);
	broker_close(broker);
	remove_all();
}

static void another_limit_names_the_remedy(void)
{
	struct config config = settings();
	struct err err = { 0 };

	apply(&config);
	config.queue_max_bytes *= 2;
	CU_ASSERT_FALSE(topology_apply(&config, &set, &err));
	CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_CONFIG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "exists with other settings"));
	remove_all();
}

static void check_refused(const struct config *config, int exit_code,
	const char *part)
{
	struct err err = { 0 };

	CU_ASSERT_FALSE(topology_apply(config, &set, &err));
	CU_ASSERT_EQUAL(err_exit_code(&err), exit_code);
	if (strstr(err.text, part) == NULL) {
		(void)fprintf(stderr, "'%s' lacks '%s'\n", err.text, part);
		CU_FAIL("another error text");
	}
	CU_ASSERT_PTR_NULL(strstr(err.text, secret));
}

static void a_wrong_administrator_is_told(void)
{
	static char nowhere[] = "http://127.0.0.1:1",
		    outside[] = "http://example.org:15672";
	struct config config = settings();

	config.admin.password = secret;
	check_refused(&config, EXIT_CONFIG, config.admin.user);
	config = settings();
	config.broker_api = nowhere;
	check_refused(&config, EXIT_SERVER, "127.0.0.1:1/api");
	config.broker_api = outside;
	check_refused(&config, EXIT_CONFIG, "https");
}

CU_TestInfo topology_tests[] = {
	{ "each user may do its work and no more",
		each_user_may_do_its_work_and_no_more },
	{ "nobody can pass for another", nobody_can_pass_for_another },
	{ "what no queue takes comes back", what_no_queue_takes_comes_back },
	{ "a second run changes nothing", a_second_run_changes_nothing },
	{ "another limit names the remedy", another_limit_names_the_remedy },
	{ "a wrong administrator is told", a_wrong_administrator_is_told },
	CU_TEST_INFO_NULL,
};
