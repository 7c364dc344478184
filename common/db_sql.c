/* db_sql.c - names and values quoted for SQL: pure, the only such code. */
#include "common/db.h"

#include <string.h>

#define IDENT_MAX 63 /* PostgreSQL cuts longer names without an error */

static bool check_utf8(const char *text, size_t len, const char *what,
	struct err *err)
{
	for (size_t i = 0; i < len;) {
		const size_t n = utf8_length(text + i, len - i);

		if (n == 0)
			return err_set(err, ERR_REJECT,
				"%s is not valid UTF-8", what);
		if (text[i] == '\0')
			return err_set(err, ERR_REJECT, "%s holds a NUL", what);
		i += n;
	}
	return true;
}

/* Adds text with every byte of `special` doubled, or with escape before it
 * when that is not 0. */
static bool add_escaping(struct buf *out, const char *text, size_t len,
	const char *special, char escape, struct err *err)
{
	for (size_t i = 0; i < len; i++) {
		const bool hit = strchr(special, text[i]) != NULL;

		if (hit && !buf_add_char(out, escape ? escape : text[i], err))
			return false;
		if (!buf_add_char(out, text[i], err))
			return false;
	}
	return true;
}

bool sql_add_ident(struct buf *sql, const char *name, struct err *err)
{
	const size_t len = strlen(name);

	if (len == 0 || len > IDENT_MAX)
		return err_set(err, ERR_REJECT,
			"a name has 1 to %d bytes, not %zu", IDENT_MAX, len);
	if (!check_utf8(name, len, "a name", err))
		return false;
	return buf_add_char(sql, '"', err) &&
		add_escaping(sql, name, len, "\"", 0, err) &&
		buf_add_char(sql, '"', err);
}

bool sql_add_literal(struct buf *sql, const char *text, struct err *err)
{
	const size_t len = strlen(text);
	/* with E'' a backslash means the same whatever the settings say; the
	 * blank keeps the E from joining a word before it */
	const char *open = strchr(text, '\\') != NULL ? " E'" : "'";

	if (!check_utf8(text, len, "a literal", err))
		return false;
	return buf_add_str(sql, open, err) &&
		add_escaping(sql, text, len, "'\\", 0, err) &&
		buf_add_char(sql, '\'', err);
}

bool sql_add_array_item(struct buf *array, const char *text, size_t len,
	struct err *err)
{
	if (text != NULL && !check_utf8(text, len, "an array item", err))
		return false;
	if (array->len > 1) /* reopen: the closing brace becomes a comma */
		array->data[array->len - 1] = ',';
	else if (array->len == 0 && !buf_add_char(array, '{', err))
		return false;
	if (text == NULL)
		return buf_add_str(array, "NULL}", err);
	return buf_add_char(array, '"', err) &&
		add_escaping(array, text, len, "\"\\", '\\', err) &&
		buf_add_str(array, "\"}", err);
}
