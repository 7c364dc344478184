/* intake_private.h - what the parts of the intake share: intake.c (one
 * connection after the other), intake_notes.c (what other threads tell it),
 * intake_queues.c (which queues it consumes). All but the notes' public half
 * run in the intake's thread. */
#ifndef SLUICE_INTAKE_PRIVATE_H
#define SLUICE_INTAKE_PRIVATE_H

#include "common/backoff.h"
#include "common/log.h"
#include "common/pulse.h"
#include "consumer/acks.h"
#include "consumer/intake.h"

#include <pthread.h>
#include <stdatomic.h>

#define QUEUE_NAME 128
#define LOOK_MS 2000 /* between two looks for a queue that is missing */

enum note_kind {
	NOTE_ACKS,
	NOTE_REQUEUE,
	NOTE_PASS_ON,
	NOTE_ROOM,
	NOTE_PAUSE,
	NOTE_RESUME,
	NOTE_HALT,
	NOTE_GO,
	NOTE_QUEUES,
};

/* What other threads tell the intake. */
struct note {
	enum note_kind kind;
	uint64_t generation;
	size_t count;
	uint64_t *tags;       /* NOTE_ACKS, NOTE_REQUEUE, NOTE_PASS_ON */
	struct note *next;    /* in the intake's list of returns */
	struct source_queue *queues; /* NOTE_QUEUES */
};

struct source_queue {
	char name[QUEUE_NAME];
	int prefetch;
	bool missing;
	bool wide; /* a second consumer asks for more */
	int64_t skip_until_ms; /* it did not answer; 0: it is served */
	int skips;             /* how often, one after the other */
};

struct intake {
	const struct config *config;
	struct queue *out;
	struct queue *notes;
	struct fate *fate;
	pthread_t thread;
	_Atomic uint64_t generation;
	_Atomic bool starved; /* somebody waits for room in out */
	_Atomic size_t wide;  /* messages, see intake_wide */

	/* the thread's own */
	struct pulse *pulse;
	struct broker *broker;
	uint64_t connection; /* generation of the latest connection */
	struct acks acks;
	struct note *returns; /* to be sent before the next ack */
	struct source_queue *queues;
	size_t queue_count;
	struct parcel **held; /* delivered, but out is full */
	size_t held_count, held_cap, held_bytes;
	bool paused;
	bool halted; /* by an operator, or nobody has asked yet */
	bool renew; /* leave this connection for a new one */
	struct backoff backoff;
	struct log_repeat trouble;
	struct log_repeat missing;
	bool complained; /* since the last connection was logged */
	int64_t connected_ms; /* the latest time; 0: never */
	int64_t look_ms; /* when to look for missing queues again */
	int64_t mean_bytes; /* of the latest deliveries */
	int64_t wide_ms;    /* no wider prefetch before */
};

/* intake.c: another connection as the consumer. */
struct broker *intake_connect(const struct intake *intake, struct err *err);

/* intake_notes.c: does what the notes that have come ask for; waits for one
 * (or the end of the program). */
void intake_take_notes(struct intake *intake);
void intake_await_note(struct intake *intake, int timeout_ms);
void intake_note_free(struct note *note);
/* Sends what is done and what is given back, as far as it is known. */
bool intake_send_acks(struct intake *intake, struct err *err) MUST_CHECK;
/* The first of those to be given back: it is sent, or void. */
void intake_drop_return(struct intake *intake);

/* intake_queues.c: two queues a pipeline, to be freed. */
struct source_queue *intake_list_queues(const struct config *config,
	const struct pipeline_set *set, size_t *count, struct err *err);
/* Consumes those that are there; says so when some are not. */
bool intake_subscribe(struct intake *intake, struct err *err) MUST_CHECK;
/* After each delivery: asks for more at once while they are small, and for no
 * more than that when they are so no more. */
bool intake_fit_prefetch(struct intake *intake, size_t weight,
	struct err *err) MUST_CHECK;
/* From time to time: sets renew when one is back. */
bool intake_look_for_missing(struct intake *intake, struct err *err)
	MUST_CHECK;
/* The same for those that did not answer. */
void intake_retry_skipped(struct intake *intake);

#endif
