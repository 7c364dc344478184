/* derived.c - datasets made out of another one's records: their part of the
 * ledger, their counters. */
#include "consumer/arrays.h"
#include "consumer/step.h"

#include <stdlib.h>
#include <string.h>

/* -- which -------------------------------------------------------------- */

size_t find_derived(const struct load *load, const struct dataset *dataset)
{
	size_t i = 0;

	while (i < load->derived_count && load->derived[i].dataset != dataset)
		i++;
	return i;
}

static bool add_derived(struct load *load, const struct dataset *dataset,
	struct err *err)
{
	struct derived *more = realloc(load->derived,
		(load->derived_count + 1) * sizeof(*more));
	struct derived *derived;

	if (more == NULL)
		return err_memory(err);
	load->derived = more;
	derived = &more[load->derived_count++];
	*derived = (struct derived){
		.dataset = dataset,
		.works = calloc(load->batch.count, sizeof(*derived->works)),
		.tallies = calloc(load->batch.source_count,
			sizeof(*derived->tallies)),
	};
	return (derived->works != NULL && derived->tallies != NULL) ||
		err_memory(err);
}

static bool find_datasets(struct load *load, struct err *err)
{
	for (size_t i = 0; i < load->batch.count; i++) {
		const struct work *work = load->batch.works[i];
		const struct dataset *dataset = NULL;

		if (!work->fresh || !work_has_rows(work))
			continue;
		while ((dataset = derive_dataset(work->dataset, dataset)) !=
			NULL)
			if (find_derived(load, dataset) == load->derived_count &&
				!add_derived(load, dataset, err))
				return false;
	}
	return true;
}

static int compare_derived(const void *left, const void *right)
{
	const struct dataset *a = ((const struct derived *)left)->dataset;
	const struct dataset *b = ((const struct derived *)right)->dataset;
	const int order = strcmp(a->pipeline->name, b->pipeline->name);

	return order != 0 ? order : strcmp(a->name, b->name);
}

bool list_derived(struct load *load, struct err *err)
{
	if (!find_datasets(load, err))
		return false;
	if (load->derived_count > 0)
		qsort(load->derived, load->derived_count,
			sizeof(*load->derived), compare_derived);
	return true;
}

/* -- the ledger --------------------------------------------------------- */

enum { C_WORK, C_DATASET_AT, C_DROP, C_DATASET, C_LO, C_HI, C_REPLAY,
	C_RECORDS, C_COUNT };

static bool add_claim(struct buf *arrays, const struct load *load, size_t work,
	size_t derived, struct err *err)
{
	const struct work *w = load->batch.works[work];

	return array_add_uint(&arrays[C_WORK], work, err) &&
		array_add_uint(&arrays[C_DATASET_AT], derived, err) &&
		array_add_uuid(&arrays[C_DROP], &w->drop, err) &&
		array_add_text(&arrays[C_DATASET],
			load->derived[derived].dataset->name, err) &&
		array_add_uint(&arrays[C_LO], w->lo, err) &&
		array_add_uint(&arrays[C_HI], w->hi, err) &&
		array_add_uint(&arrays[C_REPLAY], w->replay, err) &&
		array_add_uint(&arrays[C_RECORDS], w->records, err);
}

static bool add_claims(struct buf *arrays, const struct load *load,
	struct err *err)
{
	for (size_t i = 0; i < load->batch.count; i++) {
		const struct work *work = load->batch.works[i];
		const struct dataset *dataset = NULL;

		if (!work->fresh || !work_has_rows(work))
			continue;
		while ((dataset = derive_dataset(work->dataset, dataset)) !=
			NULL)
			if (!add_claim(arrays, load, i,
				find_derived(load, dataset), err))
				return false;
	}
	return true;
}

static void take_claims(struct load *load, const struct db_result *result)
{
	for (size_t row = 0; row < db_rows(result); row++) {
		struct derived *derived =
			&load->derived[db_int(result, row, 1)];

		derived->works[derived->count++] =
			load->batch.works[db_int(result, row, 0)];
	}
}

bool claim_derived(struct load *load, struct err *err)
{
	static const char sql[] =
		"with w as (select * from unnest($1::bigint[], $2::bigint[],"
		" $3::uuid[], $4::text[], $5::bigint[], $6::bigint[],"
		" $7::int[], $8::bigint[]) as w (work, derived, drop_id,"
		" dataset, lo, hi, replay, records)),"
		" taken as (insert into meta.chunk (drop_id, dataset, lo, hi,"
		" replay, kind, records, load_id)"
		" select drop_id, dataset, lo, hi, replay, 'c', records,"
		" $9::bigint from w"
		" order by drop_id, dataset, lo, hi, replay"
		" on conflict (drop_id, dataset, lo, hi, replay) do nothing"
		" returning drop_id, dataset, lo, hi, replay)"
		" select w.work, w.derived from taken"
		" join w using (drop_id, dataset, lo, hi, replay)"
		" order by w.work";
	struct buf arrays[C_COUNT] = { 0 };
	struct db_result *result = NULL;
	const char *values[C_COUNT + 1];
	char load_id[INT_TEXT];
	bool ok;

	if (!list_derived(load, err))
		return false;
	if (load->derived_count == 0)
		return true;
	ok = add_claims(arrays, load, err);
	for (size_t i = 0; i < C_COUNT; i++)
		values[i] = array_text(&arrays[i]);
	values[C_COUNT] = int_text(load->totals.load_id, load_id);
	ok = ok && db_query(load->db, sql, C_COUNT + 1, values, &result, err);
	if (ok)
		take_claims(load, result);
	db_result_free(result);
	arrays_clear(arrays, C_COUNT);
	return ok;
}

void clear_derived(struct load *load)
{
	for (size_t i = 0; i < load->derived_count; i++) {
		free(load->derived[i].works);
		free(load->derived[i].tallies);
	}
	free(load->derived);
	load->derived = NULL;
	load->derived_count = 0;
}

/* -- counters ----------------------------------------------------------- */

enum { D_SOURCE, D_RECORDS, D_INSERTED, D_UPDATED, D_UNCHANGED, D_REJECTED,
	D_NUMBERS, D_DATASET = D_NUMBERS, D_COUNT };

static bool add_tally(struct buf *arrays, const struct dataset *dataset,
	int64_t source_id, const struct tally *tally, struct err *err)
{
	const int64_t numbers[D_NUMBERS] = {
		[D_SOURCE] = source_id,
		[D_RECORDS] = tally->records,
		[D_INSERTED] = tally->inserted,
		[D_UPDATED] = tally->updated,
		[D_UNCHANGED] = tally_unchanged(tally),
		[D_REJECTED] = tally->rejected,
	};

	for (size_t i = 0; i < D_NUMBERS; i++)
		if (!array_add_int(&arrays[i], numbers[i], err))
			return false;
	return array_add_text(&arrays[D_DATASET], dataset->name, err);
}

/* Of sources that were looked through, also when nothing was found. */
static bool add_tallies(struct buf *arrays, const struct load *load,
	const struct derived *derived, struct err *err)
{
	for (size_t i = 0; i < derived->count; i++) {
		const size_t at = derived->works[i]->source;
		const struct tally *tally = &derived->tallies[at];
		const int64_t id = load->batch.sources[at].id;

		if (i > 0 && derived->works[i - 1]->source == at)
			continue;
		if (!tally_adds_up(tally, id, err) ||
			!add_tally(arrays, derived->dataset, id, tally, err))
			return err_wrap(err, "dataset %s",
				derived->dataset->name);
	}
	return true;
}

bool store_derived(struct load *load, struct err *err)
{
	static const char sql[] =
		"insert into meta.derived as d (source_id, records, inserted,"
		" updated, unchanged, rejected, dataset)"
		" select * from unnest($1::bigint[], $2::bigint[],"
		" $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],"
		" $7::text[]) as w (source_id, records, inserted, updated,"
		" unchanged, rejected, dataset)"
		" order by source_id, dataset"
		" on conflict (source_id, dataset) do update set"
		" records = d.records + excluded.records,"
		" inserted = d.inserted + excluded.inserted,"
		" updated = d.updated + excluded.updated,"
		" unchanged = d.unchanged + excluded.unchanged,"
		" rejected = d.rejected + excluded.rejected";
	struct buf arrays[D_COUNT] = { 0 };
	const char *values[D_COUNT];
	bool ok = true;

	for (size_t i = 0; ok && i < load->derived_count; i++)
		ok = add_tallies(arrays, load, &load->derived[i], err);
	for (size_t i = 0; i < D_COUNT; i++)
		values[i] = array_text(&arrays[i]);
	ok = ok && (arrays[D_SOURCE].len == 0 ||
		db_query(load->db, sql, D_COUNT, values, NULL, err));
	arrays_clear(arrays, D_COUNT);
	return ok || err_wrap(err, "update meta.derived");
}
