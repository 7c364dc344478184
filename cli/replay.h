/* replay.h - one reject, put through again: its bytes, its message.
 *
 * A replay is a chunk of one record, named after the refused range and the try
 * (#r1, #r2 ...). A try that is in the ledger already is absorbed there, so
 * sending one twice does nothing; a reject that is resolved is not sent. */
#ifndef SLUICE_REPLAY_H
#define SLUICE_REPLAY_H

#include "cli/where.h"
#include "common/broker.h"
#include "common/pipeline.h"

struct replay {
	int64_t reject_id;
	char *dataset;       /* "<pipeline>.<dataset>": the routing key */
	char *code;          /* why it was refused */
	struct buf source;   /* the source's name, as meta.source has it */
	struct envelope envelope;
	char id[ENVELOPE_ID_TEXT];
	struct buf index;
	struct buf record;   /* and a line feed behind it: the body */
	bool repaired;
	struct buf from;     /* where the bytes came from */
	char problem[512];   /* not to be sent: why; empty: send it */
	uint64_t tag;        /* while it waits for its confirm */
	bool confirmed;
};

struct replay_list {
	struct replay *items;
	size_t count;
};

struct replay_rules {
	const struct config *config;
	const struct pipeline_set *set;
	const char *filter; /* NULL: none */
	const char *file;   /* NULL: none */
};

/* The next open rejects that `where` means, behind reject `after`, ready to be
 * sent or with a problem; at most `most`, none: the list is empty. */
bool replay_next(struct db *db, const struct where *where, int64_t after,
	int64_t most, const struct replay_rules *rules,
	struct replay_list *list, struct err *err) MUST_CHECK;
void replay_list_clear(struct replay_list *list);

/* Publishes those without a problem as the producer's user, and waits for
 * every confirm. The broker is in
 * confirm mode. */
bool replay_send(struct broker *broker, const struct config *config,
	struct replay_list *list, struct err *err) MUST_CHECK;

enum outcome { TRY_WAITS, TRY_LOADED, TRY_REFUSED };

/* What became of a try that was sent. */
struct replay_try {
	int64_t reject_id;
	uint32_t number;
	enum outcome outcome;
};

/* Asks the database until all are settled, or none was for so long. */
bool replay_await(struct db *db, struct replay_try *tries, size_t count,
	int64_t secs, struct err *err) MUST_CHECK;

#endif
