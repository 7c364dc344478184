/* paper.h - all that is known of one source, and whether its law holds. */
#ifndef SLUICE_PAPER_H
#define SLUICE_PAPER_H

#include "cli/locate.h"
#include "cli/receipt.h"
#include "common/config.h"
#include "common/db.h"
#include "common/json.h"

/* Columns of paper.source. */
enum paper_column {
	PAPER_SOURCE_ID, PAPER_DROP_ID, PAPER_PIPELINE, PAPER_DATASET,
	PAPER_KIND, PAPER_NAME, PAPER_CLAIMED_AT, PAPER_COMPLETED_AT,
	PAPER_FORMAT, PAPER_FILE_SIZE, PAPER_SIZE, PAPER_SHA256,
	PAPER_M_CHUNKS, PAPER_M_REJECTS, PAPER_M_RECORDS, PAPER_FAILED,
	PAPER_CHUNKS, PAPER_READER_REJECTS, PAPER_RECORDS, PAPER_INSERTED,
	PAPER_UPDATED, PAPER_UNCHANGED, PAPER_REJECTED, PAPER_FILTERED,
	PAPER_REJECT_ROWS, PAPER_RESOLVED, PAPER_DELTA, PAPER_CLAIMED_DAY,
	PAPER_REPLAY_OF, PAPER_ORIGIN, PAPER_REPLAYS, PAPER_UNDONE_AT,
	PAPER_UNDONE_BY, PAPER_UNDONE_REASON,
};

/* One source with all that is known of it. */
struct paper {
	struct db_result *source;
	struct db_result *ledger;
	struct db_result *made; /* the datasets made out of its records */
	struct db_result *undone; /* dataset, deleted, restored */
	struct receipt_range *ranges;
	struct receipt_derived *derived;
	struct receipt receipt;
	struct receipt_judgement judgement;
	struct located located; /* of its file: by paper_locate */
};

/* A value of paper.source; 0 and "" for null. */
int64_t paper_number(const struct paper *paper, enum paper_column column);
const char *paper_text(const struct paper *paper, enum paper_column column);
bool paper_is_null(const struct paper *paper, enum paper_column column);

/* Reads the source, its ledger and its counts, and judges them. A source that
 * is not there is ERR_REJECT. The caller clears the paper in any case. */
bool paper_gather(struct db *db, int64_t id, struct paper *paper,
	struct err *err) MUST_CHECK;
/* Where the file of a gathered source is; nothing for a message. */
bool paper_locate(const struct config *config, struct paper *paper,
	struct err *err) MUST_CHECK;
void paper_clear(struct paper *paper);

/* Where its file is, in a word or two: "processed". */
const char *paper_place(const struct paper *paper);
/* Members of a receipt, as `sluice help receipt` names them. */
void paper_json(const struct paper *paper, struct json *object);

#endif
