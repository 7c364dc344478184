/* serve_page.c - rows of the database as a page of JSON. */
#include "cli/serve.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 8
#define TEXT_MAX 300 /* bytes of a word */

static bool read_number(const char *text, int64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' &&
		strchr("-0123456789", *text) != NULL;
}

bool serve_number(struct serve_call *call, const char *name, int64_t min,
	int64_t max, int64_t otherwise, int64_t *value)
{
	const char *text = httpd_query(call->request, name);

	*value = otherwise;
	if (text == NULL || *text == '\0' ||
		(read_number(text, value) && *value >= min && *value <= max))
		return true;
	serve_error(call, 400, "bad_query", "%s is a number from %" PRId64
		" to %" PRId64, name, min, max);
	return false;
}

/* A word of the query; *value NULL: it is not there. */
static bool read_word(struct serve_call *call, const struct serve_word *word,
	const char **value)
{
	int64_t number;

	*value = httpd_query(call->request, word->name);
	if (*value == NULL || **value == '\0') {
		*value = NULL;
		return true;
	}
	if (word->number) {
		if (read_number(*value, &number))
			return true;
		serve_error(call, 400, "bad_query", "%s is a number",
			word->name);
		return false;
	}
	for (size_t at = 0, n; (*value)[at] != '\0'; at += n) {
		n = utf8_length(*value + at, strlen(*value + at));
		if (n > 0 && at + n <= TEXT_MAX)
			continue;
		serve_error(call, 400, "bad_query", "%s is text of at most "
			"%d bytes", word->name, TEXT_MAX);
		return false;
	}
	return true;
}

static bool print_page(const struct db_result *result, int64_t limit,
	struct buf *out, struct err *err)
{
	const size_t rows = db_rows(result) < (size_t)limit ?
		db_rows(result) : (size_t)limit;
	const char *last;
	bool ok = buf_add_str(out, "{\"items\":[", err);

	for (size_t i = 0; ok && i < rows; i++)
		ok = (i == 0 || buf_add_char(out, ',', err)) &&
			buf_add(out, db_value(result, i, 0),
				db_value_len(result, i, 0), err);
	ok = ok && buf_add_str(out, "],\"next\":", err);
	if (db_rows(result) <= rows)
		return ok && buf_add_str(out, "null}", err);
	last = db_value(result, rows - 1, 1);
	return ok && buf_add_json(out, last, strlen(last), err) &&
		buf_add_char(out, '}', err);
}

static void ask(struct serve_call *call, const struct serve_view *view,
	size_t count, const char *const *values, int64_t limit)
{
	struct db_result *result = NULL;
	struct err err = { 0 };
	struct db *db = serve_borrow(call->serve, &err);
	bool ok = db != NULL &&
		db_query(db, view->sql, count, values, &result, &err);

	if (db != NULL)
		serve_return(call->serve, db, ok);
	ok = ok && print_page(result, limit, &call->reply->body, &err);
	db_result_free(result);
	call->reply->type = "application/json";
	if (!ok)
		serve_fail(call, &err);
}

void serve_page(struct serve_call *call, const struct serve_view *view)
{
	static const struct serve_word cursors[] = {
		{ "cursor", true }, { "cursor", false },
	};
	const char *values[WORDS_MAX + 3] = { NULL };
	size_t count = 2;
	int64_t limit;
	char rows[32];

	if (!serve_number(call, "limit", 1, SERVE_PAGE_MAX, SERVE_PAGE,
		    &limit) ||
		!read_word(call, &cursors[view->cursor_is_text], &values[1]))
		return;
	(void)snprintf(rows, sizeof(rows), "%" PRId64, limit + 1);
	values[0] = rows;
	for (size_t i = 0; view->words != NULL && i < WORDS_MAX &&
		view->words[i].name != NULL; i++)
		if (!read_word(call, &view->words[i], &values[count++]))
			return;
	if (view->extra != NULL)
		values[count++] = view->extra;
	ask(call, view, count, values, limit);
}
