/* doc.c - a YAML file as a small tree (the door to libyaml). */
#include "common/doc.h"

#include "common/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define VALUE_MAX_BYTES ((size_t)1 << 16)
#define DEPTH_MAX 16
#define NODES_MAX 50000
#define KEYS_MAX 1000 /* of one map: looking for doubles is quadratic */
#define VARIABLE_MAX 256

struct loader {
	yaml_parser_t parser;
	const char *file;
	size_t nodes;
	struct err *err;
};

static bool load_node(struct loader *in, yaml_event_t *event, int depth,
	struct doc *out);

bool doc_fail(const struct doc *at, const char *file, struct err *err,
	const char *fmt, ...)
{
	char what[768];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return err_stop(err, EXIT_CONFIG, "%s:%d:%d: %s", file, at->line,
		at->column, what);
}

static bool parser_fail(struct loader *in)
{
	const yaml_parser_t *p = &in->parser;
	const yaml_mark_t *mark = &p->problem_mark;

	if (p->error == YAML_MEMORY_ERROR)
		return err_memory(in->err);
	if (p->error == YAML_READER_ERROR)
		mark = &p->mark;
	return err_stop(in->err, EXIT_CONFIG, "%s:%zu:%zu: not YAML: %s%s%s",
		in->file, mark->line + 1, mark->column + 1,
		p->problem != NULL ? p->problem : "unreadable",
		p->context != NULL ? ", " : "",
		p->context != NULL ? p->context : "");
}

static bool next_event(struct loader *in, yaml_event_t *event)
{
	return yaml_parser_parse(&in->parser, event) != 0 || parser_fail(in);
}

static void clear(struct doc *node)
{
	for (size_t i = 0; i < node->count; i++)
		clear(&node->items[i]);
	free(node->items);
	free(node->text);
}

/* -- ${VAR} ------------------------------------------------------------- */

struct variable {
	char name[VARIABLE_MAX];
	char mode;        /* '-', '?' or 0 */
	const char *word; /* the default, or the message */
	size_t word_len;
};

/* text stands behind "${"; *used counts up to and with the brace. */
static bool parse_variable(const char *text, struct variable *var, size_t *used)
{
	const char *close = strchr(text, '}');
	const size_t len = strspn(text,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789_");

	if (close == NULL || len == 0 || len >= sizeof(var->name) ||
		(text[0] >= '0' && text[0] <= '9'))
		return false;
	*var = (struct variable){ .mode = 0 };
	memcpy(var->name, text, len);
	*used = (size_t)(close - text) + 1;
	if (text + len == close)
		return true;
	if (text[len] != ':' || (text[len + 1] != '-' && text[len + 1] != '?'))
		return false;
	var->mode = text[len + 1];
	var->word = text + len + 2;
	var->word_len = (size_t)(close - var->word);
	return true;
}

static bool expand_variable(const struct variable *var, const struct doc *at,
	const char *file, struct buf *out, struct err *err)
{
	const char *value = getenv(var->name);

	if (value != NULL && (value[0] != '\0' || var->mode == 0))
		return buf_add_str(out, value, err);
	if (var->mode == '-')
		return buf_add(out, var->word, var->word_len, err);
	if (var->mode == '?')
		return doc_fail(at, file, err, "%s is not set: %.*s",
			var->name, (int)var->word_len, var->word);
	return doc_fail(at, file, err, "the environment variable %s is not "
		"set; set it, or write ${%s:-default}", var->name, var->name);
}

static bool expand_text(const struct doc *at, const char *file,
	struct buf *out, struct err *err)
{
	const char *text = at->text;

	while (*text != '\0') {
		const size_t plain = strcspn(text, "$");
		struct variable var;
		size_t used = 0;

		if (!buf_add(out, text, plain, err))
			return false;
		text += plain;
		if (strncmp(text, "$${", 3) == 0) {
			if (!buf_add_str(out, "${", err))
				return false;
			text += 3;
		} else if (strncmp(text, "${", 2) == 0) {
			if (!parse_variable(text + 2, &var, &used))
				return doc_fail(at, file, err, "bad variable; "
					"${VAR}, ${VAR:-default} and "
					"${VAR:?message} are allowed, $${ "
					"stands for ${ itself");
			if (!expand_variable(&var, at, file, out, err))
				return false;
			text += 2 + used;
		} else if (*text == '$') {
			if (!buf_add_char(out, *text++, err))
				return false;
		}
	}
	return true;
}

static bool expand(struct doc *node, const char *file, struct err *err)
{
	struct buf out = { .max = VALUE_MAX_BYTES };

	for (size_t i = 0; i < node->count; i++)
		if ((node->type == DOC_LIST || i % 2 == 1) &&
			!expand(&node->items[i], file, err))
			return false;
	if (node->type != DOC_TEXT || strstr(node->text, "${") == NULL)
		return true;
	if (!buf_grow(&out, 0, err) || !expand_text(node, file, &out, err)) {
		buf_clear(&out);
		return false;
	}
	free(node->text);
	node->text = buf_take(&out);
	return true;
}

/* -- the tree ----------------------------------------------------------- */

static struct doc *add_item(struct loader *in, struct doc *parent)
{
	const size_t n = parent->count;
	struct doc *items = parent->items;

	if ((n & (n - 1)) == 0) { /* full at 0, 1, 2, 4, 8 ... */
		items = realloc(items, (n == 0 ? 1 : 2 * n) * sizeof(*items));
		if (items == NULL) {
			(void)err_memory(in->err);
			return NULL;
		}
		parent->items = items;
	}
	items[n] = (struct doc){ .type = DOC_TEXT };
	parent->count++;
	return &items[n];
}

static bool load_text(struct loader *in, const yaml_event_t *event,
	struct doc *out)
{
	const size_t len = event->data.scalar.length;
	const char *value = (const char *)event->data.scalar.value;

	out->type = DOC_TEXT;
	out->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	if (memchr(value, '\0', len) != NULL || len > VALUE_MAX_BYTES)
		return doc_fail(out, in->file, in->err, "a value may not hold "
			"NUL or more than %zu bytes", VALUE_MAX_BYTES);
	out->text = strndup(value, len);
	return out->text != NULL || err_memory(in->err);
}

/* The key just added as the last item: text, and new in its map. */
static bool check_key(struct loader *in, const struct doc *map)
{
	const struct doc *key = &map->items[map->count - 1];

	if (key->type != DOC_TEXT)
		return doc_fail(key, in->file, in->err, "a key must be text");
	if (map->count > 2 * KEYS_MAX)
		return doc_fail(key, in->file, in->err,
			"more than %d keys in one map", KEYS_MAX);
	for (size_t i = 0; i + 1 < map->count; i += 2)
		if (strcmp(map->items[i].text, key->text) == 0)
			return doc_fail(key, in->file, in->err, "the key "
				"\"%s\" stands here twice (first in line %d); "
				"remove one", key->text, map->items[i].line);
	return true;
}

static bool load_items(struct loader *in, yaml_event_type_t last, int depth,
	struct doc *out)
{
	yaml_event_t event;

	out->type = last == YAML_MAPPING_END_EVENT ? DOC_MAP : DOC_LIST;
	for (;;) {
		struct doc *item;

		if (!next_event(in, &event))
			return false;
		if (event.type == last)
			break;
		item = add_item(in, out);
		if (item == NULL) {
			yaml_event_delete(&event);
			return false;
		}
		if (!load_node(in, &event, depth + 1, item))
			return false;
		if (out->type == DOC_MAP && out->count % 2 == 1 &&
			!check_key(in, out))
			return false;
	}
	yaml_event_delete(&event);
	return true;
}

static bool has_anchor_or_tag(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor != NULL ||
			event->data.scalar.tag != NULL;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor != NULL ||
			event->data.sequence_start.tag != NULL;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor != NULL ||
			event->data.mapping_start.tag != NULL;
	default:
		return event->type == YAML_ALIAS_EVENT;
	}
}

/* Takes over the event. */
static bool load_node(struct loader *in, yaml_event_t *event, int depth,
	struct doc *out)
{
	const yaml_event_type_t type = event->type;
	bool ok = true;

	out->line = (int)event->start_mark.line + 1;
	out->column = (int)event->start_mark.column + 1;
	if (has_anchor_or_tag(event))
		ok = doc_fail(out, in->file, in->err, "anchors (&), aliases "
			"(*) and tags (!) are not allowed; write the value "
			"out, in quotes if it begins with such a sign");
	else if (depth > DEPTH_MAX || ++in->nodes > NODES_MAX)
		ok = doc_fail(out, in->file, in->err, "nested too deep, or "
			"too many values: at most %d levels and %d values",
			DEPTH_MAX, NODES_MAX);
	else if (type == YAML_SCALAR_EVENT)
		ok = load_text(in, event, out);
	yaml_event_delete(event);
	if (ok && type == YAML_SEQUENCE_START_EVENT)
		return load_items(in, YAML_SEQUENCE_END_EVENT, depth, out);
	if (ok && type == YAML_MAPPING_START_EVENT)
		return load_items(in, YAML_MAPPING_END_EVENT, depth, out);
	return ok;
}

/* Skips what frames a document; *event is the one that does not. */
static bool skip_frame(struct loader *in, yaml_event_t *event)
{
	for (;;) {
		if (!next_event(in, event))
			return false;
		if (event->type != YAML_STREAM_START_EVENT &&
			event->type != YAML_DOCUMENT_START_EVENT &&
			event->type != YAML_DOCUMENT_END_EVENT)
			return true;
		yaml_event_delete(event);
	}
}

static bool load_document(struct loader *in, struct doc *root)
{
	yaml_event_t event;
	struct doc second = { .line = 1 };
	bool ended;

	if (!skip_frame(in, &event))
		return false;
	if (event.type == YAML_STREAM_END_EVENT) {
		yaml_event_delete(&event);
		*root = (struct doc){ .type = DOC_MAP, .line = 1,
			.column = 1 };
		return true;
	}
	if (!load_node(in, &event, 1, root) || !skip_frame(in, &event))
		return false;
	ended = event.type == YAML_STREAM_END_EVENT;
	second.line = (int)event.start_mark.line + 1;
	second.column = (int)event.start_mark.column + 1;
	yaml_event_delete(&event);
	return ended || doc_fail(&second, in->file, in->err,
		"a second document; one file holds one");
}

struct doc *doc_parse(const char *text, size_t len, const char *file,
	struct err *err)
{
	struct loader in = { .file = file, .err = err };
	struct doc *root = calloc(1, sizeof(*root));
	bool ok;

	if (root == NULL || yaml_parser_initialize(&in.parser) == 0) {
		free(root);
		(void)err_memory(err);
		return NULL;
	}
	yaml_parser_set_input_string(&in.parser, (const unsigned char *)text,
		len);
	ok = len <= FILE_MAX_BYTES || err_stop(err, EXIT_CONFIG,
		"%s:1:1: larger than %zu bytes", file, FILE_MAX_BYTES);
	ok = ok && load_document(&in, root) && expand(root, file, err);
	yaml_parser_delete(&in.parser);
	if (ok)
		return root;
	doc_free(root);
	return NULL;
}

static bool read_all(int fd, const char *file, struct buf *out,
	struct err *err)
{
	char chunk[16384];
	ssize_t got;

	while ((got = read(fd, chunk, sizeof(chunk))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, ERR_STOP, "read %s", file);
		if (out->len + (size_t)got > FILE_MAX_BYTES)
			return err_stop(err, EXIT_CONFIG,
				"%s:1:1: larger than %zu bytes", file,
				FILE_MAX_BYTES);
		if (!buf_add(out, chunk, (size_t)got, err))
			return false;
	}
	return buf_grow(out, 0, err);
}

struct doc *doc_read(const char *file, struct err *err)
{
	struct buf text = { 0 };
	struct doc *root = NULL;
	const int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		(void)err_errno(err, ERR_STOP, "open %s", file);
		err->exit_code = EXIT_CONFIG;
		return NULL;
	}
	if (read_all(fd, file, &text, err))
		root = doc_parse(text.data, text.len, file, err);
	close(fd);
	buf_clear(&text);
	return root;
}

void doc_free(struct doc *root)
{
	if (root != NULL)
		clear(root);
	free(root);
}

const struct doc *doc_get(const struct doc *map, const char *key)
{
	if (map == NULL || map->type != DOC_MAP)
		return NULL;
	for (size_t i = 0; i + 1 < map->count; i += 2)
		if (strcmp(map->items[i].text, key) == 0)
			return &map->items[i + 1];
	return NULL;
}
