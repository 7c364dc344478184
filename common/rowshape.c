/* rowshape.c - the keys of a record, remembered. */
#include "common/rowshape.h"

#include <stdlib.h>
#include <string.h>

#define MISSES 16 /* in a row, and the next is learned */

void rowshape_clear(struct rowshape *shape)
{
	free(shape->nodes);
	buf_clear(&shape->keys);
	*shape = (struct rowshape){ .nodes = NULL };
}

static bool has_children(uint32_t next, size_t i)
{
	return next > i + 1;
}

static bool all_like(const struct rowshape *shape, const char *text,
	const struct json_tape *tape)
{
	const char *key = shape->keys.data;

	if (tape->count != shape->count || shape->count == 0)
		return false;
	for (size_t i = 0; i < shape->count; i++) {
		const struct rowshape_node *known = &shape->nodes[i];
		const struct json_node *node = &tape->nodes[i];

		if (node->next != known->next)
			return false;
		if (has_children(known->next, i) && node->type != known->type)
			return false;
		if (known->key_len == 0)
			continue;
		if (node->len != known->key_len ||
			memcmp(text + node->start, key, node->len) != 0)
			return false;
		key += node->len;
	}
	return true;
}

bool rowshape_like(struct rowshape *shape, const char *text,
	const struct json_tape *tape)
{
	const bool like = all_like(shape, text, tape);

	shape->misses = like ? 0 : shape->misses + 1;
	return like;
}

bool rowshape_due(const struct rowshape *shape)
{
	return shape->misses % MISSES <= 1;
}

static bool reserve(struct rowshape *shape, size_t count)
{
	struct rowshape_node *nodes;

	if (count <= shape->cap)
		return true;
	nodes = realloc(shape->nodes, count * sizeof(*nodes));
	if (nodes == NULL)
		return false;
	shape->nodes = nodes;
	shape->cap = count;
	return true;
}

/* The keys of the object nodes[at]. */
static void mark_keys(struct rowshape *shape, const struct json_tape *tape,
	size_t at)
{
	const struct json_node *nodes = tape->nodes;

	for (size_t i = at + 1; i < nodes[at].next; i = nodes[i + 1].next)
		shape->nodes[i].key_len = nodes[i].len;
}

bool rowshape_learn(struct rowshape *shape, const char *text,
	const struct json_tape *tape)
{
	struct err err = { 0 };

	shape->count = 0;
	buf_reset(&shape->keys);
	if (!reserve(shape, tape->count))
		return false;
	for (size_t i = 0; i < tape->count; i++)
		shape->nodes[i] = (struct rowshape_node){
			.next = tape->nodes[i].next,
			.type = tape->nodes[i].type };
	for (size_t i = 0; i < tape->count; i++)
		if (tape->nodes[i].type == JSON_OBJECT)
			mark_keys(shape, tape, i);
	for (size_t i = 0; i < tape->count; i++)
		if (!buf_add(&shape->keys, text + tape->nodes[i].start,
			shape->nodes[i].key_len, &err))
			return false;
	shape->count = tape->count;
	return true;
}
