/* json.c - the door to cJSON: small documents, written or read. */
#include "common/json.h"
#include "common/jsonscan.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_MAX 9007199254740992.0 /* 2^53: cJSON keeps numbers as double */

/* struct json is a cJSON node. Only numbers use valueint, so in an object or
 * array it remembers that an addition failed. */
static cJSON *node(struct json *value)
{
	return (cJSON *)value;
}

static const cJSON *look(const struct json *value)
{
	return (const cJSON *)value;
}

static struct json *wrap(cJSON *item)
{
	return (struct json *)item;
}

struct json *json_object(void)
{
	return wrap(cJSON_CreateObject());
}

struct json *json_array(void)
{
	return wrap(cJSON_CreateArray());
}

void json_free(struct json *root)
{
	cJSON_Delete(node(root));
}

/* -- building --------------------------------------------------------- */

/* A NULL parent is a failure that its own parent remembers. */
static struct json *attach(struct json *parent, const char *key, cJSON *item)
{
	cJSON *to = node(parent);

	if (to != NULL && item != NULL &&
		(key != NULL ? cJSON_AddItemToObject(to, key, item) :
			       cJSON_AddItemToArray(to, item)))
		return wrap(item);
	if (to != NULL)
		to->valueint = 1;
	cJSON_Delete(item);
	return NULL;
}

static bool add_valid(struct buf *out, const char *text, struct err *err)
{
	const size_t len = strlen(text);
	bool ok = buf_add(out, "", 0, err);
	size_t n;

	for (size_t i = 0; ok && i < len; i += n > 0 ? n : 1) {
		n = utf8_length(text + i, len - i);
		ok = n > 0 ? buf_add(out, text + i, n, err) :
			     buf_add_str(out, "\xef\xbf\xbd", err);
	}
	return ok;
}

static cJSON *text_node(const char *text)
{
	struct buf valid = { 0 };
	struct err err;
	cJSON *item = NULL;

	if (add_valid(&valid, text, &err))
		item = cJSON_CreateString(valid.data);
	buf_clear(&valid);
	return item;
}

void json_put_text(struct json *object, const char *key, const char *text)
{
	(void)attach(object, key, text_node(text));
}

/* Raw, because a double has no room for 64 bits. */
void json_put_int(struct json *object, const char *key, int64_t value)
{
	char digits[32];

	(void)snprintf(digits, sizeof(digits), "%" PRId64, value);
	(void)attach(object, key, cJSON_CreateRaw(digits));
}

void json_put_double(struct json *object, const char *key, double value)
{
	(void)attach(object, key,
		isfinite(value) ? cJSON_CreateNumber(value) :
				  cJSON_CreateNull());
}

void json_put_bool(struct json *object, const char *key, bool value)
{
	(void)attach(object, key, cJSON_CreateBool(value));
}

void json_put_null(struct json *object, const char *key)
{
	(void)attach(object, key, cJSON_CreateNull());
}

struct json *json_put_object(struct json *object, const char *key)
{
	return attach(object, key, cJSON_CreateObject());
}

struct json *json_put_array(struct json *object, const char *key)
{
	return attach(object, key, cJSON_CreateArray());
}

struct json *json_add_object(struct json *array)
{
	return attach(array, NULL, cJSON_CreateObject());
}

void json_add_text(struct json *array, const char *text)
{
	(void)attach(array, NULL, text_node(text));
}

static bool is_whole(const cJSON *item)
{
	const bool parent = cJSON_IsObject(item) || cJSON_IsArray(item);

	if (!parent)
		return true;
	if (item->valueint != 0)
		return false;
	for (item = item->child; item != NULL; item = item->next)
		if (!is_whole(item))
			return false;
	return true;
}

bool json_print(const struct json *root, bool pretty, struct buf *out,
	struct err *err)
{
	char *text;
	bool ok;

	if (root == NULL || !is_whole(look(root)))
		return err_memory(err);
	text = pretty ? cJSON_Print(look(root)) :
			cJSON_PrintUnformatted(look(root));
	if (text == NULL)
		return err_memory(err);
	ok = buf_add_str(out, text, err);
	cJSON_free(text);
	return ok;
}

/* -- reading ---------------------------------------------------------- */

static bool only_blanks(const char *at, const char *end)
{
	while (at < end && strchr(" \t\r\n", *at) != NULL && *at != '\0')
		at++;
	return at == end;
}

/* cJSON does not tell "not JSON" from "out of memory". */
static bool is_document(const char *text, size_t len)
{
	struct json_fault fault;
	size_t end = 0;

	return json_scan(text, len, true, &end, &fault) == JSON_OK &&
		only_blanks(text + end, text + len);
}

struct json *json_read(const char *text, size_t len, struct err *err)
{
	const char *end = text;
	cJSON *root = cJSON_ParseWithLengthOpts(text, len, &end, 0);

	if (root != NULL && only_blanks(end, text + len))
		return wrap(root);
	cJSON_Delete(root);
	if (root == NULL && is_document(text, len)) {
		err_memory(err);
		return NULL;
	}
	err_set(err, ERR_REJECT, "not a JSON document (at byte %td of %zu)",
		end != NULL ? end - text : 0, len);
	return NULL;
}

const struct json *json_get(const struct json *object, const char *key)
{
	return wrap(cJSON_GetObjectItemCaseSensitive(look(object), key));
}

const struct json *json_at(const struct json *array, size_t index)
{
	return index < json_size(array) ?
		wrap(cJSON_GetArrayItem(look(array), (int)index)) : NULL;
}

size_t json_size(const struct json *array)
{
	return cJSON_IsArray(look(array)) ?
		(size_t)cJSON_GetArraySize(look(array)) : 0;
}

const char *json_text(const struct json *value)
{
	return cJSON_GetStringValue(look(value));
}

int64_t json_int(const struct json *value, int64_t otherwise)
{
	const cJSON *item = look(value);

	if (cJSON_IsRaw(item))
		return strtoll(item->valuestring, NULL, 10);
	if (!cJSON_IsNumber(item) || fabs(item->valuedouble) > EXACT_MAX ||
		floor(item->valuedouble) < item->valuedouble)
		return otherwise;
	return (int64_t)item->valuedouble;
}
