/* sample.c - the members of all records as one tree. */
#include "cli/sample.h"

#include "common/pointer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 16384 /* a power of two, more than twice the fields */
#define PRECISE_DIGITS 16

_Static_assert(SLOTS > 2 * SAMPLE_FIELDS_MAX, "the slots never fill up");

/* -- hashes ------------------------------------------------------------- */

static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t h = (a ^ (b + UINT64_C(0x9e3779b97f4a7c15))) *
		UINT64_C(0xbf58476d1ce4e5b9);

	h = (h ^ h >> 29) * UINT64_C(0x94d049bb133111eb);
	return h ^ h >> 32;
}

static uint64_t hash_bytes(uint64_t seed, const char *data, size_t len)
{
	uint64_t h = mix(seed, len), word;

	for (; len >= sizeof(word); data += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		h = mix(h, word);
	}
	word = 0;
	if (len > 0)
		memcpy(&word, data, len);
	return mix(h, word);
}

static bool grow(uint64_t **items, size_t *cap, size_t count, struct err *err)
{
	uint64_t *more;
	size_t room = *cap > 0 ? *cap * 2 : 256;

	if (count < *cap)
		return true;
	more = realloc(*items, room * sizeof(*more));
	if (more == NULL)
		return err_memory(err);
	*items = more;
	*cap = room;
	return true;
}

/* -- fields ------------------------------------------------------------- */

static size_t *slot_of(const struct sample *sample, size_t parent,
	const char *name, size_t len)
{
	size_t at = (size_t)hash_bytes(parent, name, len) & (SLOTS - 1);

	for (;; at = (at + 1) & (SLOTS - 1)) {
		const size_t field = sample->slots[at];

		if (field == SAMPLE_NONE ||
			(sample->fields[field].parent == parent &&
				strlen(sample->fields[field].name) == len &&
				memcmp(sample->fields[field].name, name,
					len) == 0))
			return &sample->slots[at];
	}
}

size_t sample_find(const struct sample *sample, size_t parent,
	const char *name)
{
	return *slot_of(sample, parent, name, strlen(name));
}

static void append_kid(struct sample *sample, size_t parent, size_t kid)
{
	struct sample_field *fields = sample->fields;
	size_t *link = &fields[parent].first_kid;

	if (fields[parent].kids++ > 0)
		link = &fields[fields[parent].last_kid].next;
	*link = kid;
	fields[parent].last_kid = kid;
}

/* SAMPLE_NONE without *err when there are enough of them. */
static bool new_field(struct sample *sample, size_t parent, const char *name,
	size_t len, size_t *field, struct err *err)
{
	struct sample_field *fresh;

	if (sample->field_count == sample->field_cap) {
		const size_t cap = sample->field_cap * 2 + 64;
		struct sample_field *more =
			realloc(sample->fields, cap * sizeof(*more));

		if (more == NULL)
			return err_memory(err);
		sample->fields = more;
		sample->field_cap = cap;
	}
	fresh = &sample->fields[sample->field_count];
	*fresh = (struct sample_field){ .parent = parent,
		.first_kid = SAMPLE_NONE, .next = SAMPLE_NONE,
		.hashed = sample->records == 1 };
	fresh->name = strndup(name, len);
	if (fresh->name == NULL)
		return err_memory(err);
	*field = sample->field_count++;
	if (parent != SAMPLE_NONE) {
		fresh->depth = sample->fields[parent].depth + 1;
		append_kid(sample, parent, *field);
	}
	return true;
}

static bool has_room(struct sample *sample, size_t parent)
{
	struct sample_field *field = &sample->fields[parent];

	if (sample->field_count >= SAMPLE_FIELDS_MAX)
		sample->crowded = field->crowded = true;
	else if (parent != 0 && field->kids >= SAMPLE_KIDS_MAX)
		field->crowded = true;
	return !field->crowded;
}

/* The member of that name, new when need be. SAMPLE_NONE: no room for it. */
static bool member(struct sample *sample, size_t parent, const char *name,
	size_t len, size_t *field, struct err *err)
{
	size_t *slot = slot_of(sample, parent, name, len);

	*field = *slot;
	if (*field != SAMPLE_NONE || !has_room(sample, parent))
		return true;
	if (!new_field(sample, parent, name, len, field, err))
		return false;
	if (sample->records > 1) /* it was not in those before */
		sample->fields[*field].lacking = sample->first_place;
	*slot = *field;
	return true;
}

bool sample_init(struct sample *sample, const struct sample_input *input,
	struct err *err)
{
	size_t root;

	*sample = (struct sample){ .input = input,
		.hash_max = SAMPLE_HASHES_MAX };
	sample->slots = malloc(SLOTS * sizeof(*sample->slots));
	if (sample->slots == NULL)
		return err_memory(err);
	for (size_t i = 0; i < SLOTS; i++)
		sample->slots[i] = SAMPLE_NONE;
	return new_field(sample, SAMPLE_NONE, "", 0, &root, err);
}

void sample_clear(struct sample *sample)
{
	for (size_t i = 0; i < sample->field_count; i++) {
		free(sample->fields[i].name);
		free(sample->fields[i].hashes);
	}
	free(sample->fields);
	free(sample->slots);
	free(sample->whole);
	json_tape_clear(&sample->tape);
	buf_clear(&sample->text);
	*sample = (struct sample){ .records = 0 };
}

uint64_t sample_values(const struct sample_field *field)
{
	return field->seen - field->counts[SHAPE_NULL];
}

bool sample_pointer(const struct sample *sample, size_t field,
	struct buf *out, struct err *err)
{
	const struct sample_field *fields = sample->fields;
	size_t steps[POINTER_STEPS_MAX + JSON_DEPTH_MAX];
	size_t count = 0;
	bool ok = buf_add_str(out, "", err);

	for (; fields[field].parent != SAMPLE_NONE;
		field = fields[field].parent)
		steps[count++] = field;
	while (ok && count > 0)
		ok = pointer_add(out, fields[steps[--count]].name, err);
	return ok;
}

/* -- values ------------------------------------------------------------- */

static size_t code_points(const char *data, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += ((uint8_t)data[i] & 0xc0) != 0x80;
	return count;
}

/* Whether a double gives these digits back, and whether there are so many of
 * them that it looks as if one had written them. */
static void judge_number(struct sample_field *field, const char *text,
	size_t len)
{
	char copy[64], again[64];
	size_t digits = 0;
	double value;

	if (len >= sizeof(copy)) {
		field->exact = true;
		return;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	for (size_t i = 0; i < len && copy[i] != 'e' && copy[i] != 'E'; i++)
		digits += copy[i] >= '0' && copy[i] <= '9' &&
			(digits > 0 || copy[i] != '0');
	field->precise |= digits >= PRECISE_DIGITS ||
		strpbrk(copy, "eE") != NULL;
	if (digits <= 15)
		return;
	value = strtod(copy, NULL);
	for (int precision = 15; precision <= 17; precision++) {
		(void)snprintf(again, sizeof(again), "%.*g", precision, value);
		if (strtod(again, NULL) == value &&
			digits <= (size_t)precision)
			return;
	}
	field->exact = true;
}

static bool keep_hash(struct sample *sample, struct sample_field *field,
	uint64_t hash, struct err *err)
{
	const size_t at = (size_t)sample->records - 1;

	if (!field->hashed || sample->full)
		return true;
	if (sample->hash_total >= sample->hash_max) {
		sample->full = true;
		return true;
	}
	if (!grow(&field->hashes, &field->hash_cap, at, err))
		return false;
	field->hashes[at] = hash;
	sample->hash_total++;
	return true;
}

/* A value that cannot be stored is noted as such. */
static bool decoded(struct sample *sample, const char *text,
	const struct json_node *node, const char **data, size_t *len,
	bool *storable, struct err *err)
{
	struct json_fault fault = { .code = "" };

	*storable = true;
	*data = text + node->start;
	*len = node->len;
	if (node->type != JSON_STRING)
		return true;
	++*data;
	*len -= 2;
	if (!node->escaped)
		return true;
	buf_reset(&sample->text);
	*storable = json_decode(text, node, &sample->text, &fault);
	*data = sample->text.data;
	*len = sample->text.len;
	return *storable || strcmp(fault.code, "memory") != 0 ||
		err_memory(err);
}

static void note_shape(struct sample *sample, struct sample_field *field,
	enum shape shape)
{
	if (field->counts[shape]++ == 0)
		field->first[shape] = sample->here;
	if (shape == SHAPE_NULL && field->lacking.line == 0)
		field->lacking = sample->here;
}

static void note_length(struct sample *sample, struct sample_field *field,
	size_t length)
{
	if (length <= field->longest)
		return;
	field->longest = length;
	field->longest_at = sample->here;
}

static bool note_object(struct sample *sample, const char *text,
	size_t object, size_t at, struct err *err);

static bool note_value(struct sample *sample, const char *text, size_t node_at,
	size_t at, struct err *err)
{
	const struct json_node *node = &sample->tape.nodes[node_at];
	struct sample_field *field = &sample->fields[at];
	enum shape shape;
	const char *data;
	bool storable;
	size_t len;

	if (field->last == sample->records) /* a key that stands twice */
		return true;
	field->last = sample->records;
	if (field->seen++ == 0)
		field->first_at = sample->here;
	if (!decoded(sample, text, node, &data, &len, &storable, err))
		return false;
	shape = storable ? shape_of(node->type, data, len) : SHAPE_UNSTORABLE;
	note_shape(sample, field, shape);
	if (storable && shape != SHAPE_NULL && shape != SHAPE_ARRAY &&
		shape != SHAPE_OBJECT) /* numbers too: text may coerce */
		note_length(sample, field, code_points(data, len));
	if (node->type == JSON_NUMBER)
		judge_number(field, data, len);
	if (shape == SHAPE_ARRAY && node->next > node_at + 1)
		field->of_objects |= node[1].type == JSON_OBJECT;
	if (shape == SHAPE_OBJECT)
		return note_object(sample, text, node_at, at, err);
	sample->row_hash += mix(at, hash_bytes(node->type, data, len));
	return shape == SHAPE_NULL || shape == SHAPE_ARRAY ||
		shape == SHAPE_UNSTORABLE ||
		keep_hash(sample, field, hash_bytes(0, data, len), err);
}

/* A key that cannot be decoded, or is PostgreSQL's NUL, has no column. */
static bool note_object(struct sample *sample, const char *text,
	size_t object, size_t at, struct err *err)
{
	const size_t end = sample->tape.nodes[object].next;

	for (size_t i = object + 1; i < end;
		i = sample->tape.nodes[i + 1].next) {
		const char *name;
		bool storable;
		size_t len, field;

		if (!decoded(sample, text, &sample->tape.nodes[i], &name, &len,
			    &storable, err))
			return false;
		if (!storable)
			continue;
		if (!member(sample, at, len > 0 ? name : "", len, &field, err))
			return false;
		if (field != SAMPLE_NONE &&
			!note_value(sample, text, i + 1, field, err))
			return false;
	}
	return true;
}

/* -- records ------------------------------------------------------------ */

/* What this record did not have is in no key. */
static void note_lacking(struct sample *sample)
{
	for (size_t i = 1; i < sample->field_count; i++) {
		struct sample_field *field = &sample->fields[i];

		if (field->last != sample->records &&
			field->lacking.line == 0)
			field->lacking = sample->here;
		if (!field->hashed ||
			(field->last == sample->records &&
				field->lacking.line == 0 &&
				field->counts[SHAPE_ARRAY] +
					field->counts[SHAPE_OBJECT] +
					field->counts[SHAPE_UNSTORABLE] == 0))
			continue;
		field->hashed = false;
		sample->hash_total -= sample->full ? 0 :
			field->hash_cap > 0 ? (size_t)sample->records - 1 : 0;
		free(field->hashes);
		field->hashes = NULL;
		field->hash_cap = 0;
	}
}

static bool keep_whole(struct sample *sample, struct err *err)
{
	if (sample->full)
		return true;
	if (!grow(&sample->whole, &sample->whole_cap,
		    (size_t)sample->records - 1, err))
		return false;
	sample->whole[sample->records - 1] = sample->row_hash;
	sample->hash_total++;
	sample->hashed = sample->records;
	return true;
}

bool sample_record(struct sample *sample, const char *text, size_t len,
	struct sample_place place, struct err *err)
{
	struct json_fault fault = { .code = "" };

	if (json_parse(text, len, &sample->tape, &fault) != JSON_OK)
		return err_memory(err); /* the reader has taken it before */
	if (sample->records++ == 0)
		sample->first_place = place;
	sample->here = place;
	sample->row_hash = 0;
	if (!note_object(sample, text, 0, 0, err))
		return false;
	note_lacking(sample);
	return keep_whole(sample, err);
}
