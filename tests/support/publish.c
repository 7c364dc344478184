/* publish.c - a foreign producer for tests: publishes standard input as one
 * message and waits for its confirm.
 *
 * usage: publish ROUTING_KEY [MESSAGE_ID [APP_ID [CONTENT_TYPE [USER]]]]
 * USER is foreign (default) or producer; SLUICE_* and sluice.yaml as usual.
 * Exit 0 confirmed, 1 returned or refused, 69 no broker. */
#include "cli/connect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool read_all(int fd, struct buf *body, struct err *err)
{
	char piece[65536];
	ssize_t got;

	while ((got = read(fd, piece, sizeof(piece))) > 0)
		if (!buf_add(body, piece, (size_t)got, err))
			return false;
	return got == 0 || err_errno(err, ERR_STOP, "read standard input");
}

static const char *word(int argc, char **argv, int at, const char *otherwise)
{
	return argc > at && argv[at][0] != '\0' ? argv[at] : otherwise;
}

/* 0 confirmed, 1 not */
static int send(struct broker *broker, const struct message *message,
	struct err *err)
{
	struct broker_event event;
	bool returned = false;
	uint64_t tag;

	if (!broker_confirm_mode(broker, err) ||
		!broker_publish(broker, message, &tag, err))
		return 1;
	for (int i = 0; i < 40; i++) {
		if (!broker_wait(broker, -1, 250, &event, err))
			return 1;
		if (event.kind == BROKER_RETURNED)
			returned = true;
		if (event.kind == BROKER_ACKED)
			return returned ? 1 : 0;
		if (event.kind == BROKER_NACKED)
			return 1;
	}
	err_set(err, ERR_RETRY, "no confirm came");
	return 1;
}

int main(int argc, char **argv)
{
	struct config config = { 0 };
	struct buf body = { 0 };
	struct err err = { 0 };
	struct broker *broker = NULL;
	int code = 69;

	if (argc < 2)
		return 64;
	if (config_load(&config, NULL, NULL, &err) &&
		read_all(STDIN_FILENO, &body, &err)) {
		const bool ours = strcmp(word(argc, argv, 5, ""), "producer") == 0;
		const struct account *account =
			ours ? &config.producer : &config.foreign;
		const struct message message = {
			.exchange = EXCHANGE,
			.routing_key = argv[1],
			.message_id = word(argc, argv, 2, NULL),
			.app_id = word(argc, argv, 3, NULL),
			.content_type = word(argc, argv, 4, TYPE_JSON),
			.user_id = account->user,
			.body = { body.data, body.len },
		};

		broker = connect_broker(&config, account, &err);
		if (broker != NULL)
			code = send(broker, &message, &err);
	}
	if (err.kind != ERR_NONE)
		(void)fprintf(stderr, "publish: %s\n", err.text);
	broker_close(broker);
	buf_clear(&body);
	config_clear(&config);
	return code;
}
