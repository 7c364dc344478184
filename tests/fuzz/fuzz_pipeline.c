/* fuzz_pipeline.c - any text is a pipeline that keeps its promises, or is
 * refused with place and exit code. */
#include "common/pipeline.h"

#include <stdlib.h>
#include <string.h>

#define CHECK(claim) \
	do { \
		if (!(claim)) \
			abort(); \
	} while (0)

static bool is_name(const char *name, size_t max)
{
	const size_t len = strspn(name,
		"abcdefghijklmnopqrstuvwxyz0123456789_");

	return name[0] >= 'a' && name[0] <= 'z' && name[len] == '\0' &&
		len <= max;
}

static void check_columns(const struct dataset *dataset)
{
	CHECK(dataset->column_count > 0);
	for (size_t i = 0; i < dataset->column_count; i++) {
		const struct column *column = &dataset->columns[i];

		CHECK(is_name(column->name, 51));
		CHECK(column->path_len > 0 || column->type == COLUMN_JSON);
		for (size_t k = 0; k < column->path_len; k++)
			CHECK(column->path[k] != NULL);
		CHECK(!column->key || column->required);
	}
}

static void check_dataset(const struct pipeline *pipeline,
	const struct dataset *dataset)
{
	CHECK(dataset->pipeline == pipeline);
	CHECK(is_name(dataset->name, 51));
	CHECK(is_name(dataset->schema, 51));
	CHECK(is_name(dataset->table, 48));
	CHECK((dataset->from == NULL) == (dataset->directory != NULL));
	if (dataset->directory != NULL) {
		CHECK(dataset->directory[0] != '/');
		CHECK(strstr(dataset->directory, "..") == NULL ||
			dataset->directory[0] != '.');
		CHECK(dataset->pattern_count > 0);
	} else {
		CHECK(dataset->each_count > 0);
		CHECK(dataset_find(pipeline, dataset->from) != dataset);
	}
	check_columns(dataset);
	CHECK(dataset->key_count > 0);
	for (size_t i = 0; i < dataset->key_count; i++)
		CHECK(dataset->columns[dataset->keys[i]].key);
	CHECK(dataset->newest == COLUMN_NONE ||
		dataset->newest < dataset->column_count);
	CHECK(dataset->date == COLUMN_NONE ||
		dataset->date < dataset->column_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pipeline pipeline;
	struct err err = { 0 };

	if (!pipeline_parse((const char *)data, size, "p.yaml", &pipeline,
		    &err)) {
		CHECK(err.kind == ERR_STOP && err.exit_code == EXIT_CONFIG);
		CHECK(strncmp(err.text, "p.yaml:", 7) == 0);
		CHECK(pipeline.datasets == NULL);
		return 0;
	}
	CHECK(is_name(pipeline.name, 51));
	for (size_t i = 0; i < pipeline.dataset_count; i++)
		check_dataset(&pipeline, &pipeline.datasets[i]);
	for (size_t i = 0; i < pipeline.model_count; i++)
		CHECK(is_name(pipeline.models[i], 51));
	pipeline_clear(&pipeline);
	return 0;
}
