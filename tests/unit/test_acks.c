/* test_acks.c - done deliveries become the fewest acks. */
#include "consumer/acks.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

static void deliver(struct acks *acks, uint64_t from, uint64_t to)
{
	struct err err = { 0 };

	for (uint64_t tag = from; tag <= to; tag++)
		CU_ASSERT_TRUE(acks_delivered(acks, tag, &err));
}

/* "3* 5" = one multiple ack up to 3, one single ack of 5 */
static void check_sent(struct acks *acks, const char *want)
{
	char sent[256] = "";
	bool multiple;
	uint64_t tag;

	while (acks_next(acks, &tag, &multiple))
		(void)snprintf(sent + strlen(sent), sizeof(sent) - strlen(sent),
			"%s%llu%s", sent[0] != '\0' ? " " : "",
			(unsigned long long)tag, multiple ? "*" : "");
	CU_ASSERT_STRING_EQUAL(sent, want);
}

static void a_run_is_one_ack(void)
{
	struct acks acks = { 0 };

	check_sent(&acks, "");
	deliver(&acks, 1, 5);
	check_sent(&acks, "");
	for (uint64_t tag = 1; tag <= 4; tag++)
		acks_done(&acks, tag);
	check_sent(&acks, "4*");
	check_sent(&acks, "");
	acks_done(&acks, 5);
	check_sent(&acks, "5*");
	CU_ASSERT_EQUAL(acks_open(&acks), 0);
	acks_clear(&acks);
}

static void what_was_returned_is_not_acknowledged(void)
{
	struct acks acks = { 0 };

	CU_ASSERT_FALSE(acks_returned(&acks, 1));
	deliver(&acks, 1, 4);
	CU_ASSERT_TRUE(acks_returned(&acks, 2));
	CU_ASSERT_FALSE(acks_returned(&acks, 2));
	acks_done(&acks, 2);
	check_sent(&acks, "");
	CU_ASSERT_EQUAL(acks_open(&acks), 3);
	acks_done(&acks, 3);
	acks_done(&acks, 4);
	CU_ASSERT_FALSE(acks_returned(&acks, 4));
	check_sent(&acks, "3 4");
	acks_done(&acks, 1);
	check_sent(&acks, "1*");
	CU_ASSERT_FALSE(acks_returned(&acks, 5));
	acks_clear(&acks);
}

static void those_behind_a_gap_go_alone_and_once(void)
{
	struct acks acks = { 0 };

	deliver(&acks, 1, 6);
	acks_done(&acks, 1);
	acks_done(&acks, 3);
	acks_done(&acks, 6);
	check_sent(&acks, "1* 3 6");
	CU_ASSERT_EQUAL(acks_open(&acks), 3);
	acks_done(&acks, 2);
	/* never a multiple ack of a tag that was sent: the broker would close
	 * the channel */
	check_sent(&acks, "2*");
	acks_done(&acks, 5);
	acks_done(&acks, 4);
	check_sent(&acks, "5*");
	CU_ASSERT_EQUAL(acks_open(&acks), 0);
	acks_clear(&acks);
}

static void strange_tags_are_ignored_or_refused(void)
{
	struct acks acks = { 0 };
	struct err err = { 0 };

	acks_done(&acks, 1);
	deliver(&acks, 1, 2);
	acks_done(&acks, 0);
	acks_done(&acks, 3);
	acks_done(&acks, UINT64_MAX);
	check_sent(&acks, "");
	acks_done(&acks, 2);
	acks_done(&acks, 2);
	check_sent(&acks, "2");
	CU_ASSERT_FALSE(acks_delivered(&acks, 2, &err));
	CU_ASSERT_FALSE(acks_delivered(&acks, 4, &err));
	CU_ASSERT_EQUAL(err.kind, ERR_RETRY);
	acks_clear(&acks);
}

static void the_window_moves_and_grows(void)
{
	struct acks acks = { 0 };
	uint64_t sent = 0;
	uint64_t tag;
	bool multiple;

	for (uint64_t round = 0; round < 50; round++) {
		deliver(&acks, round * 40 + 1, round * 40 + 40);
		for (uint64_t i = round * 20 + 1; i <= round * 20 + 20; i++)
			acks_done(&acks, i);
		while (acks_next(&acks, &tag, &multiple)) {
			CU_ASSERT_TRUE(multiple);
			sent = tag;
		}
		CU_ASSERT_EQUAL(sent, round * 20 + 20);
	}
	CU_ASSERT_EQUAL(acks_open(&acks), 1000);
	acks_clear(&acks);
	CU_ASSERT_EQUAL(acks_open(&acks), 0);
}

CU_TestInfo acks_tests[] = {
	{ "what was returned is not acknowledged",
		what_was_returned_is_not_acknowledged },
	{ "a run is one ack", a_run_is_one_ack },
	{ "those behind a gap go alone, and once",
		those_behind_a_gap_go_alone_and_once },
	{ "strange tags are ignored or refused",
		strange_tags_are_ignored_or_refused },
	{ "the window moves and grows", the_window_moves_and_grows },
	CU_TEST_INFO_NULL,
};
