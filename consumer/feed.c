/* feed.c - what each dataset gets in a load: records that are mapped go to the
 * sink, those that are refused to the rejects. */
#include "consumer/items.h"
#include "consumer/step.h"

#include <stdlib.h>
#include <string.h>

static struct source *source_of(struct load *load, const struct work *work)
{
	return &load->batch.sources[work->source];
}

struct tally *feed_tally(struct load *load, const struct feed *feed,
	size_t source)
{
	return feed->derived != NULL ? &feed->derived->tallies[source] :
		&load->batch.sources[source].tally;
}

/* -- rejects ------------------------------------------------------------ */

bool feed_refuse(struct load *load, const struct feed *feed,
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
		.place = fault->outside ? &load->derive.parent : NULL,
	};

	return feed_refuse(load, feed, work, item, &reject, err);
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

	return feed_refuse(load, feed, work, item, &reject, err);
}

/* -- records ------------------------------------------------------------ */

/* Counted, and nothing is derived from it. */
static bool leave_out(struct load *load, const struct feed *feed,
	struct work *work, const struct item *item, struct err *err)
{
	const uint64_t number = item->record.number;

	feed_tally(load, feed, work->source)->filtered++;
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

	return feed_refuse(load, feed, work, item, &reject, err);
}

static bool feed_record(struct load *load, const struct feed *feed,
	struct work *work, const struct item *item, struct err *err)
{
	struct table *table = feed->table;
	const int64_t provenance[] = { source_of(load, work)->id,
		(int64_t)item->offset, load->totals.load_id,
		(int64_t)item->ordinal };
	struct row_fault fault;

	if (work_is_poisoned(work, item->record.number))
		return refuse_poison(load, feed, work, item, err);
	switch (item_map(table, item, &fault, err)) {
	case ROW_OK:
		if (feed->derived == NULL &&
			!date_filter_takes(load->session->filter,
				table->dataset, table->cells))
			return leave_out(load, feed, work, item, err);
		feed_tally(load, feed, work->source)->rows++;
		return load->sink->row(load, feed, provenance, err);
	case ROW_REJECT:
		return refuse_row(load, feed, work, item, &fault, err);
	case ROW_FAILED:
		break;
	}
	return false;
}

/* A message says how many records it has; how many are derived is counted. */
void feed_count(struct load *load, const struct feed *feed,
	const struct work *work)
{
	if (feed->derived != NULL)
		feed_tally(load, feed, work->source)->records++;
}

bool feed_work(struct load *load, const struct feed *feed,
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
		feed_count(load, feed, work);
		ok = step == WALK_RECORD ?
			feed_record(load, feed, work, &item, err) :
			refuse_json(load, feed, work, &item, &fault, err);
	}
	items_close(&items);
	return ok;
}

bool feed_count_items(struct load *load, const struct feed *feed,
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
		ok = load->sink->dataset(load, works[from]->dataset, &feed,
			err);
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
			ok = load->sink->dataset(load, derived->dataset,
				&feed, err);
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

