/* sqlite_decimal.c - exact decimal numbers for SQL in SQLite: the functions
 * that its own shell has, under the same names. */
#include "common/sqlite_private.h"
#include "common/decimal_math.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

/* Text that is no number counts as null. */
static bool read_value(sqlite3_value *value, struct decimal *number)
{
	const char *text = (const char *)sqlite3_value_text(value);

	return text != NULL && decimal_parse(text,
		(size_t)sqlite3_value_bytes(value), number);
}

static void give(sqlite3_context *context, struct buf *text, bool ok)
{
	if (!ok) {
		sqlite3_result_error_nomem(context);
		buf_clear(text);
		return;
	}
	sqlite3_result_text64(context, text->data, text->len, SQLITE_TRANSIENT,
		SQLITE_UTF8);
	buf_clear(text);
}

static void add_or_subtract(sqlite3_context *context, sqlite3_value **values,
	bool subtract)
{
	struct decimal a, b;
	struct buf sum = { 0 };
	struct err err = { 0 };

	if (read_value(values[0], &a) && read_value(values[1], &b))
		give(context, &sum,
			decimal_add(&a, &b, subtract, &sum, &err));
}

static void add(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	add_or_subtract(context, values, false);
}

static void subtract(sqlite3_context *context, int count,
	sqlite3_value **values)
{
	(void)count;
	add_or_subtract(context, values, true);
}

static void compare(sqlite3_context *context, int count,
	sqlite3_value **values)
{
	struct decimal a, b;
	int order;

	(void)count;
	if (!read_value(values[0], &a) || !read_value(values[1], &b))
		return;
	order = decimal_compare(&a, &b);
	sqlite3_result_int(context, (order > 0) - (order < 0));
}

/* What is no number stands behind all that are. */
static int collate(void *context, int left_len, const void *left,
	int right_len, const void *right)
{
	struct decimal a, b;
	const bool is_a = decimal_parse(left, (size_t)left_len, &a);
	const bool is_b = decimal_parse(right, (size_t)right_len, &b);
	const size_t len = (size_t)(left_len < right_len ? left_len :
							   right_len);
	int order;

	(void)context;
	if (is_a && is_b)
		return decimal_compare(&a, &b);
	if (is_a != is_b)
		return is_a ? -1 : 1;
	order = memcmp(left, right, len);
	return order != 0 ? order : left_len - right_len;
}

/* -- sums --------------------------------------------------------------- */

static void take_sum(sqlite3_context *context, sqlite3_value *value,
	bool away)
{
	struct buf *sum = sqlite3_aggregate_context(context, sizeof(*sum));
	struct buf next = { 0 };
	struct err err = { 0 };
	struct decimal a, b;

	if (sum == NULL) {
		sqlite3_result_error_nomem(context);
		return;
	}
	if (!read_value(value, &b))
		return;
	if (!decimal_parse(sum->len > 0 ? sum->data : "0",
		    sum->len > 0 ? sum->len : 1, &a) ||
		!decimal_add(&a, &b, away, &next, &err)) {
		sqlite3_result_error_nomem(context);
		return;
	}
	buf_clear(sum);
	*sum = next;
}

static void sum_step(sqlite3_context *context, int count,
	sqlite3_value **values)
{
	(void)count;
	take_sum(context, values[0], false);
}

static void sum_inverse(sqlite3_context *context, int count,
	sqlite3_value **values)
{
	(void)count;
	take_sum(context, values[0], true);
}

static void sum_value(sqlite3_context *context)
{
	const struct buf *sum = sqlite3_aggregate_context(context, 0);

	if (sum != NULL && sum->len > 0)
		sqlite3_result_text64(context, sum->data, sum->len,
			SQLITE_TRANSIENT, SQLITE_UTF8);
	else
		sqlite3_result_null(context);
}

static void sum_final(sqlite3_context *context)
{
	struct buf *sum = sqlite3_aggregate_context(context, 0);

	sum_value(context);
	if (sum != NULL)
		buf_clear(sum);
}

/* -- measures ----------------------------------------------------------- */

/* Whole numbers stay whole; those beyond int64, and what has no exact sum, are
 * an error: a model goes stale rather than wrong. */
static void exact_add(sqlite3_context *context, int count,
	sqlite3_value **values)
{
	const int a = sqlite3_value_type(values[0]);
	const int b = sqlite3_value_type(values[1]);
	int64_t sum;

	(void)count;
	if (a == SQLITE_NULL || b == SQLITE_NULL || a == SQLITE_FLOAT ||
		b == SQLITE_FLOAT) {
		sqlite3_result_error(context, "a measure is null or a double: "
			"only whole numbers and decimals add up without a "
			"remainder", -1);
	} else if (a == SQLITE_INTEGER && b == SQLITE_INTEGER) {
		if (__builtin_add_overflow(sqlite3_value_int64(values[0]),
			    sqlite3_value_int64(values[1]), &sum))
			sqlite3_result_error(context,
				"a measure is beyond int64", -1);
		else
			sqlite3_result_int64(context, sum);
	} else {
		add_or_subtract(context, values, false);
	}
}

/* -0.50 of 0.50, -1 of 1. */
static void negate(sqlite3_context *context, int count,
	sqlite3_value **values)
{
	static const char zero[] = "0";
	struct decimal none, number;
	struct buf out = { 0 };
	struct err err = { 0 };

	(void)count;
	if (sqlite3_value_type(values[0]) == SQLITE_INTEGER &&
		sqlite3_value_int64(values[0]) != INT64_MIN)
		sqlite3_result_int64(context,
			-sqlite3_value_int64(values[0]));
	else if (sqlite3_value_type(values[0]) == SQLITE_TEXT &&
		decimal_parse(zero, 1, &none) &&
		read_value(values[0], &number))
		give(context, &out,
			decimal_add(&none, &number, true, &out, &err));
	else
		sqlite3_result_error(context, "a measure is null or a double",
			-1);
}

/* -- the whole ---------------------------------------------------------- */

static const struct {
	const char *name;
	int values;
	void (*call)(sqlite3_context *context, int count,
		sqlite3_value **values);
} functions[] = {
	{ "decimal_add", 2, add },
	{ "decimal_sub", 2, subtract },
	{ "decimal_cmp", 2, compare },
	{ "sluice_add", 2, exact_add },
	{ "sluice_minus", 1, negate },
};

bool sqlite_add_decimals(struct sqlite3 *db, struct err *err)
{
	const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
	int rc = sqlite3_create_collation(db, "decimal", SQLITE_UTF8, NULL,
		collate);

	for (size_t i = 0; rc == SQLITE_OK &&
		i < sizeof(functions) / sizeof(*functions); i++)
		rc = sqlite3_create_function(db, functions[i].name,
			functions[i].values, flags, NULL, functions[i].call,
			NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_create_window_function(db, "decimal_sum", 1,
			flags, NULL, sum_step, sum_final, sum_value,
			sum_inverse, NULL);
	return rc == SQLITE_OK || err_memory(err);
}
