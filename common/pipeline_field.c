/* pipeline_field.c - how values of a pipeline file are read. */
#include "common/pipeline_field.h"

#include <stdlib.h>
#include <string.h>

bool field_expect(struct reading *in, const struct doc *value,
	enum doc_type type, const char *example)
{
	static const char *const names[] = {
		[DOC_TEXT] = "a single value",
		[DOC_LIST] = "a list",
		[DOC_MAP] = "a map of keys and values",
	};

	return value->type == type || FAIL(value, "this must be %s, e.g. %s",
		names[type], example);
}

static bool list_fields(const struct field *fields, size_t count,
	struct buf *out, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (!buf_printf(out, err, "%s%s", i > 0 ? ", " : "",
			    fields[i].name))
			return false;
	return true;
}

static bool unknown_key(struct reading *in, const struct doc *key,
	const struct field *fields, size_t count)
{
	struct buf allowed = { 0 };

	if (list_fields(fields, count, &allowed, in->err))
		(void)FAIL(key, "unknown key \"%s\"; allowed here: %s",
			key->text, allowed.data);
	buf_clear(&allowed);
	return false;
}

static bool check_keys(struct reading *in, const struct doc *map,
	const struct field *fields, size_t count)
{
	for (size_t i = 0; i < map->count; i += 2) {
		size_t k = 0;

		while (k < count &&
			strcmp(fields[k].name, map->items[i].text) != 0)
			k++;
		if (k == count)
			return unknown_key(in, &map->items[i], fields, count);
	}
	return true;
}

bool field_read_map(struct reading *in, const struct doc *map,
	const struct field *fields, size_t count, void *to)
{
	if (!field_expect(in, map, DOC_MAP, "{ name: id, type: text }") ||
		!check_keys(in, map, fields, count))
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct field *field = &fields[i];
		const struct doc *value = doc_get(map, field->name);

		if (value == NULL && field->required)
			return FAIL(map, "the key \"%s\" is missing here",
				field->name);
		if (value != NULL &&
			!field->read(in, value, (char *)to + field->offset))
			return false;
	}
	return true;
}

/* -- single values ------------------------------------------------------ */

static bool is_name(const char *text, size_t max)
{
	const size_t len = strspn(text,
		"abcdefghijklmnopqrstuvwxyz0123456789_");

	return text[0] >= 'a' && text[0] <= 'z' && text[len] == '\0' &&
		len <= max;
}

bool field_check_name(struct reading *in, const struct doc *at,
	const char *text, size_t max)
{
	return is_name(text, max) || FAIL(at, "\"%s\" is not a name: a small "
		"letter, then small letters, digits and _, at most %zu in all",
		text, max);
}

bool field_copy(struct reading *in, const char *text, char **to)
{
	*to = strdup(text);
	return *to != NULL || err_memory(in->err);
}

bool field_read_name(struct reading *in, const struct doc *value, void *to)
{
	return field_expect(in, value, DOC_TEXT, "events") &&
		field_check_name(in, value, value->text, FIELD_NAME_MAX) &&
		field_copy(in, value->text, to);
}

bool field_read_table(struct reading *in, const struct doc *value, void *to)
{
	const char *dot;
	char schema[FIELD_NAME_MAX + 1] = "";

	if (!field_expect(in, value, DOC_TEXT, "raw.events"))
		return false;
	dot = strchr(value->text, '.');
	if (dot == NULL || (size_t)(dot - value->text) >= sizeof(schema))
		return FAIL(value, "this must be <schema>.<table>, e.g. "
			"raw.events or modelled.fact_events");
	memcpy(schema, value->text, (size_t)(dot - value->text));
	return field_check_name(in, value, schema, FIELD_NAME_MAX) &&
		field_check_name(in, value, dot + 1, FIELD_NAME_MAX) &&
		field_copy(in, value->text, to);
}

bool field_read_bool(struct reading *in, const struct doc *value, void *to)
{
	bool *flag = to;

	if (!field_expect(in, value, DOC_TEXT, "true"))
		return false;
	*flag = strcmp(value->text, "true") == 0;
	return *flag || strcmp(value->text, "false") == 0 ||
		FAIL(value, "this must be true or false");
}

bool field_read_amount(struct reading *in, const struct doc *value,
	enum unit unit, int64_t max, int64_t *to)
{
	if (!field_expect(in, value, DOC_TEXT, "100"))
		return false;
	return (units_parse(value->text, unit, to) && *to > 0 && *to <= max) ||
		FAIL(value, "this must be %s, from 1 to %lld",
			units_example(unit), (long long)max);
}

bool field_read_word(struct reading *in, const struct doc *value,
	const char *const *words, size_t *at)
{
	struct buf all = { 0 };

	if (!field_expect(in, value, DOC_TEXT, words[0]))
		return false;
	for (*at = 0; words[*at] != NULL; ++*at)
		if (strcmp(words[*at], value->text) == 0)
			return true;
	for (size_t i = 0; words[i] != NULL; i++)
		if (!buf_printf(&all, in->err, "%s%s", i > 0 ? ", " : "",
			    words[i]))
			goto out;
	(void)FAIL(value, "\"%s\" is not allowed here; allowed: %s",
		value->text, all.data);
out:
	buf_clear(&all);
	return false;
}

bool field_reserve(struct reading *in, size_t count, size_t size, void *to)
{
	void *slots = calloc(count > 0 ? count : 1, size);

	memcpy(to, &slots, sizeof(slots));
	return slots != NULL || err_memory(in->err);
}

void texts_clear(struct texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->items[i]);
	free(texts->items);
	*texts = (struct texts){ .count = 0 };
}
