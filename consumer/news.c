/* news.c - what loads, models and data tests left in meta.news becomes work:
 * for the care thread, and for whom should be told. */
#include "consumer/news.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TAKEN_MAX "10000" /* at a time: a transaction is to stay short */

/* One taker after the other. Were they side by side, the load that completes a
 * source could be taken, and told, before the one with its records. */
static const char turn_sql[] =
	"select pg_advisory_xact_lock(hashtext('sluice news'))";

static const char take_sql[] =
	"with taken as (delete from meta.news where news_id in ("
	"select news_id from meta.news order by news_id limit " TAKEN_MAX
	") returning *)"
	" select pipeline, kind, count(*), sum(sources), sum(records),"
	" sum(inserted), sum(updated), sum(unchanged), sum(rejected),"
	" sum(filtered), min(at), max(at), coalesce(to_jsonb((array_agg("
	"left(detail, 1000) order by news_id)"
	" filter (where detail is not null))[1:20]), '[]')"
	" from taken group by kind, pipeline order by pipeline, kind";

enum { N_PIPELINE, N_KIND, N_TIMES, N_SOURCES, N_RECORDS, N_INSERTED,
	N_UPDATED, N_UNCHANGED, N_REJECTED, N_FILTERED, N_FIRST, N_LAST,
	N_ITEMS, N_COLUMNS };

/* Rejects are counted by the minute; a burst is told once an hour. */
static const char care_sql[] =
	"insert into meta.care as c (pipeline, changed, finished, rejects,"
	" rejects_since) values ($1, 1, $2::bigint, greatest($3::bigint, 0),"
	" clock_timestamp())"
	" on conflict (pipeline) do update set changed = c.changed + 1,"
	" finished = c.finished + excluded.finished,"
	" rejects = excluded.rejects + case when c.rejects_since >"
	" clock_timestamp() - interval '1 minute' then c.rejects else 0 end,"
	" rejects_since = case when c.rejects_since >"
	" clock_timestamp() - interval '1 minute' then c.rejects_since"
	" else clock_timestamp() end"
	" returning rejects";

static const char burst_sql[] =
	"update meta.care set rejects_told = clock_timestamp()"
	" where pipeline = $1 and (rejects_told is null or rejects_told <"
	" clock_timestamp() - interval '1 hour') returning 1";

static const char queue_sql[] =
	"insert into meta.notification as n (target, event, pipeline, times,"
	" sources, records, inserted, updated, unchanged, rejected, filtered,"
	" first_at, last_at, items, due_at)"
	" values ($1, $2, $3, $4::bigint, $5::bigint, $6::bigint, $7::bigint,"
	" $8::bigint, $9::bigint, $10::bigint, $11::bigint, $12::timestamptz,"
	" $13::timestamptz, $14::jsonb, greatest(clock_timestamp(), (select"
	" max(ended_at) + $15::bigint * interval '1 s'"
	" from meta.notification p where p.target = $1 and p.event = $2"
	" and p.pipeline = $3 and p.state <> 'queued')))"
	" on conflict (target, event, pipeline)"
	" where state = 'queued' and attempts = 0 do update set"
	" times = n.times + excluded.times,"
	" sources = n.sources + excluded.sources,"
	" records = n.records + excluded.records,"
	" inserted = n.inserted + excluded.inserted,"
	" updated = n.updated + excluded.updated,"
	" unchanged = n.unchanged + excluded.unchanged,"
	" rejected = n.rejected + excluded.rejected,"
	" filtered = n.filtered + excluded.filtered,"
	" last_at = excluded.last_at,"
	" items = jsonb_path_query_array(n.items || excluded.items,"
	" '$[0 to 19]')";

/* The event's row for each target that wants it. values: as take_sql has
 * them. */
static bool queue(struct db *db, const struct config *config,
	enum notice_event event, const char *const *values, struct err *err)
{
	char every[24];
	const char *all[N_COLUMNS + 2] = { NULL,
		notice_event_name(event), values[N_PIPELINE] };
	bool ok = true;

	(void)snprintf(every, sizeof(every), "%" PRId64,
		config->notify_every_secs);
	memcpy(all + 3, values + N_TIMES,
		(N_COLUMNS - N_TIMES) * sizeof(*all));
	all[N_COLUMNS + 1] = every;
	for (size_t i = 0; ok && i < config->notify.count; i++) {
		const struct listener *target = &config->notify.items[i];

		all[0] = target->name;
		if (listener_wants(target, event, values[N_PIPELINE]))
			ok = db_query(db, queue_sql, N_COLUMNS + 2, all, NULL,
				err);
	}
	return ok;
}

static bool queue_burst(struct db *db, const struct config *config,
	const char *const *values, const char *rejects, struct err *err)
{
	const char *burst[N_COLUMNS];
	struct db_result *told = NULL;
	bool ok;

	for (size_t i = 0; i < N_COLUMNS; i++)
		burst[i] = i < N_TIMES || i >= N_FIRST ? values[i] : "0";
	burst[N_TIMES] = "1";
	burst[N_REJECTED] = rejects;
	ok = db_query(db, burst_sql, 1, values, &told, err) &&
		(db_rows(told) == 0 ||
			queue(db, config, NOTICE_REJECTS, burst, err));
	db_result_free(told);
	return ok;
}

static bool take_load(struct db *db, const struct config *config,
	const char *const *values, struct err *err)
{
	const char *care[] = { values[N_PIPELINE], values[N_SOURCES],
		values[N_REJECTED] };
	struct db_result *moved = NULL;
	bool ok;

	ok = db_query(db, care_sql, 3, care, &moved, err) &&
		queue(db, config, NOTICE_LOAD, values, err);
	if (ok && config->reject_burst > 0 &&
		db_int(moved, 0, 0) >= config->reject_burst)
		ok = queue_burst(db, config, values, db_value(moved, 0, 0),
			err);
	db_result_free(moved);
	return ok;
}

static bool take_one(struct db *db, const struct config *config,
	const struct db_result *news, size_t row, struct err *err)
{
	const char *values[N_COLUMNS];

	for (size_t i = 0; i < N_COLUMNS; i++)
		values[i] = db_value(news, row, i);
	if (strcmp(values[N_KIND], "load") == 0)
		return take_load(db, config, values, err);
	return queue(db, config, strcmp(values[N_KIND], "model") == 0 ?
		NOTICE_MODEL : NOTICE_TEST, values, err);
}

static bool take_some(struct db *db, const struct config *config,
	size_t *taken, struct err *err)
{
	struct db_result *news = NULL;
	bool ok;

	ok = db_begin(db, err) && db_exec(db, turn_sql, err) &&
		db_query(db, take_sql, 0, NULL, &news, err);
	*taken = ok ? db_rows(news) : 0;
	for (size_t i = 0; ok && i < *taken; i++)
		ok = take_one(db, config, news, i, err);
	ok = ok && db_commit(db, err);
	if (!ok)
		db_rollback(db);
	db_result_free(news);
	return ok || err_wrap(err, "take what is in meta.news");
}

bool news_take(struct db *db, const struct config *config, bool *some,
	struct err *err)
{
	size_t taken;

	*some = false;
	do {
		if (!take_some(db, config, &taken, err))
			return false;
		*some = *some || taken > 0;
	} while (taken > 0);
	return true;
}
