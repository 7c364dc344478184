/* pipeline_column.c - the columns of a dataset, and what points at them. */
#include "common/pipeline_column.h"

#include "common/pointer.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 1500       /* PostgreSQL: 1,600, and we add some */
#define KEYS_MAX 32            /* columns of a PostgreSQL index */
#define RECORDS_STEPS_MAX 7 /* what the reader's position has room for */
#define RECORDS_BYTES_MAX 127
#define TEXT_MAX_LENGTH 10485760

/* -- JSON Pointers ------------------------------------------------------ */

/* steps has room for POINTER_STEPS_MAX. */
static bool parse_pointer(struct reading *in, const struct doc *at,
	char **steps, size_t *count)
{
	struct err wrong = { 0 };

	if (pointer_parse(at->text, steps, count, &wrong))
		return true;
	if (wrong.kind == ERR_REJECT)
		return FAIL(at, "%s", wrong.text);
	*in->err = wrong;
	return false;
}

static bool read_path(struct reading *in, const struct doc *value, void *to)
{
	struct column *column = to;

	return field_expect(in, value, DOC_TEXT, "/company/name") &&
		field_reserve(in, POINTER_STEPS_MAX, sizeof(char *),
			&column->path) &&
		parse_pointer(in, value, column->path, &column->path_len);
}

/* -- columns ------------------------------------------------------------ */

static bool read_length(struct reading *in, const struct doc *value, void *to)
{
	int64_t length = 0;

	if (!field_read_amount(in, value, UNIT_COUNT, TEXT_MAX_LENGTH, &length))
		return false;
	*(size_t *)to = (size_t)length;
	return true;
}

static bool read_type(struct reading *in, const struct doc *value, void *to)
{
	const char *words[COLUMN_JSON + 2] = { NULL };
	size_t at;

	for (size_t i = 0; i <= COLUMN_JSON; i++)
		words[i] = column_type_name((enum column_type)i);
	if (!field_read_word(in, value, words, &at))
		return false;
	*(enum column_type *)to = (enum column_type)at;
	return true;
}

static bool default_path(struct reading *in, struct column *column)
{
	if (!field_reserve(in, 1, sizeof(char *), &column->path) ||
		!field_copy(in, column->name, &column->path[0]))
		return false;
	column->path_len = 1;
	return true;
}

static bool check_column(struct reading *in, const struct doc *map,
	const struct column *column)
{
	const struct doc *at = doc_get(map, "max_length");

	if (at != NULL && column->type != COLUMN_TEXT)
		return FAIL(at, "max_length is for text columns only");
	at = doc_get(map, "empty_as_null");
	if (column->empty_as_null && column->type == COLUMN_JSON)
		return FAIL(at, "empty_as_null is not for json columns");
	at = doc_get(map, "coerce");
	if (column->coerce && column->type == COLUMN_JSON)
		return FAIL(at, "coerce is not for json columns");
	at = doc_get(map, "present");
	if (column->present && column->type != COLUMN_BOOLEAN)
		return FAIL(at, "present is for boolean columns only");
	if (column->present && (column->coerce || column->empty_as_null))
		return FAIL(at, "a column that tells whether a value is "
			"present does not read it: without coerce and "
			"empty_as_null");
	if (column->path_len == 0 && column->type != COLUMN_JSON)
		return FAIL(doc_get(map, "from"), "the whole record fits a "
			"json column only; name a value, e.g. /%s",
			column->name);
	return true;
}

static bool read_column_name(struct reading *in, const struct doc *value,
	void *to)
{
	static const char *const system[] = { "tableoid", "xmin", "cmin",
		"xmax", "cmax", "ctid" };

	if (value->type == DOC_TEXT && value->text[0] == '_')
		return FAIL(value, "\"%s\": column names that begin with _ are "
			"Sluice's own; choose another, and say where it comes "
			"from with `from: /%s`", value->text, value->text);
	for (size_t i = 0; i < sizeof(system) / sizeof(system[0]); i++)
		if (value->type == DOC_TEXT &&
			strcmp(value->text, system[i]) == 0)
			return FAIL(value, "\"%s\" is PostgreSQL's own; choose "
				"another, and say where it comes from with "
				"`from: /%s`", value->text, value->text);
	return field_read_name(in, value, to);
}

static bool read_column(struct reading *in, const struct doc *value,
	struct column *column)
{
	static const struct field fields[] = {
		{ "name", read_column_name, offsetof(struct column, name),
			true },
		{ "type", read_type, offsetof(struct column, type), true },
		{ "from", read_path, 0, false },
		{ "required", field_read_bool,
			offsetof(struct column, required), false },
		{ "max_length", read_length,
			offsetof(struct column, max_length), false },
		{ "empty_as_null", field_read_bool,
			offsetof(struct column, empty_as_null), false },
		{ "coerce", field_read_bool, offsetof(struct column, coerce),
			false },
		{ "present", field_read_bool, offsetof(struct column, present),
			false },
	};

	if (!field_read_map(in, value, FIELDS(fields), column))
		return false;
	if (column->path == NULL && !default_path(in, column))
		return false;
	return check_column(in, value, column);
}

size_t column_find(const struct dataset *dataset, const char *name)
{
	for (size_t i = 0; i < dataset->column_count; i++)
		if (strcmp(dataset->columns[i].name, name) == 0)
			return i;
	return COLUMN_NONE;
}

bool column_read_list(struct reading *in, const struct doc *value,
	void *to)
{
	struct dataset *dataset = to;

	if (!field_expect(in, value, DOC_LIST, "- { name: id, type: text }"))
		return false;
	if (value->count == 0 || value->count > COLUMNS_MAX)
		return FAIL(value, "from 1 to %d columns", COLUMNS_MAX);
	if (!field_reserve(in, value->count, sizeof(*dataset->columns),
		    &dataset->columns))
		return false;
	for (size_t i = 0; i < value->count; i++) {
		struct column *column = &dataset->columns[i];

		/* counted only once read: column_find needs the names */
		if (!read_column(in, &value->items[i], column)) {
			dataset->column_count++;
			return false;
		}
		if (column_find(dataset, column->name) != COLUMN_NONE) {
			dataset->column_count++;
			return FAIL(&value->items[i], "a second column \"%s\"; "
				"rename one", column->name);
		}
		dataset->column_count++;
	}
	return true;
}

/* The place of the column that value names. */
static bool column_ref(struct reading *in, const struct doc *value,
	const struct dataset *dataset, size_t *at)
{
	struct buf all = { .max = 512 }; /* more would not be read anyway */
	struct err full;

	if (!field_expect(in, value, DOC_TEXT, "received_at"))
		return false;
	*at = column_find(dataset, value->text);
	if (*at != COLUMN_NONE)
		return true;
	for (size_t i = 0; i < dataset->column_count; i++)
		if (!buf_printf(&all, &full, "%s%s", i > 0 ? ", " : "",
			    dataset->columns[i].name))
			break;
	(void)FAIL(value, "there is no column \"%s\"; columns: %s",
		value->text, all.data != NULL ? all.data : "none");
	buf_clear(&all);
	return false;
}

static bool read_key_column(struct reading *in, const struct doc *value,
	struct dataset *dataset)
{
	struct column *column;
	size_t at;

	if (!column_ref(in, value, dataset, &at))
		return false;
	column = &dataset->columns[at];
	if (column->key)
		return FAIL(value, "\"%s\" stands in the key twice",
			column->name);
	if (column->type == COLUMN_JSON)
		return FAIL(value, "\"%s\" is json, which cannot be a key",
			column->name);
	if (column->type == COLUMN_TEXT && column->max_length == 0)
		return FAIL(value, "the key column \"%s\" is text and needs a "
			"max_length, e.g. max_length: 300", column->name);
	column->key = true;
	column->required = true;
	dataset->keys[dataset->key_count++] = at;
	return true;
}

bool column_read_keys(struct reading *in, const struct doc *value, void *to)
{
	struct dataset *dataset = to;

	if (value->type == DOC_TEXT)
		return field_reserve(in, 1, sizeof(size_t), &dataset->keys) &&
			read_key_column(in, value, dataset);
	if (!field_expect(in, value, DOC_LIST, "[id, received_at]"))
		return false;
	if (value->count == 0 || value->count > KEYS_MAX)
		return FAIL(value, "from 1 to %d key columns", KEYS_MAX);
	if (!field_reserve(in, value->count, sizeof(size_t), &dataset->keys))
		return false;
	for (size_t i = 0; i < value->count; i++)
		if (!read_key_column(in, &value->items[i], dataset))
			return false;
	return true;
}

bool column_read_newest(struct reading *in, const struct doc *value, void *to)
{
	struct dataset *dataset = to;
	enum column_type type;

	if (!column_ref(in, value, dataset, &dataset->newest))
		return false;
	type = dataset->columns[dataset->newest].type;
	return (type != COLUMN_JSON && type != COLUMN_BOOLEAN) ||
		FAIL(value, "\"%s\" is %s; what decides which version is the "
			"newest must be a time, a number, text or a uuid",
			value->text, column_type_name(type));
}

bool column_read_date(struct reading *in, const struct doc *value, void *to)
{
	struct dataset *dataset = to;
	enum column_type type;

	if (!column_ref(in, value, dataset, &dataset->date))
		return false;
	type = dataset->columns[dataset->date].type;
	return type == COLUMN_DATE || type == COLUMN_TIMESTAMP ||
		type == COLUMN_TIMESTAMPTZ || FAIL(value, "\"%s\" is %s; the "
			"date column must be date, timestamp or timestamptz",
			value->text, column_type_name(type));
}

/* -- records inside of a file ------------------------------------------- */

bool column_read_records(struct reading *in, const struct doc *value, void *to)
{
	char *steps[POINTER_STEPS_MAX];
	size_t count = 0;
	bool ok;

	ok = field_expect(in, value, DOC_TEXT, "/customers") &&
		parse_pointer(in, value, steps, &count);
	if (ok && (count == 0 || count > RECORDS_STEPS_MAX ||
			  strlen(value->text) > RECORDS_BYTES_MAX))
		ok = FAIL(value, "the way to the records is a JSON Pointer of "
			"1 to %d steps and at most %d bytes, e.g. /customers",
			RECORDS_STEPS_MAX, RECORDS_BYTES_MAX);
	for (size_t i = 0; i < count; i++)
		free(steps[i]);
	return ok && field_copy(in, value->text, to);
}

/* -- derived datasets --------------------------------------------------- */

/* Decoded steps, NULL behind the last. */
static bool read_steps(struct reading *in, const struct doc *value,
	const char *example, char ***steps)
{
	size_t count = 0;

	return field_expect(in, value, DOC_TEXT, example) &&
		field_reserve(in, POINTER_STEPS_MAX + 1, sizeof(char *),
			steps) &&
		parse_pointer(in, value, *steps, &count);
}

bool column_read_pointer(struct reading *in, const struct doc *value, void *to)
{
	return read_steps(in, value, "/items", to);
}

struct each_reading {
	const struct dataset *dataset;
	struct each *each;
};

static bool read_at(struct reading *in, const struct doc *value, void *to)
{
	const struct each_reading *reading = to;

	return read_steps(in, value, "/author", &reading->each->at);
}

static bool read_skip_empty(struct reading *in, const struct doc *value,
	void *to)
{
	const struct each_reading *reading = to;

	return field_read_bool(in, value, &reading->each->skip_empty);
}

static bool read_with_column(struct reading *in, const struct doc *name,
	const struct doc *value, const struct each_reading *reading)
{
	size_t at;

	if (!column_ref(in, name, reading->dataset, &at) ||
		!read_steps(in, value, "/commit/author/name",
			&reading->each->with[at]))
		return false;
	return *reading->each->with[at] != NULL ||
		reading->dataset->columns[at].type == COLUMN_JSON ||
		FAIL(value, "the whole record fits a json column only; name a "
			"value, e.g. /commit/author/name");
}

static bool read_with(struct reading *in, const struct doc *value, void *to)
{
	const struct each_reading *reading = to;

	if (!field_expect(in, value, DOC_MAP,
		    "{ name: /commit/author/name }") ||
		!field_reserve(in, reading->dataset->column_count,
			sizeof(char **), &reading->each->with))
		return false;
	for (size_t i = 0; i < value->count; i += 2)
		if (!read_with_column(in, &value->items[i],
			    &value->items[i + 1], reading))
			return false;
	return true;
}

static bool read_each(struct reading *in, const struct doc *value,
	struct each_reading *reading)
{
	static const struct field fields[] = {
		{ "at", read_at, 0, true },
		{ "skip_empty", read_skip_empty, 0, false },
		{ "with", read_with, 0, false },
	};

	return value->type == DOC_MAP ?
		field_read_map(in, value, FIELDS(fields), reading) :
		read_at(in, value, reading);
}

bool column_read_each(struct reading *in, const struct doc *value, void *to)
{
	struct dataset *dataset = to;

	if (!field_expect(in, value, DOC_LIST, "[/author, /committer]"))
		return false;
	if (value->count == 0 || value->count > 100)
		return FAIL(value, "from 1 to 100 JSON Pointers");
	if (!field_reserve(in, value->count, sizeof(*dataset->each),
		    &dataset->each))
		return false;
	for (size_t i = 0; i < value->count; i++) {
		struct each_reading reading = { dataset,
			&dataset->each[dataset->each_count++] };

		if (!read_each(in, &value->items[i], &reading))
			return false;
	}
	return true;
}
