/* jsonb.c - a JSON value as PostgreSQL prints it once it is jsonb. */
#include "common/jsonb.h"
#include "common/decimal_math.h"

#include <stdlib.h>
#include <string.h>

struct writing {
	struct jsonb *jsonb;
	const char *text;
	bool stripped;
	struct buf *out;
	struct err *err;
};

/* A member of an object; its key decoded. */
struct member {
	const char *key;
	size_t key_at, key_len; /* in the scratch, while that grows */
	size_t value;           /* its node */
};

static const struct json_node *node_at(const struct writing *in, size_t at)
{
	return &in->jsonb->tape.nodes[at];
}

static bool decode(const struct writing *in, const struct json_node *node,
	struct buf *out)
{
	struct json_fault fault;

	if (!node->escaped)
		return buf_add(out, in->text + node->start + 1, node->len - 2,
			in->err);
	return json_decode(in->text, node, out, &fault) ||
		err_set(in->err, ERR_REJECT, "%s", fault.what);
}

/* -- scalars ------------------------------------------------------------ */

static bool put_escaped(const struct writing *in, char c)
{
	static const char plain[] = "\"\\\b\f\n\r\t";
	static const char letters[] = "\"\\bfnrt";
	const char *found = strchr(plain, c);

	if (found != NULL)
		return buf_add_char(in->out, '\\', in->err) &&
			buf_add_char(in->out, letters[found - plain], in->err);
	return buf_printf(in->out, in->err, "\\u%04x", (unsigned)c);
}

static bool put_string(const struct writing *in, const char *data, size_t len)
{
	size_t from = 0;
	bool ok = buf_add_char(in->out, '"', in->err);

	for (size_t i = 0; ok && i <= len; i++) {
		const bool end = i == len;

		if (!end && (unsigned char)data[i] >= ' ' && data[i] != '"' &&
			data[i] != '\\')
			continue;
		ok = buf_add(in->out, data + from, i - from, in->err) &&
			(end || put_escaped(in, data[i]));
		from = i + 1;
	}
	return ok && buf_add_char(in->out, '"', in->err);
}

static bool write_string(const struct writing *in,
	const struct json_node *node)
{
	struct buf *scratch = &in->jsonb->scratch;
	const size_t start = scratch->len;
	bool ok;

	ok = decode(in, node, scratch) &&
		put_string(in, scratch->data != NULL ? scratch->data + start :
			"", scratch->len - start);
	scratch->len = start;
	return ok;
}

static bool write_number(const struct writing *in,
	const struct json_node *node)
{
	struct decimal number;

	return (decimal_parse(in->text + node->start, node->len, &number) &&
		       decimal_fits(&number)) ?
		decimal_text(&number, in->stripped, in->out, in->err) :
		err_set(in->err, ERR_REJECT, "a number beyond jsonb");
}

/* -- objects ------------------------------------------------------------ */

static int compare_members(const void *left, const void *right)
{
	const struct member *a = left, *b = right;
	int order = (a->key_len > b->key_len) - (a->key_len < b->key_len);

	if (order == 0 && a->key_len > 0)
		order = memcmp(a->key, b->key, a->key_len);
	if (order == 0) /* the last of equal ones first */
		order = (a->value < b->value) - (a->value > b->value);
	return order;
}

static bool same_key(const struct member *a, const struct member *b)
{
	return a->key_len == b->key_len &&
		memcmp(a->key, b->key, a->key_len) == 0;
}

static bool write_node(const struct writing *in, size_t at);

static bool read_members(const struct writing *in, size_t at,
	struct member *members, size_t *count)
{
	const size_t end = node_at(in, at)->next;
	struct buf *scratch = &in->jsonb->scratch;

	*count = 0;
	for (size_t i = at + 1; i < end; i = node_at(in, i + 1)->next) {
		struct member *member = &members[(*count)++];

		member->key_at = scratch->len;
		if (!buf_grow(scratch, 1, in->err) ||
			!decode(in, node_at(in, i), scratch))
			return false;
		member->key_len = scratch->len - member->key_at;
		member->value = i + 1;
	}
	for (size_t i = 0; i < *count; i++)
		members[i].key = scratch->data + members[i].key_at;
	qsort(members, *count, sizeof(*members), compare_members);
	return true;
}

/* Values may let the scratch move: keys are written by their place in it. */
static bool write_members(const struct writing *in,
	const struct member *members, size_t count)
{
	bool ok = true;

	for (size_t i = 0; ok && i < count; i++) {
		const struct member *member = &members[i];

		if (i > 0 && member->key == NULL)
			continue;
		ok = (i == 0 || buf_add_str(in->out, ", ", in->err)) &&
			put_string(in, in->jsonb->scratch.data +
				member->key_at, member->key_len) &&
			buf_add_str(in->out, ": ", in->err) &&
			write_node(in, member->value);
	}
	return ok;
}

static bool write_object(const struct writing *in, size_t at)
{
	const size_t start = in->jsonb->scratch.len;
	const size_t room = (node_at(in, at)->next - at) / 2;
	struct member *members = calloc(room + 1, sizeof(*members));
	size_t count = 0;
	bool ok;

	ok = (members != NULL || err_memory(in->err)) &&
		buf_add_char(in->out, '{', in->err) &&
		read_members(in, at, members, &count);
	for (size_t i = count; ok && i > 1; i--)
		if (same_key(&members[i - 1], &members[i - 2]))
			members[i - 1].key = NULL; /* overwritten */
	ok = ok && write_members(in, members, count) &&
		buf_add_char(in->out, '}', in->err);
	in->jsonb->scratch.len = start;
	free(members);
	return ok;
}

static bool write_array(const struct writing *in, size_t at)
{
	const size_t end = node_at(in, at)->next;
	bool ok = buf_add_char(in->out, '[', in->err);

	for (size_t i = at + 1; ok && i < end; i = node_at(in, i)->next)
		ok = (i == at + 1 || buf_add_str(in->out, ", ", in->err)) &&
			write_node(in, i);
	return ok && buf_add_char(in->out, ']', in->err);
}

static bool write_node(const struct writing *in, size_t at)
{
	const struct json_node *node = node_at(in, at);

	switch ((enum json_type)node->type) {
	case JSON_OBJECT:
		return write_object(in, at);
	case JSON_ARRAY:
		return write_array(in, at);
	case JSON_STRING:
		return write_string(in, node);
	case JSON_NUMBER:
		return write_number(in, node);
	case JSON_NULL:
	case JSON_FALSE:
	case JSON_TRUE:
		break;
	}
	return buf_add(in->out, in->text + node->start, node->len, in->err);
}

bool jsonb_text(struct jsonb *jsonb, const char *text, size_t len,
	bool stripped, struct buf *out, struct err *err)
{
	const struct writing in = { jsonb, text, stripped, out, err };
	struct json_fault fault;

	buf_reset(&jsonb->scratch);
	if (json_parse(text, len, &jsonb->tape, &fault) != JSON_OK)
		return strcmp(fault.code, "memory") == 0 ? err_memory(err) :
			err_set(err, ERR_REJECT, "%s", fault.what);
	return write_node(&in, 0);
}

void jsonb_clear(struct jsonb *jsonb)
{
	json_tape_clear(&jsonb->tape);
	buf_clear(&jsonb->scratch);
	*jsonb = (struct jsonb){ 0 };
}
