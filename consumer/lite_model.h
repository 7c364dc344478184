/* lite_model.h - between the files that keep the models of an SQLite file. */
#ifndef SLUICE_LITE_MODEL_H
#define SLUICE_LITE_MODEL_H

#include "common/datetime.h"
#include "consumer/lite.h"

/* "modelled_days", and ifnull("day", x''), ... of its grain. */
bool lite_add_model(const struct model *model, struct buf *sql,
	struct err *err) MUST_CHECK;
bool lite_add_grain(const struct model *model, struct buf *sql,
	struct err *err) MUST_CHECK;
bool lite_model_exists(struct lite *lite, const struct model *model,
	bool *exists, struct err *err) MUST_CHECK;
/* model->measures: the columns of its table that are not grain. */
bool lite_read_measures(struct lite *lite, struct model *model,
	struct err *err) MUST_CHECK;
/* Runs SQL in which the model's select stands from `start` on; *rows (may be
 * NULL): what it changed. Errors name file and line, err->code "sql". */
bool lite_run_model(struct lite *lite, const struct model *model,
	const struct buf *sql, size_t start, int64_t *rows, struct err *err)
	MUST_CHECK;
/* Its empty table, or its view. */
bool lite_create_table(struct lite *lite, const struct model *model,
	struct err *err) MUST_CHECK;
bool lite_create_view(struct lite *lite, const struct model *model,
	struct err *err) MUST_CHECK;
/* Its rows anew, from what it reads; a view has none. */
bool lite_fill(struct lite *lite, struct model *model, int64_t *rows,
	struct err *err) MUST_CHECK;

/* -- the books */

const char *lite_now(struct lite *lite, char out[DATETIME_TEXT]);
struct lite_run_note {
	const char *what; /* build, verify, failed */
	int64_t load_id, ms, rows; /* load_id 0: none */
	bool ok;
	const char *detail; /* may be NULL */
};
bool lite_note_run(struct lite *lite, const struct model *model,
	const struct lite_run_note *note, struct err *err) MUST_CHECK;
bool lite_mark_fresh(struct lite *lite, const struct model *model, int64_t ms,
	int64_t rows, struct err *err) MUST_CHECK;

#endif
