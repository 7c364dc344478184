/* dupkeys.c - finds a key that stands twice in one object of a tape.
 *
 * Small objects are compared pair by pair, but only where a small bit set says
 * that a like key was seen; large ones are sorted. No hash decides anything,
 * so nobody can choose keys that make it slow. */
#include "common/dupkeys.h"

#include <stdlib.h>
#include <string.h>

#define PAIRWISE_MAX 64 /* keys; beyond, sorting is cheaper */
#define FILTER_BITS 1024

struct dupkey {
	const char *data;
	size_t len;
	size_t node;
	bool decoded; /* data counts from the start of scratch->decoded */
	size_t offset;
};

static bool reserve(struct dupkeys *scratch, size_t count, struct err *err)
{
	size_t cap = scratch->cap > 0 ? scratch->cap : PAIRWISE_MAX;
	struct dupkey *keys;

	if (count <= scratch->cap)
		return true;
	while (cap < count)
		cap *= 2;
	keys = realloc(scratch->keys, cap * sizeof(*keys));
	if (keys == NULL)
		return err_memory(err);
	scratch->keys = keys;
	scratch->cap = cap;
	return true;
}

/* A key that cannot be decoded (a lone surrogate, NUL) counts as written. */
static bool decode(struct dupkeys *scratch, const char *text,
	const struct json_node *node, struct dupkey *key, struct err *err)
{
	const size_t before = scratch->decoded.len;
	struct json_fault fault = { .code = NULL };

	if (json_decode(text, node, &scratch->decoded, &fault)) {
		key->decoded = true;
		key->offset = before;
		key->len = scratch->decoded.len - before;
		return true;
	}
	if (fault.code != NULL && strcmp(fault.code, "memory") == 0)
		return err_memory(err);
	scratch->decoded.len = before;
	return true;
}

/* The keys of one object into scratch->keys. */
static bool collect(struct dupkeys *scratch, const char *text,
	const struct json_tape *tape, size_t object, size_t *count,
	struct err *err)
{
	const size_t end = tape->nodes[object].next;
	size_t n = 0;

	buf_reset(&scratch->decoded);
	for (size_t i = object + 1; i < end; i = tape->nodes[i + 1].next) {
		const struct json_node *node = &tape->nodes[i];
		struct dupkey *key;

		if (n == scratch->cap && !reserve(scratch, n + 1, err))
			return false;
		key = &scratch->keys[n++];
		*key = (struct dupkey){ .data = text + node->start + 1,
			.len = node->len - 2, .node = i };
		if (node->escaped && !decode(scratch, text, node, key, err))
			return false;
	}
	for (size_t i = 0; i < n; i++)
		if (scratch->keys[i].decoded)
			scratch->keys[i].data = scratch->decoded.data +
				scratch->keys[i].offset;
	*count = n;
	return true;
}

static bool same(const struct dupkey *a, const struct dupkey *b)
{
	return a->len == b->len &&
		(a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* A few bytes of the key, stirred; only to guess. */
static unsigned filter_bit(const struct dupkey *key)
{
	const size_t len = key->len;
	uint64_t head = 0, tail = 0;

	if (len >= 8) {
		memcpy(&head, key->data, 8);
		memcpy(&tail, key->data + len - 8, 8);
	} else {
		for (size_t i = 0; i < len; i++)
			head = head << 8 | (uint8_t)key->data[i];
	}
	head = (head ^ (tail << 1) ^ len) * UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned)(head >> 54);
}

static size_t find_pairwise(const struct dupkey *keys, size_t count)
{
	uint64_t seen[FILTER_BITS / 64] = { 0 };

	for (size_t i = 0; i < count; i++) {
		const unsigned bit = filter_bit(&keys[i]);

		if (seen[bit / 64] >> (bit % 64) & 1)
			for (size_t k = 0; k < i; k++)
				if (same(&keys[k], &keys[i]))
					return keys[i].node;
		seen[bit / 64] |= UINT64_C(1) << (bit % 64);
	}
	return SIZE_MAX;
}

static int by_key(const void *left, const void *right)
{
	const struct dupkey *a = left, *b = right;
	int order;

	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	order = a->len > 0 ? memcmp(a->data, b->data, a->len) : 0;
	if (order != 0)
		return order;
	return a->node < b->node ? -1 : 1;
}

static size_t find_sorted(struct dupkey *keys, size_t count)
{
	size_t first = SIZE_MAX;

	qsort(keys, count, sizeof(*keys), by_key);
	for (size_t i = 1; i < count; i++)
		if (same(&keys[i - 1], &keys[i]) && keys[i].node < first)
			first = keys[i].node;
	return first;
}

bool dupkeys_find(struct dupkeys *scratch, const char *text,
	const struct json_tape *tape, size_t *at, struct err *err)
{
	*at = SIZE_MAX;
	for (size_t i = 0; i < tape->count && *at == SIZE_MAX; i++) {
		size_t count;

		if (tape->nodes[i].type != JSON_OBJECT)
			continue;
		if (!collect(scratch, text, tape, i, &count, err))
			return false;
		*at = count <= PAIRWISE_MAX ?
			find_pairwise(scratch->keys, count) :
			find_sorted(scratch->keys, count);
	}
	return true;
}

void dupkeys_clear(struct dupkeys *scratch)
{
	free(scratch->keys);
	buf_clear(&scratch->decoded);
	*scratch = (struct dupkeys){ .keys = NULL };
}
