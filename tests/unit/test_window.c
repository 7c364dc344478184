/* test_window.c - acks, nacks and returns in every order. */
#include "producer/window.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS 8

/* Messages named a, b, c ...; what the window says of them is written down
 * as "a+" confirmed, "a-" nacked, "a?" returned. */
struct bench {
	struct window *window;
	struct window_lane lanes[2];
	struct window_item items[64];
	size_t used;
	uint64_t tag;
	char said[256];
};

static void bench_init(struct bench *b, size_t max_items, size_t max_bytes)
{
	struct err err = { 0 };

	*b = (struct bench){ .tag = 1 };
	b->window = window_new(max_items, max_bytes, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(b->window);
}

static char name_of(const struct bench *b, const struct window_item *item)
{
	return (char)('a' + (item - b->items));
}

static void note(struct window_item *item, enum window_fate fate, void *arg)
{
	struct bench *b = arg;
	const size_t used = strlen(b->said);

	b->said[used] = name_of(b, item);
	b->said[used + 1] = "+-?"[fate];
	b->said[used + 2] = '\0';
}

static void add(struct bench *b, size_t lane, size_t bytes)
{
	window_add(b->window, &b->lanes[lane], &b->items[b->used++], bytes);
}

/* Sends all that waits in a lane. */
static void flush(struct bench *b, size_t lane)
{
	struct window_item *item;

	while ((item = window_unsent(&b->lanes[lane])) != NULL)
		window_sent(b->window, item, b->tag++);
}

static void add_sent(struct bench *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add(b, 0, 10);
	flush(b, 0);
}

static void check_said(struct bench *b, const char *want)
{
	CU_ASSERT_STRING_EQUAL(b->said, want);
	b->said[0] = '\0';
}

/* Takes the confirmed prefix of a lane: its names in order. */
static void check_taken(struct bench *b, size_t lane, const char *want)
{
	char got[64] = "";
	struct window_item *item;
	size_t n = 0;

	while ((item = window_take(b->window, &b->lanes[lane])) != NULL)
		got[n++] = name_of(b, item);
	CU_ASSERT_STRING_EQUAL(got, want);
}

static void ack(struct bench *b, uint64_t tag, bool multiple)
{
	(void)window_settle(b->window, tag, multiple, true, note, b);
}

static void nack(struct bench *b, uint64_t tag, bool multiple)
{
	(void)window_settle(b->window, tag, multiple, false, note, b);
}

static void prefix_is_contiguous(void)
{
	struct bench b;

	bench_init(&b, ITEMS, 1000);
	add_sent(&b, 4);
	ack(&b, 2, false);
	ack(&b, 4, false);
	check_said(&b, "b+d+");
	check_taken(&b, 0, "");
	ack(&b, 1, false);
	check_taken(&b, 0, "ab");
	ack(&b, 3, false);
	check_taken(&b, 0, "cd");
	CU_ASSERT_EQUAL(window_items(b.window), 0);
	window_free(b.window);
}

static void multiple_settles_all_before(void)
{
	struct bench b;

	bench_init(&b, ITEMS, 1000);
	add_sent(&b, 5);
	ack(&b, 2, false);
	ack(&b, 4, true);
	check_said(&b, "b+a+c+d+");
	check_taken(&b, 0, "abcd");
	nack(&b, 5, true);
	check_said(&b, "e-");
	window_free(b.window);
}

static void nacked_waits_for_a_new_tag(void)
{
	struct bench b;

	bench_init(&b, ITEMS, 1000);
	add_sent(&b, 3);
	nack(&b, 2, false);
	ack(&b, 1, false);
	ack(&b, 3, false);
	check_said(&b, "b-a+c+");
	check_taken(&b, 0, "a");
	CU_ASSERT_PTR_EQUAL(window_unsent(&b.lanes[0]), &b.items[1]);
	flush(&b, 0);
	CU_ASSERT_EQUAL(b.items[1].tag, 4);
	CU_ASSERT_PTR_NULL(window_unsent(&b.lanes[0]));
	ack(&b, 2, false);
	check_said(&b, "");
	ack(&b, 4, false);
	check_taken(&b, 0, "bc");
	window_free(b.window);
}

static bool is_item(const struct window_item *item, const void *arg)
{
	return item == arg;
}

static void ack_of_returned_confirms_nothing(void)
{
	struct bench b;
	struct window_item *found;

	bench_init(&b, ITEMS, 1000);
	add_sent(&b, 2);
	found = window_find(b.window, is_item, &b.items[0]);
	CU_ASSERT_PTR_EQUAL_FATAL(found, &b.items[0]);
	found->returned = true;
	ack(&b, 2, true);
	check_said(&b, "a?b+");
	check_taken(&b, 0, "");
	CU_ASSERT_PTR_NULL(window_find(b.window, is_item, &b.items[0]));
	flush(&b, 0);
	ack(&b, 3, false);
	check_said(&b, "a+");
	check_taken(&b, 0, "ab");
	window_free(b.window);
}

static void lost_connection_sends_again_in_order(void)
{
	struct bench b;

	bench_init(&b, ITEMS, 1000);
	add_sent(&b, 4);
	nack(&b, 1, false);
	ack(&b, 2, false);
	window_lost(b.window);
	CU_ASSERT_EQUAL(b.lanes[0].unsent, 3);
	b.tag = 1;
	flush(&b, 0);
	CU_ASSERT_EQUAL(b.items[0].tag, 1);
	CU_ASSERT_EQUAL(b.items[2].tag, 2);
	CU_ASSERT_EQUAL(b.items[3].tag, 3);
	b.said[0] = '\0';
	ack(&b, 3, true);
	check_said(&b, "a+c+d+");
	check_taken(&b, 0, "abcd");
	window_free(b.window);
}

static void unknown_tags_are_nothing(void)
{
	struct bench b;

	bench_init(&b, ITEMS, 1000);
	ack(&b, 0, true);
	ack(&b, 1, true);
	add_sent(&b, 2);
	ack(&b, 0, true);
	ack(&b, 3, true);
	ack(&b, UINT64_MAX, false);
	check_said(&b, "");
	ack(&b, 2, true);
	ack(&b, 2, true);
	check_said(&b, "a+b+");
	window_free(b.window);
}

static void full_lane_leaves_room(void)
{
	struct bench b;

	bench_init(&b, 8, 1000);
	while (window_room(b.window, &b.lanes[0]))
		add(&b, 0, 10);
	CU_ASSERT_EQUAL(b.lanes[0].items, 5);
	CU_ASSERT_TRUE(window_room(b.window, &b.lanes[1]));
	while (window_room(b.window, &b.lanes[1]))
		add(&b, 1, 10);
	CU_ASSERT_EQUAL(b.lanes[1].items, 2);
	window_free(b.window);
}

static void bytes_are_bounded(void)
{
	struct bench b;

	bench_init(&b, 64, 100);
	add(&b, 0, 1000);
	CU_ASSERT_FALSE(window_room(b.window, &b.lanes[0]));
	CU_ASSERT_TRUE(window_room(b.window, &b.lanes[1]));
	add(&b, 1, 1);
	CU_ASSERT_FALSE(window_room(b.window, &b.lanes[1]));
	window_free(b.window);
	bench_init(&b, 64, 100);
	add(&b, 0, 60);
	CU_ASSERT_FALSE(window_room(b.window, &b.lanes[0]));
	CU_ASSERT_TRUE(window_room(b.window, &b.lanes[1]));
	window_free(b.window);
}

static void ring_closes_behind_the_oldest(void)
{
	struct bench b;

	bench_init(&b, 4, 1000);
	add_sent(&b, 1);
	for (size_t i = 0; i < 3; i++) {
		add_sent(&b, 1);
		ack(&b, b.tag - 1, false);
	}
	CU_ASSERT_FALSE(window_open(b.window));
	ack(&b, 1, false);
	CU_ASSERT_TRUE(window_open(b.window));
	check_taken(&b, 0, "abcd");
	window_free(b.window);
}

static void nothing(struct window_item *item, enum window_fate fate, void *arg)
{
	(void)item;
	(void)fate;
	(void)arg;
}

/* 200 messages through a window of 8: each answer is drawn from a fixed
 * sequence, and every message is taken exactly once, in order. */
static void every_message_leaves_once(void)
{
	struct window_item items[200];
	struct window_lane lane = { 0 };
	struct bench b;
	struct window_item *item;
	uint32_t dice = 12345;
	size_t added = 0, taken = 0;

	bench_init(&b, ITEMS, 1 << 20);
	for (int round = 0; taken < 200 && round < 100000; round++) {
		dice = dice * 1664525u + 1013904223u;
		if (added < 200 && window_room(b.window, &lane))
			window_add(b.window, &lane, &items[added++], 1);
		item = window_unsent(&lane);
		if (item != NULL && window_open(b.window))
			window_sent(b.window, item, b.tag++);
		if (dice >> 28 == 0) {
			window_lost(b.window);
			b.tag = 1;
		}
		(void)window_settle(b.window, b.tag - 1 - (dice >> 24 & 3),
			dice >> 20 & 1, dice >> 16 & 3,
			nothing, NULL);
		while ((item = window_take(b.window, &lane)) != NULL)
			CU_ASSERT_PTR_EQUAL(item, &items[taken++]);
	}
	CU_ASSERT_EQUAL(taken, 200);
	CU_ASSERT_EQUAL(window_items(b.window), 0);
	CU_ASSERT_EQUAL(lane.unsent, 0);
	window_free(b.window);
}

CU_TestInfo window_tests[] = {
	{ "only the contiguous prefix leaves", prefix_is_contiguous },
	{ "multiple settles all before", multiple_settles_all_before },
	{ "a nacked message gets a new tag", nacked_waits_for_a_new_tag },
	{ "the ack of a returned message confirms nothing",
		ack_of_returned_confirms_nothing },
	{ "after a lost connection all go again, in order",
		lost_connection_sends_again_in_order },
	{ "unknown tags are nothing", unknown_tags_are_nothing },
	{ "a full lane leaves room to others", full_lane_leaves_room },
	{ "bytes are bounded", bytes_are_bounded },
	{ "the ring waits for its oldest tag", ring_closes_behind_the_oldest },
	{ "every message leaves exactly once", every_message_leaves_once },
	CU_TEST_INFO_NULL,
};
