/* pipeline_read.c - a pipeline file becomes structs, or an error that says
 * where and what is allowed. */
#include "common/pipeline.h"

#include "common/pipeline_api.h"
#include "common/pipeline_column.h"
#include "common/pipeline_report.h"
#include "common/pipeline_test.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_MAX_BYTES 48     /* <table>_delta_YYYYMMDD must fit 63 */
#define CHUNK_RECORDS_MAX 100000
#define CHUNK_BYTES_MAX (16 << 20)

/* -- where records come from -------------------------------------------- */

static bool read_chunk_records(struct reading *in, const struct doc *value,
	void *to)
{
	return field_read_amount(in, value, UNIT_COUNT, CHUNK_RECORDS_MAX, to);
}

static bool read_chunk_bytes(struct reading *in, const struct doc *value,
	void *to)
{
	return field_read_amount(in, value, UNIT_BYTES, CHUNK_BYTES_MAX, to);
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

	if (!field_read_word(in, value, words, &at))
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

	if (!field_read_word(in, value, words, &at))
		return false;
	*(enum duplicate_rule *)to = (enum duplicate_rule)at;
	return true;
}

static bool read_wins(struct reading *in, const struct doc *value, void *to)
{
	static const char *const words[] = {
		[WINS_LAST] = "last",
		[WINS_FIRST] = "first",
		NULL,
	};
	size_t at;

	if (!field_read_word(in, value, words, &at))
		return false;
	*(enum winner *)to = (enum winner)at;
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
	if (!field_expect(in, value, DOC_TEXT, "all"))
		return false;
	return strcmp(value->text, "all") == 0 ||
		parse_keep(value->text, to) || FAIL(value,
			"\"%s\" is not allowed here; allowed: all, a number of "
			"days (30d), a number of loads (100 loads)",
			value->text);
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
	return field_expect(in, value, DOC_TEXT, "events") &&
		check_directory(in, value) && field_copy(in, value->text, to);
}

static bool add_pattern(struct reading *in, const struct doc *at,
	struct dataset *dataset)
{
	const bool ok = at->type == DOC_TEXT && at->text[0] != '\0' &&
		strlen(at->text) <= 200 && strchr(at->text, '/') == NULL;

	if (!ok)
		return FAIL(at, "this must be a pattern of file names, without "
			"/, e.g. \"*.json\"");
	return field_copy(in, at->text,
		&dataset->patterns[dataset->pattern_count++]);
}

/* One pattern, or a list. */
static bool read_patterns(struct reading *in, const struct doc *value,
	void *to)
{
	struct dataset *dataset = to;

	if (value->type == DOC_TEXT)
		return field_reserve(in, 1, sizeof(char *),
			       &dataset->patterns) &&
			add_pattern(in, value, dataset);
	if (!field_expect(in, value, DOC_LIST, "[\"*.json\", \"*.json.gz\"]"))
		return false;
	if (value->count == 0 || value->count > 100)
		return FAIL(value, "from 1 to 100 patterns");
	if (!field_reserve(in, value->count, sizeof(char *),
		    &dataset->patterns))
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

	if (!field_reserve(in, count, sizeof(char *), &dataset->patterns))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!field_copy(in, names[i],
			    &dataset->patterns[dataset->pattern_count++]))
			return false;
	return true;
}

/* Where the answers of an endpoint are claimed when nothing else is said. */
static bool api_directory(struct reading *in, struct dataset *dataset)
{
	struct buf name = { 0 };
	const bool ok = buf_printf(&name, in->err, "api/%s/%s",
		in->pipeline->name, dataset->name);

	dataset->directory = ok ? buf_take(&name) : NULL;
	buf_clear(&name);
	return ok;
}

static bool read_source(struct reading *in, const struct doc *value, void *to)
{
	static const struct field fields[] = {
		{ "directory", read_directory,
			offsetof(struct dataset, directory), false },
		{ "api", pipeline_api_read, 0, false },
		{ "pattern", read_patterns, 0, false },
		{ "records", column_read_records,
			offsetof(struct dataset, records), false },
		{ "duplicates", read_duplicates,
			offsetof(struct dataset, duplicates), false },
		{ "chunk_records", read_chunk_records,
			offsetof(struct dataset, chunk_records), false },
		{ "chunk_bytes", read_chunk_bytes,
			offsetof(struct dataset, chunk_bytes), false },
	};
	struct dataset *dataset = to;

	if (!field_expect(in, value, DOC_MAP, "{ directory: events }") ||
		!field_read_map(in, value, FIELDS(fields), dataset))
		return false;
	if (dataset->directory == NULL && dataset->api == NULL)
		return FAIL(value, "the key \"directory\" is missing here, or "
			"`api:` for what is polled");
	if (dataset->directory == NULL && !api_directory(in, dataset))
		return false;
	return dataset->patterns != NULL || default_patterns(in, dataset);
}

/* "raw.events", or "events" in schema raw. */
static bool read_table(struct reading *in, const struct doc *value, void *to)
{
	struct dataset *dataset = to;
	char schema[FIELD_NAME_MAX + 1] = "raw";
	const char *dot, *table;

	if (!field_expect(in, value, DOC_TEXT, "raw.events"))
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
	return field_check_name(in, value, schema, FIELD_NAME_MAX) &&
		field_check_name(in, value, table, TABLE_MAX_BYTES) &&
		field_copy(in, schema, &dataset->schema) &&
		field_copy(in, table, &dataset->table);
}

/* -- datasets ----------------------------------------------------------- */

static bool check_dataset(struct reading *in, const struct doc *map,
	const struct dataset *dataset)
{
	const struct doc *source = doc_get(map, "source");
	const struct doc *each = doc_get(map, "each");
	const size_t extra = column_find(dataset, "extra");

	if (dataset->from == NULL && source == NULL)
		return FAIL(map, "a dataset needs `source: { directory: d }`, "
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
		{ "from", field_read_name, offsetof(struct dataset, from),
			false },
		{ "table", read_table, 0, true },
		{ "columns", column_read_list, 0, true },
		{ "each", column_read_each, 0, false },
		{ "key", column_read_keys, 0, true },
		{ "newest", column_read_newest, 0, false },
		{ "wins", read_wins, offsetof(struct dataset, wins), false },
		{ "date", column_read_date, 0, false },
		{ "delta_keep", read_keep, 0, false },
		{ "unknown", read_unknown, offsetof(struct dataset, unknown),
			false },
	};

	dataset->pipeline = in->pipeline;
	dataset->newest = COLUMN_NONE;
	dataset->date = COLUMN_NONE;
	return field_read_name(in, name, &dataset->name) &&
		field_read_map(in, value, FIELDS(fields), dataset) &&
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

	if (!field_expect(in, value, DOC_MAP, "events: { ... }"))
		return false;
	if (count == 0 || count > 200)
		return FAIL(value, "from 1 to 200 datasets");
	if (!field_reserve(in, count, sizeof(*pipeline->datasets),
		    &pipeline->datasets))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!read_dataset(in, &value->items[2 * i],
			    &value->items[2 * i + 1],
			    &pipeline->datasets[pipeline->dataset_count++]))
			return false;
	for (size_t i = 0; i < count; i++)
		if (!check_from(in, &value->items[2 * i + 1],
			    &pipeline->datasets[i]) ||
			!pipeline_api_check(in, doc_get(
				&value->items[2 * i + 1], "source"),
				&pipeline->datasets[i]))
			return false;
	return true;
}

/* -- models, tests, the whole ------------------------------------------- */

static bool read_models(struct reading *in, const struct doc *value, void *to)
{
	struct pipeline *pipeline = to;

	if (!field_expect(in, value, DOC_LIST, "[events_by_date] or []"))
		return false;
	if (value->count > 500)
		return FAIL(value, "at most 500 models");
	if (!field_reserve(in, value->count, sizeof(char *), &pipeline->models))
		return false;
	for (size_t i = 0; i < value->count; i++) {
		const struct doc *item = &value->items[i];

		if (!field_read_name(in, item, &pipeline->models[i]))
			return false;
		pipeline->model_count++;
		for (size_t k = 0; k < i; k++)
			if (strcmp(pipeline->models[k], item->text) == 0)
				return FAIL(item, "the model \"%s\" stands "
					"here twice", item->text);
	}
	return true;
}

static bool read_tests(struct reading *in, const struct doc *value, void *to)
{
	struct pipeline *pipeline = to;

	if (!field_expect(in, value, DOC_LIST,
		    "- { table: raw.events, column: id, test: not_null }"))
		return false;
	if (value->count > 500)
		return FAIL(value, "at most 500 tests");
	if (!field_reserve(in, value->count, sizeof(*pipeline->tests),
		    &pipeline->tests))
		return false;
	for (size_t i = 0; i < value->count; i++) {
		struct pipeline_test *test = &pipeline->tests[i];

		pipeline->test_count++;
		if (!pipeline_test_read(in, &value->items[i], test))
			return false;
		for (size_t k = 0; k < i; k++)
			if (strcmp(pipeline->tests[k].name, test->name) == 0)
				return FAIL(&value->items[i], "another test is "
					"named \"%s\": give one a name: of its "
					"own", test->name);
	}
	return true;
}

static bool read_reports(struct reading *in, const struct doc *value, void *to)
{
	struct pipeline *pipeline = to;

	if (!field_expect(in, value, DOC_LIST,
		    "- { file: totals.csv, model: totals }"))
		return false;
	if (value->count > 200)
		return FAIL(value, "at most 200 reports");
	if (!field_reserve(in, value->count, sizeof(*pipeline->reports),
		    &pipeline->reports))
		return false;
	for (size_t i = 0; i < value->count; i++) {
		struct pipeline_report *report = &pipeline->reports[i];

		pipeline->report_count++;
		if (!pipeline_report_read(in, &value->items[i], report))
			return false;
		for (size_t k = 0; k < i; k++)
			if (strcmp(pipeline->reports[k].name, report->name) ==
				0)
				return FAIL(&value->items[i], "another report "
					"is named \"%s\": give one a name: of "
					"its own", report->name);
	}
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
	return field_read_name(in, value, to);
}

static bool read_root(struct reading *in, const struct doc *root)
{
	static const struct field fields[] = {
		{ "pipeline", read_pipeline_name,
			offsetof(struct pipeline, name), true },
		{ "datasets", read_datasets, 0, true },
		{ "models", read_models, 0, false },
		{ "tests", read_tests, 0, false },
		{ "reports", read_reports, 0, false },
	};

	return field_copy(in, in->file, &in->pipeline->file) &&
		field_read_map(in, root, FIELDS(fields), in->pipeline);
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
