/* metrics.h - what this process counts and measures, in the text that
 * Prometheus reads (exposition format 0.0.4). One list a process, safe from
 * several threads; like the log, it never fails.
 *
 * Made to be moved once a message or a batch, never once a record: a call
 * costs a lock and a look through few series. */
#ifndef SLUICE_METRICS_H
#define SLUICE_METRICS_H

#include "common/buf.h"

#define METRIC_LABELS 2      /* of a metric, at most */
#define METRIC_SERIES 200    /* of a metric; what comes later is "other" */
#define METRIC_LABEL_BYTES 128 /* of a label's value; the rest is cut */

/* In the order of the table in metrics_table.c, which names and explains
 * them, as docs/METRICS.md does. */
enum metric {
	/* both daemons */
	METRIC_BUILD,
	METRIC_READY,
	METRIC_TROUBLE,
	METRIC_LOG_LINES,
	METRIC_QUEUE_LENGTH,
	METRIC_BROKER_CONNECTED,
	METRIC_BROKER_RECONNECTS,
	METRIC_STAGE,
	METRIC_OBJECT_BYTES,
	METRIC_OBJECTS,
	/* the producer */
	METRIC_SOURCES,
	METRIC_SOURCES_OPEN,
	METRIC_PUBLISHED_RECORDS,
	METRIC_PUBLISHED_BYTES,
	METRIC_MESSAGES_SENT,
	METRIC_MESSAGES_ANSWERED,
	METRIC_CONFIRMS_IN_FLIGHT,
	METRIC_BROKER_BLOCKED,
	METRIC_OLDEST_UNCONFIRMED,
	METRIC_LAST_CONFIRM,
	METRIC_API_REQUESTS,
	METRIC_API_RECORDS,
	METRIC_API_RUNNING,
	METRIC_API_NEXT_RUN,
	METRIC_API_FAILURES,
	METRIC_API_CALLS_LEFT,
	METRIC_API_CIRCUIT,
	/* the consumer */
	METRIC_RECORDS,
	METRIC_REJECTS,
	METRIC_MESSAGES,
	METRIC_MESSAGE_BYTES,
	METRIC_LOADS,
	METRIC_LAST_COMMIT,
	METRIC_OLDEST_UNCOMMITTED,
	METRIC_IN_HAND,
	METRIC_DATASETS_WAITING,
	METRIC_DATABASE_RECONNECTS,
	METRIC_BROKER_READY,
	METRIC_COUNT
};

enum metric_kind {
	METRIC_COUNTER,   /* only grows */
	METRIC_GAUGE,
	METRIC_AGE,       /* a gauge: seconds since a wall time; 0: none */
	METRIC_HISTOGRAM, /* of seconds */
};

/* Whose they are: bits. */
#define METRIC_OF_PRODUCER 1u
#define METRIC_OF_CONSUMER 2u

struct metric_row {
	const char *name;
	enum metric_kind kind;
	unsigned whose;
	const char *labels[METRIC_LABELS]; /* NULL: no more */
	const char *help; /* a line, without \ */
};
const struct metric_row *metric_row(enum metric metric);

/* Which program this is: one of METRIC_OF_*; only its metrics are shown, those
 * without labels from now on. Call it once, before any thread starts. */
void metrics_begin(unsigned whose);

/* Values of labels may be any bytes: what is not UTF-8 is shown as '?'. NULL:
 * the metric has no such label. A series is there once it is named; add 0 to
 * have it from the start. */
void metrics_add(enum metric metric, int64_t more, const char *first,
	const char *second);
void metrics_set(enum metric metric, double value, const char *first,
	const char *second);
/* METRIC_AGE: since this wall time; 0: there is nothing that ages. */
void metrics_since(enum metric metric, int64_t wall_us);
/* METRIC_HISTOGRAM; less than nothing counts as nothing. */
void metrics_took(enum metric metric, int64_t us, const char *first);
/* Drops all series of a metric, which then are set anew. */
void metrics_forget(enum metric metric);

/* What was counted so far; 0 when there is no such series. */
int64_t metrics_count(enum metric metric, const char *first,
	const char *second);
/* Adds all metrics of this program, and the usual ones of its process. */
bool metrics_text(struct buf *out, struct err *err) MUST_CHECK;
/* Adds docs/METRICS.md. */
bool metrics_document(struct buf *out, struct err *err) MUST_CHECK;

#endif
