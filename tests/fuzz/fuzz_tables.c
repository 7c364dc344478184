/* fuzz_tables.c - no name, however hostile, changes the shape of the SQL.
 *
 * The input is cut at NULs into schema, table, columns. What is made of them
 * must have the very tokens that harmless names give, names apart. */
#include "consumer/sqltext.h"
#include "consumer/tables.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool claim)
{
	if (!claim)
		abort();
}

static bool all_sql(const struct dataset *dataset, struct buf *sql,
	struct err *err)
{
	return tables_create_sql(dataset, sql, err) &&
		tables_copy_sql(dataset, "raw.part", sql, err) &&
		buf_add_str(sql, ";\n", err) &&
		tables_upsert_sql(dataset, "raw.part", sql, err) &&
		buf_add_str(sql, ";\n", err) &&
		tables_behind_sql(dataset, sql, err) &&
		buf_add_str(sql, ";\n", err) &&
		tables_add_column_sql(dataset, &dataset->columns[3], sql, err);
}

static bool same_token(const struct sql_token *a, const struct sql_token *b)
{
	if (a->kind != b->kind || a->kind == SQL_BROKEN)
		return false;
	return a->kind == SQL_NAME || a->kind == SQL_TEXT ||
		(a->len == b->len && memcmp(a->start, b->start, a->len) == 0);
}

static void compare(const struct buf *sql, const struct buf *tame)
{
	size_t at = 0, tame_at = 0;
	struct sql_token token, tame_token;

	while (sql_next(tame->data, tame->len, &tame_at, &tame_token))
		expect(sql_next(sql->data, sql->len, &at, &token) &&
			same_token(&token, &tame_token));
	expect(!sql_next(sql->data, sql->len, &at, &token));
}

/* names: pipeline, dataset, schema, table, columns. */
static bool make_sql(char **names, struct buf *sql, struct err *err)
{
	struct column columns[COLUMNS] = {
		{ .type = COLUMN_TEXT, .key = true },
		{ .type = COLUMN_TIMESTAMP, .key = true },
		{ .type = COLUMN_JSON },
		{ .type = COLUMN_NUMERIC },
	};
	struct pipeline pipeline = { .name = names[0] };
	size_t keys[] = { 1, 0 };
	struct dataset dataset = {
		.pipeline = &pipeline,
		.name = names[1],
		.schema = names[2],
		.table = names[3],
		.columns = columns,
		.column_count = COLUMNS,
		.keys = keys,
		.key_count = 2,
		.newest = 3,
		.date = 1,
		.unknown = UNKNOWN_KEEP,
	};

	for (size_t i = 0; i < COLUMNS; i++)
		columns[i].name = names[4 + i];
	return all_sql(&dataset, sql, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char none[] = "", a[] = "a";
	char *tame[4 + COLUMNS] = { a, a, a, a, a, a, a, a };
	char *names[4 + COLUMNS] = { none, none, none, none, none, none, none,
		none };
	char *text = malloc(size + 1), *next = text;
	struct buf sql = { 0 }, tame_sql = { 0 };
	struct err err = { 0 };

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < 4 + COLUMNS && next <= text + size; i++) {
		names[i] = next;
		next += strlen(next) + 1;
	}
	expect(make_sql(tame, &tame_sql, &err));
	if (make_sql(names, &sql, &err))
		compare(&sql, &tame_sql);
	buf_clear(&sql);
	buf_clear(&tame_sql);
	free(text);
	return 0;
}
