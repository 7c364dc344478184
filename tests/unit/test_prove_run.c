/* test_prove_run.c - what a proof kills follows from its seed. */
#include "cli/prove_run.h"

#include <CUnit/CUnit.h>

static void the_first_kills_are_of_every_kind(void)
{
	for (uint64_t seed = 0; seed < 200; seed++) {
		bool seen[PROVE_KILLS] = { false };

		for (uint32_t n = 0; n < PROVE_KILLS; n++) {
			enum prove_kill kill;
			int after_ms, down_ms;

			prove_kill_draw(seed, n, &kill, &after_ms, &down_ms);
			CU_ASSERT_FALSE(seen[kill]);
			seen[kill] = true;
		}
	}
}

static void later_ones_come_of_every_kind_at_any_time(void)
{
	int count[PROVE_KILLS] = { 0 }, low_ms = 1000000, high_ms = 0;

	for (uint32_t n = PROVE_KILLS; n < 1000; n++) {
		enum prove_kill kill;
		int after_ms, down_ms;

		prove_kill_draw(17, n, &kill, &after_ms, &down_ms);
		count[kill]++;
		low_ms = after_ms < low_ms ? after_ms : low_ms;
		high_ms = after_ms > high_ms ? after_ms : high_ms;
		CU_ASSERT_TRUE(after_ms > 0 && down_ms >= 0);
	}
	for (size_t i = 0; i < PROVE_KILLS; i++)
		CU_ASSERT_TRUE(count[i] > 20);
	CU_ASSERT_TRUE(low_ms < 300 && high_ms > 2000);
}

static void a_seed_gives_the_same_kills_again(void)
{
	int different = 0;

	for (uint32_t n = 0; n < 50; n++) {
		enum prove_kill a, b, c;
		int after_a, after_b, after_c, down_a, down_b, down_c;

		prove_kill_draw(5, n, &a, &after_a, &down_a);
		prove_kill_draw(5, n, &b, &after_b, &down_b);
		prove_kill_draw(6, n, &c, &after_c, &down_c);
		CU_ASSERT_TRUE(a == b && after_a == after_b &&
			down_a == down_b);
		different += after_a != after_c;
	}
	CU_ASSERT_TRUE(different > 40);
}

CU_TestInfo prove_run_tests[] = {
	{ "the first kills are of every kind",
		the_first_kills_are_of_every_kind },
	{ "later ones come of every kind, at any time",
		later_ones_come_of_every_kind_at_any_time },
	{ "a seed gives the same kills again",
		a_seed_gives_the_same_kills_again },
	CU_TEST_INFO_NULL,
};
