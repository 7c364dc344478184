/* pipeline_test.c - the data tests of a pipeline file. */
#include "common/pipeline_test.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 200
#define SQL_MAX_BYTES 8000
#define VALUES_MAX 1000

/* Of each kind: what must stand there, what may (besides test, name, severity),
 * as words between blanks. */
static const struct kind {
	const char *name;
	const char *needs;
	const char *takes;
} kinds[TEST_KINDS] = {
	[TEST_NOT_NULL] = { "not_null", " table column ", " where " },
	[TEST_UNIQUE] = { "unique", " table column ", " where " },
	[TEST_UNIQUE_COMBINATION] = { "unique_combination",
		" table columns ", " where " },
	[TEST_ACCEPTED_VALUES] = { "accepted_values",
		" table column values ", " where " },
	[TEST_RELATIONSHIPS] = { "relationships", " table column to ",
		" where " },
	[TEST_ROW_COUNT] = { "row_count", " table ",
		" where min max equals " },
	[TEST_FRESHNESS] = { "freshness", " table column ",
		" where warn error " },
	[TEST_EXPRESSION] = { "expression", " table expression ",
		" where " },
	[TEST_COMPARE] = { "compare", " left is right ", " " },
	[TEST_SQL] = { "sql", " file ", " " },
};

const char *test_kind_name(enum test_kind kind)
{
	return kinds[kind].name;
}

const char *test_severity(const struct pipeline_test *test)
{
	return test->warn_only ? "warn" : "error";
}

/* -- values ------------------------------------------------------------- */

static bool read_kind(struct reading *in, const struct doc *value, void *to)
{
	const char *words[TEST_KINDS + 1] = { NULL };
	size_t at;

	for (size_t i = 0; i < TEST_KINDS; i++)
		words[i] = kinds[i].name;
	if (!field_read_word(in, value, words, &at))
		return false;
	*(enum test_kind *)to = (enum test_kind)at;
	return true;
}

static bool read_severity(struct reading *in, const struct doc *value,
	void *to)
{
	static const char *const words[] = { "error", "warn", NULL };
	size_t at;

	if (!field_read_word(in, value, words, &at))
		return false;
	*(bool *)to = at == 1;
	return true;
}

static bool read_order(struct reading *in, const struct doc *value, void *to)
{
	static const char *const words[] = {
		[TEST_EQUALS] = "equals",
		[TEST_NOT_EQUAL] = "not_equal",
		[TEST_GREATER] = "greater",
		[TEST_GREATER_EQUALS] = "greater_equals",
		[TEST_LESS] = "less",
		[TEST_LESS_EQUALS] = "less_equals",
		NULL,
	};
	size_t at;

	if (!field_read_word(in, value, words, &at))
		return false;
	*(enum test_order *)to = (enum test_order)at;
	return true;
}

static bool read_bounded(struct reading *in, const struct doc *value,
	size_t max, const char *example, void *to)
{
	if (!field_expect(in, value, DOC_TEXT, example))
		return false;
	if (value->text[0] == '\0' || strlen(value->text) > max)
		return FAIL(value, "this must be 1 to %zu bytes long, e.g. %s",
			max, example);
	return field_copy(in, value->text, to);
}

static bool read_test_name(struct reading *in, const struct doc *value,
	void *to)
{
	return read_bounded(in, value, NAME_MAX_BYTES, "no_negative_totals",
		to);
}

static bool read_sql(struct reading *in, const struct doc *value, void *to)
{
	return read_bounded(in, value, SQL_MAX_BYTES, "total >= 0", to);
}

static bool read_list(struct reading *in, const struct doc *value,
	const char *example, bool names, struct texts *texts)
{
	if (!field_expect(in, value, DOC_LIST, example))
		return false;
	if (value->count == 0 || value->count > VALUES_MAX)
		return FAIL(value, "1 to %d of them, e.g. %s", VALUES_MAX,
			example);
	if (!field_reserve(in, value->count, sizeof(char *), &texts->items))
		return false;
	for (size_t i = 0; i < value->count; i++) {
		const struct doc *item = &value->items[i];
		char **to = &texts->items[texts->count++];

		if (names ? !field_read_name(in, item, to) :
			    (!field_expect(in, item, DOC_TEXT, "Admin") ||
				    !field_copy(in, item->text, to)))
			return false;
	}
	return true;
}

static bool read_column(struct reading *in, const struct doc *value, void *to)
{
	struct texts *texts = to;

	if (!field_reserve(in, 1, sizeof(char *), &texts->items))
		return false;
	texts->count = 1;
	return field_read_name(in, value, &texts->items[0]);
}

static bool read_columns(struct reading *in, const struct doc *value, void *to)
{
	return read_list(in, value, "[id, received_at]", true, to);
}

static bool read_values(struct reading *in, const struct doc *value, void *to)
{
	return read_list(in, value, "[Admin, User]", false, to);
}

static bool read_to(struct reading *in, const struct doc *value, void *to)
{
	static const struct field fields[] = {
		{ "table", field_read_table, offsetof(struct pipeline_test, to_table),
			true },
		{ "column", field_read_name,
			offsetof(struct pipeline_test, to_column), true },
	};

	if (value->type != DOC_MAP)
		return FAIL(value, "this must be a map, e.g. "
			"{ table: raw.orgs, column: organization_name }");
	return field_read_map(in, value, FIELDS(fields), to);
}

static bool read_count(struct reading *in, const struct doc *value, void *to)
{
	int64_t *count = to;

	if (!field_expect(in, value, DOC_TEXT, "100"))
		return false;
	return units_parse(value->text, UNIT_COUNT, count) ||
		FAIL(value, "this must be a whole number from 0");
}

static bool read_age(struct reading *in, const struct doc *value, void *to)
{
	return field_read_amount(in, value, UNIT_SECS,
		(int64_t)100 * 366 * 86400, to);
}

/* -- one test ----------------------------------------------------------- */

static bool holds_word(const char *words, const char *word)
{
	const size_t len = strlen(word);

	for (const char *at = words; (at = strstr(at, word)) != NULL; at++)
		if (at > words && at[-1] == ' ' && at[len] == ' ')
			return true;
	return false;
}

static bool check_needs(struct reading *in, const struct doc *map,
	const struct kind *kind)
{
	char word[32];
	const char *at = kind->needs;

	while (*(at += strspn(at, " ")) != '\0') {
		const size_t len = strcspn(at, " ");

		memcpy(word, at, len);
		word[len] = '\0';
		if (doc_get(map, word) == NULL)
			return FAIL(map, "a %s test needs the key \"%s\"",
				kind->name, word);
		at += len;
	}
	return true;
}

static bool check_words(struct reading *in, const struct doc *map,
	const struct kind *kind)
{
	for (size_t i = 0; i < map->count; i += 2) {
		const char *key = map->items[i].text;

		if (!holds_word(" test name severity ", key) &&
			!holds_word(kind->needs, key) &&
			!holds_word(kind->takes, key))
			return FAIL(&map->items[i], "a %s test has no \"%s\"; "
				"it takes:%s%s", kind->name, key, kind->needs,
				kind->takes + 1);
	}
	return check_needs(in, map, kind);
}

static bool check_bounds(struct reading *in, const struct doc *map,
	const struct pipeline_test *test)
{
	if (test->kind == TEST_ROW_COUNT && test->min < 0 && test->max < 0 &&
		test->equals == NULL)
		return FAIL(map, "a row_count test needs min, max or equals");
	if (test->kind == TEST_ROW_COUNT && test->max >= 0 &&
		test->min > test->max)
		return FAIL(map, "min is above max");
	if (test->kind == TEST_FRESHNESS && test->warn_secs == 0 &&
		test->error_secs == 0)
		return FAIL(map, "a freshness test needs warn or error: an age "
			"such as 2 h");
	if (test->kind == TEST_FRESHNESS && test->error_secs > 0 &&
		test->warn_secs >= test->error_secs)
		return FAIL(map, "warn must be a smaller age than error");
	return true;
}

/* "not_null raw.events.id" */
static bool make_name(struct reading *in, struct pipeline_test *test)
{
	struct buf name = { 0 };
	bool ok;

	ok = buf_add_str(&name, test_kind_name(test->kind), in->err) &&
		(test->table == NULL ||
			buf_printf(&name, in->err, " %s", test->table)) &&
		(test->file == NULL ||
			buf_printf(&name, in->err, " %s", test->file));
	for (size_t i = 0; ok && i < test->columns.count; i++)
		ok = buf_printf(&name, in->err, "%c%s", i == 0 ? '.' : '+',
			test->columns.items[i]);
	if (ok && test->kind == TEST_COMPARE)
		ok = buf_printf(&name, in->err, " line %d", test->line);
	ok = ok && field_copy(in, name.data, &test->name);
	buf_clear(&name);
	return ok;
}

#define TEST_AT(member) offsetof(struct pipeline_test, member)

bool pipeline_test_read(struct reading *in, const struct doc *value,
	struct pipeline_test *test)
{
	static const struct field fields[] = {
		{ "test", read_kind, TEST_AT(kind), true },
		{ "name", read_test_name, TEST_AT(name), false },
		{ "severity", read_severity, TEST_AT(warn_only), false },
		{ "table", field_read_table, TEST_AT(table), false },
		{ "column", read_column, TEST_AT(columns), false },
		{ "columns", read_columns, TEST_AT(columns), false },
		{ "values", read_values, TEST_AT(values), false },
		{ "where", read_sql, TEST_AT(where), false },
		{ "to", read_to, 0, false },
		{ "min", read_count, TEST_AT(min), false },
		{ "max", read_count, TEST_AT(max), false },
		{ "equals", field_read_table, TEST_AT(equals), false },
		{ "warn", read_age, TEST_AT(warn_secs), false },
		{ "error", read_age, TEST_AT(error_secs), false },
		{ "expression", read_sql, TEST_AT(expression), false },
		{ "left", read_sql, TEST_AT(left), false },
		{ "is", read_order, TEST_AT(order), false },
		{ "right", read_sql, TEST_AT(right), false },
		{ "file", field_read_name, TEST_AT(file), false },
	};
	const struct doc *kind_word;

	*test = (struct pipeline_test){ .min = -1, .max = -1,
		.line = value->line };
	if (!field_expect(in, value, DOC_MAP,
		    "{ table: raw.events, column: id, test: not_null }"))
		return false;
	/* first what may stand there: a better message, and no column read
	 * twice into the same place */
	kind_word = doc_get(value, "test");
	if (kind_word != NULL &&
		(!read_kind(in, kind_word, &test->kind) ||
			!check_words(in, value, &kinds[test->kind])))
		return false;
	return field_read_map(in, value, FIELDS(fields), test) &&
		check_bounds(in, value, test) &&
		(test->name != NULL || make_name(in, test));
}

void pipeline_test_clear(struct pipeline_test *test)
{
	char *texts[] = { test->name, test->table, test->where, test->to_table,
		test->to_column, test->equals, test->expression, test->left,
		test->right, test->file };

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free(texts[i]);
	texts_clear(&test->columns);
	texts_clear(&test->values);
	*test = (struct pipeline_test){ .name = NULL };
}
