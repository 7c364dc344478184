/* cmd_tap.c - `sluice tap`: records as they flow by, taken from nobody. */
#include "cli/args.h"
#include "cli/connect.h"
#include "cli/follow.h"
#include "cli/output.h"
#include "common/clock.h"
#include "common/hash.h"
#include "common/jsonscan.h"
#include "common/pipeline.h"
#include "common/pointer.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUE_MESSAGES 1000
#define QUEUE_BYTES (16 << 20)
#define PREFETCH 10
#define LOOK_MS 500
#define WHERES_MAX 16
#define QUEUES_MAX 256

struct tap {
	const struct config *config;
	struct broker *broker; /* its channel consumes */
	struct broker *guard;  /* its channel looks */
	char queue[64];
	char guarded[QUEUES_MAX][128]; /* the queues that must be there */
	size_t guarded_count;
	struct where_is {
		char *steps[POINTER_STEPS_MAX];
		size_t count;
		const char *value;
	} wheres[WHERES_MAX];
	size_t where_count;
	int64_t left;  /* records to be shown; -1: no limit */
	bool terminal;
	bool closed;   /* nobody reads any more */
	int stop_fd;
	struct json_tape tape;
	struct buf text;
};

/* -- which records --------------------------------------------------------- */

/* The value's text: a string decoded, others as they stand there. */
static bool is_value(const char *record, const struct json_tape *tape,
	size_t at, const char *value, struct buf *text)
{
	const struct json_node *node = &tape->nodes[at];
	struct json_fault fault;

	buf_reset(text);
	if (node->type == JSON_STRING)
		return json_decode(record, node, text, &fault) &&
			strcmp(text->len > 0 ? text->data : "", value) == 0;
	return node->len == strlen(value) &&
		memcmp(record + node->start, value, node->len) == 0;
}

/* The child of that name, or number; SIZE_MAX: none. */
static size_t step_to(const char *record, const struct json_tape *tape,
	size_t at, const char *step, struct buf *text)
{
	const struct json_node *node = &tape->nodes[at];
	const bool object = node->type == JSON_OBJECT;
	size_t index = object ? 0 : pointer_index(step);

	if ((!object && node->type != JSON_ARRAY) || index == SIZE_MAX)
		return SIZE_MAX;
	for (size_t i = at + 1; i < node->next; i = tape->nodes[i].next) {
		if (object) {
			if (is_value(record, tape, i, step, text))
				return tape->nodes[i].next;
			i = tape->nodes[i].next;
		} else if (index-- == 0) {
			return i;
		}
	}
	return SIZE_MAX;
}

static bool fits(struct tap *tap, const char *record, size_t root)
{
	for (size_t i = 0; i < tap->where_count; i++) {
		const struct where_is *where = &tap->wheres[i];
		size_t at = root;

		for (size_t k = 0; at != SIZE_MAX && k < where->count; k++)
			at = step_to(record, &tap->tape, at, where->steps[k],
				&tap->text);
		if (at == SIZE_MAX || !is_value(record, &tap->tape, at,
			where->value, &tap->text))
			return false;
	}
	return true;
}

/* -- showing --------------------------------------------------------------- */

/* One line: blanks between tokens may be line breaks. */
static bool show_record(struct tap *tap, const char *record, size_t len,
	struct err *err)
{
	bool ok;

	buf_reset(&tap->text);
	ok = tap->terminal ? output_add_shown(&tap->text, record, len,
			"\"\\\n\r\t", err) :
		buf_add(&tap->text, record, len, err);
	for (size_t i = 0; ok && i < tap->text.len; i++)
		if (strchr("\n\r\t", tap->text.data[i]) != NULL)
			tap->text.data[i] = ' ';
	ok = ok && buf_add_char(&tap->text, '\n', err);
	if (ok && fwrite(tap->text.data, 1, tap->text.len, stdout) !=
		tap->text.len)
		tap->closed = true;
	if (tap->left > 0)
		tap->left--;
	return ok;
}

/* A record, or an array of them as other programs send it. */
static bool show_value(struct tap *tap, const char *text, size_t len,
	struct err *err)
{
	struct json_fault fault;
	size_t at = 0, end = 1;
	bool ok = true;

	if (len == 0 || json_parse(text, len, &tap->tape, &fault) != JSON_OK)
		return true; /* the consumer will refuse it */
	if (tap->tape.nodes[0].type == JSON_ARRAY) {
		end = tap->tape.nodes[0].next;
		at = 1;
	}
	for (; ok && at < end && tap->left != 0 && !tap->closed;
		at = tap->tape.nodes[at].next) {
		const struct json_node *node = &tap->tape.nodes[at];

		if (node->type == JSON_OBJECT && fits(tap, text, at))
			ok = show_record(tap, text + node->start, node->len,
				err);
	}
	return ok;
}

static bool show_message(struct tap *tap, const struct message *message,
	struct err *err)
{
	const char *body = message->body.data;
	size_t left = message->body.len;
	bool ok = true;

	if (!envelope_is_ours(message))
		return show_value(tap, body, left, err);
	if (message->type == NULL || strcmp(message->type, "chunk") != 0)
		return true;
	while (ok && left > 0 && tap->left != 0 && !tap->closed) {
		const char *end = memchr(body, '\n', left);
		const size_t len = end != NULL ? (size_t)(end - body) : left;

		ok = show_value(tap, body, len, err);
		body += len + (end != NULL);
		left -= len + (end != NULL);
	}
	return ok;
}

/* -- the queue ------------------------------------------------------------- */

/* One key; NULL: those of all pipelines, and no others'. */
static bool bind_all(struct tap *tap, const char *key, struct err *err)
{
	bool ok = key == NULL || broker_bind(tap->broker, tap->queue, EXCHANGE,
		key, err);

	for (size_t i = 0; ok && key == NULL && i < tap->guarded_count; i++) {
		char all[160];

		(void)snprintf(all, sizeof(all), "%s.#",
			tap->guarded[i] + strlen("sluice."));
		ok = broker_bind(tap->broker, tap->queue, EXCHANGE, all, err);
	}
	return ok;
}

static bool open_queue(struct tap *tap, const char *key, struct err *err)
{
	char id[UUID_TEXT];
	struct uuid uuid;

	tap->broker = connect_broker(tap->config, &tap->config->tap, err);
	if (tap->broker != NULL)
		tap->guard = connect_broker(tap->config, &tap->config->tap,
			err);
	if (tap->guard == NULL || !uuid_random(&uuid, err))
		return false;
	uuid_format(&uuid, id);
	(void)snprintf(tap->queue, sizeof(tap->queue), "sluice.tap.%s", id);
	return (broker_declare_tap(tap->broker, tap->queue, QUEUE_MESSAGES,
			QUEUE_BYTES, err) &&
		bind_all(tap, key, err) &&
		broker_consume(tap->broker, tap->queue, PREFETCH, err)) ||
		err_wrap(err, "tap (an older `sluice apply` gave it fewer "
			"rights: run it again)");
}

/* A message that only we get would count as stored: where the queue it is meant
 * for is missing, nobody may listen. */
static bool look_after_queues(struct tap *tap, struct err *err)
{
	uint32_t ready, consumers;
	bool found;

	for (size_t i = 0; i < tap->guarded_count; i++) {
		if (!broker_inspect(tap->guard, tap->guarded[i], &found, &ready,
			&consumers, err))
			return false;
		if (!found)
			return err_stop(err, EXIT_CONFIG, "queue %s is missing: "
				"run `sluice apply`", tap->guarded[i]);
	}
	return true;
}

static bool is_over(struct tap *tap)
{
	struct pollfd fds[] = {
		{ .fd = STDOUT_FILENO },
		{ .fd = tap->stop_fd, .events = POLLIN },
	};

	(void)poll(fds, 2, 0);
	if (fflush(stdout) != 0 || (fds[0].revents & POLLERR) != 0)
		tap->closed = true;
	return tap->closed || tap->left == 0 || fds[1].revents != 0;
}

static bool take(struct tap *tap, struct delivery *delivery, struct err *err)
{
	const bool ok = show_message(tap, &delivery->message, err) &&
		broker_ack(tap->broker, delivery->tag, false, err);

	delivery_free(delivery);
	return ok;
}

static bool flow(struct tap *tap, struct err *err)
{
	int64_t look_ms = 0;
	bool ok = true;

	while (ok && !is_over(tap)) {
		struct broker_event event = { 0 };

		if (clock_now_ms() >= look_ms) {
			ok = look_after_queues(tap, err);
			look_ms = clock_now_ms() + LOOK_MS;
		}
		ok = ok && broker_wait(tap->broker, tap->stop_fd, LOOK_MS,
			&event, err);
		if (ok && event.kind == BROKER_DELIVERED)
			ok = take(tap, event.delivery, err);
		else if (ok && event.kind == BROKER_CANCELLED)
			ok = err_set(err, ERR_RETRY, "the broker took the "
				"queue away");
	}
	return ok;
}

/* -- the words ------------------------------------------------------------- */

static bool take_where(struct tap *tap, const char *term, struct err *err)
{
	const char *equals = strchr(term, '=');
	struct where_is *where = tap->wheres + tap->where_count;
	char *name;
	bool ok;

	if (equals == NULL || equals == term)
		return err_stop(err, EXIT_USAGE, "--where wants FIELD=VALUE");
	if (tap->where_count == WHERES_MAX)
		return err_stop(err, EXIT_USAGE, "more than %d --where",
			WHERES_MAX);
	where->value = equals + 1;
	tap->where_count++;
	name = strndup(term, (size_t)(equals - term));
	if (name == NULL)
		return err_memory(err);
	if (name[0] != '/') {
		where->steps[where->count++] = name;
		return true;
	}
	ok = pointer_parse(name, where->steps, &where->count, err);
	free(name);
	if (!ok) {
		err->kind = ERR_STOP;
		err->exit_code = EXIT_USAGE;
	}
	return ok;
}

static bool is_meant(const struct dataset *dataset, const char *name)
{
	const size_t len = strlen(dataset->pipeline->name);

	return name == NULL || strcmp(dataset->name, name) == 0 ||
		(strncmp(name, dataset->pipeline->name, len) == 0 &&
			name[len] == '.' &&
			strcmp(name + len + 1, dataset->name) == 0);
}

/* The key to listen to, and the queues that messages under it are meant for. */
static bool choose(struct tap *tap, const char *name, struct buf *key,
	struct err *err)
{
	struct pipeline_set set = { 0 };
	size_t found = 0;
	bool ok = pipeline_set_read(tap->config->pipelines_dir, &set, err);

	for (size_t p = 0; ok && p < set.count; p++) {
		bool some = false;

		for (size_t d = 0; ok && d < set.pipelines[p].dataset_count;
			d++) {
			const struct dataset *dataset =
				&set.pipelines[p].datasets[d];

			if (dataset->from != NULL || !is_meant(dataset, name))
				continue;
			some = true;
			buf_reset(key);
			ok = name == NULL || buf_printf(key, err, "%s.%s",
				set.pipelines[p].name, dataset->name);
			found++;
		}
		if (some && tap->guarded_count < QUEUES_MAX)
			(void)snprintf(tap->guarded[tap->guarded_count++], 128,
				"sluice.%s", set.pipelines[p].name);
	}
	pipeline_set_clear(&set);
	if (ok && found == 0)
		return err_stop(err, EXIT_USAGE, "no dataset %s that messages "
			"are sent for", name != NULL ? name : "at all");
	return ok && (name == NULL || found == 1 || err_stop(err, EXIT_USAGE,
		"several datasets are called %s: say PIPELINE.%s", name, name));
}

static void tap_clear(struct tap *tap)
{
	for (size_t i = 0; i < tap->where_count; i++)
		for (size_t k = 0; k < tap->wheres[i].count; k++)
			free(tap->wheres[i].steps[k]);
	broker_close(tap->broker);
	broker_close(tap->guard);
	json_tape_clear(&tap->tape);
	buf_clear(&tap->text);
}

static int listen_to(struct tap *tap, const char *name)
{
	struct buf key = { 0 };
	struct err err = { 0 };
	bool ok;

	ok = config_need_broker(tap->config, &err) &&
		choose(tap, name, &key, &err) &&
		(tap->stop_fd = follow_stop_fd(&err)) >= 0 &&
		open_queue(tap, name != NULL ? key.data : NULL, &err);
	if (ok)
		(void)fprintf(stderr, "what is published from now on (ctrl-c "
			"ends it)\n");
	ok = ok && flow(tap, &err);
	buf_clear(&key);
	if (!ok && err.exit_code == EXIT_USAGE)
		return cmd_usage(&cmd_tap, "%s", err.text);
	if (ok)
		return tap->closed ? EXIT_IO : EXIT_FINE;
	return cmd_fail(&err);
}

static int run(const struct cmd_context *context)
{
	struct arg_list terms = { .count = 0 };
	struct tap *tap = calloc(1, sizeof(*tap));
	const char *name = NULL;
	struct err err = { 0 };
	size_t count;
	bool ok;
	int code;

	if (tap == NULL) {
		(void)err_memory(&err);
		return cmd_fail(&err);
	}
	tap->config = context->config;
	tap->left = -1;
	tap->terminal = isatty(STDOUT_FILENO) == 1;
	ok = args_parse(context, (const struct arg[]){
		{ .name = "--limit", .count = &tap->left, .min = 1,
			.max = INT64_MAX },
		{ .name = "--where", .list = &terms },
		{ .name = NULL } }, &name, 1, &count, &err);
	for (size_t i = 0; ok && i < terms.count; i++)
		ok = take_where(tap, terms.items[i], &err);
	code = ok ? listen_to(tap, name) : cmd_usage(&cmd_tap, "%s", err.text);
	tap_clear(tap);
	free(tap);
	return code;
}

const struct cmd cmd_tap = {
	.name = "tap",
	.usage = "[DATASET] [--limit N] [--where FIELD=VALUE]...",
	.summary = "records flowing by, one a line, taken from nobody",
	.help =
"Prints each record that is published from now on, as it was sent, one JSON object\n"
"a line: a queue of its own, bound to the exchange beside the pipelines' queues.\n"
"What was published before, or loaded by `sluice load`, is not seen.\n"
"\n"
"  DATASET              of this one (\"orgs\", \"events.orgs\"); else of all\n"
"  --limit N            end after so many\n"
"  --where FIELD=VALUE  only those whose member has that value: a name, or a JSON\n"
"                       pointer (/author/login); several must all hold\n"
"\n"
"The queue holds 1000 messages or 16 MiB at most and drops the oldest: who reads\n"
"slowly misses some, and holds nobody up. It belongs to this connection and goes\n"
"with it, whatever ends the program; a closed pipe ends it quietly. Records a\n"
"reader refused are not shown: `sluice rejects`. While the queue of a pipeline is\n"
"missing nobody may listen (its messages would count as stored): then it ends.\n"
"\n"
"  sluice tap events --limit 10 | jq .username\n"
"  sluice tap --where user_type=Admin\n"
"\n"
"Listens as the tap. Exits 0, 64 when there is no such dataset, 69 when RabbitMQ is\n"
"not there or goes away, 78 when a queue is missing or there is no broker.",
	.run = run,
};
