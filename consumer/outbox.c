/* outbox.c - what waits in meta.notification is sent. */
#include "consumer/outbox.h"
#include "common/backoff.h"
#include "common/log.h"
#include "consumer/arrays.h"
#include "consumer/notice.h"

#include <inttypes.h>
#include <stdio.h>

#define LEASE "30 s"     /* then somebody else may try: longer than a try */
#define REFUSALS_MAX 10  /* of one that the target refuses as it is */
#define FIRST_MS 2000
#define LONGEST_MS (60 * 60 * 1000)

/* A target that takes nothing is tried with one notification: the others wait
 * and grow. What is loaded is told once no source is on its way, or after a
 * minute. */
#define MAY_GO \
	"(attempts > 0 or (not exists (select from meta.notification b" \
	" where b.target = n.target and b.state = 'queued'" \
	" and b.attempts > 0) and (event <> 'load' or sources > 0)))"
#define IS_QUIET \
	"(attempts > 0 or event <> 'load' or first_at < clock_timestamp()" \
	" - interval '1 minute' or not exists (select from meta.source s" \
	" where s.pipeline = n.pipeline and s.completed_at is null))"
#define UTC(what) "to_char(" what \
	" at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

/* $1 targets, $2 see since_us */
static const char claim_sql[] =
	"with c as (select notification_id from meta.notification n"
	" where state = 'queued' and target = any($1::text[]) and " MAY_GO
	" and case when $2::bigint > 0 then tried_at is null or tried_at <"
	" timestamptz 'epoch' + $2::bigint * interval '1 us'"
	" else due_at <= clock_timestamp() and " IS_QUIET " end"
	" order by attempts = 0, due_at limit 1 for update skip locked)"
	" update meta.notification n set attempts = attempts + 1,"
	" tried_at = clock_timestamp(),"
	" due_at = clock_timestamp() + interval '" LEASE "'"
	" from c where n.notification_id = c.notification_id"
	" returning n.notification_id, n.target, n.key, n.event, n.pipeline, "
	UTC("n.first_at") ", " UTC("n.last_at") ", n.times, n.sources,"
	" n.records, n.inserted, n.updated, n.unchanged, n.rejected,"
	" n.filtered, n.items, n.attempts, current_database()";

enum { C_ID, C_TARGET, C_KEY, C_EVENT, C_PIPELINE, C_FIRST, C_LAST, C_TIMES,
	C_SOURCES, C_RECORDS, C_INSERTED, C_UPDATED, C_UNCHANGED, C_REJECTED,
	C_FILTERED, C_ITEMS, C_ATTEMPTS, C_DATABASE };

static const char sent_sql[] =
	"update meta.notification set state = 'sent', error = null,"
	" ended_at = clock_timestamp() where notification_id = $1";

/* $2 error, $3 ms to wait, $4 whether it is the last, $5 s until given up */
static const char failed_sql[] =
	"update meta.notification set error = $2, due_at = clock_timestamp()"
	" + $3::bigint * interval '1 ms', state = case when x then 'given_up'"
	" else state end, ended_at = case when x then clock_timestamp() end"
	" from (select $4::boolean or first_at < clock_timestamp()"
	" - $5::bigint * interval '1 s' as x from meta.notification"
	" where notification_id = $1) l"
	" where notification_id = $1 returning state";

/* Also those of targets that are no more. */
static const char sweep_sql[] =
	"with old as (update meta.notification set state = 'given_up',"
	" ended_at = clock_timestamp(), error = coalesce(error, 'never tried:"
	" the target took no other, or is no more') where state = 'queued'"
	" and due_at <= clock_timestamp() and first_at < clock_timestamp()"
	" - $1::bigint * interval '1 s' - interval '1 minute' returning 1)"
	", gone as (delete from meta.notification where state <> 'queued'"
	" and ended_at < now() - interval '7 days')"
	" select count(*) from old";

/* Those of targets that do not exist are nobody's. */
static const char wait_sql[] =
	"select coalesce(ceil(extract(epoch from min(case"
	" when due_at > clock_timestamp() or attempts > 0 or event <> 'load'"
	" then due_at else first_at + interval '1 minute' end)"
	" - clock_timestamp()) * 1000), $2::bigint)::bigint"
	" from meta.notification n where state = 'queued'"
	" and target = any($1::text[]) and " MAY_GO;

static bool name_targets(const struct outbox *outbox, struct buf *names,
	struct err *err)
{
	const struct listeners *targets = &outbox->config->notify;
	bool ok = true;

	for (size_t i = 0; ok && i < targets->count; i++)
		ok = array_add_text(names, targets->items[i].name, err);
	return ok;
}

static bool claim(struct outbox *outbox, struct db_result **claimed,
	struct err *err)
{
	char since[24];
	struct buf names = { 0 };
	bool ok = name_targets(outbox, &names, err);

	(void)snprintf(since, sizeof(since), "%" PRId64, outbox->since_us);
	ok = ok && db_query(outbox->db, claim_sql, 2,
		(const char *[]){ array_text(&names), since }, claimed, err);
	buf_clear(&names);
	return ok;
}

static struct notice read_notice(const struct db_result *row)
{
	return (struct notice){
		.key = db_value(row, 0, C_KEY),
		.event = db_value(row, 0, C_EVENT),
		.pipeline = db_value(row, 0, C_PIPELINE),
		.first_at = db_value(row, 0, C_FIRST),
		.last_at = db_value(row, 0, C_LAST),
		.database = db_value(row, 0, C_DATABASE),
		.times = db_int(row, 0, C_TIMES),
		.sources = db_int(row, 0, C_SOURCES),
		.records = db_int(row, 0, C_RECORDS),
		.inserted = db_int(row, 0, C_INSERTED),
		.updated = db_int(row, 0, C_UPDATED),
		.unchanged = db_int(row, 0, C_UNCHANGED),
		.rejected = db_int(row, 0, C_REJECTED),
		.filtered = db_int(row, 0, C_FILTERED),
		.items = db_value(row, 0, C_ITEMS),
	};
}

static bool note_sent(struct outbox *outbox, const struct db_result *row,
	struct err *err)
{
	const char *values[] = { db_value(row, 0, C_ID) };

	outbox->sent++;
	LOG(LOG_INFO, "notified", LOG_S("target", db_value(row, 0, C_TARGET)),
		LOG_S("about", db_value(row, 0, C_EVENT)),
		LOG_S("pipeline", db_value(row, 0, C_PIPELINE)),
		LOG_I("attempts", db_int(row, 0, C_ATTEMPTS)));
	return db_query(outbox->db, sent_sql, 1, values, NULL, err);
}

/* The first failure and the last are told, those between are in the table. */
static void say_failed(const struct db_result *row, const struct err *why,
	bool given_up)
{
	if (db_int(row, 0, C_ATTEMPTS) > 1 && !given_up)
		return;
	LOG(given_up ? LOG_ERROR : LOG_WARN,
		given_up ? "notification_given_up" : "notification_waits",
		LOG_S("target", db_value(row, 0, C_TARGET)),
		LOG_S("about", db_value(row, 0, C_EVENT)),
		LOG_S("pipeline", db_value(row, 0, C_PIPELINE)),
		LOG_S("err", why->text));
}

static bool note_failed(struct outbox *outbox, const struct db_result *row,
	const struct err *why, struct err *err)
{
	const int64_t attempts = db_int(row, 0, C_ATTEMPTS);
	struct backoff backoff = { .base_ms = FIRST_MS,
		.ceiling_ms = LONGEST_MS,
		.attempts = attempts < 30 ? (int)attempts : 30 };
	const bool last = why->kind == ERR_REJECT && attempts >= REFUSALS_MAX;
	struct db_result *state = NULL;
	char wait[24], keep[24];
	const char *values[] = { db_value(row, 0, C_ID), why->text, wait,
		last ? "true" : "false", keep };
	bool ok;

	outbox->failed++;
	(void)snprintf(wait, sizeof(wait), "%d", backoff_next_ms(&backoff));
	(void)snprintf(keep, sizeof(keep), "%" PRId64,
		outbox->config->notify_give_up_secs);
	ok = db_query(outbox->db, failed_sql, 5, values, &state, err);
	if (ok && db_rows(state) > 0)
		say_failed(row, why, db_value(state, 0, 0)[0] == 'g');
	db_result_free(state);
	return ok;
}

bool outbox_send_one(struct outbox *outbox, bool *did, struct err *err)
{
	struct db_result *row = NULL;
	const struct listener *target = NULL;
	struct notice notice;
	struct err why = { 0 };
	bool ok;

	*did = false;
	ok = claim(outbox, &row, err);
	if (ok && db_rows(row) > 0)
		target = listener_find(&outbox->config->notify,
			db_value(row, 0, C_TARGET));
	if (target != NULL) {
		*did = true;
		notice = read_notice(row);
		ok = notice_send(&notice, target, outbox->stop_fd, &why) ?
			note_sent(outbox, row, err) :
			note_failed(outbox, row, &why, err);
	}
	db_result_free(row);
	return ok || err_wrap(err, "send notifications");
}

bool outbox_wait_ms(struct outbox *outbox, int64_t max, int64_t *wait_ms,
	struct err *err)
{
	struct db_result *result = NULL;
	struct buf names = { 0 };
	char most[24];
	bool ok = name_targets(outbox, &names, err);

	(void)snprintf(most, sizeof(most), "%" PRId64, max);
	ok = ok && db_query(outbox->db, wait_sql, 2,
		(const char *[]){ array_text(&names), most }, &result, err);
	if (ok) {
		*wait_ms = db_int(result, 0, 0);
		*wait_ms = *wait_ms > max ? max : *wait_ms < 0 ? 0 : *wait_ms;
	}
	db_result_free(result);
	buf_clear(&names);
	return ok;
}

bool outbox_sweep(struct outbox *outbox, struct err *err)
{
	char keep[24];
	const char *values[] = { keep };
	struct db_result *result = NULL;
	bool ok;

	(void)snprintf(keep, sizeof(keep), "%" PRId64,
		outbox->config->notify_give_up_secs);
	ok = db_query(outbox->db, sweep_sql, 1, values, &result, err);
	if (ok && db_int(result, 0, 0) > 0)
		LOG(LOG_ERROR, "notification_given_up",
			LOG_I("notifications", db_int(result, 0, 0)));
	db_result_free(result);
	return ok;
}
