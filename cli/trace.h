/* trace.h - from a row back to the bytes it was made of. */
#ifndef SLUICE_TRACE_H
#define SLUICE_TRACE_H

#include "cli/again.h"
#include "common/db.h"
#include "consumer/plan.h"

/* Where a source's bytes are, opened. */
struct trace {
	const struct config *config;
	const struct plan *plan;
	struct again_places places;
	struct db_result *source; /* columns TRACE_* */
	int64_t source_id;
	int fd;             /* of the bytes, as they lie there; -1: none */
	struct buf place;   /* for people: the file, the object, meta.message */
	struct err missing; /* why there are no bytes; kind ERR_NONE: there are */
};

enum { TRACE_DROP, TRACE_PIPELINE, TRACE_DATASET, TRACE_KIND, TRACE_NAME,
	TRACE_SIZE, TRACE_SHA256, TRACE_CLAIMED_US, TRACE_DAY, TRACE_ORIGIN,
	TRACE_CLAIMED_AT, TRACE_UNDONE_AT };

/* Reads the source's row and finds its bytes, checked against what was loaded:
 * in .claimed, processed_dir and failed_dir, in the object store, where `sluice
 * load` had the file, in meta.message. That they are nowhere, or others now, is
 * no error: trace->missing says so. Another source than before closes the
 * former. db must be allowed to read meta.message. */
bool trace_open(struct trace *trace, struct db *db, int64_t source_id,
	struct err *err) MUST_CHECK;
void trace_close(struct trace *trace);

/* The record that begins at that byte of the decompressed source, and its
 * line, from 1. ERR_REJECT: none begins there, or the source ends before. */
bool trace_record(const struct trace *trace, int64_t offset,
	struct buf *record, int64_t *line, struct err *err) MUST_CHECK;
/* All of it, decompressed, piece by piece. */
bool trace_all(const struct trace *trace,
	bool (*take)(void *context, const char *data, size_t len,
		struct err *err),
	void *context, struct err *err) MUST_CHECK;

/* -- trace_rows.c: which rows are meant -------------------------------------- */

/* Columns of what trace_rows finds. */
enum { ROW_SOURCE, ROW_OFFSET, ROW_LOAD, ROW_ITEM };

struct trace_ask {
	const struct plan *plan;
	const char *table;         /* "raw.events", "events", "events.events",
				    * "fact_events", "modelled.fact_events" */
	const char *const *words;  /* key values in order, or COLUMN=VALUE */
	size_t count;
	int64_t limit;
};

/* The rows of the master with that key, or those behind the rows of a model
 * with these values, the latest first; *dataset is whose they are. NULL in a
 * model: COLUMN= and nothing. Errors: EXIT_USAGE no such table, other columns,
 * with what there is; ERR_REJECT a model that cannot be traced by these. */
bool trace_rows(struct db *db, const struct trace_ask *ask,
	struct db_result **rows, const struct dataset **dataset,
	struct err *err) MUST_CHECK;

#endif
