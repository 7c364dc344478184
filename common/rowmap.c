/* rowmap.c - a record becomes a typed row, or a reject with its reason.
 *
 * The record's tape is walked once along a tree of all columns' paths, which
 * notes where each column's value stands; then each value is read as its type
 * asks. Memory is kept from record to record. */
#include "common/rowmap.h"

#include "common/dupkeys.h"
#include "common/jsonmold.h"
#include "common/rowcell.h"
#include "common/rowpath.h"

#include <stdlib.h>
#include <string.h>

#define NONE SIZE_MAX

/* The short way of a column of text: strings of that many bytes, quotes
 * included, are taken as they stand. */
struct as_it_stands {
	uint32_t node; /* or 0, which is no string: the record */
	uint32_t least, more;
};

struct rowmap {
	const struct dataset *dataset;
	struct rowpath root;
	struct json_tape tape;
	struct dupkeys dupkeys;
	size_t *found;       /* by column: node of its value, or NONE */
	const size_t *where; /* found, or known */
	bool plain;          /* it is `known`, and no string is escaped */
	struct json_mold mold; /* of the record `known` was found in */
	size_t *known;       /* found, of that record */
	struct as_it_stands *texts; /* by column, of that record */
	bool known_deep;     /* some of it is no string, number or word */
	uint64_t known_unknown; /* its keys that no column asks for */
	const size_t *outside; /* rowmap_outside's nodes */
	struct buf decoded;  /* text of cells */
	struct buf scratch;  /* of no lasting use */
	struct buf extra;    /* unknown members, as one JSON object */
	struct buf extra_nodes; /* their keys' nodes, as size_t */
	size_t unknown_node; /* first unknown key, or NONE */
	uint64_t unknown;
	locale_t locale;     /* "C": strtod's point must be a point */
};

/* -- life --------------------------------------------------------------- */

struct rowmap *rowmap_new(const struct dataset *dataset, struct err *err)
{
	struct rowmap *map = calloc(1, sizeof(*map));
	bool ok = map != NULL;

	if (ok) {
		map->dataset = dataset;
		map->found = calloc(dataset->column_count + 1,
			sizeof(*map->found));
		map->known = calloc(dataset->column_count + 1,
			sizeof(*map->known));
		map->texts = calloc(dataset->column_count + 1,
			sizeof(*map->texts));
		map->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
		ok = map->found != NULL && map->known != NULL &&
			map->texts != NULL && map->locale != (locale_t)0;
	}
	if (!ok)
		(void)err_memory(err);
	ok = ok && rowpath_build(&map->root, dataset->columns,
		dataset->column_count, err);
	if (!ok) {
		rowmap_free(map);
		return NULL;
	}
	return map;
}

void rowmap_free(struct rowmap *map)
{
	if (map == NULL)
		return;
	rowpath_clear(&map->root);
	json_tape_clear(&map->tape);
	dupkeys_clear(&map->dupkeys);
	free(map->found);
	free(map->known);
	free(map->texts);
	json_mold_clear(&map->mold);
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

/* -- where the values stand --------------------------------------------- */

static bool note_value(struct mapping *in, struct rowpath *step, size_t node);

/* The key's bytes, decoded when need be; false when it cannot be, so that no
 * column has its name, or when out of memory (*memory). */
static bool key_text(struct mapping *in, const struct json_node *node,
	const char **data, size_t *len, bool *memory)
{
	struct buf *scratch = in->scratch;
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

static bool note_members(struct mapping *in, struct rowpath *step,
	size_t object)
{
	const struct json_node *nodes = in->tape->nodes;
	const size_t end = nodes[object].next;
	size_t *guess = &step->kid_first;

	for (size_t i = object + 1; i < end; i = nodes[i + 1].next) {
		const char *key;
		size_t len, kid = NONE;
		bool memory;

		if (key_text(in, &nodes[i], &key, &len, &memory))
			kid = rowpath_find(step, *guess, key, len);
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

static bool note_elements(struct mapping *in, struct rowpath *step,
	size_t array)
{
	const struct json_node *nodes = in->tape->nodes;
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

static bool note_value(struct mapping *in, struct rowpath *step, size_t node)
{
	const uint8_t type = in->tape->nodes[node].type;

	for (size_t i = 0; i < step->column_count; i++)
		in->map->found[step->columns[i]] = node;
	if (step->kid_count > 0 && type == JSON_OBJECT)
		return note_members(in, step, node);
	if (step->kid_count > 0 && type == JSON_ARRAY)
		return note_elements(in, step, node);
	return true;
}

/* -- rows --------------------------------------------------------------- */

/* Where a column's value stands: *node, and the text it is of. */
static const struct mapping *find_value(const struct mapping *in,
	const struct mapping *outside, size_t column, size_t *node)
{
	*node = in->map->where[column];
	if (outside == NULL || in->map->outside[column] == ROWMAP_OWN)
		return in;
	*node = in->map->outside[column];
	return outside;
}

static bool needs_room(const struct mapping *in, size_t at)
{
	return at != NONE && in->tape->nodes[at].type == JSON_STRING &&
		in->tape->nodes[at].escaped;
}

/* Room for all strings that will be decoded, so that none moves later. */
static bool reserve_decoded(const struct mapping *in,
	const struct mapping *outside)
{
	struct rowmap *map = in->map;
	size_t need = 0;

	buf_reset(&map->decoded);
	for (size_t i = 0; i < map->dataset->column_count; i++) {
		size_t at;
		const struct mapping *of = find_value(in, outside, i, &at);

		if (needs_room(of, at))
			need += of->tape->nodes[at].len;
	}
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
		return rowcell_syntax(in, &fault, v->column, node->start);
	v->data = decoded->data + before;
	v->len = decoded->len - before;
	return ROW_OK;
}

static bool is_null(const struct column *column, const struct json_node *node)
{
	return node->type == JSON_NULL || (column->empty_as_null &&
		node->type == JSON_STRING && node->len == 2);
}

/* at: its node, or NONE. */
static enum row_status read_cell(const struct mapping *in,
	const struct column *column, size_t at, struct cell *cell)
{
	struct value v = { .column = column };
	enum row_status status;

	*cell = (struct cell){ .type = column->type, .null = true };
	v.node = at == NONE ? NULL : &in->tape->nodes[at];
	if (column->present) {
		cell->null = false;
		cell->v.b = at != NONE && v.node->type != JSON_NULL;
		return ROW_OK;
	}
	if (at == NONE)
		return !column->required ? ROW_OK : rowcell_reject(in,
			"missing", column, 0,
			"the record has no value for this required column");
	cell->null = is_null(column, v.node);
	if (cell->null)
		return column->required ? rowcell_reject(in, "null", column,
			v.node->start, "%s in a required column",
			v.node->len == 2 ? "an empty string" : "null") :
			ROW_OK;
	status = value_text(in, &v);
	return status == ROW_OK ? rowcell_read(in, &v, cell) : status;
}

/* The commonest of all on a short way: a string as it stands, in a column of
 * text. */
static bool read_string(const struct mapping *in, const struct column *column,
	size_t at, struct cell *cell)
{
	const struct json_node *node;

	if (column->type != COLUMN_TEXT || at == NONE)
		return false;
	node = &in->tape->nodes[at];
	if (node->type != JSON_STRING || node->escaped ||
		(column->max_length > 0 && node->len - 2 > column->max_length))
		return false;
	cell->type = COLUMN_TEXT;
	cell->null = node->len == 2 && column->empty_as_null;
	cell->v.s.data = in->text + node->start + 1;
	cell->v.s.len = node->len - 2;
	return !cell->null;
}

static enum row_status read_cells(const struct mapping *in,
	const struct mapping *outside, struct cell *cells)
{
	const struct dataset *dataset = in->map->dataset;
	enum row_status status = ROW_OK;

	for (size_t i = 0; status == ROW_OK && i < dataset->column_count;
		i++) {
		size_t at;
		const struct mapping *of = find_value(in, outside, i, &at);

		if (read_string(of, &dataset->columns[i], at, &cells[i]))
			continue;
		status = read_cell(of, &dataset->columns[i], at, &cells[i]);
		in->fault->outside = status != ROW_OK && of != in;
	}
	return status;
}

/* The same for a record of the form that was learned, when no string of it is
 * escaped: nothing is asked again that its keys and columns have answered. */
static enum row_status read_known(const struct mapping *in, struct cell *cells)
{
	const struct rowmap *map = in->map;
	const struct json_node *const nodes = in->tape->nodes;
	const struct column *const columns = map->dataset->columns;
	const size_t count = map->dataset->column_count;
	enum row_status status = ROW_OK;

	for (size_t i = 0; status == ROW_OK && i < count; i++) {
		const struct as_it_stands *const text = &map->texts[i];
		const struct json_node *const node = &nodes[text->node];

		if (node->type != JSON_STRING ||
			node->len - text->least > text->more) {
			status = read_cell(in, &columns[i], map->known[i],
				&cells[i]);
			continue;
		}
		cells[i].type = COLUMN_TEXT;
		cells[i].null = false;
		cells[i].v.s.data = in->text + node->start + 1;
		cells[i].v.s.len = node->len - 2;
	}
	return status;
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
	return rowcell_reject(in, "key_too_long", NULL, 0,
		"the key takes %zu bytes, at most %d are allowed", bytes,
		ROWMAP_KEY_MAX_BYTES);
}

static enum row_status check_extra(const struct mapping *in)
{
	const struct rowmap *map = in->map;
	int64_t budget = JSON_GROWTH_MAX;
	enum row_status status = ROW_OK;
	size_t key;

	for (size_t i = 0; status == ROW_OK && i < map->extra_nodes.len;
		i += sizeof(key)) {
		memcpy(&key, map->extra_nodes.data + i, sizeof(key));
		status = rowcell_check_json(in, NULL, key,
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
		return rowcell_reject(in, "too_long", NULL, 0, "%zu bytes of "
			"unknown members, at most %d are allowed", extra->len,
			JSON_MAX_BYTES);
	if (!buf_add_char(extra, '}', in->err))
		return ROW_FAILED;
	cell->null = false;
	cell->v.s.data = extra->data;
	cell->v.s.len = extra->len;
	return check_extra(in);
}

static bool is_deep(const struct rowmap *map)
{
	for (size_t i = 0; i < map->dataset->column_count; i++) {
		const size_t at = map->found[i];

		if (at != NONE && map->tape.nodes[at].type >= JSON_ARRAY)
			return true;
	}
	return false;
}

static struct as_it_stands as_it_stands(const struct column *column,
	size_t node)
{
	struct as_it_stands text = { .least = UINT32_MAX };
	const size_t max = column->max_length;

	if (column->type != COLUMN_TEXT || column->present || node == NONE)
		return text;
	text.node = (uint32_t)node;
	text.least = column->empty_as_null ? 3 : 2;
	text.more = (uint32_t)(max > 0 && max < UINT32_MAX / 2 ? max :
		UINT32_MAX / 2) + 2 - text.least;
	return text;
}

/* Remembers where the values stood, unless its keys alone do not tell what
 * becomes of it. */
static void learn(const struct mapping *in, uint64_t unknown_before)
{
	struct rowmap *map = in->map;

	if (!json_mold_due(&map->mold, in->len) || (map->unknown_node != NONE &&
		map->dataset->unknown != UNKNOWN_IGNORE))
		return;
	if (!json_mold_learn(&map->mold, in->text, &map->tape))
		return; /* slower, that is all */
	memcpy(map->known, map->found,
		map->dataset->column_count * sizeof(*map->known));
	for (size_t i = 0; i < map->dataset->column_count; i++)
		map->texts[i] = as_it_stands(&map->dataset->columns[i],
			map->found[i]);
	map->known_unknown = map->unknown - unknown_before;
	map->known_deep = is_deep(map);
}

/* Does the record have the form of the one that was learned? Then its values
 * stand where they stood. */
static bool find_again(struct mapping *in)
{
	struct rowmap *map = in->map;
	size_t end;

	if (!json_mold_fits(&map->mold, in->text, in->len, &end) ||
		end != in->len)
		return false;
	if (map->known_deep)
		json_mold_whole(&map->mold);
	in->tape = &map->mold.tape;
	map->where = map->known;
	map->plain = !map->mold.escaped;
	map->unknown += map->known_unknown;
	return true;
}

/* Its keys: none stands twice; where the columns' values stand. */
static enum row_status scan_keys(struct mapping *in)
{
	struct rowmap *map = in->map;
	const uint64_t unknown_before = map->unknown;
	size_t twice;

	if (!dupkeys_find(&map->dupkeys, in->text, &map->tape, &twice, in->err))
		return ROW_FAILED;
	if (twice != NONE) {
		const struct json_node *key = &map->tape.nodes[twice];
		char shown[SHOWN];

		return rowcell_reject(in, "duplicate_key", NULL, key->start,
			"the key %s stands twice in one object",
			rowcell_show(in, in->text + key->start + 1,
				key->len - 2, shown));
	}
	for (size_t i = 0; i < map->dataset->column_count; i++)
		map->found[i] = NONE;
	map->where = map->found;
	map->plain = false; /* as far as is known */
	if (!note_value(in, &map->root, 0))
		return ROW_FAILED;
	learn(in, unknown_before);
	return ROW_OK;
}

/* What concerns the record as a whole: its syntax, its keys. */
static enum row_status scan_record(struct mapping *in)
{
	struct rowmap *map = in->map;
	struct json_fault fault;

	map->unknown_node = NONE;
	buf_reset(&map->extra);
	buf_reset(&map->extra_nodes);
	if (find_again(in))
		return ROW_OK;
	if (json_parse(in->text, in->len, &map->tape, &fault) != JSON_OK)
		return rowcell_syntax(in, &fault, NULL, fault.at);
	if (map->tape.nodes[0].type != JSON_OBJECT)
		return rowcell_reject(in, "not_object", NULL,
			map->tape.nodes[0].start,
			"%s where a record, an object, is wanted",
			rowcell_type(map->tape.nodes[0].type));
	return scan_keys(in);
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
	return rowcell_reject(in, "unknown_key", NULL, key->start,
		"no column takes the key %s", rowcell_show(in,
			in->text + key->start + 1, key->len - 2, shown));
}

/* in->map->where tells where its values stand. */
static enum row_status read_record(const struct mapping *in,
	const struct rowmap_outside *outside, struct cell *cells)
{
	struct rowmap *map = in->map;
	struct mapping out;

	if (outside == NULL && map->plain)
		return read_known(in, cells);
	out = *in;
	if (outside != NULL) {
		out.text = outside->text;
		out.tape = outside->tape;
		map->outside = outside->nodes;
	}
	if (!reserve_decoded(in, outside != NULL ? &out : NULL))
		return ROW_FAILED;
	return read_cells(in, outside != NULL ? &out : NULL, cells);
}

enum row_status rowmap_found(struct rowmap *map, const char *text, size_t len,
	const struct rowmap_outside *outside, struct cell *cells,
	struct row_fault *fault, struct err *err)
{
	struct mapping in = { .map = map, .text = text, .len = len,
		.tape = &map->tape, .scratch = &map->scratch,
		.locale = map->locale, .fault = fault, .err = err };
	enum row_status status;

	fault->outside = false;
	status = scan_record(&in);
	if (status == ROW_OK)
		status = check_unknown(&in);
	if (status == ROW_OK)
		status = read_record(&in, outside, cells);
	if (status == ROW_OK)
		status = check_key(&in, cells);
	if (status == ROW_OK && map->dataset->unknown == UNKNOWN_KEEP)
		status = read_extra(&in, &cells[map->dataset->column_count]);
	return status;
}

enum row_status rowmap_record(struct rowmap *map, const char *text, size_t len,
	struct cell *cells, struct row_fault *fault, struct err *err)
{
	return rowmap_found(map, text, len, NULL, cells, fault, err);
}
