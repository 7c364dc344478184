/* infer_show.c - differences, for people and as JSON. */
#include "cli/infer.h"
#include "cli/output.h"
#include "common/pointer.h"

#include <inttypes.h>
#include <string.h>

#define PLAIN "'\"\\"
#define VALUE_MAX 60 /* bytes of a value that are shown */

static const char *const changes[] = {
	[CHANGE_NEW] = "new",
	[CHANGE_GONE] = "gone",
	[CHANGE_TYPE] = "type",
	[CHANGE_LACKING] = "missing",
	[CHANGE_LENGTH] = "length",
};

bool infer_add_place(const char *const *files, struct sample_place place,
	struct buf *out, struct err *err)
{
	const char *file = files[place.file];

	return output_add_shown(out, file, strlen(file), PLAIN, err) &&
		buf_printf(out, err, ":%" PRIu64, place.line);
}

/* -- values, when asked for --------------------------------------------- */

struct finding {
	struct infer_diff *diff;
	const struct sample *sample;
};

static size_t steps_of(const struct sample *sample, size_t field,
	char **steps)
{
	const size_t depth = sample->fields[field].depth;

	for (size_t i = depth; i-- > 0; field = sample->fields[field].parent)
		steps[i] = sample->fields[field].name;
	return depth;
}

static bool take_value(struct finding *finding,
	struct infer_difference *item, const char *record, size_t len,
	struct err *err)
{
	char *steps[JSON_DEPTH_MAX];
	struct pointer_span span;
	struct err lost = { 0 };
	const size_t count = steps_of(finding->sample, item->field, steps);

	if (!pointer_slice(record, len, steps, count, &span, &lost))
		return buf_add_str(&item->value, "", err);
	return buf_add(&item->value, record + span.start, span.len, err);
}

static bool look_at(void *context, const char *record, size_t len,
	struct sample_place place, const char *why, struct err *err)
{
	struct finding *finding = context;

	(void)why;
	for (size_t i = 0; record != NULL && i < finding->diff->count; i++) {
		struct infer_difference *item = &finding->diff->items[i];

		if (item->field != SAMPLE_NONE &&
			item->place.file == place.file &&
			item->place.record == place.record &&
			!take_value(finding, item, record, len, err))
			return false;
	}
	return true;
}

bool infer_find_values(struct infer_diff *diff, const struct sample *sample,
	struct err *err)
{
	struct finding finding = { diff, sample };

	return diff->count == 0 ||
		sample_walk(sample->input, look_at, &finding, err);
}

/* -- for people --------------------------------------------------------- */

static bool name_shapes(unsigned shapes, struct buf *out, struct err *err)
{
	bool ok = true, first = true;

	for (unsigned i = 0; ok && i < SHAPES; i++) {
		if (!(shapes >> i & 1U))
			continue;
		ok = buf_printf(out, err, "%s%s", first ? "" : ", ",
			shape_name((enum shape)i));
		first = false;
	}
	return ok;
}

/* What a new member would be as a column. Rows that are there have none. */
static bool suggest(const struct sample *sample, size_t field, struct buf *out,
	struct err *err)
{
	struct infer_column column = { .field = field };
	struct infer one = { .sample = sample, .columns = &column,
		.count = 1 };

	infer_type(sample, &column);
	column.note[0] = '\0';
	column.required = false;
	return infer_name_columns(&one, err) &&
		infer_write_column(&one, &column, 0, out, err);
}

static bool explain(const struct infer_difference *item,
	const struct sample *sample, struct buf *out, struct err *err)
{
	switch (item->change) {
	case CHANGE_NEW:
		return buf_printf(out, err, "in %" PRIu64 " of %" PRIu64
			" records", item->values, sample->records);
	case CHANGE_GONE:
		return buf_printf(out, err, "in none of %" PRIu64 " records",
			sample->records);
	case CHANGE_TYPE:
		return buf_printf(out, err, "%s%s, but %" PRIu64 " of %" PRIu64
			       " values: ",
			       column_type_name(item->column->type),
			       item->column->coerce ? " (coerce)" : "",
			       item->values,
			       sample->fields[item->field].seen) &&
			name_shapes(item->shapes, out, err);
	case CHANGE_LACKING:
		return buf_printf(out, err, "required, but null or missing in %"
			PRIu64 " of %" PRIu64 " records", item->values,
			sample->records);
	case CHANGE_LENGTH:
		break;
	}
	return buf_printf(out, err, "at most %zu characters, but the longest "
		"has %" PRIu64, item->column->max_length, item->values);
}

/* The column, or the pointer of a new member. */
static bool subject(const struct infer_difference *item,
	const struct sample *sample, struct buf *out, struct err *err)
{
	struct buf pointer = { 0 };
	bool ok;

	if (item->column != NULL)
		return buf_add_str(out, item->column->name, err);
	ok = sample_pointer(sample, item->field, &pointer, err) &&
		output_add_shown(out, pointer.data, pointer.len, PLAIN, err);
	buf_clear(&pointer);
	return ok;
}

static bool add_value(const struct infer_difference *item, struct buf *out,
	struct err *err)
{
	const bool cut = item->value.len > VALUE_MAX;

	return item->value.len == 0 ||
		(buf_add_str(out, ": ", err) &&
			output_add_shown(out, item->value.data,
				cut ? VALUE_MAX : item->value.len, PLAIN,
				err) &&
			(!cut || buf_add_str(out, "...", err)));
}

static bool show_one(const struct infer_difference *item,
	const struct sample *sample, struct buf *out, struct err *err)
{
	bool ok;

	buf_reset(out);
	ok = buf_printf(out, err, "%-8s", changes[item->change]) &&
		subject(item, sample, out, err) &&
		buf_add_str(out, ": ", err) &&
		explain(item, sample, out, err);
	if (ok && item->place.line > 0)
		ok = buf_add_str(out, "; first at ", err) &&
			infer_add_place(sample->input->files, item->place, out,
				err) &&
			add_value(item, out, err);
	if (ok && item->change == CHANGE_NEW)
		ok = buf_add_str(out, "\n        ", err) &&
			suggest(sample, item->field, out, err);
	if (ok)
		output_line("%s", out->data);
	return ok;
}

static bool show_bad(const struct sample *sample, struct buf *out,
	struct err *err)
{
	buf_reset(out);
	if (sample->bad == 0)
		return true;
	if (!buf_printf(out, err, "%-8s%" PRIu64 " that are no records; first "
		    "at ", "bad", sample->bad) ||
		!infer_add_place(sample->input->files, sample->bad_at, out,
			err))
		return false;
	output_line("%s: %s", out->data, sample->bad_why);
	return true;
}

bool infer_show(const struct infer_diff *diff, const struct sample *sample,
	struct err *err)
{
	const size_t count = sample->input->count;
	struct buf line = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < diff->count; i++)
		ok = show_one(&diff->items[i], sample, &line, err);
	ok = ok && show_bad(sample, &line, err);
	if (ok)
		output_line("%" PRIu64 " record%s in %zu file%s: %s",
			sample->records, sample->records == 1 ? "" : "s",
			count, count == 1 ? "" : "s",
			diff->count + (sample->bad > 0) == 0 ?
				"nothing differs" :
				diff->count == 1 ? "1 difference" :
				"differences, see above");
	buf_clear(&line);
	return ok;
}

/* -- as JSON ------------------------------------------------------------ */

static void put_shapes(struct json *array, unsigned shapes)
{
	for (unsigned i = 0; i < SHAPES; i++)
		if (shapes >> i & 1U)
			json_add_text(array, shape_name((enum shape)i));
}

static bool column_pointer(const struct column *column, struct buf *out,
	struct err *err)
{
	bool ok = buf_add_str(out, "", err);

	for (size_t i = 0; ok && i < column->path_len; i++)
		ok = pointer_add(out, column->path[i], err);
	return ok;
}

static bool put_one(struct json *array, const struct infer_difference *item,
	const struct sample *sample, struct err *err)
{
	struct json *object = json_add_object(array);
	struct buf pointer = { 0 };
	const bool ok = item->column != NULL ?
		column_pointer(item->column, &pointer, err) :
		sample_pointer(sample, item->field, &pointer, err);

	json_put_text(object, "change", changes[item->change]);
	if (item->column != NULL)
		json_put_text(object, "column", item->column->name);
	else
		json_put_null(object, "column");
	json_put_text(object, "pointer", ok ? pointer.data : "");
	json_put_int(object, "values", (int64_t)item->values);
	put_shapes(json_put_array(object, "shapes"), item->shapes);
	if (item->place.line > 0) {
		json_put_text(object, "file",
			sample->input->files[item->place.file]);
		json_put_int(object, "line", (int64_t)item->place.line);
		json_put_int(object, "record", (int64_t)item->place.record);
	}
	if (item->value.len > 0)
		json_put_text(object, "value", item->value.data);
	buf_clear(&pointer);
	return ok;
}

bool infer_show_json(const struct infer_diff *diff,
	const struct sample *sample, struct err *err)
{
	struct json *root = json_object();
	struct json *array;

	json_put_int(root, "files", (int64_t)sample->input->count);
	json_put_int(root, "records", (int64_t)sample->records);
	json_put_int(root, "bad", (int64_t)sample->bad);
	array = json_put_array(root, "differences");
	for (size_t i = 0; i < diff->count; i++)
		if (!put_one(array, &diff->items[i], sample, err)) {
			json_free(root);
			return false;
		}
	return output_json(root, err);
}
