/* rows.c - records become rows: mapped, copied into the delta, upserted into
 * the master, dataset by dataset. */
#include "consumer/arrays.h"
#include "consumer/copybin.h"
#include "consumer/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUT_BYTES ((size_t)256 << 10)

/* Records first .. last - 1 of each message. */
struct range {
	uint64_t first, last;
};

static struct source *source_of(struct load *load, const struct work *work)
{
	return &load->batch.sources[work->source];
}

/* -- COPY --------------------------------------------------------------- */

static bool put_full(struct load *load, size_t limit, struct err *err)
{
	bool ok;

	if (load->copy.len <= limit)
		return true;
	ok = db_copy_put(load->db, load->copy.data, load->copy.len, err);
	buf_reset(&load->copy);
	return ok;
}

static bool reject_fault(struct load *load, const struct work *work,
	const struct record *record, const struct row_fault *fault,
	struct err *err)
{
	const struct reject reject = {
		.record = record,
		.code = fault->code,
		.field = fault->column != NULL ? fault->column->name : NULL,
		.detail = fault->detail,
		.at = fault->at,
	};

	return reject_record(load, work, &reject, err);
}

static bool copy_record(struct load *load, struct table *table,
	const struct work *work, const struct record *record, struct err *err)
{
	struct source *source = source_of(load, work);
	const int64_t provenance[] = { source->id, (int64_t)record->offset,
		load->totals.load_id };
	struct row_fault fault;

	switch (rowmap_record(table->map, record->text, record->len,
		table->cells, &fault, err)) {
	case ROW_OK:
		source->rows++;
		return copybin_row(&load->copy, table->cells, table->width,
			       provenance, 3, err) &&
			put_full(load, PUT_BYTES, err);
	case ROW_REJECT:
		return reject_fault(load, work, record, &fault, err);
	case ROW_FAILED:
		break;
	}
	return false;
}

static bool copy_work(struct load *load, struct table *table,
	const struct work *work, struct range range, struct err *err)
{
	struct json_fault fault;
	struct record record;
	enum walk_step step;
	struct walk walk;
	bool ok = true;

	work_walk(work, &walk);
	for (uint64_t i = 0; ok && i < range.last; i++) {
		step = walk_next(&walk, &record, &fault);
		if (step == WALK_END)
			break;
		if (i < range.first)
			continue;
		if (step == WALK_RECORD)
			ok = copy_record(load, table, work, &record, err);
		else
			ok = reject_record(load, work,
				&(struct reject){ .record = &record,
					.code = fault.code,
					.detail = fault.what,
					.at = fault.at },
				err);
	}
	return ok;
}

static int64_t rows_of(const struct batch *batch)
{
	int64_t rows = 0;

	for (size_t i = 0; i < batch->source_count; i++)
		rows += batch->sources[i].rows;
	return rows;
}

static bool copy_works(struct load *load, struct table *table,
	struct work *const *works, size_t count, struct range range,
	struct err *err)
{
	const int64_t before = rows_of(&load->batch);
	int64_t counted = 0;
	bool ok;

	buf_reset(&load->copy);
	ok = db_copy_begin(load->db, table->copy_sql.data, err) &&
		copybin_header(&load->copy, err);
	for (size_t i = 0; ok && i < count; i++)
		ok = copy_work(load, table, works[i], range, err);
	ok = ok && copybin_trailer(&load->copy, err) &&
		put_full(load, 0, err) &&
		db_copy_end(load->db, &counted, err);
	if (!ok)
		return false;
	if (counted == rows_of(&load->batch) - before)
		return true;
	return err_set(err, ERR_STOP, "%lld rows sent, %lld stored",
		(long long)(rows_of(&load->batch) - before),
		(long long)counted);
}

/* -- upsert ------------------------------------------------------------- */

static bool take_upserted(struct load *load, const struct db_result *result,
	struct err *err)
{
	for (size_t row = 0; row < db_rows(result); row++) {
		struct source *source = batch_source(&load->batch,
			db_int(result, row, 0));

		if (source == NULL)
			return err_set(err, ERR_STOP,
				"the upsert counted a source that is not "
				"in the load");
		source->inserted += db_int(result, row, 1);
		source->updated += db_int(result, row, 2);
	}
	return true;
}

static bool upsert(struct load *load, struct table *table, struct err *err)
{
	struct db_result *result = NULL;
	struct buf ids = { 0 };
	struct buf ranks = { 0 };
	char load_id[INT_TEXT];
	bool ok = true;

	for (size_t i = 0; ok && i < load->batch.source_count; i++) {
		const struct source *source = &load->batch.sources[i];

		ok = array_add_int(&ids, source->id, err) &&
			array_add_int(&ranks, source->rank, err);
	}
	ok = ok && db_query(load->db, table->upsert_sql.data, 3,
		(const char *const[]){
			int_text(load->totals.load_id, load_id),
			array_text(&ids), array_text(&ranks) },
		&result, err) &&
		take_upserted(load, result, err);
	db_result_free(result);
	buf_clear(&ids);
	buf_clear(&ranks);
	return ok;
}

/* -- a dataset ---------------------------------------------------------- */

static bool load_works(struct load *load, struct table *table,
	struct work *const *works, size_t count, struct range range,
	struct err *err)
{
	const int64_t before = rows_of(&load->batch);

	if (!copy_works(load, table, works, count, range, err))
		return err_wrap(err, "copy into %s", table->partition);
	if (rows_of(&load->batch) == before)
		return true;
	if (!upsert(load, table, err))
		return err_wrap(err, "upsert into %s.%s",
			table->dataset->schema, table->dataset->table);
	return true;
}

/* The record PostgreSQL refuses although we did not. */
static bool reject_refused(struct load *load, const struct work *work,
	uint64_t index, const struct err *why, struct err *err)
{
	struct json_fault fault;
	struct record record = { 0 };
	char detail[256];
	struct walk walk;

	work_walk(work, &walk);
	for (uint64_t i = 0; i <= index; i++)
		if (walk_next(&walk, &record, &fault) == WALK_END)
			break;
	(void)snprintf(detail, sizeof(detail), "%s: %.200s", why->code,
		why->text);
	return reject_record(load, work,
		&(struct reject){ .record = &record, .code = "database",
			.detail = detail },
		err);
}

static bool load_carefully(struct load *load, struct table *table,
	struct work *const *work, struct range range, struct err *err);

/* Half by half until the record that is refused stands alone. */
static bool load_halves(struct load *load, struct table *table,
	struct work *const *work, struct range range, const struct err *why,
	struct err *err)
{
	const uint64_t middle = range.first + (range.last - range.first) / 2;

	if (middle == range.first)
		return reject_refused(load, *work, range.first, why, err);
	return load_carefully(load, table, work,
		       (struct range){ range.first, middle }, err) &&
		load_carefully(load, table, work,
			(struct range){ middle, range.last }, err);
}

/* One message (careful loads have one only), records of range: what fails is
 * taken back, and so are its rejects and counts. */
static bool load_carefully(struct load *load, struct table *table,
	struct work *const *work, struct range range, struct err *err)
{
	struct source *source = source_of(load, *work);
	const struct source counts = *source;
	const size_t rejects_len = load->rejects.len;
	const int64_t reject_count = load->reject_count;
	struct err why = { 0 };

	if (range.first == range.last)
		return true;
	if (!db_exec(load->db, "savepoint records", err))
		return false;
	if (load_works(load, table, work, 1, range, &why))
		return db_exec(load->db, "release savepoint records", err);
	if (why.kind != ERR_REJECT) {
		*err = why;
		return false;
	}
	*source = counts;
	load->rejects.len = rejects_len;
	load->reject_count = reject_count;
	return db_exec(load->db, "rollback to savepoint records", err) &&
		load_halves(load, table, work, range, &why, err);
}

static bool count_unknown(struct load *load, struct table *table,
	struct err *err)
{
	const uint64_t unknown = rowmap_take_unknown(table->map);
	const struct dataset *dataset = table->dataset;
	char count[INT_TEXT];

	if (unknown == 0)
		return true;
	return db_query(load->db,
		"update meta.dataset set unknown_keys = unknown_keys + $1"
		" where dataset = $2 || '.' || $3",
		3, (const char *const[]){ int_text((int64_t)unknown, count),
			dataset->pipeline->name, dataset->name },
		NULL, err);
}

static bool load_dataset(struct load *load, struct work *const *works,
	size_t count, struct err *err)
{
	const struct range all = { 0, UINT64_MAX };
	const int64_t before = rows_of(&load->batch);
	struct table *table =
		session_table(load->session, works[0]->dataset, err);
	bool ok = table != NULL;

	if (ok)
		(void)rowmap_take_unknown(table->map);
	if (ok && load->careful)
		ok = load_carefully(load, table, works,
			(struct range){ 0, works[0]->records }, err);
	else
		ok = ok && load_works(load, table, works, count, all, err);
	if (ok && rows_of(&load->batch) > before)
		load->deltas[load->delta_count++] = (struct models_delta){
			.dataset = table->dataset,
			.partition = table->partition,
		};
	return ok && count_unknown(load, table, err);
}

/* -- all of them -------------------------------------------------------- */

static bool has_rows(const struct work *work)
{
	return work->fresh && work->code == NULL &&
		(work->kind == WORK_CHUNK || work->kind == WORK_FOREIGN);
}

static int compare_datasets(const void *left, const void *right)
{
	const struct work *a = *(struct work *const *)left;
	const struct work *b = *(struct work *const *)right;
	int order = strcmp(a->dataset->pipeline->name,
		b->dataset->pipeline->name);

	if (order == 0)
		order = strcmp(a->dataset->name, b->dataset->name);
	if (order == 0) /* qsort is not stable; keep sources in order */
		order = (a->source > b->source) - (a->source < b->source);
	if (order == 0)
		order = (a->lo > b->lo) - (a->lo < b->lo);
	return order;
}

bool load_datasets(struct load *load, struct err *err)
{
	struct work **works = calloc(load->batch.count + 1, sizeof(*works));
	size_t count = 0;
	bool ok = true;

	load->deltas = calloc(load->batch.count + 1, sizeof(*load->deltas));
	if (works == NULL || load->deltas == NULL) {
		free(works);
		return err_memory(err);
	}
	for (size_t i = 0; i < load->batch.count; i++)
		if (has_rows(load->batch.works[i]))
			works[count++] = load->batch.works[i];
	qsort(works, count, sizeof(*works), compare_datasets);
	for (size_t from = 0, to = 0; ok && from < count; from = to) {
		while (to < count && works[to]->dataset == works[from]->dataset)
			to++;
		ok = load_dataset(load, works + from, to - from, err);
	}
	free(works);
	return ok;
}

/* -- rehearsal ---------------------------------------------------------- */

bool load_rehearse(struct session *session, const struct work *work,
	struct err *err)
{
	struct table *table;
	struct json_fault fault;
	struct row_fault row_fault;
	struct record record;
	struct buf row = { 0 };
	struct walk walk;
	bool ok = true;

	if (work->code != NULL ||
		(work->kind != WORK_CHUNK && work->kind != WORK_FOREIGN))
		return true;
	table = session_table(session, work->dataset, err);
	if (table == NULL)
		return false;
	work_walk(work, &walk);
	while (ok && walk_next(&walk, &record, &fault) == WALK_RECORD) {
		buf_reset(&row);
		switch (rowmap_record(table->map, record.text, record.len,
			table->cells, &row_fault, err)) {
		case ROW_OK:
			ok = copybin_row(&row, table->cells, table->width,
				NULL, 0, err);
			break;
		case ROW_REJECT:
			break;
		case ROW_FAILED:
			ok = false;
			break;
		}
	}
	buf_clear(&row);
	return ok;
}
