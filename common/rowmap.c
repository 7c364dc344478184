/* rowmap.c - a record becomes a typed row, or a reject with its reason.
 *
 * The record's tape is walked once along a tree of all columns' paths, which
 * notes where each column's value stands; then each value is read as its type
 * asks. Memory is kept from record to record. */
#include "common/rowmap.h"

#include "common/datetime.h"
#include "common/decimal.h"
#include "common/dupkeys.h"
#include "common/hash.h"

#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE SIZE_MAX
#define SHOWN_BYTES 40           /* of a value in a fault's detail */
#define SHOWN (4 * SHOWN_BYTES + 8) /* escaped, in quotes */
#define INT8_DIGITS 19
#define DOUBLE_MAX_BYTES 4096    /* written longer, it means something else */
#define JSON_MAX_BYTES (32 << 20) /* jsonb ends at 256 MiB of its own form */
#define JSON_NUMBERS_MAX (1 << 20) /* characters beyond the text's own */

/* One step of the columns' paths. */
struct step {
	const char *key;
	size_t len;
	size_t index;     /* the key as an array index, or NONE */
	struct step *kids; /* sorted by length and bytes */
	size_t kid_count;
	size_t kid_first; /* the kid that came first in the last object */
	size_t follow;    /* the sibling that came next in the last object */
	size_t *columns;  /* whose path ends here */
	size_t column_count;
};

struct rowmap {
	const struct dataset *dataset;
	struct step root;
	struct json_tape tape;
	struct dupkeys dupkeys;
	size_t *found;       /* by column: node of its value, or NONE */
	struct buf decoded;  /* text of cells */
	struct buf scratch;  /* of no lasting use */
	struct buf extra;    /* unknown members, as one JSON object */
	struct buf extra_nodes; /* their keys' nodes, as size_t */
	size_t unknown_node; /* first unknown key, or NONE */
	uint64_t unknown;
	locale_t locale;     /* "C": strtod's point must be a point */
};

/* What the functions below work on. */
struct mapping {
	struct rowmap *map;
	const char *text;
	size_t len;
	struct row_fault *fault;
	struct err *err;
};

/* -- the tree of paths -------------------------------------------------- */

static size_t array_index(const char *key)
{
	const size_t digits = strspn(key, "0123456789");
	size_t index = 0;

	if (digits == 0 || key[digits] != '\0' || digits > 9 ||
		(*key == '0' && digits > 1))
		return NONE;
	for (; *key != '\0'; key++)
		index = index * 10 + (size_t)(*key - '0');
	return index;
}

static int compare_key(const char *a, size_t a_len, const char *b, size_t b_len)
{
	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	return a_len > 0 ? memcmp(a, b, a_len) : 0;
}

static int by_key(const void *left, const void *right)
{
	const struct step *a = left, *b = right;

	return compare_key(a->key, a->len, b->key, b->len);
}

static struct step *step_kid(struct step *step, const char *key,
	struct err *err)
{
	struct step *kids;

	for (size_t i = 0; i < step->kid_count; i++)
		if (strcmp(step->kids[i].key, key) == 0)
			return &step->kids[i];
	kids = realloc(step->kids, (step->kid_count + 1) * sizeof(*kids));
	if (kids == NULL) {
		(void)err_memory(err);
		return NULL;
	}
	step->kids = kids;
	kids[step->kid_count] = (struct step){ .key = key,
		.len = strlen(key), .index = array_index(key) };
	return &kids[step->kid_count++];
}

static bool step_add(struct step *step, const struct column *column,
	size_t number, struct err *err)
{
	size_t *columns;

	for (size_t i = 0; i < column->path_len; i++) {
		step = step_kid(step, column->path[i], err);
		if (step == NULL)
			return false;
	}
	columns = realloc(step->columns,
		(step->column_count + 1) * sizeof(*columns));
	if (columns == NULL)
		return err_memory(err);
	step->columns = columns;
	columns[step->column_count++] = number;
	return true;
}

static void step_sort(struct step *step)
{
	if (step->kid_count > 1)
		qsort(step->kids, step->kid_count, sizeof(*step->kids),
			by_key);
	for (size_t i = 0; i < step->kid_count; i++)
		step_sort(&step->kids[i]);
}

static void step_clear(struct step *step)
{
	for (size_t i = 0; i < step->kid_count; i++)
		step_clear(&step->kids[i]);
	free(step->kids);
	free(step->columns);
}

/* Records of one source have their keys in one order mostly: try the guess,
 * then search. */
static size_t step_find(const struct step *step, size_t guess,
	const char *key, size_t len)
{
	size_t low = 0, high = step->kid_count;

	if (guess < high && compare_key(step->kids[guess].key,
		    step->kids[guess].len, key, len) == 0)
		return guess;
	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		const int order = compare_key(step->kids[mid].key,
			step->kids[mid].len, key, len);

		if (order == 0)
			return mid;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NONE;
}

/* -- life --------------------------------------------------------------- */

struct rowmap *rowmap_new(const struct dataset *dataset, struct err *err)
{
	struct rowmap *map = calloc(1, sizeof(*map));
	bool ok = map != NULL;

	if (ok) {
		map->dataset = dataset;
		map->found = calloc(dataset->column_count + 1,
			sizeof(*map->found));
		map->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
		ok = map->found != NULL && map->locale != (locale_t)0;
	}
	if (!ok)
		(void)err_memory(err);
	for (size_t i = 0; ok && i < dataset->column_count; i++)
		ok = step_add(&map->root, &dataset->columns[i], i, err);
	if (!ok) {
		rowmap_free(map);
		return NULL;
	}
	step_sort(&map->root);
	return map;
}

void rowmap_free(struct rowmap *map)
{
	if (map == NULL)
		return;
	step_clear(&map->root);
	json_tape_clear(&map->tape);
	dupkeys_clear(&map->dupkeys);
	free(map->found);
	buf_clear(&map->decoded);
	buf_clear(&map->scratch);
	buf_clear(&map->extra);
	buf_clear(&map->extra_nodes);
	if (map->locale != (locale_t)0)
		freelocale(map->locale);
	free(map);
}

size_t rowmap_width(const struct rowmap *map)
{
	return map->dataset->column_count +
		(map->dataset->unknown == UNKNOWN_KEEP ? 1 : 0);
}

uint64_t rowmap_take_unknown(struct rowmap *map)
{
	const uint64_t count = map->unknown;

	map->unknown = 0;
	return count;
}

/* -- faults ------------------------------------------------------------- */

PRINTF_LIKE(5, 6)
static enum row_status reject(const struct mapping *in, const char *code,
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

static enum row_status syntax_fault(const struct mapping *in,
	const struct json_fault *fault, const struct column *column, size_t at)
{
	if (strcmp(fault->code, "memory") == 0) {
		(void)err_memory(in->err);
		return ROW_FAILED;
	}
	return reject(in, fault->code, column, at, "%s", fault->what);
}

/* A value, short and on one line, into out[SHOWN]. */
static const char *show(const struct mapping *in, const char *data, size_t len,
	char *out)
{
	struct buf *scratch = &in->map->scratch;
	const bool cut = len > SHOWN_BYTES;
	struct err err;

	buf_reset(scratch);
	if (!buf_add_escaped(scratch, data, cut ? SHOWN_BYTES : len, &err))
		buf_reset(scratch);
	(void)snprintf(out, SHOWN, "\"%s\"%s",
		scratch->data != NULL ? scratch->data : "", cut ? "..." : "");
	return out;
}

/* -- where the values stand --------------------------------------------- */

static bool note_value(struct mapping *in, struct step *step, size_t node);

/* The key's bytes, decoded when need be; false when it cannot be, so that no
 * column has its name, or when out of memory (*memory). */
static bool key_text(struct mapping *in, const struct json_node *node,
	const char **data, size_t *len, bool *memory)
{
	struct buf *scratch = &in->map->scratch;
	struct json_fault fault;

	*memory = false;
	*data = in->text + node->start + 1;
	*len = node->len - 2;
	if (!node->escaped)
		return true;
	buf_reset(scratch);
	if (!json_decode(in->text, node, scratch, &fault)) {
		*memory = strcmp(fault.code, "memory") == 0;
		return false;
	}
	*data = scratch->data != NULL ? scratch->data : "";
	*len = scratch->len;
	return true;
}

/* A top-level member that no column asks for. */
static bool note_unknown(struct mapping *in, size_t key)
{
	struct rowmap *map = in->map;
	const struct json_node *nodes = map->tape.nodes;
	const size_t start = nodes[key].start;
	const size_t end = nodes[key + 1].start + nodes[key + 1].len;

	if (map->root.column_count > 0)
		return true; /* some column takes the whole record */
	if (map->unknown_node == NONE)
		map->unknown_node = key;
	if (map->dataset->unknown == UNKNOWN_IGNORE)
		map->unknown++;
	if (map->dataset->unknown != UNKNOWN_KEEP)
		return true;
	return buf_add_char(&map->extra, map->extra.len > 0 ? ',' : '{',
		       in->err) &&
		buf_add(&map->extra, in->text + start, end - start, in->err) &&
		buf_add(&map->extra_nodes, &key, sizeof(key), in->err);
}

static bool note_members(struct mapping *in, struct step *step, size_t object)
{
	const struct json_node *nodes = in->map->tape.nodes;
	const size_t end = nodes[object].next;
	size_t *guess = &step->kid_first;

	for (size_t i = object + 1; i < end; i = nodes[i + 1].next) {
		const char *key;
		size_t len, kid = NONE;
		bool memory;

		if (key_text(in, &nodes[i], &key, &len, &memory))
			kid = step_find(step, *guess, key, len);
		else if (memory)
			return err_memory(in->err);
		if (kid != NONE) {
			*guess = kid;
			guess = &step->kids[kid].follow;
			if (!note_value(in, &step->kids[kid], i + 1))
				return false;
		} else if (step == &in->map->root && !note_unknown(in, i)) {
			return false;
		}
	}
	return true;
}

static bool note_elements(struct mapping *in, struct step *step, size_t array)
{
	const struct json_node *nodes = in->map->tape.nodes;
	const size_t end = nodes[array].next;

	for (size_t k = 0; k < step->kid_count; k++) {
		size_t at = array + 1, left = step->kids[k].index;

		if (left == NONE)
			continue;
		for (; at < end && left > 0; left--)
			at = nodes[at].next;
		if (at < end && !note_value(in, &step->kids[k], at))
			return false;
	}
	return true;
}

static bool note_value(struct mapping *in, struct step *step, size_t node)
{
	const uint8_t type = in->map->tape.nodes[node].type;

	for (size_t i = 0; i < step->column_count; i++)
		in->map->found[step->columns[i]] = node;
	if (step->kid_count > 0 && type == JSON_OBJECT)
		return note_members(in, step, node);
	if (step->kid_count > 0 && type == JSON_ARRAY)
		return note_elements(in, step, node);
	return true;
}

/* -- values ------------------------------------------------------------- */

/* One column's value on its way into a cell. */
struct value {
	const struct column *column;
	const struct json_node *node;
	const char *data; /* a string's characters, or a number's */
	size_t len;
};

static const char *type_words(uint8_t type)
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

	return reject(in, "type", v->column, v->node->start,
		"%s where %s is wanted%s", type_words(v->node->type),
		column_type_name(v->column->type),
		mend ? " (`coerce: true` would take it)" : "");
}

static enum row_status wrong_value(const struct mapping *in,
	const struct value *v, const char *code, const char *wanted)
{
	char shown[SHOWN];

	return reject(in, code, v->column, v->node->start, "%s is not %s",
		show(in, v->data, v->len, shown), wanted);
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
		return reject(in, "too_long", v->column, v->node->start,
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
	cell->v.d = strtod_l(v->data, NULL, in->map->locale);
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
static enum row_status check_json(const struct mapping *in,
	const struct column *column, size_t first, size_t end, int64_t *budget)
{
	const struct json_node *nodes = in->map->tape.nodes;
	struct json_fault fault;

	for (size_t i = first; i < end; i++) {
		const struct json_node *node = &nodes[i];

		if (node->type == JSON_STRING && node->escaped) {
			buf_reset(&in->map->scratch);
			if (!json_decode(in->text, node, &in->map->scratch,
				    &fault))
				return syntax_fault(in, &fault, column,
					node->start);
		} else if (node->type == JSON_NUMBER &&
			!json_number_fits(in->text + node->start, node->len,
				budget)) {
			return reject(in, "json_number", column, node->start,
				"a number beyond what jsonb can hold, or "
				"numbers too long when written out");
		}
	}
	return ROW_OK;
}

static enum row_status read_json(const struct mapping *in,
	const struct value *v, struct cell *cell)
{
	const size_t first = (size_t)(v->node - in->map->tape.nodes);
	int64_t budget = JSON_NUMBERS_MAX;

	if (v->node->len > JSON_MAX_BYTES)
		return reject(in, "too_long", v->column, v->node->start,
			"%zu bytes of json, at most %d are allowed",
			(size_t)v->node->len, JSON_MAX_BYTES);
	cell->v.s.data = in->text + v->node->start;
	cell->v.s.len = v->node->len;
	return check_json(in, v->column, first, v->node->next, &budget);
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

/* -- rows --------------------------------------------------------------- */

/* Room for all strings that will be decoded, so that none moves later. */
static bool reserve_decoded(const struct mapping *in)
{
	struct rowmap *map = in->map;
	size_t need = 0;

	for (size_t i = 0; i < map->dataset->column_count; i++) {
		const struct json_node *node = map->found[i] == NONE ? NULL :
			&map->tape.nodes[map->found[i]];

		if (node != NULL && node->type == JSON_STRING && node->escaped)
			need += node->len;
	}
	buf_reset(&map->decoded);
	return need == 0 || buf_grow(&map->decoded, need, in->err);
}

/* The characters of a string or number. */
static enum row_status value_text(const struct mapping *in, struct value *v)
{
	struct buf *decoded = &in->map->decoded;
	const struct json_node *node = v->node;
	const size_t before = decoded->len;
	struct json_fault fault;

	v->data = in->text + node->start;
	v->len = node->len;
	if (node->type != JSON_STRING || v->column->type == COLUMN_JSON)
		return ROW_OK;
	v->data++;
	v->len -= 2;
	if (!node->escaped)
		return ROW_OK;
	if (!json_decode(in->text, node, decoded, &fault))
		return syntax_fault(in, &fault, v->column, node->start);
	v->data = decoded->data + before;
	v->len = decoded->len - before;
	return ROW_OK;
}

static enum row_status read_cell(const struct mapping *in, size_t number,
	struct cell *cell)
{
	const struct column *column = &in->map->dataset->columns[number];
	const size_t at = in->map->found[number];
	struct value v = { .column = column };
	enum row_status status;

	*cell = (struct cell){ .type = column->type, .null = true };
	if (at == NONE)
		return column->required ? reject(in, "missing", column, 0,
			"the record has no value for this required column") :
			ROW_OK;
	v.node = &in->map->tape.nodes[at];
	cell->null = v.node->type == JSON_NULL || (column->empty_as_null &&
		v.node->type == JSON_STRING && v.node->len == 2);
	if (cell->null)
		return column->required ? reject(in, "null", column,
			v.node->start, "%s in a required column",
			v.node->len == 2 ? "an empty string" : "null") :
			ROW_OK;
	status = value_text(in, &v);
	return status == ROW_OK ? readers[column->type](in, &v, cell) : status;
}

static size_t encoded_bytes(const struct cell *cell)
{
	if (cell->type == COLUMN_TEXT)
		return cell->v.s.len + 4;
	if (cell->type == COLUMN_NUMERIC)
		return cell->v.s.len / 2 + 16;
	return 16;
}

static enum row_status check_key(const struct mapping *in,
	const struct cell *cells)
{
	const struct dataset *dataset = in->map->dataset;
	size_t bytes = 0;

	for (size_t i = 0; i < dataset->key_count; i++)
		bytes += encoded_bytes(&cells[dataset->keys[i]]);
	if (bytes <= ROWMAP_KEY_MAX_BYTES)
		return ROW_OK;
	return reject(in, "key_too_long", NULL, 0,
		"the key takes %zu bytes, at most %d are allowed", bytes,
		ROWMAP_KEY_MAX_BYTES);
}

static enum row_status check_extra(const struct mapping *in)
{
	const struct rowmap *map = in->map;
	int64_t budget = JSON_NUMBERS_MAX;
	enum row_status status = ROW_OK;
	size_t key;

	for (size_t i = 0; status == ROW_OK && i < map->extra_nodes.len;
		i += sizeof(key)) {
		memcpy(&key, map->extra_nodes.data + i, sizeof(key));
		status = check_json(in, NULL, key,
			map->tape.nodes[key + 1].next, &budget);
	}
	return status;
}

static enum row_status read_extra(const struct mapping *in, struct cell *cell)
{
	struct buf *extra = &in->map->extra;

	*cell = (struct cell){ .type = COLUMN_JSON, .null = true };
	if (extra->len == 0)
		return ROW_OK;
	if (extra->len > JSON_MAX_BYTES)
		return reject(in, "too_long", NULL, 0, "%zu bytes of unknown "
			"members, at most %d are allowed", extra->len,
			JSON_MAX_BYTES);
	if (!buf_add_char(extra, '}', in->err))
		return ROW_FAILED;
	cell->null = false;
	cell->v.s.data = extra->data;
	cell->v.s.len = extra->len;
	return check_extra(in);
}

/* What concerns the record as a whole: its syntax, its keys. */
static enum row_status scan_record(struct mapping *in)
{
	struct rowmap *map = in->map;
	struct json_fault fault;
	size_t twice;

	if (json_parse(in->text, in->len, &map->tape, &fault) != JSON_OK)
		return syntax_fault(in, &fault, NULL, fault.at);
	if (map->tape.nodes[0].type != JSON_OBJECT)
		return reject(in, "not_object", NULL, map->tape.nodes[0].start,
			"%s where a record, an object, is wanted",
			type_words(map->tape.nodes[0].type));
	if (!dupkeys_find(&map->dupkeys, in->text, &map->tape, &twice, in->err))
		return ROW_FAILED;
	if (twice != NONE) {
		const struct json_node *key = &map->tape.nodes[twice];
		char shown[SHOWN];

		return reject(in, "duplicate_key", NULL, key->start,
			"the key %s stands twice in one object",
			show(in, in->text + key->start + 1, key->len - 2,
				shown));
	}
	for (size_t i = 0; i < map->dataset->column_count; i++)
		map->found[i] = NONE;
	map->unknown_node = NONE;
	buf_reset(&map->extra);
	buf_reset(&map->extra_nodes);
	return note_value(in, &map->root, 0) && reserve_decoded(in) ? ROW_OK :
								      ROW_FAILED;
}

static enum row_status check_unknown(const struct mapping *in)
{
	const struct rowmap *map = in->map;
	const struct json_node *key;
	char shown[SHOWN];

	if (map->dataset->unknown != UNKNOWN_REJECT ||
		map->unknown_node == NONE)
		return ROW_OK;
	key = &map->tape.nodes[map->unknown_node];
	return reject(in, "unknown_key", NULL, key->start,
		"no column takes the key %s", show(in,
			in->text + key->start + 1, key->len - 2, shown));
}

enum row_status rowmap_record(struct rowmap *map, const char *text, size_t len,
	struct cell *cells, struct row_fault *fault, struct err *err)
{
	struct mapping in = { .map = map, .text = text, .len = len,
		.fault = fault, .err = err };
	const size_t count = map->dataset->column_count;
	enum row_status status = scan_record(&in);

	if (status == ROW_OK)
		status = check_unknown(&in);
	for (size_t i = 0; status == ROW_OK && i < count; i++)
		status = read_cell(&in, i, &cells[i]);
	if (status == ROW_OK)
		status = check_key(&in, cells);
	if (status == ROW_OK && map->dataset->unknown == UNKNOWN_KEEP)
		status = read_extra(&in, &cells[count]);
	return status;
}
