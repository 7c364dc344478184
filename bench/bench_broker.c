/* bench_broker.c - what the broker itself can do, with messages of one size.
 *
 * usage: bench_broker [-b] [-w WINDOW] BYTES N
 * Publishes N persistent messages of BYTES into a quorum queue, each confirmed,
 * at most WINDOW (2000) of them not yet; then consumes them again. Prints both
 * in messages a second. -b: both at once, on a connection each; prints how many
 * a second went through. The servers are those of the settings. */
#include "cli/connect.h"
#include "common/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUEUE "sluice.bench"
#define PREFETCH 2000

struct work {
	struct config config;
	bool both;
	size_t window;
	size_t len;
	uint64_t many;
};

static struct broker *open_broker(const struct work *work, struct err *err)
{
	return connect_broker(&work->config, &work->config.admin, err);
}

static bool make_queue(struct broker *broker, struct err *err)
{
	return broker_declare_exchange(broker, QUEUE, NULL, err) &&
		broker_declare_queue(broker, QUEUE, 0, NULL, err) &&
		broker_bind(broker, QUEUE, QUEUE, "#", err) &&
		broker_confirm_mode(broker, err);
}

static bool await_confirm(struct broker *broker, uint64_t *confirmed,
	struct err *err)
{
	struct broker_event event;

	if (!broker_wait(broker, -1, 1000, &event, err))
		return false;
	if (event.kind == BROKER_NACKED || event.kind == BROKER_RETURNED)
		return err_set(err, ERR_STOP, "the broker took it not");
	if (event.kind == BROKER_ACKED)
		*confirmed = event.multiple ? event.tag : *confirmed + 1;
	return true;
}

static bool publish_all(const struct work *work, struct broker *broker,
	struct err *err)
{
	struct message message = { .exchange = QUEUE, .routing_key = "x" };
	char *body = calloc(1, work->len);
	uint64_t tag = 0, confirmed = 0;
	bool ok = body != NULL || err_memory(err);

	message.body = (struct bytes){ body, work->len };
	while (ok && confirmed < work->many) {
		if (tag < work->many && tag - confirmed < work->window)
			ok = broker_publish(broker, &message, &tag, err);
		else
			ok = await_confirm(broker, &confirmed, err);
	}
	free(body);
	return ok;
}

static bool consume_all(const struct work *work, struct broker *broker,
	struct err *err)
{
	struct broker_event event;
	uint64_t seen = 0;
	bool ok = broker_consume(broker, QUEUE, PREFETCH, err);

	while (ok && seen < work->many) {
		ok = broker_wait(broker, -1, 1000, &event, err);
		if (!ok || event.kind != BROKER_DELIVERED)
			continue;
		delivery_free(event.delivery);
		if (++seen % (PREFETCH / 4) == 0 || seen == work->many)
			ok = broker_ack(broker, event.tag, true, err);
	}
	return ok;
}

static void say_rate(const struct work *work, int64_t started, char end)
{
	printf("%.1f%c", (double)work->many * 1e6 /
		(double)(clock_now_us() - started), end);
}

static bool one_then_other(const struct work *work, struct broker *broker,
	struct err *err)
{
	int64_t started = clock_now_us();

	if (!publish_all(work, broker, err))
		return false;
	say_rate(work, started, ' ');
	started = clock_now_us();
	if (!consume_all(work, broker, err))
		return false;
	say_rate(work, started, '\n');
	return true;
}

/* The other process consumes. */
static int consume_only(const struct work *work)
{
	struct err err = { 0 };
	struct broker *broker = open_broker(work, &err);
	const bool ok = broker != NULL && consume_all(work, broker, &err);

	if (!ok)
		(void)fprintf(stderr, "bench_broker: %s\n", err.text);
	broker_close(broker);
	return ok ? 0 : err_exit_code(&err);
}

static bool both_at_once(const struct work *work, struct broker *broker,
	struct err *err)
{
	const int64_t started = clock_now_us();
	const pid_t child = fork();
	int status = 0;

	if (child < 0)
		return err_errno(err, ERR_STOP, "fork");
	if (child == 0)
		_exit(consume_only(work)); /* the parent's connection stays */
	if (!publish_all(work, broker, err))
		return false;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, ERR_STOP, "wait");
	if (status != 0)
		return err_set(err, ERR_STOP, "nothing was consumed");
	say_rate(work, started, '\n');
	return true;
}

static bool read_work(int argc, char **argv, struct work *work)
{
	int option;

	work->window = 2000;
	while ((option = getopt(argc, argv, "bw:")) != -1)
		if (option == 'b')
			work->both = true;
		else if (option == 'w')
			work->window = strtoull(optarg, NULL, 10);
		else
			return false;
	if (argc - optind != 2)
		return false;
	work->len = strtoull(argv[optind], NULL, 10);
	work->many = strtoull(argv[optind + 1], NULL, 10);
	return work->window > 0 && work->len > 0 && work->many > 0;
}

int main(int argc, char **argv)
{
	struct work work = { 0 };
	struct err err = { 0 };
	struct broker *broker = NULL;
	bool ok;

	if (!read_work(argc, argv, &work)) {
		(void)fprintf(stderr, "usage: %s [-b] [-w WINDOW] BYTES N\n",
			argv[0]);
		return EXIT_USAGE;
	}
	ok = config_load(&work.config, NULL, NULL, &err) &&
		(broker = open_broker(&work, &err)) != NULL &&
		make_queue(broker, &err) &&
		(work.both ? both_at_once : one_then_other)(&work, broker, &err);
	if (!ok)
		(void)fprintf(stderr, "bench_broker: %s\n", err.text);
	broker_close(broker);
	config_clear(&work.config);
	return ok ? 0 : err_exit_code(&err);
}
