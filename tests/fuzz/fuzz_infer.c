/* fuzz_infer.c - whatever the records are: what is proposed for them is a
 * pipeline file, they fit it, and nothing differs between both; but for what
 * no column could hold. */
#include "cli/infer.h"
#include "common/rowmap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(claim)             \
	do {                     \
		if (!(claim))    \
			abort(); \
	} while (0)

#define RECORDS_MAX 64

struct record {
	const char *text;
	size_t len;
};

struct records {
	struct record items[RECORDS_MAX];
	size_t count;
};

/* The objects of the text, one behind the other, up to what is none. */
static void split(const char *text, size_t len, struct records *records)
{
	struct json_fault fault;
	size_t at = 0, end;

	records->count = 0;
	while (records->count < RECORDS_MAX) {
		at += json_blanks(text + at, len - at);
		if (at == len || text[at] != '{' ||
			json_scan(text + at, len - at, true, &end, &fault) !=
				JSON_OK)
			return;
		records->items[records->count++] =
			(struct record){ text + at, end };
		at += end;
	}
}

/* What no column holds, and what a key that is a makeshift cannot name. */
static bool may_be_refused(const struct infer *infer,
	const struct row_fault *fault)
{
	static const char *const always[] = { "duplicate_key", "json_nul",
		"json_surrogate", "json_number", "key_too_long" };
	const struct infer_column *key = &infer->columns[infer->keys[0]];
	const struct sample_field *field = &infer->sample->fields[key->field];

	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
		if (strcmp(fault->code, always[i]) == 0)
			return true;
	return fault->column != NULL && fault->column->key &&
		(field->lacking.line != 0 || field->counts[SHAPE_EMPTY] > 0) &&
		(strcmp(fault->code, "missing") == 0 ||
			strcmp(fault->code, "null") == 0);
}

static void check_records(const struct infer *infer,
	const struct dataset *dataset, const struct records *records)
{
	struct err err = { 0 };
	struct rowmap *map = rowmap_new(dataset, &err);
	struct cell *cells;

	CHECK(map != NULL);
	cells = calloc(rowmap_width(map), sizeof(*cells));
	CHECK(cells != NULL);
	for (size_t i = 0; i < records->count; i++) {
		struct row_fault fault = { .code = "" };
		const enum row_status status = rowmap_record(map,
			records->items[i].text, records->items[i].len, cells,
			&fault, &err);

		CHECK(status == ROW_OK || (status == ROW_REJECT &&
			may_be_refused(infer, &fault)));
	}
	free(cells);
	rowmap_free(map);
}

/* A column says where its value stands as the member is called. */
static void check_column(const struct infer *infer,
	const struct column *column, size_t at)
{
	size_t field = infer->columns[at].field;

	CHECK(strcmp(column->name, infer->columns[at].name) == 0);
	CHECK(column->type == infer->columns[at].type);
	CHECK(column->required == infer->columns[at].required);
	CHECK(column->path_len == infer->sample->fields[field].depth);
	for (size_t i = column->path_len; i-- > 0;
		field = infer->sample->fields[field].parent)
		CHECK(strcmp(column->path[i],
			      infer->sample->fields[field].name) == 0);
}

static void check_compare(const struct infer *infer,
	const struct dataset *dataset)
{
	const unsigned none = 1U << SHAPE_UNSTORABLE | 1U << SHAPE_HUGE;
	struct infer_diff diff;
	struct err err;

	CHECK(infer_compare(dataset, infer->sample, &diff, &err));
	for (size_t i = 0; i < diff.count; i++) {
		const struct infer_difference *item = &diff.items[i];

		CHECK((item->change == CHANGE_TYPE &&
			      (item->shapes & ~none) == 0) ||
			(item->change == CHANGE_LACKING && item->column->key));
	}
	infer_diff_clear(&diff);
}

static void check_proposal(const struct infer *infer,
	const struct records *records)
{
	struct pipeline pipeline;
	struct buf text = { 0 };
	struct err err = { 0 };

	CHECK(infer_write(infer, "Fuzzed", &text, &err));
	CHECK(pipeline_parse(text.data, text.len, "p", &pipeline, &err));
	CHECK(pipeline.datasets[0].column_count == infer->count);
	for (size_t i = 0; i < infer->count; i++)
		check_column(infer, &pipeline.datasets[0].columns[i], i);
	check_records(infer, &pipeline.datasets[0], records);
	check_compare(infer, &pipeline.datasets[0]);
	pipeline_clear(&pipeline);
	buf_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const files[] = { "a/b.json" };
	const struct sample_input input = { files, 1, "", 1000 };
	char *text = malloc(size + 1);
	struct sample sample;
	struct infer infer = { 0 };
	struct records records;
	struct err err = { 0 };

	CHECK(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0'; /* strtod's */
	split(text, size, &records);
	CHECK(sample_init(&sample, &input, &err));
	for (size_t i = 0; i < records.count; i++)
		CHECK(sample_record(&sample, records.items[i].text,
			records.items[i].len,
			(struct sample_place){ 0, i + 1, i + 1 }, &err));
	if (infer_choose(&infer, &sample, NULL, &err))
		check_proposal(&infer, &records);
	else
		CHECK(err_exit_code(&err) == EXIT_DATA);
	infer_clear(&infer);
	sample_clear(&sample);
	free(text);
	return 0;
}
