/* rowpath.c - the paths of all columns as one tree, to walk a record once. */
#include "common/rowpath.h"

#include "common/pointer.h"

#include <stdlib.h>
#include <string.h>

static int compare_key(const char *a, size_t a_len, const char *b, size_t b_len)
{
	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	return a_len > 0 ? memcmp(a, b, a_len) : 0;
}

static int by_key(const void *left, const void *right)
{
	const struct rowpath *a = left, *b = right;

	return compare_key(a->key, a->len, b->key, b->len);
}

static struct rowpath *step_kid(struct rowpath *step, const char *key,
	struct err *err)
{
	struct rowpath *kids;

	for (size_t i = 0; i < step->kid_count; i++)
		if (strcmp(step->kids[i].key, key) == 0)
			return &step->kids[i];
	kids = realloc(step->kids, (step->kid_count + 1) * sizeof(*kids));
	if (kids == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	step->kids = kids;
	kids[step->kid_count] = (struct rowpath){ .key = key,
		.len = strlen(key), .index = pointer_index(key) };
	return &kids[step->kid_count++];
}

static bool step_add(struct rowpath *step, const struct column *column,
	size_t number, struct err *err)
{
	size_t *columns;

	for (size_t i = 0; i < column->path_len; i++) {
		step = step_kid(step, column->path[i], err);
		if (step == NULL)
			return false;
	}
	columns = realloc(step->columns,
		(step->column_count + 1) * sizeof(*columns));
	if (columns == NULL)
		return err_memory(err);
	step->columns = columns;
	columns[step->column_count++] = number;
	return true;
}

static void step_sort(struct rowpath *step)
{
	if (step->kid_count > 1)
		qsort(step->kids, step->kid_count, sizeof(*step->kids),
			by_key);
	for (size_t i = 0; i < step->kid_count; i++)
		step_sort(&step->kids[i]);
}

static void free_step(struct rowpath *step)
{
	for (size_t i = 0; i < step->kid_count; i++)
		free_step(&step->kids[i]);
	free(step->kids);
	free(step->columns);
}

void rowpath_clear(struct rowpath *root)
{
	free_step(root);
	*root = (struct rowpath){ .key = NULL };
}

bool rowpath_build(struct rowpath *root, const struct column *columns,
	size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (!step_add(root, &columns[i], i, err))
			return false;
	step_sort(root);
	return true;
}

/* Records of one source have their keys in one order mostly: try the guess,
 * then search. */
size_t rowpath_find(const struct rowpath *step, size_t guess,
	const char *key, size_t len)
{
	size_t low = 0, high = step->kid_count;

	if (guess < high && compare_key(step->kids[guess].key,
		    step->kids[guess].len, key, len) == 0)
		return guess;
	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		const int order = compare_key(step->kids[mid].key,
			step->kids[mid].len, key, len);

		if (order == 0)
			return mid;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return SIZE_MAX;
}
