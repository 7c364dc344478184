/* arrays.c - columns of values as PostgreSQL arrays in text, for unnest. */
#include "consumer/arrays.h"
#include "common/db.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool open_item(struct buf *array, struct err *err)
{
	if (array->len == 0)
		return buf_add_char(array, '{', err);
	array->data[array->len - 1] = ',';
	return true;
}

bool array_add_int(struct buf *array, int64_t value, struct err *err)
{
	return open_item(array, err) &&
		buf_printf(array, err, "%" PRId64 "}", value);
}

bool array_add_uint(struct buf *array, uint64_t value, struct err *err)
{
	return open_item(array, err) &&
		buf_printf(array, err, "%" PRIu64 "}", value);
}

bool array_add_uuid(struct buf *array, const struct uuid *uuid,
	struct err *err)
{
	char text[UUID_TEXT];

	uuid_format(uuid, text);
	return open_item(array, err) && buf_add_str(array, text, err) &&
		buf_add_char(array, '}', err);
}

bool array_add_text(struct buf *array, const char *text, struct err *err)
{
	return sql_add_array_item(array, text, strlen(text), err);
}

bool array_add_escaped(struct buf *array, const void *data, size_t len,
	struct err *err)
{
	struct buf text = { 0 };
	bool ok;

	ok = buf_add_escaped(&text, data, len, err) &&
		sql_add_array_item(array, text.data != NULL ? text.data : "",
			text.len, err);
	buf_clear(&text);
	return ok;
}

bool array_add_null(struct buf *array, struct err *err)
{
	return sql_add_array_item(array, NULL, 0, err);
}

const char *array_text(const struct buf *array)
{
	return array->len > 0 ? array->data : "{}";
}

void arrays_clear(struct buf *arrays, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_clear(&arrays[i]);
}

const char *int_text(int64_t value, char out[INT_TEXT])
{
	(void)snprintf(out, INT_TEXT, "%" PRId64, value);
	return out;
}
