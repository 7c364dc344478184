/* undo.h - one source's rows taken back out of the tables. */
#ifndef SLUICE_UNDO_H
#define SLUICE_UNDO_H

#include "common/config.h"
#include "common/db.h"
#include "consumer/models.h"
#include "consumer/plan.h"

#define UNDO_PARTS_MAX 64

/* What it means, or meant, for one dataset. */
struct undo_part {
	const struct dataset *dataset;
	int64_t delta_rows; /* of the source, in the delta */
	int64_t lost;       /* of the source, in days of it that were dropped */
	int64_t deleted;    /* rows of the master: nobody else has the key */
	int64_t restored;   /* rows of the master: what they replaced */
	int64_t unsure;     /* of the deleted: an earlier version may have been
			     * in days of the delta that were dropped */
};

struct undo {
	const struct config *config;
	struct plan *plan;
	struct db_result *source;
	int64_t id;
	struct undo_part parts[UNDO_PARTS_MAX]; /* what the source has first */
	size_t count;
	int64_t models; /* built anew */
	int64_t amiss;  /* models that could not be, and are stale */
	bool direct;    /* of `sluice load`: its file can be loaded again so */
};

/* Of undo->source. */
enum { UNDO_ID, UNDO_DROP, UNDO_PIPELINE, UNDO_DATASET, UNDO_NAME, UNDO_COMPLETE,
	UNDO_AT, UNDO_BY };

/* Looks the source up (a number, a drop id, a name) and counts what undoing it
 * would do; changes nothing and waits for nobody. ERR_REJECT, EXIT_DATA: there
 * is no such source, it is not complete, or was undone before. The caller
 * clears it in any case. */
bool undo_plan(const struct config *config, const char *given,
	struct undo *undo, struct err *err) MUST_CHECK;

/* Does it, in one transaction, as the owner: rows out of master and delta,
 * what they replaced back in, the models that read them built anew, the books
 * noted. Loads into these tables wait meanwhile. The counts are then those of
 * what was done. */
bool undo_run(struct undo *undo, const char *by, const char *reason,
	struct err *err) MUST_CHECK;
void undo_clear(struct undo *undo);

#endif
