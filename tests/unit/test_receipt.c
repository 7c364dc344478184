/* test_receipt.c - the conservation law, kept and broken. */
#include "cli/receipt.h"

#include <CUnit/CUnit.h>
#include <string.h>

/* 100 bytes: 3 records, a reject of the reader, 2 records, the tail. */
static const struct receipt_range tiles[] = {
	{ 0, 40, 'c', 3 },
	{ 40, 50, 'r', 1 },
	{ 50, 90, 'c', 2 },
	{ 90, 100, 'm', 0 },
};

static const struct receipt_derived persons = { .dataset = "persons",
	.records = 7, .inserted = 3, .updated = 1, .unchanged = 2,
	.rejected = 1, .reject_rows = 1, .delta_rows = 6 };

static struct receipt good(void)
{
	return (struct receipt){ .manifest = true, .complete = true,
		.size = 100, .manifest_records = 6, .manifest_chunks = 2,
		.manifest_rejects = 1, .chunks = 2, .reader_rejects = 1,
		.records = 6, .inserted = 2, .updated = 1, .unchanged = 1,
		.rejected = 2, .reject_rows = 2, .delta_rows = 4,
		.ranges = tiles, .range_count = 4,
		.derived = &persons, .derived_count = 1 };
}

static void judge(const struct receipt *receipt, enum verdict verdict,
	const char *says)
{
	struct receipt_judgement judgement;
	struct err err = { 0 };

	CU_ASSERT_TRUE(receipt_judge(receipt, &judgement, &err));
	CU_ASSERT_EQUAL(judgement.verdict, verdict);
	if (says != NULL)
		CU_ASSERT_PTR_NOT_NULL(judgement.text.data != NULL ?
			strstr(judgement.text.data, says) : NULL);
	CU_ASSERT_EQUAL(judgement.faults > 0, verdict == RECEIPT_BROKEN);
	buf_clear(&judgement.text);
}

static void a_good_source_holds(void)
{
	struct receipt receipt = good();

	judge(&receipt, RECEIPT_HOLDS, NULL);
	receipt.delta_rows = -1;
	judge(&receipt, RECEIPT_HOLDS, NULL);
}

static void an_empty_source_holds(void)
{
	static const struct receipt_range nothing[] = { { 0, 0, 'm', 0 } };
	const struct receipt receipt = { .manifest = true, .complete = true,
		.ranges = nothing, .range_count = 1 };

	judge(&receipt, RECEIPT_HOLDS, NULL);
}

/* Each number, one off, breaks the law. */
static void each_number_counts(void)
{
	struct receipt receipt;

#define OFF(field, says)                                \
	do {                                            \
		receipt = good();                       \
		receipt.field++;                        \
		judge(&receipt, RECEIPT_BROKEN, says);  \
		receipt.field -= 2;                     \
		judge(&receipt, RECEIPT_BROKEN, says);  \
	} while (0)
	OFF(manifest_records, "in the manifest");
	OFF(manifest_chunks, "in the manifest");
	OFF(manifest_rejects, "in the manifest");
	OFF(chunks, "chunks");
	OFF(reader_rejects, "rejects of the reader");
	OFF(records, "counted");
	OFF(inserted, "inserted, updated");
	OFF(updated, "inserted, updated");
	OFF(unchanged, "inserted, updated");
	OFF(rejected, "rejects");
	OFF(reject_rows, "kept");
	OFF(delta_rows, "in the delta");
	OFF(size, "byte");
#undef OFF
}

static void a_ledger_put_together_holds(void)
{
	struct receipt_range whole[] = { { 0, 100, 'w', 6 } };
	struct receipt receipt = good();

	receipt.ranges = whole;
	receipt.range_count = 1;
	judge(&receipt, RECEIPT_HOLDS, NULL);
	whole[0].records = 5;
	judge(&receipt, RECEIPT_BROKEN, "5 in the ledger");
	whole[0] = (struct receipt_range){ 0, 99, 'w', 6 };
	judge(&receipt, RECEIPT_BROKEN, "99-100 are not in the ledger");
}

static void what_is_derived_obeys_the_law(void)
{
	struct receipt_derived off = persons;
	struct receipt receipt = good();

	receipt.derived = &off;
#define OFF(field)                                         \
	do {                                               \
		off = persons;                             \
		off.field++;                               \
		judge(&receipt, RECEIPT_BROKEN, "persons:"); \
	} while (0)
	OFF(records);
	OFF(inserted);
	OFF(updated);
	OFF(unchanged);
	OFF(rejected);
	OFF(reject_rows);
	OFF(delta_rows);
#undef OFF
	off = persons;
	off.delta_rows = -1;
	judge(&receipt, RECEIPT_HOLDS, NULL);
}

static void gaps_and_overlaps_are_found(void)
{
	struct receipt_range ranges[4];
	struct receipt receipt = good();

	memcpy(ranges, tiles, sizeof(tiles));
	receipt.ranges = ranges;
	ranges[2].lo = 55;
	judge(&receipt, RECEIPT_BROKEN, "50-55 are not in the ledger");
	ranges[2].lo = 45;
	judge(&receipt, RECEIPT_BROKEN, "45-50 are in the ledger twice");
	memcpy(ranges, tiles, sizeof(tiles));
	ranges[0].lo = 1;
	judge(&receipt, RECEIPT_BROKEN, "0-1 are not in the ledger");
	memcpy(ranges, tiles, sizeof(tiles));
	ranges[3].hi = 99;
	judge(&receipt, RECEIPT_BROKEN, "99-100 are not in the ledger");
}

static void what_is_under_way_is_in_flight(void)
{
	struct receipt receipt = good();
	struct receipt_judgement judgement;
	struct err err = { 0 };

	/* the second chunk and the tail have come, the first has not */
	receipt.ranges = tiles + 1;
	receipt.range_count = 3;
	receipt.complete = false;
	receipt.chunks = 1;
	receipt.records = 3;
	receipt.inserted = 0;
	receipt.delta_rows = 1;
	receipt.updated = 0;
	CU_ASSERT_TRUE(receipt_judge(&receipt, &judgement, &err));
	CU_ASSERT_EQUAL(judgement.verdict, RECEIPT_IN_FLIGHT);
	CU_ASSERT_EQUAL(judgement.in_flight, 3);
	CU_ASSERT_EQUAL(judgement.gaps, 1);
	buf_clear(&judgement.text);

	receipt.manifest = false;
	receipt.range_count = 2;
	CU_ASSERT_TRUE(receipt_judge(&receipt, &judgement, &err));
	CU_ASSERT_EQUAL(judgement.verdict, RECEIPT_IN_FLIGHT);
	CU_ASSERT_EQUAL(judgement.in_flight, -1);
	buf_clear(&judgement.text);
}

static void under_way_can_be_broken(void)
{
	struct receipt receipt = good();

	receipt.complete = false;
	receipt.manifest_records = 5; /* and six arrived */
	judge(&receipt, RECEIPT_BROKEN, "the manifest names 5");
	receipt = good();
	receipt.manifest = false; /* and yet complete */
	judge(&receipt, RECEIPT_BROKEN, "without a manifest");
}

static void lines_are_bounded(void)
{
	struct receipt_range many[200];
	struct receipt receipt = good();
	struct receipt_judgement judgement;
	struct err err = { 0 };
	size_t lines = 0;

	for (int i = 0; i < 200; i++)
		many[i] = (struct receipt_range){ 2 * i, 2 * i + 1, 'c', 0 };
	receipt.ranges = many;
	receipt.range_count = 200;
	CU_ASSERT_TRUE(receipt_judge(&receipt, &judgement, &err));
	for (const char *at = judgement.text.data; *at != '\0'; at++)
		lines += *at == '\n';
	CU_ASSERT_EQUAL(lines, RECEIPT_FAULTS_MAX);
	CU_ASSERT(judgement.faults > RECEIPT_FAULTS_MAX);
	CU_ASSERT_EQUAL(judgement.gaps, 199);
	buf_clear(&judgement.text);
}

CU_TestInfo receipt_tests[] = {
	{ "a good source holds", a_good_source_holds },
	{ "an empty source holds", an_empty_source_holds },
	{ "each number, one off, breaks it", each_number_counts },
	{ "a ledger put together holds", a_ledger_put_together_holds },
	{ "what is derived obeys the law", what_is_derived_obeys_the_law },
	{ "gaps and overlaps are found", gaps_and_overlaps_are_found },
	{ "what is under way is in flight", what_is_under_way_is_in_flight },
	{ "what is under way can be broken", under_way_can_be_broken },
	{ "lines are bounded", lines_are_bounded },
	CU_TEST_INFO_NULL,
};
