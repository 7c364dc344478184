/* load.h - one transaction: a batch of messages becomes rows, or nothing. */
#ifndef SLUICE_LOAD_H
#define SLUICE_LOAD_H

#include "consumer/batch.h"
#include "consumer/session.h"

struct load_totals {
	int64_t load_id;
	int64_t messages;   /* new ones */
	int64_t duplicates; /* seen before, absorbed */
	int64_t bytes;
	int64_t records;
	int64_t inserted, updated, unchanged, rejected, filtered;
	const struct dataset *at; /* it failed at the tables or models of this
				   * one, or of what is made out of it; NULL:
				   * elsewhere, or it did not fail */
};

/* Loads works (all read; sorted in place). careful: records that PostgreSQL
 * refuses are searched for and rejected one by one (savepoints), else one bad
 * record fails the whole. True: committed, or absorbed; acknowledge them.
 * False: rolled back; by kind RETRY the same again, REJECT something among the
 * works is refused, STOP as the text says. */
bool load_run(struct session *session, struct work **works, size_t count,
	bool careful, struct load_totals *totals, struct err *err) MUST_CHECK;

/* Does to a message everything that is done in this process, and nothing that
 * is done in the database. Whatever bytes could kill us, kill us here. */
bool load_rehearse(struct session *session, const struct work *work,
	struct err *err) MUST_CHECK;

/* The same for a message of several records, one by one; note hears of each
 * before it is touched. Those up to work->passed are left out. */
bool load_try_records(struct session *session, struct work *work,
	bool (*note)(struct db *db, struct work *work, uint64_t number,
		struct err *err),
	struct err *err) MUST_CHECK;

#endif
