/* counters.c - what the load did to each source, and its own row. */
#include "consumer/arrays.h"
#include "consumer/step.h"

#include <stdlib.h>

enum {
	K_ID, K_CHUNKS, K_REJECTS, K_RECORDS, K_INSERTED, K_UPDATED,
	K_UNCHANGED, K_REJECTED, K_FILTERED, K_NUMBERS,
	K_FORMAT = K_NUMBERS, K_FILE_SIZE, K_SIZE, K_SHA256, K_ALL_CHUNKS,
	K_ALL_REJECTS, K_ALL_RECORDS, K_FAILED, K_COUNT
};

int64_t tally_unchanged(const struct tally *tally)
{
	return tally->rows - tally->inserted - tally->updated;
}

/* -- counting ----------------------------------------------------------- */

static void count_message(struct batch *batch, const struct work *work)
{
	struct source *source = &batch->sources[work->source];

	source->tally.records += (int64_t)work->records;
	if (work_is_replay(work)) {
		source->replays++;
		return;
	}
	source->chunks += work->kind == WORK_CHUNK || work_is_foreign(work);
	source->reader_rejects += work->kind == WORK_REJECT;
	if (work->kind == WORK_MANIFEST)
		source->manifest = &work->envelope;
}

bool tally_adds_up(const struct tally *tally, int64_t source_id,
	struct err *err)
{
	if (tally->records ==
			tally->rows + tally->rejected + tally->filtered &&
		tally_unchanged(tally) >= 0)
		return true;
	return err_set(err, ERR_STOP,
		"source %lld does not add up: %lld records, "
		"%lld rows (%lld inserted, %lld updated), %lld rejected, "
		"%lld filtered",
		(long long)source_id, (long long)tally->records,
		(long long)tally->rows, (long long)tally->inserted,
		(long long)tally->updated, (long long)tally->rejected,
		(long long)tally->filtered);
}

/* Nothing got lost on the way. */
static bool add_up(struct load *load, struct err *err)
{
	struct load_totals *totals = &load->totals;

	for (size_t i = 0; i < load->batch.source_count; i++) {
		const struct source *source = &load->batch.sources[i];
		const struct tally *tally = &source->tally;

		if (!tally_adds_up(tally, source->id, err))
			return false;
		totals->records += tally->records;
		totals->inserted += tally->inserted;
		totals->updated += tally->updated;
		totals->unchanged += tally_unchanged(tally);
		totals->rejected += tally->rejected;
		totals->filtered += tally->filtered;
	}
	return true;
}

bool count_works(struct load *load, struct err *err)
{
	for (size_t i = 0; i < load->batch.count; i++)
		if (load->batch.works[i]->fresh)
			count_message(&load->batch, load->batch.works[i]);
	return add_up(load, err);
}

bool source_counts(const struct source *source)
{
	return source->chunks + source->reader_rejects + source->replays > 0 ||
		source->manifest != NULL;
}

/* -- meta.source -------------------------------------------------------- */

/* A replay is no new record: it moves one from the rejected to the loaded. */
static bool add_numbers(struct buf *arrays, const struct source *source,
	struct err *err)
{
	const int64_t numbers[K_NUMBERS] = {
		[K_ID] = source->id,
		[K_CHUNKS] = source->chunks,
		[K_REJECTS] = source->reader_rejects,
		[K_RECORDS] = source->tally.records - source->replays,
		[K_INSERTED] = source->tally.inserted,
		[K_UPDATED] = source->tally.updated,
		[K_UNCHANGED] = tally_unchanged(&source->tally),
		[K_REJECTED] = source->tally.rejected - source->replays,
		[K_FILTERED] = source->tally.filtered,
	};

	for (size_t i = 0; i < K_NUMBERS; i++)
		if (!array_add_int(&arrays[i], numbers[i], err))
			return false;
	return true;
}

static bool add_nulls(struct buf *arrays, struct err *err)
{
	for (size_t i = K_FORMAT; i < K_COUNT; i++)
		if (!array_add_null(&arrays[i], err))
			return false;
	return true;
}

static bool add_manifest(struct buf *arrays, const struct envelope *manifest,
	struct err *err)
{
	char sha256[SHA256_TEXT];

	sha256_format(manifest->sha256, sha256);
	return array_add_escaped(&arrays[K_FORMAT], manifest->format.data,
		       manifest->format.len, err) &&
		array_add_uint(&arrays[K_FILE_SIZE], manifest->file_size,
			err) &&
		array_add_uint(&arrays[K_SIZE], manifest->size, err) &&
		array_add_text(&arrays[K_SHA256], sha256, err) &&
		array_add_uint(&arrays[K_ALL_CHUNKS], manifest->chunks, err) &&
		array_add_uint(&arrays[K_ALL_REJECTS], manifest->rejects,
			err) &&
		array_add_uint(&arrays[K_ALL_RECORDS], manifest->all_records,
			err) &&
		array_add_text(&arrays[K_FAILED],
			manifest->failed ? "true" : "false", err);
}

/* A foreign message is all there is of its source: its own manifest. */
static bool add_foreign(struct buf *arrays, const struct source *source,
	struct err *err)
{
	const int64_t size = (int64_t)source->named_by->hi;

	return array_add_text(&arrays[K_FORMAT], "message", err) &&
		array_add_int(&arrays[K_FILE_SIZE], size, err) &&
		array_add_int(&arrays[K_SIZE], size, err) &&
		array_add_null(&arrays[K_SHA256], err) &&
		array_add_int(&arrays[K_ALL_CHUNKS], source->chunks, err) &&
		array_add_int(&arrays[K_ALL_REJECTS], 0, err) &&
		array_add_int(&arrays[K_ALL_RECORDS],
			source->tally.records - source->replays, err) &&
		array_add_text(&arrays[K_FAILED], "false", err);
}

static bool add_counters(struct buf *arrays, const struct source *source,
	struct err *err)
{
	if (!add_numbers(arrays, source, err))
		return false;
	if (work_is_foreign(source->named_by) && source->chunks > 0)
		return add_foreign(arrays, source, err);
	if (source->manifest != NULL)
		return add_manifest(arrays, source->manifest, err);
	return add_nulls(arrays, err);
}

/* Rows are locked in the order of their ids first: an UPDATE alone takes them
 * as the plan likes, and two consumers may hold chunks of the same sources. */
static bool lock_sources(struct load *load, const char *ids, struct err *err)
{
	return db_query(load->db,
		"select from meta.source where source_id = any($1::bigint[])"
		" order by source_id for no key update",
		1, &ids, NULL, err);
}

/* The news of it, for those who look after the pipelines, in one statement. */
static bool update_sources(struct load *load, struct buf *arrays,
	struct err *err)
{
	static const char sql[] =
		"with moved as (update meta.source s set chunks = s.chunks + w.chunks,"
		" reader_rejects = s.reader_rejects + w.reader_rejects,"
		" records = s.records + w.records,"
		" inserted = s.inserted + w.inserted,"
		" updated = s.updated + w.updated,"
		" unchanged = s.unchanged + w.unchanged,"
		" rejected = s.rejected + w.rejected,"
		" filtered = s.filtered + w.filtered,"
		" format = coalesce(w.format, s.format),"
		" file_size = coalesce(w.file_size, s.file_size),"
		" size = coalesce(w.size, s.size),"
		" sha256 = coalesce(w.sha256, s.sha256),"
		" manifest_chunks = coalesce(w.all_chunks, s.manifest_chunks),"
		" manifest_rejects = coalesce(w.all_rejects,"
		" s.manifest_rejects),"
		" manifest_records = coalesce(w.all_records,"
		" s.manifest_records),"
		" remainder_failed = coalesce(w.failed, s.remainder_failed),"
		" completed_at = case when"
		" coalesce(w.all_chunks, s.manifest_chunks)"
		" = s.chunks + w.chunks"
		" and coalesce(w.all_rejects, s.manifest_rejects)"
		" = s.reader_rejects + w.reader_rejects"
		" and coalesce(w.all_records, s.manifest_records)"
		" = s.records + w.records"
		" then coalesce(s.completed_at, clock_timestamp())"
		" else s.completed_at end"
		" from unnest($1::bigint[], $2::bigint[], $3::bigint[],"
		" $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],"
		" $8::bigint[], $9::bigint[], $10::text[], $11::bigint[],"
		" $12::bigint[], $13::text[], $14::bigint[], $15::bigint[],"
		" $16::bigint[], $17::boolean[]) as w (source_id, chunks,"
		" reader_rejects, records, inserted, updated, unchanged,"
		" rejected, filtered, format, file_size, size, sha256, all_chunks, all_rejects,"
		" all_records, failed)"
		" join meta.source was using (source_id)"
		" where s.source_id = w.source_id"
		" returning s.pipeline, w.records, w.inserted, w.updated,"
		" w.unchanged, w.rejected, w.filtered, (was.completed_at"
		" is null and s.completed_at is not null)::int as done)"
		" insert into meta.news (kind, pipeline, sources, records,"
		" inserted, updated, unchanged, rejected, filtered)"
		" select 'load', pipeline, sum(done), sum(records),"
		" sum(inserted), sum(updated), sum(unchanged), sum(rejected),"
		" sum(filtered) from moved group by pipeline";
	const char *values[K_COUNT];

	for (size_t i = 0; i < K_COUNT; i++)
		values[i] = array_text(&arrays[i]);
	return lock_sources(load, values[K_ID], err) &&
		db_query(load->db, sql, K_COUNT, values, NULL, err);
}

bool store_counters(struct load *load, struct err *err)
{
	struct buf arrays[K_COUNT] = { 0 };
	bool ok = count_works(load, err);

	for (size_t i = 0; ok && i < load->batch.source_count; i++) {
		const struct source *source = &load->batch.sources[i];

		if (source_counts(source))
			ok = add_counters(arrays, source, err);
	}
	ok = ok && (arrays[K_ID].len == 0 ||
		update_sources(load, arrays, err));
	arrays_clear(arrays, K_COUNT);
	return ok || err_wrap(err, "update meta.source");
}

/* -- meta.load ---------------------------------------------------------- */

bool store_load(struct load *load, struct err *err)
{
	const struct load_totals *totals = &load->totals;
	const int64_t numbers[] = { totals->load_id, totals->messages,
		totals->duplicates, totals->bytes, totals->records,
		totals->inserted, totals->updated, totals->unchanged,
		totals->rejected, totals->filtered };
	enum { COUNT = sizeof(numbers) / sizeof(*numbers) };
	char texts[COUNT][INT_TEXT];
	const char *values[COUNT + 1];

	for (size_t i = 0; i < COUNT; i++)
		values[i] = int_text(numbers[i], texts[i]);
	values[COUNT] = load->session->name;
	return db_query(load->db,
		"insert into meta.load (load_id, started_at, committed_at,"
		" consumer, messages, duplicates, bytes, records, inserted,"
		" updated, unchanged, rejected, filtered)"
		" overriding system value"
		" values ($1, now(), clock_timestamp(), $11, $2, $3, $4, $5,"
		" $6, $7, $8, $9, $10)",
		COUNT + 1, values, NULL, err) ||
		err_wrap(err, "insert into meta.load");
}
