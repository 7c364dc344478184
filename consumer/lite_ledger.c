/* lite_ledger.c - the books of a load in an SQLite file: sources, the ledger,
 * rejects, counters. */
#include "consumer/lite.h"
#include "common/datetime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH_2000_US INT64_C(946684800000000) /* since 1970 */

static const char *time_text(int64_t wall_us, char out[DATETIME_TEXT])
{
	(void)datetime_time_text(wall_us - EPOCH_2000_US, out);
	return out;
}

static bool bind_escaped(struct lite *lite, struct sqlite_stmt *stmt, int at,
	const void *data, size_t len, struct err *err)
{
	struct buf *text = &lite->scratch[0];

	buf_reset(text);
	return buf_add_escaped(text, data, len, err) &&
		sqlite_bind_text(stmt, at, text->data != NULL ? text->data :
			"", err);
}

static bool bind_uuid(struct sqlite_stmt *stmt, int at,
	const struct uuid *uuid, struct err *err)
{
	char text[UUID_TEXT];

	uuid_format(uuid, text);
	return sqlite_bind_text(stmt, at, text, err);
}

static bool bind_uint(struct sqlite_stmt *stmt, int at, uint64_t value,
	struct err *err)
{
	return sqlite_bind_int(stmt, at, (int64_t)value, err);
}

/* -- sources ------------------------------------------------------------ */

static bool register_source(struct load *load, const struct source *source,
	struct err *err)
{
	static const char sql[] =
		"insert into meta_source (drop_id, pipeline, dataset, kind,"
		" name, claimed_at, first_seen)"
		" values (?, ?, ?, 'file', ?, ?, ?)"
		" on conflict (drop_id) do nothing";
	struct lite *lite = load->target;
	const struct work *work = source->named_by;
	struct sqlite_stmt *stmt = sqlite_prepared(lite->db, sql, err);
	char pipeline[256], claimed[DATETIME_TEXT], now[DATETIME_TEXT];
	bool row;

	work_pipeline(work, pipeline, sizeof(pipeline));
	return stmt != NULL && bind_uuid(stmt, 1, &source->drop, err) &&
		sqlite_bind_text(stmt, 2, pipeline, err) &&
		sqlite_bind_text(stmt, 3, work->dataset_name, err) &&
		bind_escaped(lite, stmt, 4, work->envelope.source.data,
			work->envelope.source.len, err) &&
		sqlite_bind_text(stmt, 5, time_text(work->envelope.claimed_us,
			claimed), err) &&
		sqlite_bind_text(stmt, 6, time_text(lite->now_us, now), err) &&
		sqlite_step_row(stmt, &row, err);
}

static bool find_source(struct load *load, struct source *source,
	struct err *err)
{
	static const char sql[] =
		"select source_id from meta_source where drop_id = ?";
	struct lite *lite = load->target;
	struct sqlite_stmt *stmt = sqlite_prepared(lite->db, sql, err);
	bool row;

	if (stmt == NULL || !bind_uuid(stmt, 1, &source->drop, err) ||
		!sqlite_step_row(stmt, &row, err))
		return false;
	source->id = row ? sqlite_int(stmt, 0) : 0;
	sqlite_again(stmt);
	return row || err_stop(err, EXIT_BUG, "a source was not registered");
}

/* How many of the batch's are claimed before it, and itself. */
static bool rank_source(struct load *load, struct source *source,
	struct err *err)
{
	static const char sql[] =
		"select count(*) from meta_source a, meta_source b"
		" where a.source_id = ? and b.source_id = ?"
		" and (b.claimed_at, b.drop_id) <= (a.claimed_at, a.drop_id)";
	struct lite *lite = load->target;
	struct sqlite_stmt *stmt;
	bool row, ok = true;

	for (size_t i = 0; ok && i < load->batch.source_count; i++) {
		stmt = sqlite_prepared(lite->db, sql, err);
		ok = stmt != NULL &&
			sqlite_bind_int(stmt, 1, source->id, err) &&
			sqlite_bind_int(stmt, 2, load->batch.sources[i].id,
				err) &&
			sqlite_step_row(stmt, &row, err);
		if (ok)
			source->rank += sqlite_int(stmt, 0);
		if (stmt != NULL)
			sqlite_again(stmt);
	}
	return ok;
}

static bool claim_sources_here(struct load *load, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < load->batch.source_count; i++)
		ok = register_source(load, &load->batch.sources[i], err) &&
			find_source(load, &load->batch.sources[i], err);
	for (size_t i = 0; ok && i < load->batch.source_count; i++)
		ok = rank_source(load, &load->batch.sources[i], err);
	return ok;
}

/* -- the ledger --------------------------------------------------------- */

static const char *kind_letter(const struct work *work)
{
	return work->kind == WORK_REJECT ? "r" :
		work->kind == WORK_MANIFEST ? "m" : "c";
}

/* *fresh: nobody has loaded it before. */
static bool claim_chunk(struct load *load, const struct work *work,
	const char *dataset, const char *kind, bool *fresh, struct err *err)
{
	static const char sql[] =
		"insert into meta_chunk (drop_id, dataset, lo, hi, kind,"
		" records, load_id) values (?, ?, ?, ?, ?, ?, ?)"
		" on conflict do nothing";
	struct lite *lite = load->target;
	struct sqlite_stmt *stmt = sqlite_prepared(lite->db, sql, err);
	bool row;

	if (stmt == NULL || !bind_uuid(stmt, 1, &work->drop, err) ||
		!sqlite_bind_text(stmt, 2, dataset, err) ||
		!bind_uint(stmt, 3, work->lo, err) ||
		!bind_uint(stmt, 4, work->hi, err) ||
		!sqlite_bind_text(stmt, 5, kind, err) ||
		!bind_uint(stmt, 6, work->records, err) ||
		!sqlite_bind_int(stmt, 7, load->totals.load_id, err) ||
		!sqlite_step_row(stmt, &row, err))
		return false;
	*fresh = sqlite_changes(lite->db) > 0;
	return true;
}

static bool claim_works(struct load *load, struct err *err)
{
	struct load_totals *totals = &load->totals;

	for (size_t i = 0; i < load->batch.count; i++) {
		struct work *work = load->batch.works[i];

		if (!claim_chunk(load, work, work->dataset_name,
			    kind_letter(work), &work->fresh, err))
			return false;
		if (work->fresh) {
			totals->messages++;
			totals->bytes += (int64_t)
				work->delivery->message.body.len;
		}
	}
	totals->duplicates = (int64_t)load->batch.count - totals->messages;
	return true;
}

static bool claim_derived_of(struct load *load, struct work *work,
	struct err *err)
{
	const struct dataset *dataset = NULL;
	bool fresh;

	if (!work->fresh || !work_has_rows(work))
		return true;
	while ((dataset = derive_dataset(work->dataset, dataset)) != NULL) {
		struct derived *derived =
			&load->derived[find_derived(load, dataset)];

		if (!claim_chunk(load, work, dataset->name, "c", &fresh, err))
			return false;
		if (fresh)
			derived->works[derived->count++] = work;
	}
	return true;
}

bool lite_claim(struct load *load, struct err *err)
{
	bool ok = claim_sources_here(load, err) && claim_works(load, err) &&
		list_derived(load, err);

	for (size_t i = 0; ok && i < load->batch.count; i++)
		ok = claim_derived_of(load, load->batch.works[i], err);
	return ok;
}

/* -- rejects ------------------------------------------------------------ */

bool lite_reject(struct load *load, const struct cell *cells, struct err *err)
{
	static const char sql[] =
		"insert into meta_reject (source_id, dataset, lo, hi, item,"
		" record_no, line, col, code, field, detail, stage, bytes,"
		" load_id, rejected_at)"
		" values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
	struct lite *lite = load->target;
	struct sqlite_stmt *stmt = sqlite_prepared(lite->db, sql, err);
	char now[DATETIME_TEXT];
	bool row, ok = stmt != NULL;

	for (int i = 0; ok && i < R_COUNT; i++) {
		const struct cell *cell = &cells[i];

		if (cell->null)
			continue; /* nothing is bound yet */
		if (cell->type == COLUMN_INTEGER)
			ok = sqlite_bind_int(stmt, i + 1, cell->v.i, err);
		else if (i == R_BYTES)
			ok = sqlite_bind_blob(stmt, i + 1, cell->v.s.data,
				cell->v.s.len, err);
		else
			ok = sqlite_bind_view(stmt, i + 1, cell->v.s.data,
				cell->v.s.len, err);
	}
	load->reject_count++;
	return ok && sqlite_bind_text(stmt, R_COUNT + 1,
		time_text(lite->now_us, now), err) &&
		sqlite_step_row(stmt, &row, err);
}

/* -- counters ----------------------------------------------------------- */

static bool add_numbers(struct load *load, const struct source *source,
	struct err *err)
{
	static const char sql[] =
		"update meta_source set chunks = chunks + ?,"
		" reader_rejects = reader_rejects + ?, records = records + ?,"
		" inserted = inserted + ?, updated = updated + ?,"
		" unchanged = unchanged + ?, rejected = rejected + ?,"
		" filtered = filtered + ? where source_id = ?";
	const struct tally *tally = &source->tally;
	const int64_t numbers[] = { source->chunks, source->reader_rejects,
		tally->records, tally->inserted, tally->updated,
		tally_unchanged(tally), tally->rejected, tally->filtered,
		source->id };
	struct lite *lite = load->target;
	struct sqlite_stmt *stmt = sqlite_prepared(lite->db, sql, err);
	bool row, ok = stmt != NULL;

	for (size_t i = 0; ok && i < sizeof(numbers) / sizeof(*numbers); i++)
		ok = sqlite_bind_int(stmt, (int)i + 1, numbers[i], err);
	return ok && sqlite_step_row(stmt, &row, err);
}

static bool add_manifest(struct load *load, const struct source *source,
	struct err *err)
{
	static const char sql[] =
		"update meta_source set format = ?, file_size = ?, size = ?,"
		" sha256 = ?, manifest_chunks = ?, manifest_rejects = ?,"
		" manifest_records = ?, remainder_failed = ?"
		" where source_id = ?";
	const struct envelope *manifest = source->manifest;
	struct lite *lite = load->target;
	struct sqlite_stmt *stmt = sqlite_prepared(lite->db, sql, err);
	char sha256[SHA256_TEXT];
	bool row;

	sha256_format(manifest->sha256, sha256);
	return stmt != NULL &&
		bind_escaped(lite, stmt, 1, manifest->format.data,
			manifest->format.len, err) &&
		bind_uint(stmt, 2, manifest->file_size, err) &&
		bind_uint(stmt, 3, manifest->size, err) &&
		sqlite_bind_text(stmt, 4, sha256, err) &&
		bind_uint(stmt, 5, manifest->chunks, err) &&
		bind_uint(stmt, 6, manifest->rejects, err) &&
		bind_uint(stmt, 7, manifest->all_records, err) &&
		sqlite_bind_int(stmt, 8, manifest->failed, err) &&
		sqlite_bind_int(stmt, 9, source->id, err) &&
		sqlite_step_row(stmt, &row, err);
}

static bool complete(struct load *load, const struct source *source,
	struct err *err)
{
	static const char sql[] =
		"update meta_source set completed_at = ?"
		" where source_id = ? and completed_at is null"
		" and manifest_chunks = chunks"
		" and manifest_rejects = reader_rejects"
		" and manifest_records = records";
	struct lite *lite = load->target;
	struct sqlite_stmt *stmt = sqlite_prepared(lite->db, sql, err);
	char now[DATETIME_TEXT];
	bool row;

	return stmt != NULL &&
		sqlite_bind_text(stmt, 1, time_text(lite->now_us, now), err) &&
		sqlite_bind_int(stmt, 2, source->id, err) &&
		sqlite_step_row(stmt, &row, err);
}

static bool count_derived(struct load *load, const struct dataset *dataset,
	int64_t source_id, const struct tally *tally, struct err *err)
{
	static const char sql[] =
		"insert into meta_derived (dataset, source_id, records,"
		" inserted, updated, unchanged, rejected)"
		" values (?, ?, ?, ?, ?, ?, ?) on conflict do update set"
		" records = records + excluded.records,"
		" inserted = inserted + excluded.inserted,"
		" updated = updated + excluded.updated,"
		" unchanged = unchanged + excluded.unchanged,"
		" rejected = rejected + excluded.rejected";
	const int64_t numbers[] = { source_id, tally->records,
		tally->inserted, tally->updated, tally_unchanged(tally),
		tally->rejected };
	struct lite *lite = load->target;
	struct sqlite_stmt *stmt = sqlite_prepared(lite->db, sql, err);
	bool row, ok = stmt != NULL &&
		sqlite_bind_text(stmt, 1, dataset->name, err);

	for (size_t i = 0; ok && i < sizeof(numbers) / sizeof(*numbers); i++)
		ok = sqlite_bind_int(stmt, (int)i + 2, numbers[i], err);
	return ok && sqlite_step_row(stmt, &row, err);
}

/* Of sources that were looked through, also when nothing was found. */
static bool count_all_derived(struct load *load, const struct derived *derived,
	struct err *err)
{
	for (size_t i = 0; i < derived->count; i++) {
		const size_t at = derived->works[i]->source;
		const struct tally *tally = &derived->tallies[at];
		const int64_t id = load->batch.sources[at].id;

		if (i > 0 && derived->works[i - 1]->source == at)
			continue;
		if (!tally_adds_up(tally, id, err) ||
			!count_derived(load, derived->dataset, id, tally, err))
			return false;
	}
	return true;
}

static bool store_load_row(struct load *load, struct err *err)
{
	static const char sql[] =
		"insert into meta_load (load_id, messages, duplicates, bytes,"
		" records, inserted, updated, unchanged, rejected, filtered,"
		" consumer, started_at, committed_at)"
		" values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
	const struct load_totals *totals = &load->totals;
	const int64_t numbers[] = { totals->load_id, totals->messages,
		totals->duplicates, totals->bytes, totals->records,
		totals->inserted, totals->updated, totals->unchanged,
		totals->rejected, totals->filtered };
	enum { COUNT = sizeof(numbers) / sizeof(*numbers) };
	struct lite *lite = load->target;
	struct sqlite_stmt *stmt = sqlite_prepared(lite->db, sql, err);
	char started[DATETIME_TEXT], now[DATETIME_TEXT];
	bool row, ok = stmt != NULL;

	for (int i = 0; ok && i < COUNT; i++)
		ok = sqlite_bind_int(stmt, i + 1, numbers[i], err);
	return ok &&
		sqlite_bind_text(stmt, COUNT + 1, load->session->name, err) &&
		sqlite_bind_text(stmt, COUNT + 2,
			time_text(lite->now_us, started), err) &&
		sqlite_bind_text(stmt, COUNT + 3,
			time_text(clock_wall_us(), now), err) &&
		sqlite_step_row(stmt, &row, err);
}

bool lite_count(struct load *load, struct err *err)
{
	bool ok = count_works(load, err);

	for (size_t i = 0; ok && i < load->batch.source_count; i++) {
		const struct source *source = &load->batch.sources[i];

		if (!source_counts(source))
			continue;
		ok = add_numbers(load, source, err) &&
			(source->manifest == NULL ||
				add_manifest(load, source, err)) &&
			complete(load, source, err);
	}
	for (size_t i = 0; ok && i < load->derived_count; i++)
		ok = count_all_derived(load, &load->derived[i], err);
	return ok && store_load_row(load, err);
}
