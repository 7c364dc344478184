/* infer_diff.c - what differs between a dataset and a sample. */
#include "cli/infer.h"

#include <stdlib.h>
#include <string.h>

#define BIT(shape) (1U << (shape))

static bool add(struct infer_diff *diff, const struct infer_difference *item,
	struct err *err)
{
	if (diff->count == diff->cap) {
		const size_t cap = diff->cap * 2 + 16;
		struct infer_difference *more =
			realloc(diff->items, cap * sizeof(*more));

		if (more == NULL)
			return err_memory(err);
		diff->items = more;
		diff->cap = cap;
	}
	diff->items[diff->count++] = *item;
	return true;
}

void infer_diff_clear(struct infer_diff *diff)
{
	for (size_t i = 0; i < diff->count; i++)
		buf_clear(&diff->items[i].value);
	free(diff->items);
	*diff = (struct infer_diff){ .count = 0 };
}

/* -- columns ------------------------------------------------------------ */

/* Where the column's value stands. *inside: in an array or another value that
 * the sample keeps whole, so that nothing can be said. */
static size_t find_field(const struct sample *sample,
	const struct column *column, bool *inside)
{
	size_t at = 0;

	*inside = false;
	for (size_t i = 0; i < column->path_len && at != SAMPLE_NONE; i++) {
		const struct sample_field *field = &sample->fields[at];

		*inside = field->counts[SHAPE_ARRAY] > 0 || field->crowded;
		if (*inside)
			return at;
		at = sample_find(sample, at, column->path[i]);
	}
	return at;
}

static bool earlier(struct sample_place a, struct sample_place b)
{
	return b.line == 0 || a.file < b.file ||
		(a.file == b.file && a.record < b.record);
}

static bool compare_shapes(const struct column *column,
	const struct sample_field *field, size_t at, struct infer_diff *diff,
	struct err *err)
{
	const unsigned fine = column->present ? ~0U :
		shapes_taken(column->type, column->coerce,
			column->empty_as_null);
	struct infer_difference item = { .change = CHANGE_TYPE,
		.column = column, .field = at };

	for (unsigned i = 0; i < SHAPES; i++) {
		if (field->counts[i] == 0 || (fine & BIT(i)) != 0)
			continue;
		item.values += field->counts[i];
		item.shapes |= BIT(i);
		if (earlier(field->first[i], item.place))
			item.place = field->first[i];
	}
	return item.values == 0 || add(diff, &item, err);
}

/* "" that counts as null is lacking too. */
static bool compare_required(const struct sample *sample,
	const struct column *column, const struct sample_field *field,
	size_t at, struct infer_diff *diff, struct err *err)
{
	struct infer_difference item = { .change = CHANGE_LACKING,
		.column = column, .field = at,
		.values = sample->records - sample_values(field),
		.place = field->lacking };

	if (column->empty_as_null && field->counts[SHAPE_EMPTY] > 0) {
		item.values += field->counts[SHAPE_EMPTY];
		if (earlier(field->first[SHAPE_EMPTY], item.place))
			item.place = field->first[SHAPE_EMPTY];
	}
	return !column->required || item.values == 0 ||
		add(diff, &item, err);
}

static bool compare_length(const struct column *column,
	const struct sample_field *field, size_t at, struct infer_diff *diff,
	struct err *err)
{
	const struct infer_difference item = { .change = CHANGE_LENGTH,
		.column = column, .field = at, .values = field->longest,
		.place = field->longest_at };

	return column->type != COLUMN_TEXT || column->max_length == 0 ||
		field->longest <= column->max_length || add(diff, &item, err);
}

static bool compare_column(const struct sample *sample,
	const struct column *column, struct infer_diff *diff, struct err *err)
{
	const struct sample_field *field;
	bool inside;
	size_t at;

	if (column->path_len == 0) /* the whole record */
		return true;
	at = find_field(sample, column, &inside);
	if (inside)
		return true;
	if (at == SAMPLE_NONE)
		return column->present || add(diff, &(struct infer_difference){
			.change = CHANGE_GONE, .column = column,
			.field = SAMPLE_NONE }, err);
	field = &sample->fields[at];
	return compare_shapes(column, field, at, diff, err) &&
		compare_required(sample, column, field, at, diff, err) &&
		compare_length(column, field, at, diff, err);
}

/* -- members no column asks for ----------------------------------------- */

/* How far the dataset's columns look into a member. */
enum cover { COVER_NONE, COVER_PART, COVER_WHOLE };

static enum cover cover_of(const struct dataset *dataset,
	char *const *path, size_t len)
{
	enum cover cover = COVER_NONE;

	for (size_t i = 0; i < dataset->column_count; i++) {
		const struct column *column = &dataset->columns[i];
		size_t same = 0;

		while (same < len && same < column->path_len &&
			strcmp(path[same], column->path[same]) == 0)
			same++;
		if (same == column->path_len && column->path_len > 0)
			return COVER_WHOLE;
		if (same == len)
			cover = COVER_PART;
	}
	return cover;
}

struct looking {
	const struct dataset *dataset;
	const struct sample *sample;
	struct infer_diff *diff;
	char *path[JSON_DEPTH_MAX + 1];
	struct err *err;
};

static bool look_for_new(struct looking *look, size_t at, size_t depth)
{
	const struct sample_field *field = &look->sample->fields[at];
	const struct infer_difference item = { .change = CHANGE_NEW,
		.field = at, .values = field->seen,
		.place = field->first_at };
	enum cover cover = COVER_PART;

	if (depth > 0) {
		look->path[depth - 1] = field->name;
		cover = cover_of(look->dataset, look->path, depth);
	}
	if (cover == COVER_WHOLE || field->counts[SHAPE_ARRAY] > 0)
		return cover != COVER_NONE || add(look->diff, &item, look->err);
	if (cover == COVER_NONE && !infer_is_flat(look->sample, at))
		return add(look->diff, &item, look->err);
	for (size_t i = field->first_kid; i != SAMPLE_NONE;
		i = look->sample->fields[i].next)
		if (!look_for_new(look, i, depth + 1))
			return false;
	return true;
}

bool infer_compare(const struct dataset *dataset, const struct sample *sample,
	struct infer_diff *diff, struct err *err)
{
	struct looking look = { .dataset = dataset, .sample = sample,
		.diff = diff, .err = err };

	*diff = (struct infer_diff){ .count = 0 };
	for (size_t i = 0; i < dataset->column_count; i++)
		if (!compare_column(sample, &dataset->columns[i], diff, err))
			return false;
	for (size_t i = 0; i < dataset->column_count; i++)
		if (dataset->columns[i].path_len == 0)
			return true; /* it takes whatever is there */
	return look_for_new(&look, 0, 0);
}
