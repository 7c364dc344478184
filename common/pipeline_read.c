/* pipeline_read.c - a pipeline file becomes structs, or an error that says
 * where and what is allowed. */
#include "common/pipeline.h"

#include "common/units.h"
#include "common/doc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 51
#define TABLE_MAX_BYTES 48     /* <table>_delta_YYYYMMDD must fit 63 */
#define COLUMNS_MAX 1500       /* PostgreSQL: 1,600, and we add some */
#define KEYS_MAX 32            /* columns of a PostgreSQL index */
#define STEPS_MAX 32
#define TEXT_MAX_LENGTH 10485760
#define CHUNK_RECORDS_MAX 100000
#define CHUNK_BYTES_MAX (16 << 20)

struct reading {
	const char *file;
	struct pipeline *pipeline;
	struct err *err;
};

/* What may stand in a map. Fields are read in the table's order, not the
 * file's, so one may rely on those above it. */
struct field {
	const char *name;
	bool (*read)(struct reading *in, const struct doc *value, void *to);
	size_t offset; /* of what read fills, in the struct of the map */
	bool required;
};

#define FAIL(at, ...) doc_fail((at), in->file, in->err, __VA_ARGS__)

static bool expect(struct reading *in, const struct doc *value,
	enum doc_type type, const char *example)
{
	static const char *const names[] = {
		[DOC_TEXT] = "a single value",
		[DOC_LIST] = "a list",
		[DOC_MAP] = "a map of keys and values",
	};

	return value->type == type || FAIL(value, "this must be %s, e.g. %s",
		names[type], example);
}

static bool list_fields(const struct field *fields, size_t count,
	struct buf *out, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (!buf_printf(out, err, "%s%s", i > 0 ? ", " : "",
			    fields[i].name))
			return false;
	return true;
}

static bool unknown_key(struct reading *in, const struct doc *key,
	const struct field *fields, size_t count)
{
	struct buf allowed = { 0 };

	if (list_fields(fields, count, &allowed, in->err))
		(void)FAIL(key, "unknown key \"%s\"; allowed here: %s",
			key->text, allowed.data);
	buf_clear(&allowed);
	return false;
}

static bool check_keys(struct reading *in, const struct doc *map,
	const struct field *fields, size_t count)
{
	for (size_t i = 0; i < map->count; i += 2) {
		size_t k = 0;

		while (k < count &&
			strcmp(fields[k].name, map->items[i].text) != 0)
			k++;
		if (k == count)
			return unknown_key(in, &map->items[i], fields, count);
	}
	return true;
}

static bool read_fields(struct reading *in, const struct doc *map,
	const struct field *fields, size_t count, void *to)
{
	if (!expect(in, map, DOC_MAP, "{ name: id, type: text }") ||
		!check_keys(in, map, fields, count))
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct field *field = &fields[i];
		const struct doc *value = doc_get(map, field->name);

		if (value == NULL && field->required)
			return FAIL(map, "the key \"%s\" is missing here",
				field->name);
		if (value != NULL &&
			!field->read(in, value, (char *)to + field->offset))
			return false;
	}
	return true;
}

#define FIELDS(fields) (fields), sizeof(fields) / sizeof((fields)[0])

/* -- single values ------------------------------------------------------ */

static bool is_name(const char *text, size_t max)
{
	const size_t len = strspn(text,
		"abcdefghijklmnopqrstuvwxyz0123456789_");

	return text[0] >= 'a' && text[0] <= 'z' && text[len] == '\0' &&
		len <= max;
}

static bool check_name(struct reading *in, const struct doc *at,
	const char *text, size_t max)
{
	return is_name(text, max) || FAIL(at, "\"%s\" is not a name: a small "
		"letter, then small letters, digits and _, at most %zu in all",
		text, max);
}

static bool copy_text(struct reading *in, const char *text, char **to)
{
	*to = strdup(text);
	return *to != NULL || err_memory(in->err);
}

static bool read_name(struct reading *in, const struct doc *value, void *to)
{
	return expect(in, value, DOC_TEXT, "events") &&
		check_name(in, value, value->text, NAME_MAX_BYTES) &&
		copy_text(in, value->text, to);
}

static bool read_bool(struct reading *in, const struct doc *value, void *to)
{
	bool *flag = to;

	if (!expect(in, value, DOC_TEXT, "true"))
		return false;
	*flag = strcmp(value->text, "true") == 0;
	return *flag || strcmp(value->text, "false") == 0 ||
		FAIL(value, "this must be true or false");
}

static bool read_amount(struct reading *in, const struct doc *value,
	enum unit unit, int64_t max, int64_t *to)
{
	if (!expect(in, value, DOC_TEXT, "100"))
		return false;
	return (units_parse(value->text, unit, to) && *to > 0 && *to <= max) ||
		FAIL(value, "this must be %s, from 1 to %lld",
			units_example(unit), (long long)max);
}

static bool read_length(struct reading *in, const struct doc *value, void *to)
{
	int64_t length = 0;

	if (!read_amount(in, value, UNIT_COUNT, TEXT_MAX_LENGTH, &length))
		return false;
	*(size_t *)to = (size_t)length;
	return true;
}

static bool read_chunk_records(struct reading *in, const struct doc *value,
	void *to)
{
	return read_amount(in, value, UNIT_COUNT, CHUNK_RECORDS_MAX, to);
}

static bool read_chunk_bytes(struct reading *in, const struct doc *value,
	void *to)
{
	return read_amount(in, value, UNIT_BYTES, CHUNK_BYTES_MAX, to);
}

/* One of several words; *at is its place. */
static bool read_word(struct reading *in, const struct doc *value,
	const char *const *words, size_t *at)
{
	struct buf all = { 0 };

	if (!expect(in, value, DOC_TEXT, words[0]))
		return false;
	for (*at = 0; words[*at] != NULL; ++*at)
		if (strcmp(words[*at], value->text) == 0)
			return true;
	for (size_t i = 0; words[i] != NULL; i++)
		if (!buf_printf(&all, in->err, "%s%s", i > 0 ? ", " : "",
			    words[i]))
			goto out;
	(void)FAIL(value, "\"%s\" is not allowed here; allowed: %s",
		value->text, all.data);
out:
	buf_clear(&all);
	return false;
}

static bool read_type(struct reading *in, const struct doc *value, void *to)
{
	const char *words[COLUMN_JSON + 2] = { NULL };
	size_t at;

	for (size_t i = 0; i <= COLUMN_JSON; i++)
		words[i] = column_type_name((enum column_type)i);
	if (!read_word(in, value, words, &at))
		return false;
	*(enum column_type *)to = (enum column_type)at;
	return true;
}

static bool read_unknown(struct reading *in, const struct doc *value,
	void *to)
{
	static const char *const words[] = {
		[UNKNOWN_IGNORE] = "ignore",
		[UNKNOWN_KEEP] = "keep",
		[UNKNOWN_REJECT] = "reject",
		NULL,
	};
	size_t at;

	if (!read_word(in, value, words, &at))
		return false;
	*(enum unknown_rule *)to = (enum unknown_rule)at;
	return true;
}

static bool read_duplicates(struct reading *in, const struct doc *value,
	void *to)
{
	static const char *const words[] = {
		[DUPLICATES_LOAD] = "load",
		[DUPLICATES_SKIP] = "skip",
		NULL,
	};
	size_t at;

	if (!read_word(in, value, words, &at))
		return false;
	*(enum duplicate_rule *)to = (enum duplicate_rule)at;
	return true;
}

/* A number and a word: "30d", "100 loads". */
static bool parse_keep(const char *text, struct dataset *dataset)
{
	const char *end = text + strspn(text, "0123456789");
	char digits[20] = "";

	if (end == text || (size_t)(end - text) >= sizeof(digits))
		return false;
	memcpy(digits, text, (size_t)(end - text));
	while (*end == ' ')
		end++;
	if (strcmp(end, "d") == 0 || strcmp(end, "days") == 0)
		dataset->delta_keep = KEEP_DAYS;
	else if (strcmp(end, "loads") == 0 || strcmp(end, "load") == 0)
		dataset->delta_keep = KEEP_LOADS;
	else
		return false;
	return units_parse(digits, UNIT_COUNT, &dataset->delta_keep_count) &&
		dataset->delta_keep_count >= 1 &&
		dataset->delta_keep_count <= 1000000000;
}

static bool read_keep(struct reading *in, const struct doc *value, void *to)
{
	if (!expect(in, value, DOC_TEXT, "all"))
		return false;
	return strcmp(value->text, "all") == 0 ||
		parse_keep(value->text, to) || FAIL(value,
			"\"%s\" is not allowed here; allowed: all, a number of "
			"days (30d), a number of loads (100 loads)",
			value->text);
}

/* -- lists -------------------------------------------------------------- */

/* One slot a list item; zeroed. */
static bool reserve(struct reading *in, size_t count, size_t size, void *to)
{
	void *slots = calloc(count > 0 ? count : 1, size);

	memcpy(to, &slots, sizeof(slots));
	return slots != NULL || err_memory(in->err);
}

static bool check_directory(struct reading *in, const struct doc *at)
{
	const char *text = at->text;
	const char *step = text;
	const size_t first = strcspn(text, "/");

	if (strlen(text) > 200)
		return FAIL(at, "a directory's name is at most 200 bytes");
	if ((first == 9 && strncmp(text, "processed", 9) == 0) ||
		(first == 6 && strncmp(text, "failed", 6) == 0))
		return FAIL(at, "\"processed\" and \"failed\" are where files "
			"go to; choose another directory");
	for (;;) {
		const size_t len = strspn(step, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"abcdefghijklmnopqrstuvwxyz0123456789_-.");

		if (len == 0 || *step == '.' ||
			(step[len] != '/' && step[len] != '\0'))
			return FAIL(at, "\"%s\" is not a directory below "
				"raw_dir: letters, digits, _ - and . (not "
				"first), / between folders", text);
		if (step[len] == '\0')
			return true;
		step += len + 1;
	}
}

static bool read_directory(struct reading *in, const struct doc *value,
	void *to)
{
	return expect(in, value, DOC_TEXT, "events") &&
		check_directory(in, value) && copy_text(in, value->text, to);
}

static bool add_pattern(struct reading *in, const struct doc *at,
	struct dataset *dataset)
{
	const bool ok = at->type == DOC_TEXT && at->text[0] != '\0' &&
		strlen(at->text) <= 200 && strchr(at->text, '/') == NULL;

	if (!ok)
		return FAIL(at, "this must be a pattern of file names, without "
			"/, e.g. \"*.json\"");
	return copy_text(in, at->text,
		&dataset->patterns[dataset->pattern_count++]);
}

/* One pattern, or a list. */
static bool read_patterns(struct reading *in, const struct doc *value,
	void *to)
{
	struct dataset *dataset = to;

	if (value->type == DOC_TEXT)
		return reserve(in, 1, sizeof(char *), &dataset->patterns) &&
			add_pattern(in, value, dataset);
	if (!expect(in, value, DOC_LIST, "[\"*.json\", \"*.json.gz\"]"))
		return false;
	if (value->count == 0 || value->count > 100)
		return FAIL(value, "from 1 to 100 patterns");
	if (!reserve(in, value->count, sizeof(char *), &dataset->patterns))
		return false;
	for (size_t i = 0; i < value->count; i++)
		if (!add_pattern(in, &value->items[i], dataset))
			return false;
	return true;
}

static bool default_patterns(struct reading *in, struct dataset *dataset)
{
	static const char *const names[] = {
		"*.json", "*.json.gz", "*.json.zst",
		"*.ndjson", "*.ndjson.gz", "*.ndjson.zst",
		"*.jsonl", "*.jsonl.gz", "*.jsonl.zst",
	};
	const size_t count = sizeof(names) / sizeof(names[0]);

	if (!reserve(in, count, sizeof(char *), &dataset->patterns))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!copy_text(in, names[i],
			    &dataset->patterns[dataset->pattern_count++]))
			return false;
	return true;
}

static bool read_source(struct reading *in, const struct doc *value, void *to)
{
	static const struct field fields[] = {
		{ "directory", read_directory,
			offsetof(struct dataset, directory), true },
		{ "pattern", read_patterns, 0, false },
		{ "duplicates", read_duplicates,
			offsetof(struct dataset, duplicates), false },
		{ "chunk_records", read_chunk_records,
			offsetof(struct dataset, chunk_records), false },
		{ "chunk_bytes", read_chunk_bytes,
			offsetof(struct dataset, chunk_bytes), false },
	};
	struct dataset *dataset = to;

	if (!expect(in, value, DOC_MAP, "{ directory: events }") ||
		!read_fields(in, value, FIELDS(fields), dataset))
		return false;
	return dataset->patterns != NULL || default_patterns(in, dataset);
}

/* "raw.events", or "events" in schema raw. */
static bool read_table(struct reading *in, const struct doc *value, void *to)
{
	struct dataset *dataset = to;
	char schema[NAME_MAX_BYTES + 1] = "raw";
	const char *dot, *table;

	if (!expect(in, value, DOC_TEXT, "raw.events"))
		return false;
	dot = strchr(value->text, '.');
	table = dot != NULL ? dot + 1 : value->text;
	if (dot != NULL) {
		const size_t len = (size_t)(dot - value->text);

		if (len == 0 || len >= sizeof(schema))
			return FAIL(value, "this must be <schema>.<table>, "
				"e.g. raw.events");
		memcpy(schema, value->text, len);
		schema[len] = '\0';
	}
	if (strcmp(schema, "meta") == 0 || strcmp(schema, "modelled") == 0 ||
		strcmp(schema, "information_schema") == 0 ||
		strncmp(schema, "pg_", 3) == 0)
		return FAIL(value, "the schema %s is taken; use raw.%s",
			schema, table);
	return check_name(in, value, schema, NAME_MAX_BYTES) &&
		check_name(in, value, table, TABLE_MAX_BYTES) &&
		copy_text(in, schema, &dataset->schema) &&
		copy_text(in, table, &dataset->table);
}

/* -- JSON Pointers ------------------------------------------------------ */

/* Decodes one step, ~1 for / and ~0 for ~; NULL when ~ is followed by
 * something else, or out of memory (*memory). */
static char *decode_step(const char *text, size_t len, bool *memory)
{
	char *step = malloc(len + 1);
	size_t n = 0;

	*memory = step == NULL;
	for (size_t i = 0; step != NULL && i < len; i++) {
		char c = text[i];

		if (c == '~') {
			i++;
			if (i == len || (text[i] != '0' && text[i] != '1')) {
				free(step);
				return NULL;
			}
			c = text[i] == '0' ? '~' : '/';
		}
		step[n++] = c;
	}
	if (step != NULL)
		step[n] = '\0';
	return step;
}

/* steps has room for STEPS_MAX. */
static bool parse_pointer(struct reading *in, const struct doc *at,
	char **steps, size_t *count)
{
	const char *text = at->text;

	if (*text != '/' && *text != '\0')
		return FAIL(at, "\"%s\" is not a JSON Pointer: it begins with "
			"/, e.g. /company/name", text);
	while (*text == '/') {
		const size_t len = strcspn(++text, "/");
		bool memory;

		if (*count == STEPS_MAX)
			return FAIL(at, "a JSON Pointer of more than %d steps",
				STEPS_MAX);
		steps[*count] = decode_step(text, len, &memory);
		if (steps[*count] == NULL)
			return memory ? err_memory(in->err) : FAIL(at, "in a "
				"JSON Pointer only ~0 (for ~) and ~1 (for /) "
				"may follow ~");
		++*count;
		text += len;
	}
	return true;
}

static bool read_path(struct reading *in, const struct doc *value, void *to)
{
	struct column *column = to;

	return expect(in, value, DOC_TEXT, "/company/name") &&
		reserve(in, STEPS_MAX, sizeof(char *), &column->path) &&
		parse_pointer(in, value, column->path, &column->path_len);
}

static bool read_each(struct reading *in, const struct doc *value, void *to)
{
	struct dataset *dataset = to;

	if (!expect(in, value, DOC_LIST, "[/author, /committer]"))
		return false;
	if (value->count == 0 || value->count > 100)
		return FAIL(value, "from 1 to 100 JSON Pointers");
	if (!reserve(in, value->count, sizeof(char **), &dataset->each))
		return false;
	for (size_t i = 0; i < value->count; i++) {
		const struct doc *item = &value->items[i];
		size_t steps = 0;

		if (!expect(in, item, DOC_TEXT, "/author") ||
			!reserve(in, STEPS_MAX + 1, sizeof(char *),
				&dataset->each[dataset->each_count++]) ||
			!parse_pointer(in, item, dataset->each[i], &steps))
			return false;
	}
	return true;
}

/* -- columns ------------------------------------------------------------ */

static bool default_path(struct reading *in, struct column *column)
{
	if (!reserve(in, 1, sizeof(char *), &column->path) ||
		!copy_text(in, column->name, &column->path[0]))
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
	return read_name(in, value, to);
}

static bool read_column(struct reading *in, const struct doc *value,
	struct column *column)
{
	static const struct field fields[] = {
		{ "name", read_column_name, offsetof(struct column, name),
			true },
		{ "type", read_type, offsetof(struct column, type), true },
		{ "from", read_path, 0, false },
		{ "required", read_bool, offsetof(struct column, required),
			false },
		{ "max_length", read_length,
			offsetof(struct column, max_length), false },
		{ "empty_as_null", read_bool,
			offsetof(struct column, empty_as_null), false },
		{ "coerce", read_bool, offsetof(struct column, coerce),
			false },
	};

	if (!read_fields(in, value, FIELDS(fields), column))
		return false;
	if (column->path == NULL && !default_path(in, column))
		return false;
	return check_column(in, value, column);
}

static size_t find_column(const struct dataset *dataset, const char *name)
{
	for (size_t i = 0; i < dataset->column_count; i++)
		if (strcmp(dataset->columns[i].name, name) == 0)
			return i;
	return COLUMN_NONE;
}

static bool read_columns(struct reading *in, const struct doc *value,
	void *to)
{
	struct dataset *dataset = to;

	if (!expect(in, value, DOC_LIST, "- { name: id, type: text }"))
		return false;
	if (value->count == 0 || value->count > COLUMNS_MAX)
		return FAIL(value, "from 1 to %d columns", COLUMNS_MAX);
	if (!reserve(in, value->count, sizeof(*dataset->columns),
		    &dataset->columns))
		return false;
	for (size_t i = 0; i < value->count; i++) {
		struct column *column = &dataset->columns[i];

		/* counted only once read: find_column needs the names */
		if (!read_column(in, &value->items[i], column)) {
			dataset->column_count++;
			return false;
		}
		if (find_column(dataset, column->name) != COLUMN_NONE) {
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

	if (!expect(in, value, DOC_TEXT, "received_at"))
		return false;
	*at = find_column(dataset, value->text);
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

static bool read_keys(struct reading *in, const struct doc *value, void *to)
{
	struct dataset *dataset = to;

	if (value->type == DOC_TEXT)
		return reserve(in, 1, sizeof(size_t), &dataset->keys) &&
			read_key_column(in, value, dataset);
	if (!expect(in, value, DOC_LIST, "[id, received_at]"))
		return false;
	if (value->count == 0 || value->count > KEYS_MAX)
		return FAIL(value, "from 1 to %d key columns", KEYS_MAX);
	if (!reserve(in, value->count, sizeof(size_t), &dataset->keys))
		return false;
	for (size_t i = 0; i < value->count; i++)
		if (!read_key_column(in, &value->items[i], dataset))
			return false;
	return true;
}

static bool read_newest(struct reading *in, const struct doc *value, void *to)
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

static bool read_date(struct reading *in, const struct doc *value, void *to)
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

/* -- datasets ----------------------------------------------------------- */

static bool check_dataset(struct reading *in, const struct doc *map,
	const struct dataset *dataset)
{
	const struct doc *source = doc_get(map, "source");
	const struct doc *each = doc_get(map, "each");
	const size_t extra = find_column(dataset, "extra");

	if (dataset->from == NULL && source == NULL)
		return FAIL(map, "a dataset needs `source: { directory: ... }`, "
			"or `from` and `each` when it is made out of another");
	if (dataset->from != NULL && source != NULL)
		return FAIL(source, "a dataset has either `source` or `from`");
	if (dataset->from != NULL && each == NULL)
		return FAIL(map, "`from` needs `each`, e.g. "
			"each: [/author, /committer]");
	if (dataset->from == NULL && each != NULL)
		return FAIL(each, "`each` goes with `from`");
	if (dataset->unknown == UNKNOWN_KEEP && extra != COLUMN_NONE)
		return FAIL(&doc_get(map, "columns")->items[extra], "with "
			"`unknown: keep` the column \"extra\" is Sluice's own; "
			"rename this one");
	return true;
}

static bool read_dataset(struct reading *in, const struct doc *name,
	const struct doc *value, struct dataset *dataset)
{
	static const struct field fields[] = {
		{ "source", read_source, 0, false },
		{ "from", read_name, offsetof(struct dataset, from), false },
		{ "each", read_each, 0, false },
		{ "table", read_table, 0, true },
		{ "columns", read_columns, 0, true },
		{ "key", read_keys, 0, true },
		{ "newest", read_newest, 0, false },
		{ "date", read_date, 0, false },
		{ "delta_keep", read_keep, 0, false },
		{ "unknown", read_unknown, offsetof(struct dataset, unknown),
			false },
	};

	dataset->pipeline = in->pipeline;
	dataset->newest = COLUMN_NONE;
	dataset->date = COLUMN_NONE;
	return read_name(in, name, &dataset->name) &&
		read_fields(in, value, FIELDS(fields), dataset) &&
		check_dataset(in, value, dataset);
}

/* `from` names another dataset of this file that is itself read from files:
 * one level keeps counters and ledger plain. */
static bool check_from(struct reading *in, const struct doc *value,
	const struct dataset *dataset)
{
	const struct dataset *parent;

	if (dataset->from == NULL)
		return true;
	parent = dataset_find(in->pipeline, dataset->from);
	if (parent == NULL || parent->from != NULL)
		return FAIL(doc_get(value, "from"), "\"%s\" is not a dataset "
			"of this file with a `source` of its own",
			dataset->from);
	return true;
}

static bool read_datasets(struct reading *in, const struct doc *value,
	void *to)
{
	struct pipeline *pipeline = to;
	const size_t count = value->count / 2;

	if (!expect(in, value, DOC_MAP, "events: { ... }"))
		return false;
	if (count == 0 || count > 200)
		return FAIL(value, "from 1 to 200 datasets");
	if (!reserve(in, count, sizeof(*pipeline->datasets),
		    &pipeline->datasets))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!read_dataset(in, &value->items[2 * i],
			    &value->items[2 * i + 1],
			    &pipeline->datasets[pipeline->dataset_count++]))
			return false;
	for (size_t i = 0; i < count; i++)
		if (!check_from(in, &value->items[2 * i + 1],
			    &pipeline->datasets[i]))
			return false;
	return true;
}

/* -- models, tests, the whole ------------------------------------------- */

static bool read_models(struct reading *in, const struct doc *value, void *to)
{
	struct pipeline *pipeline = to;

	if (!expect(in, value, DOC_LIST, "[events_by_date] or []"))
		return false;
	if (value->count > 500)
		return FAIL(value, "at most 500 models");
	if (!reserve(in, value->count, sizeof(char *), &pipeline->models))
		return false;
	for (size_t i = 0; i < value->count; i++) {
		const struct doc *item = &value->items[i];

		if (!read_name(in, item, &pipeline->models[i]))
			return false;
		pipeline->model_count++;
		for (size_t k = 0; k < i; k++)
			if (strcmp(pipeline->models[k], item->text) == 0)
				return FAIL(item, "the model \"%s\" stands "
					"here twice", item->text);
	}
	return true;
}

static bool read_test_table(struct reading *in, const struct doc *value,
	void *to)
{
	const char *dot;
	char schema[NAME_MAX_BYTES + 1] = "";

	if (!expect(in, value, DOC_TEXT, "raw.events"))
		return false;
	dot = strchr(value->text, '.');
	if (dot == NULL || (size_t)(dot - value->text) >= sizeof(schema))
		return FAIL(value, "this must be <schema>.<table>, e.g. "
			"raw.events or modelled.fact_events");
	memcpy(schema, value->text, (size_t)(dot - value->text));
	return check_name(in, value, schema, NAME_MAX_BYTES) &&
		check_name(in, value, dot + 1, NAME_MAX_BYTES) &&
		copy_text(in, value->text, to);
}

static bool read_test(struct reading *in, const struct doc *value,
	struct pipeline_test *test)
{
	static const struct field fields[] = {
		{ "table", read_test_table,
			offsetof(struct pipeline_test, table), true },
		{ "column", read_name, offsetof(struct pipeline_test, column),
			false },
		{ "test", read_name, offsetof(struct pipeline_test, test),
			true },
	};

	test->line = value->line;
	return read_fields(in, value, FIELDS(fields), test);
}

static bool read_tests(struct reading *in, const struct doc *value, void *to)
{
	struct pipeline *pipeline = to;

	if (!expect(in, value, DOC_LIST,
		    "- { table: raw.events, column: id, test: not_null }"))
		return false;
	if (!reserve(in, value->count, sizeof(*pipeline->tests),
		    &pipeline->tests))
		return false;
	for (size_t i = 0; i < value->count; i++)
		if (!read_test(in, &value->items[i],
			    &pipeline->tests[pipeline->test_count++]))
			return false;
	return true;
}

/* "dead" and "tap" would make queues that are named like others. */
static bool read_pipeline_name(struct reading *in, const struct doc *value,
	void *to)
{
	if (value->type == DOC_TEXT && (strcmp(value->text, "dead") == 0 ||
		    strcmp(value->text, "tap") == 0))
		return FAIL(value, "\"%s\" is taken by a queue of Sluice's own;"
			" choose another name", value->text);
	return read_name(in, value, to);
}

static bool read_root(struct reading *in, const struct doc *root)
{
	static const struct field fields[] = {
		{ "pipeline", read_pipeline_name,
			offsetof(struct pipeline, name), true },
		{ "datasets", read_datasets, 0, true },
		{ "models", read_models, 0, false },
		{ "tests", read_tests, 0, false },
	};

	return copy_text(in, in->file, &in->pipeline->file) &&
		read_fields(in, root, FIELDS(fields), in->pipeline);
}

static bool read_tree(struct doc *root, const char *file,
	struct pipeline *pipeline, struct err *err)
{
	struct reading in = { .file = file, .pipeline = pipeline, .err = err };
	bool ok;

	*pipeline = (struct pipeline){ .name = NULL };
	if (root == NULL)
		return false;
	ok = read_root(&in, root);
	if (!ok)
		pipeline_clear(pipeline);
	doc_free(root);
	return ok;
}

bool pipeline_parse(const char *text, size_t len, const char *file,
	struct pipeline *pipeline, struct err *err)
{
	return read_tree(doc_parse(text, len, file, err), file, pipeline, err);
}

bool pipeline_read(const char *file, struct pipeline *pipeline,
	struct err *err)
{
	return read_tree(doc_read(file, err), file, pipeline, err);
}
