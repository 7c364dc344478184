/* attempts.h - deaths of the consumer while it held a redelivered message.
 *
 * An attempt is noted, in a transaction of its own, before the message is
 * looked into, and taken back when the attempt ends in any other way than by
 * our death. What is left in meta.attempt are deaths. A load forgets those of
 * what it loads. Only redelivered
 * messages are noted: most messages cost nothing. */
#ifndef SLUICE_ATTEMPTS_H
#define SLUICE_ATTEMPTS_H

#include "common/db.h"
#include "consumer/work.h"

/* A message of several records that is guilty is tried record by record: each
 * is noted before it is looked into, in the place of the one before, so that a
 * death names it. One that killed us twice that way is poison; the others are
 * innocent. */
#define RECORD_DEATHS 2

/* Reads the deaths of those of works that have a key. */
bool attempts_read(struct db *db, struct work *const *works, size_t count,
	struct err *err) MUST_CHECK;
/* Notes an attempt for those that have a key: together with others, or of one
 * message alone. */
bool attempts_note(struct db *db, struct work *const *works, size_t count,
	bool alone, struct err *err) MUST_CHECK;
/* Takes back what was noted and not forgotten by a commit. */
bool attempts_take_back(struct db *db, struct work *const *works,
	size_t count, bool alone, struct err *err) MUST_CHECK;

/* What earlier trials found: fills work->poisoned, work->passed and
 * work->trial_deaths. */
bool attempts_read_trial(struct db *db, struct work *work, struct err *err)
	MUST_CHECK;
/* Notes that this record is tried now, and that work->trying passed. Record 0:
 * all did. */
bool attempts_note_record(struct db *db, struct work *work, uint64_t number,
	struct err *err) MUST_CHECK;

#endif
