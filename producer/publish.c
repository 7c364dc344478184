/* publish.c - the thread that owns the connection to RabbitMQ. */
#include "producer/publish_private.h"
#include "common/clock.h"
#include "common/health.h"
#include "common/metrics.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WINDOW_BYTES ((size_t)6 << 20)
#define LAST_CONFIRMS_MS 2000
#define WAIT_MAX_MS 5000
#define OVERDUE_MS 20

/* -- the connection --------------------------------------------------- */

static void set_broker(struct publisher *p, struct broker *broker)
{
	(void)pthread_mutex_lock(&p->lock);
	p->broker = broker;
	if (broker != NULL && p->cut)
		broker_abort(broker);
	(void)pthread_mutex_unlock(&p->lock);
}

static struct broker *open_broker(struct publisher *p, struct err *err)
{
	const struct config *config = &p->plan->config;
	struct buf password = { 0 };
	struct broker_options options = {
		.host = config->broker_host,
		.port = (int)config->broker_port,
		.vhost = config->broker_vhost,
		.user = config->producer.user,
		.name = "sluice-producer",
		.heartbeat_secs = (int)config->heartbeat_secs,
		.tls = config->broker_tls,
		.cacert = config->broker_cacert,
	};
	struct broker *broker = NULL;

	if (config_password(&config->producer, &password, err)) {
		options.password = password.len > 0 ? password.data : "";
		broker = broker_open(&options, err);
	}
	buf_clear(&password);
	if (broker == NULL || broker_confirm_mode(broker, err))
		return broker;
	broker_close(broker);
	return NULL;
}

/* Before there ever was a connection, wrong words end the program; later
 * they may be mended while we run. */
static bool no_connection(struct publisher *p, const char *event,
	const struct err *why, struct err *err)
{
	const int wait_ms = backoff_next_ms(&p->backoff);

	if (why->kind == ERR_STOP && !p->ever) {
		*err = *why;
		return false;
	}
	health_down("broker", why->text);
	if (log_repeat_due_for(&p->away, why->text)) {
		log_err(why->kind == ERR_STOP ? LOG_ERROR : LOG_WARN, event,
			why);
		p->complained = true;
	}
	p->connect_ms = clock_now_ms() + wait_ms;
	return true;
}

/* One that is lost again and again is logged as rarely as its loss. */
static void log_connected(struct publisher *p)
{
	const struct config *config = &p->plan->config;

	if (p->complained || !p->ever)
		LOG(LOG_INFO, "connected", LOG_S("host", config->broker_host),
			LOG_I("port", config->broker_port),
			LOG_S("vhost", config->broker_vhost),
			LOG_S("version", broker_version(p->broker)),
			LOG_U("again", p->away.times));
	p->complained = false;
}

static bool connect(struct publisher *p, struct err *err)
{
	struct err why = { 0 };
	struct broker *broker = open_broker(p, &why);

	if (broker == NULL)
		return no_connection(p, "no_broker", &why, err);
	set_broker(p, broker);
	health_up("broker");
	health_up("broker alarm");
	metrics_set(METRIC_BROKER_CONNECTED, 1, NULL, NULL);
	metrics_set(METRIC_BROKER_BLOCKED, 0, NULL, NULL);
	if (p->ever)
		metrics_add(METRIC_BROKER_RECONNECTS, 1, NULL, NULL);
	p->blocked = false;
	p->answered = false;
	p->connected_ms = clock_now_ms();
	log_connected(p);
	p->ever = true;
	return true;
}

static void disconnect(struct publisher *p)
{
	struct broker *broker = p->broker;

	set_broker(p, NULL);
	broker_close(broker);
	window_lost(p->window);
	metrics_set(METRIC_BROKER_CONNECTED, 0, NULL, NULL);
	metrics_set(METRIC_BROKER_BLOCKED, 0, NULL, NULL);
	publish_measure(p);
	for (struct outlet *outlet = p->outlets; outlet != NULL;
		outlet = outlet->next)
		if (outlet->flow == PROBING)
			outlet_wait(outlet);
}

static bool lost_connection(struct publisher *p, const struct err *why,
	struct err *err)
{
	disconnect(p);
	return no_connection(p, "broker_lost", why, err);
}

/* -- the thread ------------------------------------------------------- */

static bool take_claims(struct publisher *p, struct err *err)
{
	struct source *source;
	bool any = false;

	while ((source = queue_pop(p->claims, 0)) != NULL) {
		if (!publish_take(p, source, err))
			return false;
		any = true;
	}
	if (any)
		publish_measure(p);
	return true;
}

/* What is due and was not done waits for an answer of the broker, too. */
static int64_t sooner(int64_t wait, int64_t due_ms)
{
	const int64_t left = due_ms - clock_now_ms();
	const int64_t soon = left > 0 ? left : OVERDUE_MS;

	return soon < wait ? soon : wait;
}

/* Until what waits may try again. */
static int wait_ms(const struct publisher *p)
{
	const int64_t half = p->plan->config.heartbeat_secs * 1000 / 2;
	int64_t wait = half < WAIT_MAX_MS ? half : WAIT_MAX_MS;

	for (const struct outlet *outlet = p->outlets; outlet != NULL;
		outlet = outlet->next)
		if (outlet->flow == WAITING)
			wait = sooner(wait, outlet->due_ms);
	for (const struct lane *lane = p->lanes; lane != NULL;
		lane = lane->next)
		if (lane->due_ms != 0)
			wait = sooner(wait, lane->due_ms);
	return (int)wait;
}

/* All events that are there; waits for the first unless there is more to
 * send. *lost: the connection is. */
static bool take_events(struct publisher *p, int timeout_ms, int wake_fd,
	bool *lost, struct err *why, struct err *err)
{
	struct broker_event event = { 0 };

	for (int i = 0; i == 0 || event.kind != BROKER_NOTHING; i++) {
		if (!broker_wait(p->broker, wake_fd, i == 0 ? timeout_ms : 0,
			&event, why)) {
			*lost = true;
			return true;
		}
		if (!publish_event(p, &event, err))
			return false;
	}
	return true;
}

/* send_burst fails for two reasons: the connection, or what cannot go on. */
static bool connected_turn(struct publisher *p, struct err *err)
{
	struct err why = { 0 };
	bool more = false, lost = false;

	if (!publish_burst(p, &more, &why)) {
		if (why.kind == ERR_STOP && why.exit_code == EXIT_BUG) {
			*err = why;
			return false;
		}
		return lost_connection(p, &why, err);
	}
	if (!take_events(p, more ? 0 : wait_ms(p), queue_fd(p->claims), &lost,
		&why, err))
		return false;
	return !lost || lost_connection(p, &why, err);
}

/* Away from the broker; woken by the end alone. */
static bool waiting_turn(struct publisher *p, struct err *err)
{
	const int64_t left = p->connect_ms - clock_now_ms();

	if (left <= 0)
		return connect(p, err);
	pulse_idle(p->pulse);
	(void)poll(&(struct pollfd){ .fd = queue_fd(p->claims),
		.events = POLLIN }, 1, left < 1000 ? (int)left : 1000);
	return true;
}

/* What the broker complains of is told already; that it takes its time over
 * what was sent, or nothing can be read, is not. */
static void show_pulse(struct publisher *p)
{
	bool work = window_items(p->window) > 0;

	for (const struct lane *lane = p->lanes; !work && lane != NULL;
		lane = lane->next)
		work = lane->reading != NULL;
	if (p->broker == NULL)
		pulse_busy(p->pulse, "a connection to RabbitMQ");
	else if (!work || p->blocked)
		pulse_idle(p->pulse);
	else
		pulse_busy(p->pulse, window_flying(p->window) > 0 ?
			"confirms of RabbitMQ" : "reading claimed files");
}

static bool run_until_closed(struct publisher *p, struct err *err)
{
	while (!queue_closed(p->claims)) {
		show_pulse(p);
		if (!take_claims(p, err))
			return false;
		if (p->broker != NULL ? !connected_turn(p, err) :
			!waiting_turn(p, err))
			return false;
	}
	return true;
}

/* What is in flight is given a little time to be confirmed. */
static bool last_confirms(struct publisher *p, struct err *err)
{
	const int64_t until = clock_now_ms() + LAST_CONFIRMS_MS;
	struct err why = { 0 };
	bool lost = false;

	while (!lost && p->broker != NULL && window_flying(p->window) > 0 &&
		clock_now_ms() < until)
		if (!take_events(p, 50, -1, &lost, &why, err))
			return false;
	return true;
}

static bool last_positions(struct publisher *p, struct err *err)
{
	bool ok = true;

	for (struct lane *lane = p->lanes; lane != NULL; lane = lane->next)
		for (struct sending *s = lane->first; ok && s != NULL;
			s = s->next)
			if (s->started_ms != 0)
				ok = publish_position(p, s, err);
	return ok;
}

static void *publisher_main(void *arg)
{
	struct publisher *p = arg;
	struct err err = { 0 };
	struct source *source;
	const uint64_t one = 1;
	bool ok = run_until_closed(p, &err);

	ok = ok && last_confirms(p, &err);
	ok = ok && last_positions(p, &err);
	while ((source = queue_pop(p->claims, 0)) != NULL)
		source_free(source);
	disconnect(p);
	lanes_clear(p);
	if (!ok) {
		p->err = err;
		if (write(p->died_fd, &one, sizeof(one)) < 0)
			log_err(LOG_ERROR, "publisher", &err);
	}
	return NULL;
}

/* -- the outside ------------------------------------------------------ */

static void publisher_free(struct publisher *p)
{
	window_free(p->window);
	plan_release(p->plan);
	free(p->user);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

static struct publisher *publisher_new(struct plan *plan, struct err *err)
{
	struct publisher *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	(void)pthread_mutex_init(&p->lock, NULL);
	p->plan = plan_hold(plan);
	p->backoff = (struct backoff){ .base_ms = 200, .ceiling_ms = 2000 };
	p->user = strdup(plan->config.producer.user);
	p->window = window_new((size_t)plan->config.confirm_window,
		WINDOW_BYTES, err);
	if (p->user != NULL && p->window != NULL)
		return p;
	(void)err_memory(err);
	publisher_free(p);
	return NULL;
}

struct publisher *publisher_start(struct plan *plan, struct queue *claims,
	struct queue *reports, int died_fd, struct err *err)
{
	struct publisher *p = publisher_new(plan, err);

	if (p == NULL)
		return NULL;
	p->pulse = pulse_of("publisher");
	p->claims = claims;
	p->reports = reports;
	p->died_fd = died_fd;
	errno = pthread_create(&p->thread, NULL, publisher_main, p);
	if (errno == 0)
		return p;
	(void)err_errno(err, ERR_STOP, "start the publisher");
	publisher_free(p);
	return NULL;
}

static bool joined_in_time(struct publisher *p, int timeout_ms)
{
	struct timespec at;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += timeout_ms / 1000;
	at.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return pthread_clockjoin_np(p->thread, NULL, CLOCK_MONOTONIC, &at) ==
		0;
}

bool publisher_join(struct publisher *p, int timeout_ms, struct err *err)
{
	bool ok;

	if (!joined_in_time(p, timeout_ms)) {
		(void)pthread_mutex_lock(&p->lock);
		p->cut = true;
		if (p->broker != NULL)
			broker_abort(p->broker);
		(void)pthread_mutex_unlock(&p->lock);
		(void)pthread_join(p->thread, NULL);
	}
	ok = p->err.kind == ERR_NONE;
	if (!ok)
		*err = p->err;
	publisher_free(p);
	return ok;
}
