/* attempts.c - deaths of the consumer while it held a redelivered message. */
#include "consumer/attempts.h"
#include "common/log.h"
#include "consumer/arrays.h"
#include "consumer/step.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The keys of those with one, or of those that were noted; "" if none. */
static bool list_keys(struct work *const *works, size_t count, bool noted,
	struct buf *keys, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (works[i]->key[0] != '\0' && (!noted || works[i]->counted) &&
			!array_add_text(keys, works[i]->key, err))
			return false;
	return true;
}

static void set_deaths(struct work *const *works, size_t count,
	const char *key, int together, int alone)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(works[i]->key, key) == 0) {
			works[i]->together = together;
			works[i]->alone = alone;
		}
}

bool attempts_read(struct db *db, struct work *const *works, size_t count,
	struct err *err)
{
	struct db_result *result = NULL;
	struct buf keys = { 0 };
	bool ok = list_keys(works, count, false, &keys, err);

	if (ok && keys.len > 0)
		ok = db_query(db,
			"select message_key, together, alone from meta.attempt"
			" where message_key = any($1::text[])",
			1, (const char *const[]){ keys.data }, &result, err);
	if (ok && result != NULL)
		for (size_t row = 0; row < db_rows(result); row++)
			set_deaths(works, count, db_value(result, row, 0),
				(int)db_int(result, row, 1),
				(int)db_int(result, row, 2));
	db_result_free(result);
	buf_clear(&keys);
	return ok || err_wrap(err, "read meta.attempt");
}

bool attempts_note(struct db *db, struct work *const *works, size_t count,
	bool alone, struct err *err)
{
	static const char sql[] =
		"insert into meta.attempt as a (message_key, together, alone)"
		" select k, case when $2::boolean then 0 else 1 end,"
		" case when $2 then 1 else 0 end"
		" from (select distinct unnest($1::text[]) as k) as w"
		" order by k"
		" on conflict (message_key) do update set"
		" together = a.together + excluded.together,"
		" alone = a.alone + excluded.alone, last_at = now()";
	struct buf keys = { 0 };
	bool ok = list_keys(works, count, false, &keys, err);

	if (ok && keys.len > 0)
		ok = db_query(db, sql, 2, (const char *const[]){ keys.data,
			alone ? "true" : "false" }, NULL, err);
	for (size_t i = 0; ok && i < count; i++)
		works[i]->counted = works[i]->key[0] != '\0';
	buf_clear(&keys);
	return ok || err_wrap(err, "note attempts");
}

static const char *record_key(const struct work *work, uint64_t number,
	char *out, size_t out_len)
{
	if (number == 0)
		return NULL;
	(void)snprintf(out, out_len, "%s:%" PRIu64, work->key, number);
	return out;
}

/* Its row stays, without a death: a trial goes on there. */
static bool take_record_back(struct db *db, struct work *work, struct err *err)
{
	char text[SHA256_TEXT + 24];
	const char *key = record_key(work, work->trying, text, sizeof(text));

	work->trying = 0;
	return key == NULL || db_query(db,
		"update meta.attempt set alone = greatest(alone - 1, 0)"
		" where message_key = $1",
		1, &key, NULL, err);
}

bool attempts_take_back(struct db *db, struct work *const *works,
	size_t count, bool alone, struct err *err)
{
	const char *column = alone ? "alone" : "together";
	struct buf keys = { 0 };
	struct buf sql = { 0 };
	bool ok = list_keys(works, count, true, &keys, err);

	if (ok && keys.len > 0)
		ok = buf_printf(&sql, err,
			     "update meta.attempt set"
			     " %s = greatest(%s - 1, 0)"
			     " where message_key = any($1::text[])",
			     column, column) &&
			db_query(db, sql.data, 1,
				(const char *const[]){ keys.data }, NULL,
				err) &&
			db_query(db,
				"delete from meta.attempt"
				" where message_key = any($1::text[])"
				" and together = 0 and alone = 0",
				1, (const char *const[]){ keys.data }, NULL,
				err);
	for (size_t i = 0; ok && i < count; i++) {
		ok = !alone || take_record_back(db, works[i], err);
		works[i]->counted = works[i]->counted && !ok;
	}
	buf_clear(&keys);
	buf_clear(&sql);
	return ok || err_wrap(err, "take attempts back");
}

bool forget_attempts(struct load *load, struct err *err)
{
	struct buf keys = { 0 };
	bool ok = list_keys(load->batch.works, load->batch.count, false, &keys,
		err);

	if (ok && keys.len > 0)
		ok = db_query(load->db,
			"delete from meta.attempt"
			" where split_part(message_key, ':', 1)"
			" = any($1::text[])",
			1, (const char *const[]){ keys.data }, NULL, err);
	buf_clear(&keys);
	return ok || err_wrap(err, "forget attempts");
}

/* -- record by record ---------------------------------------------------- */

static bool convict(struct work *work, uint64_t number, struct err *err)
{
	LOG(LOG_WARN, "poison_found", LOG_U("record", number),
		LOG_S("message", work->delivery->message.message_id));
	return buf_add(&work->poisoned, &number, sizeof(number), err);
}

bool attempts_read_trial(struct db *db, struct work *work, struct err *err)
{
	struct db_result *result = NULL;
	const char *key = work->key;
	bool ok = true;

	if (work->passed > 0)
		return true; /* it goes on where it was, nobody died */
	buf_reset(&work->poisoned);
	work->trial_deaths = 0;
	if (!db_query(db,
		"select split_part(message_key, ':', 2)::bigint as record,"
		" alone from meta.attempt where message_key like $1 || ':%'"
		" order by record",
		1, &key, &result, err))
		return err_wrap(err, "read meta.attempt");
	for (size_t row = 0; ok && row < db_rows(result); row++) {
		const uint64_t number = (uint64_t)db_int(result, row, 0);
		const bool guilty = db_int(result, row, 1) >= RECORD_DEATHS;

		work->trial_deaths += (int)db_int(result, row, 1);
		work->passed = guilty ? number : number - 1;
		ok = !guilty || convict(work, number, err);
	}
	db_result_free(result);
	return ok;
}

bool attempts_note_record(struct db *db, struct work *work, uint64_t number,
	struct err *err)
{
	static const char sql[] =
		"with gone as (delete from meta.attempt where message_key = $1::text)"
		" insert into meta.attempt as a (message_key, alone)"
		" select $2::text, 1 where $2::text is not null"
		" on conflict (message_key) do update"
		" set alone = a.alone + 1, last_at = now()";
	char before[SHA256_TEXT + 24], now[SHA256_TEXT + 24];
	const char *const values[] = {
		record_key(work, work->trying, before, sizeof(before)),
		record_key(work, number, now, sizeof(now)) };

	work->passed = work->trying > work->passed ? work->trying :
		work->passed;
	if (!db_query(db, sql, 2, values, NULL, err))
		return err_wrap(err, "note a record");
	work->trying = number;
	return true;
}
