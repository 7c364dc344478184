/* arrays.h - columns of values as PostgreSQL arrays in text, for unnest. Pure.
 *
 * Like sql_add_array_item: each call leaves a complete array. */
#ifndef SLUICE_ARRAYS_H
#define SLUICE_ARRAYS_H

#include "common/buf.h"
#include "common/hash.h"

bool array_add_int(struct buf *array, int64_t value, struct err *err)
	MUST_CHECK;
bool array_add_uint(struct buf *array, uint64_t value, struct err *err)
	MUST_CHECK;
bool array_add_uuid(struct buf *array, const struct uuid *uuid,
	struct err *err) MUST_CHECK;
bool array_add_text(struct buf *array, const char *text, struct err *err)
	MUST_CHECK;
/* Any bytes, made harmless by buf_add_escaped. */
bool array_add_escaped(struct buf *array, const void *data, size_t len,
	struct err *err) MUST_CHECK;
bool array_add_null(struct buf *array, struct err *err) MUST_CHECK;
/* The array as a parameter: "{}" when nothing was added. */
const char *array_text(const struct buf *array);
void arrays_clear(struct buf *arrays, size_t count);

#define INT_TEXT 24
/* A number as a parameter; gives out back. */
const char *int_text(int64_t value, char out[INT_TEXT]);

#endif
