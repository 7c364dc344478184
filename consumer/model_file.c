/* model_file.c - one model's file: head comment and select. */
#include "consumer/model.h"
#include "consumer/sqltext.h"
#include "consumer/textfile.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define NAMES_MAX 64
#define NAME_MAX_BYTES 51

static const char *const kinds[] = { "incremental", "table", "view" };

const char *model_kind_name(enum model_kind kind)
{
	return kinds[kind];
}

/* -- memory ------------------------------------------------------------ */

static void names_clear(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
	*names = (struct names){ 0 };
}

static void relation_clear(struct relation *relation)
{
	free(relation->schema);
	free(relation->table);
	free(relation->quoted);
}

void model_clear(struct model *model)
{
	free(model->pipeline);
	free(model->name);
	free(model->key);
	free(model->file);
	free(model->grain_text);
	names_clear(&model->grain);
	free(model->depends_text);
	free(model->rows);
	free(model->description);
	free(model->select);
	relation_clear(&model->relation);
	for (size_t i = 0; i < model->source_count; i++)
		relation_clear(&model->sources[i].relation);
	free(model->sources);
	names_clear(&model->measures);
	*model = (struct model){ 0 };
}

static bool copy(const char *text, size_t len, char **to, struct err *err)
{
	free(*to);
	*to = strndup(text, len);
	return *to != NULL || err_memory(err);
}

/* -- values of the head ------------------------------------------------ */

struct reading {
	struct model *model;
	const char *file;
	int line;
	char **last; /* the value a further line continues, or NULL */
};

#define REFUSE(in, ...) refuse(in, err, __VA_ARGS__)
static bool refuse(const struct reading *in, struct err *err, const char *fmt,
	...) PRINTF_LIKE(3, 4);

static bool refuse(const struct reading *in, struct err *err, const char *fmt,
	...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return err_stop(err, EXIT_CONFIG, "%s:%d: %s", in->file, in->line,
		text);
}

static bool is_name(const char *text, size_t len)
{
	if (len == 0 || len > NAME_MAX_BYTES || text[0] < 'a' || text[0] > 'z')
		return false;
	for (size_t i = 0; i < len; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789_", text[i]) ==
			NULL)
			return false;
	return true;
}

static bool read_name(const struct reading *in, const char *text, size_t len,
	char **to, struct err *err)
{
	if (!is_name(text, len))
		return REFUSE(in, "\"%.*s\" is not a column's name: a small "
			"letter, then small letters, digits and _",
			len < 60 ? (int)len : 60, text);
	return copy(text, len, to, err);
}

/* Cuts the next item off a list separated by commas; false at its end. */
static bool next_item(const char **at, const char **item, size_t *len)
{
	const char *end;

	*at += strspn(*at, " \t,");
	if (**at == '\0')
		return false;
	end = *at + strcspn(*at, ",");
	*item = *at;
	*len = (size_t)(end - *at);
	while (*len > 0 && strchr(" \t", (*item)[*len - 1]) != NULL)
		(*len)--;
	*at = end;
	return true;
}

static bool read_grain(const struct reading *in, struct err *err)
{
	struct names *grain = &in->model->grain;
	const char *at = in->model->grain_text, *item;
	size_t len;

	grain->items = calloc(NAMES_MAX, sizeof(*grain->items));
	if (grain->items == NULL)
		return err_memory(err);
	while (next_item(&at, &item, &len)) {
		if (grain->count == NAMES_MAX)
			return REFUSE(in, "grain has at most %d columns",
				NAMES_MAX);
		if (!read_name(in, item, len, &grain->items[grain->count],
			    err))
			return false;
		grain->count++;
	}
	return true;
}

/* schema.table; a bare name is a model. */
static bool read_relation(const struct reading *in, const char *text,
	size_t len, struct relation *relation, struct err *err)
{
	const char *dot = memchr(text, '.', len);
	const char *table = dot != NULL ? dot + 1 : text;
	const size_t table_len = len - (size_t)(table - text);
	struct buf quoted = { 0 };
	bool ok;

	if ((dot != NULL && !is_name(text, (size_t)(dot - text))) ||
		!is_name(table, table_len))
		return REFUSE(in, "\"%.*s\" is no schema.table and no model",
			len < 110 ? (int)len : 110, text);
	ok = copy(dot != NULL ? text : "modelled",
		     dot != NULL ? (size_t)(dot - text) : strlen("modelled"),
		     &relation->schema, err) &&
		copy(table, table_len, &relation->table, err) &&
		sql_add_ident(&quoted, relation->schema, err) &&
		buf_add_char(&quoted, '.', err) &&
		sql_add_ident(&quoted, relation->table, err);
	relation->quoted = buf_take(&quoted);
	return ok;
}

static bool read_depends(const struct reading *in, struct err *err)
{
	struct model *model = in->model;
	const char *at = model->depends_text, *item;
	size_t len;

	model->sources = calloc(NAMES_MAX, sizeof(*model->sources));
	if (model->sources == NULL)
		return err_memory(err);
	while (next_item(&at, &item, &len)) {
		struct model_source *source = &model->sources[model->source_count];

		if (model->source_count == NAMES_MAX)
			return REFUSE(in, "a model depends on at most %d tables",
				NAMES_MAX);
		model->source_count++;
		source->model = SIZE_MAX;
		if (!read_relation(in, item, len, &source->relation, err))
			return false;
	}
	return true;
}

static bool set_kind(struct reading *in, const char *text, size_t len,
	struct err *err)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strlen(kinds[i]) == len &&
			memcmp(kinds[i], text, len) == 0) {
			in->model->kind = (enum model_kind)i;
			in->model->kind_given = true;
			return true;
		}
	return REFUSE(in, "materialized is incremental, table or view, not "
		"\"%.*s\"", len < 60 ? (int)len : 60, text);
}

static bool set_rows(struct reading *in, const char *text, size_t len,
	struct err *err)
{
	return read_name(in, text, len, &in->model->rows, err);
}

/* -- lines of the head ------------------------------------------------- */

#define TEXT_AT(field) offsetof(struct model, field)
#define NO_TEXT SIZE_MAX

static const struct key {
	const char *name;
	size_t text; /* where the text is kept, which may go on */
	bool (*set)(struct reading *in, const char *text, size_t len,
		struct err *err);
} keys[] = {
	{ "materialized", NO_TEXT, set_kind },
	{ "grain", TEXT_AT(grain_text), NULL },
	{ "depends", TEXT_AT(depends_text), NULL },
	{ "rows", NO_TEXT, set_rows },
	{ "description", TEXT_AT(description), NULL },
};

static bool set_key(struct reading *in, const struct key *key,
	const char *value, size_t len, struct err *err)
{
	char **text;

	in->last = NULL;
	if (key->set != NULL)
		return key->set(in, value, len, err);
	text = (char **)(void *)((char *)in->model + key->text);
	if (*text != NULL)
		return REFUSE(in, "%s is there twice", key->name);
	in->last = text;
	return copy(value, len, text, err);
}

static bool append(char **text, const char *more, size_t len, struct err *err)
{
	const size_t old = strlen(*text);
	char *grown = realloc(*text, old + len + 2);

	if (grown == NULL)
		return err_memory(err);
	grown[old] = ' ';
	memcpy(grown + old + 1, more, len);
	grown[old + 1 + len] = '\0';
	*text = grown;
	return true;
}

/* "-- key: value", "--   more of the last value", "--". */
static bool head_line(struct reading *in, const char *line, size_t len,
	struct err *err)
{
	const char *text = line + 2, *end = line + len, *colon;
	size_t indent = 0;

	while (end > text && strchr(" \t\r", end[-1]) != NULL)
		end--;
	for (; text < end && strchr(" \t", *text) != NULL; text++)
		indent += *text == '\t' ? 2 : 1;
	if (text == end)
		return true;
	if (indent > 1 && in->last != NULL)
		return append(in->last, text, (size_t)(end - text), err);
	colon = memchr(text, ':', (size_t)(end - text));
	for (size_t i = 0; colon != NULL && i < sizeof(keys) / sizeof(*keys);
		i++) {
		const char *value = colon + 1;

		if (strlen(keys[i].name) != (size_t)(colon - text) ||
			memcmp(keys[i].name, text, (size_t)(colon - text)) != 0)
			continue;
		while (value < end && strchr(" \t", *value) != NULL)
			value++;
		return set_key(in, &keys[i], value, (size_t)(end - value), err);
	}
	return REFUSE(in, "a model's head has lines \"-- key: value\" with the "
		"keys materialized, grain, depends, rows, description");
}

/* Reads comment lines up to the first other one, *at behind them. */
static bool read_head(struct reading *in, const char *text, size_t len,
	size_t *at, struct err *err)
{
	while (len - *at >= 2 && memcmp(text + *at, "--", 2) == 0) {
		const char *line = text + *at;
		const char *end = memchr(line, '\n', len - *at);
		const size_t length = end != NULL ? (size_t)(end - line) :
						    len - *at;

		in->line++;
		if (!head_line(in, line, length, err))
			return false;
		*at += end != NULL ? length + 1 : length;
	}
	in->line = 1; /* what is wrong with the whole is said of line 1 */
	return true;
}

/* -- the whole --------------------------------------------------------- */

static bool check_head(const struct reading *in, struct err *err)
{
	const struct model *model = in->model;

	if (!model->kind_given)
		return REFUSE(in, "the head needs \"-- materialized: ...\"");
	if (model->source_count == 0)
		return REFUSE(in, "the head needs \"-- depends: ...\"");
	if (model->kind != MODEL_INCREMENTAL)
		return model->rows == NULL ||
			REFUSE(in, "only incremental models have rows");
	if (model->grain.count == 0 || model->rows == NULL)
		return REFUSE(in, "an incremental model needs \"-- grain: "
			"...\" and \"-- rows: ...\"");
	if (model->source_count != 1)
		return REFUSE(in, "an incremental model reads one table");
	for (size_t i = 0; i < model->grain.count; i++)
		if (strcmp(model->grain.items[i], model->rows) == 0)
			return REFUSE(in, "rows is a measure, not grain");
	return true;
}

/* One select, and an incremental one reads its table in one place. */
static bool check_select(const struct reading *in, struct err *err)
{
	const struct model *model = in->model;
	const size_t len = strlen(model->select);
	struct sql_token token;
	struct buf ignored = { 0 };
	size_t pos = 0;
	bool ok = true;

	if (!sql_next(model->select, len, &pos, &token) ||
		(!sql_is_name(&token, "select") && !sql_is_name(&token, "with")))
		return REFUSE(in, "behind the head a select is expected");
	while (ok && sql_next(model->select, len, &pos, &token)) {
		if (token.kind == SQL_BROKEN)
			ok = REFUSE(in, "a quote or a comment never ends");
		else if (sql_is_symbol(&token, ';'))
			ok = REFUSE(in, "a model is one select");
	}
	if (ok && model->kind == MODEL_INCREMENTAL &&
		!sql_replace_relation(model->select, len,
			model->sources[0].relation.schema,
			model->sources[0].relation.table, "x", &ignored, err))
		ok = REFUSE(in, "its select must read %s once",
			model->sources[0].relation.quoted);
	buf_clear(&ignored);
	return ok;
}

/* Blank lines between head and select are neither's. */
static size_t find_select(struct model *model, const char *text, size_t len,
	size_t at)
{
	while (at < len && strchr(" \t\r\n", text[at]) != NULL)
		at++;
	model->select_line = 1;
	for (size_t i = 0; i < at; i++)
		model->select_line += text[i] == '\n';
	return at;
}

/* The rest of the file without its final semicolon. */
static bool read_select(struct model *model, const char *whole, size_t size,
	size_t at, struct err *err)
{
	const size_t start = find_select(model, whole, size, at);
	const char *text = whole + start;
	const size_t len = size - start;
	struct sql_token token;
	size_t pos = 0, end = 0;

	while (sql_next(text, len, &pos, &token))
		if (!sql_is_symbol(&token, ';') || end == 0)
			end = (size_t)(token.start - text) + token.len;
	return copy(text, end, &model->select, err);
}

static bool name_model(struct model *model, const char *pipeline,
	const char *name, const char *file, struct err *err)
{
	struct buf key = { 0 };
	const struct reading in = { .file = file, .line = 1 };
	bool ok;

	ok = buf_printf(&key, err, "%s.%s", pipeline, name);
	model->key = buf_take(&key);
	return ok && copy(pipeline, strlen(pipeline), &model->pipeline, err) &&
		copy(name, strlen(name), &model->name, err) &&
		copy(file, strlen(file), &model->file, err) &&
		read_relation(&in, name, strlen(name), &model->relation, err);
}

bool model_parse(const char *text, size_t len, const char *pipeline,
	const char *name, const char *file, struct model *model,
	struct err *err)
{
	struct reading in = { .model = model, .file = file };
	uint8_t digest[SHA256_BYTES];
	size_t at = 0;

	*model = (struct model){ 0 };
	if (!name_model(model, pipeline, name, file, err) ||
		!sha256_once(text, len, digest, err))
		return false;
	sha256_format(digest, model->sha256);
	if (memchr(text, '\0', len) != NULL) {
		in.line = 1;
		return refuse(&in, err, "a NUL byte does not belong here");
	}
	return read_head(&in, text, len, &at, err) &&
		(model->grain_text == NULL || read_grain(&in, err)) &&
		(model->depends_text == NULL || read_depends(&in, err)) &&
		check_head(&in, err) &&
		read_select(model, text, len, at, err) && check_select(&in, err);
}

static bool find_file(const char *models_dir, enum sql_dialect dialect,
	const char *pipeline, const char *name, struct buf *path,
	struct err *err)
{
	if (!buf_printf(path, err, "%s/%s/%s.sqlite.sql", models_dir, pipeline,
		    name))
		return false;
	if (dialect == SQL_SQLITE && access(path->data, F_OK) == 0)
		return true;
	buf_reset(path);
	return buf_printf(path, err, "%s/%s/%s.sql", models_dir, pipeline,
		name);
}

bool model_read(const char *models_dir, enum sql_dialect dialect,
	const char *pipeline, const char *name, struct model *model,
	struct err *err)
{
	struct buf path = { 0 }, text = { .max = FILE_MAX_BYTES };
	bool ok;

	*model = (struct model){ 0 };
	ok = find_file(models_dir, dialect, pipeline, name, &path, err) &&
		textfile_read(path.data, &text, err) &&
		model_parse(text.data != NULL ? text.data : "", text.len,
			pipeline, name, path.data, model, err);
	buf_clear(&path);
	buf_clear(&text);
	return ok;
}
