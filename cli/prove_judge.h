/* prove_judge.h - what became of everything a proof has issued.
 *
 * The files are made again, one by one, and held against the delta, the
 * rejects, the sources, the master, the receipts, the models, the queues and
 * the folders. Memory does not grow with the number of files. */
#ifndef SLUICE_PROVE_JUDGE_H
#define SLUICE_PROVE_JUDGE_H

#include "cli/prove_gen.h"
#include "cli/prove_site.h"

#define PROVE_FAULTS_MAX 20

struct prove_verdict {
	int64_t files, issued;      /* as the generator has it */
	int64_t loaded, rejected;   /* each once and as it should be */
	int64_t lost, doubled;
	int64_t altered;            /* another row or reason than issued */
	int64_t strange;            /* rows and sources nobody issued */
	int64_t keys, wrong_keys;   /* of the master */
	int64_t duplicates;         /* messages the ledger absorbed */
	int64_t receipts, broken_receipts;
	int64_t models, model_differences;
	int64_t queued;             /* messages left in the queues */
	int64_t processed, failed, misplaced; /* files */
	size_t faults;              /* the first few in words: */
	struct buf text;
};

/* The daemons rest, the servers are up. False when the judge could not do
 * its work; what it found is in *verdict, which the caller clears. */
bool prove_judge(struct prove_site *site, const struct prove_plan *plan,
	uint32_t files, struct prove_verdict *verdict, struct err *err)
	MUST_CHECK;
void prove_verdict_clear(struct prove_verdict *verdict);

/* One more thing that is not as it should be. */
bool prove_fault(struct prove_verdict *verdict, struct err *err,
	const char *fmt, ...) PRINTF_LIKE(3, 4) MUST_CHECK;

/* Messages that wait in the proof's queues. */
bool prove_queued(const struct config *config, int64_t *ready,
	struct err *err) MUST_CHECK;

#endif
