/* rows.c - records become rows: mapped, copied into the delta, upserted into
 * the master, dataset by dataset. */
#include "consumer/arrays.h"
#include "consumer/copybin.h"
#include "consumer/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PUT_BYTES ((size_t)256 << 10)

/* The tests' consumer dies of some records, and is stuck at others. */
#ifdef SLUICE_TEST_POISON
#define POISON(text, len) test_poison((text), (len))
void test_poison(const char *text, size_t len);
#else
#define POISON(text, len) ((void)0)
#endif

/* Records first .. last - 1 of each message. */
struct range {
	uint64_t first, last;
};

/* What a dataset gets in this load. */
struct feed {
	struct table *table;
	struct derived *derived; /* NULL: the messages' own records */
	struct work *const *works;
	size_t count;
};

static struct source *source_of(struct load *load, const struct work *work)
{
	return &load->batch.sources[work->source];
}

static struct tally *tally_at(struct load *load, const struct feed *feed,
	size_t source)
{
	return feed->derived != NULL ? &feed->derived->tallies[source] :
		&load->batch.sources[source].tally;
}

/* -- records ------------------------------------------------------------ */

/* One on its way into a row. */
struct item {
	struct record record;
	uint64_t offset;  /* of the source's record it is, or stands in */
	uint64_t ordinal; /* of the values in that one, from 1; 0: itself */
};

struct items {
	struct watchdog *watchdog;
	const struct work *work;
	const struct dataset *derived; /* NULL: the message's own records */
	struct derive *derive;
	struct walk walk;
};

static int compare_numbers(const void *left, const void *right)
{
	const uint64_t a = *(const uint64_t *)left;
	const uint64_t b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/* What was refused is not loaded in part: its replay will give the rest. */
static bool is_refused(const struct work *work, uint64_t number)
{
	return work->refused.len > 0 && bsearch(&number, work->refused.data,
		work->refused.len / sizeof(number), sizeof(number),
		compare_numbers) != NULL;
}

static void items_open(struct items *items, const struct session *session,
	const struct work *work, const struct dataset *derived,
	struct derive *derive)
{
	*items = (struct items){ .watchdog = session->watchdog, .work = work,
		.derived = derived, .derive = derive };
	derive_close(derive);
	work_walk(work, &items->walk);
}

static bool next_derived(struct items *items, struct item *item,
	enum walk_step *step, struct json_fault *fault, struct err *err)
{
	bool found = false;
	struct record parent;

	*step = WALK_RECORD;
	while (derive_next(items->derive, &item->record, &found, err)) {
		item->offset = items->derive->parent.offset;
		item->ordinal = items->derive->ordinal;
		if (found)
			return true;
		do {
			*step = walk_next(&items->walk, &parent, fault);
			if (*step == WALK_RECORD)
				continue;
			*step = WALK_END; /* a fault is not ours */
			return true;
		} while (is_refused(items->work, parent.number));
		if (!derive_open(items->derive, items->derived, &parent, err))
			return false;
	}
	return false;
}

/* From one step to the next the thread is at bytes. */
static void items_close(struct items *items)
{
	watchdog_leave(items->watchdog);
}

/* False when out of memory. */
static bool items_next(struct items *items, struct item *item,
	enum walk_step *step, struct json_fault *fault, struct err *err)
{
	watchdog_enter(items->watchdog);
	if (items->derived != NULL)
		return next_derived(items, item, step, fault, err);
	*step = walk_next(&items->walk, &item->record, fault);
	item->offset = item->record.offset;
	item->ordinal = 0;
	return true;
}

/* -- rejects ------------------------------------------------------------ */

static bool refuse(struct load *load, const struct feed *feed,
	struct work *work, const struct item *item, struct reject *reject,
	struct err *err)
{
	const uint64_t number = item->record.number;

	reject->record = &item->record;
	reject->derived = feed->derived;
	reject->item = item->ordinal;
	return (feed->derived != NULL || load->derived_count == 0 ||
		       buf_add(&work->refused, &number, sizeof(number), err)) &&
		reject_record(load, work, reject, err);
}

static bool refuse_row(struct load *load, const struct feed *feed,
	struct work *work, const struct item *item,
	const struct row_fault *fault, struct err *err)
{
	struct reject reject = {
		.code = fault->code,
		.field = fault->column != NULL ? fault->column->name : NULL,
		.detail = fault->detail,
		.at = fault->at,
	};

	return refuse(load, feed, work, item, &reject, err);
}

static bool refuse_json(struct load *load, const struct feed *feed,
	struct work *work, const struct item *item,
	const struct json_fault *fault, struct err *err)
{
	struct reject reject = {
		.code = fault->code,
		.detail = fault->what,
		.at = fault->at,
	};

	return refuse(load, feed, work, item, &reject, err);
}

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

static enum row_status map_item(struct table *table, const struct item *item,
	struct row_fault *fault, struct err *err)
{
	POISON(item->record.text, item->record.len);
	return rowmap_record(table->map, item->record.text, item->record.len,
		table->cells, fault, err);
}

/* Counted, and nothing is derived from it. */
static bool leave_out(struct load *load, const struct feed *feed,
	struct work *work, const struct item *item, struct err *err)
{
	const uint64_t number = item->record.number;

	tally_at(load, feed, work->source)->filtered++;
	return load->derived_count == 0 ||
		buf_add(&work->refused, &number, sizeof(number), err);
}

static bool refuse_poison(struct load *load, const struct feed *feed,
	struct work *work, const struct item *item, struct err *err)
{
	struct reject reject = {
		.code = "poison",
		.detail = "the consumer died each time it tried this record",
	};

	return refuse(load, feed, work, item, &reject, err);
}

static bool copy_record(struct load *load, const struct feed *feed,
	struct work *work, const struct item *item, struct err *err)
{
	struct table *table = feed->table;
	const int64_t provenance[] = { source_of(load, work)->id,
		(int64_t)item->offset, load->totals.load_id,
		(int64_t)item->ordinal };
	struct row_fault fault;

	if (work_is_poisoned(work, item->record.number))
		return refuse_poison(load, feed, work, item, err);
	switch (map_item(table, item, &fault, err)) {
	case ROW_OK:
		if (feed->derived == NULL &&
			!date_filter_takes(load->session->filter,
				table->dataset, table->cells))
			return leave_out(load, feed, work, item, err);
		tally_at(load, feed, work->source)->rows++;
		return copybin_row(&load->copy, table->cells, table->width,
			       provenance, feed->derived != NULL ? 4 : 3,
			       err) &&
			put_full(load, PUT_BYTES, err);
	case ROW_REJECT:
		return refuse_row(load, feed, work, item, &fault, err);
	case ROW_FAILED:
		break;
	}
	return false;
}

/* A message says how many records it has; how many are derived is counted. */
static void count_item(struct load *load, const struct feed *feed,
	const struct work *work)
{
	if (feed->derived != NULL)
		tally_at(load, feed, work->source)->records++;
}

static bool copy_work(struct load *load, const struct feed *feed,
	struct work *work, struct range range, struct err *err)
{
	const struct dataset *derived =
		feed->derived != NULL ? feed->derived->dataset : NULL;
	struct json_fault fault;
	struct items items;
	struct item item;
	enum walk_step step;
	bool ok = true;

	items_open(&items, load->session, work, derived, &load->derive);
	for (uint64_t i = 0; ok && i < range.last; i++) {
		ok = items_next(&items, &item, &step, &fault, err);
		if (!ok || step == WALK_END)
			break;
		if (i < range.first)
			continue;
		count_item(load, feed, work);
		ok = step == WALK_RECORD ?
			copy_record(load, feed, work, &item, err) :
			refuse_json(load, feed, work, &item, &fault, err);
	}
	items_close(&items);
	return ok;
}

static int64_t rows_of(struct load *load, const struct feed *feed)
{
	int64_t rows = 0;

	for (size_t i = 0; i < load->batch.source_count; i++)
		rows += tally_at(load, feed, i)->rows;
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
		ok = copy_work(load, feed, feed->works[i], range, err);
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
		tally = tally_at(load, feed,
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
	count_item(load, feed, work);
	return refuse(load, feed, work, &item, &reject, err);
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
	struct tally *tally = tally_at(load, feed, work->source);
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

static bool count_items(struct load *load, const struct feed *feed,
	uint64_t *count, struct err *err)
{
	struct json_fault fault;
	struct items items;
	struct item item;
	enum walk_step step = WALK_RECORD;
	bool ok = true;

	*count = feed->works[0]->records;
	if (feed->derived == NULL)
		return true;
	items_open(&items, load->session, feed->works[0],
		feed->derived->dataset, &load->derive);
	for (*count = 0; ok && step != WALK_END; *count += step != WALK_END)
		ok = items_next(&items, &item, &step, &fault, err);
	items_close(&items);
	return ok;
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
		ok = count_items(load, feed, &range.last, err) &&
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

/* -- all of them -------------------------------------------------------- */

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

/* Those with sources of their own. */
static bool load_plain(struct load *load, struct work **works, struct err *err)
{
	size_t count = 0;
	bool ok = true;

	for (size_t i = 0; i < load->batch.count; i++) {
		struct work *work = load->batch.works[i];

		if (work->fresh && work_has_rows(work))
			works[count++] = work;
	}
	qsort(works, count, sizeof(*works), compare_datasets);
	for (size_t from = 0, to = 0; ok && from < count; from = to) {
		struct feed feed = { .works = works + from };

		while (to < count && works[to]->dataset == works[from]->dataset)
			to++;
		feed.count = to - from;
		ok = load_dataset(load, works[from]->dataset, &feed, err);
	}
	return ok;
}

/* Those made out of them: by now it is known which records were refused. */
static bool load_derived(struct load *load, struct err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < load->derived_count; i++) {
		struct derived *derived = &load->derived[i];
		struct feed feed = {
			.derived = derived,
			.works = derived->works,
			.count = derived->count,
		};

		if (derived->count > 0)
			ok = load_dataset(load, derived->dataset, &feed, err);
	}
	return ok;
}

bool load_datasets(struct load *load, struct err *err)
{
	struct work **works = calloc(load->batch.count + 1, sizeof(*works));
	bool ok = true;

	load->deltas = calloc(load->batch.count + load->derived_count + 1,
		sizeof(*load->deltas));
	if (works == NULL || load->deltas == NULL)
		ok = err_memory(err);
	ok = ok && load_plain(load, works, err) && load_derived(load, err);
	free(works);
	return ok;
}

/* -- rehearsal ---------------------------------------------------------- */

static bool rehearse_item(struct table *table, const struct item *item,
	struct buf *row, struct err *err)
{
	struct row_fault fault;

	buf_reset(row);
	switch (map_item(table, item, &fault, err)) {
	case ROW_OK:
		return copybin_row(row, table->cells, table->width, NULL, 0,
			err);
	case ROW_REJECT:
		return true;
	case ROW_FAILED:
		break;
	}
	return false;
}

static bool rehearse(struct session *session, const struct work *work,
	const struct dataset *derived, struct derive *derive, struct err *err)
{
	struct table *table = session_table(session,
		derived != NULL ? derived : work->dataset, err);
	enum walk_step step = WALK_RECORD;
	struct json_fault fault;
	struct buf row = { 0 };
	struct items items;
	struct item item;
	bool ok = table != NULL;

	items_open(&items, session, work, derived, derive);
	while (ok && items_next(&items, &item, &step, &fault, err) &&
		step == WALK_RECORD)
		ok = rehearse_item(table, &item, &row, err);
	items_close(&items);
	buf_clear(&row);
	return ok && step != WALK_RECORD;
}

bool load_rehearse(struct session *session, const struct work *work,
	struct err *err)
{
	const struct dataset *derived = NULL;
	struct derive derive = { 0 };
	bool ok = true;

	if (!work_has_rows(work))
		return true;
	do {
		ok = rehearse(session, work, derived, &derive, err);
		derived = derive_dataset(work->dataset, derived);
	} while (ok && derived != NULL);
	derive_clear(&derive);
	return ok;
}

/* A record, and what is derived from it. */
static bool try_record(struct session *session, const struct work *work,
	const struct item *item, struct derive *derive, struct buf *row,
	struct err *err)
{
	struct table *table = session_table(session, work->dataset, err);
	const struct dataset *dataset = NULL;
	struct item value = { 0 };
	bool found = true;
	bool ok = table != NULL && rehearse_item(table, item, row, err);

	while (ok && (dataset = derive_dataset(work->dataset, dataset)) !=
		NULL) {
		table = session_table(session, dataset, err);
		ok = table != NULL &&
			derive_open(derive, dataset, &item->record, err);
		for (found = ok; ok && found;) {
			ok = derive_next(derive, &value.record, &found, err);
			if (ok && found)
				ok = rehearse_item(table, &value, row, err);
		}
		derive_close(derive);
	}
	return ok;
}

bool load_try_records(struct session *session, struct work *work,
	bool (*note)(struct db *db, struct work *work, uint64_t number,
		struct err *err),
	struct err *err)
{
	enum walk_step step = WALK_RECORD;
	struct derive derive = { 0 }, values = { 0 };
	struct json_fault fault;
	struct buf row = { 0 };
	struct items items;
	struct item item;
	bool ok = true;

	items_open(&items, session, work, NULL, &derive);
	while (ok && items_next(&items, &item, &step, &fault, err) &&
		step == WALK_RECORD) {
		if (item.record.number <= work->passed)
			continue;
		watchdog_leave(session->watchdog); /* the note may wait */
		ok = note(session->db, work, item.record.number, err);
		watchdog_enter(session->watchdog);
		ok = ok && try_record(session, work, &item, &values, &row,
			err);
	}
	items_close(&items);
	buf_clear(&row);
	derive_clear(&derive);
	derive_clear(&values);
	return ok && step != WALK_RECORD && note(session->db, work, 0, err);
}
