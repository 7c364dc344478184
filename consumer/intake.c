/* intake.c - the thread that owns the AMQP connection. */
#include "consumer/intake_private.h"
#include "common/clock.h"
#include "common/health.h"
#include "common/metrics.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define NOTES_MAX 4096
#define HELD_BYTES_MAX ((size_t)32 << 20)
#define EVENTS_AT_ONCE 64 /* that are there already */
#define STEADY_MS 5000 /* a connection that lived so long is well */

void parcel_free(struct parcel *parcel)
{
	if (parcel == NULL)
		return;
	delivery_free(parcel->delivery);
	free(parcel);
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
	const size_t weight = delivery->weight;

	if (parcel == NULL) {
		delivery_free(delivery);
		return err_memory(err);
	}
	*parcel = (struct parcel){ delivery, intake->connection,
		clock_now_us() };
	if (acks_delivered(&intake->acks, delivery->tag, err) &&
		hold(intake, parcel, err)) {
		hand_over_held(intake);
		return intake_fit_prefetch(intake, weight, err);
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

struct broker *intake_connect(const struct intake *intake,
	struct err *err)
{
	return intake_open_broker(intake->config, "sluice-consumer", err);
}

static int heartbeat_ms(const struct intake *intake)
{
	const int64_t third = intake->config->heartbeat_secs * 1000 / 3;

	return third > 0 && third < LOOK_MS ? (int)third : LOOK_MS;
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

/* What has arrived is taken together; what is full waits for its room. */
static bool take_events(struct intake *intake, int timeout_ms, struct err *err)
{
	struct broker_event event = { 0 };

	for (int i = 0; i < EVENTS_AT_ONCE; i++) {
		if (!broker_wait(intake->broker, queue_fd(intake->notes),
			    i == 0 ? timeout_ms : 0, &event, err) ||
			!take_event(intake, &event, err))
			return false;
		if (event.kind == BROKER_NOTHING || intake->renew ||
			intake->held_count > 0)
			break;
	}
	return true;
}

static bool turn(struct intake *intake, struct err *err)
{
	int timeout_ms = heartbeat_ms(intake);

	pulse_busy(intake->pulse, "acknowledgements");
	intake_take_notes(intake);
	if (!intake_send_acks(intake, err))
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
	return take_events(intake, timeout_ms, err) &&
		intake_look_for_missing(intake, err);
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

/* The life of a connection; true when it was ended on purpose. */
static bool serve(struct intake *intake, struct err *err)
{
	bool ok;

	intake->renew = false;
	pulse_busy(intake->pulse, "a connection to RabbitMQ");
	intake->broker = intake_connect(intake, err);
	if (intake->broker == NULL)
		return false;
	intake->connection++;
	ok = intake_subscribe(intake, err);
	if (ok)
		recovered(intake);
	while (ok && wanted(intake) && !intake->renew) {
		ok = turn(intake, err);
		calm(intake);
		intake_retry_skipped(intake);
	}
	intake_take_notes(intake); /* the last acknowledgements, at the end */
	ok = ok && intake_send_acks(intake, err);
	atomic_store(&intake->generation, 0);
	atomic_store(&intake->wide, 0);
	metrics_set(METRIC_BROKER_CONNECTED, 0, NULL, NULL);
	metrics_set(METRIC_IN_HAND, 0, NULL, NULL);
	broker_close(intake->broker);
	intake->broker = NULL;
	acks_clear(&intake->acks);
	while (intake->returns != NULL)
		intake_drop_return(intake);
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
	intake_await_note(intake, backoff_next_ms(&intake->backoff));
	intake_take_notes(intake);
}

static void *run(void *context)
{
	struct intake *intake = context;

	while (!queue_closed(intake->notes)) {
		struct err err = { 0 };

		intake_take_notes(intake);
		if (intake->paused || intake->halted)
			intake_await_note(intake, -1);
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
		intake_note_free(note);
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
	intake->queues = intake_list_queues(config, set,
		&intake->queue_count, err);
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
