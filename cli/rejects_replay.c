/* rejects_replay.c - `sluice rejects replay`: refused records, put through
 * again. */
#include "cli/connect.h"
#include "cli/output.h"
#include "cli/rejects.h"
#include "cli/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 64        /* rejects in memory at once */
#define SHOWN_BYTES 60 /* of a record, in a dry run */

struct run {
	const struct cmd_context *context;
	const struct replay_request *request;
	struct replay_rules rules;
	struct db *db;
	struct broker *broker; /* opened when there is something to send */
	struct json *replays;  /* array; NULL: people read */
	struct table table;
	struct replay_try *tries;
	size_t sent, unsent;
	int64_t last; /* the reject looked at */
};

/* -- showing ------------------------------------------------------------ */

static const char *const heads[] = { ">reject", "dataset", "code", "message",
	">bytes", "from", "record or problem", NULL };

static bool sendable(const struct replay *replay)
{
	return replay->problem[0] == '\0';
}

static int64_t record_len(const struct replay *replay)
{
	return sendable(replay) ? (int64_t)replay->record.len - 1 : 0;
}

static void put(struct run *run, const struct replay *replay)
{
	struct json *object = json_add_object(run->replays);

	json_put_int(object, "reject_id", replay->reject_id);
	json_put_text(object, "dataset", replay->dataset);
	json_put_text(object, "code", replay->code);
	json_put_text(object, "message_id", replay->id);
	json_put_int(object, "bytes", record_len(replay));
	if (replay->from.len > 0)
		json_put_text(object, "from", replay->from.data);
	else
		json_put_null(object, "from");
	json_put_bool(object, "repaired", replay->repaired);
	if (sendable(replay))
		json_put_null(object, "problem");
	else
		json_put_text(object, "problem", replay->problem);
}

/* In a dry run everything, else only what is not sent. */
static void add_row(struct run *run, const struct replay *replay)
{
	const int64_t len = record_len(replay);
	char record[SHOWN_BYTES + 1];

	(void)snprintf(record, sizeof(record), "%.*s",
		(int)(len < SHOWN_BYTES ? len : SHOWN_BYTES),
		sendable(replay) ? replay->record.data : "");
	table_add_int(&run->table, replay->reject_id);
	table_add(&run->table, replay->dataset);
	table_add(&run->table, replay->code);
	table_add(&run->table, replay->id);
	if (sendable(replay))
		table_add_int(&run->table, len);
	else
		table_add(&run->table, NULL);
	table_add(&run->table, replay->from.len > 0 ? replay->from.data : NULL);
	table_add(&run->table, sendable(replay) ? record : replay->problem);
}

static void show(struct run *run, const struct replay *replay)
{
	if (run->replays != NULL)
		put(run, replay);
	else if (run->request->dry_run || !sendable(replay))
		add_row(run, replay);
}

/* -- a page ------------------------------------------------------------- */

static bool open_broker(struct run *run, struct err *err)
{
	const struct config *config = run->context->config;

	if (run->broker != NULL)
		return true;
	run->broker = connect_broker(config, &config->producer, err);
	return run->broker != NULL && broker_confirm_mode(run->broker, err);
}

static bool note_try(struct run *run, const struct replay *replay,
	struct err *err)
{
	struct replay_try *more = realloc(run->tries,
		(run->sent + 1) * sizeof(*more));

	if (more == NULL)
		return err_memory(err);
	run->tries = more;
	run->tries[run->sent++] = (struct replay_try){
		.reject_id = replay->reject_id,
		.number = replay->envelope.replay };
	return true;
}

static bool send_page(struct run *run, struct replay_list *list,
	struct err *err)
{
	size_t ready = 0;

	for (size_t i = 0; i < list->count; i++)
		ready += sendable(&list->items[i]);
	if (ready > 0 && !run->request->dry_run &&
		(!open_broker(run, err) ||
			!replay_send(run->broker, run->context->config, list,
				err)))
		return false;
	for (size_t i = 0; i < list->count; i++) {
		show(run, &list->items[i]);
		if (!sendable(&list->items[i]))
			run->unsent++;
		else if (!note_try(run, &list->items[i], err))
			return false;
	}
	return true;
}

static bool send_all(struct run *run, struct where *where, struct err *err)
{
	const size_t limit = (size_t)run->request->limit;
	struct replay_list list;
	bool ok = true, more = true;

	while (ok && more && run->sent + run->unsent < limit) {
		const size_t left = limit - run->sent - run->unsent;

		ok = replay_next(run->db, where, run->last,
			left < PAGE ? (int64_t)left : PAGE, &run->rules, &list,
			err) && send_page(run, &list, err);
		more = list.count > 0;
		if (more)
			run->last = list.items[list.count - 1].reject_id;
		replay_list_clear(&list);
	}
	return ok;
}

/* -- the end ------------------------------------------------------------ */

static size_t count(const struct run *run, enum outcome outcome)
{
	size_t n = 0;

	for (size_t i = 0; i < run->sent; i++)
		n += run->tries[i].outcome == outcome;
	return n;
}

static void say(const struct run *run)
{
	const size_t refused = count(run, TRY_REFUSED);
	const size_t waits = count(run, TRY_WAITS);

	if (run->sent + run->unsent == 0) {
		output_line("no open reject is meant: nothing to replay");
		return;
	}
	if (run->request->dry_run) {
		output_line("\n%zu would be sent, %zu would not; nothing was",
			run->sent, run->unsent);
		return;
	}
	output_line("%zu sent, %zu not: %zu loaded, %zu refused again, %zu "
		"under way", run->sent, run->unsent, count(run, TRY_LOADED),
		refused, waits);
	if (refused > 0)
		output_line("`sluice rejects list` has the new reasons");
	if (waits > 0)
		output_line("the consumer has not taken those under way yet; "
			"replaying them again does no harm");
}

static bool say_json(const struct run *run, struct json *root, struct err *err)
{
	json_put_bool(root, "dry_run", run->request->dry_run);
	json_put_int(root, "sent", run->request->dry_run ? 0 :
		(int64_t)run->sent);
	json_put_int(root, "not_sent", run->request->dry_run ?
		(int64_t)(run->sent + run->unsent) : (int64_t)run->unsent);
	json_put_int(root, "loaded", (int64_t)count(run, TRY_LOADED));
	json_put_int(root, "refused_again", (int64_t)count(run, TRY_REFUSED));
	json_put_int(root, "under_way", run->request->dry_run ? 0 :
		(int64_t)count(run, TRY_WAITS));
	return output_json(root, err);
}

/* A number that was given and is not there is a mistake; one that is resolved
 * is not. */
static bool check_ids(struct run *run, const struct where *where,
	struct err *err)
{
	const char *ids = where->ids.data;
	struct db_result *result = NULL;
	bool ok;

	if (where->id_count == 0)
		return true;
	ok = db_query(run->db, "select w from unnest($1::bigint[]) w"
		" where not exists (select from meta.reject"
		" where reject_id = w) order by w limit 1", 1, &ids, &result,
		err);
	if (ok && db_rows(result) > 0)
		ok = err_set(err, ERR_REJECT, "there is no reject %s",
			db_value(result, 0, 0));
	db_result_free(result);
	return ok;
}

static bool run_all(struct run *run, struct where *where, struct err *err)
{
	const struct config *config = run->context->config;

	run->db = connect_db(config, &config->loader, true,
		config->statement_timeout_ms, err);
	if (run->db == NULL || !where_resolve(where, run->db, config, err) ||
		!check_ids(run, where, err) || !send_all(run, where, err))
		return false;
	return run->request->dry_run || replay_await(run->db, run->tries,
		run->sent, run->request->wait_secs, err);
}

bool rejects_replay(const struct cmd_context *context,
	const struct replay_request *request, struct where *where,
	bool *settled, struct err *err)
{
	struct json *root = context->json ? json_object() : NULL;
	struct pipeline_set set = { 0 };
	struct run run = {
		.context = context,
		.request = request,
		.rules = { .config = context->config, .set = &set,
			.filter = request->filter, .file = request->file },
	};
	bool ok;

	table_init(&run.table, heads);
	if (root != NULL)
		run.replays = json_put_array(root, "replays");
	ok = pipeline_set_read(context->config->pipelines_dir, &set, err) &&
		run_all(&run, where, err);
	if (ok && root != NULL) {
		ok = say_json(&run, root, err);
		root = NULL;
	} else if (ok) {
		ok = run.table.cells == 0 || table_print(&run.table, 0, err);
		say(&run);
	}
	*settled = run.unsent + count(&run, TRY_REFUSED) == 0;
	json_free(root);
	broker_close(run.broker);
	db_close(run.db);
	table_clear(&run.table);
	pipeline_set_clear(&set);
	free(run.tries);
	return ok;
}
