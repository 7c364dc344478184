/* bench_broker.c - how fast messages go through the broker door.
 *
 * usage: bench_broker HOST PORT VHOST USER PASSWORD [BYTES] [N]
 * Publishes N messages of BYTES with confirms, then consumes them again. */
#include "common/broker.h"
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE "sluice.bench"
#define WINDOW 2000
#define PREFETCH 2000

static void fail(const struct err *err)
{
	(void)fprintf(stderr, "bench_broker: %s\n", err->text);
	exit(err_exit_code(err));
}

static void report(const char *what, uint64_t n, size_t len, int64_t us)
{
	printf("%-8s %8llu messages of %zu bytes: %.0f/s, %.1f MB/s\n", what,
		(unsigned long long)n, len, (double)n * 1e6 / (double)us,
		(double)n * (double)len / (double)us);
}

static void make_queue(struct broker *broker, struct err *err)
{
	if (!broker_declare_exchange(broker, QUEUE, NULL, err) ||
		!broker_declare_queue(broker, QUEUE, 0, NULL, err) ||
		!broker_bind(broker, QUEUE, QUEUE, "#", err) ||
		!broker_confirm_mode(broker, err))
		fail(err);
}

static void publish_all(struct broker *broker, const struct message *message,
	uint64_t many, struct err *err)
{
	struct broker_event event;
	uint64_t tag = 0, confirmed = 0;

	while (confirmed < many) {
		if (tag < many && tag - confirmed < WINDOW) {
			if (!broker_publish(broker, message, &tag, err))
				fail(err);
			continue;
		}
		if (!broker_wait(broker, -1, 1000, &event, err))
			fail(err);
		if (event.kind == BROKER_ACKED)
			confirmed = event.multiple ? event.tag :
						     confirmed + 1;
	}
}

static void consume_all(struct broker *broker, uint64_t many, struct err *err)
{
	struct broker_event event;
	uint64_t seen = 0;

	if (!broker_consume(broker, QUEUE, PREFETCH, err))
		fail(err);
	while (seen < many) {
		if (!broker_wait(broker, -1, 1000, &event, err))
			fail(err);
		if (event.kind != BROKER_DELIVERED)
			continue;
		delivery_free(event.delivery);
		if (++seen % (PREFETCH / 4) == 0 || seen == many)
			if (!broker_ack(broker, event.tag, true, err))
				fail(err);
	}
}

static void measure(struct broker *broker, size_t len, uint64_t many,
	struct err *err)
{
	struct message message = { .exchange = QUEUE, .routing_key = "x" };
	char *body = calloc(1, len);
	int64_t start = clock_now_us();

	message.body = (struct bytes){ body, len };
	publish_all(broker, &message, many, err);
	report("publish", many, len, clock_now_us() - start);
	start = clock_now_us();
	consume_all(broker, many, err);
	report("consume", many, len, clock_now_us() - start);
	free(body);
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	struct broker_options options = { .heartbeat_secs = 15 };
	struct broker *broker;

	if (argc < 6) {
		(void)fprintf(stderr, "usage: bench_broker HOST PORT VHOST "
			"USER PASSWORD [BYTES] [N]\n");
		return EXIT_USAGE;
	}
	options.host = argv[1];
	options.port = (int)strtol(argv[2], NULL, 10);
	options.vhost = argv[3];
	options.user = argv[4];
	options.password = argv[5];
	broker = broker_open(&options, &err);
	if (broker == NULL)
		fail(&err);
	make_queue(broker, &err);
	measure(broker, argc > 6 ? strtoul(argv[6], NULL, 10) : 200,
		argc > 7 ? strtoul(argv[7], NULL, 10) : 100000, &err);
	broker_close(broker);
	return 0;
}
