/* operate.h - what an operator does to what runs: pause, resume, wait until
 * all is loaded, load again, build models. For the verbs, the console and the
 * web page alike; nothing here prints or asks. */
#ifndef SLUICE_OPERATE_H
#define SLUICE_OPERATE_H

#include "cli/again.h"
#include "common/config.h"
#include "common/db.h"
#include "consumer/models.h"

#define OPERATE_ALL "*" /* instead of a dataset: everything */
#define OPERATE_WHO 96  /* bytes operate_who needs */

/* Whoever runs this program, as meta.operation keeps it: "root", or the one
 * behind sudo. */
const char *operate_who(char out[OPERATE_WHO]);

/* -- pauses ---------------------------------------------------------------- */

/* Columns of operate_pauses; OP_SINCE as "2026-11-22 20:17:03 UTC". */
enum { OP_DATASET, OP_SINCE, OP_SECS, OP_BY, OP_REASON };

/* What is paused now: OPERATE_ALL first, then datasets. Any account. The
 * caller frees *rows. A schema that is too old: EXIT_CONFIG, with the remedy. */
bool operate_pauses(struct db *db, struct db_result **rows, struct err *err)
	MUST_CHECK;

struct operate_order {
	const char *dataset; /* "orgs" or "events.orgs"; NULL: everything */
	const char *by;      /* see operate_who */
	const char *reason;  /* NULL: none given */
};

/* Consumers finish what they are at, then take no more messages (of that
 * dataset), also after a restart, until operate_resume; files and messages
 * wait in the broker. *name gets the dataset's full name or OPERATE_ALL;
 * *changed is false when it was paused before (by, since and reason stay).
 * Errors: EXIT_USAGE no such dataset, or one that cannot be paused alone. */
bool operate_pause(const struct config *config,
	const struct operate_order *order, struct buf *name, bool *changed,
	struct err *err) MUST_CHECK;
/* Ends that one pause. Of everything: the pauses of single datasets end as
 * well. *changed is false when it was not paused. */
bool operate_resume(const struct config *config,
	const struct operate_order *order, struct buf *name, bool *changed,
	struct err *err) MUST_CHECK;

/* -- draining -------------------------------------------------------------- */

/* What is still under way. */
struct operate_flow {
	int64_t waiting;  /* files in the folders */
	int64_t claimed;  /* files that are read; -1: may not be looked at */
	int64_t ready;    /* messages in the queues */
	int64_t unacked;  /* messages in the consumers' hands; -1: not known */
	int64_t arriving; /* sources that are not complete */
};
bool operate_flow_empty(const struct operate_flow *flow);

/* One look. Where the settings say there is no broker, its part is 0. */
bool operate_look(const struct config *config, struct operate_flow *flow,
	struct err *err) MUST_CHECK;

/* Until nothing has been under way for six seconds (the broker's own counts
 * are that old), or secs are over; the last look is in *flow, *empty says
 * which. Nothing is stopped: who drops files meanwhile waits for them too.
 * say (may be NULL) hears of each look and ends the wait by returning false.
 * Errors: those of operate_look; ERR_REJECT, EXIT_DATA when a pause keeps it
 * from ever ending. */
bool operate_drain(const struct config *config, int64_t secs,
	bool (*say)(void *context, const struct operate_flow *flow),
	void *context, struct operate_flow *flow, bool *empty,
	struct err *err) MUST_CHECK;

/* -- loading again, building ----------------------------------------------- */

/* Hands one source (number, drop id, name) over to the producer, as `sluice
 * replay` does; list tells which and where its bytes are. Needs the right to
 * write below raw_dir. The caller clears the list in any case. */
bool operate_replay(const struct config *config, const char *source,
	struct again_list *list, struct err *err) MUST_CHECK;

/* `sluice models run`: see models_build. */
bool operate_models(const struct config *config,
	const struct build_choice *choice,
	void (*say)(void *context, const struct build_report *report),
	void *context, int64_t *amiss, struct err *err) MUST_CHECK;

#endif
