/* adapt.c - tables of the datasets: made when missing, widened when a column
 * is new, compared with the pipeline file otherwise. */
#include "cli/migrate.h"
#include "consumer/tables.h"

#include <stdio.h>
#include <string.h>

/* The columns PostgreSQL has: name, type, its place in the key (0: none). */
static const char columns_sql[] =
	"select a.attname, a.atttypid::regtype::text,\n"
	"	coalesce(array_position(i.indkey::smallint[], a.attnum), -1) + 1\n"
	"from pg_attribute a\n"
	"left join pg_index i on i.indrelid = a.attrelid and i.indisprimary\n"
	"where a.attrelid = to_regclass($1) and a.attnum > 0\n"
	"	and not a.attisdropped\n"
	"order by a.attnum";

static const struct column *find_column(const struct dataset *dataset,
	const char *name)
{
	for (size_t i = 0; i < dataset->column_count; i++)
		if (strcmp(dataset->columns[i].name, name) == 0)
			return &dataset->columns[i];
	return NULL;
}

static size_t find_row(const struct db_result *found, const char *name)
{
	size_t row = 0;

	while (row < db_rows(found) && strcmp(db_value(found, row, 0), name) != 0)
		row++;
	return row;
}

/* column_type_sql's spelling as regtype prints it. */
static bool same_type(struct db *db, const char *ours, const char *theirs,
	bool *same, struct err *err)
{
	const char *values[] = { ours, theirs };
	struct db_result *result = NULL;

	if (!db_query(db, "select $1::regtype = $2::regtype", 2, values,
		    &result, err))
		return false;
	*same = strcmp(db_value(result, 0, 0), "t") == 0;
	db_result_free(result);
	return true;
}

static bool misfit(struct err *err, const struct dataset *dataset,
	const char *table, const char *column, const char *what)
{
	return err_stop(err, EXIT_CONFIG,
		"column %s of %s %s: mend the table by hand, or the columns "
		"of dataset %s in %s, or name a new table there",
		column, table, what, dataset->name, dataset->pipeline->file);
}

static bool is_provenance(const char *name)
{
	return name[0] == '_';
}

/* Columns the file does not know stop the load's COPY only when they must
 * have a value; but who made them wants to know. */
static bool check_strangers(const struct dataset *dataset, const char *table,
	const struct db_result *found, struct err *err)
{
	for (size_t row = 0; row < db_rows(found); row++) {
		const char *name = db_value(found, row, 0);
		const bool extra = strcmp(name, "extra") == 0 &&
			dataset->unknown == UNKNOWN_KEEP;

		if (!is_provenance(name) && !extra &&
			find_column(dataset, name) == NULL)
			return misfit(err, dataset, table, name,
				"is not in the pipeline file");
	}
	return true;
}

/* A table made for records lacks what a derived dataset's rows need, and the
 * other way round. */
static bool check_item(const struct dataset *dataset, const char *table,
	const struct db_result *found, struct err *err)
{
	const bool there = find_row(found, "_item") < db_rows(found);

	if (there == (dataset->from != NULL))
		return true;
	return misfit(err, dataset, table, "_item", there ?
		"is there although the dataset has no `from`" :
		"is missing although the dataset has `from`");
}

static bool add_column(struct migration *migration,
	const struct dataset *dataset, const struct column *column,
	const char *table, struct err *err)
{
	struct buf sql = { 0 };
	bool ok;

	if (column->required)
		return misfit(err, dataset, table, column->name,
			"is missing and required: rows that are there have "
			"no value for it");
	ok = tables_add_column_sql(dataset, column, &sql, err) &&
		migration_run(migration, sql.data, err);
	migration_say(migration, "dataset %s.%s: column %s added",
		dataset->pipeline->name, dataset->name, column->name);
	buf_clear(&sql);
	return ok;
}

/* Where the column stands in the key, from 1; 0: it does not. */
static int64_t key_place(const struct dataset *dataset,
	const struct column *column)
{
	for (size_t i = 0; i < dataset->key_count; i++)
		if (&dataset->columns[dataset->keys[i]] == column)
			return (int64_t)i + 1;
	return 0;
}

static bool check_column(struct migration *migration,
	const struct dataset *dataset, const struct column *column,
	const char *table, bool master, const struct db_result *found,
	struct err *err)
{
	const size_t row = find_row(found, column->name);
	char what[160];
	bool same;

	if (row == db_rows(found))
		return add_column(migration, dataset, column, table, err);
	if (!same_type(migration->db, column_type_sql(column->type),
		    db_value(found, row, 1), &same, err))
		return false;
	(void)snprintf(what, sizeof(what), "is %s and not %s",
		db_value(found, row, 1), column_type_sql(column->type));
	if (!same)
		return misfit(err, dataset, table, column->name, what);
	if (master && db_int(found, row, 2) != key_place(dataset, column))
		return misfit(err, dataset, table, column->name,
			"has another place in the primary key than in the "
			"pipeline file");
	return true;
}

static bool compare(struct migration *migration, const struct dataset *dataset,
	const char *table, bool master, struct err *err)
{
	struct db_result *found = NULL;
	bool ok = db_query(migration->db, columns_sql, 1, &table, &found, err);

	if (ok && db_rows(found) == 0)
		ok = err_stop(err, EXIT_CONFIG,
			"table %s is missing although its dataset has been "
			"applied: bring it back, or name a new table for "
			"dataset %s in %s",
			table, dataset->name, dataset->pipeline->file);
	ok = ok && check_strangers(dataset, table, found, err) &&
		check_item(dataset, table, found, err);
	for (size_t i = 0; ok && i < dataset->column_count; i++)
		ok = check_column(migration, dataset, &dataset->columns[i],
			table, master, found, err);
	db_result_free(found);
	return ok;
}

static bool create(struct migration *migration, const struct dataset *dataset,
	struct err *err)
{
	struct buf sql = { 0 };
	bool ok = tables_create_sql(dataset, &sql, err) &&
		migration_run(migration, sql.data, err);

	migration_say(migration, "dataset %s.%s: tables made",
		dataset->pipeline->name, dataset->name);
	buf_clear(&sql);
	return ok;
}

/* Whether meta.dataset knows it, or its master is there all the same. */
static bool is_applied(struct db *db, const struct dataset *dataset,
	const char *master, bool *applied, struct err *err)
{
	struct db_result *result = NULL;
	char name[160];
	const char *values[] = { name, master };

	(void)snprintf(name, sizeof(name), "%s.%s", dataset->pipeline->name,
		dataset->name);
	if (!db_query(db,
		    "select exists (select from meta.dataset"
		    " where dataset = $1) or to_regclass($2) is not null",
		    2, values, &result, err))
		return false;
	*applied = strcmp(db_value(result, 0, 0), "t") == 0;
	db_result_free(result);
	return true;
}

static bool adapt_dataset(struct migration *migration,
	const struct dataset *dataset, struct err *err)
{
	struct buf master = { 0 }, delta = { 0 };
	bool applied = false;
	bool ok = tables_master_name(dataset, &master, err) &&
		tables_delta_name(dataset, &delta, err) &&
		is_applied(migration->db, dataset, master.data, &applied, err);

	if (ok && !applied)
		ok = create(migration, dataset, err);
	else if (ok) /* adding to the master adds to the delta: master first */
		ok = compare(migration, dataset, master.data, true, err) &&
			compare(migration, dataset, delta.data, false, err);
	buf_clear(&master);
	buf_clear(&delta);
	return ok;
}

bool adapt_tables(struct migration *migration, struct err *err)
{
	const struct pipeline_set *set = migration->set;

	for (size_t p = 0; p < set->count; p++)
		for (size_t d = 0; d < set->pipelines[p].dataset_count; d++)
			if (!adapt_dataset(migration,
				    &set->pipelines[p].datasets[d], err))
				return false;
	return true;
}
