/* cmd_pipeline.c - `sluice pipeline`: are the pipeline files right? */
#include "cli/args.h"
#include "cli/output.h"
#include "common/pipeline.h"
#include "consumer/models.h"
#include "consumer/reports.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FILES_MAX 1024

static void say_fine(const struct pipeline *pipeline)
{
	struct buf shown = { 0 };

	output_line("%s: pipeline %s, %zu dataset%s, %zu model%s: fine",
		output_escape(&shown, pipeline->file), pipeline->name,
		pipeline->dataset_count,
		pipeline->dataset_count == 1 ? "" : "s",
		pipeline->model_count, pipeline->model_count == 1 ? "" : "s");
	buf_clear(&shown);
}

/* The files that reports name. */
static bool check_reports(const struct pipeline *pipeline,
	const char *models_dir, struct err *err)
{
	struct buf query = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < pipeline->report_count; i++) {
		const struct pipeline_report *report = &pipeline->reports[i];

		buf_clear(&query);
		ok = report->query == NULL ||
			report_query(pipeline, report, models_dir,
				SQL_POSTGRES, &query, err) ||
			err_wrap(err, "%s:%d", pipeline->file, report->line);
	}
	buf_clear(&query);
	return ok;
}

/* The whole set: files, what they share, their models and reports. */
static bool check_set(const struct config *config, struct err *err)
{
	struct pipeline_set set = { 0 };
	struct models *models = NULL;
	bool ok = pipeline_set_read(config->pipelines_dir, &set, err);

	if (ok) {
		models = models_read(config->models_dir, &set, err);
		ok = models != NULL;
	}
	for (size_t i = 0; ok && i < set.count; i++)
		ok = check_reports(&set.pipelines[i], config->models_dir, err);
	for (size_t i = 0; ok && i < set.count; i++)
		say_fine(&set.pipelines[i]);
	models_free(models);
	pipeline_set_clear(&set);
	return ok;
}

static bool check_file(const char *file, struct err *err)
{
	struct pipeline pipeline = { 0 };
	const bool ok = pipeline_read(file, &pipeline, err);

	if (ok)
		say_fine(&pipeline);
	pipeline_clear(&pipeline);
	return ok;
}

/* Every file is looked at; the first trouble gives the exit code. */
static int check(const struct cmd_context *context, const char **files,
	size_t count)
{
	struct err err = { 0 };
	int code = EXIT_FINE;

	if (count == 0)
		return check_set(context->config, &err) ? EXIT_FINE :
			cmd_fail(&err);
	for (size_t i = 0; i < count; i++) {
		err = (struct err){ 0 };
		if (!check_file(files[i], &err)) {
			const int this_code = cmd_fail(&err);

			code = code == EXIT_FINE ? this_code : code;
		}
	}
	return code;
}

/* -- list --------------------------------------------------- */

static bool join_patterns(const struct dataset *dataset, struct buf *out,
	struct err *err)
{
	buf_reset(out);
	for (size_t i = 0; i < dataset->pattern_count; i++)
		if (!buf_printf(out, err, "%s%s", i > 0 ? " " : "",
			    dataset->patterns[i]))
			return false;
	return buf_add_str(out, "", err);
}

static bool join_key(const struct dataset *dataset, struct buf *out,
	struct err *err)
{
	buf_reset(out);
	for (size_t i = 0; i < dataset->key_count; i++)
		if (!buf_printf(out, err, "%s%s", i > 0 ? ", " : "",
			    dataset->columns[dataset->keys[i]].name))
			return false;
	return buf_add_str(out, "", err);
}

static bool add_row(const struct dataset *dataset, struct table *table,
	struct err *err)
{
	struct buf text = { 0 };
	char name[160];
	bool ok;

	(void)snprintf(name, sizeof(name), "%s.%s", dataset->pipeline->name,
		dataset->name);
	table_add(table, name);
	if (dataset->directory != NULL)
		table_add(table, dataset->directory);
	else
		table_add(table, "(derived)");
	(void)snprintf(name, sizeof(name), "%s.%s", dataset->schema,
		dataset->table);
	table_add(table, name);
	table_add_int(table, (int64_t)dataset->column_count);
	ok = join_key(dataset, &text, err);
	table_add(table, ok ? text.data : "");
	ok = ok && join_patterns(dataset, &text, err);
	table_add(table, ok ? text.data : "");
	buf_clear(&text);
	return ok;
}

static bool list_table(const struct pipeline_set *set, struct err *err)
{
	static const char *const heads[] = { "dataset", "folder", "table",
		">columns", "key", "files", NULL };
	struct table table;
	bool ok = true;

	table_init(&table, heads);
	for (size_t p = 0; ok && p < set->count; p++) {
		const struct pipeline *pipeline = &set->pipelines[p];

		for (size_t d = 0; ok && d < pipeline->dataset_count; d++)
			ok = add_row(&pipeline->datasets[d], &table, err);
	}
	ok = ok && table_print(&table, 0, err);
	table_clear(&table);
	return ok;
}

static void put_columns(struct json *array, const struct dataset *dataset)
{
	for (size_t i = 0; i < dataset->column_count; i++) {
		const struct column *column = &dataset->columns[i];
		struct json *object = json_add_object(array);

		json_put_text(object, "name", column->name);
		json_put_text(object, "type", column_type_name(column->type));
		json_put_bool(object, "required", column->required);
		json_put_bool(object, "key", column->key);
	}
}

static void put_dataset(struct json *array, const struct dataset *dataset)
{
	struct json *object = json_add_object(array);
	struct json *patterns;

	json_put_text(object, "name", dataset->name);
	if (dataset->directory != NULL)
		json_put_text(object, "directory", dataset->directory);
	else
		json_put_null(object, "directory");
	patterns = json_put_array(object, "patterns");
	for (size_t i = 0; i < dataset->pattern_count; i++)
		json_add_text(patterns, dataset->patterns[i]);
	json_put_text(object, "schema", dataset->schema);
	json_put_text(object, "table", dataset->table);
	put_columns(json_put_array(object, "columns"), dataset);
}

static bool list_json(const struct pipeline_set *set, struct err *err)
{
	struct json *root = json_object();
	struct json *pipelines = json_put_array(root, "pipelines");

	for (size_t p = 0; p < set->count; p++) {
		const struct pipeline *pipeline = &set->pipelines[p];
		struct json *object = json_add_object(pipelines);
		struct json *array;

		json_put_text(object, "name", pipeline->name);
		json_put_text(object, "file", pipeline->file);
		array = json_put_array(object, "datasets");
		for (size_t d = 0; d < pipeline->dataset_count; d++)
			put_dataset(array, &pipeline->datasets[d]);
		array = json_put_array(object, "models");
		for (size_t m = 0; m < pipeline->model_count; m++)
			json_add_text(array, pipeline->models[m]);
	}
	return output_json(root, err);
}

static int list(const struct cmd_context *context)
{
	struct pipeline_set set = { 0 };
	struct err err = { 0 };
	bool ok = pipeline_set_read(context->config->pipelines_dir, &set, &err);

	ok = ok && (context->json ? list_json(&set, &err) :
		list_table(&set, &err));
	pipeline_set_clear(&set);
	return ok ? EXIT_FINE : cmd_fail(&err);
}

static int run(const struct cmd_context *context)
{
	static const struct arg none[] = { { .name = NULL } };
	const char *words[FILES_MAX];
	struct err err = { 0 };
	size_t count;

	if (!args_parse(context, none, words, FILES_MAX, &count, &err))
		return cmd_usage(&cmd_pipeline, "%s", err.text);
	if (count > 0 && strcmp(words[0], "check") == 0)
		return check(context, words + 1, count - 1);
	if (count == 1 && strcmp(words[0], "list") == 0)
		return list(context);
	return cmd_usage(&cmd_pipeline, "check or list?");
}

const struct cmd cmd_pipeline = {
	.name = "pipeline",
	.usage = "check [FILE...] | list",
	.summary = "check the pipeline files, or list their datasets",
	.help =
"check   reads pipeline files and says of each that it is fine, or where it\n"
"        is not: file:line:column, what is wrong and what is allowed. Without\n"
"        FILE it reads all of pipelines_dir as the daemons do: also whether\n"
"        names, tables and folders clash, and whether the models are there.\n"
"list    one line a dataset: folder below raw_dir, master table, number of\n"
"        columns, key, patterns of file names. --json: pipelines[] with name,\n"
"        file, datasets[] (name, directory, patterns, schema, table,\n"
"        columns[]) and models[].\n"
"\n"
"  sluice pipeline check\n"
"  sluice pipeline check new.yaml\n"
"  sluice --json pipeline list\n"
"\n"
"Exits 0 when all is fine, 74 when a file cannot be read, 78 when one is\n"
"wrong.",
	.run = run,
};
