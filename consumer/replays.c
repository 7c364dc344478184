/* replays.c - rejects that are put through again: each resolves its row of
 * meta.reject in the transaction that loads it, or gives it a new reason. */
#include "consumer/arrays.h"
#include "consumer/measure.h"
#include "consumer/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- which row ---------------------------------------------------------- */

enum { F_WORK, F_DROP, F_PIPELINE, F_DATASET, F_LO, F_HI, F_COUNT };

static bool add_wanted(struct buf *arrays, const struct work *work, size_t at,
	struct err *err)
{
	char pipeline[256];

	work_pipeline(work, pipeline, sizeof(pipeline));
	return array_add_uint(&arrays[F_WORK], at, err) &&
		array_add_uuid(&arrays[F_DROP], &work->drop, err) &&
		array_add_escaped(&arrays[F_PIPELINE], pipeline,
			strlen(pipeline), err) &&
		array_add_escaped(&arrays[F_DATASET], work->dataset_name,
			strlen(work->dataset_name), err) &&
		array_add_uint(&arrays[F_LO], work->lo, err) &&
		array_add_uint(&arrays[F_HI], work->hi, err);
}

static bool ask_rejects(struct db *db, struct buf *arrays,
	struct work **works, struct err *err)
{
	static const char sql[] =
		"select w.work, r.reject_id from unnest($1::bigint[],"
		" $2::uuid[], $3::text[], $4::text[], $5::bigint[],"
		" $6::bigint[]) as w (work, drop_id, pipeline, dataset, lo, hi)"
		" join meta.source s using (drop_id, pipeline)"
		" join meta.reject r on r.source_id = s.source_id"
		" and r.dataset = w.dataset and r.lo = w.lo and r.hi = w.hi"
		" and r.item = 0";
	struct db_result *result = NULL;
	const char *values[F_COUNT];

	for (size_t i = 0; i < F_COUNT; i++)
		values[i] = array_text(&arrays[i]);
	if (!db_query(db, sql, F_COUNT, values, &result, err))
		return err_wrap(err, "look for the rejects of replays");
	for (size_t row = 0; row < db_rows(result); row++)
		works[db_int(result, row, 0)]->reject_id =
			db_int(result, row, 1);
	db_result_free(result);
	return true;
}

/* Rows of meta.reject stay for ever: what is not there now was never there, or
 * the database is older than the message. */
static bool set_strangers_aside(struct work **works, size_t count,
	struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (work_is_replay(works[i]) && works[i]->reject_id == 0 &&
			!work_set_aside(works[i], "no_such_reject",
				"a replay of a reject that the database does "
				"not have", err))
			return false;
	return true;
}

bool find_rejects(struct db *db, struct work **works, size_t count,
	struct err *err)
{
	struct buf arrays[F_COUNT] = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++)
		if (work_is_replay(works[i]))
			ok = add_wanted(arrays, works[i], i, err);
	if (ok && arrays[F_WORK].len > 0)
		ok = ask_rejects(db, arrays, works, err) &&
			set_strangers_aside(works, count, err);
	arrays_clear(arrays, F_COUNT);
	return ok;
}

/* -- whether it is open ------------------------------------------------- */

static bool is_fresh_replay(const struct work *work)
{
	return work->fresh && work_is_replay(work);
}

static int compare_ids(const void *left, const void *right)
{
	const int64_t a = *(const int64_t *)left;
	const int64_t b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

/* ids are ascending; each is taken once. */
static bool take_id(const int64_t *ids, bool *taken, size_t count, int64_t id)
{
	const int64_t *found = count == 0 ? NULL :
		bsearch(&id, ids, count, sizeof(*ids), compare_ids);

	if (found == NULL || taken[found - ids])
		return false;
	taken[found - ids] = true;
	return true;
}

static void absorb(struct load *load, struct work *work)
{
	work->fresh = false;
	load->totals.messages--;
	load->totals.duplicates++;
	load->totals.bytes -= (int64_t)work->delivery->message.body.len;
}

/* Of two tries for one row in a batch the ledger's order decides. */
static bool take_open(struct load *load, const struct db_result *result,
	struct err *err)
{
	const size_t count = db_rows(result);
	int64_t *ids = calloc(count + 1, sizeof(*ids));
	bool *taken = calloc(count + 1, sizeof(*taken));
	const bool ok = ids != NULL && taken != NULL;

	for (size_t i = 0; ok && i < count; i++)
		ids[i] = db_int(result, i, 0);
	for (size_t i = 0; ok && i < load->batch.count; i++) {
		struct work *work = load->batch.works[i];

		if (is_fresh_replay(work) &&
			!take_id(ids, taken, count, work->reject_id))
			absorb(load, work);
	}
	free(ids);
	free(taken);
	return ok || err_memory(err);
}

bool claim_rejects(struct load *load, struct err *err)
{
	struct db_result *result = NULL;
	struct buf ids = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < load->batch.count; i++)
		if (is_fresh_replay(load->batch.works[i]))
			ok = array_add_int(&ids,
				load->batch.works[i]->reject_id, err);
	if (ok && ids.len > 0)
		ok = db_query(load->db,
			"select reject_id from meta.reject"
			" where reject_id = any($1::bigint[])"
			" and resolved_by is null"
			" and not exists (select from meta.source s"
			" where s.source_id = reject.source_id"
			" and s.undone_at is not null)"
			" order by reject_id for update",
			1, (const char *const[]){ ids.data }, &result, err) &&
			take_open(load, result, err);
	db_result_free(result);
	buf_clear(&ids);
	return ok || err_wrap(err, "lock the rejects of replays");
}

/* -- what became of it -------------------------------------------------- */

static struct refusal *add_refusal(struct load *load, struct err *err)
{
	if (load->again_count == load->again_cap) {
		const size_t cap = load->again_cap * 2 + 16;
		struct refusal *more =
			realloc(load->again, cap * sizeof(*more));

		if (more == NULL) {
			err_memory(err);
			return NULL;
		}
		load->again = more;
		load->again_cap = cap;
	}
	return &load->again[load->again_count++];
}

bool refuse_again(struct load *load, const struct work *work,
	const struct reject *reject, struct err *err)
{
	struct refusal *refusal = add_refusal(load, err);

	if (refusal == NULL)
		return false;
	*refusal = (struct refusal){ .reject_id = work->reject_id };
	record_place(reject->record, reject->at, &refusal->line,
		&refusal->column);
	(void)snprintf(refusal->code, sizeof(refusal->code), "%s",
		reject->code);
	(void)snprintf(refusal->field, sizeof(refusal->field), "%s",
		reject->field != NULL ? reject->field : "");
	(void)snprintf(refusal->detail, sizeof(refusal->detail), "%s",
		reject->detail);
	load->batch.sources[work->source].tally.rejected++;
	measure_reject(load, work->dataset, reject->code,
		strlen(reject->code));
	return true;
}

static int compare_refusals(const void *left, const void *right)
{
	return compare_ids(&((const struct refusal *)left)->reject_id,
		&((const struct refusal *)right)->reject_id);
}

static bool was_refused(const struct load *load, int64_t reject_id)
{
	const struct refusal wanted = { .reject_id = reject_id };

	return load->again_count > 0 && bsearch(&wanted, load->again,
		load->again_count, sizeof(wanted), compare_refusals) != NULL;
}

static bool resolve(struct load *load, struct err *err)
{
	struct buf ids = { 0 };
	char load_id[INT_TEXT];
	bool ok = true;

	for (size_t i = 0; ok && i < load->batch.count; i++) {
		const struct work *work = load->batch.works[i];

		if (is_fresh_replay(work) &&
			!was_refused(load, work->reject_id))
			ok = array_add_int(&ids, work->reject_id, err);
	}
	if (ok && ids.len > 0)
		ok = db_query(load->db,
			"update meta.reject set resolved_by = $2"
			" where reject_id = any($1::bigint[])",
			2, (const char *const[]){ ids.data,
				int_text(load->totals.load_id, load_id) },
			NULL, err);
	buf_clear(&ids);
	return ok;
}

enum { A_ID, A_LINE, A_COLUMN, A_CODE, A_FIELD, A_DETAIL, A_COUNT };

static bool add_again(struct load *load, struct buf *arrays,
	const struct refusal *refusal, struct err *err)
{
	struct buf *clean = &load->scratch;

	buf_reset(clean);
	return array_add_int(&arrays[A_ID], refusal->reject_id, err) &&
		array_add_uint(&arrays[A_LINE], refusal->line, err) &&
		array_add_uint(&arrays[A_COLUMN], refusal->column, err) &&
		array_add_text(&arrays[A_CODE], refusal->code, err) &&
		(refusal->field[0] != '\0' ?
			array_add_text(&arrays[A_FIELD], refusal->field, err) :
			array_add_null(&arrays[A_FIELD], err)) &&
		reject_add_clean(clean, refusal->detail,
			strlen(refusal->detail), err) &&
		array_add_text(&arrays[A_DETAIL],
			clean->len > 0 ? clean->data : "", err);
}

static bool refresh(struct load *load, struct err *err)
{
	static const char sql[] =
		"update meta.reject r set line = w.line, col = w.col,"
		" code = w.code, field = w.field, detail = w.detail,"
		" rejected_at = now()"
		" from unnest($1::bigint[], $2::bigint[], $3::bigint[],"
		" $4::text[], $5::text[], $6::text[])"
		" as w (reject_id, line, col, code, field, detail)"
		" where r.reject_id = w.reject_id";
	struct buf arrays[A_COUNT] = { 0 };
	const char *values[A_COUNT];
	bool ok = true;

	for (size_t i = 0; ok && i < load->again_count; i++)
		ok = add_again(load, arrays, &load->again[i], err);
	for (size_t i = 0; i < A_COUNT; i++)
		values[i] = array_text(&arrays[i]);
	ok = ok && (load->again_count == 0 ||
		db_query(load->db, sql, A_COUNT, values, NULL, err));
	arrays_clear(arrays, A_COUNT);
	return ok;
}

bool store_replays(struct load *load, struct err *err)
{
	if (load->again_count > 0)
		qsort(load->again, load->again_count, sizeof(*load->again),
			compare_refusals);
	return (resolve(load, err) && refresh(load, err)) ||
		err_wrap(err, "resolve rejects");
}
