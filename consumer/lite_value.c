/* lite_value.c - cells as SQLite keeps them, and what they are compared by. */
#include "consumer/lite.h"
#include "common/datetime.h"
#include "common/decimal_math.h"

#include <string.h>

enum column_type lite_type(const struct dataset *dataset, size_t i)
{
	return i < dataset->column_count ? dataset->columns[i].type :
					   COLUMN_JSON;
}

/* -- making ------------------------------------------------------------- */

static bool end_text(struct buf *text, size_t at, struct lite_value *value,
	struct err *err)
{
	value->kind = SQLITE_KIND_TEXT;
	value->v.at = at;
	if (text->len - at > UINT32_MAX)
		return err_set(err, ERR_REJECT, "a value of %zu bytes",
			text->len - at);
	value->len = (uint32_t)(text->len - at);
	return true;
}

static bool add_text(struct jsonb *jsonb, const struct cell *cell, bool key,
	struct buf *text, struct err *err)
{
	char out[DATETIME_TEXT > UUID_TEXT ? DATETIME_TEXT : UUID_TEXT];
	struct decimal number;
	struct uuid uuid;

	switch (cell->type) {
	case COLUMN_NUMERIC:
		return decimal_parse(cell->v.s.data, cell->v.s.len, &number) ?
			decimal_text(&number, key, text, err) :
			err_set(err, ERR_REJECT, "not a numeric");
	case COLUMN_JSON:
		return jsonb_text(jsonb, cell->v.s.data, cell->v.s.len, false,
			text, err);
	case COLUMN_TIMESTAMP:
	case COLUMN_TIMESTAMPTZ:
		return buf_add(text, out, datetime_time_text(cell->v.i, out),
			err);
	case COLUMN_DATE:
		return buf_add(text, out, datetime_date_text(cell->v.i, out),
			err);
	case COLUMN_UUID:
		memcpy(uuid.bytes, cell->v.uuid, sizeof(uuid.bytes));
		uuid_format(&uuid, out);
		return buf_add_str(text, out, err);
	default:
		return buf_add(text, cell->v.s.data, cell->v.s.len, err);
	}
}

bool lite_value(struct jsonb *jsonb, const struct cell *cell, bool key,
	struct buf *text, struct lite_value *value, struct err *err)
{
	const size_t at = text->len;

	*value = (struct lite_value){ .kind = SQLITE_KIND_NULL };
	if (cell->null)
		return true;
	switch (cell->type) {
	case COLUMN_INTEGER:
	case COLUMN_BOOLEAN:
		value->kind = SQLITE_KIND_INT;
		value->v.i = cell->type == COLUMN_BOOLEAN ? cell->v.b :
							    cell->v.i;
		return true;
	case COLUMN_DOUBLE:
		value->kind = SQLITE_KIND_DOUBLE;
		value->v.d = cell->v.d;
		return true;
	default:
		return add_text(jsonb, cell, key, text, err) &&
			end_text(text, at, value, err);
	}
}

bool lite_bind(struct sqlite_stmt *stmt, int at, const struct lite_value *value,
	const char *text, struct err *err)
{
	switch (value->kind) {
	case SQLITE_KIND_INT:
		return sqlite_bind_int(stmt, at, value->v.i, err);
	case SQLITE_KIND_DOUBLE:
		return sqlite_bind_double(stmt, at, value->v.d, err);
	case SQLITE_KIND_TEXT:
		return sqlite_bind_view(stmt, at, value->len > 0 ?
			text + value->v.at : "", value->len, err);
	case SQLITE_KIND_NULL:
	case SQLITE_KIND_BLOB:
		break;
	}
	return sqlite_bind_null(stmt, at, err);
}

/* -- comparing ---------------------------------------------------------- */

static int compare_bytes(const char *a, size_t a_len, const char *b,
	size_t b_len)
{
	const int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_text(enum column_type type, const char *a, size_t a_len,
	const char *b, size_t b_len)
{
	struct decimal left, right;

	if (type == COLUMN_NUMERIC && decimal_parse(a, a_len, &left) &&
		decimal_parse(b, b_len, &right))
		return decimal_compare(&left, &right);
	return compare_bytes(a, a_len, b, b_len);
}

int lite_compare(enum column_type type, const struct lite_value *a,
	const char *a_text, const struct lite_value *b, const char *b_text)
{
	if (a->kind == SQLITE_KIND_NULL || b->kind == SQLITE_KIND_NULL)
		return (a->kind != SQLITE_KIND_NULL) -
			(b->kind != SQLITE_KIND_NULL);
	if (a->kind == SQLITE_KIND_INT)
		return (a->v.i > b->v.i) - (a->v.i < b->v.i);
	if (a->kind == SQLITE_KIND_DOUBLE)
		return (a->v.d > b->v.d) - (a->v.d < b->v.d);
	return compare_text(type, a_text + a->v.at, a->len,
		b_text + b->v.at, b->len);
}

int lite_compare_column(enum column_type type, struct sqlite_stmt *stmt,
	int column, const struct lite_value *value, const char *text)
{
	struct lite_value kept = { .kind = sqlite_kind(stmt, column) };
	const char *kept_text = "";
	size_t len = 0;

	if (kept.kind == SQLITE_KIND_INT)
		kept.v.i = sqlite_int(stmt, column);
	else if (kept.kind == SQLITE_KIND_DOUBLE)
		kept.v.d = sqlite_double(stmt, column);
	else if (kept.kind == SQLITE_KIND_TEXT)
		kept_text = sqlite_text_len(stmt, column, &len);
	kept.len = (uint32_t)len;
	return lite_compare(type, &kept, kept_text, value, text);
}

/* Equal when written with no more digits than needed. */
static bool same_json(struct lite *lite, const char *a, size_t a_len,
	const char *b, size_t b_len, bool *same, struct err *err)
{
	struct buf *left = &lite->scratch[0], *right = &lite->scratch[1];

	buf_reset(left);
	buf_reset(right);
	if (!jsonb_text(&lite->jsonb, a, a_len, true, left, err) ||
		!jsonb_text(&lite->jsonb, b, b_len, true, right, err))
		return false;
	*same = compare_bytes(left->data, left->len, right->data,
		right->len) == 0;
	return true;
}

bool lite_same(struct lite *lite, enum column_type type,
	struct sqlite_stmt *stmt, int column, const struct lite_value *value,
	const char *text, bool *same, struct err *err)
{
	size_t len;
	const char *kept;

	*same = lite_compare_column(type, stmt, column, value, text) == 0;
	if (*same || type != COLUMN_JSON ||
		value->kind != SQLITE_KIND_TEXT ||
		sqlite_kind(stmt, column) != SQLITE_KIND_TEXT)
		return true;
	kept = sqlite_text_len(stmt, column, &len);
	return same_json(lite, kept, len, text + value->v.at, value->len, same,
		err);
}
