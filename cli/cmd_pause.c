/* cmd_pause.c - `sluice pause`, `resume` and `drain`. */
#include "cli/args.h"
#include "cli/operate.h"
#include "cli/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DAY_SECS 86400

typedef bool give(const struct config *config,
	const struct operate_order *order, struct buf *name, bool *changed,
	struct err *err);

/* -- pause, resume ---------------------------------------------------- */

static const char *noun(const char *name)
{
	return strcmp(name, OPERATE_ALL) == 0 ? "everything" : name;
}

static bool show(const struct cmd_context *context, const struct cmd *cmd,
	const char *name, bool changed, const char *by, struct err *err)
{
	const bool pause = cmd == &cmd_pause;
	struct buf shown = { 0 };
	struct json *root;

	if (context->json) {
		root = json_object();
		json_put_text(root, "dataset", name);
		json_put_bool(root, "paused", pause);
		json_put_bool(root, "changed", changed);
		json_put_text(root, "by", by);
		return output_json(root, err);
	}
	if (changed)
		output_line("%s is %s", output_escape(&shown, noun(name)),
			pause ? "paused, until `sluice resume`" :
				"going on");
	else
		output_line("%s %s", output_escape(&shown, noun(name)),
			pause ? "was paused before" : "was not paused");
	buf_clear(&shown);
	return true;
}

static int order(const struct cmd_context *context, const struct cmd *cmd,
	give *act)
{
	struct operate_order order = { 0 };
	const struct arg table[] = {
		{ .name = "--reason", .text = &order.reason },
		{ .name = NULL },
	};
	struct buf name = { 0 };
	struct err err = { 0 };
	char who[OPERATE_WHO];
	bool changed, ok;
	size_t count;
	int code;

	if (!args_parse(context, table, &order.dataset, 1, &count, &err))
		return cmd_usage(cmd, "%s", err.text);
	order.by = operate_who(who);
	ok = act(context->config, &order, &name, &changed, &err) &&
		show(context, cmd, name.data, changed, order.by, &err);
	code = ok ? EXIT_FINE : cmd_fail(&err);
	buf_clear(&name);
	return code;
}

static int run_pause(const struct cmd_context *context)
{
	return order(context, &cmd_pause, operate_pause);
}

static int run_resume(const struct cmd_context *context)
{
	return order(context, &cmd_resume, operate_resume);
}

/* -- drain ------------------------------------------------------------ */

static void format(const struct operate_flow *flow, char *out, size_t size)
{
	const struct {
		int64_t count;
		const char *one, *many;
	} parts[] = {
		{ flow->waiting, "file waits", "files wait" },
		{ flow->claimed, "file is read", "files are read" },
		{ flow->ready, "message in the queues",
			"messages in the queues" },
		{ flow->unacked, "message at the consumer",
			"messages at the consumer" },
		{ flow->arriving, "source not complete",
			"sources not complete" },
	};
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (parts[i].count > 0 && used < size)
			used += (size_t)snprintf(out + used, size - used,
				"%s%" PRId64 " %s", used > 0 ? ", " : "",
				parts[i].count, parts[i].count == 1 ?
					parts[i].one : parts[i].many);
	if (used == 0)
		(void)snprintf(out, size, "nothing is under way");
}

/* On a terminal one line, drawn again. */
static bool say(void *context, const struct operate_flow *flow)
{
	char text[256];

	(void)context;
	if (isatty(STDERR_FILENO) == 0)
		return true;
	format(flow, text, sizeof(text));
	(void)fprintf(stderr, "\r\033[K%s", text);
	return true;
}

static bool show_flow(const struct cmd_context *context,
	const struct operate_flow *flow, bool empty, struct err *err)
{
	struct json *root;
	char text[256];

	if (!context->json) {
		format(flow, text, sizeof(text));
		output_line("%s%s", empty ? "drained: " : "not drained: ",
			text);
		if (flow->unacked < 0)
			output_line("%s", "(what consumers hold is not known: "
				"the management API does not answer)");
		return true;
	}
	root = json_object();
	json_put_bool(root, "drained", empty);
	json_put_int(root, "waiting", flow->waiting);
	json_put_int(root, "claimed", flow->claimed);
	json_put_int(root, "ready", flow->ready);
	json_put_int(root, "unacked", flow->unacked);
	json_put_int(root, "arriving", flow->arriving);
	return output_json(root, err);
}

static int run_drain(const struct cmd_context *context)
{
	int64_t secs = 600;
	const struct arg table[] = {
		{ .name = "--timeout", .count = &secs, .max = 30 * DAY_SECS },
		{ .name = NULL },
	};
	struct operate_flow flow;
	struct err err = { 0 };
	bool empty, ok;
	size_t count;

	if (!args_parse(context, table, NULL, 0, &count, &err))
		return cmd_usage(&cmd_drain, "%s", err.text);
	ok = operate_drain(context->config, secs, say, NULL, &flow, &empty,
		&err);
	if (isatty(STDERR_FILENO) != 0)
		(void)fputs("\r\033[K", stderr);
	if (!ok || !show_flow(context, &flow, empty, &err))
		return cmd_fail(&err);
	return empty ? EXIT_FINE : EXIT_DATA;
}

/* -- the verbs -------------------------------------------------------- */

const struct cmd cmd_pause = {
	.name = "pause",
	.usage = "[DATASET] [--reason TEXT]",
	.summary = "let files and messages wait: the consumer loads nothing",
	.help =
"Every consumer finishes the transaction it is at and takes no more messages\n"
"until `sluice resume`, also after a restart. The producer goes on until the\n"
"queues are full; then files wait in their folders. Nothing is lost and nothing\n"
"is refused: a paused consumer is ready, with a note (`sluice status`,\n"
"`sluice status --why`, /readyz). meta.pause says who, when and why,\n"
"meta.operation keeps it.\n"
"\n"
"DATASET (\"orgs\", \"events.orgs\"): that one alone waits, the others of its\n"
"queue pass: its messages move to the queue of dead letters, from where they\n"
"are loaded after the end. For more than some hours pause everything. A\n"
"dataset made out of another one's records waits with that one.\n"
"\n"
"What is said directly is done all the same: `sluice load`, `sluice models\n"
"run`. A SQLite file, or `broker: false`, has no consumer to be paused.\n"
"\n"
"  sluice pause --reason 'index is being built'\n"
"  sluice pause events.orgs\n"
"\n"
"Exits 0 when it is paused now, 64 when there is no such dataset, 69 when\n"
"PostgreSQL is not there, 78 when the schema is too old or there is no broker.",
	.run = run_pause,
};

const struct cmd cmd_resume = {
	.name = "resume",
	.usage = "[DATASET] [--reason TEXT]",
	.summary = "end a pause",
	.help =
"Ends the pause of that dataset; without one every pause. Consumers hear of it\n"
"at once.\n"
"\n"
"  sluice resume\n"
"\n"
"Exits 0 when it is not paused now, 64 when there is no such dataset, 69 when\n"
"PostgreSQL is not there, 78 when the schema is too old or there is no broker.",
	.run = run_resume,
};

const struct cmd cmd_drain = {
	.name = "drain",
	.usage = "[--timeout SECONDS]",
	.summary = "wait until nothing is under way",
	.help =
"Waits until all that was dropped or sent is loaded: no file waits or is read,\n"
"no message is in a queue or with a consumer, no source lacks a part, and that\n"
"for six seconds. It stops nobody: who goes on dropping files is waited for as\n"
"well. Then, say, stop the daemons, or make a backup.\n"
"\n"
"  --timeout SECONDS  give up then; 600 when not said, 0 looks once\n"
"\n"
"--json: drained, waiting, claimed (-1: may not be looked at), ready, unacked\n"
"(-1: the management API does not answer), arriving.\n"
"\n"
"  sluice drain --timeout 60 && ./run.sh backup all.tar\n"
"\n"
"Exits 0 when all is loaded, 1 when the time is over or a pause keeps it from\n"
"ever ending, 69 when a server is not there, 78 without a broker.",
	.run = run_drain,
};
