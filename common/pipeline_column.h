/* pipeline_column.h - the columns of a dataset, and what points at them. */
#ifndef SLUICE_PIPELINE_COLUMN_H
#define SLUICE_PIPELINE_COLUMN_H

#include "common/pipeline_field.h"

/* Readers for tables; all fill the struct dataset at `to`. The columns come
 * first: the others name them. */
bool column_read_list(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool column_read_keys(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool column_read_newest(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
bool column_read_date(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
/* Where the records of a derived dataset stand, and its columns' values. */
bool column_read_each(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;

/* The JSON Pointer of a source's `records`, as text; into a char *. */
bool column_read_records(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;
/* One JSON Pointer into a char **: its decoded steps and NULL. */
bool column_read_pointer(struct reading *in, const struct doc *value, void *to)
	MUST_CHECK;

/* The column's place, COLUMN_NONE when there is none. */
size_t column_find(const struct dataset *dataset, const char *name);

#endif
