/* keep.c - what is not kept for ever. */
#include "consumer/keep.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LOOK_MS (60 * 1000) /* between two looks */
#define SOURCES_MAX 100     /* collapsed at a time: loads are waiting */

int keep_wait_ms(const struct keep *keep)
{
	const int64_t left = keep->next_ms - clock_now_ms();

	return left <= 0 ? 0 : left > LOOK_MS ? LOOK_MS : (int)left;
}

/* -- deltas ------------------------------------------------------------- */

/* A partition goes together with the tally of what models counted in it. The
 * wait for readers is short: loads may queue up behind it. */
static bool drop_partition(struct session *session,
	const struct dataset *dataset, const char *name, const char *day,
	struct err *err)
{
	const char *values[] = { name, day };
	struct db_result *held = NULL, *dropped = NULL;
	struct db *db = session->db;
	bool gone = false;
	bool ok;

	ok = db_begin(db, err) &&
		db_exec(db, "set local lock_timeout = '2s'", err) &&
		db_query(db, "select meta.delta_hold($1, $2)", 2, values, &held,
			err);
	gone = ok && db_is_null(held, 0, 0);
	if (ok && !gone)
		ok = models_keep_counts(session->plan->models, db, dataset,
			     db_value(held, 0, 0), err) &&
			db_query(db, "select meta.delta_drop($1, $2)", 2, values,
				&dropped, err);
	ok = ok && db_commit(db, err);
	if (!ok)
		db_rollback(db);
	else if (!gone)
		LOG(LOG_INFO, "delta_dropped", LOG_S("dataset", name),
			LOG_S("day", day),
			LOG_I("rows", db_int(dropped, 0, 0)));
	db_result_free(held);
	db_result_free(dropped);
	return ok || err_wrap(err, "drop the delta of %s for %s", name, day);
}

static bool drop_due(struct session *session, const struct dataset *dataset,
	struct err *err)
{
	const bool days = dataset->delta_keep == KEEP_DAYS;
	char name[160], count[24];
	const char *values[] = { name, days ? count : NULL,
		days ? NULL : count };
	struct db_result *due = NULL;
	bool ok;

	(void)snprintf(name, sizeof(name), "%s.%s", dataset->pipeline->name,
		dataset->name);
	(void)snprintf(count, sizeof(count), "%" PRId64,
		dataset->delta_keep_count);
	ok = db_query(session->db,
		"select meta.delta_due($1, $2::integer, $3::bigint)", 3, values,
		&due, err);
	for (size_t i = 0; ok && i < db_rows(due); i++)
		ok = drop_partition(session, dataset, name, db_value(due, i, 0),
			err);
	db_result_free(due);
	return ok;
}

/* One that fails does not keep the others from being looked at. */
static bool drop_all_due(struct keep *keep, struct session *session)
{
	const struct pipeline_set *set = &session->plan->set;
	bool all = true;

	for (size_t p = 0; p < set->count; p++)
		for (size_t d = 0; d < set->pipelines[p].dataset_count; d++) {
			const struct dataset *dataset =
				&set->pipelines[p].datasets[d];
			struct err err = { 0 };

			if (dataset->delta_keep == KEEP_ALL ||
				drop_due(session, dataset, &err))
				continue;
			if (all && log_repeat_due(&keep->trouble))
				log_err(LOG_WARN, "delta_not_dropped", &err);
			all = false;
		}
	if (all)
		(void)log_repeat_clear(&keep->trouble);
	return all;
}

/* At the start and once a day. */
static bool keep_deltas(struct keep *keep, struct session *session,
	struct err *err)
{
	struct db_result *result = NULL;

	if (!db_query(session->db, "select current_date", 0, NULL, &result,
		err))
		return false;
	if (strcmp(keep->day, db_value(result, 0, 0)) != 0 &&
		drop_all_due(keep, session))
		(void)snprintf(keep->day, sizeof(keep->day), "%s",
			db_value(result, 0, 0));
	db_result_free(result);
	return true;
}

/* -- ledgers ------------------------------------------------------------ */

/* A redelivered chunk's claim holds its source by key share: it is left out
 * here, or it waits for us and then finds the source collapsed. Only a ledger
 * that says all that the source's counters say is given up. */
static const char collapse_sql[] =
	"with s as materialized (select source_id, drop_id, size"
	" from meta.source t"
	" where completed_at is not null and not collapsed"
	" and kind <> 'foreign'"
	" and completed_at <= now() - $1::bigint * interval '1 second'"
	" and (select coalesce(sum(hi - lo), 0) = t.size"
	" and count(*) filter (where kind = 'c') = t.chunks"
	" and count(*) filter (where kind = 'r') = t.reader_rejects"
	" and coalesce(sum(records), 0) = t.records"
	" from meta.chunk c where c.drop_id = t.drop_id"
	" and c.dataset = t.dataset and c.replay = 0)"
	" order by completed_at limit $2::bigint for update skip locked),"
	" gone as (delete from meta.chunk c using s"
	" where c.drop_id = s.drop_id and c.replay = 0"
	" returning c.drop_id, c.dataset, s.size, c.records, c.load_id),"
	" whole as (insert into meta.chunk (drop_id, dataset, lo, hi, kind,"
	" records, load_id, first_load)"
	" select drop_id, dataset, 0, size, 'w', sum(records), max(load_id),"
	" min(load_id) from gone group by drop_id, dataset, size),"
	" marked as (update meta.source t set collapsed = true from s"
	" where t.source_id = s.source_id returning 1)"
	" select (select count(*) from marked), (select count(*) from gone)";

static bool collapse_ledgers(struct keep *keep, struct session *session,
	struct err *err)
{
	char secs[24], most[24];
	const char *values[] = { secs, most };
	struct db_result *result = NULL;
	int64_t sources;

	(void)snprintf(secs, sizeof(secs), "%" PRId64,
		session->config->ledger_keep_secs);
	(void)snprintf(most, sizeof(most), "%d", SOURCES_MAX);
	if (!db_query(session->db, collapse_sql, 2, values, &result, err))
		return err_wrap(err, "collapse the ledger");
	sources = db_int(result, 0, 0);
	if (sources > 0)
		LOG(LOG_INFO, "ledger_collapsed", LOG_I("sources", sources),
			LOG_I("rows", db_int(result, 0, 1)));
	if (sources == SOURCES_MAX)
		keep->next_ms = 0;
	db_result_free(result);
	return true;
}

/* -- all ---------------------------------------------------------------- */

/* Short keeping wants frequent looks; not more than one a second. */
static int64_t look_ms(const struct config *config)
{
	const int64_t ms = config->ledger_keep_secs * 1000;

	return ms >= LOOK_MS ? LOOK_MS : ms > 1000 ? ms : 1000;
}

void keep_run(struct keep *keep, struct session *session)
{
	struct err err = { 0 };

	keep->next_ms = clock_now_ms() + look_ms(session->config);
	if (session->db == NULL || !db_alive(session->db))
		return;
	if (!keep_deltas(keep, session, &err) ||
		!collapse_ledgers(keep, session, &err))
		log_err(LOG_WARN, "keep_waits", &err);
}
