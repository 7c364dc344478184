/* rows.c - rows into PostgreSQL: copied into the delta, upserted into the
 * master, dataset by dataset. */
#include "consumer/arrays.h"
#include "consumer/copybin.h"
#include "consumer/items.h"
#include "consumer/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUT_BYTES ((size_t)256 << 10)

/* -- COPY --------------------------------------------------------------- */

static bool put_full(struct load *load, size_t limit, struct err *err)
{
	bool ok;

	if (load->copy.len <= limit)
		return true;
	watchdog_leave(load->session->watchdog);
	ok = db_copy_put(load->db, load->copy.data, load->copy.len, err);
	buf_reset(&load->copy);
	return ok;
}

static bool copy_row(struct load *load, const struct feed *feed,
	const int64_t provenance[4], struct err *err)
{
	const struct table *table = feed->table;

	return copybin_row(&load->copy, table->cells, table->width,
		       provenance, feed->derived != NULL ? 4 : 3, err) &&
		put_full(load, PUT_BYTES, err);
}

static int64_t rows_of(struct load *load, const struct feed *feed)
{
	int64_t rows = 0;

	for (size_t i = 0; i < load->batch.source_count; i++)
		rows += feed_tally(load, feed, i)->rows;
	return rows;
}

static bool copy_works(struct load *load, const struct feed *feed,
	struct range range, struct err *err)
{
	const int64_t before = rows_of(load, feed);
	int64_t counted = 0;
	bool ok;

	buf_reset(&load->copy);
	ok = db_copy_begin(load->db, feed->table->copy_sql.data, err) &&
		copybin_header(&load->copy, err);
	for (size_t i = 0; ok && i < feed->count; i++)
		ok = feed_work(load, feed, feed->works[i], range, err);
	ok = ok && copybin_trailer(&load->copy, err) &&
		put_full(load, 0, err) &&
		db_copy_end(load->db, &counted, err);
	if (!ok)
		return false;
	if (counted == rows_of(load, feed) - before)
		return true;
	return err_stop(err, EXIT_CONFIG, "%lld rows sent, %lld stored: "
		"has the table a trigger that is not ours?",
		(long long)(rows_of(load, feed) - before),
		(long long)counted);
}

/* -- upsert ------------------------------------------------------------- */

static bool take_upserted(struct load *load, const struct feed *feed,
	const struct db_result *result, struct err *err)
{
	for (size_t row = 0; row < db_rows(result); row++) {
		const struct source *source = batch_source(&load->batch,
			db_int(result, row, 0));
		struct tally *tally;

		if (source == NULL)
			return err_set(err, ERR_STOP,
				"the upsert counted a source that is not "
				"in the load");
		tally = feed_tally(load, feed,
			(size_t)(source - load->batch.sources));
		tally->inserted += db_int(result, row, 1);
		tally->updated += db_int(result, row, 2);
	}
	return true;
}

static bool upsert(struct load *load, const struct feed *feed, struct err *err)
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
	ok = ok && db_query(load->db, feed->table->upsert_sql.data, 3,
		(const char *const[]){
			int_text(load->totals.load_id, load_id),
			array_text(&ids), array_text(&ranks) },
		&result, err) &&
		take_upserted(load, feed, result, err);
	db_result_free(result);
	buf_clear(&ids);
	buf_clear(&ranks);
	return ok;
}

/* -- a dataset ---------------------------------------------------------- */

static bool load_works(struct load *load, const struct feed *feed,
	struct range range, struct err *err)
{
	const struct dataset *dataset = feed->table->dataset;
	const int64_t before = rows_of(load, feed);

	if (!copy_works(load, feed, range, err))
		return err_wrap(err, "copy into %s", feed->table->partition);
	if (rows_of(load, feed) == before)
		return true;
	if (!upsert(load, feed, err))
		return err_wrap(err, "upsert into %s.%s", dataset->schema,
			dataset->table);
	return true;
}

/* The record PostgreSQL refuses although we did not. */
static bool reject_refused(struct load *load, const struct feed *feed,
	uint64_t index, const struct err *why, struct err *err)
{
	const struct dataset *derived =
		feed->derived != NULL ? feed->derived->dataset : NULL;
	struct work *work = feed->works[0];
	struct item item = { .record.text = "" };
	struct reject reject = { .code = "database" };
	struct json_fault fault;
	struct items items;
	enum walk_step step = WALK_RECORD;
	char detail[256];
	bool ok = true;

	items_open(&items, load->session, work, derived, &load->derive);
	for (uint64_t i = 0; ok && i <= index && step != WALK_END; i++)
		ok = items_next(&items, &item, &step, &fault, err);
	items_close(&items);
	if (!ok)
		return false;
	(void)snprintf(detail, sizeof(detail), "%s: %.200s", why->code,
		why->text);
	reject.detail = detail;
	feed_count(load, feed, work);
	return feed_refuse(load, feed, work, &item, &reject, err);
}

static bool load_carefully(struct load *load, const struct feed *feed,
	struct range range, struct err *err);

/* Half by half until the record that is refused stands alone. */
static bool load_halves(struct load *load, const struct feed *feed,
	struct range range, const struct err *why, struct err *err)
{
	const uint64_t middle = range.first + (range.last - range.first) / 2;

	if (middle == range.first)
		return reject_refused(load, feed, range.first, why, err);
	return load_carefully(load, feed,
		       (struct range){ range.first, middle }, err) &&
		load_carefully(load, feed,
			(struct range){ middle, range.last }, err);
}

/* One message (careful loads have one only), records of range: what fails is
 * taken back, and so are its rejects and counts. */
static bool load_carefully(struct load *load, const struct feed *feed,
	struct range range, struct err *err)
{
	struct work *work = feed->works[0];
	struct tally *tally = feed_tally(load, feed, work->source);
	const struct tally counts = *tally;
	const size_t refused_len = work->refused.len;
	const size_t rejects_len = load->rejects.len;
	const int64_t reject_count = load->reject_count;
	const size_t again_count = load->again_count;
	struct err why = { 0 };

	if (range.first == range.last)
		return true;
	if (!db_exec(load->db, "savepoint records", err))
		return false;
	if (load_works(load, feed, range, &why))
		return db_exec(load->db, "release savepoint records", err);
	if (why.kind != ERR_REJECT) {
		*err = why;
		return false;
	}
	*tally = counts;
	work->refused.len = refused_len;
	load->rejects.len = rejects_len;
	load->reject_count = reject_count;
	load->again_count = again_count;
	return db_exec(load->db, "rollback to savepoint records", err) &&
		load_halves(load, feed, range, &why, err);
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

static bool load_dataset(struct load *load, const struct dataset *dataset,
	struct feed *feed, struct err *err)
{
	struct table *table = session_table(load->session, dataset, err);
	struct range range = { 0, UINT64_MAX };
	const int64_t before = rows_of(load, feed);
	bool ok = table != NULL;

	feed->table = table;
	load_enter(load, dataset);
	if (ok)
		(void)rowmap_take_unknown(table->map);
	if (ok && load->careful)
		ok = feed_count_items(load, feed, &range.last, err) &&
			load_carefully(load, feed, range, err);
	else
		ok = ok && load_works(load, feed, range, err);
	if (ok)
		load_enter(load, NULL);
	if (ok && rows_of(load, feed) > before)
		load->deltas[load->delta_count++] = (struct models_delta){
			.dataset = table->dataset,
			.partition = table->partition,
		};
	return ok && count_unknown(load, table, err);
}

static bool copy_reject(struct load *load, const struct cell *cells,
	struct err *err)
{
	if (load->reject_count++ == 0 && !copybin_header(&load->rejects, err))
		return false;
	return copybin_row(&load->rejects, cells, R_COUNT, NULL, 0, err);
}

const struct sink postgres_sink = {
	.row = copy_row,
	.reject = copy_reject,
	.dataset = load_dataset,
};
