/* infer_type.c - which column a field of the sample would be. */
#include "cli/infer.h"

#include "common/pointer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(shape) (1U << (shape))
#define FLAT_MAX 40       /* columns of one object; beyond, it stays whole */
#define FLAT_DEPTH_MAX 6
#define MAP_KIDS 10       /* an object of so many different members, ... */
#define MAP_SHARE 35      /* ... each in so few of it (percent), is a map */
#define LENGTH_MAX 10000  /* characters; longer text has no limit */

/* -- types -------------------------------------------------------------- */

static const unsigned texts = BIT(SHAPE_EMPTY) | BIT(SHAPE_TEXT_INTEGER) |
	BIT(SHAPE_TEXT_NUMBER) | BIT(SHAPE_TEXT_BOOLEAN) | BIT(SHAPE_DATE) |
	BIT(SHAPE_TIME) | BIT(SHAPE_TIME_ZONE) | BIT(SHAPE_UUID) |
	BIT(SHAPE_TEXT);

/* From the narrowest to the widest; the first that takes all is it. A mixture
 * of texts and others is wanted for what coerces. */
static const struct {
	enum column_type type;
	bool coerce;
} choices[] = {
	{ COLUMN_BOOLEAN, false },
	{ COLUMN_INTEGER, false },
	{ COLUMN_NUMERIC, false },
	{ COLUMN_DATE, false },
	{ COLUMN_TIMESTAMPTZ, false },
	{ COLUMN_TIMESTAMP, false },
	{ COLUMN_UUID, false },
	{ COLUMN_TEXT, false },
	{ COLUMN_INTEGER, true },
	{ COLUMN_NUMERIC, true },
	{ COLUMN_BOOLEAN, true },
	{ COLUMN_TEXT, true },
	{ COLUMN_JSON, false },
};

static void choose(unsigned shapes, struct infer_column *column)
{
	const bool empty = (shapes & BIT(SHAPE_EMPTY)) != 0;
	const size_t count = sizeof(choices) / sizeof(*choices);

	for (size_t i = 0; i < count; i++) {
		const bool nulls = empty && choices[i].type != COLUMN_JSON;

		if ((shapes & ~shapes_taken(choices[i].type,
			    choices[i].coerce, nulls)) != 0 && i < count - 1)
			continue;
		column->type = choices[i].type;
		column->coerce = choices[i].coerce;
		column->empty_as_null = nulls;
		return;
	}
}

/* Room for what the sample did not show. */
static size_t headroom(size_t longest)
{
	static const size_t steps[] = { 50, 100, 200, 300, 500, 1000, 2000,
		5000, LENGTH_MAX };

	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		if (3 * longest <= steps[i])
			return steps[i];
	return 0;
}

static void note(struct infer_column *column, const char *text)
{
	if (column->note[0] == '\0')
		(void)snprintf(column->note, sizeof(column->note), "%s", text);
}

static void note_numbers(const struct sample_field *field, unsigned shapes,
	struct infer_column *column)
{
	if (column->type == COLUMN_NUMERIC && field->precise &&
		!field->exact && !column->coerce) {
		column->type = COLUMN_DOUBLE;
		note(column, "digits like a double's; `numeric` keeps them as "
			"they are written");
	}
	if (column->type == COLUMN_TEXT && !column->coerce &&
		(shapes & ~(BIT(SHAPE_TEXT_INTEGER) | BIT(SHAPE_EMPTY))) == 0 &&
		(shapes & BIT(SHAPE_TEXT_INTEGER)) != 0)
		note(column, "whole numbers as text: `type: integer, coerce: "
			"true` would take them");
	else if (column->type == COLUMN_TEXT && !column->coerce &&
		(shapes & ~(BIT(SHAPE_TEXT_INTEGER) | BIT(SHAPE_EMPTY) |
				BIT(SHAPE_TEXT_NUMBER))) == 0 &&
		(shapes & BIT(SHAPE_TEXT_NUMBER)) != 0)
		note(column, "numbers as text: `type: numeric, coerce: true` "
			"would take them");
}

/* "8 whole number, 28 text" */
static void note_mixture(const struct sample_field *field,
	struct infer_column *column)
{
	char text[sizeof(column->note)];
	size_t used = 0;

	used += (size_t)snprintf(text, sizeof(text), "mixed: ");
	for (unsigned i = SHAPE_NULL + 1; i < SHAPES; i++)
		if (field->counts[i] > 0 && used < sizeof(text))
			used += (size_t)snprintf(text + used,
				sizeof(text) - used, "%s%" PRIu64 " %s",
				used > 7 ? ", " : "", field->counts[i],
				shape_name((enum shape)i));
	note(column, text);
}

static void note_shapes(const struct sample_field *field, unsigned shapes,
	struct infer_column *column)
{
	if (shapes == 0)
		note(column, "never a value: which type?");
	else if (field->crowded)
		note(column, "many different members: kept whole");
	else if ((shapes & ~texts) != 0 && (column->coerce ||
			 (column->type == COLUMN_JSON &&
				 (shapes & (shapes - 1)) != 0)))
		note_mixture(field, column);
	else if (column->type == COLUMN_JSON && shapes == BIT(SHAPE_OBJECT) &&
		field->kids > 0)
		note(column, "an object of many members: kept whole");
	else if (column->type == COLUMN_TIMESTAMP &&
		(shapes & BIT(SHAPE_TIME_ZONE)) != 0)
		note(column, "some with a time zone, some without: those count "
			"as UTC");
}

void infer_type(const struct sample *sample, struct infer_column *column)
{
	const struct sample_field *field = &sample->fields[column->field];
	const unsigned shapes = shapes_seen(field);

	if (shapes == 0)
		column->type = COLUMN_JSON;
	else if (shapes == BIT(SHAPE_EMPTY)) /* as good as any */
		*column = (struct infer_column){ .field = column->field,
			.type = COLUMN_TEXT, .empty_as_null = true };
	else
		choose(shapes, column);
	column->required = field->lacking.line == 0 &&
		sample->records > 0 && !column->empty_as_null &&
		field->counts[SHAPE_UNSTORABLE] == 0;
	if (column->type == COLUMN_TEXT)
		column->max_length = headroom(field->longest);
	note_shapes(field, shapes, column);
	note_numbers(field, shapes, column);
	if (field->counts[SHAPE_UNSTORABLE] > 0)
		note(column, "some hold NUL or half of a surrogate pair: "
			"rejects");
	if (shapes == BIT(SHAPE_EMPTY))
		note(column, "always empty");
}

/* -- which fields are columns ------------------------------------------- */

/* Members that come and go: the names are data. */
static bool is_map(const struct sample *sample,
	const struct sample_field *field)
{
	uint64_t seen = 0;

	if (field->kids < MAP_KIDS || field->counts[SHAPE_OBJECT] < 3)
		return false;
	for (size_t i = field->first_kid; i != SAMPLE_NONE;
		i = sample->fields[i].next)
		seen += sample->fields[i].seen;
	return seen * 100 <
		field->counts[SHAPE_OBJECT] * field->kids * MAP_SHARE;
}

static bool could_be_flat(const struct sample *sample, size_t at)
{
	const struct sample_field *field = &sample->fields[at];

	return shapes_seen(field) == BIT(SHAPE_OBJECT) && field->kids > 0 &&
		!field->crowded && field->depth <= FLAT_DEPTH_MAX &&
		!is_map(sample, field);
}

/* Columns its members would be. */
static size_t leaves(const struct sample *sample, size_t at)
{
	size_t count = 0;

	if (!could_be_flat(sample, at))
		return 1;
	for (size_t i = sample->fields[at].first_kid; i != SAMPLE_NONE;
		i = sample->fields[i].next)
		count += leaves(sample, i);
	return count;
}

bool infer_is_flat(const struct sample *sample, size_t at)
{
	return at == 0 || (could_be_flat(sample, at) &&
		leaves(sample, at) <= FLAT_MAX);
}

static bool add_columns(struct infer *infer, size_t at, struct err *err)
{
	const struct sample *sample = infer->sample;
	bool ok = true;

	if (!infer_is_flat(sample, at)) {
		struct infer_column *column;

		if (infer->count == INFER_COLUMNS_MAX)
			return err_stop(err, EXIT_DATA, "more than %d columns",
				INFER_COLUMNS_MAX);
		column = &infer->columns[infer->count++];
		*column = (struct infer_column){ .field = at };
		infer_type(sample, column);
		return true;
	}
	for (size_t i = sample->fields[at].first_kid; ok && i != SAMPLE_NONE;
		i = sample->fields[i].next)
		ok = add_columns(infer, i, err);
	return ok;
}

bool infer_columns(struct infer *infer, struct err *err)
{
	infer->columns = calloc(INFER_COLUMNS_MAX, sizeof(*infer->columns));
	if (infer->columns == NULL)
		return err_memory(err);
	return add_columns(infer, 0, err);
}
