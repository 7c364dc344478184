/* api_preview.c - records of an answer as the columns would hold them. */
#include "cli/api.h"
#include "cli/output.h"

#include "common/clock.h"
#include "common/rowmap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREVIEW_ROWS 20
#define PREVIEW_CELL 40

/* -- a cell -------------------------------------------------------------------- */

static bool cell_text(const struct cell *cell, struct buf *out,
	struct err *err)
{
	char text[UUID_TEXT]; /* the longest */

	buf_reset(out);
	if (!buf_grow(out, 0, err))
		return false;
	if (cell->null)
		return true;
	switch (cell->type) {
	case COLUMN_INTEGER:
		return buf_printf(out, err, "%" PRId64, cell->v.i);
	case COLUMN_BOOLEAN:
		return buf_add_str(out, cell->v.b ? "true" : "false", err);
	case COLUMN_DOUBLE:
		return buf_printf(out, err, "%.17g", cell->v.d);
	case COLUMN_TIMESTAMP:
	case COLUMN_TIMESTAMPTZ:
		clock_format_us(cell->v.i + INT64_C(946684800000000), text);
		return buf_add_str(out, text, err);
	case COLUMN_DATE:
		clock_format_date(cell->v.i * INT64_C(86400000000) +
			INT64_C(946684800000000), text);
		return buf_add_str(out, text, err);
	case COLUMN_UUID: {
		struct uuid uuid;

		memcpy(uuid.bytes, cell->v.uuid, sizeof(uuid.bytes));
		uuid_format(&uuid, text);
		return buf_add_str(out, text, err);
	}
	default:
		return buf_add(out, cell->v.s.data, cell->v.s.len, err);
	}
}

/* -- rows ---------------------------------------------------------------------- */

struct preview {
	const struct dataset *dataset;
	struct rowmap *map;
	struct cell *cells;
	struct table table;
	uint64_t shown, rejects;
};

/* Long values are cut, between characters. */
static void shorten(struct buf *text)
{
	size_t at = 0, count = 0;

	while (at < text->len && count < PREVIEW_CELL) {
		const size_t len = utf8_length(text->data + at,
			text->len - at);

		at += len > 0 ? len : 1;
		count++;
	}
	if (at < text->len) {
		text->len = at;
		text->data[at] = '\0';
	}
}

static bool preview_row(struct preview *preview, const char *text, size_t len,
	struct err *err)
{
	struct row_fault fault;
	struct buf shown = { 0 };
	const enum row_status status = rowmap_record(preview->map, text, len,
		preview->cells, &fault, err);

	if (status == ROW_FAILED)
		return false;
	if (status == ROW_REJECT) {
		if (preview->rejects++ == 0)
			(void)fprintf(stderr, "sluice: a record would be "
				"rejected: %s, column %s: %s\n", fault.code,
				fault.column != NULL ? fault.column->name :
				"-", output_escape(&shown, fault.detail));
		buf_clear(&shown);
		return true;
	}
	preview->shown++;
	for (size_t i = 0; i < preview->dataset->column_count; i++) {
		if (!cell_text(&preview->cells[i], &shown, err))
			break;
		shorten(&shown);
		table_add(&preview->table, preview->cells[i].null ? NULL :
			shown.data);
	}
	buf_clear(&shown);
	return err->kind == ERR_NONE;
}

/* Records of the spool: an array's, an object, or one after the other. */
static bool preview_rows(struct preview *preview,
	const struct api_harvest *harvest, struct err *err)
{
	const bool array = harvest->len > 0 && harvest->spool[0] == '[';
	const char *text = harvest->spool + (array ? 1 : 0);
	const size_t len = harvest->len - (array ? 2 : 0);
	struct json_fault fault;
	size_t at = 0, end;

	while (preview->shown < PREVIEW_ROWS) {
		at += json_blanks(text + at, len - at);
		if (at < len && text[at] == ',') {
			at++;
			continue;
		}
		if (at >= len || json_scan(text + at, len - at, true, &end,
				&fault) != JSON_OK)
			return true;
		if (!preview_row(preview, text + at, end, err))
			return false;
		at += end;
	}
	return true;
}

bool api_preview_show(const struct dataset *dataset,
	const struct api_harvest *harvest, struct err *err)
{
	struct preview preview = { .dataset = dataset };
	const char **heads = calloc(dataset->column_count + 1,
		sizeof(*heads));
	bool ok = heads != NULL || err_memory(err);

	for (size_t i = 0; ok && i < dataset->column_count; i++)
		heads[i] = dataset->columns[i].name;
	if (ok)
		table_init(&preview.table, heads);
	preview.map = ok ? rowmap_new(dataset, err) : NULL;
	ok = preview.map != NULL;
	if (ok) {
		preview.cells = calloc(rowmap_width(preview.map) + 1,
			sizeof(*preview.cells));
		ok = preview.cells != NULL || err_memory(err);
	}
	ok = ok && preview_rows(&preview, harvest, err) &&
		table_print(&preview.table, 0, err);
	if (ok)
		output_line("%" PRIu64 " of %" PRIu64 " records of the first "
			"page shown, %" PRIu64 " would be rejected",
			preview.shown, harvest->records, preview.rejects);
	table_clear(&preview.table);
	rowmap_free(preview.map);
	free(preview.cells);
	free(heads);
	return ok;
}
