/* intake.c - the thread that owns the AMQP connection. */
#include "consumer/intake.h"
#include "common/backoff.h"
#include "common/health.h"
#include "common/metrics.h"
#include "common/pulse.h"
#include "common/broker.h"
#include "common/clock.h"
#include "common/mutation.h"
#include "consumer/acks.h"
#include "consumer/work.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOTES_MAX 4096
#define HELD_BYTES_MAX ((size_t)32 << 20)
#define SKIP_MS 2000 /* a queue that does not answer is left out, at first */
#define SKIP_MAX_MS (2 * 60 * 1000)
#define LOOK_MS 2000 /* between two looks for a queue that is missing */
#define STEADY_MS 5000 /* a connection that lived so long is well */
#define QUEUE_NAME 128
#define DEAD_PREFETCH 32 /* what is in there may wait for long in our hands */
#define MIN_PREFETCH 64
#define SMALL_RECORD 256 /* bytes: what few records make of a message */

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
};

void parcel_free(struct parcel *parcel)
{
	if (parcel == NULL)
		return;
	delivery_free(parcel->delivery);
	free(parcel);
}

/* -- notes: from other threads ------------------------------------------ */

static void note_free(struct note *note)
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
		note_free(note);
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
		note_free(note);
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

void intake_room(struct intake *intake)
{
	if (atomic_exchange(&intake->starved, false))
		send_note(intake, note_new(NOTE_ROOM), 0);
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

/* Bytes of a full message; a setting of the dataset's own counts. */
static int64_t full_message(const struct config *config,
	const struct dataset *dataset)
{
	const int64_t bytes = dataset->chunk_bytes != 0 ? dataset->chunk_bytes :
		config->chunk_bytes;
	const int64_t records = dataset->chunk_records != 0 ?
		dataset->chunk_records : config->chunk_records;

	return records * SMALL_RECORD < bytes ? records * SMALL_RECORD : bytes;
}

/* Full messages of two batches, one that is loaded and one that is read: what
 * is handed out beyond that only stands before those of other datasets. */
static int prefetch_of(const struct config *config,
	const struct pipeline *pipeline)
{
	int64_t largest = 1;
	int64_t enough;

	for (size_t i = 0; i < pipeline->dataset_count; i++) {
		const struct dataset *dataset = &pipeline->datasets[i];
		const int64_t bytes = full_message(config, dataset);

		if (dataset->from == NULL && bytes > largest)
			largest = bytes;
	}
	enough = config->batch_bytes * 2 / largest;
	if (enough < MIN_PREFETCH)
		enough = MIN_PREFETCH;
	return (int)(enough < config->prefetch ? enough : config->prefetch);
}

static struct source_queue *list_queues(const struct config *config,
	const struct pipeline_set *set, size_t *count, struct err *err)
{
	struct source_queue *list = calloc(set->count * 2 + 1, sizeof(*list));

	if (list == NULL) {
		err_memory(err);
		return NULL;
	}
	*count = 0;
	for (size_t i = 0; i < set->count; i++) {
		const char *name = set->pipelines[i].name;
		const int prefetch = prefetch_of(config, &set->pipelines[i]);

		list[*count].prefetch = prefetch;
		(void)snprintf(list[(*count)++].name, QUEUE_NAME, "sluice.%s",
			name);
		list[*count].prefetch = prefetch < DEAD_PREFETCH ? prefetch :
			DEAD_PREFETCH;
		(void)snprintf(list[(*count)++].name, QUEUE_NAME,
			"sluice.%s.dead", name);
	}
	return list;
}

bool intake_set_queues(struct intake *intake, const struct pipeline_set *set,
	struct err *err)
{
	struct note *note = note_new(NOTE_QUEUES);

	if (note == NULL)
		return err_memory(err);
	note->queues = list_queues(intake->config, set, &note->count, err);
	if (note->queues == NULL) {
		note_free(note);
		return false;
	}
	send_note(intake, note, -1);
	return true;
}

/* -- notes: in the thread ----------------------------------------------- */

static void take_queues(struct intake *intake, struct note *note)
{
	const size_t bytes = note->count * sizeof(*note->queues);
	const bool same = note->count == intake->queue_count &&
		memcmp(note->queues, intake->queues, bytes) == 0;

	if (same)
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
	note_free(note);
}

static void take_notes(struct intake *intake)
{
	struct note *note;

	while ((note = queue_pop(intake->notes, 0)) != NULL)
		take_note(intake, note);
}

/* Waits for a note (or the end of the program). */
static void await_note(struct intake *intake, int timeout_ms)
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

static void drop_return(struct intake *intake)
{
	struct note *note = intake->returns;

	intake->returns = note->next;
	note_free(note);
}

/* Returns first: an ack of many may reach over them, and would count as one of
 * theirs. */
static bool send_acks(struct intake *intake, struct err *err)
{
	bool multiple;
	uint64_t tag;

	for (; intake->returns != NULL; drop_return(intake))
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

/* -- deliveries --------------------------------------------------------- */

static bool hold(struct intake *intake, struct parcel *parcel,
	struct err *err)
{
	if (intake->held_count == intake->held_cap) {
		const size_t cap = intake->held_cap * 2 + 16;
		struct parcel **more = realloc(intake->held,
			cap * sizeof(*more));

		if (more == NULL)
			return err_memory(err);
		intake->held = more;
		intake->held_cap = cap;
	}
	intake->held[intake->held_count++] = parcel;
	intake->held_bytes += parcel->delivery->weight;
	return true;
}

static bool hand_over(struct intake *intake, struct parcel *parcel)
{
	return queue_push(intake->out, parcel, parcel->delivery->weight, 0);
}

/* In order, as far as there is room. The flag goes up before the last try: a
 * room made in between is either seen here or announced. */
static void hand_over_held(struct intake *intake)
{
	size_t given = 0;

	for (; given < intake->held_count; given++) {
		struct parcel *parcel = intake->held[given];
		const size_t weight = parcel->delivery->weight;

		if (!hand_over(intake, parcel)) {
			atomic_store(&intake->starved, true);
			if (!hand_over(intake, parcel))
				break;
		}
		intake->held_bytes -= weight;
	}
	intake->held_count -= given;
	if (given > 0)
		memmove(intake->held, intake->held + given,
			intake->held_count * sizeof(*intake->held));
}

static bool take_delivery(struct intake *intake, struct delivery *delivery,
	struct err *err)
{
	struct parcel *parcel = malloc(sizeof(*parcel));

	if (parcel == NULL) {
		delivery_free(delivery);
		return err_memory(err);
	}
	*parcel = (struct parcel){ delivery, intake->connection,
		clock_now_us() };
	if (acks_delivered(&intake->acks, delivery->tag, err) &&
		hold(intake, parcel, err)) {
		hand_over_held(intake);
		return true;
	}
	parcel_free(parcel);
	return false;
}

static void drop_held(struct intake *intake)
{
	for (size_t i = 0; i < intake->held_count; i++)
		parcel_free(intake->held[i]);
	intake->held_count = 0;
	intake->held_bytes = 0;
}

/* -- one connection ----------------------------------------------------- */

/* A chunk of ours is as large as the producer's limits make it; those of
 * others are judged one by one. */
static size_t largest_message(const struct config *config)
{
	const int64_t chunk = config->chunk_bytes + config->max_record_bytes;

	return (size_t)(chunk > config->max_message_bytes ? chunk :
			config->max_message_bytes) + 65536;
}

struct broker *intake_open_broker(const struct config *config,
	const char *name, struct err *err)
{
	struct buf password = { 0 };
	struct broker *broker = NULL;
	struct broker_options options = {
		.host = config->broker_host,
		.port = (int)config->broker_port,
		.vhost = config->broker_vhost,
		.user = config->consumer.user,
		.name = name,
		.heartbeat_secs = (int)config->heartbeat_secs,
		.tls = config->broker_tls,
		.cacert = config->broker_cacert,
		.max_message_bytes = largest_message(config),
	};

	if (config_password(&config->consumer, &password, err)) {
		options.password = password.data != NULL ? password.data : "";
		broker = broker_open(&options, err);
	}
	if (password.data != NULL)
		explicit_bzero(password.data, password.len);
	buf_clear(&password);
	return broker;
}

static struct broker *open_broker(const struct intake *intake,
	struct err *err)
{
	return intake_open_broker(intake->config, "sluice-consumer", err);
}

static bool inspect_queue(struct broker *broker, struct source_queue *queue,
	struct err *err)
{
	uint32_t ready, consumers;
	bool found = false;

	if (!broker_inspect(broker, queue->name, &found, &ready, &consumers,
		err))
		return false;
	queue->missing = !found;
	return true;
}

static bool is_left_out(const struct source_queue *queue)
{
	return queue->skip_until_ms > clock_now_ms();
}

/* All are asked for before any is consumed; a missing one must not keep the
 * others from being served. One that is left out would not even answer. */
static bool inspect_queues(struct intake *intake, struct broker *broker,
	size_t *missing, struct err *err)
{
	*missing = 0;
	for (size_t i = 0; i < intake->queue_count; i++) {
		if (!is_left_out(&intake->queues[i]) &&
			!inspect_queue(broker, &intake->queues[i], err))
			return false;
		*missing += intake->queues[i].missing;
	}
	return true;
}

static int heartbeat_ms(const struct intake *intake)
{
	const int64_t third = intake->config->heartbeat_secs * 1000 / 3;

	return third > 0 && third < LOOK_MS ? (int)third : LOOK_MS;
}

static void complain_missing(struct intake *intake)
{
	health_down("queues", "some are missing: run `sluice apply`");
	if (!log_repeat_due(&intake->missing))
		return;
	for (size_t i = 0; i < intake->queue_count; i++)
		if (intake->queues[i].missing)
			LOG(LOG_ERROR, "queue_missing",
				LOG_S("queue", intake->queues[i].name),
				LOG_S("err", "the queue is missing: "
					"run `sluice apply`"));
}

/* One without a leader answers nothing, or ends the connection: the others
 * are served first, it is tried again soon, then more and more rarely. */
static bool skip(struct source_queue *queue, struct err *err)
{
	struct backoff pause = { .base_ms = SKIP_MS,
		.ceiling_ms = SKIP_MAX_MS, .attempts = queue->skips++ };
	const int ms = backoff_next_ms(&pause);

	queue->skip_until_ms = clock_now_ms() + ms;
	return err_wrap(err, "queue '%s' is left out for %d s (has it a leader?"
		" rabbitmqctl list_queues name leader)", queue->name,
		(ms + 999) / 1000);
}

/* The doubtful ones first: when the broker is stuck with one it keeps, for
 * long, what it has delivered on this connection before. */
static bool consume_all(struct intake *intake, bool doubtful, struct err *err)
{
	for (size_t i = 0; i < intake->queue_count; i++) {
		struct source_queue *queue = &intake->queues[i];

		if (queue->missing || is_left_out(queue) ||
			(queue->skips > 0) != doubtful)
			continue;
		if (!broker_consume(intake->broker, queue->name,
			    queue->prefetch, err))
			return skip(queue, err);
	}
	return true;
}

static bool subscribe(struct intake *intake, struct err *err)
{
	size_t missing;

	if (!inspect_queues(intake, intake->broker, &missing, err))
		return false;
	if (missing > 0)
		complain_missing(intake);
	else
		health_up("queues");
	if (missing == 0 && log_repeat_clear(&intake->missing) > 0)
		LOG(LOG_INFO, "queues_found",
			LOG_U("queues", intake->queue_count));
	intake->look_ms = clock_now_ms() + LOOK_MS;
	if (!consume_all(intake, true, err) ||
		!consume_all(intake, false, err))
		return false;
	for (size_t i = 0; i < intake->queue_count; i++)
		if (!is_left_out(&intake->queues[i]))
			intake->queues[i].skips = 0;
	return true;
}

/* A missing queue is looked for on a connection of its own: the channel that
 * consumes must not be disturbed. When one is back, all start anew. */
static bool look_for_missing(struct intake *intake, struct err *err)
{
	size_t before = 0;
	size_t now = 0;
	struct broker *broker;
	bool ok;

	for (size_t i = 0; i < intake->queue_count; i++)
		before += intake->queues[i].missing;
	if (before == 0 || clock_now_ms() < intake->look_ms)
		return true;
	pulse_busy(intake->pulse, "looking for queues");
	intake->look_ms = clock_now_ms() + LOOK_MS;
	broker = open_broker(intake, err);
	if (broker == NULL)
		return false;
	ok = inspect_queues(intake, broker, &now, err);
	broker_close(broker);
	if (ok && now > 0)
		complain_missing(intake);
	intake->renew = now != before;
	return ok;
}

static bool take_event(struct intake *intake, const struct broker_event *event,
	struct err *err)
{
	switch (event->kind) {
	case BROKER_DELIVERED:
		return take_delivery(intake, event->delivery, err);
	case BROKER_CANCELLED:
		intake->renew = true; /* inspecting says what is missing */
		return true;
	default:
		return true;
	}
}

/* Everything is full: only notes and heartbeats count until there is room. */
static int wait_for_room(struct intake *intake)
{
	struct pollfd fd = { .fd = queue_fd(intake->notes), .events = POLLIN };

	if (poll(&fd, 1, heartbeat_ms(intake)) > 0)
		return -1;
	return 0;
}

static bool turn(struct intake *intake, struct err *err)
{
	struct broker_event event = { 0 };
	int timeout_ms = heartbeat_ms(intake);

	pulse_busy(intake->pulse, "acknowledgements");
	take_notes(intake);
	if (!send_acks(intake, err))
		return false;
	hand_over_held(intake);
	metrics_set(METRIC_IN_HAND, (double)acks_open(&intake->acks), NULL,
		NULL);
	pulse_idle(intake->pulse); /* broker_wait has a watch of its own */
	if (intake->held_count > 0)
		timeout_ms = wait_for_room(intake);
	if (timeout_ms < 0)
		return true;
	if (intake->held_bytes > HELD_BYTES_MAX)
		return err_set(err, ERR_RETRY,
			"the database does not keep up: dropping the "
			"connection, the broker keeps the messages");
	return broker_wait(intake->broker, queue_fd(intake->notes), timeout_ms,
		       &event, err) &&
		take_event(intake, &event, err) &&
		look_for_missing(intake, err);
}

static bool wanted(const struct intake *intake)
{
	return !intake->paused && !intake->halted &&
		!queue_closed(intake->notes);
}

static void recovered(struct intake *intake)
{
	metrics_set(METRIC_BROKER_CONNECTED, 1, NULL, NULL);
	if (intake->connected_ms != 0)
		metrics_add(METRIC_BROKER_RECONNECTS, 1, NULL, NULL);
	health_up("broker");
	if (intake->complained || intake->connected_ms == 0)
		LOG(LOG_INFO, "broker_connected",
			LOG_S("host", intake->config->broker_host),
			LOG_I("port", intake->config->broker_port),
			LOG_U("failures", intake->trouble.times));
	intake->complained = false;
	intake->connected_ms = clock_now_ms();
	atomic_store(&intake->generation, intake->connection);
}

/* One that is lost as soon as it is had is no recovery: the pauses grow, the
 * complaints stay rare. */
static void calm(struct intake *intake)
{
	if (clock_now_ms() - intake->connected_ms < STEADY_MS)
		return;
	(void)log_repeat_clear(&intake->trouble);
	backoff_reset(&intake->backoff);
}

/* A queue that was passed over is tried again, on a new connection. */
static void retry_skipped(struct intake *intake)
{
	for (size_t i = 0; i < intake->queue_count; i++) {
		struct source_queue *queue = &intake->queues[i];

		if (queue->skip_until_ms != 0 &&
			queue->skip_until_ms <= clock_now_ms()) {
			queue->skip_until_ms = 0;
			intake->renew = true;
		}
	}
}

/* The life of a connection; true when it was ended on purpose. */
static bool serve(struct intake *intake, struct err *err)
{
	bool ok;

	intake->renew = false;
	pulse_busy(intake->pulse, "a connection to RabbitMQ");
	intake->broker = open_broker(intake, err);
	if (intake->broker == NULL)
		return false;
	intake->connection++;
	ok = subscribe(intake, err);
	if (ok)
		recovered(intake);
	while (ok && wanted(intake) && !intake->renew) {
		ok = turn(intake, err);
		calm(intake);
		retry_skipped(intake);
	}
	take_notes(intake); /* the last acknowledgements, at the end */
	ok = ok && send_acks(intake, err);
	atomic_store(&intake->generation, 0);
	metrics_set(METRIC_BROKER_CONNECTED, 0, NULL, NULL);
	metrics_set(METRIC_IN_HAND, 0, NULL, NULL);
	broker_close(intake->broker);
	intake->broker = NULL;
	acks_clear(&intake->acks);
	while (intake->returns != NULL)
		drop_return(intake);
	drop_held(intake);
	return ok;
}

/* Refused at the first try: the settings are wrong, a human must act. Later it
 * may be a password that is being changed. */
static void fail(struct intake *intake, const struct err *err)
{
	if (err->kind == ERR_STOP && (err_exit_code(err) == EXIT_BUG ||
		intake->connection == 0)) {
		fate_end(intake->fate, err);
		queue_close(intake->notes);
		return;
	}
	health_down("broker", err->text);
	if (log_repeat_due_for(&intake->trouble, err->text)) {
		intake->complained = true;
		log_err(err->kind == ERR_STOP ? LOG_ERROR : LOG_WARN,
			"broker_lost", err);
	}
	await_note(intake, backoff_next_ms(&intake->backoff));
	take_notes(intake);
}

static void *run(void *context)
{
	struct intake *intake = context;

	while (!queue_closed(intake->notes)) {
		struct err err = { 0 };

		take_notes(intake);
		if (intake->paused || intake->halted)
			await_note(intake, -1);
		else if (!serve(intake, &err))
			fail(intake, &err);
	}
	return NULL;
}

/* -- start and stop ----------------------------------------------------- */

static void intake_free(struct intake *intake)
{
	struct note *note;

	while (intake->notes != NULL &&
		(note = queue_pop(intake->notes, 0)) != NULL)
		note_free(note);
	queue_free(intake->notes);
	free(intake->held);
	free(intake->queues);
	free(intake);
}

struct intake *intake_start(const struct config *config,
	const struct pipeline_set *set, struct queue *out, struct fate *fate,
	struct err *err)
{
	struct intake *intake = calloc(1, sizeof(*intake));

	if (intake == NULL) {
		err_memory(err);
		return NULL;
	}
	intake->config = config;
	intake->out = out;
	intake->fate = fate;
	intake->paused = true;
	intake->halted = true;
	intake->pulse = pulse_of("intake");
	intake->backoff = (struct backoff){ .base_ms = 250,
		.ceiling_ms = 2000 };
	intake->notes = queue_new(NOTES_MAX, NOTES_MAX, err);
	intake->queues = list_queues(config, set, &intake->queue_count,
		err);
	if (intake->notes == NULL || intake->queues == NULL)
		goto out;
	if (pthread_create(&intake->thread, NULL, run, intake) == 0)
		return intake;
	err_memory(err);
out:
	intake_free(intake);
	return NULL;
}

void intake_stop(struct intake *intake)
{
	if (intake == NULL)
		return;
	queue_close(intake->notes);
	(void)pthread_join(intake->thread, NULL);
	intake_free(intake);
}
