/* test_topology.c - what RabbitMQ is asked for. */
#include "cli/topology.h"

#include <CUnit/CUnit.h>
#include <string.h>

static char vhost[] = "sluice", user_a[] = "root", user_p[] = "prod",
	    user_c[] = "cons", user_f[] = "other", user_t[] = "tap",
	    guest[] = "guest", secret[] = "pw", name_a[] = "crm",
	    name_b[] = "events";

static struct config settings(void)
{
	return (struct config){
		.broker_vhost = vhost,
		.queue_max_bytes = 1000,
		.admin = { .user = user_a, .password = secret },
		.producer = { .user = user_p, .password = secret },
		.consumer = { .user = user_c, .password_file = secret },
		.foreign = { .user = user_f, .password = secret },
		.tap = { .user = user_t, .password = secret },
	};
}

static void check_plan(const struct config *config,
	struct pipeline *pipelines, size_t count, const char *want)
{
	const struct pipeline_set set = { pipelines, count };
	struct buf text = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE_FATAL(topology_plan(config, &set, &text, &err));
	CU_ASSERT_STRING_EQUAL(text.data, want);
	CU_ASSERT_PTR_NULL(strstr(text.data, secret));
	buf_clear(&text);
}

static void everybody_gets_just_what_is_needed(void)
{
	struct pipeline pipelines[] = { { .name = name_a },
		{ .name = name_b } };
	const struct config config = settings();

	check_plan(&config, pipelines, 2,
		"vhost sluice\n"
		"permission root on vhost sluice: configure .* write .* "
		"read .*\n"
		"user prod\n"
		"permission prod on vhost sluice: configure ^$ write "
		"^sluice$ read ^$\n"
		"user cons\n"
		"permission cons on vhost sluice: configure ^$ write ^$ "
		"read ^sluice\\..*\n"
		"user other\n"
		"permission other on vhost sluice: configure ^$ "
		"write ^sluice$ read ^$\n"
		"topic permission other on exchange sluice: "
		"write ^(crm|events)\\..* read ^$\n"
		"user tap\n"
		"permission tap on vhost sluice: configure "
		"^sluice\\.tap\\.[0-9a-f-]{36}$ write "
		"^sluice\\.tap\\.[0-9a-f-]{36}$ read "
		"^(sluice|sluice\\.tap\\.[0-9a-f-]{36})$\n"
		"no user guest\n"
		"exchange sluice.dead topic durable\n"
		"exchange sluice topic durable alternate sluice.dead\n"
		"queue sluice.crm.dead quorum max 1000 bytes then "
		"reject-publish\n"
		"binding sluice.crm.dead to exchange sluice.dead by crm.#\n"
		"queue sluice.crm quorum max 1000 bytes then reject-publish, "
		"dead letters to sluice.dead at-least-once\n"
		"binding sluice.crm to exchange sluice by crm.#\n"
		"queue sluice.events.dead quorum max 1000 bytes then "
		"reject-publish\n"
		"binding sluice.events.dead to exchange sluice.dead by "
		"events.#\n"
		"queue sluice.events quorum max 1000 bytes then "
		"reject-publish, dead letters to sluice.dead at-least-once\n"
		"binding sluice.events to exchange sluice by events.#\n");
}

static void users_without_password_are_left_out(void)
{
	struct config config = settings();

	config.foreign.password = NULL;
	config.tap.password = NULL;
	config.admin.user = guest; /* then guest is needed */
	check_plan(&config, NULL, 0,
		"vhost sluice\n"
		"permission guest on vhost sluice: configure .* write .* "
		"read .*\n"
		"user prod\n"
		"permission prod on vhost sluice: configure ^$ write "
		"^sluice$ read ^$\n"
		"user cons\n"
		"permission cons on vhost sluice: configure ^$ write ^$ "
		"read ^sluice\\..*\n"
		"exchange sluice.dead topic durable\n"
		"exchange sluice topic durable alternate sluice.dead\n");
}

static void daemons_need_a_password(void)
{
	const struct pipeline_set set = { NULL, 0 };
	struct config config = settings();
	struct buf text = { 0 };
	struct err err = { 0 };

	config.consumer.password_file = NULL;
	CU_ASSERT_FALSE(topology_plan(&config, &set, &text, &err));
	CU_ASSERT_EQUAL(err_exit_code(&err), EXIT_CONFIG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "consumer_password_file"));
	buf_clear(&text);
}

CU_TestInfo topology_tests[] = {
	{ "everybody gets just what is needed",
		everybody_gets_just_what_is_needed },
	{ "users without password are left out",
		users_without_password_are_left_out },
	{ "daemons need a password", daemons_need_a_password },
	CU_TEST_INFO_NULL,
};
