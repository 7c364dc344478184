/* pipeline.c - what to load: the life of pipelines, and sets of them. */
#include "common/pipeline.h"

#include "common/pipeline_report.h"
#include "common/pipeline_api.h"
#include "common/pipeline_test.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIPELINES_MAX 256

static const struct {
	const char *name;
	const char *sql;
} types[] = {
	[COLUMN_TEXT] = { "text", "text" },
	[COLUMN_INTEGER] = { "integer", "bigint" },
	[COLUMN_NUMERIC] = { "numeric", "numeric" },
	[COLUMN_DOUBLE] = { "double", "double precision" },
	[COLUMN_BOOLEAN] = { "boolean", "boolean" },
	[COLUMN_TIMESTAMP] = { "timestamp", "timestamp" },
	[COLUMN_TIMESTAMPTZ] = { "timestamptz", "timestamptz" },
	[COLUMN_DATE] = { "date", "date" },
	[COLUMN_UUID] = { "uuid", "uuid" },
	[COLUMN_JSON] = { "json", "jsonb" },
};

const char *column_type_name(enum column_type type)
{
	return types[type].name;
}

const char *column_type_sql(enum column_type type)
{
	return types[type].sql;
}

/* -- freeing ------------------------------------------------------------ */

static void free_texts(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

static void free_steps(char **steps)
{
	for (char **step = steps; step != NULL && *step != NULL; step++)
		free(*step);
	free(steps);
}

static void free_each(struct dataset *dataset)
{
	for (size_t i = 0; i < dataset->each_count; i++) {
		struct each *each = &dataset->each[i];

		for (size_t k = 0; each->with != NULL &&
			k < dataset->column_count; k++)
			free_steps(each->with[k]);
		free(each->with);
		free_steps(each->at);
	}
	free(dataset->each);
}

static void dataset_clear(struct dataset *dataset)
{
	free_each(dataset);
	for (size_t i = 0; i < dataset->column_count; i++) {
		struct column *column = &dataset->columns[i];

		free(column->name);
		free_texts(column->path, column->path_len);
	}
	free(dataset->columns);
	free(dataset->keys);
	free_texts(dataset->patterns, dataset->pattern_count);
	free(dataset->name);
	free(dataset->directory);
	free(dataset->records);
	pipeline_api_free(dataset->api);
	free(dataset->schema);
	free(dataset->table);
	free(dataset->from);
}

void pipeline_clear(struct pipeline *pipeline)
{
	for (size_t i = 0; i < pipeline->dataset_count; i++)
		dataset_clear(&pipeline->datasets[i]);
	free(pipeline->datasets);
	free_texts(pipeline->models, pipeline->model_count);
	for (size_t i = 0; i < pipeline->test_count; i++)
		pipeline_test_clear(&pipeline->tests[i]);
	free(pipeline->tests);
	for (size_t i = 0; i < pipeline->report_count; i++)
		pipeline_report_clear(&pipeline->reports[i]);
	free(pipeline->reports);
	free(pipeline->name);
	free(pipeline->file);
	*pipeline = (struct pipeline){ .name = NULL };
}

void pipeline_set_clear(struct pipeline_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		pipeline_clear(&set->pipelines[i]);
	free(set->pipelines);
	*set = (struct pipeline_set){ .count = 0 };
}

/* -- finding ------------------------------------------------------------ */

const struct pipeline *pipeline_find(const struct pipeline_set *set,
	const char *name)
{
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->pipelines[i].name, name) == 0)
			return &set->pipelines[i];
	return NULL;
}

const struct dataset *dataset_find(const struct pipeline *pipeline,
	const char *name)
{
	for (size_t i = 0; i < pipeline->dataset_count; i++)
		if (strcmp(pipeline->datasets[i].name, name) == 0)
			return &pipeline->datasets[i];
	return NULL;
}

/* -- sets --------------------------------------------------------------- */

/* True when one is the other or lies below it. */
static bool same_tree(const char *a, const char *b)
{
	const size_t n = strlen(a), m = strlen(b);
	const size_t least = n < m ? n : m;

	if (strncmp(a, b, least) != 0)
		return false;
	return n == m || (n > m ? a : b)[least] == '/';
}

/* Tables collide when they are one, or one is the other's delta. */
static bool same_table(const struct dataset *a, const struct dataset *b)
{
	const size_t n = strlen(a->table), m = strlen(b->table);
	const size_t least = n < m ? n : m;
	const char *rest = (n > m ? a : b)->table + least;

	return strcmp(a->schema, b->schema) == 0 &&
		strncmp(a->table, b->table, least) == 0 &&
		(*rest == '\0' || strcmp(rest, "_delta") == 0);
}

static bool check_datasets(const struct dataset *a, const struct dataset *b,
	struct err *err)
{
	if (a->directory != NULL && b->directory != NULL &&
		same_tree(a->directory, b->directory))
		return err_stop(err, EXIT_CONFIG, "%s: the directory \"%s\" of "
			"dataset %s and \"%s\" of %s.%s overlap; give each a "
			"directory of its own", b->pipeline->file,
			b->directory, b->name, a->directory,
			a->pipeline->name, a->name);
	if (same_table(a, b))
		return err_stop(err, EXIT_CONFIG, "%s: the table %s.%s of "
			"dataset %s and %s.%s of %s.%s overlap (a table and "
			"its _delta); give each a table of its own",
			b->pipeline->file, b->schema, b->table, b->name,
			a->schema, a->table, a->pipeline->name, a->name);
	return true;
}

static bool check_reports(const struct pipeline *a, const struct pipeline *b,
	struct err *err)
{
	for (size_t i = 0; i < b->report_count; i++)
		for (size_t k = 0; k < (a == b ? i : a->report_count); k++)
			if (strcmp(a->reports[k].file, b->reports[i].file) ==
				0)
				return err_stop(err, EXIT_CONFIG, "%s:%d: the "
					"report %s of %s is written to %s as "
					"well; give each a file of its own",
					b->file, b->reports[i].line,
					a->reports[k].name, a->name,
					b->reports[i].file);
	return true;
}

/* Every dataset of b against those of a; a may be b. */
static bool check_pair(const struct pipeline *a, const struct pipeline *b,
	struct err *err)
{
	if (a != b && strcmp(a->name, b->name) == 0)
		return err_stop(err, EXIT_CONFIG, "%s and %s are both called "
			"\"%s\"; rename one", a->file, b->file, b->name);
	for (size_t i = 0; i < b->dataset_count; i++)
		for (size_t k = 0; k < a->dataset_count; k++) {
			if (a == b && k >= i)
				break;
			if (!check_datasets(&a->datasets[k], &b->datasets[i],
				    err))
				return false;
		}
	return check_reports(a, b, err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct pipeline *)a)->name,
		((const struct pipeline *)b)->name);
}

static bool set_finish(struct pipeline_set *set, struct err *err)
{
	if (set->count > 1)
		qsort(set->pipelines, set->count, sizeof(*set->pipelines),
			by_name);
	for (size_t i = 0; i < set->count; i++) {
		struct pipeline *pipeline = &set->pipelines[i];

		for (size_t k = 0; k < pipeline->dataset_count; k++)
			pipeline->datasets[k].pipeline = pipeline;
		for (size_t k = 0; k <= i; k++)
			if (!check_pair(&set->pipelines[k], pipeline, err))
				return false;
	}
	return true;
}

static bool is_yaml(const char *name)
{
	const size_t len = strlen(name);

	return name[0] != '.' && len > 5 &&
		strcmp(name + len - 5, ".yaml") == 0;
}

static bool set_add(struct pipeline_set *set, const char *dir,
	const char *name, struct err *err)
{
	struct buf file = { 0 };
	bool ok;

	if (set->count >= PIPELINES_MAX)
		return err_stop(err, EXIT_CONFIG,
			"%s: more than %d pipelines", dir, PIPELINES_MAX);
	ok = buf_printf(&file, err, "%s/%s", dir, name) &&
		pipeline_read(file.data, &set->pipelines[set->count], err);
	if (ok)
		set->count++;
	buf_clear(&file);
	return ok;
}

/* In the order of their names, so that the first error is always the same. */
bool pipeline_set_read(const char *dir, struct pipeline_set *set,
	struct err *err)
{
	struct dirent **names = NULL;
	const int found = scandir(dir, &names, NULL, alphasort);
	bool ok = true;

	*set = (struct pipeline_set){ .count = 0 };
	if (found < 0)
		return err_stop(err, EXIT_CONFIG, "the pipelines' folder %s "
			"cannot be read (%s); set pipelines_dir", dir,
			strerror(errno));
	set->pipelines = calloc(PIPELINES_MAX, sizeof(*set->pipelines));
	if (set->pipelines == NULL)
		ok = err_memory(err);
	for (int i = 0; i < found; i++) {
		if (ok && is_yaml(names[i]->d_name))
			ok = set_add(set, dir, names[i]->d_name, err);
		free(names[i]);
	}
	free(names);
	ok = ok && set_finish(set, err);
	if (!ok)
		pipeline_set_clear(set);
	return ok;
}
