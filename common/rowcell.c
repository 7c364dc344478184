/* rowcell.c - one JSON value becomes one cell, as its column's type asks. */
#include "common/rowcell.h"

#include "common/datetime.h"
#include "common/decimal.h"
#include "common/hash.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INT8_DIGITS 19
#define DOUBLE_MAX_BYTES 4096 /* written longer, it means something else */

/* -- faults ------------------------------------------------------------- */

enum row_status rowcell_reject(const struct mapping *in, const char *code,
	const struct column *column, size_t at, const char *fmt, ...)
{
	struct row_fault *fault = in->fault;
	va_list args;

	*fault = (struct row_fault){ .code = code, .column = column,
		.at = at };
	va_start(args, fmt);
	(void)vsnprintf(fault->detail, sizeof(fault->detail), fmt, args);
	va_end(args);
	return ROW_REJECT;
}

enum row_status rowcell_syntax(const struct mapping *in,
	const struct json_fault *fault, const struct column *column, size_t at)
{
	if (strcmp(fault->code, "memory") == 0) {
		(void)err_memory(in->err);
		return ROW_FAILED;
	}
	return rowcell_reject(in, fault->code, column, at, "%s", fault->what);
}

const char *rowcell_show(const struct mapping *in, const char *data, size_t len,
	char *out)
{
	struct buf *scratch = in->scratch;
	const bool cut = len > SHOWN_BYTES;
	struct err err;

	buf_reset(scratch);
	if (!buf_add_escaped(scratch, data, cut ? SHOWN_BYTES : len, &err))
		buf_reset(scratch);
	(void)snprintf(out, SHOWN, "\"%s\"%s",
		scratch->data != NULL ? scratch->data : "", cut ? "..." : "");
	return out;
}

/* -- values ------------------------------------------------------------- */

const char *rowcell_type(uint8_t type)
{
	static const char *const words[] = {
		[JSON_NULL] = "null",
		[JSON_FALSE] = "false",
		[JSON_TRUE] = "true",
		[JSON_NUMBER] = "a number",
		[JSON_STRING] = "a string",
		[JSON_ARRAY] = "an array",
		[JSON_OBJECT] = "an object",
	};

	return words[type];
}

static bool is_scalar(uint8_t type)
{
	return type == JSON_NUMBER || type == JSON_STRING ||
		type == JSON_TRUE || type == JSON_FALSE;
}

static enum row_status wrong_type(const struct mapping *in,
	const struct value *v, uint8_t type_if_coerced)
{
	const bool mend = !v->column->coerce && is_scalar(v->node->type) &&
		type_if_coerced == v->node->type;

	return rowcell_reject(in, "type", v->column, v->node->start,
		"%s where %s is wanted%s", rowcell_type(v->node->type),
		column_type_name(v->column->type),
		mend ? " (`coerce: true` would take it)" : "");
}

static enum row_status wrong_value(const struct mapping *in,
	const struct value *v, const char *code, const char *wanted)
{
	char shown[SHOWN];

	return rowcell_reject(in, code, v->column, v->node->start,
		"%s is not %s", rowcell_show(in, v->data, v->len, shown),
		wanted);
}

/* True for the type itself, and for `also` when the column coerces. */
static bool takes(const struct value *v, uint8_t type, uint8_t also)
{
	return v->node->type == type ||
		(v->column->coerce && v->node->type == also);
}

static size_t code_points(const char *data, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += ((uint8_t)data[i] & 0xc0) != 0x80;
	return count;
}

static enum row_status read_text(const struct mapping *in,
	const struct value *v, struct cell *cell)
{
	const size_t max = v->column->max_length;
	const bool flag = v->node->type == JSON_TRUE ||
		v->node->type == JSON_FALSE;

	if (!takes(v, JSON_STRING, JSON_NUMBER) &&
		!(flag && v->column->coerce))
		return wrong_type(in, v, v->node->type);
	if (max > 0 && v->len > max && code_points(v->data, v->len) > max)
		return rowcell_reject(in, "too_long", v->column, v->node->start,
			"%zu characters, at most %zu are allowed",
			code_points(v->data, v->len), max);
	cell->v.s.data = v->data;
	cell->v.s.len = v->len;
	return ROW_OK;
}

static bool to_int(const struct decimal *number, const char *text, size_t len,
	int64_t *value)
{
	int64_t sum = 0;

	for (size_t i = number->negative ? 1 : 0; i < len; i++)
		if (text[i] != '-' && /* of -0 */
			(__builtin_mul_overflow(sum, 10, &sum) ||
				__builtin_sub_overflow(sum, text[i] - '0',
					&sum)))
			return false;
	if (number->negative) {
		*value = sum;
		return true;
	}
	return !__builtin_sub_overflow(0, sum, value);
}

/* 1e400 is no int8 however it is written; 1.0 and 1e3 are refused because
 * they are written like a double. */
static enum row_status read_integer(const struct mapping *in,
	const struct value *v, struct cell *cell)
{
	struct decimal number;
	bool parsed, huge;

	if (!takes(v, JSON_NUMBER, JSON_STRING))
		return wrong_type(in, v, JSON_STRING);
	parsed = decimal_parse(v->data, v->len, &number);
	huge = parsed && number.first != number.last &&
		number.point > INT8_DIGITS;
	if (!huge && (!parsed || !number.plain))
		return wrong_value(in, v, "type",
			"a whole number written in digits");
	if (huge || !to_int(&number, v->data, v->len, &cell->v.i))
		return wrong_value(in, v, "range",
			"within -9223372036854775808..9223372036854775807");
	return ROW_OK;
}

static enum row_status read_numeric(const struct mapping *in,
	const struct value *v, struct cell *cell)
{
	struct decimal number;

	if (!takes(v, JSON_NUMBER, JSON_STRING))
		return wrong_type(in, v, JSON_STRING);
	if (!decimal_parse(v->data, v->len, &number)) {
		const bool big = v->node->type == JSON_NUMBER;

		return wrong_value(in, v, big ? "range" : "numeric",
			"a number that numeric can hold");
	}
	if (!decimal_fits(&number))
		return wrong_value(in, v, "range", "within numeric's limits "
			"(131072 digits before the point, 16383 after)");
	cell->v.s.data = v->data;
	cell->v.s.len = v->len;
	return ROW_OK;
}

/* What follows the number in memory is a quote, a comma, a bracket, a blank
 * or the buffer's NUL, so strtod stops where the number does. */
static enum row_status read_double(const struct mapping *in,
	const struct value *v, struct cell *cell)
{
	struct decimal number;

	if (!takes(v, JSON_NUMBER, JSON_STRING))
		return wrong_type(in, v, JSON_STRING);
	if (v->len > DOUBLE_MAX_BYTES)
		return wrong_value(in, v, "too_long", "of sensible length");
	if (!decimal_parse(v->data, v->len, &number)) {
		const bool big = v->node->type == JSON_NUMBER;

		return wrong_value(in, v, big ? "range" : "type",
			"a number that double can hold");
	}
	errno = 0;
	cell->v.d = strtod_l(v->data, NULL, in->locale);
	if (errno == ERANGE && (cell->v.d == 0.0 ||
		    cell->v.d > 1.0e300 || cell->v.d < -1.0e300))
		return wrong_value(in, v, "range", "within double's limits "
			"(about 1e308, not below about 1e-323)");
	return ROW_OK;
}

static enum row_status read_boolean(const struct mapping *in,
	const struct value *v, struct cell *cell)
{
	const uint8_t type = v->node->type;

	cell->v.b = type == JSON_TRUE;
	if (type == JSON_TRUE || type == JSON_FALSE)
		return ROW_OK;
	if (type != JSON_STRING || !v->column->coerce)
		return wrong_type(in, v, JSON_STRING);
	cell->v.b = v->len == 4 && memcmp(v->data, "true", 4) == 0;
	if (cell->v.b || (v->len == 5 && memcmp(v->data, "false", 5) == 0))
		return ROW_OK;
	return wrong_value(in, v, "type", "true or false");
}

static enum row_status read_timestamp(const struct mapping *in,
	const struct value *v, struct cell *cell)
{
	if (v->node->type != JSON_STRING)
		return wrong_type(in, v, JSON_NULL);
	if (datetime_time(v->data, v->len, false, &cell->v.i))
		return ROW_OK;
	return wrong_value(in, v, "timestamp", "a time such as "
		"2020-12-31 23:59:59.123456 (zone allowed)");
}

static enum row_status read_timestamptz(const struct mapping *in,
	const struct value *v, struct cell *cell)
{
	if (v->node->type != JSON_STRING)
		return wrong_type(in, v, JSON_NULL);
	if (datetime_time(v->data, v->len, true, &cell->v.i))
		return ROW_OK;
	return wrong_value(in, v, "timestamp", "a time with its zone, such as "
		"2020-12-31T23:59:59.123456Z or +01:00");
}

static enum row_status read_date(const struct mapping *in,
	const struct value *v, struct cell *cell)
{
	if (v->node->type != JSON_STRING)
		return wrong_type(in, v, JSON_NULL);
	if (datetime_date(v->data, v->len, &cell->v.i))
		return ROW_OK;
	return wrong_value(in, v, "date", "a date such as 2020-12-31");
}

static enum row_status read_uuid(const struct mapping *in,
	const struct value *v, struct cell *cell)
{
	struct uuid uuid;

	if (v->node->type != JSON_STRING)
		return wrong_type(in, v, JSON_NULL);
	if (!uuid_parse(v->data, v->len, &uuid))
		return wrong_value(in, v, "uuid",
			"a uuid of 32 hex digits with dashes");
	memcpy(cell->v.uuid, uuid.bytes, sizeof(cell->v.uuid));
	return ROW_OK;
}

/* -- json --------------------------------------------------------------- */

/* jsonb takes what numeric takes; and numbers that are short here, but would
 * fill gigabytes when written out, are refused as well. */
static bool json_number_fits(const char *data, size_t len, int64_t *budget)
{
	struct decimal number;

	if (len < 16 && memchr(data, 'e', len) == NULL &&
		memchr(data, 'E', len) == NULL)
		return true;
	if (!decimal_parse(data, len, &number) || !decimal_fits(&number))
		return false;
	*budget -= decimal_written(&number) - (int64_t)len;
	return *budget >= 0;
}

/* The values and keys of nodes[first..end). */
enum row_status rowcell_check_json(const struct mapping *in,
	const struct column *column, size_t first, size_t end, int64_t *budget)
{
	const struct json_node *nodes = in->tape->nodes;
	struct json_fault fault;

	for (size_t i = first; i < end; i++) {
		const struct json_node *node = &nodes[i];

		if (node->type == JSON_STRING && node->escaped) {
			buf_reset(in->scratch);
			if (!json_decode(in->text, node, in->scratch,
				    &fault))
				return rowcell_syntax(in, &fault, column,
					node->start);
		} else if (node->type == JSON_NUMBER &&
			!json_number_fits(in->text + node->start, node->len,
				budget)) {
			return rowcell_reject(in, "json_number", column,
				node->start, "a number beyond what jsonb can "
				"hold, or numbers too long when written out");
		}
	}
	return ROW_OK;
}

static enum row_status read_json(const struct mapping *in,
	const struct value *v, struct cell *cell)
{
	const size_t first = (size_t)(v->node - in->tape->nodes);
	int64_t budget = JSON_GROWTH_MAX;

	if (v->node->len > JSON_MAX_BYTES)
		return rowcell_reject(in, "too_long", v->column, v->node->start,
			"%zu bytes of json, at most %d are allowed",
			(size_t)v->node->len, JSON_MAX_BYTES);
	cell->v.s.data = in->text + v->node->start;
	cell->v.s.len = v->node->len;
	return rowcell_check_json(in, v->column, first, v->node->next, &budget);
}

static enum row_status (*const readers[])(const struct mapping *in,
	const struct value *v, struct cell *cell) = {
	[COLUMN_TEXT] = read_text,
	[COLUMN_INTEGER] = read_integer,
	[COLUMN_NUMERIC] = read_numeric,
	[COLUMN_DOUBLE] = read_double,
	[COLUMN_BOOLEAN] = read_boolean,
	[COLUMN_TIMESTAMP] = read_timestamp,
	[COLUMN_TIMESTAMPTZ] = read_timestamptz,
	[COLUMN_DATE] = read_date,
	[COLUMN_UUID] = read_uuid,
	[COLUMN_JSON] = read_json,
};

enum row_status rowcell_read(const struct mapping *in, const struct value *v,
	struct cell *cell)
{
	return readers[v->column->type](in, v, cell);
}
