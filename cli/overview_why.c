/* overview_why.c - one sentence: what is it waiting for? */
#include "cli/operate.h"
#include "cli/overview.h"

#include <inttypes.h>
#include <string.h>

static const char *state_of(const struct overview_model *model)
{
	return model->error != NULL && model->error[0] != '\0' ? model->error :
		"stale";
}

/* What keeps a daemon from its work: the first of its reasons. */
static bool why_daemon(const char *name, const struct overview_daemon *daemon,
	struct buf *out, bool *found, struct err *err)
{
	const char *line;
	size_t at = 0, len;
	bool note;

	*found = true;
	if (!daemon->there)
		return buf_printf(out, err, "the %s does not answer: %s", name,
			daemon->err.text);
	while (!daemon->ready &&
		(line = overview_says(daemon, &at, &len, &note)) != NULL)
		if (!note)
			return buf_printf(out, err, "the %s waits: ", name) &&
				buf_add(out, line, len, err);
	*found = false;
	return true;
}

static bool why_paused(const struct overview *overview, bool all,
	struct buf *out, bool *found, struct err *err)
{
	const struct db_result *rows = overview->pauses;

	for (size_t i = 0; rows != NULL && i < db_rows(rows); i++) {
		const char *name = db_value(rows, i, OP_DATASET);
		const char *reason = db_value(rows, i, OP_REASON);
		const bool is_all = strcmp(name, OPERATE_ALL) == 0;

		if (is_all != all)
			continue;
		*found = true;
		return buf_printf(out, err, "%s%spaused by %s since %s%s%s",
			is_all ? "" : name, is_all ? "" : " is ",
			db_value(rows, i, OP_BY), db_value(rows, i, OP_SINCE),
			reason[0] != '\0' ? ": " : "", reason);
	}
	return true;
}

static bool why_queue(const struct overview *overview, struct buf *out,
	bool *found, struct err *err)
{
	for (size_t i = 0; i < overview->queue_count; i++) {
		const struct overview_queue *queue = &overview->queues[i];

		if (!queue->known || queue->found)
			continue;
		*found = true;
		return buf_printf(out, err, "queue %s is missing: run `sluice "
			"apply`", queue->name);
	}
	return true;
}

static bool why_server(const char *name, const struct overview_server *server,
	struct buf *out, bool *found, struct err *err)
{
	*found = server->err.kind != ERR_NONE;
	return !*found || buf_printf(out, err, "waiting for %s at %s: %s",
		name, server->address, server->err.text);
}

/* Whether it is at work, and at how much. */
static bool why_work(const struct overview *overview, struct buf *out,
	bool *found, struct err *err)
{
	const int64_t waiting = overview_waiting(overview);
	const int64_t claimed = overview_claimed(overview);
	const int64_t queued = overview->queued > 0 ? overview->queued : 0;

	*found = waiting > 0 || claimed > 0 || queued > 0 ||
		overview->arriving > 0;
	if (!*found)
		return true;
	if (!overview->has_broker)
		return buf_printf(out, err, "%" PRId64 " files wait for "
			"`sluice load`", waiting);
	return buf_printf(out, err, "nothing, it is at work: %" PRId64
		" files wait, %" PRId64 " are read, %" PRId64 " messages are "
		"queued, %" PRId64 " sources not complete", waiting,
		claimed > 0 ? claimed : 0, queued, overview->arriving);
}

static bool why_stale(const struct overview *overview, struct buf *out,
	struct err *err)
{
	for (size_t i = 0; i < overview->model_count; i++)
		if (!overview->models[i].fresh)
			return buf_printf(out, err, "nothing: everything "
				"loaded; but model %s is stale (%s): `sluice "
				"models run`", overview->models[i].model,
				state_of(&overview->models[i]));
	return buf_add_str(out, "nothing: everything loaded", err);
}

bool overview_why(const struct overview *overview, struct buf *out,
	struct err *err)
{
	bool found = false;
	bool ok = why_server("PostgreSQL", &overview->database, out, &found,
		err);

	if (ok && !found)
		ok = why_paused(overview, true, out, &found, err);
	if (ok && !found && overview->has_broker)
		ok = why_server("RabbitMQ", &overview->broker, out, &found,
			err);
	if (ok && !found)
		ok = why_queue(overview, out, &found, err);
	if (ok && !found && overview->has_broker)
		ok = why_daemon("consumer", &overview->consumer, out, &found,
			err);
	if (ok && !found && overview->has_broker)
		ok = why_daemon("producer", &overview->producer, out, &found,
			err);
	if (ok && !found)
		ok = why_paused(overview, false, out, &found, err);
	if (ok && !found)
		ok = why_work(overview, out, &found, err);
	return ok && (found || why_stale(overview, out, err));
}
