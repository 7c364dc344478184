/* intake_notes.c - what other threads tell the intake, and what becomes of it
 * in its own. */
#include "consumer/intake_private.h"
#include "common/health.h"
#include "common/mutation.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* -- notes: from other threads ------------------------------------------ */

void intake_note_free(struct note *note)
{
	if (note == NULL)
		return;
	free(note->tags);
	free(note->queues);
	free(note);
}

/* A note that cannot be handed over was about a connection that ends. */
static void send_note(struct intake *intake, struct note *note, int timeout_ms)
{
	if (note != NULL && !queue_push(intake->notes, note, 1, timeout_ms))
		intake_note_free(note);
}

static struct note *note_new(enum note_kind kind)
{
	struct note *note = calloc(1, sizeof(*note));

	if (note != NULL)
		note->kind = kind;
	return note;
}

uint64_t intake_generation(const struct intake *intake)
{
	return atomic_load(&intake->generation);
}

/* Out of memory means that the broker delivers again: the ledger knows. */
static void send_tags(struct intake *intake, enum note_kind kind,
	uint64_t generation, const uint64_t *tags, size_t count)
{
	struct note *note = note_new(kind);

	if (note == NULL)
		return;
	note->generation = generation;
	note->count = count;
	note->tags = malloc((count + 1) * sizeof(*tags));
	if (note->tags == NULL) {
		intake_note_free(note);
		return;
	}
	memcpy(note->tags, tags, count * sizeof(*tags));
	send_note(intake, note, -1);
}

void intake_ack(struct intake *intake, uint64_t generation,
	const uint64_t *tags, size_t count)
{
	send_tags(intake, NOTE_ACKS, generation, tags, count);
}

void intake_return(struct intake *intake, uint64_t generation,
	const uint64_t *tags, size_t count, bool pass_on)
{
	send_tags(intake, pass_on ? NOTE_PASS_ON : NOTE_REQUEUE, generation,
		tags, count);
}

bool intake_room(struct intake *intake)
{
	if (!atomic_exchange(&intake->starved, false))
		return false;
	send_note(intake, note_new(NOTE_ROOM), 0);
	return true;
}

void intake_pause(struct intake *intake)
{
	send_note(intake, note_new(NOTE_PAUSE), -1);
}

void intake_resume(struct intake *intake)
{
	send_note(intake, note_new(NOTE_RESUME), -1);
}

void intake_halt(struct intake *intake)
{
	send_note(intake, note_new(NOTE_HALT), -1);
}

void intake_go(struct intake *intake)
{
	send_note(intake, note_new(NOTE_GO), -1);
}

bool intake_set_queues(struct intake *intake, const struct pipeline_set *set,
	struct err *err)
{
	struct note *note = note_new(NOTE_QUEUES);

	if (note == NULL)
		return err_memory(err);
	note->queues = intake_list_queues(intake->config, set, &note->count,
		err);
	if (note->queues == NULL) {
		intake_note_free(note);
		return false;
	}
	send_note(intake, note, -1);
	return true;
}

/* -- notes: in the thread ----------------------------------------------- */

static bool same_queues(const struct intake *intake, const struct note *note)
{
	bool same = note->count == intake->queue_count;

	for (size_t i = 0; same && i < note->count; i++)
		same = note->queues[i].prefetch ==
				intake->queues[i].prefetch &&
			strcmp(note->queues[i].name,
				intake->queues[i].name) == 0;
	return same;
}

static void take_queues(struct intake *intake, struct note *note)
{
	if (same_queues(intake, note))
		return;
	free(intake->queues);
	intake->queues = note->queues;
	intake->queue_count = note->count;
	intake->renew = true;
	note->queues = NULL;
}

/* Kept until they can be sent. */
static void take_returns(struct intake *intake, struct note *note)
{
	size_t kept = 0;

	for (size_t i = 0; i < note->count; i++)
		if (note->generation == intake->connection &&
			acks_returned(&intake->acks, note->tags[i]))
			note->tags[kept++] = note->tags[i];
	note->count = kept;
	note->next = intake->returns;
	intake->returns = note;
}

static void take_note(struct intake *intake, struct note *note)
{
	switch (note->kind) {
	case NOTE_ACKS:
		for (size_t i = 0; i < note->count; i++)
			if (note->generation == intake->connection)
				acks_done(&intake->acks, note->tags[i]);
		break;
	case NOTE_REQUEUE:
	case NOTE_PASS_ON:
		take_returns(intake, note);
		return;
	case NOTE_ROOM:
		break;
	case NOTE_PAUSE:
		intake->paused = true;
		break;
	case NOTE_RESUME:
		intake->paused = false;
		break;
	case NOTE_HALT:
		intake->halted = true;
		health_up("broker"); /* nobody asks for it */
		health_up("queues");
		break;
	case NOTE_GO:
		intake->halted = false;
		break;
	case NOTE_QUEUES:
		take_queues(intake, note);
		break;
	}
	intake_note_free(note);
}

void intake_take_notes(struct intake *intake)
{
	struct note *note;

	while ((note = queue_pop(intake->notes, 0)) != NULL)
		take_note(intake, note);
}

/* Waits for a note (or the end of the program). */
void intake_await_note(struct intake *intake, int timeout_ms)
{
	struct pollfd fd = { .fd = queue_fd(intake->notes), .events = POLLIN };

	pulse_idle(intake->pulse);
	(void)poll(&fd, 1, timeout_ms);
}

static bool send_return(struct intake *intake, const struct note *note,
	struct err *err)
{
	for (size_t i = 0; i < note->count; i++)
		if (!(note->kind == NOTE_PASS_ON ?
			    broker_pass_on(intake->broker, note->tags[i], err) :
			    broker_requeue(intake->broker, note->tags[i], false,
				    err)))
			return false;
	return true;
}

void intake_drop_return(struct intake *intake)
{
	struct note *note = intake->returns;

	intake->returns = note->next;
	intake_note_free(note);
}

/* Returns first: an ack of many may reach over them, and would count as one of
 * theirs. */
bool intake_send_acks(struct intake *intake, struct err *err)
{
	bool multiple;
	uint64_t tag;

	for (; intake->returns != NULL; intake_drop_return(intake))
		if (!send_return(intake, intake->returns, err))
			return false;
	while (acks_next(&intake->acks, &tag, &multiple)) {
		if (MUTATED(ack_too_far)) {
			tag = intake->acks.newest;
			multiple = true;
		}
		if (!broker_ack(intake->broker, tag, multiple, err))
			return false;
	}
	return true;
}
