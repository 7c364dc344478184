/* lite_upsert.c - the winners of a load against the master: the same order of
 * versions as the upsert of tables.c, the same counts. */
#include "consumer/lite.h"

#include <stdio.h>
#include <string.h>

struct contest {
	struct load *load;
	struct lite *lite;
	struct lite_table *table;
	const struct lite_row *row;
	const struct lite_value *values;
	const char *text;
};

static bool is_key(const struct dataset *dataset, size_t i)
{
	return i < dataset->column_count && dataset->columns[i].key;
}

/* -- which version wins ------------------------------------------- */

/* (claimed_at, drop_id) as one text; the two looked up last are kept. */
static bool find_claim(struct lite *lite, int64_t source, const char **claim,
	struct err *err)
{
	struct sqlite_stmt *stmt;
	bool row;

	for (size_t i = 0; i < 2; i++)
		if (lite->claims[i].source == source) {
			*claim = lite->claims[i].claim;
			return true;
		}
	stmt = sqlite_prepared(lite->db, "select claimed_at || ' ' || drop_id"
		" from meta_source where source_id = ?", err);
	if (stmt == NULL || !sqlite_bind_int(stmt, 1, source, err) ||
		!sqlite_step_row(stmt, &row, err))
		return false;
	if (!row)
		return err_stop(err, EXIT_IO, "source %lld is not in"
			" meta_source", (long long)source);
	lite->claims[1] = lite->claims[0];
	lite->claims[0].source = source;
	(void)snprintf(lite->claims[0].claim, sizeof(lite->claims[0].claim),
		"%s", sqlite_text(stmt, 0));
	sqlite_again(stmt);
	*claim = lite->claims[0].claim;
	return true;
}

static bool first_wins(const struct contest *w)
{
	return w->table->dataset->wins == WINS_FIRST;
}

/* Of one source the later place, or the earlier; of several values in one
 * record the first. */
static bool better_place(const struct contest *w, int at)
{
	const int64_t offset = sqlite_int(w->table->look, at + 1);

	if (w->row->offset == offset && w->table->derived)
		return w->row->item < sqlite_int(w->table->look, at + 3);
	return first_wins(w) ? w->row->offset < offset :
			       w->row->offset > offset;
}

static bool compare_claims(const struct contest *w, bool *beats,
	struct err *err)
{
	const int at = (int)w->table->width;
	const int64_t source = sqlite_int(w->table->look, at);
	const char *mine, *other;
	char copy[sizeof(w->lite->claims[0].claim)];
	int order;

	*beats = better_place(w, at);
	if (source == w->row->source)
		return true;
	if (!find_claim(w->lite, w->row->source, &mine, err))
		return false;
	(void)snprintf(copy, sizeof(copy), "%s", mine);
	if (!find_claim(w->lite, source, &other, err))
		return false;
	order = strcmp(copy, other);
	*beats = first_wins(w) ? order < 0 : order > 0;
	return true;
}

/* A row that does not say loses against those that do, either way. */
static bool beats(const struct contest *w, bool *beats, struct err *err)
{
	const struct dataset *dataset = w->table->dataset;
	const size_t newest = dataset->newest;
	bool said;
	int order;

	if (newest == COLUMN_NONE || is_key(dataset, newest))
		return compare_claims(w, beats, err);
	order = lite_compare_column(dataset->columns[newest].type,
		w->table->look, (int)newest, &w->values[newest], w->text);
	said = w->values[newest].kind != SQLITE_KIND_NULL &&
		sqlite_kind(w->table->look, (int)newest) != SQLITE_KIND_NULL;
	*beats = first_wins(w) && said ? order > 0 : order < 0;
	return order != 0 || compare_claims(w, beats, err);
}

static bool differs(const struct contest *w, bool *differs, struct err *err)
{
	const struct dataset *dataset = w->table->dataset;
	bool same = true;

	for (size_t i = 0; same && i < w->table->width; i++)
		if (!is_key(dataset, i) &&
			!lite_same(w->lite, lite_type(dataset, i),
				w->table->look, (int)i, &w->values[i],
				w->text, &same, err))
			return false;
	*differs = !same;
	return true;
}

/* -- writing ------------------------------------------------------------ */

static bool bind_values(const struct contest *w, struct sqlite_stmt *stmt,
	bool keys, bool values, int *at, struct err *err)
{
	const struct dataset *dataset = w->table->dataset;
	bool ok = true;

	for (size_t i = 0; ok && i < w->table->width; i++)
		if (is_key(dataset, i) ? keys : values)
			ok = lite_bind(stmt, ++*at, &w->values[i], w->text,
				err);
	return ok;
}

/* In the key's order, as the statements name them. */
static bool bind_key(const struct contest *w, struct sqlite_stmt *stmt, int *at,
	struct err *err)
{
	const struct dataset *dataset = w->table->dataset;
	bool ok = true;

	for (size_t i = 0; ok && i < dataset->key_count; i++)
		ok = lite_bind(stmt, ++*at, &w->values[dataset->keys[i]],
			w->text, err);
	return ok;
}

/* load_id 0: not bound. */
static bool bind_place(const struct contest *w, struct sqlite_stmt *stmt,
	int64_t load_id, int *at, struct err *err)
{
	return sqlite_bind_int(stmt, ++*at, w->row->source, err) &&
		sqlite_bind_int(stmt, ++*at, w->row->offset, err) &&
		(load_id == 0 ||
			sqlite_bind_int(stmt, ++*at, load_id, err)) &&
		(!w->table->derived ||
			sqlite_bind_int(stmt, ++*at, w->row->item, err));
}

static bool insert(const struct contest *w, bool *inserted, struct err *err)
{
	struct sqlite_stmt *stmt = w->table->insert;
	int at = 0;
	bool row;

	if (!bind_values(w, stmt, true, true, &at, err) ||
		!bind_place(w, stmt, w->load->totals.load_id, &at, err) ||
		!sqlite_step_row(stmt, &row, err))
		return false;
	*inserted = sqlite_changes(w->lite->db) > 0;
	return true;
}

/* What says the same keeps its load: it did not change then. */
static bool replace(const struct contest *w, bool differs, int64_t old_load,
	struct err *err)
{
	const bool move = !differs && w->table->exact;
	struct sqlite_stmt *stmt = move ? w->table->move : w->table->replace;
	const int64_t load_id = differs ? w->load->totals.load_id : old_load;
	int at = 0;
	bool row;

	return bind_values(w, stmt, false, !move, &at, err) &&
		bind_place(w, stmt, move ? 0 : load_id, &at, err) &&
		bind_key(w, stmt, &at, err) &&
		sqlite_step_row(stmt, &row, err);
}

static bool look(const struct contest *w, struct err *err)
{
	struct sqlite_stmt *stmt = w->table->look;
	int at = 0;
	bool row;

	sqlite_again(stmt);
	if (!bind_key(w, stmt, &at, err) || !sqlite_step_row(stmt, &row, err))
		return false;
	return row || err_stop(err, EXIT_IO, "%s: a row of %s.%s is there and "
		"is not: `pragma integrity_check` tells more",
		sqlite_file(w->lite->db), w->table->dataset->schema,
		w->table->dataset->table);
}

static bool update(const struct contest *w, bool *updated, struct err *err)
{
	bool won = false;
	int64_t load_id;
	bool ok;

	*updated = false;
	ok = look(w, err) && beats(w, &won, err) &&
		(!won || differs(w, updated, err));
	load_id = ok ? sqlite_int(w->table->look, (int)w->table->width + 2) :
		       0;
	sqlite_again(w->table->look);
	return ok && (!won || replace(w, *updated, load_id, err));
}

static bool put(const struct contest *w, struct tally *tally, struct err *err)
{
	bool inserted, updated = false;

	if (!insert(w, &inserted, err) ||
		(!inserted && !update(w, &updated, err)))
		return false;
	tally->inserted += inserted;
	tally->updated += updated;
	w->table->changed += inserted || updated;
	return true;
}

bool lite_upsert(struct load *load, struct lite_table *table,
	const struct feed *feed, struct err *err)
{
	struct contest w = {
		.load = load,
		.lite = load->target,
		.table = table,
		.text = table->text.data != NULL ? table->text.data : "",
	};
	bool ok = true;

	for (size_t i = 0; ok && i < table->count; i++) {
		w.row = &table->rows[i];
		w.values = table->values + w.row->index * table->width;
		ok = put(&w, feed_tally(load, feed, w.row->at), err);
	}
	return ok;
}
