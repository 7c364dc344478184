/* depth.c - how many messages wait in RabbitMQ's queues, now and not as of the
 * last statistics.
 *
 * usage: depth QUEUE...
 * SLUICE_* and sluice.yaml as usual. Prints the sum of what is ready, as only
 * consumers that are gone leave nothing behind that is neither. Exit 0, 1 a
 * queue is missing, 69 no broker. */
#include "cli/connect.h"

#include <inttypes.h>
#include <stdio.h>

static int count(struct broker *broker, int queues, char **names,
	struct err *err)
{
	uint64_t sum = 0;

	for (int i = 0; i < queues; i++) {
		uint32_t ready = 0, consumers = 0;
		bool found = false;

		if (!broker_inspect(broker, names[i], &found, &ready,
			&consumers, err) || !found)
			return 1;
		sum += ready;
	}
	(void)printf("%" PRIu64 "\n", sum);
	return 0;
}

int main(int argc, char **argv)
{
	struct config config = { 0 };
	struct err err = { 0 };
	struct broker *broker = NULL;
	int code = 69;

	if (config_load(&config, NULL, NULL, &err))
		broker = connect_broker(&config, &config.tap, &err);
	if (broker != NULL)
		code = count(broker, argc - 1, argv + 1, &err);
	if (err.kind != ERR_NONE)
		(void)fprintf(stderr, "depth: %s\n", err.text);
	broker_close(broker);
	config_clear(&config);
	return code;
}
