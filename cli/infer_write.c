/* infer_write.c - the proposal as a pipeline file. */
#include "cli/infer.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* A value as YAML: plain where it may be, else in quotes as JSON has them.
 * "${" would be taken for a variable. */
static bool add_value(struct buf *out, const char *text, struct err *err)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.-";
	struct buf safe = { 0 };
	bool ok = true;

	if (*text == '/' && text[strspn(text, plain)] == '\0')
		return buf_add_str(out, text, err);
	for (; ok && *text != '\0'; text++)
		ok = (strncmp(text, "${", 2) != 0 ||
			     buf_add_char(&safe, '$', err)) &&
			buf_add_char(&safe, *text, err);
	ok = ok && buf_add_json(out, safe.data, safe.len, err);
	buf_clear(&safe);
	return ok;
}

static bool add_comment(struct buf *out, const char *note, struct err *err)
{
	return *note == '\0' || buf_printf(out, err, "  # %s", note);
}

/* -- columns ------------------------------------------------------------ */

static bool add_from(const struct infer *infer,
	const struct infer_column *column, struct buf *out, struct err *err)
{
	struct buf pointer = { 0 };
	bool ok = sample_pointer(infer->sample, column->field, &pointer, err);

	if (ok && strcmp(pointer.data + 1, column->name) != 0)
		ok = buf_add_str(out, ", from: ", err) &&
			add_value(out, pointer.data, err);
	buf_clear(&pointer);
	return ok;
}

/* Notes may hold quotes of ours, nothing of the data. */
bool infer_write_column(const struct infer *infer,
	const struct infer_column *column, size_t width, struct buf *out,
	struct err *err)
{
	bool ok = buf_printf(out, err, "- { name: %s,%*s type: %s",
		column->name,
		(int)(width > strlen(column->name) ?
				width - strlen(column->name) : 0),
		"", column_type_name(column->type));

	ok = ok && add_from(infer, column, out, err);
	if (ok && column->max_length > 0)
		ok = buf_printf(out, err, ", max_length: %zu",
			column->max_length);
	if (ok && column->required)
		ok = buf_add_str(out, ", required: true", err);
	if (ok && column->empty_as_null)
		ok = buf_add_str(out, ", empty_as_null: true", err);
	if (ok && column->coerce)
		ok = buf_add_str(out, ", coerce: true", err);
	return ok && buf_add_str(out, " }", err) &&
		add_comment(out, column->note, err);
}

static bool add_columns(const struct infer *infer, struct buf *out,
	struct err *err)
{
	size_t width = 0;
	bool ok = buf_add_str(out, "    columns:\n", err);

	for (size_t i = 0; i < infer->count; i++)
		if (strlen(infer->columns[i].name) > width)
			width = strlen(infer->columns[i].name);
	if (width > 24)
		width = 24;
	for (size_t i = 0; ok && i < infer->count; i++)
		ok = buf_add_str(out, "      ", err) &&
			infer_write_column(infer, &infer->columns[i], width,
				out, err) &&
			buf_add_char(out, '\n', err);
	return ok;
}

/* -- the rest ----------------------------------------------------------- */

static bool add_hint(const struct infer *infer, struct buf *out,
	struct err *err)
{
	struct buf pointer = { 0 };
	bool ok = sample_pointer(infer->sample, infer->wrapped, &pointer,
			  err) &&
		buf_add_str(out, "# A file is one record. Its records may "
			"stand at `--records ", err) &&
		buf_add_escaped(out, pointer.data, pointer.len, err) &&
		buf_add_str(out, "`.\n", err);

	buf_clear(&pointer);
	return ok;
}

static bool add_head(const struct infer *infer, const char *checked,
	struct buf *out, struct err *err)
{
	const struct sample *sample = infer->sample;
	const char *file = last_part(sample->input->files[0]);
	bool ok = buf_add_str(out, "# Proposed by `sluice infer` for ", err) &&
		buf_add_escaped(out, file, strlen(file), err) &&
		buf_printf(out, err, ": %" PRIu64 " record%s.\n# %s.\n",
			sample->records, sample->records == 1 ? "" : "s",
			checked);

	if (ok && infer->wrapped != SAMPLE_NONE)
		ok = add_hint(infer, out, err);
	if (ok && sample->crowded)
		ok = buf_printf(out, err, "# More than %d different members: "
			"those beyond have no column.\n", SAMPLE_FIELDS_MAX);
	return ok && buf_printf(out, err, "pipeline: %s\n\ndatasets:\n  %s:\n",
		infer->name, infer->name);
}

/* Only where the usual patterns would pass the file by. */
static bool add_pattern(const char *file, struct buf *out, struct err *err)
{
	static const char *const usual[] = { "*.json", "*.ndjson", "*.jsonl",
		"*.json.gz", "*.ndjson.gz", "*.jsonl.gz", "*.json.zst",
		"*.ndjson.zst", "*.jsonl.zst" };
	const char *dot = strchr(file, '.');
	struct buf pattern = { 0 };
	bool ok;

	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++)
		if (fnmatch(usual[i], file, 0) == 0)
			return true;
	ok = buf_printf(&pattern, err, "*%s", dot != NULL ? dot : "") &&
		buf_add_str(out, ", pattern: ", err) &&
		add_value(out, pattern.data, err);
	buf_clear(&pattern);
	return ok;
}

static bool add_source(const struct infer *infer, struct buf *out,
	struct err *err)
{
	const struct sample_input *input = infer->sample->input;
	bool ok = buf_printf(out, err, "    source: { directory: %s",
		infer->name);

	if (ok && input->records[0] != '\0')
		ok = buf_add_str(out, ", records: ", err) &&
			add_value(out, input->records, err);
	return ok && add_pattern(last_part(input->files[0]), out, err) &&
		buf_add_str(out, " }\n", err);
}

static bool add_key(const struct infer *infer, struct buf *out,
	struct err *err)
{
	bool ok = buf_printf(out, err, "    table: raw.%s\n    key: [",
		infer->name);

	for (size_t i = 0; ok && i < infer->key_count; i++)
		ok = buf_printf(out, err, "%s%s", i > 0 ? ", " : "",
			infer->columns[infer->keys[i]].name);
	return ok && buf_add_char(out, ']', err) &&
		add_comment(out, infer->key_note, err) &&
		buf_add_char(out, '\n', err);
}

static bool add_time(const struct infer *infer, const char *word,
	size_t column, const char *note, const char *otherwise,
	struct buf *out, struct err *err)
{
	if (column == COLUMN_NONE)
		return buf_printf(out, err, "    # no %s: %s\n", word,
			otherwise);
	return buf_printf(out, err, "    %s: %s", word,
		       infer->columns[column].name) &&
		add_comment(out, note, err) && buf_add_char(out, '\n', err);
}

bool infer_write(const struct infer *infer, const char *checked,
	struct buf *out, struct err *err)
{
	return add_head(infer, checked, out, err) &&
		add_source(infer, out, err) && add_key(infer, out, err) &&
		add_time(infer, "newest", infer->newest, infer->newest_note,
			"of two versions of a key the later drop wins", out,
			err) &&
		add_time(infer, "date", infer->date, infer->date_note,
			"`sluice load --date` cannot choose", out, err) &&
		add_columns(infer, out, err);
}
