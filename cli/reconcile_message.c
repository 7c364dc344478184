/* reconcile_message.c - foreign messages whose books lie: their bodies are in
 * meta.message, and are published again. */
#include "cli/reconcile.h"
#include "cli/connect.h"
#include "common/clock.h"
#include "consumer/work.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_MS 250

enum { M_APP, M_ID, M_KEY, M_TYPE, M_BODY };

struct kept_message {
	struct db_result *row;
	struct buf body;
};

static void kept_message_clear(struct kept_message *kept)
{
	db_result_free(kept->row);
	buf_clear(&kept->body);
}

static bool read_kept(struct db *db, const struct amiss *amiss,
	struct kept_message *kept, struct err *err)
{
	static const char sql[] =
		"select app_id, message_id, routing_key, content_type,\n"
		"       encode(body, 'hex')\n"
		"from meta.message\n"
		"where source_id = $1";
	char id[24];

	(void)snprintf(id, sizeof(id), "%" PRId64, amiss->source_id);
	if (!db_query(db, sql, 1, (const char *const[]){ id }, &kept->row,
		err))
		return false;
	return db_rows(kept->row) == 0 ?
		err_set(err, ERR_REJECT, "it came as a message, and its body "
			"is gone: let its publisher send it again") :
		buf_add_unhexed(&kept->body, db_value(kept->row, 0, M_BODY),
			db_value_len(kept->row, 0, M_BODY), err);
}

static const char *property(const struct kept_message *kept, size_t column)
{
	return db_is_null(kept->row, 0, column) ? NULL :
		db_value(kept->row, 0, column);
}

static struct message message_of(const struct kept_message *kept)
{
	return (struct message){
		.exchange = EXCHANGE,
		.app_id = property(kept, M_APP),
		.message_id = property(kept, M_ID),
		.routing_key = property(kept, M_KEY),
		.content_type = property(kept, M_TYPE),
		.body = { kept->body.data, kept->body.len },
	};
}

/* Properties are kept escaped, and of a message that was too large only the
 * beginning: whether it is the same still, its id tells. */
static bool same_id(const struct amiss *amiss, const struct message *message,
	struct err *err)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));
	struct work *work;
	bool ok;

	if (delivery == NULL)
		return err_memory(err);
	delivery->message = *message;
	work = work_new(delivery, 0, err);
	if (work == NULL)
		return false;
	ok = work_set_aside(work, "", "", err);
	if (ok && !uuid_equal(&work->drop, &amiss->source->drop))
		ok = err_set(err, ERR_REJECT, "it came as a message, and was "
			"not kept whole: let its publisher send it again");
	work_free(work);
	return ok;
}

/* As the loader: readers may not see bodies. */
bool reconcile_judge_message(struct reconcile *r, struct amiss *amiss,
	struct err *err)
{
	struct db *db = connect_db(r->config, &r->config->loader, true, 0, err);
	struct kept_message kept = { 0 };
	struct message message;
	bool ok = db != NULL && read_kept(db, amiss, &kept, err);

	if (ok) {
		message = message_of(&kept);
		ok = same_id(amiss, &message, err);
	}
	amiss->missing = 1;
	kept_message_clear(&kept);
	db_close(db);
	return ok;
}

/* -- sending ----------------------------------------------------------------- */

static bool await_confirm(struct broker *broker, int64_t wait_ms,
	struct err *err)
{
	const int64_t due = clock_now_ms() + wait_ms;
	struct broker_event event;
	bool returned = false;

	while (clock_now_ms() < due) {
		if (!broker_wait(broker, -1, STEP_MS, &event, err))
			return false;
		returned = returned || event.kind == BROKER_RETURNED;
		if (event.kind == BROKER_ACKED && !returned)
			return true;
		if (event.kind == BROKER_ACKED || event.kind == BROKER_NACKED)
			return err_stop(err, EXIT_SERVER, "the broker took a "
				"message not: is its queue there, and not "
				"full?");
	}
	return err_stop(err, EXIT_SERVER, "the broker confirmed nothing for "
		"%" PRId64 " s", wait_ms / 1000);
}

static bool publish(struct broker *broker, const struct message *message,
	int64_t wait_ms, struct err *err)
{
	uint64_t tag;

	return broker_publish(broker, message, &tag, err) &&
		await_confirm(broker, wait_ms, err);
}

static bool forget_body(struct db *db, const char *ids, struct err *err)
{
	return db_query(db, "delete from meta.message\n"
		"where source_id = any ($1::bigint[])", 1,
		(const char *const[]){ ids }, NULL, err);
}

/* The broker has it before we forget it: the consumer waits for our lock on the
 * source, and finds it new when we commit, or loaded still when we do not. */
static bool send_again(struct reconcile *r, struct db *db,
	struct broker *broker, struct amiss *amiss, int64_t wait_ms,
	struct err *err)
{
	const struct pipeline *pipeline =
		pipeline_find(&r->set, amiss->source->pipeline);
	struct kept_message kept = { 0 };
	struct message message;
	char ids[32];
	bool ok;

	(void)snprintf(ids, sizeof(ids), "{%" PRId64 "}", amiss->source_id);
	ok = pipeline != NULL && db_begin(db, err) &&
		read_kept(db, amiss, &kept, err) &&
		reconcile_empty_books(db, pipeline, ids, err) &&
		forget_body(db, ids, err);
	if (ok) {
		message = message_of(&kept);
		ok = publish(broker, &message, wait_ms, err) &&
			db_commit(db, err);
	}
	if (!ok)
		db_rollback(db);
	else
		amiss->outcome = OUTCOME_SENT;
	kept_message_clear(&kept);
	return ok;
}

static bool is_message(const struct amiss *amiss)
{
	return amiss->foreign && amiss->take_back && amiss_can_mend(amiss);
}

bool reconcile_send_messages(struct reconcile *r, int64_t wait_ms,
	struct err *err)
{
	struct broker *broker = NULL;
	struct db *db = NULL;
	bool ok = true;

	for (struct amiss *amiss = r->first; ok && amiss != NULL;
		amiss = amiss->next) {
		if (!is_message(amiss))
			continue;
		if (db == NULL) {
			db = connect_db(r->config, &r->config->owner, false, 0,
				err);
			broker = db == NULL ? NULL : connect_broker(r->config,
				&r->config->foreign, err);
			ok = broker != NULL && broker_confirm_mode(broker, err);
		}
		ok = ok && send_again(r, db, broker, amiss, wait_ms, err);
	}
	broker_close(broker);
	db_close(db);
	return ok;
}
