/* where.c - which rejects are meant, as parameters of one condition. */
#include "cli/where.h"
#include "cli/lookup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Where the value of a key goes. */
static const struct key {
	const char *name;
	size_t offset;
} keys[] = {
	{ "code", offsetof(struct where, code) },
	{ "field", offsetof(struct where, field) },
	{ "dataset", offsetof(struct where, dataset) },
	{ "source", offsetof(struct where, source) },
	{ "stage", offsetof(struct where, stage) },
	{ "since", offsetof(struct where, since) },
	{ "until", offsetof(struct where, until) },
};

static bool is_key(const char *term, const char *name)
{
	const size_t len = strlen(name);

	return strncmp(term, name, len) == 0 && term[len] == '=';
}

/* "*.json" as like wants it; names of meta.source are escaped. */
static bool add_pattern(struct buf *out, const char *glob, struct err *err)
{
	struct buf name = { 0 };
	bool ok = buf_add_escaped(&name, glob, strlen(glob), err);

	buf_reset(out);
	for (size_t i = 0; ok && i < name.len; i++)
		switch (name.data[i]) {
		case '*':
			ok = buf_add_char(out, '%', err);
			break;
		case '?':
			ok = buf_add_char(out, '_', err);
			break;
		case '%':
		case '_':
		case '\\':
			ok = buf_add_char(out, '\\', err) &&
				buf_add_char(out, name.data[i], err);
			break;
		default:
			ok = buf_add_char(out, name.data[i], err);
		}
	buf_clear(&name);
	return ok;
}

bool where_take(struct where *where, const char *term, struct err *err)
{
	const char *value = strchr(term, '=');

	if (value == NULL || *++value == '\0')
		return err_stop(err, EXIT_USAGE,
			"--where wants KEY=VALUE, not \"%s\"", term);
	if (is_key(term, "file"))
		return add_pattern(&where->file, value, err);
	if (is_key(term, "id"))
		return where_add_id(where, value, err);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (is_key(term, keys[i].name)) {
			memcpy((char *)where + keys[i].offset, &value,
				sizeof(value));
			return true;
		}
	return err_stop(err, EXIT_USAGE, "--where \"%s\": the key is one of id, "
		"code, field, dataset, source, file, stage, since, until", term);
}

static bool is_id(const char *text)
{
	return text[0] != '\0' && strlen(text) < 19 &&
		strspn(text, "0123456789") == strlen(text);
}

bool where_add_id(struct where *where, const char *id, struct err *err)
{
	if (!is_id(id))
		return err_stop(err, EXIT_USAGE,
			"\"%s\" is not the number of a reject", id);
	if (where->ids.len > 0)
		where->ids.data[--where->ids.len] = '\0';
	where->id_count++;
	return buf_add_str(&where->ids, where->ids.len > 0 ? "," : "{", err) &&
		buf_add_str(&where->ids, id, err) &&
		buf_add_char(&where->ids, '}', err);
}

bool where_resolve(struct where *where, struct db *db,
	const struct config *config, struct err *err)
{
	int64_t id;

	if (where->source == NULL)
		return true;
	if (!lookup_one(db, config, where->source, &id, err))
		return false;
	(void)snprintf(where->source_id, sizeof(where->source_id), "%" PRId64,
		id);
	return true;
}

static const char *text_or_null(const struct buf *buf)
{
	return buf->len > 0 ? buf->data : NULL;
}

void where_values(const struct where *where, const char **values)
{
	values[0] = text_or_null(&where->ids);
	values[1] = where->code;
	values[2] = where->field;
	values[3] = where->dataset;
	values[4] = where->source_id[0] != '\0' ? where->source_id : NULL;
	values[5] = text_or_null(&where->file);
	values[6] = where->stage;
	values[7] = where->since;
	values[8] = where->until;
}

bool where_any(const struct where *where)
{
	return where->ids.len > 0 || where->file.len > 0 ||
		where->code != NULL || where->field != NULL ||
		where->dataset != NULL || where->source != NULL ||
		where->stage != NULL || where->since != NULL ||
		where->until != NULL;
}

void where_clear(struct where *where)
{
	buf_clear(&where->ids);
	buf_clear(&where->file);
	*where = (struct where){ 0 };
}

bool where_blame(struct err *err)
{
	const struct err was = *err;

	if (strncmp(err->code, "22", 2) == 0)
		err_stop(err, EXIT_USAGE, "%.400s", was.text);
	return false;
}
