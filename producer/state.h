/* state.h - what was claimed and sent, in SQLite: it survives any crash.
 *
 * One thread owns an open one. Full disk and busy are ERR_RETRY: roll back and
 * try again later; anything else is ERR_STOP. */
#ifndef SLUICE_STATE_H
#define SLUICE_STATE_H

#include "producer/source.h"

struct state;

/* Makes the folder and the file when missing. A second producer on the same
 * file is refused (ERR_STOP), as is a file made by a newer version. */
struct state *state_open(const char *file, struct err *err);
/* The same file once more, for another thread of the process that has opened
 * it: a connection of its own. */
struct state *state_open_beside(const char *file, struct err *err);
/* For looking only, beside the producer that owns it: takes no lock, and only
 * what reads is to be called. A file that is not there is
 * ERR_REJECT, one that may not be read ERR_STOP/EXIT_IO. */
struct state *state_look(const char *file, struct err *err);
void state_close(struct state *state);

/* What follows a begin is durable with its commit, all or nothing; alone,
 * each call commits itself. */
bool state_begin(struct state *state, struct err *err) MUST_CHECK;
bool state_commit(struct state *state, struct err *err) MUST_CHECK;
void state_rollback(struct state *state); /* a no-op when nothing was begun */

bool state_add(struct state *state, const struct source *source,
	struct err *err) MUST_CHECK;
/* The claim's facts once more: inode, size, digest, place, whatever differs
 * from what was added. */
bool state_update(struct state *state, const struct source *source,
	struct err *err) MUST_CHECK;
bool state_checkpoint(struct state *state, const struct uuid *drop,
	const struct reader_position *position, struct err *err) MUST_CHECK;
bool state_forget(struct state *state, const struct uuid *drop,
	struct err *err) MUST_CHECK;

/* *source: the drop, now the caller's; NULL when there is none. */
bool state_get(struct state *state, const struct uuid *drop,
	struct source **source, struct err *err) MUST_CHECK;
/* The unfinished drop (claimed or published) after *after in the order of
 * their claims; 0 starts. *source NULL: no more. */
bool state_next(struct state *state, int64_t *after, struct source **source,
	struct err *err) MUST_CHECK;
/* Likewise of all drops, whatever became of them. */
bool state_after(struct state *state, int64_t *after, struct source **source,
	struct err *err) MUST_CHECK;
/* An earlier drop of the same dataset with the same content. */
bool state_same(struct state *state, const struct source *source, bool *found,
	struct uuid *same, struct err *err) MUST_CHECK;
/* Forgets drops that ended before that time. */
bool state_prune(struct state *state, int64_t before_us, struct err *err)
	MUST_CHECK;

/* What lies under it, for api_state.c. Borrowed. */
struct sqlite *state_sqlite(struct state *state);

#endif
