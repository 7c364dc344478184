/* receipt.c - the conservation law of one source, judged. */
#include "cli/receipt.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Counts a fault; the first few get a line. */
static bool fault(struct receipt_judgement *judgement, struct err *err,
	const char *fmt, ...) PRINTF_LIKE(3, 4);

static bool fault(struct receipt_judgement *judgement, struct err *err,
	const char *fmt, ...)
{
	char line[256];
	va_list args;

	judgement->verdict = RECEIPT_BROKEN;
	if (judgement->faults++ >= RECEIPT_FAULTS_MAX)
		return true;
	va_start(args, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	return buf_printf(&judgement->text, err, "%s\n", line);
}

static bool same(struct receipt_judgement *judgement, const char *what,
	int64_t a, const char *where, int64_t b, const char *there,
	struct err *err)
{
	return a == b || fault(judgement, err,
		"%s: %" PRId64 " %s, %" PRId64 " %s", what, a, where, b, there);
}

/* Gaps are allowed while chunks may still come; overlaps never are. */
static bool judge_ranges(const struct receipt *receipt,
	struct receipt_judgement *judgement, struct err *err)
{
	int64_t at = 0;
	bool ok = true;

	for (size_t i = 0; ok && i < receipt->range_count; i++) {
		const struct receipt_range *range = &receipt->ranges[i];

		if (range->lo < at) {
			judgement->overlaps++;
			ok = fault(judgement, err,
				"bytes %" PRId64 "-%" PRId64
				" are in the ledger twice", range->lo,
				range->hi < at ? range->hi : at);
		} else if (range->lo > at) {
			judgement->gaps++;
			if (receipt->complete)
				ok = fault(judgement, err,
					"bytes %" PRId64 "-%" PRId64
					" are not in the ledger", at,
					range->lo);
		}
		if (range->hi > at)
			at = range->hi;
	}
	if (ok && receipt->complete && at < receipt->size) {
		judgement->gaps++;
		ok = fault(judgement, err, "bytes %" PRId64 "-%" PRId64
			" are not in the ledger", at, receipt->size);
	}
	return ok && (!receipt->manifest || at <= receipt->size ||
		fault(judgement, err, "the ledger reaches to byte %" PRId64
			" of %" PRId64, at, receipt->size));
}

static int64_t sum_of(const struct receipt *receipt, char kind, bool records)
{
	int64_t sum = 0;

	for (size_t i = 0; i < receipt->range_count; i++)
		if (receipt->ranges[i].kind == kind)
			sum += records ? receipt->ranges[i].records : 1;
	return sum;
}

/* Of a ledger that was put together only the sum is left. */
static bool judge_ledger(const struct receipt *receipt,
	struct receipt_judgement *judgement, struct err *err)
{
	if (sum_of(receipt, 'w', false) > 0)
		return same(judgement, "records", receipt->records, "counted",
			sum_of(receipt, 'w', true), "in the ledger", err);
	return same(judgement, "records", receipt->records, "counted",
			sum_of(receipt, 'c', true) +
				sum_of(receipt, 'r', false),
			"in the ledger", err) &&
		same(judgement, "chunks", receipt->chunks, "counted",
			sum_of(receipt, 'c', false), "in the ledger", err) &&
		same(judgement, "rejects of the reader",
			receipt->reader_rejects, "counted",
			sum_of(receipt, 'r', false), "in the ledger", err);
}

static bool judge_counters(const struct receipt *receipt,
	struct receipt_judgement *judgement, struct err *err)
{
	const int64_t outcome = receipt->inserted + receipt->updated +
		receipt->unchanged + receipt->rejected + receipt->filtered;
	const int64_t in_delta = receipt->records - receipt->rejected -
		receipt->filtered;

	return same(judgement, "records", receipt->records, "counted", outcome,
		       "inserted, updated, unchanged, rejected or filtered",
		       err) &&
		judge_ledger(receipt, judgement, err) &&
		same(judgement, "rejects", receipt->rejected, "counted",
			receipt->reject_rows, "kept", err) &&
		(receipt->delta_rows < 0 ||
			same(judgement, "loaded records", in_delta, "counted",
				receipt->delta_rows, "in the delta", err));
}

/* What was made out of the records obeys the same law. */
static bool judge_derived(const struct receipt_derived *derived,
	struct receipt_judgement *judgement, struct err *err)
{
	const char *what = derived->dataset;

	return same(judgement, what, derived->records, "found",
		       derived->inserted + derived->updated +
			       derived->unchanged + derived->rejected,
		       "inserted, updated, unchanged or rejected", err) &&
		same(judgement, what, derived->rejected, "rejected",
			derived->reject_rows, "rejects kept", err) &&
		(derived->delta_rows < 0 ||
			same(judgement, what,
				derived->records - derived->rejected, "loaded",
				derived->delta_rows, "in the delta", err));
}

static bool judge_all_derived(const struct receipt *receipt,
	struct receipt_judgement *judgement, struct err *err)
{
	for (size_t i = 0; i < receipt->derived_count; i++)
		if (!judge_derived(&receipt->derived[i], judgement, err))
			return false;
	return true;
}

/* What the reader said of the whole file, against what arrived. */
static bool judge_manifest(const struct receipt *receipt,
	struct receipt_judgement *judgement, struct err *err)
{
	if (receipt->complete && !receipt->manifest)
		return fault(judgement, err, "complete without a manifest");
	if (!receipt->complete && receipt->manifest_records < receipt->records)
		return fault(judgement, err, "the manifest names %" PRId64
			" records, %" PRId64 " arrived",
			receipt->manifest_records, receipt->records);
	if (!receipt->complete)
		return true;
	return same(judgement, "records", receipt->manifest_records,
		       "in the manifest", receipt->records, "arrived", err) &&
		same(judgement, "chunks", receipt->manifest_chunks,
			"in the manifest", receipt->chunks, "arrived", err) &&
		same(judgement, "rejects of the reader",
			receipt->manifest_rejects, "in the manifest",
			receipt->reader_rejects, "arrived", err);
}

bool receipt_judge(const struct receipt *receipt,
	struct receipt_judgement *judgement, struct err *err)
{
	*judgement = (struct receipt_judgement){
		.verdict = receipt->complete ? RECEIPT_HOLDS :
			RECEIPT_IN_FLIGHT,
		.in_flight = receipt->manifest ?
			receipt->manifest_records - receipt->records : -1,
	};
	return judge_ranges(receipt, judgement, err) &&
		judge_counters(receipt, judgement, err) &&
		judge_all_derived(receipt, judgement, err) &&
		(!(receipt->manifest || receipt->complete) ||
			judge_manifest(receipt, judgement, err));
}

const char *receipt_word(enum verdict verdict)
{
	static const char *const words[] = { "HOLDS", "in flight", "BROKEN" };

	return words[verdict];
}
