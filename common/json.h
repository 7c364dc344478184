/* json.h - the door to cJSON: documents we write or configuration-sized
 * answers we read. Never the record path. */
#ifndef SLUICE_JSON_H
#define SLUICE_JSON_H

#include "common/buf.h"

#include <stdint.h>

struct json; /* a value in a document; the root owns all below it */

struct json *json_object(void);
struct json *json_array(void);
struct json *json_read(const char *text, size_t len, struct err *err);
void json_free(struct json *root); /* NULL is fine */

/* Building. A failed allocation is remembered: json_print tells. The text is
 * made valid UTF-8 (bad bytes become U+FFFD). */
void json_put_text(struct json *object, const char *key, const char *text);
void json_put_int(struct json *object, const char *key, int64_t value);
void json_put_double(struct json *object, const char *key, double value);
void json_put_bool(struct json *object, const char *key, bool value);
void json_put_null(struct json *object, const char *key);
/* The child becomes part of the parent. Borrowed afterwards. */
struct json *json_put_object(struct json *object, const char *key);
struct json *json_put_array(struct json *object, const char *key);
struct json *json_add_object(struct json *array);
void json_add_text(struct json *array, const char *text);

/* Reading: NULL when absent; texts are borrowed. */
const struct json *json_get(const struct json *object, const char *key);
const struct json *json_at(const struct json *array, size_t index);
size_t json_size(const struct json *array);
const char *json_text(const struct json *value); /* NULL unless a string */
int64_t json_int(const struct json *value, int64_t otherwise);

/* Indented when pretty; ends without a newline. */
bool json_print(const struct json *root, bool pretty, struct buf *out,
	struct err *err) MUST_CHECK;

#endif
