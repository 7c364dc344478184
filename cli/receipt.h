/* receipt.h - the conservation law of one source, judged. Pure.
 *
 * What was read is what was inserted, updated, left unchanged or rejected;
 * its ranges tile the file. Whoever has the numbers and the ledger can check
 * it; nothing here asks a server. */
#ifndef SLUICE_RECEIPT_H
#define SLUICE_RECEIPT_H

#include "common/buf.h"

#define RECEIPT_FAULTS_MAX 20

struct receipt_range {
	int64_t lo, hi;
	char kind;       /* 'c' chunk, 'r' reject, 'm' manifest, 'w' the
			  * whole: all of them, put together */
	int64_t records;
};

/* A dataset made out of the source's records. */
struct receipt_derived {
	const char *dataset;
	int64_t records;
	int64_t inserted, updated, unchanged, rejected;
	int64_t reject_rows;       /* in meta.reject */
	int64_t delta_rows;        /* in its delta; -1: not counted */
};

struct receipt {
	bool manifest;             /* its numbers are known */
	bool complete;             /* the consumer said so */
	int64_t size;
	int64_t manifest_records, manifest_chunks, manifest_rejects;
	int64_t chunks, reader_rejects, records;
	int64_t inserted, updated, unchanged, rejected;
	int64_t filtered;          /* a direct load's, outside its dates */
	int64_t reject_rows;       /* in meta.reject */
	int64_t delta_rows;        /* in the delta; -1: not counted */
	const struct receipt_range *ranges; /* sorted by lo, hi */
	size_t range_count;
	const struct receipt_derived *derived;
	size_t derived_count;
};

enum verdict { RECEIPT_HOLDS, RECEIPT_IN_FLIGHT, RECEIPT_BROKEN };

struct receipt_judgement {
	enum verdict verdict;
	int64_t in_flight;         /* records; -1: no manifest yet */
	size_t gaps, overlaps;     /* of the ranges */
	size_t faults;             /* lines in text */
	struct buf text;           /* what is broken, one line each */
};

/* False only when memory is short. The caller clears judgement->text. */
bool receipt_judge(const struct receipt *receipt,
	struct receipt_judgement *judgement, struct err *err) MUST_CHECK;

const char *receipt_word(enum verdict verdict); /* "HOLDS" ... */

#endif
