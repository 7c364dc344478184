/* derive.c - values inside records, as records. */
#include "consumer/derive.h"

#include "common/pointer.h"

#include <string.h>

#define NONE SIZE_MAX

const struct dataset *derive_dataset(const struct dataset *parent,
	const struct dataset *previous)
{
	const struct pipeline *pipeline = parent->pipeline;
	size_t i = previous == NULL ? 0 :
		(size_t)(previous - pipeline->datasets) + 1;

	for (; i < pipeline->dataset_count; i++) {
		const struct dataset *dataset = &pipeline->datasets[i];

		if (dataset->from != NULL &&
			strcmp(dataset->from, parent->name) == 0)
			return dataset;
	}
	return NULL;
}

/* -- following a pointer ------------------------------------------------ */

/* Whether the key is `name`. A key that cannot be decoded has no name. */
static bool is_key(struct derive *derive, const struct json_node *node,
	const char *name, bool *same, struct err *err)
{
	const char *key = derive->parent.text + node->start + 1;
	size_t len = node->len - 2;
	struct json_fault fault;

	*same = false;
	if (node->escaped) {
		buf_reset(&derive->key);
		if (!json_decode(derive->parent.text, node, &derive->key,
			&fault))
			return strcmp(fault.code, "memory") != 0 ||
				err_memory(err);
		key = derive->key.data != NULL ? derive->key.data : "";
		len = derive->key.len;
	}
	*same = len == strlen(name) && memcmp(key, name, len) == 0;
	return true;
}

static bool find_member(struct derive *derive, size_t object,
	const char *name, size_t *node, struct err *err)
{
	const struct json_node *nodes = derive->tape.nodes;
	bool same = false;

	*node = NONE;
	for (size_t i = object + 1; i < nodes[object].next;
		i = nodes[i + 1].next) {
		if (!is_key(derive, &nodes[i], name, &same, err))
			return false;
		if (same) {
			*node = i + 1;
			break;
		}
	}
	return true;
}

/* As RFC 6901 writes indexes: digits, no zero in front. */
static size_t find_element(const struct derive *derive, size_t array,
	const char *index)
{
	const struct json_node *nodes = derive->tape.nodes;
	size_t left = pointer_index(index);
	size_t at = array + 1;

	if (left == SIZE_MAX)
		return NONE;
	for (; at < nodes[array].next && left > 0; left--)
		at = nodes[at].next;
	return at < nodes[array].next ? at : NONE;
}

static bool follow(struct derive *derive, char *const *steps, size_t *node,
	struct err *err)
{
	*node = 0;
	for (; *steps != NULL && *node != NONE; steps++) {
		switch (derive->tape.nodes[*node].type) {
		case JSON_OBJECT:
			if (!find_member(derive, *node, *steps, node, err))
				return false;
			break;
		case JSON_ARRAY:
			*node = find_element(derive, *node, *steps);
			break;
		default:
			*node = NONE;
			break;
		}
	}
	return true;
}

/* -- values ------------------------------------------------------------- */

const struct dataset *derive_root(const struct dataset *dataset)
{
	const struct dataset *root = dataset;

	while (root != NULL && root->from != NULL)
		root = dataset_find(root->pipeline, root->from);
	return root;
}

bool derive_open(struct derive *derive, const struct dataset *dataset,
	const struct record *parent, struct err *err)
{
	struct json_fault fault;

	derive->dataset = dataset;
	derive->parent = *parent;
	derive->pointer = 0;
	derive->element = derive->end = 0;
	derive->ordinal = 0;
	derive->outside = (struct rowmap_outside){ .nodes = NULL };
	if (json_parse(parent->text, parent->len, &derive->tape, &fault) ==
		JSON_OK)
		return true;
	derive_close(derive);
	return strcmp(fault.code, "memory") != 0 || err_memory(err);
}

static void give(struct derive *derive, size_t at, struct record *value)
{
	const struct json_node *node = &derive->tape.nodes[at];
	const struct record *parent = &derive->parent;

	*value = (struct record){
		.text = parent->text + node->start,
		.len = node->len,
		.offset = parent->offset + node->start,
		.number = parent->number,
	};
	record_place(parent, node->start, &value->line, &value->column);
	derive->ordinal++;
}

/* Where the columns' values stand that the entry of `each` takes from the
 * parent. */
static bool look_outside(struct derive *derive, const struct each *each,
	struct err *err)
{
	const size_t count = derive->dataset->column_count;
	size_t node;

	derive->outside = (struct rowmap_outside){ .nodes = NULL };
	if (each->with == NULL)
		return true;
	buf_reset(&derive->nodes);
	for (size_t i = 0; i < count; i++) {
		node = ROWMAP_OWN;
		if ((each->with[i] != NULL &&
			    !follow(derive, each->with[i], &node, err)) ||
			!buf_add(&derive->nodes, &node, sizeof(node), err))
			return false;
	}
	derive->outside = (struct rowmap_outside){
		.text = derive->parent.text,
		.tape = &derive->tape,
		.nodes = (const size_t *)(void *)derive->nodes.data,
	};
	return true;
}

const struct rowmap_outside *derive_outside(const struct derive *derive)
{
	return derive->outside.nodes != NULL ? &derive->outside : NULL;
}

/* Gives the value, unless it is null, or empty where that says the same. */
static bool take(struct derive *derive, size_t at, struct record *value)
{
	const struct json_node *node = &derive->tape.nodes[at];
	const struct each *each = &derive->dataset->each[derive->pointer - 1];

	if (node->type == JSON_NULL || (each->skip_empty &&
		node->type == JSON_OBJECT && node->next == at + 1))
		return false;
	give(derive, at, value);
	return true;
}

bool derive_next(struct derive *derive, struct record *value, bool *found,
	struct err *err)
{
	const struct json_node *nodes = derive->tape.nodes;
	const struct each *each;
	size_t at;

	*found = false;
	for (;;) {
		while (!*found && derive->element < derive->end) {
			at = derive->element;
			derive->element = nodes[at].next;
			*found = take(derive, at, value);
		}
		if (*found || derive->dataset == NULL ||
			derive->pointer == derive->dataset->each_count)
			return true;
		each = &derive->dataset->each[derive->pointer++];
		if (!follow(derive, each->at, &at, err) ||
			(at != NONE && !look_outside(derive, each, err)))
			return false;
		if (at != NONE && nodes[at].type == JSON_ARRAY) {
			derive->element = at + 1;
			derive->end = nodes[at].next;
		} else if (at != NONE) {
			*found = take(derive, at, value);
		}
	}
}

void derive_close(struct derive *derive)
{
	derive->dataset = NULL;
	derive->element = derive->end = 0;
}

void derive_clear(struct derive *derive)
{
	json_tape_clear(&derive->tape);
	buf_clear(&derive->key);
	buf_clear(&derive->nodes);
	*derive = (struct derive){ 0 };
}
