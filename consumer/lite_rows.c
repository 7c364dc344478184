/* lite_rows.c - rows into an SQLite file: gathered, copied into the delta,
 * sorted by key, upserted into the master, dataset by dataset. */
#include "consumer/lite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- gathering ---------------------------------------------------------- */

/* Room for one row more. */
static bool grow(struct lite_table *table, struct err *err)
{
	const size_t cap = table->cap * 2 + 1024;
	struct lite_row *rows;
	struct lite_value *values;

	if (table->count < table->cap)
		return true;
	rows = realloc(table->rows, cap * sizeof(*rows));
	if (rows != NULL)
		table->rows = rows;
	values = realloc(table->values, cap * table->width * sizeof(*values));
	if (values != NULL)
		table->values = values;
	if (rows == NULL || values == NULL)
		return err_memory(err);
	table->cap = cap;
	return true;
}

/* The first bytes of the key, in the order of keys: most rows are sorted by
 * these alone. */
static uint64_t prefix_of(const struct lite_table *table,
	const struct lite_value *values)
{
	const struct lite_value *value =
		&values[table->dataset->keys[0]];
	uint64_t prefix = 0;

	if (value->kind == SQLITE_KIND_INT)
		return (uint64_t)value->v.i ^ (UINT64_C(1) << 63);
	if (value->kind != SQLITE_KIND_TEXT ||
		lite_type(table->dataset, table->dataset->keys[0]) ==
			COLUMN_NUMERIC)
		return 0;
	for (size_t i = 0; i < sizeof(prefix); i++)
		prefix = prefix << 8 | (i < value->len ?
			(uint8_t)table->text.data[value->v.at + i] : 0);
	return prefix;
}

static bool bind_numbers(struct sqlite_stmt *stmt, int at,
	const int64_t *numbers, int count, struct err *err)
{
	bool ok = true;

	for (int i = 0; ok && i < count; i++)
		ok = sqlite_bind_int(stmt, at + i, numbers[i], err);
	return ok;
}

static const char *text_of(const struct lite_table *table)
{
	return table->text.data != NULL ? table->text.data : "";
}

static bool copy_row(struct lite *lite, struct lite_table *table,
	const struct lite_value *values, const int64_t provenance[4],
	struct err *err)
{
	const int width = (int)table->width;
	const int numbers = table->derived ? 4 : 3;
	bool row, ok = true;

	for (int i = 0; ok && i < width; i++)
		ok = lite_bind(table->copy, i + 1, &values[i], text_of(table),
			err);
	return ok &&
		bind_numbers(table->copy, width + 1, provenance, numbers,
			err) &&
		sqlite_bind_view(table->copy, width + numbers + 1, lite->day,
			strlen(lite->day), err) &&
		sqlite_step_row(table->copy, &row, err);
}

static bool take_values(struct lite *lite, struct lite_table *table,
	const struct cell *cells, struct lite_value *values, struct err *err)
{
	const struct dataset *dataset = table->dataset;
	bool ok = true;

	for (size_t i = 0; ok && i < table->width; i++)
		ok = lite_value(&lite->jsonb, &cells[i],
			i < dataset->column_count && dataset->columns[i].key,
			&table->text, &values[i], err);
	return ok;
}

static bool add_row(struct load *load, const struct feed *feed,
	const int64_t provenance[4], struct err *err)
{
	struct lite *lite = load->target;
	struct lite_table *table = lite_table(lite, feed->table->dataset, err);
	struct lite_value *values;
	struct source *source;

	if (table == NULL || !grow(table, err))
		return false;
	values = table->values + table->count * table->width;
	source = batch_source(&load->batch, provenance[0]);
	if (!take_values(lite, table, feed->table->cells, values, err) ||
		!copy_row(lite, table, values, provenance, err))
		return false;
	table->rows[table->count] = (struct lite_row){
		.prefix = prefix_of(table, values),
		.source = provenance[0],
		.rank = source->rank,
		.offset = provenance[1],
		.item = provenance[3],
		.index = (uint32_t)table->count,
		.at = (uint32_t)(source - load->batch.sources),
	};
	table->count++;
	return true;
}

/* -- sorting ------------------------------------------------------------ */

static int compare_value(const struct lite_table *table, size_t column,
	const struct lite_row *a, const struct lite_row *b)
{
	const struct lite_value *values = table->values + column;

	return lite_compare(lite_type(table->dataset, column),
		&values[a->index * table->width], text_of(table),
		&values[b->index * table->width], text_of(table));
}

static int compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* A row that does not say stands behind those that do. */
static int compare_newest(const struct lite_table *table,
	const struct lite_row *a, const struct lite_row *b, bool first)
{
	const size_t newest = table->dataset->newest;
	const struct lite_value *values = table->values + newest;
	bool said;

	if (newest == COLUMN_NONE)
		return 0;
	said = values[a->index * table->width].kind != SQLITE_KIND_NULL &&
		values[b->index * table->width].kind != SQLITE_KIND_NULL;
	return first && said ? compare_value(table, newest, a, b) :
			       compare_value(table, newest, b, a);
}

/* The winner first, by the order of the upsert (tables.h). */
static int compare_versions(const struct lite_table *table,
	const struct lite_row *a, const struct lite_row *b)
{
	const bool first = table->dataset->wins == WINS_FIRST;
	const int sign = first ? -1 : 1;
	int order = compare_newest(table, a, b, first);

	if (order == 0)
		order = sign * compare_numbers(b->rank, a->rank);
	if (order == 0)
		order = sign * compare_numbers(b->offset, a->offset);
	if (order == 0)
		order = compare_numbers(a->item, b->item);
	return order;
}

static int compare_keys(const struct lite_table *table,
	const struct lite_row *a, const struct lite_row *b)
{
	int order = (a->prefix > b->prefix) - (a->prefix < b->prefix);

	for (size_t i = 0; order == 0 && i < table->dataset->key_count; i++)
		order = compare_value(table, table->dataset->keys[i], a, b);
	return order;
}

static int compare_rows(const void *left, const void *right, void *context)
{
	const int order = compare_keys(context, left, right);

	return order != 0 ? order : compare_versions(context, left, right);
}

/* One row of each key is left: the greatest version. */
static void keep_winners(struct lite_table *table)
{
	size_t kept = 0;

	if (table->count == 0)
		return;
	qsort_r(table->rows, table->count, sizeof(*table->rows), compare_rows,
		table);
	for (size_t i = 1; i < table->count; i++)
		if (compare_keys(table, &table->rows[kept],
			    &table->rows[i]) != 0)
			table->rows[++kept] = table->rows[i];
	table->count = kept + 1;
}

/* -- a dataset ---------------------------------------------------------- */

static bool count_unknown(struct load *load, struct table *table,
	struct err *err)
{
	const uint64_t unknown = rowmap_take_unknown(table->map);
	const struct dataset *dataset = table->dataset;
	char count[24];

	(void)snprintf(count, sizeof(count), "%llu",
		(unsigned long long)unknown);
	return unknown == 0 || lite_run(load->target, "update meta_dataset set"
		" unknown_keys = unknown_keys + cast(? as integer)"
		" where dataset = ? || '.' || ?", 3, (const char *const[]){
			count, dataset->pipeline->name, dataset->name }, err);
}

static bool begin_table(struct lite *lite, struct lite_table *table,
	struct err *err)
{
	struct buf sql = { 0 };
	bool ok;

	table->count = 0;
	table->changed = 0;
	buf_reset(&table->text);
	ok = buf_add_str(&sql, "select coalesce(max(_rowid_), 0) from ", err) &&
		lite_add_table(table->dataset, "_delta", &sql, err) &&
		lite_number(lite, sql.data, &table->before, err);
	buf_clear(&sql);
	return ok;
}

static bool load_dataset(struct load *load, const struct dataset *dataset,
	struct feed *feed, struct err *err)
{
	struct lite *lite = load->target;
	struct lite_table *table = lite_table(lite, dataset, err);
	const struct range all = { 0, UINT64_MAX };
	bool ok = true;

	feed->table = session_table(load->session, dataset, err);
	if (table == NULL || feed->table == NULL ||
		!begin_table(lite, table, err))
		return false;
	(void)rowmap_take_unknown(feed->table->map);
	for (size_t i = 0; ok && i < feed->count; i++)
		ok = feed_work(load, feed, feed->works[i], all, err);
	if (ok && table->count > 0)
		load->deltas[load->delta_count++] =
			(struct models_delta){ .dataset = dataset };
	keep_winners(table);
	return (ok && lite_upsert(load, table, feed, err) &&
		       count_unknown(load, feed->table, err)) ||
		err_wrap(err, "dataset %s.%s", dataset->pipeline->name,
			dataset->name);
}

const struct sink lite_sink = {
	.row = add_row,
	.reject = lite_reject,
	.dataset = load_dataset,
};
