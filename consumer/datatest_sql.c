/* datatest_sql.c - a data test as a query for what contradicts it. Pure. */
#include "common/sqlite.h"
#include "consumer/datatest.h"

#include <string.h>

/* {words} stand for parts of the test, as in tables.c. Text that users wrote
 * stands on lines of its own: a comment in it ends there. */
static const char *const templates[TEST_KINDS] = {
	[TEST_NOT_NULL] =
		"select * from {table} t\n"
		"where {column} is null{where}",
	[TEST_UNIQUE] =
		"select {column}, count(*) as rows from {table} t\n"
		"where {column} is not null{where}\n"
		"group by {column} having count(*) > 1",
	[TEST_UNIQUE_COMBINATION] =
		"select {columns}, count(*) as rows from {table} t\n"
		"where true{where}\n"
		"group by {columns} having count(*) > 1",
	[TEST_ACCEPTED_VALUES] =
		"select {column}, count(*) as rows from {table} t\n"
		"where {column}::text <> all ({values}){where}\n"
		"group by {column}",
	[TEST_RELATIONSHIPS] =
		"select {column}, count(*) as rows from {table} t\n"
		"where {column} is not null\n"
		"\tand not exists (select 1 from {to table} r\n"
		"\t\twhere r.{to column} = t.{column}){where}\n"
		"group by {column}",
	[TEST_ROW_COUNT] =
		"select * from (\n"
		"\tselect count(*) as rows{bounds}\n"
		"\tfrom {table} t\n"
		"\twhere true{where}\n"
		") c\n"
		"where rows < min or rows > max or rows <> equals",
	[TEST_FRESHNESS] =
		"select * from (\n"
		"\tselect max({column}) as newest, extract(epoch from\n"
		"\t\tnow() - max({column})::timestamptz)::bigint"
		" as age_secs\n"
		"\tfrom {table} t\n"
		"\twhere true{where}\n"
		") c\n"
		"where age_secs is null or age_secs > {age}",
	[TEST_EXPRESSION] =
		"select * from {table} t\n"
		"where (\n{expression}\n) is false{where}",
	[TEST_COMPARE] =
		"select * from (\n"
		"\tselect (\n{left}\n) as \"left\", (\n{right}\n)"
		" as \"right\"\n"
		") c\n"
		"where {order}",
	[TEST_SQL] = "select * from (\n{file}\n) f",
};

/* Where SQLite has other words for it. */
static const char *const lite_templates[TEST_KINDS] = {
	[TEST_ACCEPTED_VALUES] =
		"select {column}, count(*) as rows from {table} t\n"
		"where cast({column} as text) not in ({values}){where}\n"
		"group by {column}",
	[TEST_FRESHNESS] =
		"select * from (\n"
		"\tselect max({column}) as newest,\n"
		"\t\tunixepoch('now') - unixepoch(max({column}))"
		" as age_secs\n"
		"\tfrom {table} t\n"
		"\twhere true{where}\n"
		") c\n"
		"where age_secs is null or age_secs > {age}",
};

struct filling {
	const struct pipeline_test *test;
	enum sql_dialect dialect;
	const char *file_sql;
};

static bool add_table_name(const char *name, struct buf *sql, struct err *err)
{
	char schema[64] = "";
	const char *dot = strchr(name, '.');

	memcpy(schema, name, (size_t)(dot - name));
	return sql_add_ident(sql, schema, err) &&
		buf_add_char(sql, '.', err) &&
		sql_add_ident(sql, dot + 1, err);
}

static bool add_table(const struct filling *in, struct buf *sql,
	struct err *err)
{
	return add_table_name(in->test->table, sql, err);
}

static bool add_to_table(const struct filling *in, struct buf *sql,
	struct err *err)
{
	return add_table_name(in->test->to_table, sql, err);
}

static bool add_to_column(const struct filling *in, struct buf *sql,
	struct err *err)
{
	return sql_add_ident(sql, in->test->to_column, err);
}

static bool add_columns(const struct filling *in, struct buf *sql,
	struct err *err)
{
	const struct texts *columns = &in->test->columns;
	bool ok = true;

	for (size_t i = 0; ok && i < columns->count; i++)
		ok = (i == 0 || buf_add_str(sql, ", ", err)) &&
			sql_add_ident(sql, columns->items[i], err);
	return ok;
}

static bool add_values(const struct filling *in, struct buf *sql,
	struct err *err)
{
	const struct texts *values = &in->test->values;
	const bool lite = in->dialect == SQL_SQLITE;
	bool ok = lite || buf_add_str(sql, "array[", err);

	for (size_t i = 0; ok && i < values->count; i++)
		ok = (i == 0 || buf_add_str(sql, ", ", err)) &&
			(lite ? sqlite_add_literal : sql_add_literal)(sql,
				values->items[i], err);
	return ok && (lite || buf_add_str(sql, "]::text[]", err));
}

static bool add_where(const struct filling *in, struct buf *sql,
	struct err *err)
{
	return in->test->where == NULL ||
		buf_printf(sql, err, "\n\tand (\n%s\n)", in->test->where);
}

static bool add_bound(struct buf *sql, const char *name, int64_t bound,
	struct err *err)
{
	if (bound < 0)
		return buf_printf(sql, err, ", cast(null as bigint) as %s",
			name);
	return buf_printf(sql, err, ", cast(%lld as bigint) as %s",
		(long long)bound, name);
}

static bool add_bounds(const struct filling *in, struct buf *sql,
	struct err *err)
{
	const struct pipeline_test *test = in->test;

	if (!add_bound(sql, "min", test->min, err) ||
		!add_bound(sql, "max", test->max, err))
		return false;
	if (test->equals == NULL)
		return add_bound(sql, "equals", -1, err);
	return buf_add_str(sql, ",\n\t\t(select count(*) from ", err) &&
		add_table_name(test->equals, sql, err) &&
		buf_add_str(sql, ") as equals", err);
}

/* The smaller age: which of both it was, the age itself says. */
static bool add_age(const struct filling *in, struct buf *sql, struct err *err)
{
	const struct pipeline_test *test = in->test;

	return buf_printf(sql, err, "%lld", (long long)(test->warn_secs > 0 ?
		test->warn_secs : test->error_secs));
}

static bool add_expression(const struct filling *in, struct buf *sql,
	struct err *err)
{
	return buf_add_str(sql, in->test->expression, err);
}

static bool add_left(const struct filling *in, struct buf *sql,
	struct err *err)
{
	return buf_add_str(sql, in->test->left, err);
}

static bool add_right(const struct filling *in, struct buf *sql,
	struct err *err)
{
	return buf_add_str(sql, in->test->right, err);
}

/* What contradicts it; two nulls are equal, one is neither more nor less. */
static bool add_order(const struct filling *in, struct buf *sql,
	struct err *err)
{
	static const char *const contradictions[] = {
		[TEST_EQUALS] = "\"left\" is distinct from \"right\"",
		[TEST_NOT_EQUAL] = "\"left\" is not distinct from \"right\"",
		[TEST_GREATER] = "(\"left\" > \"right\") is not true",
		[TEST_GREATER_EQUALS] = "(\"left\" >= \"right\") is not true",
		[TEST_LESS] = "(\"left\" < \"right\") is not true",
		[TEST_LESS_EQUALS] = "(\"left\" <= \"right\") is not true",
	};

	return buf_add_str(sql, contradictions[in->test->order], err);
}

static bool add_file(const struct filling *in, struct buf *sql,
	struct err *err)
{
	return buf_add_str(sql, in->file_sql, err);
}

static const struct word {
	const char *name;
	bool (*add)(const struct filling *in, struct buf *sql,
		struct err *err);
} words[] = {
	{ "age", add_age },
	{ "bounds", add_bounds },
	{ "column", add_columns },
	{ "columns", add_columns },
	{ "expression", add_expression },
	{ "file", add_file },
	{ "left", add_left },
	{ "order", add_order },
	{ "right", add_right },
	{ "table", add_table },
	{ "to column", add_to_column },
	{ "to table", add_to_table },
	{ "values", add_values },
	{ "where", add_where },
};

static bool add_word(const struct filling *in, const char *name, size_t len,
	struct buf *sql, struct err *err)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strlen(words[i].name) == len &&
			memcmp(words[i].name, name, len) == 0)
			return words[i].add(in, sql, err);
	return err_stop(err, EXIT_BUG, "no word {%.*s} in data tests",
		(int)len, name);
}

bool datatest_sql(const struct pipeline_test *test, enum sql_dialect dialect,
	const char *file_sql, struct buf *sql, struct err *err)
{
	const struct filling in = { test, dialect, file_sql };
	const bool own = dialect == SQL_SQLITE &&
		lite_templates[test->kind] != NULL;
	const char *template = own ? lite_templates[test->kind] :
				     templates[test->kind];
	const char *open, *close = template - 1;
	bool ok = true;

	while (ok && (open = strchr(close + 1, '{')) != NULL) {
		ok = buf_add(sql, close + 1, (size_t)(open - close - 1), err);
		close = strchr(open, '}');
		ok = ok && add_word(&in, open + 1, (size_t)(close - open - 1),
			sql, err);
	}
	return ok && buf_add_str(sql, close + 1, err);
}
