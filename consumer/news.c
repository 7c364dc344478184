/* news.c - what loads, models and data tests left in meta.news becomes work. */
#include "consumer/news.h"

#define TAKEN_MAX "10000" /* at a time: a transaction is to stay short */

/* In one order, as two consumers may be at it. */
static const char take_sql[] =
	"with taken as (delete from meta.news where news_id in ("
	"select news_id from meta.news order by news_id limit " TAKEN_MAX
	" for update skip locked) returning *)"
	" select kind, pipeline, sum(sources) from taken"
	" group by kind, pipeline order by pipeline, kind";

enum { N_KIND, N_PIPELINE, N_SOURCES };

static const char care_sql[] =
	"insert into meta.care as c (pipeline, changed, finished)"
	" values ($1, 1, $2::bigint)"
	" on conflict (pipeline) do update set changed = c.changed + 1,"
	" finished = c.finished + excluded.finished";

static bool is_load(const struct db_result *news, size_t row)
{
	return db_value(news, row, N_KIND)[0] == 'l';
}

static bool move_care(struct db *db, const struct db_result *news, size_t row,
	struct err *err)
{
	const char *values[] = { db_value(news, row, N_PIPELINE),
		db_value(news, row, N_SOURCES) };

	return db_query(db, care_sql, 2, values, NULL, err);
}

static bool take_some(struct db *db, size_t *taken, struct err *err)
{
	struct db_result *news = NULL;
	bool ok;

	ok = db_begin(db, err) &&
		db_query(db, take_sql, 0, NULL, &news, err);
	*taken = ok ? db_rows(news) : 0;
	for (size_t i = 0; ok && i < *taken; i++)
		ok = !is_load(news, i) || move_care(db, news, i, err);
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

	(void)config;
	*some = false;
	do {
		if (!take_some(db, &taken, err))
			return false;
		*some = *some || taken > 0;
	} while (taken > 0);
	return true;
}
