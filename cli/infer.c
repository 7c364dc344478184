/* infer.c - a sample becomes a proposal, and the proposal is tried. */
#include "cli/infer.h"

#include "common/rowmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool nothing(const struct sample *sample, struct err *err)
{
	return err_stop(err, EXIT_DATA, "%s: no record in it%s%s",
		sample->input->files[0], sample->bad > 0 ? ": " : "",
		sample->bad_why);
}

/* A file that is one record, with an array of objects in it. */
static size_t find_wrapped(const struct infer *infer)
{
	const struct sample *sample = infer->sample;

	if (sample->records > sample->input->count)
		return SAMPLE_NONE;
	for (size_t i = 0; i < infer->count; i++)
		if (sample->fields[infer->columns[i].field].of_objects)
			return infer->columns[i].field;
	return SAMPLE_NONE;
}

bool infer_choose(struct infer *infer, const struct sample *sample,
	const char *name, struct err *err)
{
	*infer = (struct infer){ .sample = sample, .newest = COLUMN_NONE,
		.date = COLUMN_NONE };
	if (sample->records == 0)
		return nothing(sample, err);
	if (sample->fields[0].crowded)
		return err_stop(err, EXIT_DATA, "%s: the records have more "
			"than %d different members: their names look like data",
			sample->input->files[0], SAMPLE_FIELDS_MAX);
	if (name != NULL)
		infer_make_name(name, sizeof(infer->name) - 1, infer->name);
	else
		infer_file_name(sample->input->files[0],
			sizeof(infer->name) - 1, infer->name);
	if (!infer_columns(infer, err) || !infer_name_columns(infer, err))
		return false;
	if (infer->count == 0)
		return err_stop(err, EXIT_DATA, "%s: the records are empty",
			sample->input->files[0]);
	infer_times(infer);
	infer->wrapped = find_wrapped(infer);
	return infer_key(infer, err);
}

void infer_clear(struct infer *infer)
{
	free(infer->columns);
	*infer = (struct infer){ .count = 0 };
}

/* -- does it fit -------------------------------------------------------- */

struct checking {
	struct rowmap *map;
	struct cell *cells;
	struct infer_check *check;
};

static void note_reject(struct infer_check *check, struct sample_place place,
	const char *code, const char *detail)
{
	if (check->rejects++ > 0)
		return;
	check->first = place;
	(void)snprintf(check->why, sizeof(check->why), "%s: %s", code, detail);
}

static bool check_record(void *context, const char *record, size_t len,
	struct sample_place place, const char *why, struct err *err)
{
	struct checking *checking = context;
	struct row_fault fault = { .code = "" };

	checking->check->records++;
	if (record == NULL) {
		note_reject(checking->check, place, "no record", why);
		return true;
	}
	switch (rowmap_record(checking->map, record, len, checking->cells,
		&fault, err)) {
	case ROW_OK:
		return true;
	case ROW_REJECT:
		note_reject(checking->check, place,
			fault.column != NULL ? fault.column->name : fault.code,
			fault.detail);
		return true;
	case ROW_FAILED:
		break;
	}
	return false;
}

bool infer_check(const struct dataset *dataset,
	const struct sample_input *input, struct infer_check *check,
	struct err *err)
{
	struct checking checking = { .check = check,
		.map = rowmap_new(dataset, err) };
	bool ok = checking.map != NULL;

	*check = (struct infer_check){ .records = 0 };
	if (ok) {
		checking.cells = calloc(rowmap_width(checking.map),
			sizeof(*checking.cells));
		ok = checking.cells != NULL || err_memory(err);
	}
	ok = ok && sample_walk(input, check_record, &checking, err);
	free(checking.cells);
	rowmap_free(checking.map);
	return ok;
}
