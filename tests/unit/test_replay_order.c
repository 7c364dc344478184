/* test_replay_order.c - what `sluice replay` writes, the producer reads. */
#include "producer/replay_order.h"

#include <CUnit/CUnit.h>
#include <string.h>

#define DROP "a85ad485-a1f4-45bf-b958-dbf42efa17b8"
#define OTHER "11111111-2222-4333-8444-555555555555"
#define ORDER(drop) "sluice replay 1\ndrop " drop "\nreplay-of " OTHER \
	"\npipeline 65\ndataset 6f\nname 652f0a\ntarget \nobject 61\n"

static void orders_survive_the_way(void)
{
	char pipeline[] = "events", dataset[] = "orgs",
		name[] = "events/\xff\n b.json", target[] = "a b/c";
	struct replay_order want = { .pipeline = pipeline, .dataset = dataset,
		.name = name, .target = target };
	struct replay_order got;
	struct buf text = { 0 };
	struct err err = { 0 };

	CU_ASSERT_TRUE(uuid_parse(DROP, strlen(DROP), &want.drop));
	CU_ASSERT_TRUE(uuid_parse(OTHER, strlen(OTHER), &want.replay_of));
	CU_ASSERT_TRUE(replay_order_write(&want, &text, &err));
	CU_ASSERT_TRUE_FATAL(replay_order_read(text.data, &got, &err));
	CU_ASSERT_TRUE(uuid_equal(&got.drop, &want.drop));
	CU_ASSERT_TRUE(uuid_equal(&got.replay_of, &want.replay_of));
	CU_ASSERT_STRING_EQUAL(got.pipeline, pipeline);
	CU_ASSERT_STRING_EQUAL(got.dataset, dataset);
	CU_ASSERT_STRING_EQUAL(got.name, name);
	CU_ASSERT_STRING_EQUAL(got.target, target);
	CU_ASSERT_PTR_NULL(got.object);
	replay_order_clear(&got);
	buf_clear(&text);
}

static void check_refused(const char *text)
{
	struct replay_order order;
	struct err err = { 0 };

	CU_ASSERT_FALSE(replay_order_read(text, &order, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_REJECT);
}

static void what_is_no_order_is_refused(void)
{
	struct replay_order order;
	struct err err = { 0 };

	CU_ASSERT_TRUE(replay_order_read(ORDER(DROP), &order, &err));
	replay_order_clear(&order);
	check_refused("");
	check_refused("sluice replay 1\n");
	check_refused("sluice replay 2\ndrop " DROP "\n");
	check_refused(ORDER(DROP) "more\n");
	check_refused(ORDER("no id"));
	/* ids of the other namespaces are not ours to give */
	check_refused(ORDER("a85ad485-a1f4-85bf-b958-dbf42efa17b8"));
	check_refused("sluice replay 1\ndrop " DROP "\nreplay-of " OTHER
		"\npipeline 65\ndataset 6f\nname \ntarget \nobject \n");
	check_refused("sluice replay 1\ndrop " DROP "\nreplay-of " OTHER
		"\npipeline 65\ndataset 6f\nname 6500\ntarget \nobject \n");
	check_refused("sluice replay 1\ndrop " DROP "\nreplay-of " OTHER
		"\npipeline 65\ndataset 6f\nname 65\ntarget \nobject 6");
}

CU_TestInfo replay_order_tests[] = {
	{ "orders survive the way", orders_survive_the_way },
	{ "what is no order is refused", what_is_no_order_is_refused },
	CU_TEST_INFO_NULL,
};
