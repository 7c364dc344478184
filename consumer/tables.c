/* tables.c - the SQL that follows from a dataset's columns. */
#include "consumer/tables.h"
#include "common/db.h"

#include <string.h>

/* Statements are templates: {word} stands for what the table `words` below
 * makes of the dataset, everything else is copied. */
struct fill {
	const struct dataset *dataset;
	const char *partition;       /* quoted */
	const struct column *column; /* of {column} and {type} */
};

static bool add_qualified(struct buf *sql, const struct dataset *dataset,
	const char *suffix, struct err *err)
{
	struct buf table = { 0 };
	bool ok;

	ok = buf_add_str(&table, dataset->table, err) &&
		buf_add_str(&table, suffix, err) &&
		sql_add_ident(sql, dataset->schema, err) &&
		buf_add_char(sql, '.', err) &&
		sql_add_ident(sql, table.data, err);
	buf_clear(&table);
	return ok;
}

bool tables_master_name(const struct dataset *dataset, struct buf *out,
	struct err *err)
{
	return add_qualified(out, dataset, "", err);
}

bool tables_delta_name(const struct dataset *dataset, struct buf *out,
	struct err *err)
{
	return add_qualified(out, dataset, "_delta", err);
}

/* -- words ------------------------------------------------------------- */

static bool add_master(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return tables_master_name(fill->dataset, sql, err);
}

static bool add_delta(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return tables_delta_name(fill->dataset, sql, err);
}

static bool add_schema(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return sql_add_ident(sql, fill->dataset->schema, err);
}

static bool add_partition(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return buf_add_str(sql, fill->partition, err);
}

static bool add_pipeline_literal(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return sql_add_literal(sql, fill->dataset->pipeline->name, err);
}

/* A name of ours made of other names, as a literal: 'events.orgs'. */
static bool add_dataset_literal(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	struct buf name = { 0 };
	bool ok;

	ok = buf_printf(&name, err, "%s.%s", fill->dataset->pipeline->name,
		     fill->dataset->name) &&
		sql_add_literal(sql, name.data, err);
	buf_clear(&name);
	return ok;
}

static bool add_name_literal(bool (*name)(const struct dataset *, struct buf *,
				     struct err *),
	const struct fill *fill, struct buf *sql, struct err *err)
{
	struct buf text = { 0 };
	bool ok;

	ok = name(fill->dataset, &text, err) &&
		sql_add_literal(sql, text.data, err);
	buf_clear(&text);
	return ok;
}

static bool add_master_literal(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return add_name_literal(tables_master_name, fill, sql, err);
}

static bool add_delta_literal(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return add_name_literal(tables_delta_name, fill, sql, err);
}

/* Lists: every item but the first is led by ", ". */
static bool add_item(struct buf *sql, size_t *count, const char *prefix,
	const char *name, struct err *err)
{
	return ((*count)++ == 0 || buf_add_str(sql, ", ", err)) &&
		buf_add_str(sql, prefix, err) && sql_add_ident(sql, name, err);
}

static bool is_extra(const struct dataset *dataset)
{
	return dataset->unknown == UNKNOWN_KEEP;
}

static bool add_columns(const struct fill *fill, const char *prefix,
	bool with_keys, struct buf *sql, struct err *err)
{
	const struct dataset *dataset = fill->dataset;
	size_t count = 0;
	bool ok = true;

	for (size_t i = 0; ok && i < dataset->column_count; i++)
		if (with_keys || !dataset->columns[i].key)
			ok = add_item(sql, &count, prefix,
				dataset->columns[i].name, err);
	if (ok && is_extra(dataset))
		ok = add_item(sql, &count, prefix, "extra", err);
	return ok;
}

static bool add_all_columns(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return add_columns(fill, "", true, sql, err);
}

static bool add_delta_columns(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return add_columns(fill, "d.", true, sql, err);
}

static bool add_key_list(const struct fill *fill, const char *prefix,
	struct buf *sql, struct err *err)
{
	const struct dataset *dataset = fill->dataset;
	size_t count = 0;
	bool ok = true;

	for (size_t i = 0; ok && i < dataset->key_count; i++)
		ok = add_item(sql, &count, prefix,
			dataset->columns[dataset->keys[i]].name, err);
	return ok;
}

static bool add_keys(const struct fill *fill, struct buf *sql, struct err *err)
{
	return add_key_list(fill, "", sql, err);
}

static bool add_delta_keys(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return add_key_list(fill, "d.", sql, err);
}

static bool add_master_keys(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return add_key_list(fill, "t.", sql, err);
}

static bool add_excluded_keys(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return add_key_list(fill, "excluded.", sql, err);
}

static bool add_type(const struct fill *fill, struct buf *sql, struct err *err)
{
	const enum column_type type = fill->column->type;

	return buf_add_str(sql, column_type_sql(type), err) &&
		(type != COLUMN_TEXT ||
			buf_add_str(sql, " collate \"C\"", err));
}

static bool add_column(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return sql_add_ident(sql, fill->column->name, err);
}

/* "id" text collate "C",\n ... for create table. */
static bool add_definitions(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	struct fill one = *fill;
	bool ok = true;

	for (size_t i = 0; ok && i < fill->dataset->column_count; i++) {
		one.column = &fill->dataset->columns[i];
		ok = buf_add_char(sql, '\t', err) &&
			add_column(&one, sql, err) &&
			buf_add_char(sql, ' ', err) &&
			add_type(&one, sql, err) &&
			buf_add_str(sql, ",\n", err);
	}
	if (ok && is_extra(fill->dataset))
		ok = buf_add_str(sql, "\t\"extra\" jsonb,\n", err);
	return ok;
}

static bool add_assignment(struct buf *sql, const char *name, struct err *err)
{
	return buf_add_char(sql, '\t', err) && sql_add_ident(sql, name, err) &&
		buf_add_str(sql, " = excluded.", err) &&
		sql_add_ident(sql, name, err) && buf_add_str(sql, ",\n", err);
}

/* "username" = excluded."username",\n ... */
static bool add_assignments(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	const struct dataset *dataset = fill->dataset;
	bool ok = true;

	for (size_t i = 0; ok && i < dataset->column_count; i++)
		if (!dataset->columns[i].key)
			ok = add_assignment(sql, dataset->columns[i].name, err);
	if (ok && is_extra(dataset))
		ok = add_assignment(sql, "extra", err);
	return ok;
}

static bool has_values(const struct dataset *dataset)
{
	return dataset->column_count > dataset->key_count || is_extra(dataset);
}

/* True where the new version says something else than the master. */
static bool add_differs(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	if (!has_values(fill->dataset))
		return buf_add_str(sql, "false", err);
	return buf_add_str(sql, "row(", err) &&
		add_columns(fill, "t.", false, sql, err) &&
		buf_add_str(sql, ")\n\t\tis distinct from row(", err) &&
		add_columns(fill, "excluded.", false, sql, err) &&
		buf_add_char(sql, ')', err);
}

/* Which value of its record a row of a derived dataset was. */
static bool is_derived(const struct dataset *dataset)
{
	return dataset->from != NULL;
}

static bool add_if_derived(const struct fill *fill, const char *text,
	struct buf *sql, struct err *err)
{
	return !is_derived(fill->dataset) || buf_add_str(sql, text, err);
}

static bool add_item_column(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return add_if_derived(fill, ", _item", sql, err);
}

static bool add_delta_item(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return add_if_derived(fill, ", d._item", sql, err);
}

static bool add_item_definition(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return add_if_derived(fill, "\t_item bigint not null,\n", sql, err);
}

static bool add_item_assignment(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return add_if_derived(fill, "\t_item = excluded._item,\n", sql, err);
}

/* A key column cannot differ between two versions of a row. */
static const char *newest_name(const struct dataset *dataset)
{
	const struct column *column;

	if (dataset->newest == COLUMN_NONE)
		return NULL;
	column = &dataset->columns[dataset->newest];
	return column->key ? NULL : column->name;
}

static bool wins_first(const struct dataset *dataset)
{
	return dataset->wins == WINS_FIRST;
}

/* The order in which versions are looked at: the winner's comes first. */
static bool add_direction(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	return buf_add_str(sql, wins_first(fill->dataset) ? "asc" : "desc",
		err);
}

/* A row that does not say loses against those that do, either way. */
static bool add_newest_order(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	const char *newest = newest_name(fill->dataset);

	return newest == NULL ||
		(buf_add_str(sql, "d.", err) &&
			sql_add_ident(sql, newest, err) &&
			buf_add_char(sql, ' ', err) &&
			add_direction(fill, sql, err) &&
			buf_add_str(sql, " nulls last, ", err));
}

/* The claims are looked up only when they decide. A subselect sees what was
 * committed when the statement began, which is nearly always all it needs, and
 * costs far less than the function, which knows of those that came since. */
#define CLAIM_WINS(later, earlier, offset_wins)                           \
	"case when excluded._source = t._source\n"                        \
	"\t\tthen " offset_wins "\n"                                      \
	"\t\telse coalesce((\n"                                           \
	"\t\t\tselect (n.claimed_at, n.drop_id) > (o.claimed_at, o.drop_id)\n" \
	"\t\t\tfrom meta.source n, meta.source o\n"                       \
	"\t\t\twhere n.source_id = " later "._source\n"                   \
	"\t\t\t\tand o.source_id = " earlier "._source),\n"               \
	"\t\t\tmeta.claimed_after(" later "._source, "                    \
	earlier "._source)) end"
#define LATER_WINS(offset_wins) CLAIM_WINS("excluded", "t", offset_wins)
#define EARLIER_WINS(offset_wins) CLAIM_WINS("t", "excluded", offset_wins)

/* Of several values in one record the first wins. */
static const char *claim_wins(const struct dataset *dataset)
{
	static const char *const conditions[2][2] = {
		[WINS_LAST] = {
			LATER_WINS("excluded._offset > t._offset"),
			LATER_WINS("(excluded._offset, t._item)"
					" > (t._offset, excluded._item)"),
		},
		[WINS_FIRST] = {
			EARLIER_WINS("excluded._offset < t._offset"),
			EARLIER_WINS("(excluded._offset, excluded._item)"
					" < (t._offset, t._item)"),
		},
	};

	return conditions[dataset->wins][is_derived(dataset)];
}

/* True where the new version beats the master's. */
static bool add_beats(const struct fill *fill, struct buf *sql,
	struct err *err)
{
	const char *claim = claim_wins(fill->dataset);
	const char *newest = newest_name(fill->dataset);
	struct buf name = { 0 };
	bool ok;

	if (newest == NULL)
		return buf_add_str(sql, claim, err);
	ok = sql_add_ident(&name, newest, err) &&
		buf_printf(sql, err,
			"excluded.%s %c t.%s\n"
			"\tor (t.%s is null and excluded.%s is not null)\n"
			"\tor (t.%s is not distinct from excluded.%s and %s)",
			name.data, wins_first(fill->dataset) ? '<' : '>',
			name.data, name.data, name.data, name.data, name.data,
			claim);
	buf_clear(&name);
	return ok;
}

static const struct word {
	const char *name;
	bool (*add)(const struct fill *fill, struct buf *sql,
		struct err *err);
} words[] = {
	{ "assignments", add_assignments },
	{ "beats", add_beats },
	{ "column", add_column },
	{ "columns", add_all_columns },
	{ "d.columns", add_delta_columns },
	{ "d.item", add_delta_item },
	{ "d.keys", add_delta_keys },
	{ "dataset", add_dataset_literal },
	{ "definitions", add_definitions },
	{ "delta", add_delta },
	{ "delta name", add_delta_literal },
	{ "differs", add_differs },
	{ "direction", add_direction },
	{ "excluded.keys", add_excluded_keys },
	{ "item", add_item_column },
	{ "item assignment", add_item_assignment },
	{ "item definition", add_item_definition },
	{ "keys", add_keys },
	{ "master", add_master },
	{ "master name", add_master_literal },
	{ "newest order", add_newest_order },
	{ "partition", add_partition },
	{ "pipeline", add_pipeline_literal },
	{ "schema", add_schema },
	{ "t.keys", add_master_keys },
	{ "type", add_type },
};

static bool add_word(const struct fill *fill, const char *name, size_t len,
	struct buf *sql, struct err *err)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strlen(words[i].name) == len &&
			memcmp(words[i].name, name, len) == 0)
			return words[i].add(fill, sql, err);
	return err_stop(err, EXIT_BUG, "no word {%.*s} in SQL templates",
		(int)len, name);
}

static bool add_template(const struct fill *fill, const char *template,
	struct buf *sql, struct err *err)
{
	const char *open, *close = template - 1;
	bool ok = true;

	while (ok && (open = strchr(close + 1, '{')) != NULL) {
		ok = buf_add(sql, close + 1, (size_t)(open - close - 1), err);
		close = strchr(open, '}');
		ok = ok && add_word(fill, open + 1,
			(size_t)(close - open - 1), sql, err);
	}
	return ok && buf_add_str(sql, close + 1, err);
}

/* -- statements -------------------------------------------------------- */

static const char create_template[] =
	"create schema if not exists {schema};\n"
	"grant usage on schema {schema} to sluice_loader, sluice_reader;\n"
	"create table {master} (\n"
	"{definitions}"
	"\t_source bigint not null,\n"
	"\t_offset bigint not null,\n"
	"\t_load bigint not null,\n"
	"{item definition}"
	"\tprimary key ({keys})\n"
	");\n"
	"grant select, insert, update on {master} to sluice_loader;\n"
	"grant select on {master} to sluice_reader;\n"
	"create table {delta} (\n"
	"{definitions}"
	"\t_source bigint not null,\n"
	"\t_offset bigint not null,\n"
	"\t_load bigint not null,\n"
	"{item definition}"
	"\t_day date not null\n"
	") partition by range (_day);\n"
	"create index on {delta} (_load);\n"
	"grant select, insert on {delta} to sluice_loader;\n"
	"grant select on {delta} to sluice_reader;\n"
	"insert into meta.dataset (dataset, pipeline, master, delta)\n"
	"values ({dataset}, {pipeline}, {master name}, {delta name})\n"
	"on conflict (dataset) do update set pipeline = excluded.pipeline,\n"
	"\tmaster = excluded.master, delta = excluded.delta;\n";

bool tables_create_sql(const struct dataset *dataset, struct buf *sql,
	struct err *err)
{
	const struct fill fill = { .dataset = dataset };

	return add_template(&fill, create_template, sql, err);
}

bool tables_add_column_sql(const struct dataset *dataset,
	const struct column *column, struct buf *sql, struct err *err)
{
	const struct fill fill = { .dataset = dataset, .column = column };

	return add_template(&fill,
		"alter table {master} add column {column} {type};\n"
		"alter table {delta} add column {column} {type};\n",
		sql, err);
}

bool tables_copy_sql(const struct dataset *dataset, const char *partition,
	struct buf *sql, struct err *err)
{
	const struct fill fill = { dataset, partition, NULL };

	return add_template(&fill,
		"copy {partition} ({columns}, _source, _offset, _load{item})"
		" from stdin (format binary)",
		sql, err);
}

static const char upsert_template[] =
	"with won as (\n"
	"insert into {master} as t ({columns},\n"
	"\t_source, _offset, _load{item})\n"
	"select distinct on ({d.keys})\n"
	"\t{d.columns},\n"
	"\td._source, d._offset, d._load{d.item}\n"
	"from {partition} d\n"
	"left join unnest($2::bigint[], $3::integer[]) c (source, rank)\n"
	"\ton c.source = d._source\n"
	"where d._load = $1::bigint\n"
	"order by {d.keys}, {newest order}c.rank {direction} nulls last,"
	" d._offset {direction}{d.item}\n"
	"on conflict ({keys}) do update set\n"
	"{assignments}"
	"\t_source = excluded._source,\n"
	"\t_offset = excluded._offset,\n"
	"{item assignment}"
	"\t_load = case when {differs}\n"
	"\t\tthen excluded._load else t._load end\n"
	"where {beats}\n"
	"returning t._source, t.xmax = 0 as inserted,\n"
	"\tt._load = $1::bigint as current\n"
	")\n"
	"select _source,\n"
	"\tcount(*) filter (where inserted),\n"
	"\tcount(*) filter (where not inserted)\n"
	"from won\n"
	"where inserted or current\n"
	"group by _source";

bool tables_upsert_sql(const struct dataset *dataset, const char *partition,
	struct buf *sql, struct err *err)
{
	const struct fill fill = { dataset, partition, NULL };

	return add_template(&fill, upsert_template, sql, err);
}

/* The winner of each key, under the name the upsert has for it. */
static const char behind_template[] =
	"with won as (\n"
	"select distinct on ({d.keys})\n"
	"\t{d.columns},\n"
	"\td._source, d._offset{d.item}\n"
	"from {delta} d\n"
	"join meta.source s on s.source_id = d._source\n"
	"order by {d.keys}, {newest order}s.claimed_at {direction},"
	" s.drop_id {direction}, d._offset {direction}{d.item}\n"
	")\n"
	"select excluded._source, count(*)\n"
	"from won excluded\n"
	"left join {master} t\n"
	"\ton ({t.keys}) = ({excluded.keys})\n"
	"where t._source is null or (({beats}) and {differs})\n"
	"group by excluded._source";

bool tables_behind_sql(const struct dataset *dataset, struct buf *sql,
	struct err *err)
{
	const struct fill fill = { .dataset = dataset };

	return add_template(&fill, behind_template, sql, err);
}

#define UNDO_BEST                                                          \
	"with gone as materialized (\n"                                    \
	"select {t.keys} from {master} t where t._source = $1::bigint\n"   \
	"), best as materialized (\n"                                      \
	"select distinct on ({d.keys})\n"                                  \
	"\t{d.columns},\n"                                                 \
	"\td._source, d._offset, d._load{d.item}\n"                        \
	"from {delta} d\n"                                                 \
	"join gone t on ({t.keys}) = ({d.keys})\n"                         \
	"join meta.source s on s.source_id = d._source\n"                  \
	"where d._source <> $1::bigint\n"                                  \
	"order by {d.keys}, {newest order}s.claimed_at {direction},"       \
	" s.drop_id {direction}, d._offset {direction}{d.item}\n"          \
	")"

static const char undo_count_template[] = UNDO_BEST "\n"
	"select (select count(*) from gone) - (select count(*) from best),\n"
	"\t(select count(*) from best)";

static const char undo_template[] = UNDO_BEST ", restored as (\n"
	"update {master} t set\n"
	"{assignments}"
	"\t_source = excluded._source,\n"
	"\t_offset = excluded._offset,\n"
	"{item assignment}"
	"\t_load = excluded._load\n"
	"from best excluded\n"
	"where ({t.keys}) = ({excluded.keys}) and t._source = $1::bigint\n"
	"returning 1\n"
	"), deleted as (\n"
	"delete from {master} t\n"
	"where t._source = $1::bigint and not exists (\n"
	"\tselect from best excluded where ({excluded.keys}) = ({t.keys}))\n"
	"returning 1\n"
	")\n"
	"select (select count(*) from deleted), (select count(*) from restored)";

bool tables_undo_sql(const struct dataset *dataset, struct buf *sql,
	struct err *err)
{
	const struct fill fill = { .dataset = dataset };

	return add_template(&fill, undo_template, sql, err);
}

bool tables_undo_count_sql(const struct dataset *dataset, struct buf *sql,
	struct err *err)
{
	const struct fill fill = { .dataset = dataset };

	return add_template(&fill, undo_count_template, sql, err);
}
