/* claims.c - sources and the ledger: a message counts once. */
#include "common/mutation.h"
#include "consumer/arrays.h"
#include "consumer/step.h"

#include <string.h>

/* -- sources ------------------------------------------------------------ */

enum { S_DROP, S_PIPELINE, S_DATASET, S_KIND, S_NAME, S_CLAIMED, S_REPLAY, S_COUNT };

static bool add_foreign(struct buf *arrays, const struct work *work,
	struct buf *scratch, struct err *err)
{
	buf_reset(scratch);
	return array_add_text(&arrays[S_KIND], "foreign", err) &&
		work_foreign_name(work, scratch, err) &&
		array_add_escaped(&arrays[S_NAME], scratch->data, scratch->len,
			err) &&
		array_add_null(&arrays[S_CLAIMED], err) &&
		array_add_null(&arrays[S_REPLAY], err);
}

static bool add_ours(struct buf *arrays, const struct work *work,
	struct err *err)
{
	const struct envelope *envelope = &work->envelope;

	return array_add_text(&arrays[S_KIND], "file", err) &&
		array_add_escaped(&arrays[S_NAME], envelope->source.data,
			envelope->source.len, err) &&
		array_add_int(&arrays[S_CLAIMED], envelope->claimed_us, err) &&
		(uuid_is_nil(&envelope->replay_of) ?
			array_add_null(&arrays[S_REPLAY], err) :
			array_add_uuid(&arrays[S_REPLAY],
				&envelope->replay_of, err));
}

static bool add_source(struct load *load, struct buf *arrays,
	const struct source *source, struct err *err)
{
	const struct work *work = source->named_by;
	char pipeline[256];

	work_pipeline(work, pipeline, sizeof(pipeline));
	return array_add_uuid(&arrays[S_DROP], &source->drop, err) &&
		array_add_escaped(&arrays[S_PIPELINE], pipeline,
			strlen(pipeline), err) &&
		array_add_escaped(&arrays[S_DATASET], work->dataset_name,
			strlen(work->dataset_name), err) &&
		(work_is_foreign(work) ?
			add_foreign(arrays, work, &load->scratch, err) :
			add_ours(arrays, work, err));
}

/* Registers those whose id is not known yet. */
static bool register_sources(struct load *load, struct err *err)
{
	static const char sql[] =
		"insert into meta.source"
		" (drop_id, pipeline, dataset, kind, name, claimed_at,"
		" replay_of)"
		" select drop_id, pipeline, dataset, kind, name, coalesce("
		"timestamptz 'epoch' + claimed * interval '1 microsecond',"
		" now()), replay_of"
		" from unnest($1::uuid[], $2::text[], $3::text[], $4::text[],"
		" $5::text[], $6::bigint[], $7::uuid[])"
		" as w (drop_id, pipeline, dataset, kind, name, claimed,"
		" replay_of)"
		" order by drop_id"
		" on conflict (drop_id) do nothing";
	struct buf arrays[S_COUNT] = { 0 };
	const char *values[S_COUNT];
	bool ok = true;

	for (size_t i = 0; ok && i < load->batch.source_count; i++)
		if (load->batch.sources[i].id == 0)
			ok = add_source(load, arrays, &load->batch.sources[i],
				err);
	for (size_t i = 0; i < S_COUNT; i++)
		values[i] = array_text(&arrays[i]);
	ok = ok && db_query(load->db, sql, S_COUNT, values, NULL, err);
	arrays_clear(arrays, S_COUNT);
	return ok;
}

/* Ids and ranks of the registered ones; *found counts them. They are held, so
 * that nobody collapses their ledger until we commit; loads do not wait for
 * each other by this. */
static bool find_sources(struct load *load, size_t *found, struct err *err)
{
	static const char sql[] =
		"with s as materialized (select source_id, drop_id, claimed_at"
		" from meta.source where drop_id = any($1::uuid[])"
		" order by drop_id for key share)"
		" select w.ord, s.source_id,"
		" row_number() over (order by s.claimed_at, s.drop_id)"
		" from unnest($1::uuid[]) with ordinality as w (drop_id, ord)"
		" join s on s.drop_id = w.drop_id";
	struct db_result *result = NULL;
	struct buf drops = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < load->batch.source_count; i++)
		ok = array_add_uuid(&drops, &load->batch.sources[i].drop, err);
	ok = ok && db_query(load->db, sql, 1,
		(const char *const[]){ array_text(&drops) }, &result, err);
	buf_clear(&drops);
	if (!ok)
		return false;
	*found = db_rows(result);
	for (size_t row = 0; row < *found; row++) {
		struct source *source =
			&load->batch.sources[db_int(result, row, 0) - 1];

		source->id = db_int(result, row, 1);
		source->rank = db_int(result, row, 2);
	}
	db_result_free(result);
	return true;
}

bool claim_sources(struct load *load, struct err *err)
{
	size_t found;

	if (!find_sources(load, &found, err))
		return false;
	if (found == load->batch.source_count)
		return true;
	/* asked again: another consumer may have been first */
	if (!register_sources(load, err) || !find_sources(load, &found, err))
		return false;
	return found == load->batch.source_count ||
		err_set(err, ERR_RETRY, "a source vanished from meta.source");
}

/* -- the ledger --------------------------------------------------------- */

enum { C_DROP, C_DATASET, C_LO, C_HI, C_REPLAY, C_KIND, C_RECORDS, C_COUNT };

static const char *kind_letter(const struct work *work)
{
	switch (work->kind) {
	case WORK_REJECT:
		return "r";
	case WORK_MANIFEST:
		return "m";
	default:
		return "c";
	}
}

/* Every work has its place in the arrays, so that an ordinal is an index;
 * duplicates within the batch are harmless to the statement. */
static bool add_message(struct buf *arrays, const struct work *work,
	struct err *err)
{
	return array_add_uuid(&arrays[C_DROP], &work->drop, err) &&
		array_add_escaped(&arrays[C_DATASET], work->dataset_name,
			strlen(work->dataset_name), err) &&
		array_add_uint(&arrays[C_LO], work->lo, err) &&
		array_add_uint(&arrays[C_HI], work->hi, err) &&
		array_add_uint(&arrays[C_REPLAY], work->replay, err) &&
		array_add_text(&arrays[C_KIND], kind_letter(work), err) &&
		array_add_uint(&arrays[C_RECORDS], work->records, err);
}

static void mark_fresh(struct load *load, const struct db_result *result)
{
	for (size_t row = 0; row < db_rows(result); row++) {
		struct work *work =
			load->batch.works[db_int(result, row, 0) - 1];

		work->fresh = true;
		load->totals.messages++;
		load->totals.bytes +=
			(int64_t)work->delivery->message.body.len;
	}
	for (size_t i = 0; MUTATED(no_ledger) && i < load->batch.count; i++) {
		load->totals.messages += !load->batch.works[i]->fresh;
		load->batch.works[i]->fresh = true;
	}
	load->totals.duplicates =
		(int64_t)load->batch.count - load->totals.messages;
}

/* What lies within a collapsed source has been loaded. */
bool claim_messages(struct load *load, struct err *err)
{
	static const char sql[] =
		"with w as (select * from unnest($1::uuid[], $2::text[],"
		" $3::bigint[], $4::bigint[], $5::int[], $6::text[],"
		" $7::int[]) with ordinality as w"
		" (drop_id, dataset, lo, hi, replay, kind, records, ord)),"
		" taken as (insert into meta.chunk (drop_id, dataset, lo, hi,"
		" replay, kind, records, load_id)"
		" select drop_id, dataset, lo, hi, replay, kind::\"char\","
		" records, $8::bigint from w"
		" where not exists (select from meta.source s"
		" where s.drop_id = w.drop_id and s.dataset = w.dataset"
		" and s.collapsed and w.replay = 0 and w.hi <= s.size)"
		" order by drop_id, dataset, lo, hi, replay"
		" on conflict (drop_id, dataset, lo, hi, replay) do nothing"
		" returning drop_id, dataset, lo, hi, replay)"
		" select min(w.ord) from taken"
		" join w using (drop_id, dataset, lo, hi, replay)"
		" group by drop_id, dataset, lo, hi, replay";
	struct buf arrays[C_COUNT] = { 0 };
	struct db_result *result = NULL;
	const char *values[C_COUNT + 1];
	char load_id[INT_TEXT];
	bool ok = true;

	for (size_t i = 0; ok && i < load->batch.count; i++)
		ok = add_message(arrays, load->batch.works[i], err);
	for (size_t i = 0; i < C_COUNT; i++)
		values[i] = array_text(&arrays[i]);
	values[C_COUNT] = int_text(load->totals.load_id, load_id);
	ok = ok && db_query(load->db, sql, C_COUNT + 1, values, &result, err);
	if (ok)
		mark_fresh(load, result);
	db_result_free(result);
	arrays_clear(arrays, C_COUNT);
	return ok;
}
