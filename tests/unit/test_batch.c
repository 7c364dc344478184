/* test_batch.c - what one transaction holds. */
#include "consumer/batch.h"

#include <CUnit/CUnit.h>
#include <string.h>

static struct delivery deliveries[8];
static struct work works[8];
static struct work *list[8];

static void set_work(size_t i, uint8_t drop, uint64_t lo, uint64_t records,
	size_t bytes)
{
	deliveries[i] = (struct delivery){ .message.body.len = bytes };
	works[i] = (struct work){
		.delivery = &deliveries[i],
		.kind = WORK_CHUNK,
		.drop.bytes = { drop },
		.dataset_name = "events",
		.lo = lo,
		.hi = lo + 10,
		.records = records,
	};
	list[i] = &works[i];
}

static void check_cut(int64_t max_rows, int64_t max_bytes, size_t want)
{
	CU_ASSERT_EQUAL(batch_cut(list, 4, max_rows, max_bytes, 500), want);
}

static void a_batch_is_cut_by_rows_and_bytes(void)
{
	for (size_t i = 0; i < 4; i++)
		set_work(i, 1, i * 10, 100, 1000);
	check_cut(1000, 10000, 4);
	check_cut(400, 4000, 4);
	check_cut(319, 10000, 3); /* 400 are more than a quarter more */
	check_cut(10000, 2999, 2);
	check_cut(1, 1, 1); /* one too large goes alone */
	CU_ASSERT_EQUAL(batch_cut(list, 0, 1, 1, 500), 0);
	works[0].kind = WORK_UNREAD;
	check_cut(639, 10000, 2);
}

/* It would be a load of its own. */
static void a_small_rest_comes_along(void)
{
	for (size_t i = 0; i < 4; i++)
		set_work(i, 1, i * 10, 100, 1000);
	check_cut(320, 10000, 4);
	check_cut(10000, 3200, 4);
	check_cut(320, 3199, 3);
	check_cut(319, 3200, 3);
	works[3].kind = WORK_UNREAD;
	check_cut(639, 10000, 3);
	check_cut(640, 10000, 4);
}

static void check_fills(int64_t rows, int64_t bytes, bool want)
{
	CU_ASSERT_EQUAL(batch_fills(list, 4, rows, bytes, 500), want);
}

static void a_batch_is_filled_by_rows_or_bytes(void)
{
	for (size_t i = 0; i < 4; i++)
		set_work(i, 1, i * 10, 100, 1000);
	check_fills(400, 10000, true);
	check_fills(1000, 4000, true);
	check_fills(401, 4001, false);
	works[1].kind = WORK_UNREAD;
	check_fills(800, 10000, true);
	check_fills(801, 10000, false);
	CU_ASSERT_FALSE(batch_fills(list, 0, 1, 1, 500));
}

/* Datasets and weights as "a5 b2"; the first letters after the parting. */
static void check_others(const char *from, size_t others, const char *want)
{
	static char keys[8][2];
	char got[9] = "";
	size_t n = 0;

	for (; *from != '\0'; from += 2 + (from[2] == ' '), n++) {
		set_work(n, 1, n * 10, 1, 1);
		keys[n][0] = from[0];
		deliveries[n].message.routing_key = keys[n];
		deliveries[n].weight = (size_t)(from[1] - '0');
	}
	CU_ASSERT_EQUAL(batch_others_first(list, n), others);
	for (size_t i = 0; i < n; i++)
		got[i] = list[i]->delivery->message.routing_key[0];
	CU_ASSERT_STRING_EQUAL(got, want);
}

static void the_largest_dataset_lets_others_pass(void)
{
	check_others("", 0, "");
	check_others("a1", 0, "a");
	check_others("a9 a9 a9", 0, "aaa");
	check_others("a9 a9 b1 a9 c1", 2, "bcaaa");
	check_others("b1 b1 c1 a9", 3, "bbca");
	check_others("a9 b1 b1 b1 b1", 4, "bbbba"); /* by bytes */
	check_others("b1 a3 b1", 2, "bba");
	CU_ASSERT_EQUAL(list[0]->lo, 0); /* in their order */
	CU_ASSERT_EQUAL(list[1]->lo, 20);
}

static void works_are_sorted_and_sources_found(void)
{
	struct batch batch;
	struct err err = { 0 };

	set_work(0, 9, 10, 1, 1);
	set_work(1, 2, 0, 1, 1);
	set_work(2, 9, 0, 1, 1);
	set_work(3, 9, 0, 1, 1);
	works[3].dataset_name = "actors";
	CU_ASSERT_TRUE(batch_build(&batch, list, 4, &err));
	CU_ASSERT_PTR_EQUAL(batch.works[0], &works[1]);
	CU_ASSERT_PTR_EQUAL(batch.works[1], &works[3]);
	CU_ASSERT_PTR_EQUAL(batch.works[2], &works[2]);
	CU_ASSERT_PTR_EQUAL(batch.works[3], &works[0]);
	CU_ASSERT_EQUAL(batch.source_count, 2);
	CU_ASSERT_EQUAL(batch.sources[0].drop.bytes[0], 2);
	CU_ASSERT_EQUAL(batch.sources[1].drop.bytes[0], 9);
	CU_ASSERT_EQUAL(works[1].source, 0);
	CU_ASSERT_EQUAL(works[0].source, 1);
	batch.sources[0].id = 70;
	batch.sources[1].id = 50;
	CU_ASSERT_PTR_EQUAL(batch_source(&batch, 50), &batch.sources[1]);
	CU_ASSERT_PTR_NULL(batch_source(&batch, 51));
	batch_clear(&batch);
}

static void ranges_sort_as_numbers(void)
{
	struct batch batch;
	struct err err = { 0 };

	set_work(0, 1, UINT64_C(1) << 40, 1, 1);
	set_work(1, 1, 255, 1, 1);
	set_work(2, 1, 256, 1, 1);
	CU_ASSERT_TRUE(batch_build(&batch, list, 3, &err));
	CU_ASSERT_EQUAL(batch.works[0]->lo, 255);
	CU_ASSERT_EQUAL(batch.works[1]->lo, 256);
	CU_ASSERT_EQUAL(batch.works[2]->lo, UINT64_C(1) << 40);
	batch_clear(&batch);
}

CU_TestInfo batch_tests[] = {
	{ "a batch is cut by rows and bytes",
		a_batch_is_cut_by_rows_and_bytes },
	{ "a small rest comes along", a_small_rest_comes_along },
	{ "a batch is filled by rows or bytes",
		a_batch_is_filled_by_rows_or_bytes },
	{ "the largest dataset lets others pass",
		the_largest_dataset_lets_others_pass },
	{ "works are sorted and sources found",
		works_are_sorted_and_sources_found },
	{ "ranges sort as numbers", ranges_sort_as_numbers },
	CU_TEST_INFO_NULL,
};
